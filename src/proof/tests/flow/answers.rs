//! Answers of token and userinfo endpoints that are not what they should be.

use super::*;
use crate::clock::Clock;

fn answered(status: u16, body: impl Into<String>) -> Refusal {
    let b = bench(Client::default());
    *b.script.answer.lock().unwrap() = Some((status, body.into()));
    b.sign_in().unwrap_err()
}

fn good() -> Value {
    json!({"access_token": "a", "token_type": "Bearer", "id_token": sign(&claims(json!({})))})
}

fn with(extra: Value) -> Refusal {
    let mut body = good();
    merge(&mut body, extra);
    answered(200, body.to_string())
}

#[test]
fn what_is_no_token_answer_is_refused_for_its_own_reason() {
    let b = bench(Client::default());
    *b.script.answer.lock().unwrap() = Some((200, good().to_string()));
    let tokens = b.sign_in().unwrap();
    assert!(tokens.refresh_token.is_none() && tokens.expires.is_none());
    for (told, seconds) in [(json!(60), 60), (json!("60"), 60)] {
        let mut body = good();
        merge(&mut body, json!({"expires_in": told}));
        *b.script.answer.lock().unwrap() = Some((200, body.to_string()));
        let expires = b.sign_in().unwrap().expires;
        assert_eq!(expires, Some(b.clock.now().plus(Duration::from_secs(seconds))));
    }
    for (extra, why) in [
        (json!({"token_type": "DPoP"}), "its token_type is not Bearer"),
        (json!({"token_type": null}), "its token_type is not Bearer"),
        (json!({"access_token": null}), "it has no access_token"),
        (json!({"access_token": ""}), "it has no access_token"),
        (json!({"access_token": "a\r\nb"}), "it has no access_token"),
        (json!({"refresh_token": 1}), "its refresh_token is none"),
        (
            json!({"id_token": null}),
            "it has no id_token; the scope openid must be granted to the client",
        ),
    ] {
        assert_eq!(with(extra.clone()), Refusal::TokenAnswer(why), "{extra}");
    }
    let json = Refusal::NotJson(Document::TokenAnswer);
    for body in ["", "[]", "<html>", "{\"access_token\":"] {
        assert_eq!(answered(200, body), json, "{body}");
    }
    let twice = good().to_string().replacen('{', r#"{"access_token":"b","#, 1);
    assert_eq!(answered(200, twice), Refusal::Duplicate(Document::TokenAnswer));
    assert_eq!(with(json!({"id_token": "x.y"})), { Refusal::Malformed("it has not three parts") });
}

#[test]
fn a_token_endpoint_that_refuses_is_told_with_its_word() {
    let told = |status, word: &str| Refusal::TokenRequest(status, word.to_owned());
    let error = r#"{"error":"invalid_client","error_description":"Dr Example"}"#;
    assert_eq!(answered(401, error), told(401, "invalid_client"));
    assert!(!answered(401, error).to_string().contains("Example"));
    assert_eq!(answered(500, "<html>"), told(500, "no reason given"));
    assert_eq!(answered(503, ""), told(503, "no reason given"));
    let strange = r#"{"error":"Dr Example, 555000000001"}"#;
    assert_eq!(answered(400, strange), told(400, "something that is no error of OAuth"));
    // Tokens under a status that is none of success are not looked at.
    assert_eq!(answered(201, good().to_string()), told(201, "no reason given"));
}

#[test]
fn an_answer_beyond_the_limit_is_refused_whatever_the_fetcher_lets_through() {
    let fill = |length: usize| {
        let mut body = good();
        body["x"] = "".into();
        let missing = length - body.to_string().len();
        body["x"] = "x".repeat(missing).into();
        body.to_string()
    };
    let limit = 256 * 1024;
    let b = bench(Client::default());
    *b.script.answer.lock().unwrap() = Some((200, fill(limit)));
    b.sign_in().unwrap();
    let long = Refusal::Unreachable("the answer is too long".to_owned());
    assert_eq!(answered(200, fill(limit + 1)), long);
}

fn userinfo(status: u16, media_type: &'static str, body: String) -> Result<Tokens, Refusal> {
    let b = bench(Client { userinfo: true, ..Client::default() });
    *b.script.userinfo.lock().unwrap() = (status, media_type, body);
    b.sign_in()
}

fn roles() -> Value {
    json!({"sub": PERSON, "nhsid_useruid": PERSON, "nhsid_nrbac_roles": [
        {"person_orgid": "1", "person_roleid": "555000000100", "org_code": "A83002",
         "role_name": "\"Clinical\"", "role_code": "S0030:G0100:R0570",
         "activity_codes": ["B0011", "B0012"]},
        {"role_code": "R8000"},
    ]})
}

#[test]
fn userinfo_gives_the_persons_roles_plain_or_signed() {
    let signed = |claims: &Value| sign(claims);
    let mut claims = roles();
    merge(&mut claims, json!({"iss": ISSUER, "aud": CLIENT}));
    for (media_type, body) in
        [("application/json", roles().to_string()), ("application/jwt", signed(&claims))]
    {
        let info = userinfo(200, media_type, body).unwrap().userinfo.unwrap();
        assert_eq!(info.roles.len(), 2);
        assert_eq!(info.roles[0].org_code, "A83002");
        assert_eq!(info.roles[0].activity_codes, ["B0011", "B0012"]);
        assert_eq!(
            (info.roles[1].role_code.as_str(), info.roles[1].org_code.as_str()),
            ("R8000", "")
        );
        let text: Value = serde_json::from_slice(info.text.expose()).unwrap();
        assert_eq!(text["nhsid_useruid"], PERSON);
    }
    let none = userinfo(200, "", json!({"sub": PERSON}).to_string()).unwrap();
    assert!(none.userinfo.unwrap().roles.is_empty());
}

#[test]
fn userinfo_about_somebody_else_or_of_nobody_is_refused() {
    let refusal = |extra: Value| {
        let mut claims = roles();
        merge(&mut claims, extra);
        userinfo(200, "application/json", claims.to_string()).unwrap_err()
    };
    let other = Refusal::Userinfo("it is about another person than the ID token");
    assert_eq!(refusal(json!({"sub": "555000000002"})), other);
    assert_eq!(refusal(json!({"sub": null})), Refusal::Missing(Claim::Subject));
    let shape = Refusal::Userinfo("its nhsid_nrbac_roles are no list of roles");
    for wrong in [
        json!({}),
        json!("x"),
        json!([1]),
        json!([{"role_code": 1}]),
        json!([{"activity_codes": [1]}]),
    ] {
        assert_eq!(refusal(json!({"nhsid_nrbac_roles": wrong})), shape);
    }
    let status = userinfo(401, "application/json", roles().to_string()).unwrap_err();
    assert!(matches!(status, Refusal::Userinfo(_)));
    let long = userinfo(200, "application/json", " ".repeat(256 * 1024 + 1)).unwrap_err();
    assert_eq!(long, Refusal::Unreachable("the answer is too long".to_owned()));
}

#[test]
fn signed_userinfo_is_verified_as_a_token_of_this_issuer_for_us() {
    let mut claims = roles();
    merge(&mut claims, json!({"iss": ISSUER, "aud": CLIENT}));
    let with = |extra: Value| {
        let mut claims = claims.clone();
        merge(&mut claims, extra);
        userinfo(200, "application/jwt", sign(&claims)).unwrap_err()
    };
    assert_eq!(with(json!({"iss": "https://evil.example"})), Refusal::Issuer);
    assert_eq!(with(json!({"aud": "other"})), Refusal::Audience);
    let other = PrivateKey::generate(KeyKind::Rsa2048).unwrap();
    let header = r#"{"alg":"RS256","kid":"k1"}"#;
    let forged = sign_raw(header, &claims.to_string(), &other, "RS256");
    let refusal = userinfo(200, "application/jwt", forged).unwrap_err();
    assert_eq!(refusal, Refusal::Signature);
    let plain = userinfo(200, "application/jwt", roles().to_string()).unwrap_err();
    assert!(matches!(plain, Refusal::Malformed(_)), "{plain:?}");
}
