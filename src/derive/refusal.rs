//! Why there is no card.

use crate::{card, clock::Time, crypto, issue, pki, proof, secret::PasscodeRule, store};

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
    /// Several proofs, which the policy does not combine.
    #[error("the policy combines no proofs of these sources; hand in one that it accepts alone")]
    Combination,
    /// An unbound proof is never worth a content commitment key (design rule 2).
    #[error("a proof that is not bound to its request gives no content commitment key")]
    Unbound,
    /// A content commitment key asks each time (design rule 5), and a card without a passcode has
    /// nothing to ask for.
    #[error(
        "a card with a content commitment key asks for the passcode before each such signature, so \
         sign-in cannot stand for it; give a passcode, or turn policy.content_commitment off"
    )]
    NothingToAsk,
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
