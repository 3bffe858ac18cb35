//! Revocation lists by address: fetched, read once, kept until the next is due.

use crate::{
    clock::{Clock, Time},
    pki::Crl,
    proof::{Fetch, reach},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Duration,
};

/// How long a list is used before a newer one is looked for.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// Least time between two attempts.
const REFETCH: Duration = Duration::from_secs(60);
/// Largest list, in bytes.
const LIMIT: usize = 16 << 20;

/// Whether a list may be had from this address: as other documents, or from a file.
pub(super) fn may_fetch(address: &str) -> bool {
    reach(address).is_some()
        || address.strip_prefix("file:///").is_some_and(|path| !path.is_empty())
}

/// One list.
#[derive(Debug)]
pub(super) struct List {
    address: String,
    fetch: Arc<dyn Fetch>,
    state: Mutex<State>,
    /// Held by the one who fetches.
    fetching: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<(Arc<Crl>, Time)>,
    /// When the last attempt began, and why it failed.
    attempt: Option<(Time, Option<String>)>,
}

impl List {
    pub(super) fn new(address: String, fetch: Arc<dyn Fetch>) -> Self {
        Self { address, fetch, state: Mutex::default(), fetching: Mutex::default() }
    }

    /// The newest that can be had now: fresh, or what is at hand if there is no newer one.
    pub(super) fn current(&self, clock: &dyn Clock) -> Result<Arc<Crl>, String> {
        if let Some(fresh) = self.fresh(clock.now()) {
            return Ok(fresh);
        }
        let _one_at_a_time = match self.fetching.try_lock() {
            Ok(guard) => guard,
            // Who has a list that still holds does not wait for another's fetch.
            Err(TryLockError::WouldBlock) => match self.in_time(clock.now()) {
                Some(held) => return Ok(held),
                None => lock(&self.fetching),
            },
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        // Another may have fetched meanwhile.
        let now = clock.now();
        if let Some(fresh) = self.fresh(now) {
            return Ok(fresh);
        }
        if self.may_try(now) {
            let outcome = self.get();
            let mut state = lock(&self.state);
            state.attempt = Some((now, outcome.as_ref().err().cloned()));
            if let Ok(crl) = outcome
                && state.held.as_ref().is_none_or(|(old, _)| replaces(&crl, old, now))
            {
                state.held = Some((Arc::new(crl), now));
            }
        }
        let state = lock(&self.state);
        match (&state.held, &state.attempt) {
            (Some((held, _)), _) => Ok(Arc::clone(held)),
            (None, Some((_, Some(why)))) => Err(why.clone()),
            (None, _) => Err("nothing was fetched yet".to_owned()),
        }
    }

    fn fresh(&self, now: Time) -> Option<Arc<Crl>> {
        let state = lock(&self.state);
        let (crl, at) = state.held.as_ref()?;
        let young = now.since(*at) < MAX_AGE && at.since(now) < MAX_AGE;
        (young && now <= crl.next_update()).then(|| Arc::clone(crl))
    }

    fn in_time(&self, now: Time) -> Option<Arc<Crl>> {
        let state = lock(&self.state);
        let held = state.held.as_ref().filter(|(crl, _)| now <= crl.next_update());
        held.map(|(crl, _)| Arc::clone(crl))
    }

    fn may_try(&self, now: Time) -> bool {
        let state = lock(&self.state);
        // A clock that was set back must not stop fetching until it catches up.
        state.attempt.as_ref().is_none_or(|(last, _)| now < *last || now.since(*last) >= REFETCH)
    }

    fn get(&self) -> Result<Crl, String> {
        let bytes = self.fetch.get(&self.address, LIMIT)?;
        if bytes.len() > LIMIT {
            return Err(format!("{}: the answer is too long", self.address));
        }
        Crl::from_der_or_pem(&bytes).map_err(|error| format!("{}: {error}", self.address))
    }
}

/// Whether a list that came takes the place of the one at hand. One that is older may be a replay,
/// one of another issuer or from the future is a mistake that every right one would lose to.
fn replaces(new: &Crl, old: &Crl, now: Time) -> bool {
    new.issuer_der() == old.issuer_der()
        && new.this_update() >= old.this_update()
        && new.this_update() <= now.plus(MAX_AGE)
}

/// What stands behind a lock is replaced as a whole: a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
