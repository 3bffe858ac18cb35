//! What a sign-in must be worth, and what comes of it; how a sign-in is judged by it is in
//! `judge`, how it stands in a file in `settings`.

mod claims;
mod rules;

pub use claims::{KeysHeld, NamedAssurance, Way};
pub use rules::{Combination, PasscodeFrom, SourceKind, SourceRule, StepUp};

use super::Refusal;
use crate::{
    card::{HashPolicy, KeySlot},
    clock::Time,
    crypto::KeyKind,
    proof::Level,
    secret::PasscodeRule,
};
use std::time::Duration;

/// What a sign-in must be worth, and what comes of it. Each default has its reason beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Least authentication assurance. 3: what a CIS1 smartcard stood for.
    pub least_authentication: Level,
    /// Least identity assurance. 3: the checks that NHS registration makes before it gives a card.
    pub least_identity: Level,
    /// Values of `acr` that are accepted; empty: any.
    pub accepted_acr: Vec<String>,
    /// Methods (RFC 8176) of which the sign-in must have used one; empty: any. Empty: providers name
    /// them in words of their own.
    pub accepted_amr: Vec<String>,
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
    /// Whether enrolled keys are released for a proof. No by default: only then does the agent
    /// keep a key that opens them without a passcode.
    pub release: bool,
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
    /// Least authentication assurance for a content commitment key; a weaker sign-in gets a card
    /// without it. 3: a prescription's signature asks for the strongest there is.
    pub content_commitment_least_authentication: Level,
    /// Least identity assurance for a content commitment key. 3: as above.
    pub content_commitment_least_identity: Level,
    /// Whether a use of the content commitment key needs a fresh proof. Never: the passcode is
    /// asked each time already.
    pub content_commitment_step_up: StepUp,
    /// How long the same person may come back to a card that was locked or tapped out; it ends then.
    /// None: a locked card waits for its person until its end.
    pub grace: Option<Duration>,
    /// After how long without a use or a verification a card locks. None: hosts lock.
    pub idle_lock: Option<Duration>,
    /// Where a card's passcode may come from. Everything: a host chooses.
    pub passcode_sources: Vec<PasscodeFrom>,
    /// Live cards of one person at once; the oldest gives way. 1: a person is in one place.
    pub cards_per_person: usize,
    /// The most that a card may claim for itself. 2: keys in software reach no more (NIST SP
    /// 800-157r1), however strong the sign-in was.
    pub claims_at_most: Level,
    /// Whether the certificates of a derived card that ends before its time are revoked. No: they
    /// end within hours, and their keys are erased.
    pub revoke_at_end: bool,
    /// What holds for sign-ins of one source instead of the values above. OpenID Connect needs no
    /// rule; every other kind is refused unless one names it.
    pub sources: Vec<SourceRule>,
    /// What several sources are worth together. None: several are refused.
    pub combinations: Vec<Combination>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            least_authentication: Level(3),
            least_identity: Level(3),
            accepted_acr: Vec::new(),
            accepted_amr: Vec::new(),
            largest_age: Duration::from_secs(5 * 60),
            lifetime: Duration::from_secs(12 * 3600),
            cis1_end: Time::from_unix_seconds(1_803_859_199),
            key: KeyKind::Rsa2048,
            content_commitment: false,
            release: false,
            hashes: HashPolicy::cis1(),
            passcode: PasscodeRule::default(),
            tries: 3,
            clears_per_hour: 3,
            request_life: Duration::from_secs(10 * 60),
            content_commitment_least_authentication: Level(3),
            content_commitment_least_identity: Level(3),
            content_commitment_step_up: StepUp::Never,
            grace: None,
            idle_lock: None,
            passcode_sources: PasscodeFrom::ALL.to_vec(),
            cards_per_person: 1,
            claims_at_most: Level(2),
            revoke_at_end: false,
            sources: Vec::new(),
            combinations: Vec::new(),
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

    /// Whether cards with a CIS1 profile are made at all still.
    pub(super) fn not_ended(&self, now: Time) -> Result<(), Refusal> {
        if self.cis1_end <= now { Err(Refusal::CisOneEnded(self.cis1_end)) } else { Ok(()) }
    }

    /// Whether a passcode may come from there.
    pub(super) fn passcode_from(&self, from: PasscodeFrom) -> Result<(), Refusal> {
        let allowed = self.passcode_sources.contains(&from);
        if allowed { Ok(()) } else { Err(Refusal::PasscodeSource(from)) }
    }

    /// The rule for a source and its number in the policy, from 1: the one that names it, else the
    /// one that names its kind.
    pub(super) fn rule_for(&self, kind: SourceKind, name: &str) -> Option<(usize, &SourceRule)> {
        let numbered = || self.sources.iter().enumerate().map(|(place, rule)| (place + 1, rule));
        let of_kind = || numbered().filter(|(_, rule)| rule.kind == kind);
        let named = of_kind().find(|(_, rule)| rule.name.as_deref() == Some(name));
        named.or_else(|| of_kind().find(|(_, rule)| rule.name.is_none()))
    }
}
