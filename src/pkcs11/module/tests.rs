//! What shows only from inside; the rules that a caller sees are in `tests/cryptoki`.

use super::*;
use crate::{
    card::{Access, AdmitAll, Card, CardKey, CardSpec, HashPolicy, KeySlot, Tries},
    clock::{ManualClock, Time},
    crypto::{KeyKind, PrivateKey},
    pkcs11::Cryptoki,
    pki::{Authority, Profile, UserId, Validity},
    store::MemoryStore,
};
use std::time::Duration;

fn tray_with_card() -> Arc<Tray> {
    let now = Time::parse_rfc3339("2026-11-01T09:00:00Z").unwrap();
    let validity = Validity { not_before: now, not_after: now.plus(Duration::from_secs(86_400)) };
    let person = UserId::parse("555000000001").unwrap();
    let key = || PrivateKey::generate(KeyKind::P256).unwrap();
    let root = Authority::root(key(), "NHS Root Authority Test", validity).unwrap();
    let key = key();
    let profile = Profile::cis1_authentication();
    let certificate = root
        .issuing(PrivateKey::generate(KeyKind::P256).unwrap(), "Test", validity)
        .unwrap()
        .issue(&profile, &person, key.public(), validity)
        .unwrap();
    let slot = KeySlot::Authentication;
    let tries = Tries::new(Arc::new(MemoryStore::new()), &person, 3);
    let spec = CardSpec {
        person,
        keys: vec![CardKey { slot, key, certificate, chain: vec![] }],
        access: Access::SignIn,
        expires: validity.not_after,
        hashes: HashPolicy::cis1(),
    };
    let tray = Tray::new(1);
    tray.insert(0, Card::new(spec, tries, Arc::new(ManualClock::new(now))).unwrap());
    tray
}

#[test]
fn rule_15_objects_are_read_when_first_asked_for() {
    let module = Module::new(tray_with_card(), Caller::default(), Arc::new(AdmitAll));
    module.initialize().unwrap();
    module.token_info(0).unwrap();
    let session = module.open_session(0, CKF_SERIAL_SESSION).unwrap();
    let token = module.token(0).unwrap();
    assert!(!token.has_read_objects());
    module.find_objects_init(session, &[]).unwrap();
    assert!(token.has_read_objects());
}

#[test]
fn sessions_of_one_connection_are_bounded() {
    let module = Module::new(tray_with_card(), Caller::default(), Arc::new(AdmitAll));
    module.initialize().unwrap();
    for _ in 0..SESSIONS {
        module.open_session(0, CKF_SERIAL_SESSION).unwrap();
    }
    assert_eq!(module.open_session(0, CKF_SERIAL_SESSION), Err(CKR_SESSION_COUNT));
    module.close_all_sessions(0).unwrap();
    assert_eq!(module.token_info(0).unwrap().sessions, 0);
    assert!(module.open_session(0, CKF_SERIAL_SESSION).is_ok());
}
