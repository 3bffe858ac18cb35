//! The form of a token, its header and its algorithm.

use super::*;
use crate::proof::{Document, KeyFault};
use proptest::prelude::*;

/// A token with this header, signed by RS256 whatever the header says.
fn with_header(header: &str) -> String {
    sign_raw(header, &claims(json!({})).to_string(), rsa(), "RS256")
}

#[track_caller]
fn header_refused(header: &str, refusal: Refusal) {
    assert_eq!(verify(&with_header(header)).unwrap_err(), refusal, "{header}");
}

#[test]
fn three_parts_and_nothing_else() {
    let token = sign(&claims(json!({})));
    verify(&token).unwrap();
    let three = Refusal::Malformed("it has not three parts");
    for wrong in ["", "x", "x.y", "a.b.c.d", "a.b.c.d.e.f"] {
        assert_eq!(verify(wrong).unwrap_err(), three, "{wrong}");
    }
    assert_eq!(verify(&format!("{token}.")).unwrap_err(), three);
    assert_eq!(verify("a.b.c.d.e").unwrap_err(), Refusal::Encrypted);
    assert_eq!(verify(&format!("{token}.x.y")).unwrap_err(), Refusal::Encrypted);
}

#[test]
fn base64url_in_its_one_spelling() {
    let token = sign(&claims(json!({})));
    let parts: Vec<&str> = token.split('.').collect();
    let base64 = Refusal::Malformed("a part is not base64url without padding");
    for index in 0..3 {
        for change in [
            |part: &str| format!("{part}="),
            |part: &str| format!("{part}\n"),
            |part: &str| format!(" {part}"),
            |part: &str| format!("{part}+"),
            |part: &str| format!("{part}/"),
        ] {
            let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            parts[index] = change(&parts[index]);
            assert_eq!(verify(&parts.join(".")).unwrap_err(), base64, "part {index}");
        }
    }
    // 256 bytes end in a character of which two bits count: the other three spellings of it are
    // refused, so that one signature is one token.
    let last = token.chars().last().unwrap();
    for other in "AQgw".chars().filter(|c| *c != last) {
        let next = char::from(other as u8 + 1);
        let token = format!("{}{next}", &token[..token.len() - 1]);
        assert_eq!(verify(&token).unwrap_err(), base64);
    }
}

#[test]
fn what_is_no_text_or_too_long_is_refused() {
    let bytes = verifier().verify(b"\xff.\xff.\xff", &nonce());
    assert_eq!(bytes.unwrap_err(), Refusal::Malformed("it is no text"));
    let longest = "a".repeat(64 * 1024);
    assert_ne!(verify(&longest).unwrap_err(), Refusal::TooLong);
    assert_eq!(verify(&format!("{longest}a")).unwrap_err(), Refusal::TooLong);
}

#[test]
fn none_and_hmac_are_refused_by_name() {
    for none in ["none", "None", "NONE", "nOnE"] {
        header_refused(&format!(r#"{{"alg":"{none}","kid":"k1"}}"#), Refusal::AlgorithmNone);
    }
    let unsigned = format!("{}.{}.", b64(r#"{"alg":"none"}"#), b64(claims(json!({})).to_string()));
    assert_eq!(verify(&unsigned).unwrap_err(), Refusal::AlgorithmNone);
    for hmac in ["HS256", "HS384", "HS512"] {
        header_refused(&format!(r#"{{"alg":"{hmac}","kid":"k1"}}"#), Refusal::AlgorithmHmac);
    }
}

#[test]
fn unknown_and_missing_algorithms_are_refused() {
    for alg in ["rs256", "RS1", "ES256K", "Ed448", "RSA-OAEP", "", "RS256 "] {
        header_refused(&format!(r#"{{"alg":"{alg}","kid":"k1"}}"#), Refusal::AlgorithmUnknown);
    }
    for header in [r#"{"kid":"k1"}"#, r#"{"alg":1}"#, r#"{"alg":["RS256"]}"#] {
        header_refused(header, Refusal::AlgorithmMissing);
    }
}

#[test]
fn an_algorithm_that_is_not_configured_is_refused() {
    let key_set = Some(set_of(&[jwk("k1", rsa(), json!({}))]));
    let settings = oidc::Settings { algorithms: vec!["PS256".to_owned()], ..settings(key_set) };
    let provider = oidc::Provider::new(settings, Arc::new(Documents::default()), clock());
    let refusal = provider.verify(sign(&claims(json!({}))).as_bytes(), &nonce()).unwrap_err();
    assert_eq!(refusal, Refusal::AlgorithmNotAccepted("RS256"));
    let token =
        sign_raw(r#"{"alg":"PS256","kid":"k1"}"#, &claims(json!({})).to_string(), rsa(), "PS256");
    provider.verify(token.as_bytes(), &nonce()).unwrap();
}

#[test]
fn header_members_that_change_the_meaning_are_refused() {
    for (member, value) in [
        ("crit", r#"["exp"]"#),
        ("crit", "[]"),
        ("crit", r#"["b64"]"#),
        ("b64", "false"),
        ("b64", "true"),
    ] {
        let header = format!(r#"{{"alg":"RS256","kid":"k1","{member}":{value}}}"#);
        header_refused(&header, Refusal::Header(member));
    }
    header_refused(r#"{"alg":"RS256","kid":1}"#, Refusal::Header("kid"));
}

#[test]
fn typ_is_jwt_or_absent() {
    for typ in ["JWT", "jwt"] {
        verify(&with_header(&format!(r#"{{"alg":"RS256","kid":"k1","typ":"{typ}"}}"#))).unwrap();
    }
    verify(&with_header(r#"{"alg":"RS256","kid":"k1"}"#)).unwrap();
    for typ in [r#""at+jwt""#, r#""logout+jwt""#, r#""JOSE""#, r#""""#, "1"] {
        header_refused(&format!(r#"{{"alg":"RS256","kid":"k1","typ":{typ}}}"#), Refusal::Type);
    }
}

#[test]
fn duplicate_header_members_are_refused() {
    for header in [
        r#"{"alg":"RS256","kid":"k1","alg":"RS256"}"#,
        r#"{"alg":"none","alg":"RS256","kid":"k1"}"#,
        r#"{"alg":"RS256","kid":"k2","kid":"k1"}"#,
        r#"{"alg":"RS256","kid":"k1","jwk":{"kty":"RSA","kty":"EC"}}"#,
    ] {
        header_refused(header, Refusal::Duplicate(Document::Header));
    }
    header_refused("[]", Refusal::NotJson(Document::Header));
    header_refused(r#"{"alg":"RS256"} "#.repeat(2).as_str(), Refusal::NotJson(Document::Header));
}

#[test]
fn keys_in_the_header_are_never_used() {
    let attacker = PrivateKey::generate(KeyKind::P256).unwrap();
    let own = jwk("k1", &attacker, json!({}));
    for header in [
        json!({"alg": "ES256", "kid": "k1", "jwk": own}),
        json!({"alg": "ES256", "kid": "k1", "jku": "https://attacker.example/keys"}),
        json!({"alg": "ES256", "kid": "k1", "x5u": "https://attacker.example/chain"}),
        json!({"alg": "ES256", "kid": "k1", "x5c": ["MAA="]}),
    ] {
        let documents = Arc::new(Documents::default());
        documents.put("https://attacker.example/keys", set_of(std::slice::from_ref(&own)));
        let key_set = set_of(&[jwk("k1", key(KeyKind::P256), json!({}))]);
        let provider = oidc::Provider::new(settings(Some(key_set)), documents.clone(), clock());
        let text = claims(json!({})).to_string();
        let token = sign_raw(&header.to_string(), &text, &attacker, "ES256");
        let refusal = provider.verify(token.as_bytes(), &nonce()).unwrap_err();
        assert_eq!(refusal, Refusal::Signature);
        assert!(documents.asked.lock().unwrap().is_empty());
        let token = sign_raw(&header.to_string(), &text, key(KeyKind::P256), "ES256");
        provider.verify(token.as_bytes(), &nonce()).unwrap();
    }
}

#[test]
fn every_bit_of_a_token_counts() {
    let token = sign(&claims(json!({})));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = Base64UrlUnpadded::decode_vec(signature).unwrap();
    for index in [0, 100, 255] {
        bytes[index] ^= 1;
        let broken = format!("{signed}.{}", b64(&bytes));
        assert_eq!(verify(&broken).unwrap_err(), Refusal::Signature);
        bytes[index] ^= 1;
    }
    for wrong in [&bytes[..255], &[bytes.as_slice(), &[0]].concat(), &[]] {
        let broken = format!("{signed}.{}", b64(wrong));
        assert_eq!(verify(&broken).unwrap_err(), Refusal::Signature);
    }
    let other = sign(&claims(json!({"sub": "555000000002"})));
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[1] = other.split('.').nth(1).unwrap();
    assert_eq!(verify(&parts.join(".")).unwrap_err(), Refusal::Signature);
    let header = b64(r#"{"alg":"RS256","kid":"k1"}"#);
    parts = token.split('.').collect();
    parts[0] = &header;
    assert_eq!(verify(&parts.join(".")).unwrap_err(), Refusal::Signature);
}

#[test]
fn every_algorithm_verifies_and_none_stands_in_for_another() {
    let kinds = [
        (KeyKind::Rsa2048, &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..]),
        (KeyKind::P256, &["ES256"][..]),
        (KeyKind::P384, &["ES384"][..]),
    ];
    for (kind, algorithms) in kinds {
        let verifier = with_keys(&[jwk("k1", key(kind), json!({}))]);
        for signs in algorithms {
            for says in
                ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
            {
                let header = format!(r#"{{"alg":"{says}","kid":"k1"}}"#);
                let token = sign_raw(&header, &claims(json!({})).to_string(), key(kind), signs);
                let outcome = verifier.verify(token.as_bytes(), &nonce()).map(|_| ());
                let expected = match says {
                    _ if says == *signs => Ok(()),
                    _ if algorithms.contains(&says) => Err(Refusal::Signature),
                    _ => Err(Refusal::Key(KeyFault::Type)),
                };
                assert_eq!(outcome, expected, "{signs} {says}");
            }
        }
    }
}

#[test]
fn debug_shows_nothing_of_a_token() {
    let token = sign(&claims(json!({})));
    let token =
        crate::proof::jose::Token::parse(crate::proof::jose::JWT, token.as_bytes(), |_| true)
            .unwrap();
    assert_eq!(format!("{token:?}"), "Token(RS256)");
}

#[test]
fn the_claimed_issuer_is_read_without_belief() {
    let token = sign(&claims(json!({"iss": "https://other.example"})));
    assert_eq!(oidc::claimed_issuer(token.as_bytes()).unwrap(), "https://other.example");
    let claim = crate::proof::Claim::Issuer;
    let without = sign(&claims(json!({"iss": null})));
    assert_eq!(oidc::claimed_issuer(without.as_bytes()).unwrap_err(), Refusal::Missing(claim));
    let number = sign(&claims(json!({"iss": 1})));
    assert_eq!(oidc::claimed_issuer(number.as_bytes()).unwrap_err(), Refusal::Shape(claim));
}

proptest! {
    #[test]
    fn hostile_tokens_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = verifier().verify(&bytes, &nonce());
    }

    #[test]
    fn hostile_headers_never_panic(header in "\\{(\"(alg|kid|typ|crit)\":(\"[A-Z0-9a-z]{0,6}\"|[0-9]|null),?){0,4}\\}") {
        let token = format!("{}.{}.{}", b64(&header), b64("{}"), b64("x"));
        let _ = verifier().verify(token.as_bytes(), &nonce());
    }
}
