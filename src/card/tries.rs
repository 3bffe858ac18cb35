//! Tries: spent on disk before the passcode is looked at, so that neither a kill nor a crowd of
//! guesses gets a free one (design rule 4).

use crate::{
    clock::Time,
    pki::UserId,
    store::{Error, Reading, Store, Transaction},
};
use std::{sync::Arc, time::Duration};

const TABLE: &str = "tries";
const VERSION: u8 = 1;
const HOUR: Duration = Duration::from_secs(3600);

/// Tries over a store, across restarts: of one person, shared by all that person's cards and
/// applications, or of one passcode of an enrolled card. A try is spent on disk before the passcode
/// is looked at and given back after it was right.
#[derive(Clone, Debug)]
pub struct Tries {
    store: Arc<dyn Store>,
    key: Vec<u8>,
    limit: u8,
}

/// A try that is on disk as spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent {
    /// Tries left if this one was wrong.
    pub(super) left: u8,
    number: u64,
}

impl Tries {
    /// The tries of `person`, `limit` of them where nothing else is recorded.
    pub fn new(store: Arc<dyn Store>, person: &UserId, limit: u8) -> Self {
        Self { store, key: person.as_str().as_bytes().to_vec(), limit }
    }

    /// The tries that are recorded under `key`, which is no person's: it begins with a zero byte.
    pub(super) fn under(store: Arc<dyn Store>, key: &[u8], limit: u8) -> Self {
        Self { store, key: [b"\0", key].concat(), limit }
    }

    /// What they are recorded under.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Tries left; 0 is blocked.
    ///
    /// # Errors
    /// The store's.
    pub fn left(&self) -> Result<u8, Error> {
        let mut left = self.limit;
        self.store.read(&mut |rows| {
            left = self.record(rows)?.left;
            Ok(())
        })?;
        Ok(left)
    }

    /// Tries of a person who has made no mistake.
    pub fn limit(&self) -> u8 {
        self.limit
    }

    /// Clears after a new strong proof, at most `per_hour` times in any hour (design rule 4).
    /// `false`: too often, and nothing was changed; that matters only if no try is left. When no
    /// try has been spent there is nothing to clear, and it does not count.
    ///
    /// # Errors
    /// The store's.
    pub fn clear(&self, now: Time, per_hour: u32) -> Result<bool, Error> {
        self.change(|record| {
            if record.left == self.limit {
                return (false, true);
            }
            // A clear that lies ahead by more than an hour is from a clock that was wrong.
            record.clears.retain(|then| now.since(*then) < HOUR && then.since(now) < HOUR);
            let cleared = u32::try_from(record.clears.len()).unwrap_or(u32::MAX);
            if cleared >= per_hour {
                return (false, false);
            }
            record.clears.push(now);
            record.left = self.limit;
            (true, true)
        })
    }

    /// Spends a try; `None` if there is none.
    pub(super) fn spend(&self) -> Result<Option<Spent>, Error> {
        let mut spent = None;
        self.store.transact(&mut |rows| {
            spent = self.spend_in(rows)?;
            Ok(())
        })?;
        Ok(spent)
    }

    /// As [`Self::spend`], in a transaction that does more.
    pub(super) fn spend_in(&self, rows: &mut dyn Transaction) -> Result<Option<Spent>, Error> {
        self.change_in(rows, |record| match record.left.checked_sub(1) {
            None => (false, None),
            Some(left) => {
                record.left = left;
                record.spent = record.spent.wrapping_add(1);
                (true, Some(Spent { left, number: record.spent }))
            }
        })
    }

    /// Gives all tries back after a right passcode. `false`, and nothing is given back, if
    /// meanwhile others have spent the rest: then the card is blocked and stays so.
    pub(super) fn restore(&self, spent: Spent) -> Result<bool, Error> {
        self.change(|record| self.restored(record, spent))
    }

    /// As [`Self::restore`], in a transaction that does more.
    pub(super) fn restore_in(
        &self,
        rows: &mut dyn Transaction,
        spent: Spent,
    ) -> Result<bool, Error> {
        self.change_in(rows, |record| self.restored(record, spent))
    }

    /// All tries again, since there is a new passcode.
    pub(super) fn renew_in(&self, rows: &mut dyn Transaction) -> Result<(), Error> {
        self.change_in(rows, |record| {
            let spent_some = record.left != self.limit;
            record.left = self.limit;
            (spent_some, ())
        })
    }

    fn restored(&self, record: &mut Record, spent: Spent) -> (bool, bool) {
        if record.left == 0 && record.spent != spent.number {
            return (false, false);
        }
        record.left = self.limit;
        (true, true)
    }

    /// Changes the record in one transaction; `change` answers whether it is to be written.
    fn change<T>(&self, mut change: impl FnMut(&mut Record) -> (bool, T)) -> Result<T, Error> {
        let mut answer = None;
        self.store.transact(&mut |rows| {
            answer = Some(self.change_in(rows, &mut change)?);
            Ok(())
        })?;
        answer.ok_or_else(|| Error::Medium("the transaction was not run".into()))
    }

    fn change_in<T>(
        &self,
        rows: &mut dyn Transaction,
        mut change: impl FnMut(&mut Record) -> (bool, T),
    ) -> Result<T, Error> {
        let mut record = self.record(rows.reading())?;
        let (write, value) = change(&mut record);
        if write {
            rows.put(TABLE, &self.key, &record.to_bytes())?;
        }
        Ok(value)
    }

    fn record(&self, rows: &dyn Reading) -> Result<Record, Error> {
        let mut record = match rows.row(TABLE, &self.key)? {
            Some(bytes) => Record::from_bytes(&bytes).ok_or(Error::Malformed(TABLE))?,
            None => Record { left: self.limit, spent: 0, clears: Vec::new() },
        };
        // A policy with fewer tries than before holds at once.
        record.left = record.left.min(self.limit);
        Ok(record)
    }
}

/// `version 1 | left u8 | spent u64 | times of clears, i64 milliseconds each`
struct Record {
    left: u8,
    /// How many tries have ever been spent.
    spent: u64,
    clears: Vec<Time>,
}

impl Record {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.left];
        bytes.extend_from_slice(&self.spent.to_be_bytes());
        for time in &self.clears {
            bytes.extend_from_slice(&time.unix_millis().to_be_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([version, left], bytes) = bytes.split_first_chunk::<2>()?;
        let (spent, bytes) = bytes.split_first_chunk::<8>()?;
        let (times, rest) = bytes.as_chunks::<8>();
        let clears = times.iter().map(|millis| Time::from_unix_millis(i64::from_be_bytes(*millis)));
        (*version == VERSION && rest.is_empty()).then(|| Self {
            left: *left,
            spent: u64::from_be_bytes(*spent),
            clears: clears.collect(),
        })
    }
}
