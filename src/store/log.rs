//! A chained log: append-only JSON lines, each holding the SHA-256 of the line before it. The
//! agent's audit log is one, an issuer's record of certificates another.
//!
//! ```text
//! {"seq":7,"time":"2026-11-21T09:00:00Z","prev":"<hash of line 6>","event":"use",...}
//! ```
//!
//! A record is one write(2) to a file opened with O_APPEND: once [`Log::append`] has returned, it
//! survives the death of the process; [`Log::sync`] makes it survive that of the machine. What
//! cannot be written whole is taken back, and the caller is told, so that a key is not used
//! without its record. A torn last line, left by a crash, is marked by the next line; a log that
//! is shorter or other than its remembered [`Head`] is not gone on with silently.
//!
//! Left out: a key. Who can write the file can write a whole new chain from some line on; only the
//! head, remembered in the sealed store or by another machine, shows that.

pub mod verify;

mod entry;
mod open;

pub use entry::Entry;
pub(crate) use entry::{hex, unhex};
pub use open::files_in;

use crate::{clock::Clock, crypto};
use std::{
    fmt,
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The file that is written now; closed ones are `audit-<first number>.jsonl` beside it.
pub const FILE: &str = "audit.jsonl";

/// SHA-256 of a line, without its line feed.
pub type LineHash = [u8; 32];

/// What happens when a log is shorter or other than it was left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterLoss {
    /// It is not opened.
    #[default]
    Refuse,
    /// The loss is recorded in the log, which goes on.
    Record,
}

/// The last line of a log, as it is remembered elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: LineHash,
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}

impl fmt::Display for Head {
    /// `SEQ:HASH`, as `wardcard audit verify --head` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, hex(&self.hash))
    }
}

impl Head {
    /// Reads `SEQ:HASH`.
    pub fn parse(text: &str) -> Option<Self> {
        let (seq, hash) = text.split_once(':')?;
        Some(Self { seq: seq.parse().ok()?, hash: unhex(hash)? })
    }

    /// 40 bytes for a store row.
    pub fn to_bytes(self) -> Vec<u8> {
        [&self.seq.to_be_bytes(), self.hash.as_slice()].concat()
    }

    /// From a store row.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (seq, hash) = bytes.split_first_chunk::<8>()?;
        Some(Self { seq: u64::from_be_bytes(*seq), hash: hash.try_into().ok()? })
    }
}

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder.
    #[error("{path}: {source}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Two processes never share a log.
    #[error("{}: another process writes this log, an agent or an issuer that runs already: stop that one first (`wardcard status` shows an agent); two of them have a folder each", .0.display())]
    InUse(PathBuf),
    /// The chain does not hold.
    #[error(
        "{0}; find out who changed the log, keep a copy, then set `after_loss = \"record\"` in the configuration to go on with the loss on record"
    )]
    Fault(Box<verify::Fault>),
    /// The log ends before, or differs from, what is remembered of it.
    #[error(
        "the log no longer holds line {} as it was left: it was cut off, replaced or altered; find out who did, keep a copy, then set `after_loss = \"record\"` in the configuration to go on with the loss on record", .0.seq
    )]
    Lost(Head),
    /// An earlier write failed half way and cannot be taken back.
    #[error("the log cannot be written (disk full?); free space where it lies")]
    Broken,
}

impl Error {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Told when there is something to sync where there was nothing.
pub type OnDirty = Box<dyn Fn() + Send + Sync>;

/// An open log, this process's alone.
pub struct Log {
    folder: PathBuf,
    rotate_bytes: u64,
    clock: Arc<dyn Clock>,
    writer: Mutex<Writer>,
    on_dirty: OnDirty,
    left: Option<String>,
    /// Holds the lock as long as the log is open.
    _lock: File,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("folder", &self.folder).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Writer {
    file: Arc<File>,
    /// Number of the file's first line.
    first: u64,
    head: Head,
    /// Length of the file that is whole lines.
    bytes: u64,
    broken: bool,
    dirty: bool,
}

impl Log {
    /// Appends one record and answers its number; it has reached the kernel when this returns.
    ///
    /// # Errors
    /// It could not be written whole; nothing of it is left.
    pub fn append(&self, entry: &Entry) -> Result<u64, Error> {
        let mut writer = self.writer();
        if writer.broken {
            writer.take_back()?;
        }
        if writer.bytes >= self.rotate_bytes && writer.head.seq >= writer.first {
            self.rotate(&mut writer)?;
        }
        let seq = self.put(&mut writer, entry)?;
        let was_clean = !std::mem::replace(&mut writer.dirty, true);
        drop(writer);
        if was_clean {
            self.ring();
        }
        Ok(seq)
    }

    /// Brings all records so far onto the medium and answers the last; `None` when there was
    /// nothing to bring.
    ///
    /// # Errors
    /// The medium failed; the records count as not brought.
    pub fn sync(&self) -> Result<Option<Head>, Error> {
        let (file, head) = {
            let mut writer = self.writer();
            if !std::mem::replace(&mut writer.dirty, false) {
                return Ok(None);
            }
            (Arc::clone(&writer.file), writer.head)
        };
        if let Err(source) = file.sync_data() {
            self.writer().dirty = true;
            self.ring();
            return Err(Error::File { path: self.folder.join(FILE), source });
        }
        Ok(Some(head))
    }

    /// Tells whoever brings records onto the medium that there is something to do.
    pub(crate) fn ring(&self) {
        (self.on_dirty)();
    }

    /// The last line.
    pub fn head(&self) -> Head {
        self.writer().head
    }

    /// From now on the disk is full.
    #[cfg(test)]
    pub(crate) fn fill_disk(&self) {
        let full = File::options().append(true).open("/dev/full").expect("there");
        self.writer().file = Arc::new(full);
    }

    /// The event of the last record that was there when this was opened.
    pub fn left(&self) -> Option<&str> {
        self.left.as_deref()
    }

    /// Where the log lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A writer is whole between statements that can panic: none can.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, writer: &mut Writer, entry: &Entry) -> Result<u64, Error> {
        let seq = writer.head.seq.saturating_add(1);
        let mut line = entry.line(seq, self.clock.now(), &writer.head.hash);
        let hash = line_hash(line.as_bytes());
        line.push('\n');
        writer.write(line.as_bytes()).map_err(Error::file(&self.folder.join(FILE)))?;
        writer.head = Head { seq, hash };
        Ok(seq)
    }

    /// Closes the file and begins the next; the chain goes on.
    fn rotate(&self, writer: &mut Writer) -> Result<(), Error> {
        let now = self.folder.join(FILE);
        let name = open::closed_name(writer.first);
        writer.file.sync_data().map_err(Error::file(&now))?;
        std::fs::rename(&now, self.folder.join(&name)).map_err(Error::file(&now))?;
        let file = match open::create(&now) {
            Ok(file) => file,
            Err(error) => {
                // Without a next file the old one goes on being the one that is written.
                std::fs::rename(self.folder.join(&name), &now).map_err(Error::file(&now))?;
                return Err(error);
            }
        };
        writer.file = Arc::new(file);
        writer.first = writer.head.seq.saturating_add(1);
        writer.bytes = 0;
        self.put(writer, &Entry::new("continued").text("from", &name)).map(drop)
    }
}

impl Writer {
    /// One write, whole or taken back.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = loop {
            match (&*self.file).write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let failed = match written {
            Ok(count) if count == bytes.len() => {
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.bytes = self.bytes.saturating_add(length);
                return Ok(());
            }
            Ok(0) => io::Error::from(io::ErrorKind::WriteZero),
            Ok(_) => io::Error::from(io::ErrorKind::StorageFull),
            Err(error) => error,
        };
        self.broken = true;
        // Whether taking back works shows in `broken`; the write has failed either way.
        let _ = self.take_back();
        Err(failed)
    }

    /// Cuts off what a failed write left.
    fn take_back(&mut self) -> Result<(), Error> {
        self.file.set_len(self.bytes).map_err(|_| Error::Broken)?;
        self.broken = false;
        Ok(())
    }
}

/// The hash that the next line carries of this one.
pub(crate) fn line_hash(line: &[u8]) -> LineHash {
    let digest = crypto::digest(crypto::Hash::Sha256, line);
    digest.try_into().unwrap_or([0; 32])
}

#[cfg(test)]
mod tests;
