//! Mechanism parameters, from what the caller gave to what the operation takes. Whatever a mechanism
//! does not have is CKR_MECHANISM_PARAM_INVALID.

use super::{MacKind, Signing};
use crate::{
    crypto::{CipherMode, Hash, Oaep, Scheme},
    pkcs11::{HkdfSalt, Mechanism, ObjectHandle, Parameter, Result, ck::*},
};

/// A derivation, ready to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pkcs11) enum Derivation {
    /// CKM_ECDH1_DERIVE.
    Ecdh {
        /// The hash of the X9.63 derivation; without one the shared secret is the key.
        kdf: Option<Hash>,
        /// Shared data.
        shared: Vec<u8>,
        /// The other's point, bare or in its DER OCTET STRING.
        point: Vec<u8>,
    },
    /// CKM_HKDF_DERIVE and CKM_HKDF_DATA.
    Hkdf {
        hash: Hash,
        /// Whether there is an extract step, and its salt.
        extract: Option<Salt>,
        /// Whether there is an expand step, and its info.
        expand: Option<Vec<u8>>,
        /// Whether a data object is made, not a key.
        data: bool,
    },
}

/// The salt of HKDF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pkcs11) enum Salt {
    Bytes(Vec<u8>),
    Key(ObjectHandle),
}

const INVALID: crate::pkcs11::Rv = CKR_MECHANISM_PARAM_INVALID;

/// Hash, its digest mechanism, its MGF1, its X9.63 derivation.
const HASHES: [(Hash, u64, u64, u64); 9] = [
    (Hash::Sha1, CKM_SHA_1, CKG_MGF1_SHA1, CKD_SHA1_KDF),
    (Hash::Sha224, CKM_SHA224, CKG_MGF1_SHA224, CKD_SHA224_KDF),
    (Hash::Sha256, CKM_SHA256, CKG_MGF1_SHA256, CKD_SHA256_KDF),
    (Hash::Sha384, CKM_SHA384, CKG_MGF1_SHA384, CKD_SHA384_KDF),
    (Hash::Sha512, CKM_SHA512, CKG_MGF1_SHA512, CKD_SHA512_KDF),
    (Hash::Sha3_224, CKM_SHA3_224, CKG_MGF1_SHA3_224, CKD_SHA3_224_KDF),
    (Hash::Sha3_256, CKM_SHA3_256, CKG_MGF1_SHA3_256, CKD_SHA3_256_KDF),
    (Hash::Sha3_384, CKM_SHA3_384, CKG_MGF1_SHA3_384, CKD_SHA3_384_KDF),
    (Hash::Sha3_512, CKM_SHA3_512, CKG_MGF1_SHA3_512, CKD_SHA3_512_KDF),
];

fn hash(number: u64) -> Result<Hash> {
    HASHES.iter().find_map(|row| (row.1 == number).then_some(row.0)).ok_or(INVALID)
}

fn mask(number: u64) -> Result<Hash> {
    HASHES.iter().find_map(|row| (row.2 == number).then_some(row.0)).ok_or(INVALID)
}

pub(super) fn no_parameter(mechanism: &Mechanism) -> Result<()> {
    match &mechanism.parameter {
        Parameter::None => Ok(()),
        _ => Err(INVALID),
    }
}

/// CK_RSA_PKCS_PSS_PARAMS: known hashes, and a salt that leaves room in `k` bytes (RFC 8017 section
/// 9.1.1).
pub(super) fn pss(parameter: &Parameter, k: usize) -> Result<(Scheme, Hash)> {
    let Parameter::Pss { hash: named, mgf, salt } = *parameter else { return Err(INVALID) };
    let (hash, mgf) = (hash(named)?, mask(mgf)?);
    let most = k.saturating_sub(hash.len() + 2);
    let salt = usize::try_from(salt).ok().filter(|salt| *salt <= most).ok_or(INVALID)?;
    Ok((Scheme::Pss { hash, mgf, salt }, hash))
}

/// Longest label of OAEP.
const LONGEST_LABEL: usize = 1024;

/// CK_RSA_PKCS_OAEP_PARAMS. A source of 0 with no data is met in the field for CKZ_DATA_SPECIFIED.
pub(super) fn oaep(parameter: &Parameter) -> Result<Oaep> {
    let Parameter::Oaep { hash: named, mgf, source, label } = parameter else {
        return Err(INVALID);
    };
    match *source {
        CKZ_DATA_SPECIFIED => {}
        0 if label.is_empty() => {}
        _ => return Err(INVALID),
    }
    // It is kept as long as the operation goes on; RFC 8017 has no bound, nobody has a long one.
    if label.len() > LONGEST_LABEL {
        return Err(INVALID);
    }
    Ok(Oaep { hash: hash(*named)?, mgf: mask(*mgf)?, label: label.clone() })
}

/// An initialisation vector of one block.
pub(super) fn iv(parameter: &Parameter) -> Result<[u8; 16]> {
    match parameter {
        Parameter::Bytes(iv) => iv.as_slice().try_into().map_err(|_| INVALID),
        _ => Err(INVALID),
    }
}

/// The initial value of key wrapping: none, or the standard's own.
pub(super) fn wrap_iv(parameter: &Parameter, standard: &[u8]) -> Result<()> {
    match parameter {
        Parameter::None => Ok(()),
        Parameter::Bytes(iv) if iv == standard => Ok(()),
        _ => Err(INVALID),
    }
}

/// CK_AES_CTR_PARAMS: bits that count, and the block.
pub(super) fn counter(parameter: &Parameter) -> Result<CipherMode> {
    let Parameter::Bytes(bytes) = parameter else { return Err(INVALID) };
    let (bits, block) = bytes.split_first_chunk::<8>().ok_or(INVALID)?;
    let bits = u32::try_from(u64::from_le_bytes(*bits)).map_err(|_| INVALID)?;
    match block.try_into() {
        Ok(block) if (1..=128).contains(&bits) => Ok(CipherMode::Ctr { bits, block }),
        _ => Err(INVALID),
    }
}

/// CK_GCM_PARAMS: an initialisation vector, and a tag that NIST SP 800-38D has.
pub(super) fn gcm(parameter: &Parameter) -> Result<CipherMode> {
    let Parameter::Gcm { iv, aad, tag_bits } = parameter else { return Err(INVALID) };
    let tag = match *tag_bits {
        32 | 64 | 96 | 104 | 112 | 120 | 128 => *tag_bits as usize / 8,
        _ => return Err(INVALID),
    };
    if iv.is_empty() {
        return Err(INVALID);
    }
    Ok(CipherMode::Gcm { iv: iv.clone(), aad: aad.clone(), tag })
}

/// CK_MAC_GENERAL_PARAMS: how many bytes of the code.
pub(super) fn general(mechanism: &Mechanism, kind: MacKind) -> Result<Signing> {
    let Parameter::Bytes(bytes) = &mechanism.parameter else { return Err(INVALID) };
    let number = u64::from_le_bytes(bytes.as_slice().try_into().map_err(|_| INVALID)?);
    match usize::try_from(number) {
        Ok(length) if (1..=kind.len()).contains(&length) => Ok(Signing::Mac(kind, length)),
        _ => Err(INVALID),
    }
}

/// CK_ECDH1_DERIVE_PARAMS. Without a derivation there is no shared data.
pub(super) fn ecdh(parameter: &Parameter) -> Result<Derivation> {
    let Parameter::Ecdh { kdf, shared, public } = parameter else { return Err(INVALID) };
    let kdf = match *kdf {
        CKD_NULL if shared.is_empty() => None,
        CKD_NULL => return Err(INVALID),
        one => {
            let row = HASHES.iter().find(|row| row.3 == one).ok_or(INVALID)?;
            Some(row.0)
        }
    };
    Ok(Derivation::Ecdh { kdf, shared: shared.clone(), point: public.clone() })
}

/// CK_HKDF_PARAMS: at least one of both steps.
pub(super) fn hkdf(parameter: &Parameter, data: bool) -> Result<Derivation> {
    let Parameter::Hkdf { extract, expand, hash: named, salt, info } = parameter else {
        return Err(INVALID);
    };
    if !extract && !expand {
        return Err(INVALID);
    }
    let salt = match salt {
        HkdfSalt::Null => Salt::Bytes(Vec::new()),
        HkdfSalt::Data(bytes) => Salt::Bytes(bytes.clone()),
        HkdfSalt::Key(handle) => Salt::Key(*handle),
    };
    Ok(Derivation::Hkdf {
        hash: hash(*named)?,
        extract: extract.then_some(salt),
        expand: expand.then(|| info.clone()),
        data,
    })
}
