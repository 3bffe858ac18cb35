//! How single values stand in a policy.

use crate::{
    clock::Time,
    crypto::KeyKind,
    derive::policy::{PasscodeFrom, SourceKind, StepUp},
    proof::Level,
};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::time::Duration;

pub(super) fn level<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let level = u8::deserialize(from)?;
    let fits = (1..=3).contains(&level);
    fits.then_some(level).ok_or_else(|| D::Error::custom("an assurance level is 1, 2 or 3"))
}

pub(super) fn tries<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let tries = u8::deserialize(from)?;
    let fits = (1..=15).contains(&tries);
    fits.then_some(tries).ok_or_else(|| D::Error::custom("tries are 1 to 15"))
}

pub(super) fn lengths<'de, D: Deserializer<'de>>(from: D) -> Result<(usize, usize), D::Error> {
    let (min, max) = <(usize, usize)>::deserialize(from)?;
    let fits = 4 <= min && min <= max && max <= 64;
    fits.then_some((min, max)).ok_or_else(|| {
        D::Error::custom(
            "passcode lengths are the fewest and the most, such as [6, 8], from 4 to 64",
        )
    })
}

pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text).ok_or_else(|| {
        D::Error::custom("a duration is a whole number from 1 and s, m, h or d, such as \"12h\"")
    })
}

pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    let text = String::deserialize(from)?;
    Time::parse_rfc3339(&text).ok_or_else(|| {
        D::Error::custom("a time is written in UTC, such as \"2027-02-28T23:59:59Z\"")
    })
}

pub(super) fn kind<'de, D: Deserializer<'de>>(from: D) -> Result<KeyKind, D::Error> {
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
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
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

/// A level, of a key that may be absent.
pub(super) fn some_level<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Level>, D::Error> {
    level(from).map(Level).map(Some)
}

/// A level.
pub(super) fn a_level<'de, D: Deserializer<'de>>(from: D) -> Result<Level, D::Error> {
    level(from).map(Level)
}

/// A duration, of a key that may be absent.
pub(super) fn some_duration<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    duration(from).map(Some)
}

pub(super) fn claim<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let level = u8::deserialize(from)?;
    let fits = (1..=2).contains(&level);
    fits.then_some(level).ok_or_else(|| {
        D::Error::custom("a card whose keys are held in software claims 1 or 2 at most")
    })
}

pub(super) fn cards<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    let cards = usize::deserialize(from)?;
    let fits = (1..=16).contains(&cards);
    fits.then_some(cards).ok_or_else(|| D::Error::custom("a person has 1 to 16 cards at once"))
}

pub(super) fn step_up<'de, D: Deserializer<'de>>(from: D) -> Result<StepUp, D::Error> {
    let text = String::deserialize(from)?;
    match text.as_str() {
        "never" => Ok(StepUp::Never),
        "each" => Ok(StepUp::Each),
        _ => parse_duration(&text).map(StepUp::Within).ok_or_else(|| {
            D::Error::custom("a step-up is \"never\", \"each\", or how old a proof may be: \"5m\"")
        }),
    }
}

pub(super) fn passcodes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PasscodeFrom>, D::Error> {
    let all = Vec::<String>::deserialize(from)?;
    let named = |name: &String| PasscodeFrom::ALL.into_iter().find(|one| one.name() == name);
    let found: Option<Vec<PasscodeFrom>> = all.iter().map(named).collect();
    found.filter(|found| !found.is_empty()).ok_or_else(|| {
        D::Error::custom("passcode sources are some of \"kept\", \"given\", \"asked\", \"sign-in\", \"one-time\"")
    })
}

pub(super) fn source_kind<'de, D: Deserializer<'de>>(from: D) -> Result<SourceKind, D::Error> {
    kind_named(&String::deserialize(from)?)
}

pub(super) fn source_kinds<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<SourceKind>, D::Error> {
    let all = Vec::<String>::deserialize(from)?;
    let kinds: Vec<SourceKind> =
        all.iter().map(|name| kind_named(name)).collect::<Result<_, _>>()?;
    let fits = (2..=crate::proof::MOST).contains(&kinds.len());
    fits.then_some(kinds).ok_or_else(|| D::Error::custom("a combination is of two to four sources"))
}

fn kind_named<E: serde::de::Error>(name: &str) -> Result<SourceKind, E> {
    let found = SourceKind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| E::custom("a source is oidc, webauthn, certificate or host"))
}

/// A name: none that is empty.
pub(super) fn some_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(from)?;
    let fits = !name.is_empty();
    fits.then_some(Some(name)).ok_or_else(|| D::Error::custom("a name has a character at least"))
}
