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
    /// Held while the row in the store and `now` are made the same.
    changing: Mutex<()>,
    /// How often all cards were stopped; what was begun before is not finished after.
    stops: AtomicU64,
    /// How many stops there had been when the last start was asked for.
    started: AtomicU64,
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
        let (now, changing) = (Mutex::new(now), Mutex::default());
        Ok(Self { store, now, changing, stops: AtomicU64::new(0), started: AtomicU64::new(0) })
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

    /// What was begun before is not to be finished. No card is made from now on if `hold`. An empty
    /// reason leaves what is in force. Answers the number of this stop, for [`Self::keep`].
    pub(super) fn halt(&self, reason: &str, hold: bool, now: Time) -> u64 {
        let stop = self.stops.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        if hold {
            self.hold(reason, now);
        }
        stop
    }

    fn hold(&self, reason: &str, now: Time) -> Row {
        let mut current = locked(&self.now);
        let kept = current.take().filter(|_| reason.is_empty());
        let reason = if reason.is_empty() { "no reason given" } else { reason };
        let new = || Row { since: now.unix_millis(), reason: reason.to_owned() };
        current.insert(kept.unwrap_or_else(new)).clone()
    }

    /// Keeps for after a restart what a stop has held, unless a start was asked for after it.
    pub(super) fn keep(&self, stop: u64, reason: &str, now: Time) -> Result<(), store::Error> {
        let _changing = locked(&self.changing);
        if self.started.load(Ordering::SeqCst) >= stop {
            return Ok(());
        }
        // A start that was under way before may have undone it meanwhile.
        let row = self.hold(reason, now);
        let bytes = serde_json::to_vec(&row).map_err(|_| store::Error::Malformed(TABLE))?;
        self.store.transact(&mut |rows| rows.put(TABLE, KEY, &bytes))
    }

    /// Cards are made again.
    pub(super) fn start(&self) -> Result<(), store::Error> {
        let stops = self.stops.load(Ordering::SeqCst);
        let _changing = locked(&self.changing);
        self.store.transact(&mut |rows| rows.delete(TABLE, KEY))?;
        self.started.fetch_max(stops, Ordering::SeqCst);
        *locked(&self.now) = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, Watched};
    use std::sync::mpsc::sync_channel;

    #[test]
    fn a_stop_while_a_start_is_under_way_holds_here_and_after_a_restart() {
        let now = Time::from_unix_seconds(1_800_000_000);
        let ((begun, tells), (goes, go)) = (sync_channel(9), sync_channel(9));
        let go = Mutex::new(go);
        // Changes tell that they are under way, and wait.
        let wait = move || {
            begun.send(()).unwrap();
            locked(&go).recv().unwrap();
        };
        let store = Arc::new(Watched::new(Arc::new(MemoryStore::new()), || Ok(()), wait));
        let still = Standstill::open(store.clone()).unwrap();
        std::thread::scope(|scope| {
            let start = scope.spawn(|| still.start());
            // Its row is deleted, and it has not yet said so.
            tells.recv().unwrap();
            let stop = still.halt("fire", true, now);
            assert!(still.moving().is_err(), "at once, whatever is under way");
            let keep = scope.spawn({
                let still = &still;
                move || still.keep(stop, "fire", now)
            });
            goes.send(()).unwrap();
            start.join().unwrap().unwrap();
            tells.recv().unwrap();
            goes.send(()).unwrap();
            keep.join().unwrap().unwrap();
        });
        assert!(still.moving().is_err());
        let still = Standstill::open(store.clone()).unwrap();
        assert!(still.moving().is_err(), "after a restart");
        // A start that is asked for between the halves of a stop is not undone.
        let stop = still.halt("again", true, now);
        goes.send(()).unwrap();
        still.start().unwrap();
        still.keep(stop, "again", now).unwrap();
        assert!(still.moving().is_ok() && Standstill::open(store).unwrap().moving().is_ok());
    }
}
