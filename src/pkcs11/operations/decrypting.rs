//! Decryption (base specification section 5.10).

use super::{
    Active, Budget, Filled, Mechanism, Message, ObjectHandle, Result, Room, Session, Share, Turn,
    encrypting::{MOST_WRAPPED, wrap},
    holder::Use,
};
use crate::{
    card::Verb,
    crypto::{self, Cipher, Direction, Padding, Wrap},
    pkcs11::{
        Rv,
        ck::*,
        errors,
        mechanisms::{Ciphering, Intake, Row, most_plaintext},
        objects::{Material, Object},
        token::Applicant,
    },
    secret::Secret,
};
use std::sync::Arc;

/// A decryption in progress.
#[allow(clippy::large_enum_variant, reason = "one for each session, never in a row of them")]
pub(super) enum Decryption {
    /// As the message comes.
    Mode { cipher: Cipher, begun: bool, share: Share },
    /// The whole message at the end, by a secret key.
    Wrapped { by: Wrap, message: Message, _share: Share },
    /// The whole message at the end, by a private key.
    Private(Private),
}

/// A decryption by a private key.
pub(super) struct Private {
    key: Use,
    padding: Padding,
    message: Message,
    /// Done, and waiting for a buffer that is large enough: ciphertext and plaintext.
    done: Option<(Vec<u8>, Secret)>,
}

impl Decryption {
    fn new(
        object: &Object,
        row: &Row,
        mechanism: &Mechanism,
        number: u64,
        budget: &Arc<Budget>,
    ) -> Result<Self> {
        let ciphering = row.cipher(mechanism)?;
        if let (
            Ciphering::Rsa(padding),
            Material::Private { .. } | Material::Enrolled { .. } | Material::Session(_),
        ) = (&ciphering, &object.material)
        {
            let key = Use::new(object, number)?;
            let message = Message::new(Intake::Whole(key.kind.bytes()));
            let padding = padding.clone();
            return Ok(Self::Private(Private { key, padding, message, done: None }));
        }
        match wrap(object, ciphering)? {
            Wrap::Cipher(key, mode) => {
                let cipher = Cipher::new(&key, mode, Direction::Decrypt);
                let (cipher, share) = (cipher.map_err(errors::of_crypto)?, Share::none(budget));
                Ok(Self::Mode { cipher, begun: false, share })
            }
            by @ (Wrap::Kw(_) | Wrap::Kwp(_)) => {
                let (message, share) =
                    (Message::new(Intake::Whole(MOST_WRAPPED)), Share::of(budget, MOST_WRAPPED)?);
                Ok(Self::Wrapped { by, message, _share: share })
            }
            Wrap::Rsa(..) => Err(CKR_KEY_TYPE_INCONSISTENT),
        }
    }

    /// The private key that does it.
    pub(super) fn key(&mut self) -> Option<&mut Use> {
        match self {
            Self::Private(private) => Some(&mut private.key),
            Self::Mode { .. } | Self::Wrapped { .. } => None,
        }
    }

    /// Bytes that come out when `part` goes in. How many a private key makes of them shows only
    /// afterwards: a query is told the most it can be.
    fn needed(&self, part: &[u8], last: bool, room: Room) -> usize {
        match self {
            Self::Mode { cipher, .. } => cipher.needed(part, last),
            Self::Wrapped { .. } | Self::Private(_) if !last => 0,
            Self::Wrapped { by, message, .. } => {
                let all = [message.kept(), part].concat();
                by.open(&all).map_or(0, |plaintext| plaintext.len())
            }
            Self::Private(private) => match room {
                Room::Query => most_plaintext(&private.padding, private.key.kind),
                Room::Bytes(_) => 0,
            },
        }
    }

    fn update(&mut self, part: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Mode { cipher, begun, share } => {
                *begun = true;
                share.set(cipher.kept_with(part.len()))?;
                cipher.update(part).map_err(of_ciphertext)
            }
            Self::Wrapped { message, .. } | Self::Private(Private { message, .. }) => {
                message.update(part).map(|()| Vec::new()).map_err(length_of_ciphertext)
            }
        }
    }
}

impl Active<Decryption> {
    /// C_DecryptUpdate.
    pub(super) fn update(&mut self, part: &[u8], room: Room) -> Result<Filled> {
        self.advance(room, |one| one.needed(part, false, room), |one| one.update(part))
    }
}

impl Session {
    pub(in crate::pkcs11) fn decrypt_init(
        &self,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.operations().decrypt.free()?;
        let (object, row) = self.key(key, mechanism, (CKF_DECRYPT, CKA_DECRYPT))?;
        let mut operations = self.operations();
        let number = operations.next_number();
        let budget = self.token.budget();
        operations.decrypt.begin(|| Decryption::new(&object, row, mechanism, number, budget))
    }

    pub(in crate::pkcs11) fn decrypt(
        &self,
        applicant: &Applicant,
        data: &[u8],
        room: Room,
    ) -> Result<Filled> {
        let turn = self.operations().decrypt.take(room, |one| one.needed(data, true, room))?;
        match turn {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Decryption::Mode { begun: true, .. }) => Err(CKR_OPERATION_ACTIVE),
            Turn::Work(Decryption::Mode { cipher, .. }) => {
                cipher.whole(data).map(Filled::Bytes).map_err(of_ciphertext)
            }
            Turn::Work(Decryption::Wrapped { by, message, .. }) => {
                unwrapped(&by, &message.whole(data).map_err(length_of_ciphertext)?)
            }
            Turn::Work(Decryption::Private(Private { key, padding, message, done })) => {
                let data = message.whole(data).map_err(length_of_ciphertext)?;
                let message = Message::new(Intake::Whole(key.kind.bytes()));
                self.decrypted(applicant, Private { key, padding, message, done }, &data, room)
            }
        }
    }

    pub(in crate::pkcs11) fn decrypt_update(&self, part: &[u8], room: Room) -> Result<Filled> {
        self.operations().decrypt.update(part, room)
    }

    pub(in crate::pkcs11) fn decrypt_final(
        &self,
        applicant: &Applicant,
        room: Room,
    ) -> Result<Filled> {
        let turn = self.operations().decrypt.take(room, |one| one.needed(&[], true, room))?;
        match turn {
            Turn::Answer(answer) => Ok(answer),
            Turn::Work(Decryption::Mode { cipher, .. }) => {
                cipher.finish().map(Filled::Bytes).map_err(of_ciphertext)
            }
            Turn::Work(Decryption::Wrapped { by, message, .. }) => {
                unwrapped(&by, &message.finish())
            }
            Turn::Work(Decryption::Private(private)) => {
                let data = private.message.clone().finish();
                self.decrypted(applicant, private, &data, room)
            }
        }
    }

    /// Decrypts, or gives what was decrypted before. Where the room is too small the operation
    /// goes back to the session with its plaintext, so that one permit is one decryption.
    fn decrypted(
        &self,
        applicant: &Applicant,
        mut operation: Private,
        ciphertext: &[u8],
        room: Room,
    ) -> Result<Filled> {
        let plaintext = match operation.done.take() {
            Some((before, plaintext)) if before == ciphertext => plaintext,
            _ => {
                let Private { key, padding, .. } = &mut operation;
                self.opened(applicant, key, (verb(padding), padding), ciphertext)?
            }
        };
        if let Err(answer) = room.admits(plaintext.len()) {
            operation.done = Some((ciphertext.to_vec(), plaintext));
            self.operations().decrypt.begin(|| Ok(Decryption::Private(operation)))?;
            return Ok(answer);
        }
        Ok(Filled::Bytes(plaintext.expose().to_vec()))
    }
}

/// What a card's key is asked for.
fn verb(padding: &Padding) -> Verb {
    match padding {
        Padding::Pkcs1 => Verb::Decrypt,
        Padding::Oaep(_) => Verb::DecryptOaep,
        Padding::Raw => Verb::DecryptRaw,
    }
}

fn unwrapped(by: &Wrap, wrapped: &[u8]) -> Result<Filled> {
    let plaintext = by.open(wrapped).map_err(of_ciphertext)?;
    Ok(Filled::Bytes(plaintext.expose().to_vec()))
}

/// The return value for a ciphertext that does not decrypt.
fn of_ciphertext(error: crypto::Error) -> Rv {
    length_of_ciphertext(errors::of_crypto(error))
}

fn length_of_ciphertext(rv: Rv) -> Rv {
    match rv {
        CKR_DATA_LEN_RANGE => CKR_ENCRYPTED_DATA_LEN_RANGE,
        rv => rv,
    }
}
