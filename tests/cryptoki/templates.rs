//! Wrong templates: each breaks another rule of section 4.1.1 or of an attribute's table, and is
//! answered by the code that the section names.

use crate::cards::*;
use wardcard::pkcs11::{Attribute, Cryptoki, Mechanism, ck::*};

/// secp521r1, which is not offered.
const P521: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];

fn flag(kind: u64) -> Attribute {
    Attribute::flag(kind, true)
}

fn number(kind: u64, value: u64) -> Attribute {
    Attribute::number(kind, value)
}

fn bytes_of(kind: u64, value: &[u8]) -> Attribute {
    Attribute::bytes(kind, value)
}

#[test]
fn wrong_templates_of_c_create_object_are_told_by_their_code() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let certificate = || {
        vec![
            of_class(CKO_CERTIFICATE),
            number(CKA_CERTIFICATE_TYPE, CKC_X_509),
            bytes_of(CKA_SUBJECT, b"s"),
            bytes_of(CKA_VALUE, b"v"),
        ]
    };
    let without =
        |kind: u64| certificate().into_iter().filter(|one| one.kind != kind).collect::<Vec<_>>();
    let with = |attribute: Attribute| [certificate(), vec![attribute]].concat();
    let datum = |attribute: Attribute| vec![of_class(CKO_DATA), attribute];
    let public = |attributes: &[Attribute]| [&[of_class(CKO_PUBLIC_KEY)], attributes].concat();
    let secret = |key_type: u64, attributes: &[Attribute]| {
        [&[of_class(CKO_SECRET_KEY), number(CKA_KEY_TYPE, key_type)], attributes].concat()
    };
    let private = |attributes: &[Attribute]| {
        let fixed = [of_class(CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_RSA)];
        [&fixed, attributes].concat()
    };
    let rsa = |d: &[u8]| {
        private(&[
            bytes_of(CKA_MODULUS, &[0x81; 256]),
            bytes_of(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
            bytes_of(CKA_PRIVATE_EXPONENT, d),
        ])
    };
    let half = [rsa(&[5; 256]), vec![bytes_of(CKA_PRIME_1, &[7; 128])]].concat();
    for (template, code, why) in [
        // 4.1.1 item 4: "insufficient to fully specify the object to create".
        (vec![], CKR_TEMPLATE_INCOMPLETE, "nothing at all"),
        (vec![bytes_of(CKA_LABEL, b"x")], CKR_TEMPLATE_INCOMPLETE, "no class"),
        (without(CKA_CERTIFICATE_TYPE), CKR_TEMPLATE_INCOMPLETE, "footnote 1 of table 4.6.2"),
        (without(CKA_SUBJECT), CKR_TEMPLATE_INCOMPLETE, "footnote 1 of table 4.6.3"),
        (without(CKA_VALUE), CKR_TEMPLATE_INCOMPLETE, "neither value nor URL"),
        (
            [without(CKA_VALUE), vec![bytes_of(CKA_URL, b"http://x")]].concat(),
            CKR_TEMPLATE_INCOMPLETE,
            "hashes \"can only be empty if CKA_URL is empty\"",
        ),
        (public(&[]), CKR_TEMPLATE_INCOMPLETE, "no key type"),
        (public(&[number(CKA_KEY_TYPE, CKK_RSA)]), CKR_TEMPLATE_INCOMPLETE, "no modulus"),
        // Item 1: "a value for an invalid attribute".
        (datum(flag(0x8123_4567)), CKR_ATTRIBUTE_TYPE_INVALID, "a vendor's"),
        (datum(flag(0x4000_0211)), CKR_ATTRIBUTE_TYPE_INVALID, "CKA_WRAP_TEMPLATE: not offered"),
        // Item 2: "an invalid value for a valid attribute".
        (vec![of_class(CKO_PROFILE)], CKR_ATTRIBUTE_VALUE_INVALID, "the token's own class"),
        (vec![of_class(5)], CKR_ATTRIBUTE_VALUE_INVALID, "CKO_HW_FEATURE"),
        (vec![of_class(6)], CKR_ATTRIBUTE_VALUE_INVALID, "CKO_DOMAIN_PARAMETERS"),
        (vec![of_class(u64::MAX)], CKR_ATTRIBUTE_VALUE_INVALID, "no class"),
        (vec![bytes_of(CKA_CLASS, &[0; 4])], CKR_ATTRIBUTE_VALUE_INVALID, "four bytes of class"),
        (datum(bytes_of(CKA_TOKEN, &[0; 4])), CKR_ATTRIBUTE_VALUE_INVALID, "a long CK_BBOOL"),
        (datum(bytes_of(CKA_TOKEN, &[])), CKR_ATTRIBUTE_VALUE_INVALID, "an empty CK_BBOOL"),
        (datum(bytes_of(CKA_TOKEN, &[2])), CKR_ATTRIBUTE_VALUE_INVALID, "neither true nor false"),
        (datum(bytes_of(CKA_LABEL, &[b'x'; 1025])), CKR_ATTRIBUTE_VALUE_INVALID, "too long"),
        (
            [without(CKA_CERTIFICATE_TYPE), vec![number(CKA_CERTIFICATE_TYPE, 1)]].concat(),
            CKR_ATTRIBUTE_VALUE_INVALID,
            "CKC_X_509_ATTR_CERT",
        ),
        (
            with(bytes_of(CKA_CHECK_VALUE, b"abc")),
            CKR_ATTRIBUTE_VALUE_INVALID,
            "4.6.2: \"or the library returns CKR_ATTRIBUTE_VALUE_INVALID\"",
        ),
        (with(bytes_of(CKA_START_DATE, b"20261301")), CKR_ATTRIBUTE_VALUE_INVALID, "month 13"),
        (public(&[number(CKA_KEY_TYPE, 1)]), CKR_ATTRIBUTE_VALUE_INVALID, "CKK_DSA"),
        (
            public(&[
                number(CKA_KEY_TYPE, CKK_RSA),
                bytes_of(CKA_MODULUS, &[1; 64]),
                bytes_of(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
            ]),
            CKR_ATTRIBUTE_VALUE_INVALID,
            "a modulus of 512 bits",
        ),
        (
            public(&[
                number(CKA_KEY_TYPE, CKK_EC),
                bytes_of(CKA_EC_PARAMS, &P256),
                bytes_of(CKA_EC_POINT, &[4; 65]),
            ]),
            CKR_ATTRIBUTE_VALUE_INVALID,
            "a point off the curve",
        ),
        (secret(CKK_AES, &[bytes_of(CKA_VALUE, &[1; 15])]), CKR_ATTRIBUTE_VALUE_INVALID, "AES-120"),
        (secret(CKK_AES, &[bytes_of(CKA_VALUE, &[])]), CKR_ATTRIBUTE_VALUE_INVALID, "no key"),
        (
            secret(CKK_GENERIC_SECRET, &[bytes_of(CKA_VALUE, &[1; 4097])]),
            CKR_ATTRIBUTE_VALUE_INVALID,
            "too long a secret",
        ),
        (secret(0x15, &[bytes_of(CKA_VALUE, &[1; 24])]), CKR_ATTRIBUTE_VALUE_INVALID, "CKK_DES3"),
        (rsa(&[5; 256]), CKR_ATTRIBUTE_VALUE_INVALID, "parts that do not fit each other"),
        (half, CKR_TEMPLATE_INCONSISTENT, "one prime of two"),
        (private(&[]), CKR_TEMPLATE_INCOMPLETE, "no parts"),
        (secret(CKK_AES, &[]), CKR_TEMPLATE_INCOMPLETE, "footnote 1 of table 2.8.2"),
        (
            secret(CKK_AES, &[bytes_of(CKA_VALUE, &[1; 16]), number(CKA_VALUE_LEN, 32)]),
            CKR_TEMPLATE_INCONSISTENT,
            "another length",
        ),
        (
            secret(CKK_AES, &[bytes_of(CKA_VALUE, &[1; 16]), bytes_of(CKA_EC_POINT, &[4])]),
            CKR_TEMPLATE_INCONSISTENT,
            "\"appropriate for various types of public keys\"",
        ),
        (
            secret(CKK_AES, &[bytes_of(CKA_VALUE, &[1; 16]), flag(CKA_NEVER_EXTRACTABLE)]),
            CKR_ATTRIBUTE_READ_ONLY,
            "footnotes 2, 4, 6",
        ),
        // Current mechanisms 2.3: codes of their own for curves.
        (
            public(&[
                number(CKA_KEY_TYPE, CKK_EC),
                bytes_of(CKA_EC_PARAMS, &P521),
                bytes_of(CKA_EC_POINT, &[4; 133]),
            ]),
            CKR_CURVE_NOT_SUPPORTED,
            "another curve",
        ),
        (
            public(&[
                number(CKA_KEY_TYPE, CKK_EC),
                bytes_of(CKA_EC_PARAMS, b"P-256"),
                bytes_of(CKA_EC_POINT, &[4; 65]),
            ]),
            CKR_DOMAIN_PARAMS_INVALID,
            "no DER",
        ),
        // Item 3: "a value for a read-only attribute".
        (datum(bytes_of(CKA_UNIQUE_ID, b"mine")), CKR_ATTRIBUTE_READ_ONLY, "footnotes 2, 4, 6"),
        (
            public(&[
                number(CKA_KEY_TYPE, CKK_EC),
                bytes_of(CKA_EC_PARAMS, &P256),
                bytes_of(CKA_EC_POINT, &[4; 65]),
                flag(CKA_LOCAL),
            ]),
            CKR_ATTRIBUTE_READ_ONLY,
            "CKA_LOCAL",
        ),
        (with(flag(CKA_TRUSTED)), CKR_ATTRIBUTE_READ_ONLY, "footnote 10"),
        // Item 5: "not all of its members can be satisfied simultaneously".
        (
            vec![of_class(CKO_DATA), bytes_of(CKA_LABEL, b"a"), bytes_of(CKA_LABEL, b"b")],
            CKR_TEMPLATE_INCONSISTENT,
            "\"two different values for the same attribute\"",
        ),
        (datum(flag(CKA_SIGN)), CKR_TEMPLATE_INCONSISTENT, "an attribute of keys"),
        (with(bytes_of(CKA_MODULUS, b"m")), CKR_TEMPLATE_INCONSISTENT, "an attribute of RSA keys"),
        (
            [
                with(bytes_of(CKA_START_DATE, b"20261231")),
                vec![bytes_of(CKA_END_DATE, b"20261230")],
            ]
            .concat(),
            CKR_TEMPLATE_INCONSISTENT,
            "it ends before it starts",
        ),
        // 5.7.1 names this one for tokens that do not let applications in.
        (datum(flag(CKA_TOKEN)), CKR_ACTION_PROHIBITED, "an object of a derived card"),
    ] {
        assert_eq!(module.create_object(session, &template), Err(code), "{why}: {template:?}");
    }
    assert!(module.create_object(session, &certificate()).is_ok());
    // Section 5.7.1: "Only session objects can be created during a read-only session."
    let read_only = module.open_session(0, CKF_SERIAL_SESSION).unwrap();
    let token = module.create_object(read_only, &datum(flag(CKA_TOKEN)));
    assert_eq!(token, Err(CKR_SESSION_READ_ONLY));
    assert!(module.create_object(read_only, &[of_class(CKO_DATA)]).is_ok());
    // "Only public objects can be created unless the normal user is logged in."
    module.logout(session).unwrap();
    let private = module.create_object(session, &datum(flag(CKA_PRIVATE)));
    assert_eq!(private, Err(CKR_USER_NOT_LOGGED_IN));
}

#[test]
fn wrong_templates_of_c_generate_key_pair_are_told_before_a_key_is_made() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let before = find(&*module, session, &[]).len();
    let curve = bytes_of(CKA_EC_PARAMS, &P256);
    let with = |attribute: Attribute| vec![curve.clone(), attribute];
    for (public, private, code, why) in [
        (vec![], vec![], CKR_TEMPLATE_INCOMPLETE, "footnote 3: the curve is needed"),
        (vec![bytes_of(CKA_EC_PARAMS, &P521)], vec![], CKR_CURVE_NOT_SUPPORTED, "another curve"),
        (vec![bytes_of(CKA_EC_PARAMS, &[])], vec![], CKR_DOMAIN_PARAMS_INVALID, "no curve"),
        (with(bytes_of(CKA_EC_POINT, &[4; 65])), vec![], CKR_ATTRIBUTE_READ_ONLY, "footnote 4"),
        (with(of_class(CKO_PRIVATE_KEY)), vec![], CKR_TEMPLATE_INCONSISTENT, "the other's class"),
        (with(number(CKA_KEY_TYPE, CKK_RSA)), vec![], CKR_TEMPLATE_INCONSISTENT, "another type"),
        (with(number(CKA_MODULUS_BITS, 1)), vec![], CKR_TEMPLATE_INCONSISTENT, "RSA's"),
        (with(flag(CKA_LOCAL)), vec![], CKR_ATTRIBUTE_READ_ONLY, "footnote 4"),
        (with(flag(CKA_TRUSTED)), vec![], CKR_ATTRIBUTE_READ_ONLY, "footnote 10"),
        (with(flag(CKA_SIGN)), vec![], CKR_TEMPLATE_INCONSISTENT, "a private key's"),
        (with(flag(CKA_TOKEN)), vec![], CKR_ACTION_PROHIBITED, "on a derived card"),
        (vec![curve.clone()], vec![flag(CKA_TOKEN)], CKR_ACTION_PROHIBITED, "on a derived card"),
        (
            vec![curve.clone()],
            vec![bytes_of(CKA_VALUE, &[1; 32])],
            CKR_ATTRIBUTE_READ_ONLY,
            "footnote 4",
        ),
        (
            vec![curve.clone()],
            vec![flag(CKA_ALWAYS_SENSITIVE)],
            CKR_ATTRIBUTE_READ_ONLY,
            "footnote 4",
        ),
        (
            vec![curve.clone()],
            vec![Attribute::flag(CKA_SENSITIVE, false)],
            CKR_TEMPLATE_INCONSISTENT,
            "\"violates some token specific requirement\"",
        ),
        (
            vec![curve.clone()],
            vec![flag(CKA_ALWAYS_AUTHENTICATE)],
            CKR_TEMPLATE_INCONSISTENT,
            "for keys of a card alone",
        ),
        (
            vec![curve.clone()],
            vec![bytes_of(CKA_EC_PARAMS, &P521)],
            CKR_TEMPLATE_INCONSISTENT,
            "two curves",
        ),
        (
            vec![curve.clone()],
            vec![bytes_of(CKA_SIGN, &[1, 0, 0, 0])],
            CKR_ATTRIBUTE_VALUE_INVALID,
            "a long CK_BBOOL",
        ),
    ] {
        let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
        let made = module.generate_key_pair(session, &mechanism, &public, &private);
        assert_eq!(made, Err(code), "{why}: {public:?}, {private:?}");
    }
    let rsa = |public: &[Attribute]| {
        let mechanism = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        module.generate_key_pair(session, &mechanism, public, &[])
    };
    assert_eq!(rsa(&[]), Err(CKR_TEMPLATE_INCOMPLETE));
    for bits in [0, 1024, 2047, 8192, u64::MAX] {
        assert_eq!(rsa(&[number(CKA_MODULUS_BITS, bits)]), Err(CKR_ATTRIBUTE_VALUE_INVALID));
    }
    for exponent in [&[3][..], &[0], &[], &[1, 0, 3]] {
        let template = [number(CKA_MODULUS_BITS, 2048), bytes_of(CKA_PUBLIC_EXPONENT, exponent)];
        assert_eq!(rsa(&template), Err(CKR_ATTRIBUTE_VALUE_INVALID), "{exponent:?}");
    }
    for (mechanism, code) in [
        (Mechanism::plain(CKM_RSA_PKCS), CKR_MECHANISM_INVALID),
        (Mechanism::plain(0x8000_0000), CKR_MECHANISM_INVALID),
        (
            Mechanism {
                kind: CKM_EC_KEY_PAIR_GEN,
                parameter: wardcard::pkcs11::Parameter::Bytes(vec![0]),
            },
            CKR_MECHANISM_PARAM_INVALID,
        ),
    ] {
        let made = module.generate_key_pair(session, &mechanism, std::slice::from_ref(&curve), &[]);
        assert_eq!(made, Err(code));
    }
    assert_eq!(find(&*module, session, &[]).len(), before, "none of these left anything behind");
}

#[test]
fn what_a_function_contributes_may_be_said_if_it_is_the_same() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    // Section 4.1.1 item 6.
    let public = [
        of_class(CKO_PUBLIC_KEY),
        number(CKA_KEY_TYPE, CKK_RSA),
        number(CKA_MODULUS_BITS, 2048),
        bytes_of(CKA_PUBLIC_EXPONENT, &[0, 1, 0, 1]),
    ];
    let private = [of_class(CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_RSA)];
    let mechanism = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let (public, _) = module.generate_key_pair(session, &mechanism, &public, &private).unwrap();
    let of = |kind| attribute(&*module, session, public, kind);
    assert_eq!(of(CKA_PUBLIC_EXPONENT), [1, 0, 1]);
    // A public key read out comes in again as it is, but for what only the token says.
    let kinds = [
        CKA_CLASS,
        CKA_KEY_TYPE,
        CKA_MODULUS,
        CKA_MODULUS_BITS,
        CKA_PUBLIC_EXPONENT,
        CKA_PUBLIC_KEY_INFO,
        CKA_ENCRYPT,
        CKA_VERIFY,
        CKA_VERIFY_RECOVER,
        CKA_WRAP,
        CKA_DERIVE,
        CKA_TOKEN,
        CKA_PRIVATE,
        CKA_MODIFIABLE,
    ];
    let template: Vec<_> = kinds.iter().map(|kind| Attribute::bytes(*kind, of(*kind))).collect();
    let again = module.create_object(session, &template).unwrap();
    assert_eq!(attribute(&*module, session, again, CKA_LOCAL), [0]);
    let mut wrong = template.clone();
    wrong[3] = number(CKA_MODULUS_BITS, 2047);
    assert_eq!(module.create_object(session, &wrong), Err(CKR_TEMPLATE_INCONSISTENT));
}
