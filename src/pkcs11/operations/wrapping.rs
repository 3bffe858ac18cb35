//! Wrapping and unwrapping keys (base specification sections 5.18.3 and 5.18.4).
//!
//! Secret keys go as their bytes, private keys as PrivateKeyInfo. A card's private keys are not
//! extractable, so that they never go at all.

use super::{Filled, Mechanism, ObjectHandle, Result, Room, Session, encrypting, holder::Use};
use crate::{
    card::Verb,
    crypto::{self, CipherMode, PrivateKey, SecretKey, Wrap},
    pkcs11::{
        Attribute, Rv,
        ck::*,
        errors,
        mechanisms::Ciphering,
        objects::{Material, Object},
        templates::{self, Given, Origin, SecretWish},
        token::Applicant,
    },
    secret::Secret,
};

impl Session {
    /// C_WrapKey.
    pub(in crate::pkcs11) fn wrap_key(
        &self,
        mechanism: &Mechanism,
        wrapping: ObjectHandle,
        key: ObjectHandle,
        room: Room,
    ) -> Result<Filled> {
        let (by, row) = self.key(wrapping, mechanism, (CKF_WRAP, CKA_WRAP)).map_err(of_wrapping)?;
        let wrap = encrypting::wrap(&by, row.cipher(mechanism)?).map_err(of_wrapping)?;
        let object = self.object(key).map_err(|rv| match rv {
            CKR_OBJECT_HANDLE_INVALID => CKR_KEY_HANDLE_INVALID,
            rv => rv,
        })?;
        may_leave(&object, &by)?;
        let object = self.token.lent(object)?;
        let wrapped = match &object.material {
            Material::None | Material::Public(_) => return Err(CKR_KEY_NOT_WRAPPABLE),
            // A card's private keys.
            Material::Private { .. } | Material::Enrolled { .. } => {
                return Err(CKR_KEY_UNEXTRACTABLE);
            }
            // Current mechanisms section 2.11.4: such a mechanism wraps secret keys.
            Material::Session(_) if pads_with_zeros(&wrap) => return Err(CKR_KEY_NOT_WRAPPABLE),
            Material::Session(key) => wrap.private(key),
            Material::Secret(key) if pads_with_zeros(&wrap) => {
                let length = key.len().next_multiple_of(16);
                let padded = Secret::filled(length, |bytes| {
                    bytes.iter_mut().zip(key.expose()).for_each(|(to, from)| *to = *from);
                    Ok(())
                })
                .map_err(errors::of_crypto)?;
                wrap.bytes(padded.expose())
            }
            Material::Secret(key) => wrap.secret(key),
        };
        let wrapped = wrapped.map_err(|error| match error {
            crypto::Error::DataLength => CKR_KEY_SIZE_RANGE,
            error => errors::of_crypto(error),
        })?;
        match room.admits(wrapped.len()) {
            Err(answer) => Ok(answer),
            Ok(()) => Ok(Filled::Bytes(wrapped)),
        }
    }

    /// C_UnwrapKey.
    pub(in crate::pkcs11) fn unwrap_key(
        &self,
        applicant: &Applicant,
        mechanism: &Mechanism,
        unwrapping: ObjectHandle,
        wrapped: &[u8],
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        let (by, row) =
            self.key(unwrapping, mechanism, (CKF_UNWRAP, CKA_UNWRAP)).map_err(of_unwrapping)?;
        let ciphering = row.cipher(mechanism)?;
        let template = Given::read(template)?;
        self.may_keep_key(template.flag(CKA_TOKEN))?;
        let wish = match template.needed_number(CKA_CLASS)? {
            CKO_SECRET_KEY => Some(SecretWish::read(template, None, Origin::Unwrapped)?),
            CKO_PRIVATE_KEY => None,
            _ => return Err(CKR_TEMPLATE_INCONSISTENT),
        };
        let opened = self.by_private_key(applicant, &by, &ciphering, wrapped)?;
        let Some(wish) = wish else {
            let key = match opened {
                Some(opened) => PrivateKey::from_pkcs8(&opened),
                None => match encrypting::wrap(&by, ciphering).map_err(of_unwrapping)? {
                    wrap if pads_with_zeros(&wrap) => return Err(CKR_WRAPPED_KEY_INVALID),
                    wrap => wrap.open_private(wrapped),
                },
            };
            return self.add(templates::private(
                template,
                key.map_err(of_open)?,
                Origin::Unwrapped,
            )?);
        };
        let opened = match opened {
            Some(opened) => opened,
            None => {
                let wrap = encrypting::wrap(&by, ciphering).map_err(of_unwrapping)?;
                let opened = wrap.open(wrapped).map_err(of_open)?;
                match wish.length {
                    Some(length) if pads_with_zeros(&wrap) => front(&opened, length)?,
                    _ => opened,
                }
            }
        };
        if !wish.takes(opened.len()) {
            return Err(CKR_WRAPPED_KEY_LEN_RANGE);
        }
        let key = SecretKey::from_bytes(&opened).map_err(of_open)?;
        self.add(templates::secret(wish, key)?)
    }

    /// What an RSA private key decrypts; nothing if it is no such key and mechanism.
    fn by_private_key(
        &self,
        applicant: &Applicant,
        by: &Object,
        ciphering: &Ciphering,
        wrapped: &[u8],
    ) -> Result<Option<Secret>> {
        let (Ciphering::Rsa(padding), false) =
            (ciphering, matches!(by.material, Material::Public(_)))
        else {
            return Ok(None);
        };
        let mut key = Use::new(by, 0).map_err(of_unwrapping)?;
        let opened = self.opened(applicant, &mut key, (Verb::Unwrap, padding), wrapped);
        opened.map(Some).map_err(of_wrapped)
    }
}

/// Whether a key may leave under this other one, before the card is asked for anything.
fn may_leave(key: &Object, by: &Object) -> Result<()> {
    match &key.material {
        Material::None => Err(CKR_KEY_HANDLE_INVALID),
        Material::Public(_) => Err(CKR_KEY_NOT_WRAPPABLE),
        _ if !key.is_true(CKA_EXTRACTABLE) => Err(CKR_KEY_UNEXTRACTABLE),
        _ if key.is_true(CKA_WRAP_WITH_TRUSTED) && !by.is_true(CKA_TRUSTED) => {
            Err(CKR_KEY_NOT_WRAPPABLE)
        }
        _ => Ok(()),
    }
}

/// The key in front of the zeros.
fn front(opened: &Secret, length: usize) -> Result<Secret> {
    opened.expose().get(..length).map(Secret::copied_from).ok_or(CKR_WRAPPED_KEY_LEN_RANGE)
}

/// Whether keys are padded with zeros to whole blocks (current mechanisms sections 2.11.4 and
/// 2.11.5), which only the template tells from the key afterwards.
fn pads_with_zeros(wrap: &Wrap) -> bool {
    matches!(wrap, Wrap::Cipher(_, CipherMode::Ecb | CipherMode::Cbc(_)))
}

/// The codes that C_WrapKey has for its wrapping key.
fn of_wrapping(rv: Rv) -> Rv {
    match rv {
        CKR_KEY_HANDLE_INVALID => CKR_WRAPPING_KEY_HANDLE_INVALID,
        CKR_KEY_TYPE_INCONSISTENT => CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
        rv => rv,
    }
}

/// The codes that C_UnwrapKey has for its unwrapping key.
fn of_unwrapping(rv: Rv) -> Rv {
    match rv {
        CKR_KEY_HANDLE_INVALID => CKR_UNWRAPPING_KEY_HANDLE_INVALID,
        CKR_KEY_TYPE_INCONSISTENT => CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
        rv => rv,
    }
}

/// The codes that C_UnwrapKey has for what it was given.
fn of_wrapped(rv: Rv) -> Rv {
    match rv {
        CKR_ENCRYPTED_DATA_LEN_RANGE | CKR_DATA_LEN_RANGE => CKR_WRAPPED_KEY_LEN_RANGE,
        CKR_ENCRYPTED_DATA_INVALID | CKR_KEY_HANDLE_INVALID => CKR_WRAPPED_KEY_INVALID,
        rv => rv,
    }
}

fn of_open(error: crypto::Error) -> Rv {
    of_wrapped(errors::of_crypto(error))
}
