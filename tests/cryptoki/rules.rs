//! The rules of Cryptoki that others get wrong, each by its number; those about pointers are in
//! `c_face`, those about the inside of the module beside it.

use crate::cards::*;
use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use wardcard::{
    card::{Access, KeyRef, KeySlot, Outcome, Refusal},
    crypto::KeyKind,
    pkcs11::{Attribute, Cryptoki, Filled, Mechanism, Parameter, Room, Rv, ck::*},
};

fn plain(kind: u64) -> Mechanism {
    Mechanism::plain(kind)
}

#[test]
fn rule_01_a_short_buffer_is_told_the_length_and_the_operation_lives_on() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (key, _) = private_keys(&*module, session);
    module.sign_init(session, &plain(CKM_SHA256_RSA_PKCS), key).unwrap();
    assert_eq!(module.sign(session, b"x", Room::Query), Ok(Filled::Length(256)));
    assert_eq!(module.sign(session, b"x", Room::Bytes(255)), Ok(Filled::TooSmall(256)));
    assert_eq!(module.sign(session, b"x", Room::Bytes(0)), Ok(Filled::TooSmall(256)));
    let once = bytes(module.sign(session, b"x", Room::Bytes(256)).unwrap());

    module.sign_init(session, &plain(CKM_SHA256_RSA_PKCS), key).unwrap();
    module.sign_update(session, b"x").unwrap();
    assert_eq!(module.sign_final(session, Room::Query), Ok(Filled::Length(256)));
    assert_eq!(module.sign_final(session, Room::Bytes(9)), Ok(Filled::TooSmall(256)));
    assert_eq!(module.sign_final(session, Room::Bytes(256)), Ok(Filled::Bytes(once)));

    module.digest_init(session, &plain(CKM_SHA256)).unwrap();
    assert_eq!(module.digest(session, b"x", Room::Bytes(31)), Ok(Filled::TooSmall(32)));
    assert_eq!(module.digest(session, b"x", Room::Query), Ok(Filled::Length(32)));
    assert_eq!(bytes(module.digest(session, b"x", Room::Bytes(32)).unwrap()).len(), 32);
}

#[test]
fn rule_01_a_decryption_into_a_short_buffer_is_done_once() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (key, _) = private_keys(&*module, session);
    let public = public_of(&*module, session, key);
    module.encrypt_init(session, &plain(CKM_RSA_PKCS), public).unwrap();
    assert_eq!(module.encrypt(session, b"ten bytes!", Room::Bytes(9)), Ok(Filled::TooSmall(256)));
    let sealed = bytes(module.encrypt(session, b"ten bytes!", Room::Bytes(256)).unwrap());

    module.decrypt_init(session, &plain(CKM_RSA_PKCS), key).unwrap();
    assert_eq!(module.decrypt(session, &sealed, Room::Query), Ok(Filled::Length(245)));
    assert_eq!(module.decrypt(session, &sealed, Room::Bytes(9)), Ok(Filled::TooSmall(10)));
    let opened = bytes(module.decrypt(session, &sealed, Room::Bytes(10)).unwrap());
    assert_eq!(opened, b"ten bytes!");
    assert_eq!(
        *desk.gate.uses.lock().unwrap(),
        [(KeyRef::Slot(KeySlot::Authentication), Some(Outcome::Done))]
    );

    // In pieces, likewise.
    module.decrypt_init(session, &plain(CKM_RSA_PKCS), key).unwrap();
    for part in sealed.chunks(100) {
        let nothing = module.decrypt_update(session, part, Room::Bytes(0));
        assert_eq!(nothing, Ok(Filled::Bytes(Vec::new())));
    }
    assert_eq!(module.decrypt_final(session, Room::Bytes(9)), Ok(Filled::TooSmall(10)));
    assert_eq!(module.decrypt_final(session, Room::Bytes(10)), Ok(Filled::Bytes(opened)));
}

#[test]
fn rule_02_an_operation_ends_with_its_result_and_with_any_error() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (key, _) = private_keys(&*module, session);
    let gone = Err(CKR_OPERATION_NOT_INITIALIZED);

    sign(&*module, session, CKM_SHA256_RSA_PKCS, key, b"x").unwrap();
    assert_eq!(module.sign(session, b"x", Room::Bytes(256)), gone);
    assert_eq!(module.sign(session, b"x", Room::Query), gone);

    // Too long a block.
    assert_eq!(sign(&*module, session, CKM_RSA_PKCS, key, &[1; 246]), Err(CKR_DATA_LEN_RANGE));
    assert_eq!(module.sign(session, b"x", Room::Bytes(256)), gone);
    // In pieces.
    module.sign_init(session, &plain(CKM_RSA_PKCS), key).unwrap();
    module.sign_update(session, &[1; 245]).unwrap();
    assert_eq!(module.sign_update(session, &[1]), Err(CKR_DATA_LEN_RANGE));
    assert_eq!(module.sign_final(session, Room::Bytes(256)), gone);
    // One piece after several.
    module.sign_init(session, &plain(CKM_SHA256_RSA_PKCS), key).unwrap();
    module.sign_update(session, b"x").unwrap();
    assert_eq!(module.sign(session, b"y", Room::Bytes(256)), Err(CKR_OPERATION_ACTIVE));
    assert_eq!(module.sign_final(session, Room::Bytes(256)), gone);
    // The gate's no.
    *desk.gate.refusal.lock().unwrap() = Some(Refusal::Consent);
    assert_eq!(sign(&*module, session, CKM_SHA256_RSA_PKCS, key, b"x"), Err(CKR_FUNCTION_REJECTED));
    assert_eq!(module.sign(session, b"x", Room::Bytes(256)), gone);
    // A second beginning is refused and leaves the first.
    module.digest_init(session, &plain(CKM_SHA256)).unwrap();
    assert_eq!(module.digest_init(session, &plain(CKM_SHA256)), Err(CKR_OPERATION_ACTIVE));
    assert!(module.digest(session, b"x", Room::Bytes(32)).is_ok());
    assert_eq!(module.digest(session, b"x", Room::Bytes(32)), gone);
    // A wrong signature.
    let public = public_of(&*module, session, key);
    module.verify_init(session, &plain(CKM_SHA256_RSA_PKCS), public).unwrap();
    assert_eq!(module.verify(session, b"x", &[0; 256]), Err(CKR_SIGNATURE_INVALID));
    assert_eq!(module.verify(session, b"x", &[0; 256]), Err(CKR_OPERATION_NOT_INITIALIZED));
}

#[test]
fn rule_04_mechanism_and_key_are_checked_at_init() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (key, commitment) = private_keys(&*module, session);
    let public = public_of(&*module, session, key);
    let certificate = find(&*module, session, &[of_class(CKO_CERTIFICATE)])[0];
    let init = |mechanism, key| module.sign_init(session, &plain(mechanism), key);
    assert_eq!(init(CKM_ECDSA, key), Err(CKR_KEY_TYPE_INCONSISTENT));
    assert_eq!(init(CKM_SHA256, key), Err(CKR_MECHANISM_INVALID));
    assert_eq!(init(0x8000_1234, key), Err(CKR_MECHANISM_INVALID));
    assert_eq!(init(CKM_RSA_PKCS, 9999), Err(CKR_KEY_HANDLE_INVALID));
    assert_eq!(init(CKM_RSA_PKCS, certificate), Err(CKR_KEY_HANDLE_INVALID));
    assert_eq!(init(CKM_RSA_PKCS, public), Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
    assert_eq!(init(CKM_RSA_PKCS_PSS, key), Err(CKR_MECHANISM_PARAM_INVALID));
    let surplus = Mechanism { kind: CKM_RSA_PKCS, parameter: Parameter::Bytes(vec![0]) };
    assert_eq!(module.sign_init(session, &surplus, key), Err(CKR_MECHANISM_PARAM_INVALID));
    assert_eq!(
        module.decrypt_init(session, &plain(CKM_RSA_PKCS), commitment),
        Err(CKR_KEY_FUNCTION_NOT_PERMITTED)
    );
    assert_eq!(
        module.decrypt_init(session, &plain(CKM_SHA256_RSA_PKCS), key),
        Err(CKR_MECHANISM_INVALID)
    );
    // None of these began anything.
    assert_eq!(module.sign(session, b"", Room::Query), Err(CKR_OPERATION_NOT_INITIALIZED));
}

#[test]
fn rule_04_attributes_change_all_or_not_at_all() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (key, _) = private_keys(&*module, session);
    let before = attribute(&*module, session, key, CKA_LABEL);
    let change = [Attribute::bytes(CKA_LABEL, b"new"), Attribute::flag(CKA_EXTRACTABLE, true)];
    assert_eq!(module.set_attribute_value(session, key, &change), Err(CKR_ACTION_PROHIBITED));
    assert_eq!(attribute(&*module, session, key, CKA_LABEL), before);
    assert_eq!(module.destroy_object(session, key), Err(CKR_ACTION_PROHIBITED));
    let read_only = module.open_session(0, CKF_SERIAL_SESSION).unwrap();
    assert_eq!(module.destroy_object(read_only, key), Err(CKR_SESSION_READ_ONLY));
}

#[test]
fn rule_07_finalize_ends_waiters_and_leaves_workers_their_answer() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (key, _) = private_keys(&*module, session);
    let (tell, told) = mpsc::channel();
    for _ in 0..3 {
        let (module, tell) = (Arc::clone(&module), tell.clone());
        thread::spawn(move || tell.send(module.wait_for_slot_event(true)).unwrap());
    }
    let worker = {
        let module = Arc::clone(&module);
        thread::spawn(move || {
            loop {
                match sign(&*module, session, CKM_SHA256_RSA_PKCS, key, b"x") {
                    Ok(signature) => assert_eq!(signature.len(), 256),
                    Err(rv) => return rv,
                }
            }
        })
    };
    thread::sleep(Duration::from_millis(50));
    module.finalize().unwrap();
    for _ in 0..3 {
        let answer = told.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(answer, Err(CKR_CRYPTOKI_NOT_INITIALIZED));
    }
    // In the middle of a signature its session's login is gone; before it, all is.
    let end = worker.join().unwrap();
    assert!(
        [
            CKR_CRYPTOKI_NOT_INITIALIZED,
            CKR_USER_NOT_LOGGED_IN,
            CKR_KEY_HANDLE_INVALID,
            CKR_SESSION_HANDLE_INVALID
        ]
        .contains(&end),
        "{end:?}"
    );
    assert_eq!(module.info(), Err(CKR_CRYPTOKI_NOT_INITIALIZED));
    assert_eq!(module.finalize(), Err(CKR_CRYPTOKI_NOT_INITIALIZED));
    module.initialize().unwrap();
    assert_eq!(module.initialize(), Err(CKR_CRYPTOKI_ALREADY_INITIALIZED));
    assert_eq!(module.session_info(session), Err(CKR_SESSION_HANDLE_INVALID), "never reused");
    assert_ne!(open(&*module), session);
}

#[test]
fn rule_08_closing_one_session_leaves_the_others_and_their_login() {
    let desk = Desk::with_card();
    let (module, kept) = desk.signed_in();
    let (key, _) = private_keys(&*module, kept);
    let stop = Arc::new(AtomicBool::new(false));
    let churners: Vec<_> = (0..3)
        .map(|_| {
            let (module, stop) = (Arc::clone(&module), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let session = open(&*module);
                    assert_eq!(module.session_info(session).unwrap().state, CKS_RW_USER_FUNCTIONS);
                    module.close_session(session).unwrap();
                }
            })
        })
        .collect();
    for _ in 0..20 {
        sign(&*module, kept, CKM_SHA256_RSA_PKCS, key, b"x").unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    churners.into_iter().for_each(|churner| churner.join().unwrap());
    let info = module.token_info(0).unwrap();
    assert_eq!((info.sessions, info.rw_sessions), (1, 1));
    // The last one's close logs out.
    module.close_session(kept).unwrap();
    let next = open(&*module);
    assert_eq!(module.session_info(next).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert!(find(&*module, next, &[of_class(CKO_PRIVATE_KEY)]).is_empty());
}

#[test]
fn rule_09_an_always_authenticate_key_asks_for_each_signature() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (authentication, key) = private_keys(&*module, session);
    assert_eq!(attribute(&*module, session, key, CKA_ALWAYS_AUTHENTICATE), [1]);
    assert_eq!(attribute(&*module, session, authentication, CKA_ALWAYS_AUTHENTICATE), [0]);
    let again = |passcode| module.login(session, CKU_CONTEXT_SPECIFIC, Some(passcode));

    // Without it.
    let signed = sign(&*module, session, CKM_SHA256_RSA_PKCS, key, b"x");
    assert_eq!(signed, Err(CKR_USER_NOT_LOGGED_IN));
    assert_eq!(again(PASSCODE), Err(CKR_OPERATION_NOT_INITIALIZED));
    // With it; a wrong passcode leaves the operation, a query too.
    module.sign_init(session, &plain(CKM_SHA256_RSA_PKCS), key).unwrap();
    assert_eq!(again(WRONG), Err(CKR_PIN_INCORRECT));
    assert_eq!(again(PASSCODE), Ok(()));
    assert_eq!(module.sign(session, b"x", Room::Query), Ok(Filled::Length(256)));
    assert!(module.sign(session, b"x", Room::Bytes(256)).is_ok());
    // For one signature.
    let signed = sign(&*module, session, CKM_SHA256_RSA_PKCS, key, b"x");
    assert_eq!(signed, Err(CKR_USER_NOT_LOGGED_IN));
    // An operation with the other key waits for nothing.
    module.sign_init(session, &plain(CKM_SHA256_RSA_PKCS), authentication).unwrap();
    assert_eq!(again(PASSCODE), Err(CKR_OPERATION_NOT_INITIALIZED));
}

#[test]
fn rule_10_slots_stay_while_cards_come_and_go() {
    let desk = Desk::new();
    let module = desk.connect();
    assert_eq!(module.slot_list(false), Ok(vec![0]));
    assert_eq!(module.slot_list(true), Ok(vec![]));
    assert_eq!(module.slot_info(0).unwrap().flags, CKF_REMOVABLE_DEVICE);
    assert_eq!(module.slot_info(1), Err(CKR_SLOT_ID_INVALID));
    assert_eq!(module.token_info(0).map(drop), Err(CKR_TOKEN_NOT_PRESENT));
    assert_eq!(module.open_session(0, CKF_SERIAL_SESSION), Err(CKR_TOKEN_NOT_PRESENT));
    assert_eq!(module.wait_for_slot_event(false), Err(CKR_NO_EVENT));
    let name = module.slot_info(0).unwrap().description;

    desk.insert(KeyKind::Rsa2048);
    assert_eq!(module.wait_for_slot_event(true), Ok(0));
    assert_eq!(module.wait_for_slot_event(false), Err(CKR_NO_EVENT));
    assert_eq!(module.slot_list(true), Ok(vec![0]));
    let serial = module.token_info(0).unwrap().serial;

    desk.tray.remove(0);
    assert_eq!(module.wait_for_slot_event(false), Ok(0));
    assert_eq!(module.slot_list(false), Ok(vec![0]));
    desk.insert(KeyKind::P256);
    assert_ne!(module.token_info(0).unwrap().serial, serial);
    assert_eq!(module.slot_info(0).unwrap().description, name);
}

#[test]
fn a_removed_card_is_told_once_and_its_handles_never_come_back() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let other = open(&*module);
    let (key, _) = private_keys(&*module, session);
    module.sign_init(session, &plain(CKM_SHA256_RSA_PKCS), key).unwrap();
    desk.tray.remove(0);
    desk.insert(KeyKind::Rsa2048);
    let signed = module.sign(session, b"x", Room::Bytes(256));
    assert_eq!(signed, Err(CKR_DEVICE_REMOVED));
    assert_eq!(module.session_info(session), Err(CKR_SESSION_HANDLE_INVALID));
    assert_eq!(module.session_info(other), Err(CKR_DEVICE_REMOVED));
    assert_eq!(module.close_session(other), Err(CKR_SESSION_HANDLE_INVALID));
    // The same connection goes on with the new card, which asks for its passcode.
    let fresh = open(&*module);
    assert!(![session, other].contains(&fresh));
    assert_eq!(module.session_info(fresh).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert_eq!(
        module.sign_init(fresh, &plain(CKM_SHA256_RSA_PKCS), key),
        Err(CKR_KEY_HANDLE_INVALID)
    );
    module.login(fresh, CKU_USER, Some(PASSCODE)).unwrap();
    assert_ne!(private_keys(&*module, fresh).0, key);
    assert_eq!(module.token_info(0).unwrap().sessions, 1);
}

#[test]
fn an_expired_card_is_gone_like_a_removed_one() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    desk.clock.advance(Duration::from_secs(2 * 86_400));
    assert_eq!(module.session_info(session), Err(CKR_DEVICE_REMOVED));
    assert_eq!(module.wait_for_slot_event(false), Ok(0));
    assert_eq!(module.slot_list(true), Ok(vec![]));
}

#[test]
fn rule_11_login_is_of_one_connection() {
    let desk = Desk::with_card();
    let (_module, _session) = desk.signed_in();
    let other = desk.connect();
    let session = open(&*other);
    assert_eq!(other.session_info(session).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert!(find(&*other, session, &[of_class(CKO_PRIVATE_KEY)]).is_empty());
    assert_eq!(other.logout(session), Err(CKR_USER_NOT_LOGGED_IN));
    other.login(session, CKU_USER, Some(PASSCODE)).unwrap();
    assert_eq!(other.login(session, CKU_USER, Some(PASSCODE)), Err(CKR_USER_ALREADY_LOGGED_IN));
}

#[test]
fn logout_hides_private_keys_and_their_handles_stay_invalid() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (key, _) = private_keys(&*module, session);
    module.sign_init(session, &plain(CKM_SHA256_RSA_PKCS), key).unwrap();
    module.logout(session).unwrap();
    assert_eq!(module.sign(session, b"x", Room::Bytes(256)), Err(CKR_USER_NOT_LOGGED_IN));
    module.login(session, CKU_USER, Some(PASSCODE)).unwrap();
    assert_eq!(module.sign_init(session, &plain(CKM_RSA_PKCS), key), Err(CKR_KEY_HANDLE_INVALID));
    assert_ne!(private_keys(&*module, session).0, key);
}

#[test]
fn after_a_lock_the_passcode_unlocks_the_live_connection() {
    let desk = Desk::new();
    let card = desk.insert(KeyKind::Rsa2048);
    let (module, session) = desk.signed_in();
    let (key, _) = private_keys(&*module, session);
    card.lock();
    assert_eq!(module.session_info(session).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert!(find(&*module, session, &[of_class(CKO_PRIVATE_KEY)]).is_empty());
    let signed = sign(&*module, session, CKM_SHA256_RSA_PKCS, key, b"x");
    assert_eq!(signed, Err(CKR_USER_NOT_LOGGED_IN));
    // A new connection does not skip it either.
    let other = desk.connect();
    let theirs = open(&*other);
    assert_eq!(other.session_info(theirs).unwrap().state, CKS_RW_PUBLIC_SESSION);
    module.login(session, CKU_USER, Some(PASSCODE)).unwrap();
    assert!(sign(&*module, session, CKM_SHA256_RSA_PKCS, key, b"x").is_ok(), "same handles");
}

#[test]
fn rule_13_decryption_is_no_oracle() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (key, _) = private_keys(&*module, session);
    module.decrypt_init(session, &plain(CKM_RSA_PKCS), key).unwrap();
    let mut garbage = [7; 256];
    garbage[0] = 0;
    let first = module.decrypt(session, &garbage, Room::Bytes(256)).unwrap();
    module.decrypt_init(session, &plain(CKM_RSA_PKCS), key).unwrap();
    assert_eq!(module.decrypt(session, &garbage, Room::Bytes(256)), Ok(first), "no error, ever");
    module.decrypt_init(session, &plain(CKM_RSA_PKCS), key).unwrap();
    let short = module.decrypt(session, &garbage[1..], Room::Bytes(256));
    assert_eq!(short, Err(CKR_ENCRYPTED_DATA_LEN_RANGE));
}

#[test]
fn rule_16_tries_are_told_and_shared_by_all_connections() {
    let desk = Desk::with_card();
    let low = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    let (one, two) = (desk.connect(), desk.connect());
    let login = |module: &dyn Cryptoki, passcode: &[u8]| {
        let session = open(module);
        module.login(session, CKU_USER, Some(passcode))
    };
    let told = || one.token_info(0).unwrap().flags & low;
    assert_eq!(login(&*one, b"12345"), Err(CKR_PIN_INCORRECT), "wrong shape, no try");
    assert_eq!(login(&*one, b""), Err(CKR_PIN_INCORRECT));
    assert_eq!(told(), 0);
    assert_eq!(login(&*one, WRONG), Err(CKR_PIN_INCORRECT));
    assert_eq!(told(), CKF_USER_PIN_COUNT_LOW);
    assert_eq!(login(&*two, WRONG), Err(CKR_PIN_INCORRECT));
    assert_eq!(told(), CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
    assert_eq!(login(&*one, WRONG), Err(CKR_PIN_LOCKED));
    assert_eq!(told(), CKF_USER_PIN_LOCKED);
    assert_eq!(login(&*two, PASSCODE), Err(CKR_PIN_LOCKED));
}

#[test]
fn sign_in_in_place_of_a_passcode_is_a_protected_path() {
    let desk = Desk::new();
    desk.insert_with(KeyKind::P256, Access::SignIn);
    let module = desk.connect();
    let flags = module.token_info(0).unwrap().flags;
    assert_ne!(flags & CKF_PROTECTED_AUTHENTICATION_PATH, 0);
    let session = open(&*module);
    module.login(session, CKU_USER, None).unwrap();
    let [key] = find(&*module, session, &[of_class(CKO_PRIVATE_KEY)])[..] else {
        panic!("one key")
    };
    assert_eq!(sign(&*module, session, CKM_ECDSA_SHA256, key, b"x").map(|s| s.len()), Ok(64));
    // With a passcode, NULL is no answer.
    let desk = Desk::with_card();
    let module = desk.connect();
    let flags = module.token_info(0).unwrap().flags;
    assert_eq!(flags & CKF_PROTECTED_AUTHENTICATION_PATH, 0);
    assert_eq!(module.login(open(&*module), CKU_USER, None), Err(CKR_ARGUMENTS_BAD));
}

#[test]
fn two_sessions_sign_at_the_same_time() {
    /// Two uses must be inside the gate at once, or neither gets on.
    #[derive(Debug)]
    struct Pair(Barrier);
    impl wardcard::card::Gate for Pair {
        fn admit(&self, _: &wardcard::card::Use) -> Result<u64, Refusal> {
            self.0.wait();
            Ok(0)
        }
        fn outcome(&self, _: u64, _: &wardcard::card::Use, _: Outcome) {}
        fn passcode(
            &self,
            _: &wardcard::card::CardId,
            _: wardcard::card::Role,
            _: &wardcard::card::Caller,
            _: &wardcard::card::Event,
        ) {
        }
    }
    let desk = Desk::with_card();
    let gate = Arc::new(Pair(Barrier::new(2)));
    let module =
        Arc::new(wardcard::pkcs11::Module::new(desk.tray.clone(), Default::default(), gate));
    module.initialize().unwrap();
    let sessions = [open(&*module), open(&*module)];
    module.login(sessions[0], CKU_USER, Some(PASSCODE)).unwrap();
    let (key, _) = private_keys(&*module, sessions[0]);
    let workers = sessions.map(|session| {
        let module = Arc::clone(&module);
        thread::spawn(move || sign(&*module, session, CKM_SHA256_RSA_PKCS, key, b"x"))
    });
    for worker in workers {
        assert_eq!(worker.join().unwrap().map(|signature| signature.len()), Ok(256));
    }
}

#[test]
fn return_values_of_card_errors_are_the_standards() {
    let desk = Desk::new();
    let card = desk.insert(KeyKind::Rsa2048);
    let (module, session) = desk.signed_in();
    let (key, commitment) = private_keys(&*module, session);
    // The hash policy is the card's.
    let refused = module.sign_init(session, &plain(CKM_SHA1_RSA_PKCS), commitment);
    assert_eq!(refused, Err(CKR_MECHANISM_INVALID), "told before there is a message");
    module.sign_init(session, &plain(CKM_RSA_PKCS), commitment).unwrap();
    module.login(session, CKU_CONTEXT_SPECIFIC, Some(PASSCODE)).unwrap();
    let sha1 = [0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14];
    let info = [&sha1[..], &[7; 20]].concat();
    let refused: Result<_, Rv> = module.sign(session, &info, Room::Bytes(256));
    assert_eq!(refused, Err(CKR_MECHANISM_INVALID));
    assert_eq!(sign(&*module, session, CKM_RSA_PKCS, key, b"no info"), Err(CKR_DATA_INVALID));
    *desk.gate.refusal.lock().unwrap() = Some(Refusal::Audit);
    let unwritten = sign(&*module, session, CKM_SHA1_RSA_PKCS, key, b"x");
    assert_eq!(unwritten, Err(CKR_DEVICE_ERROR));
    assert_eq!(card.sha1_count(), 0);
}
