//! What only the file has: its owner, its key, its layouts, its damages, its other users.

use super::*;
use crate::crypto::SealKey;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt, symlink};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Barrier,
};

fn place() -> (tempfile::TempDir, PathBuf, SealKey) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    (folder, path, SealKey::generate().unwrap())
}

fn private(path: &Path) -> bool {
    crate::secret::Access::at(path).unwrap().is_private()
}

fn raw(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

#[test]
fn tables_in_a_file_conform() {
    let (_folder, path, key) = place();
    conforms(Arc::new(SqliteStore::open(&path, &key).unwrap()));
}

#[test]
fn rows_are_there_after_opening_again() {
    let (_folder, path, key) = place();
    put(&SqliteStore::open(&path, &key).unwrap(), A, b"k", b"kept");
    let again = SqliteStore::open(&path, &key).unwrap();
    assert_eq!(get(&again, A, b"k").unwrap(), b"kept");
    assert_eq!(all(&again, A).len(), 1);
}

#[test]
fn another_key_is_told_at_opening() {
    let (_folder, path, key) = place();
    drop(SqliteStore::open(&path, &key).unwrap());
    let other = SealKey::generate().unwrap();
    assert!(matches!(SqliteStore::open(&path, &other), Err(Error::WrongKey)));
    put(&SqliteStore::open(&path, &key).unwrap(), A, b"k", b"v");
    assert!(matches!(SqliteStore::open(&path, &other), Err(Error::WrongKey)));
}

#[test]
fn neither_keys_nor_values_stand_in_clear() {
    let (folder, path, key) = place();
    let store = SqliteStore::open(&path, &key).unwrap();
    put(&store, A, b"555000000001", b"a value in clear");
    for entry in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for clear in [&b"555000000001"[..], b"a value in clear"] {
            assert!(!bytes.windows(clear.len()).any(|window| window == clear));
        }
    }
    assert!(!format!("{store:?}").contains("clear"));
}

#[test]
fn file_and_folder_are_the_owners_alone() {
    let (folder, _, key) = place();
    let path = folder.path().join("new/folder/store.db");
    let store = SqliteStore::open(&path, &key).unwrap();
    put(&store, A, b"k", b"v");
    assert!(private(path.parent().unwrap()));
    assert!(private(&path));
    // On Windows they inherit the folder's list (OICI), which Wine does not do.
    #[cfg(unix)]
    for more in ["store.db-wal", "store.db-shm"] {
        assert!(private(&path.with_file_name(more)), "{more}");
    }
}

#[cfg(unix)]
#[test]
fn what_others_can_get_at_is_refused() {
    let (folder, path, key) = place();
    drop(SqliteStore::open(&path, &key).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(SqliteStore::open(&path, &key), Err(Error::Exposed(_))));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o720)).unwrap();
    assert!(matches!(SqliteStore::open(&path, &key), Err(Error::Exposed(_))));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o702)).unwrap();
    assert!(matches!(SqliteStore::open(&path, &key), Err(Error::Exposed(_))));
    // A folder that others only read in shows them names, and is the deployment's to choose.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(SqliteStore::open(&path, &key).is_ok());
}

#[cfg(unix)]
#[test]
fn another_users_store_is_refused() {
    let (folder, path, key) = place();
    drop(SqliteStore::open(&path, &key).unwrap());
    // Only root can give a file away.
    if std::os::unix::fs::chown(&path, Some(65_534), None).is_ok() {
        assert!(matches!(SqliteStore::open(&path, &key), Err(Error::Exposed(_))));
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        std::os::unix::fs::chown(folder.path(), Some(65_534), None).unwrap();
        assert!(matches!(SqliteStore::open(&path, &key), Err(Error::Exposed(_))));
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_file_is_refused() {
    let (folder, path, key) = place();
    drop(SqliteStore::open(&path, &key).unwrap());
    let link = folder.path().join("link.db");
    symlink(&path, &link).unwrap();
    assert!(matches!(SqliteStore::open(&link, &key), Err(Error::Damaged(_))));
    // A link on the way to the folder is resolved.
    let other = tempfile::tempdir().unwrap();
    symlink(folder.path(), other.path().join("there")).unwrap();
    SqliteStore::open(&other.path().join("there/store.db"), &key).unwrap();
}

#[cfg(unix)]
#[test]
fn what_is_no_store_is_told() {
    let (folder, path, key) = place();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        SqliteStore::open(&path, &key)
    };
    assert!(matches!(write("text", &[b'x'; 5000]), Err(Error::Damaged(_))));
    assert!(write("empty", &[]).is_ok());
    raw(&path).execute_batch("CREATE TABLE other(x)").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(SqliteStore::open(&path, &key), Err(Error::Damaged(_))));
    raw(&path).execute_batch("PRAGMA user_version = 4").unwrap();
    assert!(matches!(SqliteStore::open(&path, &key), Err(Error::Damaged(_))));
}

/// What the first layout left: the rows alone.
fn age(path: &Path) {
    raw(path)
        .execute_batch("DROP TABLE groups; DROP TABLE keyring; PRAGMA user_version = 1")
        .unwrap();
}

#[test]
fn a_store_of_the_previous_layout_is_upgraded_with_all_it_has() {
    let (_folder, path, key) = place();
    put(&SqliteStore::open(&path, &key).unwrap(), A, b"k", b"kept");
    age(&path);
    let store = SqliteStore::open(&path, &key).unwrap();
    assert_eq!(get(&store, A, b"k").unwrap(), b"kept");
    groups(&store);
    let layout: i64 = raw(&path).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(layout, 3);
    drop(store);
    // Another key does not get as far as to change the rows.
    age(&path);
    let other = SealKey::generate().unwrap();
    assert!(matches!(SqliteStore::open(&path, &other), Err(Error::WrongKey)));
    assert_eq!(get(&SqliteStore::open(&path, &key).unwrap(), A, b"k").unwrap(), b"kept");
}

#[test]
fn each_user_of_a_file_sees_that_another_has_changed_it() {
    let (_folder, path, key) = place();
    let stores = [(); 2].map(|()| SqliteStore::open(&path, &key).unwrap());
    for [writer, reader] in [[0, 1], [1, 0]] {
        let before = stores[reader].version().unwrap();
        assert_eq!(stores[reader].version().unwrap(), before);
        put(&stores[writer], A, b"k", b"v");
        assert_ne!(stores[reader].version().unwrap(), before);
    }
}

#[test]
fn a_reader_waits_for_no_writer() {
    let (_folder, path, key) = place();
    let store = SqliteStore::open(&path, &key).unwrap();
    put(&store, A, b"k", b"before");
    store
        .transact(&mut |rows| {
            rows.put(A, b"k", b"after")?;
            assert_eq!(get(&store, A, b"k").unwrap(), b"before");
            store.version().map(drop)
        })
        .unwrap();
    assert_eq!(get(&store, A, b"k").unwrap(), b"after");
}

#[test]
fn a_check_finds_a_damaged_page_and_a_missing_row() {
    let (_folder, path, key) = place();
    let store = SqliteStore::open(&path, &key).unwrap();
    let fill = |rows: &mut dyn Transaction| {
        for number in 0..200_u8 {
            rows.put_in(A, &[b"all"], &[number], &[number; 400])?;
        }
        Ok(())
    };
    store.transact(&mut |rows| fill(rows)).unwrap();
    store.check().unwrap();
    raw(&path)
        .execute_batch(
            "DELETE FROM rows WHERE key IN (SELECT key FROM rows WHERE tbl = 'alpha' LIMIT 3)",
        )
        .unwrap();
    assert!(matches!(store.check(), Err(Error::Damaged(why)) if why.contains("3 rows")));
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let found = SqliteStore::open(&path, &key).and_then(|store| store.check());
    assert!(matches!(found, Err(Error::Damaged(_))), "{found:?}");
}

#[test]
fn altered_moved_and_exchanged_rows_do_not_open() {
    let (_folder, path, key) = place();
    let store = SqliteStore::open(&path, &key).unwrap();
    put(&store, A, b"one", b"1");
    put(&store, A, b"two", b"2");
    let swap = "CREATE TEMP TABLE before AS SELECT * FROM rows WHERE tbl = 'alpha'; \
                UPDATE rows SET value = (SELECT value FROM before WHERE key <> rows.key) \
                WHERE tbl = 'alpha'";
    raw(&path).execute_batch(swap).unwrap();
    let read = |table: &'static str| store.transact(&mut |rows| rows.row(table, b"one").map(drop));
    assert!(matches!(read(A), Err(Error::Sealed(A))));
    raw(&path).execute_batch(swap).unwrap();
    read(A).unwrap();
    raw(&path).execute_batch("UPDATE rows SET tbl = 'beta' WHERE tbl = 'alpha'").unwrap();
    assert!(matches!(store.transact(&mut |rows| rows.rows(B).map(drop)), Err(Error::Sealed(B))));
    raw(&path).execute_batch("DELETE FROM rows WHERE tbl = 'check'").unwrap();
    assert!(matches!(SqliteStore::open(&path, &key), Err(Error::Damaged(_))));
}

#[test]
fn a_store_without_its_check_row_is_not_adopted_by_another_key() {
    let (_folder, path, key) = place();
    put(&SqliteStore::open(&path, &key).unwrap(), A, b"k", b"v");
    raw(&path).execute_batch("DELETE FROM rows WHERE tbl = 'check'").unwrap();
    let other = SealKey::generate().unwrap();
    assert!(matches!(SqliteStore::open(&path, &other), Err(Error::Damaged(_))));
}

#[test]
fn many_open_and_write_at_once() {
    let (_folder, path, key) = place();
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                let store = SqliteStore::open(&path, &key).unwrap();
                (0..10).for_each(|_| increment(&store));
            });
        }
    });
    let store = SqliteStore::open(&path, &key).unwrap();
    assert_eq!(get(&store, A, b"count").unwrap(), [40]);
}

const CHILD: &str = "WARDCARD_TEST_STORE_CHILD";

/// The child counts until it is killed; what it said was written is there, and the file is
/// sound.
#[test]
fn a_killed_process_loses_nothing_that_it_was_told_is_kept() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let key_of = || SealKey::from_bytes(&crate::secret::Secret::new(vec![7; 32])).unwrap();
    if let Some(path) = std::env::var_os(CHILD) {
        let store = SqliteStore::open(Path::new(&path), &key_of()).unwrap();
        for number in 0_u32.. {
            put(&store, A, b"last", &number.to_be_bytes());
            println!("kept {number}");
        }
    }
    let (_folder, path, _) = place();
    let name = "store::tests::sqlite::a_killed_process_loses_nothing_that_it_was_told_is_kept";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some((_, number)) = line.split_once("kept ") {
            told = Some(number.parse::<u32>().unwrap());
        }
        if told >= Some(20) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let store = SqliteStore::open(&path, &key_of()).unwrap();
    let kept = get(&store, A, b"last").unwrap();
    assert!(u32::from_be_bytes(kept.try_into().unwrap()) >= told.unwrap());
}
