//! What a sign-in must be worth, and what comes of it.

use super::Refusal;
use crate::{
    card::{HashPolicy, KeySlot},
    clock::Time,
    crypto::KeyKind,
    proof::{Assurance, Binding, Level, Source},
    secret::PasscodeRule,
};
use std::{fmt, time::Duration};

/// What a sign-in must be worth, and what comes of it. Each default has its reason beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Least authentication assurance. 3: what a CIS1 smartcard stood for.
    pub least_authentication: Level,
    /// Least identity assurance. 3: the checks that NHS registration makes before it gives a card.
    pub least_identity: Level,
    /// Values of `acr` that are accepted; empty: any.
    pub accepted_acr: Vec<String>,
    /// Oldest time of authentication that is accepted. 5 minutes: a card comes of a sign-in made
    /// for it, not of a session that was lying about.
    pub largest_age: Duration,
    /// Life of a card from the time of authentication. 12 hours: the longest shift.
    pub lifetime: Duration,
    /// Nothing with a CIS1 profile outlives this. 2027-02-28T23:59:59Z: CIS1 is removed then.
    pub cis1_end: Time,
    /// Kind of the card's keys. RSA-2048: all that CIS1 clients know.
    pub key: KeyKind,
    /// Whether the card has a content commitment key. No by default: see
    /// [`crate::manual::claims`] on prescription signing.
    pub content_commitment: bool,
    /// SHA-1 for the authentication key: all known CIS1 clients sign their challenge so. Raw
    /// blocks: off.
    pub hashes: HashPolicy,
    /// Shape of a passcode. 6 to 8 digits: NHS's since July 2023.
    pub passcode: PasscodeRule,
    /// Tries of a passcode. 3: NHS's.
    pub tries: u8,
    /// How often an hour a strong proof clears a blocked passcode. 3: with 3 tries that is 9
    /// guesses an hour at a passcode of a million.
    pub clears_per_hour: u32,
    /// How long a request waits for its proof. 10 minutes: a slow sign-in with a second device.
    pub request_life: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            least_authentication: Level(3),
            least_identity: Level(3),
            accepted_acr: Vec::new(),
            largest_age: Duration::from_secs(5 * 60),
            lifetime: Duration::from_secs(12 * 3600),
            cis1_end: Time::from_unix_seconds(1_803_859_199),
            key: KeyKind::Rsa2048,
            content_commitment: false,
            hashes: HashPolicy::cis1(),
            passcode: PasscodeRule::default(),
            tries: 3,
            clears_per_hour: 3,
            request_life: Duration::from_secs(10 * 60),
        }
    }
}

impl Policy {
    /// The slots of a card by this policy, authentication first.
    pub(super) fn slots(&self) -> Vec<KeySlot> {
        let mut slots = vec![KeySlot::Authentication];
        if self.content_commitment {
            slots.push(KeySlot::ContentCommitment);
        }
        slots
    }

    /// What proofs of one person in one request are worth together.
    pub(super) fn combine(&self, mut each: Vec<Assurance>) -> Result<Assurance, Refusal> {
        match (each.pop(), each.len()) {
            (Some(one), 0) => Ok(one),
            _ => Err(Refusal::Combination),
        }
    }

    /// Whether a sign-in is good enough for a card with these slots.
    pub(super) fn admit(
        &self,
        assurance: &Assurance,
        mut slots: impl Iterator<Item = KeySlot>,
        now: Time,
    ) -> Result<(), Refusal> {
        assurance.satisfies(
            self.least_authentication,
            self.least_identity,
            self.largest_age,
            &self.accepted_acr,
            now,
        )?;
        if assurance.binding == Binding::Unbound
            && slots.any(|slot| slot == KeySlot::ContentCommitment)
        {
            return Err(Refusal::Unbound);
        }
        Ok(())
    }

    /// Whether cards with a CIS1 profile are made at all still.
    pub(super) fn not_ended(&self, now: Time) -> Result<(), Refusal> {
        if self.cis1_end <= now { Err(Refusal::CisOneEnded(self.cis1_end)) } else { Ok(()) }
    }

    /// When a card of this sign-in ends at the latest (design rule 3); refused if that has passed.
    pub(super) fn end(&self, assurance: &Assurance, now: Time) -> Result<Time, Refusal> {
        self.not_ended(now)?;
        let end = assurance.authenticated_at.plus(self.lifetime);
        if end <= now {
            return Err(Refusal::LifetimeOver);
        }
        Ok(end.min(self.cis1_end))
    }
}

/// How a card's keys are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysHeld {
    /// In the memory of a process.
    Software,
}

impl fmt::Display for KeysHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Software => f.write_str("software"),
        }
    }
}

/// What a card may claim for itself, named by what it rests on.
///
/// NIST SP 800-157r1: a derived credential whose keys are held in software reaches AAL2, however
/// strong the sign-in was; it never claims more than the sign-in either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAssurance {
    /// How its keys are held.
    pub keys_held: KeysHeld,
    /// What the card claims.
    pub authentication: Level,
    /// What the sign-in that it was derived from was worth.
    pub derived_from: Level,
    /// How well the person's identity was checked.
    pub identity: Level,
    /// Where the proof came from.
    pub source: Source,
    /// When the person signed in.
    pub authenticated_at: Time,
}

impl NamedAssurance {
    /// Of a card with keys in software, derived from this.
    pub fn of(assurance: &Assurance) -> Self {
        Self {
            keys_held: KeysHeld::Software,
            authentication: assurance.authentication.min(Level(2)),
            derived_from: assurance.authentication,
            identity: assurance.identity,
            source: assurance.source.clone(),
            authenticated_at: assurance.authenticated_at,
        }
    }
}

impl fmt::Display for NamedAssurance {
    /// One line without the person: `AAL2, keys in software, derived from AAL3 at ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys_held, authentication, derived_from, authenticated_at, .. } = self;
        let (claimed, from) = (authentication.0, derived_from.0);
        write!(f, "AAL{claimed}, keys in {keys_held}, derived from AAL{from} at {authenticated_at}")
    }
}
