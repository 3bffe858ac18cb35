//! The policy as it stands in a configuration file.

use super::Policy;
use crate::{card::HashPolicy, clock::Time, crypto::KeyKind, proof::Level, secret::PasscodeRule};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::time::Duration;

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
}

impl Default for PolicySettings {
    fn default() -> Self {
        let policy = Policy::default();
        Self {
            least_authentication: policy.least_authentication.0,
            least_identity: policy.least_identity.0,
            accepted_acr: policy.accepted_acr,
            largest_age: policy.largest_age,
            lifetime: policy.lifetime,
            cis1_end: policy.cis1_end,
            key: policy.key,
            content_commitment: policy.content_commitment,
            sha1_authentication: policy.hashes.sha1_authentication,
            sha1_content_commitment: policy.hashes.sha1_content_commitment,
            raw_blocks: policy.hashes.raw_blocks,
            passcode_length: (policy.passcode.min, policy.passcode.max),
            passcode_digits_only: policy.passcode.digits_only,
            tries: policy.tries,
            clears_per_hour: policy.clears_per_hour,
            request_life: policy.request_life,
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
            largest_age: settings.largest_age,
            lifetime: settings.lifetime,
            cis1_end: settings.cis1_end,
            key: settings.key,
            content_commitment: settings.content_commitment,
            hashes: HashPolicy {
                sha1_authentication: settings.sha1_authentication,
                sha1_content_commitment: settings.sha1_content_commitment,
                raw_blocks: settings.raw_blocks,
            },
            passcode: PasscodeRule { min, max, digits_only: settings.passcode_digits_only },
            tries: settings.tries,
            clears_per_hour: settings.clears_per_hour,
            request_life: settings.request_life,
        }
    }
}

fn level<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let level = u8::deserialize(from)?;
    let fits = (1..=3).contains(&level);
    fits.then_some(level).ok_or_else(|| D::Error::custom("an assurance level is 1, 2 or 3"))
}

fn tries<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let tries = u8::deserialize(from)?;
    let fits = (1..=15).contains(&tries);
    fits.then_some(tries).ok_or_else(|| D::Error::custom("tries are 1 to 15"))
}

fn lengths<'de, D: Deserializer<'de>>(from: D) -> Result<(usize, usize), D::Error> {
    let (min, max) = <(usize, usize)>::deserialize(from)?;
    let fits = 4 <= min && min <= max && max <= 64;
    fits.then_some((min, max)).ok_or_else(|| {
        D::Error::custom(
            "passcode lengths are the fewest and the most, such as [6, 8], from 4 to 64",
        )
    })
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text).ok_or_else(|| {
        D::Error::custom("a duration is a whole number from 1 and s, m, h or d, such as \"12h\"")
    })
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    let text = String::deserialize(from)?;
    Time::parse_rfc3339(&text).ok_or_else(|| {
        D::Error::custom("a time is written in UTC, such as \"2027-02-28T23:59:59Z\"")
    })
}

fn kind<'de, D: Deserializer<'de>>(from: D) -> Result<KeyKind, D::Error> {
    match String::deserialize(from)?.as_str() {
        "rsa2048" => Ok(KeyKind::Rsa2048),
        "rsa3072" => Ok(KeyKind::Rsa3072),
        "rsa4096" => Ok(KeyKind::Rsa4096),
        "p256" => Ok(KeyKind::P256),
        "p384" => Ok(KeyKind::P384),
        _ => Err(D::Error::custom("a key is rsa2048, rsa3072, rsa4096, p256 or p384")),
    }
}

/// A whole number from 1 and a unit, at most ten years.
fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|char: char| !char.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(split)?;
    let unit: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=10 * 366 * 86_400).contains(&seconds).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Policy, String> {
        toml::from_str::<PolicySettings>(text).map(Policy::from).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_table_is_the_default_policy() {
        assert_eq!(read(""), Ok(Policy::default()));
        assert_eq!(Policy::default().cis1_end.to_string(), "2027-02-28T23:59:59Z");
    }

    #[test]
    fn every_field_can_be_set() {
        let policy = read(
            r#"
            least_authentication = 2
            least_identity = 1
            accepted_acr = ["AAL2_ANY"]
            largest_age = "90s"
            lifetime = "10h"
            cis1_end = "2028-01-01T00:00:00Z"
            key = "p256"
            content_commitment = true
            sha1_authentication = false
            sha1_content_commitment = true
            raw_blocks = true
            passcode_length = [4, 12]
            passcode_digits_only = false
            tries = 5
            clears_per_hour = 1
            request_life = "2m"
            "#,
        );
        let expected = Policy {
            least_authentication: Level(2),
            least_identity: Level(1),
            accepted_acr: vec!["AAL2_ANY".to_owned()],
            largest_age: Duration::from_secs(90),
            lifetime: Duration::from_secs(36_000),
            cis1_end: Time::parse_rfc3339("2028-01-01T00:00:00Z").unwrap(),
            key: KeyKind::P256,
            content_commitment: true,
            hashes: HashPolicy {
                sha1_authentication: false,
                sha1_content_commitment: true,
                raw_blocks: true,
            },
            passcode: PasscodeRule { min: 4, max: 12, digits_only: false },
            tries: 5,
            clears_per_hour: 1,
            request_life: Duration::from_secs(120),
        };
        assert_eq!(policy, Ok(expected));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_line() {
        for text in [
            "least_authentication = 0",
            "least_identity = 4",
            "largest_age = \"5\"",
            "largest_age = \"0s\"",
            "lifetime = \"-1h\"",
            "lifetime = \"12 h\"",
            "lifetime = \"99999999999999999999h\"",
            "lifetime = \"9223372036854775807d\"",
            "lifetime = \"3661d\"",
            "request_life = \"\"",
            "cis1_end = \"2027-02-29T00:00:00Z\"",
            "key = \"rsa1024\"",
            "passcode_length = [3, 8]",
            "passcode_length = [8, 6]",
            "passcode_length = [6, 65]",
            "tries = 0",
            "tries = 16",
            "lifetimes = \"1h\"",
        ] {
            let error = read(&format!("\n{text}\n")).unwrap_err();
            assert!(error.contains("line 2"), "{text}: {error}");
        }
    }
}
