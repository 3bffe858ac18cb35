//! Cards that last: keys made or imported once, objects beside them, in a store.
//!
//! ```text
//! Shelf ──cards──> Enrolled ──verify──> EnrolledLogin ──admit──> Permit ──sign, decrypt──> bytes
//!                     │                      └── records, add, change, remove (private ones)
//!                     └──verify_so──> SoLogin ──> set_user_passcode
//! ```
//!
//! A card is a row of the table `enrolled`, its objects are rows of the table `objects`. What an
//! object is, its attributes say; here it is a number, an id to find it by, opaque content and at
//! most one key.
//!
//! | sealed under | what |
//! |---|---|
//! | the store's key | the card's row, public objects, numbers and lengths of all |
//! | the card key, which is random | content and ids of private objects, every key |
//!
//! The card key lies in the card's row, once for each passcode: sealed under HKDF of Argon2id of the
//! passcode and the store's key, both of which it takes to open it. After an enrolment for a named
//! person it lies there once more, sealed under the key of release alone ([`Shelf::with_release`]):
//! that is how a strong sign-in by this person releases a working copy of the keys.
//!
//! All state is the store's. Each call asks whether somebody has changed the store, so processes see
//! each other's changes at the next call. No lock is held and no transaction open while a passcode
//! is stretched, a key works or a gate is asked (design rule 7).

mod enrolment;
mod enrolments;
mod keys;
mod made;
mod objects;
mod passcodes;
mod record;
mod release;
mod release_keys;
mod state;
#[cfg(test)]
mod tests;

use super::{CardId, Error, HashPolicy, Role, Tries, locked};
use crate::{
    crypto::{self, SealKey},
    secret::PasscodeRule,
    store::{self, Reading, Store, Transaction},
};
use state::{State, Wrapping};
use std::{
    fmt,
    sync::{Arc, Mutex},
};

pub use enrolment::{Certified, EnrolledKey, Enrolment, NewKeys, WaitingKey};
pub use enrolments::EnrolmentFault;
pub use keys::PrivateObject;
pub use passcodes::{EnrolledLogin, SoLogin};
pub use record::{Change, KeyType, NewKey, NewRecord, Record};
use release_keys::Keys;
pub use release_keys::ReleaseKeys;

const CARDS: &str = "enrolled";
/// The row that tells the number of the next card.
const NEXT: &[u8] = b"next";

/// What the cards of one store may be used for.
#[derive(Clone, Debug)]
pub struct ShelfPolicy {
    /// Whether new cards may be made.
    pub blank: bool,
    /// Whether private and secret keys that were made elsewhere may be brought in.
    pub import_private: bool,
    /// What is signed.
    pub hashes: HashPolicy,
    /// Whether the bare RSA operation is offered (PKCS#11 CKM_RSA_X_509).
    pub raw_rsa: bool,
    /// Shape of both passcodes.
    pub rule: PasscodeRule,
    /// Tries of each passcode.
    pub tries: u8,
}

/// The cards that are there and nothing more: none is made, no key is brought in, no SHA-1 and no bare
/// RSA. Whatever is weaker has to be asked for by name.
impl Default for ShelfPolicy {
    fn default() -> Self {
        Self {
            blank: false,
            import_private: false,
            hashes: HashPolicy::default(),
            raw_rsa: false,
            rule: PasscodeRule::default(),
            tries: 3,
        }
    }
}

/// The enrolled cards of one store.
pub struct Shelf {
    body: Arc<Body>,
    /// The cards as they were at a version of the store.
    known: Mutex<Known>,
}

#[derive(Clone, Default)]
struct Known {
    version: Option<u64>,
    /// The number of the next card.
    next: u64,
    cards: Vec<Enrolled>,
}

struct Body {
    store: Arc<dyn Store>,
    key: SealKey,
    policy: ShelfPolicy,
    /// The key of release, where release is allowed.
    release: Option<Arc<Keys>>,
}

impl Shelf {
    /// The cards in `store`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn new(store: Arc<dyn Store>, policy: ShelfPolicy) -> Result<Self, Error> {
        let key = store.key(b"enrolled cards")?;
        let body = Body { store, key, policy, release: None };
        Ok(Self { body: Arc::new(body), known: Mutex::default() })
    }

    /// What the cards may be used for.
    pub fn policy(&self) -> &ShelfPolicy {
        &self.body.policy
    }

    /// The cards that are used by passcode, in the order of their numbers; the list only grows. A
    /// number is never another card's. A card that was enrolled here has no passcode and is not
    /// among them: it is released, and else nobody's.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn cards(&self) -> Result<Vec<Enrolled>, Error> {
        let version = self.version()?;
        let mut known = locked(&self.known).clone();
        if known.version == Some(version) {
            return Ok(known.cards);
        }
        self.body.read(&mut |rows| {
            let next = next(rows)?;
            for number in known.next..next {
                if let Some(state) = self.body.state_if_any(rows, number)?
                    && state.so.is_some()
                {
                    known.cards.push(Enrolled::new(&self.body, number, state.id));
                }
            }
            known.next = next;
            Ok(())
        })?;
        known.version = Some(version);
        let cards = known.cards.clone();
        *locked(&self.known) = known;
        Ok(cards)
    }

    /// A number that is another one after any user of the store, here or in another process, has
    /// changed anything in it. Takes about a microsecond.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn version(&self) -> Result<u64, Error> {
        Ok(self.body.store.version()?)
    }

    /// Makes a card with a security officer's passcode and no user's. `label` is padded with blanks.
    ///
    /// # Errors
    /// [`Error::Policy`] where no cards are made, [`Error::PasscodeShape`], [`Error::Crypto`],
    /// [`Error::Store`].
    pub fn initialize_new(&self, so_passcode: &[u8], label: [u8; 32]) -> Result<Enrolled, Error> {
        let body = &self.body;
        if !body.policy.blank {
            return Err(Error::Policy);
        }
        let passcode = body.parse(so_passcode)?;
        let mut id = [0; 8];
        crypto::random(&mut id)?;
        let id = CardId(id);
        let role = Role::SecurityOfficer;
        let so = Wrapping::make(&body.key, id, role, 1, &passcode, &SealKey::generate()?)?;
        let (so, user, release) = (Some(so), None, None);
        let state = State { id, label, generation: 1, changes: 1, next: 1, so, user, release };
        let number = body.transact(&mut |rows| body.keep_new(rows, &state))?;
        let made = self.cards()?.into_iter().find(|card| card.number() == number);
        made.ok_or(Error::Removed)
    }

    /// To be called in a child of a fork: gives up the store without a trace. Each later call fails.
    pub fn forked(&self) {
        self.body.store.forked();
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("store", &self.body.store).finish_non_exhaustive()
    }
}

/// A card that lasts; a clone is the same card.
#[derive(Clone)]
pub struct Enrolled(Arc<Inner>);

struct Inner {
    body: Arc<Body>,
    number: u64,
    id: CardId,
    /// Its row as it was at a version of the store.
    seen: Mutex<Option<(u64, Arc<State>)>>,
}

impl Enrolled {
    fn new(body: &Arc<Body>, number: u64, id: CardId) -> Self {
        let (body, seen) = (Arc::clone(body), Mutex::default());
        Self(Arc::new(Inner { body, number, id, seen }))
    }

    /// Its number on its shelf.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// Its identity, which it keeps for ever.
    pub fn id(&self) -> CardId {
        self.0.id
    }

    /// What it may be used for.
    pub fn policy(&self) -> &ShelfPolicy {
        &self.0.body.policy
    }

    /// Its label, padded with blanks.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn label(&self) -> Result<[u8; 32], Error> {
        Ok(self.state()?.label)
    }

    /// A number that is another one after anybody has changed its objects, label or passcodes.
    /// Takes about a microsecond where nothing in the store has changed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn version(&self) -> Result<u64, Error> {
        Ok(self.state()?.changes)
    }

    /// As [`Self::version`], and whether a login counts then: two answers for the price of one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn version_for(&self, login: Option<&EnrolledLogin>) -> Result<(u64, bool), Error> {
        let state = self.state()?;
        Ok((state.changes, login.is_some_and(|login| login.counts(&state).is_ok())))
    }

    /// Whether the user has a passcode.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn user_passcode_set(&self) -> Result<bool, Error> {
        Ok(self.state()?.user.is_some())
    }

    /// Tries left; 0 is blocked.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn tries_left(&self, role: Role) -> Result<u8, Error> {
        Ok(self.tries(role).left()?)
    }

    /// Tries of who has made no mistake.
    pub fn tries_limit(&self) -> u8 {
        self.policy().tries
    }

    fn tries(&self, role: Role) -> Tries {
        let key = [b"enrolled\0", &self.id().0[..], &[state::role_byte(role)]].concat();
        Tries::under(Arc::clone(&self.0.body.store), &key, self.tries_limit())
    }

    /// Its row as it is now.
    fn state(&self) -> Result<Arc<State>, Error> {
        let body = &self.0.body;
        let version = body.store.version()?;
        if let Some((seen, state)) = &*locked(&self.0.seen)
            && *seen == version
        {
            return Ok(Arc::clone(state));
        }
        let state = Arc::new(body.read(&mut |rows| body.state(rows, self.number()))?);
        *locked(&self.0.seen) = Some((version, Arc::clone(&state)));
        Ok(state)
    }

    /// Changes the card in one transaction, in which its row is as `work` leaves it.
    fn transact<T>(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction, &mut State) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let body = &self.0.body;
        body.transact(&mut |rows| {
            let before = body.state(rows.reading(), self.number())?;
            let mut state = before.clone();
            let value = work(rows, &mut state)?;
            if state != before {
                state.changes = state.changes.wrapping_add(1);
                body.keep(rows, self.number(), &state)?;
            }
            Ok(value)
        })
    }
}

impl fmt::Debug for Enrolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id().to_hex();
        f.debug_struct("Enrolled").field("number", &self.number()).field("id", &id).finish()
    }
}

impl Body {
    fn parse(&self, passcode: &[u8]) -> Result<crate::secret::Passcode, Error> {
        self.policy.rule.parse(passcode).ok_or(Error::PasscodeShape(self.policy.rule))
    }

    fn state(&self, rows: &dyn Reading, number: u64) -> Result<State, Error> {
        self.state_if_any(rows, number)?.ok_or(Error::Removed)
    }

    fn state_if_any(&self, rows: &dyn Reading, number: u64) -> Result<Option<State>, Error> {
        let Some(row) = rows.row(CARDS, &card_key(number))? else { return Ok(None) };
        Ok(Some(State::from_bytes(&row).ok_or(store::Error::Malformed(CARDS))?))
    }

    /// Keeps a card under the next number, and tells it.
    fn keep_new(&self, rows: &mut dyn Transaction, state: &State) -> Result<u64, Error> {
        let number = next(rows.reading())?;
        rows.put(CARDS, NEXT, &number.saturating_add(1).to_be_bytes())?;
        self.keep(rows, number, state)?;
        Ok(number)
    }

    fn keep(&self, rows: &mut dyn Transaction, number: u64, state: &State) -> Result<(), Error> {
        Ok(rows.put(CARDS, &card_key(number), &state.to_bytes())?)
    }

    /// As [`Store::read`], with the card's errors and an answer.
    fn read<T>(&self, work: &mut dyn FnMut(&dyn Reading) -> Result<T, Error>) -> Result<T, Error> {
        let mut answer = None;
        let done = self.store.read(&mut |rows| kept(&mut answer, work(rows)));
        told(done, answer)
    }

    /// As [`Store::transact`], with the card's errors and an answer.
    fn transact<T>(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut answer = None;
        let done = self.store.transact(&mut |rows| kept(&mut answer, work(rows)));
        told(done, answer)
    }
}

/// Lays an answer aside; one that is an error rolls the transaction back.
fn kept<T>(
    answer: &mut Option<Result<T, Error>>,
    result: Result<T, Error>,
) -> Result<(), store::Error> {
    let rolled_back = match &result {
        Ok(_) => Ok(()),
        Err(_) => Err(store::Error::Medium("given up".into())),
    };
    *answer = Some(result);
    rolled_back
}

/// The answer, if the transaction was kept.
fn told<T>(done: Result<(), store::Error>, answer: Option<Result<T, Error>>) -> Result<T, Error> {
    match (done, answer) {
        (_, Some(Err(error))) => Err(error),
        (Err(error), _) => Err(error.into()),
        (Ok(()), Some(Ok(value))) => Ok(value),
        (Ok(()), None) => Err(store::Error::Medium("the transaction was not run".into()).into()),
    }
}

fn next(rows: &dyn Reading) -> Result<u64, Error> {
    match rows.row(CARDS, NEXT)? {
        None => Ok(0),
        Some(bytes) => {
            let bytes = bytes.try_into().map_err(|_| store::Error::Malformed(CARDS))?;
            Ok(u64::from_be_bytes(bytes))
        }
    }
}

fn card_key(number: u64) -> Vec<u8> {
    [b"card\0", &number.to_be_bytes()[..]].concat()
}
