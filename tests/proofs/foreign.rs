//! Authenticators and cards that we did not write.

use crate::{authenticator::RP, common, der};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
};
use wardcard::{
    agent::{
        config::{CertificateSettings, SourceSettings},
        host::Piece,
    },
    clock::SystemClock,
    crypto::{KeyKind, PrivateKey},
    derive::{PasscodeSource, SourceKind, SourceRule},
    pki::{Certificate, Level, UserId},
    proof::{
        Nonce, Refusal, Used,
        webauthn::{Algorithm, Fault, Models, RelyingParty, Settings},
        x509,
    },
    secret::Secret,
    store::MemoryStore,
    testkit::Builder,
};

const PERSON: &str = "555000000001";
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// `soft_fido2` behind a browser of a few lines.
struct Browser {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = common::build_folder().parent().unwrap().join("interop/soft-fido2");
        let installed =
            Command::new(root.join("tests/interop/soft_fido2.sh")).arg(&folder).status().unwrap();
        assert!(installed.success());
        let mut process = Command::new(folder.join("bin/python3"))
            .arg(root.join("tests/interop/authenticator.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, input, output }
    }

    fn ask(&mut self, asked: &Value) -> String {
        writeln!(self.input, "{asked}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    fn create(&mut self, options: &str, format: &str, key: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        self.ask(&json!({"create": options, "format": format, "key": key}))
    }

    fn get(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        self.ask(&json!({ "get": options }))
    }
}

#[test]
#[ignore = "needs python3 and pip"]
fn a_software_authenticator_of_others_registers_and_signs_in_once_each_time() {
    let person = UserId::parse(PERSON).unwrap();
    let mut browser = Browser::start();
    // Its EdDSA keys have a type of their own invention (6 where RFC 9053 has 1), so not those.
    for (key, algorithm) in [("ES256", Algorithm::Es256), ("RS256", Algorithm::Rs256)] {
        for format in ["none", "packed-self"] {
            let clock = Arc::new(SystemClock);
            let store = Arc::new(MemoryStore::new());
            let origin = format!("https://{RP}");
            let settings = Settings::new(RP, &origin, Level(3), Level(3));
            let settings = Settings { models: Models::Any, ..settings };
            let party = RelyingParty::new(settings, store.clone(), clock);
            let used = Used::new(store);
            let begun = party.begin(&person).unwrap();
            let answer = browser.create(&begun.options, format, key);
            let credential = party.finish(&begun.id, answer.as_bytes()).unwrap();
            assert_eq!(credential.algorithm, algorithm);
            let mut last = None;
            for _ in 0..3 {
                let nonce = Nonce::new(&[b"key"]).unwrap();
                let options = party.sign_in_options(nonce.as_str(), Some(&person)).unwrap();
                let answer = browser.get(&options);
                let accepted = party.accept(answer.as_bytes(), &nonce).unwrap();
                assert_eq!(accepted.assurance.person, person);
                let now = accepted.assurance.authenticated_at;
                used.first_use_of_all(std::slice::from_ref(&accepted), now).unwrap();
                let again = used.first_use_of_all(&[accepted], now);
                assert_eq!(again, Err(Refusal::Replayed));
                let other = Nonce::new(&[b"key"]).unwrap();
                let refused = party.accept(answer.as_bytes(), &other).unwrap_err();
                assert_eq!(refused, Fault::Challenge.into());
                last = Some((answer, nonce));
            }
            let (answer, nonce) = last.unwrap();
            let refused = party.accept(answer.as_bytes(), &nonce).unwrap_err();
            assert_eq!(refused, Fault::Counter.into(), "the counter stands where it was");
        }
    }
}

/// A SoftHSM2 token with a key that was made on it and an NHS-shaped certificate.
struct Token {
    folder: tempfile::TempDir,
    root: Certificate,
}

impl Token {
    fn new(key_type: &str, usage: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let configuration = format!("directories.tokendir = {}\n", tokens.display());
        std::fs::write(folder.path().join("softhsm2.conf"), configuration).unwrap();
        std::fs::write(folder.path().join("passcode"), "654321\n").unwrap();
        let root_key = PrivateKey::generate(KeyKind::P256).unwrap();
        let name = der::plain("Card Root");
        let root = der::Contents {
            serial: 1,
            issuer: name.clone(),
            subject: name.clone(),
            dates: ("260101000000Z", "490101000000Z"),
            spki: root_key.public().spki().to_vec(),
            extensions: der::authority(),
        };
        let token = Self { folder, root: root.signed(&root_key) };
        let init = ["--init-token", "--free", "--label", "nhs", "--pin", "654321"];
        token.run("softhsm2-util", &[&init[..], &["--so-pin", "12345678"]].concat());
        token.tool(&["--keypairgen", "--key-type", key_type, "--id", "01", "--label", "auth"]);
        let spki = token.file("spki.der");
        token.tool(&["--read-object", "--type", "pubkey", "--id", "01", "-o", path(&spki)]);
        let card = der::Contents {
            serial: 2,
            subject: der::person(PERSON),
            spki: std::fs::read(&spki).unwrap(),
            extensions: vec![
                der::basic_constraints(false),
                der::usage(usage),
                der::policy("1.2.826.0.1275.101.0.3.1.1"),
            ],
            ..root
        };
        let certificate = token.file("card.der");
        std::fs::write(&certificate, card.signed(&root_key).der()).unwrap();
        token.tool(&["--write-object", path(&certificate), "--type", "cert", "--id", "01"]);
        token
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", self.file("softhsm2.conf"));
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.command(program).args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {error}");
    }

    fn tool(&self, arguments: &[&str]) {
        let login = ["--module", SOFTHSM, "--login", "--pin", "654321"];
        self.run("pkcs11-tool", &[&login[..], arguments].concat());
    }

    /// The evidence by `wardcard card-proof`, or what it says.
    fn prove(&self, nonce: &str) -> Result<String, String> {
        let output = self
            .command(common::build_folder().join("wardcard"))
            .args(["card-proof", "--module", SOFTHSM, "--nonce", nonce, "--passcode-file"])
            .arg(self.file("passcode"))
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
#[ignore = "needs softhsm2 and opensc"]
fn a_card_of_others_signs_in_through_its_own_middleware() {
    for key_type in ["rsa:2048", "EC:prime256v1"] {
        let token = Token::new(key_type, der::DIGITAL_SIGNATURE);
        let three = Level(3);
        let roots = vec![token.root.clone()];
        let x509 = x509::Settings::nhs(roots, x509::Revocation::Unchecked, three, three);
        let certificate = Some(CertificateSettings { x509, proxy: None });
        let sources = SourceSettings { certificate, ..SourceSettings::default() };
        let mut builder = Builder { sources, ..Builder::default() };
        builder.policy.sources = vec![SourceRule::new(SourceKind::Certificate)];
        let kit = builder.start().unwrap();
        let prove = |pending: &wardcard::agent::Pending, evidence: &str| {
            let evidence = Piece::read(evidence.as_bytes()).unwrap();
            let passcode = Secret::copied_from(b"135790");
            let source = PasscodeSource::Given { passcode, keep: true };
            kit.agent().prove(&pending.request, evidence.into(), source)
        };
        let pending = kit.request().unwrap();
        let evidence = token.prove(&pending.nonce).unwrap();
        let card = prove(&pending, &evidence).unwrap();
        assert_eq!(card.person.as_str(), PERSON);
        assert_eq!(card.assurance.source.to_string(), "certificate nhs");
        // One insertion, one card.
        let next = kit.request().unwrap();
        let refused = prove(&next, &evidence).unwrap_err().to_string();
        assert!(refused.contains("not one over this request's challenge"), "{refused}");
    }
}

#[test]
#[ignore = "needs softhsm2 and opensc"]
fn a_card_that_only_signs_documents_signs_nobody_in() {
    let token = Token::new("EC:prime256v1", der::NON_REPUDIATION);
    let refused = token.prove("nonce").unwrap_err();
    assert!(refused.contains("no private key with a certificate for signing in"), "{refused}");
    std::fs::write(token.file("passcode"), "000000\n").unwrap();
    let refused = token.prove("nonce").unwrap_err();
    assert!(refused.contains("PIN"), "{refused}");
}
