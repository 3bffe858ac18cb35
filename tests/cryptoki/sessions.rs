//! What happens to session objects when sessions, logins and cards end (base specification
//! sections 5.6 and 5.7).

use crate::cards::*;
use std::{sync::Arc, thread};
use wardcard::{
    crypto::KeyKind,
    pkcs11::{Attribute, Cryptoki, Mechanism, ck::*},
};

fn pair_template() -> [Attribute; 1] {
    [Attribute::bytes(CKA_EC_PARAMS, [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07])]
}

fn plain_pair() -> Mechanism {
    Mechanism::plain(CKM_EC_KEY_PAIR_GEN)
}

#[test]
fn an_object_of_one_session_is_seen_by_all_of_the_application_and_by_no_other() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (public, private) =
        module.generate_key_pair(session, &plain_pair(), &pair_template(), &[]).unwrap();
    let read_only = module.open_session(0, CKF_SERIAL_SESSION).unwrap();
    for key in [public, private] {
        assert!(module.object_size(read_only, key).is_ok());
    }
    let (stranger, theirs) = desk.signed_in();
    assert_eq!(find(&*stranger, theirs, &[of_class(CKO_PUBLIC_KEY)]).len(), 2, "the card's own");
    // A read-only session changes and destroys session objects (section 5.7: only token objects
    // need a read-write one).
    module.set_attribute_value(read_only, public, &[Attribute::bytes(CKA_LABEL, b"x")]).unwrap();
    module.destroy_object(read_only, public).unwrap();
    module.close_session(session).unwrap();
    assert_eq!(module.object_size(read_only, private), Err(CKR_OBJECT_HANDLE_INVALID));
}

#[test]
fn logout_destroys_private_session_objects_and_leaves_public_ones() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (public, private) =
        module.generate_key_pair(session, &plain_pair(), &pair_template(), &[]).unwrap();
    // Section 5.6.11: "any private session objects ... are automatically destroyed".
    module.logout(session).unwrap();
    assert!(module.object_size(session, public).is_ok());
    assert_eq!(module.object_size(session, private), Err(CKR_OBJECT_HANDLE_INVALID));
    module.login(session, CKU_USER, Some(PASSCODE)).unwrap();
    assert_eq!(module.object_size(session, private), Err(CKR_OBJECT_HANDLE_INVALID));
    assert_eq!(find(&*module, session, &[of_class(CKO_PRIVATE_KEY)]).len(), 2, "the card's own");
}

#[test]
fn without_a_login_a_session_has_keys_of_its_own_and_no_private_objects() {
    let desk = Desk::with_card();
    let module = desk.connect();
    let session = open(&*module);
    let (_, key) = module.generate_key_pair(session, &plain_pair(), &pair_template(), &[]).unwrap();
    assert_eq!(attribute(&*module, session, key, CKA_PRIVATE), [0]);
    assert_eq!(attribute(&*module, session, key, CKA_SENSITIVE), [1]);
    let private = [Attribute::flag(CKA_PRIVATE, true)];
    let made = module.generate_key_pair(session, &plain_pair(), &pair_template(), &private);
    assert_eq!(made, Err(CKR_USER_NOT_LOGGED_IN));
}

#[test]
fn objects_made_while_their_session_closes_do_not_outlive_it() {
    let desk = Desk::with_card();
    let module = desk.connect();
    let kept = open(&*module);
    let before = find(&*module, kept, &[]).len();
    for _ in 0..200 {
        let session = open(&*module);
        let maker = {
            let module = Arc::clone(&module);
            thread::spawn(
                move || {
                    while module.create_object(session, &[of_class(CKO_DATA)]).is_ok() {}
                },
            )
        };
        thread::yield_now();
        module.close_session(session).unwrap();
        maker.join().unwrap();
        assert_eq!(find(&*module, kept, &[]).len(), before);
    }
}

#[test]
fn a_key_generation_delays_no_other_call() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let bits = [Attribute::number(CKA_MODULUS_BITS, 4096)];
    let maker = {
        let module = Arc::clone(&module);
        let mechanism = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        thread::spawn(move || module.generate_key_pair(session, &mechanism, &bits, &[]))
    };
    // Calls of the same session and of others, of every kind of lock, while it goes on.
    let mut calls = 0_u32;
    while !maker.is_finished() {
        let other = open(&*module);
        find(&*module, session, &[of_class(CKO_PUBLIC_KEY)]);
        let datum = module.create_object(other, &[of_class(CKO_DATA)]).unwrap();
        module.destroy_object(other, datum).unwrap();
        module.session_info(session).unwrap();
        module.close_session(other).unwrap();
        calls += 1;
    }
    assert!(calls > 10, "{calls} rounds of calls during a generation");
    maker.join().unwrap().unwrap();
}

#[test]
fn session_objects_go_with_the_card() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let datum = module.create_object(session, &[of_class(CKO_DATA)]).unwrap();
    desk.tray.remove(0);
    assert_eq!(module.object_size(session, datum), Err(CKR_DEVICE_REMOVED));
    desk.insert(KeyKind::P256);
    let session = open(&*module);
    assert_eq!(module.object_size(session, datum), Err(CKR_OBJECT_HANDLE_INVALID));
}
