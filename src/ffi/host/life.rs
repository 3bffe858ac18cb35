//! The life of cards: of one, of a person's everywhere, of all.
#![allow(unsafe_code)]

use super::{
    agent::wardcard_agent,
    card::{ended, removal_of, wardcard_card, wardcard_card_state, wardcard_removal},
    handles::{Outcome, Space, give, live, text},
    request::wardcard_request,
    result::{WARDCARD_ERROR_ARGUMENT, wardcard_result},
};
use crate::{
    agent::{Error, Why},
    ffi::{guard::call, pointers::Out},
    pki::UserId,
};
use std::{ffi::c_char, sync::Arc};

/// # Safety
/// `pointer` points to `length` bytes.
unsafe fn who(pointer: *const c_char, length: usize) -> Outcome<UserId> {
    // SAFETY: passed on from our caller.
    UserId::parse(unsafe { text(pointer, length) }?).ok_or(WARDCARD_ERROR_ARGUMENT)
}

/// A verb on a person's cards; writes how many they were where `count` is not NULL.
///
/// # Safety
/// `agent` is a live handle; `person` points to `person_length` bytes; `count` is NULL or writable.
unsafe fn on_person(
    agent: *mut wardcard_agent,
    person: *const c_char,
    person_length: usize,
    count: *mut usize,
    verb: impl FnOnce(&crate::agent::Agent, &UserId) -> Result<usize, Error>,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        // SAFETY: the caller vouches for the text.
        let person = unsafe { who(person, person_length) }?;
        let done = verb(&inner.agent, &person).map_err(|error| inner.failed(&error))?;
        // SAFETY: the caller vouches for the place.
        if let Ok(out) = unsafe { Out::new(count) } {
            out.put(done);
        }
        Ok(())
    })
}

/// Ends all cards of a person (12 digits), wherever they are shown, with keys erased. How many they
/// were is written to `count`, which may be NULL.
///
/// # Safety
/// `agent` is a live handle; `person` points to `person_length` bytes; `count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_person_end(
    agent: *mut wardcard_agent,
    person: *const c_char,
    person_length: usize,
    reason: wardcard_removal,
    count: *mut usize,
) -> wardcard_result {
    let Some(reason) = removal_of(reason) else { return WARDCARD_ERROR_ARGUMENT };
    // SAFETY: passed on from our caller.
    unsafe {
        on_person(agent, person, person_length, count, |agent, person| {
            agent.end_person(person, reason)
        })
    }
}

/// Takes all cards of a person (12 digits) out of use and makes none for them, across restarts,
/// until `wardcard_person_resume`. How many cards there are is written to `count`, which may be
/// NULL.
///
/// # Safety
/// `agent` is a live handle; `person` points to `person_length` bytes; `count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_person_suspend(
    agent: *mut wardcard_agent,
    person: *const c_char,
    person_length: usize,
    count: *mut usize,
) -> wardcard_result {
    // SAFETY: passed on from our caller.
    unsafe { on_person(agent, person, person_length, count, crate::agent::Agent::suspend_person) }
}

/// Ends a person's suspension. How many cards are in use again is written to `count`, which may be
/// NULL.
///
/// # Safety
/// `agent` is a live handle; `person` points to `person_length` bytes; `count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_person_resume(
    agent: *mut wardcard_agent,
    person: *const c_char,
    person_length: usize,
    count: *mut usize,
) -> wardcard_result {
    // SAFETY: passed on from our caller.
    unsafe { on_person(agent, person, person_length, count, crate::agent::Agent::resume_person) }
}

/// Ends every card and every request at once, with keys erased. Where `hold` is not 0, no card is
/// made, across restarts, until `wardcard_agent_start_again`; what would make one answers
/// `WARDCARD_ERROR_ALL_STOPPED`. `reason` goes on record, and to those who are refused. How many
/// cards they were is written to `count`, which may be NULL.
///
/// # Safety
/// `agent` is a live handle; `reason` points to `reason_length` bytes; `count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_agent_stop_all(
    agent: *mut wardcard_agent,
    reason: *const c_char,
    reason_length: usize,
    hold: u32,
    count: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        // SAFETY: the caller vouches for the text.
        let reason = unsafe { text(reason, reason_length) }?;
        let done = inner.agent.stop_all(reason, hold != 0).map_err(|error| inner.failed(&error))?;
        // SAFETY: the caller vouches for the place.
        if let Ok(out) = unsafe { Out::new(count) } {
            out.put(done);
        }
        Ok(())
    })
}

/// Lets cards be made again after `wardcard_agent_stop_all`.
///
/// # Safety
/// `agent` is a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_agent_start_again(agent: *mut wardcard_agent) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        inner.agent.start_again().map_err(|error| inner.failed(&error))
    })
}

/// The ids of all live cards, oldest first: 16 hexadecimal digits each, with line feeds between.
/// `wardcard_agent_card` and `wardcard_card_info_read` tell more of one.
///
/// # Safety
/// `agent` is a live handle; `ids` is NULL or has room for `capacity` bytes; `ids_length` is
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_agent_cards(
    agent: *const wardcard_agent,
    ids: *mut c_char,
    capacity: usize,
    ids_length: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        // SAFETY: the caller vouches for the places.
        let space = unsafe { Space::new(ids.cast(), capacity, ids_length) }?;
        let cards = inner.agent.cards();
        let ids: Vec<String> = cards.iter().map(|card| card.id.to_hex()).collect();
        space.put(ids.join("\n").as_bytes())
    })
}

/// The person taps out: where the policy has a grace, the card is locked and waits so long for
/// `wardcard_card_unlock`, or for its passcode, before it ends; else it is removed.
///
/// # Safety
/// `card` is a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_card_tap_out(card: *mut wardcard_card) -> wardcard_result {
    // SAFETY: the caller vouches for the handle.
    unsafe { on_card(card, |agent, card| agent.tap_out(card)) }
}

/// Takes a card out of use until `wardcard_card_resume`.
///
/// # Safety
/// `card` is a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_card_suspend(card: *mut wardcard_card) -> wardcard_result {
    // SAFETY: the caller vouches for the handle.
    unsafe { on_card(card, |agent, card| agent.suspend(card)) }
}

/// Puts a card back into use. While its person is suspended the result is `WARDCARD_ERROR_POLICY`.
///
/// # Safety
/// `card` is a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_card_resume(card: *mut wardcard_card) -> wardcard_result {
    // SAFETY: the caller vouches for the handle.
    unsafe { on_card(card, |agent, card| agent.resume(card)) }
}

/// Begins a step-up: the nonce of the request goes into a fresh sign-in of the card's person, and
/// its proof to `wardcard_request_prove`, which leaves the passcode as it is. The policy says which
/// keys need one, and for how long it counts.
///
/// # Safety
/// `card` is a live handle; `request` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_new_step_up(
    card: *mut wardcard_card,
    request: *mut *mut wardcard_request,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the place.
        let out = unsafe { Out::new(request) }?;
        // SAFETY: the caller vouches for the handle.
        let card = unsafe { live(card) }?;
        let (inner, id) = card.parts();
        let pending = inner.agent.step_up(id).map_err(|error| inner.failed(&error))?;
        out.put(give(wardcard_request::new(Arc::clone(inner), pending)));
        Ok(())
    })
}

/// Why a card is locked or suspended.
#[allow(non_camel_case_types)]
pub type wardcard_why = u32;
/// It is neither.
pub const WARDCARD_WHY_NONE: wardcard_why = 0;
/// A host said that the person is away.
pub const WARDCARD_WHY_AWAY: wardcard_why = 1;
/// Nobody used it for longer than the policy allows.
pub const WARDCARD_WHY_IDLE: wardcard_why = 2;
/// A host or an administrator suspended it.
pub const WARDCARD_WHY_SUSPENDED: wardcard_why = 3;
/// An administrator suspended its person.
pub const WARDCARD_WHY_PERSON_SUSPENDED: wardcard_why = 4;

/// Where a card is in its life, and why.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct wardcard_card_life {
    /// `sizeof(wardcard_card_life)`, filled by the caller.
    pub size: usize,
    /// One of the `WARDCARD_CARD_` numbers.
    pub state: wardcard_card_state,
    /// One of the `WARDCARD_WHY_` numbers.
    pub why: wardcard_why,
    /// The level that it claims for itself at most.
    pub claims: u32,
    /// 1 if its proof was accepted while others were out of reach.
    pub offline: u32,
    /// 1 if it came of a rule for emergencies: of a weaker sign-in than the policy asks for
    /// otherwise, and for a short time.
    pub break_glass: u32,
    /// When it ends if nobody comes back, in milliseconds since the Unix epoch; 0: it does not wait.
    pub away_until: i64,
    /// The rule that says when it ends, as `policy.lifetime`, and a 0.
    pub ends_by: [c_char; 64],
}

/// Tells where a card is in its life, and why.
///
/// # Safety
/// `card` is a live handle; `life` points to a writable structure whose `size` is filled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_card_life_read(
    card: *const wardcard_card,
    life: *mut wardcard_card_life,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the structure and its size.
        unsafe { crate::ffi::pointers::sized(life.cast_const()) }?;
        // SAFETY: as above.
        let out = unsafe { Out::new(life) }?;
        // SAFETY: the caller vouches for the handle.
        let (inner, id) = unsafe { live(card) }?.parts();
        let known = inner.agent.card(id).map_err(|error| inner.failed(&error))?;
        out.put(wardcard_card_life {
            size: size_of::<wardcard_card_life>(),
            state: super::card::state_of(known.state),
            why: match known.why {
                None => WARDCARD_WHY_NONE,
                Some(Why::Away) => WARDCARD_WHY_AWAY,
                Some(Why::Idle) => WARDCARD_WHY_IDLE,
                Some(Why::Suspended) => WARDCARD_WHY_SUSPENDED,
                Some(Why::PersonSuspended) => WARDCARD_WHY_PERSON_SUSPENDED,
            },
            claims: u32::from(known.claims.0),
            offline: u32::from(known.assurance.offline),
            break_glass: u32::from(known.break_glass),
            away_until: known.away_until.map_or(0, crate::clock::Time::unix_millis),
            ends_by: ended(&known.ends_by),
        });
        Ok(())
    })
}

/// One verb on a card.
///
/// # Safety
/// `card` is a live handle.
unsafe fn on_card(
    card: *mut wardcard_card,
    verb: impl FnOnce(&crate::agent::Agent, crate::card::CardId) -> Result<(), Error>,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let (inner, id) = unsafe { live(card) }?.parts();
        verb(&inner.agent, id).map_err(|error| inner.failed(&error))
    })
}
