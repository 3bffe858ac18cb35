//! The provider against the verifier, over real HTTP.
#![cfg(feature = "http")]

use super::*;
use crate::{
    agent::http::{Http, Settings as HttpSettings},
    clock::{ManualClock, Time},
    proof::{Level, Nonce, Refusal, oidc},
};
use std::time::Duration;

struct Ends {
    provider: Provider,
    verifier: oidc::Provider,
    clock: Arc<ManualClock>,
    nonce: Nonce,
}

fn ends(kind: KeyKind) -> Ends {
    let clock = Arc::new(ManualClock::new(Time::from_unix_seconds(1_790_000_000)));
    let provider = Provider::start_with(clock.clone(), kind).unwrap();
    let settings = oidc::Settings::new(provider.issuer(), CLIENT_ID);
    settings.check().unwrap();
    let fetch = Arc::new(Http::new(&HttpSettings::default()).unwrap());
    let verifier = oidc::Provider::new(settings, fetch, clock.clone());
    Ends { provider, verifier, clock, nonce: Nonce::new(&[b"key"]).unwrap() }
}

impl Ends {
    fn token(&self) -> IdToken {
        self.provider.sign_in(self.nonce.as_str())
    }

    fn verify(&self, token: &str) -> Result<crate::proof::Assurance, Refusal> {
        self.verifier.verify(token.as_bytes(), &self.nonce)
    }
}

#[test]
fn a_sign_in_is_verified_over_http_with_each_kind_of_key() {
    for kind in [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384] {
        let ends = ends(kind);
        let assurance = ends.verify(&ends.token().sign().unwrap()).unwrap();
        assert_eq!(assurance.person.as_str(), PERSON);
        assert_eq!(assurance.authentication, Level(3));
        assert_eq!(assurance.methods, ["sc"]);
        let again = ends.verify(&ends.token().claim("acr", "AAL3_FIDO2").sign().unwrap()).unwrap();
        assert_eq!(again.context.as_deref(), Some("AAL3_FIDO2"));
        assert_eq!((ends.provider.metadata_fetches(), ends.provider.key_set_fetches()), (1, 1));
    }
}

#[test]
fn each_way_to_break_a_token_has_its_own_refusal() {
    let ends = ends(KeyKind::Rsa2048);
    let document = crate::proof::Document::Claims;
    for (how, refusal) in [
        (Break::Unsigned, Refusal::AlgorithmNone),
        (Break::Hmac, Refusal::AlgorithmHmac),
        (Break::OtherKey, Refusal::Signature),
        (Break::UnknownKey, Refusal::KeyUnknown),
        (Break::Signature, Refusal::Signature),
        (Break::Claims, Refusal::Signature),
        (Break::Duplicate, Refusal::Duplicate(document)),
        (Break::Encrypted, Refusal::Encrypted),
    ] {
        let token = ends.token().broken(how).unwrap();
        assert_eq!(ends.verify(&token).unwrap_err(), refusal, "{how:?}");
    }
    ends.verify(&ends.token().sign().unwrap()).unwrap();
}

#[test]
fn a_rotated_key_is_found_and_a_withdrawn_one_is_not() {
    let ends = ends(KeyKind::P256);
    let old = ends.token().sign().unwrap();
    ends.verify(&old).unwrap();
    ends.provider.rotate(false).unwrap();
    ends.clock.advance(Duration::from_secs(61));
    ends.verify(&ends.token().sign().unwrap()).unwrap();
    assert_eq!(ends.verify(&old).unwrap_err(), Refusal::KeyUnknown);
    assert_eq!(ends.provider.key_set_fetches(), 2);
    ends.provider.rotate(true).unwrap();
    assert_eq!(ends.provider.key_set().matches("kid").count(), 2);
}

#[test]
fn a_provider_that_is_down_says_so_and_comes_back() {
    let ends = ends(KeyKind::P256);
    ends.provider.set_down(true);
    let token = ends.token().sign().unwrap();
    let refusal = ends.verify(&token).unwrap_err();
    assert!(matches!(&refusal, Refusal::Unreachable(why) if why.contains("503")), "{refusal}");
    ends.provider.set_down(false);
    ends.clock.advance(Duration::from_secs(61));
    ends.verify(&token).unwrap();
}

#[test]
fn a_dropped_provider_is_gone() {
    let provider = Provider::start(Arc::new(ManualClock::default())).unwrap();
    let address = provider.issuer().split('/').nth(2).unwrap().to_owned();
    std::net::TcpStream::connect(&address).unwrap();
    drop(provider);
    // The listening socket closes a moment later, in the server's own thread.
    let gone = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(20));
        std::net::TcpStream::connect(&address).is_err()
    });
    assert!(gone);
}
