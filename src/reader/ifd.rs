//! Between the IFD handler (in our library, loaded by pcscd as root) and the agent's reader
//! endpoint: two connections to one Unix socket.
//!
//! ```text
//! handler -> agent   "WCRD", version, role      role 0 commands, 1 presence
//! agent -> handler   version, status            status 0 welcome, 1 another drives the card
//!
//! commands: u32 length, kind, body              presence: u32 length, kind, body
//!   01 power on   -> 81 answer to reset           90 there or not, u64 changes: at once, at each
//!   02 reset      -> 81 answer to reset              change, and every 20 seconds
//!   03 power off  -> 83
//!   04 a command  -> 82 its response
//!   any           -> 84 no powered card
//! ```
//!
//! Numbers are big-endian. The presence has a connection of its own, so that a card that goes is
//! seen while a command is under way. One handler drives the card, from the first power that it asks
//! for until it ends. A second one, in another process, is told meanwhile that there is no card, and
//! shows an empty reader.
//!
//! This is the one endpoint of an agent that root is admitted to: pcscd is root's. What pcscd's own
//! clients are is hidden from us.

mod client;
mod conf;
mod frame;
mod server;

pub use client::{Client, Lost};
pub use conf::reader_conf;
#[doc(hidden)]
pub use frame::fuzz;
pub use server::Server;

use std::time::Duration;

/// How often the presence is said though it has not changed.
const BEAT: Duration = Duration::from_secs(20);
/// How long nothing may be said before an agent counts as gone.
const SILENCE: Duration = Duration::from_secs(50);

#[cfg(test)]
mod tests;
