//! Verification, with the signature at the end or at the beginning, and with recovery (base
//! specification sections 5.15.1 to 5.15.6; 3.2: C_VerifySignature).

use super::{Filled, Mechanism, Message, ObjectHandle, Result, Room, Session};
use crate::{
    crypto::{Mac, PublicKey, Scheme},
    pkcs11::{
        ck::*,
        errors,
        mechanisms::{Row, Signing},
        objects::{Material, Object},
    },
    secret::Secret,
};

/// A verification in progress.
pub(super) struct Verification {
    by: Verifier,
    message: Message,
    /// The signature, where it came first.
    signature: Option<Vec<u8>>,
}

enum Verifier {
    /// A public key by a scheme.
    Key(PublicKey, Scheme),
    /// A secret key; so many bytes of the code.
    Code(usize),
}

/// A signature that is about to give back what was signed.
pub(super) struct Recovery {
    key: PublicKey,
    scheme: Scheme,
}

impl Verification {
    fn new(object: &Object, row: &Row, mechanism: &Mechanism) -> Result<Self> {
        let (by, message) = match &object.material {
            Material::Secret(key) => match row.signature(mechanism, None)? {
                Signing::Mac(kind, length) => {
                    let mac = Mac::new(key, kind).map_err(errors::of_crypto)?;
                    (Verifier::Code(length), Message::authenticated(mac))
                }
                Signing::Scheme(..) => return Err(CKR_KEY_TYPE_INCONSISTENT),
            },
            Material::Public(key) => match row.signature(mechanism, Some(key.kind()))? {
                Signing::Scheme(scheme, intake) => {
                    (Verifier::Key(key.clone(), scheme), Message::new(intake))
                }
                Signing::Mac(..) => return Err(CKR_KEY_TYPE_INCONSISTENT),
            },
            _ => return Err(CKR_KEY_TYPE_INCONSISTENT),
        };
        Ok(Self { by, message, signature: None })
    }

    /// One more piece of the message.
    pub(super) fn update(&mut self, part: &[u8]) -> Result<()> {
        self.message.update(part)
    }

    /// Whether its signature came first.
    fn knows_signature(&self) -> bool {
        self.signature.is_some()
    }
}

impl Verifier {
    fn len(&self) -> usize {
        match self {
            Self::Key(key, _) => key.kind().signature_len(),
            Self::Code(length) => *length,
        }
    }

    fn check(self, mut data: Vec<u8>, signature: &[u8]) -> Result<()> {
        if signature.len() != self.len() {
            return Err(CKR_SIGNATURE_LEN_RANGE);
        }
        match self {
            Self::Key(key, scheme) => {
                key.verify(scheme, &data, signature).map_err(errors::of_crypto)
            }
            Self::Code(length) => {
                data.truncate(length);
                let matches = Secret::new(data).matches(signature);
                if matches { Ok(()) } else { Err(CKR_SIGNATURE_INVALID) }
            }
        }
    }
}

impl Session {
    pub(in crate::pkcs11) fn verify_init(
        &self,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.operations().verify.free()?;
        let (object, row) = self.key(key, mechanism, (CKF_VERIFY, CKA_VERIFY))?;
        self.operations().verify.begin(|| Verification::new(&object, row, mechanism))
    }

    pub(in crate::pkcs11) fn verify(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        let Verification { by, message, .. } = self.verification(false)?;
        by.check(std::mem::take(&mut *message.whole(data)?), signature)
    }

    pub(in crate::pkcs11) fn verify_update(&self, part: &[u8]) -> Result<()> {
        self.more_to_verify(part, false)
    }

    pub(in crate::pkcs11) fn verify_final(&self, signature: &[u8]) -> Result<()> {
        let Verification { by, message, .. } = self.verification(false)?;
        by.check(std::mem::take(&mut *message.finish()), signature)
    }

    pub(in crate::pkcs11) fn verify_signature_init(
        &self,
        mechanism: &Mechanism,
        key: ObjectHandle,
        signature: &[u8],
    ) -> Result<()> {
        self.operations().verify.free()?;
        let (object, row) = self.key(key, mechanism, (CKF_VERIFY, CKA_VERIFY))?;
        self.operations().verify.begin(|| {
            let verification = Verification::new(&object, row, mechanism)?;
            if signature.len() != verification.by.len() {
                return Err(CKR_SIGNATURE_LEN_RANGE);
            }
            Ok(Verification { signature: Some(signature.to_vec()), ..verification })
        })
    }

    pub(in crate::pkcs11) fn verify_signature(&self, data: &[u8]) -> Result<()> {
        let Verification { by, message, signature } = self.verification(true)?;
        let data = std::mem::take(&mut *message.whole(data)?);
        by.check(data, &signature.unwrap_or_default())
    }

    pub(in crate::pkcs11) fn verify_signature_update(&self, part: &[u8]) -> Result<()> {
        self.more_to_verify(part, true)
    }

    pub(in crate::pkcs11) fn verify_signature_final(&self) -> Result<()> {
        let Verification { by, message, signature } = self.verification(true)?;
        by.check(std::mem::take(&mut *message.finish()), &signature.unwrap_or_default())
    }

    /// The verification that goes on, of which the signature came first, or did not. The other
    /// kind's functions do not touch it.
    fn verification(&self, signature_first: bool) -> Result<Verification> {
        let mut operations = self.operations();
        match &operations.verify.0 {
            Some(one) if one.knows_signature() == signature_first => operations.verify.end(),
            _ => Err(CKR_OPERATION_NOT_INITIALIZED),
        }
    }

    fn more_to_verify(&self, part: &[u8], signature_first: bool) -> Result<()> {
        let mut operations = self.operations();
        match &operations.verify.0 {
            Some(one) if one.knows_signature() == signature_first => {
                operations.verify.step(|operation| operation.update(part))
            }
            _ => Err(CKR_OPERATION_NOT_INITIALIZED),
        }
    }

    pub(in crate::pkcs11) fn verify_recover_init(
        &self,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.operations().verify_recover.free()?;
        let by = (CKF_VERIFY_RECOVER, CKA_VERIFY_RECOVER);
        let (object, row) = self.key(key, mechanism, by)?;
        self.operations().verify_recover.begin(|| {
            let Material::Public(key) = &object.material else {
                return Err(CKR_KEY_TYPE_INCONSISTENT);
            };
            match row.signature(mechanism, Some(key.kind()))? {
                Signing::Scheme(scheme, _) => Ok(Recovery { key: key.clone(), scheme }),
                Signing::Mac(..) => Err(CKR_MECHANISM_INVALID),
            }
        })
    }

    /// How long the data is shows only when the signature is opened, which takes the public key
    /// alone: it is opened each time.
    pub(in crate::pkcs11) fn verify_recover(&self, signature: &[u8], room: Room) -> Result<Filled> {
        let mut operations = self.operations();
        let data = operations.verify_recover.step(|Recovery { key, scheme }| {
            if signature.len() != key.kind().signature_len() {
                return Err(CKR_SIGNATURE_LEN_RANGE);
            }
            key.recover(*scheme, signature).map_err(errors::of_crypto)
        })?;
        if let Err(answer) = room.admits(data.len()) {
            return Ok(answer);
        }
        operations.verify_recover.end().map(|_| Filled::Bytes(data))
    }
}
