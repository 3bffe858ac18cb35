//! Tables in a SQLite file, each value sealed, no key of a row in clear.
//!
//! ```text
//! rows( tbl   TEXT   name of the table
//!       key   BLOB   HKDF-SHA-256 of (table, key) under the store's key: finds, tells nothing
//!       value BLOB   sealed (length of key, key, value), bound to tbl and key )
//! groups( tbl  TEXT  as above
//!         grp  BLOB  HKDF-SHA-256 of (table, group) under the store's key
//!         key  BLOB  a row of the group )
//! ```
//!
//! Written with WAL and `synchronous=FULL`: when a transaction is over it is on disk, and a process
//! killed in the middle leaves it undone. A copy of the file put back later brings back the old
//! tries; that is the reach of who can write in the folder, and out of scope here.
//!
//! Two connections: one writes, the other reads, and no reader waits for a writer's disk.

mod fork;
mod key_file;
mod layout;
mod place;
mod rows;

use super::{Error, Reading, Row, Store, Transaction};
use crate::crypto::SealKey;
pub use key_file::{key_file, key_file_of};
use rows::{Keys, Rows};
use rusqlite::{Connection, ErrorCode};
use std::{
    fmt, mem,
    path::{Path, PathBuf},
    process,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How long one waits for the transactions of other processes.
const PATIENCE: Duration = Duration::from_secs(10);
/// The row that shows at opening whether the key is the store's.
const CHECK: (&str, &[u8]) = ("check", b"wardcard");

/// Tables in a SQLite file, each value sealed; crash-safe (WAL, synchronous=FULL), several processes
/// at once. In a child of a fork it fails with [`Error::Forked`]; the child calls
/// [`Store::forked`] and opens the store anew.
pub struct SqliteStore {
    path: PathBuf,
    /// The process that opened it.
    process: u32,
    key: SealKey,
    writer: Mutex<Option<Link>>,
    reader: Mutex<Option<Link>>,
}

/// A connection with what it needs for each row.
struct Link {
    connection: Connection,
    keys: Keys,
}

impl SqliteStore {
    /// Opens the store at `path`, which is made with mode 0600 if it is not there, and its folder
    /// with mode 0700. How long it takes does not depend on the number of rows.
    ///
    /// # Errors
    /// [`Error::WrongKey`] if the store was made with another key, [`Error::Exposed`] if file or
    /// folder are another user's, the file open to others or the folder writable for them,
    /// [`Error::Damaged`] if the file is no store.
    pub fn open(path: &Path, key: &SealKey) -> Result<Self, Error> {
        let process = process::id();
        let _inside = fork::enter(process)?;
        let path = place::private_file(path)?;
        let link = || {
            let connection = patiently(|| layout::connect(&path))?;
            Ok(Mutex::new(Some(Link { connection, keys: Keys::new(key) })))
        };
        let (writer, reader) = (link()?, link()?);
        let store = Self { path, process, key: key.clone(), writer, reader };
        store.check_key()?;
        Ok(store)
    }

    /// Looks for the row that only this key opens; a store without rows gets it.
    fn check_key(&self) -> Result<(), Error> {
        let known = self.with(&self.reader, |link| link.within("BEGIN", &mut |rows| ours(rows)))?;
        if known {
            return Ok(());
        }
        self.with(&self.writer, |link| {
            link.within("BEGIN IMMEDIATE", &mut |rows| {
                if ours(rows)? { Ok(()) } else { rows.put(CHECK.0, CHECK.1, &[]) }
            })
        })
    }

    /// Has a connection work, in the process that opened it.
    fn with<T>(
        &self,
        link: &Mutex<Option<Link>>,
        work: impl FnOnce(&mut Link) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let process = process::id();
        if self.process != process {
            return Err(Error::Forked);
        }
        let _inside = fork::enter(process)?;
        // A panic inside was rolled back before the lock was given back.
        let mut link = link.lock().unwrap_or_else(PoisonError::into_inner);
        work(link.as_mut().ok_or(Error::Forked)?)
    }
}

impl Link {
    /// Runs `work` in a transaction that begins so.
    fn within<T>(
        &mut self,
        begin: &str,
        work: &mut dyn FnMut(&mut Rows<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let open = Open(&self.connection);
        open.run(begin)?;
        let result = work(&mut Rows { connection: &self.connection, keys: &self.keys })?;
        open.run("COMMIT")?;
        Ok(result)
    }
}

/// A transaction; rolled back when dropped before its end.
struct Open<'a>(&'a Connection);

impl Open<'_> {
    fn run(&self, sql: &str) -> Result<(), Error> {
        let mut statement = self.0.prepare_cached(sql).map_err(medium)?;
        statement.execute([]).map(drop).map_err(medium)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            let _ = self.run("ROLLBACK");
        }
    }
}

/// Whether the row is there that only this key opens. A store without rows is anybody's.
fn ours(rows: &Rows<'_>) -> Result<bool, Error> {
    let count = |sql: &str, table: &[&str]| -> Result<i64, Error> {
        let mut statement = rows.connection.prepare_cached(sql).map_err(medium)?;
        let params = rusqlite::params_from_iter(table);
        statement.query_row(params, |row| row.get(0)).map_err(medium)
    };
    if count("SELECT count(*) FROM rows WHERE tbl = ?1", &[CHECK.0])? != 0 {
        let row = rows.row(CHECK.0, CHECK.1).map_err(|error| match error {
            Error::Sealed(_) => Error::WrongKey,
            other => other,
        })?;
        return row.map(|_| true).ok_or(Error::WrongKey);
    }
    match count("SELECT EXISTS (SELECT 1 FROM rows)", &[])? {
        0 => Ok(false),
        _ => Err(Error::Damaged("its check row is gone".into())),
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
        self.with(&self.writer, |link| link.within("BEGIN IMMEDIATE", &mut |rows| work(rows)))
    }

    fn read(&self, work: &mut dyn FnMut(&dyn Reading) -> Result<(), Error>) -> Result<(), Error> {
        self.with(&self.reader, |link| link.within("BEGIN", &mut |rows| work(rows)))
    }

    /// SQLite's number of changes by other connections, of the connection that changes nothing.
    fn version(&self) -> Result<u64, Error> {
        self.with(&self.reader, |link| {
            let mut statement =
                link.connection.prepare_cached("PRAGMA data_version").map_err(medium)?;
            let version: i64 = statement.query_row([], |row| row.get(0)).map_err(medium)?;
            Ok(version.cast_unsigned())
        })
    }

    fn key(&self, purpose: &[u8]) -> Result<SealKey, Error> {
        if self.process != process::id() {
            return Err(Error::Forked);
        }
        Ok(self.key.derive(b"wardcard store: purposes").derive(purpose))
    }

    fn check(&self) -> Result<(), Error> {
        self.with(&self.reader, |link| layout::check(&link.connection))
    }

    fn forked(&self) {
        let process = process::id();
        if self.process == process {
            return;
        }
        let inside = fork::enter(process);
        for link in [&self.writer, &self.reader] {
            // Nobody was inside at the fork, so nobody holds it; else it is left as it is.
            if inside.is_ok()
                && let Ok(mut link) = link.try_lock()
            {
                drop(link.take());
            }
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.forked();
        let [writer, reader] = [&mut self.writer, &mut self.reader]
            .map(|link| link.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        if self.process != process::id() {
            // What could not be closed is left to the end of the process.
            mem::forget((writer, reader));
            return;
        }
        let _inside = fork::enter(self.process);
        drop(reader);
        // An empty log makes the next opening quick. Whoever else is at it now does it later.
        if let Some(Link { connection, .. }) = &writer {
            let _ = connection.busy_timeout(Duration::ZERO);
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        drop(writer);
    }
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
