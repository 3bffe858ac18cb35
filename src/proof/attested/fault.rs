//! What is wrong with the word of a host: one variant for each check.

use crate::proof::{Level, Refusal};

/// What is wrong with the word of a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// `iss` is none of the configured hosts.
    #[error("the attestation is of a host that is not configured; add it as [[attesting_host]]")]
    Unknown,
    /// A setting cannot be used.
    #[error("the setting {0} of an attesting host cannot be used")]
    Setting(&'static str),
    /// What it shares with every JWS: form, header, key, signature, a claim's shape or date.
    #[error("the host's attestation is refused: {0}")]
    Jws(Box<Refusal>),
    /// `kid` is absent.
    #[error("the attestation names no key; put the kid of the configured key into its header")]
    KeyId,
    /// `aud` is another.
    #[error("the attestation is for another agent; its aud is not attesting_host.audience")]
    Audience,
    /// `exp` is too long after `iat`.
    #[error("the attestation is valid for more than five minutes; let it be made for one sign-in")]
    Life,
    /// A level above what the host is granted.
    #[error(
        "the attestation claims level {found}, and this host is granted {granted} at most; lower the claim or raise the grant"
    )]
    Level {
        /// What it claims.
        found: Level,
        /// What the configuration grants.
        granted: Level,
    },
    /// The host may not vouch for people.
    #[error("this host may not vouch for people; set attesting_host.vouches if it should")]
    Vouch,
    /// The host may not relay tokens of this issuer.
    #[error("this host may not relay tokens of their issuer; name it in attesting_host.relays")]
    Relay,
    /// `token_hash` is of another token.
    #[error("the attestation was made for another token than the one beside it")]
    TokenHash,
}
