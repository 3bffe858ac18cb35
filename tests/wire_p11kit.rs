//! Debian's p11-kit against ours: its client at our server, our client at its server with SoftHSM2 behind.

#![allow(clippy::unwrap_used)]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};
use wardcard::{
    net::{Address, Listener, ServerTrust},
    pkcs11::{Answer, Attribute, Cryptoki, Filled, Mechanism, Parameter, Query, Room},
    wire::{Client, Endpoint, Limits, Server},
};

const PIN: &str = "123456";
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const P11KIT_CLIENT: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so";
const P11KIT_SERVER: &str = "/usr/libexec/p11-kit/p11-kit-server";

/// A token of SoftHSM2 with an RSA key, served by p11-kit's own server.
struct Foreign {
    folder: tempfile::TempDir,
    server: Child,
}

impl Foreign {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let configuration = folder.path().join("softhsm2.conf");
        let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
        std::fs::write(&configuration, text).unwrap();
        run(
            &configuration,
            "softhsm2-util",
            &["--init-token", "--free", "--label", "wire", "--pin", PIN, "--so-pin", "12345678"],
        );
        run(
            &configuration,
            "pkcs11-tool",
            &[
                "--module",
                SOFTHSM,
                "--login",
                "--pin",
                PIN,
                "--keypairgen",
                "--key-type",
                "rsa:2048",
                "--id",
                "01",
                "--label",
                "key",
            ],
        );
        let socket = folder.path().join("p11-kit");
        let server = Command::new(P11KIT_SERVER)
            .env("SOFTHSM2_CONF", &configuration)
            .args(["-f", "-n"])
            .arg(&socket)
            .args(["--provider", SOFTHSM, "pkcs11:token=wire"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..200 {
            let there = socket.exists();
            // A moment more: it listens after its file is there.
            std::thread::sleep(Duration::from_millis(20));
            if there {
                break;
            }
        }
        Self { folder, server }
    }

    fn address(&self) -> Address {
        Address::Unix(self.folder.path().join("p11-kit"))
    }

    fn client(&self) -> Client {
        let trust = ServerTrust::default();
        let client = Client::new(Endpoint { addresses: vec![self.address()], trust });
        client.initialize().unwrap();
        client
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn run(configuration: &Path, program: &str, arguments: &[&str]) -> String {
    let done =
        Command::new(program).env("SOFTHSM2_CONF", configuration).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{program}: {text}{}", String::from_utf8_lossy(&done.stderr));
    text
}

fn number(kind: u64, value: u64) -> Attribute {
    Attribute { kind, value: value.to_le_bytes().to_vec() }
}

#[test]
#[ignore = "needs p11-kit, softhsm2 and opensc"]
fn our_client_lists_logs_in_and_signs_at_debians_server() {
    let foreign = Foreign::new();
    let client = foreign.client();
    let slots = client.slot_list(true).unwrap();
    let slot = slots[0];
    assert_eq!(client.token_info(slot).unwrap().label, "wire");
    assert!(client.mechanism_list(slot).unwrap().contains(&0x40));
    assert!(client.mechanism_info(slot, 0x40).is_ok());
    let session = client.open_session(slot, 6).unwrap();
    assert_eq!(client.login(session, 1, Some(b"999999")).unwrap_err().0, 0xa0);
    client.login(session, 1, Some(PIN.as_bytes())).unwrap();
    client.find_objects_init(session, &[number(0, 3)]).unwrap();
    let key = client.find_objects(session, 10).unwrap()[0];
    client.find_objects_final(session).unwrap();
    let queries: Vec<_> = [
        (0x100, Some(8)),
        (0x102, None),
        (0x102, Some(1)),
        (0x103, Some(1)),
        (0x40000600, Some(64)),
        (0x4000_0211, None),
        (0x110, Some(8)),
    ]
    .map(|(kind, room)| Query { kind, room })
    .to_vec();
    let answers = client.attribute_value(session, key, &queries[..4]).unwrap();
    assert_eq!(answers.answers[0], Answer::Value(vec![0; 8]));
    assert_eq!(answers.answers[1], Answer::Length(1));
    assert_eq!(answers.answers[2], Answer::Value(vec![1]));
    assert_eq!(answers.answers[3], Answer::Value(vec![1]));
    assert!(client.attribute_value(session, key, &queries[4..]).is_ok());
    for (kind, parameter, length) in [
        (0x40, Parameter::None, 256),
        (0x0d, Parameter::Pss { hash: 0x250, mgf: 2, salt: 32 }, 256),
    ] {
        client.sign_init(session, &Mechanism { kind, parameter }, key).unwrap();
        let hello: &[u8] = &[5; 32];
        assert_eq!(client.sign(session, hello, Room::Query), Ok(Filled::Length(length)));
        assert_eq!(client.sign(session, hello, Room::Bytes(10)), Ok(Filled::TooSmall(length)));
        let Ok(Filled::Bytes(signature)) = client.sign(session, hello, Room::Bytes(512)) else {
            panic!("no signature");
        };
        assert_eq!(signature.len(), length);
    }
    let aes = Mechanism { kind: 0x1080, parameter: Parameter::None };
    let template = [
        number(0x161, 16),
        Attribute { kind: 0x104, value: vec![1] },
        Attribute { kind: 0x105, value: vec![1] },
    ];
    let secret = client.generate_key(session, &aes, &template).unwrap();
    let cbc = Mechanism { kind: 0x1082, parameter: Parameter::Bytes(vec![3; 16]) };
    client.encrypt_init(session, &cbc, secret).unwrap();
    let Ok(Filled::Bytes(sealed)) = client.encrypt(session, &[7; 32], Room::Bytes(32)) else {
        panic!("no ciphertext");
    };
    client.decrypt_init(session, &cbc, secret).unwrap();
    assert_eq!(client.decrypt(session, &sealed, Room::Bytes(32)), Ok(Filled::Bytes(vec![7; 32])));
    assert_eq!(client.generate_random(session, 100_000).unwrap().len(), 100_000);
    client.logout(session).unwrap();
    client.close_session(session).unwrap();
    client.finalize().unwrap();
}

#[test]
#[ignore = "needs p11-kit, softhsm2 and opensc"]
fn debians_client_lists_logs_in_and_signs_at_our_server() {
    // What stands behind our server is the foreign token again, through our own client: every call passes both ways.
    let foreign = Foreign::new();
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("ours"));
    let (behind, trust) = (foreign.address(), ServerTrust::default());
    let factory = move |_: &wardcard::net::Peer, _: u64| {
        let endpoint = Endpoint { addresses: vec![behind.clone()], trust: trust.clone() };
        Some(Arc::new(Client::new(endpoint)) as Arc<dyn Cryptoki>)
    };
    let listener = Listener::bind(&address, 0o600).unwrap();
    let _server = Server::start(listener, Box::new(factory), Limits::default());
    let ours = address.to_string();
    let tool = |arguments: &[&str]| {
        let done = Command::new("pkcs11-tool")
            .env("P11_KIT_SERVER_ADDRESS", &ours)
            .args(["--module", P11KIT_CLIENT])
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{text}{}", String::from_utf8_lossy(&done.stderr));
        text
    };
    let listed = tool(&["-L", "-O", "-M", "--login", "--pin", PIN]);
    assert!(
        listed.contains("Private Key Object; RSA") && listed.contains("SHA256-RSA-PKCS"),
        "{listed}"
    );
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    std::fs::write(file("data"), "hello").unwrap();
    let (data, signature, public) = (file("data"), file("signature"), file("public"));
    tool(&["--read-object", "--type", "pubkey", "--id", "01", "-o", public.to_str().unwrap()]);
    let digest = file("digest");
    let hashed = Command::new("openssl")
        .args(["dgst", "-sha256", "-binary", "-out"])
        .arg(&digest)
        .arg(&data)
        .status();
    assert!(hashed.unwrap().success());
    let sign = |mechanism: &str, input: &PathBuf, options: &[&str]| {
        let (input, output) = (input.to_str().unwrap(), signature.to_str().unwrap());
        let common = [
            "--login", "--pin", PIN, "--sign", "--id", "01", "-m", mechanism, "-i", input, "-o",
            output,
        ];
        tool(&[&common[..], options].concat());
    };
    let verify = |options: &[&str]| {
        let mut verify = Command::new("openssl");
        verify.args(["dgst", "-sha256", "-keyform", "DER", "-verify"]).arg(&public).args(options);
        assert!(verify.arg("-signature").arg(&signature).arg(&data).status().unwrap().success());
    };
    sign("SHA256-RSA-PKCS", &data, &[]);
    verify(&[]);
    sign("RSA-PKCS-PSS", &digest, &["--hash-algorithm", "SHA256"]);
    verify(&["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1"]);
}
