//! Redirects, answers of token and userinfo endpoints, heads of HTTP, forms and logout tokens, as
//! anybody may send them.
#![no_main]

#[path = "../harness/flow.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|input: &[u8]| harness::flow(input));
