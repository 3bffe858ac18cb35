//! Ciphers and codes by secret keys: room, pieces, ends (base specification sections 5.2, 5.8 to
//! 5.15).

use crate::cards::*;
use wardcard::pkcs11::{
    Attribute, Cryptoki, Filled, Mechanism, Module, ObjectHandle, Parameter, Room, SessionHandle,
    ck::*,
};

const ENOUGH: Room = Room::Bytes(1 << 16);

fn gcm() -> Mechanism {
    by(CKM_AES_GCM, Parameter::Gcm { iv: vec![1; 12], aad: vec![2; 5], tag_bits: 128 })
}

fn padded() -> Mechanism {
    by(CKM_AES_CBC_PAD, Parameter::Bytes(vec![3; 16]))
}

fn aes(module: &Module, session: SessionHandle) -> ObjectHandle {
    generate(module, session, CKM_AES_KEY_GEN, 32, &[]).unwrap()
}

fn encrypted(
    module: &Module,
    session: SessionHandle,
    mechanism: &Mechanism,
    key: ObjectHandle,
    data: &[u8],
) -> Vec<u8> {
    module.encrypt_init(session, mechanism, key).unwrap();
    bytes(module.encrypt(session, data, ENOUGH).unwrap())
}

#[test]
fn rule_01_a_cipher_tells_its_exact_length_and_lives_on() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let key = aes(&module, session);
    for (mechanism, sealed) in [(padded(), 32), (gcm(), 37)] {
        module.encrypt_init(session, &mechanism, key).unwrap();
        let data = [7; 21];
        assert_eq!(module.encrypt(session, &data, Room::Query), Ok(Filled::Length(sealed)));
        let short = module.encrypt(session, &data, Room::Bytes(sealed - 1));
        assert_eq!(short, Ok(Filled::TooSmall(sealed)));
        let whole = bytes(module.encrypt(session, &data, Room::Bytes(sealed)).unwrap());

        // The plaintext is shorter than the ciphertext: room for it is room enough.
        module.decrypt_init(session, &mechanism, key).unwrap();
        assert_eq!(module.decrypt(session, &whole, Room::Query), Ok(Filled::Length(21)));
        assert_eq!(module.decrypt(session, &whole, Room::Bytes(20)), Ok(Filled::TooSmall(21)));
        let opened = module.decrypt(session, &whole, Room::Bytes(21));
        assert_eq!(opened, Ok(Filled::Bytes(data.to_vec())));

        // In pieces: a piece that there was no room for has not been taken.
        module.encrypt_init(session, &mechanism, key).unwrap();
        let mut all = Vec::new();
        for part in data.chunks(16) {
            let needed = match module.encrypt_update(session, part, Room::Query).unwrap() {
                Filled::Length(needed) => needed,
                other => panic!("{other:?}"),
            };
            if needed > 0 {
                let short = module.encrypt_update(session, part, Room::Bytes(needed - 1));
                assert_eq!(short, Ok(Filled::TooSmall(needed)));
            }
            all.extend(bytes(module.encrypt_update(session, part, Room::Bytes(needed)).unwrap()));
        }
        let Ok(Filled::Length(rest)) = module.encrypt_final(session, Room::Query) else { panic!() };
        let short = module.encrypt_final(session, Room::Bytes(rest - 1));
        assert_eq!(short, Ok(Filled::TooSmall(rest)));
        all.extend(bytes(module.encrypt_final(session, Room::Bytes(rest)).unwrap()));
        assert_eq!(all, whole);
        let over = module.encrypt_final(session, ENOUGH);
        assert_eq!(over, Err(CKR_OPERATION_NOT_INITIALIZED));
    }
}

#[test]
fn gcm_gives_nothing_out_before_its_tag_was_checked() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let key = aes(&module, session);
    let mut sealed = encrypted(&module, session, &gcm(), key, &[9; 100]);
    *sealed.last_mut().unwrap() ^= 1;
    module.decrypt_init(session, &gcm(), key).unwrap();
    for part in sealed.chunks(30) {
        let nothing = module.decrypt_update(session, part, Room::Bytes(0));
        assert_eq!(nothing, Ok(Filled::Bytes(Vec::new())));
    }
    assert_eq!(module.decrypt_final(session, ENOUGH), Err(CKR_ENCRYPTED_DATA_INVALID));
    let over = module.decrypt_final(session, ENOUGH);
    assert_eq!(over, Err(CKR_OPERATION_NOT_INITIALIZED), "rule 2");
}

#[test]
fn rule_02_wrong_lengths_end_a_cipher_with_their_code() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let key = aes(&module, session);
    let ecb = Mechanism::plain(CKM_AES_ECB);
    module.encrypt_init(session, &ecb, key).unwrap();
    assert_eq!(module.encrypt(session, &[0; 17], ENOUGH), Err(CKR_DATA_LEN_RANGE));
    module.decrypt_init(session, &ecb, key).unwrap();
    assert_eq!(module.decrypt(session, &[0; 17], ENOUGH), Err(CKR_ENCRYPTED_DATA_LEN_RANGE));
    module.encrypt_init(session, &ecb, key).unwrap();
    assert_eq!(bytes(module.encrypt_update(session, &[0; 17], ENOUGH).unwrap()).len(), 16);
    assert_eq!(module.encrypt_final(session, ENOUGH), Err(CKR_DATA_LEN_RANGE));
    module.decrypt_init(session, &padded(), key).unwrap();
    assert_eq!(module.decrypt(session, &[], ENOUGH), Err(CKR_ENCRYPTED_DATA_LEN_RANGE));
    // Eight bits count, and two blocks are left.
    let counter = [&8_u64.to_le_bytes()[..], &[0xfe; 16]].concat();
    let counter = by(CKM_AES_CTR, Parameter::Bytes(counter));
    module.encrypt_init(session, &counter, key).unwrap();
    assert_eq!(bytes(module.encrypt_update(session, &[0; 32], ENOUGH).unwrap()).len(), 32);
    assert_eq!(module.encrypt_update(session, &[0; 1], ENOUGH), Err(CKR_DATA_LEN_RANGE));
    assert_eq!(module.encrypt_final(session, ENOUGH), Err(CKR_OPERATION_NOT_INITIALIZED));
    // One piece after several is neither (section 5.8.2).
    module.encrypt_init(session, &padded(), key).unwrap();
    module.encrypt_update(session, &[0; 3], ENOUGH).unwrap();
    assert_eq!(module.encrypt(session, &[0; 3], ENOUGH), Err(CKR_OPERATION_ACTIVE));
}

#[test]
fn rule_04_keys_and_mechanisms_of_other_kinds_are_told_at_init() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let key = aes(&module, session);
    let generic = generate(&module, session, CKM_GENERIC_SECRET_KEY_GEN, 20, &[]).unwrap();
    let no_use = Attribute::flag(CKA_ENCRYPT, false);
    let idle = generate(&module, session, CKM_AES_KEY_GEN, 16, &[no_use]).unwrap();
    let only = CKM_AES_CBC.to_le_bytes();
    let bound = Attribute::bytes(CKA_ALLOWED_MECHANISMS, only);
    let bound = generate(&module, session, CKM_AES_KEY_GEN, 16, &[bound]).unwrap();
    let (private, _) = private_keys(&*module, session);
    let plain = Mechanism::plain;
    for (found, code, why) in [
        (
            module.encrypt_init(session, &plain(CKM_AES_ECB), generic),
            CKR_KEY_TYPE_INCONSISTENT,
            "generic",
        ),
        (module.encrypt_init(session, &plain(CKM_RSA_PKCS), key), CKR_KEY_TYPE_INCONSISTENT, "AES"),
        (
            module.encrypt_init(session, &plain(CKM_AES_ECB), private),
            CKR_KEY_TYPE_INCONSISTENT,
            "RSA",
        ),
        (module.sign_init(session, &plain(CKM_SHA256_HMAC), key), CKR_KEY_TYPE_INCONSISTENT, "AES"),
        (
            module.sign_init(session, &plain(CKM_AES_CMAC), generic),
            CKR_KEY_TYPE_INCONSISTENT,
            "generic",
        ),
        (
            module.sign_init(session, &plain(CKM_SHA256_RSA_PKCS), key),
            CKR_KEY_TYPE_INCONSISTENT,
            "AES",
        ),
        (
            module.verify_init(session, &plain(CKM_SHA256_HMAC), private),
            CKR_KEY_TYPE_INCONSISTENT,
            "RSA",
        ),
        (
            module.encrypt_init(session, &plain(CKM_AES_ECB), idle),
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            "usage",
        ),
        (
            module.encrypt_init(session, &plain(CKM_AES_ECB), bound),
            CKR_MECHANISM_INVALID,
            "allowed",
        ),
        (module.encrypt_init(session, &plain(CKM_AES_CMAC), key), CKR_MECHANISM_INVALID, "a code"),
        (
            module.encrypt_init(session, &plain(CKM_RSA_X_509), private),
            CKR_MECHANISM_INVALID,
            "policy",
        ),
        (module.encrypt_init(session, &plain(CKM_AES_ECB), 9999), CKR_KEY_HANDLE_INVALID, "handle"),
        (
            module.encrypt_init(session, &plain(CKM_AES_CBC), key),
            CKR_MECHANISM_PARAM_INVALID,
            "no IV",
        ),
    ] {
        assert_eq!(found, Err(code), "{why}");
    }
    let list = module.mechanism_list(0).unwrap();
    assert!(!list.contains(&CKM_RSA_X_509));
    assert_eq!(module.mechanism_info(0, CKM_RSA_X_509).map(drop), Err(CKR_MECHANISM_INVALID));
    assert_eq!(module.mechanism_info(0, CKM_AES_GCM).unwrap().max_key, 32);
    for kind in list {
        assert!(module.mechanism_info(0, kind).is_ok());
    }
}

#[test]
fn codes_come_in_pieces_and_are_compared_with_as_many_bytes_as_they_have() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let generic = generate(&module, session, CKM_GENERIC_SECRET_KEY_GEN, 20, &[]).unwrap();
    let key = aes(&module, session);
    let short = |kind| by(kind, Parameter::Bytes(8_u64.to_le_bytes().to_vec()));
    for (mechanism, key, length) in [
        (Mechanism::plain(CKM_SHA256_HMAC), generic, 32),
        (short(CKM_SHA256_HMAC_GENERAL), generic, 8),
        (Mechanism::plain(CKM_AES_CMAC), key, 16),
        (short(CKM_AES_CMAC_GENERAL), key, 8),
    ] {
        module.sign_init(session, &mechanism, key).unwrap();
        assert_eq!(module.sign(session, b"message", Room::Query), Ok(Filled::Length(length)));
        let code = bytes(module.sign(session, b"message", Room::Bytes(length)).unwrap());
        module.sign_init(session, &mechanism, key).unwrap();
        module.sign_update(session, b"mess").unwrap();
        module.sign_update(session, b"age").unwrap();
        assert_eq!(module.sign_final(session, ENOUGH), Ok(Filled::Bytes(code.clone())));

        let verify = |code: &[u8]| {
            module.verify_init(session, &mechanism, key).unwrap();
            module.verify(session, b"message", code)
        };
        assert_eq!(verify(&code), Ok(()));
        assert_eq!(verify(&code[1..]), Err(CKR_SIGNATURE_LEN_RANGE));
        let mut wrong = code.clone();
        wrong[length - 1] ^= 1;
        assert_eq!(verify(&wrong), Err(CKR_SIGNATURE_INVALID));
        module.verify_init(session, &mechanism, key).unwrap();
        module.verify_update(session, b"message").unwrap();
        assert_eq!(module.verify_final(session, &code), Ok(()));
    }
}

#[test]
fn a_signature_may_come_first_and_the_other_functions_leave_it_alone() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (private, _) = private_keys(&*module, session);
    let public = public_of(&*module, session, private);
    let mechanism = Mechanism::plain(CKM_SHA256_RSA_PKCS);
    let signature = sign(&*module, session, CKM_SHA256_RSA_PKCS, private, b"message").unwrap();
    let begin =
        |signature: &[u8]| module.verify_signature_init(session, &mechanism, public, signature);
    assert_eq!(begin(&signature[1..]), Err(CKR_SIGNATURE_LEN_RANGE));
    begin(&signature).unwrap();
    assert_eq!(begin(&signature), Err(CKR_OPERATION_ACTIVE));
    let gone = Err(CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(module.verify(session, b"message", &signature), gone);
    assert_eq!(module.verify_update(session, b"message"), gone);
    assert_eq!(module.verify_final(session, &signature), gone);
    assert_eq!(module.verify_signature(session, b"message"), Ok(()));
    begin(&signature).unwrap();
    module.verify_signature_update(session, b"mess").unwrap();
    module.verify_signature_update(session, b"ages").unwrap();
    assert_eq!(module.verify_signature_final(session), Err(CKR_SIGNATURE_INVALID));
    module.verify_init(session, &mechanism, public).unwrap();
    assert_eq!(module.verify_signature(session, b"message"), gone);
    assert_eq!(module.verify_signature_final(session), gone);
    module.session_cancel(session, CKF_VERIFY).unwrap();
    assert_eq!(module.verify(session, b"message", &signature), gone);
}

#[test]
fn dual_functions_do_both_or_neither() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let key = aes(&module, session);
    let generic = generate(&module, session, CKM_GENERIC_SECRET_KEY_GEN, 20, &[]).unwrap();
    let digest = Mechanism::plain(CKM_SHA256);
    let code = Mechanism::plain(CKM_SHA256_HMAC);
    let message = [5; 40];
    let sealed = encrypted(&module, session, &padded(), key, &message);
    module.digest_init(session, &digest).unwrap();
    let hash = bytes(module.digest(session, &message, ENOUGH).unwrap());
    module.sign_init(session, &code, generic).unwrap();
    let mac = bytes(module.sign(session, &message, ENOUGH).unwrap());

    // Only one of both goes on: nothing happens, to it neither.
    let gone = Err(CKR_OPERATION_NOT_INITIALIZED);
    module.digest_init(session, &digest).unwrap();
    assert_eq!(module.digest_encrypt_update(session, &message, ENOUGH), gone);
    assert_eq!(module.decrypt_digest_update(session, &message, ENOUGH), gone);

    module.encrypt_init(session, &padded(), key).unwrap();
    let mut all = Vec::new();
    for part in message.chunks(20) {
        // No room: neither the digest nor the cipher has had the part.
        let needed = if all.is_empty() { 16 } else { 32 - all.len() };
        let short = module.digest_encrypt_update(session, part, Room::Bytes(needed - 1));
        assert_eq!(short, Ok(Filled::TooSmall(needed)));
        all.extend(bytes(module.digest_encrypt_update(session, part, ENOUGH).unwrap()));
    }
    all.extend(bytes(module.encrypt_final(session, ENOUGH).unwrap()));
    assert_eq!(all, sealed);
    assert_eq!(module.digest_final(session, ENOUGH), Ok(Filled::Bytes(hash.clone())));

    module.digest_init(session, &digest).unwrap();
    module.decrypt_init(session, &padded(), key).unwrap();
    let mut opened = Vec::new();
    for part in sealed.chunks(20) {
        opened.extend(bytes(module.decrypt_digest_update(session, part, ENOUGH).unwrap()));
    }
    let rest = bytes(module.decrypt_final(session, ENOUGH).unwrap());
    module.digest_update(session, &rest).unwrap();
    opened.extend(rest);
    assert_eq!(opened, message);
    assert_eq!(module.digest_final(session, ENOUGH), Ok(Filled::Bytes(hash)));

    module.sign_init(session, &code, generic).unwrap();
    module.encrypt_init(session, &padded(), key).unwrap();
    let mut all = bytes(module.sign_encrypt_update(session, &message, ENOUGH).unwrap());
    all.extend(bytes(module.encrypt_final(session, ENOUGH).unwrap()));
    assert_eq!(all, sealed);
    assert_eq!(module.sign_final(session, ENOUGH), Ok(Filled::Bytes(mac.clone())));

    module.verify_init(session, &code, generic).unwrap();
    module.decrypt_init(session, &padded(), key).unwrap();
    let some = bytes(module.decrypt_verify_update(session, &sealed, ENOUGH).unwrap());
    let rest = bytes(module.decrypt_final(session, ENOUGH).unwrap());
    module.verify_update(session, &rest).unwrap();
    assert_eq!([some, rest].concat(), message);
    assert_eq!(module.verify_final(session, &mac), Ok(()));

    // An error in one ends both.
    let counter = [&1_u64.to_le_bytes()[..], &[0; 16]].concat();
    module.digest_init(session, &digest).unwrap();
    module.encrypt_init(session, &by(CKM_AES_CTR, Parameter::Bytes(counter)), key).unwrap();
    let over = module.digest_encrypt_update(session, &[0; 33], ENOUGH);
    assert_eq!(over, Err(CKR_DATA_LEN_RANGE));
    assert_eq!(module.digest_update(session, b"x"), gone.map(drop));
    assert_eq!(module.encrypt_final(session, ENOUGH), Err(CKR_OPERATION_NOT_INITIALIZED));
}

#[test]
fn a_key_that_may_not_leave_is_not_digested() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let extractable = Attribute::flag(CKA_EXTRACTABLE, true);
    let open = [extractable.clone(), Attribute::flag(CKA_SENSITIVE, false)];
    let key = generate(&module, session, CKM_GENERIC_SECRET_KEY_GEN, 20, &open).unwrap();
    let kept = generate(&module, session, CKM_GENERIC_SECRET_KEY_GEN, 20, &[]).unwrap();
    let value = attribute(&*module, session, key, CKA_VALUE);
    let digest = Mechanism::plain(CKM_SHA_1);
    module.digest_init(session, &digest).unwrap();
    module.digest_update(session, b"before").unwrap();
    module.digest_key(session, key).unwrap();
    let found = bytes(module.digest_final(session, ENOUGH).unwrap());
    module.digest_init(session, &digest).unwrap();
    let expected = module.digest(session, &[b"before", &value[..]].concat(), ENOUGH);
    assert_eq!(expected, Ok(Filled::Bytes(found)));

    let (private, _) = private_keys(&*module, session);
    for (key, code) in [
        (kept, CKR_KEY_INDIGESTIBLE),
        (private, CKR_KEY_INDIGESTIBLE),
        (9999, CKR_KEY_HANDLE_INVALID),
    ] {
        assert_eq!(module.digest_key(session, key), Err(CKR_OPERATION_NOT_INITIALIZED));
        module.digest_init(session, &digest).unwrap();
        assert_eq!(module.digest_key(session, key), Err(code));
        let over = module.digest_final(session, ENOUGH);
        assert_eq!(over, Err(CKR_OPERATION_NOT_INITIALIZED), "rule 2");
    }
}

#[test]
fn no_state_of_an_operation_is_given_away_or_taken() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let state = || module.operation_state(session, Room::Query);
    assert_eq!(state(), Err(CKR_OPERATION_NOT_INITIALIZED));
    module.digest_init(session, &Mechanism::plain(CKM_SHA256)).unwrap();
    assert_eq!(state(), Err(CKR_STATE_UNSAVEABLE));
    assert_eq!(module.digest_update(session, b"x"), Ok(()), "it goes on");
    let taken = module.set_operation_state(session, b"state", 0, 0);
    assert_eq!(taken, Err(CKR_SAVED_STATE_INVALID));
    module.session_cancel(session, CKF_DIGEST).unwrap();
    assert_eq!(state(), Err(CKR_OPERATION_NOT_INITIALIZED));
    assert_eq!(module.operation_state(9999, Room::Query), Err(CKR_SESSION_HANDLE_INVALID));
}

#[test]
fn secret_keys_are_generated_as_their_template_says() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let key = aes(&module, session);
    let value = |kind| attribute(&*module, session, key, kind);
    assert_eq!(value(CKA_KEY_GEN_MECHANISM), CKM_AES_KEY_GEN.to_le_bytes());
    assert_eq!((value(CKA_LOCAL), value(CKA_ALWAYS_SENSITIVE)), (vec![1], vec![1]));
    assert_eq!(value(CKA_KEY_TYPE), CKK_AES.to_le_bytes());
    let plain = Mechanism::plain;
    let length = |length| [Attribute::number(CKA_VALUE_LEN, length)];
    let wrong = by(CKM_AES_KEY_GEN, Parameter::Bytes(vec![0]));
    for (found, code) in [
        (module.generate_key(session, &plain(CKM_AES_KEY_GEN), &[]), CKR_TEMPLATE_INCOMPLETE),
        (
            module.generate_key(session, &plain(CKM_AES_KEY_GEN), &length(17)),
            CKR_ATTRIBUTE_VALUE_INVALID,
        ),
        (
            module.generate_key(session, &plain(CKM_GENERIC_SECRET_KEY_GEN), &length(u64::MAX)),
            CKR_ATTRIBUTE_VALUE_INVALID,
        ),
        (module.generate_key(session, &plain(CKM_AES_CBC), &length(16)), CKR_MECHANISM_INVALID),
        (module.generate_key(session, &wrong, &length(16)), CKR_MECHANISM_PARAM_INVALID),
        (
            generate(&module, session, CKM_AES_KEY_GEN, 16, &[Attribute::flag(CKA_TOKEN, true)]),
            CKR_ACTION_PROHIBITED,
        ),
    ] {
        assert_eq!(found, Err(code));
    }
}
