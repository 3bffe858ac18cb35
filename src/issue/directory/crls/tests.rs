//! CRLs by the clock: numbers that never go back, entries that stay as long as RFC 5280 says, made
//! in time and at once.

use super::*;
use crate::{
    clock::Clock,
    issue::{Error, Issuer, Serial, directory::tests::Site, serial_hex, tests::order},
    pki::{self, Crl, Reason},
};
use std::fs;

#[test]
fn a_revoked_certificate_stands_on_the_next_crl_of_its_issuer_alone() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let issued = site.issuer(&ca).issue(&order(site.clock.now())).unwrap();
    let serial = serial_hex(issued[0].certificate.serial_der());
    assert!(ca.revoke(&serial.to_uppercase(), Reason::Superseded, site.clock.now()).unwrap());
    assert!(
        !ca.revoke(&serial, Reason::KeyCompromise, site.clock.now()).unwrap(),
        "revoked before"
    );
    for unknown in ["00ff", "", "xyz", "0"] {
        let outcome = ca.revoke(unknown, Reason::Unspecified, site.clock.now());
        assert!(matches!(outcome, Err(CaError::UnknownSerial(_))), "{unknown}");
    }
    let ca = CaDirectory::open(&site.path).unwrap();
    let life = Duration::from_secs(3600);
    let read = |path: &PathBuf| Crl::from_der(&fs::read(path).unwrap()).unwrap();
    for number in 1..=2 {
        let paths = ca.crls(None, None, life, site.clock.now()).unwrap();
        let crls: Vec<Crl> = paths.iter().map(read).collect();
        let revoked: Vec<usize> = crls.iter().map(|crl| crl.revoked().len()).collect();
        assert_eq!(revoked, [0, 1, 0], "root, authentication, signing");
        for (at, crl) in crls.iter().enumerate() {
            assert_eq!(crl.number().and_then(<[u8]>::last), Some(&number));
            assert_eq!(crl.this_update(), site.clock.now());
            let life = if at == 0 { Duration::from_secs(190 * 86_400) } else { life };
            assert_eq!(crl.next_update(), site.clock.now().plus(life), "the root's key is offline");
        }
        let authority = &ca.list()[1].certificate;
        crls[1].verify(authority).unwrap();
        let entry = crls[1].find(issued[0].certificate.serial_der()).unwrap();
        assert_eq!(entry.reason, Reason::Superseded, "the first reason stands");
        let ders: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        let validate = |slot: usize| {
            let mut chain = vec![issued[slot].certificate.clone()];
            chain.extend_from_slice(&issued[slot].chain);
            let root = [ca.list()[0].certificate.clone()];
            pki::validate(&chain, &root, &ders, site.clock.now())
        };
        assert!(matches!(validate(0), Err(pki::Error::Revoked { .. })));
        assert_eq!(validate(1), Ok(()));
    }
}

#[test]
fn crls_made_at_once_have_numbers_of_their_own() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let make = || {
        for _ in 0..4 {
            ca.crls(None, None, Duration::from_secs(60), site.clock.now()).unwrap();
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(make))));
    let paths = ca.crls(None, None, Duration::from_secs(60), site.clock.now()).unwrap();
    let last = Crl::from_der(&fs::read(&paths[1]).unwrap()).unwrap();
    assert_eq!(last.number(), Some(&[17][..]));
}

#[test]
fn crls_go_where_they_are_asked_to() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let out = site.path.parent().unwrap().join("published");
    let paths = ca.crls(None, Some(&out), Duration::from_secs(60), site.clock.now()).unwrap();
    assert!(paths.iter().all(|path| path.starts_with(&out) && path.is_file()));
}

/// The issuer's CRLs as they are published now: authentication, signing.
fn published(site: &Site) -> [Crl; 2] {
    ["authentication", "signing"].map(|name| {
        let path = site.path.join(format!("crl/{name}.crl"));
        Crl::from_der(&fs::read(path).unwrap()).unwrap()
    })
}

fn number(crl: &Crl) -> u64 {
    crl.number().unwrap().iter().fold(0, |all, byte| all << 8 | u64::from(*byte))
}

const HOUR: Duration = Duration::from_secs(3600);

fn press(site: &Site, issuer: &Arc<LocalIssuer>) -> Press {
    Press {
        directory: Mutex::new(CaDirectory::open(&site.path).unwrap()),
        folder: site.path.clone(),
        seal: None,
        issuer: Arc::clone(issuer),
        out: None,
        life: HOUR * 24,
        state: Mutex::default(),
    }
}

#[test]
fn a_crl_is_made_at_half_of_the_last_ones_life_and_not_before() {
    let site = Site::new();
    let issuer = Arc::new(site.issuer(&site.init(None).unwrap()));
    let press = press(&site, &issuer);
    assert!(press.turn().unwrap().is_some(), "the first");
    assert!(press.turn().unwrap().is_none());
    site.clock.advance(HOUR * 12 - Duration::from_millis(1));
    assert!(press.turn().unwrap().is_none());
    site.clock.advance(Duration::from_millis(1));
    assert!(press.turn().unwrap().is_some());
    let [crl, _] = published(&site);
    assert_eq!((number(&crl), crl.this_update()), (2, site.clock.now()));
    assert_eq!(crl.next_update(), site.clock.now().plus(HOUR * 24));
    site.clock.set(site.clock.now().minus(Duration::from_secs(1)));
    assert!(press.turn().unwrap().is_some(), "the clock went back");
}

#[test]
fn a_revocation_is_published_at_the_next_look_whoever_made_it() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let issuer = Arc::new(site.issuer(&ca));
    let issued = issuer.issue(&order(site.clock.now())).unwrap();
    let press = press(&site, &issuer);
    press.turn().unwrap();
    let serial = |slot: usize| Serial::of(&issued[slot].certificate);
    issuer.revoke(&[serial(0)], Reason::CessationOfOperation).unwrap();
    assert!(press.turn().unwrap().is_some());
    let [crl, other] = published(&site);
    let entry = crl.find(issued[0].certificate.serial_der()).unwrap();
    assert_eq!((entry.at, entry.reason), (site.clock.now(), Reason::CessationOfOperation));
    assert_eq!(other.revoked(), []);
    // Another process: `wardcard ca crl --revoke` beside `ca serve`.
    assert!(ca.revoke(serial(1).as_str(), Reason::KeyCompromise, site.clock.now()).unwrap());
    assert!(press.turn().unwrap().is_some());
    assert!(published(&site)[1].find(issued[1].certificate.serial_der()).is_some());
    assert!(press.turn().unwrap().is_none());
}

#[test]
fn numbers_never_go_back_over_restarts() {
    let site = Site::new();
    site.init(None).unwrap();
    for expected in 1..=3 {
        let ca = CaDirectory::open(&site.path).unwrap();
        let issuer = Arc::new(site.issuer(&ca));
        press(&site, &issuer).turn().unwrap();
        assert_eq!(published(&site).map(|crl| number(&crl)), [expected; 2]);
    }
}

/// RFC 5280 section 3.3: not before it has stood on a scheduled CRL past the certificate's end.
#[test]
fn an_entry_goes_after_one_scheduled_crl_past_its_certificates_end() {
    let site = Site::new();
    let issuer = Arc::new(site.issuer(&site.init(None).unwrap()));
    let issued = issuer.issue(&order(site.clock.now())).unwrap();
    let certificate = &issued[0].certificate;
    let press = press(&site, &issuer);
    press.turn().unwrap();
    issuer.revoke(&[Serial::of(certificate)], Reason::Unspecified).unwrap();
    press.turn().unwrap();
    let stands = || published(&site)[0].find(certificate.serial_der()).is_some();
    assert!(stands());
    let schedule = |at: Time| {
        site.clock.set(at);
        assert!(press.turn().unwrap().is_some());
    };
    schedule(certificate.not_after());
    assert!(stands(), "valid in that second");
    schedule(certificate.not_after().plus(HOUR * 12));
    assert!(stands(), "the first one past its end");
    let other = issuer.issue(&order(site.clock.now())).unwrap();
    issuer.revoke(&[Serial::of(&other[1].certificate)], Reason::Unspecified).unwrap();
    schedule(site.clock.now().plus(Duration::from_secs(1)));
    assert!(!stands());
    assert!(published(&site)[1].find(other[1].certificate.serial_der()).is_some());
    let ca = CaDirectory::open(&site.path).unwrap();
    let revoked = ca.issued().unwrap().iter().filter(|one| one.revoked.is_some()).count();
    assert_eq!(revoked, 2, "what has left the CRL stays on record");
}

#[test]
fn a_publisher_works_by_itself_until_it_is_dropped() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let issuer = Arc::new(site.issuer(&ca));
    let issued = issuer.issue(&order(site.clock.now())).unwrap();
    let problem = Box::new(|error: &CaError| panic!("{error}"));
    let publisher = Publisher::start(ca, Arc::clone(&issuer), (None, HOUR), None, problem).unwrap();
    assert_eq!(published(&site).map(|crl| number(&crl)), [1, 1], "made before it returns");
    issuer.revoke(&[Serial::of(&issued[0].certificate)], Reason::Unspecified).unwrap();
    let begun = std::time::Instant::now();
    while published(&site)[0].revoked().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is not published");
        thread::sleep(Duration::from_millis(10));
    }
    drop(publisher);
}

/// The next authority for authentication.
fn renew(site: &Site) -> Result<CaDirectory, CaError> {
    let renewal = crate::issue::directory::Renewal {
        slot: pki::KeySlot::Authentication,
        name: "The next authority".to_owned(),
        key: crate::crypto::KeyKind::P256,
        years: 5,
        permitted: Vec::new(),
    };
    CaDirectory::renew(&site.path, &renewal, None, site.clock.now())
}

#[test]
fn an_authority_that_is_renewed_issues_at_once_and_the_old_one_revokes_still() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let issuer = Arc::new(site.issuer(&ca));
    let before = issuer.issue(&order(site.clock.now())).unwrap();
    let problem = Box::new(|error: &CaError| panic!("{error}"));
    let publisher = Publisher::start(ca, Arc::clone(&issuer), (None, HOUR), None, problem).unwrap();
    renew(&site).unwrap();
    let old = before[0].certificate.issuer_der().to_vec();
    let begun = std::time::Instant::now();
    let after = loop {
        let issued = issuer.issue(&order(site.clock.now())).unwrap();
        if issued[0].certificate.issuer_der() != old {
            break issued;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it is not taken up");
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(after[1].certificate.issuer_der(), before[1].certificate.issuer_der());
    let roots = issuer.roots().unwrap();
    for one in before.iter().chain(&after) {
        let mut path = vec![one.certificate.clone()];
        path.extend_from_slice(&one.chain);
        pki::validate(&path, &roots, &[], site.clock.now()).expect("the overlap");
    }
    let serials: Vec<Serial> =
        [&before[0], &after[0]].map(|one| Serial::of(&one.certificate)).to_vec();
    issuer.revoke(&serials, Reason::Unspecified).unwrap();
    let listed = |name: &str, of: &crate::issue::Issued| {
        let bytes = fs::read(site.path.join("crl").join(name)).ok()?;
        let crl = Crl::from_der(&bytes).ok()?;
        crl.find(of.certificate.serial_der()).map(drop)
    };
    let begun = std::time::Instant::now();
    while listed("authentication.crl", &before[0]).is_none()
        || listed("authentication-2.crl", &after[0]).is_none()
    {
        assert!(begun.elapsed() < Duration::from_secs(20), "they are not published");
        thread::sleep(Duration::from_millis(20));
    }
    drop(publisher);
}

#[test]
fn each_authoritys_certificates_name_its_own_crl() {
    let site = Site::new();
    site.init(None).unwrap();
    let settings = site.path.join("ca.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let own = "[profile.own]\nsubject = [\"O=nhs\", \"OU=people\", \"CN={id}\"]\nkeys = \
               [\"P-256\", \"RSA-2048\"]\nkey-usage = [\"digitalSignature\"]\n\
               crl-distribution-points = [\"http://pki.example/one.crl\"]\n";
    fs::write(site.path.join("own.toml"), own).unwrap();
    let by = |line: &str| {
        fs::write(&settings, text.replace("[profiles]\n", &format!("[profiles]\n{line}"))).unwrap();
    };
    by("file = \"own.toml\"\nauthentication = \"own\"\n");
    let refused = renew(&site).map(drop).unwrap_err();
    assert!(refused.to_string().contains("write {authority}"), "{refused}");
    assert!(!site.path.join("authentication-2.pem").exists());
    by("crl_url = \"http://pki.example/crl/\"\n");
    let names = |ca: &CaDirectory, wanted: [&str; 2]| {
        for (issued, name) in
            site.issuer(ca).issue(&order(site.clock.now())).unwrap().iter().zip(wanted)
        {
            let url = format!("http://pki.example/crl/{name}.crl");
            let der = issued.certificate.der();
            assert!(der.windows(url.len()).any(|part| part == url.as_bytes()), "{url}");
            let written = ca.crls(None, None, HOUR, site.clock.now()).unwrap();
            let file = format!("{name}.crl");
            let path = written.iter().find(|path| path.ends_with(&file)).unwrap();
            let crl = Crl::from_der(&fs::read(path).unwrap()).unwrap();
            crl.verify(&issued.chain[0]).unwrap();
        }
    };
    names(&CaDirectory::open(&site.path).unwrap(), ["authentication", "signing"]);
    names(&renew(&site).unwrap(), ["authentication-2", "signing"]);
}

#[test]
fn all_of_a_revocation_is_recorded_or_nothing() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let issuer = site.issuer(&ca);
    let ours = issuer.issue_for("uid 1", &order(site.clock.now())).unwrap();
    let serials: Vec<Serial> = ours.iter().map(|one| Serial::of(&one.certificate)).collect();
    let stranger = Serial::parse("0badcafe").unwrap();
    let revoked = || ca.issued().unwrap().iter().filter(|one| one.revoked.is_some()).count();
    for (client, serials) in
        [("uid 1", vec![serials[0].clone(), stranger]), ("uid 2", vec![serials[0].clone()])]
    {
        let outcome = issuer.revoke_for(client, &serials, Reason::Unspecified);
        assert!(matches!(outcome, Err(Error::Refused(_))), "{client}");
        assert_eq!(revoked(), 0);
    }
    let twice = [&serials[..], &serials[..]].concat();
    issuer.revoke_for("uid 1", &twice, Reason::Unspecified).unwrap();
    assert_eq!(revoked(), 2);
    let lines = || fs::read_to_string(site.path.join("revoked.jsonl")).unwrap().lines().count();
    assert_eq!(lines(), 2);
    issuer.revoke(&serials, Reason::KeyCompromise).unwrap();
    assert_eq!(lines(), 2, "revoked before");
    // After a restart, and after the certificates' end.
    drop(issuer);
    let issuer = site.issuer(&ca);
    issuer.revoke_for("uid 1", &serials, Reason::Unspecified).unwrap();
    assert_eq!(lines(), 2);
    let live = issuer.issue_for("uid 1", &order(site.clock.now())).unwrap();
    site.clock.advance(HOUR * 48);
    drop(issuer);
    let issuer = site.issuer(&ca);
    let expired = [Serial::of(&live[0].certificate)];
    issuer.revoke_for("uid 1", &expired, Reason::Unspecified).unwrap();
    assert_eq!(lines(), 2, "what has expired needs no revocation");
    assert!(issuer.revoke_for("uid 2", &expired, Reason::Unspecified).is_err());
}
