//! Passcodes of persons, kept as Argon2id verifiers in the store.

use super::Refusal;
use crate::{
    card::Verifier,
    pki::UserId,
    secret::{PasscodeRule, Secret},
    store::{self, Store, Transaction},
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The table: the 12 digits of a person to the bytes of a verifier.
const TABLE: &str = "kept_passcodes";

/// A verifier for a passcode of this shape.
pub(super) fn make(rule: PasscodeRule, passcode: &Secret) -> Result<Verifier, Refusal> {
    if rule.parse(passcode.expose()).is_none() {
        return Err(Refusal::PasscodeShape(rule));
    }
    Ok(Verifier::new(rule, passcode)?)
}

/// Kept verifiers.
#[derive(Debug)]
pub(super) struct Kept {
    store: Arc<dyn Store>,
}

impl Kept {
    /// In this store.
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// A person's. A row that is no verifier cannot have been written here.
    pub(super) fn read(&self, person: &UserId) -> Result<Option<Verifier>, store::Error> {
        let mut found = None;
        self.transact(&mut |rows| {
            found = rows.row(TABLE, person.as_str().as_bytes())?.map(Zeroizing::new);
            Ok(())
        })?;
        let Some(bytes) = found else { return Ok(None) };
        Verifier::from_bytes(&bytes).map(Some).ok_or(store::Error::Malformed(TABLE))
    }

    /// Makes it the person's.
    pub(super) fn write(&self, person: &UserId, verifier: &Verifier) -> Result<(), store::Error> {
        let bytes = Zeroizing::new(verifier.to_bytes());
        self.transact(&mut |rows| rows.put(TABLE, person.as_str().as_bytes(), &bytes))
    }

    /// Leaves the person without.
    pub(super) fn forget(&self, person: &UserId) -> Result<(), store::Error> {
        self.transact(&mut |rows| rows.delete(TABLE, person.as_str().as_bytes()))
    }

    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), store::Error>,
    ) -> Result<(), store::Error> {
        self.store.transact(work)
    }
}
