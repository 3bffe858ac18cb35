//! Proofs beside the ID token: WebAuthn, existing cards, the word of a host, relayed tokens. Each
//! forged, stale, replayed, downgraded, mixed-up or malformed one breaks another rule, is refused
//! with its own reason, and leaves nothing.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

mod authenticator;
mod c;
mod card;
#[path = "../common/mod.rs"]
mod common;
mod corpus;
mod der;
mod foreign;
mod host;
mod webauthn;
mod whole;

use wardcard::clock::Time;

/// The day of these tests: 2026-12-01.
fn now() -> Time {
    Time::parse_rfc3339("2026-12-01T08:00:00Z").unwrap()
}
