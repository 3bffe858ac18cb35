//! Fresh proofs: whether the content commitment key may be used, as the policy asks for a step-up.

use crate::{
    card::{CardId, KeyRef, KeySlot, Refusal, Use, Verb},
    clock::{Clock, Time},
    derive::StepUp,
    proof::Assurance,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Fresh proofs of each card.
#[derive(Debug)]
pub(super) struct Steps {
    rule: StepUp,
    /// How old a proof that serves one use may be.
    largest_age: Duration,
    clock: Arc<dyn Clock>,
    cards: Mutex<HashMap<CardId, Proven>>,
}

/// Proofs that wait for a use, of one card.
const MOST: usize = 16;

#[derive(Clone, Debug)]
struct Proven {
    /// When the person proved who they are for the card itself.
    begun: Time,
    /// The last step-up.
    step: Option<Assurance>,
    /// Proofs that no use has been made of, where each use needs one.
    unspent: VecDeque<Time>,
}

impl Proven {
    fn keep(&mut self, proof: Time) {
        if self.unspent.len() >= MOST {
            self.unspent.pop_front();
        }
        self.unspent.push_back(proof);
    }

    /// When the person last proved who they are.
    fn at(&self) -> Time {
        self.step.as_ref().map_or(self.begun, |step| step.authenticated_at.max(self.begun))
    }
}

/// What a use has spent, to be given back where nothing came of it.
#[derive(Debug)]
#[must_use]
pub(super) enum Spent {
    Nothing,
    One(CardId, Time),
}

impl Steps {
    pub(super) fn new(rule: StepUp, largest_age: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { rule, largest_age, clock, cards: Mutex::default() }
    }

    /// A card that was made on a proof of that time. It counts for a period, not for one use.
    pub(super) fn begin(&self, card: CardId, at: Time) {
        let proven = Proven { begun: at, step: None, unspent: VecDeque::new() };
        self.cards().insert(card, proven);
    }

    /// A fresh proof for it.
    pub(super) fn step_up(&self, card: CardId, proof: Assurance) {
        if let Some(proven) = self.cards().get_mut(&card) {
            proven.keep(proof.authenticated_at);
            proven.step = Some(proof);
        }
    }

    /// Forgets the step-ups whose sessions have ended.
    pub(super) fn signed_out(&self, ends: impl Fn(&Assurance) -> bool) {
        for proven in self.cards().values_mut() {
            if proven.step.as_ref().is_some_and(&ends) {
                proven.step = None;
                proven.unspent.clear();
            }
        }
    }

    pub(super) fn forget(&self, card: CardId) {
        self.cards().remove(&card);
    }

    /// Whether a use may go on; a proof that serves one use is spent by it.
    pub(super) fn spend(&self, usage: &Use) -> Result<Spent, Refusal> {
        let commits = usage.key == KeyRef::Slot(KeySlot::ContentCommitment);
        if !commits || !matches!(usage.verb, Verb::Sign(_)) {
            return Ok(Spent::Nothing);
        }
        let mut cards = self.cards();
        let proven = cards.get_mut(&usage.card);
        match (self.rule, proven) {
            (StepUp::Never, _) => Ok(Spent::Nothing),
            (StepUp::Within(period), Some(proven))
                if self.clock.now().since(proven.at()) <= period =>
            {
                Ok(Spent::Nothing)
            }
            (StepUp::Each, Some(proven)) => {
                let now = self.clock.now();
                proven.unspent.retain(|proof| now.since(*proof) <= self.largest_age);
                let proof = proven.unspent.pop_front().ok_or(Refusal::StepUp)?;
                Ok(Spent::One(usage.card, proof))
            }
            (StepUp::Each | StepUp::Within(_), _) => Err(Refusal::StepUp),
        }
    }

    /// Nothing came of the use.
    pub(super) fn give_back(&self, spent: Spent) {
        if let Spent::One(card, proof) = spent
            && let Some(proven) = self.cards().get_mut(&card)
        {
            proven.keep(proof);
        }
    }

    fn cards(&self) -> MutexGuard<'_, HashMap<CardId, Proven>> {
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
