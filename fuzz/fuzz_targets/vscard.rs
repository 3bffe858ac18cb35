//! A virtual machine that says anything over VSCARD.
#![no_main]

#[path = "../harness/echo.rs"]
mod echo;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    wardcard::reader::vscard::fuzz(&echo::Echo::default(), input);
});
