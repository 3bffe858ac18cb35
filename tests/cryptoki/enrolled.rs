//! Cards that last: blank ones made into cards, their passcodes, their objects and keys (base
//! specification sections 5.5 to 5.7).

mod keys;
mod objects;
mod passcodes;

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
            rule: PasscodeRule { min: 4, max: 64, digits_only: false },
            ..ShelfPolicy::default()
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
