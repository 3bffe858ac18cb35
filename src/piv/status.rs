//! The card's errors as status words: total, without a wildcard (design rule 8).
//!
//! | status | from the standard |
//! |---|---|
//! | 63Cx, 6983, 6A80 | SP 800-73-4 part 2 sections 3.2.1 to 3.2.3 |
//! | 6982, 6A80, 6A86 | section 3.2.4 |
//! | 6984, 6985, 6581, 6F00 | ISO/IEC 7816-4 table 6; the standard's own lists are not exhaustive |

use crate::{
    apdu::Status,
    card::{Error, Refusal},
    crypto,
};

/// The status word for what a card refused.
pub(super) fn of_card(error: &Error) -> Status {
    match error {
        Error::PasscodeIncorrect { left } => Status::TriesLeft(*left),
        // No try was lost, so it is not 63Cx; a driver that remembers passcodes asks for a new one.
        Error::PasscodeUsed => Status::Conditions,
        Error::PasscodeShape(_) => Status::IncorrectData,
        Error::Blocked => Status::Blocked,
        Error::PasscodeUnset => Status::ReferenceUnusable,
        Error::NotVerified | Error::Locked | Error::FreshVerification => Status::SecurityStatus,
        // Not 6982: clients would ask for the passcode again, to no avail.
        Error::Suspended | Error::Removed | Error::Expired => Status::Conditions,
        Error::KeyAbsent => Status::IncorrectParameters,
        Error::ObjectAbsent => Status::NotFound,
        Error::Policy | Error::Usage => Status::Conditions,
        Error::HashRefused | Error::RawRefused => Status::IncorrectData,
        Error::Refused(refusal) => of_refusal(refusal),
        // Neither happens on a path from here: a permit is made for its use, a card is made whole.
        Error::Permit | Error::Spec(_) => Status::Unspecific,
        Error::Crypto(error) => of_crypto(*error),
        Error::Store(_) => Status::MemoryFailure,
    }
}

/// The status word for a gate's no.
fn of_refusal(refusal: &Refusal) -> Status {
    match refusal {
        Refusal::Application | Refusal::Consent | Refusal::StepUp => Status::Conditions,
        Refusal::Audit => Status::MemoryFailure,
    }
}

/// The status word for failed cryptography.
pub(super) fn of_crypto(error: crypto::Error) -> Status {
    match error {
        crypto::Error::SchemeKey => Status::IncorrectParameters,
        crypto::Error::DataLength
        | crypto::Error::Signature
        | crypto::Error::Key
        | crypto::Error::Ciphertext
        | crypto::Error::Parameter => Status::IncorrectData,
        crypto::Error::Unseal | crypto::Error::Cost | crypto::Error::Backend => Status::Unspecific,
    }
}
