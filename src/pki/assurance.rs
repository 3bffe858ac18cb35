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
}

/// What kind of evidence it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An OpenID Connect ID token of this issuer.
    Oidc(String),
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
}
