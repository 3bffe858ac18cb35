//! What wakes the keeper's thread, and those who wait for the agent's end.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// A bell with its reasons.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    reasons: Mutex<Reasons>,
    rung: Condvar,
}

/// Why the bell was rung since it was last heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reasons {
    /// There are records to sync.
    pub(super) dirty: bool,
    /// Something else ends earlier than what did so far.
    pub(super) sooner: bool,
    /// The agent is asked to stop.
    pub(super) asked: bool,
    /// The keeper is to end.
    pub(super) ended: bool,
}

impl Alarm {
    pub(super) fn ring(&self, why: impl FnOnce(&mut Reasons)) {
        why(&mut self.reasons());
        self.rung.notify_all();
    }

    /// Waits until there is something for the keeper, or until `until`.
    pub(super) fn keeper(&self, until: Instant) -> Reasons {
        let wait = until.saturating_duration_since(Instant::now());
        let idle = |reasons: &mut Reasons| !(reasons.dirty || reasons.sooner || reasons.ended);
        let (mut reasons, _) = self
            .rung
            .wait_timeout_while(self.reasons(), wait, idle)
            .unwrap_or_else(PoisonError::into_inner);
        let heard = *reasons;
        reasons.dirty = false;
        reasons.sooner = false;
        heard
    }

    /// Waits until the agent is asked to stop, or has.
    pub(super) fn asked(&self) {
        let on = |reasons: &mut Reasons| !(reasons.asked || reasons.ended);
        drop(self.rung.wait_while(self.reasons(), on));
    }

    fn reasons(&self) -> MutexGuard<'_, Reasons> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
