//! A standstill: an administrator has stopped all cards, and none is made until they start again,
//! whatever restarts meanwhile.

use super::{super::Error, locked};
use crate::{
    clock::Time,
    store::{self, Store},
};
use serde::{Deserialize, Serialize};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

/// Whether everything stands still.
#[derive(Debug)]
pub(super) struct Standstill {
    store: Arc<dyn Store>,
    now: Mutex<Option<Row>>,
    /// How often all cards were stopped; what was begun before is not finished after.
    stops: AtomicU64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    since: i64,
    reason: String,
}

const TABLE: &str = "agent";
const KEY: &[u8] = b"standstill";

impl Standstill {
    /// As it was left.
    pub(super) fn open(store: Arc<dyn Store>) -> Result<Self, store::Error> {
        let mut found = None;
        store.read(&mut |rows| {
            found = rows.row(TABLE, KEY)?;
            Ok(())
        })?;
        let parsed = found.map(|row| serde_json::from_slice(&row));
        let now = parsed.transpose().map_err(|_| store::Error::Malformed(TABLE))?;
        Ok(Self { store, now: Mutex::new(now), stops: AtomicU64::new(0) })
    }

    /// An error while everything stands still; else the number of stops so far.
    pub(super) fn moving(&self) -> Result<u64, Error> {
        match &*locked(&self.now) {
            None => Ok(self.stops.load(Ordering::SeqCst)),
            Some(Row { since, reason }) => Err(Error::AllStopped {
                since: Time::from_unix_millis(*since),
                reason: reason.clone(),
            }),
        }
    }

    /// Whether nothing was stopped since that number of stops.
    pub(super) fn still_moving(&self, stops: u64) -> Result<(), Error> {
        if self.moving()? == stops { Ok(()) } else { Err(Error::UnknownRequest) }
    }

    /// What was begun before is not to be finished. No card is made from now on if `hold`, even
    /// where that cannot be kept for after a restart. An empty reason leaves what is in force.
    pub(super) fn stop(&self, reason: &str, hold: bool, now: Time) -> Result<(), store::Error> {
        self.stops.fetch_add(1, Ordering::SeqCst);
        if !hold {
            return Ok(());
        }
        let row = {
            let mut current = locked(&self.now);
            let kept = current.take().filter(|_| reason.is_empty());
            let reason = if reason.is_empty() { "no reason given" } else { reason };
            let new = || Row { since: now.unix_millis(), reason: reason.to_owned() };
            current.insert(kept.unwrap_or_else(new)).clone()
        };
        let bytes = serde_json::to_vec(&row).map_err(|_| store::Error::Malformed(TABLE))?;
        self.store.transact(&mut |rows| rows.put(TABLE, KEY, &bytes))
    }

    /// Cards are made again.
    pub(super) fn start(&self) -> Result<(), store::Error> {
        self.store.transact(&mut |rows| rows.delete(TABLE, KEY))?;
        *locked(&self.now) = None;
        Ok(())
    }
}
