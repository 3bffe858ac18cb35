//! Operations and commands of USB/IP, and what control transfers ask.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wardcard::reader::usbip::fuzz(input));
