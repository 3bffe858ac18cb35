//! What the applications of one user may take of a module: memory between calls, and processors.

use super::{Result, ck::CKR_DEVICE_MEMORY};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// What all connections of one user share, so that one user's applications never take what others
/// sign with: bytes of sessions, of their objects and of operations that have begun, and private keys
/// in use or in the making at one time.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    used: AtomicUsize,
    keys: Turns,
    making: Turns,
}

impl Budget {
    /// At most so many bytes, and so many private keys in use at a time; one is made at a time.
    pub fn new(most: usize, keys: usize) -> Arc<Self> {
        let making = if keys == usize::MAX { keys } else { 1 };
        let (keys, making) = (Turns::new(keys), Turns::new(making));
        Arc::new(Self { most, used: AtomicUsize::new(0), keys, making })
    }

    /// No bound: for a module in the application's own process.
    pub fn unbounded() -> Arc<Self> {
        Self::new(usize::MAX, usize::MAX)
    }

    /// Waits until one more private key may be used; until the answer is dropped it is.
    pub(super) fn use_key(&self) -> Turn<'_> {
        self.keys.enter()
    }

    /// Waits until a key pair may be made.
    pub(super) fn make_key(&self) -> Turn<'_> {
        self.making.enter()
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> Result<()> {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.most);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.map(drop).map_err(|_| CKR_DEVICE_MEMORY)
    }
}

/// Places of those who work at a time.
#[derive(Debug)]
struct Turns {
    most: usize,
    /// Working, and waiting.
    state: Mutex<(usize, usize)>,
    left: Condvar,
}

/// A place among them, until it is dropped.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    fn new(most: usize) -> Self {
        Self { most: most.max(1), state: Mutex::default(), left: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, (usize, usize)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> Turn<'_> {
        let mut state = self.state();
        while state.0 >= self.most {
            state.1 += 1;
            state = self.left.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.1 -= 1;
        }
        state.0 += 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.0 -= 1;
        let waited_for = state.1 > 0;
        drop(state);
        // A notification is a system call, whether or not anybody waits.
        if waited_for {
            self.0.left.notify_one();
        }
    }
}

/// A part of a budget; given back when this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    pub(super) fn none(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// CKR_DEVICE_MEMORY if there is not so much left.
    pub(super) fn of(budget: &Arc<Budget>, bytes: usize) -> Result<Self> {
        let mut share = Self::none(budget);
        share.set(bytes)?;
        Ok(share)
    }

    /// Makes it this large; where that is more than is left it stays as it is, CKR_DEVICE_MEMORY.
    pub(super) fn set(&mut self, bytes: usize) -> Result<()> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.budget.take(more)?,
            None => {
                self.budget.used.fetch_sub(self.bytes.saturating_sub(bytes), Ordering::Relaxed);
            }
        }
        self.bytes = bytes;
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether so much more is left.
    pub(super) fn has_left(&self, more: usize) -> bool {
        self.budget.most.saturating_sub(self.budget.used()) >= more
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_taken_grown_and_given_back_and_no_more_than_there_is() {
        let budget = Budget::new(100, 1);
        let mut one = Share::of(&budget, 60).unwrap();
        assert_eq!(Share::of(&budget, 41).map(drop), Err(CKR_DEVICE_MEMORY));
        let two = Share::of(&budget, 40).unwrap();
        assert_eq!((one.set(61), one.bytes(), budget.used()), (Err(CKR_DEVICE_MEMORY), 60, 100));
        drop(two);
        assert_eq!((one.set(100), budget.used()), (Ok(()), 100));
        assert_eq!((one.set(10), budget.used()), (Ok(()), 10));
        drop(one);
        assert_eq!(budget.used(), 0);
        let all = Budget::unbounded();
        let most = Share::of(&all, usize::MAX).unwrap();
        assert_eq!(Share::of(&all, 1).map(drop), Err(CKR_DEVICE_MEMORY));
        drop(most);
    }

    #[test]
    fn keys_are_used_a_few_at_a_time_and_made_one_at_a_time() {
        use std::{thread, time::Duration};
        let most = |budget: &Budget, making: bool| {
            let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        let _turn = if making { budget.make_key() } else { budget.use_key() };
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(20));
                        inside.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            });
            most.into_inner()
        };
        let budget = Budget::new(0, 3);
        let most = [most(&budget, false), most(&budget, true)];
        assert!((1..=3).contains(&most[0]) && most[1] == 1, "{most:?}");
        drop([(); 3].map(|()| budget.use_key()));
        assert_eq!((*budget.keys.state(), *budget.making.state()), ((0, 0), (0, 0)));
        // One who makes a key keeps nobody from signing.
        let making = budget.make_key();
        drop(budget.use_key());
        drop(making);
        let all = Budget::unbounded();
        drop([(); 8].map(|()| (all.make_key(), all.use_key())));
    }
}
