//! What other programs did in the agent's store, brought into the audit log: changes of the roster,
//! decisions of reviews, replaced keys.
//!
//! They write the store, with who and when; the log is the agent's alone. The agent looks for what
//! is new at its start, while it runs, and before it ends, and remembers how far it came once the
//! records are on the medium. So nothing is lost when no agent runs or one is killed; at worst a
//! record is there twice, with the same number.

use super::{Error, audit::Entry, core::Core};
use crate::{
    clock::Time,
    derive::roster::{Change, Choice, Decision},
    store::{self, Store},
};
use serde::{Deserialize, Serialize};

const TABLE: &str = "agent";
/// Words for the log, by their numbers.
const ACTS: &str = "agent_acts";
/// The number of the last act that was left.
#[cfg(feature = "sqlite")]
const LAST: &[u8] = b"acts-left";
/// What has been brought so far.
const BROUGHT: &[u8] = b"brought-into-the-log";
/// So many at once, so that nothing waits for long.
const MOST: usize = 256;

/// Something that another program did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Act {
    event: String,
    what: String,
    by: String,
    at: i64,
}

/// The events that acts may have.
const EVENTS: [&str; 2] = ["secret-rotated", "secret-retired"];

impl Act {
    #[cfg(feature = "sqlite")]
    pub(super) fn new(event: &'static str, what: &str, by: &str, at: Time) -> Self {
        let (event, what, by) = (event.to_owned(), what.to_owned(), by.to_owned());
        Self { event, what, by, at: at.unix_millis() }
    }

    fn entry(&self, number: u64) -> Entry {
        let event = EVENTS.into_iter().find(|event| *event == self.event);
        Entry::new(event.unwrap_or("act"))
            .text("what", &self.what)
            .text("by", &self.by)
            .text("at", &Time::from_unix_millis(self.at).to_string())
            .number("act", number)
    }
}

/// Leaves word of something for the agent's log.
#[cfg(feature = "sqlite")]
pub(super) fn leave(store: &dyn Store, act: &Act) -> Result<(), store::Error> {
    let row = serde_json::to_vec(act).map_err(|_| store::Error::Malformed(ACTS))?;
    store.transact(&mut |rows| {
        let last = number(rows.row(TABLE, LAST)?)?.saturating_add(1);
        rows.put(TABLE, LAST, &last.to_be_bytes())?;
        rows.put(ACTS, &last.to_be_bytes(), &row)
    })
}

#[cfg(feature = "sqlite")]
fn number(row: Option<Vec<u8>>) -> Result<u64, store::Error> {
    let bytes = row.map(|row| <[u8; 8]>::try_from(row).map_err(|_| store::Error::Malformed(TABLE)));
    Ok(bytes.transpose()?.map_or(0, u64::from_be_bytes))
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Brought {
    changes: u64,
    decisions: u64,
    acts: u64,
}

fn brought(store: &dyn Store) -> Result<Brought, store::Error> {
    let mut found = None;
    store.read(&mut |rows| {
        found = rows.row(TABLE, BROUGHT)?;
        Ok(())
    })?;
    let read = |row: Vec<u8>| serde_json::from_slice(&row);
    let read = found.map(read).transpose().map_err(|_| store::Error::Malformed(TABLE))?;
    Ok(read.unwrap_or_default())
}

/// The acts after a number, oldest first.
fn acts_after(store: &dyn Store, after: u64) -> Result<Vec<(u64, Act)>, store::Error> {
    let mut all = Vec::new();
    store.read(&mut |rows| {
        all.clear();
        for next in (after.saturating_add(1)..).take(MOST) {
            let Some(row) = rows.row(ACTS, &next.to_be_bytes())? else { break };
            let act = serde_json::from_slice(&row).map_err(|_| store::Error::Malformed(ACTS))?;
            all.push((next, act));
        }
        Ok(())
    })?;
    Ok(all)
}

impl Core {
    /// Brings what others did since the last look; what fails is tried again at the next.
    pub(super) fn bring_new(&self) {
        // Asked before the rows are read: what comes meanwhile is seen the next time.
        let Ok(version) = self.state.store.version() else { return };
        if self.brought_at() != Some(version) && self.bring_all().is_ok() {
            self.set_brought_at(version);
        }
    }

    /// Brings what is new into the log, as far as it goes; whether more may be there.
    ///
    /// # Errors
    /// The store or the log: it is tried again at the next look.
    pub(super) fn bring(&self) -> Result<bool, Error> {
        if self.state.log.is_none() {
            return Ok(false);
        }
        let store = &*self.state.store;
        let before = brought(store)?;
        let mut now = before;
        let changes = self.roster.changes_after(before.changes, MOST)?;
        for (number, change) in &changes {
            self.record(&changed(*number, change))?;
            now.changes = *number;
        }
        let decisions = self.roster.decisions_after(before.decisions, MOST)?;
        for (number, decision) in &decisions {
            self.record(&decided(*number, decision))?;
            now.decisions = *number;
        }
        let acts = acts_after(store, before.acts)?;
        for (number, act) in &acts {
            self.record(&act.entry(*number))?;
            now.acts = *number;
        }
        if now == before {
            return Ok(false);
        }
        // On the medium before it is remembered: a power cut takes neither without the other.
        self.state.sync()?;
        let row = serde_json::to_vec(&now).map_err(|_| store::Error::Malformed(TABLE))?;
        store.transact(&mut |rows| {
            for (number, _) in &acts {
                rows.delete(ACTS, &number.to_be_bytes())?;
            }
            rows.put(TABLE, BROUGHT, &row)
        })?;
        Ok([changes.len(), decisions.len(), acts.len()].contains(&MOST))
    }

    /// Brings all that is new.
    ///
    /// # Errors
    /// As [`Self::bring`].
    pub(super) fn bring_all(&self) -> Result<(), Error> {
        while self.bring()? {}
        Ok(())
    }
}

fn changed(number: u64, change: &Change) -> Entry {
    Entry::new("roster-changed")
        .text("person", change.person.as_str())
        .text("what", &change.what)
        .text("by", &change.by)
        .text("at", &change.at.to_string())
        .number("change", number)
}

fn decided(number: u64, decision: &Decision) -> Entry {
    let what = match decision.choice {
        Choice::Keep => "keep",
        Choice::Remove => "remove",
    };
    Entry::new("roster-decided")
        .text("person", decision.person.as_str())
        .text("what", what)
        .text("by", &decision.by)
        .text("at", &decision.at.to_string())
        .number("decision", number)
}
