//! Revocation lists by address: fetched, read once, kept until the next is due. A list is kept for the
//! authority whose signature it bears, so that one of another authority, or of nobody, never takes its
//! place, whichever comes from the same address.

use crate::{
    clock::{Clock, Time},
    pki::{Certificate, Crl},
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
/// Most authorities whose lists are kept of one address.
const AUTHORITIES: usize = 16;

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
    /// One of each authority that has vouched for one.
    held: Vec<Held>,
    /// The last that came of an authority that nobody who asked knew: the next may know it.
    unknown: Option<(Arc<Crl>, Time)>,
    /// When the last attempt began, and why it failed.
    attempt: Option<(Time, Option<String>)>,
}

/// A list whose signature is right.
#[derive(Debug)]
struct Held {
    crl: Arc<Crl>,
    at: Time,
    /// The SubjectPublicKeyInfo of the authority that signed it.
    key: Vec<u8>,
}

impl List {
    pub(super) fn new(address: String, fetch: Arc<dyn Fetch>) -> Self {
        Self { address, fetch, state: Mutex::default(), fetching: Mutex::default() }
    }

    /// The newest of the authorities on a path that can be had now: fresh, or what is at hand if there
    /// is no newer one. Any of the `known` authorities may have signed what comes.
    pub(super) fn current(
        &self,
        clock: &dyn Clock,
        authorities: &[&Certificate],
        known: &[&Certificate],
    ) -> Result<Vec<Arc<Crl>>, String> {
        if let Some(fresh) = self.fresh(clock.now(), authorities) {
            return fresh;
        }
        let _one_at_a_time = match self.fetching.try_lock() {
            Ok(guard) => guard,
            // Who has a list that still holds does not wait for another's fetch.
            Err(TryLockError::WouldBlock) => match self.in_time(clock.now(), authorities) {
                Some(held) => return Ok(held),
                None => lock(&self.fetching),
            },
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        // Another may have fetched meanwhile.
        let now = clock.now();
        if let Some(fresh) = self.fresh(now, authorities) {
            return fresh;
        }
        if self.may_try(now) {
            let outcome = self.get(now);
            let mut state = lock(&self.state);
            state.attempt = Some((now, outcome.as_ref().err().cloned()));
            if let Ok(crl) = outcome {
                state.unknown = Some((Arc::new(crl), now));
            }
        }
        let mut state = lock(&self.state);
        state.vouch(authorities.iter().chain(known).copied());
        self.answer(&state, authorities)
    }

    /// What is at hand of these authorities, or why there is nothing.
    fn answer(&self, state: &State, authorities: &[&Certificate]) -> Result<Vec<Arc<Crl>>, String> {
        let of_these: Vec<_> = state.of(authorities).map(|held| Arc::clone(&held.crl)).collect();
        if !of_these.is_empty() {
            return Ok(of_these);
        }
        let address = &self.address;
        Err(match (&state.unknown, &state.attempt) {
            (_, Some((_, Some(why)))) => why.clone(),
            (Some((crl, _)), _) if authorities.iter().any(|one| names(crl, one)) => {
                format!("{address}: the list is not signed by the authority that it names")
            }
            (None, None) => "nothing was fetched yet".to_owned(),
            _ => format!("{address}: the list there is that of another authority"),
        })
    }

    /// The answer, if nothing has to be fetched for it: their lists are young and hold; or the
    /// address has none of theirs, and one of another authority is. What nobody has vouched for is no
    /// reason to wait for an hour.
    fn fresh(
        &self,
        now: Time,
        authorities: &[&Certificate],
    ) -> Option<Result<Vec<Arc<Crl>>, String>> {
        let mut state = lock(&self.state);
        state.vouch(authorities.iter().copied());
        let young = |held: &Held| {
            let age = now.since(held.at).max(held.at.since(now));
            age < MAX_AGE && now <= held.crl.next_update()
        };
        let none = state.of(authorities).next().is_none();
        let fresh = state.held.iter().any(|held| (none || held.is_of(authorities)) && young(held));
        fresh.then(|| self.answer(&state, authorities))
    }

    fn in_time(&self, now: Time, authorities: &[&Certificate]) -> Option<Vec<Arc<Crl>>> {
        let state = lock(&self.state);
        let of_these: Vec<_> = state.of(authorities).map(|held| Arc::clone(&held.crl)).collect();
        of_these.iter().any(|crl| now <= crl.next_update()).then_some(of_these)
    }

    fn may_try(&self, now: Time) -> bool {
        let state = lock(&self.state);
        // A clock that was set back must not stop fetching until it catches up.
        state.attempt.as_ref().is_none_or(|(last, _)| now < *last || now.since(*last) >= REFETCH)
    }

    /// Fetches it. One from the future is a mistake that every right one would lose to.
    fn get(&self, now: Time) -> Result<Crl, String> {
        let bytes = self.fetch.get(&self.address, LIMIT)?;
        let refused = |why: &str| format!("{}: {why}", self.address);
        if bytes.len() > LIMIT {
            return Err(refused("the answer is too long"));
        }
        let crl = Crl::from_der_or_pem(&bytes).map_err(|error| refused(&error.to_string()))?;
        if crl.this_update() > now.plus(MAX_AGE) {
            return Err(refused("the list is from the future; look at the clocks"));
        }
        Ok(crl)
    }
}

impl Held {
    fn is_of(&self, authorities: &[&Certificate]) -> bool {
        let signed = |one: &&Certificate| {
            names(&self.crl, one) && one.public_key().spki() == self.key.as_slice()
        };
        authorities.iter().any(signed)
    }
}

impl State {
    fn of(&self, authorities: &[&Certificate]) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(|held| held.is_of(authorities))
    }

    /// Keeps what came last as the list of the one of these authorities that has signed it, unless
    /// there is a newer one: an older one may be a replay.
    fn vouch<'a>(&mut self, mut authorities: impl Iterator<Item = &'a Certificate>) {
        let Some((crl, at)) = &self.unknown else { return };
        let signer = authorities.find(|one| names(crl, one) && crl.verify(one).is_ok());
        let Some(signer) = signer else { return };
        let held = Held { crl: Arc::clone(crl), at: *at, key: signer.public_key().spki().to_vec() };
        self.unknown = None;
        let same =
            |old: &Held| old.key == held.key && old.crl.issuer_der() == held.crl.issuer_der();
        let room = self.held.len() < AUTHORITIES;
        match self.held.iter_mut().find(|old| same(old)) {
            Some(old) if held.crl.this_update() < old.crl.this_update() => {}
            Some(old) => *old = held,
            None if room => self.held.push(held),
            None => {
                if let Some(oldest) = self.held.iter_mut().min_by_key(|old| old.at) {
                    *oldest = held;
                }
            }
        }
    }
}

/// Whether a list says that it is of this authority.
fn names(crl: &Crl, authority: &Certificate) -> bool {
    crl.issuer_der() == authority.subject_der()
}

/// What stands behind a lock is replaced as a whole: a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
