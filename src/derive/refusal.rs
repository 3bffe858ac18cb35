//! Why there is no card.

use super::{policy::PasscodeFrom, roster::Fault, shortfall::Shortfall};
use crate::{
    card::{self, EnrolmentFault},
    clock::Time,
    crypto, issue, pki, proof,
    secret::PasscodeRule,
    store,
};

/// Why no card came of a request. The request's keys are erased.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request waited too long for its proof.
    #[error("the request has expired; begin a new one")]
    RequestExpired,
    /// Made by another deriver, or none that is waiting.
    #[error("there is no such request; begin a new one")]
    RequestUnknown,
    /// The proof itself, its use before, or what the policy asks of it; names the claim.
    #[error(transparent)]
    Proof(#[from] proof::Refusal),
    /// What the policy asks for beyond the proof; names the rule.
    #[error(transparent)]
    Policy(#[from] Shortfall),
    /// What the roster says of the person.
    #[error(transparent)]
    Roster(#[from] Fault),
    /// Too weak for each of the keys that were asked for.
    #[error(
        "the sign-in is too weak for each key that the card would have; sign in with a stronger \
         authenticator"
    )]
    NoKey,
    /// Suspended by an administrator.
    #[error("the person is suspended; an administrator has to resume them first")]
    Suspended,
    /// A step-up that is too weak for one of the card's keys.
    #[error(
        "the proof is too weak for a key that the card has; sign in with a stronger authenticator"
    )]
    StepUpTooWeak,
    /// A passcode from where the policy allows none.
    #[error(
        "the policy takes no passcode of the kind `{0}` (rule policy.passcode_sources); give it \
         another way"
    )]
    PasscodeSource(PasscodeFrom),
    /// A content commitment key asks each time (design rule 5), and a card without a passcode has
    /// nothing to ask for.
    #[error(
        "a card with a content commitment key asks for the passcode before each such signature, so \
         sign-in cannot stand for it; give a passcode, or turn policy.content_commitment off"
    )]
    NothingToAsk,
    /// The policy releases nothing, or there is nothing to release from.
    #[error(
        "enrolled cards are not released here; write release = true in [policy] and name their \
         store in [enrolled]"
    )]
    ReleaseOff,
    /// A rule for emergencies releases nothing.
    #[error(
        "the rule for emergencies (break_glass) makes new keys and releases no enrolled ones; sign \
         in as strongly as the policy asks for, or ask for a derived card"
    )]
    BreakGlassRelease,
    /// Nothing of this person's to release by this policy.
    #[error("no keys of this person are enrolled for release; enrol first (wardcard enrol)")]
    NotEnrolled,
    /// The proof is not of the person whose keys were asked for, or whose card is to be stepped up.
    /// Says nothing about either.
    #[error("the proof is not of the person whose card this is about; nothing was done")]
    OtherPerson,
    /// An enrolled certificate has ended, or has not begun.
    #[error(
        "a certificate of the enrolled card is not valid now; renew it (wardcard enrol renew), or \
         check the clock"
    )]
    CertificatesOver,
    /// The enrolment, or the card that it names.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentFault),
    /// The end date for CIS1 profiles has passed.
    #[error(
        "the CIS1 end date, {0}, has passed: no card with a CIS1 profile is made (policy.cis1_end)"
    )]
    CisOneEnded(Time),
    /// The card's life, counted from the sign-in, is over before it began.
    #[error("the life of a card from this sign-in is over already; sign in again")]
    LifetimeOver,
    /// First use.
    #[error("no passcode is set for this person yet; give one with the request")]
    PasscodeUnset,
    /// Not of the policy's shape.
    #[error("a passcode has {0}")]
    PasscodeShape(PasscodeRule),
    /// The issuer.
    #[error(transparent)]
    Issuer(#[from] issue::Error),
    /// The issuer answered with something else than was ordered.
    #[error("the issuer's answer is refused: {0}")]
    Answer(AnswerFault),
    /// The card.
    #[error(transparent)]
    Card(#[from] card::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Keys.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// The PKCS#10 requests.
    #[error("the certificate requests cannot be made: {0}")]
    Requests(pki::Error),
}

/// What is wrong with an issuer's answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// Not one certificate for each slot that was ordered.
    #[error("it does not have one certificate for each key")]
    Slots,
    /// Certifies another key.
    #[error("a certificate is for another key")]
    Key,
    /// Certifies another person.
    #[error("a certificate is for another person")]
    Person,
    /// keyUsage does not fit the slot.
    #[error("a certificate's keyUsage does not fit its slot")]
    Usage,
    /// Does not validate under the issuer's roots.
    #[error("a certificate does not validate: {0}")]
    Path(pki::Error),
}
