//! A provider's keys: handed in, or fetched and cached (Discovery 1.0 sections 3 and 4).

use super::{Document, Fetch, Reach, Refusal, Settings, Token, Value, json, reach};
use crate::{
    clock::{Clock, Time},
    proof::jwk::KeySet,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a fetched document is used.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// Largest metadata document, in bytes.
const METADATA_LIMIT: usize = 64 * 1024;

/// Largest key set, in bytes; certificate chains may stand in it.
const KEY_SET_LIMIT: usize = 256 * 1024;

/// Reads a key set of an acceptable size.
pub(super) fn parse(bytes: &[u8]) -> Result<KeySet, Refusal> {
    if bytes.len() > KEY_SET_LIMIT {
        return Err(Refusal::NotJson(Document::KeySet));
    }
    KeySet::parse(bytes)
}

/// Whether a document at `url` may be believed for `issuer`: over HTTPS, or on loopback if the
/// issuer itself is there.
pub(super) fn may_follow(issuer: &str, url: &str) -> bool {
    match reach(url) {
        Some(Reach::Https) => true,
        Some(Reach::Loopback) => reach(issuer) == Some(Reach::Loopback),
        None => false,
    }
}

/// A provider's keys.
#[derive(Debug)]
pub(super) enum Keys {
    /// A key set handed in, or why it cannot be used.
    Fixed(Result<KeySet, Refusal>),
    /// A key set that is fetched.
    Fetched(Box<Cache>),
}

impl Keys {
    pub(super) fn new(settings: &Settings, fetch: Arc<dyn Fetch>) -> Self {
        match &settings.key_set {
            Some(text) => Self::Fixed(parse(text.as_bytes())),
            None => Self::Fetched(Box::new(Cache {
                issuer: settings.issuer.clone(),
                metadata_url: settings.metadata_url(),
                refetch: settings.refetch,
                fetch,
                state: Mutex::default(),
                fetching: Mutex::default(),
            })),
        }
    }

    /// Verifies the signature of a token with the key that it names.
    pub(super) fn verify(&self, token: &Token<'_>, clock: &dyn Clock) -> Result<(), Refusal> {
        match self {
            Self::Fixed(Ok(set)) => set.verify(token),
            Self::Fixed(Err(refusal)) => Err(refusal.clone()),
            Self::Fetched(cache) => cache.set_for(token.key_id.as_deref(), clock)?.verify(token),
        }
    }
}

/// Fetched documents and when they were fetched.
#[derive(Debug)]
pub(super) struct Cache {
    issuer: String,
    metadata_url: String,
    refetch: Duration,
    fetch: Arc<dyn Fetch>,
    state: Mutex<State>,
    /// Held by the one who fetches, never together with `state` while waiting for the network.
    fetching: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// `jwks_uri` of the metadata.
    key_set_url: Option<(String, Time)>,
    set: Option<(Arc<KeySet>, Time)>,
    /// When the last attempt to fetch began, and what it was refused for.
    attempt: Option<(Time, Option<Refusal>)>,
}

impl Cache {
    /// A key set that names `key_id`. Fetches if there is none at hand and the last attempt is long
    /// enough ago.
    fn set_for(&self, key_id: Option<&str>, clock: &dyn Clock) -> Result<Arc<KeySet>, Refusal> {
        if let Some(set) = self.cached(key_id, clock.now()) {
            return Ok(set);
        }
        let _one_at_a_time = lock(&self.fetching);
        // Another thread may have fetched while this one waited: look again, at the time it is now.
        let now = clock.now();
        if let Some(set) = self.cached(key_id, now) {
            return Ok(set);
        }
        self.begin_attempt(now)?;
        let outcome = self.fetch_set(now);
        let mut state = lock(&self.state);
        state.attempt = Some((now, outcome.as_ref().err().cloned()));
        let set = Arc::new(outcome?);
        state.set = Some((Arc::clone(&set), now));
        Ok(set)
    }

    fn cached(&self, key_id: Option<&str>, now: Time) -> Option<Arc<KeySet>> {
        let state = lock(&self.state);
        let set = young(state.set.as_ref(), now)?;
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
                Some(refusal) if young(state.set.as_ref(), now).is_none() => refusal.clone(),
                _ => Refusal::KeyUnknown,
            });
        }
        state.attempt = Some((now, None));
        Ok(())
    }

    fn fetch_set(&self, now: Time) -> Result<KeySet, Refusal> {
        let url = self.key_set_url(now)?;
        parse(&self.get(&url, KEY_SET_LIMIT)?)
    }

    fn key_set_url(&self, now: Time) -> Result<String, Refusal> {
        if let Some(url) = young(lock(&self.state).key_set_url.as_ref(), now) {
            return Ok(url.clone());
        }
        if !may_follow(&self.issuer, &self.metadata_url) {
            return Err(Refusal::Setting("metadata_url"));
        }
        let bytes = self.get(&self.metadata_url, METADATA_LIMIT)?;
        let metadata = json::object(&bytes, Document::Metadata)?;
        let text = |name: &str| metadata.get(name).and_then(Value::text);
        if text("issuer") != Some(self.issuer.as_str()) {
            return Err(Refusal::MetadataIssuer);
        }
        let url = text("jwks_uri")
            .filter(|url| may_follow(&self.issuer, url))
            .ok_or(Refusal::MetadataKeys)?
            .to_owned();
        lock(&self.state).key_set_url = Some((url.clone(), now));
        Ok(url)
    }

    /// A document of at most `limit` bytes, whatever the fetcher lets through.
    fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, Refusal> {
        let bytes = self.fetch.get(url, limit).map_err(Refusal::Unreachable)?;
        if bytes.len() > limit {
            return Err(Refusal::Unreachable("the answer is too long".to_owned()));
        }
        Ok(bytes)
    }
}

/// What was fetched less than [`MAX_AGE`] ago. What was fetched that long ahead of now is from
/// before the clock was set back, and could otherwise be used until the clock comes there again.
fn young<T>(fetched: Option<&(T, Time)>, now: Time) -> Option<&T> {
    let young = |at: Time| now.since(at) < MAX_AGE && at.since(now) < MAX_AGE;
    fetched.filter(|(_, at)| young(*at)).map(|(value, _)| value)
}

/// What stands behind a lock is replaced as a whole: a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
