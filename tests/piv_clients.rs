//! The PIV card application before foreign clients: Debian's pcscd with its virtual reader, OpenSC,
//! yubico-piv-tool and ykcs11.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

#[path = "dialogues/desk.rs"]
#[allow(dead_code, reason = "dialogues are the other test's")]
mod desk;

use desk::Desk;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use wardcard::apdu::Icc as _;

const OPENSC: &str = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so";
const YKCS11: &str = "/usr/lib/x86_64-linux-gnu/libykcs11.so";

/// A private pcscd with one virtual reader, in which a desk's card lies.
struct Reader {
    folder: tempfile::TempDir,
    pcscd: Child,
}

impl Reader {
    fn start(desk: Desk) -> Self {
        Self::named("Wardcard", desk)
    }

    fn named(name: &str, desk: Desk) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The virtual reader listens; a port that was just free is free still.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.path().join("readers");
        fs::create_dir(&config).unwrap();
        let entry = format!(
            "FRIENDLYNAME \"{name}\"\nDEVICENAME /dev/null:0x{port:04X}\n\
             LIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so\nCHANNELID 0x{port:04X}\n"
        );
        fs::write(config.join("vpcd"), entry).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let run = folder.path().join("run");
        fs::create_dir(&run).unwrap();
        // Its socket has one place, which is ours in a mount namespace of its own.
        let pcscd = Command::new("unshare")
            .args(["--mount", "sh", "-c"])
            .arg(
                "mkdir -p /run/pcscd && mount --bind \"$0\" /run/pcscd && \
                 exec /usr/sbin/pcscd --foreground --debug --apdu --config \"$1\"",
            )
            .arg(&run)
            .arg(&config)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("unshare");
        let reader = Self { folder, pcscd };
        let begun = Instant::now();
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => break stream,
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(10), "{error}"),
            }
            thread::sleep(Duration::from_millis(50));
        };
        stream.set_nodelay(true).unwrap();
        thread::spawn(move || serve(stream, &desk));
        while !reader.run("opensc-tool", &["-l"]).stdout.windows(5).any(|line| line == b" Yes ") {
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", reader.log());
            thread::sleep(Duration::from_millis(100));
        }
        reader
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .env("PCSCLITE_CSOCK_NAME", self.folder.path().join("run/pcscd.comm"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs a program that succeeds; what it said.
    fn done(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.run(program, arguments);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}\n{said}\n{}", self.log());
        said
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> =
            log.lines().filter(|line| line.contains("APDU") || line.contains("SW:")).collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.pcscd.kill();
        let _ = self.pcscd.wait();
    }
}

/// The card's side of vpcd: lengths of two bytes, then one byte of control or a command.
fn serve(mut stream: TcpStream, desk: &Desk) {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut message).is_err() {
            return;
        }
        let slot = desk.slot();
        let answer = match message.as_slice() {
            [0] => {
                slot.power_off();
                continue;
            }
            [1] => {
                slot.power_on();
                continue;
            }
            [2] => {
                slot.reset();
                continue;
            }
            [4] if slot.presence().present => wardcard::piv::ATR.as_bytes().to_vec(),
            [4] => Vec::new(),
            command => slot.transmit(command).unwrap_or_default(),
        };
        let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
        if stream.write_all(&[&length[..], &answer].concat()).is_err() {
            return;
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
#[ignore = "needs pcscd, vsmartcard-vpcd, opensc"]
fn opensc_tests_every_operation_without_an_error() {
    // The content commitment key signs no raw block, whatever the policy: not among these.
    for card in ["card raw sha1", "card p256", "card p384 9d"] {
        let reader = Reader::start(Desk::new(card));
        let named = reader.done("opensc-tool", &["-n"]);
        assert!(named.contains("Personal Identity Verification Card"), "{named}");
        let arguments = ["--module", OPENSC, "--login", "--pin", "246810", "--test"];
        let said = reader.done("pkcs11-tool", &arguments);
        assert!(said.contains("No errors"), "{card}\n{said}\n{}", reader.log());
        let dump = reader.done("pkcs15-tool", &["-D"]);
        assert!(dump.contains("Certificate for PIV Authentication"), "{dump}");
    }
}

#[test]
#[ignore = "needs pcscd, vsmartcard-vpcd, opensc"]
fn opensc_signs_and_the_certificate_of_the_card_verifies() {
    let desk = Desk::new("card");
    let reader = Reader::start(desk);
    fs::write(reader.path("message"), b"message").unwrap();
    let (message, signature) = (reader.path("message"), reader.path("signature"));
    let (certificate, public) = (reader.path("certificate"), reader.path("public"));
    let arguments = ["--module", OPENSC, "-l", "--pin", "246810", "--sign", "--id", "01", "-m"];
    let files = ["SHA256-RSA-PKCS", "-i", text(&message), "-o", text(&signature)];
    reader.done("pkcs11-tool", &[&arguments[..], &files].concat());
    let get = ["--module", OPENSC, "--read-object", "--type", "cert", "--id", "01", "-o"];
    reader.done("pkcs11-tool", &[&get[..], &[text(&certificate)]].concat());
    let key = ["x509", "-inform", "der", "-pubkey", "-noout", "-in"];
    let spki = reader.done("openssl", &[&key[..], &[text(&certificate)]].concat());
    fs::write(&public, spki).unwrap();
    let verify = ["dgst", "-sha256", "-verify", text(&public), "-signature", text(&signature)];
    reader.done("openssl", &[&verify[..], &[text(&message)]].concat());
}

#[test]
#[ignore = "needs pcscd, vsmartcard-vpcd, yubico-piv-tool, ykcs11, opensc"]
fn a_second_driver_reads_and_signs() {
    // ykcs11 looks at its own maker's readers alone.
    let reader = Reader::named("Yubico tools before Wardcard", Desk::new("card"));
    let status = reader.done("yubico-piv-tool", &["-r", "", "-a", "status"]);
    assert!(status.contains("Slot 9a"), "{status}\n{}", reader.log());
    let read = reader.done("yubico-piv-tool", &["-r", "", "-a", "read-certificate", "-s", "9a"]);
    assert!(read.contains("BEGIN CERTIFICATE"), "{read}");
    fs::write(reader.path("message"), b"message").unwrap();
    let (message, signature) = (reader.path("message"), reader.path("signature"));
    let arguments = ["--module", YKCS11, "-l", "--pin", "246810", "--sign", "--id", "01", "-m"];
    let files = ["SHA256-RSA-PKCS", "-i", text(&message), "-o", text(&signature)];
    reader.done("pkcs11-tool", &[&arguments[..], &files].concat());
    assert_eq!(fs::read(&signature).unwrap().len(), 256);
}

#[test]
#[ignore = "needs pcscd, vsmartcard-vpcd, yubico-piv-tool, opensc"]
fn a_registration_tool_fills_a_blank_card() {
    let reader = Reader::start(Desk::new("blank tdea"));
    // As the desk has it.
    let key: String =
        b"a card manager's key for".iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("-k{key}");
    let (public, certificate) = (reader.path("public"), reader.path("certificate"));
    let manager = ["-r", "", "-P", "246810", &key, "-a", "verify-pin", "-s", "9a"];
    let made = ["-a", "generate", "-A", "ECCP256", "-o", text(&public)];
    reader.done("yubico-piv-tool", &[&manager[..], &made].concat());
    let (root, root_key) = (reader.path("root"), reader.path("root-key"));
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"];
    let files = ["-subj", "/CN=Test Root", "-keyout", text(&root_key), "-out", text(&root)];
    reader.done("openssl", &[&new[..], &files].concat());
    let issue = ["x509", "-new", "-subj", "/CN=555000000001", "-days", "2", "-force_pubkey"];
    let by = [text(&public), "-CA", text(&root), "-CAkey", text(&root_key)];
    reader.done("openssl", &[&issue[..], &by, &["-out", text(&certificate)]].concat());
    let put = ["-a", "import-certificate", "-i", text(&certificate)];
    reader.done("yubico-piv-tool", &[&manager[..], &put].concat());
    let arguments = ["--module", OPENSC, "--login", "--pin", "246810", "--test"];
    let said = reader.done("pkcs11-tool", &arguments);
    assert!(said.contains("No errors"), "{said}\n{}", reader.log());
}
