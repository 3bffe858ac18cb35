//! Proofs that have been used: each works once, across restarts (design rule 2).

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
}

impl Used {
    /// Used proofs in a table of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, pruned: AtomicI64::new(i64::MIN) }
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

    /// Puts all proofs of one request on record as used, or none of them: one transaction, on disk
    /// when this returns.
    ///
    /// # Errors
    /// [`Refusal::Replayed`] if one of them was used before, or two of them are the same; what has
    /// become of a WebAuthn credential meanwhile; [`Refusal::Store`].
    pub fn first_use_of_all(&self, proofs: &[Accepted], now: Time) -> Result<(), Refusal> {
        let prune = self.is_time_to_prune(now);
        let keys: Vec<_> =
            proofs.iter().map(|proof| crypto::digest(Hash::Sha256, &proof.signed)).collect();
        let mut refusal = None;
        let outcome = self.store.transact(&mut |rows| {
            // A transaction may be run again from its start.
            refusal = None;
            for (place, key) in keys.iter().enumerate() {
                let same = keys.iter().take(place).any(|earlier| earlier == key);
                if same || rows.row(TABLE, key)?.is_some() {
                    refusal = Some(Refusal::Replayed);
                    return Ok(());
                }
            }
            let steps: Vec<&Advance> =
                proofs.iter().filter_map(|proof| proof.advance.as_ref()).collect();
            let mut advanced = Vec::new();
            for (place, step) in steps.iter().enumerate() {
                let twice = steps.iter().take(place).any(|earlier| earlier.is_of_the_same(step));
                match step.prepare(rows.reading())? {
                    Ok(credential) if !twice => advanced.push(credential),
                    Ok(_) => refusal = Some(Fault::Counter.into()),
                    Err(fault) => refusal = Some(fault.into()),
                }
            }
            if refusal.is_some() {
                return Ok(());
            }
            for credential in advanced {
                credential.write(rows)?;
            }
            if prune {
                delete_past(rows, now)?;
            }
            for (key, proof) in keys.iter().zip(proofs) {
                rows.put(TABLE, key, &row(proof.until, now))?;
            }
            Ok(())
        });
        outcome.map_err(|error| Refusal::Store(error.to_string()))?;
        refusal.map_or(Ok(()), Err)
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
