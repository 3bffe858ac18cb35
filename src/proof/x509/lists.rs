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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::ManualClock,
        crypto::{KeyKind, PrivateKey},
        pki::{Authority, Validity},
    };

    /// Answers with what is there, and counts how often it was asked.
    #[derive(Debug, Default)]
    struct Web {
        list: Mutex<Option<Vec<u8>>>,
        asked: Mutex<usize>,
    }

    impl Fetch for Web {
        fn get(&self, _: &str, limit: usize) -> Result<Vec<u8>, String> {
            assert_eq!(limit, 16 * 1024 * 1024);
            *lock(&self.asked) += 1;
            lock(&self.list).clone().ok_or_else(|| "it is down".to_owned())
        }
    }

    struct World {
        web: Arc<Web>,
        clock: ManualClock,
        authority: Authority,
        list: List,
    }

    const DAY: Duration = Duration::from_secs(86_400);
    const MILLI: Duration = Duration::from_millis(1);

    impl World {
        fn new() -> Self {
            let now = Time::from_unix_seconds(1_800_000_000);
            let key = PrivateKey::generate(KeyKind::P256).unwrap();
            let validity = Validity { not_before: now.minus(DAY), not_after: now.plus(DAY * 30) };
            let authority = Authority::root(key, "Lists", validity).unwrap();
            let web = Arc::new(Web::default());
            let list = List::new("https://crl.example/".to_owned(), web.clone());
            Self { web, clock: ManualClock::new(now), authority, list }
        }

        /// Publishes a list made now.
        fn publish(&self, number: u64, life: Duration) -> Vec<u8> {
            let now = self.clock.now();
            let crl = self.authority.crl(&[], number, now, now.plus(life)).unwrap();
            *lock(&self.web.list) = Some(crl.clone());
            crl
        }

        /// The number of the list that is had now.
        fn number(&self) -> Result<Vec<u8>, String> {
            self.list.current(&self.clock).map(|crl| crl.number().unwrap().to_vec())
        }

        fn asked(&self) -> usize {
            *lock(&self.web.asked)
        }
    }

    #[test]
    fn a_list_serves_an_hour_and_is_then_asked_for_again() {
        let world = World::new();
        world.publish(1, DAY);
        assert_eq!((world.number(), world.asked()), (Ok(vec![1]), 1));
        world.publish(2, DAY);
        world.clock.advance(MAX_AGE - MILLI);
        assert_eq!((world.number(), world.asked()), (Ok(vec![1]), 1));
        world.clock.advance(MILLI);
        assert_eq!((world.number(), world.asked()), (Ok(vec![2]), 2));
    }

    #[test]
    fn a_list_past_its_next_update_is_asked_for_at_once_and_serves_while_there_is_none() {
        let world = World::new();
        world.publish(1, Duration::from_secs(600));
        world.number().unwrap();
        world.clock.advance(Duration::from_secs(600));
        assert_eq!((world.number(), world.asked()), (Ok(vec![1]), 1), "to its last moment");
        *lock(&world.web.list) = None;
        world.clock.advance(MILLI);
        assert_eq!((world.number(), world.asked()), (Ok(vec![1]), 2));
    }

    #[test]
    fn attempts_lie_a_minute_apart_and_a_clock_set_back_is_no_reason_to_wait() {
        let world = World::new();
        assert_eq!((world.number(), world.asked()), (Err("it is down".to_owned()), 1));
        world.clock.advance(REFETCH - MILLI);
        assert_eq!((world.number(), world.asked()), (Err("it is down".to_owned()), 1));
        world.clock.advance(MILLI);
        assert_eq!((world.number(), world.asked()), (Err("it is down".to_owned()), 2));
        assert_eq!((world.number().is_err(), world.asked()), (true, 2), "in the same moment");
        world.clock.set(world.clock.now().minus(DAY));
        assert_eq!((world.number().is_err(), world.asked()), (true, 3));
    }

    #[test]
    fn who_has_a_list_that_holds_does_not_wait_for_who_fetches() {
        let world = World::new();
        world.publish(1, DAY);
        world.number().unwrap();
        world.clock.advance(DAY);
        let fetching = lock(&world.list.fetching);
        assert_eq!((world.number(), world.asked()), (Ok(vec![1]), 1));
        world.clock.advance(MILLI);
        let waited = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| world.number());
            std::thread::sleep(Duration::from_millis(50));
            let waited = !waiting.is_finished();
            drop(fetching);
            waiting.join().unwrap().unwrap();
            waited
        });
        assert!(waited, "a list that holds no longer is nobody's to have");
    }

    #[test]
    fn an_answer_longer_than_a_list_may_be_is_none() {
        let world = World::new();
        let mut list = world.publish(1, DAY);
        list.resize(LIMIT + 1, 0);
        *lock(&world.web.list) = Some(list.clone());
        assert!(world.number().unwrap_err().contains("too long"));
        list.pop();
        *lock(&world.web.list) = Some(list);
        world.clock.advance(REFETCH);
        assert!(!world.number().unwrap_err().contains("too long"));
    }
}
