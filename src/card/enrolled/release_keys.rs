//! The key of release, which may be replaced while others work with it.
//!
//! A row of the table `release` names the key under which cards are wrapped since the last
//! replacement. Who wraps a card looks there inside the same transaction, so that no card is
//! wrapped under a key that has just been replaced; who opens one tries what there is.

use super::{
    super::{Error, locked},
    Body, CARDS, EnrolmentFault, Shelf, card_key, next,
    state::State,
};
use crate::{
    crypto::SealKey,
    pki::UserId,
    store::{self, Reading},
};
use std::{
    fmt,
    sync::{Arc, Mutex},
};

const RELEASE: &str = "release";
const NAME: &[u8] = b"key";

/// Where the key of release comes from.
pub trait ReleaseKeys: Send + Sync + fmt::Debug {
    /// The key as it is now, and those beside it while it is being replaced.
    ///
    /// # Errors
    /// They cannot be read.
    fn keys(&self) -> Result<Vec<SealKey>, store::Error>;
}

impl ReleaseKeys for SealKey {
    fn keys(&self) -> Result<Vec<SealKey>, store::Error> {
        Ok(vec![self.clone()])
    }
}

#[cfg(feature = "sqlite")]
impl ReleaseKeys for store::KeyFile {
    fn keys(&self) -> Result<Vec<SealKey>, store::Error> {
        Self::keys(self)
    }
}

/// The keys as they were read last.
pub(super) struct Keys {
    source: Arc<dyn ReleaseKeys>,
    known: Mutex<Vec<SealKey>>,
}

impl Keys {
    pub(super) fn new(source: Arc<dyn ReleaseKeys>) -> Self {
        Self { source, known: Mutex::default() }
    }

    /// What `find` finds among the keys that are known, else among those that there are now.
    fn find<T>(&self, find: impl Fn(&SealKey) -> Option<T>) -> Result<Option<T>, store::Error> {
        let known = locked(&self.known).clone();
        if let Some(found) = known.iter().find_map(&find) {
            return Ok(Some(found));
        }
        let now: Vec<SealKey> = self.source.keys()?.iter().map(wrapping).collect();
        let found = now.iter().find_map(find);
        *locked(&self.known) = now;
        Ok(found)
    }

    /// The card key, if it is wrapped for the release to `person`.
    pub(super) fn card_key(
        &self,
        state: &State,
        person: &UserId,
    ) -> Result<Option<SealKey>, store::Error> {
        self.find(|key| state.released(key, person))
    }

    /// The key under which a card is wrapped in this transaction.
    pub(super) fn to_seal(&self, rows: &dyn Reading) -> Result<SealKey, EnrolmentFault> {
        if let Some(named) = rows.row(RELEASE, NAME)? {
            if let Some(found) = self.find(|key| (name(key) == named).then(|| key.clone()))? {
                return Ok(found);
            }
            // Where no card is wrapped any more, the key may have been begun anew.
            if !each_wrapped(rows, |_, _| false)? {
                return Err(EnrolmentFault::Sealed);
            }
        }
        self.find(|key| Some(key.clone()))?.ok_or(EnrolmentFault::Sealed)
    }
}

/// What cards are wrapped under.
fn wrapping(key: &SealKey) -> SealKey {
    key.derive(b"wardcard enrolled card: release")
}

/// What a wrapping key is called; tells nothing about it.
fn name(key: &SealKey) -> Vec<u8> {
    let name = key.derive(b"wardcard enrolled card: name of a key of release");
    name.expose().iter().take(8).copied().collect()
}

impl Shelf {
    /// The same cards, with leave to enrol them for persons and to release them: `key` is the
    /// agent's own and not the store's, so that who has the store with its key still needs a
    /// passcode.
    #[must_use]
    pub fn with_release(self, key: &SealKey) -> Self {
        self.with_release_keys(Arc::new(key.clone()))
    }

    /// As [`Self::with_release`] with a key that may be replaced meanwhile.
    #[must_use]
    pub fn with_release_keys(self, keys: Arc<dyn ReleaseKeys>) -> Self {
        let Body { store, key: own, policy, .. } = &*self.body;
        let (store, own, policy) = (Arc::clone(store), own.clone(), policy.clone());
        let release = Some(Arc::new(Keys::new(keys)));
        let body = Body { store, key: own, policy, release };
        Self { body: Arc::new(body), known: Mutex::default() }
    }

    /// Wraps every card that is wrapped for release under `new`, and no longer under another key:
    /// all or nothing. How many there are. Others go on who find `new` where they have their own
    /// key from.
    ///
    /// # Errors
    /// [`EnrolmentFault::Off`]; [`EnrolmentFault::Sealed`] for a card that no key opens; the
    /// store's.
    pub fn replace_release_key(&self, new: &SealKey) -> Result<usize, EnrolmentFault> {
        let keys = self.release_keys()?;
        let new = wrapping(new);
        self.change(&mut |rows| {
            let mut wrapped = 0;
            for number in 0..next(rows.reading())? {
                let Some(mut state) = self.body.state_if_any(rows.reading(), number)? else {
                    continue;
                };
                let Some(person) = state.release.as_ref().map(|release| release.person.clone())
                else {
                    continue;
                };
                let card_key = match state.released(&new, &person) {
                    Some(card_key) => card_key,
                    None => keys.card_key(&state, &person)?.ok_or(EnrolmentFault::Sealed)?,
                };
                state.put_release(&new, &person, &card_key)?;
                state.changes = state.changes.wrapping_add(1);
                self.body.keep(rows, number, &state)?;
                wrapped += 1;
            }
            rows.put(RELEASE, NAME, &name(&new)).map_err(Error::from)?;
            Ok(wrapped)
        })
    }

    /// Whether each card that is wrapped for release opens with this key.
    ///
    /// # Errors
    /// The store's.
    pub fn all_open_with(&self, key: &SealKey) -> Result<bool, Error> {
        let key = wrapping(key);
        let opens = |state: &State, person: &UserId| state.released(&key, person).is_some();
        self.body.read(&mut |rows| each_wrapped(rows, opens))
    }
}

/// Whether each card that is wrapped for release, if there is any, is as `good` says.
fn each_wrapped(rows: &dyn Reading, good: impl Fn(&State, &UserId) -> bool) -> Result<bool, Error> {
    for number in 0..next(rows)? {
        let Some(row) = rows.row(CARDS, &card_key(number))? else { continue };
        let state = State::from_bytes(&row).ok_or(store::Error::Malformed(CARDS))?;
        let Some(release) = &state.release else { continue };
        if !good(&state, &release.person) {
            return Ok(false);
        }
    }
    Ok(true)
}
