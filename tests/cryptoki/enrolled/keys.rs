//! Keys on a card: made there or brought in, used by the gate's leave.

use super::*;

#[test]
fn a_key_made_on_the_card_signs_for_the_next_application_too() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    let (public, private) = pair(&module, session, b"one", &[]).unwrap();
    let of = |object, kind| attribute(&*module, session, object, kind);
    for (kind, expected) in [
        (CKA_LOCAL, [1]),
        (CKA_SENSITIVE, [1]),
        (CKA_ALWAYS_SENSITIVE, [1]),
        (CKA_NEVER_EXTRACTABLE, [1]),
        (CKA_PRIVATE, [1]),
        (CKA_COPYABLE, [0]),
        (CKA_TOKEN, [1]),
    ] {
        assert_eq!(of(private, kind), expected, "{kind:#x}");
    }
    let signature = sign(&*module, session, CKM_ECDSA_SHA256, private, b"x").unwrap();
    let uses = cabinet.gate.uses.lock().unwrap().clone();
    assert!(matches!(uses[..], [(KeyRef::Object(_), Some(Outcome::Done))]), "{uses:?}");
    let unique = of(public, CKA_UNIQUE_ID);
    module.finalize().unwrap();

    let other = cabinet.connect();
    let session = open_in(&other, 0);
    let id = Attribute::bytes(CKA_ID, b"one");
    let seen = find(&*other, session, std::slice::from_ref(&id));
    assert_eq!(seen.len(), 1, "the private one takes a login");
    assert_eq!(attribute(&*other, session, seen[0], CKA_UNIQUE_ID), unique);
    let mechanism = Mechanism::plain(CKM_ECDSA_SHA256);
    other.verify_init(session, &mechanism, seen[0]).unwrap();
    other.verify(session, b"x", &signature).unwrap();
    other.login(session, CKU_USER, Some(PIN)).unwrap();
    let keys = find(&*other, session, &[id, of_class(CKO_PRIVATE_KEY)]);
    assert!(sign(&*other, session, CKM_ECDSA_SHA256, keys[0], b"y").is_ok());
    // Only by the gate's leave.
    *cabinet.gate.refusal.lock().unwrap() = Some(Refusal::Consent);
    let refused = sign(&*other, session, CKM_ECDSA_SHA256, keys[0], b"y");
    assert_eq!(refused, Err(CKR_FUNCTION_REJECTED));
    // Logout hides it for good.
    other.logout(session).unwrap();
    let hidden = other.sign_init(session, &mechanism, keys[0]);
    assert_eq!(hidden, Err(CKR_KEY_HANDLE_INVALID));
    other.login(session, CKU_USER, Some(PIN)).unwrap();
    let again = find(&*other, session, &[of_class(CKO_PRIVATE_KEY)]);
    assert_eq!(again.len(), 1);
    assert_ne!(again, keys, "handles are not reused");
}

#[test]
fn rule_09_a_key_on_the_card_that_asks_each_time_signs_once_for_each_passcode() {
    let (_cabinet, module, session) = Cabinet::new().with_card();
    let always = [Attribute::flag(CKA_ALWAYS_AUTHENTICATE, true)];
    let (_, key) = pair(&module, session, b"one", &always).unwrap();
    let again = |pin| module.login(session, CKU_CONTEXT_SPECIFIC, Some(pin));
    assert_eq!(again(PIN), Err(CKR_OPERATION_NOT_INITIALIZED));
    let without = sign(&*module, session, CKM_ECDSA_SHA256, key, b"x");
    assert_eq!(without, Err(CKR_USER_NOT_LOGGED_IN));
    module.sign_init(session, &Mechanism::plain(CKM_ECDSA_SHA256), key).unwrap();
    assert_eq!(again(b"wrong one"), Err(CKR_PIN_INCORRECT));
    again(PIN).unwrap();
    assert!(module.sign(session, b"x", Room::Bytes(64)).is_ok());
    let twice = sign(&*module, session, CKM_ECDSA_SHA256, key, b"x");
    assert_eq!(twice, Err(CKR_USER_NOT_LOGGED_IN));
}

#[test]
fn a_private_key_is_brought_in_only_where_the_policy_allows_it() {
    let import = |session_key: bool| {
        [
            of_class(CKO_PRIVATE_KEY),
            Attribute::number(CKA_KEY_TYPE, CKK_EC),
            token(!session_key),
            Attribute::bytes(CKA_EC_PARAMS, P256),
            Attribute::bytes(CKA_VALUE, [7; 32]),
        ]
    };
    let (mut cabinet, module, session) = Cabinet::new().with_card();
    let key = module.create_object(session, &import(false)).unwrap();
    assert_eq!(attribute(&*module, session, key, CKA_LOCAL), [0]);
    assert_eq!(attribute(&*module, session, key, CKA_NEVER_EXTRACTABLE), [0]);
    assert!(sign(&*module, session, CKM_ECDSA_SHA256, key, b"x").is_ok());
    let query = Query { kind: CKA_VALUE, room: Some(100) };
    let answers = module.attribute_value(session, key, &[query]).unwrap();
    assert_eq!(answers.code, Some(CKR_ATTRIBUTE_SENSITIVE));

    cabinet.policy.import_private = false;
    let module = cabinet.connect();
    let session = user(&module, 0);
    assert_eq!(module.create_object(session, &import(false)), Err(CKR_ACTION_PROHIBITED));
    // Nor by way of the session: a copy is as local as its original.
    let brought = module.create_object(session, &import(true)).unwrap();
    let copied = module.copy_object(session, brought, &[token(true)]);
    assert_eq!(copied, Err(CKR_ACTION_PROHIBITED));
    let curve = [Attribute::bytes(CKA_EC_PARAMS, P256)];
    let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    let (_, made) = module.generate_key_pair(session, &mechanism, &curve, &[]).unwrap();
    // Java makes keys of a session and copies them to the token.
    let kept = [token(true), Attribute::bytes(CKA_ID, b"kept")];
    let kept = module.copy_object(session, made, &kept).unwrap();
    assert_eq!(attribute(&*module, session, kept, CKA_LOCAL), [1]);
    // From there it goes nowhere.
    assert_eq!(module.copy_object(session, kept, &[token(false)]), Err(CKR_ACTION_PROHIBITED));
    assert_eq!(module.copy_object(session, kept, &[]), Err(CKR_ACTION_PROHIBITED));
}

/// An AES key on the card, of a hundred and twenty-eight zeros.
fn aes(more: &[Attribute]) -> Vec<Attribute> {
    let fixed = [
        of_class(CKO_SECRET_KEY),
        token(true),
        Attribute::number(CKA_KEY_TYPE, CKK_AES),
        Attribute::bytes(CKA_VALUE, [0; 16]),
    ];
    [&fixed, more].concat()
}

#[test]
fn a_secret_key_on_the_card_works_by_the_gates_leave() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    let key = module.create_object(session, &aes(&[])).unwrap();
    let ecb = Mechanism::plain(CKM_AES_ECB);
    let encrypt = |module: &Module, session, key| {
        module.encrypt_init(session, &ecb, key)?;
        module.encrypt(session, &[0; 16], Room::Bytes(16)).map(bytes)
    };
    // FIPS 197, a zero block under a zero key.
    let sealed = encrypt(&module, session, key).unwrap();
    assert_eq!(sealed[..4], [0x66, 0xe9, 0x4b, 0xd4]);
    let uses = || cabinet.gate.uses.lock().unwrap().len();
    assert_eq!(uses(), 1, "one question for one operation");
    // An operation that goes on keeps the next from asking.
    module.encrypt_init(session, &ecb, key).unwrap();
    assert_eq!(module.encrypt_init(session, &ecb, key), Err(CKR_OPERATION_ACTIVE));
    assert_eq!(uses(), 2);
    module.session_cancel(session, CKF_ENCRYPT).unwrap();
    let value = Query { kind: CKA_VALUE, room: Some(16) };
    let answers = module.attribute_value(session, key, &[value]).unwrap();
    assert_eq!(answers.code, Some(CKR_ATTRIBUTE_SENSITIVE));
    // A made one is local, and the next application has it too.
    let template = [token(true), Attribute::number(CKA_VALUE_LEN, 32)];
    let mechanism = Mechanism::plain(CKM_AES_KEY_GEN);
    let made = module.generate_key(session, &mechanism, &template).unwrap();
    assert_eq!(attribute(&*module, session, made, CKA_LOCAL), [1]);
    let sealed = encrypt(&module, session, made).unwrap();
    let unique = Attribute::bytes(CKA_UNIQUE_ID, attribute(&*module, session, made, CKA_UNIQUE_ID));
    let other = cabinet.connect();
    let theirs = user(&other, 0);
    let [again] = find(&*other, theirs, &[unique])[..] else { panic!("not one key") };
    assert_eq!(encrypt(&other, theirs, again).unwrap(), sealed);
    // A copy of it works for the session, and goes with it.
    let copy = other.copy_object(theirs, again, &[token(false)]).unwrap();
    assert_eq!(encrypt(&other, theirs, copy).unwrap(), sealed);
    *cabinet.gate.refusal.lock().unwrap() = Some(Refusal::Application);
    assert_eq!(encrypt(&other, theirs, again), Err(CKR_FUNCTION_REJECTED));
    assert_eq!(encrypt(&other, theirs, copy).unwrap(), sealed);
}

#[test]
fn a_secret_key_on_the_card_is_read_only_if_its_template_says_so() {
    let (_cabinet, module, session) = Cabinet::new().with_card();
    let open = [Attribute::flag(CKA_SENSITIVE, false), Attribute::flag(CKA_EXTRACTABLE, true)];
    let key = module.create_object(session, &aes(&open)).unwrap();
    assert_eq!(attribute(&*module, session, key, CKA_VALUE), [0; 16]);
    let copy = module.copy_object(session, key, &[token(false)]).unwrap();
    assert_eq!(attribute(&*module, session, copy, CKA_VALUE), [0; 16]);
    let closed = [Attribute::flag(CKA_SENSITIVE, true)];
    module.set_attribute_value(session, key, &closed).unwrap();
    let value = Query { kind: CKA_VALUE, room: Some(16) };
    let answers = module.attribute_value(session, key, &[value]).unwrap();
    assert_eq!(answers.code, Some(CKR_ATTRIBUTE_SENSITIVE));
    // One that calls itself public takes a login to be used all the same.
    let public = [&open[..], &[Attribute::flag(CKA_PRIVATE, false)]].concat();
    let public = module.create_object(session, &aes(&public)).unwrap();
    assert_eq!(attribute(&*module, session, public, CKA_VALUE), [0; 16]);
    module.logout(session).unwrap();
    assert!(module.object_size(session, public).is_ok());
    let answers = module.attribute_value(session, public, &[value]).unwrap();
    assert_eq!(answers.code, Some(CKR_ATTRIBUTE_SENSITIVE));
    let used = module.encrypt_init(session, &Mechanism::plain(CKM_AES_ECB), public);
    assert_eq!(used, Err(CKR_USER_NOT_LOGGED_IN));
}

#[test]
fn a_key_on_the_card_agrees_with_one_of_the_session() {
    let (_cabinet, module, session) = Cabinet::new().with_card();
    let derive = [Attribute::flag(CKA_DERIVE, true)];
    let (card_public, card_private) = pair(&module, session, b"one", &derive).unwrap();
    let curve = [Attribute::bytes(CKA_EC_PARAMS, P256)];
    let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    let (public, private) = module.generate_key_pair(session, &mechanism, &curve, &derive).unwrap();
    let agree = |private, public| {
        let public = attribute(&*module, session, public, CKA_EC_POINT);
        let parameter = Parameter::Ecdh { kdf: CKD_NULL, shared: vec![], public };
        let mechanism = Mechanism { kind: CKM_ECDH1_DERIVE, parameter };
        let open = [Attribute::flag(CKA_SENSITIVE, false), Attribute::flag(CKA_EXTRACTABLE, true)];
        let key = module.derive_key(session, &mechanism, private, &open).unwrap();
        attribute(&*module, session, key, CKA_VALUE)
    };
    assert_eq!(agree(card_private, public), agree(private, card_public));
    // Wrapped it is not, whatever its template says.
    let loose = [Attribute::flag(CKA_EXTRACTABLE, true)];
    let (_, key) = pair(&module, session, b"two", &loose).unwrap();
    let by = module.create_object(session, &aes(&[])).unwrap();
    let mechanism = Mechanism::plain(CKM_AES_KEY_WRAP_PAD);
    let wrapped = module.wrap_key(session, &mechanism, by, key, Room::Query);
    assert_eq!(wrapped, Err(CKR_KEY_UNEXTRACTABLE));
}

#[test]
fn keys_of_all_kinds_are_made_on_the_card() {
    let (_cabinet, module, session) = Cabinet::new().with_card();
    let mechanism = Mechanism::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let public = [token(true), Attribute::number(CKA_MODULUS_BITS, 2048)];
    let (public, private) =
        module.generate_key_pair(session, &mechanism, &public, &[token(true)]).unwrap();
    let signature = sign(&*module, session, CKM_SHA256_RSA_PKCS, private, b"x").unwrap();
    assert_eq!(signature.len(), KeyKind::Rsa2048.bytes());
    module.verify_init(session, &Mechanism::plain(CKM_SHA256_RSA_PKCS), public).unwrap();
    module.verify(session, b"x", &signature).unwrap();
    module.encrypt_init(session, &Mechanism::plain(CKM_RSA_PKCS), public).unwrap();
    let sealed = bytes(module.encrypt(session, b"open me", Room::Bytes(256)).unwrap());
    module.decrypt_init(session, &Mechanism::plain(CKM_RSA_PKCS), private).unwrap();
    let opened = bytes(module.decrypt(session, &sealed, Room::Bytes(256)).unwrap());
    assert_eq!(opened, b"open me");
    // One half on the card, the other in the session.
    let curve = [Attribute::bytes(CKA_EC_PARAMS, P256)];
    let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
    let (public, private) =
        module.generate_key_pair(session, &mechanism, &curve, &[token(true)]).unwrap();
    assert_eq!(attribute(&*module, session, public, CKA_TOKEN), [0]);
    assert_eq!(attribute(&*module, session, private, CKA_TOKEN), [1]);
    assert_eq!(attribute(&*module, session, public, CKA_CLASS), CKO_PUBLIC_KEY.to_le_bytes());
}
