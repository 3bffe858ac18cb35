//! How many refusals go on record: anyone who reaches the socket of hosts, or has a card in a reader
//! that is not opened, can be refused as often as the machine is fast, and must not fill the disk,
//! since nothing is signed without a record.

use crate::secret::User;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Refusals of one kind that go on record in one [`WINDOW`].
const MOST: u64 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// Kinds of refusals that are counted at a time, before those whose window is over are let go of.
const KINDS: usize = 1024;

/// The refusals of each kind since its window began: those of one user, or of one user about one
/// thing.
#[derive(Debug)]
pub(super) struct Refusals<K = User>(Mutex<HashMap<K, (Instant, u64)>>);

impl<K> Default for Refusals<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Refusals<K> {
    /// Counts a refusal. `None` where it stays off the record; else how many of its kind did since
    /// the last that is on it.
    pub(super) fn count(&self, kind: K, now: Instant) -> Option<u64> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= KINDS {
            kinds.retain(|_, (began, _)| now.saturating_duration_since(*began) < WINDOW);
        }
        let (began, count) = kinds.entry(kind).or_insert((now, 0));
        let mut left_out = 0;
        if now.saturating_duration_since(*began) >= WINDOW {
            left_out = count.saturating_sub(MOST);
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        (*count <= MOST).then_some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_refusals_are_on_record_ten_times_a_minute_and_the_rest_as_a_number() {
        let refusals = Refusals::default();
        let now = Instant::now();
        for _ in 0..MOST {
            assert_eq!(refusals.count(User::from(1), now), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(refusals.count(User::from(1), now + WINDOW / 2), None);
        }
        assert_eq!(refusals.count(User::from(2), now), Some(0), "another user");
        assert_eq!(refusals.count(User::from(1), now + WINDOW), Some(7));
        assert_eq!(refusals.count(User::from(1), now + WINDOW), Some(0));
    }
}
