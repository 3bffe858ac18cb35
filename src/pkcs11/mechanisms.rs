//! The one table of mechanisms (PKCS#11 current mechanisms 3.1): type, sizes of keys, flags, and the
//! operation that it makes.
//!
//! ```text
//!                       ┌ digest       Hash
//!   Mechanism ──find──> Row ┤ signature    Signing      of a scheme, or a code
//!                       ├ cipher       Ciphering    RSA's padding, a mode of AES, key wrap
//!                       ├ makes        key type
//!                       └ derivation   Derivation   ECDH, HKDF
//! ```
//!
//! Lists, information and operations all read it; nothing else enumerates mechanisms.
//! CKM_RSA_X_509, with which a client decrypts whatever it likes, is there only where the token's
//! policy says so.

mod parameters;
mod table;

use super::{Mechanism, MechanismInfo, MechanismType, Result, ck::*};
use crate::crypto::{CipherMode, Hash, KeyKind, MacKind, Oaep, Padding, Scheme, SecretKey};
use parameters::no_parameter;
pub(super) use parameters::{Derivation, Salt};
use table::TABLE;

/// One mechanism.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: MechanismType,
    recipe: Recipe,
    flags: u64,
}

/// What a mechanism makes of the application's bytes and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recipe {
    RsaPair,
    Pkcs1Raw,
    RsaRaw,
    Oaep,
    Pkcs1(Hash),
    PssRaw,
    Pss(Hash),
    EcPair,
    EcdsaRaw,
    Ecdsa(Hash),
    Ecdh,
    Digest(Hash),
    Hmac(Hash),
    HmacGeneral(Hash),
    GenericKey,
    AesKey,
    Aes(Aes),
    Cmac,
    CmacGeneral,
    Hkdf,
    HkdfData,
    HkdfKey,
}

/// What is done with AES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aes {
    Ecb,
    Cbc,
    CbcPad,
    Ctr,
    Gcm,
    Kw,
    Kwp,
}

/// A signature or verification, ready to begin.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signing {
    /// By a private key: the scheme, and how the message becomes its data.
    Scheme(Scheme, Intake),
    /// By a secret key: the code, and how many bytes of it.
    Mac(MacKind, usize),
}

/// How the message becomes the scheme's data.
#[derive(Clone, Copy, Debug)]
pub(super) enum Intake {
    /// It is hashed here.
    Hash(Hash),
    /// It is the data already, and may have so many bytes.
    Whole(usize),
}

/// An encryption, decryption, wrapping or unwrapping, ready to begin.
#[derive(Clone, Debug)]
pub(super) enum Ciphering {
    /// By RSA.
    Rsa(Padding),
    /// By a mode of AES, as the message comes.
    Mode(CipherMode),
    /// AES key wrap.
    Kw,
    /// AES key wrap with padding.
    Kwp,
}

/// Longest input of CKM_ECDSA, of which the leftmost bits are used.
const ECDSA_INPUT: usize = 1024;

/// The mechanisms of a token whose policy lets bare RSA be used, or not.
fn offered(raw_rsa: bool) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| raw_rsa || row.recipe != Recipe::RsaRaw)
}

/// The types of all mechanisms that a token has.
pub(super) fn all(raw_rsa: bool) -> Vec<MechanismType> {
    offered(raw_rsa).map(|row| row.kind).collect()
}

/// The mechanism of this type that does what `flag` says; CKR_MECHANISM_INVALID if the token has
/// none.
pub(super) fn find(kind: MechanismType, flag: u64, raw_rsa: bool) -> Result<&'static Row> {
    offered(raw_rsa)
        .find(|row| row.kind == kind && row.flags & flag == flag)
        .ok_or(CKR_MECHANISM_INVALID)
}

/// What a derived card does with a key of this kind, or lets be done with its public half. Which
/// hashes it signs with which key is its own policy, told when it is asked to sign.
pub(super) fn of_card(key: KeyKind) -> impl Iterator<Item = MechanismType> {
    let uses = CKF_SIGN | CKF_DECRYPT;
    let key_type = if key.is_rsa() { CKK_RSA } else { CKK_EC };
    offered(false)
        .filter(move |row| row.flags & uses != 0 && row.takes(key_type))
        .map(|row| row.kind)
}

impl Row {
    /// CK_MECHANISM_INFO. Sizes are bits of RSA, EC and generic keys and bytes of AES, as each
    /// mechanism's section has them, and 0 where they mean nothing.
    pub(super) fn info(&self) -> MechanismInfo {
        const MOST: u64 = SecretKey::MOST as u64;
        let (min_key, max_key) = match self.recipe {
            Recipe::GenericKey => (8, MOST * 8),
            Recipe::HkdfKey => (1, MOST),
            _ => match self.key_types() {
                [CKK_RSA, ..] => (2048, 4096),
                [CKK_EC, ..] => (256, 384),
                [CKK_AES, ..] => (16, 32),
                [] => (0, 0),
                _ => (1, MOST),
            },
        };
        MechanismInfo { min_key, max_key, flags: self.flags }
    }

    /// The types of keys that it works with, or makes.
    fn key_types(&self) -> &'static [u64] {
        match self.recipe {
            Recipe::Digest(_) => &[],
            Recipe::RsaPair
            | Recipe::Pkcs1Raw
            | Recipe::RsaRaw
            | Recipe::Oaep
            | Recipe::Pkcs1(_)
            | Recipe::PssRaw
            | Recipe::Pss(_) => &[CKK_RSA],
            Recipe::EcPair | Recipe::EcdsaRaw | Recipe::Ecdsa(_) | Recipe::Ecdh => &[CKK_EC],
            Recipe::AesKey | Recipe::Aes(_) | Recipe::Cmac | Recipe::CmacGeneral => &[CKK_AES],
            Recipe::GenericKey => &[CKK_GENERIC_SECRET],
            Recipe::HkdfKey => &[CKK_HKDF],
            Recipe::Hkdf | Recipe::HkdfData => &[CKK_HKDF, CKK_GENERIC_SECRET],
            Recipe::Hmac(hash) | Recipe::HmacGeneral(hash) => match hash {
                Hash::Sha1 => &[CKK_GENERIC_SECRET, CKK_SHA_1_HMAC],
                Hash::Sha224 => &[CKK_GENERIC_SECRET, CKK_SHA224_HMAC],
                Hash::Sha256 => &[CKK_GENERIC_SECRET, CKK_SHA256_HMAC],
                Hash::Sha384 => &[CKK_GENERIC_SECRET, CKK_SHA384_HMAC],
                Hash::Sha512 => &[CKK_GENERIC_SECRET, CKK_SHA512_HMAC],
                Hash::Sha3_224 => &[CKK_GENERIC_SECRET, CKK_SHA3_224_HMAC],
                Hash::Sha3_256 => &[CKK_GENERIC_SECRET, CKK_SHA3_256_HMAC],
                Hash::Sha3_384 => &[CKK_GENERIC_SECRET, CKK_SHA3_384_HMAC],
                Hash::Sha3_512 => &[CKK_GENERIC_SECRET, CKK_SHA3_512_HMAC],
            },
        }
    }

    /// Whether it works with keys of this type (CKA_KEY_TYPE).
    pub(super) fn takes(&self, key_type: u64) -> bool {
        self.key_types().contains(&key_type)
    }

    /// The hash of a digest mechanism.
    pub(super) fn digest(&self, mechanism: &Mechanism) -> Result<Hash> {
        no_parameter(mechanism)?;
        match self.recipe {
            Recipe::Digest(hash) => Ok(hash),
            _ => Err(CKR_MECHANISM_INVALID),
        }
    }

    /// The key type that C_GenerateKey makes.
    pub(super) fn makes(&self, mechanism: &Mechanism) -> Result<u64> {
        no_parameter(mechanism)?;
        match (self.recipe, self.key_types()) {
            (Recipe::GenericKey | Recipe::AesKey | Recipe::HkdfKey, [one, ..]) => Ok(*one),
            _ => Err(CKR_MECHANISM_INVALID),
        }
    }

    /// The signature or verification that it is, with a key of this kind; secret keys have none.
    pub(super) fn signature(&self, mechanism: &Mechanism, key: Option<KeyKind>) -> Result<Signing> {
        let bytes = key.map_or(0, KeyKind::bytes);
        let plain = |signing| no_parameter(mechanism).map(|()| signing);
        let scheme = |scheme, intake| Ok(Signing::Scheme(scheme, intake));
        match self.recipe {
            Recipe::Pkcs1Raw => {
                let most = bytes.saturating_sub(11);
                plain(Signing::Scheme(Scheme::Pkcs1Raw, Intake::Whole(most)))
            }
            Recipe::RsaRaw => plain(Signing::Scheme(Scheme::Raw, Intake::Whole(bytes))),
            Recipe::Pkcs1(hash) => plain(Signing::Scheme(Scheme::Pkcs1(hash), Intake::Hash(hash))),
            Recipe::EcdsaRaw => plain(Signing::Scheme(Scheme::Ecdsa, Intake::Whole(ECDSA_INPUT))),
            Recipe::Ecdsa(hash) => plain(Signing::Scheme(Scheme::Ecdsa, Intake::Hash(hash))),
            Recipe::PssRaw => {
                let (pss, hash) = parameters::pss(&mechanism.parameter, bytes)?;
                scheme(pss, Intake::Whole(hash.len()))
            }
            Recipe::Pss(hash) => match parameters::pss(&mechanism.parameter, bytes)? {
                (pss, named) if named == hash => scheme(pss, Intake::Hash(hash)),
                _ => Err(CKR_MECHANISM_PARAM_INVALID),
            },
            Recipe::Hmac(hash) => plain(Signing::Mac(MacKind::Hmac(hash), hash.len())),
            Recipe::Cmac => plain(Signing::Mac(MacKind::Cmac, MacKind::Cmac.len())),
            Recipe::HmacGeneral(hash) => parameters::general(mechanism, MacKind::Hmac(hash)),
            Recipe::CmacGeneral => parameters::general(mechanism, MacKind::Cmac),
            _ => Err(CKR_MECHANISM_INVALID),
        }
    }

    /// The encryption, decryption, wrapping or unwrapping that it is.
    pub(super) fn cipher(&self, mechanism: &Mechanism) -> Result<Ciphering> {
        let plain = |made| no_parameter(mechanism).map(|()| made);
        let parameter = &mechanism.parameter;
        match self.recipe {
            Recipe::Pkcs1Raw => plain(Ciphering::Rsa(Padding::Pkcs1)),
            Recipe::RsaRaw => plain(Ciphering::Rsa(Padding::Raw)),
            Recipe::Oaep => parameters::oaep(parameter).map(Padding::Oaep).map(Ciphering::Rsa),
            Recipe::Aes(Aes::Ecb) => plain(Ciphering::Mode(CipherMode::Ecb)),
            Recipe::Aes(Aes::Cbc) => {
                parameters::iv(parameter).map(CipherMode::Cbc).map(Ciphering::Mode)
            }
            Recipe::Aes(Aes::CbcPad) => {
                parameters::iv(parameter).map(CipherMode::CbcPad).map(Ciphering::Mode)
            }
            Recipe::Aes(Aes::Ctr) => parameters::counter(parameter).map(Ciphering::Mode),
            Recipe::Aes(Aes::Gcm) => parameters::gcm(parameter).map(Ciphering::Mode),
            Recipe::Aes(Aes::Kw) => {
                parameters::wrap_iv(parameter, &[0xa6; 8]).map(|()| Ciphering::Kw)
            }
            Recipe::Aes(Aes::Kwp) => {
                parameters::wrap_iv(parameter, &[0xa6, 0x59, 0x59, 0xa6]).map(|()| Ciphering::Kwp)
            }
            _ => Err(CKR_MECHANISM_INVALID),
        }
    }

    /// The derivation that it is.
    pub(super) fn derivation(&self, mechanism: &Mechanism) -> Result<Derivation> {
        match self.recipe {
            Recipe::Ecdh => parameters::ecdh(&mechanism.parameter),
            Recipe::Hkdf => parameters::hkdf(&mechanism.parameter, false),
            Recipe::HkdfData => parameters::hkdf(&mechanism.parameter, true),
            _ => Err(CKR_MECHANISM_INVALID),
        }
    }
}

/// Longest plaintext that RSA takes or gives under this padding.
pub(super) fn most_plaintext(padding: &Padding, key: KeyKind) -> usize {
    match padding {
        Padding::Pkcs1 => key.bytes().saturating_sub(11),
        Padding::Oaep(oaep) => Oaep::most(oaep, key.bytes()),
        Padding::Raw => key.bytes(),
    }
}

#[cfg(test)]
mod tests;
