//! The program `wardcard` as processes: an agent that starts, is killed, starts again and ends.
#![cfg(all(feature = "cli", feature = "testkit", feature = "sqlite"))]
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    io::{BufRead, BufReader, Lines, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};
use wardcard::{
    agent::{
        Seat,
        host::{
            Client, Error,
            message::{Hidden, Passcode},
        },
    },
    clock::{Clock, SystemClock, Time},
    net::{Address, ServerTrust},
    pkcs11::{
        Attribute, Cryptoki, Filled, Mechanism, Parameter, Room, Rv,
        ck::{
            CKA_CLASS, CKF_SERIAL_SESSION, CKM_SHA256_RSA_PKCS, CKO_PRIVATE_KEY, CKR_PIN_INCORRECT,
            CKR_PIN_LOCKED, CKU_USER,
        },
    },
    secret::Secret,
    testkit::provider::{CLIENT_ID, PERSON, Provider},
    wire,
};

const PASSCODE: &[u8] = b"135791";

/// The agent's process, and its standard output, which it may write to until its end.
struct Running(Child, Lines<BufReader<ChildStdout>>);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with a CA, a secret, a provider's keys and a configuration over them.
struct Place {
    folder: tempfile::TempDir,
    provider: Provider,
}

fn wardcard(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wardcard")).args(arguments).output().expect("runs")
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let provider = Provider::start(Arc::new(SystemClock)).expect("provider");
        let path = |name: &str| folder.path().join(name);
        let ca = path("ca");
        let made =
            wardcard(&["ca", "init", &ca.to_string_lossy(), "--root-key", "p256", "--key", "p256"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::write(path("secret"), [7; 32]).expect("secret");
        fs::set_permissions(path("secret"), fs::Permissions::from_mode(0o600)).expect("mode");
        fs::write(path("jwks.json"), provider.key_set()).expect("keys");
        let end: Time = SystemClock.now().plus(Duration::from_secs(86_400 * 30));
        let end = Time::from_unix_seconds(end.unix_seconds());
        let here = folder.path().display();
        let text = format!(
            "mode = \"ward\"\nstate = \"state\"\n\
             [endpoints]\npkcs11 = \"unix:path={here}/pkcs11\"\n\
             [host]\naddress = \"unix:path={here}/host\"\nsecret_file = \"secret\"\n\
             [[provider]]\nissuer = \"{}\"\nclient_id = \"{CLIENT_ID}\"\nkey_set_file = \"jwks.json\"\n\
             [issuer]\nlocal = \"ca\"\ninside_agent = true\n\
             [policy]\ncis1_end = \"{end}\"\n",
            provider.issuer()
        );
        fs::write(path("agent.toml"), text).expect("configuration");
        Self { folder, provider }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn start(&self) -> Running {
        let config = self.path("agent.toml");
        let mut child = Command::new(env!("CARGO_BIN_EXE_wardcard"))
            .args(["agent", "--config", &config])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        for what in ["serving applications", "serving hosts"] {
            let Some(Ok(line)) = lines.next() else {
                let mut why = String::new();
                child.stderr.take().expect("piped").read_to_string(&mut why).expect("text");
                panic!("the agent did not start: {why}");
            };
            assert!(line.starts_with(what), "{line}");
        }
        Running(child, lines)
    }

    fn host(&self) -> Client {
        let address = Address::parse(&self.path("host")).expect("address");
        let secret = Secret::new(vec![7; 32]);
        Client::connect(&address, &ServerTrust::default(), Some(&secret)).expect("a host")
    }

    fn sign_in(&self) {
        let host = self.host();
        let own = rustix::process::geteuid().as_raw();
        let pending = host.request(&Seat::user(own)).expect("request");
        let token = self.provider.sign_in(&pending.nonce).sign().expect("token");
        let passcode = Hidden(Secret::copied_from(PASSCODE));
        let source = Passcode::Given { passcode, keep: false };
        host.prove(&pending.request, &Secret::new(token.into_bytes()), source).expect("card");
    }

    fn application(&self) -> wire::Client {
        let addresses = vec![Address::parse(&self.path("pkcs11")).expect("address")];
        let client = wire::Client::new(wire::Endpoint { addresses, trust: ServerTrust::default() });
        client.initialize().expect("initialised");
        client
    }
}

fn logged_in(cryptoki: &dyn Cryptoki, pin: &[u8]) -> Result<(u64, u64), Rv> {
    let slot = *cryptoki.slot_list(false)?.first().expect("a slot");
    let session = cryptoki.open_session(slot, CKF_SERIAL_SESSION)?;
    cryptoki.login(session, CKU_USER, Some(pin))?;
    let private = CKO_PRIVATE_KEY.to_le_bytes().to_vec();
    cryptoki.find_objects_init(session, &[Attribute { kind: CKA_CLASS, value: private }])?;
    let key = *cryptoki.find_objects(session, 1)?.first().expect("a key");
    cryptoki.find_objects_final(session)?;
    Ok((session, key))
}

fn sign(cryptoki: &dyn Cryptoki, (session, key): (u64, u64)) -> Result<Vec<u8>, Rv> {
    let mechanism = Mechanism { kind: CKM_SHA256_RSA_PKCS, parameter: Parameter::None };
    cryptoki.sign_init(session, &mechanism, key)?;
    match cryptoki.sign(session, b"message", Room::Bytes(1024))? {
        Filled::Bytes(signature) => Ok(signature),
        other => panic!("{other:?}"),
    }
}

fn verified(place: &Place) -> Output {
    wardcard(&["audit", "verify", &place.path("state/audit/audit.jsonl")])
}

#[test]
fn killed_in_the_middle_of_signatures_the_agent_starts_again_and_the_application_goes_on() {
    let place = Place::new();
    let mut agent = place.start();
    place.sign_in();
    let application = place.application();
    let at = logged_in(&application, PASSCODE).expect("logged in");
    for _ in 0..20 {
        sign(&application, at).expect("signed");
    }
    agent.0.kill().expect("SIGKILL");
    agent.0.wait().expect("ended");
    assert!(sign(&application, at).is_err(), "noticed, without hanging");
    // What was recorded survives the kill, and the chain goes on after it.
    let agent = place.start();
    assert!(place.host().cards().expect("answers").is_empty(), "no card outlives its agent");
    place.sign_in();
    let again = logged_in(&application, PASSCODE).expect("without a restart of the application");
    sign(&application, again).expect("signed");
    drop(agent);
    let report = verified(&place);
    let text = String::from_utf8_lossy(&report.stdout).into_owned();
    assert!(report.status.success() && text.starts_with("OK\n"), "{text}");
    assert!(text.lines().any(|line| line.trim_start().starts_with("use ") && line.ends_with("21")));
}

#[test]
fn blocked_stays_blocked_over_a_kill() {
    let place = Place::new();
    let agent = place.start();
    place.sign_in();
    let application = place.application();
    for wanted in [CKR_PIN_INCORRECT, CKR_PIN_INCORRECT, CKR_PIN_LOCKED] {
        assert_eq!(logged_in(&application, b"000000"), Err(wanted));
    }
    drop(agent);
    let _agent = place.start();
    place.sign_in();
    logged_in(&place.application(), PASSCODE).expect("cleared by a new strong proof");
}

#[test]
fn sigterm_ends_it_cleanly() {
    let place = Place::new();
    let mut agent = place.start();
    place.sign_in();
    let pid = rustix::process::Pid::from_child(&agent.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("told");
    let said = agent.1.next().expect("a line").expect("text");
    assert_eq!(said, "stopped; all cards are removed");
    assert!(agent.0.wait().expect("ended").success());
    for name in ["pkcs11", "host"] {
        assert!(!Path::new(&place.path(name)).exists(), "{name} is left");
    }
    let log = fs::read_to_string(place.path("state/audit/audit.jsonl")).expect("log");
    assert!(log.contains("\"reason\":\"agent-stopped\""));
    assert!(log.lines().last().expect("a line").contains("\"event\":\"agent-stopped\""));
    assert!(verified(&place).status.success());
    fs::write(place.path("state/audit/audit.jsonl"), log.replacen(PERSON, "555000000009", 1))
        .expect("altered");
    let altered = verified(&place);
    assert_eq!(altered.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&altered.stderr).contains("altered"));
}

#[test]
fn commands_show_what_is_and_say_what_is_wrong() {
    let place = Place::new();
    let config = place.path("agent.toml");
    let doctor = wardcard(&["doctor", "--config", &config]);
    assert_eq!(doctor.status.code(), Some(1), "nothing answers yet");
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("does not answer"));
    let agent = place.start();
    place.sign_in();
    let status = wardcard(&["status", "--config", &config]);
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.status.success() && text.contains("ward") && text.contains(PERSON), "{text}");
    let doctor = wardcard(&["doctor", "--config", &config]);
    let text = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.success(), "{text}");
    let stop = wardcard(&["host", "--config", &config, "stop"]);
    assert!(stop.status.success());
    drop(agent);
    assert!(wardcard(&["agent", "--config", &config, "--check"]).status.success());
    fs::write(&config, "mode = \"ward\"\nmoed = 1\n").expect("written");
    let check = wardcard(&["agent", "--config", &config, "--check"]);
    assert_eq!(check.status.code(), Some(1));
    let text = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(text.contains("line 2: moed") && text.contains("did you mean `mode`?"), "{text}");
    assert_eq!(wardcard(&["nonsense"]).status.code(), Some(2));
}

#[test]
fn a_wrong_secret_gets_no_verb_and_is_on_record() {
    let place = Place::new();
    let agent = place.start();
    let address = Address::parse(&place.path("host")).expect("address");
    let wrong = Secret::new(vec![8; 32]);
    let refused = Client::connect(&address, &ServerTrust::default(), Some(&wrong));
    assert!(matches!(refused, Err(Error::NotHost)));
    drop(agent);
    let log = fs::read_to_string(place.path("state/audit/audit.jsonl")).expect("log");
    assert!(log.contains("\"event\":\"host-refused\",\"why\":\"wrong secret\""), "{log}");
}
