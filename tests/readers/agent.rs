//! An agent's card in Debian's pcscd: programs of others use it, through our driver and through
//! vsmartcard-vpcd's, and it is the card that the PKCS#11 module shows.

use crate::pcsc::{Application, Pcscd, STATUS, Stage, free_port, library, p50};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use wardcard::{
    agent::{
        Removal,
        config::{EnrolledSettings, ReaderSettings, ReaderWay},
    },
    net::{Address, TcpAddress},
    piv::ManagementKey,
    reader::ifd,
    secret::Secret,
    testkit::{Builder, Kit, SignedIn},
};

const OPENSC: &str = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so";
const YKCS11: &str = "/usr/lib/x86_64-linux-gnu/libykcs11.so";
/// ykcs11 looks at its own maker's readers alone.
const READER: &str = "Yubico tools before Wardcard";
pub const PERSON: &str = "555000000001";

/// pcscd with one reader, the agent behind it, and a card in it.
pub struct Ward {
    stage: Stage,
    kit: Kit,
    pub card: SignedIn,
    pcscd: Pcscd,
}

/// With our library as the driver of an agent's reader.
fn stage() -> Stage {
    Stage::new(|folder| {
        let address = Address::Unix(folder.join("reader")).to_string();
        ifd::reader_conf(READER, library().to_str().unwrap(), &address).unwrap()
    })
}

impl Ward {
    pub fn by_our_driver() -> Self {
        let mut builder = Builder::default();
        // pkcs11-tool's test signs blocks that are no DigestInfo.
        builder.policy.hashes.raw_blocks = true;
        Self::by_our_driver_with(builder)
    }

    /// With these settings, but for the readers.
    pub fn by_our_driver_with(builder: Builder) -> Self {
        let stage = stage();
        let address = Address::Unix(stage.path("reader"));
        Self::over(stage, ReaderWay::Ifd { address, users: Vec::new() }, builder)
    }

    fn by_vpcd() -> Self {
        let mut builder = Builder::default();
        builder.policy.hashes.raw_blocks = true;
        let port = free_port();
        let stage = Stage::new(|_| {
            format!(
                "FRIENDLYNAME \"{READER}\"\nDEVICENAME /dev/null:{port:#x}\n\
                 LIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so\nCHANNELID {port:#x}\n"
            )
        });
        Self::over(
            stage,
            ReaderWay::Vpcd { address: TcpAddress::loopback(port), users: Vec::new() },
            builder,
        )
    }

    fn over(stage: Stage, way: ReaderWay, builder: Builder) -> Self {
        let readers = vec![ReaderSettings::new(way)];
        let kit = Builder { readers, ..builder }.start().unwrap();
        let card = kit.sign_in(PERSON).unwrap();
        let pcscd = stage.pcscd(&[]);
        let ward = Self { stage, kit, card, pcscd };
        ward.stage.application().connects();
        ward
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.stage.path(name)
    }

    pub fn folder(&self) -> &Path {
        self.stage.folder.path()
    }

    /// What `tests/c/rate.c` says of OpenSC with this card.
    pub fn rate(&self, program: &Path, mechanism: &str) -> String {
        self.done(text(program), &[OPENSC, &self.card.passcode, mechanism, "2"])
    }

    /// A program's environment: our pcscd, and our agent for our module.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .env("PCSCLITE_CSOCK_NAME", self.stage.socket())
            .env("WARDCARD_AGENT", self.kit.address())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs a program that succeeds; what it said.
    #[track_caller]
    pub fn done(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.run(program, arguments);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}\n{said}\n{}", self.stage.log());
        said
    }

    /// Has pkcs11-tool sign `message` through a module with the key of an id.
    fn sign(&self, module: &str, message: &Path, signature: &Path) {
        fs::write(message, b"message").unwrap();
        let arguments = ["--module", module, "-l", "--pin", &self.card.passcode, "--sign"];
        let what = ["--id", "01", "-m", "SHA256-RSA-PKCS", "-i", text(message)];
        self.done("pkcs11-tool", &[&arguments[..], &what, &["-o", text(signature)]].concat());
    }

    /// The certificates that a module shows, in its order.
    fn certificate(&self, module: &str, selected: &[&str]) -> Vec<u8> {
        let file = self.path("certificate");
        let _ = fs::remove_file(&file);
        let get = ["--module", module, "--read-object", "--type", "cert", "-o", text(&file)];
        self.done("pkcs11-tool", &[&get[..], selected].concat());
        fs::read(file).unwrap()
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Everything that the programs of the field do with a card.
fn programs_use_it(ward: &Ward) {
    let pin = ward.card.passcode.as_str();
    let seen = ward.done("pcsc_scan", &["-r"]);
    assert!(seen.contains(READER), "{seen}");
    let named = ward.done("opensc-tool", &["-n"]);
    assert!(named.contains("Personal Identity Verification Card"), "{named}");
    let tested = ward.done("pkcs11-tool", &["--module", OPENSC, "--login", "--pin", pin, "--test"]);
    assert!(tested.contains("No errors"), "{tested}");
    let dump = ward.done("pkcs15-tool", &["-D"]);
    assert!(dump.contains("Certificate for PIV Authentication"), "{dump}");
    let status = ward.done("yubico-piv-tool", &["-r", "", "-a", "status"]);
    assert!(status.contains(PERSON), "{status}");
    let read = ward.done("yubico-piv-tool", &["-r", "", "-a", "read-certificate", "-s", "9a"]);
    assert!(read.contains("BEGIN CERTIFICATE"), "{read}");

    // One key, two faces: what one signs, the certificate of the other verifies.
    let library = library();
    let listed = ward.done("pkcs11-tool", &["--module", text(&library), "-O", "--type", "cert"]);
    let id = listed.lines().find_map(|line| line.trim().strip_prefix("ID:")).unwrap().trim();
    let ours = ward.certificate(text(&library), &["--id", id]);
    assert_eq!(ward.certificate(OPENSC, &["--id", "01"]), ours);
    let key = ["x509", "-inform", "der", "-pubkey", "-noout", "-in"];
    let (certificate, public) = (ward.path("certificate"), ward.path("public"));
    let spki = ward.done("openssl", &[&key[..], &[text(&certificate)]].concat());
    fs::write(&public, spki).unwrap();
    let (message, signature) = (ward.path("message"), ward.path("signature"));
    for module in [OPENSC, YKCS11] {
        ward.sign(module, &message, &signature);
        let verify = ["dgst", "-sha256", "-verify", text(&public), "-signature", text(&signature)];
        ward.done("openssl", &[&verify[..], &[text(&message)]].concat());
    }
}

#[test]
#[ignore = "needs pcscd, opensc, yubico-piv-tool, ykcs11"]
fn programs_use_the_agents_card_through_our_driver() {
    programs_use_it(&Ward::by_our_driver());
}

#[test]
#[ignore = "needs pcscd, vsmartcard-vpcd, opensc, yubico-piv-tool, ykcs11"]
fn programs_use_the_agents_card_through_vpcd() {
    programs_use_it(&Ward::by_vpcd());
}

fn application(ward: &Ward) -> Application {
    let mut application = ward.stage.application();
    application.connects();
    application
}

fn verify(passcode: &str) -> String {
    let digits: String = passcode.bytes().map(|digit| format!("{digit:02x}")).collect();
    format!("apdu 0020008008{digits:f<16}")
}

fn module(ward: &Ward, passcode: &str) -> Output {
    let module = library();
    ward.run("pkcs11-tool", &["--module", text(&module), "-l", "--pin", passcode, "-O"])
}

#[test]
#[ignore = "needs pcscd, opensc"]
fn tries_are_shared_with_the_module_and_logins_are_not() {
    let ward = Ward::by_our_driver();
    let right = ward.card.passcode.clone();
    let wrong = if right == "135791" { "135792" } else { "135791" };
    let mut reader = application(&ward);
    assert_eq!(reader.ask(STATUS), "63c3");
    assert_eq!(reader.ask(&verify(wrong)), "63c2");
    assert!(!module(&ward, wrong).status.success());
    assert_eq!(reader.ask(STATUS), "63c1", "one try was lost through each face");
    // A login by the module gives the tries back, and is no login of the reader's.
    assert!(module(&ward, &right).status.success());
    assert_eq!(reader.ask(STATUS), "63c3");
    assert_eq!(reader.ask(&verify(&right)), "9000");
    assert_eq!(reader.ask(STATUS), "9000");
    let signed = ward.run(
        "pkcs11-tool",
        &["--module", text(&library()), "--sign", "-m", "SHA256-RSA-PKCS", "-i", "/dev/null"],
    );
    assert!(!signed.status.success(), "nor is the reader's login one of the module's");
    for left in ["63c2", "63c1", "63c0"] {
        assert_eq!(reader.ask(&verify(wrong)), left);
    }
    assert_eq!(reader.ask(&verify(&right)), "6983", "blocked");
    let told = String::from_utf8_lossy(&module(&ward, &right).stderr).into_owned();
    assert!(told.contains("CKR_PIN_LOCKED"), "{told}");
}

#[test]
#[ignore = "needs pcscd"]
fn a_lock_ends_what_was_verified_and_an_end_takes_the_card_out() {
    let mut ward = Ward::by_our_driver();
    let mut reader = application(&ward);
    assert_eq!(reader.ask(&verify(&ward.card.passcode)), "9000");
    ward.kit.agent().lock(ward.card.card.id).unwrap();
    assert_eq!(reader.ask(STATUS), "63c3", "the person is away");
    assert_eq!(reader.ask(&verify(&ward.card.passcode)), "9000", "and back");
    let readers = ward.kit.agent().status().readers;
    assert!(readers[0].starts_with("ifd unix:path="), "{readers:?}");
    let mut times = Vec::new();
    for _ in 0..10 {
        reader.does("await present");
        reader.tell("await empty");
        thread::sleep(Duration::from_millis(30));
        let begun = Instant::now();
        ward.kit.agent().remove(ward.card.card.id, Removal::TapOut).unwrap();
        assert_eq!(reader.hear(), "ok");
        times.push(begun.elapsed());
        // Deriving takes its own time, which is not the reader's.
        let pending = Instant::now();
        reader.tell("await present");
        ward.card = ward.kit.sign_in(PERSON).unwrap();
        let there = Instant::now();
        assert_eq!(reader.hear(), "ok");
        assert!(there.elapsed() < Duration::from_millis(500), "{:?}", pending.elapsed());
        times.push(there.elapsed());
    }
    times.sort();
    println!("an agent's card comes and goes: p50 {:?}, most {:?}", p50(&times), times[19]);
    assert!(p50(&times) < Duration::from_millis(100), "{times:?}");
    let log = ward.kit.folder().join("state/audit");
    let records: String = fs::read_dir(log)
        .unwrap()
        .filter_map(|file| fs::read_to_string(file.unwrap().path()).ok())
        .collect();
    assert!(records.contains("\"exe\":\"PC/SC\""), "known as PC/SC: {records}");
}

#[test]
#[ignore = "needs pcscd"]
fn agent_and_pcscd_restart_in_either_order() {
    let mut ward = Ward::by_our_driver();
    let mut reader = application(&ward);
    assert_eq!(reader.ask(&verify(&ward.card.passcode)), "9000");
    ward.kit.restart().unwrap();
    reader.does("await empty");
    ward.card = ward.kit.sign_in(PERSON).unwrap();
    reader.connects();
    assert_eq!(reader.ask(STATUS), "63c3");
    assert_eq!(reader.ask(&verify(&ward.card.passcode)), "9000");
    drop(reader);
    ward.restart_pcscd();
    let mut reader = application(&ward);
    assert_eq!(reader.ask(STATUS), "63c3", "power and passcode are gone with pcscd");
    drop(reader);
    ward.restart_pcscd();
    ward.kit.restart().unwrap();
    ward.card = ward.kit.sign_in(PERSON).unwrap();
    let mut reader = application(&ward);
    assert_eq!(reader.ask(&verify(&ward.card.passcode)), "9000");
}

impl Ward {
    fn restart_pcscd(&mut self) {
        self.pcscd.end();
        self.pcscd = self.stage.pcscd(&[]);
    }
}

/// Registration through the reader: key, certificate, and a signature after a restart of everything.
#[test]
#[cfg(feature = "sqlite")]
#[ignore = "needs pcscd, yubico-piv-tool, opensc"]
fn a_blank_card_is_filled_through_the_reader_and_lasts() {
    const OFFICER: &str = "12345678";
    const USER: &str = "246813";
    let stage = stage();
    let office = tempfile::tempdir().unwrap();
    let tool = |words: &[&str]| {
        let done = Command::new("pkcs11-tool")
            .args(["--module", text(&library())])
            .args(words)
            .env("WARDCARD_STORE", office.path().join("cards"))
            .env("XDG_STATE_HOME", office.path().join("state"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    tool(&["--init-token", "--label", "registration", "--so-pin", OFFICER]);
    let officer = ["--init-pin", "--login", "--login-type", "so", "--so-pin", OFFICER];
    tool(&[&officer[..], &["--new-pin", USER]].concat());

    let address = Address::Unix(stage.path("reader"));
    let way = ReaderWay::Ifd { address, users: Vec::new() };
    let mut reader =
        ReaderSettings { enrolled: Some("registration".to_owned()), ..ReaderSettings::new(way) };
    reader.piv.management =
        Some(ManagementKey::tdea(&Secret::new([0xA5, 0xC3].repeat(12))).unwrap());
    let enrolled = EnrolledSettings {
        key_file: Some(office.path().join("state/wardcard/store.key")),
        ..EnrolledSettings::new(office.path().join("cards"))
    };
    let readers = vec![reader];
    let kit = Builder { readers, enrolled: Some(enrolled), ..Builder::default() }.start().unwrap();
    let card = SignedIn { passcode: USER.to_owned(), ..kit.sign_in(PERSON).unwrap() };
    let pcscd = stage.pcscd(&[]);
    let mut ward = Ward { stage, kit, card, pcscd };
    application(&ward);

    let (public, certificate) = (ward.path("public"), ward.path("issued"));
    let key = format!("-k{}", "a5c3".repeat(12));
    let manager = ["-r", "", "-P", USER, &key, "-a", "verify-pin", "-s", "9a"];
    let made = ["-a", "generate", "-A", "RSA2048", "-o", text(&public)];
    ward.done("yubico-piv-tool", &[&manager[..], &made].concat());
    // An authority of OpenSSL's certifies it.
    let (root, root_key) = (ward.path("root.pem"), ward.path("root.key"));
    let new = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=registration"];
    let files = ["-keyout", text(&root_key), "-out", text(&root)];
    ward.done("openssl", &[&["req", "-x509"], &new[..], &files].concat());
    let subject = ["-subj", "/O=nhs/OU=people/CN=555000000001", "-days", "30"];
    let files = ["-force_pubkey", text(&public), "-CA", text(&root), "-CAkey", text(&root_key)];
    let to = ["-out", text(&certificate)];
    ward.done("openssl", &[&["x509", "-new"], &subject[..], &files, &to].concat());
    let put = ["-a", "import-certificate", "-i", text(&certificate)];
    ward.done("yubico-piv-tool", &[&manager[..], &put].concat());
    let wrong = ["-r", "", &format!("-k{}", "a6".repeat(24)), "-a", "generate", "-s", "9a"];
    assert!(!ward.run("yubico-piv-tool", &wrong).status.success(), "another manager's key");

    let (message, signature) = (ward.path("message"), ward.path("signature"));
    for restarted in [false, true] {
        if restarted {
            ward.kit.restart().unwrap();
            ward.restart_pcscd();
            application(&ward);
        }
        ward.sign(OPENSC, &message, &signature);
        let verify = ["dgst", "-sha256", "-verify", text(&public), "-signature", text(&signature)];
        ward.done("openssl", &[&verify[..], &[text(&message)]].concat());
    }
    // The other face shows what the reader's made.
    tool(&[
        "--login",
        "--pin",
        USER,
        "--read-object",
        "--type",
        "cert",
        "--id",
        "01",
        "-o",
        text(&message),
    ]);
    assert_eq!(fs::read(&message).unwrap(), ward.certificate(OPENSC, &["--id", "01"]));
}
