//! Tables that end with the process.

use super::{Error, Store, Transaction};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};
use zeroize::Zeroizing;

/// Table and key of a row.
type Place = (&'static str, Vec<u8>);
type Value = Zeroizing<Vec<u8>>;
type Tables = BTreeMap<Place, Value>;

/// Tables in memory: for tests, the demo, and agents that keep nothing.
#[derive(Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

impl MemoryStore {
    /// Empty tables.
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore(..)")
    }
}

impl Store for MemoryStore {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // A panic inside was rolled back before the lock was given back.
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = Changes { tables: &mut tables, undo: Vec::new() };
        work(&mut changes)?;
        changes.undo.clear();
        Ok(())
    }
}

/// Rows with what they were before; dropped without `undo` cleared, they are that again.
struct Changes<'a> {
    tables: &'a mut Tables,
    undo: Vec<(Place, Option<Value>)>,
}

impl Transaction for Changes<'_> {
    fn row(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.tables.get(&(table, key.to_vec())).map(|value| value.to_vec()))
    }

    fn put(&mut self, table: &'static str, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let place = (table, key.to_vec());
        let before = self.tables.insert(place.clone(), Zeroizing::new(value.to_vec()));
        self.undo.push((place, before));
        Ok(())
    }

    fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), Error> {
        let place = (table, key.to_vec());
        let before = self.tables.remove(&place);
        self.undo.push((place, before));
        Ok(())
    }

    fn rows(&self, table: &'static str) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Error> {
        let from = (table, Vec::new());
        let rows = self.tables.range(from..).take_while(|((of, _), _)| *of == table);
        Ok(rows.map(|((_, key), value)| (key.clone(), value.to_vec())).collect())
    }
}

impl Drop for Changes<'_> {
    fn drop(&mut self) {
        while let Some((place, before)) = self.undo.pop() {
            match before {
                Some(value) => self.tables.insert(place, value),
                None => self.tables.remove(&place),
            };
        }
    }
}
