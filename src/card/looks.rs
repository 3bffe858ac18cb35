//! Looks at passcodes, one at a time for each record of tries and a few at a time in all.
//!
//! One at a time for each record, so that right passcodes offered at once do not take the tries from
//! each other; a few at a time in all, since each takes 19 MiB for a while. Nothing but looks waits
//! here: signatures, locks and removals go on meanwhile.

use super::locked;
use crate::secret::PerProcess;
use std::{
    collections::BTreeSet,
    sync::{Condvar, Mutex, PoisonError},
};

/// Stretchings at once.
const ROOM: usize = 4;

/// Those of this process: a child of a fork does not wait for the looks of its parent.
static LOOKS: PerProcess<Looks> = PerProcess::new(Looks::default, |_| {});

#[derive(Default)]
struct Looks {
    records: Mutex<BTreeSet<Vec<u8>>>,
    record_left: Condvar,
    stretching: Mutex<usize>,
    stretching_left: Condvar,
}

/// The turn of a record of tries; ends when dropped.
#[derive(Debug)]
pub(super) struct Turn(Vec<u8>);

/// Waits until no other passcode with this record of tries is looked at in this process.
pub(super) fn turn(record: &[u8]) -> Turn {
    let Looks { records, record_left, .. } = LOOKS.get();
    let waiting = record_left.wait_while(locked(records), |records| records.contains(record));
    waiting.unwrap_or_else(PoisonError::into_inner).insert(record.to_vec());
    Turn(record.to_vec())
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Looks { records, record_left, .. } = LOOKS.get();
        locked(records).remove(&self.0);
        record_left.notify_all();
    }
}

/// Room for one stretching; given back when dropped.
#[derive(Debug)]
pub(super) struct Room(());

/// Waits until there is room for one more stretching.
pub(super) fn room() -> Room {
    let Looks { stretching, stretching_left, .. } = LOOKS.get();
    let waiting = stretching_left.wait_while(locked(stretching), |taken| *taken >= ROOM);
    *waiting.unwrap_or_else(PoisonError::into_inner) += 1;
    Room(())
}

impl Drop for Room {
    fn drop(&mut self) {
        let Looks { stretching, stretching_left, .. } = LOOKS.get();
        let mut taken = locked(stretching);
        *taken = taken.saturating_sub(1);
        drop(taken);
        stretching_left.notify_one();
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
    fn one_look_at_once_for_each_record() {
        assert_eq!(most(|_| turn(b"one")), 1);
        let held = turn(b"one");
        drop(turn(b"other"));
        drop(held);
        drop(turn(b"one"));
    }
}
