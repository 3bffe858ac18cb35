//! Our readers in Debian's pcscd, by the way of its own drivers and of ours: a real PC/SC
//! application on one side, a card of the test's own on the other.
//!
//! Each pcscd is the test's own: a temporary folder stands where it sees `/run/pcscd`, and it
//! is ended by its id. That needs root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test may end by panic, and print its figures"
)]

#[path = "../common/mod.rs"]
mod common;
mod pcsc;
#[path = "../common/slot.rs"]
mod slot;

#[cfg(feature = "testkit")]
mod agent;
mod ccid;
#[cfg(feature = "cli")]
mod command;
mod ifd;
#[cfg(feature = "testkit")]
mod python;
#[cfg(feature = "testkit")]
mod rate;
mod vpcd;
