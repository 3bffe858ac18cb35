//! What a card may claim for itself; leaves out what the sign-in was worth, which is the
//! assurance's.

use crate::{
    clock::Time,
    proof::{Assurance, Level, Source},
};
use std::fmt;

/// How a card's keys are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysHeld {
    /// In the memory of a process.
    Software,
}

impl fmt::Display for KeysHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Software => f.write_str("software"),
        }
    }
}

/// How a card came to its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Fresh at the sign-in.
    Derived,
    /// Enrolled before, and made where they are kept.
    Released,
    /// Enrolled before; at least one was made elsewhere and brought in, copies unknown.
    ReleasedImported,
}

/// What a card may claim for itself, named by what it rests on.
///
/// NIST SP 800-157r1: a derived credential whose keys are held in software reaches AAL2, however
/// strong the sign-in was; it never claims more than the sign-in either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAssurance {
    /// How its keys are held.
    pub keys_held: KeysHeld,
    /// How it came to them.
    pub way: Way,
    /// What the card claims.
    pub authentication: Level,
    /// What the sign-in that it was derived from, or released on, was worth.
    pub derived_from: Level,
    /// How well the person's identity was checked.
    pub identity: Level,
    /// Where the proof came from.
    pub source: Source,
    /// When the person signed in.
    pub authenticated_at: Time,
    /// Whether it came of a rule for emergencies, on a sign-in that is weaker than the policy asks
    /// for otherwise.
    pub break_glass: bool,
}

impl NamedAssurance {
    /// Of a card with keys in software, derived from this or released on it; it claims `most` at
    /// most.
    pub fn of(assurance: &Assurance, way: Way, most: Level) -> Self {
        Self {
            keys_held: KeysHeld::Software,
            way,
            authentication: assurance.authentication.min(most),
            derived_from: assurance.authentication,
            identity: assurance.identity,
            source: assurance.source.clone(),
            authenticated_at: assurance.authenticated_at,
            break_glass: false,
        }
    }
}

impl fmt::Display for NamedAssurance {
    /// One line without the person: `AAL2, keys in software, derived from AAL3 at ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys_held, way, authentication, derived_from, authenticated_at, .. } = self;
        let (claimed, from) = (authentication.0, derived_from.0);
        let way = match way {
            Way::Derived => "derived from",
            Way::Released => "released on",
            Way::ReleasedImported => "made elsewhere, released on",
        };
        write!(f, "AAL{claimed}, keys in {keys_held}, {way} AAL{from} at {authenticated_at}")?;
        if self.break_glass { f.write_str(", break-glass") } else { Ok(()) }
    }
}
