//! The card behind the application: derived, or one of a store.

use super::{
    Context, Filing, KeyReference,
    enrolled::{self, Held},
};
use crate::{
    card::{
        Card, CardId, Enrolled, EnrolledLogin, Error, Fresh, KeyRef, KeySlot, Login, Permit,
        Record, Role, SoLogin, State, Verb,
    },
    crypto::{KeyKind, Padding, Scheme},
    secret::Secret,
};
use std::{fmt, sync::Arc};

/// Which card.
#[derive(Clone)]
pub(super) enum Bearer {
    /// Keys and certificates of a sign-in.
    Derived(Card),
    /// A card that lasts.
    Enrolled(Enrolled, Arc<dyn Filing>),
}

/// A verified passcode.
pub(super) enum Session {
    Derived(Login),
    Enrolled(EnrolledLogin),
}

/// A key that is there.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) reference: KeyRef,
    pub(super) kind: KeyKind,
    /// Whether its card takes bare blocks.
    pub(super) raw: bool,
    /// What says how it may be used, on a card of a store.
    record: Option<Record>,
}

impl Bearer {
    pub(super) fn id(&self) -> CardId {
        match self {
            Self::Derived(card) => card.id(),
            Self::Enrolled(card, _) => card.id(),
        }
    }

    /// Whether it is there no more.
    pub(super) fn gone(&self) -> bool {
        match self {
            Self::Derived(card) => matches!(card.state(), State::Removed | State::Expired),
            Self::Enrolled(..) => false,
        }
    }

    pub(super) fn tries_left(&self) -> Result<u8, Error> {
        match self {
            Self::Derived(card) => card.tries_left(),
            Self::Enrolled(card, _) => card.tries_left(Role::User),
        }
    }

    pub(super) fn puk_tries_left(&self) -> Result<u8, Error> {
        match self {
            Self::Derived(_) => Err(Error::PasscodeUnset),
            Self::Enrolled(card, _) => card.tries_left(Role::SecurityOfficer),
        }
    }

    /// Whether the sign-in stands for the passcode.
    pub(super) fn needs_no_passcode(&self) -> bool {
        matches!(self, Self::Derived(card) if card.passcode_rule().is_none())
    }

    /// Verifies: for the session, and for one use right after it.
    pub(super) fn verify(
        &self,
        passcode: Option<&[u8]>,
        context: &Context,
    ) -> Result<(Session, Fresh), Error> {
        let (gate, caller) = (&*context.gate, &context.caller);
        match self {
            Self::Derived(card) => {
                let (login, fresh) = card.verify_with_fresh(passcode, gate, caller)?;
                Ok((Session::Derived(login), fresh))
            }
            Self::Enrolled(card, _) => {
                let passcode = passcode.unwrap_or_default();
                let (login, fresh) = card.verify_with_fresh(passcode, gate, caller)?;
                Ok((Session::Enrolled(login), fresh))
            }
        }
    }

    /// Whether a session still counts.
    pub(super) fn counts(&self, session: &Session) -> Result<bool, Error> {
        match (self, session) {
            (Self::Derived(card), Session::Derived(login)) => Ok(card.logged_in(login)),
            (Self::Enrolled(card, _), Session::Enrolled(login)) => card.logged_in(login),
            _ => Ok(false),
        }
    }

    /// Changes the passcode; the session goes on.
    pub(super) fn change_passcode(
        &self,
        old: &[u8],
        new: &[u8],
        context: &Context,
    ) -> Result<Session, Error> {
        match self {
            // It came with the sign-in.
            Self::Derived(_) => Err(Error::Policy),
            Self::Enrolled(card, _) => card
                .change_passcode(old, new, &*context.gate, &context.caller)
                .map(Session::Enrolled),
        }
    }

    /// Changes the security officer's passcode.
    pub(super) fn change_puk(
        &self,
        old: &[u8],
        new: &[u8],
        context: &Context,
    ) -> Result<SoLogin, Error> {
        match self {
            Self::Derived(_) => Err(Error::PasscodeUnset),
            Self::Enrolled(card, _) => {
                card.change_so_passcode(old, new, &*context.gate, &context.caller)
            }
        }
    }

    /// Sets a new passcode by the security officer's, and all tries with it.
    pub(super) fn reset_passcode(
        &self,
        puk: &[u8],
        new: &[u8],
        context: &Context,
    ) -> Result<(), Error> {
        match self {
            Self::Derived(_) => Err(Error::Policy),
            Self::Enrolled(card, _) => {
                // The shape first: a try of the security officer's is not spent for nothing.
                let rule = card.policy().rule;
                rule.parse(new).ok_or(Error::PasscodeShape(rule))?;
                let login = card.verify_so(puk, &*context.gate, &context.caller)?;
                card.set_user_passcode(&login, new)
            }
        }
    }

    /// The key of a reference.
    pub(super) fn key(
        &self,
        reference: KeyReference,
        key_management: bool,
        session: &Session,
    ) -> Result<Option<Key>, Error> {
        match (self, session) {
            (Self::Derived(card), _) => Ok(slot(reference, key_management).and_then(|slot| {
                let kind = card.certificate(slot)?.public_key().kind();
                Some(Key {
                    reference: KeyRef::Slot(slot),
                    kind,
                    raw: card.raises(slot),
                    record: None,
                })
            })),
            (Self::Enrolled(card, filing), Session::Enrolled(login)) => {
                let held = enrolled::key(card, &**filing, reference, login)?;
                Ok(held.map(|Held { record, kind }| Key {
                    reference: KeyRef::Object(record.number),
                    kind,
                    // The bare operation decrypts, too, which no key for content commitment does.
                    raw: card.policy().raw_rsa && !reference.each_time(),
                    record: Some(record),
                }))
            }
            _ => Err(Error::NotVerified),
        }
    }

    /// Whether a key may be used so, as far as its record says; its card says more.
    pub(super) fn allows(&self, key: &Key, verb: Verb) -> bool {
        match (self, &key.record) {
            (Self::Derived(_), _) => true,
            (Self::Enrolled(_, filing), Some(record)) => filing.allows(record, verb),
            (Self::Enrolled(..), None) => false,
        }
    }

    fn admit(
        &self,
        key: &Key,
        verb: Verb,
        (session, fresh): (&Session, Option<Fresh>),
        Context { gate, caller, .. }: &Context,
    ) -> Result<Permit, Error> {
        if !self.allows(key, verb) {
            return Err(Error::Usage);
        }
        match (self, session, key.reference) {
            (Self::Derived(card), Session::Derived(login), KeyRef::Slot(slot)) => {
                card.admit(gate, caller, login, fresh, slot, verb)
            }
            (Self::Enrolled(card, _), Session::Enrolled(login), KeyRef::Object(number)) => {
                card.admit(gate, caller, login, fresh, number, verb)
            }
            _ => Err(Error::KeyAbsent),
        }
    }

    pub(super) fn sign(
        &self,
        key: &Key,
        scheme: Scheme,
        data: &[u8],
        leave: (&Session, Option<Fresh>),
        context: &Context,
    ) -> Result<Vec<u8>, Error> {
        let session = leave.0;
        let permit = self.admit(key, Verb::Sign(scheme), leave, context)?;
        match (self, session) {
            (Self::Derived(card), _) => card.sign(data, permit),
            (Self::Enrolled(card, _), Session::Enrolled(login)) => card.sign(login, data, permit),
            (Self::Enrolled(..), Session::Derived(_)) => Err(Error::NotVerified),
        }
    }

    /// Decrypts RSAES-PKCS1-v1_5 with implicit rejection (bad padding gives random bytes), or raises
    /// a bare block.
    pub(super) fn decrypt(
        &self,
        key: &Key,
        padding: &Padding,
        ciphertext: &[u8],
        leave: (&Session, Option<Fresh>),
        context: &Context,
    ) -> Result<Secret, Error> {
        let session = leave.0;
        let verb = match padding {
            Padding::Raw => Verb::DecryptRaw,
            Padding::Pkcs1 | Padding::Oaep(_) => Verb::Decrypt,
        };
        let permit = self.admit(key, verb, leave, context)?;
        match (self, session) {
            (Self::Derived(card), _) => card.decrypt_padded(padding, ciphertext, permit),
            (Self::Enrolled(card, _), Session::Enrolled(login)) => {
                card.decrypt(login, padding, ciphertext, permit)
            }
            (Self::Enrolled(..), Session::Derived(_)) => Err(Error::NotVerified),
        }
    }

    /// Agrees on a secret. A derived card's keys agree on nothing, as through PKCS#11.
    pub(super) fn agree(
        &self,
        key: &Key,
        point: &[u8],
        leave: (&Session, Option<Fresh>),
        context: &Context,
    ) -> Result<Secret, Error> {
        let session = leave.0;
        let permit = self.admit(key, Verb::Agree, leave, context)?;
        match (self, session) {
            (Self::Enrolled(card, _), Session::Enrolled(login)) => card.agree(login, point, permit),
            (Self::Derived(_), _) => Err(Error::Usage),
            (Self::Enrolled(..), Session::Derived(_)) => Err(Error::NotVerified),
        }
    }
}

/// The slot of a derived card that a key reference stands for.
pub(super) fn slot(reference: KeyReference, key_management: bool) -> Option<KeySlot> {
    match reference {
        KeyReference::Authentication => Some(KeySlot::Authentication),
        KeyReference::Signature => Some(KeySlot::ContentCommitment),
        KeyReference::KeyManagement => key_management.then_some(KeySlot::Authentication),
        KeyReference::CardAuthentication => None,
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Derived(card) => card.fmt(f),
            Self::Enrolled(card, _) => card.fmt(f),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}
