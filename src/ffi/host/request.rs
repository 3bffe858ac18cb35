//! From a request to a card.
#![allow(unsafe_code)]

use super::{
    agent::{Inner, wardcard_agent},
    card::wardcard_card,
    handles::{Outcome, Space, bytes, free, give, live, text},
    result::{WARDCARD_ERROR_ARGUMENT, wardcard_result},
};
use crate::{
    agent::{Pending, RequestId, Seat},
    derive::{Evidence, PasscodeSource, Question},
    ffi::{
        guard::call,
        pointers::{Out, sized},
    },
    secret::{Secret, User},
};
use std::{
    ffi::c_char,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// A request for a card, which waits for its proof.
#[derive(Debug)]
#[allow(non_camel_case_types)]
pub struct wardcard_request {
    pub(super) inner: Arc<Inner>,
    pub(super) pending: Pending,
    /// What the browser is to open, once a sign-in has begun.
    url: Mutex<Option<String>>,
}

impl wardcard_request {
    pub(super) fn new(inner: Arc<Inner>, pending: Pending) -> Self {
        Self { inner, pending, url: Mutex::default() }
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(super) fn id(&self) -> &RequestId {
        &self.pending.request
    }

    pub(super) fn url(&self) -> Option<String> {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_url(&self, url: String) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = Some(url);
    }
}

impl Drop for wardcard_request {
    fn drop(&mut self) {
        self.inner.agent.cancel(&self.pending.request);
    }
}

/// Where the passcode of the card comes from.
#[allow(non_camel_case_types)]
pub type wardcard_passcode_source = u32;
/// The person's own, kept by the agent. At first use `passcode_wanted` is asked for it.
pub const WARDCARD_PASSCODE_KEPT: wardcard_passcode_source = 0;
/// The one given with this proof, for this card alone.
pub const WARDCARD_PASSCODE_GIVEN: wardcard_passcode_source = 1;
/// The one given with this proof, which becomes the person's own.
pub const WARDCARD_PASSCODE_GIVEN_AND_KEPT: wardcard_passcode_source = 2;
/// None: the sign-in stands for it. Only applications that the configuration lists may use the
/// card.
pub const WARDCARD_PASSCODE_SIGN_IN: wardcard_passcode_source = 3;
/// A new one for each login: `wardcard_card_one_time_passcode` makes them, and the host fills them
/// in.
pub const WARDCARD_PASSCODE_ONE_TIME: wardcard_passcode_source = 4;

/// How a card is to be protected.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct wardcard_passcode {
    /// `sizeof(wardcard_passcode)`.
    pub size: usize,
    /// One of the `WARDCARD_PASSCODE_` numbers.
    pub source: wardcard_passcode_source,
    /// The passcode where it is given, else NULL. The caller erases its own copy.
    pub passcode: *const c_char,
    /// Its length in bytes.
    pub passcode_length: usize,
}

impl fmt::Debug for wardcard_passcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("wardcard_passcode").finish_non_exhaustive()
    }
}

/// Makes the keys of a card for the user `uid` of this machine, and the nonce that its proof must
/// carry. `logon` names one logon session of that user; `(NULL, 0)` means all of them. Where users
/// have no numbers (Windows) it is `wardcard_request_new_for`.
///
/// # Safety
/// `agent` is a live handle; `logon` points to `logon_length` bytes; `request` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_new(
    agent: *mut wardcard_agent,
    uid: u32,
    logon: *const c_char,
    logon_length: usize,
    request: *mut *mut wardcard_request,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for all of them.
        unsafe { new(agent, || numbered(uid), (logon, logon_length), request) }
    })
}

/// As `wardcard_request_new`, with the user as text: a user id in decimal digits on Unix, a security
/// identifier (`S-1-5-...`) on Windows. `(NULL, 0)` is the user that the agent runs as.
///
/// # Safety
/// `agent` is a live handle; `user` points to `user_length` bytes, `logon` to `logon_length`;
/// `request` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_new_for(
    agent: *mut wardcard_agent,
    user: *const c_char,
    user_length: usize,
    logon: *const c_char,
    logon_length: usize,
    request: *mut *mut wardcard_request,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the text.
        let user = || unsafe { named(user, user_length) };
        // SAFETY: the caller vouches for all of them.
        unsafe { new(agent, user, (logon, logon_length), request) }
    })
}

/// # Safety
/// As [`wardcard_request_new`].
unsafe fn new(
    agent: *mut wardcard_agent,
    user: impl FnOnce() -> Outcome<User>,
    (logon, logon_length): (*const c_char, usize),
    request: *mut *mut wardcard_request,
) -> Outcome {
    // SAFETY: passed on from our caller.
    let out = unsafe { Out::new(request) }?;
    // SAFETY: passed on from our caller.
    let inner = unsafe { live(agent) }?.inner();
    // SAFETY: passed on from our caller.
    let logon = unsafe { text(logon, logon_length) }?;
    let logon = (!logon.is_empty()).then(|| logon.to_owned());
    let seat = Seat { uid: user()?, logon };
    let pending = inner.agent.request(seat).map_err(|error| inner.failed(&error))?;
    out.put(give(wardcard_request::new(Arc::clone(inner), pending)));
    Ok(())
}

/// A user by number.
pub(super) fn numbered(uid: u32) -> Outcome<User> {
    User::numbered(uid).ok_or(WARDCARD_ERROR_ARGUMENT)
}

/// A user by text.
///
/// # Safety
/// `pointer` points to `length` bytes.
pub(super) unsafe fn named(pointer: *const c_char, length: usize) -> Outcome<User> {
    // SAFETY: passed on from our caller.
    match unsafe { text(pointer, length) }? {
        "" => Ok(User::own()),
        name => name.parse().map_err(|_| WARDCARD_ERROR_ARGUMENT),
    }
}

/// The nonce: send it as `nonce` with the OpenID Connect authentication request. ASCII, no end
/// mark.
///
/// # Safety
/// `request` is a live handle; `nonce` is NULL or has room for `capacity` bytes; `nonce_length` is
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_nonce(
    request: *const wardcard_request,
    nonce: *mut c_char,
    capacity: usize,
    nonce_length: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let request = unsafe { live(request) }?;
        // SAFETY: the caller vouches for the places.
        let space = unsafe { Space::new(nonce.cast(), capacity, nonce_length) }?;
        space.put(request.pending.nonce.as_bytes())
    })
}

/// Until when the proof may come, in milliseconds since the Unix epoch.
///
/// # Safety
/// `request` is a live handle; `expires` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_expires(
    request: *const wardcard_request,
    expires: *mut i64,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the place.
        let out = unsafe { Out::new(expires) }?;
        // SAFETY: the caller vouches for the handle.
        let request = unsafe { live(request) }?;
        out.put(request.pending.expires.unix_millis());
        Ok(())
    })
}

/// Proves a request with the ID token (compact form) that came of the sign-in. On success its user
/// has the card, in place of one from before. Once the token is looked at, the request is used up
/// whatever comes of it. `passcode` NULL means `WARDCARD_PASSCODE_KEPT`. The caller erases its own
/// copies of the token and the passcode. May wait for the host's answer to `passcode_wanted`.
///
/// # Safety
/// `request` is a live handle; `token` points to `token_length` bytes; `passcode` is NULL or points
/// to a structure whose `size` is right; `card` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_prove(
    request: *mut wardcard_request,
    token: *const c_char,
    token_length: usize,
    passcode: *const wardcard_passcode,
    card: *mut *mut wardcard_card,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the place.
        let out = unsafe { Out::new(card) }?;
        // SAFETY: the caller vouches for the handle.
        let request = unsafe { live(request) }?;
        // SAFETY: the caller vouches for the bytes.
        let token = Secret::copied_from(unsafe { bytes(token, token_length) }?);
        let inner = &request.inner;
        // SAFETY: the caller vouches for the structure.
        let source = unsafe { source(passcode, inner) }?;
        let info = inner
            .agent
            .prove(&request.pending.request, Evidence::IdToken(token), source)
            .map_err(|error| inner.failed(&error))?;
        out.put(give(wardcard_card::new(Arc::clone(inner), info.id)));
        Ok(())
    })
}

/// # Safety
/// `pointer` is NULL or points to a structure whose `size` is right.
pub(super) unsafe fn source(
    pointer: *const wardcard_passcode,
    inner: &Arc<Inner>,
) -> Outcome<PasscodeSource> {
    let asked = || {
        let inner = Arc::clone(inner);
        PasscodeSource::Asked(Question(Box::new(move |person, rule| {
            inner.callbacks.passcode(person, rule)
        })))
    };
    if pointer.is_null() {
        return Ok(asked());
    }
    // SAFETY: the caller vouches for the structure.
    let given = unsafe { sized(pointer) }?;
    // SAFETY: the caller vouches for the bytes.
    let passcode = unsafe { bytes(given.passcode, given.passcode_length) }?;
    let keep = given.source == WARDCARD_PASSCODE_GIVEN_AND_KEPT;
    match given.source {
        WARDCARD_PASSCODE_KEPT if passcode.is_empty() => Ok(asked()),
        WARDCARD_PASSCODE_SIGN_IN if passcode.is_empty() => Ok(PasscodeSource::SignIn),
        WARDCARD_PASSCODE_ONE_TIME if passcode.is_empty() => Ok(PasscodeSource::OneTime),
        WARDCARD_PASSCODE_GIVEN | WARDCARD_PASSCODE_GIVEN_AND_KEPT if !passcode.is_empty() => {
            Ok(PasscodeSource::Given { passcode: Secret::copied_from(passcode), keep })
        }
        _ => Err(WARDCARD_ERROR_ARGUMENT),
    }
}

/// Frees a request; one that has not been proved is gone with its keys.
///
/// # Safety
/// `request` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_free(request: *mut wardcard_request) {
    // SAFETY: the caller vouches for the handle.
    unsafe { free(request) };
}
