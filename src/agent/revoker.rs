//! Certificates of cards that have ended, on their way to the issuer: queued at once, on disk soon
//! after, asked for again until the issuer has them on record or they have expired.
//!
//! The end of a card never waits for this. Nothing runs until the first revocation, or where an
//! earlier agent left some.

use super::{Agent, Error, Removal, audit::Entry, gate::AuditGate};
use crate::{
    card::{Card, CardId},
    clock::{Clock, Time},
    issue::{self, Issuer, MOST_REVOKED, Serial},
    pki::{Certificate, Reason},
    store::{self, Store},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const TABLE: &str = "revocations";
const VERSION: u8 = 1;
/// First wait after an issuer did not answer; doubled up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

impl Agent {
    /// Erases a card and has its certificates revoked: at once where the issuer can be reached,
    /// else as soon as it can.
    ///
    /// # Errors
    /// There is no such card.
    pub fn revoke(&self, card: CardId, reason: Reason) -> Result<(), Error> {
        let there = self.core.itself(card)?;
        self.core.remove(card, Removal::Administrator)?;
        self.core.revoker.revoke_card(&there, reason);
        Ok(())
    }

    /// How many certificates of cards that have ended wait for the issuer to revoke them.
    pub fn revocations_waiting(&self) -> usize {
        self.core.revoker.waiting()
    }
}

/// The queue and its thread; dropping it ends the thread, and the queue stays in the store.
#[derive(Debug)]
pub(super) struct Revoker {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    issuer: Arc<dyn Issuer>,
    store: Arc<dyn Store>,
    gate: Arc<AuditGate>,
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeMap<Serial, Waiting>,
    stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    reason: Reason,
    not_after: Time,
    on_disk: bool,
}

impl Revoker {
    /// Has the certificates of a card that has ended revoked, now or as soon as the issuer can be
    /// reached. Returns at once; called after the card is gone.
    pub(super) fn revoke_card(&self, card: &Card, reason: Reason) {
        let certificates = card.slots().into_iter().filter_map(|slot| card.certificate(slot));
        self.queue(certificates.map(end).collect(), reason);
    }

    /// Takes up what an earlier agent left in `store`.
    pub(super) fn start(
        issuer: &Arc<dyn Issuer>,
        store: &Arc<dyn Store>,
        gate: &Arc<AuditGate>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let waiting = left(&**store)?;
        let begin = !waiting.is_empty();
        let queue = Mutex::new(Queue { waiting, stopped: false });
        let shared = Shared {
            issuer: Arc::clone(issuer),
            store: Arc::clone(store),
            gate: Arc::clone(gate),
            clock: Arc::clone(clock),
            queue,
            changed: Condvar::new(),
        };
        let revoker = Self { shared: Arc::new(shared), thread: Mutex::default() };
        if begin {
            revoker.run();
        }
        Ok(revoker)
    }

    /// How many certificates wait for the issuer.
    pub(super) fn waiting(&self) -> usize {
        self.shared.queue().waiting.len()
    }

    fn queue(&self, ends: Vec<(Serial, Time)>, reason: Reason) {
        if ends.is_empty() {
            return;
        }
        let mut queue = self.shared.queue();
        for (serial, not_after) in ends {
            let one = Waiting { reason, not_after, on_disk: false };
            queue.waiting.entry(serial).or_insert(one);
        }
        drop(queue);
        self.shared.changed.notify_all();
        self.run();
    }

    /// Starts the thread unless it runs.
    fn run(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let builder = thread::Builder::new().name("wardcard-revoker".to_owned());
            // Without a thread they wait in the queue for the next call, or the next agent.
            *thread = builder.spawn(move || shared.run()).ok();
        }
    }
}

impl Drop for Revoker {
    fn drop(&mut self) {
        self.shared.queue().stopped = true;
        self.shared.changed.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        // What came last may not be on disk yet; the next agent goes on with it.
        let _ = self.shared.keep();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut wait = FIRST;
        let mut again: Option<Instant> = None;
        loop {
            let idle = |queue: &mut Queue| {
                let new = queue.waiting.values().any(|one| !one.on_disk);
                !queue.stopped && !new && (queue.waiting.is_empty() || again.is_some())
            };
            let limit = again.map_or(LONGEST, |at| at.saturating_duration_since(Instant::now()));
            let waited = self.changed.wait_timeout_while(self.queue(), limit, idle);
            if waited.unwrap_or_else(PoisonError::into_inner).0.stopped {
                return;
            }
            // Without the disk they are asked for all the same.
            let _ = self.keep();
            match self.ask() {
                Ok(()) => {
                    wait = FIRST;
                    again = None;
                }
                Err(error) => {
                    if again.is_none() {
                        let entry = Entry::new("revocation-waits").text("why", &error.to_string());
                        // A lost record delays no revocation.
                        let _ = self.gate.record(&entry);
                    }
                    again = Instant::now().checked_add(wait);
                    wait = (wait * 2).min(LONGEST);
                }
            }
        }
    }

    /// Asks the issuer for all that wait, by their reasons.
    fn ask(&self) -> Result<(), issue::Error> {
        let now = self.clock.now();
        let mut by_reason: Vec<(Reason, Vec<Serial>)> = Vec::new();
        let mut expired = Vec::new();
        for (serial, one) in &self.queue().waiting {
            if one.not_after < now {
                expired.push(serial.clone());
                continue;
            }
            match by_reason.iter_mut().find(|(reason, _)| *reason == one.reason) {
                Some((_, serials)) => serials.push(serial.clone()),
                None => by_reason.push((one.reason, vec![serial.clone()])),
            }
        }
        self.done(&expired);
        for (reason, serials) in by_reason {
            for some in serials.chunks(MOST_REVOKED) {
                self.ask_for(some, reason)?;
            }
        }
        Ok(())
    }

    /// Asks for some at once; where one of them is refused, for each alone.
    fn ask_for(&self, serials: &[Serial], reason: Reason) -> Result<(), issue::Error> {
        match (self.issuer.revoke(serials, reason), serials) {
            (Ok(()), _) => self.revoked(serials, reason),
            (Err(issue::Error::Refused(why)), [one]) => {
                let entry = Entry::new("revocation-refused").text("serial", one.as_str());
                // It is of no use to ask again, on record or not.
                let _ = self.gate.record(&entry.text("why", &why));
                self.done(serials);
            }
            (Err(issue::Error::Refused(_)), several) => {
                for one in several {
                    self.ask_for(std::slice::from_ref(one), reason)?;
                }
            }
            (Err(other), _) => return Err(other),
        }
        Ok(())
    }

    fn revoked(&self, serials: &[Serial], reason: Reason) {
        let entry = Entry::new("certificates-revoked").text("reason", reason.name());
        // The issuer has them on its own record.
        let _ = self.gate.record(&entry.texts("serials", serials.iter().map(Serial::as_str)));
        self.done(serials);
    }

    /// Writes what waits and is not on disk yet.
    fn keep(&self) -> Result<(), store::Error> {
        let fresh: Vec<(Serial, Waiting)> = {
            let queue = self.queue();
            let fresh = queue.waiting.iter().filter(|(_, one)| !one.on_disk);
            fresh.map(|(serial, one)| (serial.clone(), *one)).collect()
        };
        if fresh.is_empty() {
            return Ok(());
        }
        let kept = self.store.transact(&mut |rows| {
            let put = |(serial, one): &(Serial, Waiting)| {
                rows.put(TABLE, serial.as_str().as_bytes(), &one.to_bytes())
            };
            fresh.iter().try_for_each(put)
        });
        // Also where it failed: the thread does not turn in circles over a broken disk.
        let mut queue = self.queue();
        for (serial, _) in &fresh {
            if let Some(one) = queue.waiting.get_mut(serial) {
                one.on_disk = true;
            }
        }
        kept
    }

    /// These need nothing more.
    fn done(&self, serials: &[Serial]) {
        if serials.is_empty() {
            return;
        }
        // Asking once more after a restart changes nothing.
        let _ = self.store.transact(&mut |rows| {
            serials.iter().try_for_each(|serial| rows.delete(TABLE, serial.as_str().as_bytes()))
        });
        let mut queue = self.queue();
        for serial in serials {
            queue.waiting.remove(serial);
        }
    }
}

fn end(certificate: &Certificate) -> (Serial, Time) {
    (Serial::of(certificate), certificate.not_after())
}

/// What an earlier agent left.
fn left(store: &dyn Store) -> Result<BTreeMap<Serial, Waiting>, store::Error> {
    let mut waiting = BTreeMap::new();
    store.read(&mut |rows| {
        for (key, value) in rows.rows(TABLE)? {
            let serial = std::str::from_utf8(&key).ok().and_then(Serial::parse);
            let row = serial.zip(Waiting::from_bytes(&value));
            let (serial, one) = row.ok_or(store::Error::Malformed(TABLE))?;
            waiting.insert(serial, one);
        }
        Ok(())
    })?;
    Ok(waiting)
}

/// `version 1 | not_after i64 milliseconds | name of the reason`
impl Waiting {
    fn to_bytes(self) -> Vec<u8> {
        let until = self.not_after.unix_millis().to_be_bytes();
        [&[VERSION][..], &until, self.reason.name().as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_first_chunk::<1>()?;
        let (until, name) = bytes.split_first_chunk::<8>()?;
        let reason = Reason::named(std::str::from_utf8(name).ok()?)?;
        let not_after = Time::from_unix_millis(i64::from_be_bytes(*until));
        (*version == [VERSION]).then_some(Self { reason, not_after, on_disk: true })
    }
}

#[cfg(test)]
mod tests;
