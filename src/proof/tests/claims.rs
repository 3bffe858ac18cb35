//! Every claim, broken in turn.

use super::*;
use crate::proof::{Binding, Claim, Document, Level, Source};
use proptest::prelude::*;

#[test]
fn a_whole_token_gives_its_assurance() {
    let assurance = judged(json!({})).unwrap();
    assert_eq!(assurance.person.as_str(), PERSON);
    assert_eq!((assurance.authentication, assurance.identity), (Level(3), Level(3)));
    assert_eq!(assurance.context.as_deref(), Some("AAL3_ANY"));
    assert_eq!(assurance.methods, ["sc"]);
    assert_eq!(assurance.authenticated_at, Time::from_unix_seconds(NOW - 5));
    assert_eq!(assurance.source, Source::Oidc(ISSUER.to_owned()));
    assert_eq!(assurance.binding, Binding::Nonce);
    assert_eq!(assurance.session.as_deref(), Some("s1"));
}

#[test]
fn required_claims_are_missed_by_name() {
    for claim in [
        Claim::Issuer,
        Claim::Subject,
        Claim::Audience,
        Claim::Expiry,
        Claim::IssuedAt,
        Claim::AuthTime,
        Claim::Nonce,
        Claim::AuthenticationLevel,
        Claim::IdentityLevel,
    ] {
        let refusal = judged(json!({claim.name(): null})).unwrap_err();
        assert_eq!(refusal, Refusal::Missing(claim));
        assert!(refusal.to_string().contains(claim.name()), "{refusal}");
        assert_eq!(refusal.claim(), Some(claim));
    }
}

#[test]
fn optional_claims_may_be_absent() {
    let none = json!({"azp": null, "acr": null, "amr": null, "sid": null});
    let assurance = judged(none).unwrap();
    assert_eq!((assurance.context, assurance.session), (None, None));
    assert!(assurance.methods.is_empty());
}

#[test]
fn a_claim_of_another_type_is_refused_by_name() {
    for claim in [
        Claim::Issuer,
        Claim::Subject,
        Claim::AuthorizedParty,
        Claim::Nonce,
        Claim::Context,
        Claim::Session,
    ] {
        for wrong in [json!(1), json!(true), json!(["x"]), json!({"x": "y"})] {
            refused(json!({claim.name(): wrong}), Refusal::Shape(claim));
        }
    }
    for claim in [Claim::Audience, Claim::Methods] {
        for wrong in [json!(1), json!(true), json!({"x": "y"}), json!([CLIENT, 1])] {
            refused(json!({claim.name(): wrong}), Refusal::Shape(claim));
        }
    }
    for claim in [Claim::Expiry, Claim::IssuedAt, Claim::NotBefore, Claim::AuthTime] {
        for wrong in [json!("1790000000"), json!(true), json!([NOW]), json!(-1), json!(-0.5)] {
            refused(json!({claim.name(): wrong}), Refusal::Shape(claim));
        }
        for wrong in [json!(253_402_300_800_i64), json!(1e300), json!(u64::MAX)] {
            refused(json!({claim.name(): wrong}), Refusal::Shape(claim));
        }
    }
}

#[test]
fn null_is_no_value_of_any_claim() {
    let text = claims(json!({"acr": null})).to_string().replacen('{', r#"{"acr":null,"#, 1);
    let token = sign_raw(r#"{"alg":"RS256","kid":"k1"}"#, &text, rsa(), "RS256");
    assert_eq!(verify(&token).unwrap_err(), Refusal::Shape(Claim::Context));
}

#[test]
fn the_issuer_is_compared_character_by_character() {
    for other in [
        "https://provider.example/openam/oauth2/realms/Test",
        "https://provider.example:443/openam/oauth2/realms/Test/",
        "https://PROVIDER.example:443/openam/oauth2/realms/Test",
        "",
    ] {
        refused(json!({"iss": other}), Refusal::Issuer);
    }
    assert_eq!(Refusal::Issuer.claim(), Some(Claim::Issuer));
}

#[test]
fn the_nonce_is_this_requests() {
    let other = Nonce::new(&[b"key"]).unwrap();
    refused(json!({"nonce": other.as_str()}), Refusal::Nonce);
    refused(json!({"nonce": ""}), Refusal::Nonce);
    refused(json!({"nonce": format!("{} ", nonce().as_str())}), Refusal::Nonce);
    assert_eq!(Refusal::Nonce.claim(), Some(Claim::Nonce));
}

#[test]
fn the_audience_is_us_and_nobody_untrusted() {
    judged(json!({"aud": [CLIENT]})).unwrap();
    refused(json!({"aud": "another"}), Refusal::Audience);
    refused(json!({"aud": ["another"]}), Refusal::Audience);
    refused(json!({"aud": []}), Refusal::Audience);
    refused(json!({"aud": format!("{CLIENT}2")}), Refusal::Audience);
    refused(json!({"aud": [CLIENT, "another"]}), Refusal::AudienceUntrusted);
    refused(json!({"aud": ["another", CLIENT]}), Refusal::AudienceUntrusted);
    assert_eq!(Refusal::Audience.claim(), Some(Claim::Audience));
    assert_eq!(Refusal::AudienceUntrusted.claim(), Some(Claim::Audience));
}

#[test]
fn several_trusted_audiences_need_azp() {
    let verifier = verifier().trusting_audiences(vec!["friend".to_owned()]);
    let judged =
        |extra| verifier.verify(sign(&claims(extra)).as_bytes(), &nonce()).map(|_| ()).err();
    assert_eq!(judged(json!({"aud": [CLIENT, "friend"]})), None);
    let without = json!({"aud": [CLIENT, "friend"], "azp": null});
    assert_eq!(judged(without), Some(Refusal::AuthorizedParty));
    let stranger = json!({"aud": [CLIENT, "friend", "stranger"]});
    assert_eq!(judged(stranger), Some(Refusal::AudienceUntrusted));
    assert_eq!(judged(json!({"aud": "friend"})), Some(Refusal::Audience));
    assert_eq!(judged(json!({"azp": "friend"})), Some(Refusal::AuthorizedParty));
}

#[test]
fn azp_is_us_wherever_it_stands() {
    refused(json!({"azp": "another"}), Refusal::AuthorizedParty);
    refused(json!({"azp": ""}), Refusal::AuthorizedParty);
    judged(json!({"azp": null})).unwrap();
    judged(json!({"aud": [CLIENT], "azp": null})).unwrap();
    refused(json!({"aud": [CLIENT, CLIENT], "azp": null}), Refusal::AuthorizedParty);
    assert_eq!(Refusal::AuthorizedParty.claim(), Some(Claim::AuthorizedParty));
}

#[test]
fn exp_has_its_leeway_and_no_more() {
    judged(json!({"exp": NOW - LEEWAY + 1})).unwrap();
    refused(json!({"exp": NOW - LEEWAY}), Refusal::Expired);
    refused(json!({"exp": 0}), Refusal::Expired);
    judged(json!({"exp": 253_402_300_799_i64})).unwrap();
    assert_eq!(Refusal::Expired.claim(), Some(Claim::Expiry));
}

#[test]
fn iat_and_nbf_have_their_leeway_and_no_more() {
    judged(json!({"iat": NOW + LEEWAY})).unwrap();
    refused(json!({"iat": NOW + LEEWAY + 1}), Refusal::IssuedInFuture);
    judged(json!({"nbf": NOW + LEEWAY})).unwrap();
    judged(json!({"nbf": 0})).unwrap();
    refused(json!({"nbf": NOW + LEEWAY + 1}), Refusal::NotYetValid);
    assert_eq!(Refusal::IssuedInFuture.claim(), Some(Claim::IssuedAt));
    assert_eq!(Refusal::NotYetValid.claim(), Some(Claim::NotBefore));
}

#[test]
fn auth_time_is_neither_in_the_future_nor_after_iat() {
    let future = json!({"iat": NOW + LEEWAY, "auth_time": NOW + LEEWAY + 1});
    refused(future, Refusal::AuthenticatedInFuture);
    judged(json!({"iat": NOW - 100, "auth_time": NOW - 100 + LEEWAY})).unwrap();
    let after = json!({"iat": NOW - 100, "auth_time": NOW - 100 + LEEWAY + 1});
    refused(after, Refusal::AuthenticatedAfterIssue);
    assert_eq!(Refusal::AuthenticatedInFuture.claim(), Some(Claim::AuthTime));
    assert_eq!(Refusal::AuthenticatedAfterIssue.claim(), Some(Claim::AuthTime));
}

#[test]
fn a_clock_ahead_of_ours_lengthens_nothing() {
    let assurance = judged(json!({"auth_time": NOW + LEEWAY})).unwrap();
    assert_eq!(assurance.authenticated_at, Time::from_unix_seconds(NOW));
}

#[test]
fn times_may_have_a_fraction() {
    let assurance = judged(json!({"auth_time": 1_789_999_990.75, "exp": 1_790_000_100.5})).unwrap();
    assert_eq!(assurance.authenticated_at, Time::from_unix_millis(1_789_999_990_750));
}

#[test]
fn the_subject_is_twelve_digits() {
    for wrong in ["", "55500000000", "5550000000011", "55500000000x", "555 00000001", "٥٥٥٥٥٥"]
    {
        refused(json!({"sub": wrong}), Refusal::Shape(Claim::Subject));
    }
}

#[test]
fn levels_are_0_to_3_as_number_or_string() {
    for claim in [Claim::AuthenticationLevel, Claim::IdentityLevel] {
        for level in 0..=3_u8 {
            for good in [json!(level), json!(level.to_string())] {
                let assurance = judged(json!({claim.name(): good})).unwrap();
                let found = match claim {
                    Claim::IdentityLevel => assurance.identity,
                    _ => assurance.authentication,
                };
                assert_eq!(found, Level(level));
            }
        }
        for wrong in [
            json!(4),
            json!(-1),
            json!(259),
            json!(3.0),
            json!("4"),
            json!(""),
            json!("03"),
            json!(" 3"),
            json!("/"),
            json!("AAL3"),
            json!(["3"]),
            json!(true),
        ] {
            refused(json!({claim.name(): wrong}), Refusal::Shape(claim));
        }
    }
}

#[test]
fn the_two_levels_are_not_mixed_up() {
    let levels = json!({"authentication_assurance_level": 2, "id_assurance_level": 1});
    let assurance = judged(levels).unwrap();
    assert_eq!((assurance.authentication, assurance.identity), (Level(2), Level(1)));
}

#[test]
fn methods_are_an_array_or_one_string() {
    let methods = |amr| judged(json!({ "amr": amr })).unwrap().methods;
    assert_eq!(methods(json!("N3_SMARTCARD")), ["sc"]);
    assert_eq!(methods(json!(["FIDO2", "N3_SMARTCARD", "pin"])), ["FIDO2", "sc", "pin"]);
    assert!(methods(json!([])).is_empty());
}

#[test]
fn a_claim_that_stands_twice_is_refused_whichever_it_is() {
    let whole = claims(json!({})).to_string();
    for claim in ["sub", "nonce", "aud", "exp", "never_seen"] {
        let twice = whole.replacen('{', &format!(r#"{{"{claim}":"555000000002","#), 1);
        let twice = twice.replacen('{', &format!(r#"{{"{claim}":"555000000002","#), 1);
        let token = sign_raw(r#"{"alg":"RS256","kid":"k1"}"#, &twice, rsa(), "RS256");
        assert_eq!(verify(&token).unwrap_err(), Refusal::Duplicate(Document::Claims), "{claim}");
    }
    let escaped = whole.replacen('{', r#"{"\u0073ub":"555000000002","#, 1);
    let token = sign_raw(r#"{"alg":"RS256","kid":"k1"}"#, &escaped, rsa(), "RS256");
    assert_eq!(verify(&token).unwrap_err(), Refusal::Duplicate(Document::Claims));
}

#[test]
fn no_refusal_shows_a_person_or_a_token() {
    let token = sign(&claims(json!({"aud": PERSON, "acr": PERSON})));
    let refusal = verify(&token).unwrap_err();
    let shown = format!("{refusal} {refusal:?}");
    assert!(!shown.contains(PERSON) && !shown.contains(nonce().as_str()), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn hostile_claims_that_are_duly_signed_never_panic(
        name in "(exp|iat|nbf|auth_time|aud|azp|sub|amr|acr|sid|id_assurance_level)",
        value in "(-?[0-9]{1,30}(\\.[0-9]{1,5})?([eE]-?[0-9]{1,3})?|\"\\PC{0,20}\"|\\[\\]|null)",
    ) {
        let text = claims(json!({&name: null})).to_string();
        let text = text.replacen('{', &format!("{{\"{name}\":{value},"), 1);
        let _ = verify(&sign_raw(r#"{"alg":"RS256","kid":"k1"}"#, &text, rsa(), "RS256"));
    }
}
