//! The audit log: a chained log ([`crate::store::log`]) of what hosts and applications did.

pub use crate::store::log::{
    AfterLoss, Entry, Error, FILE, Head, LineHash, Log, OnDirty, files_in, verify,
};
pub(crate) use crate::store::log::{hex, unhex};
