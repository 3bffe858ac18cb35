//! What Windows alone has: events, pipes, the table of connections, and what the
//! console tells.
//!
//! Beside these stand the files that take the place of Unix's of the same name.

pub(in crate::net) mod cancel;
pub(in crate::net) mod event;
#[cfg(feature = "cli")]
pub(in crate::net) mod interrupts;
pub(in crate::net) mod pipe;
pub(in crate::net) mod tcp_table;
pub(in crate::net) mod waiting;
