//! Keys as DER: PrivateKeyInfo (RFC 5958), SubjectPublicKeyInfo (RFC 5280, RFC 5480),
//! RSAPrivateKey and RSAPublicKey (RFC 8017 appendix A.1).

use super::{Error, KeyKind, backend::Curve};
use crate::secret::Secret;
use const_oid::{
    ObjectIdentifier,
    db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1},
};
use der::{
    Decode, Encode,
    asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef},
};
use p256::elliptic_curve::sec1::ToSec1Point;
use pkcs8::{EncodePrivateKey, PrivateKeyInfoRef};
use rsa::pkcs1::{RsaPrivateKey, RsaPublicKey};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

/// What a PrivateKeyInfo holds. Borrows the caller's erased bytes.
pub(super) enum PrivateParts<'a> {
    /// RSAPrivateKey, its sizes and exponent checked, and the public half.
    Rsa { pkcs1: &'a [u8], public: PublicParts },
    /// ECPrivateKey with parameters and public key, and the public half.
    Ec { curve: Curve, sec1: Zeroizing<Vec<u8>>, public: PublicParts },
}

/// What a public key is made of, checked.
#[derive(Clone)]
pub(super) enum PublicParts {
    /// Big-endian numbers without leading zeros.
    Rsa { kind: KeyKind, modulus: Vec<u8>, exponent: Vec<u8> },
    /// Uncompressed point on the curve.
    Ec { curve: Curve, point: Vec<u8> },
}

impl PublicParts {
    /// Checks size and form of an RSA public key.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, Error> {
        let modulus = without_leading_zeros(modulus);
        let exponent = without_leading_zeros(exponent);
        let kind = match modulus.len() {
            256 => KeyKind::Rsa2048,
            384 => KeyKind::Rsa3072,
            512 => KeyKind::Rsa4096,
            _ => return Err(Error::Key),
        };
        let full = modulus.first().is_some_and(|byte| byte & 0x80 != 0);
        let odd = modulus.last().is_some_and(|byte| byte & 1 == 1);
        if !full || !odd || exponent.len() > 8 {
            return Err(Error::Key);
        }
        let value = exponent.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        if value & 1 == 0 || !(65_537..1 << 33).contains(&value) {
            return Err(Error::Key);
        }
        Ok(Self::Rsa { kind, modulus: modulus.to_vec(), exponent: exponent.to_vec() })
    }

    /// Checks that an uncompressed point is on the curve.
    pub(super) fn ec(curve: Curve, point: &[u8]) -> Result<Self, Error> {
        if point.len() != 2 * curve.bytes() + 1 || point.first() != Some(&0x04) {
            return Err(Error::Key);
        }
        match curve {
            Curve::P256 => p256::PublicKey::from_sec1_bytes(point).map(drop),
            Curve::P384 => p384::PublicKey::from_sec1_bytes(point).map(drop),
        }
        .map_err(|_| Error::Key)?;
        Ok(Self::Ec { curve, point: point.to_vec() })
    }

    /// From SubjectPublicKeyInfo in its one DER form.
    pub(super) fn from_spki(der: &[u8]) -> Result<Self, Error> {
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| Error::Key)?;
        let bits = info.subject_public_key.as_bytes().ok_or(Error::Key)?;
        let parts = match algorithm(&info.algorithm)? {
            Algorithm::Rsa => {
                let key = RsaPublicKey::<UintRef<'_>>::from_der(bits).map_err(|_| Error::Key)?;
                Self::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
            }
            Algorithm::Ec(curve) => Self::ec(curve, bits),
        }?;
        if parts.to_spki()? == der { Ok(parts) } else { Err(Error::Key) }
    }

    /// SubjectPublicKeyInfo.
    pub(super) fn to_spki(&self) -> Result<Vec<u8>, Error> {
        let bits = self.to_bits()?;
        let algorithm = match self {
            Self::Rsa { .. } => rsa::pkcs1::ALGORITHM_ID,
            Self::Ec { curve: Curve::P256, .. } => ec_algorithm(&SECP_256_R_1),
            Self::Ec { curve: Curve::P384, .. } => ec_algorithm(&SECP_384_R_1),
        };
        let subject_public_key = BitStringRef::from_bytes(&bits).map_err(|_| Error::Key)?;
        SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().map_err(|_| Error::Key)
    }

    /// What stands in the bit string of SubjectPublicKeyInfo: RSAPublicKey, or the point.
    pub(super) fn to_bits(&self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Rsa { modulus, exponent, .. } => RsaPublicKey {
                modulus: UintRef::new(modulus).map_err(|_| Error::Key)?,
                public_exponent: UintRef::new(exponent).map_err(|_| Error::Key)?,
            }
            .to_der()
            .map_err(|_| Error::Key),
            Self::Ec { point, .. } => Ok(point.clone()),
        }
    }
}

/// Reads PrivateKeyInfo. That the private components fit each other is for the back end to check.
pub(super) fn from_pkcs8(der: &[u8]) -> Result<PrivateParts<'_>, Error> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| Error::Key)?;
    let stated = match &info.public_key {
        Some(bits) => Some(bits.as_bytes().ok_or(Error::Key)?),
        None => None,
    };
    let parts = match algorithm(&info.algorithm)? {
        Algorithm::Rsa => {
            let pkcs1 = info.private_key.as_bytes();
            PrivateParts::Rsa { pkcs1, public: rsa_private(pkcs1)? }
        }
        Algorithm::Ec(Curve::P256) => {
            let key = p256::SecretKey::try_from(info).map_err(|_| Error::Key)?;
            let point = key.public_key().to_sec1_point(false);
            PrivateParts::Ec {
                curve: Curve::P256,
                sec1: key.to_sec1_der().map_err(|_| Error::Key)?,
                public: PublicParts::ec(Curve::P256, point.as_bytes())?,
            }
        }
        Algorithm::Ec(Curve::P384) => {
            let key = p384::SecretKey::try_from(info).map_err(|_| Error::Key)?;
            let point = key.public_key().to_sec1_point(false);
            PrivateParts::Ec {
                curve: Curve::P384,
                sec1: key.to_sec1_der().map_err(|_| Error::Key)?,
                public: PublicParts::ec(Curve::P384, point.as_bytes())?,
            }
        }
    };
    match stated {
        Some(bits) if parts.public().to_bits()? != bits => Err(Error::Key),
        _ => Ok(parts),
    }
}

impl PrivateParts<'_> {
    /// The public half.
    pub(super) fn public(&self) -> &PublicParts {
        match self {
            Self::Rsa { public, .. } | Self::Ec { public, .. } => public,
        }
    }
}

/// PrivateKeyInfo of RSAPrivateKey.
pub(super) fn rsa_to_pkcs8(pkcs1: &Secret) -> Result<Secret, Error> {
    let key = OctetStringRef::new(pkcs1.expose()).map_err(|_| Error::Backend)?;
    let info = PrivateKeyInfoRef::new(rsa::pkcs1::ALGORITHM_ID, key);
    info.to_der().map(Secret::new).map_err(|_| Error::Backend)
}

/// PrivateKeyInfo of a scalar.
pub(super) fn ec_to_pkcs8(curve: Curve, scalar: &Secret) -> Result<Secret, Error> {
    let document = match curve {
        Curve::P256 => {
            p256::SecretKey::from_slice(scalar.expose()).map_err(|_| Error::Backend)?.to_pkcs8_der()
        }
        Curve::P384 => {
            p384::SecretKey::from_slice(scalar.expose()).map_err(|_| Error::Backend)?.to_pkcs8_der()
        }
    };
    document.map(|document| Secret::copied_from(document.as_bytes())).map_err(|_| Error::Backend)
}

enum Algorithm {
    Rsa,
    Ec(Curve),
}

fn algorithm(identifier: &AlgorithmIdentifierRef<'_>) -> Result<Algorithm, Error> {
    if identifier.oid == RSA_ENCRYPTION && identifier.parameters == Some(AnyRef::NULL) {
        return Ok(Algorithm::Rsa);
    }
    if identifier.oid != ID_EC_PUBLIC_KEY {
        return Err(Error::Key);
    }
    match identifier.parameters_oid() {
        Ok(SECP_256_R_1) => Ok(Algorithm::Ec(Curve::P256)),
        Ok(SECP_384_R_1) => Ok(Algorithm::Ec(Curve::P384)),
        _ => Err(Error::Key),
    }
}

fn ec_algorithm(curve: &ObjectIdentifier) -> AlgorithmIdentifierRef<'_> {
    AlgorithmIdentifierRef { oid: ID_EC_PUBLIC_KEY, parameters: Some(curve.into()) }
}

/// Checks the sizes of RSAPrivateKey: two primes of half the modulus each.
pub(super) fn rsa_private(pkcs1: &[u8]) -> Result<PublicParts, Error> {
    let key = RsaPrivateKey::<UintRef<'_>>::from_der(pkcs1).map_err(|_| Error::Key)?;
    let half = key.modulus.as_bytes().len() / 2;
    let halves = [&key.prime1, &key.prime2].iter().all(|prime| prime.as_bytes().len() == half);
    if !halves || key.other_prime_infos.is_some() {
        return Err(Error::Key);
    }
    PublicParts::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
