//! Keys, schemes, digests, random, seal and unseal.
//!
//! A private key enters by [`PrivateKey::generate`], [`PrivateKey::from_pkcs8`], from its
//! components or by [`PrivateKey::unseal`] and leaves by [`PrivateKey::seal`] or wrapped under
//! another key ([`Wrap`]): nothing here hands out its bytes in the clear. A [`SecretKey`] shows its
//! bytes, to whoever may read it.
//!
//! ```text
//!   PrivateKey  PublicKey  Hasher    SecretKey  Cipher  Mac  Wrap    SealKey  stretch
//!        \         |         |            \       |     |    /          |       |
//!     key, padding, oaep, encoding, ecdsa     aes and its modes, cmac, hmac, kdf, tdea
//!                  |         |                       (AES by RustCrypto under either back end)
//!             trait Backend  (raw RSA block, ECDSA, ECDH, digest, random)
//!              /         \
//!          aws_lc      rustcrypto
//! ```
//!
//! Padding stands above the back ends, so both make and accept the same bytes. PKCS#1 v1.5
//! decryption is the `rsa` crate's under either: aws-lc tells bad padding, which is an oracle.

mod aes;
#[cfg(feature = "aws-lc")]
mod aws_lc;
mod backend;
mod cipher;
mod digest;
mod ecdsa;
mod ed25519;
mod encoding;
mod encryption;
mod import;
mod kdf;
mod key;
mod mac;
mod oaep;
mod padding;
#[cfg(any(test, not(feature = "aws-lc")))]
mod rustcrypto;
mod seal;
mod secret_key;
mod sha3;
mod stretch;
mod tdea;
#[cfg(test)]
pub(crate) mod tests;
mod wrap;

use crate::secret::Secret;
use backend::Backend;
use std::{fmt, sync::Arc};

pub use cipher::{Cipher, CipherMode, Direction};
pub use digest::{Hasher, digest};
pub use ecdsa::{ecdsa_from_der, ecdsa_to_der};
pub use ed25519::verify_ed25519;
pub use encryption::Padding;
pub use import::RsaComponents;
pub use kdf::{hkdf_expand, hkdf_extract, x963_kdf};
pub use mac::{Mac, MacKind};
pub use oaep::Oaep;
pub use padding::digest_info_hash;
pub use seal::SealKey;
pub use secret_key::SecretKey;
pub use stretch::{Stretch, stretch};
pub use tdea::tdea;
pub use wrap::Wrap;

#[cfg(not(any(feature = "aws-lc", feature = "pure-rust")))]
compile_error!(
    "no cryptographic back end: enable the feature `aws-lc` (needs a C compiler) or `pure-rust`"
);

#[cfg(feature = "aws-lc")]
type Chosen = aws_lc::AwsLc;
#[cfg(not(feature = "aws-lc"))]
type Chosen = rustcrypto::RustCrypto;

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA, modulus of 2048 bits.
    Rsa2048,
    /// RSA, modulus of 3072 bits.
    Rsa3072,
    /// RSA, modulus of 4096 bits.
    Rsa4096,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
}

impl fmt::Display for KeyKind {
    /// As people write it: `RSA-2048`, `P-256`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::Rsa4096 => "RSA-4096",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        })
    }
}

impl KeyKind {
    /// Size of the modulus or of the curve's order, in bits.
    pub const fn bits(self) -> usize {
        match self {
            Self::Rsa2048 => 2048,
            Self::Rsa3072 => 3072,
            Self::Rsa4096 => 4096,
            Self::P256 => 256,
            Self::P384 => 384,
        }
    }

    /// Size of the modulus or of the curve's order, in bytes: k of RFC 8017 for RSA.
    pub const fn bytes(self) -> usize {
        self.bits() / 8
    }

    /// Whether this is an RSA key.
    pub const fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    /// Length in bytes of every signature by such a key.
    pub const fn signature_len(self) -> usize {
        if self.is_rsa() { self.bytes() } else { 2 * self.bytes() }
    }
}

/// A hash function of FIPS 180-4 or FIPS 202.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA3-224.
    Sha3_224,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
}

impl Hash {
    /// Every hash.
    pub const ALL: [Self; 9] = [
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Sha3_224,
        Self::Sha3_256,
        Self::Sha3_384,
        Self::Sha3_512,
    ];

    /// Digest length in bytes.
    #[allow(clippy::len_without_is_empty, reason = "a digest is never empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 | Self::Sha3_224 => 28,
            Self::Sha256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// Length in bytes of the blocks that it works through, which HMAC pads its key to.
    pub const fn block_len(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha224 | Self::Sha256 => 64,
            Self::Sha384 | Self::Sha512 => 128,
            Self::Sha3_224 => 144,
            Self::Sha3_256 => 136,
            Self::Sha3_384 => 104,
            Self::Sha3_512 => 72,
        }
    }
}

/// What a private key does with the bytes it is given. Hashing happens before: the data of every
/// scheme is a finished digest or a raw block, so one private operation serves one-shot and
/// multi-part callers alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2); the data is a digest made with this hash, the
    /// DigestInfo is built here.
    Pkcs1(Hash),
    /// The data goes unchanged after `00 01 FF.. 00` (PKCS#11 CKM_RSA_PKCS); at most k - 11 bytes.
    Pkcs1Raw,
    /// RSASSA-PSS (RFC 8017 section 8.1); the data is a digest made with `hash`.
    Pss {
        /// Hash of the message.
        hash: Hash,
        /// Hash of MGF1.
        mgf: Hash,
        /// Salt length in bytes. At most k - 2 less the digest length.
        salt: usize,
    },
    /// The data is an EMSA-PSS block as long as the modulus, made with this hash throughout; what
    /// [`pss_block_hash`] does not take for one is refused.
    PssBlock(Hash),
    /// The data is the whole block, with zeros before it up to k bytes, below the modulus (PKCS#11
    /// CKM_RSA_X_509).
    Raw,
    /// ECDSA (FIPS 186-5); the data is a digest of any length but none, its leftmost bits are
    /// used; the signature is r || s, each as long as the order.
    Ecdsa,
}

/// Why an operation failed. Says nothing about secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The scheme does not go with the kind of key.
    #[error("the scheme does not go with this kind of key")]
    SchemeKey,
    /// The data has a length the scheme cannot take.
    #[error("the data has a length that the scheme cannot take")]
    DataLength,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// An encoded key is malformed, of an unsupported kind, or its parts do not fit each other.
    #[error("the key is malformed or of a kind that is not supported")]
    Key,
    /// The ciphertext was not made with this key, or was altered; nothing says where.
    #[error("the ciphertext does not decrypt with this key")]
    Ciphertext,
    /// A parameter of a mode has a value that the mode does not have.
    #[error("a parameter of the mode has a value that it does not have")]
    Parameter,
    /// Sealed bytes do not open: another key, another place, or altered.
    #[error("sealed bytes do not open with this key in this place")]
    Unseal,
    /// Argon2id was asked for with less than 19 MiB or fewer than 2 passes.
    #[error("the cost of stretching a passcode is too low: use at least 19456 KiB and 2 passes")]
    Cost,
    /// The back end failed (out of memory, no random).
    #[error("the cryptographic back end failed")]
    Backend,
}

/// A private key, parsed once and kept prepared; a clone shares it. Erased with its last owner.
#[derive(Clone)]
pub struct PrivateKey {
    key: Arc<key::Private<Chosen>>,
    public: PublicKey,
}

impl PrivateKey {
    /// A fresh key. RSA keys have the exponent 65537.
    ///
    /// # Errors
    /// [`Error::Backend`] when there is no random or no memory.
    pub fn generate(kind: KeyKind) -> Result<Self, Error> {
        key::Private::generate(kind).map(Self::from)
    }

    /// Reads PrivateKeyInfo (RFC 5208 / 5958 DER).
    ///
    /// # Errors
    /// [`Error::Key`] for anything but one whole, consistent key of a [`KeyKind`]; RSA exponents
    /// are odd, at least 65537 and below 2^33.
    pub fn from_pkcs8(der: &Secret) -> Result<Self, Error> {
        key::Private::from_pkcs8(der.expose()).map(Self::from)
    }

    /// Which key.
    pub fn kind(&self) -> KeyKind {
        self.public.kind()
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `data` as `scheme` says. Safe to call from many threads at once.
    ///
    /// # Errors
    /// [`Error::SchemeKey`], [`Error::DataLength`], or [`Error::Backend`].
    pub fn sign(&self, scheme: Scheme, data: &[u8]) -> Result<Vec<u8>, Error> {
        self.key.sign(scheme, data)
    }

    /// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2) with implicit rejection: bad padding gives bytes
    /// that depend on key and ciphertext alone and look like a plaintext
    /// (draft-irtf-cfrg-rsa-guidance section 7).
    ///
    /// # Errors
    /// [`Error::SchemeKey`] for a key that is not RSA, [`Error::DataLength`] for a ciphertext that
    /// is not k bytes long or not below the modulus (both visible without the key),
    /// [`Error::Backend`].
    pub fn decrypt_pkcs1(&self, ciphertext: &[u8]) -> Result<Secret, Error> {
        self.key.decrypt_pkcs1(ciphertext)
    }

    /// The key as PKCS#8, sealed under `key` for `place`.
    ///
    /// # Errors
    /// [`Error::Backend`].
    pub fn seal(&self, key: &SealKey, place: &[u8]) -> Result<Vec<u8>, Error> {
        key.seal(place, self.key.to_pkcs8()?.expose())
    }

    /// The key that [`Self::seal`] sealed for the same place.
    ///
    /// # Errors
    /// [`Error::Unseal`], [`Error::Key`] when what was sealed is no key, [`Error::Backend`].
    pub fn unseal(key: &SealKey, place: &[u8], sealed: &[u8]) -> Result<Self, Error> {
        Self::from_pkcs8(&key.open(place, sealed)?)
    }
}

impl From<key::Private<Chosen>> for PrivateKey {
    fn from(key: key::Private<Chosen>) -> Self {
        let public = PublicKey(Arc::clone(key.public()));
        Self { key: Arc::new(key), public }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({:?})", self.kind())
    }
}

/// A public key, parsed once; a clone shares it. Equal when the SubjectPublicKeyInfo is.
#[derive(Clone)]
pub struct PublicKey(Arc<key::Public<Chosen>>);

impl PublicKey {
    /// Reads SubjectPublicKeyInfo (RFC 5280 DER).
    ///
    /// # Errors
    /// [`Error::Key`] for anything but one whole key of a [`KeyKind`] in its one DER form; points
    /// are uncompressed and on their curve.
    pub fn from_spki(der: &[u8]) -> Result<Self, Error> {
        key::Public::from_spki(der).map(Self::from)
    }

    /// From big-endian modulus and exponent. Leading zeros are allowed.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, Error> {
        key::Public::from_rsa(modulus, exponent).map(Self::from)
    }

    /// From an uncompressed SEC1 point.
    ///
    /// # Errors
    /// [`Error::Key`] for an RSA kind, or a point that is not on the curve.
    pub fn from_ec_point(kind: KeyKind, point: &[u8]) -> Result<Self, Error> {
        key::Public::from_ec_point(kind, point).map(Self::from)
    }

    /// Which key.
    pub fn kind(&self) -> KeyKind {
        self.0.kind()
    }

    /// SubjectPublicKeyInfo (RFC 5280), DER.
    pub fn spki(&self) -> &[u8] {
        self.0.spki()
    }

    /// Big-endian modulus and exponent without leading zeros; none of an EC key.
    pub fn rsa(&self) -> Option<(&[u8], &[u8])> {
        self.0.rsa()
    }

    /// Uncompressed SEC1 point; none of an RSA key.
    pub fn ec_point(&self) -> Option<&[u8]> {
        self.0.ec_point()
    }

    /// Checks `signature` over `data`, which is what [`PrivateKey::sign`] was given.
    ///
    /// # Errors
    /// [`Error::Signature`] when it does not verify, [`Error::SchemeKey`], [`Error::DataLength`].
    pub fn verify(&self, scheme: Scheme, data: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.0.verify(scheme, data, signature)
    }

    /// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2) of at most k - 11 bytes.
    ///
    /// # Errors
    /// [`Error::SchemeKey`] for a key that is not RSA, [`Error::DataLength`], [`Error::Backend`].
    pub fn encrypt_pkcs1(&self, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        self.encrypt(&Padding::Pkcs1, plaintext)
    }
}

impl From<key::Public<Chosen>> for PublicKey {
    fn from(key: key::Public<Chosen>) -> Self {
        Self(Arc::new(key))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki() == other.spki()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.kind())
    }
}

/// The hash that a block as long as an RSA modulus is EMSA-PSS of (RFC 8017 section 9.1), as far as
/// its structure tells: made with one hash throughout, and a salt short enough that at least 16
/// zeros stand before it.
pub fn pss_block_hash(block: &[u8]) -> Option<Hash> {
    padding::pss_hash::<Chosen>(block)
}

/// Fills `bytes` with random from the back end's generator.
///
/// # Errors
/// [`Error::Backend`] when the operating system gives none.
pub fn random(bytes: &mut [u8]) -> Result<(), Error> {
    Chosen::random(bytes)
}

/// Name and version of the back end in use, for `wardcard status`.
pub fn backend() -> &'static str {
    Chosen::name()
}
