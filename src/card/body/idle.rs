//! Locking by itself: a card that nobody uses.

use super::Card;
use crate::clock::Time;
use std::time::Duration;

impl Card {
    /// Has the card lock once it has not been used or verified on for so long; `None` never.
    pub fn lock_when_idle(&self, idle: Option<Duration>) {
        self.life().idle_after(idle);
    }

    /// When it locks by itself, if nobody uses it before.
    pub fn idle_at(&self) -> Option<Time> {
        self.life().idle_at()
    }

    /// Since when it is locked, and whether it did so by itself.
    pub fn locked_since(&self) -> Option<(Time, bool)> {
        self.life().locked_since()
    }
}
