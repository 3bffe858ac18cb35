//! The gate that every use of a private key passes, from any face; and the leave it gives.

use super::{CardId, Error, Refusal};
pub use crate::pki::KeySlot;

use crate::{crypto::Scheme, pki::UserId, secret::User};
use std::{fmt, path::PathBuf, sync::Arc};

/// What a key is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Sign a digest or block by a scheme.
    Sign(Scheme),
    /// Decrypt RSAES-PKCS1-v1_5.
    Decrypt,
    /// Decrypt RSAES-OAEP (RFC 8017 section 7.1).
    DecryptOaep,
    /// Decrypt a bare RSA block (PKCS#11 CKM_RSA_X_509).
    DecryptRaw,
    /// Agree on a secret (ECDH).
    Agree,
    /// Bring another key in under this one.
    Unwrap,
    /// Take this key out under another one.
    Wrap,
    /// Use a secret key: cipher, MAC, wrapping, derivation.
    Secret,
}

/// Which key of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyRef {
    /// The one in a slot of a derived card.
    Slot(KeySlot),
    /// The one of an object of an enrolled card, by the object's number.
    Object(u64),
}

/// Whose passcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The person's who uses the card.
    User,
    /// The security officer's, who sets the user's (PKCS#11 CKU_SO).
    SecurityOfficer,
}

/// Who asks, as the operating system says (design rule 9). Nothing in it comes from the client.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The user.
    pub uid: Option<User>,
    /// Process id.
    pub pid: Option<u32>,
    /// Executable's path.
    pub executable: Option<PathBuf>,
    /// Logon session.
    pub logon: Option<String>,
    /// Number of the connection in this agent's life. A [`Login`](super::Login) counts for the
    /// connection that it was made on, and no other.
    pub connection: u64,
    /// Number of the reader that the connection comes through, if any. It stays when the power goes
    /// and `connection` becomes another: a driver that caches passcodes outlives a reset.
    pub reader: Option<u64>,
}

/// One intended use of a key, as a gate sees it.
#[derive(Clone, Debug)]
pub struct Use {
    /// The card's id.
    pub card: CardId,
    /// Its person; an enrolled card names none.
    pub person: Option<UserId>,
    /// Which key.
    pub key: KeyRef,
    /// For what.
    pub verb: Verb,
    /// By whom.
    pub caller: Caller,
}

/// What came of an admitted use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Failed, or the permit was dropped unused, or the card was gone meanwhile.
    Failed,
}

/// What a gate is told besides uses of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Passcode verified.
    Verified,
    /// Wrong passcode; tries left.
    Incorrect(u8),
    /// A passcode was offered to a blocked card.
    Blocked,
    /// A one-time passcode was offered again where it had been used; no try was lost.
    Used,
}

/// What a card's manager did to what a card of a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Managed {
    /// Wrote the container of this tag.
    Written(u32),
    /// Emptied the container of this tag.
    Emptied(u32),
    /// Made a key for this reference.
    Generated(u8),
}

/// Every use of a private key passes here, from any face.
///
/// Called with no lock held: an answer may take as long as a person does, and the card may be used,
/// locked or removed meanwhile.
pub trait Gate: Send + Sync + fmt::Debug {
    /// Admits or refuses; on `Ok` the record of the coming use has been written. The number goes
    /// into `outcome`.
    ///
    /// # Errors
    /// The reason why not.
    fn admit(&self, usage: &Use) -> Result<u64, Refusal>;
    /// What came of the use that `admit` numbered; told exactly once for each.
    fn outcome(&self, number: u64, usage: &Use, outcome: Outcome);
    /// A passcode was offered.
    fn passcode(&self, card: &CardId, role: Role, caller: &Caller, event: &Event);
    /// What a card's manager did, and what came of it.
    fn managed(&self, _: &CardId, _: &Caller, _: Managed, _: Outcome) {}
}

/// A gate that admits everything and records nothing, for tests.
#[cfg(any(test, feature = "testkit"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct AdmitAll;

#[cfg(any(test, feature = "testkit"))]
impl Gate for AdmitAll {
    fn admit(&self, _: &Use) -> Result<u64, Refusal> {
        Ok(0)
    }
    fn outcome(&self, _: u64, _: &Use, _: Outcome) {}
    fn passcode(&self, _: &CardId, _: Role, _: &Caller, _: &Event) {}
}

/// Leave for one use of one key, made only by [`Card::admit`](super::Card::admit) and
/// [`Enrolled::admit`](super::Enrolled::admit); good once. Dropping it unused tells the gate [`Outcome::Failed`].
#[derive(Debug)]
pub struct Permit {
    usage: Use,
    generation: u64,
    number: u64,
    gate: Arc<dyn Gate>,
    outcome: Outcome,
}

impl Permit {
    /// Asks the gate.
    pub(super) fn ask(gate: &Arc<dyn Gate>, usage: Use, generation: u64) -> Result<Self, Error> {
        let number = gate.admit(&usage).map_err(Error::Refused)?;
        let outcome = Outcome::Failed;
        Ok(Self { usage, generation, number, gate: Arc::clone(gate), outcome })
    }

    /// What was admitted.
    pub fn usage(&self) -> &Use {
        &self.usage
    }

    /// The life of the card that it was admitted in.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Ends the permit; the gate is told `Done` for `Ok`.
    pub(super) fn settle<T>(mut self, result: Result<T, Error>) -> Result<T, Error> {
        if result.is_ok() {
            self.outcome = Outcome::Done;
        }
        result
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.outcome(self.number, &self.usage, self.outcome);
    }
}
