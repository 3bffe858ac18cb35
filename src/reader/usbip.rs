//! A USB CCID device over USB/IP (Linux, Documentation/usb/usbip_protocol.rst, version 1.1.1): the
//! server that a kernel's `vhci-hcd`, or a driver for Windows, attaches.
//!
//! Its own protocol code, 300 lines, and not the crate `usbip` (0.9): that one brings tokio and two
//! libraries for real devices along, answers a transfer within its call, so that a pending interrupt
//! transfer or a slow key holds up the rest, and has no way to unlink or to abort one.
//!
//! One computer imports the device; another is told that it is busy, and may list it. TCP
//! authenticates nobody: the server is for the loopback address, and admits by the user at the other
//! end, as the kernel's table of connections has it. Somebody on another machine has no such user
//! and is refused unless [`Options::anybody`] says so.

mod control;
mod packet;
mod server;

pub use server::{Options, Server};

#[doc(hidden)]
pub use packet::fuzz;

#[cfg(test)]
mod tests;
