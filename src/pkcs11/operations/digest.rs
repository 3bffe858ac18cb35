//! Message digesting (base specification section 5.10).

use super::{Filled, Mechanism, Result, Room, Session, Turn};
use crate::{
    crypto::Hasher,
    pkcs11::{ck::*, mechanisms},
};

/// A digest in progress.
pub(super) struct Digest {
    hasher: Hasher,
    begun: bool,
}

impl Session {
    pub(in crate::pkcs11) fn digest_init(&self, mechanism: &Mechanism) -> Result<()> {
        self.operations().digest.begin(|| {
            let hash = mechanisms::find(mechanism.kind, CKF_DIGEST)?.digest(mechanism)?;
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
            digest.begun = true;
            digest.hasher.update(part);
            Ok(())
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
