//! The card's errors as Cryptoki's return values: total, without a wildcard (design rule 8).

use super::{Rv, ck::*};
use crate::{
    card::{Error, Refusal},
    crypto,
};

/// The return value for what a card refused.
pub(super) fn of_card(error: &Error) -> Rv {
    match error {
        // The card answers `Blocked` to the wrong passcode that used up the last try.
        Error::PasscodeIncorrect { left: _ } => CKR_PIN_INCORRECT,
        // C_Login's list has neither CKR_PIN_LEN_RANGE nor CKR_PIN_INVALID (those are for new
        // PINs), and clients ask again only after CKR_PIN_INCORRECT.
        Error::PasscodeShape(_) | Error::PasscodeUsed => CKR_PIN_INCORRECT,
        Error::Blocked => CKR_PIN_LOCKED,
        Error::PasscodeUnset => CKR_USER_PIN_NOT_INITIALIZED,
        Error::NotVerified | Error::Locked | Error::FreshVerification => CKR_USER_NOT_LOGGED_IN,
        Error::Suspended => CKR_FUNCTION_REJECTED,
        Error::Removed | Error::Expired => CKR_DEVICE_REMOVED,
        Error::KeyAbsent => CKR_KEY_HANDLE_INVALID,
        Error::ObjectAbsent => CKR_OBJECT_HANDLE_INVALID,
        Error::Policy => CKR_ACTION_PROHIBITED,
        Error::Usage => CKR_KEY_FUNCTION_NOT_PERMITTED,
        Error::HashRefused => CKR_MECHANISM_INVALID,
        Error::RawRefused => CKR_DATA_INVALID,
        Error::Refused(refusal) => of_refusal(refusal),
        // Neither happens on a path from here: a permit is made for its use, a card is made whole.
        Error::Permit | Error::Spec(_) => CKR_FUNCTION_FAILED,
        Error::Crypto(error) => of_crypto(*error),
        Error::Store(_) => CKR_DEVICE_ERROR,
    }
}

/// The return value for a gate's no.
fn of_refusal(refusal: &Refusal) -> Rv {
    match refusal {
        Refusal::Application | Refusal::Consent | Refusal::StepUp => CKR_FUNCTION_REJECTED,
        Refusal::Audit => CKR_DEVICE_ERROR,
    }
}

/// The return value for failed cryptography.
pub(super) fn of_crypto(error: crypto::Error) -> Rv {
    match error {
        crypto::Error::SchemeKey => CKR_KEY_TYPE_INCONSISTENT,
        crypto::Error::DataLength => CKR_DATA_LEN_RANGE,
        crypto::Error::Signature => CKR_SIGNATURE_INVALID,
        crypto::Error::Key => CKR_KEY_HANDLE_INVALID,
        crypto::Error::Ciphertext => CKR_ENCRYPTED_DATA_INVALID,
        crypto::Error::Parameter => CKR_MECHANISM_PARAM_INVALID,
        crypto::Error::Unseal | crypto::Error::Cost | crypto::Error::Backend => CKR_DEVICE_ERROR,
    }
}

/// As [`of_card`], for decryption, where the data that has a wrong length is a ciphertext.
pub(super) fn of_decryption(error: &Error) -> Rv {
    match of_card(error) {
        CKR_DATA_LEN_RANGE => CKR_ENCRYPTED_DATA_LEN_RANGE,
        rv => rv,
    }
}
