//! Release of enrolled keys, and enrolments.
#![allow(unsafe_code)]

use super::{
    agent::{Inner, wardcard_agent},
    card::{ended, slot_of, wardcard_key},
    handles::{Outcome, Space, free, give, live, text},
    request::{named, numbered, wardcard_request},
    result::{
        WARDCARD_ERROR_ARGUMENT, WARDCARD_ERROR_CERTIFICATES, WARDCARD_ERROR_NO_SUCH_KEY,
        WARDCARD_ERROR_NOT_ENROLLED, wardcard_result,
    },
};
use crate::secret::User;
use crate::{
    agent::{Error, Seat, enrol::EnrolmentInfo},
    ffi::{
        guard::call,
        pointers::{Out, sized},
    },
    pki::{Certificate, UserId},
};
use std::{
    ffi::c_char,
    sync::{Arc, Mutex, PoisonError},
};

/// Begins the release of a person's enrolled keys to the user `uid` of this machine: the nonce of
/// the request goes into the sign-in, and its proof, which must be the same person's, to
/// `wardcard_request_prove`. `person` is 12 digits; `logon` as in `wardcard_request_new`.
///
/// # Safety
/// `agent` is a live handle; `logon` points to `logon_length` bytes, `person` to `person_length`;
/// `request` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_new_release(
    agent: *mut wardcard_agent,
    uid: u32,
    logon: *const c_char,
    logon_length: usize,
    person: *const c_char,
    person_length: usize,
    request: *mut *mut wardcard_request,
) -> wardcard_result {
    call(|| {
        let (logon, person) = ((logon, logon_length), (person, person_length));
        // SAFETY: the caller vouches for all of them.
        unsafe { release(agent, || numbered(uid), logon, person, request) }
    })
}

/// As `wardcard_request_new_release`, with the user as text, as in `wardcard_request_new_for`.
///
/// # Safety
/// `agent` is a live handle; `user` points to `user_length` bytes, `logon` to `logon_length`, `person`
/// to `person_length`; `request` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_request_new_release_for(
    agent: *mut wardcard_agent,
    user: *const c_char,
    user_length: usize,
    logon: *const c_char,
    logon_length: usize,
    person: *const c_char,
    person_length: usize,
    request: *mut *mut wardcard_request,
) -> wardcard_result {
    call(|| {
        let (logon, person) = ((logon, logon_length), (person, person_length));
        // SAFETY: the caller vouches for the text.
        let user = || unsafe { named(user, user_length) };
        // SAFETY: the caller vouches for all of them.
        unsafe { release(agent, user, logon, person, request) }
    })
}

/// # Safety
/// As [`wardcard_request_new_release`].
unsafe fn release(
    agent: *mut wardcard_agent,
    user: impl FnOnce() -> Outcome<User>,
    (logon, logon_length): (*const c_char, usize),
    (person, person_length): (*const c_char, usize),
    request: *mut *mut wardcard_request,
) -> Outcome {
    // SAFETY: passed on from our caller.
    let out = unsafe { Out::new(request) }?;
    // SAFETY: passed on from our caller.
    let inner = unsafe { live(agent) }?.inner();
    // SAFETY: passed on from our caller.
    let logon = unsafe { text(logon, logon_length) }?;
    // SAFETY: passed on from our caller.
    let person = unsafe { who(person, person_length) }?;
    let seat = Seat { uid: user()?, logon: (!logon.is_empty()).then(|| logon.to_owned()) };
    let pending = inner.agent.request_release(seat, &person);
    let pending = pending.map_err(|error| inner.failed(&error))?;
    out.put(give(wardcard_request::new(Arc::clone(inner), pending)));
    Ok(())
}

/// # Safety
/// `pointer` points to `length` bytes.
unsafe fn who(pointer: *const c_char, length: usize) -> Outcome<UserId> {
    // SAFETY: passed on from our caller.
    UserId::parse(unsafe { text(pointer, length) }?).ok_or(WARDCARD_ERROR_ARGUMENT)
}

/// An enrolment of a person, as it was when the handle was made or last used. Freeing the handle
/// leaves the enrolment as it is.
#[derive(Debug)]
#[allow(non_camel_case_types)]
pub struct wardcard_enrolment {
    inner: Arc<Inner>,
    person: UserId,
    known: Mutex<EnrolmentInfo>,
}

impl wardcard_enrolment {
    fn of(inner: &Arc<Inner>, known: EnrolmentInfo) -> Self {
        let (inner, person) = (Arc::clone(inner), known.person.clone());
        Self { inner, person, known: Mutex::new(known) }
    }

    fn known(&self) -> EnrolmentInfo {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has something done to the enrolment, and keeps what is known of it then.
    fn changed(&self, work: impl FnOnce() -> Result<EnrolmentInfo, Error>) -> Outcome {
        let known = work().map_err(|error| self.inner.failed(&error))?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }
}

/// What is known of an enrolment. Times are milliseconds since the Unix epoch.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct wardcard_enrolment_info {
    /// `sizeof(wardcard_enrolment_info)`, filled by the caller.
    pub size: usize,
    /// The person: 12 digits and a 0.
    pub person: [c_char; 13],
    /// The enrolled card: 16 hexadecimal digits and a 0; empty while its first certificates are
    /// awaited.
    pub card: [c_char; 17],
    /// 1 if new keys wait for their certificates.
    pub waiting: u32,
    /// 1 if its certificates end within the time of notice, or have ended: renew.
    pub renew: u32,
    /// When it began.
    pub enrolled: i64,
    /// The last second of the first certificate to end; 0 while certificates are awaited.
    pub ends: i64,
    /// When keys were last released; 0 for never.
    pub released: i64,
}

fn info_of(known: &EnrolmentInfo) -> wardcard_enrolment_info {
    let card = known.card.map(|card| card.to_hex());
    wardcard_enrolment_info {
        size: size_of::<wardcard_enrolment_info>(),
        person: ended(known.person.as_str()),
        card: ended(card.as_deref().unwrap_or_default()),
        waiting: u32::from(!known.requests.is_empty()),
        renew: u32::from(known.renew),
        enrolled: known.enrolled_at.unix_millis(),
        ends: known.ends.map_or(0, |time| time.unix_millis()),
        released: known.released_at.map_or(0, |time| time.unix_millis()),
    }
}

/// Begins a person's enrolment: makes keys by the policy, and a certificate request for each. `by`
/// says who asked, for the record. They are released once their certificates have been imported.
///
/// # Safety
/// `agent` is a live handle; `person` points to `person_length` bytes, `by` to `by_length`;
/// `enrolment` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_enrolment_new(
    agent: *mut wardcard_agent,
    person: *const c_char,
    person_length: usize,
    by: *const c_char,
    by_length: usize,
    enrolment: *mut *mut wardcard_enrolment,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the place.
        let out = unsafe { Out::new(enrolment) }?;
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        // SAFETY: the caller vouches for the text.
        let person = unsafe { who(person, person_length) }?;
        // SAFETY: the caller vouches for the text.
        let by = unsafe { text(by, by_length) }?;
        let known = inner.agent.enrol(&person, by).map_err(|error| inner.failed(&error))?;
        out.put(give(wardcard_enrolment::of(inner, known)));
        Ok(())
    })
}

/// Finds the enrolment of a person.
///
/// # Safety
/// `agent` is a live handle; `person` points to `person_length` bytes; `enrolment` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_enrolment_find(
    agent: *mut wardcard_agent,
    person: *const c_char,
    person_length: usize,
    enrolment: *mut *mut wardcard_enrolment,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the place.
        let out = unsafe { Out::new(enrolment) }?;
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        // SAFETY: the caller vouches for the text.
        let person = unsafe { who(person, person_length) }?;
        let known = inner.agent.enrolment(&person).map_err(|error| inner.failed(&error))?;
        out.put(give(wardcard_enrolment::of(inner, known)));
        Ok(())
    })
}

/// Tells what is known of an enrolment.
///
/// # Safety
/// `enrolment` is a live handle; `info` points to a writable structure whose `size` is filled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_enrolment_info_read(
    enrolment: *const wardcard_enrolment,
    info: *mut wardcard_enrolment_info,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the structure and its size.
        unsafe { sized(info.cast_const()) }?;
        // SAFETY: as above.
        let out = unsafe { Out::new(info) }?;
        // SAFETY: the caller vouches for the handle.
        let enrolment = unsafe { live(enrolment) }?;
        out.put(info_of(&enrolment.known()));
        Ok(())
    })
}

/// The certificate request (PKCS#10, PEM, no end mark) of a key that waits for its certificate;
/// `WARDCARD_ERROR_NO_SUCH_KEY` where none such waits.
///
/// # Safety
/// `enrolment` is a live handle; `request` is NULL or has room for `capacity` bytes;
/// `request_length` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_enrolment_request(
    enrolment: *const wardcard_enrolment,
    key: wardcard_key,
    request: *mut c_char,
    capacity: usize,
    request_length: *mut usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let enrolment = unsafe { live(enrolment) }?;
        // SAFETY: the caller vouches for the places.
        let space = unsafe { Space::new(request.cast(), capacity, request_length) }?;
        let slot = slot_of(key)?;
        let known = enrolment.known();
        let found = known.requests.iter().find(|(of, _)| *of == slot);
        space.put(found.ok_or(WARDCARD_ERROR_NO_SUCH_KEY)?.1.as_bytes())
    })
}

/// Gives all keys that wait their certificates, or none: PEM, one certificate for each key and the
/// authorities that lead to the configured roots, in any order. Keys that they renew are gone then.
///
/// # Safety
/// `enrolment` is a live handle; `certificates` points to `certificates_length` bytes, `by` to
/// `by_length`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_enrolment_import(
    enrolment: *mut wardcard_enrolment,
    certificates: *const c_char,
    certificates_length: usize,
    by: *const c_char,
    by_length: usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let enrolment = unsafe { live(enrolment) }?;
        // SAFETY: the caller vouches for the text.
        let pem = unsafe { text(certificates, certificates_length) }?;
        // SAFETY: the caller vouches for the text.
        let by = unsafe { text(by, by_length) }?;
        let (inner, person) = (&enrolment.inner, &enrolment.person);
        let all = Certificate::from_pem(pem)
            .map_err(|error| inner.callbacks.tell(WARDCARD_ERROR_CERTIFICATES, &error))?;
        enrolment.changed(|| inner.agent.certify(person, &all, by))
    })
}

/// Makes new keys and requests for an enrolment; the old keys are used until the import.
///
/// # Safety
/// `enrolment` is a live handle; `by` points to `by_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_enrolment_renew(
    enrolment: *mut wardcard_enrolment,
    by: *const c_char,
    by_length: usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let enrolment = unsafe { live(enrolment) }?;
        // SAFETY: the caller vouches for the text.
        let by = unsafe { text(by, by_length) }?;
        enrolment.changed(|| enrolment.inner.agent.renew(&enrolment.person, by))
    })
}

/// Ends an enrolment: its keys, and every card that was released from it. The handle stays until it
/// is freed.
///
/// # Safety
/// `enrolment` is a live handle; `by` points to `by_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_enrolment_remove(
    enrolment: *mut wardcard_enrolment,
    by: *const c_char,
    by_length: usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let enrolment = unsafe { live(enrolment) }?;
        // SAFETY: the caller vouches for the text.
        let by = unsafe { text(by, by_length) }?;
        let done = enrolment.inner.agent.unenrol(&enrolment.person, by);
        done.map_err(|error| enrolment.inner.failed(&error))
    })
}

/// Frees the handle; the enrolment stays as it is.
///
/// # Safety
/// `enrolment` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_enrolment_free(enrolment: *mut wardcard_enrolment) {
    // SAFETY: the caller vouches for the handle.
    unsafe { free(enrolment) };
}

/// All enrolments of an agent, as they were when the handle was made, in the order of the persons'
/// numbers.
#[derive(Debug)]
#[allow(non_camel_case_types)]
pub struct wardcard_enrolments {
    all: Vec<EnrolmentInfo>,
}

/// Lists the enrolments of an agent.
///
/// # Safety
/// `agent` is a live handle; `enrolments` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_enrolments_new(
    agent: *mut wardcard_agent,
    enrolments: *mut *mut wardcard_enrolments,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the place.
        let out = unsafe { Out::new(enrolments) }?;
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        let all = inner.agent.enrolments().map_err(|error| inner.failed(&error))?;
        out.put(give(wardcard_enrolments { all }));
        Ok(())
    })
}

/// Tells what is known of an enrolment of a list, from index 0; beyond its end the result is
/// `WARDCARD_ERROR_NOT_ENROLLED`.
///
/// # Safety
/// `enrolments` is a live handle; `info` points to a writable structure whose `size` is filled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_enrolments_info_read(
    enrolments: *const wardcard_enrolments,
    index: usize,
    info: *mut wardcard_enrolment_info,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the structure and its size.
        unsafe { sized(info.cast_const()) }?;
        // SAFETY: as above.
        let out = unsafe { Out::new(info) }?;
        // SAFETY: the caller vouches for the handle.
        let enrolments = unsafe { live(enrolments) }?;
        out.put(info_of(enrolments.all.get(index).ok_or(WARDCARD_ERROR_NOT_ENROLLED)?));
        Ok(())
    })
}

/// Frees a list.
///
/// # Safety
/// `enrolments` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_enrolments_free(enrolments: *mut wardcard_enrolments) {
    // SAFETY: the caller vouches for the handle.
    unsafe { free(enrolments) };
}
