//! Fresh proofs: whether the content commitment key may be used, as the policy asks for a step-up.

use crate::{
    card::{CardId, KeyRef, KeySlot, Refusal, Use, Verb},
    clock::{Clock, Time},
    derive::StepUp,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The freshest proof of each card.
#[derive(Debug)]
pub(super) struct Steps {
    rule: StepUp,
    clock: Arc<dyn Clock>,
    cards: Mutex<HashMap<CardId, Proven>>,
}

#[derive(Clone, Copy, Debug)]
struct Proven {
    /// When the person last proved who they are.
    at: Time,
    /// Proofs that no use has been made of, where each use needs one.
    unspent: u32,
}

/// What a use has spent, to be given back where nothing came of it.
#[derive(Debug)]
#[must_use]
pub(super) enum Spent {
    Nothing,
    One(CardId),
}

impl Steps {
    pub(super) fn new(rule: StepUp, clock: Arc<dyn Clock>) -> Self {
        Self { rule, clock, cards: Mutex::default() }
    }

    /// A card that was made on a proof of that time. It counts for a period, not for one use.
    pub(super) fn begin(&self, card: CardId, at: Time) {
        self.cards().insert(card, Proven { at, unspent: 0 });
    }

    /// A fresh proof for it.
    pub(super) fn step_up(&self, card: CardId, at: Time) {
        if let Some(proven) = self.cards().get_mut(&card) {
            proven.at = proven.at.max(at);
            proven.unspent = proven.unspent.saturating_add(1);
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
                if self.clock.now().since(proven.at) <= period =>
            {
                Ok(Spent::Nothing)
            }
            (StepUp::Each, Some(proven)) if proven.unspent > 0 => {
                proven.unspent -= 1;
                Ok(Spent::One(usage.card))
            }
            (StepUp::Each | StepUp::Within(_), _) => Err(Refusal::StepUp),
        }
    }

    /// Nothing came of the use.
    pub(super) fn give_back(&self, spent: Spent) {
        if let Spent::One(card) = spent
            && let Some(proven) = self.cards().get_mut(&card)
        {
            proven.unspent = proven.unspent.saturating_add(1);
        }
    }

    fn cards(&self) -> MutexGuard<'_, HashMap<CardId, Proven>> {
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
