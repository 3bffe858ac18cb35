//! Keys wrapped under other keys: AES key wrap (RFC 3394), with padding (RFC 5649), AES in CBC, RSA.
//!
//! A private key is wrapped as PrivateKeyInfo (RFC 5958), made and read in here.

use super::{
    Cipher, CipherMode, Direction, Error, Padding, PrivateKey, PublicKey, SecretKey, aes::Aes,
};
use crate::secret::Secret;
use ::cipher::common::InnerInit;
use aes_kw::{AesKw, AesKwp};

/// How a key is wrapped, and under which key.
#[derive(Clone, Debug)]
pub enum Wrap {
    /// AES key wrap (RFC 3394) of 16 bytes or more, a multiple of 8.
    Kw(SecretKey),
    /// AES key wrap with padding (RFC 5649).
    Kwp(SecretKey),
    /// A mode of AES, of which ECB and CBC need whole blocks.
    Cipher(SecretKey, CipherMode),
    /// RSA encryption; opened with [`PrivateKey::decrypt`].
    Rsa(PublicKey, Padding),
}

impl Wrap {
    /// A secret key, wrapped.
    ///
    /// # Errors
    /// [`Error::DataLength`] for a key of a length that cannot be wrapped so, [`Error::Key`] for a
    /// wrapping key of a length that AES does not have, [`Error::SchemeKey`], [`Error::Parameter`].
    pub fn secret(&self, key: &SecretKey) -> Result<Vec<u8>, Error> {
        self.bytes(key.expose())
    }

    /// A private key, wrapped as PrivateKeyInfo.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub fn private(&self, key: &PrivateKey) -> Result<Vec<u8>, Error> {
        self.bytes(key.key.to_pkcs8()?.expose())
    }

    /// The secret key that was wrapped.
    ///
    /// # Errors
    /// [`Error::Ciphertext`] when it was not wrapped so, [`Error::DataLength`] for a length that
    /// nothing wrapped so has, [`Error::SchemeKey`] for RSA.
    pub fn open_secret(&self, wrapped: &[u8]) -> Result<SecretKey, Error> {
        SecretKey::from_bytes(&self.open(wrapped)?).map_err(|_| Error::DataLength)
    }

    /// The private key that was wrapped.
    ///
    /// # Errors
    /// As [`Self::open_secret`]; [`Error::Key`] when what was wrapped is no private key.
    pub fn open_private(&self, wrapped: &[u8]) -> Result<PrivateKey, Error> {
        PrivateKey::from_pkcs8(&self.open(wrapped)?)
    }

    /// How long `length` bytes are when they are wrapped.
    pub fn room(&self, length: usize) -> usize {
        match self {
            Self::Kw(_) => length + 8,
            Self::Kwp(_) => length.next_multiple_of(8) + 8,
            Self::Cipher(_, CipherMode::CbcPad(_)) => (length + 1).next_multiple_of(16),
            Self::Cipher(_, CipherMode::Gcm { tag, .. }) => length + tag,
            Self::Cipher(..) => length,
            Self::Rsa(key, _) => key.kind().bytes(),
        }
    }

    /// Bytes, wrapped: what an application encrypts by such a mechanism.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub fn bytes(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::Kw(key) => {
                let kw = AesKw::inner_init(Aes::new(key.expose())?);
                if bytes.len() < 16 || !bytes.len().is_multiple_of(8) {
                    return Err(Error::DataLength);
                }
                let mut wrapped = vec![0u8; bytes.len() + 8];
                kw.wrap_key(bytes, &mut wrapped).map_err(|_| Error::DataLength)?;
                Ok(wrapped)
            }
            Self::Kwp(key) => {
                let kwp = AesKwp::inner_init(Aes::new(key.expose())?);
                if bytes.is_empty() {
                    return Err(Error::DataLength);
                }
                let mut wrapped = vec![0u8; bytes.len().next_multiple_of(8) + 8];
                kwp.wrap_key(bytes, &mut wrapped).map_err(|_| Error::DataLength)?;
                Ok(wrapped)
            }
            Self::Cipher(key, mode) => {
                Cipher::new(key, mode.clone(), Direction::Encrypt)?.whole(bytes)
            }
            Self::Rsa(key, padding) => key.encrypt(padding, bytes),
        }
    }

    /// The bytes that were wrapped.
    ///
    /// # Errors
    /// As [`Self::open_secret`].
    pub fn open(&self, wrapped: &[u8]) -> Result<Secret, Error> {
        match self {
            Self::Kw(key) => {
                let kw = AesKw::inner_init(Aes::new(key.expose())?);
                if wrapped.len() < 24 || !wrapped.len().is_multiple_of(8) {
                    return Err(Error::DataLength);
                }
                Secret::filled(wrapped.len() - 8, |bytes| kw.unwrap_key(wrapped, bytes).map(drop))
                    .map_err(|_| Error::Ciphertext)
            }
            Self::Kwp(key) => {
                let kwp = AesKwp::inner_init(Aes::new(key.expose())?);
                if wrapped.len() < 16 || !wrapped.len().is_multiple_of(8) {
                    return Err(Error::DataLength);
                }
                let mut bytes = zeroize::Zeroizing::new(vec![0u8; wrapped.len() - 8]);
                kwp.unwrap_key(wrapped, &mut bytes)
                    .map(Secret::copied_from)
                    .map_err(|_| Error::Ciphertext)
            }
            Self::Cipher(key, mode) => {
                Cipher::new(key, mode.clone(), Direction::Decrypt)?.whole(wrapped).map(Secret::new)
            }
            Self::Rsa(..) => Err(Error::SchemeKey),
        }
    }
}
