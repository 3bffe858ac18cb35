//! A store for tests that says when it is changed: something fails, waits or happens then.

use super::{Error, Reading, Store, Transaction};
use crate::crypto::SealKey;
use std::{fmt, sync::Arc};

/// Another store, and what is done before and after each transaction on it.
pub(crate) struct Watched {
    inner: Arc<dyn Store>,
    before: Box<dyn Fn() -> Result<(), Error> + Send + Sync>,
    after: Box<dyn Fn() + Send + Sync>,
}

impl Watched {
    pub(crate) fn new(
        inner: Arc<dyn Store>,
        before: impl Fn() -> Result<(), Error> + Send + Sync + 'static,
        after: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { inner, before: Box::new(before), after: Box::new(after) }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Store for Watched {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), Error>,
    ) -> Result<(), Error> {
        (self.before)()?;
        self.inner.transact(work)?;
        (self.after)();
        Ok(())
    }

    fn read(&self, work: &mut dyn FnMut(&dyn Reading) -> Result<(), Error>) -> Result<(), Error> {
        self.inner.read(work)
    }

    fn version(&self) -> Result<u64, Error> {
        self.inner.version()
    }

    fn key(&self, purpose: &[u8]) -> Result<SealKey, Error> {
        self.inner.key(purpose)
    }
}
