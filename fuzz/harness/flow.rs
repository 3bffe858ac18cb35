//! What the fuzz target of the code flow and of logout tokens does with one input, and the replay
//! of the committed seeds too. The first byte of an input says which part the rest is.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::json;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use wardcard::{
    agent::web::Head,
    clock::{ManualClock, Time},
    crypto::{self, Hash, KeyKind, PrivateKey, Scheme},
    proof::{Answer, Call, Fetch, Nonce, form, oidc},
    secret::Secret,
};

const BACK: &str = "http://127.0.0.1:4711/callback";

/// Answers every call with the input, and userinfo with it too.
#[derive(Debug, Default)]
struct Echo {
    token: Mutex<Vec<u8>>,
    userinfo: Mutex<Vec<u8>>,
}

impl Fetch for Echo {
    fn get(&self, _: &str, _: usize) -> Result<Vec<u8>, String> {
        Err("nothing is fetched here".to_owned())
    }

    fn call(&self, call: &Call<'_>) -> Result<Answer, String> {
        let body = if call.form.is_some() { &self.token } else { &self.userinfo };
        let body = Secret::copied_from(&body.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Answer { status: 200, media_type: String::new(), body })
    }
}

struct Bench {
    provider: oidc::Provider,
    echo: Arc<Echo>,
    nonce: Nonce,
    key: PrivateKey,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let key = PrivateKey::generate(KeyKind::P256).unwrap();
    let (x, y) = key.public().ec_point().unwrap()[1..].split_at(32);
    let set =
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "x": b64(x), "y": b64(y)}]});
    let endpoint = |name: &str| Some(format!("https://issuer.example/{name}"));
    let settings = oidc::Settings {
        key_set: Some(set.to_string()),
        client: oidc::Client {
            authorization_endpoint: endpoint("authorize"),
            token_endpoint: endpoint("token"),
            userinfo_endpoint: endpoint("userinfo"),
            userinfo: true,
            // The state is known then, so that a redirect can get past it.
            bind: oidc::Bind::State,
            ..oidc::Client::default()
        },
        // What is signed here need not carry the nonce, which is another each time.
        unbound: true,
        ..oidc::Settings::new("https://issuer.example", "client")
    };
    let echo = Arc::new(Echo::default());
    let clock = Arc::new(ManualClock::new(Time::from_unix_seconds(1_790_000_000)));
    let provider = oidc::Provider::new(settings, echo.clone(), clock);
    Bench { provider, echo, nonce: Nonce::new(&[b"key"]).unwrap(), key }
});

impl Bench {
    fn finish(&self, redirect: Vec<u8>) -> bool {
        let asked = oidc::Asked::default();
        let flow = oidc::Flow::begin(&self.provider, &self.nonce, BACK, &asked).unwrap();
        flow.finish(&Secret::new(redirect)).is_ok()
    }

    /// A sign-in whose redirect is good, with these answers.
    fn answered(&self, token: Vec<u8>, userinfo: &[u8]) -> bool {
        *self.echo.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
        *self.echo.userinfo.lock().unwrap_or_else(PoisonError::into_inner) = userinfo.to_vec();
        self.finish(format!("{BACK}?code=c&state={}", self.nonce.as_str()).into_bytes())
    }

    fn signed(&self, typ: &str, claims: &[u8]) -> String {
        let header = format!(r#"{{"alg":"ES256","typ":"{typ}","kid":"1"}}"#);
        let signed = format!("{}.{}", b64(header), b64(claims));
        let digest = crypto::digest(Hash::Sha256, signed.as_bytes());
        format!("{signed}.{}", b64(self.key.sign(Scheme::Ecdsa, &digest).unwrap()))
    }

    fn token_answer(&self, claims: &[u8]) -> Vec<u8> {
        let token = self.signed("JWT", claims);
        json!({"access_token": "a", "token_type": "Bearer", "id_token": token})
            .to_string()
            .into_bytes()
    }
}

/// Claims of an ID token that is good here.
const CLAIMS: &str = r#"{"iss":"https://issuer.example","aud":"client","sub":"555000000001",
    "exp":1790000100,"iat":1790000000,"auth_time":1790000000,
    "id_assurance_level":3,"authentication_assurance_level":3}"#;

/// One input.
pub fn flow(input: &[u8]) {
    let Some((which, bytes)) = input.split_first() else { return };
    let bench = &*BENCH;
    match which {
        b'r' => {
            let redirect = [BACK.as_bytes(), b"?", bytes].concat();
            *bench.echo.token.lock().unwrap_or_else(PoisonError::into_inner) = Vec::new();
            assert!(!bench.finish(redirect), "there were no tokens");
        }
        b's' => {
            let state = bench.nonce.as_str().as_bytes();
            let redirect = [BACK.as_bytes(), b"?state=", state, b"&", bytes].concat();
            *bench.echo.token.lock().unwrap_or_else(PoisonError::into_inner) = Vec::new();
            assert!(!bench.finish(redirect), "there were no tokens");
        }
        b'a' => assert!(!bench.answered(bytes.to_vec(), b"{}"), "nobody signed that"),
        b'i' => drop(bench.answered(bench.token_answer(bytes), br#"{"sub":"555000000001"}"#)),
        b'u' => drop(bench.answered(bench.token_answer(CLAIMS.as_bytes()), bytes)),
        b'h' => drop(Head::parse(bytes)),
        b'f' => {
            let Some(pairs) = form::pairs(bytes) else { return };
            let named: Vec<(&str, &str)> =
                pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let again = form::written(&named);
            // Percent signs make it up to three times as long.
            if again.len() <= form::LONGEST && named.iter().all(|(name, _)| !name.is_empty()) {
                assert_eq!(form::pairs(again.as_bytes()), Some(pairs));
            }
        }
        b'l' => {
            let refused = bench.provider.verify_logout(bytes).is_err();
            assert!(refused, "a logout that nobody signed");
        }
        _ => drop(bench.provider.verify_logout(bench.signed("logout+jwt", bytes).as_bytes())),
    }
}
