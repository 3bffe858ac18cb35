//! What a sign-in lacks by the policy, and the rule that says so.

use super::{explain::written, policy::SourceKind};
use crate::proof::Level;
use std::{fmt, time::Duration};

/// What a sign-in lacks, and the rule that asks for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{lack} (rule {rule})")]
pub struct Shortfall {
    /// The rule as it stands in the policy: `policy.source[1].largest_age`.
    pub rule: String,
    /// What is lacking.
    pub lack: Lack,
}

/// What a sign-in lacks. Each says what to do, and nothing of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// No rule names its kind.
    Source(SourceKind),
    /// It is not bound to its request.
    Unbound,
    /// It is not bound to its request, and older than a minute.
    UnboundTooOld,
    /// It was checked with what was at hand only.
    Offline(SourceKind),
    /// It is older than allowed.
    Age(SourceKind, Duration),
    /// Its `acr` is absent or not accepted.
    Context,
    /// None of its methods is accepted.
    Methods,
    /// Too weak.
    Authentication {
        /// By what kind of source.
        source: SourceKind,
        /// What it is worth.
        found: Level,
        /// What is asked for.
        least: Level,
    },
    /// The person's identity was not checked well enough.
    Identity {
        /// By what kind of source.
        source: SourceKind,
        /// How well it was.
        found: Level,
        /// What is asked for.
        least: Level,
    },
    /// Several sources that the policy does not combine.
    Combination,
    /// The same source more than once.
    SameTwice,
    /// A robot has no emergencies.
    BreakGlassRobot,
    /// A proof of this kind that an emergency does not excuse.
    BreakGlassProof(SourceKind),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What an OpenID provider's administrator looks for is the claim.
        let named = |source: &SourceKind, claim: &str, word: &str| match source {
            SourceKind::Oidc => format!("the claim {claim}"),
            _ => format!("the sign-in's {word}"),
        };
        match self {
            Self::Source(kind) => write!(
                f,
                "the policy accepts no sign-in by {kind}; sign in another way, or add a \
                 [[policy.source]] for it"
            ),
            Self::Unbound => f.write_str(
                "the proof is not bound to its request; start the sign-in with the nonce of the \
                 request",
            ),
            Self::UnboundTooOld => f.write_str(
                "a proof that is not bound to its request is believed for 60 seconds; sign in again",
            ),
            Self::Offline(SourceKind::Oidc) => f.write_str(
                "the provider cannot be asked for its present keys, and the policy does not accept \
                 older ones; try again when it can be reached",
            ),
            Self::Offline(_) => f.write_str(
                "the present state of what was shown cannot be had, and the policy does not accept \
                 an older one; try again when it can be reached",
            ),
            Self::Age(source, largest) => write!(
                f,
                "{} is older than the {} that the policy allows; sign in again",
                named(source, "auth_time", "time"),
                written(*largest),
            ),
            Self::Context => f.write_str("the claim acr is absent or none that the policy accepts"),
            Self::Methods => f.write_str(
                "none of the methods of the sign-in (amr) is one that the policy accepts; sign in \
                 with another authenticator",
            ),
            Self::Authentication { source, found, least } => write!(
                f,
                "{} is {found}, the policy asks for {least}; sign in with a stronger authenticator",
                named(source, "authentication_assurance_level", "authentication level"),
            ),
            Self::Identity { source, found, least } => write!(
                f,
                "{} is {found}, the policy asks for {least}; the person's identity has to be \
                 verified further",
                named(source, "id_assurance_level", "identity level"),
            ),
            Self::BreakGlassRobot => f.write_str(
                "a robot gets no card of the rule for emergencies; it signs in as strongly as the \
                 policy asks for",
            ),
            Self::BreakGlassProof(kind) => write!(
                f,
                "the rule for emergencies takes a sign-in by {kind} only as bound to its request and \
                 checked now; sign in again",
            ),
            Self::Combination => f.write_str(
                "the policy combines no proofs of these sources; hand in one that it accepts alone",
            ),
            Self::SameTwice => f.write_str(
                "the same source vouched more than once, which is worth no more; hand in one proof \
                 of each",
            ),
        }
    }
}
