//! Why a certification authority cannot be made, opened or used.

use crate::{crypto, pki, store::log};
use std::path::{Path, PathBuf};

/// Why a certification authority cannot be made, opened or used.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// Something is there already.
    #[error(
        "{0} exists and is not empty; a certification authority is never overwritten: choose another folder, or move this one away"
    )]
    Exists(PathBuf),
    /// A file or folder is not there.
    #[error("{path} is not there; {advice}", path = .0.display(), advice = about_missing(.0))]
    Missing(PathBuf),
    /// Others may read or write it.
    #[error("{path} has mode {mode:03o}, which lets other users in; run: chmod {most:03o} {path}")]
    TooOpen {
        /// Which file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The most that it may have.
        most: u32,
    },
    /// It belongs to another user.
    #[error("{0} belongs to another user; run this as its owner")]
    Owner(PathBuf),
    /// The operating system said no.
    #[error("{0}: {1}")]
    Io(PathBuf, String),
    /// It does not hold what it should.
    #[error("{0}: {1}")]
    Malformed(PathBuf, String),
    /// The key does not open.
    #[error("{0} does not open: the passphrase or the seal key is not the one it was sealed with")]
    Unseal(PathBuf),
    /// A passphrase is needed.
    #[error(
        "the keys of this certification authority are sealed by a passphrase; give --passphrase-file"
    )]
    PassphraseNeeded,
    /// A passphrase was given for nothing.
    #[error(
        "the keys of this certification authority are sealed by the file seal.key, not by a passphrase; leave --passphrase-file out"
    )]
    PassphraseUnused,
    /// The root's key would be left behind under the old passphrase.
    #[error(
        "{0} is not here: bring the root's folder back while the passphrase is changed, since nothing would open its key afterwards"
    )]
    RootAway(PathBuf),
    /// Too short to protect anything.
    #[error("a passphrase has at least 12 bytes")]
    PassphraseShort,
    /// No such certificate.
    #[error("no certificate with serial {0} was issued here")]
    UnknownSerial(String),
    /// Another process issues from it.
    #[error("{0} is in use by another `wardcard ca serve`; stop that one first")]
    InUse(PathBuf),
    /// Files of different authorities lie together.
    #[error("the files of this certification authority do not belong together: {0}")]
    Inconsistent(&'static str),
    /// Agents of other machines cannot be heard.
    #[error("{0} cannot be served: {1}")]
    Tls(String, std::io::Error),
    /// The record of certificates.
    #[error("{0}: {1}")]
    Log(PathBuf, Box<log::Error>),
    /// Certificates.
    #[error("{0}")]
    Issue(String),
    /// Keys.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// Certificates.
    #[error(transparent)]
    Pki(#[from] pki::Error),
}

impl CaError {
    pub(in crate::issue) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::Io(path.to_owned(), error.to_string())
    }

    /// The record of certificates could not be opened or written.
    pub(in crate::issue) fn log(path: &Path, error: log::Error) -> Self {
        match error {
            log::Error::InUse(_) => Self::InUse(path.to_owned()),
            other => Self::Log(path.to_owned(), Box::new(other)),
        }
    }
}

/// What to do about a file that is not there: an authority that lacks one is not made anew.
fn about_missing(path: &Path) -> &'static str {
    let authority = path.ancestors().skip(1).take(2).any(|folder| folder.join("ca.toml").exists());
    if authority {
        "bring back what was moved away, as the root's folder, or restore a backup (`wardcard ca \
         restore`)"
    } else if path.ends_with("ca.toml") || path.extension().is_none() {
        "a certification authority is made by `wardcard ca init`"
    } else {
        "look at the path"
    }
}
