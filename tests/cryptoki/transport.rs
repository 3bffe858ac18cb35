//! Keys on their way: wrapped, unwrapped, derived (base specification section 5.18); and RSA that is
//! more than a signature (recovery, OAEP).

use crate::cards::*;
use wardcard::{
    card::{KeyRef, KeySlot, Outcome},
    crypto::KeyKind,
    pkcs11::{
        Attribute, Cryptoki, Filled, HkdfSalt, Mechanism, Module, ObjectHandle, Parameter, Room,
        Rv, SessionHandle, ck::*,
    },
};

const ENOUGH: Room = Room::Bytes(1 << 16);
fn flags(kinds: &[u64]) -> Vec<Attribute> {
    kinds.iter().map(|kind| Attribute::flag(*kind, true)).collect()
}

fn pair(
    module: &Module,
    session: SessionHandle,
    kind: KeyKind,
    uses: &[u64],
) -> (ObjectHandle, ObjectHandle) {
    let (mechanism, public) = match kind {
        KeyKind::P256 => (CKM_EC_KEY_PAIR_GEN, Attribute::bytes(CKA_EC_PARAMS, P256)),
        _ => (CKM_RSA_PKCS_KEY_PAIR_GEN, Attribute::number(CKA_MODULUS_BITS, 2048)),
    };
    let verify = if kind.is_rsa() { flags(&[CKA_VERIFY_RECOVER]) } else { Vec::new() };
    let public = [vec![public], verify].concat();
    module.generate_key_pair(session, &Mechanism::plain(mechanism), &public, &flags(uses)).unwrap()
}

fn wrapped(
    module: &Module,
    session: SessionHandle,
    mechanism: &Mechanism,
    wrapping: ObjectHandle,
    key: ObjectHandle,
) -> Result<Vec<u8>, Rv> {
    module.wrap_key(session, mechanism, wrapping, key, ENOUGH).map(bytes)
}

fn wish(class: u64, key_type: u64, more: &[Attribute]) -> Vec<Attribute> {
    [&[of_class(class), Attribute::number(CKA_KEY_TYPE, key_type)], more].concat()
}

fn readable() -> [Attribute; 2] {
    [Attribute::flag(CKA_SENSITIVE, false), Attribute::flag(CKA_EXTRACTABLE, true)]
}

#[test]
fn keys_come_out_of_their_wrapping_as_they_went_in() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let under = generate(&module, session, CKM_AES_KEY_GEN, 32, &[]).unwrap();
    let key = generate(&module, session, CKM_AES_KEY_GEN, 24, &readable()).unwrap();
    let value = attribute(&*module, session, key, CKA_VALUE);
    let gcm = Parameter::Gcm { iv: vec![1; 12], aad: vec![], tag_bits: 96 };
    let iv = || Parameter::Bytes(vec![4; 16]);
    let length = Attribute::number(CKA_VALUE_LEN, 24);
    let [sensitive, extractable] = readable();
    for (mechanism, size, zeros) in [
        (Mechanism::plain(CKM_AES_KEY_WRAP), 32, false),
        (Mechanism::plain(CKM_AES_KEY_WRAP_KWP), 32, false),
        (Mechanism::plain(CKM_AES_KEY_WRAP_PAD), 32, false),
        (by(CKM_AES_CBC_PAD, iv()), 32, false),
        (by(CKM_AES_GCM, gcm), 36, false),
        // Section 2.11.4: padded with zeros, which CKA_VALUE_LEN removes.
        (Mechanism::plain(CKM_AES_ECB), 32, true),
        (by(CKM_AES_CBC, iv()), 32, true),
    ] {
        let query = module.wrap_key(session, &mechanism, under, key, Room::Query);
        assert_eq!(query, Ok(Filled::Length(size)), "{mechanism:?}");
        let short = module.wrap_key(session, &mechanism, under, key, Room::Bytes(size - 1));
        assert_eq!(short, Ok(Filled::TooSmall(size)));
        let sealed = wrapped(&module, session, &mechanism, under, key).unwrap();
        let more = [sensitive.clone(), extractable.clone(), length.clone()];
        let more = if zeros { &more[..] } else { &more[..2] };
        let template = wish(CKO_SECRET_KEY, CKK_AES, more);
        let again = module.unwrap_key(session, &mechanism, under, &sealed, &template).unwrap();
        assert_eq!(attribute(&*module, session, again, CKA_VALUE), value);
        let told = |kind| attribute(&*module, session, again, kind);
        assert_eq!((told(CKA_LOCAL), told(CKA_NEVER_EXTRACTABLE)), (vec![0], vec![0]));
        let cut = &sealed[..sealed.len() - 1];
        let found = module.unwrap_key(session, &mechanism, under, cut, &template);
        let codes = [CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID];
        assert!(codes.contains(&found.unwrap_err()));
    }
}

#[test]
fn private_keys_go_as_pkcs8_and_work_afterwards() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let under = generate(&module, session, CKM_AES_KEY_GEN, 16, &[]).unwrap();
    for (kind, key_type, signing) in [
        (KeyKind::P256, CKK_EC, CKM_ECDSA_SHA256),
        (KeyKind::Rsa2048, CKK_RSA, CKM_SHA256_RSA_PKCS),
    ] {
        let (public, private) = pair(&module, session, kind, &[CKA_EXTRACTABLE]);
        for mechanism in [
            Mechanism::plain(CKM_AES_KEY_WRAP_KWP),
            by(CKM_AES_CBC_PAD, Parameter::Bytes(vec![9; 16])),
        ] {
            let sealed = wrapped(&module, session, &mechanism, under, private).unwrap();
            let template = wish(CKO_PRIVATE_KEY, key_type, &[]);
            let again = module.unwrap_key(session, &mechanism, under, &sealed, &template).unwrap();
            let signature = sign(&*module, session, signing, again, b"message").unwrap();
            module.verify_init(session, &Mechanism::plain(signing), public).unwrap();
            assert_eq!(module.verify(session, b"message", &signature), Ok(()));
            // It is no secret key, and no key of the other kind.
            let secret = wish(CKO_SECRET_KEY, CKK_AES, &[]);
            let found = module.unwrap_key(session, &mechanism, under, &sealed, &secret);
            assert_eq!(found, Err(CKR_WRAPPED_KEY_LEN_RANGE));
            let other = if key_type == CKK_EC { CKK_RSA } else { CKK_EC };
            let other = wish(CKO_PRIVATE_KEY, other, &[]);
            let found = module.unwrap_key(session, &mechanism, under, &sealed, &other);
            assert_eq!(found, Err(CKR_TEMPLATE_INCONSISTENT));
        }
        let ecb = Mechanism::plain(CKM_AES_ECB);
        let found = wrapped(&module, session, &ecb, under, private);
        assert_eq!(found, Err(CKR_KEY_NOT_WRAPPABLE), "section 2.11.4 wraps secret keys");
    }
}

#[test]
fn a_cards_keys_and_what_is_not_extractable_are_never_wrapped() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (authentication, commitment) = private_keys(&*module, session);
    let under = generate(&module, session, CKM_AES_KEY_GEN, 32, &[]).unwrap();
    let open = generate(&module, session, CKM_AES_KEY_GEN, 32, &flags(&[CKA_EXTRACTABLE])).unwrap();
    let trusted = flags(&[CKA_EXTRACTABLE, CKA_WRAP_WITH_TRUSTED]);
    let trusted = generate(&module, session, CKM_AES_KEY_GEN, 32, &trusted).unwrap();
    let no_wrap =
        generate(&module, session, CKM_AES_KEY_GEN, 32, &[Attribute::flag(CKA_WRAP, false)])
            .unwrap();
    let odd =
        generate(&module, session, CKM_GENERIC_SECRET_KEY_GEN, 13, &flags(&[CKA_EXTRACTABLE]))
            .unwrap();
    let long =
        generate(&module, session, CKM_GENERIC_SECRET_KEY_GEN, 246, &flags(&[CKA_EXTRACTABLE]))
            .unwrap();
    let (public, private) = pair(&module, session, KeyKind::Rsa2048, &[]);
    let kw = Mechanism::plain(CKM_AES_KEY_WRAP);
    let rsa = Mechanism::plain(CKM_RSA_PKCS);
    let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
    for (mechanism, wrapping, key, code, why) in [
        (&kwp, under, authentication, CKR_KEY_UNEXTRACTABLE, "a card's key"),
        (&kwp, under, commitment, CKR_KEY_UNEXTRACTABLE, "a card's key"),
        (&kwp, under, private, CKR_KEY_UNEXTRACTABLE, "CKA_EXTRACTABLE is false by default"),
        (&kwp, under, under, CKR_KEY_UNEXTRACTABLE, "CKA_EXTRACTABLE is false by default"),
        (&kwp, under, trusted, CKR_KEY_NOT_WRAPPABLE, "CKA_WRAP_WITH_TRUSTED"),
        (&kwp, under, public, CKR_KEY_NOT_WRAPPABLE, "a public key"),
        (&kwp, under, 9999, CKR_KEY_HANDLE_INVALID, "no key"),
        (&kwp, 9999, open, CKR_WRAPPING_KEY_HANDLE_INVALID, "no wrapping key"),
        (&kwp, public, open, CKR_WRAPPING_KEY_TYPE_INCONSISTENT, "RSA"),
        (&rsa, under, open, CKR_WRAPPING_KEY_TYPE_INCONSISTENT, "AES"),
        (&kwp, no_wrap, open, CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_WRAP"),
        (&kw, under, odd, CKR_KEY_SIZE_RANGE, "no multiple of 8"),
        (&rsa, public, long, CKR_KEY_SIZE_RANGE, "longer than k - 11"),
        (&Mechanism::plain(CKM_AES_CMAC), under, open, CKR_MECHANISM_INVALID, "a code"),
    ] {
        assert_eq!(wrapped(&module, session, mechanism, wrapping, key), Err(code), "{why}");
    }
    let class = [Attribute::number(CKA_KEY_TYPE, CKK_AES)];
    let sealed = wrapped(&module, session, &kwp, under, open).unwrap();
    let whole = wish(CKO_SECRET_KEY, CKK_AES, &[]);
    let mut altered = sealed.clone();
    altered[3] ^= 1;
    let unwrap = |key, wrapped: &[u8], template: &[Attribute]| {
        module.unwrap_key(session, &kwp, key, wrapped, template)
    };
    for (found, code, why) in [
        (unwrap(under, &sealed, &class), CKR_TEMPLATE_INCOMPLETE, "no class"),
        (unwrap(under, &sealed, &[of_class(CKO_SECRET_KEY)]), CKR_TEMPLATE_INCOMPLETE, "no type"),
        (unwrap(under, &sealed, &[of_class(CKO_DATA)]), CKR_TEMPLATE_INCONSISTENT, "no key"),
        (unwrap(under, &altered, &whole), CKR_WRAPPED_KEY_INVALID, "altered"),
        (unwrap(under, &sealed[1..], &whole), CKR_WRAPPED_KEY_LEN_RANGE, "cut"),
        (unwrap(9999, &sealed, &whole), CKR_UNWRAPPING_KEY_HANDLE_INVALID, "no key"),
        (unwrap(private, &sealed, &whole), CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, "RSA"),
        (unwrap(authentication, &sealed, &whole), CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, "RSA"),
    ] {
        assert_eq!(found, Err(code), "{why}");
    }
    let found = module.unwrap_key(session, &rsa, authentication, &[0; 256], &whole);
    assert_eq!(found, Err(CKR_KEY_FUNCTION_NOT_PERMITTED), "CKA_UNWRAP of a card's key is false");
}

#[test]
fn rsa_unwraps_and_rule_13_says_nothing_about_its_padding() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (public, private) = pair(&module, session, KeyKind::Rsa2048, &[]);
    let key = generate(&module, session, CKM_AES_KEY_GEN, 32, &readable()).unwrap();
    let value = attribute(&*module, session, key, CKA_VALUE);
    let template = wish(CKO_SECRET_KEY, CKK_AES, &readable());
    let oaep = Parameter::Oaep {
        hash: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        label: b"label".to_vec(),
    };
    for mechanism in [Mechanism::plain(CKM_RSA_PKCS), by(CKM_RSA_PKCS_OAEP, oaep)] {
        let sealed = wrapped(&module, session, &mechanism, public, key).unwrap();
        let again = module.unwrap_key(session, &mechanism, private, &sealed, &template).unwrap();
        assert_eq!(attribute(&*module, session, again, CKA_VALUE), value);
        let found = module.unwrap_key(session, &mechanism, private, &sealed[1..], &template);
        assert_eq!(found, Err(CKR_WRAPPED_KEY_LEN_RANGE));
    }
    // Bad padding is another key of the same ciphertext's own, mostly of no length that AES has;
    // what a client sees is the same as for good padding around something else.
    let pkcs1 = Mechanism::plain(CKM_RSA_PKCS);
    let generic = wish(CKO_SECRET_KEY, CKK_GENERIC_SECRET, &readable());
    let sealed = wrapped(&module, session, &pkcs1, public, key).unwrap();
    let mut altered = sealed.clone();
    altered[255] ^= 1;
    let mut lengths = Vec::new();
    for _ in 0..2 {
        match module.unwrap_key(session, &pkcs1, private, &altered, &generic) {
            Ok(other) => lengths.push(attribute(&*module, session, other, CKA_VALUE)),
            // An empty message is no key.
            Err(rv) => assert_eq!(rv, CKR_WRAPPED_KEY_LEN_RANGE),
        }
    }
    assert!(lengths.windows(2).all(|pair| pair[0] == pair[1] && pair[0] != value));
}

#[test]
fn two_sides_derive_the_same_key() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (ours, our_key) = pair(&module, session, KeyKind::P256, &[CKA_DERIVE]);
    let (theirs, their_key) = pair(&module, session, KeyKind::P256, &[CKA_DERIVE]);
    let point = |key| attribute(&*module, session, key, CKA_EC_POINT);
    let ecdh = |kdf, shared: &[u8], public| {
        by(CKM_ECDH1_DERIVE, Parameter::Ecdh { kdf, shared: shared.to_vec(), public })
    };
    let mut seen = Vec::new();
    for (kdf, shared, length, said) in [
        (CKD_NULL, &b""[..], 32, None),
        (CKD_NULL, b"", 16, Some(16)),
        (CKD_SHA1_KDF, b"info", 20, None),
        (CKD_SHA256_KDF, b"info", 100, Some(100)),
        (CKD_SHA512_KDF, b"", 64, None),
    ] {
        let more: Vec<Attribute> = readable()
            .into_iter()
            .chain(said.map(|length| Attribute::number(CKA_VALUE_LEN, length)))
            .collect();
        let derive = |base, public| {
            module.derive_key(session, &ecdh(kdf, shared, point(public)), base, &more).unwrap()
        };
        let [one, other] = [derive(our_key, theirs), derive(their_key, ours)]
            .map(|key| attribute(&*module, session, key, CKA_VALUE));
        assert_eq!(one, other);
        assert_eq!(one.len(), length);
        assert!(!seen.contains(&one));
        seen.push(one);
    }
    // Section 2.3.17: "removes bytes from the leading end".
    assert_eq!(seen[0][16..], seen[1]);

    let idle = pair(&module, session, KeyKind::P256, &[]).1;
    let mechanism = ecdh(CKD_NULL, b"", point(theirs));
    let derive = |mechanism: &Mechanism, base, template: &[Attribute]| {
        module.derive_key(session, mechanism, base, template)
    };
    let mut off = point(theirs);
    off[40] ^= 1;
    let aes =
        |length| [&[Attribute::number(CKA_KEY_TYPE, CKK_AES)], &length_of(length)[..]].concat();
    for (found, code, why) in [
        (derive(&mechanism, idle, &[]), CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_DERIVE"),
        (derive(&mechanism, ours, &[]), CKR_KEY_FUNCTION_NOT_PERMITTED, "a public key"),
        (derive(&mechanism, 9999, &[]), CKR_KEY_HANDLE_INVALID, "no key"),
        (derive(&ecdh(CKD_NULL, b"", off), our_key, &[]), CKR_MECHANISM_PARAM_INVALID, "point"),
        (derive(&mechanism, our_key, &length_of(33)), CKR_KEY_SIZE_RANGE, "longer than it is"),
        (derive(&mechanism, our_key, &aes(17)), CKR_ATTRIBUTE_VALUE_INVALID, "no AES key"),
        (
            derive(&mechanism, our_key, &[Attribute::flag(CKA_TOKEN, true)]),
            CKR_ACTION_PROHIBITED,
            "on the card",
        ),
    ] {
        assert_eq!(found, Err(code), "{why}");
    }
    assert!(derive(&mechanism, our_key, &aes(24)).is_ok());
    // Sensitive from a key that was always so (footnotes of section 2.3.17).
    let kept = derive(&mechanism, our_key, &[]).unwrap();
    let told = |kind| attribute(&*module, session, kept, kind);
    assert_eq!(
        told(CKA_ALWAYS_SENSITIVE),
        attribute(&*module, session, our_key, CKA_ALWAYS_SENSITIVE)
    );
    assert_eq!(told(CKA_LOCAL), [0]);
}

fn length_of(length: u64) -> Vec<Attribute> {
    vec![Attribute::number(CKA_VALUE_LEN, length)]
}

#[test]
fn hkdf_in_two_steps_is_hkdf_in_one() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let more = [readable().to_vec(), flags(&[CKA_DERIVE])].concat();
    let base = generate(&module, session, CKM_HKDF_KEY_GEN, 40, &more).unwrap();
    let salt_key = generate(&module, session, CKM_GENERIC_SECRET_KEY_GEN, 16, &more).unwrap();
    let salt = attribute(&*module, session, salt_key, CKA_VALUE);
    let hkdf = |extract, expand, salt, kind| {
        let info = b"info".to_vec();
        by(kind, Parameter::Hkdf { extract, expand, hash: CKM_SHA256, salt, info })
    };
    let value = |key: ObjectHandle| attribute(&*module, session, key, CKA_VALUE);
    let derive = |mechanism: &Mechanism, base, template: &[Attribute]| {
        module.derive_key(session, mechanism, base, template)
    };
    let whole = hkdf(true, true, HkdfSalt::Data(salt.clone()), CKM_HKDF_DERIVE);
    let wanted = [&length_of(50)[..], &readable()].concat();
    let once = value(derive(&whole, base, &wanted).unwrap());

    let by_key = hkdf(true, true, HkdfSalt::Key(salt_key), CKM_HKDF_DERIVE);
    assert_eq!(value(derive(&by_key, base, &wanted).unwrap()), once);
    let first = hkdf(true, false, HkdfSalt::Data(salt.clone()), CKM_HKDF_DERIVE);
    let extracted = derive(&first, base, &more).unwrap();
    assert_eq!(value(extracted).len(), 32);
    let second = hkdf(false, true, HkdfSalt::Null, CKM_HKDF_DERIVE);
    assert_eq!(value(derive(&second, extracted, &wanted).unwrap()), once);
    let data = hkdf(true, true, HkdfSalt::Data(salt), CKM_HKDF_DATA);
    let datum = derive(&data, base, &length_of(50)).unwrap();
    assert_eq!(attribute(&*module, session, datum, CKA_CLASS), CKO_DATA.to_le_bytes());
    assert_eq!(value(datum), once);

    let idle = generate(&module, session, CKM_GENERIC_SECRET_KEY_GEN, 16, &[]).unwrap();
    let idle_salt = hkdf(true, true, HkdfSalt::Key(idle), CKM_HKDF_DERIVE);
    let no_salt = hkdf(true, true, HkdfSalt::Key(9999), CKM_HKDF_DERIVE);
    for (found, code) in [
        (derive(&whole, base, &[]), CKR_TEMPLATE_INCOMPLETE),
        (derive(&whole, idle, &wanted), CKR_KEY_FUNCTION_NOT_PERMITTED),
        (derive(&idle_salt, base, &wanted), CKR_KEY_FUNCTION_NOT_PERMITTED),
        (derive(&no_salt, base, &wanted), CKR_KEY_HANDLE_INVALID),
        (derive(&first, base, &length_of(31)), CKR_KEY_SIZE_RANGE),
        (derive(&data, base, &[]), CKR_TEMPLATE_INCOMPLETE),
        (derive(&data, base, &[Attribute::bytes(CKA_VALUE, *b"x")]), CKR_ATTRIBUTE_READ_ONLY),
        (derive(&data, base, &[of_class(CKO_SECRET_KEY)]), CKR_TEMPLATE_INCONSISTENT),
    ] {
        assert_eq!(found, Err(code));
    }
}

#[test]
fn a_signature_gives_back_what_was_signed() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (card, _) = private_keys(&*module, session);
    let (public, private) = pair(&module, session, KeyKind::Rsa2048, &[CKA_SIGN_RECOVER]);
    let pkcs1 = Mechanism::plain(CKM_RSA_PKCS);
    module.sign_recover_init(session, &pkcs1, private).unwrap();
    assert_eq!(module.sign_recover(session, b"data", Room::Query), Ok(Filled::Length(256)));
    let short = module.sign_recover(session, b"data", Room::Bytes(255));
    assert_eq!(short, Ok(Filled::TooSmall(256)));
    let signature = bytes(module.sign_recover(session, b"data", ENOUGH).unwrap());
    assert_eq!(sign(&*module, session, CKM_RSA_PKCS, private, b"data"), Ok(signature.clone()));

    module.verify_recover_init(session, &pkcs1, public).unwrap();
    assert_eq!(module.verify_recover(session, &signature, Room::Query), Ok(Filled::Length(4)));
    let short = module.verify_recover(session, &signature, Room::Bytes(3));
    assert_eq!(short, Ok(Filled::TooSmall(4)));
    let data = module.verify_recover(session, &signature, Room::Bytes(4));
    assert_eq!(data, Ok(Filled::Bytes(b"data".to_vec())));
    let gone = Err(CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(module.verify_recover(session, &signature, ENOUGH), gone);

    let mut wrong = signature.clone();
    wrong[200] ^= 1;
    for (bad, code) in [(&wrong[..], CKR_SIGNATURE_INVALID), (&[1; 9], CKR_SIGNATURE_LEN_RANGE)] {
        module.verify_recover_init(session, &pkcs1, public).unwrap();
        assert_eq!(module.verify_recover(session, bad, ENOUGH), Err(code));
        assert_eq!(module.verify_recover(session, &signature, ENOUGH), gone, "rule 2");
    }
    module.sign_recover_init(session, &pkcs1, private).unwrap();
    assert_eq!(module.sign_recover(session, &[0; 246], ENOUGH), Err(CKR_DATA_LEN_RANGE));
    assert_eq!(module.sign_recover(session, b"data", ENOUGH), gone, "rule 2");

    let hashed = Mechanism::plain(CKM_SHA256_RSA_PKCS);
    let found = module.sign_recover_init(session, &hashed, private);
    assert_eq!(found, Err(CKR_MECHANISM_INVALID), "a digest gives nothing back");
    let found = module.sign_recover_init(session, &pkcs1, card);
    assert_eq!(found, Err(CKR_KEY_FUNCTION_NOT_PERMITTED), "a card's key says so");
    module.sign_recover_init(session, &pkcs1, private).unwrap();
    module.verify_recover_init(session, &pkcs1, public).unwrap();
    module.session_cancel(session, CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER).unwrap();
    assert_eq!(module.sign_recover(session, b"data", ENOUGH), gone);
    assert_eq!(module.verify_recover(session, &signature, ENOUGH), gone);
}

#[test]
fn a_card_opens_oaep_by_one_permit_and_says_nothing_about_what_is_wrong() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (key, _) = private_keys(&*module, session);
    let public = public_of(&*module, session, key);
    let oaep = |label: &[u8]| {
        by(
            CKM_RSA_PKCS_OAEP,
            Parameter::Oaep {
                hash: CKM_SHA_1,
                mgf: CKG_MGF1_SHA1,
                source: CKZ_DATA_SPECIFIED,
                label: label.to_vec(),
            },
        )
    };
    module.encrypt_init(session, &oaep(b""), public).unwrap();
    assert_eq!(module.encrypt(session, &[0; 215], ENOUGH), Err(CKR_DATA_LEN_RANGE));
    module.encrypt_init(session, &oaep(b""), public).unwrap();
    let sealed = bytes(module.encrypt(session, b"ten bytes!", ENOUGH).unwrap());
    module.decrypt_init(session, &oaep(b""), key).unwrap();
    assert_eq!(module.decrypt(session, &sealed, Room::Query), Ok(Filled::Length(214)));
    assert_eq!(module.decrypt(session, &sealed, Room::Bytes(9)), Ok(Filled::TooSmall(10)));
    let opened = module.decrypt(session, &sealed, Room::Bytes(10));
    assert_eq!(opened, Ok(Filled::Bytes(b"ten bytes!".to_vec())));
    assert_eq!(
        *desk.gate.uses.lock().unwrap(),
        [(KeyRef::Slot(KeySlot::Authentication), Some(Outcome::Done))]
    );

    let mut altered = sealed.clone();
    altered[255] ^= 1;
    for (mechanism, ciphertext) in [(oaep(b"label"), &sealed), (oaep(b""), &altered)] {
        module.decrypt_init(session, &mechanism, key).unwrap();
        let found = module.decrypt(session, ciphertext, ENOUGH);
        assert_eq!(found, Err(CKR_ENCRYPTED_DATA_INVALID));
    }
    module.decrypt_init(session, &oaep(b""), key).unwrap();
    let found = module.decrypt(session, &sealed[1..], ENOUGH);
    assert_eq!(found, Err(CKR_ENCRYPTED_DATA_LEN_RANGE));
}
