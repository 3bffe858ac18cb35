//! Verification and encryption with public keys (base specification sections 5.8 and 5.12).

use super::{Filled, Mechanism, Message, ObjectHandle, Result, Room, Session, Turn};
use crate::{
    crypto::{PublicKey, Scheme},
    pkcs11::{
        ck::*,
        errors,
        mechanisms::{Intake, key_bytes, signature_bytes},
        objects::{Material, Object},
    },
};

/// A verification in progress.
pub(super) struct Verification {
    key: PublicKey,
    scheme: Scheme,
    message: Message,
}

/// An encryption in progress.
pub(super) struct Encryption {
    key: PublicKey,
    message: Message,
}

fn check(key: &PublicKey, scheme: Scheme, data: &[u8], signature: &[u8]) -> Result<()> {
    if signature.len() != signature_bytes(key.kind()) {
        return Err(CKR_SIGNATURE_LEN_RANGE);
    }
    key.verify(scheme, data, signature).map_err(errors::of_crypto)
}

fn public_key(object: &Object) -> Result<PublicKey> {
    match &object.material {
        Material::Public(key) => Ok(key.clone()),
        _ => Err(CKR_KEY_TYPE_INCONSISTENT),
    }
}

impl Session {
    pub(in crate::pkcs11) fn verify_init(
        &self,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.operations().verify.begin(|| {
            let (object, row) = self.key(key, mechanism, (CKF_VERIFY, CKA_VERIFY))?;
            let key = public_key(&object)?;
            let plan = row.plan(mechanism, key.kind())?;
            Ok(Verification { key, scheme: plan.scheme, message: Message::new(plan.message) })
        })
    }

    pub(in crate::pkcs11) fn verify(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        let Verification { key, scheme, message } = self.operations().verify.end()?;
        check(&key, scheme, &message.whole(data)?, signature)
    }

    pub(in crate::pkcs11) fn verify_update(&self, part: &[u8]) -> Result<()> {
        self.operations().verify.step(|operation| operation.message.update(part))
    }

    pub(in crate::pkcs11) fn verify_final(&self, signature: &[u8]) -> Result<()> {
        let Verification { key, scheme, message } = self.operations().verify.end()?;
        check(&key, scheme, &message.finish(), signature)
    }

    pub(in crate::pkcs11) fn encrypt_init(
        &self,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.operations().encrypt.begin(|| {
            let (object, row) = self.key(key, mechanism, (CKF_ENCRYPT, CKA_ENCRYPT))?;
            let key = public_key(&object)?;
            row.cipher(mechanism, key.kind())?;
            let limit = key_bytes(key.kind()).saturating_sub(11);
            Ok(Encryption { key, message: Message::new(Intake::Whole(limit)) })
        })
    }

    pub(in crate::pkcs11) fn encrypt(&self, data: &[u8], room: Room) -> Result<Filled> {
        match self.encryption_turn(room)? {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Encryption { key, message }) => encrypted(&key, &message.whole(data)?),
        }
    }

    pub(in crate::pkcs11) fn encrypt_update(&self, part: &[u8], room: Room) -> Result<Filled> {
        self.operations().encrypt.step(|operation| nothing_yet(&mut operation.message, part, room))
    }

    pub(in crate::pkcs11) fn encrypt_final(&self, room: Room) -> Result<Filled> {
        match self.encryption_turn(room)? {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Encryption { key, message }) => encrypted(&key, &message.finish()),
        }
    }

    fn encryption_turn(&self, room: Room) -> Result<Turn<Encryption>> {
        self.operations().encrypt.take(room, |operation| key_bytes(operation.key.kind()))
    }
}

fn encrypted(key: &PublicKey, plaintext: &[u8]) -> Result<Filled> {
    key.encrypt_pkcs1(plaintext).map(Filled::Bytes).map_err(errors::of_crypto)
}

/// A piece of a message whose output comes all at the end.
pub(super) fn nothing_yet(message: &mut Message, part: &[u8], room: Room) -> Result<Filled> {
    match room.admits(0) {
        Err(answer) => Ok(answer),
        Ok(()) => message.update(part).map(|()| Filled::Bytes(Vec::new())),
    }
}
