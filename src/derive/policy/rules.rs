//! Rules of a policy that are more than one value: by source, of several sources together, of a
//! fresh proof, and of where a passcode comes from.

use crate::{proof, proof::Level};
use std::{fmt, time::Duration};

/// What kind of source a rule is about, by the names of [`Source::kind`](proof::Source::kind).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// An OpenID Connect ID token.
    Oidc,
    /// A WebAuthn assertion.
    WebAuthn,
    /// A signature by an existing card.
    Certificate,
    /// The word of a host.
    Host,
}

impl SourceKind {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Oidc, Self::WebAuthn, Self::Certificate, Self::Host];

    /// The word in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::WebAuthn => "webauthn",
            Self::Certificate => "certificate",
            Self::Host => "host",
        }
    }

    /// The kind of a source.
    pub const fn of(source: &proof::Source) -> Self {
        match source {
            proof::Source::Oidc(_) => Self::Oidc,
            proof::Source::WebAuthn(_) => Self::WebAuthn,
            proof::Source::Certificate(_) => Self::Certificate,
            proof::Source::Host(_) => Self::Host,
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What holds for the sign-ins of one source; what it leaves open, the policy's general values say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRule {
    /// Its kind.
    pub kind: SourceKind,
    /// Its name (issuer, relying party id, trust anchor, host); none: each of the kind that no
    /// other rule names.
    pub name: Option<String>,
    /// Least authentication assurance of a sign-in by it alone.
    pub least_authentication: Option<Level>,
    /// Least identity assurance.
    pub least_identity: Option<Level>,
    /// Oldest time of authentication that is accepted.
    pub largest_age: Option<Duration>,
    /// Values of `acr` that are accepted.
    pub accepted_acr: Option<Vec<String>>,
    /// Methods of which it must have used one.
    pub accepted_amr: Option<Vec<String>>,
    /// Highest authentication assurance that it is believed; what it says beyond counts as this.
    pub highest: Option<Level>,
    /// Whether a proof of it is accepted that is not bound to its request: for a minute, and never
    /// for a content commitment key (design rule 2).
    pub unbound: bool,
    /// Whether it is accepted on what was at hand while key set or revocation list cannot be had.
    pub offline: bool,
    /// For emergencies: a sign-in that this rule admits and the policy's general levels do not
    /// makes a card of at most this life, marked, for the authentication key alone, derived and
    /// never released, and for no robot. None: what this rule admits makes a card like any.
    pub break_glass: Option<Duration>,
}

impl SourceRule {
    /// A rule that admits a source by the policy's general values.
    pub fn new(kind: SourceKind) -> Self {
        Self {
            kind,
            name: None,
            least_authentication: None,
            least_identity: None,
            largest_age: None,
            accepted_acr: None,
            accepted_amr: None,
            highest: None,
            unbound: false,
            offline: false,
            break_glass: None,
        }
    }
}

/// What several sources are worth together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Combination {
    /// Their kinds, two to four, in any order; the first gives the card its source.
    pub of: Vec<SourceKind>,
    /// Their authentication assurance together.
    pub authentication: Level,
    /// What each of them must reach alone. 1 if not said.
    pub each_at_least: Level,
}

/// Whether a key's use needs a proof that is fresher than the card's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepUp {
    /// No.
    Never,
    /// A proof for each use.
    Each,
    /// A proof at most this old; the card's own sign-in counts as long as it is.
    Within(Duration),
}

impl fmt::Display for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Each => f.write_str("each"),
            Self::Within(period) => f.write_str(&crate::derive::written(*period)),
        }
    }
}

/// Where a card's passcode comes from, as a policy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasscodeFrom {
    /// The person's own, kept as a verifier.
    Kept,
    /// Given by the host with the request.
    Given,
    /// Asked for by the host at first use, then kept.
    Asked,
    /// None: the sign-in stands for it.
    SignIn,
    /// A new one for each login, made for a host that fills it in.
    OneTime,
}

impl PasscodeFrom {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Kept, Self::Given, Self::Asked, Self::SignIn, Self::OneTime];

    /// The word in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Given => "given",
            Self::Asked => "asked",
            Self::SignIn => "sign-in",
            Self::OneTime => "one-time",
        }
    }
}

impl fmt::Display for PasscodeFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
