//! CK_MECHANISM as a value, and the structures that its parameter may have (current mechanisms
//! specification 3.1).
//!
//! What a structure means is the mechanism's own business. Here it has the size that its mechanism
//! asks for, and its pointers lead somewhere, or CKR_MECHANISM_PARAM_INVALID is answered.

#![allow(unsafe_code)]

use super::{
    pointers::{bytes, value},
    templates::{MOST_BYTES, wide},
};
use crate::pkcs11::{
    HkdfSalt, Mechanism, MechanismType, Parameter, Result, ck::CKR_MECHANISM_PARAM_INVALID,
};
use cryptoki_sys::*;
use std::ffi::c_void;

/// A caller's mechanism with its parameter.
///
/// # Safety
/// `mechanism` is NULL or can be read, and so can the parameter as the mechanism has it.
pub(super) unsafe fn mechanism(mechanism: *const CK_MECHANISM) -> Result<Mechanism> {
    // SAFETY: the caller's promise.
    let CK_MECHANISM { mechanism, pParameter, ulParameterLen } = unsafe { value(mechanism) }?;
    let kind = wide(mechanism);
    if ulParameterLen == 0 {
        return Ok(Mechanism::plain(kind));
    }
    // SAFETY: the caller's promise.
    let parameter = unsafe { parameter(kind, pParameter, ulParameterLen) }?;
    Ok(Mechanism { kind, parameter })
}

/// What a mechanism's parameter is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// CK_RSA_PKCS_PSS_PARAMS.
    Pss,
    /// CK_RSA_PKCS_OAEP_PARAMS.
    Oaep,
    /// CK_AES_CTR_PARAMS.
    Counter,
    /// CK_GCM_PARAMS.
    Gcm,
    /// CK_ECDH1_DERIVE_PARAMS.
    Ecdh,
    /// CK_HKDF_PARAMS.
    Hkdf,
    /// CK_MAC_GENERAL_PARAMS: a CK_ULONG.
    Number,
    /// Bytes as they are: an IV, or what no mechanism of ours takes.
    Bytes,
}

fn form(kind: MechanismType) -> Form {
    // CK_ULONG has 32 bits elsewhere.
    match CK_MECHANISM_TYPE::try_from(kind).unwrap_or(CK_MECHANISM_TYPE::MAX) {
        CKM_RSA_PKCS_PSS
        | CKM_SHA1_RSA_PKCS_PSS
        | CKM_SHA224_RSA_PKCS_PSS
        | CKM_SHA256_RSA_PKCS_PSS
        | CKM_SHA384_RSA_PKCS_PSS
        | CKM_SHA512_RSA_PKCS_PSS
        | CKM_SHA3_224_RSA_PKCS_PSS
        | CKM_SHA3_256_RSA_PKCS_PSS
        | CKM_SHA3_384_RSA_PKCS_PSS
        | CKM_SHA3_512_RSA_PKCS_PSS => Form::Pss,
        CKM_RSA_PKCS_OAEP => Form::Oaep,
        CKM_AES_CTR => Form::Counter,
        CKM_AES_GCM => Form::Gcm,
        CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => Form::Ecdh,
        CKM_HKDF_DERIVE | CKM_HKDF_DATA => Form::Hkdf,
        CKM_SHA_1_HMAC_GENERAL
        | CKM_SHA224_HMAC_GENERAL
        | CKM_SHA256_HMAC_GENERAL
        | CKM_SHA384_HMAC_GENERAL
        | CKM_SHA512_HMAC_GENERAL
        | CKM_SHA3_224_HMAC_GENERAL
        | CKM_SHA3_256_HMAC_GENERAL
        | CKM_SHA3_384_HMAC_GENERAL
        | CKM_SHA3_512_HMAC_GENERAL
        | CKM_AES_MAC_GENERAL
        | CKM_AES_CMAC_GENERAL => Form::Number,
        _ => Form::Bytes,
    }
}

/// # Safety
/// `pointer` is NULL or has `length` bytes to read, and the pointers in there are NULL or have as
/// many bytes as stands beside them.
unsafe fn parameter(
    kind: MechanismType,
    pointer: *const c_void,
    length: CK_ULONG,
) -> Result<Parameter> {
    // SAFETY: the caller's promise.
    let all = unsafe { part(pointer.cast(), length) }?;
    // SAFETY, for each structure that is read below: its mechanism's parameter has its size, by
    // `of_size`; and for each inner pointer: the caller's promise.
    Ok(match form(kind) {
        Form::Pss => {
            // SAFETY: as said above.
            let given = unsafe { of_size::<CK_RSA_PKCS_PSS_PARAMS>(all) }?;
            Parameter::Pss {
                hash: wide(given.hashAlg),
                mgf: wide(given.mgf),
                salt: wide(given.sLen),
            }
        }
        Form::Oaep => {
            // SAFETY: as said above.
            let given = unsafe { of_size::<CK_RSA_PKCS_OAEP_PARAMS>(all) }?;
            // SAFETY: as said above.
            let label = unsafe { part(given.pSourceData.cast(), given.ulSourceDataLen) }?;
            Parameter::Oaep {
                hash: wide(given.hashAlg),
                mgf: wide(given.mgf),
                source: wide(given.source),
                label: label.to_vec(),
            }
        }
        Form::Counter => {
            // SAFETY: as said above.
            let given = unsafe { of_size::<CK_AES_CTR_PARAMS>(all) }?;
            Parameter::Bytes([&wide(given.ulCounterBits).to_le_bytes()[..], &given.cb].concat())
        }
        Form::Gcm => {
            // SAFETY: as said above.
            let given = unsafe { gcm(all) }?;
            // SAFETY: as said above.
            let iv = unsafe { part(given.pIv, given.ulIvLen) }?;
            // SAFETY: as said above.
            let aad = unsafe { part(given.pAAD, given.ulAADLen) }?;
            Parameter::Gcm { iv: iv.to_vec(), aad: aad.to_vec(), tag_bits: wide(given.ulTagBits) }
        }
        Form::Ecdh => {
            // SAFETY: as said above.
            let given = unsafe { of_size::<CK_ECDH1_DERIVE_PARAMS>(all) }?;
            // SAFETY: as said above.
            let shared = unsafe { part(given.pSharedData, given.ulSharedDataLen) }?;
            // SAFETY: as said above.
            let public = unsafe { part(given.pPublicData, given.ulPublicDataLen) }?;
            Parameter::Ecdh {
                kdf: wide(given.kdf),
                shared: shared.to_vec(),
                public: public.to_vec(),
            }
        }
        Form::Hkdf => {
            // SAFETY: as said above.
            let given = unsafe { of_size::<CK_HKDF_PARAMS>(all) }?;
            // SAFETY: as said above.
            let info = unsafe { part(given.pInfo, given.ulInfoLen) }?;
            Parameter::Hkdf {
                extract: given.bExtract != 0,
                expand: given.bExpand != 0,
                hash: wide(given.prfHashMechanism),
                salt: match given.ulSaltType {
                    CKF_HKDF_SALT_NULL => HkdfSalt::Null,
                    CKF_HKDF_SALT_DATA => {
                        // SAFETY: as said above.
                        let salt = unsafe { part(given.pSalt, given.ulSaltLen) }?;
                        HkdfSalt::Data(salt.to_vec())
                    }
                    CKF_HKDF_SALT_KEY => HkdfSalt::Key(wide(given.hSaltKey)),
                    _ => return Err(CKR_MECHANISM_PARAM_INVALID),
                },
                info: info.to_vec(),
            }
        }
        Form::Number => {
            // SAFETY: as said above.
            let number = unsafe { of_size::<CK_ULONG>(all) }?;
            Parameter::Bytes(wide(number).to_le_bytes().to_vec())
        }
        Form::Bytes => Parameter::Bytes(all.to_vec()),
    })
}

/// CK_GCM_PARAMS, also as the text of 2.40 has it, without `ulIvBits`, which says nothing in the
/// other form either: the length of the IV is `ulIvLen`, and clients leave anything in the field.
///
/// # Safety
/// As [`of_size`].
unsafe fn gcm(all: &[u8]) -> Result<CK_GCM_PARAMS> {
    /// The structure in the text of 2.40, section 2.8.
    #[cfg_attr(windows, repr(C, packed))]
    #[cfg_attr(not(windows), repr(C))]
    #[derive(Clone, Copy)]
    #[allow(non_snake_case)]
    struct Short {
        pIv: *mut CK_BYTE,
        ulIvLen: CK_ULONG,
        pAAD: *mut CK_BYTE,
        ulAADLen: CK_ULONG,
        ulTagBits: CK_ULONG,
    }
    if all.len() == size_of::<CK_GCM_PARAMS>() {
        // SAFETY: the caller's promise.
        return unsafe { of_size(all) };
    }
    // SAFETY: the caller's promise.
    let Short { pIv, ulIvLen, pAAD, ulAADLen, ulTagBits } = unsafe { of_size(all) }?;
    Ok(CK_GCM_PARAMS { pIv, ulIvLen, ulIvBits: 0, pAAD, ulAADLen, ulTagBits })
}

/// The structure that a parameter is, if it has its size.
///
/// # Safety
/// Any bytes are a `T`.
unsafe fn of_size<T: Copy>(all: &[u8]) -> Result<T> {
    if all.len() != size_of::<T>() {
        return Err(CKR_MECHANISM_PARAM_INVALID);
    }
    // SAFETY: as long as a `T`, and the caller's promise.
    Ok(unsafe { value(all.as_ptr().cast::<T>()) }?)
}

/// A part of a parameter; `(NULL, 0)` is empty.
///
/// # Safety
/// `pointer` is NULL or has `length` bytes to read, unchanged for `'a`.
unsafe fn part<'a>(pointer: *const u8, length: CK_ULONG) -> Result<&'a [u8]> {
    if usize::try_from(length).map_or(true, |length| length > MOST_BYTES) {
        return Err(CKR_MECHANISM_PARAM_INVALID);
    }
    // SAFETY: the caller's promise.
    unsafe { bytes(pointer, length) }.map_err(|_| CKR_MECHANISM_PARAM_INVALID)
}

#[cfg(test)]
mod tests;
