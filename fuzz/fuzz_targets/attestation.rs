//! Attestations of hosts, signed or not.
#![no_main]

#[allow(dead_code, reason = "one part of it is this target's")]
#[path = "../harness/proofs.rs"]
mod proofs;

libfuzzer_sys::fuzz_target!(|input: &[u8]| proofs::attestation(input));
