//! Transactions over sealed tables, in memory or in a SQLite file.
//!
//! A store keeps what outlives a process: tries, passcode verifiers, used proofs, enrolled cards.
//! Its rows are small; a transaction is all or nothing, also when the process is killed in the
//! middle. A row may belong to groups of its table, by which it is found without a look at others.

pub mod log;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod watched;

use crate::crypto::SealKey;
use std::fmt;

pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::{KeyFile, Rotation, SqliteStore, key_file, key_file_of};
#[cfg(test)]
pub(crate) use watched::Watched;

/// Why a store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The medium failed.
    #[error("the store cannot be read or written: {0}")]
    Medium(String),
    /// A row does not open: another key, or altered.
    #[error(
        "a row of table {0} does not open with this store's key; restore the key file that \
         belongs to this store"
    )]
    Sealed(&'static str),
    /// The key belongs to another store.
    #[error("the store was made with another key; restore the key file that belongs to it")]
    WrongKey,
    /// A row opens but is not what this version writes there.
    #[error("a row of table {0} was written by another version of this program")]
    Malformed(&'static str),
    /// A store is there, and its key file is not. Nothing has been written.
    #[error(
        "the key file {0} is missing, and the store that it belongs to is there; restore the file \
         from the backup, since no other key opens the store"
    )]
    KeyMissing(String),
    /// The file is no store, of another version, or damaged.
    #[error("the file is no store that this version can use ({0}); restore it from a backup")]
    Damaged(String),
    /// Others can get at the file or its folder.
    #[error("the store is refused since others can get at it: {0}")]
    Exposed(String),
    /// A key is being replaced, or the one before it is not retired.
    #[error(
        "{0} is there still: end the replacement of this key that was begun before another one"
    )]
    Overlap(String),
    /// The process is a fork of the one that opened the store.
    #[error("the store was opened before this process was forked; it has to be opened anew")]
    Forked,
}

/// Tables of rows. A clone of the `Arc` around it is one more user of the same tables.
pub trait Store: Send + Sync + fmt::Debug {
    /// Runs `work` in one transaction: all of it is kept (on disk when this returns), or nothing.
    /// An error or a panic of `work` rolls back. May be run again from the start if another process
    /// got in between. `work` must not begin another transaction on the same store.
    ///
    /// # Errors
    /// What `work` returned, or the medium's.
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Runs `work` over the rows as they are at one moment. It waits for no writer.
    ///
    /// # Errors
    /// What `work` returned, or the medium's.
    fn read(&self, work: &mut dyn FnMut(&dyn Reading) -> Result<(), Error>) -> Result<(), Error> {
        self.transact(&mut |rows| work(rows.reading()))
    }

    /// A number that is another one after any user of the store, in this process or another, has
    /// changed it. Two numbers are compared only if this value of `Store` gave both. What is read
    /// after asking for it is at least as new.
    ///
    /// # Errors
    /// The medium's.
    fn version(&self) -> Result<u64, Error>;

    /// A key of this store's own for one purpose. Who has the store's key has this one.
    ///
    /// # Errors
    /// [`Error::Medium`] without random; [`Error::Forked`].
    fn key(&self, purpose: &[u8]) -> Result<SealKey, Error>;

    /// Reads all there is and finds what a power cut, a medium or another program did to it.
    ///
    /// # Errors
    /// [`Error::Damaged`] with what was found.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// To be called in a child of a fork: gives up what was opened before it, without a trace in
    /// the store. Nothing happens in the process that opened it. Afterwards each call fails with
    /// [`Error::Forked`], and the child may open the store anew.
    fn forked(&self) {}
}

/// A row: its key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// The rows as they are at one moment.
#[allow(clippy::missing_errors_doc)]
pub trait Reading {
    /// The value of a row.
    fn row(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    /// All rows of a table in the order of their keys.
    fn rows(&self, table: &'static str) -> Result<Vec<Row>, Error>;
    /// The rows of one group of a table in the order of their keys.
    fn group(&self, table: &'static str, group: &[u8]) -> Result<Vec<Row>, Error>;
}

/// The rows as one transaction sees and changes them.
#[allow(clippy::missing_errors_doc)]
pub trait Transaction: Reading {
    /// Writes a row that belongs to these groups, and no longer to others.
    fn put_in(
        &mut self,
        table: &'static str,
        groups: &[&[u8]],
        key: &[u8],
        value: &[u8],
    ) -> Result<(), Error>;
    /// Deletes a row if there is one.
    fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), Error>;
    /// Deletes all rows of a group.
    fn delete_group(&mut self, table: &'static str, group: &[u8]) -> Result<(), Error>;
    /// These rows, for who only reads.
    fn reading(&self) -> &dyn Reading;
    /// Writes a row that belongs to no group.
    fn put(&mut self, table: &'static str, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.put_in(table, &[], key, value)
    }
}
