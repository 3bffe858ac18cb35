//! Session objects of every class: defaults, copies, changes, destruction and finding
//! (base specification 3.1 sections 4 and 5.7).

use crate::cards::*;
use wardcard::pkcs11::{
    Answer, Attribute, Cryptoki, Mechanism, Module, ObjectHandle, Query, Result, SessionHandle,
    ck::*,
};

/// A datum as applications make them.
fn datum(label: &[u8]) -> Vec<Attribute> {
    vec![of_class(CKO_DATA), Attribute::bytes(CKA_LABEL, label), Attribute::bytes(CKA_VALUE, b"v")]
}

fn set(
    module: &Module,
    session: SessionHandle,
    object: ObjectHandle,
    change: &[Attribute],
) -> Result<()> {
    module.set_attribute_value(session, object, change)
}

fn value(module: &Module, session: SessionHandle, object: ObjectHandle, kind: u64) -> Vec<u8> {
    attribute(module, session, object, kind)
}

/// A key pair of the session: public, private.
fn pair(
    module: &Module,
    session: SessionHandle,
    private: &[Attribute],
) -> Result<(ObjectHandle, ObjectHandle)> {
    let curve = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let public = [Attribute::bytes(CKA_EC_PARAMS, curve)];
    module.generate_key_pair(session, &Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, private)
}

#[test]
fn what_a_template_leaves_out_has_the_standards_default() {
    let desk = Desk::with_card();
    let module = desk.connect();
    let session = open(&*module);
    let object = module.create_object(session, &[of_class(CKO_DATA)]).unwrap();
    for (kind, default) in [
        // Table 4.4, storage objects.
        (CKA_TOKEN, vec![0]),
        (CKA_PRIVATE, vec![0]),
        (CKA_MODIFIABLE, vec![1]),
        (CKA_LABEL, vec![]),
        (CKA_COPYABLE, vec![1]),
        (CKA_DESTROYABLE, vec![1]),
        // Section 4.5, data objects.
        (CKA_APPLICATION, vec![]),
        (CKA_OBJECT_ID, vec![]),
        (CKA_VALUE, vec![]),
    ] {
        assert_eq!(value(&module, session, object, kind), default, "{kind:#x}");
    }
    let other = module.create_object(session, &[of_class(CKO_DATA)]).unwrap();
    let unique = |object| value(&module, session, object, CKA_UNIQUE_ID);
    assert_eq!(unique(object).len(), 32);
    assert_ne!(unique(object), unique(other));
}

#[test]
fn a_generated_pair_tells_where_it_came_from() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (public, private) = pair(&module, session, &[]).unwrap();
    let of = |object, kind| value(&module, session, object, kind);
    for object in [public, private] {
        assert_eq!(of(object, CKA_LOCAL), [1]);
        assert_eq!(of(object, CKA_KEY_GEN_MECHANISM), CKM_EC_KEY_PAIR_GEN.to_le_bytes());
        assert_eq!(of(object, CKA_KEY_TYPE), CKK_EC.to_le_bytes());
        assert_eq!(of(object, CKA_DERIVE), [0]);
        assert_eq!(of(object, CKA_TOKEN), [0]);
    }
    // Clients that say nothing get keys that work, and private ones nobody reads.
    for (kind, default) in [
        (CKA_PRIVATE, [1]),
        (CKA_SENSITIVE, [1]),
        (CKA_ALWAYS_SENSITIVE, [1]),
        (CKA_EXTRACTABLE, [0]),
        (CKA_NEVER_EXTRACTABLE, [1]),
        (CKA_SIGN, [1]),
        (CKA_WRAP_WITH_TRUSTED, [0]),
        (CKA_ALWAYS_AUTHENTICATE, [0]),
    ] {
        assert_eq!(of(private, kind), default, "{kind:#x}");
    }
    assert_eq!(of(public, CKA_PRIVATE), [0]);
    assert_eq!(of(public, CKA_VERIFY), [1]);
    assert_eq!(of(public, CKA_PUBLIC_KEY_INFO), of(private, CKA_PUBLIC_KEY_INFO));
    assert_eq!(of(public, CKA_EC_POINT)[..3], [4, 65, 4]);
    let secret = Query { kind: CKA_VALUE, room: Some(100) };
    let answers = module.attribute_value(session, private, &[secret]).unwrap();
    assert_eq!(answers.code, Some(CKR_ATTRIBUTE_SENSITIVE));
    assert_eq!(answers.answers, [Answer::Unavailable]);

    let (_, loose) = pair(&module, session, &[Attribute::flag(CKA_EXTRACTABLE, true)]).unwrap();
    assert_eq!(of(loose, CKA_NEVER_EXTRACTABLE), [0]);
    let mechanism = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let bits = [Attribute::number(CKA_MODULUS_BITS, 2048)];
    let (public, private) = module.generate_key_pair(session, &mechanism, &bits, &[]).unwrap();
    assert_eq!(of(public, CKA_MODULUS), of(private, CKA_MODULUS));
    assert_eq!(of(public, CKA_PUBLIC_EXPONENT), [1, 0, 1]);
    for (object, usage) in [
        (public, CKA_ENCRYPT),
        (public, CKA_VERIFY),
        (public, CKA_WRAP),
        (private, CKA_DECRYPT),
        (private, CKA_SIGN),
        (private, CKA_UNWRAP),
    ] {
        assert_eq!(of(object, usage), [1], "{usage:#x}");
    }
}

#[test]
fn a_certificate_is_kept_as_it_came() {
    let desk = Desk::with_card();
    let module = desk.connect();
    let session = open(&*module);
    let card = find(&*module, session, &[of_class(CKO_CERTIFICATE)])[0];
    let of = |object, kind| value(&module, session, object, kind);
    let template = [
        of_class(CKO_CERTIFICATE),
        Attribute::number(CKA_CERTIFICATE_TYPE, CKC_X_509),
        Attribute::bytes(CKA_SUBJECT, of(card, CKA_SUBJECT)),
        Attribute::bytes(CKA_ID, b"mine"),
        Attribute::bytes(CKA_VALUE, of(card, CKA_VALUE)),
    ];
    let made = module.create_object(session, &template).unwrap();
    // What it says of itself is told where the template is silent.
    for kind in [
        CKA_VALUE,
        CKA_ISSUER,
        CKA_SERIAL_NUMBER,
        CKA_START_DATE,
        CKA_END_DATE,
        CKA_CHECK_VALUE,
        CKA_PUBLIC_KEY_INFO,
    ] {
        assert_eq!(of(made, kind), of(card, kind), "{kind:#x}");
    }
    assert_eq!(of(made, CKA_CERTIFICATE_CATEGORY), [0; 8]);
    assert_eq!(of(made, CKA_TRUSTED), [0]);
    assert_eq!(find(&*module, session, &[Attribute::bytes(CKA_ID, b"mine")]), [made]);
}

/// An imported secret key: AES of sixteen bytes.
fn aes() -> Vec<Attribute> {
    vec![
        of_class(CKO_SECRET_KEY),
        Attribute::number(CKA_KEY_TYPE, CKK_AES),
        Attribute::bytes(CKA_VALUE, [0; 16]),
    ]
}

#[test]
fn a_secret_key_is_read_only_if_its_template_says_so() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let make = |more: &[Attribute]| {
        let template = [&aes()[..], more].concat();
        module.create_object(session, &template).unwrap()
    };
    let read = |object| {
        let query = Query { kind: CKA_VALUE, room: Some(100) };
        module.attribute_value(session, object, &[query]).unwrap()
    };
    let (sensitive, extractable) =
        (Attribute::flag(CKA_SENSITIVE, false), Attribute::flag(CKA_EXTRACTABLE, true));
    let found = |object| {
        let value = Attribute::bytes(CKA_VALUE, [0; 16]);
        find(&*module, session, &[value]).contains(&object)
    };
    // Footnote 7: "if CKA_SENSITIVE is CK_TRUE or CKA_EXTRACTABLE is CK_FALSE".
    for attributes in
        [&[][..], std::slice::from_ref(&sensitive), std::slice::from_ref(&extractable)]
    {
        let key = make(attributes);
        assert_eq!(read(key).code, Some(CKR_ATTRIBUTE_SENSITIVE), "{attributes:?}");
        assert!(!found(key), "no guessing either");
    }
    let open = make(&[sensitive, extractable]);
    assert_eq!(read(open).answers, [Answer::Value(vec![0; 16])]);
    assert!(found(open));
    for (kind, expected) in [
        // It came from outside.
        (CKA_LOCAL, vec![0]),
        (CKA_ALWAYS_SENSITIVE, vec![0]),
        (CKA_NEVER_EXTRACTABLE, vec![0]),
        (CKA_KEY_GEN_MECHANISM, vec![0xff; 8]),
        (CKA_VALUE_LEN, 16_u64.to_le_bytes().to_vec()),
        // AES of a zero block under a zero key (FIPS 197), its first three bytes.
        (CKA_CHECK_VALUE, vec![0x66, 0xe9, 0x4b]),
        (CKA_ENCRYPT, vec![1]),
        (CKA_DERIVE, vec![0]),
        (CKA_PRIVATE, vec![1]),
    ] {
        assert_eq!(value(&module, session, open, kind), expected, "{kind:#x}");
    }
    // Closed for ever.
    set(&module, session, open, &[Attribute::flag(CKA_SENSITIVE, true)]).unwrap();
    assert_eq!(read(open).code, Some(CKR_ATTRIBUTE_SENSITIVE));
    let again = [Attribute::flag(CKA_SENSITIVE, false)];
    assert_eq!(set(&module, session, open, &again), Err(CKR_ATTRIBUTE_READ_ONLY));
    assert_eq!(module.copy_object(session, open, &again), Err(CKR_ATTRIBUTE_READ_ONLY));
}

#[test]
fn a_check_value_is_right_or_unwanted() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let make = |check: &[u8]| {
        let template = [aes(), vec![Attribute::bytes(CKA_CHECK_VALUE, check)]].concat();
        module.create_object(session, &template)
    };
    assert!(make(&[0x66, 0xe9, 0x4b]).is_ok());
    // Section 4.10.2.
    assert_eq!(make(&[0x66, 0xe9, 0x4c]), Err(CKR_ATTRIBUTE_VALUE_INVALID));
    let none = make(&[]).unwrap();
    let query = Query { kind: CKA_CHECK_VALUE, room: None };
    let answers = module.attribute_value(session, none, &[query]).unwrap();
    assert_eq!(answers.code, Some(CKR_ATTRIBUTE_TYPE_INVALID));
}

#[test]
fn a_private_key_comes_in_by_its_parts_and_is_never_read() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let curve = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let template = |scalar: &[u8]| {
        [
            of_class(CKO_PRIVATE_KEY),
            Attribute::number(CKA_KEY_TYPE, CKK_EC),
            Attribute::bytes(CKA_EC_PARAMS, curve),
            Attribute::bytes(CKA_VALUE, scalar),
        ]
    };
    let key = module.create_object(session, &template(&[7; 32])).unwrap();
    let of = |kind| value(&module, session, key, kind);
    assert_eq!((of(CKA_LOCAL), of(CKA_SENSITIVE), of(CKA_PRIVATE)), (vec![0], vec![1], vec![1]));
    assert_eq!((of(CKA_ALWAYS_SENSITIVE), of(CKA_NEVER_EXTRACTABLE)), (vec![0], vec![0]));
    let query = Query { kind: CKA_VALUE, room: Some(100) };
    let answers = module.attribute_value(session, key, &[query]).unwrap();
    assert_eq!(answers.code, Some(CKR_ATTRIBUTE_SENSITIVE));
    assert!(find(&*module, session, &template(&[7; 32])[3..]).is_empty());
    for wrong in [&[0; 32][..], &[0xff; 32], &[], &[7; 33]] {
        let made = module.create_object(session, &template(wrong));
        assert_eq!(made, Err(CKR_ATTRIBUTE_VALUE_INVALID));
    }
}

#[test]
fn a_copy_has_its_own_attributes_and_the_originals_for_the_rest() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let original = module.create_object(session, &datum(b"one")).unwrap();
    let of = |object, kind| value(&module, session, object, kind);
    let change = [Attribute::bytes(CKA_LABEL, b"two"), Attribute::flag(CKA_PRIVATE, true)];
    let copy = module.copy_object(session, original, &change).unwrap();
    assert_eq!((of(copy, CKA_LABEL), of(copy, CKA_VALUE)), (b"two".to_vec(), b"v".to_vec()));
    assert_eq!(of(original, CKA_LABEL), b"one");
    assert_ne!(of(copy, CKA_UNIQUE_ID), of(original, CKA_UNIQUE_ID));
    // Section 5.7.2: what would contradict the original is refused.
    let public = [Attribute::flag(CKA_PRIVATE, false)];
    assert_eq!(module.copy_object(session, copy, &public), Err(CKR_TEMPLATE_INCONSISTENT));
    let last = [Attribute::flag(CKA_COPYABLE, false)];
    let last = module.copy_object(session, original, &last).unwrap();
    assert_eq!(module.copy_object(session, last, &[]), Err(CKR_ACTION_PROHIBITED));
    let again = [Attribute::flag(CKA_COPYABLE, true)];
    assert_eq!(set(&module, session, last, &again), Err(CKR_ATTRIBUTE_READ_ONLY));

    // A key keeps its history: "if this change is made, CKA_NEVER_EXTRACTABLE stays CK_FALSE".
    let (_, key) = pair(&module, session, &[Attribute::flag(CKA_EXTRACTABLE, true)]).unwrap();
    let kept = [Attribute::flag(CKA_EXTRACTABLE, false)];
    let kept = module.copy_object(session, key, &kept).unwrap();
    assert_eq!((of(kept, CKA_EXTRACTABLE), of(kept, CKA_NEVER_EXTRACTABLE)), (vec![0], vec![0]));
    let loose = [Attribute::flag(CKA_EXTRACTABLE, true)];
    assert_eq!(module.copy_object(session, kept, &loose), Err(CKR_ATTRIBUTE_READ_ONLY));
    // The card's own keys stay on the card.
    let on_card = [of_class(CKO_PRIVATE_KEY), Attribute::flag(CKA_TOKEN, true)];
    let card_key = find(&*module, session, &on_card)[0];
    let session_copy = [Attribute::flag(CKA_TOKEN, false)];
    assert_eq!(module.copy_object(session, card_key, &session_copy), Err(CKR_ACTION_PROHIBITED));
}

#[test]
fn rule_04_a_session_object_changes_all_or_not_at_all() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    let (_, key) = pair(&module, session, &[]).unwrap();
    let of = |kind| value(&module, session, key, kind);
    let both = [Attribute::bytes(CKA_LABEL, b"new"), Attribute::bytes(CKA_ID, b"new")];
    set(&module, session, key, &both).unwrap();
    assert_eq!(find(&*module, session, &both[1..]), [key]);
    let label = Attribute::bytes(CKA_LABEL, b"other");
    for (change, code) in [
        // Footnotes 11 and 12.
        (Attribute::flag(CKA_SENSITIVE, false), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_EXTRACTABLE, true), CKR_ATTRIBUTE_READ_ONLY),
        // No footnote 8.
        (Attribute::flag(CKA_LOCAL, false), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_TOKEN, true), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_PRIVATE, false), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_MODIFIABLE, false), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_ALWAYS_AUTHENTICATE, true), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_ALWAYS_SENSITIVE, true), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::bytes(CKA_UNIQUE_ID, b"mine"), CKR_ATTRIBUTE_READ_ONLY),
        (of_class(CKO_DATA), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::bytes(CKA_VALUE, b"secret"), CKR_ATTRIBUTE_READ_ONLY),
        // "An attribute which is appropriate for" others.
        (Attribute::bytes(CKA_MODULUS, b"m"), CKR_TEMPLATE_INCONSISTENT),
        (Attribute::flag(CKA_VERIFY, true), CKR_TEMPLATE_INCONSISTENT),
        (Attribute::flag(0x8000_0001, true), CKR_ATTRIBUTE_TYPE_INVALID),
        (Attribute::bytes(CKA_SIGN, [0; 4]), CKR_ATTRIBUTE_VALUE_INVALID),
        (Attribute::bytes(CKA_START_DATE, b"yesterday"), CKR_ATTRIBUTE_VALUE_INVALID),
        (label.clone(), CKR_TEMPLATE_INCONSISTENT),
    ] {
        let changed = set(&module, session, key, &[label.clone(), change.clone()]);
        assert_eq!(changed, Err(code), "{change:?}");
        assert_eq!(of(CKA_LABEL), b"new");
    }
    // What is so already may be said.
    let same = [Attribute::flag(CKA_SENSITIVE, true), Attribute::flag(CKA_EXTRACTABLE, false)];
    set(&module, session, key, &same).unwrap();
    let dates = |start: &[u8], end: &[u8]| {
        [Attribute::bytes(CKA_START_DATE, start), Attribute::bytes(CKA_END_DATE, end)]
    };
    set(&module, session, key, &dates(b"20261101", b"20261130")).unwrap();
    let reversed = set(&module, session, key, &dates(b"20261101", b"20261031"));
    assert_eq!(reversed, Err(CKR_TEMPLATE_INCONSISTENT));
    assert_eq!(of(CKA_END_DATE), b"20261130");
    // One-way changes work once.
    set(&module, session, key, &[Attribute::flag(CKA_WRAP_WITH_TRUSTED, true)]).unwrap();
    let back = [Attribute::flag(CKA_WRAP_WITH_TRUSTED, false)];
    assert_eq!(set(&module, session, key, &back), Err(CKR_ATTRIBUTE_READ_ONLY));

    let fixed = [&datum(b"fixed")[..], &[Attribute::flag(CKA_MODIFIABLE, false)]].concat();
    let fixed = module.create_object(session, &fixed).unwrap();
    assert_eq!(set(&module, session, fixed, &[label]), Err(CKR_ACTION_PROHIBITED));
}

#[test]
fn trust_is_the_security_officers_to_give() {
    let desk = Desk::with_card();
    let (module, session) = desk.signed_in();
    // Footnote 10, and section 4.6.2: "the attribute can be set to CK_TRUE only by the SO".
    let curve = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let trusted = Attribute::flag(CKA_TRUSTED, true);
    let public = [Attribute::bytes(CKA_EC_PARAMS, curve), trusted.clone()];
    let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    let made = module.generate_key_pair(session, &mechanism, &public, &[]);
    assert_eq!(made, Err(CKR_ATTRIBUTE_READ_ONLY));
    let (public, _) = pair(&module, session, &[]).unwrap();
    assert_eq!(set(&module, session, public, &[trusted]), Err(CKR_ATTRIBUTE_READ_ONLY));
    assert_eq!(value(&module, session, public, CKA_TRUSTED), [0]);
}

#[test]
fn what_may_not_be_destroyed_stays() {
    let desk = Desk::with_card();
    let module = desk.connect();
    let session = open(&*module);
    let template = [&datum(b"stays")[..], &[Attribute::flag(CKA_DESTROYABLE, false)]].concat();
    let object = module.create_object(session, &template).unwrap();
    assert_eq!(module.destroy_object(session, object), Err(CKR_ACTION_PROHIBITED));
    assert_eq!(value(&module, session, object, CKA_LABEL), b"stays");
    module.close_session(session).unwrap();
    let session = open(&*module);
    assert_eq!(module.object_size(session, object), Err(CKR_OBJECT_HANDLE_INVALID));
}

#[test]
fn sizes_follow_the_values() {
    let desk = Desk::with_card();
    let module = desk.connect();
    let session = open(&*module);
    let object = module.create_object(session, &datum(b"x")).unwrap();
    let before = module.object_size(session, object).unwrap();
    set(&module, session, object, &[Attribute::bytes(CKA_VALUE, vec![1; 101])]).unwrap();
    assert_eq!(module.object_size(session, object).unwrap(), before + 100);
}

#[test]
fn session_objects_are_bounded_in_number_and_in_bytes() {
    let desk = Desk::with_card();
    let module = desk.connect();
    let session = open(&*module);
    for _ in 0..1024 {
        module.create_object(session, &datum(b"one of many")).unwrap();
    }
    assert_eq!(module.create_object(session, &datum(b"one more")), Err(CKR_DEVICE_MEMORY));
    module.close_session(session).unwrap();
    let session = open(&*module);
    let large = [of_class(CKO_DATA), Attribute::bytes(CKA_VALUE, vec![1; 1 << 16])];
    let made = (0..64).take_while(|_| module.create_object(session, &large).is_ok()).count();
    assert_eq!(made, 63, "4 MiB in all");
    let small = module.create_object(session, &datum(b"x")).unwrap();
    let growth = [Attribute::bytes(CKA_VALUE, vec![1; 1 << 16])];
    assert_eq!(set(&module, session, small, &growth), Err(CKR_DEVICE_MEMORY));
    let objects = find(&*module, session, &[of_class(CKO_DATA)]);
    module.destroy_object(session, objects[0]).unwrap();
    set(&module, session, small, &growth).unwrap();
}

#[test]
fn rule_14_finding_by_id_costs_the_same_among_many_objects() {
    let desk = Desk::with_card();
    let module = desk.connect();
    let session = open(&*module);
    let wanted = Attribute::bytes(CKA_ID, b"wanted");
    let with_id = |id: &[u8]| {
        let curve = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        let public = [Attribute::bytes(CKA_EC_PARAMS, curve), Attribute::bytes(CKA_ID, id)];
        let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
        module.generate_key_pair(session, &mechanism, &public, &[]).unwrap().0
    };
    let key = with_id(b"wanted");
    let rate = || {
        let begin = std::time::Instant::now();
        for _ in 0..2000 {
            assert_eq!(find(&*module, session, std::slice::from_ref(&wanted)), [key]);
        }
        begin.elapsed()
    };
    let few = rate();
    for number in 0..400_u32 {
        with_id(&number.to_le_bytes());
    }
    let many = rate();
    // Looking at each of 800 objects would take a hundred times as long.
    assert!(many < few * 10, "{few:?} with few objects, {many:?} with many");
}

#[test]
fn a_token_tells_its_profiles() {
    let desk = Desk::with_card();
    let module = desk.connect();
    let session = open(&*module);
    let profiles = find(&*module, session, &[of_class(CKO_PROFILE)]);
    let told: Vec<u64> = profiles
        .iter()
        .map(|one| value(&module, session, *one, CKA_PROFILE_ID))
        .map(|id| u64::from_le_bytes(id.try_into().unwrap()))
        .collect();
    let offered = [
        CKP_BASELINE_PROVIDER,
        CKP_EXTENDED_PROVIDER,
        CKP_AUTHENTICATION_TOKEN,
        CKP_PUBLIC_CERTIFICATES_TOKEN,
    ];
    assert_eq!(told, offered);
    // Section 4.12, and they are storage objects as all others.
    for (kind, expected) in [(CKA_TOKEN, [1]), (CKA_PRIVATE, [0]), (CKA_MODIFIABLE, [0])] {
        assert_eq!(value(&module, session, profiles[0], kind), expected);
    }
    assert_eq!(module.destroy_object(session, profiles[0]), Err(CKR_ACTION_PROHIBITED));
    let one = [of_class(CKO_PROFILE), Attribute::number(CKA_PROFILE_ID, told[2])];
    assert_eq!(find(&*module, session, &one), [profiles[2]]);
}
