//! Signing people in by the code flow, and out by logout tokens.
#![allow(unsafe_code)]

use super::{
    agent::{Inner, wardcard_agent},
    card::wardcard_card,
    handles::{Outcome, Space, bytes, free, give, live, text},
    request::{source, wardcard_passcode, wardcard_request},
    result::{WARDCARD_ERROR_NO_SUCH_KEY, WARDCARD_ERROR_REQUEST, wardcard_result},
};
use crate::{
    agent::SignIn,
    ffi::{
        guard::call,
        pointers::{Out, sized},
    },
    proof::oidc::{Asked, Tokens},
    secret::Secret,
};
use std::{ffi::c_char, fmt, sync::Arc, time::Duration};

/// What one sign-in asks for other than the configuration says. What is `(NULL, 0)` or 0 is as
/// configured.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct wardcard_sign_in {
    /// `sizeof(wardcard_sign_in)`.
    pub size: usize,
    /// The provider's issuer; the first of the configuration where none is named.
    pub provider: *const c_char,
    /// Its length in bytes.
    pub provider_length: usize,
    /// Whom the provider may suggest (`login_hint`).
    pub login_hint: *const c_char,
    /// Its length in bytes.
    pub login_hint_length: usize,
    /// `prompt`: `login` has the person authenticate anew.
    pub prompt: *const c_char,
    /// Its length in bytes.
    pub prompt_length: usize,
    /// `acr_values`, with spaces between them.
    pub acr_values: *const c_char,
    /// Its length in bytes.
    pub acr_values_length: usize,
    /// `max_age`, in seconds.
    pub max_age: u64,
}

impl fmt::Debug for wardcard_sign_in {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("wardcard_sign_in").finish_non_exhaustive()
    }
}

/// The tokens of a sign-in, for the host's own use of the provider. They are erased with it.
#[derive(Debug)]
#[allow(non_camel_case_types)]
pub struct wardcard_tokens {
    tokens: Tokens,
}

/// Begins to sign a person in for a request, by OpenID Connect's code flow with the configured
/// client. `redirect_uri` is where the browser comes back: `http://127.0.0.1:PORT/PATH` of a
/// listener of the host's, or an HTTPS address, as it is registered. `how` may be NULL. Once more
/// for the same request gives the first one up. May wait for the provider.
///
/// # Safety
/// `request` is a live handle; `redirect_uri` points to `redirect_uri_length` bytes; `how` is NULL
/// or points to a structure whose `size` is right.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_sign_in_begin(
    request: *mut wardcard_request,
    redirect_uri: *const c_char,
    redirect_uri_length: usize,
    how: *const wardcard_sign_in,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let request = unsafe { live(request) }?;
        // SAFETY: the caller vouches for the text.
        let redirect_uri = unsafe { text(redirect_uri, redirect_uri_length) }?.to_owned();
        // SAFETY: the caller vouches for the structure.
        let mut sign_in = unsafe { read(how) }?;
        sign_in.redirect_uri = redirect_uri;
        let inner = request.inner();
        let url = inner.agent.begin_sign_in(request.id(), &sign_in);
        request.set_url(url.map_err(|error| inner.failed(&error))?);
        Ok(())
    })
}

/// # Safety
/// `how` is NULL or points to a structure whose `size` is right.
unsafe fn read(how: *const wardcard_sign_in) -> Outcome<SignIn> {
    if how.is_null() {
        return Ok(SignIn::default());
    }
    // SAFETY: the caller vouches for the structure.
    let how = unsafe { sized(how) }?;
    let given = |pointer, length| -> Outcome<Option<String>> {
        // SAFETY: the caller vouches for the texts of the structure.
        let text = unsafe { text(pointer, length) }?;
        Ok((!text.is_empty()).then(|| text.to_owned()))
    };
    let acr_values = given(how.acr_values, how.acr_values_length)?;
    let words = |values: String| values.split(' ').map(str::to_owned).collect();
    Ok(SignIn {
        provider: given(how.provider, how.provider_length)?,
        redirect_uri: String::new(),
        asked: Asked {
            login_hint: given(how.login_hint, how.login_hint_length)?,
            prompt: given(how.prompt, how.prompt_length)?,
            max_age: (how.max_age > 0).then(|| Duration::from_secs(how.max_age)),
            acr_values: acr_values.map(words).unwrap_or_default(),
        },
    })
}

/// The address that the browser is to open. ASCII, no end mark. `WARDCARD_ERROR_REQUEST` where no
/// sign-in has begun.
///
/// # Safety
/// `request` is a live handle; `url` is NULL or has room for `capacity` bytes; `url_length` is
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_sign_in_url(
    request: *const wardcard_request,
    url: *mut c_char,
    capacity: usize,
    url_length: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let request = unsafe { live(request) }?;
        // SAFETY: the caller vouches for the places.
        let space = unsafe { Space::new(url.cast(), capacity, url_length) }?;
        space.put(request.url().ok_or(WARDCARD_ERROR_REQUEST)?.as_bytes())
    })
}

/// Ends a sign-in with the whole address that the browser came back to, query included: asks the
/// provider for the tokens, verifies them and proves the request. On success its user has the card.
/// Request and sign-in are used up whatever comes of it. `passcode` as for
/// `wardcard_request_prove`. `tokens` may be NULL where the host has no use for them. May wait for
/// the provider, and for the host's answer to `passcode_wanted`.
///
/// # Safety
/// `request` is a live handle; `redirect` points to `redirect_length` bytes; `passcode` is NULL or
/// points to a structure whose `size` is right; `card` is writable; `tokens` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_sign_in_finish(
    request: *mut wardcard_request,
    redirect: *const c_char,
    redirect_length: usize,
    passcode: *const wardcard_passcode,
    card: *mut *mut wardcard_card,
    tokens: *mut *mut wardcard_tokens,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the place.
        let out = unsafe { Out::new(card) }?;
        // SAFETY: the caller vouches for the handle.
        let request = unsafe { live(request) }?;
        // SAFETY: the caller vouches for the bytes.
        let redirect = Secret::copied_from(unsafe { bytes(redirect, redirect_length) }?);
        let inner: &Arc<Inner> = request.inner();
        // SAFETY: the caller vouches for the structure.
        let source = unsafe { source(passcode, inner) }?;
        let done = inner
            .agent
            .finish_sign_in(request.id(), &redirect, source)
            .map_err(|error| inner.failed(&error))?;
        // SAFETY: the caller vouches for the place, or it is NULL.
        if let Ok(out) = unsafe { Out::new(tokens) } {
            out.put(give(wardcard_tokens { tokens: done.tokens }));
        }
        out.put(give(wardcard_card::new(Arc::clone(inner), done.card.id)));
        Ok(())
    })
}

/// Which token.
#[allow(non_camel_case_types)]
pub type wardcard_token_kind = u32;
/// The ID token; it has made the card and makes no other.
pub const WARDCARD_TOKEN_ID: wardcard_token_kind = 1;
/// The access token, a bearer's.
pub const WARDCARD_TOKEN_ACCESS: wardcard_token_kind = 2;
/// The refresh token.
pub const WARDCARD_TOKEN_REFRESH: wardcard_token_kind = 3;
/// The claims of userinfo as they came, JSON, where the configuration has it asked.
pub const WARDCARD_TOKEN_USERINFO: wardcard_token_kind = 4;

/// One of the tokens; `WARDCARD_ERROR_NO_SUCH_KEY` for one that the sign-in did not give. The caller
/// erases its copy.
///
/// # Safety
/// `tokens` is a live handle; `token` is NULL or has room for `capacity` bytes; `token_length` is
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_tokens_read(
    tokens: *const wardcard_tokens,
    kind: wardcard_token_kind,
    token: *mut c_char,
    capacity: usize,
    token_length: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let Tokens { id_token, access_token, refresh_token, userinfo, .. } =
            &unsafe { live(tokens) }?.tokens;
        // SAFETY: the caller vouches for the places.
        let space = unsafe { Space::new(token.cast(), capacity, token_length) }?;
        let found = match kind {
            WARDCARD_TOKEN_ID => Some(id_token),
            WARDCARD_TOKEN_ACCESS => Some(access_token),
            WARDCARD_TOKEN_REFRESH => refresh_token.as_ref(),
            WARDCARD_TOKEN_USERINFO => userinfo.as_ref().map(|userinfo| &userinfo.text),
            _ => None,
        };
        space.put(found.ok_or(WARDCARD_ERROR_NO_SUCH_KEY)?.expose())
    })
}

/// Erases and frees tokens.
///
/// # Safety
/// `tokens` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_tokens_free(tokens: *mut wardcard_tokens) {
    // SAFETY: the caller vouches for the handle.
    unsafe { free(tokens) };
}

/// Takes a logout token of the provider (OpenID Connect Back-Channel Logout 1.0), which serves
/// once, and ends the cards that were made on its session, or without one on any session of its
/// person there. `ended` gets how many, and may be NULL.
///
/// # Safety
/// `agent` is a live handle; `token` points to `token_length` bytes; `ended` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_agent_logout_token(
    agent: *mut wardcard_agent,
    token: *const c_char,
    token_length: usize,
    ended: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        // SAFETY: the caller vouches for the bytes.
        let token = Secret::copied_from(unsafe { bytes(token, token_length) }?);
        let cards = inner.agent.logout_token(&token).map_err(|error| inner.failed(&error))?;
        // SAFETY: the caller vouches for the place, or it is NULL.
        if let Ok(out) = unsafe { Out::new(ended) } {
            out.put(cards);
        }
        Ok(())
    })
}
