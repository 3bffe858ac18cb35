//! An agent's configuration and certificate profiles (TOML).
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use wardcard::{agent::Config, pki::Profile};

fuzz_target!(|text: &str| {
    if let Err(problems) = Config::from_toml(text, Path::new("/nonexistent")) {
        assert!(!problems.problems.is_empty());
    }
    let _ = Profile::from_toml(text);
});
