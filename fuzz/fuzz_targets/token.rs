//! An ID token as a provider or an attacker may hand it in: read without and with a provider.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use wardcard::{
    clock::{ManualClock, Time},
    proof::{Fetch, Nonce, oidc},
};

#[derive(Debug)]
struct Nowhere;

impl Fetch for Nowhere {
    fn get(&self, _: &str, _: usize) -> Result<Vec<u8>, String> {
        Err("nothing is fetched here".to_owned())
    }
}

static PROVIDER: LazyLock<(oidc::Provider, Nonce)> = LazyLock::new(|| {
    let settings = oidc::Settings {
        refetch: Duration::ZERO,
        ..oidc::Settings::new("https://issuer.example", "client")
    };
    let clock = Arc::new(ManualClock::new(Time::from_unix_seconds(1_790_000_000)));
    let provider = oidc::Provider::new(settings, Arc::new(Nowhere), clock);
    (provider, Nonce::new(&[b"key"]).unwrap())
});

fuzz_target!(|token: &[u8]| {
    let _ = oidc::claimed_issuer(token);
    let _ = oidc::signed(token);
    let (provider, nonce) = &*PROVIDER;
    assert!(provider.verify(token, nonce).is_err(), "a token that nobody signed was accepted");
});
