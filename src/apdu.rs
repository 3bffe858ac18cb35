//! ISO/IEC 7816-4 between a reader and a card application: commands and responses as bytes, chaining
//! both ways, status words as a type; and who answers a reader ([`Icc`]).
//!
//! ```text
//! bytes ──Command::parse──> Channel (class, chaining, GET RESPONSE) ──whole command──> Application
//! bytes <──────cut to Le, 61xx───── Channel <────────────Response───────────────────── Application
//! ```
//!
//! Logical channel 0 alone, no secure messaging. Nothing here does I/O.

mod channel;
mod command;
mod icc;
mod response;
mod status;
#[cfg(test)]
mod tests;

pub use channel::{Application, Channel};
pub use command::Command;
pub use icc::{Atr, Icc, Presence};
pub use response::Response;
pub use status::Status;
