//! Tables that end with the process.

use super::{Error, Reading, Row, Store, Transaction};
use crate::crypto::SealKey;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use zeroize::Zeroizing;

/// Table and key of a row.
type Place = (&'static str, Vec<u8>);

/// Value of a row, and its groups.
struct Held {
    value: Zeroizing<Vec<u8>>,
    groups: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Tables {
    rows: BTreeMap<Place, Held>,
    /// Table, group and key.
    members: BTreeSet<(&'static str, Vec<u8>, Vec<u8>)>,
}

/// Tables in memory: for tests, the demo, and agents that keep nothing.
#[derive(Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
    version: AtomicU64,
    key: Mutex<Option<SealKey>>,
}

impl MemoryStore {
    /// Empty tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// A panic inside was rolled back before the lock was given back.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut tables = self.tables();
        let mut changes = Changes { tables: &mut tables, undo: Vec::new() };
        work(&mut changes)?;
        if !changes.undo.is_empty() {
            changes.undo.clear();
            self.version.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    fn read(&self, work: &mut dyn FnMut(&dyn Reading) -> Result<(), Error>) -> Result<(), Error> {
        work(&*self.tables())
    }

    fn version(&self) -> Result<u64, Error> {
        Ok(self.version.load(Ordering::Acquire))
    }

    fn key(&self, purpose: &[u8]) -> Result<SealKey, Error> {
        let mut held = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = &*held {
            return Ok(key.derive(purpose));
        }
        let fresh = SealKey::generate().map_err(|error| Error::Medium(error.to_string()))?;
        Ok(held.insert(fresh).derive(purpose))
    }
}

impl Tables {
    /// Puts what is given in a row's place; what was there before.
    fn set(&mut self, place: Place, held: Option<Held>) -> Option<Held> {
        let member = |group: &Vec<u8>| (place.0, group.clone(), place.1.clone());
        let before = self.rows.remove(&place);
        for group in before.iter().flat_map(|before| &before.groups) {
            self.members.remove(&member(group));
        }
        if let Some(held) = held {
            self.members.extend(held.groups.iter().map(member));
            self.rows.insert(place, held);
        }
        before
    }

    fn keys(&self, table: &'static str, group: &[u8]) -> Vec<Vec<u8>> {
        let from = (table, group.to_vec(), Vec::new());
        let members = self.members.range(from..);
        let inside = members.take_while(|(of, in_group, _)| *of == table && in_group == group);
        inside.map(|(_, _, key)| key.clone()).collect()
    }
}

impl Reading for Tables {
    fn row(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.rows.get(&(table, key.to_vec())).map(|held| held.value.to_vec()))
    }

    fn rows(&self, table: &'static str) -> Result<Vec<Row>, Error> {
        let from = (table, Vec::new());
        let rows = self.rows.range(from..).take_while(|((of, _), _)| *of == table);
        Ok(rows.map(|((_, key), held)| (key.clone(), held.value.to_vec())).collect())
    }

    fn group(&self, table: &'static str, group: &[u8]) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        for key in self.keys(table, group) {
            if let Some(value) = self.row(table, &key)? {
                rows.push((key, value));
            }
        }
        Ok(rows)
    }
}

/// Rows with what they were before; dropped without `undo` cleared, they are that again.
struct Changes<'a> {
    tables: &'a mut Tables,
    undo: Vec<(Place, Option<Held>)>,
}

impl Changes<'_> {
    fn set(&mut self, place: Place, held: Option<Held>) {
        let before = self.tables.set(place.clone(), held);
        self.undo.push((place, before));
    }
}

impl Reading for Changes<'_> {
    fn row(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.tables.row(table, key)
    }

    fn rows(&self, table: &'static str) -> Result<Vec<Row>, Error> {
        self.tables.rows(table)
    }

    fn group(&self, table: &'static str, group: &[u8]) -> Result<Vec<Row>, Error> {
        self.tables.group(table, group)
    }
}

impl Transaction for Changes<'_> {
    fn put_in(
        &mut self,
        table: &'static str,
        groups: &[&[u8]],
        key: &[u8],
        value: &[u8],
    ) -> Result<(), Error> {
        let groups = groups.iter().map(|group| group.to_vec()).collect();
        let held = Held { value: Zeroizing::new(value.to_vec()), groups };
        self.set((table, key.to_vec()), Some(held));
        Ok(())
    }

    fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), Error> {
        self.set((table, key.to_vec()), None);
        Ok(())
    }

    fn delete_group(&mut self, table: &'static str, group: &[u8]) -> Result<(), Error> {
        for key in self.tables.keys(table, group) {
            self.set((table, key), None);
        }
        Ok(())
    }

    fn reading(&self) -> &dyn Reading {
        self
    }
}

impl Drop for Changes<'_> {
    fn drop(&mut self) {
        while let Some((place, before)) = self.undo.pop() {
            self.tables.set(place, before);
        }
    }
}
