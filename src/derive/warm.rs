//! Keys made ahead: an RSA-2048 key takes tens of milliseconds, and the person waits.

use crate::crypto::{self, KeyKind, PrivateKey};
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Most keys that are kept ready.
pub(super) const MOST: usize = 64;

/// How long the thread rests after the back end has failed.
const REST: Duration = Duration::from_secs(1);

/// Keys of one kind, ready to be taken; each is given out once. Erased with this value.
#[derive(Debug)]
pub(super) struct Pool {
    kind: KeyKind,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<PrivateKey>,
}

impl Pool {
    /// An empty pool.
    pub(super) fn new(kind: KeyKind) -> Self {
        Self { kind, state: Mutex::default(), changed: Condvar::new() }
    }

    /// A key made ahead, or one made now.
    pub(super) fn take(&self) -> Result<PrivateKey, crypto::Error> {
        let ready = self.state().ready.pop_front();
        self.changed.notify_all();
        ready.map_or_else(|| PrivateKey::generate(self.kind), Ok)
    }

    /// Makes keys until `keys` are ready.
    pub(super) fn fill(&self, keys: usize) -> Result<(), crypto::Error> {
        while self.state().ready.len() < keys.min(MOST) {
            // Made without the lock; one too many, where two fill at once, is kept as well.
            let key = PrivateKey::generate(self.kind)?;
            self.state().ready.push_back(key);
        }
        Ok(())
    }

    /// Keeps `keys` ready by a thread.
    pub(super) fn keep(pool: &Arc<Self>, keys: usize) -> io::Result<WarmKeys> {
        let stop = Arc::new(Mutex::new(false));
        let (own_pool, own_stop) = (Arc::clone(pool), Arc::clone(&stop));
        let worker = thread::Builder::new()
            .name("warm keys".to_owned())
            .spawn(move || own_pool.run(keys, &own_stop))?;
        Ok(WarmKeys { pool: Arc::clone(pool), stop, worker: Some(worker) })
    }

    fn run(&self, keys: usize, stop: &Mutex<bool>) {
        let stopped = || *stop.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys.min(MOST);
        while !stopped() {
            let state = self.state();
            if state.ready.len() >= keys {
                // `stop` is set before the condition is told, under the state's lock.
                if !stopped() {
                    drop(self.changed.wait(state));
                }
                continue;
            }
            drop(state);
            match PrivateKey::generate(self.kind) {
                Ok(key) => self.state().ready.push_back(key),
                Err(_) => drop(self.changed.wait_timeout(self.state(), REST)),
            }
        }
    }

    /// How many are ready.
    #[cfg(test)]
    pub(super) fn ready(&self) -> usize {
        self.state().ready.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that keeps keys ready, until this is dropped. The keys that are ready stay.
#[derive(Debug)]
pub struct WarmKeys {
    pool: Arc<Pool>,
    stop: Arc<Mutex<bool>>,
    worker: Option<JoinHandle<()>>,
}

impl Drop for WarmKeys {
    fn drop(&mut self) {
        {
            let _state = self.pool.state();
            *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        }
        self.pool.changed.notify_all();
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}
