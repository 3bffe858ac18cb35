//! Secret keys: bytes that ciphers, MACs and derivations take as their key.

use super::{Error, Hash, SealKey, aes::Aes, digest, random};
use crate::secret::Secret;
use std::fmt;

/// A secret key; a clone shares it. Erased with its last owner.
#[derive(Clone)]
pub struct SecretKey(Secret);

impl SecretKey {
    /// Longest key in bytes.
    pub const MOST: usize = 4096;

    /// A fresh random key of `length` bytes.
    ///
    /// # Errors
    /// [`Error::Key`] for a length of 0 or above [`Self::MOST`], [`Error::Backend`] when there is
    /// no random.
    pub fn generate(length: usize) -> Result<Self, Error> {
        if length > Self::MOST {
            return Err(Error::Key);
        }
        Self::from_bytes(&Secret::filled(length, random)?)
    }

    /// From bytes, which it shares.
    ///
    /// # Errors
    /// [`Error::Key`] for a length of 0 or above [`Self::MOST`].
    pub fn from_bytes(bytes: &Secret) -> Result<Self, Error> {
        if (1..=Self::MOST).contains(&bytes.len()) {
            Ok(Self(bytes.clone()))
        } else {
            Err(Error::Key)
        }
    }

    /// Length in bytes, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a key is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes, for whoever may read this key.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// CKA_CHECK_VALUE (PKCS#11 base specification, section 4.10.2): the first bytes of a block of
    /// zeros encrypted under an AES key, of the SHA-1 digest of any other.
    ///
    /// # Errors
    /// [`Error::Key`] for an AES key of a length that AES does not have.
    pub fn check_value(&self, aes: bool) -> Result<[u8; 3], Error> {
        let made = match aes {
            true => Aes::new(self.expose())?.encrypted([0; 16]).to_vec(),
            false => digest(Hash::Sha1, self.expose()),
        };
        made.first_chunk().copied().ok_or(Error::Backend)
    }

    /// The key sealed under `key` for `place`.
    ///
    /// # Errors
    /// [`Error::Backend`].
    pub fn seal(&self, key: &SealKey, place: &[u8]) -> Result<Vec<u8>, Error> {
        key.seal(place, self.expose())
    }

    /// The key that [`Self::seal`] sealed for the same place.
    ///
    /// # Errors
    /// [`Error::Unseal`], [`Error::Key`] when what was sealed is no key.
    pub fn unseal(key: &SealKey, place: &[u8], sealed: &[u8]) -> Result<Self, Error> {
        Self::from_bytes(&key.open(place, sealed)?)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({} bytes)", self.len())
    }
}
