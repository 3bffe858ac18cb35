//! Transactions over sealed tables, in memory or in a SQLite file.
//!
//! A store keeps what outlives a card: tries, passcode verifiers, used proofs. Its rows are small;
//! a transaction is all or nothing, also when the process is killed in the middle.

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
mod tests;

use std::fmt;

pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

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
    /// The file is no store, of another version, or damaged.
    #[error("the file is no store that this version can use ({0}); restore it from a backup")]
    Damaged(String),
    /// Others can get at the file or its folder.
    #[error("the store is refused since others can get at it: {0}")]
    Exposed(String),
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
}

/// The rows as one transaction sees them.
#[allow(clippy::missing_errors_doc)]
pub trait Transaction {
    /// The value of a row.
    fn row(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    /// Writes a row.
    fn put(&mut self, table: &'static str, key: &[u8], value: &[u8]) -> Result<(), Error>;
    /// Deletes a row if there is one.
    fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), Error>;
    /// All rows of a table, key and value, in the order of their keys.
    #[allow(clippy::type_complexity)]
    fn rows(&self, table: &'static str) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Error>;
}
