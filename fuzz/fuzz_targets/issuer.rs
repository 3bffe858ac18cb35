//! A frame's content of the protocol between an agent and its issuer, from either side.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| wardcard::issue::fuzz_protocol(content));
