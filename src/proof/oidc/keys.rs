//! A provider's keys: handed in, or fetched and cached (Discovery 1.0 sections 3 and 4).

use super::{
    Document, Fetch, Refusal, Settings, Token,
    flight::Flight,
    metadata::{self, Metadata},
};
use crate::{
    clock::{Clock, Time},
    crypto::{self, Hash},
    proof::jwk::KeySet,
    store::Store,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a fetched document is used.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// Largest key set, in bytes; certificate chains may stand in it.
const KEY_SET_LIMIT: usize = 256 * 1024;

/// Key sets as they were last fetched, by issuer and address.
const TABLE: &str = "provider_keys";

/// Reads a key set of an acceptable size.
pub(super) fn parse(bytes: &[u8]) -> Result<KeySet, Refusal> {
    if bytes.len() > KEY_SET_LIMIT {
        return Err(Refusal::NotJson(Document::KeySet));
    }
    KeySet::parse(bytes)
}

/// A provider's keys and addresses.
#[derive(Debug)]
pub(super) struct Keys {
    /// A key set handed in, or why it cannot be used.
    fixed: Option<Result<KeySet, Refusal>>,
    cache: Cache,
}

impl Keys {
    pub(super) fn new(
        settings: &Settings,
        fetch: Arc<dyn Fetch>,
        store: Option<Arc<dyn Store>>,
    ) -> Self {
        Self {
            fixed: settings.key_set.as_ref().map(|text| parse(text.as_bytes())),
            cache: Cache {
                issuer: settings.issuer.clone(),
                metadata_url: settings.metadata_url(),
                refetch: settings.refetch,
                stale: settings.stale_keys,
                fetch,
                store,
                state: Mutex::default(),
                sets: Flight::default(),
                metadata: Flight::default(),
            },
        }
    }

    /// Verifies the signature of a token with the key that it names; whether that key was found
    /// among old ones, because there are none newer to be had.
    pub(super) fn verify(&self, token: &Token<'_>, clock: &dyn Clock) -> Result<bool, Refusal> {
        match &self.fixed {
            Some(Ok(set)) => set.verify(token).map(|()| false),
            Some(Err(refusal)) => Err(refusal.clone()),
            None => {
                let (set, offline) = self.cache.set_for(token.key_id.as_deref(), clock)?;
                set.verify(token).map(|()| offline)
            }
        }
    }

    /// The provider's metadata, fetched if none are at hand. Not limited in rate: hosts alone ask,
    /// and all who ask while it is fetched wait for one answer.
    pub(super) fn metadata(&self, clock: &dyn Clock) -> Result<Arc<Metadata>, Refusal> {
        self.cache.metadata(clock.now())
    }
}

/// Fetched documents and when they were fetched.
#[derive(Debug)]
struct Cache {
    issuer: String,
    metadata_url: String,
    refetch: Duration,
    stale: Duration,
    fetch: Arc<dyn Fetch>,
    /// Where the last key set outlives the process.
    store: Option<Arc<dyn Store>>,
    state: Mutex<State>,
    /// A fetch of the key set, for all who wait for it; whether it was fetched just now. `state` is
    /// never held while waiting for the network.
    sets: Flight<Result<(Arc<KeySet>, bool), Refusal>>,
    metadata: Flight<Result<Arc<Metadata>, Refusal>>,
}

#[derive(Debug, Default)]
struct State {
    metadata: Option<(Arc<Metadata>, Time)>,
    set: Option<(Arc<KeySet>, Time)>,
    /// Whether the store has been asked for what an earlier process fetched.
    recalled: bool,
    /// When the last attempt to fetch began, and what it was refused for.
    attempt: Option<(Time, Option<Refusal>)>,
}

impl Cache {
    /// A key set that names `key_id`, and whether it is an old one. Fetches if there is no young one
    /// at hand and the last attempt is long enough ago.
    fn set_for(
        &self,
        key_id: Option<&str>,
        clock: &dyn Clock,
    ) -> Result<(Arc<KeySet>, bool), Refusal> {
        // Twice: what was under way may have been for another key.
        for _ in 0..2 {
            if let Some(set) = self.cached(key_id, clock.now()) {
                return Ok((set, false));
            }
            let outcome = self.sets.join(|| {
                self.recall();
                // The time that it is now, after a wait.
                let now = clock.now();
                if let Some(set) = self.cached(key_id, now) {
                    return Ok((set, false));
                }
                self.begin_attempt(now)?;
                Ok((self.attempt(now)?, true))
            });
            match outcome {
                Ok((set, fetched)) if fetched || set.names(key_id) => return Ok((set, false)),
                Ok(_) => {}
                Err(refusal) => {
                    // What the provider says is believed over what it once said: old keys serve
                    // only where it says nothing at all.
                    let silent = matches!(refusal, Refusal::Unreachable(_));
                    let old = self.old(key_id, clock.now()).filter(|_| silent);
                    return old.map(|set| (set, true)).ok_or(refusal);
                }
            }
        }
        Err(Refusal::KeyUnknown)
    }

    /// Fetches, and notes what came of it.
    fn attempt(&self, now: Time) -> Result<Arc<KeySet>, Refusal> {
        let outcome = self.fetch_set(now);
        let mut state = lock(&self.state);
        state.attempt = Some((now, outcome.as_ref().err().cloned()));
        let set = Arc::new(outcome?);
        state.set = Some((Arc::clone(&set), now));
        Ok(set)
    }

    fn cached(&self, key_id: Option<&str>, now: Time) -> Option<Arc<KeySet>> {
        let state = lock(&self.state);
        let set = younger(state.set.as_ref(), MAX_AGE, now)?;
        set.names(key_id).then(|| Arc::clone(set))
    }

    /// A set that is too old to be used while the provider answers.
    fn old(&self, key_id: Option<&str>, now: Time) -> Option<Arc<KeySet>> {
        let state = lock(&self.state);
        let set = younger(state.set.as_ref(), self.stale, now)?;
        set.names(key_id).then(|| Arc::clone(set))
    }

    /// Notes that an attempt begins, or refuses it because the last one was just now.
    fn begin_attempt(&self, now: Time) -> Result<(), Refusal> {
        let mut state = lock(&self.state);
        if let Some((last, refusal)) = &state.attempt
            // A clock that was set back must not stop fetching until it catches up.
            && now >= *last
            && now.since(*last) < self.refetch
        {
            // With a young set at hand the key is just not in it; without, nothing is known.
            return Err(match refusal {
                Some(refusal) if younger(state.set.as_ref(), MAX_AGE, now).is_none() => {
                    refusal.clone()
                }
                _ => Refusal::KeyUnknown,
            });
        }
        state.attempt = Some((now, None));
        Ok(())
    }

    fn fetch_set(&self, now: Time) -> Result<KeySet, Refusal> {
        let metadata = self.metadata(now)?;
        let url = metadata.key_set.as_ref().ok_or(Refusal::MetadataKeys)?;
        let bytes = self.get(url, KEY_SET_LIMIT)?;
        let set = parse(&bytes)?;
        self.remember(&bytes, now);
        Ok(set)
    }

    /// The metadata, at hand or fetched.
    fn metadata(&self, now: Time) -> Result<Arc<Metadata>, Refusal> {
        if let Some(metadata) = younger(lock(&self.state).metadata.as_ref(), MAX_AGE, now) {
            return Ok(Arc::clone(metadata));
        }
        self.metadata.join(|| self.fetch_metadata(now))
    }

    fn fetch_metadata(&self, now: Time) -> Result<Arc<Metadata>, Refusal> {
        // It may have come between the look and the fetch.
        if let Some(metadata) = younger(lock(&self.state).metadata.as_ref(), MAX_AGE, now) {
            return Ok(Arc::clone(metadata));
        }
        if !metadata::may_follow(&self.issuer, &self.metadata_url) {
            return Err(Refusal::Setting("metadata_url"));
        }
        let bytes = self.get(&self.metadata_url, metadata::LIMIT)?;
        let metadata = Arc::new(Metadata::parse(&bytes, &self.issuer)?);
        lock(&self.state).metadata = Some((Arc::clone(&metadata), now));
        Ok(metadata)
    }

    /// A document of at most `limit` bytes, whatever the fetcher lets through.
    fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, Refusal> {
        let bytes = self.fetch.get(url, limit).map_err(Refusal::Unreachable)?;
        if bytes.len() > limit {
            return Err(Refusal::Unreachable("the answer is too long".to_owned()));
        }
        Ok(bytes)
    }

    fn row(&self) -> Vec<u8> {
        let place = format!("{}\n{}", self.issuer, self.metadata_url);
        crypto::digest(Hash::Sha256, place.as_bytes())
    }

    /// Keeps a key set beyond this process. A store that fails costs no more than a fetch later.
    fn remember(&self, bytes: &[u8], now: Time) {
        let Some(store) = &self.store else { return };
        let value = [&now.unix_millis().to_be_bytes(), bytes].concat();
        let _ = store.transact(&mut |rows| rows.put(TABLE, &self.row(), &value));
    }

    /// Takes up, once, what an earlier process kept; it is as old as it was.
    fn recall(&self) {
        if std::mem::replace(&mut lock(&self.state).recalled, true) {
            return;
        }
        let Some(store) = &self.store else { return };
        let mut kept = None;
        // A store that fails leaves it at nothing kept.
        let _ = store.read(&mut |rows| {
            kept = rows.row(TABLE, &self.row())?;
            Ok(())
        });
        let kept = kept.as_deref().and_then(|value| value.split_first_chunk::<8>());
        let Some((at, bytes)) = kept else { return };
        if let Ok(set) = parse(bytes) {
            let at = Time::from_unix_millis(i64::from_be_bytes(*at));
            lock(&self.state).set.get_or_insert((Arc::new(set), at));
        }
    }
}

/// What was fetched less than `age` ago. What was fetched long ahead of now is from before the clock
/// was set back, and could otherwise be used until the clock comes there again.
fn younger<T>(fetched: Option<&(T, Time)>, age: Duration, now: Time) -> Option<&T> {
    let young = |at: Time| now.since(at) < age && at.since(now) < MAX_AGE;
    fetched.filter(|(_, at)| young(*at)).map(|(value, _)| value)
}

/// What stands behind a lock is replaced as a whole: a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
