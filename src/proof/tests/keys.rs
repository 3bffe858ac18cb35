//! Key sets and which of their keys serves.

use super::*;
use crate::proof::{Document, KeyFault};

fn text() -> String {
    claims(json!({})).to_string()
}

/// What becomes of an RS256 token of kid `k1` with this key set.
fn with_set(keys: &[Value]) -> Result<(), Refusal> {
    with_keys(keys).verify(sign(&claims(json!({}))).as_bytes(), &nonce()).map(|_| ())
}

fn faulty(extra: Value) -> Result<(), Refusal> {
    with_set(&[jwk("k1", rsa(), extra)])
}

#[test]
fn a_key_serves_only_for_what_it_says() {
    assert_eq!(faulty(json!({})), Ok(()));
    assert_eq!(faulty(json!({"alg": "RS256"})), Ok(()));
    for alg in ["PS256", "RS384", "RSA-OAEP"] {
        assert_eq!(faulty(json!({"alg": alg})), Err(Refusal::Key(KeyFault::Algorithm)));
    }
    assert_eq!(faulty(json!({"use": "sig"})), Ok(()));
    for other in [json!("enc"), json!(1), json!("")] {
        assert_eq!(faulty(json!({"use": other})), Err(Refusal::Key(KeyFault::Use)));
    }
    assert_eq!(faulty(json!({"key_ops": ["sign", "verify"]})), Ok(()));
    for other in [json!(["encrypt"]), json!([]), json!(1)] {
        assert_eq!(faulty(json!({"key_ops": other})), Err(Refusal::Key(KeyFault::Use)));
    }
}

#[test]
fn an_rs256_key_does_not_verify_ps256_and_a_curve_is_its_own() {
    let token = sign_raw(r#"{"alg":"PS256","kid":"k1"}"#, &text(), rsa(), "PS256");
    let refusal = verify(&token).unwrap_err();
    assert_eq!(refusal, Refusal::Key(KeyFault::Algorithm));
    let p384 = with_keys(&[jwk("k1", key(KeyKind::P384), json!({}))]);
    let token = sign_raw(r#"{"alg":"ES256","kid":"k1"}"#, &text(), key(KeyKind::P256), "ES256");
    let refusal = p384.verify(token.as_bytes(), &nonce()).unwrap_err();
    assert_eq!(refusal, Refusal::Key(KeyFault::Type));
    let lying = with_keys(&[jwk("k1", key(KeyKind::P384), json!({"crv": "P-256"}))]);
    let refusal = lying.verify(token.as_bytes(), &nonce()).unwrap_err();
    assert_eq!(refusal, Refusal::Key(KeyFault::Malformed));
}

#[test]
fn weak_and_malformed_keys_are_named() {
    let weak = |bytes: Vec<u8>| faulty(json!({"n": b64(bytes)}));
    assert_eq!(weak(vec![0xff; 128]), Err(Refusal::Key(KeyFault::Weak)));
    assert_eq!(weak(vec![]), Err(Refusal::Key(KeyFault::Weak)));
    assert_eq!(weak(vec![0; 256]), Err(Refusal::Key(KeyFault::Weak)));
    let mut bits_2047 = vec![0xff; 256];
    bits_2047[0] = 0x7f;
    assert_eq!(weak(bits_2047.clone()), Err(Refusal::Key(KeyFault::Weak)));
    bits_2047.insert(0, 0);
    assert_eq!(weak(bits_2047), Err(Refusal::Key(KeyFault::Weak)));
    let mut even = vec![0xff; 256];
    even[255] = 0xfe;
    assert_eq!(weak(even), Err(Refusal::Key(KeyFault::Malformed)));
    for extra in [
        json!({"n": null}),
        json!({"e": null}),
        json!({"n": 1}),
        json!({"n": "a b"}),
        json!({"e": b64([2])}),
        json!({"e": ""}),
    ] {
        assert_eq!(faulty(extra.clone()), Err(Refusal::Key(KeyFault::Malformed)), "{extra}");
    }
}

#[test]
fn points_are_whole_and_on_their_curve() {
    let good = key(KeyKind::P256).public().ec_point().unwrap();
    let (x, y) = good[1..].split_at(32);
    let zero_first = [&[0], x].concat();
    let token = sign_raw(r#"{"alg":"ES256","kid":"k1"}"#, &text(), key(KeyKind::P256), "ES256");
    let outcome = |extra| {
        let provider = with_keys(&[jwk("k1", key(KeyKind::P256), extra)]);
        provider.verify(token.as_bytes(), &nonce()).map(|_| ())
    };
    assert_eq!(outcome(json!({})), Ok(()));
    for extra in [
        json!({"x": b64(zero_first)}),
        json!({"y": b64(&y[..31])}),
        // One byte moved from y to x: the length of the whole is right.
        json!({"x": b64([x, &y[..1]].concat()), "y": b64(&y[1..])}),
        json!({"x": b64([x, y].concat()), "y": ""}),
        json!({"x": b64([7; 32])}),
        json!({"y": null}),
        json!({"x": null}),
    ] {
        assert_eq!(outcome(extra.clone()), Err(Refusal::Key(KeyFault::Malformed)), "{extra}");
    }
    assert_eq!(outcome(json!({"crv": "secp256k1"})), Err(Refusal::KeyUnknown));
    assert_eq!(outcome(json!({"kty": "OKP"})), Err(Refusal::KeyUnknown));
    let p521 = json!({"crv": "P-521", "x": b64([1; 66]), "y": b64([2; 66])});
    assert_eq!(outcome(p521), Err(Refusal::Key(KeyFault::Malformed)));
}

#[test]
fn a_shared_secret_in_the_set_is_no_key() {
    let secret = json!({"kty": "oct", "kid": "k1", "k": b64("secret")});
    assert_eq!(with_set(std::slice::from_ref(&secret)), Err(Refusal::KeyUnknown));
    assert_eq!(with_set(&[secret, jwk("k1", rsa(), json!({}))]), Ok(()));
}

#[test]
fn the_kid_chooses_and_no_other_key_stands_in() {
    let other = PrivateKey::generate(KeyKind::P256).unwrap();
    let own = jwk("k1", rsa(), json!({}));
    assert_eq!(with_set(&[jwk("k0", &other, json!({})), own.clone()]), Ok(()));
    assert_eq!(with_set(&[jwk("k0", rsa(), json!({}))]), Err(Refusal::KeyUnknown));
    assert_eq!(with_set(&[jwk("k1", rsa(), json!({"kid": null}))]), Err(Refusal::KeyUnknown));
    // Several keys of one kid: the one that fits, whatever stands first.
    assert_eq!(with_set(&[jwk("k1", &other, json!({})), own.clone()]), Ok(()));
    assert_eq!(with_set(&[own.clone(), jwk("k1", &other, json!({}))]), Ok(()));
    let wrong = jwk("k1", rsa(), json!({"n": b64([0xff; 256])}));
    assert_eq!(with_set(&[wrong.clone(), own]), Ok(()));
    assert_eq!(with_set(&[wrong, jwk("k1", &other, json!({}))]), Err(Refusal::Signature));
}

#[test]
fn without_kid_the_only_key_is_meant() {
    let token = sign_raw(r#"{"alg":"RS256"}"#, &text(), rsa(), "RS256");
    let own = jwk("k1", rsa(), json!({}));
    let outcome = |keys: &[Value]| with_keys(keys).verify(token.as_bytes(), &nonce()).map(|_| ());
    assert_eq!(outcome(std::slice::from_ref(&own)), Ok(()));
    assert_eq!(outcome(&[own.clone(), jwk("k2", rsa(), json!({}))]), Err(Refusal::KeyUnknown));
    assert_eq!(outcome(&[]), Err(Refusal::KeyUnknown));
}

#[test]
fn a_key_set_that_is_none_is_refused() {
    for (set, refusal) in [
        ("", Refusal::NotJson(Document::KeySet)),
        ("{}", Refusal::NotJson(Document::KeySet)),
        (r#"{"keys":{}}"#, Refusal::NotJson(Document::KeySet)),
        (r#"{"keys":[],"keys":[]}"#, Refusal::Duplicate(Document::KeySet)),
        (r#"{"keys":[{"kid":"a","kid":"b"}]}"#, Refusal::Duplicate(Document::KeySet)),
    ] {
        let settings = settings(Some(set.to_owned()));
        assert_eq!(settings.check().unwrap_err(), refusal, "{set}");
        let provider = oidc::Provider::new(settings, Arc::new(Documents::default()), clock());
        let token = sign(&claims(json!({})));
        assert_eq!(provider.verify(token.as_bytes(), &nonce()).unwrap_err(), refusal, "{set}");
    }
    let padded = |length: usize| format!("{{\"keys\":[]{}}}", " ".repeat(length - 11));
    assert_eq!(settings(Some(padded(256 * 1024))).check(), Ok(()));
    let long = settings(Some(padded(256 * 1024 + 1)));
    assert_eq!(long.check(), Err(Refusal::NotJson(Document::KeySet)));
    assert_eq!(with_set(&[json!(1), json!({}), jwk("k1", rsa(), json!({}))]), Ok(()));
}
