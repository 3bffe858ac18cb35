//! What stands behind a certificate: the words that proofs, issuers and cards share.
//!
//! A proof becomes an [`Assurance`], an issuer is asked on the strength of one, and the
//! [`KeySlot`] says which of a card's certificates is meant.

use super::UserId;
use crate::clock::Time;
use std::fmt;

/// Which of a card's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySlot {
    /// The key that signs in.
    Authentication,
    /// The key that signs prescriptions (nonRepudiation).
    ContentCommitment,
}

/// Assurance level 0 to 3 (CIS2's authentication_assurance_level, id_assurance_level).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(pub u8);

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a proof was tied to its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The request's nonce stands in the signed proof.
    Nonce,
    /// The nonce was the `state` of an OpenID Connect sign-in, whose hash (`s_hash`) is signed.
    StateHash,
    /// The nonce was the challenge that was signed: WebAuthn, or an existing card.
    Challenge,
    /// A configured host signed the nonce together with the hash of a token that carries none.
    Relayed,
    /// Not at all: the policy named the source as one that is believed for a minute.
    Unbound,
}

impl Binding {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Nonce, Self::StateHash, Self::Challenge, Self::Relayed, Self::Unbound];

    /// The word in the audit log, the host protocol and the issuer's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nonce => "nonce",
            Self::StateHash => "state-hash",
            Self::Challenge => "challenge",
            Self::Relayed => "relayed",
            Self::Unbound => "unbound",
        }
    }
}

/// What kind of evidence it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An OpenID Connect ID token of this issuer.
    Oidc(String),
    /// A WebAuthn assertion for this relying party id.
    WebAuthn(String),
    /// A signature by an existing card, under the trust anchor of this name in the configuration.
    Certificate(String),
    /// The word of a host by this name in the configuration.
    Host(String),
}

impl Source {
    /// What kind, as configurations and policies write it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Oidc(_) => "oidc",
            Self::WebAuthn(_) => "webauthn",
            Self::Certificate(_) => "certificate",
            Self::Host(_) => "host",
        }
    }

    /// Which of that kind.
    pub fn name(&self) -> &str {
        match self {
            Self::Oidc(name)
            | Self::WebAuthn(name)
            | Self::Certificate(name)
            | Self::Host(name) => name,
        }
    }

    /// The source of a kind and a name, as [`Self::kind`] and [`Self::name`] gave them.
    pub fn named(kind: &str, name: String) -> Option<Self> {
        Some(match kind {
            "oidc" => Self::Oidc(name),
            "webauthn" => Self::WebAuthn(name),
            "certificate" => Self::Certificate(name),
            "host" => Self::Host(name),
            _ => return None,
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}

/// What a proof is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assurance {
    /// Who signed in.
    pub person: UserId,
    /// How strongly they signed in.
    pub authentication: Level,
    /// How well their identity was checked when they enrolled.
    pub identity: Level,
    /// `acr` as the provider wrote it.
    pub context: Option<String>,
    /// Methods in RFC 8176 terms where known, else as the provider wrote them.
    pub methods: Vec<String>,
    /// When they signed in; never after the moment of verification.
    pub authenticated_at: Time,
    /// What kind of evidence it was.
    pub source: Source,
    /// How it was tied to its request.
    pub binding: Binding,
    /// The provider's session, for back-channel logout later.
    pub session: Option<String>,
    /// Other sources that vouched for the same person in the same request.
    pub beside: Vec<Source>,
    /// Whether it was accepted on what was at hand, while what would have told the latest (key
    /// set, revocation list) could not be had; only where the policy allows that.
    pub offline: bool,
}
