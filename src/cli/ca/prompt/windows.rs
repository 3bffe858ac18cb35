//! No console of this system is asked for a passphrase yet: it comes from a file.

use super::Error;
use crate::secret::Secret;

/// Says where a passphrase comes from instead.
pub(in crate::cli::ca) fn passphrase(what: &str, _new: bool) -> Result<Secret, Error> {
    Err(Error::Terminal(format!("{what}: name a file with --passphrase-file")))
}
