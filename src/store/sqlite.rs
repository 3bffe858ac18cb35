//! Tables in a SQLite file, each value sealed, no key of a row in clear.
//!
//! ```text
//! rows( tbl   TEXT   name of the table
//!       key   BLOB   HKDF-SHA-256 of (table, key) under the store's key: finds, tells nothing
//!       value BLOB   sealed (length of key, key, value), bound to tbl and key )
//! ```
//!
//! Written with WAL and `synchronous=FULL`: when a transaction is over it is on disk, and a process
//! killed in the middle leaves it undone. A copy of the file put back later brings back the old
//! tries; that is the reach of who can write in the folder, and out of scope here.

use super::{Error, Store, Transaction};
use crate::crypto::SealKey;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};
use std::{
    fmt,
    fs::{self, DirBuilder, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// How long one waits for the transactions of other processes.
const PATIENCE: Duration = Duration::from_secs(10);
/// `PRAGMA user_version` of the layout above.
const LAYOUT: i64 = 1;
/// The row that shows at opening whether the key is the store's.
const CHECK: (&str, &[u8]) = ("check", b"wardcard");

/// Tables in a SQLite file, each value sealed; crash-safe (WAL, synchronous=FULL), several processes
/// at once. Not to be used on both sides of a fork.
pub struct SqliteStore {
    path: PathBuf,
    connection: Mutex<Connection>,
    key: SealKey,
    index: SealKey,
}

impl SqliteStore {
    /// Opens the store at `path`, which is made with mode 0600 if it is not there, and its folder
    /// with mode 0700.
    ///
    /// # Errors
    /// [`Error::WrongKey`] if the store was made with another key, [`Error::Exposed`] if file or
    /// folder are another user's, the file open to others or the folder writable for them, [`Error::Damaged`] if the file is no store.
    pub fn open(path: &Path, key: &SealKey) -> Result<Self, Error> {
        let path = private_file(path)?;
        let connection = patiently(|| connect(&path))?;
        let store = Self {
            path,
            connection: Mutex::new(connection),
            key: key.clone(),
            index: key.derive(b"wardcard store: index"),
        };
        store.check_key()?;
        Ok(store)
    }

    /// Looks for the row that only this key opens; a store without rows gets it.
    fn check_key(&self) -> Result<(), Error> {
        self.with(&mut |rows| {
            let (table, key) = CHECK;
            let stored: Option<Vec<u8>> = rows
                .transaction
                .query_row("SELECT value FROM rows WHERE tbl = ?1", [table], |row| row.get(0))
                .optional()
                .map_err(medium)?;
            if stored.is_some() {
                let ours = rows.row(table, key).map_err(|error| match error {
                    Error::Sealed(_) => Error::WrongKey,
                    other => other,
                })?;
                return ours.map(drop).ok_or(Error::WrongKey);
            }
            let count: i64 = rows
                .transaction
                .query_row("SELECT count(*) FROM rows", [], |row| row.get(0))
                .map_err(medium)?;
            if count != 0 {
                return Err(Error::Damaged("its check row is gone".into()));
            }
            rows.put(table, key, &[])
        })
    }

    fn with(&self, work: &mut dyn FnMut(&mut Rows<'_>) -> Result<(), Error>) -> Result<(), Error> {
        // A panic inside was rolled back before the lock was given back.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(medium)?;
        let mut rows = Rows { transaction, key: &self.key, index: &self.index };
        work(&mut rows)?;
        rows.transaction.commit().map_err(medium)
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.with(&mut |rows| work(rows))
    }
}

struct Rows<'a> {
    transaction: rusqlite::Transaction<'a>,
    key: &'a SealKey,
    index: &'a SealKey,
}

impl Rows<'_> {
    /// What a row is found by.
    fn index(&self, table: &'static str, key: &[u8]) -> Vec<u8> {
        let mut label = Zeroizing::new(Vec::with_capacity(table.len() + 1 + key.len()));
        label.extend_from_slice(table.as_bytes());
        label.push(0);
        label.extend_from_slice(key);
        self.index.derive(&label).expose().to_vec()
    }

    fn sealing(&self, table: &'static str) -> SealKey {
        self.key.derive(&[b"wardcard store: table ", table.as_bytes()].concat())
    }

    fn open(
        &self,
        table: &'static str,
        index: &[u8],
        sealed: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let opened = self
            .sealing(table)
            .open(&place(table, index), sealed)
            .map_err(|_| Error::Sealed(table))?;
        let (length, rest) =
            opened.expose().split_first_chunk::<4>().ok_or(Error::Malformed(table))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (key, value) = rest.split_at_checked(length).ok_or(Error::Malformed(table))?;
        Ok((key.to_vec(), value.to_vec()))
    }
}

impl Transaction for Rows<'_> {
    fn row(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let index = self.index(table, key);
        let sealed: Option<Vec<u8>> = self
            .transaction
            .query_row(
                "SELECT value FROM rows WHERE tbl = ?1 AND key = ?2",
                params![table, index],
                |row| row.get(0),
            )
            .optional()
            .map_err(medium)?;
        sealed.map(|sealed| self.open(table, &index, &sealed).map(|(_, value)| value)).transpose()
    }

    fn put(&mut self, table: &'static str, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let index = self.index(table, key);
        let length =
            u32::try_from(key.len()).map_err(|_| Error::Medium("a key is too long".into()))?;
        let mut clear = Zeroizing::new(Vec::with_capacity(4 + key.len() + value.len()));
        clear.extend_from_slice(&length.to_be_bytes());
        clear.extend_from_slice(key);
        clear.extend_from_slice(value);
        let sealed = self
            .sealing(table)
            .seal(&place(table, &index), &clear)
            .map_err(|error| Error::Medium(error.to_string()))?;
        self.transaction
            .execute(
                "INSERT INTO rows(tbl, key, value) VALUES (?1, ?2, ?3) \
                 ON CONFLICT(tbl, key) DO UPDATE SET value = excluded.value",
                params![table, index, sealed],
            )
            .map(drop)
            .map_err(medium)
    }

    fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), Error> {
        let index = self.index(table, key);
        self.transaction
            .execute("DELETE FROM rows WHERE tbl = ?1 AND key = ?2", params![table, index])
            .map(drop)
            .map_err(medium)
    }

    fn rows(&self, table: &'static str) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Error> {
        let mut statement = self
            .transaction
            .prepare("SELECT key, value FROM rows WHERE tbl = ?1")
            .map_err(medium)?;
        let found = statement
            .query_map([table], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .map_err(medium)?;
        let mut rows = Vec::new();
        for row in found {
            let (index, sealed) = row.map_err(medium)?;
            rows.push(self.open(table, &index, &sealed)?);
        }
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(rows)
    }
}

/// What a value is sealed for: no row opens in another's place.
fn place(table: &str, index: &[u8]) -> Vec<u8> {
    [b"wardcard row\0", table.as_bytes(), b"\0", index].concat()
}

fn connect(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags).map_err(medium)?;
    connection.busy_timeout(PATIENCE).map_err(medium)?;
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(medium)?;
    if mode != "wal" {
        return Err(Error::Medium("the file system does not allow write-ahead logging".into()));
    }
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;")
        .map_err(medium)?;
    let sound: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(medium)?;
    if sound != "ok" {
        return Err(Error::Damaged("its integrity check fails".into()));
    }
    let layout =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(medium)?;
    let version: i64 =
        layout.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(medium)?;
    let tables: i64 = layout
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(medium)?;
    match (version, tables) {
        (LAYOUT, _) => {}
        (0, 0) => layout
            .execute_batch(&format!(
                "CREATE TABLE rows(tbl TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, \
                 PRIMARY KEY(tbl, key)) WITHOUT ROWID; PRAGMA user_version = {LAYOUT};"
            ))
            .map_err(medium)?,
        _ => return Err(Error::Damaged(format!("its layout is number {version}"))),
    }
    layout.commit().map_err(medium)?;
    Ok(connection)
}

/// Runs `open` again while another process is just making the store: the change to WAL does not
/// wait by itself.
fn patiently<T>(mut open: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let end = Instant::now() + PATIENCE;
    loop {
        match open() {
            Err(Error::Medium(text)) if text == BUSY && Instant::now() < end => {
                thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
}

const BUSY: &str = "another process holds it for too long";

fn medium(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Medium(BUSY.into()),
        Some(ErrorCode::NotADatabase) => Error::Damaged("not a SQLite file".into()),
        Some(ErrorCode::DatabaseCorrupt) => Error::Damaged("SQLite finds it corrupt".into()),
        Some(ErrorCode::DiskFull) => Error::Medium("the disk is full".into()),
        _ => Error::Medium(error.to_string()),
    }
}

/// Makes file and folder where they are missing, and checks that the file is this user's alone and
/// that nobody else writes in the folder. The answer is the path with every link of the folder resolved; the file itself must be no link.
fn private_file(path: &Path) -> Result<PathBuf, Error> {
    let failed =
        |what: &Path, error: std::io::Error| Error::Medium(format!("{}: {error}", what.display()));
    let name = path
        .file_name()
        .ok_or_else(|| Error::Medium(format!("{} names no file", path.display())))?;
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => Path::new("/"),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| failed(folder, error))?;
    let folder = fs::canonicalize(folder).map_err(|error| failed(folder, error))?;
    private(&folder, &fs::metadata(&folder).map_err(|error| failed(&folder, error))?, 0o022)?;
    let path = folder.join(name);
    // An existing file is not opened here: closing it again would drop the locks that another
    // connection of this process holds on it (POSIX advisory locks belong to the process).
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(&path, error)),
        _ => {}
    }
    let metadata = fs::symlink_metadata(&path).map_err(|error| failed(&path, error))?;
    if !metadata.is_file() {
        return Err(Error::Damaged("not a file".into()));
    }
    private(&path, &metadata, 0o077)?;
    Ok(path)
}

/// Checks that a file or folder is this user's, and that others have none of the `forbidden` rights.
fn private(path: &Path, metadata: &fs::Metadata, forbidden: u32) -> Result<(), Error> {
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(Error::Exposed(format!("{} belongs to another user", path.display())));
    }
    if metadata.mode() & forbidden != 0 {
        return Err(Error::Exposed(format!("run chmod go-rwx {}", path.display())));
    }
    Ok(())
}
