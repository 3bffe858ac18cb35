//! How many refusals go on record: anyone who reaches the socket of hosts, or has a card in a reader
//! that is not opened, can be refused as often as the machine is fast, and must not fill the disk,
//! since nothing is signed without a record.

use crate::secret::User;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Refusals of one user that go on record in one [`WINDOW`].
const MOST: u64 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// The refusals of each user since its window began.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<User, (Instant, u64)>>);

impl Refusals {
    /// Counts a refusal. `None` where it stays off the record; else how many of this user did since
    /// the last that is on it.
    pub(super) fn count(&self, uid: User, now: Instant) -> Option<u64> {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, count) = users.entry(uid).or_insert((now, 0));
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
