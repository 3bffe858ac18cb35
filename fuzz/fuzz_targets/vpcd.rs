//! A driver of vsmartcard-vpcd that says anything.
#![no_main]

#[path = "../harness/echo.rs"]
mod echo;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    wardcard::reader::vpcd::fuzz(&echo::Echo::default(), input);
});
