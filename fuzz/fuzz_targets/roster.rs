//! A roster and a review's decisions (CSV).
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardcard::{
    clock::Time,
    derive::roster::{export, read, read_review},
};

fuzz_target!(|bytes: &[u8]| {
    match read(bytes) {
        // What was read comes back as it went out.
        Ok(entries) => assert_eq!(read(export(&entries).as_bytes()), Ok(entries)),
        Err(problems) => assert!(!problems.is_empty() && problems.len() <= 100),
    }
    if let Err(problems) = read_review(bytes, Time::from_unix_seconds(1_800_000_000)) {
        assert!(!problems.is_empty());
    }
});
