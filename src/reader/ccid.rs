//! A USB CCID device with one slot (Universal Serial Bus, Device Class: Smart Card, CCID, Revision
//! 1.1), over an [`Icc`](crate::apdu::Icc).
//!
//! | part | holds |
//! |---|---|
//! | [`descriptor`] | what the device says of itself |
//! | [`message`] | the bulk messages (section 6), read in full or answered with the place of the error |
//! | [`Machine`] | one slot: which message is answered how; no I/O, no clock |
//! | [`Device`] | a machine with the card's own thread, waiting for both pipes |
//!
//! Exchange is at the level of extended APDUs; parameters, voltage, clock and speed are the device's
//! own affair. Left out, and answered as not supported: PIN pads (Secure), Escape, the mechanical
//! part, stopping the clock.

pub mod descriptor;
mod device;
mod machine;
pub mod message;

pub use device::Device;
pub use machine::{Done, Machine, Step, Work};

#[cfg(test)]
mod tests;
