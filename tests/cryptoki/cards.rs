//! Cards for these tests, made of real keys and certificates, on a clock of their own.

use std::{
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};
use wardcard::{
    card::{
        Access, Caller, Card, CardId, CardKey, CardSpec, Event, Gate, HashPolicy, KeyRef, KeySlot,
        Outcome, Refusal, Role, Tray, Tries, Use, Verifier,
    },
    clock::{ManualClock, Time},
    crypto::{KeyKind, PrivateKey},
    pkcs11::{
        Answer, Attribute, Cryptoki, Filled, Mechanism, Module, ObjectHandle, Parameter, Query,
        Room, Rv, SessionHandle, ck::*,
    },
    pki::{Authority, Profile, UserId, Validity},
    secret::{PasscodeRule, Secret},
    store::MemoryStore,
};

/// The passcode of every card here.
pub(crate) const PASSCODE: &[u8] = b"123456";
/// A wrong one of the right shape.
pub(crate) const WRONG: &[u8] = b"654321";

/// The curve P-256 as CKA_EC_PARAMS names it.
pub(crate) const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// A gate that admits and remembers, or refuses.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    pub(crate) uses: Mutex<Vec<(KeyRef, Option<Outcome>)>>,
    pub(crate) refusal: Mutex<Option<Refusal>>,
}

impl Gate for Keeper {
    fn admit(&self, usage: &Use) -> Result<u64, Refusal> {
        if let Some(refusal) = self.refusal.lock().unwrap().clone() {
            return Err(refusal);
        }
        let mut uses = self.uses.lock().unwrap();
        uses.push((usage.key, None));
        Ok(uses.len() as u64 - 1)
    }
    fn outcome(&self, number: u64, _: &Use, outcome: Outcome) {
        self.uses.lock().unwrap()[number as usize].1 = Some(outcome);
    }
    fn passcode(&self, _: &CardId, _: Role, _: &Caller, _: &Event) {}
}

/// A tray with one place, and what it takes to put cards in.
pub(crate) struct Desk {
    pub(crate) tray: Arc<Tray>,
    pub(crate) gate: Arc<Keeper>,
    pub(crate) clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
}

struct Issuers {
    root: Authority,
    issuing: Authority,
    keys: Vec<(KeyKind, PrivateKey)>,
}

static ISSUERS: LazyLock<Issuers> = LazyLock::new(|| {
    let validity = Validity { not_before: start(), not_after: start().plus(days(3650)) };
    let key = || PrivateKey::generate(KeyKind::P256).unwrap();
    let root = Authority::root(key(), "NHS Root Authority Test", validity).unwrap();
    let issuing = root.issuing(key(), "NHS Authentication Test", validity).unwrap();
    let keys = [KeyKind::Rsa2048, KeyKind::Rsa2048, KeyKind::P256, KeyKind::P256]
        .map(|kind| (kind, PrivateKey::generate(kind).unwrap()));
    Issuers { root, issuing, keys: keys.into() }
});

fn start() -> Time {
    Time::parse_rfc3339("2026-11-01T09:00:00Z").unwrap()
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

impl Desk {
    /// An empty tray.
    pub(crate) fn new() -> Self {
        Self {
            tray: Tray::new(1),
            gate: Arc::default(),
            clock: Arc::new(ManualClock::new(start().plus(days(1)))),
            store: Arc::new(MemoryStore::new()),
        }
    }

    /// A tray with an RSA card in it.
    pub(crate) fn with_card() -> Self {
        let desk = Self::new();
        desk.insert(KeyKind::Rsa2048);
        desk
    }

    /// Puts in a new card of clinician 555000000001, both keys of this kind.
    pub(crate) fn insert(&self, kind: KeyKind) -> Card {
        let rule = PasscodeRule::default();
        let verifier = Verifier::new(rule, &Secret::copied_from(PASSCODE)).unwrap();
        self.insert_with(kind, Access::Passcode(verifier))
    }

    /// As [`Self::insert`]; where nothing is asked, without a content commitment key.
    pub(crate) fn insert_with(&self, kind: KeyKind, access: Access) -> Card {
        let person = UserId::parse("555000000001").unwrap();
        let validity = Validity { not_before: start(), not_after: start().plus(days(30)) };
        let profiles = [Profile::cis1_authentication(), Profile::cis1_content_commitment()];
        let slots = [KeySlot::Authentication, KeySlot::ContentCommitment];
        let issuers = &*ISSUERS;
        let of_kind = issuers.keys.iter().filter(|(one, _)| *one == kind);
        let count = if matches!(access, Access::SignIn) { 1 } else { slots.len() };
        let keys = slots
            .into_iter()
            .take(count)
            .zip(profiles)
            .zip(of_kind)
            .map(|((slot, profile), (_, key))| CardKey {
                slot,
                key: key.clone(),
                certificate: issuers
                    .issuing
                    .issue(&profile, &person, key.public(), validity)
                    .unwrap(),
                chain: vec![
                    issuers.issuing.certificate().clone(),
                    issuers.root.certificate().clone(),
                ],
            })
            .collect();
        let tries = Tries::new(self.store.clone(), &person, 3);
        let spec = CardSpec {
            person,
            keys,
            access,
            expires: start().plus(days(2)),
            hashes: HashPolicy::cis1(),
        };
        let card = Card::new(spec, tries, self.clock.clone()).unwrap();
        self.tray.insert(0, card.clone());
        card
    }

    /// A connection of its own.
    pub(crate) fn connect(&self) -> Arc<Module> {
        let module = self.module();
        module.initialize().unwrap();
        module
    }

    /// A connection that has not been initialized.
    pub(crate) fn module(&self) -> Arc<Module> {
        let caller = Caller { connection: next_connection(), ..Caller::default() };
        Arc::new(Module::new(self.tray.clone(), caller, self.gate.clone()))
    }

    /// A connection with a read-write session in which the passcode has been verified.
    pub(crate) fn signed_in(&self) -> (Arc<Module>, SessionHandle) {
        let module = self.connect();
        let session = open(&*module);
        module.login(session, CKU_USER, Some(PASSCODE)).unwrap();
        (module, session)
    }
}

/// The number of a connection that there has not been yet.
pub(crate) fn next_connection() -> u64 {
    static CONNECTIONS: Mutex<u64> = Mutex::new(0);
    let mut connections = CONNECTIONS.lock().unwrap();
    *connections += 1;
    *connections
}

pub(crate) fn open(module: &dyn Cryptoki) -> SessionHandle {
    module.open_session(0, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap()
}

pub(crate) fn find(
    module: &dyn Cryptoki,
    session: SessionHandle,
    template: &[Attribute],
) -> Vec<ObjectHandle> {
    module.find_objects_init(session, template).unwrap();
    let found = module.find_objects(session, 100).unwrap();
    module.find_objects_final(session).unwrap();
    found
}

pub(crate) fn of_class(class: u64) -> Attribute {
    Attribute::number(CKA_CLASS, class)
}

pub(crate) fn attribute(
    module: &dyn Cryptoki,
    session: SessionHandle,
    object: ObjectHandle,
    kind: u64,
) -> Vec<u8> {
    let query = Query { kind, room: Some(10_000) };
    let answers = module.attribute_value(session, object, &[query]).unwrap();
    match answers.answers.into_iter().next() {
        Some(Answer::Value(value)) => value,
        other => panic!("attribute {kind:#x}: {other:?}"),
    }
}

/// The private keys: authentication, content commitment.
pub(crate) fn private_keys(
    module: &dyn Cryptoki,
    session: SessionHandle,
) -> (ObjectHandle, ObjectHandle) {
    match find(module, session, &[of_class(CKO_PRIVATE_KEY)])[..] {
        [authentication, commitment] => (authentication, commitment),
        ref other => panic!("{} private keys", other.len()),
    }
}

/// The public key beside a private one, by their common CKA_ID.
pub(crate) fn public_of(
    module: &dyn Cryptoki,
    session: SessionHandle,
    private: ObjectHandle,
) -> ObjectHandle {
    let id = Attribute::bytes(CKA_ID, attribute(module, session, private, CKA_ID));
    match find(module, session, &[of_class(CKO_PUBLIC_KEY), id])[..] {
        [key] => key,
        ref other => panic!("{} public keys", other.len()),
    }
}

pub(crate) fn bytes(filled: Filled) -> Vec<u8> {
    match filled {
        Filled::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

/// SignInit and Sign.
pub(crate) fn sign(
    module: &dyn Cryptoki,
    session: SessionHandle,
    mechanism: u64,
    key: ObjectHandle,
    data: &[u8],
) -> wardcard::pkcs11::Result<Vec<u8>> {
    module.sign_init(session, &Mechanism::plain(mechanism), key)?;
    module.sign(session, data, Room::Bytes(1000)).map(bytes)
}

/// A mechanism with a parameter.
pub(crate) fn by(kind: u64, parameter: Parameter) -> Mechanism {
    Mechanism { kind, parameter }
}

/// A secret key of so many bytes, made for the session.
pub(crate) fn generate(
    module: &Module,
    session: SessionHandle,
    kind: u64,
    length: u64,
    more: &[Attribute],
) -> Result<ObjectHandle, Rv> {
    let template = [&[Attribute::number(CKA_VALUE_LEN, length)], more].concat();
    module.generate_key(session, &Mechanism::plain(kind), &template)
}
