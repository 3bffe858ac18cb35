//! Blank cards and passcodes: C_InitToken, C_InitPIN, C_SetPIN (base specification sections 5.5.7 to
//! 5.5.9). A derived card has none of them: its passcode comes with the sign-in.

use super::{Module, slots::Place};
use crate::{
    card::Shelf,
    pkcs11::{
        Result, SlotId,
        ck::*,
        errors,
        operations::Session,
        token::{Body, Entry, Shelved, write},
    },
    secret::PasscodeRule,
};
use std::sync::atomic::Ordering;

impl Module {
    /// C_InitToken. A blank card becomes one of the shelf and another blank one lies behind it; a
    /// card of the shelf loses its objects and its user's passcode.
    pub(super) fn initialize_token(
        &self,
        slot: SlotId,
        pin: Option<&[u8]>,
        label: &[u8; 32],
    ) -> Result<()> {
        self.checked()?;
        match (self.place(slot)?, &self.shelf) {
            (Place::Empty, _) => Err(CKR_TOKEN_NOT_PRESENT),
            (Place::Blank, Some(shelf)) => {
                initialize_blank(shelf, pin.ok_or(CKR_ARGUMENTS_BAD)?, label)
            }
            (Place::Derived(_), _) | (Place::Blank, None) => Err(CKR_ACTION_PROHIBITED),
            (Place::Enrolled(card), _) => {
                let pin = pin.ok_or(CKR_ARGUMENTS_BAD)?;
                let token = self.token(slot)?;
                if token.sessions.load(Ordering::Relaxed) > 0 {
                    return Err(CKR_SESSION_EXISTS);
                }
                let (gate, caller) = (&*self.applicant.gate, &self.applicant.caller);
                card.initialize(pin, *label, gate, caller)
                    .map_err(|error| errors::of_card(&error))?;
                // Handles of what is gone name nothing any more.
                write(&self.state).tokens.remove(&slot);
                Ok(())
            }
        }
    }

    /// C_InitPIN: the security officer gives the user a passcode. The objects stay.
    pub(super) fn initialize_pin(&self, session: &Session, pin: Option<&[u8]>) -> Result<()> {
        let shelved = writable(session)?;
        let officer = shelved.officer()?;
        let pin = pin.ok_or(CKR_ARGUMENTS_BAD)?;
        new_pin(shelved.card.policy().rule, pin)?;
        shelved.card.set_user_passcode(&officer, pin).map_err(|error| errors::of_card(&error))
    }

    /// C_SetPIN: the passcode of whoever is logged in, or the user's.
    pub(super) fn change_pin(
        &self,
        session: &Session,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<()> {
        let shelved = writable(session)?;
        let (old, new) = (old.ok_or(CKR_ARGUMENTS_BAD)?, new.ok_or(CKR_ARGUMENTS_BAD)?);
        let card = &shelved.card;
        new_pin(card.policy().rule, new)?;
        let (gate, caller) = (&*self.applicant.gate, &self.applicant.caller);
        let (officer, user) = (session.token.is_officer(), session.token.is_user());
        let entry = match officer {
            true => card.change_so_passcode(old, new, gate, caller).map(Entry::Officer),
            false => card.change_passcode(old, new, gate, caller).map(Entry::User),
        };
        let entry = entry.map_err(|error| errors::of_card(&error))?;
        // Whoever was logged in still is.
        if officer || user {
            session.token.enter(entry);
        }
        Ok(())
    }
}

fn initialize_blank(shelf: &Shelf, pin: &[u8], label: &[u8; 32]) -> Result<()> {
    new_pin(shelf.policy().rule, pin)?;
    shelf.initialize_new(pin, *label).map(drop).map_err(|error| errors::of_card(&error))
}

/// The card whose passcodes a session may change.
fn writable(session: &Session) -> Result<&Shelved> {
    match &session.token.body {
        _ if !session.read_write => Err(CKR_SESSION_READ_ONLY),
        Body::Derived(_) => Err(CKR_ACTION_PROHIBITED),
        Body::Enrolled(shelved) => Ok(shelved),
    }
}

/// Whether a new passcode has the right length and characters.
fn new_pin(rule: PasscodeRule, pin: &[u8]) -> Result<()> {
    if rule.parse(pin).is_some() {
        return Ok(());
    }
    let length = std::str::from_utf8(pin).map(|text| text.chars().count());
    match length {
        Ok(length) if !(rule.min..=rule.max).contains(&length) => Err(CKR_PIN_LEN_RANGE),
        _ => Err(CKR_PIN_INVALID),
    }
}
