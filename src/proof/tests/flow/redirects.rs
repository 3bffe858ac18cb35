//! Redirects that are not this sign-in's.

use super::*;

/// What becomes of a redirect with this query, where `STATE` is the right state.
fn redirected(query: &str) -> Result<(), Refusal> {
    let b = bench(Client::default());
    let (flow, pairs) = b.begin();
    let query = query.replace("STATE", value(&pairs, "state"));
    let done = flow.finish(&Secret::new(format!("{BACK}?{query}").into_bytes())).map(drop);
    let asked = !b.script.seen.lock().unwrap().is_empty();
    assert_eq!(asked, done.is_ok(), "nothing is sent for a redirect that is refused");
    done
}

fn encoded(text: &str) -> String {
    let mut written = String::new();
    form::encode(text, &mut written);
    written
}

#[test]
fn state_is_compared_before_anything_else_is_believed() {
    let iss = encoded(ISSUER);
    assert_eq!(redirected(&format!("code=code-1&state=STATE&iss={iss}&other=x")), Ok(()));
    for query in [
        format!("code=code-1&iss={iss}"),
        format!("code=code-1&state=&iss={iss}"),
        format!("code=code-1&state=STATEx&iss={iss}"),
        format!("code=code-1&state={}&iss={iss}", "A".repeat(43)),
        "error=access_denied&state=wrong".to_owned(),
        "error=access_denied".to_owned(),
    ] {
        assert_eq!(redirected(&query), Err(Refusal::State), "{query}");
    }
}

#[test]
fn a_redirect_of_another_issuer_is_a_mix_up() {
    for query in [
        format!("code=code-1&state=STATE&iss={}", encoded("https://evil.example")),
        format!("code=code-1&state=STATE&iss={}x", encoded(ISSUER)),
        "code=code-1&state=STATE&iss=".to_owned(),
        "code=code-1&state=STATE".to_owned(),
        "error=access_denied&state=STATE".to_owned(),
    ] {
        assert_eq!(redirected(&query), Err(Refusal::RedirectIssuer), "{query}");
    }
}

#[test]
fn iss_is_not_missed_where_the_provider_does_not_announce_it() {
    let b = bench(Client::default());
    let metadata = json!({
        "issuer": ISSUER, "jwks_uri": KEYS_URL,
        "authorization_endpoint": AUTHORIZE, "token_endpoint": TOKEN,
    });
    b.script.documents.put(METADATA_URL, metadata.to_string());
    for (iss, wanted) in
        [("", Ok(())), ("&iss=https%3A%2F%2Fevil.example", Err(Refusal::RedirectIssuer))]
    {
        let (flow, pairs) = b.begin();
        let back = format!("{BACK}?code=code-1&state={}{iss}", value(&pairs, "state"));
        assert_eq!(flow.finish(&Secret::new(back.into_bytes())).map(drop), wanted);
    }
}

#[test]
fn the_providers_word_for_why_is_told_and_nothing_else_of_it() {
    let iss = encoded(ISSUER);
    let refused = |error: &str| {
        let query = format!("error={error}&error_description=dr+x&state=STATE&iss={iss}");
        redirected(&query).unwrap_err()
    };
    assert_eq!(refused("access_denied"), Refusal::SignIn("access_denied".to_owned()));
    assert_eq!(refused("login_required"), Refusal::SignIn("login_required".to_owned()));
    for strange in ["", "%3Cscript%3E", "555000000001", &"a".repeat(41)] {
        let word = "something that is no error of OAuth".to_owned();
        assert_eq!(refused(strange), Refusal::SignIn(word), "{strange}");
    }
}

#[test]
fn a_redirect_is_one_answer_in_one_form() {
    let iss = encoded(ISSUER);
    let twice = Refusal::Redirect("a parameter stands in it twice");
    for name in ["code=code-1", "state=STATE", &format!("iss={iss}"), "error=a&error=a"] {
        let query = format!("code=code-1&state=STATE&iss={iss}&{name}");
        assert_eq!(redirected(&query), Err(twice.clone()), "{query}");
    }
    let not_one = Refusal::Redirect("it has not one code");
    for query in [
        format!("state=STATE&iss={iss}"),
        format!("code=&state=STATE&iss={iss}"),
        format!("code=a%20b&state=STATE&iss={iss}"),
        format!("code=a%0d%0a&state=STATE&iss={iss}"),
        format!("code=code-1&error=access_denied&state=STATE&iss={iss}"),
    ] {
        assert_eq!(redirected(&query), Err(not_one.clone()), "{query}");
    }
    let malformed = Refusal::Redirect("its query is malformed or too long");
    assert_eq!(redirected("code=%zz&state=STATE"), Err(malformed.clone()));
    let long = format!("code={}&state=STATE", "a".repeat(form::LONGEST));
    assert_eq!(redirected(&long), Err(malformed));
}

#[test]
fn a_redirect_to_another_address_is_not_for_this_sign_in() {
    let other = Refusal::Redirect("it is not for this sign-in's redirect_uri");
    let b = bench(Client::default());
    for base in ["http://127.0.0.1:4712/callback", "http://127.0.0.1:4711/other", "", "x"] {
        let (flow, pairs) = b.begin();
        let back = format!("{base}?code=code-1&state={}", value(&pairs, "state"));
        assert_eq!(flow.finish(&Secret::new(back.into_bytes())).unwrap_err(), other, "{base}");
    }
    let (flow, _) = b.begin();
    assert_eq!(flow.finish(&Secret::copied_from(BACK.as_bytes())).unwrap_err(), other);
}

#[test]
fn the_code_of_another_sign_in_does_not_fit_this_ones_verifier() {
    let b = bench(Client::default());
    let (victim, pairs) = b.begin();
    // The attacker's own sign-in has got the code: its challenge is the attacker's.
    let (_attacker, _) = b.begin();
    let refusal = victim.finish(&Bench::redirect(&pairs, "code-1")).unwrap_err();
    assert_eq!(refusal, Refusal::TokenRequest(400, "invalid_grant".to_owned()));
    let (flow, pairs) = b.begin();
    let refusal = flow.finish(&Bench::redirect(&pairs, "code-2")).unwrap_err();
    assert_eq!(refusal, Refusal::TokenRequest(400, "invalid_grant".to_owned()));
}

#[test]
fn a_token_of_another_requests_nonce_is_refused() {
    let b = bench(Client::default());
    let other = Nonce::new(&[b"other"]).unwrap();
    let refusal = b.with_claims(json!({"nonce": other.as_str()})).unwrap_err();
    assert_eq!(refusal, Refusal::Nonce);
    let refusal = b.with_claims(json!({"iss": "https://evil.example"})).unwrap_err();
    assert_eq!(refusal, Refusal::Issuer);
    let refusal = b.with_claims(json!({"nonce": null})).unwrap_err();
    assert_eq!(refusal, Refusal::Missing(Claim::Nonce));
}

proptest::proptest! {
    #[test]
    fn hostile_redirects_never_panic(query in "[a-z0-9=&%+_.-]{0,120}") {
        proptest::prop_assert!(redirected(&query).is_err());
    }
}

#[test]
fn a_redirect_on_loopback_is_plain_http_without_a_query() {
    assert!(oidc::is_loopback_redirect("http://127.0.0.1:4711/callback"));
    for other in [
        "http://127.0.0.1:4711/callback?x",
        "https://127.0.0.1/callback",
        "https://sso.example/callback",
        "http://sso.example/callback",
        "wardcard:callback",
    ] {
        assert!(!oidc::is_loopback_redirect(other), "{other}");
    }
}
