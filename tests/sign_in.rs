//! Strong sign-in against programs that are not ours: npm's oidc-provider and headless Chromium,
//! with its virtual authenticators.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

mod common;

use base64ct::{Base64UrlUnpadded, Encoding};
use common::{
    application::Application,
    station::{Plan, Station},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};
use wardcard::{
    agent::host::message::CardLine,
    clock::{Clock, SystemClock},
    pkcs11::Cryptoki,
    pki::UserId,
    proof::{Binding, Level, Nonce, Refusal, Source, Used, webauthn},
    store::{MemoryStore, Store},
};

const PERSON: &str = "555000000001";

/// A program of tests/interop that answers each line with a line; it is ended on drop.
struct Script {
    process: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Script {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name);
        let mut process = Command::new("node")
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("nodejs is installed");
        let (to, from) = (process.stdin.take(), process.stdout.take().unwrap());
        Self { process, to, from: BufReader::new(from) }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.from.read_line(&mut line).unwrap() > 0, "the script ended");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.to.as_ref().unwrap(), "{line}").unwrap();
        self.line()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // The end of its input is its end; it takes its browser with it.
        drop(self.to.take());
        for _ in 0..200 {
            if self.process.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            sleep(Duration::from_millis(25));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Chromium.
struct Browser(Script);

impl Browser {
    fn start(folder: &Path) -> Self {
        let profile = folder.join("browser").display().to_string();
        Self(Script::start("browser.mjs", &[&profile]))
    }

    fn ask(&mut self, command: &Value) -> Value {
        let answer = self.0.ask(&command.to_string());
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{command}: {answer}"))
    }

    /// As [`Browser::ask`], for what must work.
    #[track_caller]
    fn done(&mut self, command: &Value) -> Value {
        let answer = self.ask(command);
        assert!(answer.get("error").is_none(), "{command}: {answer}");
        answer
    }

    fn sign_in(&mut self, url: &str, person: &str) -> String {
        let answer = self.done(&json!({"sign_in": url, "person": person}));
        answer["text"].as_str().unwrap().to_owned()
    }
}

/// An agent whose provider is oidc-provider, and a browser.
struct Ward {
    station: Station,
    provider: Script,
    issuer: String,
    browser: Browser,
    folder: tempfile::TempDir,
}

/// The folder that `tests/interop/oidc_provider.sh` installs in.
fn installed() -> PathBuf {
    let folder = common::build_folder();
    let target = folder.parent().unwrap();
    let folder = target.join("interop/oidc_provider");
    assert!(folder.join("installed").exists(), "run tests/interop/oidc_provider.sh {folder:?}");
    folder
}

impl Ward {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (key, public) = client_key(path);
        let logout = free_port();
        let provider = [
            installed().display().to_string(),
            public.display().to_string(),
            format!("http://127.0.0.1:{logout}/backchannel-logout"),
        ];
        let arguments: Vec<&str> = provider.iter().map(String::as_str).collect();
        let mut provider = Script::start("provider.mjs", &arguments);
        let issuer = provider.line();
        assert!(issuer.starts_with("http://127.0.0.1:"), "{issuer}");
        let station = Station::with(&Plan {
            issuer: Some(issuer.clone()),
            provider: format!(
                "client_key_file = \"{}\"\nclient_key_id = \"client-1\"\nuserinfo = true\n\
                 max_age = \"10m\"\nrefetch = \"1s\"",
                key.display()
            ),
            tables: format!("[logout]\nlisten = \"127.0.0.1:{logout}\""),
            ..Plan::default()
        });
        let browser = Browser::start(path);
        Self { station, provider, issuer, browser, folder }
    }

    /// `wardcard sign-in` as far as the address that it prints.
    fn begin(&self, arguments: &[&str]) -> (Child, BufReader<ChildStdout>, String) {
        let config = self.station.path().join("own/agent.toml").display().to_string();
        let passcode = self.folder.path().join("passcode");
        fs::write(&passcode, "246810\n").unwrap();
        let passcode = passcode.display().to_string();
        let mut all = vec!["sign-in", "--config", &config, "--print-url", "--timeout", "60"];
        all.extend(["--passcode-file", &passcode]);
        all.extend(arguments);
        let mut process = self
            .station
            .command(&all)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut url = String::new();
        out.read_line(&mut url).unwrap();
        (process, out, url.trim_end().to_owned())
    }

    /// The whole of it: what the program says in the end.
    fn sign_in(&mut self, person: &str, arguments: &[&str]) -> Result<String, String> {
        let (mut process, mut out, url) = self.begin(arguments);
        if !url.is_empty() {
            let text = self.browser.sign_in(&url, person);
            assert!(text.contains("You can close this window"), "{text}");
        }
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        let mut wrong = String::new();
        process.stderr.take().unwrap().read_to_string(&mut wrong).unwrap();
        if process.wait().unwrap().success() { Ok(said) } else { Err(wrong) }
    }

    fn card(&self) -> Option<CardLine> {
        self.station.host().cards().unwrap().into_iter().next()
    }

    /// A legacy program with the card's passcode.
    fn application(&self) -> Application {
        let station = &self.station;
        let application = Application::open(&station.address(), station.uid()).unwrap();
        application.login("246810").unwrap();
        application
    }

    fn audit(&self) -> String {
        let files = self.station.audit();
        files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
    }
}

/// A P-256 key of the client as OpenSSL makes one, and its public half as a JWK.
fn client_key(folder: &Path) -> (PathBuf, PathBuf) {
    let (key, public) = (folder.join("client.pem"), folder.join("client.jwk"));
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    };
    let path = key.display().to_string();
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &path]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let spki = openssl(&["pkey", "-in", &path, "-pubout", "-outform", "DER"]);
    // SubjectPublicKeyInfo of P-256 ends with the uncompressed point.
    let (x, y) = spki[spki.len() - 64..].split_at(32);
    let text = Base64UrlUnpadded::encode_string;
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y),
        "kid": "client-1", "use": "sig", "alg": "ES256",
    });
    fs::write(&public, jwk.to_string()).unwrap();
    (key, public)
}

/// A port that nobody listens on just now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
#[ignore = "needs nodejs, npm and chromium"]
fn the_code_flow_with_pkce_and_private_key_jwt_gives_a_card_and_the_tokens() {
    let mut ward = Ward::open();
    let tokens = ward.folder.path().join("tokens.json");
    let named = tokens.display().to_string();
    let said = ward.sign_in(PERSON, &["--tokens", &named]).unwrap();
    assert!(said.contains(PERSON) && said.contains(&ward.issuer), "{said}");
    let card = ward.card().expect("a card");
    assert_eq!(card.person, PERSON);
    assert_eq!((card.assurance.binding.as_str(), card.assurance.offline), ("nonce", false));
    // A legacy program uses it.
    let application = ward.application();
    application.sign(b"a message").unwrap();
    // The tokens of the same sign-in: the provider answers to them, and the roles are there.
    assert_eq!(fs::metadata(&tokens).unwrap().permissions().mode() & 0o777, 0o600);
    let tokens: Value = serde_json::from_slice(&fs::read(&tokens).unwrap()).unwrap();
    let userinfo: Value = serde_json::from_str(tokens["userinfo"].as_str().unwrap()).unwrap();
    assert_eq!(userinfo["nhsid_nrbac_roles"][0]["org_code"], "A83002");
    let access = tokens["access_token"].as_str().unwrap();
    let asked = Command::new("curl")
        .args(["-s", "--noproxy", "*", "-H", &format!("Authorization: Bearer {access}")])
        .arg(format!("{}/me", ward.issuer))
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(told["sub"], PERSON);
    // Nothing of them is on record.
    let audit = ward.audit();
    assert!(audit.contains("card-issued"));
    for secret in ["access_token", "id_token"] {
        let secret = tokens[secret].as_str().unwrap();
        assert!(!audit.contains(secret) && !said.contains(secret));
    }
    // The same ID token makes no second card.
    let token =
        wardcard::secret::Secret::copied_from(tokens["id_token"].as_str().unwrap().as_bytes());
    let host = ward.station.host();
    let pending = host.request(&wardcard::agent::Seat::user(ward.station.uid())).unwrap();
    let refused = host.prove(&pending.request, &token, common::station::given("246810"));
    assert!(refused.unwrap_err().to_string().contains("nonce"));
}

#[test]
#[ignore = "needs nodejs, npm and chromium"]
fn keys_rotate_between_sign_ins_and_even_in_the_middle_of_one() {
    let mut ward = Ward::open();
    ward.sign_in(PERSON, &[]).unwrap();
    let first = ward.card().unwrap();
    sleep(Duration::from_millis(1100));
    assert_eq!(ward.provider.ask("rotate"), "done rotate");
    ward.sign_in(PERSON, &["--prompt", "login"]).unwrap();
    let second = ward.card().unwrap();
    assert_ne!(first.card, second.card);
    // In the middle: the person is at the provider's pages while its keys change.
    let (process, out, url) = ward.begin(&["--prompt", "login"]);
    sleep(Duration::from_millis(1100));
    assert_eq!(ward.provider.ask("rotate"), "done rotate");
    let text = ward.browser.sign_in(&url, PERSON);
    assert!(text.contains("You can close this window"), "{text}");
    let done = process.wait_with_output().unwrap();
    drop(out);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_ne!(ward.card().unwrap().card, second.card);
}

#[test]
#[ignore = "needs nodejs, npm and chromium"]
fn signing_out_at_the_provider_ends_the_card_within_a_second() {
    let mut ward = Ward::open();
    ward.sign_in(PERSON, &[]).unwrap();
    let application = ward.application();
    let url = format!("{}/session/end?client_id=wardcard-test", ward.issuer);
    let host = ward.station.host();
    let watching = std::thread::spawn(move || {
        let until = Instant::now() + Duration::from_secs(30);
        while !host.cards().unwrap().is_empty() {
            assert!(Instant::now() < until, "the card never ended");
            sleep(Duration::from_millis(5));
        }
        Instant::now()
    });
    ward.browser.done(&json!({"sign_out": url}));
    // The page is there after the provider has told its clients; the card went before or with it.
    let page = Instant::now();
    let gone = watching.join().unwrap();
    let late = gone.saturating_duration_since(page);
    assert!(late < Duration::from_secs(1), "{late:?}");
    application.sign(b"a message").unwrap_err();
    assert!(application.client.slot_list(true).unwrap().is_empty());
    let audit = ward.audit();
    assert!(audit.contains("\"reason\":\"signed-out\""), "{audit}");
    // Anew: the provider asks again, and there is another card.
    ward.sign_in(PERSON, &[]).unwrap();
    assert_eq!(ward.card().unwrap().person, PERSON);
}

#[test]
#[ignore = "needs nodejs, npm and chromium"]
fn a_redirect_serves_one_sign_in_and_no_other_one() {
    let mut ward = Ward::open();
    // The provider's word for why not.
    let (process, out, url) = ward.begin(&["--prompt", "none"]);
    let text = ward.browser.sign_in(&url, PERSON);
    assert!(text.contains("close"), "{text}");
    let done = process.wait_with_output().unwrap();
    drop(out);
    let wrong = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && wrong.contains("login_required"), "{wrong}");
    // A redirect with another sign-in's state.
    let (process, out, url) = ward.begin(&[]);
    let back = query(&url, "redirect_uri");
    let forged = format!("{back}?code=abc&state={}&iss={}", "A".repeat(43), ward.issuer);
    let quiet = ["-s", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}"];
    let done = Command::new("curl").args(quiet).arg(&forged).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout), "400");
    assert!(ward.card().is_none());
    // It ends nothing: the sign-in that was begun goes on.
    ward.browser.sign_in(&url, PERSON);
    let done = process.wait_with_output().unwrap();
    drop(out);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(ward.card().unwrap().person, PERSON);
}

/// A parameter of an address.
fn query(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap();
    let pairs = wardcard::proof::form::pairs(query.as_bytes()).unwrap();
    wardcard::proof::form::once(&pairs, name).unwrap().unwrap().to_owned()
}

/// A relying party for the browser's page, and what it registers and verifies there.
fn web_authn(algorithm: webauthn::Algorithm) {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(folder.path());
    let origin = browser.done(&json!({"origin": true}))["origin"].as_str().unwrap().to_owned();
    let settings = webauthn::Settings {
        algorithms: vec![algorithm],
        models: webauthn::Models::Any,
        unattested: true,
        ..webauthn::Settings::new("localhost", &origin, Level(3), Level(3))
    };
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let used = Used::new(Arc::clone(&store));
    let party = webauthn::RelyingParty::new(settings, store, Arc::new(SystemClock));
    let person = UserId::parse(PERSON).unwrap();
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();

    browser.done(&json!({"authenticator": {}}));
    let begun = party.begin(&person).unwrap();
    let answer = browser.done(&json!({"create": json(&begun.options)})).to_string();
    let credential = party.finish(&begun.id, answer.as_bytes()).unwrap();
    assert_eq!(credential.person.as_str(), PERSON);
    // A registration serves once.
    party.finish(&begun.id, answer.as_bytes()).unwrap_err();

    // Each assertion is for one request's nonce, and the counter goes on.
    for _ in 0..2 {
        let nonce = Nonce::new(&[b"key"]).unwrap();
        let options = party.sign_in_options(nonce.as_str(), Some(&person)).unwrap();
        let answer = browser.done(&json!({"get": json(&options)})).to_string();
        let accepted = party.accept(answer.as_bytes(), &nonce).unwrap();
        assert_eq!(accepted.assurance.person.as_str(), PERSON);
        assert_eq!(accepted.assurance.binding, Binding::Challenge);
        assert_eq!(accepted.assurance.source, Source::WebAuthn("localhost".to_owned()));
        let now = SystemClock.now();
        let accepted = [accepted];
        used.first_use_of_all(&accepted, now).unwrap();
        assert_eq!(used.first_use_of_all(&accepted, now).unwrap_err(), Refusal::Replayed);
        let other = Nonce::new(&[b"key"]).unwrap();
        party.accept(answer.as_bytes(), &other).unwrap_err();
    }

    // Who does not verify the person is refused, by the browser or by us.
    browser.done(&json!({"authenticator": {"hasUserVerification": false}}));
    let begun = party.begin(&person).unwrap();
    let answer = browser.ask(&json!({"create": json(&begun.options)}));
    let refused = match answer.get("error") {
        Some(_) => true,
        None => party.finish(&begun.id, answer.to_string().as_bytes()).is_err(),
    };
    assert!(refused);
}

#[test]
#[ignore = "needs nodejs, npm and chromium"]
fn a_virtual_authenticator_registers_and_asserts_by_es256() {
    web_authn(webauthn::Algorithm::Es256);
}

#[test]
#[ignore = "needs nodejs, npm and chromium"]
fn a_virtual_authenticator_registers_and_asserts_by_rs256() {
    web_authn(webauthn::Algorithm::Rs256);
}

#[path = "../fuzz/harness/flow.rs"]
mod harness;

#[test]
fn every_seed_of_the_flow_is_judged_without_a_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/flow");
    let mut count = 0;
    for seed in fs::read_dir(&folder).unwrap() {
        let input = fs::read(seed.unwrap().path()).unwrap();
        harness::flow(&input);
        // Cut short, and with a byte changed, each seed breaks in its own way.
        for at in 0..input.len() {
            harness::flow(&input[..at]);
            let mut bent = input.clone();
            bent[at] ^= 0x02;
            harness::flow(&bent);
        }
        count += 1;
    }
    assert!(count >= 10, "there are {count} seeds");
}
