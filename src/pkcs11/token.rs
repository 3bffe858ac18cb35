//! One card as one connection sees it: its objects, and who is logged in.

use super::{
    Result, SlotId, card_objects,
    ck::*,
    errors,
    objects::{Handles, Object, Objects},
};
use crate::{
    card::{Caller, Card, Fresh, Gate, KeySlot, Login, Verb},
    secret::Secret,
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::AtomicU64,
    },
};

/// Who asks, and who admits.
#[derive(Clone, Debug)]
pub(super) struct Applicant {
    pub(super) caller: Caller,
    pub(super) gate: Arc<dyn Gate>,
}

/// A card in a slot. It dies with the card: another card in the same slot is another token.
pub(super) struct Token {
    pub(super) slot: SlotId,
    pub(super) card: Card,
    /// Open sessions, and those of them that are read-write; written under the module's lock.
    pub(super) sessions: AtomicU64,
    pub(super) rw_sessions: AtomicU64,
    handles: Arc<Handles>,
    /// Made when a session first asks, so that C_Initialize reads no object (rule 15).
    objects: OnceLock<RwLock<Objects>>,
    login: RwLock<Option<Arc<Login>>>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("slot", &self.slot).finish_non_exhaustive()
    }
}

impl Token {
    pub(super) fn new(slot: SlotId, card: Card, handles: Arc<Handles>) -> Self {
        Self {
            slot,
            card,
            sessions: AtomicU64::new(0),
            rw_sessions: AtomicU64::new(0),
            handles,
            objects: OnceLock::new(),
            login: RwLock::new(None),
        }
    }

    fn cell(&self) -> &RwLock<Objects> {
        self.objects.get_or_init(|| {
            let mut objects = Objects::new(Arc::clone(&self.handles));
            for object in card_objects::public(&self.card) {
                objects.insert(object);
            }
            RwLock::new(objects)
        })
    }

    pub(super) fn objects(&self) -> RwLockReadGuard<'_, Objects> {
        read(self.cell())
    }

    pub(super) fn objects_mut(&self) -> RwLockWriteGuard<'_, Objects> {
        write(self.cell())
    }

    /// Whether objects have been made yet.
    #[cfg(test)]
    pub(super) fn has_read_objects(&self) -> bool {
        self.objects.get().is_some()
    }

    /// The login that still counts: a lock of the card in between makes one void.
    pub(super) fn login(&self) -> Option<Arc<Login>> {
        read(&self.login).as_ref().filter(|login| self.card.logged_in(login)).cloned()
    }

    /// The login as it was made; whether it still counts, the card says, and why not.
    fn offered(&self) -> Result<Arc<Login>> {
        read(&self.login).clone().ok_or(CKR_USER_NOT_LOGGED_IN)
    }

    /// A passcode was right: private objects appear. After a lock they are the same as before it.
    pub(super) fn enter(&self, login: Login) {
        *write(&self.login) = Some(Arc::new(login));
        let mut objects = self.objects_mut();
        if objects.count(Object::is_private) == 0 {
            for object in card_objects::private(&self.card) {
                objects.insert(object);
            }
        }
    }

    /// Private objects disappear, and their handles are invalid from now on. Whether there was a
    /// login.
    pub(super) fn leave(&self) -> bool {
        let was = write(&self.login).take().is_some();
        if was {
            self.objects_mut().remove_all(Object::is_private);
        }
        was
    }

    /// One signature by a key of the card; no lock is held meanwhile.
    pub(super) fn sign(
        &self,
        applicant: &Applicant,
        (slot, verb, fresh): (KeySlot, Verb, Option<Fresh>),
        data: &[u8],
    ) -> Result<Vec<u8>> {
        let login = self.offered()?;
        self.card
            .admit(&applicant.gate, &applicant.caller, &login, fresh, slot, verb)
            .and_then(|permit| self.card.sign(data, permit))
            .map_err(|error| errors::of_card(&error))
    }

    /// One decryption by a key of the card; no lock is held meanwhile.
    pub(super) fn decrypt(
        &self,
        applicant: &Applicant,
        (slot, fresh): (KeySlot, Option<Fresh>),
        ciphertext: &[u8],
    ) -> Result<Secret> {
        let login = self.offered()?;
        self.card
            .admit(&applicant.gate, &applicant.caller, &login, fresh, slot, Verb::Decrypt)
            .and_then(|permit| self.card.decrypt(ciphertext, permit))
            .map_err(|error| errors::of_decryption(&error))
    }
}

/// The lock's content; a panic elsewhere has left no half-made state behind any of our locks.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], to read.
pub(super) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], to write.
pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
