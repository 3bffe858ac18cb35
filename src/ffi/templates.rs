//! CK_ATTRIBUTE and CK_MECHANISM as values, and the width of CK_ULONG.
//!
//! Inside, numbers in attributes have 8 bytes, little-endian. Here they have the width and order
//! that C code on this platform gives CK_ULONG.

#![allow(unsafe_code)]

use super::pointers::{bytes, value, values};
use crate::pkcs11::{Answer, Answers, Attribute, Mechanism, Parameter, Query, Result, ck::*};
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_MECHANISM, CK_RSA_PKCS_OAEP_PARAMS, CK_RSA_PKCS_PSS_PARAMS, CK_ULONG,
};
use std::ptr;

/// The longest attribute value or mechanism parameter that is read.
const MOST_BYTES: usize = 1 << 20;
/// Bytes of a number inside.
const INSIDE: usize = size_of::<u64>();
/// Bytes of a number in C code.
const OUTSIDE: usize = size_of::<CK_ULONG>();

/// Attributes whose value is a CK_ULONG, or several.
const NUMBERS: [u64; 10] = [
    CKA_CLASS,
    CKA_CERTIFICATE_TYPE,
    CKA_CERTIFICATE_CATEGORY,
    CKA_JAVA_MIDP_SECURITY_DOMAIN,
    CKA_NAME_HASH_ALGORITHM,
    CKA_KEY_TYPE,
    CKA_MODULUS_BITS,
    CKA_VALUE_LEN,
    CKA_KEY_GEN_MECHANISM,
    CKA_ALLOWED_MECHANISMS,
];

/// Attributes that are templates themselves: not offered.
const NESTED: [u64; 3] = [CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE];

/// A caller's template.
///
/// # Safety
/// `template` is NULL or has `count` attributes to read, each with the value that it claims.
pub(super) unsafe fn template(
    template: *const CK_ATTRIBUTE,
    count: CK_ULONG,
) -> Result<Vec<Attribute>> {
    // SAFETY: the caller's promise.
    let attributes = unsafe { values(template, count) }?;
    attributes
        .into_iter()
        .map(|CK_ATTRIBUTE { type_, pValue, ulValueLen }| {
            let kind = wide(type_);
            if NESTED.contains(&kind) {
                return Err(CKR_ATTRIBUTE_TYPE_INVALID);
            }
            if usize::try_from(ulValueLen).map_or(true, |length| length > MOST_BYTES) {
                return Err(CKR_ATTRIBUTE_VALUE_INVALID);
            }
            // SAFETY: the caller's promise about each value.
            let value = unsafe { bytes(pValue.cast::<u8>(), ulValueLen) }?;
            Ok(Attribute { kind, value: inwards(kind, value)? })
        })
        .collect()
}

/// A caller's questions to C_GetAttributeValue, and where the answers go.
#[derive(Debug)]
pub(super) struct Questions {
    template: *mut CK_ATTRIBUTE,
    asked: Vec<CK_ATTRIBUTE>,
}

impl Questions {
    /// # Safety
    /// `template` is NULL or has `count` attributes to read and write, each with the room that it
    /// claims, until [`Questions::put`].
    pub(super) unsafe fn new(template: *mut CK_ATTRIBUTE, count: CK_ULONG) -> Result<Self> {
        // SAFETY: the caller's promise.
        let asked = unsafe { values(template.cast_const(), count) }?;
        Ok(Self { template, asked })
    }

    pub(super) fn queries(&self) -> Vec<Query> {
        self.asked
            .iter()
            .map(|asked| {
                let kind = wide(asked.type_);
                let room = usize::try_from(asked.ulValueLen).unwrap_or(usize::MAX);
                let room = (!{ asked.pValue }.is_null()).then_some(match NUMBERS.contains(&kind) {
                    true => (room / OUTSIDE).saturating_mul(INSIDE),
                    false => room,
                });
                Query { kind, room }
            })
            .collect()
    }

    /// Fills the template, all of it, and tells the worst that happened.
    pub(super) fn put(self, answers: Answers) -> Result<()> {
        if answers.answers.len() != self.asked.len() {
            return Err(CKR_GENERAL_ERROR);
        }
        for (at, (asked, answer)) in self.asked.iter().zip(answers.answers).enumerate() {
            let kind = wide(asked.type_);
            let length = match answer {
                Answer::Unavailable => CK_ULONG::MAX,
                Answer::Length(length) if NUMBERS.contains(&kind) => {
                    narrow(length / INSIDE * OUTSIDE)?
                }
                Answer::Length(length) => narrow(length)?,
                Answer::Value(value) => {
                    let value = outwards(kind, value);
                    let length = narrow(value.len())?;
                    // A module that answers more than there is room for is not believed.
                    if { asked.pValue }.is_null() || length > asked.ulValueLen {
                        return Err(CKR_GENERAL_ERROR);
                    }
                    // SAFETY: not NULL and large enough, by the promise made to `new`.
                    unsafe {
                        ptr::copy(value.as_ptr(), asked.pValue.cast::<u8>(), value.len());
                    }
                    length
                }
            };
            let filled = CK_ATTRIBUTE { ulValueLen: length, ..*asked };
            // SAFETY: `at` is below the count promised to `new`; no alignment is assumed.
            unsafe { self.template.wrapping_add(at).write_unaligned(filled) };
        }
        answers.code.map_or(Ok(()), Err)
    }
}

/// A caller's mechanism with its parameter.
///
/// # Safety
/// `mechanism` is NULL or can be read, and so can the parameter as the mechanism has it.
pub(super) unsafe fn mechanism(mechanism: *const CK_MECHANISM) -> Result<Mechanism> {
    // SAFETY: the caller's promise.
    let CK_MECHANISM { mechanism, pParameter, ulParameterLen } = unsafe { value(mechanism) }?;
    let kind = wide(mechanism);
    let length = usize::try_from(ulParameterLen).unwrap_or(usize::MAX);
    if length == 0 {
        return Ok(Mechanism::plain(kind));
    }
    if pParameter.is_null() || length > MOST_BYTES {
        return Err(CKR_MECHANISM_PARAM_INVALID);
    }
    let parameter = if PSS.contains(&kind) {
        sized::<CK_RSA_PKCS_PSS_PARAMS>(length)?;
        // SAFETY: the parameter has the size of this structure, by the caller's word.
        let parameter = unsafe { value(pParameter.cast::<CK_RSA_PKCS_PSS_PARAMS>()) }?;
        Parameter::Pss {
            hash: wide(parameter.hashAlg),
            mgf: wide(parameter.mgf),
            salt: wide(parameter.sLen),
        }
    } else if kind == CKM_RSA_PKCS_OAEP {
        sized::<CK_RSA_PKCS_OAEP_PARAMS>(length)?;
        // SAFETY: the parameter has the size of this structure, by the caller's word.
        let parameter = unsafe { value(pParameter.cast::<CK_RSA_PKCS_OAEP_PARAMS>()) }?;
        if usize::try_from(parameter.ulSourceDataLen).map_or(true, |length| length > MOST_BYTES) {
            return Err(CKR_MECHANISM_PARAM_INVALID);
        }
        // SAFETY: the caller's promise about the inner pointer.
        let label = unsafe { bytes(parameter.pSourceData.cast(), parameter.ulSourceDataLen) };
        Parameter::Oaep {
            hash: wide(parameter.hashAlg),
            mgf: wide(parameter.mgf),
            source: wide(parameter.source),
            label: label.map_err(|_| CKR_MECHANISM_PARAM_INVALID)?.to_vec(),
        }
    } else {
        // SAFETY: the caller's promise.
        Parameter::Bytes(unsafe { bytes(pParameter.cast(), ulParameterLen) }?.to_vec())
    };
    Ok(Mechanism { kind, parameter })
}

/// Mechanisms with CK_RSA_PKCS_PSS_PARAMS.
const PSS: [u64; 6] = [
    CKM_RSA_PKCS_PSS,
    CKM_SHA1_RSA_PKCS_PSS,
    CKM_SHA224_RSA_PKCS_PSS,
    CKM_SHA256_RSA_PKCS_PSS,
    CKM_SHA384_RSA_PKCS_PSS,
    CKM_SHA512_RSA_PKCS_PSS,
];

fn sized<T>(length: usize) -> Result<()> {
    if length == size_of::<T>() { Ok(()) } else { Err(CKR_MECHANISM_PARAM_INVALID) }
}

/// A CK_ULONG as 64 bits; all ones stay all ones.
#[allow(clippy::unnecessary_cast)]
pub(super) fn wide(number: CK_ULONG) -> u64 {
    if number == CK_ULONG::MAX { u64::MAX } else { number as u64 }
}

/// A length as CK_ULONG.
fn narrow(length: usize) -> Result<CK_ULONG> {
    CK_ULONG::try_from(length).map_err(|_| CKR_GENERAL_ERROR)
}

/// A number as C code has it; what it cannot hold is all ones (CK_UNAVAILABLE_INFORMATION).
pub(super) fn outside(number: u64) -> CK_ULONG {
    CK_ULONG::try_from(number).unwrap_or(CK_ULONG::MAX)
}

/// A value from C code: numbers become 8 bytes, little-endian.
fn inwards(kind: u64, value: &[u8]) -> Result<Vec<u8>> {
    if !NUMBERS.contains(&kind) {
        return Ok(value.to_vec());
    }
    let (numbers, rest) = value.as_chunks::<OUTSIDE>();
    if !rest.is_empty() {
        return Err(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    Ok(numbers.iter().flat_map(|one| wide(CK_ULONG::from_ne_bytes(*one)).to_le_bytes()).collect())
}

/// A value for C code.
fn outwards(kind: u64, value: Vec<u8>) -> Vec<u8> {
    if !NUMBERS.contains(&kind) {
        return value;
    }
    let (numbers, _) = value.as_chunks::<INSIDE>();
    numbers.iter().flat_map(|one| outside(u64::from_le_bytes(*one)).to_ne_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_in_and_out_unchanged() {
        let number: CK_ULONG = 0x0102_0304;
        let inside = inwards(CKA_CLASS, &number.to_ne_bytes()).unwrap();
        assert_eq!(inside, 0x0102_0304_u64.to_le_bytes());
        assert_eq!(outwards(CKA_CLASS, inside), number.to_ne_bytes());
        assert_eq!(inwards(CKA_ID, &[1, 2, 3]), Ok(vec![1, 2, 3]));
        assert_eq!(inwards(CKA_CLASS, &[1, 2, 3]), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        assert_eq!(wide(CK_ULONG::MAX), u64::MAX);
        assert_eq!(outside(u64::MAX), CK_ULONG::MAX);
    }
}
