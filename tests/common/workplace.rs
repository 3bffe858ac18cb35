//! Where foreign programs meet a card: a private folder, the module, and what they are told.

use super::{Run, module, run_with};
use std::{
    fs,
    io::{BufRead, BufReader},
    ops::Deref,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};
use wardcard::testkit::{Builder, Kit, SignedIn};

/// The person of a [`Desk`] and of an enrolled card's certificates.
pub const PERSON: &str = "555000000001";

/// The security officer's, on the cards of [`Workplace::blank`].
pub const SO_PASSCODE: &str = "officer-8765";

/// The label of the card of [`Workplace::enrolled`].
pub const LABEL: &str = "wardroom";

/// p11-kit's own client of its RPC.
pub const P11_KIT_CLIENT: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so";

/// A private folder in which foreign programs run with the module of this build.
#[derive(Debug)]
pub struct Workplace {
    pub module: String,
    /// The user's.
    pub passcode: String,
    environment: Vec<(String, String)>,
    folder: tempfile::TempDir,
}

impl Workplace {
    /// With these variables for every program.
    pub fn new(passcode: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut environment: Vec<_> = environment.iter().map(owned).collect();
        environment.push(("HOME".to_owned(), folder.path().display().to_string()));
        environment.push(("GNUTLS_PIN".to_owned(), passcode.to_owned()));
        let module = module().display().to_string();
        Self { module, passcode: passcode.to_owned(), environment, folder }
    }

    /// With a store of its own in each program's process, which holds a blank card.
    pub fn blank() -> Self {
        let mut place = Self::new("passcode-1234", &[("GNUTLS_SO_PIN", SO_PASSCODE)]);
        for (name, folder) in [("WARDCARD_STORE", "store"), ("XDG_STATE_HOME", "state")] {
            place.environment.push((name.to_owned(), place.file(folder).display().to_string()));
        }
        place.run(&["mkdir", "store"]).ok();
        place
    }

    /// With a store of its own, in which a registration tool has enrolled a card: passcodes, an
    /// RSA and a P-256 pair (CKA_ID 01 and 02), and certificates by the authority in `ca.pem`.
    pub fn enrolled() -> Self {
        let place = Self::blank();
        place.initialize(LABEL);
        let authority = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
        let files = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test Authority"];
        place.run(&[&authority[..], &files].concat()).ok();
        for (id, label, kind) in [("01", "rsa", "rsa:2048"), ("02", "ec", "EC:prime256v1")] {
            let pair = ["--keypairgen", "--key-type", kind, "--id", id, "--label", label];
            place.tool(&pair).ok();
            place.certify(id, label);
        }
        place
    }

    /// Initialises the blank card and sets the user's passcode, with pkcs11-tool.
    pub fn initialize(&self, label: &str) {
        let tool = ["pkcs11-tool", "--module", &self.module, "--so-pin", SO_PASSCODE];
        let done = self.run(&[&tool[..], &["--init-token", "--label", label]].concat()).ok();
        assert!(done.out.contains("Token successfully initialized"), "{done:?}");
        let passcode = ["--login", "--login-type", "so", "--init-pin", "--pin", &self.passcode];
        let done = self.run(&[&tool[..], &passcode].concat()).ok();
        assert!(done.out.contains("User PIN successfully initialized"), "{done:?}");
    }

    /// Reads a request out with OpenSSL, certifies it, and writes the certificate in.
    fn certify(&self, id: &str, label: &str) {
        let key = format!("pkcs11:id=%{id};type=private?pin-value={}", self.passcode);
        let request = ["openssl", "req", "-new", "-engine", "pkcs11", "-keyform", "engine"];
        let about = ["-key", &key, "-subj", &format!("/CN={PERSON}"), "-out", "request.pem"];
        let module = [("PKCS11_MODULE_PATH", self.module.as_str())];
        self.run_with(&module, &[&request[..], &about].concat(), b"").ok();
        self.run(&["openssl", "req", "-in", "request.pem", "-verify", "-noout"]).ok();
        let sign = ["openssl", "x509", "-req", "-in", "request.pem", "-CA", "ca.pem"];
        let files = ["-CAkey", "ca.key", "-days", "2", "-outform", "DER", "-out", "own.der"];
        self.run(&[&sign[..], &files].concat()).ok();
        let write = ["--write-object", "own.der", "--type", "cert", "--id", id, "--label", label];
        self.tool(&write).ok();
    }

    /// p11-kit's server with the module behind it, and a workplace whose programs meet the card
    /// through that server, with the module as its client.
    pub fn served(&self) -> (Daemon, Self) {
        let socket = self.file("served").display().to_string();
        let server = ["/usr/libexec/p11-kit/p11-kit-server", "-f", "-n", &socket, "--provider"];
        let card = format!("pkcs11:token={LABEL}");
        let server = self.start(&[&server[..], &[&self.module, &card]].concat(), "served.log");
        self.wait_for("served");
        let address = format!("unix:path={socket}");
        (server, Self::new(&self.passcode, &[("WARDCARD_AGENT", &address)]))
    }

    /// A personal agent that shows the cards of the store, and a workplace whose programs meet them
    /// through it.
    pub fn by_agent(&self) -> (Daemon, Self) {
        let folder = self.path().display();
        self.write("keys.json", r#"{"keys":[]}"#);
        self.write(
            "agent.toml",
            format!(
                r#"
mode = "personal"
state = "agent"
[endpoints]
pkcs11 = "unix:path={folder}/agent-socket"
[[provider]]
issuer = "https://provider.example"
client_id = "wardcard"
key_set_file = "keys.json"
[issuer]
address = "unix:path={folder}/no-issuer"
[policy]
passcode_length = [4, 64]
passcode_digits_only = false
raw_blocks = true
[enrolled]
store = "store"
key_file = "state/wardcard/store.key"
"#
            ),
        );
        let program = env!("CARGO_BIN_EXE_wardcard");
        let agent = self.start(&[program, "agent", "--config", "agent.toml"], "agent.log");
        self.wait_for("agent-socket");
        let address = format!("unix:path={folder}/agent-socket");
        (agent, Self::new(&self.passcode, &[("WARDCARD_AGENT", &address)]))
    }

    /// The authority of [`Workplace::enrolled`], as PEM.
    pub fn authority(&self) -> String {
        String::from_utf8(self.read("ca.pem")).unwrap()
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Waits, at most half a minute, until another program has made this file or socket.
    pub fn wait_for(&self, name: &str) {
        for _ in 0..3000 {
            if self.file(name).exists() {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("{name} has not been made");
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.file(name), bytes).unwrap();
    }

    /// Writes a program that says one line, as programs that ask for a passcode take it.
    pub fn write_speaker(&self, name: &str, line: &str) -> String {
        self.write(name, format!("#!/bin/sh\necho '{line}'\n"));
        fs::set_permissions(self.file(name), fs::Permissions::from_mode(0o700)).unwrap();
        self.file(name).display().to_string()
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(&[], arguments, b"")
    }

    /// With more variables, and input.
    pub fn run_with(&self, more: &[(&str, &str)], arguments: &[&str], input: &[u8]) -> Run {
        let own = self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let environment: Vec<_> = own.chain(more.iter().copied()).collect();
        run_with(self.path(), &environment, arguments, input)
    }

    /// Starts a program that stays; what it says goes to `log` in the folder.
    pub fn start(&self, arguments: &[&str], log: &str) -> Daemon {
        let log = fs::File::create(self.file(log)).unwrap();
        let mut command = Command::new(arguments[0]);
        command.args(&arguments[1..]).current_dir(self.path()).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Daemon(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    /// pkcs11-tool, logged in.
    pub fn tool(&self, arguments: &[&str]) -> Run {
        self.tool_with(&self.module, &self.passcode, arguments)
    }

    pub fn tool_with(&self, module: &str, passcode: &str, arguments: &[&str]) -> Run {
        let mut all = vec!["pkcs11-tool", "--module", module, "--login", "--pin", passcode];
        all.extend(arguments);
        self.run(&all)
    }

    /// Writes the certificate with this CKA_ID as `certificate.der` and its key as `key.pem`.
    pub fn certificate(&self, id: &str) {
        self.tool(&["-r", "-y", "cert", "--id", id, "-o", "certificate.der"]).ok();
        let text = ["openssl", "x509", "-inform", "DER", "-in", "certificate.der"];
        let key = self.run(&[&text[..], &["-pubkey", "-noout"]].concat());
        self.write("key.pem", key.ok().out);
    }

    /// Signs the file `message` into `signature` with the module at `module`.
    pub fn sign_by(&self, module: &str, id: &str, mechanism: &str) -> Run {
        let arguments = ["--sign", "-m", mechanism, "--id", id, "-i", "message", "-o", "signature"];
        self.tool_with(module, &self.passcode, &arguments)
    }

    pub fn sign(&self, id: &str, mechanism: &str) -> Run {
        self.sign_by(&self.module, id, mechanism)
    }

    /// OpenSSL verifies `signature` over `message` with the key of `certificate`.
    #[track_caller]
    pub fn verifies(&self, digest: &str, options: &[&str]) {
        let verify = ["openssl", "dgst", digest, "-verify", "key.pem", "-signature", "signature"];
        self.run(&[&verify[..], options, &["message"]].concat()).ok();
    }

    /// The CKA_IDs of the private keys, in the order in which they are listed.
    pub fn private_keys(&self) -> Vec<String> {
        let listed = self.tool(&["-O", "--type", "privkey"]).ok().out;
        listed
            .lines()
            .filter_map(|line| line.trim().strip_prefix("ID:"))
            .map(|id| id.trim().to_owned())
            .collect()
    }

    /// A TLS server of OpenSSL on loopback that demands a client certificate from an issuer in
    /// `chain.pem` and answers with what it saw; the client trusts `server.pem`. Its port.
    pub fn tls_server(&self, chain: &str) -> (Daemon, String) {
        self.write("chain.pem", chain);
        let name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
        let made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
        let files = ["-keyout", "server.key", "-out", "server.pem"];
        self.run(&[&made[..], &files, &name].concat()).ok();
        let serve =
            ["openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", "server.pem"];
        let demand = ["-key", "server.key", "-Verify", "3", "-verify_return_error"];
        let arguments = [&serve[..], &demand, &["-CAfile", "chain.pem"]].concat();
        let mut command = Command::new(arguments[0]);
        command.args(&arguments[1..]).current_dir(self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("ACCEPT ") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "openssl s_server ended at once");
        }
        // What it says later is read by nobody and little enough for the pipe, which must stay.
        let port = line.trim().rsplit(':').next().unwrap().to_owned();
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        (Daemon(child), port)
    }
}

/// A foreign program that stays until this is dropped.
#[derive(Debug)]
pub struct Daemon(Child);

impl Daemon {
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A workplace with an agent, and one person's derived card in it.
#[derive(Debug)]
pub struct Desk {
    pub kit: Kit,
    pub card: SignedIn,
    pub place: Workplace,
}

impl Desk {
    pub fn new() -> Self {
        Self::of(Builder::default())
    }

    pub fn with_both_keys() -> Self {
        let mut builder = Builder::default();
        builder.policy.content_commitment = true;
        Self::of(builder)
    }

    /// A card with keys on P-256.
    pub fn with_p256() -> Self {
        let mut builder = Builder::default();
        builder.policy.key = wardcard::crypto::KeyKind::P256;
        Self::of(builder)
    }

    pub fn of(builder: Builder) -> Self {
        let kit = builder.start().unwrap();
        let card = kit.sign_in(PERSON).unwrap();
        let address = kit.address();
        let environment =
            [("WARDCARD_AGENT", address.as_str()), ("P11_KIT_SERVER_ADDRESS", address.as_str())];
        let place = Workplace::new(&card.passcode, &environment);
        Self { kit, card, place }
    }

    /// Signs the person in once more.
    pub fn sign_in_again(&mut self) {
        self.card = self.kit.sign_in(PERSON).unwrap();
        self.place.passcode.clone_from(&self.card.passcode);
    }

    /// The token's label as applications see it.
    pub fn label(&self) -> String {
        self.kit.token_label().unwrap()
    }
}

impl Deref for Desk {
    type Target = Workplace;

    fn deref(&self) -> &Workplace {
        &self.place
    }
}
