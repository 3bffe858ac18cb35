//! Values that are erased when done with, and the process that keeps them.
//!
//! [`Secret`] is bytes that nobody prints, compares in constant time and finds erased after its
//! last owner; it lies in locked memory as long as the system allows ([`locked_memory`] tells).
//! [`Passcode`] is what NHS calls the PIN. [`harden`] closes the process to debuggers, cores and
//! the swap (design rule 1). [`User`] is who a process runs as, and [`files`] are what is one user's
//! alone. Nothing here allocates or locks before the first use.

pub mod files;
mod hardening;
pub(crate) mod host;
mod pages;
mod passcode;
mod per_process;
mod user;
#[cfg(windows)]
pub(crate) mod windows;

use std::{fmt, sync::Arc};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

pub use files::Access;
#[cfg(all(windows, feature = "cli"))]
pub(crate) use hardening::reports_of;
#[cfg(feature = "cli")]
pub(crate) use hardening::search_system_alone;
pub use hardening::{Hardening, Memory, harden};
pub use pages::{LockedMemory, locked_memory};
pub use passcode::{Passcode, PasscodeRule};
pub(crate) use per_process::PerProcess;
pub use user::{NoUser, User, is_raised};

/// Bytes that are erased on drop and never shown. They never change, so a clone shares them; they
/// are erased with their last owner.
///
/// After a fork the child finds the secrets of its parent wiped: [`Secret::expose`] is then empty.
#[derive(Clone)]
pub struct Secret(Arc<pages::Block>);

impl Secret {
    /// Takes `bytes` over: they are moved to locked memory and erased where they were.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        let secret = Self::copied_from(&bytes);
        bytes.zeroize();
        secret
    }

    /// A copy of `bytes`. The caller erases its own.
    pub fn copied_from(bytes: &[u8]) -> Self {
        let mut block = pages::Block::zeroed(bytes.len());
        block.bytes_mut().copy_from_slice(bytes);
        Self(Arc::new(block))
    }

    /// `length` bytes which `write` fills in place, so that no copy lies anywhere else.
    ///
    /// # Errors
    /// What `write` returned; the bytes are then erased.
    pub fn filled<E>(
        length: usize,
        write: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut block = pages::Block::zeroed(length);
        write(block.bytes_mut())?;
        Ok(Self(Arc::new(block)))
    }

    /// The bytes themselves, for the one who needs them now.
    pub fn expose(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.expose().len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// Compares in time that depends on the lengths alone.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.expose().ct_eq(other).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_gives_back_what_went_in_and_shows_nothing() {
        for length in [0, 1, 63, 64, 65, 1000, 20_000] {
            let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let secret = Secret::new(bytes.clone());
            assert_eq!(secret.expose(), bytes);
            assert_eq!(secret.len(), length);
            assert_eq!(secret.is_empty(), length == 0);
            assert_eq!(secret.clone().expose(), bytes);
            assert_eq!(format!("{secret:?}"), "Secret(..)");
        }
    }

    #[test]
    fn comparison_looks_at_every_byte_and_the_length() {
        let secret = Secret::copied_from(b"123456");
        assert!(secret.matches(b"123456"));
        assert!(!secret.matches(b"123457"));
        assert!(!secret.matches(b"023456"));
        assert!(!secret.matches(b"12345"));
        assert!(!secret.matches(b"1234567"));
        assert!(!secret.matches(b""));
    }

    #[test]
    fn a_secret_filled_in_place_keeps_it_or_the_error() {
        let filled = Secret::filled(3, |bytes| {
            bytes.copy_from_slice(b"abc");
            Ok::<(), ()>(())
        });
        assert_eq!(filled.unwrap().expose(), b"abc");
        assert_eq!(Secret::filled(3, |_| Err("no")).unwrap_err(), "no");
    }
}
