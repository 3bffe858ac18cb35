//! Message digesting (base specification section 5.10).

use super::{Filled, Mechanism, ObjectHandle, Result, Room, Session, Turn};
use crate::{
    crypto::Hasher,
    pkcs11::{ck::*, mechanisms, objects::Material},
};

/// A digest in progress.
pub(super) struct Digest {
    hasher: Hasher,
    begun: bool,
}

impl Digest {
    /// One more piece of the message.
    pub(super) fn update(&mut self, part: &[u8]) {
        self.begun = true;
        self.hasher.update(part);
    }
}

impl Session {
    pub(in crate::pkcs11) fn digest_init(&self, mechanism: &Mechanism) -> Result<()> {
        self.operations().digest.begin(|| {
            let hash = mechanisms::find(mechanism.kind, CKF_DIGEST, false)?.digest(mechanism)?;
            Ok(Digest { hasher: Hasher::new(hash), begun: false })
        })
    }

    pub(in crate::pkcs11) fn digest(&self, data: &[u8], room: Room) -> Result<Filled> {
        let turn = self.operations().digest.take(room, |digest| digest.hasher.hash().len())?;
        match turn {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Digest { begun: true, .. }) => Err(CKR_OPERATION_ACTIVE),
            Turn::Work(Digest { mut hasher, .. }) => {
                hasher.update(data);
                Ok(Filled::Bytes(hasher.finish()))
            }
        }
    }

    pub(in crate::pkcs11) fn digest_update(&self, part: &[u8]) -> Result<()> {
        self.operations().digest.step(|digest| {
            digest.update(part);
            Ok(())
        })
    }

    /// C_DigestKey. A key that may not leave is not digested either: of a short one the digest tells
    /// everything.
    pub(in crate::pkcs11) fn digest_key(&self, key: ObjectHandle) -> Result<()> {
        let key = self.object(key).map_err(|rv| match rv {
            CKR_OBJECT_HANDLE_INVALID => CKR_KEY_HANDLE_INVALID,
            rv => rv,
        });
        let key = key.and_then(|object| self.token.lent(object));
        self.operations().digest.step(|digest| {
            let object = key?;
            match &object.material {
                Material::None => Err(CKR_KEY_HANDLE_INVALID),
                Material::Secret(key) if object.is_true(CKA_EXTRACTABLE) => {
                    digest.update(key.expose());
                    Ok(())
                }
                _ => Err(CKR_KEY_INDIGESTIBLE),
            }
        })
    }

    pub(in crate::pkcs11) fn digest_final(&self, room: Room) -> Result<Filled> {
        let turn = self.operations().digest.take(room, |digest| digest.hasher.hash().len())?;
        match turn {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(digest) => Ok(Filled::Bytes(digest.hasher.finish())),
        }
    }
}
