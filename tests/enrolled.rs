//! Enrolled cards by their API: passcodes, objects, keys, policies, over both stores and between processes.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test may end by panic")]

#[path = "enrolled/keys.rs"]
mod keys;
#[path = "enrolled/objects.rs"]
mod objects;
#[path = "enrolled/passcodes.rs"]
mod passcodes;
#[cfg(feature = "sqlite")]
#[path = "enrolled/stolen.rs"]
mod stolen;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};
use wardcard::{
    card::{
        Caller, CardId, Enrolled, EnrolledLogin, Error, Event, Gate, HashPolicy, NewKey, NewRecord,
        Outcome, Refusal, Role, Shelf, ShelfPolicy, Use,
    },
    crypto::{KeyKind, PrivateKey},
    secret::PasscodeRule,
    store::{MemoryStore, Store},
};

const SO: &[u8] = b"so 12345";
const USER: &[u8] = b"1234";
const WRONG: &[u8] = b"4321";
const LABEL: [u8; 32] = *b"enrolled                        ";

fn policy() -> ShelfPolicy {
    ShelfPolicy {
        blank: true,
        import_private: true,
        hashes: HashPolicy { sha1_authentication: true, raw_blocks: true, ..HashPolicy::default() },
        rule: PasscodeRule { min: 4, max: 64, digits_only: false },
        ..ShelfPolicy::default()
    }
}

/// A gate that keeps what it is told.
#[derive(Debug, Default)]
struct Watcher {
    uses: Mutex<Vec<Use>>,
    outcomes: Mutex<Vec<Outcome>>,
    events: Mutex<Vec<(Role, Event)>>,
    refusal: Mutex<Option<Refusal>>,
    number: AtomicU64,
}

impl Gate for Watcher {
    fn admit(&self, usage: &Use) -> Result<u64, Refusal> {
        if let Some(refusal) = self.refusal.lock().unwrap().clone() {
            return Err(refusal);
        }
        self.uses.lock().unwrap().push(usage.clone());
        Ok(self.number.fetch_add(1, Ordering::SeqCst))
    }
    fn outcome(&self, _: u64, _: &Use, outcome: Outcome) {
        self.outcomes.lock().unwrap().push(outcome);
    }
    fn passcode(&self, _: &CardId, role: Role, _: &Caller, event: &Event) {
        self.events.lock().unwrap().push((role, event.clone()));
    }
}

/// A card with both passcodes, its shelf and its store, and another shelf over the same store as
/// another process has it.
struct Desk {
    store: Arc<dyn Store>,
    shelf: Shelf,
    card: Enrolled,
    watcher: Arc<Watcher>,
    caller: Caller,
}

impl Desk {
    fn new() -> Self {
        Self::with(policy())
    }

    fn with(policy: ShelfPolicy) -> Self {
        Self::over(Arc::new(MemoryStore::new()), policy)
    }

    fn over(store: Arc<dyn Store>, policy: ShelfPolicy) -> Self {
        let shelf = Shelf::new(Arc::clone(&store), policy).unwrap();
        let card = shelf.initialize_new(SO, LABEL).unwrap();
        let caller = Caller { connection: 7, ..Caller::default() };
        let desk = Self { store, shelf, card, watcher: Arc::default(), caller };
        desk.set_user(USER);
        desk
    }

    fn set_user(&self, passcode: &[u8]) {
        let so = self.card.verify_so(SO, &*self.watcher, &self.caller).unwrap();
        self.card.set_user_passcode(&so, passcode).unwrap();
    }

    /// The same card as another user of the store has it.
    fn elsewhere(&self) -> Enrolled {
        let shelf = Shelf::new(Arc::clone(&self.store), policy()).unwrap();
        shelf.cards().unwrap().remove(usize::try_from(self.card.number()).unwrap())
    }

    fn gate(&self) -> Arc<dyn Gate> {
        Arc::clone(&self.watcher) as Arc<dyn Gate>
    }

    fn verify(&self, passcode: &[u8]) -> Result<EnrolledLogin, Error> {
        self.card.verify(passcode, &*self.watcher, &self.caller)
    }

    fn login(&self) -> EnrolledLogin {
        self.verify(USER).unwrap()
    }

    fn left(&self, role: Role) -> u8 {
        self.card.tries_left(role).unwrap()
    }

    /// Puts a key of that kind on the card; its object's number.
    fn key(&self, login: &EnrolledLogin, kind: KeyKind, each_time: bool) -> (u64, PrivateKey) {
        let key = PrivateKey::generate(kind).unwrap();
        let held = NewKey::Private { key: key.clone(), imported: false };
        let new = NewRecord { key: Some(held), each_time, ..object(true, b"id", b"a key") };
        (self.card.add(Some(login), &[new]).unwrap()[0], key)
    }
}

fn object(private: bool, id: &[u8], content: &[u8]) -> NewRecord {
    NewRecord {
        private,
        id: (!id.is_empty()).then(|| id.to_vec()),
        content: content.to_vec().into(),
        key: None,
        each_time: false,
    }
}

#[cfg(feature = "sqlite")]
fn on_disk() -> (tempfile::TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let key = wardcard::crypto::SealKey::generate().unwrap();
    let path = folder.path().join("store.sqlite");
    (folder, Arc::new(wardcard::store::SqliteStore::open(&path, &key).unwrap()))
}
