//! WebAuthn registrations and assertions, CBOR and COSE in them, as anybody may hand them in.
#![no_main]

#[allow(dead_code, reason = "one part of it is this target's")]
#[path = "../harness/proofs.rs"]
mod proofs;

libfuzzer_sys::fuzz_target!(|input: &[u8]| proofs::webauthn(input));
