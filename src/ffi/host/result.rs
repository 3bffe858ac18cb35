//! Result numbers of the C interface and their texts.
#![allow(unsafe_code)]

use crate::{agent, card, derive, proof};
use std::ffi::{CStr, c_char};

/// What a call came to; `WARDCARD_OK` or one of the numbers below. None is ever used again for
/// something else.
#[allow(non_camel_case_types)]
pub type wardcard_result = u32;

/// Done.
pub const WARDCARD_OK: wardcard_result = 0;
/// A pointer is NULL, a length or number is out of range, text is not UTF-8, or a structure's size
/// is not one that this version knows.
pub const WARDCARD_ERROR_ARGUMENT: wardcard_result = 1;
/// The room for the output is too small; the needed length has been written.
pub const WARDCARD_ERROR_BUFFER_TOO_SMALL: wardcard_result = 2;
/// The configuration does not hold; the diagnostic callback gets every problem with its line.
pub const WARDCARD_ERROR_CONFIGURATION: wardcard_result = 3;
/// A part of the agent (store, audit log, issuer, endpoint) cannot be opened.
pub const WARDCARD_ERROR_PART: wardcard_result = 4;
/// The proof was refused; the diagnostic callback gets the claim and the reason.
pub const WARDCARD_ERROR_PROOF: wardcard_result = 5;
/// The policy refuses a card, though the proof is genuine.
pub const WARDCARD_ERROR_POLICY: wardcard_result = 6;
/// The proof has been used before.
pub const WARDCARD_ERROR_REPLAY: wardcard_result = 7;
/// The issuer refused or cannot be reached.
pub const WARDCARD_ERROR_ISSUER: wardcard_result = 8;
/// The request has been used, or its time is over: make a new one.
pub const WARDCARD_ERROR_REQUEST: wardcard_result = 9;
/// No passcode is kept for this person, and none was given.
pub const WARDCARD_ERROR_PASSCODE_UNSET: wardcard_result = 10;
/// The passcode has not the shape that the policy asks for.
pub const WARDCARD_ERROR_PASSCODE_SHAPE: wardcard_result = 11;
/// The card has been removed or has expired.
pub const WARDCARD_ERROR_CARD_GONE: wardcard_result = 12;
/// The card has no such key.
pub const WARDCARD_ERROR_NO_SUCH_KEY: wardcard_result = 13;
/// The card's state does not allow it.
pub const WARDCARD_ERROR_CARD_STATE: wardcard_result = 14;
/// A limit of the configuration is reached.
pub const WARDCARD_ERROR_LIMIT: wardcard_result = 15;
/// The agent has stopped.
pub const WARDCARD_ERROR_STOPPED: wardcard_result = 16;
/// The audit record could not be written, so nothing was done.
pub const WARDCARD_ERROR_AUDIT: wardcard_result = 17;
/// The seat is not one that this agent serves.
pub const WARDCARD_ERROR_SEAT: wardcard_result = 18;
/// There is no such open question.
pub const WARDCARD_ERROR_NO_SUCH_QUESTION: wardcard_result = 19;
/// A defect of this library, stopped at the boundary.
pub const WARDCARD_ERROR_INTERNAL: wardcard_result = 20;
/// An administrator stopped all cards, and no new one is made until they start again.
pub const WARDCARD_ERROR_ALL_STOPPED: wardcard_result = 30;
/// No keys of this person are enrolled for release.
pub const WARDCARD_ERROR_NOT_ENROLLED: wardcard_result = 40;
/// The enrolment is not in a state for that; the diagnostic callback gets what to do.
pub const WARDCARD_ERROR_ENROLMENT: wardcard_result = 41;
/// Certificates are not those of the enrolment; the diagnostic callback gets every problem.
pub const WARDCARD_ERROR_CERTIFICATES: wardcard_result = 42;

/// What a result means, in one sentence; never NULL, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn wardcard_result_text(result: wardcard_result) -> *const c_char {
    text(result).as_ptr()
}

fn text(result: wardcard_result) -> &'static CStr {
    match result {
        WARDCARD_OK => c"done",
        WARDCARD_ERROR_ARGUMENT => c"an argument is NULL, out of range, or not UTF-8",
        WARDCARD_ERROR_BUFFER_TOO_SMALL => c"the buffer is too small; the needed length is written",
        WARDCARD_ERROR_CONFIGURATION => c"the configuration does not hold",
        WARDCARD_ERROR_PART => c"a part of the agent cannot be opened",
        WARDCARD_ERROR_PROOF => c"the proof was refused",
        WARDCARD_ERROR_POLICY => c"the policy refuses a card for this proof",
        WARDCARD_ERROR_REPLAY => c"the proof has been used before; have the person sign in again",
        WARDCARD_ERROR_ISSUER => c"the issuer refused or cannot be reached",
        WARDCARD_ERROR_REQUEST => c"the request has been used or has ended; make a new one",
        WARDCARD_ERROR_PASSCODE_UNSET => c"no passcode is kept for this person, and none was given",
        WARDCARD_ERROR_PASSCODE_SHAPE => c"the passcode has not the shape that the policy asks for",
        WARDCARD_ERROR_CARD_GONE => c"the card has been removed or has expired",
        WARDCARD_ERROR_NO_SUCH_KEY => c"the card has no such key or certificate",
        WARDCARD_ERROR_CARD_STATE => c"the card's state does not allow it",
        WARDCARD_ERROR_LIMIT => c"a limit of the configuration is reached",
        WARDCARD_ERROR_STOPPED => c"the agent has stopped",
        WARDCARD_ERROR_AUDIT => c"the audit record could not be written, so nothing was done",
        WARDCARD_ERROR_SEAT => c"the seat is not one that this agent serves",
        WARDCARD_ERROR_NO_SUCH_QUESTION => c"there is no such open question",
        WARDCARD_ERROR_INTERNAL => c"an internal error",
        WARDCARD_ERROR_NOT_ENROLLED => c"no keys of this person are enrolled for release",
        WARDCARD_ERROR_ENROLMENT => c"the enrolment is not in a state for that",
        WARDCARD_ERROR_CERTIFICATES => c"the certificates are not those of the enrolment",
        WARDCARD_ERROR_ALL_STOPPED => c"an administrator stopped all cards; none is made for now",
        _ => c"an unknown result",
    }
}

/// The agent's errors as results.
pub(super) fn of_agent(error: &agent::Error) -> wardcard_result {
    match error {
        agent::Error::Config(_) => WARDCARD_ERROR_CONFIGURATION,
        agent::Error::Part { .. }
        | agent::Error::Endpoint { .. }
        | agent::Error::Store(_)
        | agent::Error::StopIncomplete { .. } => WARDCARD_ERROR_PART,
        agent::Error::Refused(refusal) => of_refusal(refusal),
        agent::Error::UnknownRequest => WARDCARD_ERROR_REQUEST,
        agent::Error::UnknownCard => WARDCARD_ERROR_CARD_GONE,
        agent::Error::Seat | agent::Error::Logon => WARDCARD_ERROR_SEAT,
        agent::Error::Person | agent::Error::Application | agent::Error::Reason => {
            WARDCARD_ERROR_ARGUMENT
        }
        agent::Error::NotOneTime => WARDCARD_ERROR_CARD_STATE,
        agent::Error::Limit(_) => WARDCARD_ERROR_LIMIT,
        agent::Error::Audit => WARDCARD_ERROR_AUDIT,
        agent::Error::Stopped => WARDCARD_ERROR_STOPPED,
        agent::Error::AllStopped { .. } => WARDCARD_ERROR_ALL_STOPPED,
        agent::Error::Card(error) => of_card(error),
        agent::Error::Enrolment(fault) => of_enrolment(fault),
        agent::Error::Certificates(_) => WARDCARD_ERROR_CERTIFICATES,
        agent::Error::Crypto(_) => WARDCARD_ERROR_INTERNAL,
    }
}

fn of_refusal(refusal: &derive::Refusal) -> wardcard_result {
    use proof::Refusal as Proof;
    match refusal {
        derive::Refusal::RequestExpired | derive::Refusal::RequestUnknown => WARDCARD_ERROR_REQUEST,
        derive::Refusal::Proof(Proof::Replayed) => WARDCARD_ERROR_REPLAY,
        derive::Refusal::Proof(Proof::AuthenticationTooOld)
        | derive::Refusal::CisOneEnded(_)
        | derive::Refusal::LifetimeOver
        | derive::Refusal::Policy(_)
        | derive::Refusal::Roster(_)
        | derive::Refusal::Suspended
        | derive::Refusal::StepUpTooWeak
        | derive::Refusal::PasscodeSource(_)
        | derive::Refusal::ReleaseOff
        | derive::Refusal::BreakGlassRelease
        | derive::Refusal::CertificatesOver
        | derive::Refusal::NoKey
        | derive::Refusal::NothingToAsk => WARDCARD_ERROR_POLICY,
        derive::Refusal::Proof(Proof::Store(_)) => WARDCARD_ERROR_PART,
        derive::Refusal::Proof(_) | derive::Refusal::OtherPerson => WARDCARD_ERROR_PROOF,
        derive::Refusal::NotEnrolled => WARDCARD_ERROR_NOT_ENROLLED,
        derive::Refusal::Enrolment(fault) => of_enrolment(fault),
        derive::Refusal::PasscodeUnset => WARDCARD_ERROR_PASSCODE_UNSET,
        derive::Refusal::PasscodeShape(_) => WARDCARD_ERROR_PASSCODE_SHAPE,
        derive::Refusal::Issuer(_) | derive::Refusal::Answer(_) => WARDCARD_ERROR_ISSUER,
        derive::Refusal::Card(error) => of_card(error),
        derive::Refusal::Store(_) => WARDCARD_ERROR_PART,
        derive::Refusal::Crypto(_) | derive::Refusal::Requests(_) => WARDCARD_ERROR_INTERNAL,
    }
}

fn of_enrolment(fault: &card::EnrolmentFault) -> wardcard_result {
    use card::EnrolmentFault as Fault;
    match fault {
        Fault::Off => WARDCARD_ERROR_POLICY,
        Fault::NotEnrolled => WARDCARD_ERROR_NOT_ENROLLED,
        Fault::Enrolled
        | Fault::NothingWaits
        | Fault::Waits
        | Fault::Uncertified
        | Fault::Changed => WARDCARD_ERROR_ENROLMENT,
        Fault::Keys => WARDCARD_ERROR_CERTIFICATES,
        Fault::Sealed => WARDCARD_ERROR_PART,
        Fault::Requests(_) => WARDCARD_ERROR_INTERNAL,
        Fault::Card(error) => of_card(error),
    }
}

fn of_card(error: &card::Error) -> wardcard_result {
    match error {
        card::Error::Removed | card::Error::Expired => WARDCARD_ERROR_CARD_GONE,
        card::Error::KeyAbsent => WARDCARD_ERROR_NO_SUCH_KEY,
        card::Error::PasscodeShape(_) => WARDCARD_ERROR_PASSCODE_SHAPE,
        card::Error::PasscodeUnset => WARDCARD_ERROR_PASSCODE_UNSET,
        card::Error::Store(_) => WARDCARD_ERROR_PART,
        card::Error::Crypto(_) => WARDCARD_ERROR_INTERNAL,
        _ => WARDCARD_ERROR_CARD_STATE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_number_has_a_text_of_its_own() {
        let enrolling = WARDCARD_ERROR_NOT_ENROLLED..=WARDCARD_ERROR_CERTIFICATES;
        let numbers = (WARDCARD_OK..=WARDCARD_ERROR_INTERNAL)
            .chain(enrolling)
            .chain([WARDCARD_ERROR_ALL_STOPPED]);
        let texts: BTreeSet<_> = numbers.map(text).collect();
        assert_eq!(texts.len(), 25);
        assert_eq!(text(99_999), c"an unknown result");
    }
}
