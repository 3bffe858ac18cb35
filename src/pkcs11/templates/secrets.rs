//! Secret keys: AES, and generic secrets with the keys of HMAC and HKDF, which are generic secrets
//! by another name (base specification section 4.10; current mechanisms sections 2.6, 2.8, 2.20,
//! 2.62).

use super::{
    Given, NewObject, Origin,
    certificates::check_value,
    filled,
    table::{self, Shape},
};
use crate::{
    crypto::SecretKey,
    pkcs11::{Result, ck::*, errors, objects::Material},
    secret::Secret,
};

/// Key types that are bytes of any length.
const GENERIC: [u64; 11] = [
    CKK_GENERIC_SECRET,
    CKK_SHA_1_HMAC,
    CKK_SHA224_HMAC,
    CKK_SHA256_HMAC,
    CKK_SHA384_HMAC,
    CKK_SHA512_HMAC,
    CKK_SHA3_224_HMAC,
    CKK_SHA3_256_HMAC,
    CKK_SHA3_384_HMAC,
    CKK_SHA3_512_HMAC,
    CKK_HKDF,
];

/// What a template asks of a secret key, read before the key is made.
#[derive(Clone, Copy, Debug)]
pub(in crate::pkcs11) struct SecretWish<'a> {
    template: Given<'a>,
    origin: Origin,
    key_type: u64,
    /// CKA_VALUE_LEN in bytes, which C_GenerateKey needs and others may say.
    pub(in crate::pkcs11) length: Option<usize>,
}

impl<'a> SecretWish<'a> {
    /// `key_type` is what the function makes: of a generated key the template may only agree, of a
    /// derived one it is the default. Without it the template must say.
    ///
    /// # Errors
    /// The codes of section 4.1.1, CKR_ATTRIBUTE_VALUE_INVALID for a length that such keys do not
    /// have.
    pub(in crate::pkcs11) fn read(
        template: Given<'a>,
        key_type: Option<u64>,
        origin: Origin,
    ) -> Result<Self> {
        template.agreed(CKA_CLASS, CKO_SECRET_KEY)?;
        let said = template.number(CKA_KEY_TYPE);
        let is_generic = |one: u64| GENERIC.contains(&one);
        let key_type = match (said, key_type, origin) {
            (None, None, _) => return Err(CKR_TEMPLATE_INCOMPLETE),
            (None, Some(made), _) => made,
            (Some(said), Some(made), Origin::Generated(_)) if said != made => {
                if !is_generic(said) || !is_generic(made) {
                    return Err(CKR_TEMPLATE_INCONSISTENT);
                }
                said
            }
            (Some(said), ..) => said,
        };
        let shape = shape(key_type)?;
        let wanted = match origin {
            Origin::Generated(_) => Some(table::GENERATE),
            Origin::Imported => Some(table::CREATE),
            Origin::Unwrapped | Origin::Derived { .. } => None,
        };
        // The function itself contributes class and type, where the template is silent.
        template.suits(shape, origin.forbidden(), wanted)?;
        let length = template
            .number(CKA_VALUE_LEN)
            .map(|length| match usize::try_from(length) {
                Ok(length) if fits(shape, length) => Ok(length),
                _ => Err(CKR_ATTRIBUTE_VALUE_INVALID),
            })
            .transpose()?;
        Ok(Self { template, origin, key_type, length })
    }

    /// Whether a key of so many bytes is one of this type.
    pub(in crate::pkcs11) fn takes(&self, length: usize) -> bool {
        shape(self.key_type).is_ok_and(|shape| fits(shape, length))
    }
}

/// The key that was made for this wish.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT for a length that is not the one that was asked for,
/// CKR_ATTRIBUTE_VALUE_INVALID for one that such keys do not have, or for a wrong CKA_CHECK_VALUE.
pub(in crate::pkcs11) fn secret(wish: SecretWish<'_>, key: SecretKey) -> Result<NewObject> {
    if !wish.takes(key.len()) {
        return Err(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    let shape = shape(wish.key_type)?;
    let check = key.check_value(shape == Shape::AES).map_err(errors::of_crypto)?;
    let length = (key.len() as u64).to_le_bytes();
    let attributes = filled(wish.template, shape);
    let mut object = NewObject { attributes, material: Material::Secret(key), shape };
    object.contribute(CKA_CLASS, CKO_SECRET_KEY.to_le_bytes())?;
    object.contribute(CKA_KEY_TYPE, wish.key_type.to_le_bytes())?;
    object.contribute(CKA_VALUE_LEN, length)?;
    object.made_by(wish.origin);
    object.guarded(wish.template, wish.origin);
    check_value(&mut object.attributes, &check)?;
    object.consistent()
}

/// C_CreateObject of a secret key.
pub(super) fn imported(template: Given<'_>) -> Result<NewObject> {
    let wish = SecretWish::read(template, None, Origin::Imported)?;
    let value = Secret::copied_from(template.needed(CKA_VALUE)?);
    let key = SecretKey::from_bytes(&value).map_err(|_| CKR_ATTRIBUTE_VALUE_INVALID)?;
    secret(wish, key)
}

fn shape(key_type: u64) -> Result<Shape> {
    match key_type {
        CKK_AES => Ok(Shape::AES),
        one if GENERIC.contains(&one) => Ok(Shape::GENERIC),
        _ => Err(CKR_ATTRIBUTE_VALUE_INVALID),
    }
}

fn fits(shape: Shape, length: usize) -> bool {
    match shape {
        Shape::AES => matches!(length, 16 | 24 | 32),
        _ => (1..=SecretKey::MOST).contains(&length),
    }
}
