//! Keys over any back end: which scheme goes with which key, padding, and what a key is made of.

use super::{
    Error, KeyKind, Scheme,
    backend::{Backend, Curve},
    ecdsa,
    encoding::{self, PrivateParts, PublicParts},
    padding::{self, Pss},
};
use crate::secret::Secret;
use getrandom::{SysRng, rand_core::UnwrapErr};
use p256::elliptic_curve::Generate;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey, traits::PublicKeyParts};
use std::{hint::black_box, sync::Arc};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A prepared private key and its public half.
pub(super) struct Private<B: Backend> {
    form: PrivateForm<B>,
    public: Arc<Public<B>>,
}

enum PrivateForm<B: Backend> {
    Rsa(B::RsaPrivate),
    Ec(Curve, B::EcPrivate),
}

impl<B: Backend> Private<B> {
    /// A fresh key, by RustCrypto's generators: faster than aws-lc's.
    pub(super) fn generate(kind: KeyKind) -> Result<Self, Error> {
        // The generators below panic where the system gives no random: ask first.
        B::random(&mut [0u8; 32])?;
        let key = match kind {
            KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => {
                let key = RsaPrivateKey::new(&mut UnwrapErr(SysRng), kind.bits())
                    .map_err(|_| Error::Backend)?;
                let public = PublicParts::rsa(&key.n_bytes(), &key.e_bytes())?;
                let form = PrivateForm::Rsa(B::rsa_generated(key)?);
                Self { form, public: Arc::new(Public::new(public)?) }
            }
            KeyKind::P256 => {
                let key = p256::SecretKey::try_generate().map_err(|_| Error::Backend)?;
                Self::from_sec1(
                    Curve::P256,
                    &key.to_sec1_der().map_err(|_| Error::Backend)?,
                    PublicParts::ec(Curve::P256, &key.public_key().to_sec1_bytes())?,
                )?
            }
            KeyKind::P384 => {
                let key = p384::SecretKey::try_generate().map_err(|_| Error::Backend)?;
                Self::from_sec1(
                    Curve::P384,
                    &key.to_sec1_der().map_err(|_| Error::Backend)?,
                    PublicParts::ec(Curve::P384, &key.public_key().to_sec1_bytes())?,
                )?
            }
        };
        scrub_stack();
        Ok(key)
    }

    /// Reads PrivateKeyInfo.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let key = match encoding::from_pkcs8(der)? {
            PrivateParts::Rsa { pkcs1, public } => Self {
                form: PrivateForm::Rsa(B::rsa_private(pkcs1)?),
                public: Arc::new(Public::new(public)?),
            },
            PrivateParts::Ec { curve, sec1, public } => Self::from_sec1(curve, &sec1, public)?,
        };
        scrub_stack();
        Ok(key)
    }

    fn from_sec1(curve: Curve, sec1: &[u8], public: PublicParts) -> Result<Self, Error> {
        let form = PrivateForm::Ec(curve, B::ec_private(curve, sec1)?);
        Ok(Self { form, public: Arc::new(Public::new(public)?) })
    }

    /// PrivateKeyInfo, for sealing alone.
    pub(super) fn to_pkcs8(&self) -> Result<Secret, Error> {
        let der = match &self.form {
            PrivateForm::Rsa(key) => encoding::rsa_to_pkcs8(&B::rsa_to_pkcs1(key)?),
            PrivateForm::Ec(curve, key) => encoding::ec_to_pkcs8(*curve, &B::ec_scalar(key)?),
        };
        scrub_stack();
        der
    }

    /// The public half.
    pub(super) fn public(&self) -> &Arc<Public<B>> {
        &self.public
    }

    /// Signs a digest or a raw block.
    pub(super) fn sign(&self, scheme: Scheme, data: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.form {
            PrivateForm::Rsa(key) => {
                let k = self.public.kind().bytes();
                let block = match scheme {
                    Scheme::Pkcs1(hash) => padding::pkcs1(hash, data, k),
                    Scheme::Pkcs1Raw => padding::pkcs1_raw(data, k),
                    Scheme::Pss { hash, mgf, salt } => Pss { hash, mgf, salt }.encode::<B>(data, k),
                    Scheme::Ecdsa => Err(Error::SchemeKey),
                }?;
                B::rsa_private_block(key, &block)
            }
            PrivateForm::Ec(curve, key) => match scheme {
                Scheme::Ecdsa => B::ecdsa_sign(key, &ecdsa::integer(data, curve.bytes())?),
                _ => Err(Error::SchemeKey),
            },
        }
    }

    /// RSAES-PKCS1-v1_5 with implicit rejection.
    pub(super) fn decrypt_pkcs1(&self, ciphertext: &[u8]) -> Result<Secret, Error> {
        let PrivateForm::Rsa(key) = &self.form else {
            return Err(Error::SchemeKey);
        };
        let (modulus, _) = self.public.rsa().ok_or(Error::SchemeKey)?;
        // Both numbers are public and equally long: the order of bytes is that of numbers.
        if ciphertext.len() != modulus.len() || ciphertext >= modulus {
            return Err(Error::DataLength);
        }
        B::rsa_for_decryption(key)?
            .decrypt(Pkcs1v15Encrypt, ciphertext)
            .map(Secret::new)
            .map_err(|_| Error::Backend)
    }
}

/// A prepared public key, its numbers and its SubjectPublicKeyInfo.
pub(super) struct Public<B: Backend> {
    parts: PublicParts,
    spki: Vec<u8>,
    form: PublicForm<B>,
}

enum PublicForm<B: Backend> {
    Rsa(B::RsaPublic),
    Ec(B::EcPublic),
}

impl<B: Backend> Public<B> {
    fn new(parts: PublicParts) -> Result<Self, Error> {
        let spki = parts.to_spki()?;
        let form = match &parts {
            PublicParts::Rsa { modulus, exponent, .. } => {
                PublicForm::Rsa(B::rsa_public(modulus, exponent, &parts.to_bits()?)?)
            }
            PublicParts::Ec { curve, point } => PublicForm::Ec(B::ec_public(*curve, point, &spki)?),
        };
        Ok(Self { parts, spki, form })
    }

    /// Reads SubjectPublicKeyInfo.
    pub(super) fn from_spki(der: &[u8]) -> Result<Self, Error> {
        Self::new(PublicParts::from_spki(der)?)
    }

    /// From big-endian modulus and exponent.
    pub(super) fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, Error> {
        Self::new(PublicParts::rsa(modulus, exponent)?)
    }

    /// From an uncompressed point.
    pub(super) fn from_ec_point(kind: KeyKind, point: &[u8]) -> Result<Self, Error> {
        let curve = match kind {
            KeyKind::P256 => Curve::P256,
            KeyKind::P384 => Curve::P384,
            KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => return Err(Error::Key),
        };
        Self::new(PublicParts::ec(curve, point)?)
    }

    /// Which key.
    pub(super) fn kind(&self) -> KeyKind {
        match &self.parts {
            PublicParts::Rsa { kind, .. } => *kind,
            PublicParts::Ec { curve, .. } => curve.kind(),
        }
    }

    /// SubjectPublicKeyInfo.
    pub(super) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Modulus and exponent.
    pub(super) fn rsa(&self) -> Option<(&[u8], &[u8])> {
        match &self.parts {
            PublicParts::Rsa { modulus, exponent, .. } => Some((modulus, exponent)),
            PublicParts::Ec { .. } => None,
        }
    }

    /// Uncompressed point.
    pub(super) fn ec_point(&self) -> Option<&[u8]> {
        match &self.parts {
            PublicParts::Rsa { .. } => None,
            PublicParts::Ec { point, .. } => Some(point),
        }
    }

    /// Checks a signature over a digest or a raw block.
    pub(super) fn verify(
        &self,
        scheme: Scheme,
        data: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        let length = self.kind().signature_len();
        match (&self.form, scheme) {
            (PublicForm::Rsa(key), Scheme::Pkcs1(hash)) => {
                let expected = padding::pkcs1(hash, data, length)?;
                matches(&Self::open(key, length, signature)?, &expected)
            }
            (PublicForm::Rsa(key), Scheme::Pkcs1Raw) => {
                let expected = padding::pkcs1_raw(data, length)?;
                matches(&Self::open(key, length, signature)?, &expected)
            }
            (PublicForm::Rsa(key), Scheme::Pss { hash, mgf, salt }) => {
                let pss = Pss { hash, mgf, salt };
                pss.check_lengths(data, length)?;
                pss.verify::<B>(data, &Self::open(key, length, signature)?)
            }
            (PublicForm::Ec(key), Scheme::Ecdsa) => {
                let z = ecdsa::integer(data, self.kind().bytes())?;
                if signature.len() != length {
                    return Err(Error::Signature);
                }
                B::ecdsa_verify(key, &z, signature)
            }
            _ => Err(Error::SchemeKey),
        }
    }

    /// RSAES-PKCS1-v1_5.
    pub(super) fn encrypt_pkcs1(&self, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let PublicForm::Rsa(key) = &self.form else {
            return Err(Error::SchemeKey);
        };
        let block = padding::pkcs1_type_2::<B>(plaintext, self.kind().bytes())?;
        B::rsa_public_block(key, &block).map_err(|_| Error::Backend)
    }

    fn open(key: &B::RsaPublic, k: usize, signature: &[u8]) -> Result<Vec<u8>, Error> {
        if signature.len() != k {
            return Err(Error::Signature);
        }
        B::rsa_public_block(key, signature)
    }
}

fn matches(found: &[u8], expected: &[u8]) -> Result<(), Error> {
    if bool::from(found.ct_eq(expected)) { Ok(()) } else { Err(Error::Signature) }
}

/// Erases what calls that have returned left on the stack: RustCrypto's scalars are plain arrays
/// that moves copy.
#[inline(never)]
fn scrub_stack() {
    let mut room = [0u8; 32 * 1024];
    room.zeroize();
    black_box(&room);
}
