//! A message of the host's endpoint, from either side: what is read is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardcard::agent::host::message::{Ask, Reply};

fuzz_target!(|content: &[u8]| {
    if let Ok(ask) = serde_json::from_slice::<Ask>(content) {
        let text = serde_json::to_vec(&ask).unwrap();
        serde_json::from_slice::<Ask>(&text).expect("an own question is read");
    }
    if let Ok(reply) = serde_json::from_slice::<Reply>(content) {
        let text = serde_json::to_vec(&reply).unwrap();
        serde_json::from_slice::<Reply>(&text).expect("an own answer is read");
    }
});
