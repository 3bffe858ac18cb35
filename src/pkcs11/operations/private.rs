//! Signatures and decryption by the card's keys (base specification sections 5.9 and 5.11).

use super::{Filled, Mechanism, Message, ObjectHandle, Operations, Result, Room, Session, Turn};
use crate::{
    card::{Fresh, KeySlot, Verb},
    crypto::{KeyKind, Scheme},
    pkcs11::{
        ck::*,
        mechanisms::{Intake, key_bytes, signature_bytes},
        objects::{Material, Object},
        token::Applicant,
    },
    secret::Secret,
};

/// A key of the card in use by one operation.
struct Use {
    number: u64,
    slot: KeySlot,
    kind: KeyKind,
    /// The key asks for the passcode each time.
    always: bool,
    /// It was given, for this operation.
    fresh: Option<Fresh>,
}

/// A signature in progress.
pub(super) struct Signature {
    key: Use,
    scheme: Scheme,
    message: Message,
}

/// A decryption in progress.
pub(super) struct Decryption {
    key: Use,
    message: Message,
    /// Done, and waiting for a buffer that is large enough: ciphertext and plaintext.
    done: Option<(Vec<u8>, Secret)>,
}

/// An operation that waits for its own login (CKU_CONTEXT_SPECIFIC).
#[derive(Clone, Copy, Debug)]
pub(in crate::pkcs11) struct Waiting(u64);

impl Use {
    fn new(object: &Object, number: u64) -> Result<Self> {
        match object.material {
            Material::Private { slot, kind } => Ok(Self {
                number,
                slot,
                kind,
                always: object.is_true(CKA_ALWAYS_AUTHENTICATE),
                fresh: None,
            }),
            _ => Err(CKR_KEY_TYPE_INCONSISTENT),
        }
    }
}

impl Operations {
    /// Numbers operations in the order in which they begin.
    fn next_number(&mut self) -> u64 {
        self.begun = self.begun.wrapping_add(1);
        self.begun
    }

    fn uses(&mut self) -> impl Iterator<Item = &mut Use> {
        let sign = self.sign.0.as_mut().map(|operation| &mut operation.key);
        let decrypt = self.decrypt.0.as_mut().map(|operation| &mut operation.key);
        sign.into_iter().chain(decrypt).filter(|key| key.always)
    }
}

impl Session {
    /// The operation that a context-specific login is for; CKR_OPERATION_NOT_INITIALIZED if none
    /// with an always-authenticate key goes on.
    pub(in crate::pkcs11) fn waiting(&self) -> Result<Waiting> {
        let mut operations = self.operations();
        let latest = operations.uses().map(|key| key.number).max();
        latest.map(Waiting).ok_or(CKR_OPERATION_NOT_INITIALIZED)
    }

    /// The passcode was right: the operation that waited, if it still does, may go on.
    pub(in crate::pkcs11) fn refresh(&self, waiting: Waiting, fresh: Fresh) -> Result<()> {
        let mut operations = self.operations();
        let key = operations.uses().find(|key| key.number == waiting.0);
        key.ok_or(CKR_OPERATION_NOT_INITIALIZED)?.fresh = Some(fresh);
        Ok(())
    }

    pub(in crate::pkcs11) fn sign_init(
        &self,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        let mut operations = self.operations();
        let number = operations.next_number();
        operations.sign.begin(|| {
            let (object, row) = self.key(key, mechanism, (CKF_SIGN, CKA_SIGN))?;
            let key = Use::new(&object, number)?;
            let plan = row.plan(mechanism, key.kind)?;
            Ok(Signature { key, scheme: plan.scheme, message: Message::new(plan.message) })
        })
    }

    pub(in crate::pkcs11) fn sign(
        &self,
        applicant: &Applicant,
        data: &[u8],
        room: Room,
    ) -> Result<Filled> {
        match self.signature_turn(room)? {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Signature { key, scheme, message }) => {
                self.signed(applicant, key, scheme, &message.whole(data)?)
            }
        }
    }

    pub(in crate::pkcs11) fn sign_update(&self, part: &[u8]) -> Result<()> {
        self.operations().sign.step(|operation| operation.message.update(part))
    }

    pub(in crate::pkcs11) fn sign_final(
        &self,
        applicant: &Applicant,
        room: Room,
    ) -> Result<Filled> {
        match self.signature_turn(room)? {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Signature { key, scheme, message }) => {
                self.signed(applicant, key, scheme, &message.finish())
            }
        }
    }

    fn signature_turn(&self, room: Room) -> Result<Turn<Signature>> {
        self.operations().sign.take(room, |operation| signature_bytes(operation.key.kind))
    }

    fn signed(
        &self,
        applicant: &Applicant,
        key: Use,
        scheme: Scheme,
        data: &[u8],
    ) -> Result<Filled> {
        let verb = Verb::Sign(scheme);
        self.token.sign(applicant, (key.slot, verb, key.fresh), data).map(Filled::Bytes)
    }

    pub(in crate::pkcs11) fn decrypt_init(
        &self,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        let mut operations = self.operations();
        let number = operations.next_number();
        operations.decrypt.begin(|| {
            let (object, row) = self.key(key, mechanism, (CKF_DECRYPT, CKA_DECRYPT))?;
            let key = Use::new(&object, number)?;
            row.cipher(mechanism, key.kind)?;
            let message = Message::new(Intake::Whole(key_bytes(key.kind)));
            Ok(Decryption { key, message, done: None })
        })
    }

    pub(in crate::pkcs11) fn decrypt(
        &self,
        applicant: &Applicant,
        data: &[u8],
        room: Room,
    ) -> Result<Filled> {
        match self.decryption_turn(room)? {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Decryption { key, message, done }) => {
                let data = message.whole(data).map_err(ciphertext_length)?;
                let again = Message::new(Intake::Whole(key_bytes(key.kind)));
                self.decrypted(applicant, Decryption { key, message: again, done }, &data, room)
            }
        }
    }

    pub(in crate::pkcs11) fn decrypt_update(&self, part: &[u8], room: Room) -> Result<Filled> {
        self.operations().decrypt.step(|operation| {
            super::public::nothing_yet(&mut operation.message, part, room)
                .map_err(ciphertext_length)
        })
    }

    pub(in crate::pkcs11) fn decrypt_final(
        &self,
        applicant: &Applicant,
        room: Room,
    ) -> Result<Filled> {
        match self.decryption_turn(room)? {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Decryption { key, message, done }) => {
                let data = message.clone().finish();
                self.decrypted(applicant, Decryption { key, message, done }, &data, room)
            }
        }
    }

    /// How long the plaintext is shows only afterwards: a query is told the most it can be.
    fn decryption_turn(&self, room: Room) -> Result<Turn<Decryption>> {
        self.operations().decrypt.take(room, |operation| match room {
            Room::Query => key_bytes(operation.key.kind).saturating_sub(11),
            Room::Bytes(_) => 0,
        })
    }

    /// Decrypts, or gives what was decrypted before. Where the room is too small the operation
    /// goes back to the session with its plaintext, so that one permit is one decryption.
    fn decrypted(
        &self,
        applicant: &Applicant,
        mut operation: Decryption,
        ciphertext: &[u8],
        room: Room,
    ) -> Result<Filled> {
        let key = &mut operation.key;
        let plaintext = match operation.done.take() {
            Some((before, plaintext)) if before == ciphertext => plaintext,
            _ => self.token.decrypt(applicant, (key.slot, key.fresh.take()), ciphertext)?,
        };
        if let Err(answer) = room.admits(plaintext.len()) {
            operation.done = Some((ciphertext.to_vec(), plaintext));
            self.operations().decrypt.begin(|| Ok(operation))?;
            return Ok(answer);
        }
        Ok(Filled::Bytes(plaintext.expose().to_vec()))
    }
}

fn ciphertext_length(rv: crate::pkcs11::Rv) -> crate::pkcs11::Rv {
    match rv {
        CKR_DATA_LEN_RANGE => CKR_ENCRYPTED_DATA_LEN_RANGE,
        rv => rv,
    }
}
