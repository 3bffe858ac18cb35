//! Work of many threads that one of them does for all: who finds nobody at it does what waits, and
//! whoever comes meanwhile waits for the next turn.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// Pieces of work that wait, and outcomes that wait for whom they are.
#[derive(Debug)]
pub(super) struct Queue<T, R> {
    state: Mutex<State<T, R>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T, R> {
    next: u64,
    waiting: Vec<(u64, T)>,
    done: BTreeMap<u64, R>,
    /// Whether somebody is at it.
    busy: bool,
}

impl<T, R> Default for Queue<T, R> {
    fn default() -> Self {
        let state = State { next: 0, waiting: Vec::new(), done: BTreeMap::new(), busy: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl<T, R> Queue<T, R> {
    /// The outcome of one piece of work, done by this thread or another. `work` answers for each
    /// of the pieces that it is given, in their order.
    pub(super) fn record(&self, piece: T, work: impl Fn(&[T]) -> Vec<R>) -> R {
        let mut state = self.state();
        let own = state.next;
        state.next = state.next.wrapping_add(1);
        state.waiting.push((own, piece));
        loop {
            if let Some(outcome) = state.done.remove(&own) {
                return outcome;
            }
            if state.busy {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.busy = true;
            let (numbers, pieces): (Vec<u64>, Vec<T>) =
                mem::take(&mut state.waiting).into_iter().unzip();
            drop(state);
            let mut turn = Turn { queue: self, own, numbers, pieces, outcomes: None };
            turn.outcomes = Some(work(&turn.pieces));
            drop(turn);
            state = self.state();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one thread does for all. Where it panics, the others do theirs themselves.
struct Turn<'a, T, R> {
    queue: &'a Queue<T, R>,
    own: u64,
    numbers: Vec<u64>,
    pieces: Vec<T>,
    outcomes: Option<Vec<R>>,
}

impl<T, R> Drop for Turn<'_, T, R> {
    fn drop(&mut self) {
        let numbers = mem::take(&mut self.numbers).into_iter();
        let mut state = self.queue.state();
        state.busy = false;
        match self.outcomes.take() {
            Some(outcomes) => {
                debug_assert_eq!(numbers.len(), outcomes.len());
                state.done.extend(numbers.zip(outcomes));
            }
            None => {
                let pieces = numbers.zip(mem::take(&mut self.pieces));
                state.waiting.extend(pieces.filter(|(number, _)| *number != self.own));
            }
        }
        drop(state);
        self.queue.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::mpsc,
        thread,
        time::{Duration, Instant},
    };

    fn waiting(queue: &Queue<u32, u32>, count: usize) {
        let begun = Instant::now();
        while queue.state().waiting.len() < count {
            assert!(begun.elapsed() < Duration::from_secs(20), "they do not come");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn what_comes_while_one_is_at_it_is_done_in_one_go_and_each_has_its_own_outcome() {
        let queue = Queue::<u32, u32>::default();
        let sizes = Mutex::new(Vec::new());
        let (begun, has_begun) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let work = |all: &[u32]| {
            sizes.lock().unwrap().push(all.len());
            if all == [0] {
                begun.send(()).unwrap();
                gate.lock().unwrap().recv().unwrap();
            }
            all.iter().map(|one| one * 2).collect()
        };
        let (queue, work) = (&queue, &work);
        thread::scope(|scope| {
            let first = scope.spawn(move || queue.record(0, work));
            has_begun.recv().unwrap();
            let others: Vec<_> =
                (1..=20).map(|one| (one, scope.spawn(move || queue.record(one, work)))).collect();
            waiting(queue, 20);
            go.send(()).unwrap();
            assert_eq!(first.join().unwrap(), 0);
            for (one, thread) in others {
                assert_eq!(thread.join().unwrap(), one * 2);
            }
        });
        assert_eq!(*sizes.lock().unwrap(), [1, 20]);
        let state = queue.state();
        assert!(state.done.is_empty() && state.waiting.is_empty() && !state.busy);
    }

    #[test]
    fn a_panic_is_of_one_thread_and_the_others_go_on() {
        let queue = Queue::<u32, u32>::default();
        let (begun, has_begun) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let work = |all: &[u32]| {
            if all == [0] {
                begun.send(()).unwrap();
                gate.lock().unwrap().recv().unwrap();
                panic!("asked for by a test");
            }
            all.to_vec()
        };
        let (queue, work) = (&queue, &work);
        thread::scope(|scope| {
            let first = scope.spawn(move || queue.record(0, work));
            has_begun.recv().unwrap();
            let others = [1, 2, 3].map(|one| scope.spawn(move || queue.record(one, work)));
            waiting(queue, 3);
            go.send(()).unwrap();
            assert!(first.join().is_err());
            assert_eq!(others.map(|thread| thread.join().unwrap()), [1, 2, 3]);
        });
    }
}
