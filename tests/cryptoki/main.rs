//! The module over real cards, in safe types and through the C table.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bare;
mod c_face;
mod cards;
mod client;
mod clients;
mod enrolled;
mod face;
mod interfaces;
mod objects;
mod rules;
mod sessions;
mod symmetric;
mod templates;
mod transport;
mod vectors;
