//! The back end for targets without a C compiler: `rsa`, `p256`, `p384`, `sha1`, `sha2`.

use super::{
    Error, Hash,
    backend::{Backend, Curve},
    sha3::Sha3,
};
use crate::secret::Secret;
use getrandom::SysRng;
use rsa::{
    BoxedUint, RsaPrivateKey, RsaPublicKey,
    hazmat::{rsa_decrypt_and_check, rsa_encrypt},
    pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey},
    traits::PublicKeyParts,
};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use signature::hazmat::{PrehashSigner, PrehashVerifier};
use subtle::ConstantTimeEq;

/// RustCrypto.
pub(super) struct RustCrypto;

/// A digest in progress.
#[derive(Clone)]
pub(super) enum Hasher {
    Sha1(Sha1),
    Sha224(Sha224),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
    Sha3(Sha3),
}

/// An EC private key; it erases itself.
pub(super) enum EcPrivate {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
}

/// An EC public key.
pub(super) enum EcPublic {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
}

impl Backend for RustCrypto {
    type RsaPrivate = RsaPrivateKey;
    type RsaPublic = RsaPublicKey;
    type EcPrivate = EcPrivate;
    type EcPublic = EcPublic;
    type Hasher = Hasher;

    fn name() -> &'static str {
        "pure-rust (RustCrypto)"
    }

    fn random(bytes: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(bytes).map_err(|_| Error::Backend)
    }

    fn hasher(hash: Hash) -> Hasher {
        match hash {
            Hash::Sha1 => Hasher::Sha1(Sha1::new()),
            Hash::Sha224 => Hasher::Sha224(Sha224::new()),
            Hash::Sha256 => Hasher::Sha256(Sha256::new()),
            Hash::Sha384 => Hasher::Sha384(Sha384::new()),
            Hash::Sha512 => Hasher::Sha512(Sha512::new()),
            Hash::Sha3_224 => Hasher::Sha3(Sha3::Short(Default::default())),
            Hash::Sha3_256 => Hasher::Sha3(Sha3::Middle(Default::default())),
            Hash::Sha3_384 => Hasher::Sha3(Sha3::Long(Default::default())),
            Hash::Sha3_512 => Hasher::Sha3(Sha3::Longest(Default::default())),
        }
    }

    fn update(hasher: &mut Hasher, bytes: &[u8]) {
        match hasher {
            Hasher::Sha1(state) => state.update(bytes),
            Hasher::Sha224(state) => state.update(bytes),
            Hasher::Sha256(state) => state.update(bytes),
            Hasher::Sha384(state) => state.update(bytes),
            Hasher::Sha512(state) => state.update(bytes),
            Hasher::Sha3(state) => state.update(bytes),
        }
    }

    fn finish(hasher: Hasher) -> Vec<u8> {
        match hasher {
            Hasher::Sha1(state) => state.finalize().to_vec(),
            Hasher::Sha224(state) => state.finalize().to_vec(),
            Hasher::Sha256(state) => state.finalize().to_vec(),
            Hasher::Sha384(state) => state.finalize().to_vec(),
            Hasher::Sha512(state) => state.finalize().to_vec(),
            Hasher::Sha3(state) => state.finish(),
        }
    }

    fn rsa_private(pkcs1: &[u8]) -> Result<RsaPrivateKey, Error> {
        let key = RsaPrivateKey::from_pkcs1_der(pkcs1).map_err(|_| Error::Key)?;
        // The crate computes dP, dQ and qInv anew: what the file states must be the same.
        let again = key.to_pkcs1_der().map_err(|_| Error::Key)?;
        if bool::from(again.as_bytes().ct_eq(pkcs1)) { Ok(key) } else { Err(Error::Key) }
    }

    fn rsa_generated(key: RsaPrivateKey) -> Result<RsaPrivateKey, Error> {
        Ok(key)
    }

    fn rsa_to_pkcs1(key: &RsaPrivateKey) -> Result<Secret, Error> {
        let document = key.to_pkcs1_der().map_err(|_| Error::Backend)?;
        Ok(Secret::copied_from(document.as_bytes()))
    }

    fn rsa_private_block(key: &RsaPrivateKey, block: &[u8]) -> Result<Vec<u8>, Error> {
        let number = number(block, key)?;
        rsa_decrypt_and_check(key, Some(&mut SysRng), &number)
            .map(|number| number.to_be_bytes().into_vec())
            .map_err(|_| Error::Backend)
    }

    fn rsa_for_decryption(key: &RsaPrivateKey) -> Result<&RsaPrivateKey, Error> {
        Ok(key)
    }

    fn rsa_public(modulus: &[u8], exponent: &[u8], _pkcs1: &[u8]) -> Result<RsaPublicKey, Error> {
        let modulus = BoxedUint::from_be_slice_vartime(modulus);
        let exponent = BoxedUint::from_be_slice_vartime(exponent);
        RsaPublicKey::new(modulus, exponent).map_err(|_| Error::Key)
    }

    fn rsa_public_block(key: &RsaPublicKey, block: &[u8]) -> Result<Vec<u8>, Error> {
        let number = number(block, key).map_err(|_| Error::Signature)?;
        if number >= *key.n().as_ref() {
            return Err(Error::Signature);
        }
        rsa_encrypt(key, &number)
            .map(|number| number.to_be_bytes().into_vec())
            .map_err(|_| Error::Signature)
    }

    fn ec_private(curve: Curve, sec1: &[u8]) -> Result<EcPrivate, Error> {
        match curve {
            Curve::P256 => p256::SecretKey::from_sec1_der(sec1)
                .map(|key| EcPrivate::P256(key.into()))
                .map_err(|_| Error::Key),
            Curve::P384 => p384::SecretKey::from_sec1_der(sec1)
                .map(|key| EcPrivate::P384(key.into()))
                .map_err(|_| Error::Key),
        }
    }

    fn ec_scalar(key: &EcPrivate) -> Result<Secret, Error> {
        Ok(match key {
            EcPrivate::P256(key) => Secret::new(key.to_bytes().to_vec()),
            EcPrivate::P384(key) => Secret::new(key.to_bytes().to_vec()),
        })
    }

    fn ecdsa_sign(key: &EcPrivate, z: &[u8]) -> Result<Vec<u8>, Error> {
        match key {
            EcPrivate::P256(key) => {
                let signature: Result<p256::ecdsa::Signature, _> = key.sign_prehash(z);
                signature.map(|signature| signature.to_vec())
            }
            EcPrivate::P384(key) => {
                let signature: Result<p384::ecdsa::Signature, _> = key.sign_prehash(z);
                signature.map(|signature| signature.to_vec())
            }
        }
        .map_err(|_| Error::Backend)
    }

    fn ec_public(curve: Curve, point: &[u8], _spki: &[u8]) -> Result<EcPublic, Error> {
        match curve {
            Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map(EcPublic::P256),
            Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map(EcPublic::P384),
        }
        .map_err(|_| Error::Key)
    }

    fn ecdh(key: &EcPrivate, peer: &EcPublic) -> Result<Secret, Error> {
        match (key, peer) {
            (EcPrivate::P256(key), EcPublic::P256(peer)) => {
                let shared = p256::ecdh::diffie_hellman(key.as_nonzero_scalar(), peer.as_affine());
                Ok(Secret::copied_from(shared.raw_secret_bytes()))
            }
            (EcPrivate::P384(key), EcPublic::P384(peer)) => {
                let shared = p384::ecdh::diffie_hellman(key.as_nonzero_scalar(), peer.as_affine());
                Ok(Secret::copied_from(shared.raw_secret_bytes()))
            }
            _ => Err(Error::Key),
        }
    }

    fn ecdsa_verify(key: &EcPublic, z: &[u8], signature: &[u8]) -> Result<(), Error> {
        match key {
            EcPublic::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .and_then(|signature| key.verify_prehash(z, &signature)),
            EcPublic::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .and_then(|signature| key.verify_prehash(z, &signature)),
        }
        .map_err(|_| Error::Signature)
    }
}

fn number(block: &[u8], key: &impl PublicKeyParts) -> Result<BoxedUint, Error> {
    BoxedUint::from_be_slice(block, key.n_bits_precision()).map_err(|_| Error::Backend)
}
