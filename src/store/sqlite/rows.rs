//! Rows as one transaction sees them: sealed on their way in, opened on their way out.

use super::{Error, Reading, Row, Transaction, medium};
use crate::crypto::SealKey;
use rusqlite::{Connection, OptionalExtension, Params, params};
use std::{cell::RefCell, collections::BTreeMap};
use zeroize::Zeroizing;

/// The store's keys, as one connection uses them.
pub(super) struct Keys {
    generation: i64,
    origin: SealKey,
    data: SealKey,
    index: SealKey,
    group: SealKey,
    tables: RefCell<BTreeMap<&'static str, SealKey>>,
}

impl Keys {
    /// The keys of a generation: `origin`, the store's first, finds rows; values are sealed under
    /// `data`, which is another with each generation.
    pub(super) fn new(generation: i64, origin: &SealKey, data: &SealKey) -> Self {
        Self {
            generation,
            origin: origin.clone(),
            data: data.clone(),
            index: origin.derive(b"wardcard store: index"),
            group: origin.derive(b"wardcard store: group"),
            tables: RefCell::default(),
        }
    }

    /// The same, for another connection.
    pub(super) fn again(&self) -> Self {
        Self::new(self.generation, &self.origin, &self.data)
    }

    pub(super) fn generation(&self) -> i64 {
        self.generation
    }

    pub(super) fn origin(&self) -> &SealKey {
        &self.origin
    }

    /// The key under which a table's values are sealed.
    fn of_table(&self, table: &'static str) -> SealKey {
        let mut tables = self.tables.borrow_mut();
        tables.entry(table).or_insert_with(|| self.of_named(table)).clone()
    }

    /// As [`Self::of_table`], for a name that came from the store.
    pub(super) fn of_named(&self, table: &str) -> SealKey {
        self.data.derive(&[b"wardcard store: table ", table.as_bytes()].concat())
    }
}

/// What a row or a group is found by.
fn index(key: &SealKey, table: &'static str, name: &[u8]) -> Vec<u8> {
    let mut label = Zeroizing::new(Vec::with_capacity(table.len() + 1 + name.len()));
    label.extend_from_slice(table.as_bytes());
    label.push(0);
    label.extend_from_slice(name);
    key.derive(&label).expose().to_vec()
}

/// The rows, inside a transaction that somebody else began.
pub(super) struct Rows<'a> {
    pub(super) connection: &'a Connection,
    pub(super) keys: &'a Keys,
}

impl Rows<'_> {
    fn index(&self, table: &'static str, key: &[u8]) -> Vec<u8> {
        index(&self.keys.index, table, key)
    }

    fn group_index(&self, table: &'static str, group: &[u8]) -> Vec<u8> {
        index(&self.keys.group, table, group)
    }

    fn run(&self, sql: &str, params: impl Params) -> Result<(), Error> {
        let mut statement = self.connection.prepare_cached(sql).map_err(medium)?;
        statement.execute(params).map(drop).map_err(medium)
    }

    fn open(&self, table: &'static str, index: &[u8], sealed: &[u8]) -> Result<Row, Error> {
        let opened = self
            .keys
            .of_table(table)
            .open(&place(table, index), sealed)
            .map_err(|_| Error::Sealed(table))?;
        let (length, rest) =
            opened.expose().split_first_chunk::<4>().ok_or(Error::Malformed(table))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (key, value) = rest.split_at_checked(length).ok_or(Error::Malformed(table))?;
        Ok((key.to_vec(), value.to_vec()))
    }

    /// The rows that a query of key and value finds, opened, in the order of their keys.
    fn all(&self, table: &'static str, sql: &str, params: impl Params) -> Result<Vec<Row>, Error> {
        let mut statement = self.connection.prepare_cached(sql).map_err(medium)?;
        let mut found = statement.query(params).map_err(medium)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(medium)? {
            let blob = |column| row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from);
            let index = blob(0).map_err(medium)?;
            rows.push(self.open(table, index, blob(1).map_err(medium)?)?);
        }
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(rows)
    }
}

impl Reading for Rows<'_> {
    fn row(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let index = self.index(table, key);
        let mut statement = self
            .connection
            .prepare_cached("SELECT value FROM rows WHERE tbl = ?1 AND key = ?2")
            .map_err(medium)?;
        let sealed: Option<Vec<u8>> = statement
            .query_row(params![table, index], |row| row.get(0))
            .optional()
            .map_err(medium)?;
        sealed.map(|sealed| self.open(table, &index, &sealed).map(|(_, value)| value)).transpose()
    }

    fn rows(&self, table: &'static str) -> Result<Vec<Row>, Error> {
        self.all(table, "SELECT key, value FROM rows WHERE tbl = ?1", [table])
    }

    fn group(&self, table: &'static str, group: &[u8]) -> Result<Vec<Row>, Error> {
        let sql = "SELECT rows.key, rows.value FROM groups CROSS JOIN rows \
                   ON rows.tbl = groups.tbl AND rows.key = groups.key \
                   WHERE groups.tbl = ?1 AND groups.grp = ?2";
        self.all(table, sql, params![table, self.group_index(table, group)])
    }
}

impl Transaction for Rows<'_> {
    fn put_in(
        &mut self,
        table: &'static str,
        groups: &[&[u8]],
        key: &[u8],
        value: &[u8],
    ) -> Result<(), Error> {
        let index = self.index(table, key);
        let length =
            u32::try_from(key.len()).map_err(|_| Error::Medium("a key is too long".into()))?;
        let mut clear = Zeroizing::new(Vec::with_capacity(4 + key.len() + value.len()));
        clear.extend_from_slice(&length.to_be_bytes());
        clear.extend_from_slice(key);
        clear.extend_from_slice(value);
        let sealed = self
            .keys
            .of_table(table)
            .seal(&place(table, &index), &clear)
            .map_err(|error| Error::Medium(error.to_string()))?;
        self.run(
            "INSERT INTO rows(tbl, key, value) VALUES (?1, ?2, ?3) \
             ON CONFLICT(tbl, key) DO UPDATE SET value = excluded.value",
            params![table, index, sealed],
        )?;
        self.leave(table, &index)?;
        for group in groups {
            let group = self.group_index(table, group);
            self.run(
                "INSERT OR IGNORE INTO groups(tbl, grp, key) VALUES (?1, ?2, ?3)",
                params![table, group, index],
            )?;
        }
        Ok(())
    }

    fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), Error> {
        let index = self.index(table, key);
        self.run("DELETE FROM rows WHERE tbl = ?1 AND key = ?2", params![table, index])?;
        self.leave(table, &index)
    }

    fn delete_group(&mut self, table: &'static str, group: &[u8]) -> Result<(), Error> {
        let group = self.group_index(table, group);
        for sql in [
            "DELETE FROM rows WHERE tbl = ?1 AND key IN \
             (SELECT key FROM groups WHERE tbl = ?1 AND grp = ?2)",
            "DELETE FROM groups WHERE tbl = ?1 AND key IN \
             (SELECT key FROM groups WHERE tbl = ?1 AND grp = ?2)",
        ] {
            self.run(sql, params![table, group])?;
        }
        Ok(())
    }

    fn reading(&self) -> &dyn Reading {
        self
    }
}

impl Rows<'_> {
    /// Takes a row out of its groups.
    fn leave(&self, table: &'static str, index: &[u8]) -> Result<(), Error> {
        self.run("DELETE FROM groups WHERE tbl = ?1 AND key = ?2", params![table, index])
    }
}

/// What a value is sealed for: no row opens in another's place.
pub(super) fn place(table: &str, index: &[u8]) -> Vec<u8> {
    [b"wardcard row\0", table.as_bytes(), b"\0", index].concat()
}
