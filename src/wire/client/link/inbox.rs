//! Who waits for which answer, who reads meanwhile, and who sleeps.

use super::{Link, lock};
use crate::{
    net::Bell,
    wire::{bytes::Output, calls::Row, processors},
};
use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard},
    thread,
    time::Duration,
};

/// How long the only caller looks for its answer before it sleeps.
const LOOK_AHEAD: Duration = Duration::from_micros(500);
/// How long before its usual time an answer is looked for. Until then the caller sleeps: waking takes
/// some of this. A call that takes no longer is quick.
const EARLY: Duration = Duration::from_micros(300);
/// For ever, as far as systems know it.
const LONG: Duration = Duration::from_secs(3600);
/// Bells that are kept for the next who sleep.
const BELLS: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    last: u32,
    pub(super) lost: bool,
    /// Whose thread reads, or is told when there is something to read.
    pub(super) reader: Option<u32>,
    /// More was read than the last answer, so nobody is told of it.
    more: bool,
    /// The server's Cryptoki is open. Until then there is one call, and a limit to its answer.
    pub(super) opened: bool,
    pub(super) waiting: HashMap<u32, Waiting>,
    /// How long calls take, by their number in the protocol.
    pub(super) usual: HashMap<u32, Duration>,
    bells: Vec<Arc<Bell>>,
}

#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) answer: Option<Output>,
    /// What it sleeps on until it is woken. One that still sends does not, and cannot read yet.
    pub(super) asleep: Option<Arc<Bell>>,
}

impl Link {
    /// Waits for the answer with this number, which usually takes as long as that.
    pub(super) fn receive(&self, code: u32, usual: Option<Duration>) -> Option<Output> {
        let quick = usual.is_some_and(|usual| usual <= EARLY);
        let mut not_before = usual.and_then(|usual| usual.checked_sub(EARLY));
        // Whether there is something to read as far as this thread knows, or it was looked for.
        let mut told = false;
        let mut looked = false;
        let mut inbox = lock(&self.inbox);
        loop {
            let answered = inbox.waiting.get(&code).is_none_or(|own| own.answer.is_some());
            if answered || inbox.lost {
                let own = inbox.waiting.remove(&code);
                self.pass_on(inbox, code);
                return own.and_then(|own| own.answer);
            }
            if inbox.reader.is_none_or(|reader| reader == code) {
                inbox.reader = Some(code);
            } else if !(quick && self.take_over(&mut inbox, code)) {
                (inbox, told) = self.sleep(inbox, code, None);
                continue;
            }
            if inbox.opened && !inbox.more && !told {
                let alone = inbox.waiting.len() == 1;
                if let Some(limit) = not_before.take().filter(|_| alone) {
                    (inbox, told) = self.sleep(inbox, code, Some(limit));
                    continue;
                }
                // With others out, the processors are needed for what they ask.
                if (alone || quick) && !looked {
                    looked = true;
                    drop(inbox);
                    let most = if quick { processors() } else { 1 };
                    let worth_it = || lock(&self.inbox).waiting.len() <= most;
                    told = self.connection.look_ahead(LOOK_AHEAD, worth_it);
                    inbox = lock(&self.inbox);
                }
                if !told {
                    (inbox, told) = self.sleep(inbox, code, Some(LONG));
                    continue;
                }
            }
            told = false;
            inbox = self.read(inbox, code);
        }
    }

    /// Reads one answer and hands it out.
    fn read<'a>(&'a self, inbox: MutexGuard<'a, Inbox>, code: u32) -> MutexGuard<'a, Inbox> {
        drop(inbox);
        let mut body = Output::default();
        let (read, more) = {
            let mut intake = lock(&self.intake);
            let read = intake.next(&self.connection, &mut body);
            (read, intake.holds_more())
        };
        let mut inbox = lock(&self.inbox);
        inbox.more = more;
        match read.ok().and_then(|number| inbox.waiting.get_mut(&number).map(|one| (number, one))) {
            Some((number, one)) if one.answer.is_none() => {
                one.answer = Some(body);
                if let Some(bell) = one.asleep.as_ref().filter(|_| number != code) {
                    bell.ring();
                }
            }
            // The end, or an answer that nobody asked for.
            _ => self.lose_locked(&mut inbox),
        }
        inbox
    }

    /// Takes the reading from one who sleeps over it; whether there is one.
    fn take_over(&self, inbox: &mut Inbox, code: u32) -> bool {
        let reader = inbox.reader.and_then(|reader| inbox.waiting.get(&reader));
        let Some(bell) = reader.and_then(|reader| reader.asleep.as_ref()) else { return false };
        bell.disarm(&self.connection);
        inbox.reader = Some(code);
        true
    }

    /// Gives the reading, if it was this call's or nobody's, to one who sleeps without an answer. Not
    /// to one who still sends: a server that waits for its answers to be taken would never take the
    /// rest of that call.
    fn pass_on(&self, mut inbox: MutexGuard<'_, Inbox>, code: u32) {
        if inbox.lost || inbox.reader.is_some_and(|reader| reader != code) {
            return;
        }
        let asleep = |(&number, one): (&u32, &Waiting)| {
            let bell = one.asleep.as_ref().filter(|_| one.answer.is_none())?;
            Some((number, Arc::clone(bell)))
        };
        let next = inbox.waiting.iter().find_map(asleep);
        inbox.reader = next.as_ref().map(|(number, _)| *number);
        if let Some((_, bell)) = next
            && (inbox.more || bell.arm(&self.connection).is_err())
        {
            bell.ring();
        }
    }

    /// Sleeps until the answer is there or all is lost; as the reader, which has a limit, also until
    /// there is something to read, and then the answer is whether there may be.
    fn sleep<'a>(
        &'a self,
        mut inbox: MutexGuard<'a, Inbox>,
        code: u32,
        limit: Option<Duration>,
    ) -> (MutexGuard<'a, Inbox>, bool) {
        let bell = match inbox.bells.pop() {
            Some(bell) => Some(bell),
            None => Bell::over(&self.connection).ok().map(Arc::new),
        };
        let reads = limit.is_some();
        let armed = !reads || bell.as_ref().is_some_and(|bell| bell.arm(&self.connection).is_ok());
        let (Some(bell), true) = (bell, armed) else {
            // Without descriptors: a reader reads, and others look again and again.
            drop(inbox);
            if !reads {
                thread::sleep(Duration::from_millis(1));
            }
            return (lock(&self.inbox), true);
        };
        if let Some(own) = inbox.waiting.get_mut(&code) {
            own.asleep = Some(Arc::clone(&bell));
        }
        drop(inbox);
        let told = bell.wait(limit.unwrap_or(LONG));
        let mut inbox = lock(&self.inbox);
        if let Some(own) = inbox.waiting.get_mut(&code) {
            own.asleep = None;
        }
        let reader = inbox.reader == Some(code);
        if reader && !told {
            bell.disarm(&self.connection);
        }
        if inbox.bells.len() < BELLS {
            inbox.bells.push(bell);
        }
        (inbox, told && reader)
    }
}

impl Inbox {
    /// A number that is not in use; never 0.
    pub(super) fn free_number(&mut self) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1);
            if self.last != 0 && !self.waiting.contains_key(&self.last) {
                return self.last;
            }
        }
    }

    /// Notes how long a call took; one that waited for a person says little of the next.
    pub(super) fn took(&mut self, row: Row, time: Duration) {
        let usual = self.usual.entry(row.id).or_insert(time);
        *usual = (*usual * 3 + time.min(*usual * 2)) / 4;
    }
}
