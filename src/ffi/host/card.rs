//! Cards.
#![allow(unsafe_code)]

use super::{
    agent::Inner,
    handles::{Outcome, Space, free, live},
    result::{WARDCARD_ERROR_ARGUMENT, WARDCARD_ERROR_NO_SUCH_KEY, wardcard_result},
};
use crate::{
    agent::{Error, Removal},
    card::{CardId, KeySlot, State},
    ffi::{
        guard::call,
        pointers::{Out, sized},
    },
};
use std::{ffi::c_char, sync::Arc};

/// A card. The handle names it: freeing the handle does not remove the card.
#[derive(Debug)]
#[allow(non_camel_case_types)]
pub struct wardcard_card {
    inner: Arc<Inner>,
    id: CardId,
}

impl wardcard_card {
    pub(super) fn new(inner: Arc<Inner>, id: CardId) -> Self {
        Self { inner, id }
    }

    /// Its agent and its id.
    pub(super) fn parts(&self) -> (&Arc<Inner>, CardId) {
        (&self.inner, self.id)
    }
}

/// Where a card is in its life.
#[allow(non_camel_case_types)]
pub type wardcard_card_state = u32;
/// In use.
pub const WARDCARD_CARD_INSERTED: wardcard_card_state = 1;
/// The person is away; each connection verifies again.
pub const WARDCARD_CARD_LOCKED: wardcard_card_state = 2;
/// Out of use by policy or an administrator.
pub const WARDCARD_CARD_SUSPENDED: wardcard_card_state = 3;
/// Gone, keys erased.
pub const WARDCARD_CARD_REMOVED: wardcard_card_state = 4;
/// Its time is over, keys erased.
pub const WARDCARD_CARD_EXPIRED: wardcard_card_state = 5;

/// Why a card is removed, for the audit log.
#[allow(non_camel_case_types)]
pub type wardcard_removal = u32;
/// The person tapped out.
pub const WARDCARD_REMOVAL_TAP_OUT: wardcard_removal = 1;
/// The person's session ended.
pub const WARDCARD_REMOVAL_SESSION_END: wardcard_removal = 2;
/// An administrator took it away.
pub const WARDCARD_REMOVAL_ADMINISTRATOR: wardcard_removal = 3;

/// Which of a card's keys.
#[allow(non_camel_case_types)]
pub type wardcard_key = u32;
/// The key that signs in.
pub const WARDCARD_KEY_AUTHENTICATION: wardcard_key = 1;
/// The key that signs prescriptions.
pub const WARDCARD_KEY_CONTENT_COMMITMENT: wardcard_key = 2;

/// What is known of a card.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct wardcard_card_info {
    /// `sizeof(wardcard_card_info)`, filled by the caller.
    pub size: usize,
    /// The token's serial number: 16 hexadecimal digits and a 0.
    pub id: [c_char; 17],
    /// The person: 12 digits and a 0.
    pub person: [c_char; 13],
    /// One of the `WARDCARD_CARD_` numbers.
    pub state: wardcard_card_state,
    /// Passcode tries left; `UINT32_MAX` when the store cannot say.
    pub tries_left: u32,
    /// 1 if the sign-in stands for the passcode.
    pub sign_in: u32,
    /// 1 if the card has a content commitment key.
    pub content_commitment: u32,
    /// Authentication assurance level of the sign-in (0 to 3). The card itself claims at most 2:
    /// its keys are held in software.
    pub authentication_level: u32,
    /// When it was made, in milliseconds since the Unix epoch.
    pub issued: i64,
    /// When it ends, in milliseconds since the Unix epoch.
    pub expires: i64,
    /// SHA-1 signatures made with it.
    pub sha1_signatures: u64,
}

/// Tells what is known of a card.
///
/// # Safety
/// `card` is a live handle; `info` points to a writable structure whose `size` is filled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_card_info_read(
    card: *const wardcard_card,
    info: *mut wardcard_card_info,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the structure and its size.
        unsafe { sized(info.cast_const()) }?;
        // SAFETY: as above.
        let out = unsafe { Out::new(info) }?;
        // SAFETY: the caller vouches for the handle.
        let card = unsafe { live(card) }?;
        let known = card.inner.agent.card(card.id).map_err(|error| card.inner.failed(&error))?;
        let value = wardcard_card_info {
            size: size_of::<wardcard_card_info>(),
            id: ended(&known.id.to_hex()),
            person: ended(known.person.as_str()),
            state: state_of(known.state),
            tries_left: known.tries_left.map_or(u32::MAX, u32::from),
            sign_in: u32::from(known.sign_in),
            content_commitment: u32::from(known.slots.contains(&KeySlot::ContentCommitment)),
            authentication_level: u32::from(known.assurance.authentication.0),
            issued: known.issued.unix_millis(),
            expires: known.expires.unix_millis(),
            sha1_signatures: known.sha1_count,
        };
        out.put(value);
        Ok(())
    })
}

/// The number of a state.
pub(super) fn state_of(state: State) -> wardcard_card_state {
    match state {
        State::Inserted => WARDCARD_CARD_INSERTED,
        State::Locked => WARDCARD_CARD_LOCKED,
        State::Suspended => WARDCARD_CARD_SUSPENDED,
        State::Removed => WARDCARD_CARD_REMOVED,
        State::Expired => WARDCARD_CARD_EXPIRED,
    }
}

/// The reason of a number.
pub(super) fn removal_of(reason: wardcard_removal) -> Option<Removal> {
    match reason {
        WARDCARD_REMOVAL_TAP_OUT => Some(Removal::TapOut),
        WARDCARD_REMOVAL_SESSION_END => Some(Removal::SessionEnd),
        WARDCARD_REMOVAL_ADMINISTRATOR => Some(Removal::Administrator),
        _ => None,
    }
}

/// What fits of an ASCII text, and zeros up to the end.
pub(super) fn ended<const N: usize>(text: &str) -> [c_char; N] {
    let mut place = [0; N];
    for (to, from) in place.iter_mut().take(N.saturating_sub(1)).zip(text.bytes()) {
        *to = c_char::from_ne_bytes([from]);
    }
    place
}

/// A certificate of a key in DER. `index` 0 is the key's own, 1 its issuer's, and so on up to the
/// root; beyond that, and for a key that the card has not, the result is
/// `WARDCARD_ERROR_NO_SUCH_KEY`.
///
/// # Safety
/// `card` is a live handle; `certificate` is NULL or has room for `capacity` bytes;
/// `certificate_length` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_card_certificate(
    card: *const wardcard_card,
    key: wardcard_key,
    index: usize,
    certificate: *mut u8,
    capacity: usize,
    certificate_length: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let card = unsafe { live(card) }?;
        // SAFETY: the caller vouches for the places.
        let space = unsafe { Space::new(certificate, capacity, certificate_length) }?;
        let slot = slot_of(key)?;
        let chain = card
            .inner
            .agent
            .certificates(card.id, slot)
            .map_err(|error| card.inner.failed(&error))?;
        space.put(chain.get(index).ok_or(WARDCARD_ERROR_NO_SUCH_KEY)?.der())
    })
}

/// The slot that a number names.
pub(super) fn slot_of(key: wardcard_key) -> Outcome<KeySlot> {
    match key {
        WARDCARD_KEY_AUTHENTICATION => Ok(KeySlot::Authentication),
        WARDCARD_KEY_CONTENT_COMMITMENT => Ok(KeySlot::ContentCommitment),
        _ => Err(WARDCARD_ERROR_ARGUMENT),
    }
}

/// One verb on a card.
///
/// # Safety
/// `card` is a live handle.
unsafe fn verb(
    card: *const wardcard_card,
    work: impl FnOnce(&wardcard_card) -> Result<(), Error>,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let card = unsafe { live(card) }?;
        work(card).map_err(|error| card.inner.failed(&error))
    })
}

/// The person is away: every connection verifies again before it goes on.
///
/// # Safety
/// `card` is a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_card_lock(card: *mut wardcard_card) -> wardcard_result {
    // SAFETY: the caller vouches for the handle.
    unsafe { verb(card, |card| card.inner.agent.lock(card.id)) }
}

/// The person is back, which the host has made sure of.
///
/// # Safety
/// `card` is a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_card_unlock(card: *mut wardcard_card) -> wardcard_result {
    // SAFETY: the caller vouches for the handle.
    unsafe { verb(card, |card| card.inner.agent.unlock(card.id)) }
}

/// Removes a card from every face at once and erases its keys. The handle stays until it is freed.
///
/// # Safety
/// `card` is a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_card_remove(
    card: *mut wardcard_card,
    reason: wardcard_removal,
) -> wardcard_result {
    let Some(reason) = removal_of(reason) else { return WARDCARD_ERROR_ARGUMENT };
    // SAFETY: the caller vouches for the handle.
    unsafe { verb(card, |card| card.inner.agent.remove(card.id, reason)) }
}

/// Frees the handle; the card stays where it is.
///
/// # Safety
/// `card` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_card_free(card: *mut wardcard_card) {
    // SAFETY: the caller vouches for the handle.
    unsafe { free(card) };
}
