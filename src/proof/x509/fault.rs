//! What is wrong with the answer of an existing card: one variant for each check.

use crate::pki;

/// What is wrong with the answer of an existing card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No existing cards are accepted.
    #[error("existing cards are not accepted here; add [certificate] to the agent's configuration")]
    Unconfigured,
    /// A setting cannot be used.
    #[error("the setting {0} of certificates cannot be used")]
    Setting(&'static str),
    /// The answer's form.
    #[error("the card's answer: the member {0} is missing or malformed")]
    Answer(&'static str),
    /// An unknown scheme.
    #[error(
        "the card's answer is signed by a scheme that is not known here; use RS256, PS256, ES256 or ES384"
    )]
    Scheme,
    /// SHA-1 without the setting.
    #[error("the card's answer is signed with SHA-1, which certificate.sha1 does not allow")]
    Sha1,
    /// The scheme is not one of the certificate's key.
    #[error("the scheme of the card's answer does not go with the certificate's key")]
    SchemeKey,
    /// The subject.
    #[error("the certificate's subject is not of the form that certificate.subject asks for")]
    Subject,
    /// An authority's.
    #[error("the certificate is one of an authority, not of a person")]
    Authority,
    /// keyUsage.
    #[error("the certificate's key may not sign in: its keyUsage lacks digitalSignature")]
    Usage,
    /// extKeyUsage.
    #[error("the certificate's extKeyUsage is for other purposes than signing in")]
    Purpose,
    /// certificatePolicies.
    #[error("the certificate has none of the policies that certificate.policies asks for")]
    Policy,
    /// The signature.
    #[error("the card's signature is not one over this request's challenge")]
    Signature,
    /// The path.
    #[error("the certificate does not validate: {0}")]
    Path(pki::Error),
    /// The roots are those of our own issuer.
    #[error(
        "certificate.roots_file names our own issuer's root: a card made here would renew itself; name the roots of existing cards alone"
    )]
    OwnRoot,
    /// The card's keys are enrolled here.
    #[error(
        "the keys of this card are released here, so its signature shows no sign-in; sign in with an existing card of another kind, or by another source"
    )]
    OwnKey,
    /// No revocation list at hand.
    #[error("no revocation list can be had: {0}")]
    Lists(String),
}
