//! One message of p11-kit's RPC in each version, run against a module without a card.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};
use wardcard::{
    card::{AdmitAll, Caller, Tray},
    pkcs11::{Cryptoki, Module},
    wire,
};

static MODULE: LazyLock<Module> = LazyLock::new(|| {
    let module = Module::new(Tray::new(1), Caller::default(), Arc::new(AdmitAll));
    module.initialize().unwrap();
    module
});

fuzz_target!(|input: (u8, &[u8])| {
    let (version, body) = input;
    // C_WaitForSlotEvent (call 65) would wait for an event that never comes.
    if body.get(..4) != Some(&65u32.to_be_bytes()) {
        wire::fuzz_message(body, version % 3, &*MODULE);
    }
});
