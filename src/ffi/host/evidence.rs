//! Proofs of every kind, and WebAuthn credentials.
#![allow(unsafe_code)]

use super::{
    agent::{Inner, wardcard_agent},
    card::wardcard_card,
    handles::{Outcome, Space, bytes, free, give, live, text},
    request::{source, wardcard_passcode, wardcard_request},
    result::{WARDCARD_ERROR_ARGUMENT, wardcard_result},
};
use crate::{
    agent::host::{CredentialLine, Piece},
    ffi::{guard::call, pointers::Out},
    pki::UserId,
    proof::{webauthn::Begun, x509},
    secret::Secret,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::{ffi::c_char, fmt, sync::Arc};

/// Proves a request with evidence of any kind, as JSON with one member:
///
/// - `{"id_token": "..."}`: as `wardcard_request_prove`;
/// - `{"webauthn": "..."}`: AuthenticationResponseJSON of the browser, as text;
/// - `{"certificate": "..."}`: the answer of an existing card, JSON as text, with the members
///   `scheme`, `signature` (Base64) and `certificates` (PEM);
/// - `{"host": "..."}`: a configured host's attestation (JWS);
/// - `{"relayed": {"id_token": "...", "attestation": "..."}}`: a token whose nonce the host could
///   not set, and the host's attestation over nonce and token;
/// - `{"several": [...]}`: two to four of the above, of one person, which the policy combines.
///
/// All else is as with `wardcard_request_prove`.
///
/// # Safety
/// `request` is a live handle; `evidence` points to `evidence_length` bytes; `passcode` is NULL or
/// points to a structure whose `size` is right; `card` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_prove_by(
    request: *mut wardcard_request,
    evidence: *const c_char,
    evidence_length: usize,
    passcode: *const wardcard_passcode,
    card: *mut *mut wardcard_card,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the place.
        let out = unsafe { Out::new(card) }?;
        // SAFETY: the caller vouches for the handle.
        let request = unsafe { live(request) }?;
        // SAFETY: the caller vouches for the bytes.
        let evidence = Piece::read(unsafe { bytes(evidence, evidence_length) }?);
        let evidence = evidence.ok_or(WARDCARD_ERROR_ARGUMENT)?;
        let inner = &request.inner;
        // SAFETY: the caller vouches for the structure.
        let source = unsafe { source(passcode, inner) }?;
        let proved = inner.agent.prove(&request.pending.request, evidence.into(), source);
        let info = proved.map_err(|error| inner.failed(&error))?;
        out.put(give(wardcard_card::new(Arc::clone(inner), info.id)));
        Ok(())
    })
}

/// What an existing card signs for this request, by its authentication key: with
/// CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS or CKM_ECDSA (over the digest).
///
/// # Safety
/// `request` is a live handle; `challenge` is NULL or has room for `capacity` bytes;
/// `challenge_length` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_card_challenge(
    request: *const wardcard_request,
    challenge: *mut u8,
    capacity: usize,
    challenge_length: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let request = unsafe { live(request) }?;
        // SAFETY: the caller vouches for the places.
        let space = unsafe { Space::new(challenge, capacity, challenge_length) }?;
        space.put(&x509::challenge(&request.pending.nonce))
    })
}

/// What the browser is asked for this request: PublicKeyCredentialRequestOptionsJSON, for the
/// WebAuthn credentials of the person of these 12 digits; `(NULL, 0)` means those of anybody.
///
/// # Safety
/// `request` is a live handle; `person` points to `person_length` bytes; `options` is NULL or has
/// room for `capacity` bytes; `options_length` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_webauthn_options(
    request: *const wardcard_request,
    person: *const c_char,
    person_length: usize,
    options: *mut c_char,
    capacity: usize,
    options_length: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let request = unsafe { live(request) }?;
        // SAFETY: the caller vouches for the text.
        let person = unsafe { text(person, person_length) }?;
        // SAFETY: the caller vouches for the places.
        let space = unsafe { Space::new(options.cast(), capacity, options_length) }?;
        let person = (!person.is_empty()).then(|| digits(person)).transpose()?;
        let inner = &request.inner;
        let asked = inner.agent.webauthn_options(&request.pending.nonce, person.as_ref());
        space.put(asked.map_err(|error| inner.failed(&error))?.as_bytes())
    })
}

/// A registration of a WebAuthn credential that is in progress.
#[allow(non_camel_case_types)]
pub struct wardcard_registration {
    inner: Arc<Inner>,
    begun: Begun,
}

impl fmt::Debug for wardcard_registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("wardcard_registration").finish_non_exhaustive()
    }
}

/// Begins to register a WebAuthn credential for the person of these 12 digits. The host vouches
/// that it is them; it waits ten minutes.
///
/// # Safety
/// `agent` is a live handle; `person` points to `person_length` bytes; `registration` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_registration_new(
    agent: *mut wardcard_agent,
    person: *const c_char,
    person_length: usize,
    registration: *mut *mut wardcard_registration,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the place.
        let out = unsafe { Out::new(registration) }?;
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        // SAFETY: the caller vouches for the text.
        let person = digits(unsafe { text(person, person_length) }?)?;
        let begun = inner.agent.webauthn_begin(&person).map_err(|error| inner.failed(&error))?;
        out.put(give(wardcard_registration { inner: Arc::clone(inner), begun }));
        Ok(())
    })
}

/// What the browser is asked: PublicKeyCredentialCreationOptionsJSON.
///
/// # Safety
/// `registration` is a live handle; `options` is NULL or has room for `capacity` bytes;
/// `options_length` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_registration_options(
    registration: *const wardcard_registration,
    options: *mut c_char,
    capacity: usize,
    options_length: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let registration = unsafe { live(registration) }?;
        // SAFETY: the caller vouches for the places.
        let space = unsafe { Space::new(options.cast(), capacity, options_length) }?;
        space.put(registration.begun.options.as_bytes())
    })
}

/// Ends a registration with what the browser answered (RegistrationResponseJSON), once: whatever
/// comes of it, it is used up.
///
/// # Safety
/// `registration` is a live handle; `answer` points to `answer_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_registration_finish(
    registration: *mut wardcard_registration,
    answer: *const c_char,
    answer_length: usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let registration = unsafe { live(registration) }?;
        // SAFETY: the caller vouches for the bytes.
        let answer = Secret::copied_from(unsafe { bytes(answer, answer_length) }?);
        let inner = &registration.inner;
        let kept = inner.agent.webauthn_finish(&registration.begun.id, answer.expose());
        kept.map(drop).map_err(|error| inner.failed(&error))
    })
}

/// Frees a registration.
///
/// # Safety
/// `registration` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_registration_free(registration: *mut wardcard_registration) {
    // SAFETY: the caller vouches for the handle.
    unsafe { free(registration) };
}

/// A person's WebAuthn credentials: a JSON array of objects with the members `credential` (its id,
/// base64url), `model`, `certified`, `algorithm`, `backup_eligible`, `registered`, `used`, `person`.
///
/// # Safety
/// `agent` is a live handle; `person` points to `person_length` bytes; `credentials` is NULL or has
/// room for `capacity` bytes; `credentials_length` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_agent_credentials(
    agent: *const wardcard_agent,
    person: *const c_char,
    person_length: usize,
    credentials: *mut c_char,
    capacity: usize,
    credentials_length: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        // SAFETY: the caller vouches for the text.
        let person = digits(unsafe { text(person, person_length) }?)?;
        // SAFETY: the caller vouches for the places.
        let space = unsafe { Space::new(credentials.cast(), capacity, credentials_length) }?;
        let all = inner.agent.webauthn_credentials(&person);
        let all = all.map_err(|error| inner.failed(&error))?;
        let lines: Vec<CredentialLine> = all.iter().map(CredentialLine::from).collect();
        let json = serde_json::to_vec(&lines).map_err(|_| WARDCARD_ERROR_ARGUMENT)?;
        space.put(&json)
    })
}

/// Removes one of a person's WebAuthn credentials by its id in base64url; `(NULL, 0)` removes all.
///
/// # Safety
/// `agent` is a live handle; `person` points to `person_length` bytes; `credential` points to
/// `credential_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_agent_remove_credential(
    agent: *mut wardcard_agent,
    person: *const c_char,
    person_length: usize,
    credential: *const c_char,
    credential_length: usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        // SAFETY: the caller vouches for the text.
        let person = digits(unsafe { text(person, person_length) }?)?;
        // SAFETY: the caller vouches for the text.
        let credential = unsafe { text(credential, credential_length) }?;
        let decode = |id| Base64UrlUnpadded::decode_vec(id).map_err(|_| WARDCARD_ERROR_ARGUMENT);
        let id = (!credential.is_empty()).then(|| decode(credential)).transpose()?;
        let removed = inner.agent.webauthn_remove(&person, id.as_deref());
        removed.map(drop).map_err(|error| inner.failed(&error))
    })
}

fn digits(text: &str) -> Outcome<UserId> {
    UserId::parse(text).ok_or(WARDCARD_ERROR_ARGUMENT)
}
