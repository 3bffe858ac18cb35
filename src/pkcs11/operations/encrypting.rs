//! Encryption (base specification section 5.8).

use super::{
    Active, Budget, Filled, Mechanism, Message, ObjectHandle, Result, Room, Session, Share, Turn,
};
use crate::{
    crypto::{Cipher, Direction, Wrap},
    pkcs11::{
        ck::*,
        errors,
        mechanisms::{Ciphering, Intake, most_plaintext},
        objects::{Material, Object},
    },
};
use std::sync::Arc;

/// Longest message that key wrapping takes.
pub(super) const MOST_WRAPPED: usize = 1 << 16;

/// An encryption in progress.
#[allow(clippy::large_enum_variant, reason = "one for each session, never in a row of them")]
pub(super) enum Encryption {
    /// As the message comes.
    Mode { cipher: Cipher, begun: bool },
    /// The whole message at the end.
    Whole { by: Wrap, message: Message, _share: Share },
}

/// What an object's key and a mechanism make of a message that is encrypted, or a key that is
/// wrapped. CKR_KEY_TYPE_INCONSISTENT where they do not go together.
pub(super) fn wrap(object: &Object, ciphering: Ciphering) -> Result<Wrap> {
    match (&object.material, ciphering) {
        (Material::Public(key), Ciphering::Rsa(padding)) => Ok(Wrap::Rsa(key.clone(), padding)),
        (Material::Secret(key), Ciphering::Mode(mode)) => Ok(Wrap::Cipher(key.clone(), mode)),
        (Material::Secret(key), Ciphering::Kw) => Ok(Wrap::Kw(key.clone())),
        (Material::Secret(key), Ciphering::Kwp) => Ok(Wrap::Kwp(key.clone())),
        _ => Err(CKR_KEY_TYPE_INCONSISTENT),
    }
}

impl Encryption {
    fn new(object: &Object, ciphering: Ciphering, budget: &Arc<Budget>) -> Result<Self> {
        let by = wrap(object, ciphering)?;
        let limit = match &by {
            Wrap::Cipher(key, mode) => {
                let cipher = Cipher::new(key, mode.clone(), Direction::Encrypt);
                let cipher = cipher.map_err(errors::of_crypto)?;
                return Ok(Self::Mode { cipher, begun: false });
            }
            Wrap::Rsa(key, padding) => most_plaintext(padding, key.kind()),
            Wrap::Kw(_) | Wrap::Kwp(_) => MOST_WRAPPED,
        };
        let share = Share::of(budget, limit)?;
        Ok(Self::Whole { by, message: Message::new(Intake::Whole(limit)), _share: share })
    }

    fn needed(&self, part: &[u8], last: bool) -> usize {
        match (self, last) {
            (Self::Mode { cipher, .. }, _) => cipher.needed(part, last),
            (Self::Whole { by, message, .. }, true) => by.room(message.kept().len() + part.len()),
            (Self::Whole { .. }, false) => 0,
        }
    }

    fn update(&mut self, part: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Mode { cipher, begun } => {
                *begun = true;
                cipher.update(part).map_err(errors::of_crypto)
            }
            Self::Whole { message, .. } => message.update(part).map(|()| Vec::new()),
        }
    }
}

impl Active<Encryption> {
    /// C_EncryptUpdate.
    pub(super) fn update(&mut self, part: &[u8], room: Room) -> Result<Filled> {
        self.advance(room, |one| one.needed(part, false), |one| one.update(part))
    }
}

impl Session {
    pub(in crate::pkcs11) fn encrypt_init(
        &self,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.operations().encrypt.free()?;
        let (object, row) = self.key(key, mechanism, (CKF_ENCRYPT, CKA_ENCRYPT))?;
        let budget = self.token.budget();
        self.operations().encrypt.begin(|| Encryption::new(&object, row.cipher(mechanism)?, budget))
    }

    pub(in crate::pkcs11) fn encrypt(&self, data: &[u8], room: Room) -> Result<Filled> {
        let turn = self.operations().encrypt.take(room, |one| one.needed(data, true))?;
        match turn {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Encryption::Mode { begun: true, .. }) => Err(CKR_OPERATION_ACTIVE),
            Turn::Work(Encryption::Mode { cipher, .. }) => {
                cipher.whole(data).map(Filled::Bytes).map_err(errors::of_crypto)
            }
            Turn::Work(Encryption::Whole { by, message, .. }) => {
                let data = message.whole(data)?;
                by.bytes(&data).map(Filled::Bytes).map_err(errors::of_crypto)
            }
        }
    }

    pub(in crate::pkcs11) fn encrypt_update(&self, part: &[u8], room: Room) -> Result<Filled> {
        self.operations().encrypt.update(part, room)
    }

    pub(in crate::pkcs11) fn encrypt_final(&self, room: Room) -> Result<Filled> {
        let turn = self.operations().encrypt.take(room, |one| one.needed(&[], true))?;
        match turn {
            Turn::Answer(answer) => return Ok(answer),
            Turn::Work(Encryption::Mode { cipher, .. }) => cipher.finish(),
            Turn::Work(Encryption::Whole { by, message, .. }) => by.bytes(&message.finish()),
        }
        .map(Filled::Bytes)
        .map_err(errors::of_crypto)
    }
}
