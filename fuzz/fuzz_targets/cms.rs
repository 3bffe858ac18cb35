//! A challenge response: S/MIME text and SignedData.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardcard::pki::cms;

fuzz_target!(|bytes: &[u8]| {
    let _ = cms::verify(bytes, b"challenge");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = cms::from_smime(text);
    }
});
