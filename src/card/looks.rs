//! Looks at passcodes, one at a time for each person and a few at a time in all.
//!
//! One at a time for each person, so that right passcodes offered at once do not take the tries from
//! each other; a few at a time in all, since each takes 19 MiB for a while. Nothing but looks waits
//! here: signatures, locks and removals go on meanwhile.

use super::locked;
use crate::pki::UserId;
use std::{
    collections::BTreeSet,
    sync::{Condvar, Mutex, PoisonError},
};

/// Stretchings at once.
const ROOM: usize = 4;

static PERSONS: Mutex<BTreeSet<UserId>> = Mutex::new(BTreeSet::new());
static PERSON_LEFT: Condvar = Condvar::new();
static STRETCHING: Mutex<usize> = Mutex::new(0);
static STRETCHING_LEFT: Condvar = Condvar::new();

/// A person's turn; ends when dropped.
#[derive(Debug)]
pub(super) struct Turn(UserId);

/// Waits until no other passcode of this person is looked at in this process.
pub(super) fn turn(person: &UserId) -> Turn {
    let waiting = PERSON_LEFT.wait_while(locked(&PERSONS), |persons| persons.contains(person));
    waiting.unwrap_or_else(PoisonError::into_inner).insert(person.clone());
    Turn(person.clone())
}

impl Drop for Turn {
    fn drop(&mut self) {
        locked(&PERSONS).remove(&self.0);
        PERSON_LEFT.notify_all();
    }
}

/// Room for one stretching; given back when dropped.
#[derive(Debug)]
pub(super) struct Room(());

/// Waits until there is room for one more stretching.
pub(super) fn room() -> Room {
    let waiting = STRETCHING_LEFT.wait_while(locked(&STRETCHING), |taken| *taken >= ROOM);
    *waiting.unwrap_or_else(PoisonError::into_inner) += 1;
    Room(())
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut taken = locked(&STRETCHING);
        *taken = taken.saturating_sub(1);
        drop(taken);
        STRETCHING_LEFT.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
        time::Duration,
    };

    /// The most that were inside at once, of twelve.
    fn most<G>(enter: impl Fn(usize) -> G + Sync) -> usize {
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for number in 0..12 {
                let (enter, inside, most) = (&enter, &inside, &most);
                scope.spawn(move || {
                    let entered = enter(number);
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(20));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(entered);
                });
            }
        });
        most.into_inner()
    }

    #[test]
    fn a_few_stretchings_at_once_and_no_more() {
        let most = most(|_| room());
        assert!((1..=ROOM).contains(&most), "{most}");
    }

    #[test]
    fn one_look_at_once_for_each_person() {
        let one = UserId::parse("555000000071").unwrap();
        assert_eq!(most(|_| turn(&one)), 1);
        let held = turn(&one);
        let other = UserId::parse("555000000072").unwrap();
        drop(turn(&other));
        drop(held);
        drop(turn(&one));
    }
}
