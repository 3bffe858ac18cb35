//! The card's own errors; each face translates all of them (design rule 8).

use super::KeySlot;
use crate::{crypto, secret::PasscodeRule, store};

/// Why a card did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong passcode; so many tries are left (at least 1).
    #[error("wrong passcode; tries left: {left}")]
    PasscodeIncorrect {
        /// Tries left.
        left: u8,
    },
    /// A one-time passcode that was used on this connection already; costs no try.
    #[error("this one-time passcode has been used; ask the sign-in agent for a new one")]
    PasscodeUsed,
    /// Not a passcode by the card's rule; costs no try.
    #[error("a passcode has {0}")]
    PasscodeShape(PasscodeRule),
    /// Tries used up.
    #[error("the card is blocked; sign in again to clear it")]
    Blocked,
    /// No passcode is set yet.
    #[error("no passcode is set yet")]
    PasscodeUnset,
    /// Verify first.
    #[error("the passcode has not been verified on this connection")]
    NotVerified,
    /// The person is away; verify again on this connection.
    #[error("the card is locked; verify again")]
    Locked,
    /// By policy or an administrator.
    #[error("the card is suspended")]
    Suspended,
    /// No card there any more.
    #[error("the card has been removed")]
    Removed,
    /// Its time is over.
    #[error("the card has expired")]
    Expired,
    /// No such key on this card.
    #[error("the card has no such key")]
    KeyAbsent,
    /// The key is not for that (decrypt with a signing key).
    #[error("the key is not for this use")]
    Usage,
    /// The hash policy refuses the hash for this key.
    #[error("the policy does not allow this hash with this key")]
    HashRefused,
    /// A raw block that is no DigestInfo.
    #[error("the policy does not allow raw blocks that are no DigestInfo")]
    RawRefused,
    /// The content commitment key asks each time.
    #[error("this key asks for the passcode before each signature")]
    FreshVerification,
    /// No such object on this card (any more).
    #[error("the card has no such object")]
    ObjectAbsent,
    /// The policy of the store's cards says no.
    #[error("the policy of these cards does not allow that")]
    Policy,
    /// The gate said no.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The permit is for something else.
    #[error("the permit does not cover this use")]
    Permit,
    /// No card can be made of this.
    #[error("no card can be made: {0}")]
    Spec(#[from] SpecFault),
    /// Cryptography failed.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// Tries could not be recorded; nothing was done.
    #[error("the card's record cannot be kept: {0}")]
    Store(#[from] store::Error),
}

/// Why a gate refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The application is not admitted.
    #[error("this application is not admitted to the card")]
    Application,
    /// The person said no, or did not answer in time.
    #[error("the person did not consent")]
    Consent,
    /// The key is used only soon after a proof, and the last one was too long ago.
    #[error("this key needs a fresh sign-in before it is used")]
    StepUp,
    /// The audit record could not be written, so the key was not used.
    #[error("the audit record could not be written")]
    Audit,
}

/// What is wrong with a [`CardSpec`](super::CardSpec).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecFault {
    /// No key at all.
    #[error("it has no key")]
    NoKey,
    /// Two keys in one slot.
    #[error("it has two keys in the slot {0:?}")]
    SlotTwice(KeySlot),
    /// A certificate over another key.
    #[error("the certificate in the slot {0:?} is over another key")]
    Mismatch(KeySlot),
    /// A certificate of another person.
    #[error("the certificate in the slot {0:?} is another person's")]
    Person(KeySlot),
    /// A certificate that is not valid now.
    #[error("the certificate in the slot {0:?} is not valid now; check the clock")]
    NotValidNow(KeySlot),
    /// A content commitment key asks each time, and without a passcode nobody would be asked.
    #[error("its content commitment key would sign with nobody asked: put a passcode in front")]
    NothingToAsk,
    /// Its end is not in the future.
    #[error("its time is over; check the clock")]
    Expired,
}
