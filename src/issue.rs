//! Issuers: who certifies a card's keys, and on whose word.
//!
//! ```text
//! derive ── Order ──▶ Issuer ── LocalIssuer  (issuing keys in this process: `ca serve`, the demo)
//!                            └─ RemoteIssuer (a connection to `ca serve`)
//! ```
//!
//! An [`Order`] says who signed in and how strongly, and carries a PKCS#10 request (RFC 2986) for
//! each key. The issuer judges it by [`Rules`] of its own, names the person from the assurance
//! (never from the request's subject), and answers all certificates or none. A
//! [`directory::CaDirectory`] is the certification authority on disk behind `wardcard ca`.

pub mod directory;
mod files;
pub mod index;
mod local;
mod protocol;
mod remote;
mod rules;
mod serial;
pub mod serve;

#[cfg(test)]
mod tests;

pub use local::{LocalIssuer, Names};
pub use remote::RemoteIssuer;
pub use rules::{Rules, SourceRule};
pub use serial::{Serial, serial_hex};

use crate::{
    clock::Time,
    pki::{Assurance, Certificate, KeySlot, Reason},
};
use std::fmt;

/// What an issuer is asked.
#[derive(Clone, Debug)]
pub struct Order {
    /// Who signed in, and what the proof is worth.
    pub assurance: Assurance,
    /// Slot and PKCS#10 request (DER) of each key. The subject that stands in a request is not
    /// looked at: keys are made before anybody has signed in.
    pub keys: Vec<(KeySlot, Vec<u8>)>,
    /// Latest end that the caller wants; the issuer may end earlier.
    pub not_after: Time,
}

/// A certificate with its chain upwards (issuing CA, then root).
#[derive(Clone, Debug)]
pub struct Issued {
    /// Which key it is for.
    pub slot: KeySlot,
    /// The end-entity certificate.
    pub certificate: Certificate,
    /// From the certificate of its issuer up to the root.
    pub chain: Vec<Certificate>,
}

/// Why no certificate came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Its rules say no.
    #[error("the issuer refused: {0}")]
    Refused(String),
    /// It does not answer, or not in a way that makes sense.
    #[error("the issuer cannot be reached: {0}")]
    Unreachable(String),
    /// It agreed but could not do it; nothing was issued.
    #[error("the issuer failed: {0}")]
    Failed(String),
}

/// Certifies keys for an assurance.
pub trait Issuer: Send + Sync + fmt::Debug {
    /// All certificates of the order, or none.
    ///
    /// # Errors
    /// Why not.
    fn issue(&self, order: &Order) -> Result<Vec<Issued>, Error>;
    /// The roots under which its certificates validate.
    ///
    /// # Errors
    /// It cannot be reached.
    fn roots(&self) -> Result<Vec<Certificate>, Error>;
    /// Revokes certificates that it issued, all or none; on record when this returns, and on the
    /// next CRL. One that was revoked before stays as it was, one that has expired needs nothing.
    ///
    /// # Errors
    /// Why not; [`Error::Refused`] where it does not know one of them, or revokes none at all.
    fn revoke(&self, serials: &[Serial], reason: Reason) -> Result<(), Error> {
        let _ = (serials, reason);
        Err(Error::Refused("this issuer revokes nothing".to_owned()))
    }
    /// [`Issuer::issue`] for a client of its own, who stands in the record.
    ///
    /// # Errors
    /// As [`Issuer::issue`].
    fn issue_for(&self, client: &str, order: &Order) -> Result<Vec<Issued>, Error> {
        let _ = client;
        self.issue(order)
    }
    /// [`Issuer::revoke`] for a client, who revokes what it ordered itself and nothing else.
    ///
    /// # Errors
    /// As [`Issuer::revoke`].
    fn revoke_for(&self, client: &str, serials: &[Serial], reason: Reason) -> Result<(), Error> {
        let _ = client;
        self.revoke(serials, reason)
    }
}

/// Most certificates that one revocation names: those of a few cards.
pub const MOST_REVOKED: usize = 64;

/// The name of a slot in files and messages.
fn slot_name(slot: KeySlot) -> &'static str {
    match slot {
        KeySlot::Authentication => "authentication",
        KeySlot::ContentCommitment => "content-commitment",
    }
}

/// The slot of a name that [`slot_name`] gave.
fn slot_named(name: &str) -> Option<KeySlot> {
    [KeySlot::Authentication, KeySlot::ContentCommitment]
        .into_iter()
        .find(|slot| slot_name(*slot) == name)
}

/// One frame's content as either side of the issuer's protocol may send it, for fuzzing: what is
/// read is written and read again.
#[cfg(fuzzing)]
pub fn fuzz_protocol(content: &[u8]) {
    use protocol::{Answer, Question};
    let again = |bytes: Vec<u8>| assert!(Question::from_bytes(&bytes).is_ok());
    if let Ok(question) = Question::from_bytes(content) {
        question.to_bytes().into_iter().for_each(again);
    }
    if let Ok(answer) = Answer::from_bytes(content) {
        let _ = answer.to_bytes();
    }
}
