//! Key derivation: ANSI X9.63 (SEC 1 section 3.6.1) and HKDF (RFC 5869) with any hash.

use super::{Error, Hash, Hasher, mac::Hmac};
use crate::secret::Secret;

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
            copy(chunk, &Secret::new(hasher.finish()));
        }
        Ok(())
    })
}

/// HKDF-Extract: a key as long as the hash. No salt counts as that many zeros.
pub fn hkdf_extract(hash: Hash, salt: Option<&[u8]>, material: &[u8]) -> Secret {
    let mut hmac = Hmac::new(hash, salt.unwrap_or_default());
    hmac.update(material);
    Secret::new(hmac.finish())
}

/// HKDF-Expand: `length` bytes from a key, which should be at least as long as the hash.
///
/// # Errors
/// [`Error::DataLength`] for no bytes or more than 255 times the hash's length.
pub fn hkdf_expand(hash: Hash, key: &[u8], info: &[u8], length: usize) -> Result<Secret, Error> {
    if length == 0 || length > 255 * hash.len() {
        return Err(Error::DataLength);
    }
    let keyed = Hmac::new(hash, key);
    Secret::filled(length, |bytes| {
        let mut before = Secret::new(Vec::new());
        for (counter, chunk) in (1u8..=255).zip(bytes.chunks_mut(hash.len())) {
            let mut hmac = keyed.clone();
            hmac.update(before.expose());
            hmac.update(info);
            hmac.update(&[counter]);
            before = Secret::new(hmac.finish());
            copy(chunk, &before);
        }
        Ok(())
    })
}

/// As many bytes as there are places for.
fn copy(to: &mut [u8], from: &Secret) {
    to.iter_mut().zip(from.expose()).for_each(|(to, from)| *to = *from);
}
