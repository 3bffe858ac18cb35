//! Tokens of a genuine signer, each check broken in turn.

mod about;
mod claims;
mod fetching;
mod flow;
mod hanging;
mod keys;
mod logout;
mod replay;
mod token;
mod vectors;

use super::{
    Assurance, Fetch, Nonce, Refusal,
    jose::{Algorithm, Signs},
    oidc,
};
use crate::{
    clock::{ManualClock, Time},
    crypto::{self, KeyKind, PrivateKey},
};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

const ISSUER: &str = "https://provider.example:443/openam/oauth2/realms/Test";
const CLIENT: &str = "wardcard-test";
const PERSON: &str = "555000000001";
const NOW: i64 = 1_790_000_000;
const LEEWAY: i64 = 60;
const METADATA_URL: &str =
    "https://provider.example:443/openam/oauth2/realms/Test/.well-known/openid-configuration";
const KEYS_URL: &str = "https://provider.example:443/keys";

/// One key of each kind for all tests of the process.
fn key(kind: KeyKind) -> &'static PrivateKey {
    static RSA: OnceLock<PrivateKey> = OnceLock::new();
    static P256: OnceLock<PrivateKey> = OnceLock::new();
    static P384: OnceLock<PrivateKey> = OnceLock::new();
    let cell = match kind {
        KeyKind::P256 => &P256,
        KeyKind::P384 => &P384,
        _ => &RSA,
    };
    cell.get_or_init(|| PrivateKey::generate(kind).unwrap())
}

fn rsa() -> &'static PrivateKey {
    key(KeyKind::Rsa2048)
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// A JWK with `kid`, and `extra` members over it.
fn jwk(id: &str, key: &PrivateKey, extra: Value) -> Value {
    let public = key.public();
    let mut jwk = match (public.rsa(), public.ec_point()) {
        (Some((n, e)), _) => json!({"kty": "RSA", "n": b64(n), "e": b64(e)}),
        (_, Some([_, point @ ..])) => {
            let (x, y) = point.split_at(point.len() / 2);
            let crv = if x.len() == 32 { "P-256" } else { "P-384" };
            json!({"kty": "EC", "crv": crv, "x": b64(x), "y": b64(y)})
        }
        _ => unreachable!("a key is RSA or EC"),
    };
    jwk["kid"] = id.into();
    merge(&mut jwk, extra);
    jwk
}

/// Sets the members of `extra`; null removes one.
fn merge(object: &mut Value, extra: Value) {
    for (name, value) in extra.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
}

fn set_of(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn nonce() -> Nonce {
    static NONCE: OnceLock<Nonce> = OnceLock::new();
    NONCE.get_or_init(|| Nonce::new(&[b"key"]).unwrap()).clone()
}

/// The claims of a CIS2 sign-in, and `extra` over them.
fn claims(extra: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": CLIENT, "azp": CLIENT, "sub": PERSON,
        "exp": NOW + 3600, "iat": NOW, "auth_time": NOW - 5, "nonce": nonce().as_str(),
        "acr": "AAL3_ANY", "amr": ["N3_SMARTCARD"], "sid": "s1",
        "id_assurance_level": "3", "authentication_assurance_level": 3,
    });
    merge(&mut claims, extra);
    claims
}

/// Signs two parts as they stand.
fn sign_raw(header: &str, claims: &str, key: &PrivateKey, algorithm: &str) -> String {
    let signed = format!("{}.{}", b64(header), b64(claims));
    let algorithm = Algorithm::named(algorithm).unwrap();
    let Signs::Digest(scheme, hash) = algorithm.signs else { unreachable!("EdDSA") };
    let digest = crypto::digest(hash, signed.as_bytes());
    let signature = key.sign(scheme, &digest).unwrap();
    format!("{signed}.{}", b64(signature))
}

/// Signs with RS256 under kid `k1`.
fn sign(claims: &Value) -> String {
    sign_raw(r#"{"alg":"RS256","typ":"JWT","kid":"k1"}"#, &claims.to_string(), rsa(), "RS256")
}

/// Documents by URL; counts and can fail.
#[derive(Debug, Default)]
struct Documents {
    by_url: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<String>>,
    down: Mutex<bool>,
    slow: Duration,
}

impl Documents {
    fn put(&self, url: &str, document: impl Into<String>) {
        self.by_url.lock().unwrap().insert(url.to_owned(), document.into());
    }

    fn asked_for(&self, url: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == url).count()
    }
}

impl Fetch for Documents {
    fn get(&self, url: &str, _: usize) -> Result<Vec<u8>, String> {
        self.asked.lock().unwrap().push(url.to_owned());
        std::thread::sleep(self.slow);
        if *self.down.lock().unwrap() {
            return Err("it is down".to_owned());
        }
        let documents = self.by_url.lock().unwrap();
        documents.get(url).map(|text| text.clone().into_bytes()).ok_or("no such page".to_owned())
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Time::from_unix_seconds(NOW)))
}

fn settings(key_set: Option<String>) -> oidc::Settings {
    oidc::Settings { key_set, ..oidc::Settings::new(ISSUER, CLIENT) }
}

/// A verifier that has this key set in hand.
fn with_keys(keys: &[Value]) -> oidc::Provider {
    let documents = Arc::new(Documents::default());
    oidc::Provider::new(settings(Some(set_of(keys))), documents, clock())
}

/// A verifier that has the RSA key as `k1`.
fn verifier() -> oidc::Provider {
    with_keys(&[jwk("k1", rsa(), json!({"alg": "RS256", "use": "sig"}))])
}

fn verify(token: &str) -> Result<Assurance, Refusal> {
    verifier().verify(token.as_bytes(), &nonce())
}

/// What becomes of a token whose claims are changed like this.
fn judged(extra: Value) -> Result<Assurance, Refusal> {
    verify(&sign(&claims(extra)))
}

#[track_caller]
fn refused(extra: Value, refusal: Refusal) {
    assert_eq!(judged(extra.clone()).unwrap_err(), refusal, "{extra}");
}
