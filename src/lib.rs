#![doc = include_str!("../README.md")]
//!
//! # The house
//!
//! A clinician signs in once, strongly. The SSO agent hands the proof over and gets a card for the
//! session, which legacy programs meet through one of four faces:
//!
//! ```text
//!   application            application         SSO agent           another machine
//!       | C_*                  | PC/SC             | wardcard_*          | p11-kit RPC
//!   +---v----------------------v-------------------v---------------------v---+
//!   |  ffi                  reader, piv           ffi                  wire   |
//!   |      pkcs11 (Cryptoki)      apdu (Icc)            agent (composition)   |
//!   |          \                   |                  /        \              |
//!   |           +------------->  card  <-------------+       derive           |
//!   |                          (Gate, Permit)               /     \           |
//!   |                                                   proof     issue       |
//!   |       crypto    pki    store    net    secret    clock    tlv           |
//!   +------------------------------------------------------------------------+
//! ```
//!
//! A module imports only what its row lists; `tests/layers.rs` reads this table and enforces it.
//!
//! | module | holds | imports |
//! |---|---|---|
//! | `secret` | erased values, passcodes, locked memory, process hardening; users, files that are theirs alone | |
//! | `clock` | time as a value | |
//! | `tlv` | BER-TLV | |
//! | `crypto` | keys, schemes, digests, random, seal and unseal; back ends `aws_lc`, `rustcrypto` | `secret` |
//! | `pki` | certificate profiles as data, builder, requests, CRL, path validation, CMS | `crypto` `secret` `clock` |
//! | `net` | addresses, listeners, connections, peer identity | `crypto` `pki` `secret` `clock` |
//! | `store` | transactions over sealed tables: memory, SQLite; chained logs | `crypto` `secret` `clock` |
//! | `card` | the card: keys in their slots, certificates, passcode and tries, life cycle, gate | `pki` `crypto` `store` `secret` `clock` |
//! | `proof` | evidence to assurance; no I/O (a `Fetch` trait) | `pki` `crypto` `store` `secret` `clock` |
//! | `issue` | issuers: local, remote | `pki` `crypto` `store` `net` `secret` `clock` |
//! | `derive` | request, proof, policy, issuer: a card, or the reason why not | `proof` `issue` `card` `pki` `crypto` `store` `net` `secret` `clock` |
//! | `pkcs11` | Cryptoki's meaning without a pointer; trait `Cryptoki` | `card` `pki` `crypto` `secret` `clock` |
//! | `wire` | p11-kit RPC: server over any `Cryptoki`, client that is one | `pkcs11` `net` `secret` `clock` |
//! | `apdu` | ISO 7816-4 commands, responses, chaining, status words; trait `Icc` | `tlv` |
//! | `piv` | the PIV applet: an `Icc` over a card | `apdu` `card` `pki` `crypto` `tlv` `secret` `clock` |
//! | `reader` | CCID, vpcd, USB/IP, VSCARD, IFD handler: bytes to any `Icc` | `apdu` `net` `secret` `clock` |
//! | `agent` | composition root: cards of people, gate, audit, endpoints, configuration | all above |
//! | `testkit` | provider, issuer, clock, card in one call | all above |
//! | `ffi` `cli` | panics, pointers, handles and the exported tables; the program | all above |
//! | `manual` | documentation only | |
//!
//! Start with [`manual`]; the way of one signature is [`manual::signature`], what an attacker can
//! and cannot do is [`manual::threat_model`].
//!
//! Nothing starts a thread, opens a file or touches the network when the library is loaded.

#![deny(unsafe_code)]

// Parts of the tests are shared with those in `tests`, which name the crate.
#[cfg(test)]
extern crate self as wardcard;

pub mod agent;
pub mod apdu;
pub mod card;
pub mod clock;
pub mod crypto;
pub mod derive;
pub mod ffi;
pub mod issue;
pub mod manual;
pub mod net;
pub mod piv;
pub mod pkcs11;
pub mod pki;
pub mod proof;
pub mod reader;
pub mod secret;
pub mod store;
pub mod tlv;
pub mod wire;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "testkit")]
pub mod testkit;
