//! What a local issuer certifies, and what it refuses whatever the caller's policy said.

use super::*;
use crate::pki::{self, Usage};

/// Issues an order changed by `change` under `rules`; the reason of the refusal.
fn refused(rules: Rules, change: fn(&mut Order)) -> String {
    let clock = clock();
    let mut order = order(clock.now());
    change(&mut order);
    match issuer(&clock, rules).issue(&order) {
        Err(Error::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_makes_valid_certificates_of_the_person_that_signed_in() {
    let clock = clock();
    let issuer = issuer(&clock, both());
    let order = order(clock.now());
    let issued = issuer.issue(&order).unwrap();
    assert_eq!(issued.len(), 2);
    for (one, usage) in issued.iter().zip([Usage::DigitalSignature, Usage::NonRepudiation]) {
        let certificate = &one.certificate;
        assert_eq!(certificate.user_id(), Some(person()), "not who stands in the request");
        assert!(certificate.allows(usage));
        assert_eq!(certificate.not_before().to_string(), "2026-12-01T07:55:00Z");
        assert_eq!(certificate.not_after().to_string(), "2026-12-01T20:00:00Z");
        let mut chain = vec![certificate.clone()];
        chain.extend_from_slice(&one.chain);
        pki::validate(&chain, &issuer.roots().unwrap(), &[], clock.now()).unwrap();
    }
    let issuers: Vec<String> = issued.iter().map(|one| one.certificate.issuer_text()).collect();
    assert!(issuers[0].ends_with("CN=Wardcard Authentication G2"), "{issuers:?}");
    assert!(issuers[1].ends_with("CN=Wardcard Signing G2"), "{issuers:?}");
}

#[test]
fn a_weaker_sign_in_than_the_issuers_least_is_refused() {
    let reason = refused(both(), |order| order.assurance.authentication = Level(2));
    assert!(reason.contains("authentication assurance"), "{reason}");
    let reason = refused(both(), |order| order.assurance.identity = Level(2));
    assert!(reason.contains("identity assurance"), "{reason}");
}

#[test]
fn a_sign_in_of_the_future_is_refused_beyond_the_leeway() {
    let reason = refused(both(), |order| {
        order.assurance.authenticated_at =
            order.assurance.authenticated_at.plus(Duration::from_millis(60_001));
    });
    assert!(reason.contains("future"), "{reason}");
    let clock = clock();
    let mut order = order(clock.now());
    order.assurance.authenticated_at = clock.now().plus(Duration::from_secs(60));
    assert!(issuer(&clock, both()).issue(&order).is_ok());
}

#[test]
fn an_order_without_keys_or_with_a_slot_twice_is_refused() {
    let reason = refused(both(), |order| order.keys.clear());
    assert!(reason.contains("no key"), "{reason}");
    let reason = refused(both(), |order| order.keys[1].0 = KeySlot::Authentication);
    assert!(reason.contains("twice"), "{reason}");
}

#[test]
fn one_key_for_two_slots_is_refused() {
    let reason = refused(both(), |order| order.keys[1].1 = order.keys[0].1.clone());
    assert!(reason.contains("one key for two slots"), "{reason}");
}

#[test]
fn content_commitment_is_off_by_default() {
    let reason = refused(Rules::default(), |_| ());
    assert!(reason.contains("content_commitment"), "{reason}");
}

#[test]
fn a_request_without_possession_of_its_key_is_refused() {
    let reason = refused(both(), |order| {
        let last = order.keys[0].1.len() - 1;
        order.keys[0].1[last] ^= 1;
    });
    assert!(reason.contains("request"), "{reason}");
    let reason = refused(both(), |order| order.keys[0].1 = b"hostile".to_vec());
    assert!(reason.contains("request"), "{reason}");
}

#[test]
fn a_kind_of_key_that_is_not_listed_is_refused() {
    let rules = Rules { keys: vec![KeyKind::Rsa2048], ..both() };
    let reason = refused(rules, |_| ());
    assert!(reason.contains("kind"), "{reason}");
}

#[test]
fn a_certificate_ends_with_the_longest_life_from_the_sign_in() {
    let clock = clock();
    let rules = Rules { longest_life: Duration::from_secs(3600), ..both() };
    let issuer = issuer(&clock, rules);
    let mut order = order(clock.now().minus(Duration::from_secs(600)));
    let end = |order: &Order| issuer.issue(order).map(|all| all[0].certificate.not_after());
    assert_eq!(end(&order).unwrap().to_string(), "2026-12-01T08:50:00Z");
    order.not_after = Time::parse_rfc3339("2026-12-01T08:30:00.900Z").unwrap();
    assert_eq!(end(&order).unwrap().to_string(), "2026-12-01T08:30:00Z");
    order.assurance.authenticated_at = clock.now().minus(Duration::from_secs(3600));
    assert!(matches!(end(&order), Err(Error::Refused(reason)) if reason.contains("older")));
}

#[test]
fn an_order_that_has_ended_is_refused() {
    let reason = refused(both(), |order| order.not_after = order.assurance.authenticated_at);
    assert!(reason.contains("own end"), "{reason}");
}

#[test]
fn a_certificate_never_outlives_its_authority_nor_comes_before_it() {
    let clock = clock();
    let issuer =
        issuer(&clock, Rules { longest_life: Duration::from_secs(400 * 86_400), ..both() });
    let authority = issuer.authority(KeySlot::Authentication).certificate().clone();
    clock.set(authority.not_after().minus(Duration::from_secs(60)));
    let issued = issuer.issue(&order(clock.now())).unwrap();
    assert_eq!(issued[0].certificate.not_after(), authority.not_after());
    clock.set(authority.not_before().plus(Duration::from_secs(60)));
    let issued = issuer.issue(&order(clock.now())).unwrap();
    assert_eq!(issued[0].certificate.not_before(), authority.not_before());

    clock.set(authority.not_after());
    let late = issuer.issue(&order(clock.now()));
    assert!(matches!(late, Err(Error::Refused(reason)) if reason.contains("expired")));
    clock.set(authority.not_before().minus(Duration::from_secs(1)));
    let early = issuer.issue(&order(clock.now()));
    assert!(matches!(early, Err(Error::Refused(reason)) if reason.contains("not yet valid")));
}

#[test]
fn no_persons_number_stands_in_a_refusal() {
    for change in [
        (|order| order.assurance.authentication = Level(0)) as fn(&mut Order),
        |order| order.keys.clear(),
        |order| order.keys[0].1.clear(),
    ] {
        assert!(!refused(both(), change).contains("555000000001"));
    }
}
