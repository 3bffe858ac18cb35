//! What shows only from inside; the rules that a caller sees are in `tests/cryptoki`.

use super::*;
use crate::{
    card::{Access, AdmitAll, Card, CardKey, CardSpec, HashPolicy, KeySlot, ShelfPolicy, Tries},
    clock::{ManualClock, Time},
    crypto::{KeyKind, PrivateKey},
    pkcs11::{Answer, Attribute, Cryptoki, Mechanism, ObjectHandle, Parameter, Query, Room},
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

/// A module of its own for a card, as each connection of a user has.
fn connected(budget: &Arc<Budget>) -> Module {
    let module = Module::new(tray_with_card(), Caller::default(), Arc::new(AdmitAll));
    let module = module.with_budget(Arc::clone(budget));
    module.initialize().unwrap();
    module
}

fn secret_key(module: &Module, session: SessionHandle) -> ObjectHandle {
    let template = [
        Attribute::number(CKA_CLASS, CKO_SECRET_KEY),
        Attribute::number(CKA_KEY_TYPE, CKK_AES),
        Attribute::bytes(CKA_VALUE, [7; 16]),
        Attribute::flag(CKA_ENCRYPT, true),
        Attribute::flag(CKA_DECRYPT, true),
    ];
    module.create_object(session, &template).unwrap()
}

const READ_WRITE: u64 = CKF_SERIAL_SESSION | CKF_RW_SESSION;

#[test]
fn what_is_kept_for_a_users_messages_is_bounded_over_all_connections() {
    let budget = Budget::new(1 << 20, 1);
    let (one, two) = (connected(&budget), connected(&budget));
    let begin = |module: &Module| {
        let session = module.open_session(0, READ_WRITE).unwrap();
        let key = secret_key(module, session);
        let parameter = Parameter::Gcm { iv: vec![1; 12], aad: Vec::new(), tag_bits: 128 };
        let gcm = Mechanism { kind: CKM_AES_GCM, parameter };
        module.decrypt_init(session, &gcm, key).unwrap();
        session
    };
    let (first, second) = (begin(&one), begin(&two));
    let part = vec![0; 300 << 10];
    let more =
        |module: &Module, session| module.decrypt_update(session, &part, Room::Bytes(0)).map(drop);
    more(&one, first).unwrap();
    more(&one, first).unwrap();
    more(&two, second).unwrap();
    assert_eq!(more(&two, second), Err(CKR_DEVICE_MEMORY));
    assert_eq!(more(&two, second), Err(CKR_OPERATION_NOT_INITIALIZED), "an error has ended it");
    more(&one, first).unwrap();
    // Messages that are kept whole take theirs at once.
    let wrapping = Mechanism::plain(CKM_AES_KEY_WRAP);
    let mut sessions = Vec::new();
    let outcome = loop {
        let outcome = two.open_session(0, READ_WRITE).and_then(|session| {
            sessions.push(session);
            let key = secret_key(&two, session);
            two.encrypt_init(session, &wrapping, key)
        });
        if outcome.is_err() || sessions.len() > 64 {
            break outcome;
        }
    };
    assert_eq!((outcome, sessions.len()), (Err(CKR_DEVICE_MEMORY), 1));
    // Who is bounded signs on with what it has, and all of it comes back.
    assert!(one.session_info(first).is_ok());
    one.finalize().unwrap();
    two.finalize().unwrap();
    drop((one, two));
    assert_eq!(budget.used(), 0);
}

#[test]
fn sessions_and_objects_count_against_a_users_budget_and_come_back() {
    let budget = Budget::new(256 << 10, 1);
    let module = connected(&budget);
    let session = module.open_session(0, READ_WRITE).unwrap();
    let empty = budget.used();
    let datum = |length: usize| {
        let class = Attribute::number(CKA_CLASS, CKO_DATA);
        module.create_object(session, &[class, Attribute::bytes(CKA_VALUE, vec![1; length])])
    };
    let three = [(); 3].map(|()| datum(63_000).unwrap());
    assert_eq!(datum(63_000), Err(CKR_DEVICE_MEMORY));
    let longer = |object, length| {
        let value = Attribute::bytes(CKA_VALUE, vec![2; length]);
        module.set_attribute_value(session, object, &[value])
    };
    longer(three[0], 65_000).unwrap();
    module.destroy_object(session, three[1]).unwrap();
    longer(three[0], 100).unwrap();
    datum(63_000).unwrap();
    let other = connected(&budget);
    let opened = (0..64).take_while(|_| other.open_session(0, READ_WRITE).is_ok()).count();
    assert!((1..16).contains(&opened), "{opened}");
    other.close_all_sessions(0).unwrap();
    module.destroy_object(session, three[0]).unwrap();
    module.destroy_object(session, three[2]).unwrap();
    let rest = budget.used();
    assert!(rest > empty, "one object is left");
    module.close_session(session).unwrap();
    assert!(budget.used() < empty, "{}", budget.used());
}

#[test]
fn values_that_are_asked_for_again_and_again_are_answered_up_to_a_bound() {
    let module = connected(&Budget::unbounded());
    let session = module.open_session(0, READ_WRITE).unwrap();
    let class = Attribute::number(CKA_CLASS, CKO_DATA);
    let value = Attribute::bytes(CKA_VALUE, vec![1; 1 << 16]);
    let object = module.create_object(session, &[class, value]).unwrap();
    let asked = |count: usize| {
        let query = Query { kind: CKA_VALUE, room: Some(1 << 16) };
        module.attribute_value(session, object, &vec![query; count]).unwrap()
    };
    assert_eq!(asked(16).code, None);
    let more = asked(17);
    assert_eq!(more.code, Some(CKR_DEVICE_MEMORY));
    let bytes = |answer: &Answer| match answer {
        Answer::Value(value) => value.len(),
        _ => 0,
    };
    assert_eq!(more.answers.iter().map(bytes).sum::<usize>(), 1 << 20);
    let lengths = vec![Query { kind: CKA_VALUE, room: None }; 4096];
    assert_eq!(module.attribute_value(session, object, &lengths).unwrap().code, None);
}
