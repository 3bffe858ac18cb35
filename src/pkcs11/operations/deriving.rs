//! Deriving keys (base specification section 5.18.5; current mechanisms sections 2.3.17 and 2.62).

use super::{Mechanism, ObjectHandle, Result, Session, holder::Use};
use crate::{
    crypto::{self, Hash, SecretKey, hkdf_expand, hkdf_extract, x963_kdf},
    pkcs11::{
        Attribute,
        ck::*,
        errors,
        mechanisms::{Derivation, Salt},
        objects::{Material, Object},
        templates::{self, Given, Origin, SecretWish},
    },
    secret::Secret,
};

impl Session {
    /// C_DeriveKey.
    pub(in crate::pkcs11) fn derive_key(
        &self,
        mechanism: &Mechanism,
        base: ObjectHandle,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        let (base, row) = self.key(base, mechanism, (CKF_DERIVE, CKA_DERIVE))?;
        match row.derivation(mechanism)? {
            Derivation::Ecdh { kdf, shared, point } => {
                let wish = self.derived(&base, template)?;
                let key = Use::new(&base, 0)?;
                let secret = self.agreed(&key, bare(&point, key.kind.bytes()))?;
                let secret = match kdf {
                    Some(hash) => {
                        let length = wish.length.unwrap_or(hash.len());
                        x963_kdf(hash, &secret, &shared, length).map_err(errors::of_crypto)?
                    }
                    None => trailing(&secret, wish.length)?,
                };
                self.keep(wish, &secret)
            }
            Derivation::Hkdf { hash, extract, expand, data } => {
                let Material::Secret(key) = &base.material else {
                    return Err(CKR_KEY_TYPE_INCONSISTENT);
                };
                let steps = Steps { hash, extract: self.salt(extract)?, expand };
                if data {
                    return self.derive_data(key, &steps, template);
                }
                let wish = self.derived(&base, template)?;
                self.keep(wish, &steps.run(key, wish.length)?)
            }
        }
    }

    /// What the template asks of a key that is derived from another.
    fn derived<'a>(&self, base: &Object, template: &'a [Attribute]) -> Result<SecretWish<'a>> {
        let template = Given::read(template)?;
        self.may_keep_key(template.flag(CKA_TOKEN))?;
        let origin = Origin::Derived {
            always_sensitive: base.is_true(CKA_ALWAYS_SENSITIVE),
            never_extractable: base.is_true(CKA_NEVER_EXTRACTABLE),
        };
        SecretWish::read(template, Some(CKK_GENERIC_SECRET), origin)
    }

    fn keep(&self, wish: SecretWish<'_>, secret: &Secret) -> Result<ObjectHandle> {
        // What the other side's point or the parameters make is as long as it is.
        if !wish.takes(secret.len()) {
            return Err(CKR_TEMPLATE_INCOMPLETE);
        }
        let key = SecretKey::from_bytes(secret).map_err(errors::of_crypto)?;
        self.add(templates::secret(wish, key)?)
    }

    /// CKM_HKDF_DATA: a data object with the bytes, CKA_VALUE_LEN of them.
    fn derive_data(
        &self,
        key: &SecretKey,
        steps: &Steps,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        let given = Given::read(template)?;
        self.may_keep(given.flag(CKA_TOKEN))?;
        given.agreed(CKA_CLASS, CKO_DATA)?;
        if given.value(CKA_VALUE).is_some() {
            return Err(CKR_ATTRIBUTE_READ_ONLY);
        }
        let length = given.number(CKA_VALUE_LEN).map(usize::try_from).transpose();
        let length = length.map_err(|_| CKR_ATTRIBUTE_VALUE_INVALID)?;
        let bytes = steps.run(key, length)?;
        let said = |attribute: &&Attribute| ![CKA_CLASS, CKA_VALUE_LEN].contains(&attribute.kind);
        let mut whole: Vec<Attribute> = template.iter().filter(said).cloned().collect();
        whole.push(Attribute::number(CKA_CLASS, CKO_DATA));
        whole.push(Attribute::bytes(CKA_VALUE, bytes.expose()));
        let made = Given::read(&whole).and_then(templates::created);
        if let Some(value) = whole.last_mut() {
            zeroize::Zeroize::zeroize(&mut value.value);
        }
        self.add(made?)
    }

    /// The bytes of a salt. A salt that is a key is one that may be derived from.
    fn salt(&self, salt: Option<Salt>) -> Result<Option<Secret>> {
        match salt {
            None => Ok(None),
            Some(Salt::Bytes(bytes)) => Ok(Some(Secret::new(bytes))),
            Some(Salt::Key(handle)) => {
                let object = self.object(handle).map_err(|rv| match rv {
                    CKR_OBJECT_HANDLE_INVALID => CKR_KEY_HANDLE_INVALID,
                    rv => rv,
                })?;
                let object = self.token.lent(object)?;
                match &object.material {
                    Material::Secret(_) if !object.is_true(CKA_DERIVE) => {
                        Err(CKR_KEY_FUNCTION_NOT_PERMITTED)
                    }
                    Material::Secret(key) => Ok(Some(Secret::copied_from(key.expose()))),
                    _ => Err(CKR_KEY_HANDLE_INVALID),
                }
            }
        }
    }
}

/// HKDF with what it needs but the key.
struct Steps {
    hash: Hash,
    extract: Option<Secret>,
    expand: Option<Vec<u8>>,
}

impl Steps {
    /// `length` bytes; extracted ones are as many as the hash has, and only expansion needs to be
    /// told.
    fn run(&self, key: &SecretKey, length: Option<usize>) -> Result<Secret> {
        let extracted = self
            .extract
            .as_ref()
            .map(|salt| hkdf_extract(self.hash, Some(salt.expose()), key.expose()));
        match (&self.expand, extracted) {
            (Some(info), extracted) => {
                let key = extracted.as_ref().map_or(key.expose(), Secret::expose);
                let length = length.ok_or(CKR_TEMPLATE_INCOMPLETE)?;
                hkdf_expand(self.hash, key, info, length).map_err(|error| match error {
                    crypto::Error::DataLength => CKR_KEY_SIZE_RANGE,
                    error => errors::of_crypto(error),
                })
            }
            (None, Some(extracted)) => match length {
                Some(length) if length != extracted.len() => Err(CKR_KEY_SIZE_RANGE),
                _ => Ok(extracted),
            },
            (None, None) => Err(CKR_MECHANISM_PARAM_INVALID),
        }
    }
}

/// The point inside its DER OCTET STRING, or as it stands: section 2.3.17 lets both be given.
fn bare(point: &[u8], coordinate: usize) -> &[u8] {
    match point {
        [0x04, length, point @ ..]
            if usize::from(*length) == point.len() && point.len() == 2 * coordinate + 1 =>
        {
            point
        }
        point => point,
    }
}

/// The end of a shared secret: section 2.3.17 removes bytes from its leading end.
fn trailing(secret: &Secret, length: Option<usize>) -> Result<Secret> {
    let length = length.unwrap_or(secret.len());
    let start = secret.len().checked_sub(length).ok_or(CKR_KEY_SIZE_RANGE)?;
    secret.expose().get(start..).map(Secret::copied_from).ok_or(CKR_KEY_SIZE_RANGE)
}
