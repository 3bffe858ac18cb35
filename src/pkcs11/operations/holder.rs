//! Private keys in use, wherever they are held, and the logins of those that ask each time (base
//! specification sections 5.6.10 and 4.9).

use super::{Operations, Result, Session};
use crate::{
    card::{self, Fresh, KeyRef, KeyType, Verb},
    crypto::{KeyKind, Padding, PrivateKey, Scheme},
    pkcs11::{
        ck::*,
        errors,
        objects::{Material, Object},
        token::Applicant,
    },
    secret::Secret,
};

/// A private key in use by one operation.
pub(super) struct Use {
    number: u64,
    holder: Holder,
    pub(super) kind: KeyKind,
    /// The key asks for the passcode each time.
    always: bool,
    /// It was given, for this operation.
    fresh: Option<Fresh>,
}

/// Who holds the key.
enum Holder {
    /// A card, which lets it be used by permit.
    Card(KeyRef),
    /// The session.
    Session(PrivateKey),
}

/// An operation that waits for its own login (CKU_CONTEXT_SPECIFIC).
#[derive(Clone, Copy, Debug)]
pub(in crate::pkcs11) struct Waiting(u64);

impl Use {
    /// The private key of an object, for the operation of this number; CKR_KEY_TYPE_INCONSISTENT
    /// for any other object.
    pub(super) fn new(object: &Object, number: u64) -> Result<Self> {
        let (holder, kind) = match &object.material {
            Material::Private { slot, kind } => (Holder::Card(KeyRef::Slot(*slot)), *kind),
            Material::Enrolled { number, key: KeyType::Private(kind) } => {
                (Holder::Card(KeyRef::Object(*number)), *kind)
            }
            Material::Session(key) => (Holder::Session(key.clone()), key.kind()),
            _ => return Err(CKR_KEY_TYPE_INCONSISTENT),
        };
        let always = object.is_true(CKA_ALWAYS_AUTHENTICATE);
        Ok(Self { number, holder, kind, always, fresh: None })
    }

    /// The card's key that this is.
    pub(super) fn of_card(&self) -> Option<KeyRef> {
        match &self.holder {
            Holder::Card(key) => Some(*key),
            Holder::Session(_) => None,
        }
    }
}

impl Operations {
    /// Numbers operations in the order in which they begin.
    pub(super) fn next_number(&mut self) -> u64 {
        self.begun = self.begun.wrapping_add(1);
        self.begun
    }

    fn uses(&mut self) -> impl Iterator<Item = &mut Use> {
        let sign = self.sign.0.as_mut().and_then(|operation| operation.key());
        let recover = self.sign_recover.0.as_mut().map(|operation| &mut operation.key);
        let decrypt = self.decrypt.0.as_mut().and_then(|operation| operation.key());
        sign.into_iter().chain(recover).chain(decrypt).filter(|key| key.always)
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

    /// One signature. No lock is held meanwhile.
    pub(super) fn signed(
        &self,
        applicant: &Applicant,
        key: Use,
        scheme: Scheme,
        data: &[u8],
    ) -> Result<Vec<u8>> {
        let _turn = self.token.budget().use_key();
        match key.holder {
            Holder::Card(held) => {
                self.token.sign(applicant, (held, Verb::Sign(scheme), key.fresh), data)
            }
            Holder::Session(key) => key.sign(scheme, data).map_err(errors::of_crypto),
        }
    }

    /// One decryption, or one unwrapping, as the verb says. No lock is held meanwhile; the permit of a key that asks each time is used
    /// up.
    pub(super) fn opened(
        &self,
        applicant: &Applicant,
        key: &mut Use,
        (verb, padding): (Verb, &Padding),
        ciphertext: &[u8],
    ) -> Result<Secret> {
        let _turn = self.token.budget().use_key();
        match &key.holder {
            Holder::Card(held) => {
                let using = (*held, verb, key.fresh.take());
                self.token.decrypt(applicant, using, padding, ciphertext)
            }
            Holder::Session(key) => key
                .decrypt(padding, ciphertext)
                .map_err(|error| errors::of_decryption(&card::Error::Crypto(error))),
        }
    }

    /// The x coordinate of the product with a point.
    pub(super) fn agreed(&self, key: &Use, point: &[u8]) -> Result<Secret> {
        let _turn = self.token.budget().use_key();
        let agreed = match &key.holder {
            Holder::Card(held) => self.token.agree(*held, point),
            Holder::Session(key) => key.agree(point).map_err(errors::of_crypto),
        };
        agreed.map_err(|rv| match rv {
            // The point came in the mechanism's parameter.
            CKR_KEY_HANDLE_INVALID => CKR_MECHANISM_PARAM_INVALID,
            rv => rv,
        })
    }
}
