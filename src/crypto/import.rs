//! Private keys from their components, as other systems hand them over.

use super::{Error, KeyKind, PrivateKey, key};
use crate::secret::Secret;
use rsa::{BoxedUint, RsaPrivateKey, pkcs1::EncodeRsaPrivateKey, traits::PrivateKeyParts};
use std::fmt;
use zeroize::Zeroize;

/// The components of an RSA private key (RFC 8017 section 3.2), big-endian. Leading zeros are
/// allowed.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names are RFC 8017's")]
pub struct RsaComponents<'a> {
    pub n: &'a [u8],
    pub e: &'a [u8],
    pub d: &'a Secret,
    /// p and q; found from n, e and d where they are not stated.
    pub primes: Option<(&'a Secret, &'a Secret)>,
    /// dP, dQ and qInv, checked where they are stated. They need the primes.
    pub exponents: [Option<&'a Secret>; 3],
}

impl fmt::Debug for RsaComponents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaComponents({} bytes)", self.n.len())
    }
}

impl PrivateKey {
    /// From RSA components.
    ///
    /// # Errors
    /// [`Error::Key`] when they do not fit each other, or are not of a [`KeyKind`].
    pub fn from_rsa_components(parts: &RsaComponents<'_>) -> Result<Self, Error> {
        // Sizes first: nothing below may be given absurd numbers.
        let public = super::PublicKey::from_rsa(parts.n, parts.e)?;
        let (n, e) = public.rsa().ok_or(Error::Key)?;
        let bits = public.kind().bits();
        let even = |secret: &Secret| secret.expose().last().is_none_or(|byte| byte & 1 == 0);
        if even(parts.d) {
            return Err(Error::Key);
        }
        let primes = match parts.primes {
            Some((p, q)) if even(p) || even(q) => return Err(Error::Key),
            Some((p, q)) => vec![number(p, bits / 2)?, number(q, bits / 2)?],
            None if parts.exponents.iter().any(Option::is_some) => return Err(Error::Key),
            None => Vec::new(),
        };
        let made = RsaPrivateKey::from_components(
            BoxedUint::from_be_slice_vartime(n),
            BoxedUint::from_be_slice_vartime(e),
            number(parts.d, bits)?,
            primes,
        )
        .map_err(|_| Error::Key)?;
        let coefficient = made.crt_coefficient();
        let computed = [made.dp(), made.dq(), coefficient.as_ref()];
        for (stated, computed) in parts.exponents.iter().zip(computed) {
            let (Some(stated), Some(computed)) = (stated, computed) else { continue };
            if number(stated, bits / 2)? != *computed {
                return Err(Error::Key);
            }
        }
        let document = made.to_pkcs1_der().map_err(|_| Error::Key)?;
        key::Private::from_pkcs1(document.as_bytes()).map(Self::from)
    }

    /// From the scalar of an EC key, big-endian; leading zeros may be missing.
    ///
    /// # Errors
    /// [`Error::Key`] for an RSA kind, zero, or a number that is not below the order.
    pub fn from_ec_scalar(kind: KeyKind, scalar: &Secret) -> Result<Self, Error> {
        let scalar = stripped(scalar);
        let length = kind.bytes();
        let zeros = length.checked_sub(scalar.len()).ok_or(Error::Key)?;
        let padded = Secret::filled(length, |bytes| {
            bytes.get_mut(zeros..).ok_or(Error::Key)?.copy_from_slice(scalar);
            Ok(())
        })?;
        key::Private::from_scalar(kind, &padded).map(Self::from)
    }
}

/// A number of at most `bits` bits, stored at that width.
fn number(secret: &Secret, bits: usize) -> Result<BoxedUint, Error> {
    let bits = u32::try_from(bits).map_err(|_| Error::Key)?;
    let mut bytes = stripped(secret).to_vec();
    let number = BoxedUint::from_be_slice(&bytes, bits).map_err(|_| Error::Key);
    bytes.zeroize();
    number
}

fn stripped(secret: &Secret) -> &[u8] {
    let bytes = secret.expose();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
