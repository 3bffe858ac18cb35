//! Slots, tokens and their events (base specification section 5.5).

use super::{Module, SESSIONS, State};
use crate::{
    card::Card,
    pkcs11::{
        Result, SlotId, SlotInfo, TokenInfo,
        ck::*,
        text,
        token::{Token, read, write},
    },
};
use std::sync::{Arc, atomic::Ordering};

/// What an application has seen of a slot: how often its card changed, and whether one was there
/// (a card's time can be over without the tray's noticing).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    changes: u64,
    present: bool,
}

impl Module {
    pub(super) fn slots(&self) -> impl Iterator<Item = SlotId> {
        0..self.tray.places() as u64
    }

    pub(super) fn card_in(&self, slot: SlotId) -> Result<Option<Card>> {
        let place = usize::try_from(slot).map_err(|_| CKR_SLOT_ID_INVALID)?;
        if place >= self.tray.places() {
            return Err(CKR_SLOT_ID_INVALID);
        }
        Ok(self.tray.card(place))
    }

    /// What lies in a slot as a token; the same one as long as the same card lies there.
    pub(super) fn token(&self, slot: SlotId) -> Result<Arc<Token>> {
        self.checked()?;
        let card = self.card_in(slot)?.ok_or(CKR_TOKEN_NOT_PRESENT)?;
        match read(&self.state).tokens.get(&slot) {
            Some(token) if token.card.id() == card.id() => return Ok(Arc::clone(token)),
            _ => {}
        }
        let mut state = write(&self.state);
        state.checked()?;
        // Looked at again under the lock: nobody's newer token is replaced by an older one.
        let card = self.card_in(slot)?.ok_or(CKR_TOKEN_NOT_PRESENT)?;
        match state.tokens.get(&slot) {
            Some(token) if token.card.id() == card.id() => Ok(Arc::clone(token)),
            _ => {
                let token = Arc::new(Token::new(slot, card, Arc::clone(&self.handles)));
                state.tokens.insert(slot, Arc::clone(&token));
                Ok(token)
            }
        }
    }

    pub(super) fn describe_slot(&self, slot: SlotId) -> Result<SlotInfo> {
        let present = if self.card_in(slot)?.is_some() { CKF_TOKEN_PRESENT } else { 0 };
        let slot = text::empty_slot(slot);
        Ok(SlotInfo { flags: slot.flags | present, ..slot })
    }

    pub(super) fn describe_token(&self, slot: SlotId) -> Result<TokenInfo> {
        let token = self.token(slot)?;
        let card = &token.card;
        let (manufacturer, model) = self.text.maker();
        let rule = card.passcode_rule();
        let (min_pin, max_pin) = rule.map_or((0, 255), |rule| {
            // Lengths are told in bytes; a character has up to four.
            (rule.min as u64, rule.max as u64 * if rule.digits_only { 1 } else { 4 })
        });
        let mut flags =
            CKF_RNG | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED;
        if rule.is_some() {
            flags |= tries_flags(card)?;
        } else {
            flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
        }
        Ok(TokenInfo {
            label: self.text.label_of(card.person()),
            manufacturer,
            model,
            serial: text::serial(card),
            flags,
            max_sessions: SESSIONS as u64,
            sessions: token.sessions.load(Ordering::Relaxed),
            max_rw_sessions: SESSIONS as u64,
            rw_sessions: token.rw_sessions.load(Ordering::Relaxed),
            max_pin,
            min_pin,
            total_public_memory: CK_UNAVAILABLE_INFORMATION,
            free_public_memory: CK_UNAVAILABLE_INFORMATION,
            total_private_memory: CK_UNAVAILABLE_INFORMATION,
            free_private_memory: CK_UNAVAILABLE_INFORMATION,
            hardware_version: text::VERSION,
            firmware_version: text::VERSION,
            utc_time: *b"0000000000000000",
        })
    }

    /// How every slot looks now: C_Initialize begins with no event outstanding.
    pub(super) fn look_around(&self, state: &mut State) {
        state.seen = self.slots().map(|slot| (slot, self.sight(slot))).collect();
    }

    fn sight(&self, slot: SlotId) -> Sight {
        let Ok(place) = usize::try_from(slot) else { return Sight::default() };
        Sight { changes: self.tray.changes(place), present: self.tray.card(place).is_some() }
    }

    /// A slot that changed since this application last heard of it.
    fn changed_slot(&self) -> Option<SlotId> {
        let looks: Vec<_> = self.slots().map(|slot| (slot, self.sight(slot))).collect();
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

/// How many tries are left, in the flags that the standard has for it (rule 16).
fn tries_flags(card: &Card) -> Result<u64> {
    let left = card.tries_left().map_err(|_| CKR_DEVICE_ERROR)?;
    Ok(match left {
        0 => CKF_USER_PIN_LOCKED,
        1 => CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW,
        _ if left < card.tries_limit() => CKF_USER_PIN_COUNT_LOW,
        _ => 0,
    })
}
