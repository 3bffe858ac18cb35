//! Step-up: a fresh proof by the person of a card that is there, bound to that card's keys.

use super::{
    Deriver, Evidence, Explanation, Judgement, Lack, Refusal, Shortfall,
    policy::{SourceKind, StepUp},
};
use crate::{
    card::{Card, KeySlot},
    clock::Time,
    pki::UserId,
    proof::{Assurance, Nonce},
};
use std::sync::Arc;

/// A step-up that waits for its proof.
#[derive(Debug)]
pub struct StepUpRequest {
    pub(super) nonce: Nonce,
    expires: Time,
    person: UserId,
    slots: Vec<KeySlot>,
    maker: Arc<()>,
}

impl StepUpRequest {
    /// The nonce that the proof has to carry.
    pub fn nonce(&self) -> &str {
        self.nonce.as_str()
    }

    /// Until when it waits.
    pub fn expires(&self) -> Time {
        self.expires
    }
}

/// What came of a step-up.
#[derive(Clone, Debug)]
pub struct SteppedUp {
    /// What the fresh proof is worth.
    pub assurance: Assurance,
    /// Which rule decided what.
    pub explanation: Explanation,
}

impl Deriver {
    /// Begins a step-up for a card: the nonce is over its keys.
    ///
    /// # Errors
    /// The back end fails.
    pub fn request_step_up(&self, card: &Card) -> Result<StepUpRequest, Refusal> {
        let slots = card.slots();
        let certificates = slots.iter().filter_map(|slot| card.certificate(*slot));
        let spkis: Vec<&[u8]> =
            certificates.map(|certificate| certificate.public_key().spki()).collect();
        Ok(StepUpRequest {
            nonce: Nonce::new(&spkis)?,
            expires: self.clock.now().plus(self.policy.request_life),
            person: card.person().clone(),
            slots,
            maker: Arc::clone(&self.identity),
        })
    }

    /// Judges the proof of a step-up, which is used up whatever comes of it: by the policy, for all
    /// keys that the card has, and by its own person alone.
    ///
    /// # Errors
    /// The [`Refusal`] that says why the card stays as it is.
    pub fn step_up(
        &self,
        request: StepUpRequest,
        evidence: Evidence,
    ) -> Result<SteppedUp, Refusal> {
        let now = self.clock.now();
        if !Arc::ptr_eq(&request.maker, &self.identity) {
            return Err(Refusal::RequestUnknown);
        }
        if now >= request.expires {
            return Err(Refusal::RequestExpired);
        }
        let accepted = self.accept(&evidence, &request.nonce)?;
        drop(evidence);
        let each: Vec<Assurance> = accepted.iter().map(|one| one.assurance.clone()).collect();
        if each.iter().any(|one| one.person != request.person) {
            return Err(Refusal::OtherPerson);
        }
        let standing = self.standing(&each, now)?;
        let Judgement { explanation, outcome } =
            self.policy.judge(&each, &request.slots, &standing, now);
        let admitted = outcome?;
        // What an emergency excuses makes a card for a while; it is no fresh proof of full strength.
        if admitted.break_glass {
            return Err(Refusal::StepUpTooWeak);
        }
        if admitted.slots != request.slots {
            return Err(Refusal::StepUpTooWeak);
        }
        let assurance = admitted.assurance;
        if let StepUp::Within(period) = self.policy.content_commitment_step_up
            && now.since(assurance.authenticated_at) > period
        {
            let rule = "policy.content_commitment_step_up".to_owned();
            let lack = Lack::Age(SourceKind::of(&assurance.source), period);
            return Err(Refusal::Policy(Shortfall { rule, lack }));
        }
        self.used.first_use_of_all(&accepted, now)?;
        Ok(SteppedUp { assurance, explanation })
    }
}
