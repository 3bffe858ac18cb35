//! One does the work, all who ask meanwhile get its outcome.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Work that is done by one at a time, for everyone who asks while it is done.
#[derive(Debug)]
pub(super) struct Flight<T> {
    slot: Mutex<Slot<T>>,
    landed: Condvar,
}

#[derive(Debug)]
struct Slot<T> {
    flying: bool,
    /// Which flight it is, or the next one is.
    number: u64,
    /// What the last flight brought; nothing if it ended in a panic.
    brought: Option<T>,
}

impl<T> Default for Flight<T> {
    fn default() -> Self {
        let slot = Slot { flying: false, number: 0, brought: None };
        Self { slot: Mutex::new(slot), landed: Condvar::new() }
    }
}

impl<T: Clone> Flight<T> {
    /// The outcome of the work that is under way, else of `work`, done here with no lock held.
    pub(super) fn join(&self, work: impl FnOnce() -> T) -> T {
        let mut slot = self.slot();
        while slot.flying {
            let number = slot.number;
            let under_way = |slot: &mut Slot<T>| slot.flying && slot.number == number;
            slot = self.landed.wait_while(slot, under_way).unwrap_or_else(PoisonError::into_inner);
            // A later one may have begun or landed meanwhile; what it brings is newer still.
            if !slot.flying
                && let Some(brought) = &slot.brought
            {
                return brought.clone();
            }
        }
        slot.flying = true;
        slot.brought = None;
        drop(slot);
        let landing = Landing { flight: self, brought: None };
        landing.with(work())
    }

    fn slot(&self) -> MutexGuard<'_, Slot<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the flight however the work ends.
struct Landing<'f, T> {
    flight: &'f Flight<T>,
    brought: Option<T>,
}

impl<T: Clone> Landing<'_, T> {
    fn with(mut self, brought: T) -> T {
        self.brought = Some(brought.clone());
        brought
    }
}

impl<T> Drop for Landing<'_, T> {
    fn drop(&mut self) {
        let mut slot = self.flight.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.flying = false;
        slot.number = slot.number.wrapping_add(1);
        slot.brought = self.brought.take();
        drop(slot);
        self.flight.landed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{
            Arc, Barrier,
            atomic::{AtomicU32, Ordering},
        },
        thread,
        time::Duration,
    };

    #[test]
    fn all_who_ask_meanwhile_get_one_outcome_and_who_asks_later_another() {
        let flight = Arc::new(Flight::default());
        let (count, begun) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(2)));
        let first = {
            let (flight, count, begun) =
                (Arc::clone(&flight), Arc::clone(&count), Arc::clone(&begun));
            thread::spawn(move || {
                flight.join(|| {
                    begun.wait();
                    thread::sleep(Duration::from_millis(200));
                    count.fetch_add(1, Ordering::SeqCst)
                })
            })
        };
        begun.wait();
        let others: Vec<_> = (0..8)
            .map(|_| {
                let (flight, count) = (Arc::clone(&flight), Arc::clone(&count));
                thread::spawn(move || flight.join(|| count.fetch_add(1, Ordering::SeqCst)))
            })
            .collect();
        assert_eq!(first.join().unwrap(), 0);
        assert!(others.into_iter().all(|one| one.join().unwrap() == 0));
        assert_eq!(flight.join(|| count.fetch_add(1, Ordering::SeqCst)), 1);
    }

    #[test]
    fn a_panic_of_the_one_leaves_the_work_to_the_next() {
        let flight = Arc::new(Flight::default());
        let panics = Arc::clone(&flight);
        assert!(thread::spawn(move || panics.join(|| panic!("meant"))).join().is_err());
        assert_eq!(flight.join(|| 7), 7);
    }
}
