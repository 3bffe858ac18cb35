//! Each refusal by its name: no card, and nothing in the store but the mark of a used proof.

use super::*;
use crate::{crypto::KeyKind, proof};

type Change = fn(&mut Value);
type Answer = fn(&LocalIssuer, &Order) -> Result<Vec<Issued>, issue::Error>;

/// Runs a sign-in that must be refused, and answers why.
fn refused(running: &Running, source: PasscodeSource, change: Change) -> Refusal {
    running.derive_changed(source, change).unwrap_err()
}

#[test]
fn an_expired_request_is_refused_from_its_last_moment_on() {
    let running = World::new().run();
    for (wait, refused) in [(599_999, false), (600_000, true)] {
        let request = running.deriver.request().unwrap();
        running.clock.advance(Duration::from_millis(wait));
        assert_eq!(request.expires() <= running.clock.now(), refused);
        let token = running.token(request.nonce(), |_| ());
        let outcome = running.deriver.derive(request, token, given(true));
        assert_eq!(matches!(outcome, Err(Refusal::RequestExpired)), refused);
    }
    assert_eq!(running.rows(), [1, 1, 0], "the expired one left nothing");
}

#[test]
fn another_derivers_request_is_unknown() {
    let running = World::new().run();
    let other = World::new().run();
    let request = other.deriver.request().unwrap();
    let token = running.token(request.nonce(), |_| ());
    let outcome = running.deriver.derive(request, token, given(true));
    assert!(matches!(outcome, Err(Refusal::RequestUnknown)));
    assert_eq!(running.rows(), [0, 0, 0]);
}

#[test]
fn a_proof_that_does_not_stand_leaves_nothing_at_all() {
    let running = World::new().run();
    let cases: [(Change, proof::Refusal); 4] = [
        (|claims| claims["nonce"] = json!("another"), proof::Refusal::Nonce),
        (|claims| claims["aud"] = json!("another"), proof::Refusal::Audience),
        (|claims| claims["iss"] = json!("https://other.example"), proof::Refusal::Issuer),
        (|claims| claims["exp"] = json!(1), proof::Refusal::Expired),
    ];
    for (change, expected) in cases {
        let refusal = refused(&running, given(true), change);
        assert!(matches!(&refusal, Refusal::Proof(proof) if *proof == expected), "{refusal}");
    }
    assert_eq!((running.rows(), running.asked()), ([0, 0, 0], 0));
}

#[test]
fn a_sign_in_below_the_policy_names_the_rule_and_the_claim() {
    let mut world = World::new();
    world.policy.accepted_acr = vec!["AAL3_FIDO2".to_owned()];
    let running = world.run();
    let cases: [(Change, &str, &str); 4] = [
        (
            |claims| claims["authentication_assurance_level"] = json!(2),
            "policy.least_authentication",
            "the claim authentication_assurance_level is 2, the policy asks for 3",
        ),
        (
            |claims| claims["id_assurance_level"] = json!(2),
            "policy.least_identity",
            "the claim id_assurance_level is 2, the policy asks for 3",
        ),
        (|claims| claims["acr"] = json!("AAL3_IOS"), "policy.accepted_acr", "the claim acr"),
        (
            |claims| claims["auth_time"] = json!(claims["iat"].as_i64().unwrap() - 301),
            "policy.largest_age",
            "the claim auth_time is older than the 5m",
        ),
    ];
    for (change, rule, text) in cases {
        let refusal = refused(&running, given(true), change);
        let Refusal::Policy(shortfall) = &refusal else { panic!("{refusal}") };
        assert_eq!(shortfall.rule, rule);
        assert!(refusal.to_string().contains(text), "{refusal}");
        assert!(!refusal.to_string().contains(PERSON), "{refusal}");
    }
    assert_eq!((running.rows(), running.asked()), ([0, 0, 0], 0));
}

#[test]
fn the_token_of_another_request_is_refused_and_the_request_is_used_up() {
    let running = World::new().run();
    let first = running.deriver.request().unwrap();
    let second = running.deriver.request().unwrap();
    assert_ne!(first.nonce(), second.nonce());
    let token = running.token(first.nonce(), |_| ());
    let outcome = running.deriver.derive(second, token, given(false));
    assert!(matches!(outcome, Err(Refusal::Proof(proof::Refusal::Nonce))));
    assert_eq!(running.rows(), [0, 0, 0]);
}

#[test]
fn a_proof_makes_one_card_even_if_its_request_came_again() {
    let running = World::new().run();
    let request = running.deriver.request().unwrap();
    let Evidence::IdToken(token) = running.token(request.nonce(), |_| ()) else {
        unreachable!("a token")
    };
    // The same request twice cannot be had; its mark in the store can.
    let signed = proof::oidc::signed(token.expose()).unwrap();
    let now = running.clock.now();
    assert!(running.deriver.used.first_use(signed, now, now).unwrap());
    let outcome = running.deriver.derive(request, Evidence::IdToken(token), given(true));
    assert!(matches!(outcome, Err(Refusal::Proof(proof::Refusal::Replayed))));
    assert_eq!((running.rows(), running.asked()), ([1, 0, 0], 0));
}

#[test]
fn a_proof_is_marked_as_used_before_the_issuer_is_asked() {
    let mut world = World::new();
    world.store.broken = Some("used_proofs");
    let running = world.run();
    let refusal = refused(&running, given(true), |_| ());
    assert!(matches!(refusal, Refusal::Proof(proof::Refusal::Store(_))), "{refusal}");
    assert_eq!((running.rows(), running.asked()), ([0, 0, 0], 0));
}

#[test]
fn at_first_use_a_passcode_has_to_be_given() {
    let running = World::new().run();
    let refusal = refused(&running, PasscodeSource::Kept, |_| ());
    assert!(matches!(refusal, Refusal::PasscodeUnset), "{refusal}");
    assert_eq!((running.rows(), running.asked()), ([1, 0, 0], 0));
}

#[test]
fn a_passcode_of_another_shape_is_refused_however_it_comes() {
    let running = World::new().run();
    for passcode in ["12345", "123456789", "12345a", ""] {
        let passcode = Secret::copied_from(passcode.as_bytes());
        let refusal = running
            .derive(PasscodeSource::Given { passcode, keep: true })
            .expect_err("another shape");
        assert!(matches!(refusal, Refusal::PasscodeShape(_)), "{refusal}");
    }
    let rule = PasscodeRule { min: 4, max: 4, digits_only: true };
    let verifier = Verifier::new(rule, &Secret::copied_from(b"2468")).unwrap();
    let refusal =
        running.derive(PasscodeSource::Prepared { verifier, keep: true }).expect_err("weaker rule");
    assert!(matches!(refusal, Refusal::PasscodeShape(_)), "{refusal}");
    assert_eq!((running.rows(), running.asked()), ([5, 0, 0], 0));
}

#[test]
fn sign_in_does_not_stand_for_the_passcode_of_a_content_commitment_key() {
    let mut world = World::new();
    world.policy.content_commitment = true;
    let running = world.run();
    let refusal = refused(&running, PasscodeSource::SignIn, |_| ());
    assert!(matches!(refusal, Refusal::NothingToAsk));
    assert_eq!((running.rows(), running.asked()), ([0, 0, 0], 0));
    assert_eq!(running.derive(given(false)).unwrap().card.slots().len(), 2);
}

#[test]
fn after_the_cis1_end_date_there_is_neither_a_request_nor_a_card() {
    let running = World::new().run();
    let end = running.deriver.policy().cis1_end;
    running.clock.set(end.minus(Duration::from_secs(10)));
    let request = running.deriver.request().unwrap();
    running.clock.set(end);
    assert!(matches!(running.deriver.request(), Err(Refusal::CisOneEnded(at)) if at == end));
    let token = running.token(request.nonce(), |_| ());
    let refusal = running.deriver.derive(request, token, given(true)).unwrap_err();
    assert!(matches!(refusal, Refusal::CisOneEnded(at) if at == end));
    assert!(refusal.to_string().contains("CIS1 end date"), "{refusal}");
    assert_eq!((running.rows(), running.asked()), ([0, 0, 0], 0));
}

#[test]
fn a_life_that_is_over_before_it_began_is_refused() {
    let mut world = World::new();
    world.policy.lifetime = Duration::from_secs(5);
    let running = world.run();
    let refusal = refused(&running, given(true), |_| ());
    assert!(matches!(refusal, Refusal::LifetimeOver), "{refusal}");
    assert_eq!((running.rows(), running.asked()), ([0, 0, 0], 0));
}

#[test]
fn an_issuer_that_refuses_or_is_away_leaves_no_card() {
    let faults: [Answer; 2] = [
        |_, _| Err(issue::Error::Unreachable("nobody there".to_owned())),
        |_, _| Err(issue::Error::Refused("not today".to_owned())),
    ];
    for fault in faults {
        let mut world = World::new();
        world.issuer.fault = fault;
        let running = world.run();
        let refusal = refused(&running, given(true), |_| ());
        assert!(matches!(refusal, Refusal::Issuer(_)), "{refusal}");
        assert_eq!((running.rows(), running.asked()), ([1, 0, 0], 1));
    }
}

#[test]
fn a_passcode_that_cannot_be_kept_leaves_no_card() {
    let mut world = World::new();
    world.store.broken = Some("kept_passcodes");
    let running = world.run();
    let refusal = refused(&running, given(true), |_| ());
    assert!(matches!(refusal, Refusal::Store(_)), "{refusal}");
    assert_eq!(running.rows(), [1, 0, 0]);
}

#[test]
fn the_token_chooses_its_provider_among_several() {
    let world = World::new();
    let (clock, key) = (Arc::clone(&world.clock), PrivateKey::generate(KeyKind::P256).unwrap());
    let mut running = world.run();
    let other = "https://second.example";
    running.deriver.sources.providers.push(provider(other, &key, &clock));

    let derived = running.derive(given(false)).unwrap();
    assert_eq!(derived.assurance.source, proof::Source::Oidc(PROVIDER.to_owned()));

    // Named but not signed by: the named one's key decides.
    let refusal = running
        .derive_changed(given(false), |claims| claims["iss"] = json!(other))
        .expect_err("signed by the first provider");
    assert!(matches!(refusal, Refusal::Proof(proof::Refusal::Signature)), "{refusal}");
    let refusal = running
        .derive_changed(given(false), |claims| claims["iss"] = json!("https://third.example"))
        .expect_err("no such provider");
    assert!(matches!(refusal, Refusal::Proof(proof::Refusal::ProviderUnknown)), "{refusal}");

    running.provider_key = key;
    let derived =
        running.derive_changed(given(false), |claims| claims["iss"] = json!(other)).unwrap();
    assert_eq!(derived.assurance.source, proof::Source::Oidc(other.to_owned()));
}
