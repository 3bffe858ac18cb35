//! One-time passcodes.
#![allow(unsafe_code)]

use super::{
    card::wardcard_card,
    handles::{Space, live, text},
    result::{WARDCARD_ERROR_BUFFER_TOO_SMALL, wardcard_result},
};
use crate::ffi::guard::call;
use std::{ffi::c_char, path::Path};

/// Makes a passcode for one login on this card by the program at `application` (a whole path), to
/// be filled into its prompt at once: it is good for a short time only. The card's proof must have
/// asked for `WARDCARD_PASSCODE_ONE_TIME`. Digits, no end mark; where there is too little room,
/// none is made. The caller erases its copy.
///
/// # Safety
/// `card` is a live handle; `application` points to `application_length` bytes; `passcode` is NULL
/// or has room for `capacity` bytes; `passcode_length` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_card_one_time_passcode(
    card: *mut wardcard_card,
    application: *const c_char,
    application_length: usize,
    passcode: *mut c_char,
    capacity: usize,
    passcode_length: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let card = unsafe { live(card) }?;
        // SAFETY: the caller vouches for the text.
        let application = Path::new(unsafe { text(application, application_length) }?);
        // SAFETY: the caller vouches for the places.
        let space = unsafe { Space::new(passcode.cast(), capacity, passcode_length) }?;
        let (inner, id) = card.parts();
        let failed = |error| inner.failed(&error);
        let digits = inner.agent.one_time_digits(id).map_err(failed)?;
        if digits > capacity {
            space.wanted(digits);
            return Err(WARDCARD_ERROR_BUFFER_TOO_SMALL);
        }
        let made = inner.agent.one_time_passcode(id, application);
        space.put(made.map_err(failed)?.expose())
    })
}
