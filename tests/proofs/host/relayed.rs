//! Tokens that a host relays.

use super::*;

#[test]
fn a_token_is_relayed_with_the_hosts_word_and_counts_as_the_providers() {
    let world = usual();
    for token in [id_token(&json!({})), id_token(&json!({"nonce": null}))] {
        let accepted = world.relay(&token, &world.relaying(&token, &json!({}))).unwrap();
        let assurance = accepted.assurance;
        assert_eq!(assurance.binding, Binding::Relayed);
        assert_eq!(assurance.source, Source::Oidc(ISSUER.to_owned()));
        assert_eq!(assurance.beside, [Source::Host(HOST.to_owned())]);
        assert_eq!(assurance.authentication, Level(3), "the provider's, not the host's");
    }
    // The token itself works once, whoever relays it.
    let token = id_token(&json!({}));
    let relay = || world.relay(&token, &world.relaying(&token, &json!({}))).unwrap();
    world.used.first_use_of_all(&[relay()], now()).unwrap();
    assert_eq!(world.used.first_use_of_all(&[relay()], now()), Err(Refusal::Replayed));
}

#[test]
fn relayed_tokens_are_verified_in_full_and_the_word_is_for_them_alone() {
    let world = usual();
    let token = id_token(&json!({}));
    let refused = |token: &str, word: &str| world.relay(token, word).unwrap_err();
    let other = id_token(&json!({"sub": "555000000002"}));
    assert_eq!(refused(&other, &world.relaying(&token, &json!({}))), Fault::TokenHash.into());
    for hash in [json!(null), json!(1), json!(""), json!("AAAA")] {
        let word = world.relaying(&token, &json!({ "token_hash": hash }));
        assert_eq!(refused(&token, &word), Fault::TokenHash.into());
    }
    let stale = world.relaying(&token, &json!({"nonce": "another"}));
    assert_eq!(refused(&token, &stale), form(Refusal::Nonce));
    let vouching = jws(&header(&json!({})), &world.claims(&json!({})), ec());
    assert_eq!(refused(&token, &vouching), form(Refusal::Type));
    assert_eq!(world.accept(&world.relaying(&token, &json!({}))).unwrap_err(), form(Refusal::Type));
    let at = now().unix_seconds();
    for (extra, refusal) in [
        (json!({"exp": at - 60}), Refusal::Expired),
        (json!({"aud": "another"}), Refusal::Audience),
        (json!({"iss": "https://evil.example"}), Refusal::Issuer),
        (json!({"sub": "1"}), Refusal::Shape(Claim::Subject)),
    ] {
        let token = id_token(&extra);
        assert_eq!(refused(&token, &world.relaying(&token, &json!({}))), refusal);
    }
    let forged = PrivateKey::generate(KeyKind::P256).unwrap();
    let token = jws(&json!({"alg": "ES256", "kid": "p1"}), &json!({"iss": ISSUER}), &forged);
    let word = world.relaying(&token, &json!({}));
    assert_eq!(refused(&token, &word), Refusal::Signature);
    // As an ID token of its own it is bound to nothing here.
    let evidence = Evidence::IdToken(Secret::copied_from(id_token(&json!({})).as_bytes()));
    assert_eq!(world.sources.accept(&evidence, &world.nonce).unwrap_err(), Refusal::Nonce);
}

#[test]
fn a_host_relays_and_vouches_only_where_it_may() {
    let mut only_vouches = settings(&[jwk("h1", ec(), &json!({}))]);
    only_vouches.relays.clear();
    let one = world(only_vouches);
    let token = id_token(&json!({}));
    let refused = one.relay(&token, &one.relaying(&token, &json!({}))).unwrap_err();
    assert_eq!(refused, Fault::Relay.into());
    let mut only_relays = settings(&[jwk("h1", ec(), &json!({}))]);
    only_relays.vouches = false;
    let one = world(only_relays);
    one.relay(&token, &one.relaying(&token, &json!({}))).unwrap();
    let word = jws(&header(&json!({})), &one.claims(&json!({})), ec());
    assert_eq!(one.accept(&word).unwrap_err(), Fault::Vouch.into());
}
