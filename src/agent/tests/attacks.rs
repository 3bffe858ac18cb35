//! What a hostile or careless program, or a host, might try.

use super::*;
use crate::pkcs11::ck::{CKF_DECRYPT, CKF_SIGN, CKM_RSA_PKCS, CKR_OPERATION_NOT_INITIALIZED};

#[test]
fn a_personal_card_is_shown_whatever_session_the_host_names() {
    let bench = Bench::new(|config| config.mode = Mode::Personal);
    let seat = Seat { uid: own(), logon: Some("c9".to_owned()) };
    let card = bench.sign_in_at(seat, PERSON, given());
    assert_eq!(card.seat, Seat::user(own()));
    assert!(present(&bench.application()));
}

/// A bad argument that the module sees itself ends the operation at the agent (rule 2), and does
/// not cost a use of the key.
#[test]
fn an_operation_is_cancelled_over_the_wire_without_a_use_of_the_key() {
    let bench = Bench::new(|_| {});
    bench.sign_in();
    let application = bench.application();
    let session = application.open_session(0, CKF_SERIAL_SESSION).expect("session");
    application.login(session, CKU_USER, Some(PASSCODE)).expect("right");
    let private = CKO_PRIVATE_KEY.to_le_bytes().to_vec();
    let template = [Attribute { kind: CKA_CLASS, value: private }];
    application.find_objects_init(session, &template).expect("begins");
    let key = *application.find_objects(session, 1).expect("found").first().expect("a key");
    let room = Room::Bytes(1024);
    for kind in [CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS] {
        let mechanism = Mechanism { kind, parameter: Parameter::None };
        application.sign_init(session, &mechanism, key).expect("begins");
        application.session_cancel(session, CKF_SIGN).expect("ends");
        let after = application.sign(session, b"message", room);
        assert_eq!(after, Err(CKR_OPERATION_NOT_INITIALIZED), "{kind:x}");
        application.sign_init(session, &mechanism, key).expect("the next begins");
        application.session_cancel(session, CKF_SIGN | CKF_DECRYPT).expect("ends");
    }
    let mechanism = Mechanism { kind: CKM_RSA_PKCS, parameter: Parameter::None };
    application.decrypt_init(session, &mechanism, key).expect("begins");
    application.session_cancel(session, CKF_DECRYPT).expect("ends");
    let after = application.decrypt(session, &[1; 256], room);
    assert_eq!(after, Err(CKR_OPERATION_NOT_INITIALIZED));
    assert!(!bench.events().iter().any(|event| event == "use"));
}

#[test]
fn a_document_larger_than_a_frame_is_signed_in_one_call() {
    let bench = Bench::new(|_| {});
    let card = bench.sign_in();
    let application = bench.application();
    sign(&application, Some(PASSCODE)).expect("logged in");
    let session = application.open_session(0, CKF_SERIAL_SESSION).expect("session");
    let private = CKO_PRIVATE_KEY.to_le_bytes().to_vec();
    let template = [Attribute { kind: CKA_CLASS, value: private }];
    application.find_objects_init(session, &template).expect("begins");
    let key = *application.find_objects(session, 1).expect("found").first().expect("a key");
    let mechanism = Mechanism { kind: CKM_SHA256_RSA_PKCS, parameter: Parameter::None };
    application.sign_init(session, &mechanism, key).expect("begins");
    let document: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let small = application.sign(session, &document, Room::Bytes(1));
    assert_eq!(small, Ok(Filled::TooSmall(256)), "and the operation goes on");
    let signed = application.sign(session, &document, Room::Bytes(256)).expect("signed");
    let Filled::Bytes(signature) = signed else { panic!("{signed:?}") };
    let chain = bench.agent().certificates(card.id, KeySlot::Authentication).expect("there");
    let digest = crate::crypto::digest(Hash::Sha256, &document);
    let verified = chain[0].public_key().verify(Scheme::Pkcs1(Hash::Sha256), &digest, &signature);
    verified.expect("verifies");
}

#[test]
fn a_card_that_the_gate_does_not_know_is_used_by_nobody_unlisted() {
    let bench = Bench::new(|_| {});
    let card = bench.sign_in();
    bench.agent().core.gate.forget(card.id);
    assert_eq!(sign(&bench.application(), Some(PASSCODE)), Err(CKR_FUNCTION_REJECTED));
    assert!(bench.events().contains(&"use-refused".to_owned()));
}

#[test]
fn what_is_refused_without_a_look_does_not_fill_the_log() {
    let bench = Bench::new(|_| {});
    bench.sign_in();
    let application = bench.application();
    for _ in 0..40 {
        let _ = sign(&application, Some(b"000000"));
    }
    let times = |event: &str| bench.events().iter().filter(|one| *one == event).count();
    assert_eq!((times("passcode-incorrect"), times("passcode-blocked")), (3, 10));
    bench.sign_in_at(Seat::user(own()), PERSON, PasscodeSource::SignIn);
    for _ in 0..40 {
        assert_eq!(sign(&bench.application(), None), Err(CKR_FUNCTION_REJECTED));
    }
    assert_eq!(times("use-refused"), 10);
}

#[test]
fn a_start_after_an_agent_that_was_killed_is_marked_and_one_after_a_stop_is_not() {
    let mut bench = Bench::new(|_| {});
    bench.sign_in();
    bench.start();
    assert!(!bench.log().contains("unstopped"));
    bench.agent = None;
    let folder = bench.folder.path().join("state/audit");
    let clock: Arc<dyn Clock> = bench.clock.clone();
    let killed =
        audit::Log::open(&folder, 1 << 20, audit::AfterLoss::Refuse, None, clock, Box::new(|| {}));
    killed.unwrap().append(&audit::Entry::new("card-issued")).unwrap();
    bench.start();
    bench.start();
    let starts: Vec<String> = bench
        .log()
        .lines()
        .filter(|line| line.contains("\"event\":\"agent-started\""))
        .map(str::to_owned)
        .collect();
    let marked: Vec<bool> = starts.iter().map(|line| line.contains("\"unstopped\":true")).collect();
    assert_eq!(marked, [false, false, true, false]);
    let report = audit::verify::files(&[folder.join(audit::FILE)], None).unwrap();
    assert_eq!(report.unstopped, 1);
}

#[test]
fn a_card_that_another_pushed_out_of_its_session_was_replaced_and_did_not_expire() {
    let bench = Bench::new(|config| config.policy.cards_per_person = 9);
    let session = Seat { uid: User::from(4242), logon: Some("c1".to_owned()) };
    let module = bench.agent().cryptoki(&session).expect("module");
    module.initialize().expect("initialised");
    bench.sign_in_at(session, PERSON, given());
    bench.sign_in_at(Seat::user(4242), "555000000002", given());
    bench.agent().reap();
    let log = bench.log();
    assert!(log.contains("\"reason\":\"replaced\"") && !log.contains("\"reason\":\"expired\""));
}
