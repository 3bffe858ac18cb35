//! What the file of a key that seals holds: on Unix the key itself, since nothing but the mode bits
//! stands between such a file and its readers; on Windows the key as the system's data protection
//! (DPAPI) seals it for this account on this machine, so that a copied file opens nothing.

#[cfg_attr(unix, path = "host/unix.rs")]
#[cfg_attr(windows, path = "host/windows.rs")]
mod system;

use super::Secret;
use std::io;

/// No such file is longer.
#[cfg(any(feature = "sqlite", test))]
pub(crate) const LONGEST: u64 = 4096;

/// A key as its file has it.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The key.
    pub(crate) key: Secret,
    /// It lies there as it is, where the system would seal it: somebody has put it there.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "only a store seals it anew"))]
    pub(crate) open: bool,
}

/// The bytes that are to lie in the file of a key.
///
/// # Errors
/// What the system says.
pub(crate) fn wrap(key: &[u8]) -> io::Result<Secret> {
    system::wrap(key)
}

/// The key from the bytes of its file. Bytes that nobody has sealed are the key.
///
/// # Errors
/// PermissionDenied, with what to do, where another account or another machine has sealed it, or it
/// has been changed.
pub(crate) fn unwrap(kept: Secret) -> io::Result<Kept> {
    system::unwrap(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_and_one_that_was_put_there_is_taken() {
        let kept = wrap(&[7; 32]).unwrap();
        assert!(kept.len() as u64 <= LONGEST);
        let back = unwrap(kept).unwrap();
        assert!(back.key.matches(&[7; 32]) && !back.open);
        let plain = unwrap(Secret::copied_from(&[9; 32])).unwrap();
        assert!(plain.key.matches(&[9; 32]));
        assert_eq!(plain.open, cfg!(windows));
    }
}
