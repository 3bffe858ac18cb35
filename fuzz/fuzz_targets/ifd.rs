//! Greetings and frames between the IFD handler and an agent, and the table of connections by which
//! a peer's user is found.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    wardcard::reader::ifd::fuzz(input);
    if let Ok(text) = std::str::from_utf8(input) {
        wardcard::net::fuzz_table(text);
    }
});
