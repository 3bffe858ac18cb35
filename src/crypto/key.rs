//! Keys over any back end: which scheme goes with which key, padding, and what a key is made of.

use super::{
    Error, KeyKind, Padding, Scheme,
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
use subtle::{Choice, ConstantTimeEq, ConstantTimeLess};
use zeroize::{Zeroize, Zeroizing};

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

    /// Reads RSAPrivateKey.
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, Error> {
        let public = Arc::new(Public::new(encoding::rsa_private(der)?)?);
        let form = PrivateForm::Rsa(B::rsa_private(der)?);
        scrub_stack();
        Ok(Self { form, public })
    }

    /// From a scalar as long as the order.
    pub(super) fn from_scalar(kind: KeyKind, scalar: &Secret) -> Result<Self, Error> {
        let curve = Curve::try_from(kind)?;
        Self::from_pkcs8(encoding::ec_to_pkcs8(curve, scalar).map_err(|_| Error::Key)?.expose())
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
                    Scheme::Raw => return self.raw(data).map(|block| block.expose().to_vec()),
                    Scheme::PssBlock(hash) => {
                        padding::pss_block::<B>(hash, data, k)?;
                        return self.raw(data).map(|block| block.expose().to_vec());
                    }
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

    /// The private operation on a number below the modulus.
    fn raw(&self, data: &[u8]) -> Result<Secret, Error> {
        let PrivateForm::Rsa(key) = &self.form else {
            return Err(Error::SchemeKey);
        };
        let block = padding::raw(data, self.public.kind().bytes())?;
        self.public.below_modulus(&block)?;
        B::rsa_private_block(key, &block).map(Secret::new)
    }

    /// RSA decryption in any padding.
    pub(super) fn decrypt(&self, padding: &Padding, ciphertext: &[u8]) -> Result<Secret, Error> {
        if !self.public.kind().is_rsa() {
            return Err(Error::SchemeKey);
        }
        if ciphertext.len() != self.public.kind().bytes() {
            return Err(Error::DataLength);
        }
        match padding {
            Padding::Pkcs1 => self.decrypt_pkcs1(ciphertext),
            Padding::Raw => self.raw(ciphertext),
            Padding::Oaep(oaep) => {
                let block = self.raw(ciphertext)?;
                oaep.decode::<B>(Zeroizing::new(block.expose().to_vec()))
            }
        }
    }

    /// ECDH with an uncompressed point.
    pub(super) fn agree(&self, point: &[u8]) -> Result<Secret, Error> {
        let PrivateForm::Ec(curve, key) = &self.form else {
            return Err(Error::SchemeKey);
        };
        let peer = Public::<B>::from_ec_point(curve.kind(), point)?;
        match &peer.form {
            PublicForm::Ec(peer) => B::ecdh(key, peer),
            PublicForm::Rsa(_) => Err(Error::Key),
        }
    }

    /// RSAES-PKCS1-v1_5 with implicit rejection.
    pub(super) fn decrypt_pkcs1(&self, ciphertext: &[u8]) -> Result<Secret, Error> {
        let PrivateForm::Rsa(key) = &self.form else {
            return Err(Error::SchemeKey);
        };
        self.public.below_modulus(ciphertext)?;
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
        Self::new(PublicParts::ec(Curve::try_from(kind)?, point)?)
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
            (PublicForm::Rsa(key), Scheme::PssBlock(hash)) => {
                padding::pss_block::<B>(hash, data, length)?;
                matches(&Self::open(key, length, signature)?, data)
            }
            (PublicForm::Rsa(key), Scheme::Raw) => {
                let expected = padding::raw(data, length)?;
                matches(&Self::open(key, length, signature)?, &expected)
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

    /// RSA encryption in any padding.
    pub(super) fn encrypt(&self, padding: &Padding, message: &[u8]) -> Result<Vec<u8>, Error> {
        let PublicForm::Rsa(key) = &self.form else {
            return Err(Error::SchemeKey);
        };
        let k = self.kind().bytes();
        let block = match padding {
            Padding::Pkcs1 => padding::pkcs1_type_2::<B>(message, k)?,
            Padding::Oaep(oaep) => oaep.encode::<B>(message, k)?,
            Padding::Raw => padding::raw(message, k)?,
        };
        self.below_modulus(&block)?;
        B::rsa_public_block(key, &block).map_err(|_| Error::Backend)
    }

    /// [`Error::DataLength`] for anything but k bytes that are a number below the modulus.
    fn below_modulus(&self, block: &[u8]) -> Result<(), Error> {
        let (modulus, _) = self.rsa().ok_or(Error::SchemeKey)?;
        let below =
            block.iter().zip(modulus).rev().fold(Choice::from(0), |below, (byte, limit)| {
                byte.ct_lt(limit) | (byte.ct_eq(limit) & below)
            });
        match block.len() == modulus.len() && bool::from(below) {
            true => Ok(()),
            false => Err(Error::DataLength),
        }
    }

    /// What the owner of the key signed, with its padding: RSAVP1 (RFC 8017 section 5.2.2).
    pub(super) fn opened(&self, signature: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.form {
            PublicForm::Rsa(key) => Self::open(key, self.kind().bytes(), signature),
            PublicForm::Ec(_) => Err(Error::SchemeKey),
        }
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
