//! What shows only from inside; the rules that a caller sees are in `tests/cryptoki`.

use super::*;
use crate::{
    card::{Access, AdmitAll, Card, CardKey, CardSpec, HashPolicy, KeySlot, ShelfPolicy, Tries},
    clock::{ManualClock, Time},
    crypto::{KeyKind, PrivateKey},
    pkcs11::{Attribute, Cryptoki},
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
fn rule_15_of_an_enrolled_card_no_object_is_read_but_those_asked_for() {
    let policy = ShelfPolicy { blank: true, hashes: HashPolicy::cis1(), ..ShelfPolicy::default() };
    let store = Arc::new(MemoryStore::new());
    let connect = || {
        let shelf = Shelf::new(store.clone(), policy.clone()).unwrap();
        let module = Module::new(Tray::new(0), Caller::default(), Arc::new(AdmitAll));
        let module = module.with_shelf(Arc::new(shelf));
        module.initialize().unwrap();
        module
    };
    let datum = |id: u8| {
        [
            Attribute::number(CKA_CLASS, CKO_CERTIFICATE),
            Attribute::number(CKA_CERTIFICATE_TYPE, CKC_X_509),
            Attribute::flag(CKA_TOKEN, true),
            Attribute::bytes(CKA_SUBJECT, b"s"),
            Attribute::bytes(CKA_VALUE, b"v"),
            Attribute::bytes(CKA_ID, [id]),
        ]
    };
    let module = connect();
    module.init_token(0, Some(b"123456"), &[b'x'; 32]).unwrap();
    let session = module.open_session(0, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
    for id in 0..50 {
        module.create_object(session, &datum(id)).unwrap();
    }
    let module = connect();
    module.slot_list(true).unwrap();
    module.token_info(0).unwrap();
    let session = module.open_session(0, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
    let token = module.token(0).unwrap();
    let Body::Enrolled(shelved) = &token.body else { panic!("a derived card") };
    let find = |template: &[Attribute]| {
        module.find_objects_init(session, template).unwrap();
        let found = module.find_objects(session, 100).unwrap();
        module.find_objects_final(session).unwrap();
        found
    };
    assert_eq!(shelved.objects_read(), 0);
    assert_eq!(find(&datum(7)[5..]).len(), 1);
    assert_eq!(shelved.objects_read(), 1, "the one that was asked for");
    let all = find(&[]);
    assert_eq!(all.len(), 54, "and four profiles");
    assert_eq!(shelved.objects_read(), 50);
    // A change by somebody else makes what was read worthless.
    let other = connect();
    let theirs = other.open_session(0, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
    other.create_object(theirs, &datum(7)).unwrap();
    assert_eq!(find(&datum(7)[5..]).len(), 2);
    assert_eq!(shelved.objects_read(), 2);
    assert_eq!(find(&[])[..50], all[..50], "the same objects have the same handles");
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
