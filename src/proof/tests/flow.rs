//! The code flow against a provider that checks what it is sent, and against liars.

mod answers;
mod redirects;

use super::*;
use crate::{
    proof::{
        Answer, Binding, Call, Claim, Document, form,
        oidc::{Asked, Authentication, Bind, Client, Flow, Tokens},
    },
    secret::Secret,
};

const AUTHORIZE: &str = "https://provider.example:443/authorize?realm=x";
const TOKEN: &str = "https://provider.example:443/token";
const USERINFO: &str = "https://provider.example:443/userinfo";
const BACK: &str = "http://127.0.0.1:4711/callback";

type Pairs = Vec<(String, String)>;

/// A provider that issues one code, and gives tokens for it to who shows its verifier.
#[derive(Debug)]
struct Scripted {
    documents: Documents,
    /// The code and its challenge.
    code: Mutex<(String, String)>,
    /// Claims over the usual ones; `HASH` stands for the right value.
    extra: Mutex<Value>,
    /// The token answer in place of its own.
    answer: Mutex<Option<(u16, String)>>,
    userinfo: Mutex<(u16, &'static str, String)>,
    /// What the token endpoint and userinfo were sent.
    seen: Mutex<Vec<(String, Option<String>, Pairs)>>,
}

fn split(text: &[u8]) -> Pairs {
    let owned = |text: &str| text.to_owned();
    form::pairs(text).unwrap().iter().map(|(name, value)| (owned(name), owned(value))).collect()
}

fn value<'a>(pairs: &'a Pairs, name: &str) -> &'a str {
    let found: Vec<&str> =
        pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect();
    assert!(found.len() < 2, "{name} stands twice");
    found.first().copied().unwrap_or_default()
}

fn half_hash(text: &str) -> String {
    b64(&crypto::digest(crypto::Hash::Sha256, text.as_bytes())[..16])
}

impl Fetch for Scripted {
    fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, String> {
        self.documents.get(url, limit)
    }

    fn call(&self, call: &Call<'_>) -> Result<Answer, String> {
        let text = |secret: &Secret| String::from_utf8(secret.expose().to_vec()).unwrap();
        let pairs = call.form.as_ref().map(|form| split(form.expose())).unwrap_or_default();
        let authorization = call.authorization.as_ref().map(text);
        self.seen.lock().unwrap().push((call.url.to_owned(), authorization.clone(), pairs.clone()));
        let answered = |status, media_type: &str, body: String| {
            Ok(Answer {
                status,
                media_type: media_type.to_owned(),
                body: Secret::new(body.into_bytes()),
            })
        };
        if call.url == USERINFO {
            assert_eq!(authorization.as_deref(), Some("Bearer access"));
            let (status, media_type, body) = self.userinfo.lock().unwrap().clone();
            return answered(status, media_type, body);
        }
        assert_eq!(call.url, TOKEN);
        if let Some((status, body)) = self.answer.lock().unwrap().clone() {
            return answered(status, "application/json", body);
        }
        let (code, challenge) = self.code.lock().unwrap().clone();
        let verifier = value(&pairs, "code_verifier");
        let shown = b64(crypto::digest(crypto::Hash::Sha256, verifier.as_bytes()));
        let good = value(&pairs, "code") == code
            && shown == challenge
            && value(&pairs, "redirect_uri") == BACK
            && value(&pairs, "grant_type") == "authorization_code";
        if !good {
            return answered(400, "application/json", r#"{"error":"invalid_grant"}"#.to_owned());
        }
        let body = json!({
            "access_token": "access", "token_type": "bearer", "expires_in": 300,
            "refresh_token": "refresh", "scope": "openid",
            "id_token": sign(&claims(self.extra.lock().unwrap().clone())),
        });
        answered(200, "application/json", body.to_string())
    }
}

/// A sign-in against it.
struct Bench {
    provider: oidc::Provider,
    script: Arc<Scripted>,
    clock: Arc<ManualClock>,
}

fn bench(client: Client) -> Bench {
    let documents = Documents::default();
    let metadata = json!({
        "issuer": ISSUER, "jwks_uri": KEYS_URL, "authorization_endpoint": AUTHORIZE,
        "token_endpoint": TOKEN, "userinfo_endpoint": USERINFO,
        "authorization_response_iss_parameter_supported": true,
    });
    documents.put(METADATA_URL, metadata.to_string());
    documents.put(KEYS_URL, set_of(&[jwk("k1", rsa(), json!({}))]));
    let script = Arc::new(Scripted {
        documents,
        code: Mutex::default(),
        extra: Mutex::new(json!({})),
        answer: Mutex::default(),
        userinfo: Mutex::new((200, "application/json", json!({"sub": PERSON}).to_string())),
        seen: Mutex::default(),
    });
    let clock = clock();
    let settings = oidc::Settings { client, ..settings(None) };
    let provider = oidc::Provider::new(settings, script.clone(), clock.clone());
    Bench { provider, script, clock }
}

impl Bench {
    fn begin(&self) -> (Flow, Pairs) {
        self.begin_with(&Asked::default())
    }

    /// Begins, and has the provider issue the code for it.
    fn begin_with(&self, asked: &Asked) -> (Flow, Pairs) {
        let flow = Flow::begin(&self.provider, &nonce(), BACK, asked).unwrap();
        let query = flow.url().strip_prefix(AUTHORIZE).unwrap().strip_prefix('&').unwrap();
        let pairs = split(query.as_bytes());
        *self.script.code.lock().unwrap() =
            ("code-1".to_owned(), value(&pairs, "code_challenge").to_owned());
        (flow, pairs)
    }

    fn redirect(pairs: &Pairs, code: &str) -> Secret {
        let state = value(pairs, "state");
        let query = form::written(&[("code", code), ("state", state), ("iss", ISSUER)]);
        Secret::new(format!("{BACK}?{}", query.as_str()).into_bytes())
    }

    fn sign_in(&self) -> Result<Tokens, Refusal> {
        let (flow, pairs) = self.begin();
        flow.finish(&Self::redirect(&pairs, "code-1"))
    }

    /// A sign-in whose ID token has these claims over the usual.
    fn with_claims(&self, extra: Value) -> Result<Tokens, Refusal> {
        *self.script.extra.lock().unwrap() = extra;
        self.sign_in()
    }

    fn seen(&self) -> (Option<String>, Pairs) {
        let seen = self.script.seen.lock().unwrap();
        let (url, authorization, pairs) = seen.last().unwrap();
        assert_eq!(url, TOKEN);
        (authorization.clone(), pairs.clone())
    }
}

#[test]
fn the_address_asks_for_a_code_by_query_with_pkce_state_and_the_requests_nonce() {
    let b = bench(Client {
        scopes: vec!["profile".to_owned()],
        acr_values: vec!["AAL3_ANY".to_owned(), "AAL2_ANY".to_owned()],
        max_age: Some(Duration::from_secs(300)),
        prompt: Some("login".to_owned()),
        ..Client::default()
    });
    let (one, pairs) = b.begin();
    assert_eq!(one.redirect_uri(), BACK);
    for (name, wanted) in [
        ("response_type", "code"),
        ("response_mode", "query"),
        ("client_id", CLIENT),
        ("redirect_uri", BACK),
        ("scope", "openid profile"),
        ("nonce", nonce().as_str()),
        ("code_challenge_method", "S256"),
        ("acr_values", "AAL3_ANY AAL2_ANY"),
        ("max_age", "300"),
        ("prompt", "login"),
        ("login_hint", ""),
    ] {
        assert_eq!(value(&pairs, name), wanted, "{name}");
    }
    let (_, other) = b.begin_with(&Asked {
        login_hint: Some("a b&c".to_owned()),
        prompt: Some("select_account".to_owned()),
        max_age: Some(Duration::ZERO),
        acr_values: vec!["AAL3_FIDO2".to_owned()],
    });
    for (name, wanted) in [
        ("login_hint", "a b&c"),
        ("prompt", "select_account"),
        ("max_age", "0"),
        ("acr_values", "AAL3_FIDO2"),
    ] {
        assert_eq!(value(&other, name), wanted, "{name}");
    }
    for name in ["state", "code_challenge"] {
        assert_eq!(value(&pairs, name).len(), 43, "{name}");
        assert_ne!(value(&pairs, name), value(&other, name), "{name}");
    }
    assert!(!format!("{one:?}").contains(value(&pairs, "state")));
}

#[test]
fn a_whole_sign_in_gives_verified_tokens() {
    let b = bench(Client::default());
    let hashes = json!({"at_hash": half_hash("access"), "c_hash": half_hash("code-1")});
    let tokens = b.with_claims(hashes).unwrap();
    assert_eq!(tokens.assurance.person.as_str(), PERSON);
    assert_eq!(tokens.assurance.binding, Binding::Nonce);
    assert_eq!(tokens.access_token.expose(), b"access");
    assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), b"refresh");
    assert_eq!(tokens.expires, Some(Time::from_unix_seconds(NOW + 300)));
    assert!(tokens.userinfo.is_none());
    b.provider.verify(tokens.id_token.expose(), &nonce()).unwrap();
    assert!(!format!("{tokens:?}").contains("access\""));
    let (authorization, pairs) = b.seen();
    assert_eq!((authorization, value(&pairs, "client_id")), (None, CLIENT));
}

#[test]
fn the_request_may_be_bound_by_the_hash_of_the_state() {
    let b = bench(Client { bind: Bind::State, ..Client::default() });
    let (_, pairs) = b.begin();
    assert_eq!((value(&pairs, "state"), value(&pairs, "nonce")), (nonce().as_str(), ""));
    let bound = json!({"nonce": null, "s_hash": half_hash(nonce().as_str())});
    assert_eq!(b.with_claims(bound).unwrap().assurance.binding, Binding::StateHash);
    let other = json!({"nonce": "the host's", "s_hash": half_hash(nonce().as_str())});
    assert_eq!(b.with_claims(other).unwrap().assurance.binding, Binding::StateHash);
    for (extra, refusal) in [
        (json!({"nonce": null}), Refusal::Missing(Claim::Nonce)),
        (json!({"nonce": null, "s_hash": half_hash("other")}), Refusal::StateHash),
        (json!({"nonce": null, "s_hash": ""}), Refusal::StateHash),
        (json!({"nonce": null, "s_hash": 1}), Refusal::Shape(Claim::StateHash)),
        (json!({"nonce": "the host's"}), Refusal::Nonce),
        (json!({"nonce": "the host's", "s_hash": half_hash("other")}), Refusal::Nonce),
    ] {
        assert_eq!(b.with_claims(extra.clone()).unwrap_err(), refusal, "{extra}");
    }
}

#[test]
fn a_token_bound_to_nothing_is_accepted_only_where_that_is_asked_for() {
    let free = sign(&claims(json!({"nonce": null})));
    assert_eq!(verify(&free).unwrap_err(), Refusal::Missing(Claim::Nonce));
    let key_set = Some(set_of(&[jwk("k1", rsa(), json!({}))]));
    let settings = oidc::Settings { unbound: true, ..settings(key_set) };
    let provider = oidc::Provider::new(settings, Arc::new(Documents::default()), clock());
    let assurance = provider.verify(free.as_bytes(), &nonce()).unwrap();
    assert_eq!(assurance.binding, Binding::Unbound);
    let other = sign(&claims(json!({"nonce": "other"})));
    assert_eq!(provider.verify(other.as_bytes(), &nonce()).unwrap_err(), Refusal::Nonce);
}

#[test]
fn hashes_of_what_came_with_the_token_are_compared() {
    let b = bench(Client::default());
    for claim in [Claim::AccessTokenHash, Claim::CodeHash, Claim::StateHash] {
        for wrong in [half_hash("other"), half_hash("access").to_lowercase(), String::new()] {
            let extra = json!({claim.name(): wrong});
            assert_eq!(b.with_claims(extra).unwrap_err(), Refusal::Hash(claim), "{wrong}");
        }
        let extra = json!({claim.name(): 1});
        assert_eq!(b.with_claims(extra).unwrap_err(), Refusal::Shape(claim));
    }
}

#[test]
fn an_authentication_older_than_was_asked_for_is_refused() {
    let b = bench(Client { max_age: Some(Duration::from_secs(100)), ..Client::default() });
    let edge = NOW - 100 - LEEWAY;
    assert!(b.with_claims(json!({"auth_time": edge})).is_ok());
    let refusal = b.with_claims(json!({"auth_time": edge - 1})).unwrap_err();
    assert_eq!(refusal, Refusal::AuthenticationTooOld);
    let b = bench(Client::default());
    assert!(b.with_claims(json!({"auth_time": edge - 1})).is_ok(), "nothing was asked");
}

#[test]
fn secrets_go_into_the_header_or_the_form() {
    let secret = Secret::copied_from(b"s:e c+ret%");
    let b = bench(Client {
        authentication: Authentication::SecretBasic(secret.clone()),
        ..Client::default()
    });
    b.sign_in().unwrap();
    let (authorization, pairs) = b.seen();
    let header = authorization.unwrap();
    let encoded = header.strip_prefix("Basic ").unwrap();
    let decoded = base64ct::Base64::decode_vec(encoded).unwrap();
    assert_eq!(decoded, b"wardcard-test:s%3Ae%20c%2Bret%25");
    assert_eq!((value(&pairs, "client_id"), value(&pairs, "client_secret")), ("", ""));
    let b =
        bench(Client { authentication: Authentication::SecretPost(secret), ..Client::default() });
    b.sign_in().unwrap();
    let (authorization, pairs) = b.seen();
    assert_eq!(authorization, None);
    assert_eq!(
        (value(&pairs, "client_id"), value(&pairs, "client_secret")),
        (CLIENT, "s:e c+ret%")
    );
}

#[test]
fn assertions_of_the_client_are_signed_by_its_key_for_a_minute() {
    for (kind, named, wanted) in [
        (KeyKind::Rsa2048, None, "RS256"),
        (KeyKind::Rsa2048, Some("PS256"), "PS256"),
        (KeyKind::P256, None, "ES256"),
        (KeyKind::P384, None, "ES384"),
    ] {
        let b = bench(Client {
            authentication: Authentication::PrivateKeyJwt {
                key: key(kind).clone(),
                key_id: Some("client-1".to_owned()),
                algorithm: named.map(str::to_owned),
                audience: None,
            },
            ..Client::default()
        });
        let mut unique = Vec::new();
        for _ in 0..2 {
            b.sign_in().unwrap();
            let (_, pairs) = b.seen();
            assert_eq!(
                value(&pairs, "client_assertion_type"),
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            );
            let assertion = value(&pairs, "client_assertion").to_owned();
            let set = crate::proof::jwk::KeySet::parse(
                set_of(&[jwk("client-1", key(kind), json!({}))]).as_bytes(),
            )
            .unwrap();
            let token = crate::proof::jose::Token::parse(
                crate::proof::jose::JWT,
                assertion.as_bytes(),
                |_| true,
            )
            .unwrap();
            assert_eq!(token.algorithm.name, wanted);
            set.verify(&token).unwrap();
            let claims: Value = serde_json::from_slice(&token.claims_text().unwrap()).unwrap();
            assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT), &json!(CLIENT)));
            assert_eq!(claims["aud"], TOKEN);
            assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW), &json!(NOW + 60)));
            unique.push(claims["jti"].as_str().unwrap().to_owned());
        }
        assert_ne!(unique[0], unique[1]);
    }
}

#[test]
fn settings_of_a_client_that_cannot_be_used_are_told_beforehand() {
    let check = |client| oidc::Settings { client, ..settings(None) }.check();
    let jwt = |kind, named: &str| Client {
        authentication: Authentication::PrivateKeyJwt {
            key: key(kind).clone(),
            key_id: None,
            algorithm: Some(named.to_owned()),
            audience: None,
        },
        ..Client::default()
    };
    assert_eq!(check(Client::default()), Ok(()));
    for (kind, named) in [
        (KeyKind::Rsa2048, "ES256"),
        (KeyKind::P256, "RS256"),
        (KeyKind::P256, "ES384"),
        (KeyKind::P384, "ES512"),
        (KeyKind::Rsa2048, "none"),
        (KeyKind::Rsa2048, "HS256"),
    ] {
        assert_eq!(check(jwt(kind, named)), Err(Refusal::ClientKey(named.to_owned())), "{named}");
    }
    let words = |word: &str| vec![word.to_owned()];
    for (client, name) in [
        (Client { scopes: words("a b"), ..Client::default() }, "scopes"),
        (Client { acr_values: words(""), ..Client::default() }, "acr_values"),
        (Client { prompt: Some("loginn".to_owned()), ..Client::default() }, "prompt"),
        (
            Client { token_endpoint: Some("http://x.example/".to_owned()), ..Client::default() },
            "token_endpoint",
        ),
        (
            Client { userinfo_endpoint: Some("http://[::1]/".to_owned()), ..Client::default() },
            "userinfo_endpoint",
        ),
    ] {
        assert_eq!(check(client), Err(Refusal::Setting(name)), "{name}");
    }
    let b = bench(Client::default());
    for uri in ["http://client.example/", "http://127.0.0.1/?x=y", "app:/back", ""] {
        let begun = Flow::begin(&b.provider, &nonce(), uri, &Asked::default());
        assert_eq!(begun.unwrap_err(), Refusal::Setting("redirect_uri"), "{uri}");
    }
}

#[test]
fn endpoints_of_the_settings_stand_before_the_metadatas_and_may_not_leave_https() {
    let b = bench(Client {
        authorization_endpoint: Some(AUTHORIZE.to_owned()),
        token_endpoint: Some(TOKEN.to_owned()),
        ..Client::default()
    });
    let (flow, pairs) = b.begin();
    assert_eq!(b.script.documents.asked_for(METADATA_URL), 0);
    assert!(flow.finish(&Bench::redirect(&pairs, "code-1")).is_ok());
    // One of them alone is not enough.
    let (authorize, token) = (Some(AUTHORIZE.to_owned()), Some(TOKEN.to_owned()));
    for client in [
        Client { authorization_endpoint: authorize, ..Client::default() },
        Client { token_endpoint: token, ..Client::default() },
    ] {
        let b = bench(client);
        b.begin();
        assert_eq!(b.script.documents.asked_for(METADATA_URL), 1);
    }
    let b = bench(Client::default());
    for url in ["http://provider.example/token", "https://u@provider.example/", "x"] {
        let metadata = json!({
            "issuer": ISSUER, "jwks_uri": KEYS_URL,
            "authorization_endpoint": AUTHORIZE, "token_endpoint": url,
        });
        b.script.documents.put(METADATA_URL, metadata.to_string());
        b.clock.advance(Duration::from_secs(3600));
        let begun = Flow::begin(&b.provider, &nonce(), BACK, &Asked::default());
        assert_eq!(begun.unwrap_err(), Refusal::Endpoint("token_endpoint"), "{url}");
    }
}
