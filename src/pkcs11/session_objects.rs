//! Public keys that an application brings along for one session (C_CreateObject).

use super::{
    Attribute, Result, SessionHandle, card_objects,
    ck::*,
    mechanisms::Family,
    objects::{Attributes, Material, Object},
};
use crate::crypto::{KeyKind, PublicKey};

/// What an application may say of a public key besides the key itself: texts and flags.
const TEXTS: [u64; 5] = [CKA_LABEL, CKA_ID, CKA_SUBJECT, CKA_START_DATE, CKA_END_DATE];
/// The longest of these texts in bytes: objects of one connection are bounded in number and size.
const LONGEST_TEXT: usize = 1024;
const FLAGS: [u64; 10] = [
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_DERIVE,
    CKA_ENCRYPT,
    CKA_VERIFY,
    CKA_VERIFY_RECOVER,
    CKA_WRAP,
];
const KEY_PARTS: [u64; 8] = [
    CKA_CLASS,
    CKA_KEY_TYPE,
    CKA_MODULUS,
    CKA_PUBLIC_EXPONENT,
    CKA_MODULUS_BITS,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_PUBLIC_KEY_INFO,
];

/// The public key that a template describes, as an object of `owner`.
///
/// Token objects are the caller's to refuse.
pub(super) fn public_key(template: &[Attribute], owner: SessionHandle) -> Result<Object> {
    checked(template)?;
    if number(template, CKA_CLASS)?.ok_or(CKR_TEMPLATE_INCOMPLETE)? != CKO_PUBLIC_KEY {
        return Err(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    let key = match number(template, CKA_KEY_TYPE)?.ok_or(CKR_TEMPLATE_INCOMPLETE)? {
        CKK_RSA => PublicKey::from_rsa(
            needed(template, CKA_MODULUS)?,
            needed(template, CKA_PUBLIC_EXPONENT)?,
        ),
        CKK_EC => {
            let params = needed(template, CKA_EC_PARAMS)?;
            let kind = [KeyKind::P256, KeyKind::P384]
                .into_iter()
                .find(|kind| card_objects::curve(*kind) == params)
                .ok_or(CKR_ATTRIBUTE_VALUE_INVALID)?;
            PublicKey::from_ec_point(kind, point(needed(template, CKA_EC_POINT)?))
        }
        _ => return Err(CKR_ATTRIBUTE_VALUE_INVALID),
    }
    .map_err(|_| CKR_ATTRIBUTE_VALUE_INVALID)?;

    let mut attributes = card_objects::public_key_attributes(&key)
        .number(CKA_CLASS, CKO_PUBLIC_KEY)
        .flags(&[CKA_TOKEN, CKA_PRIVATE, CKA_DERIVE, CKA_LOCAL, CKA_TRUSTED], false)
        .flags(&[CKA_WRAP, CKA_VERIFY_RECOVER], false)
        .flags(&[CKA_MODIFIABLE, CKA_COPYABLE], false)
        .flags(&[CKA_DESTROYABLE, CKA_VERIFY], true)
        .flag(CKA_ENCRYPT, Family::of(key.kind()) == Family::Rsa)
        .number(CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
    for text in TEXTS {
        attributes = attributes.bytes(text, value(template, text).unwrap_or_default());
    }
    for usage in [CKA_ENCRYPT, CKA_VERIFY] {
        if let Some(wanted) = flag(template, usage)? {
            attributes = attributes.flag(usage, wanted);
        }
    }
    agrees(template, &attributes, CKA_MODULUS_BITS)?;
    agrees(template, &attributes, CKA_PUBLIC_KEY_INFO)?;
    for never in [CKA_PRIVATE, CKA_DERIVE, CKA_WRAP, CKA_VERIFY_RECOVER] {
        if flag(template, never)? == Some(true) {
            return Err(CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }
    Ok(Object { attributes, material: Material::Public(key), owner: Some(owner) })
}

/// The value of a CK_BBOOL of the template: one byte, zero or one.
pub(super) fn flag(template: &[Attribute], kind: u64) -> Result<Option<bool>> {
    match value(template, kind) {
        None => Ok(None),
        Some([0]) => Ok(Some(false)),
        Some([1]) => Ok(Some(true)),
        Some(_) => Err(CKR_ATTRIBUTE_VALUE_INVALID),
    }
}

/// Known attributes, each once, flags of one byte.
fn checked(template: &[Attribute]) -> Result<()> {
    for (at, attribute) in template.iter().enumerate() {
        if template.iter().take(at).any(|earlier| earlier.kind == attribute.kind) {
            return Err(CKR_TEMPLATE_INCONSISTENT);
        }
        if FLAGS.contains(&attribute.kind) {
            flag(template, attribute.kind)?;
        } else if TEXTS.contains(&attribute.kind) {
            if attribute.value.len() > LONGEST_TEXT {
                return Err(CKR_ATTRIBUTE_VALUE_INVALID);
            }
        } else if [CKA_LOCAL, CKA_TRUSTED, CKA_KEY_GEN_MECHANISM, CKA_UNIQUE_ID]
            .contains(&attribute.kind)
        {
            return Err(CKR_ATTRIBUTE_READ_ONLY);
        } else if !KEY_PARTS.contains(&attribute.kind) {
            return Err(CKR_ATTRIBUTE_TYPE_INVALID);
        }
    }
    Ok(())
}

fn value(template: &[Attribute], kind: u64) -> Option<&[u8]> {
    template.iter().find(|attribute| attribute.kind == kind).map(|found| found.value.as_slice())
}

fn needed(template: &[Attribute], kind: u64) -> Result<&[u8]> {
    value(template, kind).ok_or(CKR_TEMPLATE_INCOMPLETE)
}

fn number(template: &[Attribute], kind: u64) -> Result<Option<u64>> {
    value(template, kind)
        .map(|bytes| bytes.try_into().map(u64::from_le_bytes))
        .transpose()
        .map_err(|_| CKR_ATTRIBUTE_VALUE_INVALID)
}

/// What the template says of the key must be what the key says.
fn agrees(template: &[Attribute], attributes: &Attributes, kind: u64) -> Result<()> {
    match value(template, kind) {
        Some(said) if attributes.value(kind) != Some(said) => Err(CKR_TEMPLATE_INCONSISTENT),
        _ => Ok(()),
    }
}

/// The point inside its DER OCTET STRING, or as it stands: both are met in the field.
fn point(value: &[u8]) -> &[u8] {
    match value {
        [0x04, length, point @ ..] if usize::from(*length) == point.len() => point,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded() {
        for kind in TEXTS {
            let text = |length| [Attribute { kind, value: vec![b'x'; length] }];
            assert_eq!(checked(&text(LONGEST_TEXT)), Ok(()));
            assert_eq!(checked(&text(LONGEST_TEXT + 1)), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        }
    }
}
