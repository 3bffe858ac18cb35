//! ECDSA's integers: the digest's leftmost bits, and the two forms of a signature
//! (r || s of PKCS#11, `ECDSA-Sig-Value` of RFC 3279 section 2.2.3).

use super::{Error, KeyKind};
use der::{Decode, Encode, Sequence, asn1::UintRef};

#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// DER `ECDSA-Sig-Value` (RFC 3279) of r || s.
///
/// # Errors
/// [`Error::DataLength`] when the signature is empty, of odd length or longer than P-521's.
pub fn ecdsa_to_der(signature: &[u8]) -> Result<Vec<u8>, Error> {
    let length = signature.len();
    if length == 0 || !length.is_multiple_of(2) || length > 132 {
        return Err(Error::DataLength);
    }
    let (r, s) = signature.split_at_checked(length / 2).ok_or(Error::DataLength)?;
    let value = EcdsaSigValue {
        r: UintRef::new(r).map_err(|_| Error::DataLength)?,
        s: UintRef::new(s).map_err(|_| Error::DataLength)?,
    };
    value.to_der().map_err(|_| Error::DataLength)
}

/// r || s, each as long as the order of `kind`, of a DER `ECDSA-Sig-Value`.
///
/// # Errors
/// [`Error::Signature`] for anything but strict DER of two numbers that fit, [`Error::SchemeKey`]
/// for an RSA kind.
pub fn ecdsa_from_der(signature: &[u8], kind: KeyKind) -> Result<Vec<u8>, Error> {
    if kind.is_rsa() {
        return Err(Error::SchemeKey);
    }
    let value = EcdsaSigValue::from_der(signature).map_err(|_| Error::Signature)?;
    let mut bytes = Vec::with_capacity(kind.signature_len());
    for number in [value.r.as_bytes(), value.s.as_bytes()] {
        let zeros = kind.bytes().checked_sub(number.len()).ok_or(Error::Signature)?;
        bytes.resize(bytes.len() + zeros, 0x00);
        bytes.extend_from_slice(number);
    }
    Ok(bytes)
}

/// The integer z of FIPS 186-5 section 6.4.1 for an order of `length` whole bytes: the leftmost
/// bits of a longer digest, a shorter one as it is.
pub(super) fn integer(digest: &[u8], length: usize) -> Result<Vec<u8>, Error> {
    if digest.is_empty() {
        return Err(Error::DataLength);
    }
    let leftmost = digest.get(..length).unwrap_or(digest);
    let mut z = vec![0u8; length - leftmost.len()];
    z.extend_from_slice(leftmost);
    Ok(z)
}
