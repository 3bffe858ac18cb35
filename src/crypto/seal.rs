//! Sealing with AES-256-GCM (NIST SP 800-38D) and keys derived by HKDF-SHA-256 (RFC 5869).
//!
//! ```text
//! sealed = version (1 byte) || nonce (12, random) || ciphertext || tag (16)
//! authenticated besides: version || place
//! ```
//!
//! The same bytes under every back end. Random nonces allow 2^32 seals under one key.

use super::{Error, random};
use crate::secret::Secret;
use aes_gcm::{
    Aes256Gcm, Key, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use std::{fmt, sync::Arc};

const VERSION: u8 = 1;
const NONCE: usize = 12;
const KEY: usize = 32;
/// Stands before every label, so that derived keys belong to this use of HKDF.
const DOMAIN: &[u8] = b"wardcard seal key 1\0";

/// Key of AES-256-GCM under which keys and tables are sealed. A clone shares the bytes, which are
/// erased with the last owner.
#[derive(Clone)]
pub struct SealKey(Arc<Secret>);

impl SealKey {
    /// A fresh random key.
    ///
    /// # Errors
    /// [`Error::Backend`] when there is no random.
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = vec![0u8; KEY];
        random(&mut bytes)?;
        Ok(Self(Arc::new(Secret::new(bytes))))
    }

    /// From 32 bytes.
    ///
    /// # Errors
    /// [`Error::Key`] for any other length.
    pub fn from_bytes(bytes: &Secret) -> Result<Self, Error> {
        if bytes.len() == KEY { Ok(Self(Arc::new(bytes.clone()))) } else { Err(Error::Key) }
    }

    /// The 32 bytes, to be written to a file of mode 0600.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// A key of its own for one purpose (HKDF-SHA-256 over a label).
    pub fn derive(&self, label: &[u8]) -> Self {
        let mut bytes = vec![0u8; KEY];
        #[expect(
            clippy::expect_used,
            clippy::missing_panics_doc,
            reason = "32 bytes are below HKDF's limit of 255 blocks"
        )]
        hkdf(None, self.expose(), &[DOMAIN, label], &mut bytes)
            .expect("32 bytes are below HKDF's limit of 255 blocks");
        Self(Arc::new(Secret::new(bytes)))
    }

    /// A key for one purpose that needs both this key and `secret` (HKDF-SHA-256, this key as salt).
    pub fn with(&self, secret: &Secret, label: &[u8]) -> Self {
        let mut bytes = vec![0u8; KEY];
        #[expect(
            clippy::expect_used,
            clippy::missing_panics_doc,
            reason = "32 bytes are below HKDF's limit of 255 blocks"
        )]
        hkdf(Some(self.expose()), secret.expose(), &[DOMAIN, label], &mut bytes)
            .expect("32 bytes are below HKDF's limit of 255 blocks");
        Self(Arc::new(Secret::new(bytes)))
    }

    /// Seals `plaintext`. `place` is authenticated, not stored: sealed bytes open only in the
    /// place they were sealed for.
    ///
    /// # Errors
    /// [`Error::Backend`] when there is no random, or more than 64 GiB.
    pub fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0u8; NONCE];
        // The system's, not the back end's: the first random of aws-lc costs a process 70 ms.
        getrandom::fill(&mut nonce).map_err(|_| Error::Backend)?;
        let aad = additional(place);
        let ciphertext = self
            .cipher()
            .encrypt(&Nonce::from(nonce), Payload { msg: plaintext, aad: &aad })
            .map_err(|_| Error::Backend)?;
        Ok([&[VERSION], &nonce[..], &ciphertext].concat())
    }

    /// Opens what [`Self::seal`] sealed for this place.
    ///
    /// # Errors
    /// [`Error::Unseal`].
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Secret, Error> {
        let (version, rest) = sealed.split_first().ok_or(Error::Unseal)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(Error::Unseal)?;
        if *version != VERSION {
            return Err(Error::Unseal);
        }
        let aad = additional(place);
        self.cipher()
            .decrypt(&Nonce::from(*nonce), Payload { msg: ciphertext, aad: &aad })
            .map(Secret::new)
            .map_err(|_| Error::Unseal)
    }

    pub(super) fn cipher(&self) -> Aes256Gcm {
        let mut key = Key::<Aes256Gcm>::default();
        key.copy_from_slice(self.expose());
        let cipher = Aes256Gcm::new(&key);
        zeroize::Zeroize::zeroize(key.as_mut_slice());
        cipher
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// HKDF-SHA-256 (RFC 5869), extract and expand.
pub(super) fn hkdf(
    salt: Option<&[u8]>,
    material: &[u8],
    info: &[&[u8]],
    output: &mut [u8],
) -> Result<(), Error> {
    Hkdf::<Sha256>::new(salt, material)
        .expand_multi_info(info, output)
        .map_err(|_| Error::DataLength)
}

fn additional(place: &[u8]) -> Vec<u8> {
    [&[VERSION], place].concat()
}
