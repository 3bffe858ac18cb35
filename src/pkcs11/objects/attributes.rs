//! Attribute values, and the encodings that some of them have.

use crate::{
    clock::Time,
    crypto::KeyKind,
    pkcs11::{AttributeType, MechanismType, ck::*},
};
use std::{collections::BTreeMap, fmt};
use zeroize::Zeroize;

/// Attribute values by type, in the form that [`Attribute`](crate::pkcs11::Attribute) has. Secret parts of keys are not among
/// them: those stay with the key.
#[derive(Clone, Default)]
pub(in crate::pkcs11) struct Attributes(BTreeMap<AttributeType, Vec<u8>>);

impl fmt::Debug for Attributes {
    /// Types and lengths: a private datum is an attribute too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(kind, value)| (kind, value.len()))).finish()
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        if let Some(value) = self.0.get_mut(&CKA_VALUE) {
            value.zeroize();
        }
    }
}

impl Attributes {
    pub(in crate::pkcs11) fn of_class(class: u64) -> Self {
        Self::default().number(CKA_CLASS, class)
    }
    pub(in crate::pkcs11) fn flag(self, kind: AttributeType, value: bool) -> Self {
        self.bytes(kind, [u8::from(value)])
    }
    pub(in crate::pkcs11) fn flags(self, kinds: &[AttributeType], value: bool) -> Self {
        kinds.iter().fold(self, |all, kind| all.flag(*kind, value))
    }
    pub(in crate::pkcs11) fn number(self, kind: AttributeType, value: u64) -> Self {
        self.bytes(kind, value.to_le_bytes())
    }
    pub(in crate::pkcs11) fn numbers(
        self,
        kind: AttributeType,
        values: impl Iterator<Item = MechanismType>,
    ) -> Self {
        self.bytes(kind, values.flat_map(u64::to_le_bytes).collect::<Vec<u8>>())
    }
    pub(in crate::pkcs11) fn bytes(
        mut self,
        kind: AttributeType,
        value: impl Into<Vec<u8>>,
    ) -> Self {
        self.set(kind, value);
        self
    }
    pub(in crate::pkcs11) fn set(&mut self, kind: AttributeType, value: impl Into<Vec<u8>>) {
        self.0.insert(kind, value.into());
    }
    pub(in crate::pkcs11) fn unset(&mut self, kind: AttributeType) {
        self.0.remove(&kind);
    }
    pub(in crate::pkcs11) fn value(&self, kind: AttributeType) -> Option<&[u8]> {
        self.0.get(&kind).map(Vec::as_slice)
    }
    pub(in crate::pkcs11) fn is_true(&self, kind: AttributeType) -> bool {
        self.value(kind) == Some(&[1])
    }
    /// All of them, types in ascending order.
    pub(in crate::pkcs11) fn iter(&self) -> impl Iterator<Item = (AttributeType, &[u8])> {
        self.0.iter().map(|(kind, value)| (*kind, value.as_slice()))
    }
    /// Bytes that the values take.
    pub(in crate::pkcs11) fn size(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// The curve's object identifier in DER, as CKA_EC_PARAMS carries it (RFC 5480 section 2.1.1.1).
pub(in crate::pkcs11) fn curve(kind: KeyKind) -> &'static [u8] {
    match kind {
        KeyKind::P256 => &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        KeyKind::P384 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => &[],
    }
}

/// DER OCTET STRING of a point, as CKA_EC_POINT carries it; no point has more than 127 bytes.
pub(in crate::pkcs11) fn octet_string(point: &[u8]) -> Vec<u8> {
    let length = u8::try_from(point.len()).unwrap_or(u8::MAX);
    [&[0x04, length], point].concat()
}

/// CK_DATE: eight digits.
pub(in crate::pkcs11) fn date(time: Time) -> Vec<u8> {
    time.to_string().bytes().filter(u8::is_ascii_digit).take(8).collect()
}
