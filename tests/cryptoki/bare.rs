//! CKM_RSA_X_509, on a card whose policy lets bare RSA be used (current mechanisms section 2.1.9).

use crate::{cards::*, enrolled::Cabinet};
use wardcard::pkcs11::{Attribute, Cryptoki, Filled, Mechanism, Room, ck::*};

const ENOUGH: Room = Room::Bytes(1000);

#[test]
fn bare_rsa_signs_recovers_encrypts_and_decrypts_where_the_policy_says_so() {
    let mut cabinet = Cabinet::new();
    cabinet.policy.raw_rsa = true;
    let (_cabinet, module, session) = cabinet.with_card();
    assert!(module.mechanism_list(0).unwrap().contains(&CKM_RSA_X_509));
    let bare = Mechanism::plain(CKM_RSA_X_509);
    for token in [false, true] {
        let public = [
            Attribute::number(CKA_MODULUS_BITS, 2048),
            Attribute::flag(CKA_TOKEN, token),
            Attribute::flag(CKA_VERIFY_RECOVER, true),
        ];
        let private = [Attribute::flag(CKA_TOKEN, token), Attribute::flag(CKA_SIGN_RECOVER, true)];
        let making = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        let (public, private) =
            module.generate_key_pair(session, &making, &public, &private).unwrap();

        // What the application pads itself is the signature that the module pads.
        let digest_info =
            [
                &[
                    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                    0x02,
                ][..],
                &[0x01, 0x05, 0x00, 0x04, 0x20],
                &[7; 32],
            ]
            .concat();
        let mut block = vec![0xff; 256];
        block[0] = 0;
        block[1] = 1;
        let start = 256 - digest_info.len();
        block[start - 1] = 0;
        block[start..].copy_from_slice(&digest_info);
        let padded = sign(&*module, session, CKM_RSA_PKCS, private, &digest_info).unwrap();
        let bared = sign(&*module, session, CKM_RSA_X_509, private, &block).unwrap();
        assert_eq!(bared, padded);
        // Zeros in front need not be said.
        let bared = sign(&*module, session, CKM_RSA_X_509, private, &block[1..]).unwrap();
        assert_eq!(bared, padded);
        module.verify_init(session, &bare, public).unwrap();
        assert_eq!(module.verify(session, &block, &bared), Ok(()));
        module.verify_init(session, &bare, public).unwrap();
        block[200] ^= 1;
        assert_eq!(module.verify(session, &block, &bared), Err(CKR_SIGNATURE_INVALID));
        block[200] ^= 1;
        module.sign_recover_init(session, &bare, private).unwrap();
        let signature = bytes(module.sign_recover(session, &block, ENOUGH).unwrap());
        module.verify_recover_init(session, &bare, public).unwrap();
        let recovered = module.verify_recover(session, &signature, Room::Bytes(256));
        assert_eq!(recovered, Ok(Filled::Bytes(block.clone())));

        module.encrypt_init(session, &bare, public).unwrap();
        let sealed = bytes(module.encrypt(session, b"number", ENOUGH).unwrap());
        module.decrypt_init(session, &bare, private).unwrap();
        assert_eq!(module.decrypt(session, &sealed, Room::Query), Ok(Filled::Length(256)));
        let opened = bytes(module.decrypt(session, &sealed, ENOUGH).unwrap());
        assert_eq!(opened, [&[0; 250][..], b"number"].concat());

        // No number that is not below the modulus.
        for data in [&[0xff; 256][..], &[1; 257]] {
            module.encrypt_init(session, &bare, public).unwrap();
            assert_eq!(module.encrypt(session, data, ENOUGH), Err(CKR_DATA_LEN_RANGE));
            let found = sign(&*module, session, CKM_RSA_X_509, private, data);
            assert_eq!(found, Err(CKR_DATA_LEN_RANGE));
        }
    }
}

#[test]
fn where_the_policy_is_silent_there_is_no_bare_rsa() {
    let (_cabinet, module, session) = Cabinet::new().with_card();
    assert!(!module.mechanism_list(0).unwrap().contains(&CKM_RSA_X_509));
    let public = [Attribute::number(CKA_MODULUS_BITS, 2048)];
    let making = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let (public, private) = module.generate_key_pair(session, &making, &public, &[]).unwrap();
    let bare = Mechanism::plain(CKM_RSA_X_509);
    let invalid = Err(CKR_MECHANISM_INVALID);
    assert_eq!(module.sign_init(session, &bare, private), invalid);
    assert_eq!(module.decrypt_init(session, &bare, private), invalid);
    assert_eq!(module.encrypt_init(session, &bare, public), invalid);
    assert_eq!(module.verify_init(session, &bare, public), invalid);
}

#[test]
fn a_key_on_the_card_unwraps_by_a_permit_that_says_so() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    let token = Attribute::flag(CKA_TOKEN, true);
    let public = [Attribute::number(CKA_MODULUS_BITS, 2048), token.clone()];
    let making = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let (public, private) = module.generate_key_pair(session, &making, &public, &[token]).unwrap();
    let open = [Attribute::flag(CKA_SENSITIVE, false), Attribute::flag(CKA_EXTRACTABLE, true)];
    let template = [&[Attribute::number(CKA_VALUE_LEN, 32)], &open[..]].concat();
    let key = module.generate_key(session, &Mechanism::plain(CKM_AES_KEY_GEN), &template).unwrap();
    let value = attribute(&*module, session, key, CKA_VALUE);

    let pkcs1 = Mechanism::plain(CKM_RSA_PKCS);
    let sealed = bytes(module.wrap_key(session, &pkcs1, public, key, ENOUGH).unwrap());
    let uses = || cabinet.gate.uses.lock().unwrap().len();
    let before = uses();
    let class = [of_class(CKO_SECRET_KEY), Attribute::number(CKA_KEY_TYPE, CKK_AES)];
    let template = [&class[..], &open].concat();
    let again = module.unwrap_key(session, &pkcs1, private, &sealed, &template).unwrap();
    assert_eq!(attribute(&*module, session, again, CKA_VALUE), value);
    assert_eq!(uses(), before + 1, "one permit, one use");

    // The card's own private key goes nowhere, whatever its template says.
    let under = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
    let found = module.wrap_key(session, &under, key, private, ENOUGH);
    assert_eq!(found, Err(CKR_KEY_UNEXTRACTABLE));
}
