//! Revocation lists by address: fetched, read once, kept until the next is due. Where an address
//! serves lists of several issuers by turns, as at a change of names, each has a place of its own.

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
/// Most issuers whose lists are kept of one address.
const ISSUERS: usize = 4;

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
    /// With the times at which they came, the latest last; one of each issuer.
    held: Vec<(Arc<Crl>, Time)>,
    /// When the last attempt began, and why it failed.
    attempt: Option<(Time, Option<String>)>,
}

impl List {
    pub(super) fn new(address: String, fetch: Arc<dyn Fetch>) -> Self {
        Self { address, fetch, state: Mutex::default(), fetching: Mutex::default() }
    }

    /// The newest that can be had now: fresh, or what is at hand if there is no newer one. One that
    /// names one of these authorities and is not signed by it is none.
    pub(super) fn current(
        &self,
        clock: &dyn Clock,
        authorities: &[&Certificate],
    ) -> Result<Vec<Arc<Crl>>, String> {
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
            let outcome = self.get(authorities, now);
            let mut state = lock(&self.state);
            state.attempt = Some((now, outcome.as_ref().err().cloned()));
            if let Ok(crl) = outcome {
                state.keep(crl, now);
            }
        }
        let state = lock(&self.state);
        match &state.attempt {
            _ if !state.held.is_empty() => Ok(state.all()),
            Some((_, Some(why))) => Err(why.clone()),
            _ => Err("nothing was fetched yet".to_owned()),
        }
    }

    fn fresh(&self, now: Time) -> Option<Vec<Arc<Crl>>> {
        let state = lock(&self.state);
        let (crl, at) = state.held.last()?;
        let young = now.since(*at) < MAX_AGE && at.since(now) < MAX_AGE;
        (young && now <= crl.next_update()).then(|| state.all())
    }

    fn in_time(&self, now: Time) -> Option<Vec<Arc<Crl>>> {
        let state = lock(&self.state);
        let (crl, _) = state.held.last()?;
        (now <= crl.next_update()).then(|| state.all())
    }

    fn may_try(&self, now: Time) -> bool {
        let state = lock(&self.state);
        // A clock that was set back must not stop fetching until it catches up.
        state.attempt.as_ref().is_none_or(|(last, _)| now < *last || now.since(*last) >= REFETCH)
    }

    /// Fetches it. One from the future, or of somebody who only bears an authority's name, is a
    /// mistake that every right one would lose to.
    fn get(&self, authorities: &[&Certificate], now: Time) -> Result<Crl, String> {
        let bytes = self.fetch.get(&self.address, LIMIT)?;
        let refused = |why: &str| format!("{}: {why}", self.address);
        if bytes.len() > LIMIT {
            return Err(refused("the answer is too long"));
        }
        let crl = Crl::from_der_or_pem(&bytes).map_err(|error| refused(&error.to_string()))?;
        if crl.this_update() > now.plus(MAX_AGE) {
            return Err(refused("the list is from the future; look at the clocks"));
        }
        let mut named =
            authorities.iter().filter(|one| one.subject_der() == crl.issuer_der()).peekable();
        if named.peek().is_some() && !named.any(|one| crl.verify(one).is_ok()) {
            return Err(refused("the list is not signed by the authority that it names"));
        }
        Ok(crl)
    }
}

impl State {
    /// Keeps a list that came in the place of its issuer's last one, if that is not newer: an older
    /// one may be a replay.
    fn keep(&mut self, crl: Crl, now: Time) {
        let of_issuer = |(old, _): &(Arc<Crl>, Time)| old.issuer_der() == crl.issuer_der();
        if let Some(place) = self.held.iter().position(of_issuer) {
            let newer = |(old, _): &(Arc<Crl>, Time)| crl.this_update() < old.this_update();
            if self.held.get(place).is_some_and(newer) {
                return;
            }
            self.held.remove(place);
        }
        if self.held.len() >= ISSUERS {
            self.held.remove(0);
        }
        self.held.push((Arc::new(crl), now));
    }

    fn all(&self) -> Vec<Arc<Crl>> {
        self.held.iter().map(|(crl, _)| Arc::clone(crl)).collect()
    }
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
            let lists = self.list.current(&self.clock, &[self.authority.certificate()])?;
            Ok(lists.last().unwrap().number().unwrap().to_vec())
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
    fn each_issuer_of_an_address_has_a_place_and_no_impostor_takes_it() {
        let world = World::new();
        let now = world.clock.now();
        let validity = Validity { not_before: now.minus(DAY), not_after: now.plus(DAY * 30) };
        let other = |name: &str| {
            let key = PrivateKey::generate(KeyKind::P256).unwrap();
            Authority::root(key, name, validity).unwrap()
        };
        let publish = |by: &Authority, made: Time| {
            let crl = by.crl(&[], 9, made, made.plus(DAY)).unwrap();
            *lock(&world.web.list) = Some(crl);
        };
        let issuers = || {
            let lists = world.list.current(&world.clock, &[world.authority.certificate()]);
            lists.map(|all| all.iter().map(|crl| crl.issuer_der().to_vec()).collect::<Vec<_>>())
        };
        let right = world.authority.certificate().subject_der().to_vec();
        // Nothing of the right authority yet: whom that does not help is told nothing wrong.
        publish(&other("Sister"), now);
        let sister = issuers().unwrap();
        assert!(sister.len() == 1 && sister[0] != right);
        world.publish(1, DAY);
        world.clock.advance(MAX_AGE);
        assert_eq!(issuers().unwrap(), [sister[0].clone(), right.clone()]);
        // One in the authority's name that another key signed, newer than the right one.
        world.clock.advance(MAX_AGE);
        publish(&other("Lists"), world.clock.now());
        assert_eq!(issuers().unwrap(), [sister[0].clone(), right.clone()]);
        let fresh = List::new("https://crl.example/".to_owned(), world.web.clone());
        let refused = fresh.current(&world.clock, &[world.authority.certificate()]).unwrap_err();
        assert!(refused.contains("not signed"), "{refused}");
        // More names than are kept: the latest stay.
        for name in ["A", "B", "C", "D"] {
            world.clock.advance(MAX_AGE);
            publish(&other(name), world.clock.now());
            issuers().unwrap();
        }
        let kept = issuers().unwrap();
        assert!(kept.len() == ISSUERS && !kept.contains(&right), "{kept:?}");
    }

    #[test]
    fn a_list_from_the_future_is_none_and_the_right_one_is_had_afterwards() {
        let world = World::new();
        let now = world.clock.now();
        for (ahead, good) in [(MAX_AGE + Duration::from_secs(1), false), (MAX_AGE, true)] {
            let made = now.plus(ahead);
            let crl = world.authority.crl(&[], 3, made, made.plus(DAY)).unwrap();
            *lock(&world.web.list) = Some(crl);
            let list = List::new("https://crl.example/".to_owned(), world.web.clone());
            assert_eq!(list.current(&world.clock, &[]).is_ok(), good, "{ahead:?}");
        }
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
