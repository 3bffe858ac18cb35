//! Keys of the card at work: each use by a permit of the gate, with no lock held.

use super::{Applicant, Body, Derived, Shelved, Token, read};
use crate::{
    card::{Card, EnrolledLogin, Error, Fresh, KeyRef, KeyType, Permit, Verb},
    crypto::{Padding, Scheme},
    pkcs11::{
        Result, errors,
        objects::{Material, Object},
    },
    secret::Secret,
};
use std::sync::Arc;

impl Token {
    /// One signature by a key of the card.
    pub(in crate::pkcs11) fn sign(
        &self,
        applicant: &Applicant,
        using: (KeyRef, Verb, Option<Fresh>),
        data: &[u8],
    ) -> Result<Vec<u8>> {
        self.with_permit(
            applicant,
            using,
            |card, permit| card.sign(data, permit),
            |shelved, login, permit| shelved.card.sign(login, data, permit),
        )
        .map_err(|error| errors::of_card(&error))
    }

    /// Whether a derived card's key signs by this scheme at all; of an enrolled card's keys, each
    /// use tells.
    pub(in crate::pkcs11) fn signs(&self, key: KeyRef, scheme: Scheme) -> Result<()> {
        match (&self.body, key) {
            (Body::Derived(Derived { card, .. }), KeyRef::Slot(slot)) => {
                card.signs(slot, scheme).map_err(|error| errors::of_card(&error))
            }
            _ => Ok(()),
        }
    }

    /// One decryption by a key of the card.
    pub(in crate::pkcs11) fn decrypt(
        &self,
        applicant: &Applicant,
        using: (KeyRef, Verb, Option<Fresh>),
        padding: &Padding,
        ciphertext: &[u8],
    ) -> Result<Secret> {
        self.with_permit(
            applicant,
            using,
            |card, permit| card.decrypt_padded(padding, ciphertext, permit),
            |shelved, login, permit| shelved.card.decrypt(login, padding, ciphertext, permit),
        )
        .map_err(|error| errors::of_decryption(&error))
    }

    /// The x coordinate of the product of a point and a key of the card.
    /// C_DeriveKey has no place for a login of its own, so a key that asks each time does not agree.
    pub(in crate::pkcs11) fn agree(&self, key: KeyRef, point: &[u8]) -> Result<Secret> {
        self.with_permit(
            &self.applicant,
            (key, Verb::Agree, None),
            // A derived card's keys agree on nothing, which their CKA_DERIVE says.
            |_, _| Err(Error::Usage),
            |shelved, login, permit| shelved.card.agree(login, point, permit),
        )
        .map_err(|error| errors::of_card(&error))
    }

    /// The object as operations use it: a secret key of the card lends itself by permit, any other
    /// object is as it is. Asks the gate: no lock is held.
    pub(in crate::pkcs11) fn lent(&self, object: Arc<Object>) -> Result<Arc<Object>> {
        let Material::Enrolled { number, key: KeyType::Secret(_) } = object.material else {
            return Ok(object);
        };
        let key = self
            .with_permit(
                &self.applicant,
                (KeyRef::Object(number), Verb::Secret, None),
                |_, _| Err(Error::Usage),
                |shelved, login, permit| shelved.card.secret(login, permit),
            )
            .map_err(|error| errors::of_card(&error))?;
        Ok(Arc::new(object.with_material(Material::Secret(key))))
    }

    /// One use of a key of the card by a permit of the gate.
    fn with_permit<T>(
        &self,
        applicant: &Applicant,
        (key, verb, fresh): (KeyRef, Verb, Option<Fresh>),
        derived: impl FnOnce(&Card, Permit) -> Result<T, Error>,
        enrolled: impl FnOnce(&Shelved, &EnrolledLogin, Permit) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Applicant { caller, gate, .. } = applicant;
        match (&self.body, key) {
            (Body::Derived(Derived { card, login }), KeyRef::Slot(slot)) => {
                // The login as it was made; whether it still counts, the card says, and why not.
                let login = read(login).clone().ok_or(Error::NotVerified)?;
                let permit = card.admit(gate, caller, &login, fresh, slot, verb)?;
                derived(card, permit)
            }
            (Body::Enrolled(shelved), KeyRef::Object(number)) => {
                let login = shelved.offered().ok_or(Error::NotVerified)?;
                let permit = shelved.card.admit(gate, caller, &login, fresh, number, verb)?;
                enrolled(shelved, &login, permit)
            }
            _ => Err(Error::KeyAbsent),
        }
    }
}
