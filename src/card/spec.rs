//! What makes a card, and what must be right about it.

use super::{HashPolicy, KeySlot, OneTime, SpecFault, Verifier};
use crate::{
    clock::Time,
    crypto::PrivateKey,
    pki::{Certificate, UserId},
};
use std::{collections::BTreeSet, time::Duration};

/// One key with its certificate, on its way into a card.
#[derive(Clone, Debug)]
pub struct CardKey {
    /// Which.
    pub slot: KeySlot,
    /// The key.
    pub key: PrivateKey,
    /// Its certificate; the keys are checked to match.
    pub certificate: Certificate,
    /// From the issuer's certificate upwards, for faces that show chains.
    pub chain: Vec<Certificate>,
}

/// What stands in front of the keys.
#[derive(Clone, Debug)]
pub enum Access {
    /// A passcode, checked against this verifier.
    Passcode(Verifier),
    /// A new passcode for each login, made for a host that fills it in.
    OneTime(OneTime),
    /// No passcode: the primary sign-in stands for it (login with or without PIN succeeds; faces
    /// say "protected authentication path"). Not for a card with a content commitment key, which
    /// asks the person each time.
    SignIn,
}

/// All that makes a card.
#[derive(Debug)]
pub struct CardSpec {
    /// Whose.
    pub person: UserId,
    /// One or two keys, each slot at most once.
    pub keys: Vec<CardKey>,
    /// What stands in front.
    pub access: Access,
    /// When it ends; with its certificates if they end before.
    pub expires: Time,
    /// What it signs.
    pub hashes: HashPolicy,
}

impl CardSpec {
    /// When the card ends, if it can begin `now`.
    pub(super) fn check(&self, now: Time) -> Result<Time, SpecFault> {
        if self.keys.is_empty() {
            return Err(SpecFault::NoKey);
        }
        let mut slots = BTreeSet::new();
        let mut expires = self.expires;
        for CardKey { slot, key, certificate, .. } in &self.keys {
            if !slots.insert(*slot) {
                return Err(SpecFault::SlotTwice(*slot));
            }
            if key.public() != certificate.public_key() {
                return Err(SpecFault::Mismatch(*slot));
            }
            if certificate.user_id().is_some_and(|of| of != self.person) {
                return Err(SpecFault::Person(*slot));
            }
            // The second that a certificate names as its last is still one of its own.
            let end = certificate.not_after().plus(Duration::from_secs(1));
            if now < certificate.not_before() || end <= now {
                return Err(SpecFault::NotValidNow(*slot));
            }
            expires = expires.min(end);
        }
        let unasked = matches!(self.access, Access::SignIn);
        if unasked && slots.contains(&KeySlot::ContentCommitment) {
            return Err(SpecFault::NothingToAsk);
        }
        if expires <= now { Err(SpecFault::Expired) } else { Ok(expires) }
    }
}
