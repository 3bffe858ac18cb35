//! What clients need of a card's objects.

use crate::cards::*;
use wardcard::{
    crypto::KeyKind,
    pkcs11::{Attribute, Cryptoki, Mechanism, Parameter, Query, ck::*},
};

/// DigestInfo of SHA-256, without the digest.
const SHA256_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];

#[test]
fn a_cis1_client_finds_its_key_by_cka_decrypt_and_the_rest_by_its_id() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let decrypting =
        find(&*module, session, &[of_class(CKO_PRIVATE_KEY), Attribute::flag(CKA_DECRYPT, true)]);
    let (authentication, commitment) = private_keys(&*module, session);
    assert_eq!(decrypting, [authentication], "exactly one");
    for key in [authentication, commitment] {
        let id = Attribute::bytes(CKA_ID, attribute(&*module, session, key, CKA_ID));
        assert_eq!(find(&*module, session, std::slice::from_ref(&id)).len(), 3);
        let of = |class| find(&*module, session, &[of_class(class), id.clone()])[0];
        let certificate = of(CKO_CERTIFICATE);
        let label = attribute(&*module, session, certificate, CKA_LABEL);
        assert!(String::from_utf8(label).unwrap().contains("CN=555000000001"));
        assert_eq!(attribute(&*module, session, certificate, CKA_SUBJECT)[0], 0x30);
        assert_eq!(attribute(&*module, session, certificate, CKA_SERIAL_NUMBER)[0], 0x02);
        assert_eq!(attribute(&*module, session, of(CKO_PUBLIC_KEY), CKA_VERIFY), [1]);
        let modulus = attribute(&*module, session, key, CKA_MODULUS);
        assert_eq!(attribute(&*module, session, of(CKO_PUBLIC_KEY), CKA_MODULUS), modulus);
        for part in [CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_VALUE] {
            let query = Query { kind: part, room: Some(1000) };
            let answers = module.attribute_value(session, key, &[query]).unwrap();
            assert_eq!(answers.code, Some(CKR_ATTRIBUTE_SENSITIVE));
        }
    }
    // The authentication pair comes first, the issuers last.
    let certificates = find(&*module, session, &[of_class(CKO_CERTIFICATE)]);
    let categories: Vec<_> = certificates
        .iter()
        .map(|one| attribute(&*module, session, *one, CKA_CERTIFICATE_CATEGORY)[0])
        .collect();
    assert_eq!(categories, [1, 1, 2, 2]);
    assert_eq!(
        attribute(&*module, session, certificates[0], CKA_ID),
        attribute(&*module, session, authentication, CKA_ID)
    );
}

#[test]
fn public_objects_are_seen_before_login_and_private_ones_are_not() {
    let desk = Desk::with_card();
    let module = desk.connect();
    let session = module.open_session(0, CKF_SERIAL_SESSION).unwrap();
    // Two certificates with their keys, two issuers, four profiles.
    assert_eq!(find(&*module, session, &[]).len(), 10);
    assert_eq!(find(&*module, session, &[of_class(CKO_PUBLIC_KEY)]).len(), 2);
    assert!(find(&*module, session, &[Attribute::flag(CKA_PRIVATE, true)]).is_empty());
    assert_eq!(module.find_objects(session, 1), Err(CKR_OPERATION_NOT_INITIALIZED));
    module.find_objects_init(session, &[]).unwrap();
    assert_eq!(module.find_objects_init(session, &[]), Err(CKR_OPERATION_ACTIVE));
    assert_eq!(module.find_objects(session, 6).unwrap().len(), 6);
    assert_eq!(module.find_objects(session, 6).unwrap().len(), 4);
    assert_eq!(module.find_objects(session, 4).unwrap().len(), 0);
}

#[test]
fn every_mechanism_signs_and_verifies_in_one_piece_and_in_several() {
    let pss =
        |kind, hash, mgf, salt| Mechanism { kind, parameter: Parameter::Pss { hash, mgf, salt } };
    let plain = Mechanism::plain;
    let digest = [5; 32];
    let info = [&SHA256_INFO[..], &digest].concat();
    let text = b"a message of a few words".to_vec();
    let rsa = [
        (plain(CKM_RSA_PKCS), &info),
        (plain(CKM_SHA1_RSA_PKCS), &text),
        (plain(CKM_SHA224_RSA_PKCS), &text),
        (plain(CKM_SHA256_RSA_PKCS), &text),
        (plain(CKM_SHA384_RSA_PKCS), &text),
        (plain(CKM_SHA512_RSA_PKCS), &text),
        (pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32), &digest.to_vec()),
        (pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32), &text),
        (pss(CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48), &text),
        (pss(CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512, 64), &text),
    ];
    every(KeyKind::Rsa2048, &rsa);
    let ec = [
        (plain(CKM_ECDSA), &digest.to_vec()),
        (plain(CKM_ECDSA_SHA256), &text),
        (plain(CKM_ECDSA_SHA384), &text),
        (plain(CKM_ECDSA_SHA512), &text),
    ];
    every(KeyKind::P256, &ec);
}

fn every(kind: KeyKind, cases: &[(Mechanism, &Vec<u8>)]) {
    use wardcard::pkcs11::Room;
    let desk = Desk::new();
    desk.insert(kind);
    let (module, session) = desk.signed_in();
    let (key, _) = private_keys(&*module, session);
    let public = public_of(&*module, session, key);
    let listed = module.mechanism_list(0).unwrap();
    for (mechanism, data) in cases {
        assert!(listed.contains(&mechanism.kind));
        module.sign_init(session, mechanism, key).unwrap();
        let whole = bytes(module.sign(session, data, Room::Bytes(512)).unwrap());
        module.sign_init(session, mechanism, key).unwrap();
        for part in data.chunks(7) {
            module.sign_update(session, part).unwrap();
        }
        let parts = bytes(module.sign_final(session, Room::Bytes(512)).unwrap());
        for signature in [&whole, &parts] {
            module.verify_init(session, mechanism, public).unwrap();
            module.verify(session, data, signature).unwrap();
            module.verify_init(session, mechanism, public).unwrap();
            for part in data.chunks(5) {
                module.verify_update(session, part).unwrap();
            }
            module.verify_final(session, signature).unwrap();
            let mut other = signature.clone();
            other[40] ^= 1;
            module.verify_init(session, mechanism, public).unwrap();
            assert_eq!(module.verify(session, data, &other), Err(CKR_SIGNATURE_INVALID));
            module.verify_init(session, mechanism, public).unwrap();
            let short = module.verify(session, data, &other[1..]);
            assert_eq!(short, Err(CKR_SIGNATURE_LEN_RANGE));
        }
    }
}

#[test]
fn a_session_public_key_verifies_and_goes_with_its_session() {
    for kind in [KeyKind::Rsa2048, KeyKind::P256] {
        let desk = Desk::new();
        desk.insert(kind);
        let (module, session) = desk.signed_in();
        let (key, _) = private_keys(&*module, session);
        let public = public_of(&*module, session, key);
        let parts: &[u64] = match kind {
            KeyKind::Rsa2048 => &[CKA_MODULUS, CKA_PUBLIC_EXPONENT],
            _ => &[CKA_EC_PARAMS, CKA_EC_POINT],
        };
        let mut template = vec![
            of_class(CKO_PUBLIC_KEY),
            Attribute::bytes(CKA_KEY_TYPE, attribute(&*module, session, public, CKA_KEY_TYPE)),
            Attribute::bytes(CKA_LABEL, b"brought along"),
            Attribute::flag(CKA_TOKEN, false),
        ];
        template.extend(
            parts
                .iter()
                .map(|part| Attribute::bytes(*part, attribute(&*module, session, public, *part))),
        );
        let owner = open(&*module);
        let brought = module.create_object(owner, &template).unwrap();
        let mechanism = if kind == KeyKind::P256 { CKM_ECDSA_SHA256 } else { CKM_SHA256_RSA_PKCS };
        let signature = sign(&*module, session, mechanism, key, b"x").unwrap();
        module.verify_init(session, &Mechanism::plain(mechanism), brought).unwrap();
        module.verify(session, b"x", &signature).unwrap();
        module.close_session(owner).unwrap();
        let size = module.object_size(session, brought);
        assert_eq!(size, Err(CKR_OBJECT_HANDLE_INVALID), "gone with its session");

        let brought = module.create_object(session, &template).unwrap();
        module.destroy_object(session, brought).unwrap();
        assert_eq!(module.destroy_object(session, brought), Err(CKR_OBJECT_HANDLE_INVALID));

        // What is wrong with a template is told, and nothing is made.
        let with = |at: usize, attribute| {
            let mut changed = template.clone();
            changed[at] = attribute;
            module.create_object(session, &changed)
        };
        assert_eq!(with(3, Attribute::flag(CKA_TOKEN, true)), Err(CKR_ACTION_PROHIBITED));
        let four_bytes = Attribute::bytes(CKA_TOKEN, [1, 0, 0, 0]);
        assert_eq!(with(3, four_bytes), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        assert_eq!(with(3, of_class(CKO_PUBLIC_KEY)), Err(CKR_TEMPLATE_INCONSISTENT));
        assert_eq!(with(3, Attribute::flag(0x8123_4567, true)), Err(CKR_ATTRIBUTE_TYPE_INVALID));
        assert_eq!(with(3, Attribute::flag(CKA_LOCAL, true)), Err(CKR_ATTRIBUTE_READ_ONLY));
        // A point is no attribute of a private key; a modulus is, but not all of it.
        let private = match kind {
            KeyKind::P256 => CKR_TEMPLATE_INCONSISTENT,
            _ => CKR_TEMPLATE_INCOMPLETE,
        };
        assert_eq!(with(0, of_class(CKO_PRIVATE_KEY)), Err(private));
        assert_eq!(with(5, Attribute::flag(CKA_VERIFY, true)), Err(CKR_TEMPLATE_INCOMPLETE));
        assert_eq!(with(5, Attribute::bytes(parts[1], [])), Err(CKR_ATTRIBUTE_VALUE_INVALID));
    }
}

#[test]
fn digests_and_random_are_the_back_ends() {
    use wardcard::{crypto, pkcs11::Room};
    let desk = Desk::with_card();
    let module = desk.connect();
    let session = module.open_session(0, CKF_SERIAL_SESSION).unwrap();
    for (kind, hash) in [
        (CKM_SHA_1, crypto::Hash::Sha1),
        (CKM_SHA224, crypto::Hash::Sha224),
        (CKM_SHA256, crypto::Hash::Sha256),
        (CKM_SHA384, crypto::Hash::Sha384),
        (CKM_SHA512, crypto::Hash::Sha512),
    ] {
        module.digest_init(session, &Mechanism::plain(kind)).unwrap();
        module.digest_update(session, b"a").unwrap();
        module.digest_update(session, b"bc").unwrap();
        let digest = bytes(module.digest_final(session, Room::Bytes(64)).unwrap());
        assert_eq!(digest, crypto::digest(hash, b"abc"));
    }
    assert_eq!(module.seed_random(session, b"x"), Err(CKR_RANDOM_SEED_NOT_SUPPORTED));
    let random = module.generate_random(session, 32).unwrap();
    assert_ne!(random, module.generate_random(session, 32).unwrap());
    assert_eq!(module.generate_random(session, usize::MAX), Err(CKR_ARGUMENTS_BAD));
    assert_eq!(module.generate_random(99, 1), Err(CKR_SESSION_HANDLE_INVALID));
}

#[test]
fn slot_and_token_say_stable_things() {
    let desk = Desk::new();
    let card = desk.insert(KeyKind::Rsa2048);
    let module = desk.connect();
    let slot = module.slot_info(0).unwrap();
    assert_eq!(slot.description, "Wardcard virtual reader 00 00");
    assert_eq!(slot.manufacturer, "Wardcard");
    let token = module.token_info(0).unwrap();
    assert_eq!(token.label, "NHS Smartcard 555000000001");
    assert_eq!((&*token.manufacturer, &*token.model), ("Wardcard", "Wardcard"));
    assert_eq!(token.serial, card.id().to_hex());
    assert_eq!((token.min_pin, token.max_pin), (6, 8));
    assert_eq!(
        token.flags,
        CKF_RNG | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED
    );
    assert_eq!(module.open_session(0, 0), Err(CKR_SESSION_PARALLEL_NOT_SUPPORTED));
    let session = open(&*module);
    assert_eq!(module.login(session, CKU_SO, Some(PASSCODE)), Err(CKR_USER_TYPE_INVALID));
}
