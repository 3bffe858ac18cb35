//! Persons who are suspended: kept in the store until an administrator resumes them.

use crate::{
    clock::Time,
    pki::UserId,
    store::{Error, Store},
};
use std::sync::Arc;

/// The table: the 12 digits of a person to the moment since which they are suspended, in
/// milliseconds.
const TABLE: &str = "suspended_persons";

/// Who is suspended; a clone is the same list.
#[derive(Clone, Debug)]
pub(super) struct Suspended {
    store: Arc<dyn Store>,
}

impl Suspended {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Since when a person is, if they are.
    pub(super) fn since(&self, person: &UserId) -> Result<Option<Time>, Error> {
        let mut found = None;
        self.store.read(&mut |rows| {
            found = rows.row(TABLE, person.as_str().as_bytes())?;
            Ok(())
        })?;
        let Some(bytes) = found else { return Ok(None) };
        let bytes: [u8; 8] = bytes.try_into().map_err(|_| Error::Malformed(TABLE))?;
        Ok(Some(Time::from_unix_millis(i64::from_be_bytes(bytes))))
    }

    /// Everyone who is, by their numbers.
    pub(super) fn all(&self) -> Result<Vec<UserId>, Error> {
        let mut found = Vec::new();
        self.store.read(&mut |rows| {
            found = rows.rows(TABLE)?;
            Ok(())
        })?;
        let person = |key: &[u8]| std::str::from_utf8(key).ok().and_then(UserId::parse);
        let persons = found.iter().map(|(key, _)| person(key).ok_or(Error::Malformed(TABLE)));
        persons.collect()
    }

    /// Suspends a person from `now` on, unless they are already.
    pub(super) fn suspend(&self, person: &UserId, now: Time) -> Result<(), Error> {
        let key = person.as_str().as_bytes();
        self.store.transact(&mut |rows| match rows.row(TABLE, key)? {
            Some(_) => Ok(()),
            None => rows.put(TABLE, key, &now.unix_millis().to_be_bytes()),
        })
    }

    /// Ends it.
    pub(super) fn resume(&self, person: &UserId) -> Result<(), Error> {
        self.store.transact(&mut |rows| rows.delete(TABLE, person.as_str().as_bytes()))
    }
}
