//! The store's keys, and how the one in its key file is replaced.
//!
//! ```text
//! key file ──opens──> keyring: origin 32 || data 32
//!                              │            └── values of rows; a fresh one with each generation
//!                              └── index of rows and groups, Store::key
//! ```
//!
//! A store begins without a ring: the key in its file is both, and its generation is 0. Replacing
//! it seals every value anew under fresh `data`, and puts the ring under the new key: the old key
//! opens nothing of the store as it is now. `origin` stays, since what is sealed under it together
//! with a passcode can be sealed anew only by who knows the passcode. Who has the first key file
//! of all and a later copy of the store learns whether a row of a known name is in it, and no more.
//!
//! Each transaction asks for the generation at its own moment; a user whose keys are of another one
//! reads the key file again.

use super::{
    Error, KeyFile, Open, medium,
    rows::{Keys, Rows, place},
};
use crate::{
    crypto::{self, SealKey},
    secret::Secret,
    store::{Reading as _, Transaction as _},
};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::sync::{Mutex, PoisonError};

/// The row that shows at opening whether the key is the store's.
const CHECK: (&str, &[u8]) = ("check", b"wardcard");

/// Where the key comes from that opens the ring.
#[derive(Debug)]
pub(super) enum Source {
    Given(Mutex<Vec<SealKey>>),
    File(KeyFile),
}

impl Source {
    pub(super) fn given(key: &SealKey) -> Self {
        Self::Given(Mutex::new(vec![key.clone()]))
    }

    /// Another key that the store may be under; a file tells them itself.
    pub(super) fn add(&self, key: &SealKey) {
        if let Self::Given(keys) = self {
            keys.lock().unwrap_or_else(PoisonError::into_inner).push(key.clone());
        }
    }

    fn keys(&self) -> Result<Vec<SealKey>, Error> {
        match self {
            Self::Given(keys) => Ok(keys.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            Self::File(file) => file.keys(),
        }
    }
}

/// The keys of a store that is opened; one without rows gets the row that shows its key.
pub(super) fn first(
    reader: &Connection,
    writer: &Connection,
    source: &Source,
) -> Result<Keys, Error> {
    // Twice more, as in `Link::within`.
    for again in [true, true, false] {
        let open = Open(reader);
        open.run("BEGIN")?;
        match known(reader, source) {
            Ok(Some(keys)) => return Ok(keys),
            Ok(None) => break,
            Err(Error::WrongKey) if again => {}
            Err(error) => return Err(error),
        }
    }
    let open = Open(writer);
    open.run("BEGIN IMMEDIATE")?;
    let found = match known(writer, source)? {
        Some(keys) => keys,
        None => {
            let key = source.keys()?.into_iter().next().ok_or(Error::WrongKey)?;
            let keys = Keys::new(0, &key, &key);
            Rows { connection: writer, keys: &keys }.put(CHECK.0, CHECK.1, &[])?;
            keys
        }
    };
    open.run("COMMIT")?;
    Ok(found)
}

/// The keys as they are at the moment of the open transaction.
pub(super) fn current(connection: &Connection, source: &Source) -> Result<Keys, Error> {
    known(connection, source)?.ok_or_else(no_check)
}

/// The keys; none for a store without rows, which is anybody's.
fn known(connection: &Connection, source: &Source) -> Result<Option<Keys>, Error> {
    let exists = |sql: &str| -> Result<bool, Error> {
        let mut statement = connection.prepare_cached(sql).map_err(medium)?;
        statement.query_row([], |row| row.get(0)).map_err(medium)
    };
    if !exists("SELECT EXISTS (SELECT 1 FROM rows WHERE tbl = 'check')")? {
        return if exists("SELECT EXISTS (SELECT 1 FROM rows)")? {
            Err(no_check())
        } else {
            Ok(None)
        };
    }
    let ring = ring(connection)?;
    for key in source.keys()? {
        let Some(keys) = opened(&key, ring.as_ref()) else { continue };
        match (Rows { connection, keys: &keys }).row(CHECK.0, CHECK.1) {
            Ok(Some(_)) => return Ok(Some(keys)),
            Ok(None) | Err(Error::Sealed(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Err(Error::WrongKey)
}

fn no_check() -> Error {
    Error::Damaged("its check row is gone".into())
}

/// The generation at the moment of the open transaction.
pub(super) fn generation(connection: &Connection) -> Result<i64, Error> {
    let mut statement =
        connection.prepare_cached("SELECT max(generation) FROM keyring").map_err(medium)?;
    let generation: Option<i64> = statement.query_row([], |row| row.get(0)).map_err(medium)?;
    Ok(generation.unwrap_or(0))
}

type Ring = (i64, Vec<u8>);

fn ring(connection: &Connection) -> Result<Option<Ring>, Error> {
    let sql = "SELECT generation, sealed FROM keyring ORDER BY generation DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(medium)?;
    let ring = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
    ring.optional().map_err(medium)
}

/// Whether this key opens the ring; a store without one has none that a key of its own opens.
pub(super) fn is_under(connection: &Connection, key: &SealKey) -> Result<bool, Error> {
    Ok(ring(connection)?.is_some_and(|ring| opened(key, Some(&ring)).is_some()))
}

fn opened(key: &SealKey, ring: Option<&Ring>) -> Option<Keys> {
    let Some((generation, sealed)) = ring else { return Some(Keys::new(0, key, key)) };
    let opened = sealing(key).open(&ring_place(*generation), sealed).ok()?;
    let (origin, data) = opened.expose().split_at_checked(32)?;
    let key = |bytes| SealKey::from_bytes(&Secret::copied_from(bytes)).ok();
    Some(Keys::new(*generation, &key(origin)?, &key(data)?))
}

fn sealing(key: &SealKey) -> SealKey {
    key.derive(b"wardcard store: keyring")
}

fn ring_place(generation: i64) -> Vec<u8> {
    [b"wardcard store keyring\0", &generation.to_be_bytes()[..]].concat()
}

/// Seals every value anew, inside a transaction that writes, for `key` to open; the keys from then
/// on.
pub(super) fn reseal(connection: &Connection, old: &Keys, key: &SealKey) -> Result<Keys, Error> {
    let backend = |error: crypto::Error| Error::Medium(error.to_string());
    let generation = old.generation().saturating_add(1);
    let data = SealKey::generate().map_err(backend)?;
    let new = Keys::new(generation, old.origin(), &data);
    let tables: Vec<String> = {
        let mut statement =
            connection.prepare_cached("SELECT DISTINCT tbl FROM rows").map_err(medium)?;
        let tables = statement.query_map([], |row| row.get(0)).map_err(medium)?;
        tables.collect::<Result<_, _>>().map_err(medium)?
    };
    for table in tables {
        let (from, to) = (old.of_named(&table), new.of_named(&table));
        let rows: Vec<(Vec<u8>, Vec<u8>)> = {
            let mut statement = connection
                .prepare_cached("SELECT key, value FROM rows WHERE tbl = ?1")
                .map_err(medium)?;
            let rows = statement.query_map([&table], |row| Ok((row.get(0)?, row.get(1)?)));
            rows.map_err(medium)?.collect::<Result<_, _>>().map_err(medium)?
        };
        let mut update = connection
            .prepare_cached("UPDATE rows SET value = ?3 WHERE tbl = ?1 AND key = ?2")
            .map_err(medium)?;
        for (index, value) in rows {
            let place = place(&table, &index);
            let clear = from.open(&place, &value);
            let clear =
                clear.map_err(|_| Error::Damaged(format!("a row of {table} does not open")))?;
            let sealed = to.seal(&place, clear.expose()).map_err(backend)?;
            update.execute(params![table, index, sealed]).map_err(medium)?;
        }
    }
    let ring = Secret::new([old.origin().expose(), data.expose()].concat());
    let sealed = sealing(key).seal(&ring_place(generation), ring.expose()).map_err(backend)?;
    connection.execute("DELETE FROM keyring", []).map_err(medium)?;
    let put = "INSERT INTO keyring(generation, sealed) VALUES (?1, ?2)";
    connection.execute(put, params![generation, sealed]).map_err(medium)?;
    Ok(new)
}
