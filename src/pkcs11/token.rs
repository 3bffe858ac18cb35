//! One card as one connection sees it: its objects, and who is logged in.
//!
//! A derived card's objects are few and made once. An enrolled card's are the store's and are read
//! when they are asked for ([`Shelved`]). Session objects lie beside either.

pub(super) mod content;
mod shelved;
mod uses;

use super::{
    Attribute, ObjectHandle, Result, SlotId,
    budget::Budget,
    card_objects,
    ck::*,
    errors,
    objects::{Handles, Object, Objects},
    templates::NewObject,
};
use crate::card::{Caller, Card, CardId, EnrolledLogin, Fresh, Gate, Login, SoLogin};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::AtomicU64,
    },
};

pub(super) use shelved::{Shelved, new_record, tries_flags};

/// Who asks, who admits, and what is kept for whoever asks.
#[derive(Clone, Debug)]
pub(super) struct Applicant {
    pub(super) caller: Caller,
    pub(super) gate: Arc<dyn Gate>,
    pub(super) budget: Arc<Budget>,
}

/// A card in a slot. It dies with the card: another card in the same slot is another token.
pub(super) struct Token {
    pub(super) slot: SlotId,
    pub(super) body: Body,
    /// Open sessions, and those of them that are read-write; written under the module's lock.
    pub(super) sessions: AtomicU64,
    pub(super) rw_sessions: AtomicU64,
    applicant: Applicant,
    handles: Arc<Handles>,
    /// Session objects and what the token itself is known by. Made when a session first asks, so
    /// that C_Initialize reads no object (rule 15).
    objects: OnceLock<RwLock<Objects>>,
}

/// Which card.
pub(super) enum Body {
    /// A card in the tray.
    Derived(Derived),
    /// A card on the shelf.
    Enrolled(Box<Shelved>),
}

/// A derived card and its login.
pub(super) struct Derived {
    pub(super) card: Card,
    login: RwLock<Option<Arc<Login>>>,
}

/// A right passcode, not yet the token's login.
pub(super) enum Entry {
    Derived(Login),
    User(EnrolledLogin),
    Officer(SoLogin),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("slot", &self.slot).finish_non_exhaustive()
    }
}

impl Body {
    pub(super) fn derived(card: Card) -> Self {
        Self::Derived(Derived { card, login: RwLock::new(None) })
    }
}

impl Token {
    pub(super) fn new(
        slot: SlotId,
        body: Body,
        applicant: Applicant,
        handles: Arc<Handles>,
    ) -> Self {
        Self {
            slot,
            body,
            sessions: AtomicU64::new(0),
            rw_sessions: AtomicU64::new(0),
            applicant,
            handles,
            objects: OnceLock::new(),
        }
    }

    /// The card's identity.
    pub(super) fn id(&self) -> CardId {
        match &self.body {
            Body::Derived(derived) => derived.card.id(),
            Body::Enrolled(shelved) => shelved.card.id(),
        }
    }

    /// What may be kept for whoever asks.
    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.applicant.budget
    }

    fn cell(&self) -> &RwLock<Objects> {
        self.objects.get_or_init(|| {
            let mut objects = Objects::new(Arc::clone(&self.handles), &self.applicant.budget);
            let own = match &self.body {
                Body::Derived(derived) => card_objects::public(&derived.card),
                Body::Enrolled(shelved) => {
                    card_objects::profiles(&shelved.card.id().to_hex()).collect()
                }
            };
            for object in own {
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

    /// The object that a handle names, if it may be seen now.
    pub(super) fn object(&self, handle: ObjectHandle) -> Result<Arc<Object>> {
        // Not in the match: the objects would be locked while the store is read.
        let found = self.objects().object(handle).cloned();
        let object = match (found, &self.body) {
            (Some(object), _) => object,
            (None, Body::Enrolled(shelved)) => return shelved.object(handle),
            (None, Body::Derived(_)) => return Err(CKR_OBJECT_HANDLE_INVALID),
        };
        if object.is_private() && !self.is_user() {
            return Err(CKR_USER_NOT_LOGGED_IN);
        }
        Ok(object)
    }

    /// The objects that a template describes and that may be seen now.
    pub(super) fn find(&self, template: &[Attribute]) -> Result<Vec<ObjectHandle>> {
        let mut found = match &self.body {
            Body::Derived(_) => Vec::new(),
            Body::Enrolled(shelved) => shelved.find(template, &self.handles)?,
        };
        let others = self.objects().find(template, || self.is_user());
        if found.is_empty() {
            return Ok(others);
        }
        found.extend(others);
        Ok(found)
    }

    /// Writes new objects onto the card, all or none; their handles in the same order.
    pub(super) fn add(&self, new: Vec<NewObject>) -> Result<Vec<ObjectHandle>> {
        match &self.body {
            Body::Derived(_) => Err(CKR_ACTION_PROHIBITED),
            Body::Enrolled(shelved) => shelved.add(new, &self.handles),
        }
    }

    /// Whether the user is logged in, by a login that still counts: a lock of a derived card in
    /// between makes one void, and so does another passcode.
    pub(super) fn is_user(&self) -> bool {
        match &self.body {
            Body::Derived(Derived { card, login }) => {
                read(login).as_ref().is_some_and(|login| card.logged_in(login))
            }
            Body::Enrolled(shelved) => shelved.user().is_ok(),
        }
    }

    /// Whether anybody is logged in, and if so, whether it is the security officer; by a login that
    /// need not count any more.
    pub(super) fn officer_entered(&self) -> Option<bool> {
        match &self.body {
            Body::Derived(Derived { login, .. }) => read(login).is_some().then_some(false),
            Body::Enrolled(shelved) => shelved.officer_entered(),
        }
    }

    /// Whether the security officer is logged in.
    pub(super) fn is_officer(&self) -> bool {
        matches!(&self.body, Body::Enrolled(shelved) if shelved.officer().is_ok())
    }

    /// Looks at a passcode, with no lock held.
    pub(super) fn verify(
        &self,
        applicant: &Applicant,
        user: u64,
        pin: Option<&[u8]>,
    ) -> Result<Entry> {
        let (gate, caller) = (&*applicant.gate, &applicant.caller);
        match (&self.body, user) {
            (Body::Derived(Derived { card, .. }), CKU_USER) => {
                needs_pin(card, pin)?;
                card.verify(pin, gate, caller).map(Entry::Derived)
            }
            (Body::Enrolled(shelved), CKU_USER) => {
                shelved.card.verify(pin.ok_or(CKR_ARGUMENTS_BAD)?, gate, caller).map(Entry::User)
            }
            (Body::Enrolled(shelved), CKU_SO) => shelved
                .card
                .verify_so(pin.ok_or(CKR_ARGUMENTS_BAD)?, gate, caller)
                .map(Entry::Officer),
            // A derived card has no security officer: its passcode comes with the sign-in.
            _ => return Err(CKR_USER_TYPE_INVALID),
        }
        .map_err(|error| errors::of_card(&error))
    }

    /// Looks at the passcode once more, for one operation; with no lock held.
    pub(super) fn verify_fresh(&self, applicant: &Applicant, pin: Option<&[u8]>) -> Result<Fresh> {
        let (gate, caller) = (&*applicant.gate, &applicant.caller);
        match &self.body {
            Body::Derived(Derived { card, login }) => {
                let login = read(login).clone().filter(|login| card.logged_in(login));
                let login = login.ok_or(CKR_USER_NOT_LOGGED_IN)?;
                needs_pin(card, pin)?;
                card.verify_fresh(&login, pin, gate, caller)
            }
            Body::Enrolled(shelved) => {
                let login = shelved.user()?;
                let pin = pin.ok_or(CKR_ARGUMENTS_BAD)?;
                shelved.card.verify_fresh(&login, pin, gate, caller)
            }
        }
        .map_err(|error| errors::of_card(&error))
    }

    /// A passcode was right: private objects appear. After a lock of a derived card they are the
    /// same as before it.
    pub(super) fn enter(&self, entry: Entry) {
        match (&self.body, entry) {
            (Body::Derived(Derived { card, login: place }), Entry::Derived(login)) => {
                *write(place) = Some(Arc::new(login));
                let mut objects = self.objects_mut();
                if objects.count(|object| object.is_private() && object.owner.is_none()) == 0 {
                    for object in card_objects::private(card) {
                        objects.insert(object);
                    }
                }
            }
            (Body::Enrolled(shelved), Entry::User(login)) => shelved.enter_user(login),
            (Body::Enrolled(shelved), Entry::Officer(login)) => shelved.enter_officer(login),
            // An entry comes from the card that it is for.
            _ => {}
        }
    }

    /// Private objects disappear, and their handles are invalid from now on. Whether there was a
    /// login.
    pub(super) fn leave(&self) -> bool {
        let was = match &self.body {
            Body::Derived(Derived { login, .. }) => write(login).take().is_some(),
            Body::Enrolled(shelved) => shelved.leave(),
        };
        if was {
            self.objects_mut().remove_all(Object::is_private);
        }
        was
    }

    /// Whether the token lets bare RSA be used (CKM_RSA_X_509). No derived card does.
    pub(super) fn raw_rsa(&self) -> bool {
        match &self.body {
            Body::Derived(_) => false,
            Body::Enrolled(shelved) => shelved.card.policy().raw_rsa,
        }
    }
}

/// NULL stands for "asked elsewhere", which only a card without passcode offers.
fn needs_pin(card: &Card, pin: Option<&[u8]>) -> Result<()> {
    if pin.is_none() && card.passcode_rule().is_some() {
        return Err(CKR_ARGUMENTS_BAD);
    }
    Ok(())
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
