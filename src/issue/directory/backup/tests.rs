//! An authority that is kept, lost and brought back.

use super::*;
use crate::{
    crypto::KeyKind,
    issue::{
        Issuer, Serial,
        directory::{Renewal, tests::Site},
        tests::order,
    },
    pki::{self, Crl, KeySlot, Reason},
};
use std::time::Duration;

fn secret(text: &str) -> Secret {
    Secret::copied_from(text.as_bytes())
}

fn clock(site: &Site) -> Arc<dyn Clock> {
    site.clock.clone()
}

const HOUR: Duration = Duration::from_secs(3600);

fn number(path: &Path) -> u64 {
    let crl = Crl::from_der(&fs::read(path).unwrap()).unwrap();
    crl.number().unwrap().iter().fold(0, |all, byte| all << 8 | u64::from(*byte))
}

#[test]
fn a_restored_authority_goes_on_where_the_lost_one_was() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let issuer = site.issuer(&ca);
    let issued = issuer.issue(&order(site.clock.now())).unwrap();
    let file = site.path.with_extension("backup");
    let passphrase = secret("a backup's passphrase");
    // While it is in use.
    let count = ca.backup(&file, &passphrase, false, site.clock.now()).unwrap();
    assert_eq!(count, 8, "settings, 3 certificates, 2 keys and what seals them, the record");
    assert!(matches!(
        ca.backup(&file, &passphrase, false, site.clock.now()),
        Err(CaError::Exists(_))
    ));
    let before = ca.crls(None, None, HOUR, site.clock.now()).unwrap();
    let last = number(&before[1]);
    drop(issuer);

    let place = site.path.with_extension("restored");
    assert!(CaDirectory::restore(&file, &site.path, &passphrase, None, &clock(&site)).is_err());
    let wrong = secret("another passphrase");
    let refused = CaDirectory::restore(&file, &place, &wrong, None, &clock(&site));
    assert!(matches!(refused, Err(CaError::Unseal(_))));
    assert!(!place.exists());
    let restored = CaDirectory::restore(&file, &place, &passphrase, None, &clock(&site)).unwrap();
    assert_eq!(restored.issued().unwrap().len(), 2);
    assert!(!place.join("root/root.key").exists());
    let issuer = restored.issuer(None, clock(&site)).unwrap();
    issuer.revoke(&[Serial::of(&issued[0].certificate)], Reason::KeyCompromise).unwrap();
    assert_eq!(issuer.issue(&order(site.clock.now())).unwrap().len(), 2);
    let after = restored.crls(None, None, HOUR, site.clock.now()).unwrap();
    assert!(number(&after[0]) > last, "numbers never go back");
    let mode = |name: &str| {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(place.join(name)).unwrap().mode() & 0o777
    };
    assert_eq!(
        (mode("."), mode("seal.key"), mode("log"), mode("root.pem")),
        (0o700, 0o600, 0o700, 0o644)
    );
}

#[test]
fn the_roots_key_is_in_a_backup_only_if_it_was_asked_for() {
    let site = Site::new();
    let ca = site.init(Some(&secret("the keys' passphrase"))).unwrap();
    let passphrase = secret("a backup's passphrase");
    let (file, place) = (site.path.with_extension("backup"), site.path.with_extension("restored"));
    assert!(matches!(
        ca.backup(&file, &secret("too short"), true, site.clock.now()),
        Err(CaError::PassphraseShort)
    ));
    ca.backup(&file, &passphrase, true, site.clock.now()).unwrap();
    let restore = |of_keys: &str| {
        CaDirectory::restore(&file, &place, &passphrase, Some(&secret(of_keys)), &clock(&site))
    };
    assert!(matches!(restore("not the keys' passphrase"), Err(CaError::Unseal(_))));
    assert!(!place.exists());
    restore("the keys' passphrase").unwrap();
    assert!(place.join("root/root.key").exists());
}

#[test]
fn no_altered_byte_of_a_backup_is_believed() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let file = site.path.with_extension("backup");
    let passphrase = secret("a backup's passphrase");
    ca.backup(&file, &passphrase, false, site.clock.now()).unwrap();
    let good = fs::read(&file).unwrap();
    let header = MAGIC.len() + 16 + 8;
    for place in [0, MAGIC.len(), header - 1, header, header + 20, good.len() - 1] {
        let mut bad = good.clone();
        bad[place] ^= 1;
        files::write(&file, &bad, 0o600).unwrap();
        assert!(open(&file, &passphrase).is_err(), "{place}");
    }
    for length in [0, MAGIC.len(), header, header + 12, good.len() - 1] {
        files::write(&file, &good[..length], 0o600).unwrap();
        assert!(open(&file, &passphrase).is_err(), "{length}");
    }
}

#[test]
fn what_is_remembered_of_the_record_is_read_before_the_record() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    site.issuer(&ca).issue(&order(site.clock.now())).unwrap();
    let mut kept = Vec::new();
    collect(&site.path, Path::new(""), false, &mut kept).unwrap();
    assert_eq!(kept[0].path, "log.head");
}

#[test]
fn keys_under_a_passphrase_are_restored_without_it() {
    let site = Site::new();
    let of_keys = secret("a passphrase of keys");
    let ca = site.init(Some(&of_keys)).unwrap();
    let (file, passphrase) = (site.path.with_extension("backup"), secret("that of a backup"));
    ca.backup(&file, &passphrase, false, site.clock.now()).unwrap();
    let restore = |name: &str, of_keys: Option<&Secret>| {
        let place = site.path.with_extension(name);
        CaDirectory::restore(&file, &place, &passphrase, of_keys, &clock(&site))
    };
    assert!(restore("one", None).unwrap().issuer(Some(&of_keys), clock(&site)).is_ok());
    assert!(restore("two", Some(&of_keys)).is_ok());
    assert!(matches!(restore("three", Some(&passphrase)), Err(CaError::Unseal(_))));
}

#[test]
fn paths_of_a_backup_stay_inside() {
    for bad in ["", "/etc/passwd", "../x", "log/../../x", "a/b/c", "./x"] {
        assert_eq!(inside(bad), None, "{bad}");
    }
    assert_eq!(inside("log/audit.jsonl"), Some("log/audit.jsonl".into()));
}

#[test]
fn a_new_authority_issues_beside_the_old_one_which_revokes_still() {
    let site = Site::new();
    let ca = site.init(None).unwrap();
    let old = site.issuer(&ca).issue(&order(site.clock.now())).unwrap();
    let renewal = Renewal {
        slot: KeySlot::Authentication,
        name: "Wardcard Authentication G2".to_owned(),
        key: KeyKind::P256,
        years: 50,
        permitted: vec![vec!["O=nhs".to_owned(), "OU=people".to_owned()]],
    };
    let ca = CaDirectory::renew(&site.path, &renewal, None, site.clock.now()).unwrap();
    let names: Vec<String> = ca.list().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["root", "authentication", "authentication-2", "signing"]);
    let issuer = site.issuer(&ca);
    let new = issuer.issue(&order(site.clock.now())).unwrap();
    assert_ne!(new[0].chain[0], old[0].chain[0]);
    assert_eq!(new[1].chain[0], old[1].chain[0]);
    issuer
        .revoke(
            &[Serial::of(&old[0].certificate), Serial::of(&new[1].certificate)],
            Reason::Superseded,
        )
        .unwrap();
    let crls: Vec<Vec<u8>> = ca
        .crls(None, None, HOUR, site.clock.now())
        .unwrap()
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    let root = [ca.list()[0].certificate.clone()];
    let validate = |one: &crate::issue::Issued| {
        let chain = [&[one.certificate.clone()][..], &one.chain].concat();
        pki::validate(&chain, &root, &crls, site.clock.now())
    };
    assert_eq!(validate(&new[0]), Ok(()));
    assert_eq!(validate(&old[1]), Ok(()));
    for revoked in [&old[0], &new[1]] {
        assert!(matches!(validate(revoked), Err(pki::Error::Revoked { .. })));
    }
    drop(issuer);
    // The last of its certificates has ended: its key goes.
    fs::remove_file(site.path.join("authentication.key")).unwrap();
    let issuer = site.issuer(&CaDirectory::open(&site.path).unwrap());
    assert!(issuer.issue(&order(site.clock.now())).is_ok());
    drop(issuer);
    // That of the one that issues now is missed: the old one does not take its place again.
    let (newest, aside) = (site.path.join("authentication-2.key"), site.path.join("aside"));
    fs::rename(&newest, &aside).unwrap();
    let open = || ca.issuer(None, Arc::clone(&site.clock) as Arc<dyn Clock>);
    assert!(matches!(open(), Err(CaError::Missing(path)) if path == newest));
    fs::rename(&aside, &newest).unwrap();
    let ca = CaDirectory::renew(&site.path, &renewal, None, site.clock.now()).unwrap();
    assert!(ca.list().iter().any(|one| one.name == "authentication-3"));
    fs::remove_file(site.path.join("root/root.key")).unwrap();
    assert!(CaDirectory::renew(&site.path, &renewal, None, site.clock.now()).is_err());
}
