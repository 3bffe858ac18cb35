//! The policy as it stands in a file.

mod contradictions;
mod values;

#[cfg(test)]
mod tests;

pub use contradictions::Contradiction;

use super::{
    Policy,
    policy::{Combination, PasscodeFrom, SourceKind, SourceRule, StepUp},
};
use crate::{card::HashPolicy, clock::Time, crypto::KeyKind, proof::Level, secret::PasscodeRule};
use serde::{Deserialize, Deserializer};
use std::time::Duration;
use values::{
    cards, claim, duration, kind, lengths, level, passcodes, some_duration, step_up, time, tries,
};

/// The `[policy]` table. Every field has the default of [`Policy`]; an unknown one is an error, and
/// each error carries its position in the file.
///
/// ```
/// let settings: wardcard::derive::PolicySettings = toml::from_str(
///     r#"
///     least_authentication = 2
///     lifetime = "10h"
///     largest_age = "90s"
///     cis1_end = "2027-02-28T23:59:59Z"
///     key = "rsa2048"
///     "#,
/// )?;
/// let policy = wardcard::derive::Policy::from(settings);
/// assert_eq!(policy.lifetime.as_secs(), 36_000);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySettings {
    /// Least authentication assurance level, 1 to 3.
    #[serde(deserialize_with = "level")]
    pub least_authentication: u8,
    /// Least identity assurance level, 1 to 3.
    #[serde(deserialize_with = "level")]
    pub least_identity: u8,
    /// Values of `acr` that are accepted; empty: any.
    pub accepted_acr: Vec<String>,
    /// Methods of which a sign-in must have used one; empty: any.
    pub accepted_amr: Vec<String>,
    /// Oldest sign-in that is accepted: a whole number and `s`, `m`, `h` or `d`.
    #[serde(deserialize_with = "duration")]
    pub largest_age: Duration,
    /// Life of a card from the sign-in.
    #[serde(deserialize_with = "duration")]
    pub lifetime: Duration,
    /// End of everything with a CIS1 profile (RFC 3339, UTC).
    #[serde(deserialize_with = "time")]
    pub cis1_end: Time,
    /// `rsa2048`, `rsa3072`, `rsa4096`, `p256` or `p384`.
    #[serde(deserialize_with = "kind")]
    pub key: KeyKind,
    /// Whether the card has a content commitment key.
    pub content_commitment: bool,
    /// Whether enrolled keys are released for a proof.
    pub release: bool,
    /// Whether the authentication key signs SHA-1.
    pub sha1_authentication: bool,
    /// Whether the content commitment key signs SHA-1.
    pub sha1_content_commitment: bool,
    /// Whether the authentication key signs blocks that are no DigestInfo.
    pub raw_blocks: bool,
    /// Fewest and most characters of a passcode: `[6, 8]`; at least 4, at most 64.
    #[serde(deserialize_with = "lengths")]
    pub passcode_length: (usize, usize),
    /// Whether a passcode is of digits only.
    pub passcode_digits_only: bool,
    /// Tries of a passcode, 1 to 15.
    #[serde(deserialize_with = "tries")]
    pub tries: u8,
    /// How often an hour a strong proof clears a blocked passcode.
    pub clears_per_hour: u32,
    /// How long a request waits for its proof.
    #[serde(deserialize_with = "duration")]
    pub request_life: Duration,
    /// Least authentication assurance level for a content commitment key, 1 to 3.
    #[serde(deserialize_with = "level")]
    pub content_commitment_least_authentication: u8,
    /// Least identity assurance level for a content commitment key, 1 to 3.
    #[serde(deserialize_with = "level")]
    pub content_commitment_least_identity: u8,
    /// Whether a use of the content commitment key needs a fresh proof: `never`, `each`, or how old
    /// it may be.
    #[serde(deserialize_with = "step_up")]
    pub content_commitment_step_up: StepUp,
    /// How long the same person may come back to a locked card; absent: until its end.
    #[serde(deserialize_with = "some_duration")]
    pub grace: Option<Duration>,
    /// After how long without use a card locks; absent: never.
    #[serde(deserialize_with = "some_duration")]
    pub idle_lock: Option<Duration>,
    /// Where a passcode may come from: some of `kept`, `given`, `asked`, `sign-in`,
    /// `one-time`.
    #[serde(deserialize_with = "passcodes")]
    pub passcode_sources: Vec<PasscodeFrom>,
    /// Live cards of one person at once, 1 to 16; the oldest gives way.
    #[serde(deserialize_with = "cards")]
    pub cards_per_person: usize,
    /// The most that a card claims for itself, 1 or 2.
    #[serde(deserialize_with = "claim")]
    pub claims_at_most: u8,
    /// Whether the certificates of a derived card that ends before its time are revoked.
    pub revoke_at_end: bool,
    /// `[[policy.source]]`: what holds for one source.
    pub source: Vec<SourceRule>,
    /// `[[policy.combination]]`: what several are worth together.
    pub combination: Vec<Combination>,
}

impl Default for PolicySettings {
    fn default() -> Self {
        let policy = Policy::default();
        Self {
            least_authentication: policy.least_authentication.0,
            least_identity: policy.least_identity.0,
            accepted_acr: policy.accepted_acr,
            accepted_amr: policy.accepted_amr,
            largest_age: policy.largest_age,
            lifetime: policy.lifetime,
            cis1_end: policy.cis1_end,
            key: policy.key,
            content_commitment: policy.content_commitment,
            release: policy.release,
            sha1_authentication: policy.hashes.sha1_authentication,
            sha1_content_commitment: policy.hashes.sha1_content_commitment,
            raw_blocks: policy.hashes.raw_blocks,
            passcode_length: (policy.passcode.min, policy.passcode.max),
            passcode_digits_only: policy.passcode.digits_only,
            tries: policy.tries,
            clears_per_hour: policy.clears_per_hour,
            request_life: policy.request_life,
            content_commitment_least_authentication: policy
                .content_commitment_least_authentication
                .0,
            content_commitment_least_identity: policy.content_commitment_least_identity.0,
            content_commitment_step_up: policy.content_commitment_step_up,
            grace: policy.grace,
            idle_lock: policy.idle_lock,
            passcode_sources: policy.passcode_sources,
            cards_per_person: policy.cards_per_person,
            claims_at_most: policy.claims_at_most.0,
            revoke_at_end: policy.revoke_at_end,
            source: policy.sources,
            combination: policy.combinations,
        }
    }
}

impl From<PolicySettings> for Policy {
    fn from(settings: PolicySettings) -> Self {
        let (min, max) = settings.passcode_length;
        Self {
            least_authentication: Level(settings.least_authentication),
            least_identity: Level(settings.least_identity),
            accepted_acr: settings.accepted_acr,
            accepted_amr: settings.accepted_amr,
            largest_age: settings.largest_age,
            lifetime: settings.lifetime,
            cis1_end: settings.cis1_end,
            key: settings.key,
            content_commitment: settings.content_commitment,
            release: settings.release,
            hashes: HashPolicy {
                sha1_authentication: settings.sha1_authentication,
                sha1_content_commitment: settings.sha1_content_commitment,
                raw_blocks: settings.raw_blocks,
            },
            passcode: PasscodeRule { min, max, digits_only: settings.passcode_digits_only },
            tries: settings.tries,
            clears_per_hour: settings.clears_per_hour,
            request_life: settings.request_life,
            content_commitment_least_authentication: Level(
                settings.content_commitment_least_authentication,
            ),
            content_commitment_least_identity: Level(settings.content_commitment_least_identity),
            content_commitment_step_up: settings.content_commitment_step_up,
            grace: settings.grace,
            idle_lock: settings.idle_lock,
            passcode_sources: settings.passcode_sources,
            cards_per_person: settings.cards_per_person,
            claims_at_most: Level(settings.claims_at_most),
            revoke_at_end: settings.revoke_at_end,
            sources: settings.source,
            combinations: settings.combination,
        }
    }
}

/// [`SourceRule`] as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    #[serde(deserialize_with = "values::source_kind")]
    kind: SourceKind,
    #[serde(default, deserialize_with = "values::some_name")]
    name: Option<String>,
    #[serde(default, deserialize_with = "values::some_level")]
    least_authentication: Option<Level>,
    #[serde(default, deserialize_with = "values::some_level")]
    least_identity: Option<Level>,
    #[serde(default, deserialize_with = "some_duration")]
    largest_age: Option<Duration>,
    accepted_acr: Option<Vec<String>>,
    accepted_amr: Option<Vec<String>>,
    #[serde(default, deserialize_with = "values::some_level")]
    highest: Option<Level>,
    #[serde(default)]
    unbound: bool,
    #[serde(default)]
    offline: bool,
    #[serde(default, deserialize_with = "some_duration")]
    break_glass: Option<Duration>,
}

impl<'de> Deserialize<'de> for SourceRule {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let table = SourceTable::deserialize(from)?;
        Ok(Self {
            kind: table.kind,
            name: table.name,
            least_authentication: table.least_authentication,
            least_identity: table.least_identity,
            largest_age: table.largest_age,
            accepted_acr: table.accepted_acr,
            accepted_amr: table.accepted_amr,
            highest: table.highest,
            unbound: table.unbound,
            offline: table.offline,
            break_glass: table.break_glass,
        })
    }
}

/// [`Combination`] as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CombinationTable {
    #[serde(deserialize_with = "values::source_kinds")]
    of: Vec<SourceKind>,
    #[serde(deserialize_with = "values::a_level")]
    authentication: Level,
    #[serde(default, deserialize_with = "values::some_level")]
    each_at_least: Option<Level>,
}

impl<'de> Deserialize<'de> for Combination {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let CombinationTable { of, authentication, each_at_least } =
            CombinationTable::deserialize(from)?;
        Ok(Self { of, authentication, each_at_least: each_at_least.unwrap_or(Level(1)) })
    }
}
