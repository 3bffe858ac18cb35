//! RSA encryption in its paddings (RFC 8017 section 7, PKCS#11 CKM_RSA_X_509).

use super::{Error, Oaep, PrivateKey, PublicKey, Scheme, padding};
use crate::secret::Secret;

/// How a message becomes the block that RSA encrypts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Padding {
    /// RSAES-PKCS1-v1_5: at most k - 11 bytes.
    Pkcs1,
    /// RSAES-OAEP.
    Oaep(Oaep),
    /// None: the message is the number, with zeros before it up to k bytes, below the modulus.
    Raw,
}

impl PublicKey {
    /// Encrypts a message under this padding.
    ///
    /// # Errors
    /// [`Error::SchemeKey`] for a key that is not RSA, [`Error::DataLength`] for a message that is
    /// too long or a number that is too large, [`Error::Backend`].
    pub fn encrypt(&self, padding: &Padding, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.encrypt(padding, message)
    }

    /// The data in a signature by [`Scheme::Pkcs1Raw`] or [`Scheme::Raw`], the latter
    /// with its zeros (PKCS#11 C_VerifyRecover).
    ///
    /// # Errors
    /// [`Error::Signature`] when it is none by this key and scheme, [`Error::SchemeKey`].
    pub fn recover(&self, scheme: Scheme, signature: &[u8]) -> Result<Vec<u8>, Error> {
        let block = self.0.opened(signature)?;
        match scheme {
            Scheme::Raw => Ok(block),
            Scheme::Pkcs1Raw => padding::recovered(&block).map(<[u8]>::to_vec),
            Scheme::Pkcs1(_) | Scheme::Pss { .. } | Scheme::PssBlock(_) | Scheme::Ecdsa => {
                Err(Error::SchemeKey)
            }
        }
    }
}

impl PrivateKey {
    /// Decrypts a message under this padding. [`Padding::Pkcs1`] is [`Self::decrypt_pkcs1`], with
    /// its implicit rejection.
    ///
    /// # Errors
    /// [`Error::SchemeKey`] for a key that is not RSA, [`Error::DataLength`] for a ciphertext that
    /// is not k bytes long or not below the modulus, [`Error::Ciphertext`] whatever is wrong with
    /// what is inside, found in constant time; [`Error::Backend`].
    pub fn decrypt(&self, padding: &Padding, ciphertext: &[u8]) -> Result<Secret, Error> {
        self.key.decrypt(padding, ciphertext)
    }

    /// ECDH (NIST SP 800-56A section 5.7.1.2): the x coordinate of the product with an uncompressed
    /// point. The cofactor is 1 on all our curves.
    ///
    /// # Errors
    /// [`Error::SchemeKey`] for a key that is not EC, [`Error::Key`] for a point that is not on its
    /// curve, [`Error::Backend`].
    pub fn agree(&self, point: &[u8]) -> Result<Secret, Error> {
        self.key.agree(point)
    }
}
