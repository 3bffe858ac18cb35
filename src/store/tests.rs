//! One set of rules over both stores, and what only the file has.

#[cfg(feature = "sqlite")]
mod sqlite;

use super::*;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

const A: &str = "alpha";
const B: &str = "beta";

fn get(store: &dyn Store, table: &'static str, key: &[u8]) -> Option<Vec<u8>> {
    let mut value = None;
    store
        .read(&mut |rows| {
            value = rows.row(table, key)?;
            Ok(())
        })
        .unwrap();
    value
}

fn put(store: &dyn Store, table: &'static str, key: &[u8], value: &[u8]) {
    store.transact(&mut |rows| rows.put(table, key, value)).unwrap();
}

fn all(store: &dyn Store, table: &'static str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    store
        .read(&mut |rows| {
            found = rows.rows(table)?;
            Ok(())
        })
        .unwrap();
    found
}

/// What every store does.
fn conforms(store: Arc<dyn Store>) {
    let store = &*store;
    assert_eq!(get(store, A, b"k"), None);
    put(store, A, b"k", b"one");
    put(store, B, b"k", b"other table");
    put(store, A, b"k", b"two");
    put(store, A, b"", b"");
    put(store, A, b"\xFF\0", b"last");
    assert_eq!(get(store, A, b"k").unwrap(), b"two");
    assert_eq!(get(store, B, b"k").unwrap(), b"other table");
    let row = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
    assert_eq!(all(store, A), [row(b"", b""), row(b"k", b"two"), row(b"\xFF\0", b"last")]);
    assert_eq!(all(store, "alph"), []);

    // What one transaction wrote, it sees; and all of it is undone by an error..
    let failed = store.transact(&mut |rows| {
        rows.put(A, b"k", b"three")?;
        rows.put(A, b"k", b"four")?;
        rows.put(A, b"new", b"new")?;
        rows.delete(B, b"k")?;
        assert_eq!(rows.row(A, b"k")?.unwrap(), b"four");
        assert_eq!(rows.row(B, b"k")?, None);
        assert_eq!(rows.rows(A)?.len(), 4);
        Err(Error::Malformed("made up"))
    });
    assert!(matches!(failed, Err(Error::Malformed("made up"))));
    // ..and by a panic, after which the store goes on.
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        store.transact(&mut |rows| {
            rows.put(A, b"k", b"five")?;
            panic!("made up");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(all(store, A), [row(b"", b""), row(b"k", b"two"), row(b"\xFF\0", b"last")]);
    assert_eq!(all(store, B), [row(b"k", b"other table")]);

    store
        .transact(&mut |rows| {
            rows.delete(A, b"k")?;
            rows.delete(A, b"never there")
        })
        .unwrap();
    assert_eq!(get(store, A, b"k"), None);
    assert_eq!(all(store, A).len(), 2);

    groups(store);
    // The version tells of changes, and of nothing else.
    let version = store.version().unwrap();
    assert_eq!(get(store, A, b"k"), None);
    let _ = store.transact(&mut |_| Err(Error::Malformed("made up")));
    assert_eq!(store.version().unwrap(), version);
    put(store, A, b"k", b"new");
    assert_ne!(store.version().unwrap(), version);
    // A key for each purpose, the same at each time.
    let key = |purpose: &[u8]| store.key(purpose).unwrap().expose().to_vec();
    assert_eq!(key(b"one"), key(b"one"));
    assert_ne!(key(b"one"), key(b"other"));

    // Transactions do not mix: none of these is lost.
    put(store, A, b"count", &[0]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| increment(store)));
        }
    });
    assert_eq!(get(store, A, b"count").unwrap(), [40]);
}

/// Rows are found by their groups, as they are and as a transaction leaves them.
fn groups(store: &dyn Store) {
    const G: &str = "grouped";
    let members = |table: &'static str, group: &[u8]| {
        let mut keys = Vec::new();
        let mut look = |rows: &dyn Reading| {
            let found = rows.group(table, group)?;
            keys = found.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect();
            assert!(found.iter().all(|(key, value)| key == value));
            Ok(())
        };
        store.read(&mut look).unwrap();
        keys.concat()
    };
    let put_in = |key: &str, groups: &[&[u8]]| {
        let key = key.as_bytes();
        store.transact(&mut |rows| rows.put_in(G, groups, key, key)).unwrap();
    };
    put_in("b", &[b"one", b"two"]);
    put_in("a", &[b"one", b"one"]);
    put_in("c", &[b"", b"two"]);
    assert_eq!((members(G, b"one"), members(G, b"two")), ("ab".into(), "bc".into()));
    assert_eq!(
        (members(G, b""), members(G, b"none"), members(A, b"one")),
        ("c".into(), String::new(), String::new())
    );
    // A row written again is in its new groups alone.
    put_in("b", &[b"three"]);
    assert_eq!((members(G, b"one"), members(G, b"two")), ("a".into(), "c".into()));
    // What is not kept changes no group.
    let failed = store.transact(&mut |rows| {
        rows.delete(G, b"a")?;
        rows.put_in(G, &[b"one"], b"d", b"d")?;
        rows.delete_group(G, b"two")?;
        assert_eq!(rows.group(G, b"one")?.len(), 1);
        assert_eq!(rows.group(G, b"two")?.len() + rows.group(G, b"")?.len(), 0);
        assert_eq!(rows.rows(G)?.len(), 2);
        Err(Error::Malformed("made up"))
    });
    assert!(failed.is_err());
    assert_eq!((members(G, b"one"), members(G, b"two")), ("a".into(), "c".into()));
    store.transact(&mut |rows| rows.delete_group(G, b"two")).unwrap();
    store.transact(&mut |rows| rows.delete(G, b"a")).unwrap();
    assert_eq!((members(G, b"one"), members(G, b"two"), members(G, b"")), <_>::default());
    assert_eq!((get(store, G, b"c"), members(G, b"three")), (None, "b".into()));
    assert_eq!(all(store, G).len(), 1);
}

fn increment(store: &dyn Store) {
    store
        .transact(&mut |rows| {
            let count = rows.row(A, b"count")?.unwrap_or_default();
            rows.put(A, b"count", &[count.first().unwrap_or(&0) + 1])
        })
        .unwrap();
}

#[test]
fn tables_in_memory_conform() {
    conforms(Arc::new(MemoryStore::new()));
}

#[test]
fn values_are_not_shown() {
    let store = MemoryStore::new();
    put(&store, A, b"key", b"value");
    assert_eq!(format!("{store:?}"), "MemoryStore(..)");
}
