//! Real programs, test suites and language wrappers of the field use a card.
//!
//! Each test has a provider, an issuer, an agent or a store of its own; the programs load the
//! module of this build in processes of their own, on loopback, in a private folder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

#[path = "../common/mod.rs"]
mod common;

mod cryptoki_crate;
mod gnutls;
mod java;
mod languages;
mod nss;
mod ssh;
mod suites;
mod tls;
