//! Key derivation: ANSI X9.63 (SEC 1 section 3.6.1) and HKDF (RFC 5869).

use super::{Error, Hash, Hasher};
use crate::secret::Secret;
use hkdf::Hkdf;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

/// Does the same with whichever hash it is.
macro_rules! each {
    ($hash:expr, $Hash:ident => $work:expr) => {
        match $hash {
            Hash::Sha1 => {
                type $Hash = Sha1;
                $work
            }
            Hash::Sha224 => {
                type $Hash = Sha224;
                $work
            }
            Hash::Sha256 => {
                type $Hash = Sha256;
                $work
            }
            Hash::Sha384 => {
                type $Hash = Sha384;
                $work
            }
            Hash::Sha512 => {
                type $Hash = Sha512;
                $work
            }
        }
    };
}

/// `length` bytes from a shared secret by ANSI X9.63: digests of secret, counter and `shared`.
///
/// # Errors
/// [`Error::DataLength`] for none or more than 65,536 bytes.
pub fn x963_kdf(
    hash: Hash,
    secret: &Secret,
    shared: &[u8],
    length: usize,
) -> Result<Secret, Error> {
    if length == 0 || length > 65_536 {
        return Err(Error::DataLength);
    }
    Secret::filled(length, |bytes| {
        for (counter, chunk) in (1u32..).zip(bytes.chunks_mut(hash.len())) {
            let mut hasher = Hasher::new(hash);
            hasher.update(secret.expose());
            hasher.update(&counter.to_be_bytes());
            hasher.update(shared);
            let block = Secret::new(hasher.finish());
            for (to, from) in chunk.iter_mut().zip(block.expose()) {
                *to = *from;
            }
        }
        Ok(())
    })
}

/// HKDF-Extract: a key as long as the hash. No salt counts as that many zeros.
pub fn hkdf_extract(hash: Hash, salt: Option<&[u8]>, material: &[u8]) -> Secret {
    each!(hash, H => {
        let (mut key, _) = Hkdf::<H>::extract(salt, material);
        let secret = Secret::copied_from(&key);
        zeroize::Zeroize::zeroize(key.as_mut_slice());
        secret
    })
}

/// HKDF-Expand: `length` bytes from a key that is at least as long as the hash.
///
/// # Errors
/// [`Error::Key`] for a shorter key, [`Error::DataLength`] for no bytes or more than 255 times the
/// hash's length.
pub fn hkdf_expand(hash: Hash, key: &[u8], info: &[u8], length: usize) -> Result<Secret, Error> {
    if length == 0 || length > 255 * hash.len() {
        return Err(Error::DataLength);
    }
    each!(hash, H => {
        let hkdf = Hkdf::<H>::from_prk(key).map_err(|_| Error::Key)?;
        Secret::filled(length, |bytes| hkdf.expand(info, bytes)).map_err(|_| Error::DataLength)
    })
}
