//! A provider that hangs: nobody waits longer than for one answer, and keys at hand go on.

use super::*;
use std::time::Instant;

#[test]
fn a_provider_that_hangs_is_waited_for_once_and_keys_at_hand_serve_meanwhile() {
    const HANGS: Duration = Duration::from_millis(600);
    let documents = Arc::new(Documents { slow: HANGS, ..Documents::default() });
    *documents.down.lock().unwrap() = true;
    let provider = oidc::Provider::new(settings(None), documents.clone(), clock());
    let begin = || {
        let asked = oidc::Asked::default();
        oidc::Flow::begin(&provider, &nonce(), "http://127.0.0.1:4711/callback", &asked)
    };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| assert!(matches!(begin(), Err(Refusal::Unreachable(_)))));
        }
    });
    assert!(begun.elapsed() < HANGS * 3, "{:?}", begun.elapsed());
    assert!(documents.asked_for(METADATA_URL) <= 2, "one waits, the others with it");

    // With its keys at hand a token is judged while metadata are waited for.
    *documents.down.lock().unwrap() = false;
    documents.put(METADATA_URL, json!({"issuer": ISSUER, "jwks_uri": KEYS_URL}).to_string());
    documents.put(KEYS_URL, set_of(&[jwk("k1", rsa(), json!({}))]));
    let header = r#"{"alg":"RS256","kid":"k1"}"#;
    let token = sign_raw(header, &claims(json!({})).to_string(), rsa(), "RS256");
    let verify = || provider.verify(token.as_bytes(), &nonce()).map(drop);
    verify().unwrap();
    std::thread::scope(|scope| {
        let unknown = sign_raw(
            r#"{"alg":"RS256","kid":"x"}"#,
            &claims(json!({})).to_string(),
            rsa(),
            "RS256",
        );
        let provider = &provider;
        scope.spawn(move || provider.verify(unknown.as_bytes(), &nonce()).unwrap_err());
        let begun = Instant::now();
        for _ in 0..20 {
            verify().unwrap();
        }
        assert!(begun.elapsed() < HANGS, "{:?}", begun.elapsed());
    });
}
