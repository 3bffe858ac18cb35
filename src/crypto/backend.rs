//! What a back end does: the raw RSA block, ECDSA over a field-sized integer, ECDH, digests, random.
//!
//! Everything else (padding, encodings, checks of lengths) is shared and stands above this trait.

use super::{Error, Hash, KeyKind};
use crate::secret::Secret;
use rsa::RsaPrivateKey;

/// A curve of FIPS 186-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
}

impl Curve {
    /// The kind of a key on this curve.
    pub(super) const fn kind(self) -> KeyKind {
        match self {
            Self::P256 => KeyKind::P256,
            Self::P384 => KeyKind::P384,
        }
    }

    /// Length in bytes of the order, and of a coordinate.
    pub(super) const fn bytes(self) -> usize {
        self.kind().bytes()
    }
}

impl TryFrom<KeyKind> for Curve {
    type Error = Error;

    fn try_from(kind: KeyKind) -> Result<Self, Error> {
        match kind {
            KeyKind::P256 => Ok(Self::P256),
            KeyKind::P384 => Ok(Self::P384),
            KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => Err(Error::Key),
        }
    }
}

/// One set of primitives. Keys are prepared once and used by many threads.
pub(super) trait Backend: Sized + 'static {
    /// A prepared RSA private key, erased on drop.
    type RsaPrivate: Send + Sync;
    /// A prepared RSA public key.
    type RsaPublic: Send + Sync;
    /// A prepared EC private key, erased on drop.
    type EcPrivate: Send + Sync;
    /// A prepared EC public key.
    type EcPublic: Send + Sync;
    /// A digest in progress.
    type Hasher: Clone + Send + Sync;

    /// Name and version.
    fn name() -> &'static str;
    /// Fills `bytes` with random.
    fn random(bytes: &mut [u8]) -> Result<(), Error>;

    /// Starts a digest.
    fn hasher(hash: Hash) -> Self::Hasher;
    /// Takes more of the message.
    fn update(hasher: &mut Self::Hasher, bytes: &[u8]);
    /// The digest.
    fn finish(hasher: Self::Hasher) -> Vec<u8>;

    /// From RSAPrivateKey (RFC 8017 appendix A.1.2) whose sizes were checked; every relation
    /// between the components is checked here.
    fn rsa_private(pkcs1: &[u8]) -> Result<Self::RsaPrivate, Error>;
    /// From a key that the `rsa` crate has just made.
    fn rsa_generated(key: RsaPrivateKey) -> Result<Self::RsaPrivate, Error>;
    /// RSAPrivateKey (RFC 8017 appendix A.1.2).
    fn rsa_to_pkcs1(key: &Self::RsaPrivate) -> Result<Secret, Error>;
    /// RSASP1 (RFC 8017 section 5.2.1) on a block of k bytes below the modulus: blinded, and
    /// checked against faults.
    fn rsa_private_block(key: &Self::RsaPrivate, block: &[u8]) -> Result<Vec<u8>, Error>;
    /// The same key for PKCS#1 v1.5 decryption, made at first use.
    fn rsa_for_decryption(key: &Self::RsaPrivate) -> Result<&RsaPrivateKey, Error>;
    /// From checked modulus and exponent, and the RSAPublicKey DER of both.
    fn rsa_public(modulus: &[u8], exponent: &[u8], pkcs1: &[u8]) -> Result<Self::RsaPublic, Error>;
    /// RSAVP1 (RFC 8017 section 5.2.2): k bytes of k bytes; [`Error::Signature`] when the input
    /// is not below the modulus.
    fn rsa_public_block(key: &Self::RsaPublic, block: &[u8]) -> Result<Vec<u8>, Error>;

    /// From ECPrivateKey (RFC 5915) with parameters and public key.
    fn ec_private(curve: Curve, sec1: &[u8]) -> Result<Self::EcPrivate, Error>;
    /// The private scalar, big-endian, as long as the order.
    fn ec_scalar(key: &Self::EcPrivate) -> Result<Secret, Error>;
    /// r || s over the integer `z`, as long as the order.
    fn ecdsa_sign(key: &Self::EcPrivate, z: &[u8]) -> Result<Vec<u8>, Error>;
    /// From a point on the curve, and its SubjectPublicKeyInfo.
    fn ec_public(curve: Curve, point: &[u8], spki: &[u8]) -> Result<Self::EcPublic, Error>;
    /// The x coordinate of the product of both, as long as the field; they are on one curve.
    fn ecdh(key: &Self::EcPrivate, peer: &Self::EcPublic) -> Result<Secret, Error>;
    /// Checks r || s over the integer `z`.
    fn ecdsa_verify(key: &Self::EcPublic, z: &[u8], signature: &[u8]) -> Result<(), Error>;
}

/// One-shot digest by a back end.
pub(super) fn digest<B: Backend>(hash: Hash, parts: &[&[u8]]) -> Vec<u8> {
    let mut hasher = B::hasher(hash);
    for part in parts {
        B::update(&mut hasher, part);
    }
    B::finish(hasher)
}
