//! CK_ATTRIBUTE as values, and the width of CK_ULONG.
//!
//! Inside, numbers in attributes have 8 bytes, little-endian. Here they have the width and order
//! that C code on this platform gives CK_ULONG.

#![allow(unsafe_code)]

use super::pointers::{bytes, values};
use crate::pkcs11::{Answer, Answers, Attribute, Query, Result, ck::*};
use cryptoki_sys::{CK_ATTRIBUTE, CK_ULONG};
use std::{ops::Deref, ptr};
use zeroize::{Zeroize, Zeroizing};

/// The longest attribute value, or part of a mechanism's parameter, that is read.
pub(super) const MOST_BYTES: usize = 1 << 20;
/// Bytes of a number inside.
const INSIDE: usize = size_of::<u64>();
/// Bytes of a number in C code.
const OUTSIDE: usize = size_of::<CK_ULONG>();

/// Attributes whose value is a CK_ULONG, or several.
const NUMBERS: [u64; 19] = [
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
    CKA_PRIME_BITS,
    CKA_SUBPRIME_BITS,
    CKA_VALUE_BITS,
    CKA_HW_FEATURE_TYPE,
    CKA_MECHANISM_TYPE,
    CKA_PROFILE_ID,
    CKA_PARAMETER_SET,
    CKA_OBJECT_VALIDATION_FLAGS,
    CKA_VALIDATION_TYPE,
];

/// Attributes that are templates themselves: not offered, and their pointers not followed.
const NESTED: [u64; 5] = [
    CKA_WRAP_TEMPLATE,
    CKA_UNWRAP_TEMPLATE,
    CKA_DERIVE_TEMPLATE,
    CKA_ENCAPSULATE_TEMPLATE,
    CKA_DECAPSULATE_TEMPLATE,
];

/// Whether the attribute's value is an array of attributes. Besides the standard's own, any that
/// has CKF_ARRAY_ATTRIBUTE and is no list of mechanisms may be one.
fn nested(kind: u64) -> bool {
    NESTED.contains(&kind) || (kind & CKF_ARRAY_ATTRIBUTE != 0 && kind != CKA_ALLOWED_MECHANISMS)
}

/// A caller's template, which may hold keys: erased when done with.
#[derive(Debug)]
pub(super) struct Template(Vec<Attribute>);

impl Deref for Template {
    type Target = [Attribute];

    fn deref(&self) -> &[Attribute] {
        &self.0
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|attribute| attribute.value.zeroize());
    }
}

/// A caller's template, read.
///
/// # Safety
/// `template` is NULL or has `count` attributes to read, each with the value that it claims.
pub(super) unsafe fn template(template: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Template> {
    // SAFETY: the caller's promise.
    let attributes = unsafe { values(template, count) }?;
    let mut template = Template(Vec::with_capacity(attributes.len()));
    for CK_ATTRIBUTE { type_, pValue, ulValueLen } in attributes {
        let kind = wide(type_);
        if nested(kind) {
            return Err(CKR_ATTRIBUTE_TYPE_INVALID);
        }
        if usize::try_from(ulValueLen).map_or(true, |length| length > MOST_BYTES) {
            return Err(CKR_ATTRIBUTE_VALUE_INVALID);
        }
        // SAFETY: the caller's promise about each value.
        let value = unsafe { bytes(pValue.cast::<u8>(), ulValueLen) }?;
        template.0.push(Attribute { kind, value: inwards(kind, value)? });
    }
    Ok(template)
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
                    // It may be a key: our copy is erased.
                    let value = Zeroizing::new(outwards(kind, value));
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
