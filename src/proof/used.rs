//! Proofs that have been used: each works once, across restarts (design rule 2).

mod together;

use super::{
    Accepted, Refusal,
    webauthn::{Advance, Fault},
};
use crate::{
    clock::Time,
    crypto::{self, Hash},
    store::{Error, Store, Transaction},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use together::Queue;

const TABLE: &str = "used_proofs";

/// Rows are kept this much longer than asked, for a clock that is set back or a leeway that is
/// raised between two starts.
const MARGIN: Duration = Duration::from_secs(3600);

/// How often old rows are looked for.
const PRUNE: Duration = Duration::from_secs(60);

/// Proofs that have been used, on disk before the answer: keyed by what was signed (SHA-256 of the
/// signed part), kept until they could not be accepted anyway.
///
/// The signature is no part of the key: an ECDSA signature `(r, s)` has a twin `(r, n - s)`, and
/// Base64url can be written in more than one way, so a key over the whole token would let one
/// proof pass as two.
#[derive(Debug)]
pub struct Used {
    store: Arc<dyn Store>,
    /// Unix milliseconds of the last look for old rows.
    pruned: AtomicI64,
    /// Requests that are put on record together.
    queue: Queue<Request, Result<(), Refusal>>,
}

/// What the proofs of one request change.
#[derive(Debug)]
struct Request {
    now: Time,
    /// The key of each proof and its row.
    used: Vec<(Vec<u8>, [u8; 8])>,
    steps: Vec<Advance>,
}

impl Request {
    fn new(proofs: &[Accepted], now: Time) -> Self {
        let used =
            |proof: &Accepted| (crypto::digest(Hash::Sha256, &proof.signed), row(proof.until, now));
        let steps = proofs.iter().filter_map(|proof| proof.advance.clone());
        Self { now, used: proofs.iter().map(used).collect(), steps: steps.collect() }
    }

    /// All of it, or nothing and why not.
    fn write(&self, rows: &mut dyn Transaction) -> Result<Result<(), Refusal>, Error> {
        for (place, (key, _)) in self.used.iter().enumerate() {
            let same = self.used.iter().take(place).any(|(earlier, _)| earlier == key);
            if same || rows.row(TABLE, key)?.is_some() {
                return Ok(Err(Refusal::Replayed));
            }
        }
        let mut advanced = Vec::new();
        for (place, step) in self.steps.iter().enumerate() {
            let mut earlier = self.steps.iter().take(place);
            match step.prepare(rows.reading())? {
                Ok(credential) if !earlier.any(|one| one.is_of_the_same(step)) => {
                    advanced.push(credential);
                }
                Ok(_) => return Ok(Err(Fault::Counter.into())),
                Err(fault) => return Ok(Err(fault.into())),
            }
        }
        for credential in advanced {
            credential.write(rows)?;
        }
        for (key, row) in &self.used {
            rows.put(TABLE, key, row)?;
        }
        Ok(Ok(()))
    }
}

impl Used {
    /// Used proofs in a table of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, pruned: AtomicI64::new(i64::MIN), queue: Queue::default() }
    }

    /// True the first time that `signed`, the signed part of a proof, is seen; that it was is on
    /// disk when this returns. `until` is when the proof's own limits refuse it: for an ID token
    /// `exp` and the leeway, which stand in the token and so cannot be moved by a change of policy
    /// (see [`Accepted::until`](super::Accepted::until)).
    ///
    /// # Errors
    /// The store's. The proof must then be refused.
    pub fn first_use(&self, signed: &[u8], until: Time, now: Time) -> Result<bool, Error> {
        let key = crypto::digest(Hash::Sha256, signed);
        let end = row(until, now);
        let prune = self.is_time_to_prune(now);
        let mut first = false;
        self.store.transact(&mut |rows| {
            if prune {
                delete_past(rows, now)?;
            }
            first = rows.row(TABLE, &key)?.is_none();
            if first {
                rows.put(TABLE, &key, &end)?;
            }
            Ok(())
        })?;
        Ok(first)
    }

    /// Puts all proofs of one request on record as used, or none of them: on disk when this
    /// returns. Requests that come while another's are being written share the next transaction,
    /// so that many sign-ins at once do not wait for the medium one after another.
    ///
    /// # Errors
    /// [`Refusal::Replayed`] if one of them was used before, or two of them are the same; what has
    /// become of a WebAuthn credential meanwhile; [`Refusal::Store`].
    pub fn first_use_of_all(&self, proofs: &[Accepted], now: Time) -> Result<(), Refusal> {
        self.queue.record(Request::new(proofs, now), |all| self.write(all))
    }

    /// Writes what the proofs of these requests change, one request after another.
    fn write(&self, all: &[Request]) -> Vec<Result<(), Refusal>> {
        let prune = all.first().map(|one| one.now).filter(|now| self.is_time_to_prune(*now));
        let mut outcomes = Vec::new();
        let written = self.store.transact(&mut |rows| {
            // A transaction may be run again from its start.
            outcomes.clear();
            for one in all {
                outcomes.push(one.write(rows)?);
            }
            prune.map_or(Ok(()), |now| delete_past(rows, now))
        });
        match written {
            Ok(()) => outcomes,
            // What is wrong with one person's rows is nobody else's matter.
            Err(_) if all.len() > 1 => {
                all.iter().flat_map(|one| self.write(std::slice::from_ref(one))).collect()
            }
            Err(error) => vec![Err(Refusal::Store(error.to_string())); all.len()],
        }
    }

    fn is_time_to_prune(&self, now: Time) -> bool {
        let last = Time::from_unix_millis(self.pruned.load(Ordering::Relaxed));
        let due = now < last || now.since(last) >= PRUNE;
        if due {
            self.pruned.store(now.unix_millis(), Ordering::Relaxed);
        }
        due
    }
}

/// What stands in the row of a proof.
fn row(until: Time, now: Time) -> [u8; 8] {
    until.max(now).plus(MARGIN).unix_millis().to_be_bytes()
}

fn delete_past(rows: &mut dyn Transaction, now: Time) -> Result<(), Error> {
    for (old, end) in rows.rows(TABLE)? {
        if is_past(&end, now) {
            rows.delete(TABLE, &old)?;
        }
    }
    Ok(())
}

/// Whether a row's end, Unix milliseconds in eight bytes, lies before `now`. A value of another
/// shape is kept: it costs a row, where deleting it could cost a second use.
fn is_past(end: &[u8], now: Time) -> bool {
    <[u8; 8]>::try_from(end).is_ok_and(|end| i64::from_be_bytes(end) < now.unix_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::SealKey,
        store::{MemoryStore, Reading, Row},
    };

    /// A store in which one row is damaged.
    #[derive(Debug)]
    struct Damaged(MemoryStore, Vec<u8>);

    struct Rows<'a>(&'a mut dyn Transaction, &'a [u8]);

    impl Reading for Rows<'_> {
        fn row(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
            if key == self.1 { Err(Error::Malformed(table)) } else { self.0.row(table, key) }
        }

        fn rows(&self, table: &'static str) -> Result<Vec<Row>, Error> {
            self.0.rows(table)
        }

        fn group(&self, table: &'static str, group: &[u8]) -> Result<Vec<Row>, Error> {
            self.0.group(table, group)
        }
    }

    impl Transaction for Rows<'_> {
        fn put_in(
            &mut self,
            table: &'static str,
            groups: &[&[u8]],
            key: &[u8],
            row: &[u8],
        ) -> Result<(), Error> {
            self.0.put_in(table, groups, key, row)
        }

        fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), Error> {
            self.0.delete(table, key)
        }

        fn delete_group(&mut self, table: &'static str, group: &[u8]) -> Result<(), Error> {
            self.0.delete_group(table, group)
        }

        fn reading(&self) -> &dyn Reading {
            self
        }
    }

    impl Store for Damaged {
        fn transact(
            &self,
            work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), Error>,
        ) -> Result<(), Error> {
            self.0.transact(&mut |rows| work(&mut Rows(rows, &self.1)))
        }

        fn version(&self) -> Result<u64, Error> {
            self.0.version()
        }

        fn key(&self, purpose: &[u8]) -> Result<SealKey, Error> {
            self.0.key(purpose)
        }
    }

    #[test]
    fn what_is_wrong_with_one_request_is_no_matter_of_those_beside_it() {
        let key = |signed: &[u8]| crypto::digest(Hash::Sha256, signed);
        let used = Used::new(Arc::new(Damaged(MemoryStore::new(), key(b"damaged"))));
        let now = Time::from_unix_seconds(1_800_000_000);
        let request = |signed: &[&[u8]]| Request {
            now,
            used: signed.iter().map(|one| (key(one), row(now, now))).collect(),
            steps: Vec::new(),
        };
        let all = [
            request(&[b"one"]),
            request(&[b"two", b"damaged"]),
            request(&[b"one"]),
            request(&[b"two"]),
        ];
        let outcomes = used.write(&all);
        assert!(matches!(outcomes[1], Err(Refusal::Store(_))), "{outcomes:?}");
        let others = [&outcomes[0], &outcomes[2], &outcomes[3]];
        assert_eq!(others, [&Ok(()), &Err(Refusal::Replayed), &Ok(())]);
        let again = used.write(&[request(&[b"one"]), request(&[b"three"]), request(&[b"two"])]);
        assert_eq!(again, [Err(Refusal::Replayed), Ok(()), Err(Refusal::Replayed)]);
    }
}
