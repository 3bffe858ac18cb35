//! Cards that last: blank ones made into cards, their passcodes, their objects and keys (base
//! specification sections 5.5 to 5.7).

use crate::cards::*;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use wardcard::{
    card::{Caller, HashPolicy, KeyRef, Outcome, Refusal, Shelf, ShelfPolicy, Tray},
    crypto::KeyKind,
    pkcs11::{
        Attribute, Cryptoki, Mechanism, Module, ObjectHandle, Parameter, Query, Result, Room,
        SessionHandle, ck::*,
    },
    secret::PasscodeRule,
    store::{MemoryStore, Store},
};

const SO: &[u8] = b"officer's";
const PIN: &[u8] = b"user's one";
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// A store with its cards.
pub(crate) struct Cabinet {
    store: Arc<dyn Store>,
    pub(crate) gate: Arc<Keeper>,
    pub(crate) policy: ShelfPolicy,
}

fn label(text: &str) -> [u8; 32] {
    let mut label = [b' '; 32];
    label[..text.len()].copy_from_slice(text.as_bytes());
    label
}

impl Cabinet {
    pub(crate) fn new() -> Self {
        let policy = ShelfPolicy {
            blank: true,
            import_private: true,
            hashes: HashPolicy::cis1(),
            raw_rsa: false,
            rule: PasscodeRule { min: 4, max: 64, digits_only: false },
            tries: 3,
        };
        Self { store: Arc::new(MemoryStore::new()), gate: Arc::default(), policy }
    }

    /// An application of its own: another process, as far as the store can tell.
    fn connect(&self) -> Arc<Module> {
        self.connect_with(0)
    }

    fn connect_with(&self, places: usize) -> Arc<Module> {
        let shelf = Shelf::new(Arc::clone(&self.store), self.policy.clone()).unwrap();
        let caller = Caller { connection: next_connection(), ..Caller::default() };
        let module = Module::new(Tray::new(places), caller, self.gate.clone());
        let module = Arc::new(module.with_shelf(Arc::new(shelf)));
        module.initialize().unwrap();
        module
    }

    /// A card with both passcodes, and a session of its user.
    pub(crate) fn with_card(self) -> (Self, Arc<Module>, SessionHandle) {
        let module = self.connect();
        make_card(&module, 0);
        let session = user(&module, 0);
        (self, module, session)
    }
}

/// Makes the blank card in a slot one with both passcodes.
fn make_card(module: &Module, slot: u64) {
    module.init_token(slot, Some(SO), &label("a card")).unwrap();
    let session = module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
    module.login(session, CKU_SO, Some(SO)).unwrap();
    module.init_pin(session, Some(PIN)).unwrap();
    module.close_session(session).unwrap();
}

fn open_in(module: &Module, slot: u64) -> SessionHandle {
    module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap()
}

fn user(module: &Module, slot: u64) -> SessionHandle {
    let session = open_in(module, slot);
    module.login(session, CKU_USER, Some(PIN)).unwrap();
    session
}

fn token(value: bool) -> Attribute {
    Attribute::flag(CKA_TOKEN, value)
}

fn pair(
    module: &Module,
    session: SessionHandle,
    id: &[u8],
    private: &[Attribute],
) -> Result<(ObjectHandle, ObjectHandle)> {
    let public = [token(true), Attribute::bytes(CKA_EC_PARAMS, P256), Attribute::bytes(CKA_ID, id)];
    let private = [&[token(true), Attribute::bytes(CKA_ID, id)], private].concat();
    module.generate_key_pair(session, &Mechanism::plain(CKM_EC_KEY_PAIR_GEN), &public, &private)
}

fn datum(label: &[u8], id: u32) -> Vec<Attribute> {
    vec![
        of_class(CKO_CERTIFICATE),
        token(true),
        Attribute::number(CKA_CERTIFICATE_TYPE, CKC_X_509),
        Attribute::bytes(CKA_SUBJECT, b"s"),
        Attribute::bytes(CKA_VALUE, b"v"),
        Attribute::bytes(CKA_LABEL, label),
        Attribute::bytes(CKA_ID, id.to_be_bytes()),
    ]
}

fn with_id(id: u32) -> Attribute {
    Attribute::bytes(CKA_ID, id.to_be_bytes())
}

#[test]
fn rule_10_a_blank_card_becomes_one_that_lasts_and_another_blank_one_is_behind_it() {
    let cabinet = Cabinet::new();
    let module = cabinet.connect_with(1);
    assert_eq!(module.slot_list(false), Ok(vec![0, 1]));
    assert_eq!(module.slot_list(true), Ok(vec![1]));
    let blank = module.token_info(1).unwrap();
    let set = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
    assert_eq!(blank.flags & set, 0);
    assert_eq!((blank.min_pin, blank.max_pin), (4, 256));
    assert!(module.mechanism_list(1).unwrap().contains(&CKM_EC_KEY_PAIR_GEN));
    // Section 5.6.1 has no better code for a token that is there and not initialised.
    assert_eq!(module.open_session(1, CKF_SERIAL_SESSION), Err(CKR_TOKEN_NOT_RECOGNIZED));
    assert_eq!(module.init_token(1, None, &label("x")), Err(CKR_ARGUMENTS_BAD));
    assert_eq!(module.init_token(1, Some(b"abc"), &label("x")), Err(CKR_PIN_LEN_RANGE));
    assert_eq!(module.init_token(1, Some(b"abcd\0"), &label("x")), Err(CKR_PIN_INVALID));
    assert_eq!(module.init_token(0, Some(SO), &label("x")), Err(CKR_TOKEN_NOT_PRESENT));
    assert_eq!(module.init_token(2, Some(SO), &label("x")), Err(CKR_SLOT_ID_INVALID));

    module.init_token(1, Some(SO), &label("first")).unwrap();
    let info = module.token_info(1).unwrap();
    assert_eq!(info.label, "first");
    assert_eq!(info.serial.len(), 16);
    assert_eq!(info.flags & set, CKF_TOKEN_INITIALIZED);
    let trouble = CKF_WRITE_PROTECTED | CKF_USER_PIN_TO_BE_CHANGED | CKF_SO_PIN_TO_BE_CHANGED;
    assert_eq!(info.flags & trouble, 0);
    assert_eq!(module.slot_list(true), Ok(vec![1, 2]));
    module.init_token(2, Some(SO), &label("second")).unwrap();
    assert_eq!(module.slot_list(true), Ok(vec![1, 2, 3]));

    // Another application finds them in the same slots, and so does the next one.
    let other = cabinet.connect_with(1);
    assert_eq!(other.token_info(1).unwrap().serial, info.serial);
    assert_eq!(other.token_info(2).unwrap().label, "second");
    other.init_token(3, Some(SO), &label("third")).unwrap();
    assert_eq!(module.slot_list(true), Ok(vec![1, 2, 3, 4]), "seen at once");
    assert_eq!(module.token_info(3).unwrap().label, "third");
    assert_eq!(module.wait_for_slot_event(false), Err(CKR_NO_EVENT));
}

#[test]
fn a_store_that_makes_no_cards_shows_no_blank_one() {
    let mut cabinet = Cabinet::new();
    make_card(&cabinet.connect(), 0);
    cabinet.policy.blank = false;
    let module = cabinet.connect();
    assert_eq!(module.slot_list(false), Ok(vec![0]));
    assert_eq!(module.token_info(1).map(drop), Err(CKR_SLOT_ID_INVALID));
}

#[test]
fn passcodes_go_their_way_from_the_officer_to_the_user() {
    let cabinet = Cabinet::new();
    let module = cabinet.connect();
    module.init_token(0, Some(SO), &label("a card")).unwrap();
    let session = open_in(&module, 0);
    let state = || module.session_info(session).unwrap().state;
    let initialized = || module.token_info(0).unwrap().flags & CKF_USER_PIN_INITIALIZED != 0;
    // Section 5.6.8: "the normal user's PIN has never been initialized".
    let early = module.login(session, CKU_USER, Some(PIN));
    assert_eq!(early, Err(CKR_USER_PIN_NOT_INITIALIZED));
    // 5.5.8: "can only be called in the R/W SO Functions state".
    assert_eq!(module.init_pin(session, Some(PIN)), Err(CKR_USER_NOT_LOGGED_IN));
    assert_eq!(module.login(session, CKU_SO, Some(PIN)), Err(CKR_PIN_INCORRECT));
    module.login(session, CKU_SO, Some(SO)).unwrap();
    assert_eq!(state(), CKS_RW_SO_FUNCTIONS);
    assert_eq!(module.init_pin(session, None), Err(CKR_ARGUMENTS_BAD));
    assert_eq!(module.init_pin(session, Some(b"abc")), Err(CKR_PIN_LEN_RANGE));
    assert!(!initialized());
    module.init_pin(session, Some(PIN)).unwrap();
    assert!(initialized());

    // Who is in keeps others out.
    let login = |user, pin| module.login(session, user, Some(pin));
    assert_eq!(login(CKU_SO, SO), Err(CKR_USER_ALREADY_LOGGED_IN));
    assert_eq!(login(CKU_USER, PIN), Err(CKR_USER_ANOTHER_ALREADY_LOGGED_IN));
    // Section 5.6.1: "there is an SO session, so no read-only session can be opened".
    let read_only = module.open_session(0, CKF_SERIAL_SESSION);
    assert_eq!(read_only, Err(CKR_SESSION_READ_WRITE_SO_EXISTS));
    module.set_pin(session, Some(SO), Some(b"officer's new")).unwrap();
    assert_eq!(state(), CKS_RW_SO_FUNCTIONS, "still logged in");
    module.logout(session).unwrap();
    assert_eq!(login(CKU_SO, SO), Err(CKR_PIN_INCORRECT));

    // 5.6.8: "a read-only session already exists, so the SO cannot be logged in".
    let read_only = module.open_session(0, CKF_SERIAL_SESSION).unwrap();
    assert_eq!(login(CKU_SO, b"officer's new"), Err(CKR_SESSION_READ_ONLY_EXISTS));
    login(CKU_USER, PIN).unwrap();
    assert_eq!(state(), CKS_RW_USER_FUNCTIONS);
    assert_eq!(module.session_info(read_only).unwrap().state, CKS_RO_USER_FUNCTIONS);
    assert_eq!(login(CKU_SO, SO), Err(CKR_USER_ANOTHER_ALREADY_LOGGED_IN));
    assert_eq!(module.init_pin(session, Some(PIN)), Err(CKR_USER_NOT_LOGGED_IN));
    // 5.5.9: not in read-only sessions.
    let changed = module.set_pin(read_only, Some(PIN), Some(b"another"));
    assert_eq!(changed, Err(CKR_SESSION_READ_ONLY));
    let set = |old: &[u8], new: &[u8]| module.set_pin(session, Some(old), Some(new));
    assert_eq!(set(b"wrong one", b"another"), Err(CKR_PIN_INCORRECT));
    assert_eq!(set(PIN, b"a"), Err(CKR_PIN_LEN_RANGE));
    assert_eq!(module.set_pin(session, None, Some(PIN)), Err(CKR_ARGUMENTS_BAD));
    set(PIN, b"another").unwrap();
    assert_eq!(state(), CKS_RW_USER_FUNCTIONS, "still logged in");
    module.logout(session).unwrap();
    // In a public session it is the user's.
    set(b"another", PIN).unwrap();
    assert_eq!(state(), CKS_RW_PUBLIC_SESSION);
    login(CKU_USER, PIN).unwrap();
}

#[test]
fn rule_16_tries_of_both_passcodes_are_told_and_outlast_the_application() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    module.logout(session).unwrap();
    let told = |module: &Module, low: u64| -> Vec<u32> {
        let flags = module.token_info(0).unwrap().flags;
        (0..3).filter(|bit| flags & low << bit != 0).collect()
    };
    let wrong = |module: &Module, who| {
        let session = open_in(module, 0);
        module.login(session, who, Some(b"wrong one"))
    };
    let (one, two) = (cabinet.connect(), cabinet.connect());
    assert_eq!(told(&module, CKF_USER_PIN_COUNT_LOW), [0; 0]);
    assert_eq!(wrong(&one, CKU_USER), Err(CKR_PIN_INCORRECT));
    assert_eq!(told(&module, CKF_USER_PIN_COUNT_LOW), [0], "CKF_USER_PIN_COUNT_LOW");
    assert_eq!(wrong(&two, CKU_USER), Err(CKR_PIN_INCORRECT));
    assert_eq!(told(&module, CKF_USER_PIN_COUNT_LOW), [0, 1], "and CKF_USER_PIN_FINAL_TRY");
    assert_eq!(wrong(&one, CKU_USER), Err(CKR_PIN_LOCKED));
    assert_eq!(told(&cabinet.connect(), CKF_USER_PIN_COUNT_LOW), [2], "CKF_USER_PIN_LOCKED");
    assert_eq!(module.login(session, CKU_USER, Some(PIN)), Err(CKR_PIN_LOCKED));
    // The officer's are his own, and he gives the user new ones.
    assert_eq!(told(&module, CKF_SO_PIN_COUNT_LOW), [0; 0]);
    assert_eq!(wrong(&two, CKU_SO), Err(CKR_PIN_INCORRECT));
    assert_eq!(told(&module, CKF_SO_PIN_COUNT_LOW), [0]);
    module.login(session, CKU_SO, Some(SO)).unwrap();
    assert_eq!(told(&module, CKF_SO_PIN_COUNT_LOW), [0; 0]);
    module.init_pin(session, Some(PIN)).unwrap();
    module.logout(session).unwrap();
    assert_eq!(told(&module, CKF_USER_PIN_COUNT_LOW), [0; 0]);
    module.login(session, CKU_USER, Some(PIN)).unwrap();
}

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
fn rule_04_an_object_of_the_card_changes_all_or_not_at_all() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    let (_, key) = pair(&module, session, b"one", &[]).unwrap();
    let set = |change: &[Attribute]| module.set_attribute_value(session, key, change);
    let of = |kind| attribute(&*module, session, key, kind);
    set(&[Attribute::bytes(CKA_ID, b"two"), Attribute::bytes(CKA_LABEL, b"label")]).unwrap();
    let class = of_class(CKO_PRIVATE_KEY);
    let found = |id: &[u8]| find(&*module, session, &[Attribute::bytes(CKA_ID, id), class.clone()]);
    assert_eq!((found(b"one"), found(b"two")), (vec![], vec![key]));
    for (change, code) in [
        (Attribute::flag(CKA_SENSITIVE, false), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_EXTRACTABLE, true), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_COPYABLE, true), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_TOKEN, false), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_VERIFY, true), CKR_TEMPLATE_INCONSISTENT),
    ] {
        assert_eq!(set(&[Attribute::bytes(CKA_LABEL, b"no"), change]), Err(code));
        assert_eq!(of(CKA_LABEL), b"label");
    }
    // Others see it at once.
    let other = cabinet.connect();
    let theirs = user(&other, 0);
    assert_eq!(find(&*other, theirs, &[Attribute::bytes(CKA_LABEL, b"label")]).len(), 1);
    set(&[Attribute::bytes(CKA_LABEL, b"later")]).unwrap();
    assert_eq!(find(&*other, theirs, &[Attribute::bytes(CKA_LABEL, b"label")]).len(), 0);
    let key_of_theirs = find(&*other, theirs, &[Attribute::bytes(CKA_LABEL, b"later")])[0];
    other.destroy_object(theirs, key_of_theirs).unwrap();
    assert_eq!(module.object_size(session, key), Err(CKR_OBJECT_HANDLE_INVALID));
    let signed = sign(&*module, session, CKM_ECDSA_SHA256, key, b"x");
    assert_eq!(signed, Err(CKR_KEY_HANDLE_INVALID));

    // Only read-write sessions change the card.
    let read_only = module.open_session(0, CKF_SERIAL_SESSION).unwrap();
    let public = found_public(&module, session);
    let label = [Attribute::bytes(CKA_LABEL, b"x")];
    assert_eq!(module.set_attribute_value(read_only, public, &label), Err(CKR_SESSION_READ_ONLY));
    assert_eq!(module.destroy_object(read_only, public), Err(CKR_SESSION_READ_ONLY));
    assert_eq!(module.create_object(read_only, &datum(b"x", 1)), Err(CKR_SESSION_READ_ONLY));
    assert_eq!(pair(&module, read_only, b"x", &[]), Err(CKR_SESSION_READ_ONLY));
    module.destroy_object(session, public).unwrap();
    assert!(find(&*module, read_only, &[of_class(CKO_PUBLIC_KEY)]).is_empty());
}

fn found_public(module: &Module, session: SessionHandle) -> ObjectHandle {
    find(module, session, &[of_class(CKO_PUBLIC_KEY)])[0]
}

#[test]
fn what_takes_a_login_is_not_done_without_one() {
    let (_cabinet, module, session) = Cabinet::new().with_card();
    module.logout(session).unwrap();
    assert_eq!(pair(&module, session, b"x", &[]), Err(CKR_USER_NOT_LOGGED_IN));
    let private = [datum(b"x", 1), vec![Attribute::flag(CKA_PRIVATE, true)]].concat();
    assert_eq!(module.create_object(session, &private), Err(CKR_USER_NOT_LOGGED_IN));
    // Public objects of the token are anybody's with a read-write session (section 5.6, table of
    // sessions and access).
    let public = module.create_object(session, &datum(b"x", 1)).unwrap();
    module.destroy_object(session, public).unwrap();
    // The officer works on public objects only, and says whom to trust.
    module.login(session, CKU_SO, Some(SO)).unwrap();
    assert_eq!(pair(&module, session, b"x", &[]), Err(CKR_USER_NOT_LOGGED_IN));
    assert_eq!(module.create_object(session, &private), Err(CKR_USER_NOT_LOGGED_IN));
    let trusted = [datum(b"root", 2), vec![Attribute::flag(CKA_TRUSTED, true)]].concat();
    let root = module.create_object(session, &trusted).unwrap();
    module.logout(session).unwrap();
    module.login(session, CKU_USER, Some(PIN)).unwrap();
    let no = [Attribute::flag(CKA_TRUSTED, false)];
    assert_eq!(module.set_attribute_value(session, root, &no), Err(CKR_ATTRIBUTE_READ_ONLY));
    assert_eq!(module.create_object(session, &trusted), Err(CKR_ATTRIBUTE_READ_ONLY));
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
fn initialising_a_card_again_takes_its_officer_and_leaves_nothing() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    let (public, _) = pair(&module, session, b"one", &[]).unwrap();
    let serial = module.token_info(0).unwrap().serial;
    let init = |module: &Module, pin| module.init_token(0, Some(pin), &label("again"));
    // Section 5.5.7: "no application may have open sessions".
    assert_eq!(init(&module, SO), Err(CKR_SESSION_EXISTS));
    module.close_all_sessions(0).unwrap();
    assert_eq!(init(&module, b"wrong one"), Err(CKR_PIN_INCORRECT));
    assert_eq!(init(&module, b"x"), Err(CKR_PIN_INCORRECT));
    assert_eq!(module.token_info(0).unwrap().label, "a card");
    // An application that is still there loses its login and its objects, not its session.
    let other = cabinet.connect();
    let theirs = user(&other, 0);
    let key = find(&*other, theirs, &[of_class(CKO_PRIVATE_KEY)])[0];
    init(&module, SO).unwrap();
    let info = module.token_info(0).unwrap();
    assert_eq!((info.label.as_str(), info.serial), ("again", serial));
    assert_eq!(info.flags & CKF_USER_PIN_INITIALIZED, 0);
    assert_eq!(other.session_info(theirs).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert!(sign(&*other, theirs, CKM_ECDSA_SHA256, key, b"x").is_err());
    assert!(find(&*other, theirs, &[of_class(CKO_PUBLIC_KEY)]).is_empty());
    let session = open_in(&module, 0);
    assert_eq!(module.object_size(session, public), Err(CKR_OBJECT_HANDLE_INVALID));
    assert!(find(&*module, session, &[of_class(CKO_PUBLIC_KEY)]).is_empty());
}

#[test]
fn rule_11_a_login_is_of_one_application_and_of_one_token() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    make_card(&module, 1);
    let second = open_in(&module, 1);
    assert_eq!(module.session_info(second).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert_eq!(module.session_info(session).unwrap().state, CKS_RW_USER_FUNCTIONS);
    let other = cabinet.connect();
    let theirs = open_in(&other, 0);
    assert_eq!(other.session_info(theirs).unwrap().state, CKS_RW_PUBLIC_SESSION);
    // Another passcode ends logins made with the old one, everywhere but where it was changed.
    other.set_pin(theirs, Some(PIN), Some(b"another")).unwrap();
    assert_eq!(module.session_info(session).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert_eq!(module.login(session, CKU_USER, Some(PIN)), Err(CKR_PIN_INCORRECT));
    module.login(session, CKU_USER, Some(b"another")).unwrap();
}

#[test]
fn rule_14_finding_by_id_costs_the_same_with_ten_thousand_objects_on_the_card() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    let cards = Shelf::new(Arc::clone(&cabinet.store), cabinet.policy.clone()).unwrap();
    let rate = |module: &Module, session, ids: u32| {
        let begin = Instant::now();
        for id in (0..ids).cycle().take(2000) {
            assert_eq!(find(module, session, &[with_id(id)]).len(), 1);
        }
        begin.elapsed()
    };
    for id in 0..4 {
        module.create_object(session, &datum(b"one", id)).unwrap();
    }
    let few = rate(&module, session, 4);
    for id in 4..10_000 {
        module.create_object(session, &datum(b"one of many", id)).unwrap();
    }
    // With what was read, and without: an application that has just come.
    let fresh = cabinet.connect();
    let theirs = open_in(&fresh, 0);
    let many = rate(&fresh, theirs, 2000);
    let again = rate(&fresh, theirs, 2000);
    assert_eq!(cards.cards().unwrap()[0].records(None).unwrap().len(), 10_000);
    let bound = Duration::from_millis(200);
    assert!(many < few * 30 + bound, "{few:?} with four, {many:?} with ten thousand");
    assert!(again < few * 10 + bound, "{few:?} with four, {again:?} with ten thousand");
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
