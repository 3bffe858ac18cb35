//! The card: keys in their slots, certificates, passcode and tries, life cycle; and its gate.
//!
//! ```text
//! CardSpec ──> Card ──verify──> Login ──admit (asks the gate)──> Permit ──sign, decrypt──> bytes
//!               │                 └─verify_fresh──> Fresh ─┘  (content commitment, each time)
//!               └─ lies in a place of a Tray, where applications see it come and go
//! ```
//!
//! Login belongs to one connection, tries to the person, the lock to the card (design rule 4). There
//! is no way to a private key but through a [`Permit`], and none to that but through a [`Gate`].
//! No lock is held while a key works or a gate or clock is asked (rule 7).

mod body;
mod enrolled;
mod error;
mod gate;
mod hashes;
mod life;
mod login;
mod looks;
mod one_time;
mod spec;
mod tray;
mod tries;
mod verifier;

#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use body::Card;
pub use enrolled::{
    Certified, Change, Enrolled, EnrolledKey, EnrolledLogin, Enrolment, EnrolmentFault, KeyType,
    NewKey, NewKeys, NewRecord, PrivateObject, Record, ReleaseKeys, Shelf, ShelfPolicy, SoLogin,
    WaitingKey,
};
pub use error::{Error, Refusal, SpecFault};
#[cfg(any(test, feature = "testkit"))]
pub use gate::AdmitAll;
pub use gate::{Caller, Event, Gate, KeyRef, KeySlot, Managed, Outcome, Permit, Role, Use, Verb};
pub use hashes::HashPolicy;
pub use life::State;
pub use login::{CardId, Fresh, Login};
pub use one_time::OneTime;
pub use spec::{Access, CardKey, CardSpec};
pub use tray::Tray;
pub use tries::Tries;
pub use verifier::Verifier;

/// Locks what no holder leaves half changed, so that a panic elsewhere does not end the card.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
