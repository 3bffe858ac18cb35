//! Signing and authenticating, and signing with recovery (base specification sections 5.13.1 to
//! 5.13.6).

use super::{Filled, Mechanism, Message, ObjectHandle, Result, Room, Session, Turn, holder::Use};
use crate::{
    crypto::{Mac, Scheme},
    pkcs11::{
        ck::*,
        errors,
        mechanisms::{Intake, Row, Signing},
        objects::{Material, Object},
        token::Applicant,
    },
};
use zeroize::Zeroizing;

/// A signature in progress.
pub(super) struct Signature {
    by: Signer,
    message: Message,
}

enum Signer {
    /// A private key by a scheme.
    Key(Use, Scheme),
    /// A secret key; so many bytes of the code.
    Code(usize),
}

/// A signature with recovery, about to be made.
pub(super) struct Recoverable {
    pub(super) key: Use,
    scheme: Scheme,
    limit: usize,
}

impl Signature {
    fn new(object: &Object, row: &Row, mechanism: &Mechanism, number: u64) -> Result<Self> {
        if let Material::Secret(key) = &object.material {
            return match row.signature(mechanism, None)? {
                Signing::Mac(kind, length) => {
                    let mac = Mac::new(key, kind).map_err(errors::of_crypto)?;
                    Ok(Self { by: Signer::Code(length), message: Message::authenticated(mac) })
                }
                Signing::Scheme(..) => Err(CKR_KEY_TYPE_INCONSISTENT),
            };
        }
        let key = Use::new(object, number)?;
        match row.signature(mechanism, Some(key.kind))? {
            Signing::Scheme(scheme, intake) => {
                Ok(Self { by: Signer::Key(key, scheme), message: Message::new(intake) })
            }
            Signing::Mac(..) => Err(CKR_KEY_TYPE_INCONSISTENT),
        }
    }

    /// The private key that it is made with.
    pub(super) fn key(&mut self) -> Option<&mut Use> {
        match &mut self.by {
            Signer::Key(key, _) => Some(key),
            Signer::Code(_) => None,
        }
    }

    /// One more piece of the message.
    pub(super) fn update(&mut self, part: &[u8]) -> Result<()> {
        self.message.update(part)
    }

    fn len(&self) -> usize {
        match &self.by {
            Signer::Key(key, _) => key.kind.signature_len(),
            Signer::Code(length) => *length,
        }
    }
}

impl Session {
    pub(in crate::pkcs11) fn sign_init(
        &self,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.operations().sign.free()?;
        let (object, row) = self.key(key, mechanism, (CKF_SIGN, CKA_SIGN))?;
        let mut operations = self.operations();
        let number = operations.next_number();
        operations.sign.begin(|| {
            let signature = Signature::new(&object, row, mechanism, number)?;
            if let Signer::Key(key, scheme) = &signature.by
                && let Some(key) = key.of_card()
            {
                self.token.signs(key, *scheme)?;
            }
            Ok(signature)
        })
    }

    pub(in crate::pkcs11) fn sign(
        &self,
        applicant: &Applicant,
        data: &[u8],
        room: Room,
    ) -> Result<Filled> {
        let turn = self.operations().sign.take(room, Signature::len)?;
        match turn {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Signature { by, message }) => {
                self.signature(applicant, by, message.whole(data)?)
            }
        }
    }

    pub(in crate::pkcs11) fn sign_update(&self, part: &[u8]) -> Result<()> {
        self.operations().sign.step(|operation| operation.update(part))
    }

    pub(in crate::pkcs11) fn sign_final(
        &self,
        applicant: &Applicant,
        room: Room,
    ) -> Result<Filled> {
        let turn = self.operations().sign.take(room, Signature::len)?;
        match turn {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Signature { by, message }) => {
                self.signature(applicant, by, message.finish())
            }
        }
    }

    fn signature(
        &self,
        applicant: &Applicant,
        by: Signer,
        mut data: Zeroizing<Vec<u8>>,
    ) -> Result<Filled> {
        match by {
            Signer::Key(key, scheme) => self.signed(applicant, key, scheme, &data),
            Signer::Code(length) => {
                data.truncate(length);
                Ok(std::mem::take(&mut *data))
            }
        }
        .map(Filled::Bytes)
    }

    pub(in crate::pkcs11) fn sign_recover_init(
        &self,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.operations().sign_recover.free()?;
        let by = (CKF_SIGN_RECOVER, CKA_SIGN_RECOVER);
        let (object, row) = self.key(key, mechanism, by)?;
        let mut operations = self.operations();
        let number = operations.next_number();
        operations.sign_recover.begin(|| {
            let key = Use::new(&object, number)?;
            match row.signature(mechanism, Some(key.kind))? {
                Signing::Scheme(scheme, Intake::Whole(limit)) => {
                    Ok(Recoverable { key, scheme, limit })
                }
                _ => Err(CKR_MECHANISM_INVALID),
            }
        })
    }

    pub(in crate::pkcs11) fn sign_recover(
        &self,
        applicant: &Applicant,
        data: &[u8],
        room: Room,
    ) -> Result<Filled> {
        let turn = self.operations().sign_recover.take(room, |one| one.key.kind.signature_len())?;
        match turn {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Recoverable { limit, .. }) if data.len() > limit => Err(CKR_DATA_LEN_RANGE),
            Turn::Work(Recoverable { key, scheme, .. }) => {
                self.signed(applicant, key, scheme, data).map(Filled::Bytes)
            }
        }
    }
}
