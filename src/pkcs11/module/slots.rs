//! Slots, tokens and their events (base specification section 5.5).

use super::{Module, SESSIONS, State};
use crate::{
    card::{Card, Enrolled},
    pkcs11::{
        Result, SlotId, SlotInfo, TokenInfo,
        ck::*,
        errors, text,
        token::{Body, Derived, Shelved, Token, read, tries_flags, write},
    },
    secret::PasscodeRule,
};
use std::sync::{Arc, atomic::Ordering};

/// What an application has seen of a slot: how often its card changed, and whether one was there
/// (a card's time can be over without the tray's noticing).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    changes: u64,
    present: bool,
}

/// What lies in a slot.
pub(super) enum Place {
    /// Nothing: a place of the tray without a card.
    Empty,
    Derived(Card),
    Enrolled(Enrolled),
    /// The blank card behind those of the shelf.
    Blank,
}

impl Module {
    /// All slots. The list grows with the shelf and never shrinks (rule 10).
    pub(super) fn slots(&self) -> Result<Vec<SlotId>> {
        let cards = match &self.shelf {
            None => 0,
            Some(shelf) => {
                let cards = shelf.cards().map_err(|error| errors::of_card(&error))?.len();
                cards + usize::from(shelf.policy().blank)
            }
        };
        Ok((0..(self.tray.places() + cards) as u64).collect())
    }

    /// C_GetSlotList. Slots of the shelf are never empty.
    pub(super) fn list(&self, token_present: bool) -> Result<Vec<SlotId>> {
        self.checked()?;
        let mut slots = self.slots()?;
        let empty = |slot: SlotId| {
            let place = usize::try_from(slot).ok();
            let place = place.filter(|place| *place < self.tray.places());
            place.is_some_and(|place| self.tray.card(place).is_none())
        };
        slots.retain(|slot| !token_present || !empty(*slot));
        Ok(slots)
    }

    pub(super) fn place(&self, slot: SlotId) -> Result<Place> {
        let place = usize::try_from(slot).map_err(|_| CKR_SLOT_ID_INVALID)?;
        let Some(number) = place.checked_sub(self.tray.places()) else {
            return Ok(self.tray.card(place).map_or(Place::Empty, Place::Derived));
        };
        let shelf = self.shelf.as_ref().ok_or(CKR_SLOT_ID_INVALID)?;
        let cards = shelf.cards().map_err(|error| errors::of_card(&error))?;
        match cards.get(number) {
            Some(card) => Ok(Place::Enrolled(card.clone())),
            None if number == cards.len() && shelf.policy().blank => Ok(Place::Blank),
            None => Err(CKR_SLOT_ID_INVALID),
        }
    }

    /// Whether there is a token in the slot, be it a blank one.
    pub(super) fn is_present(&self, slot: SlotId) -> Result<bool> {
        self.place(slot).map(|place| !matches!(place, Place::Empty))
    }

    /// What lies in a slot as a token; the same one as long as the same card lies there.
    pub(super) fn token(&self, slot: SlotId) -> Result<Arc<Token>> {
        self.checked()?;
        match read(&self.state).tokens.get(&slot) {
            Some(token) if self.lies_in(token) => return Ok(Arc::clone(token)),
            _ => {}
        }
        // Not with the state locked: the shelf may have to read.
        let place = self.place(slot)?;
        let mut state = write(&self.state);
        state.checked()?;
        // Looked at again under the lock: nobody's newer token is replaced by an older one.
        let place = match place {
            Place::Enrolled(card) => Place::Enrolled(card),
            Place::Blank => Place::Blank,
            Place::Empty | Place::Derived(_) => self.place(slot)?,
        };
        let (id, body) = match place {
            Place::Empty => return Err(CKR_TOKEN_NOT_PRESENT),
            Place::Blank => return Err(CKR_TOKEN_NOT_RECOGNIZED),
            Place::Derived(card) => (card.id(), Body::derived(card)),
            Place::Enrolled(card) => (card.id(), Body::Enrolled(Box::new(Shelved::new(card)))),
        };
        match state.tokens.get(&slot) {
            Some(token) if token.id() == id => Ok(Arc::clone(token)),
            _ => {
                let token = Arc::new(Token::new(
                    slot,
                    body,
                    self.applicant.clone(),
                    Arc::clone(&self.handles),
                ));
                state.tokens.insert(slot, Arc::clone(&token));
                Ok(token)
            }
        }
    }

    /// Whether the token in a slot, be it a blank one, lets bare RSA be used.
    pub(super) fn raw_rsa(&self, slot: SlotId) -> Result<bool> {
        self.checked()?;
        match (self.place(slot)?, &self.shelf) {
            (Place::Empty, _) => Err(CKR_TOKEN_NOT_PRESENT),
            (Place::Derived(_), _) | (Place::Blank, None) => Ok(false),
            (Place::Enrolled(card), _) => Ok(card.policy().raw_rsa),
            (Place::Blank, Some(shelf)) => Ok(shelf.policy().raw_rsa),
        }
    }

    pub(super) fn describe_slot(&self, slot: SlotId) -> Result<SlotInfo> {
        let present = if self.is_present(slot)? { CKF_TOKEN_PRESENT } else { 0 };
        let slot = text::empty_slot(slot);
        Ok(SlotInfo { flags: slot.flags | present, ..slot })
    }

    pub(super) fn describe_token(&self, slot: SlotId) -> Result<TokenInfo> {
        self.checked()?;
        if let Place::Blank = self.place(slot)? {
            let rule = self.shelf.as_ref().map(|shelf| shelf.policy().rule);
            return Ok(self.about(String::new(), String::new(), rule, 0));
        }
        let token = self.token(slot)?;
        let serial = token.id().to_hex();
        let known = CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED;
        let info = match &token.body {
            Body::Derived(Derived { card, .. }) => {
                let rule = card.passcode_rule();
                let flags = match rule {
                    Some(_) => {
                        let left = card.tries_left().map_err(|_| CKR_DEVICE_ERROR)?;
                        tries_flags(left, card.tries_limit())
                    }
                    None => CKF_PROTECTED_AUTHENTICATION_PATH,
                };
                self.about(self.text.label_of(card.person()), serial, rule, known | flags)
            }
            Body::Enrolled(shelved) => {
                let of_card = |error| errors::of_card(&error);
                let label = shelved.card.label().map_err(of_card)?;
                let mut flags = CKF_TOKEN_INITIALIZED | shelved.tries_flags()?;
                if shelved.card.user_passcode_set().map_err(of_card)? {
                    flags |= CKF_USER_PIN_INITIALIZED;
                } else {
                    // Tries of a passcode that there is not yet.
                    flags &= !(CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
                }
                let label = String::from_utf8_lossy(&label).trim_end().to_owned();
                self.about(label, serial, Some(shelved.card.policy().rule), flags)
            }
        };
        Ok(TokenInfo {
            sessions: token.sessions.load(Ordering::Relaxed),
            rw_sessions: token.rw_sessions.load(Ordering::Relaxed),
            ..info
        })
    }

    /// What is the same for all tokens; lengths of passcodes by their rule.
    fn about(
        &self,
        label: String,
        serial: String,
        rule: Option<PasscodeRule>,
        flags: u64,
    ) -> TokenInfo {
        let (manufacturer, model) = self.text.maker();
        let (min_pin, max_pin) = rule.map_or((0, 255), |rule| {
            // Lengths are told in bytes; a character has up to four.
            (rule.min as u64, rule.max as u64 * if rule.digits_only { 1 } else { 4 })
        });
        TokenInfo {
            label,
            manufacturer,
            model,
            serial,
            flags: CKF_RNG | CKF_LOGIN_REQUIRED | flags,
            max_sessions: SESSIONS as u64,
            sessions: 0,
            max_rw_sessions: SESSIONS as u64,
            rw_sessions: 0,
            max_pin,
            min_pin,
            total_public_memory: CK_UNAVAILABLE_INFORMATION,
            free_public_memory: CK_UNAVAILABLE_INFORMATION,
            total_private_memory: CK_UNAVAILABLE_INFORMATION,
            free_private_memory: CK_UNAVAILABLE_INFORMATION,
            hardware_version: text::VERSION,
            firmware_version: text::VERSION,
            utc_time: *b"0000000000000000",
        }
    }

    /// How every slot looks now: C_Initialize begins with no event outstanding.
    pub(super) fn look_around(&self, state: &mut State) {
        state.seen = self.reader_slots().map(|slot| (slot, self.sight(slot))).collect();
    }

    /// The slots whose cards come and go.
    fn reader_slots(&self) -> impl Iterator<Item = SlotId> {
        0..self.tray.places() as u64
    }

    fn sight(&self, slot: SlotId) -> Sight {
        let Ok(place) = usize::try_from(slot) else { return Sight::default() };
        Sight { changes: self.tray.changes(place), present: self.tray.card(place).is_some() }
    }

    /// A slot that changed since this application last heard of it.
    fn changed_slot(&self) -> Option<SlotId> {
        let looks: Vec<_> = self.reader_slots().map(|slot| (slot, self.sight(slot))).collect();
        let mut state = write(&self.state);
        looks.into_iter().find_map(|(slot, now)| {
            let before = state.seen.entry(slot).or_default();
            (*before != now && now.changes >= before.changes).then(|| {
                *before = now;
                slot
            })
        })
    }

    pub(super) fn next_event(&self, block: bool) -> Result<SlotId> {
        let period = {
            let state = read(&self.state);
            state.checked()?;
            state.period
        };
        let look = || {
            let state = read(&self.state);
            if !state.initialized || state.period != period {
                return Some(Err(CKR_CRYPTOKI_NOT_INITIALIZED));
            }
            drop(state);
            self.changed_slot().map(Ok)
        };
        if block { self.tray.wait(look) } else { look().unwrap_or(Err(CKR_NO_EVENT)) }
    }
}
