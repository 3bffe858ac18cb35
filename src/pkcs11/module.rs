//! [`Module`]: Cryptoki over the cards of a tray and of a shelf, for one connection.
//!
//! Locks, in the order in which they may be taken: the module's state (sessions, tokens), one
//! session's operations, one token's objects, one token's login. None is held while a passcode is
//! verified, a key is used or an event is waited for.

mod calls;
mod pins;
mod sessions;
mod slots;

use super::{
    Budget, Result, SessionHandle, SlotId, TokenText,
    ck::*,
    errors,
    objects::Handles,
    operations::Session,
    token::{Applicant, Body, Token, read, write},
};
use crate::{
    card::{Caller, Gate, Shelf, Tray},
    crypto,
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, RwLock},
};

/// Most sessions of one connection; a legacy program has a handful.
const SESSIONS: usize = 1024;
/// Most random bytes in one answer.
const RANDOM: usize = 1 << 20;

/// Cryptoki over the cards of a tray, for one connection: one login state, one set of sessions.
///
/// Each place of the tray is a slot, numbered from 0, with or without a card. After them, if there is
/// a shelf, comes a slot for each of its cards, and then one with a blank card, which C_InitToken
/// makes a card of the shelf (another blank one is behind it then). A card's going ends
/// its sessions: the next call on each answers CKR_DEVICE_REMOVED, later ones
/// CKR_SESSION_HANDLE_INVALID, and neither handle comes back for another card.
pub struct Module {
    tray: Arc<Tray>,
    shelf: Option<Arc<Shelf>>,
    applicant: Applicant,
    text: TokenText,
    handles: Arc<Handles>,
    state: RwLock<State>,
}

/// What changes while applications work.
#[derive(Default)]
struct State {
    initialized: bool,
    /// Counts the periods between initialize and finalize, so that a waiter notices its own end.
    period: u64,
    sessions: HashMap<SessionHandle, Arc<Session>>,
    tokens: HashMap<SlotId, Arc<Token>>,
    seen: HashMap<SlotId, slots::Sight>,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("caller", &self.applicant.caller).finish_non_exhaustive()
    }
}

impl Module {
    /// A module for one connection: `caller` is who is at its other end, `gate` admits its uses of
    /// keys.
    pub fn new(tray: Arc<Tray>, caller: Caller, gate: Arc<dyn Gate>) -> Self {
        Self {
            tray,
            shelf: None,
            applicant: Applicant { caller, gate, budget: Budget::unbounded() },
            text: TokenText::default(),
            handles: Arc::default(),
            state: RwLock::default(),
        }
    }

    /// The same with the cards of a shelf after those of the tray.
    #[must_use]
    pub fn with_shelf(mut self, shelf: Arc<Shelf>) -> Self {
        self.shelf = Some(shelf);
        self
    }

    /// The same within a budget, which other modules for the same user share.
    #[must_use]
    pub fn with_budget(mut self, budget: Arc<Budget>) -> Self {
        self.applicant.budget = budget;
        self
    }

    /// The same with other texts for its tokens.
    #[must_use]
    pub fn with_text(mut self, text: TokenText) -> Self {
        self.text = text;
        self
    }

    /// C_Initialize. Reads no object (rule 15).
    fn begin(&self) -> Result<()> {
        let mut state = write(&self.state);
        if state.initialized {
            return Err(CKR_CRYPTOKI_ALREADY_INITIALIZED);
        }
        state.initialized = true;
        self.look_around(&mut state);
        Ok(())
    }

    /// C_Finalize.
    fn end(&self) -> Result<()> {
        {
            let mut state = write(&self.state);
            state.checked()?;
            state.initialized = false;
            state.period = state.period.wrapping_add(1);
            state.close_all(|_| true);
            state.tokens.clear();
        }
        self.tray.wake();
        Ok(())
    }

    /// The session of a handle, if its card is still there.
    fn session(&self, handle: SessionHandle) -> Result<Arc<Session>> {
        let session = {
            let state = read(&self.state);
            state.checked()?;
            state.sessions.get(&handle).cloned().ok_or(CKR_SESSION_HANDLE_INVALID)?
        };
        if self.lies_in(&session.token) { Ok(session) } else { Err(self.bury(handle)) }
    }

    /// Runs `work` on a session; the card's going meanwhile ends the session.
    fn on<T>(&self, handle: SessionHandle, work: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
        let session = self.session(handle)?;
        work(&session).map_err(|rv| match rv {
            CKR_DEVICE_REMOVED => self.bury(handle),
            _ if !self.lies_in(&session.token) => self.bury(handle),
            rv => rv,
        })
    }

    /// Whether a token's card still lies in its slot. Those of the shelf never leave.
    fn lies_in(&self, token: &Token) -> bool {
        match &token.body {
            Body::Enrolled(_) => true,
            Body::Derived(_) => usize::try_from(token.slot)
                .ok()
                .and_then(|place| self.tray.card(place))
                .is_some_and(|card| card.id() == token.id()),
        }
    }

    /// Ends a session whose card is gone. The one that ends it is told CKR_DEVICE_REMOVED.
    fn bury(&self, handle: SessionHandle) -> super::Rv {
        match write(&self.state).close(handle) {
            Ok(()) => CKR_DEVICE_REMOVED,
            Err(rv) => rv,
        }
    }

    fn checked(&self) -> Result<()> {
        read(&self.state).checked()
    }
}

impl State {
    fn checked(&self) -> Result<()> {
        if self.initialized { Ok(()) } else { Err(CKR_CRYPTOKI_NOT_INITIALIZED) }
    }
}

/// C_GenerateRandom.
fn random(length: usize) -> Result<Vec<u8>> {
    if length > RANDOM {
        return Err(CKR_ARGUMENTS_BAD);
    }
    let mut bytes = vec![0; length];
    crypto::random(&mut bytes).map_err(errors::of_crypto)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
