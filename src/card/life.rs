//! Where a card is in its life, and the keys as long as it has them.
//!
//! ```text
//!            lock                 suspend
//!  Inserted ──────> Locked     (any) ──────> Suspended     remove, expiry: from anywhere, for ever
//!      ^───────────────┘         ^───────────────┘
//!        verify, unlock               resume
//! ```

use super::{Error, KeySlot};
use crate::{clock::Time, crypto::PrivateKey};
use std::time::Duration;

/// How far a clock may go back under a living card. A time service corrects by less; beyond it,
/// nobody can tell any more when the card's time is over.
const SET_BACK: Duration = Duration::from_secs(5 * 60);

/// Where a card is in its life. "Blocked" is told by its tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In use.
    Inserted,
    /// The person is away.
    Locked,
    /// By policy or an administrator.
    Suspended,
    /// Gone, keys erased.
    Removed,
    /// Time over, or the clock set back by more than five minutes under it; keys erased.
    Expired,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Removed,
    Expired,
}

/// What changes in a card; behind its one lock, which is held for the length of these functions.
#[derive(Debug)]
pub(super) struct Life {
    keys: Vec<(KeySlot, PrivateKey)>,
    /// Grows at each lock; what was made in an older one is void.
    generation: u64,
    locked: bool,
    suspended: bool,
    end: Option<End>,
    /// The latest moment that the clock has shown.
    seen: Time,
    /// When it was made, used or verified on last.
    used: Time,
    /// How long it stays unlocked without that.
    idle: Option<Duration>,
    /// Since when it is locked, and whether by itself.
    locked_since: Option<(Time, bool)>,
}

impl Life {
    pub(super) fn new(keys: Vec<(KeySlot, PrivateKey)>, seen: Time) -> Self {
        Self {
            keys,
            generation: 0,
            locked: false,
            suspended: false,
            end: None,
            seen,
            used: seen,
            idle: None,
            locked_since: None,
        }
    }

    /// Whether the time is over at `now`: the end has come, or the clock was set back so far that it
    /// would come later than it should (design rule 3).
    pub(super) fn is_over(&mut self, now: Time, expires: Time) -> bool {
        self.seen = self.seen.max(now);
        now >= expires || now.plus(SET_BACK) < self.seen
    }

    pub(super) fn state(&self) -> State {
        match self.end {
            Some(End::Removed) => State::Removed,
            Some(End::Expired) => State::Expired,
            None if self.suspended => State::Suspended,
            None if self.locked => State::Locked,
            None => State::Inserted,
        }
    }

    /// The generation now, if the card is there to be verified on: inserted or locked.
    pub(super) fn present(&self) -> Result<u64, Error> {
        match self.state() {
            State::Inserted | State::Locked => Ok(self.generation),
            State::Suspended => Err(Error::Suspended),
            State::Removed => Err(Error::Removed),
            State::Expired => Err(Error::Expired),
        }
    }

    /// Whether what was made in `generation` still counts: the card is there, and has not been
    /// locked since.
    pub(super) fn counts(&self, generation: u64) -> Result<(), Error> {
        if self.present()? == generation { Ok(()) } else { Err(Error::Locked) }
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }

    /// The key in a slot; shared, so that it works without the lock.
    pub(super) fn key(&self, slot: KeySlot) -> Result<PrivateKey, Error> {
        let found = self.keys.iter().find(|(of, _)| *of == slot);
        found.map(|(_, key)| key.clone()).ok_or(Error::KeyAbsent)
    }

    pub(super) fn lock(&mut self, now: Time) {
        self.lock_as(now, false);
    }

    fn lock_as(&mut self, now: Time, idle: bool) {
        if !self.locked {
            self.locked_since = Some((now, idle));
        }
        self.locked = true;
        self.generation = self.generation.saturating_add(1);
    }

    pub(super) fn unlock(&mut self, now: Time) {
        self.locked = false;
        self.locked_since = None;
        self.used = now;
    }

    /// Notes a use.
    pub(super) fn use_at(&mut self, now: Time) {
        self.used = now;
    }

    pub(super) fn idle_after(&mut self, idle: Option<Duration>) {
        self.idle = idle;
    }

    /// When it locks by itself if nobody uses it before.
    pub(super) fn idle_at(&self) -> Option<Time> {
        let idle = self.idle.filter(|_| !self.locked && self.end.is_none())?;
        Some(self.used.plus(idle))
    }

    /// Locks what nobody has used for long enough.
    pub(super) fn look(&mut self, now: Time) {
        if self.idle_at().is_some_and(|at| at <= now) {
            self.lock_as(now, true);
        }
    }

    /// Since when it is locked, and whether because nobody used it.
    pub(super) fn locked_since(&self) -> Option<(Time, bool)> {
        self.locked_since
    }

    pub(super) fn suspend(&mut self, suspended: bool) {
        self.suspended = suspended;
    }

    /// Ends this life if it has not ended yet; the keys then, to be dropped without the lock.
    pub(super) fn end(&mut self, end: End) -> Option<Vec<(KeySlot, PrivateKey)>> {
        if self.end.is_some() {
            return None;
        }
        self.end = Some(end);
        Some(std::mem::take(&mut self.keys))
    }
}
