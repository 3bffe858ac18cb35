//! Logout tokens, each rule broken in turn.

use super::*;
use crate::{
    proof::{Claim, Used},
    store::MemoryStore,
};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn told(extra: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": CLIENT, "iat": NOW - 1, "exp": NOW + 120, "jti": "one",
        "sid": "s1", "sub": PERSON, "events": {EVENT: {}},
    });
    merge(&mut claims, extra);
    claims
}

const HEADER: &str = r#"{"alg":"RS256","typ":"logout+jwt","kid":"k1"}"#;

fn logout(extra: Value) -> String {
    sign_raw(HEADER, &told(extra).to_string(), rsa(), "RS256")
}

fn judged(extra: Value) -> Result<oidc::Logout, Refusal> {
    verifier().verify_logout(logout(extra).as_bytes())
}

#[test]
fn a_whole_logout_token_tells_who_has_signed_out() {
    let told = judged(json!({})).unwrap();
    assert_eq!(told.issuer, ISSUER);
    assert_eq!(told.session.as_deref(), Some("s1"));
    assert_eq!(told.person.unwrap().as_str(), PERSON);
    assert_eq!(told.issued, Time::from_unix_seconds(NOW - 1));
    assert_eq!(told.until, Time::from_unix_seconds(NOW + 120 + LEEWAY));
    let only = judged(json!({"sub": null})).unwrap();
    assert_eq!((only.session.as_deref(), only.person), (Some("s1"), None));
    let person = judged(json!({"sid": null})).unwrap();
    assert!(person.session.is_none() && person.person.is_some());
    let early = judged(json!({"iat": NOW + 59})).unwrap();
    assert_eq!(early.issued, Time::from_unix_seconds(NOW), "a clock ahead lengthens nothing");
}

#[test]
fn each_rule_of_a_logout_token_has_its_own_refusal() {
    for (extra, refusal) in [
        (json!({"iss": "https://other.example"}), Refusal::Issuer),
        (json!({"iss": null}), Refusal::Missing(Claim::Issuer)),
        (json!({"aud": "other"}), Refusal::Audience),
        (json!({"aud": [CLIENT, "other"]}), Refusal::AudienceUntrusted),
        (json!({"aud": null}), Refusal::Missing(Claim::Audience)),
        (json!({"exp": NOW - LEEWAY}), Refusal::Expired),
        (json!({"exp": null}), Refusal::Missing(Claim::Expiry)),
        (json!({"iat": NOW + LEEWAY + 1}), Refusal::IssuedInFuture),
        (json!({"iat": null}), Refusal::Missing(Claim::IssuedAt)),
        (json!({"jti": null}), Refusal::Missing(Claim::TokenId)),
        (json!({"jti": ""}), Refusal::Shape(Claim::TokenId)),
        (json!({"jti": 1}), Refusal::Shape(Claim::TokenId)),
        (json!({"nonce": nonce().as_str()}), Refusal::LogoutNonce),
        (json!({"nonce": 1}), Refusal::LogoutNonce),
        (json!({"events": null}), Refusal::Missing(Claim::Events)),
        (json!({"events": []}), Refusal::Shape(Claim::Events)),
        (json!({"events": {"other": {}}}), Refusal::Shape(Claim::Events)),
        (json!({"events": {EVENT: true}}), Refusal::Shape(Claim::Events)),
        (json!({"sub": "not a person"}), Refusal::Shape(Claim::Subject)),
        (json!({"sid": 1}), Refusal::Shape(Claim::Session)),
        (json!({"sid": null, "sub": null}), Refusal::LogoutOfNobody),
    ] {
        assert_eq!(judged(extra.clone()).unwrap_err(), refusal, "{extra}");
    }
}

#[test]
fn the_edges_of_its_times_are_the_leeways() {
    assert!(judged(json!({"exp": NOW - LEEWAY + 1})).is_ok());
    assert!(judged(json!({"iat": NOW + LEEWAY})).is_ok());
}

#[test]
fn type_algorithm_key_and_signature_are_those_of_every_token() {
    let with = |header: &str, key: &PrivateKey| {
        let token = sign_raw(header, &told(json!({})).to_string(), key, "RS256");
        verifier().verify_logout(token.as_bytes()).map(drop)
    };
    for typ in ["logout+jwt", "LOGOUT+JWT", "application/logout+jwt", "JWT"] {
        let header = format!(r#"{{"alg":"RS256","typ":"{typ}","kid":"k1"}}"#);
        assert_eq!(with(&header, rsa()), Ok(()), "{typ}");
    }
    assert_eq!(with(r#"{"alg":"RS256","kid":"k1"}"#, rsa()), Ok(()), "no type at all");
    for (header, refusal) in [
        (r#"{"alg":"RS256","typ":"at+jwt","kid":"k1"}"#, Refusal::Type),
        (r#"{"alg":"none","typ":"logout+jwt","kid":"k1"}"#, Refusal::AlgorithmNone),
        (r#"{"alg":"HS256","typ":"logout+jwt","kid":"k1"}"#, Refusal::AlgorithmHmac),
        (r#"{"alg":"RS256","typ":"logout+jwt","kid":"k2"}"#, Refusal::KeyUnknown),
        (r#"{"alg":"RS256","typ":"logout+jwt","kid":"k1","crit":["x"]}"#, Refusal::Header("crit")),
    ] {
        assert_eq!(with(header, rsa()), Err(refusal), "{header}");
    }
    let other = PrivateKey::generate(KeyKind::Rsa2048).unwrap();
    assert_eq!(with(HEADER, &other), Err(Refusal::Signature));
}

#[test]
fn an_id_token_is_no_logout_token_and_the_other_way_round() {
    let refusal = verifier().verify_logout(sign(&claims(json!({}))).as_bytes()).unwrap_err();
    assert_eq!(refusal, Refusal::LogoutNonce);
    let without = verifier().verify_logout(sign(&claims(json!({"nonce": null}))).as_bytes());
    assert_eq!(without.unwrap_err(), Refusal::Missing(Claim::Events));
    assert_eq!(verify(&logout(json!({}))).unwrap_err(), Refusal::Type);
    let plain = sign(&told(json!({})));
    assert_eq!(verify(&plain).unwrap_err(), Refusal::Missing(Claim::Nonce));
    // Not even where a token that is bound to nothing is accepted.
    let key_set = Some(set_of(&[jwk("k1", rsa(), json!({}))]));
    let settings = oidc::Settings { unbound: true, ..settings(key_set) };
    let lenient = oidc::Provider::new(settings, Arc::new(Documents::default()), clock());
    let refusal = lenient.verify(plain.as_bytes(), &nonce()).unwrap_err();
    assert_eq!(refusal, Refusal::Missing(Claim::AuthTime));
}

#[test]
fn a_logout_token_works_once_by_its_jti_whatever_else_it_says() {
    let used = Used::new(Arc::new(MemoryStore::new()));
    let once = |extra| verifier().verify_logout_once(logout(extra).as_bytes(), &used).map(drop);
    assert_eq!(once(json!({})), Ok(()));
    assert_eq!(once(json!({})), Err(Refusal::Replayed));
    assert_eq!(once(json!({"sid": "s2", "iat": NOW})), Err(Refusal::Replayed));
    assert_eq!(once(json!({"jti": "two"})), Ok(()));
}
