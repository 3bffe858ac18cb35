//! The PIV card application (NIST SP 800-73-4) over a card: what a minidriver or OpenSC meets in a
//! reader.
//!
//! ```text
//! reader ──Icc──> Slot ──> Applet ──apdu::Channel──> piv commands ──Gate──> Card or Enrolled
//!                  │                                     │
//!                  └ where the card comes and goes       └ tables: containers, keys, algorithms
//! ```
//!
//! The same gate, hash policy, tries and life cycle as through PKCS#11: nothing here goes round
//! [`Card::admit`](crate::card::Card::admit) and [`Card::verify`](crate::card::Card::verify). Tries
//! are the person's, so both faces share them; a login is one power-up's, so neither sees the
//! other's.
//!
//! | key reference | key | before it works |
//! |---|---|---|
//! | 9A | authentication | VERIFY once |
//! | 9C | content commitment | VERIFY as the command just before |
//! | 9D | the authentication key again, where [`Settings::key_management`] says so; on a card of a store a key of its own | VERIFY once |
//! | 9B | the card manager's ([`Settings::management`]), on cards of a store | |
//!
//! Left out: 9E, retired keys, the contactless interface with its secure messaging, pairing code,
//! global PIN and biometrics. A derived card is complete when it comes: its containers and keys
//! cannot be written, and its passcode is set with the sign-in.

mod applet;
mod authenticate;
mod bearer;
mod block;
mod containers;
mod enrolled;
mod filing;
mod management;
mod passcodes;
mod security;
mod settings;
mod slot;
mod status;
mod tables;
mod write;

#[cfg(test)]
mod tests;

pub use applet::Applet;
pub use filing::Filing;
pub use management::{ManagementAlgorithm, ManagementKey};
pub use settings::{Context, Settings};
pub use slot::Slot;
pub use tables::{Algorithm, CONTAINERS, Container, Content, KeyReference, Read};

use crate::apdu::Atr;

/// The answer to reset: T=0 and T=1, with historical bytes by which clients know a PIV card. No
/// maker's name is in it.
pub const ATR: Atr = match Atr::new(&[
    0x3B, 0x8B, 0x80, 0x01, 0x80, 0xF9, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0xC8,
]) {
    Some(atr) => atr,
    None => panic!("2 to 33 bytes that begin with 3B"),
};
