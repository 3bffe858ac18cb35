//! Tables in a SQLite file, each value sealed, no key of a row in clear.
//!
//! ```text
//! rows( tbl   TEXT   name of the table
//!       key   BLOB   HKDF-SHA-256 of (table, key) under the store's key: finds, tells nothing
//!       value BLOB   sealed (length of key, key, value), bound to tbl and key )
//! groups( tbl  TEXT  as above
//!         grp  BLOB  HKDF-SHA-256 of (table, group) under the store's key
//!         key  BLOB  a row of the group )
//! keyring( generation INTEGER, sealed BLOB )  see [`keyring`]: the store's keys, once the key in
//!         its file has been replaced
//! ```
//!
//! Written with WAL and `synchronous=FULL`: when a transaction is over it is on disk, and a process
//! killed in the middle leaves it undone. A copy of the file put back later brings back the old
//! tries; that is the reach of who can write in the folder, and out of scope here.
//!
//! Two connections: one writes, the other reads, and no reader waits for a writer's disk.

mod fork;
mod key_file;
mod keyring;
mod layout;
mod place;
mod rotation;
mod rows;

use super::{Error, Reading, Row, Store, Transaction};
use crate::crypto::SealKey;
pub use key_file::{key_file, key_file_of};
use keyring::Source;
pub use rotation::{KeyFile, Rotation};
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

/// Tables in a SQLite file, each value sealed; crash-safe (WAL, synchronous=FULL), several processes
/// at once. In a child of a fork it fails with [`Error::Forked`]; the child calls
/// [`Store::forked`] and opens the store anew.
pub struct SqliteStore {
    path: PathBuf,
    /// The process that opened it.
    process: u32,
    /// What opens the ring of its keys.
    source: Source,
    /// The first key it had: what is found by index, and what is sealed elsewhere under
    /// [`Store::key`], stays with this one.
    origin: SealKey,
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
        Self::open_from(path, Source::given(key))
    }

    /// As [`Self::open`] with the key in a file, which is made where neither it nor the store is
    /// there yet. Of a key that is being replaced the old one and the new one open it, and the
    /// store goes on when another process replaces it.
    ///
    /// # Errors
    /// As [`Self::open`] and [`key_file_of`].
    pub fn open_with(path: &Path, key: &KeyFile) -> Result<Self, Error> {
        key_file_of(key.path(), path)?;
        Self::open_from(path, Source::File(key.clone()))
    }

    fn open_from(path: &Path, source: Source) -> Result<Self, Error> {
        let process = process::id();
        let _inside = fork::enter(process)?;
        let path = place::private_file(path)?;
        let reader = patiently(|| layout::connect(&path))?;
        let writer = patiently(|| layout::connect(&path))?;
        let keys = keyring::first(&reader, &writer, &source)?;
        let origin = keys.origin().clone();
        let link = |connection, keys| Mutex::new(Some(Link { connection, keys }));
        let (writer, reader) = (link(writer, keys.again()), link(reader, keys));
        Ok(Self { path, process, source, origin, writer, reader })
    }

    /// Whether this key, and so no other, opens the ring of its keys.
    ///
    /// # Errors
    /// The medium's.
    pub fn is_under(&self, key: &SealKey) -> Result<bool, Error> {
        self.with(&self.reader, |link| {
            link.within(&self.source, "BEGIN", &mut |rows| keyring::is_under(rows.connection, key))
        })
    }

    /// Seals every row anew under a fresh key, which lies in the store under `key`: nothing but
    /// `key` opens the store from then on. One transaction; other users of the store go on if
    /// they know the file that `key` is in. What was written before may stand in the medium's
    /// free places, and in backups, sealed as it was.
    ///
    /// # Errors
    /// The medium's; [`Error::Damaged`] for a row that does not open. Nothing has changed then.
    pub fn reseal(&self, key: &SealKey) -> Result<(), Error> {
        self.with(&self.writer, |link| {
            self.source.add(key);
            let keys = link.within(&self.source, "BEGIN IMMEDIATE", &mut |rows| {
                keyring::reseal(rows.connection, rows.keys, key)
            })?;
            link.keys = keys;
            // What the log holds under the old key goes now, or later if somebody reads it.
            let _ = link.connection.busy_timeout(Duration::ZERO);
            let _ = link.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            link.connection.busy_timeout(PATIENCE).map_err(medium)
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
        source: &Source,
        begin: &str,
        work: &mut dyn FnMut(&mut Rows<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let open = Open(&self.connection);
        // Twice more: between a look at the ring and one at the file both may have been replaced.
        for again in [true, true, false] {
            open.run(begin)?;
            // Asked inside the transaction: rows and ring are of one moment.
            if keyring::generation(&self.connection)? == self.keys.generation() {
                break;
            }
            match keyring::current(&self.connection, source) {
                Ok(keys) => {
                    self.keys = keys;
                    break;
                }
                Err(Error::WrongKey) if again => open.run("ROLLBACK")?,
                Err(error) => return Err(error),
            }
        }
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
        self.with(&self.writer, |link| {
            link.within(&self.source, "BEGIN IMMEDIATE", &mut |rows| work(rows))
        })
    }

    fn read(&self, work: &mut dyn FnMut(&dyn Reading) -> Result<(), Error>) -> Result<(), Error> {
        self.with(&self.reader, |link| link.within(&self.source, "BEGIN", &mut |rows| work(rows)))
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
        Ok(self.origin.derive(b"wardcard store: purposes").derive(purpose))
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
