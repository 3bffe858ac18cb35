//! A certification authority in a folder: made once, never overwritten, opened only when closed to
//! others, and nothing lost by a crash.

use super::*;
use crate::{
    clock::ManualClock,
    issue::{Error, Issuer, serial_hex, tests::order},
    pki::{self, Level},
};
use std::{
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt},
    time::Duration,
};

fn clock() -> Arc<ManualClock> {
    crate::issue::tests::clock()
}

fn plan() -> Plan {
    Plan {
        root_key: KeyKind::P256,
        issuing_key: KeyKind::P256,
        content_commitment: true,
        ..Plan::default()
    }
}

pub(super) struct Site {
    _folder: tempfile::TempDir,
    pub(super) path: PathBuf,
    pub(super) clock: Arc<ManualClock>,
}

impl Site {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { path: folder.path().join("ca"), _folder: folder, clock: clock() }
    }

    pub(super) fn init(&self, passphrase: Option<&Secret>) -> Result<CaDirectory, CaError> {
        CaDirectory::init(&self.path, &plan(), passphrase, self.clock.now())
    }

    pub(super) fn issuer(&self, ca: &CaDirectory) -> LocalIssuer {
        ca.issuer(None, Arc::clone(&self.clock) as Arc<dyn Clock>).unwrap()
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn what_init_makes_issues_after_it_is_opened_again() {
    let site = Site::new();
    site.init(None).unwrap();
    let ca = CaDirectory::open(&site.path).unwrap();
    let issued = site.issuer(&ca).issue(&order(site.clock.now())).unwrap();
    let root = ca.list().remove(0).certificate;
    for one in &issued {
        let mut chain = vec![one.certificate.clone()];
        chain.extend_from_slice(&one.chain);
        pki::validate(&chain, std::slice::from_ref(&root), &[], site.clock.now()).unwrap();
    }
    let subjects: Vec<String> =
        ca.list().iter().map(|one| one.certificate.subject_text()).collect();
    assert!(subjects[1].ends_with("OU=CA, CN=Wardcard Authentication G2"), "{subjects:?}");
    assert!(subjects[2].ends_with("OU=CA, CN=Wardcard Signing G2"), "{subjects:?}");
    let profiles: Vec<Option<String>> = ca.list().into_iter().map(|one| one.profile).collect();
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(profiles, [None, name("cis1-authentication"), name("cis1-content-commitment")]);
}

#[test]
fn keys_are_closed_to_others_and_sealed() {
    let site = Site::new();
    site.init(None).unwrap();
    let mode = |name: &str| fs::metadata(site.path.join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("."), mode("root")), (0o700, 0o700));
    for name in ["seal.key", "authentication.key", "signing.key", "root/root.key", "root/seal.key"]
    {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    assert_ne!(
        fs::read(site.path.join("seal.key")).unwrap(),
        fs::read(site.path.join("root/seal.key")).unwrap(),
        "what is online does not open the root"
    );
}

#[test]
fn nothing_is_ever_overwritten() {
    let site = Site::new();
    site.init(None).unwrap();
    let before = fs::read(site.path.join("root.pem")).unwrap();
    assert!(matches!(site.init(None), Err(CaError::Exists(_))));
    assert_eq!(fs::read(site.path.join("root.pem")).unwrap(), before);
    let other = Site::new();
    fs::write(&other.path, "a file").unwrap();
    assert!(matches!(other.init(None), Err(CaError::Exists(_))));
    assert_eq!(fs::read(&other.path).unwrap(), b"a file");
}

#[test]
fn an_empty_folder_is_filled_and_a_failed_init_leaves_nothing() {
    let site = Site::new();
    fs::create_dir(&site.path).unwrap();
    site.init(None).unwrap();
    let other = Site::new();
    let short = Secret::copied_from(b"short");
    assert!(matches!(other.init(Some(&short)), Err(CaError::PassphraseShort)));
    let plan = Plan { names: Names { root: String::new(), ..Names::default() }, ..plan() };
    assert!(CaDirectory::init(&other.path, &plan, None, other.clock.now()).is_err());
    assert_eq!(fs::read_dir(other.path.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn what_others_can_read_is_refused_with_the_command_that_closes_it() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let issuer = |ca: &CaDirectory| ca.issuer(None, Arc::new(crate::clock::SystemClock)).map(drop);
    for name in ["seal.key", "authentication.key", "signing.key"] {
        for mode in [0o640, 0o604, 0o620] {
            site.chmod(name, mode);
            let error = issuer(&ca).unwrap_err();
            assert!(matches!(error, CaError::TooOpen { .. }), "{name}: {error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        site.chmod(name, 0o600);
    }
    assert!(issuer(&ca).is_ok());
    site.chmod("ca.toml", 0o666);
    assert!(matches!(CaDirectory::open(&site.path), Err(CaError::TooOpen { .. })));
    site.chmod("ca.toml", 0o600);
    site.chmod(".", 0o750);
    let error = CaDirectory::open(&site.path).unwrap_err();
    assert!(error.to_string().contains("chmod 700"), "{error}");
}

#[test]
fn issuing_needs_nothing_of_the_root() {
    let site = Site::new();
    site.init(None).unwrap();
    fs::remove_dir_all(site.path.join("root")).unwrap();
    let ca = CaDirectory::open(&site.path).unwrap();
    assert!(!ca.list()[0].key_present);
    assert!(site.issuer(&ca).issue(&order(site.clock.now())).is_ok());
    let crls = ca.crls(None, None, Duration::from_secs(3600), site.clock.now()).unwrap();
    assert_eq!(crls.len(), 2, "the root's is left out");
}

#[test]
fn a_passphrase_seals_the_keys() {
    let site = Site::new();
    let passphrase = Secret::copied_from(b"correct horse battery");
    let ca = site.init(Some(&passphrase)).unwrap();
    assert!(ca.needs_passphrase());
    assert!(!site.path.join("seal.key").exists());
    let clock = || Arc::clone(&site.clock) as Arc<dyn Clock>;
    assert!(ca.issuer(Some(&passphrase), clock()).is_ok());
    assert!(matches!(ca.issuer(None, clock()), Err(CaError::PassphraseNeeded)));
    let wrong = Secret::copied_from(b"wrong horse battery!");
    assert!(matches!(ca.issuer(Some(&wrong), clock()), Err(CaError::Unseal(_))));
    let plain = Site::new();
    let ca = plain.init(None).unwrap();
    assert!(!ca.needs_passphrase());
    assert!(matches!(ca.issuer(Some(&passphrase), clock()), Err(CaError::PassphraseUnused)));
}

#[test]
fn keys_and_certificates_of_other_places_are_refused() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let clock = || Arc::clone(&site.clock) as Arc<dyn Clock>;
    let file = |name: &str| site.path.join(name);
    let authentication = fs::read(file("authentication.key")).unwrap();
    files::write(&file("signing.key"), &authentication, 0o600).unwrap();
    assert!(matches!(ca.issuer(None, clock()), Err(CaError::Unseal(_))), "sealed for its role");

    let other = Site::new();
    other.init(None).unwrap();
    let foreign = fs::read(other.path.join("authentication.pem")).unwrap();
    let own = fs::read(file("authentication.pem")).unwrap();
    // Of a root of the same name, so only the key tells.
    files::write(&file("authentication.pem"), &foreign, 0o644).unwrap();
    let ca = CaDirectory::open(&site.path).unwrap();
    assert!(matches!(ca.issuer(None, clock()), Err(CaError::Inconsistent(_))));

    files::write(&file("authentication.pem"), &[own.clone(), own].concat(), 0o644).unwrap();
    assert!(matches!(CaDirectory::open(&site.path), Err(CaError::Malformed(..))));
}

#[test]
fn a_folder_without_its_first_authority_is_not_opened() {
    for name in ["authentication.pem", "signing.pem"] {
        let site = Site::new();
        site.init(None).unwrap();
        fs::remove_file(site.path.join(name)).unwrap();
        assert!(matches!(CaDirectory::open(&site.path), Err(CaError::Missing(_))), "{name}");
    }
}

#[test]
fn a_record_that_was_cut_short_is_not_added_to() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let issuer = site.issuer(&ca);
    issuer.issue(&order(site.clock.now())).unwrap();
    drop(issuer);
    let log = fs::read_dir(site.path.join("log")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read_to_string(&log).unwrap();
    let last = whole.trim_end().rfind('\n').unwrap();
    fs::write(&log, &whole[..=last]).unwrap();
    let open = || ca.issuer(None, Arc::clone(&site.clock) as Arc<dyn Clock>);
    assert!(matches!(open(), Err(CaError::Log(..))), "{:?}", open());
    fs::write(&log, whole).unwrap();
    open().unwrap();
}

#[test]
fn certificates_of_another_root_are_refused() {
    let (site, other) = (Site::new(), Site::new());
    site.init(None).unwrap();
    let names = Names { root: "Another Root".to_owned(), ..Names::default() };
    let plan = Plan { names, ..plan() };
    CaDirectory::init(&other.path, &plan, None, other.clock.now()).unwrap();
    fs::copy(other.path.join("signing.pem"), site.path.join("signing.pem")).unwrap();
    assert!(matches!(CaDirectory::open(&site.path), Err(CaError::Inconsistent(_))));
}

#[test]
fn each_certificate_is_on_record_before_it_is_out() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    assert_eq!(ca.issued().unwrap(), []);
    let issuer = site.issuer(&ca);
    let issued = issuer.issue(&order(site.clock.now())).unwrap();
    let record = ca.issued().unwrap();
    let serials = |slot: usize| serial_hex(issued[slot].certificate.serial_der());
    assert_eq!(record.len(), 2);
    assert_eq!([record[0].serial.as_str(), record[1].serial.as_str()], [serials(0), serials(1)]);
    assert_eq!(record[0].not_after, issued[0].certificate.not_after());
    let mode = |name: &str| fs::metadata(site.path.join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("log"), mode("log/audit.jsonl")), (0o700, 0o600));
    let mut weak = order(site.clock.now());
    weak.assurance.identity = Level(0);
    assert!(matches!(issuer.issue(&weak), Err(Error::Refused(_))));
    assert_eq!(ca.issued().unwrap().len(), 2);
}

#[test]
fn one_process_issues_at_a_time() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let first = site.issuer(&ca);
    let clock = Arc::clone(&site.clock) as Arc<dyn Clock>;
    assert!(matches!(ca.issuer(None, Arc::clone(&clock)), Err(CaError::InUse(_))));
    drop(first);
    assert!(ca.issuer(None, clock).is_ok());
}

#[test]
fn a_record_cut_short_by_a_crash_is_mended() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    site.issuer(&ca).issue(&order(site.clock.now())).unwrap();
    let path = site.path.join("log/audit.jsonl");
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"serial\":\"00").unwrap();
    assert_eq!(ca.issued().unwrap().len(), 2, "the unfinished line is left out");
    site.issuer(&ca).issue(&order(site.clock.now())).unwrap();
    assert_eq!(ca.issued().unwrap().len(), 4);
    file.write_all(b"{\"hostile\":1}\n").unwrap();
    assert!(matches!(ca.issued(), Err(CaError::Malformed(..))), "a whole line is not ignored");
}

#[test]
fn rules_and_profiles_are_the_administrators_to_edit() {
    let site = Site::new();
    site.init(None).unwrap();
    let path = site.path.join("ca.toml");
    let text = fs::read_to_string(&path).unwrap();
    let edit = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        files::write(&path, text.replace(from, to).as_bytes(), 0o600).unwrap();
        CaDirectory::open(&site.path)
    };
    let rules = edit("least_authentication = 3", "least_authentication = 2").unwrap().rules();
    assert_eq!(rules.least_authentication, Level(2));
    let ca = edit("# crl_url = \"http://pki.example/crl\"", "crl_url = \"http://pki.example/crl\"");
    assert!(ca.is_ok());
    let profiles = "[profile.own]\nsubject = [\"O=nhs\", \"OU=people\", \"CN={id}\"]\n\
                    keys = [\"P-256\"]\nkey-usage = [\"digitalSignature\"]\n";
    files::write(&site.path.join("own.toml"), profiles.as_bytes(), 0o600).unwrap();
    let ca = edit("[profiles]\n", "[profiles]\nfile = \"own.toml\"\nauthentication = \"own\"\n");
    assert_eq!(ca.unwrap().list()[1].profile.as_deref(), Some("own"));
    for (from, to) in [
        ("version = 1", "version = 2"),
        ("least_identity = 3", "least_identity = 4"),
        ("[profiles]\n", "[profiles]\nauthentication = \"nowhere\"\n"),
        ("[rules]\n", "[rules]\nunknown = 1\n"),
        ("by = \"file\"", "by = \"magic\""),
        ("by = \"file\"", "by = \"file\"\npasses = 1"),
    ] {
        assert!(matches!(edit(from, to), Err(CaError::Malformed(..))), "{to}");
    }
}

#[test]
fn the_sources_that_the_administrator_names_are_the_ones_heard() {
    let site = Site::new();
    site.init(None).unwrap();
    let path = site.path.join("ca.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("kind = \"oidc\"", "kind = \"host\"")).unwrap();
    let issuer = site.issuer(&CaDirectory::open(&site.path).unwrap());
    let refused = issuer.issue(&order(site.clock.now()));
    assert!(matches!(refused, Err(Error::Refused(why)) if why.contains("source")));
}

#[test]
fn a_passphrase_has_twelve_characters() {
    let site = Site::new();
    let short = Secret::copied_from(&[b'a'; 11]);
    assert!(matches!(site.init(Some(&short)), Err(CaError::PassphraseShort)));
    let fits = Secret::copied_from(&[b'a'; 12]);
    site.init(Some(&fits)).unwrap();
}

#[test]
fn an_altered_cost_of_the_passphrase_cannot_eat_all_memory() {
    let site = Site::new();
    site.init(Some(&Secret::copied_from(b"correct horse battery"))).unwrap();
    let path = site.path.join("ca.toml");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("memory_kib = 65536", "memory_kib = 4000000000"),
        ("memory_kib = 65536", "memory_kib = 1"),
        ("passes = 3", "passes = 1"),
        ("passes = 3", "passes = 4000000000"),
    ] {
        files::write(&path, text.replace(from, to).as_bytes(), 0o600).unwrap();
        assert!(matches!(CaDirectory::open(&site.path), Err(CaError::Malformed(..))), "{to}");
    }
}
