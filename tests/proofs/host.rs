//! The word of a host, for a person or for a token, each check broken in turn.

mod claims;
mod relayed;

use crate::{
    authenticator::{b64, merge},
    now,
};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use wardcard::{
    clock::ManualClock,
    crypto::{self, Hash, KeyKind, PrivateKey, Scheme},
    pki::{Binding, Level, Source, UserId},
    proof::{
        Accepted, Claim, Document, Evidence, Fetch, KeyFault, Nonce, Refusal, Sources, Used,
        attested::{Fault, Host, KeysInUse, RELAYS, Settings, VOUCHES},
        oidc,
    },
    secret::Secret,
    store::MemoryStore,
};

const HOST: &str = "sso.trust.example";
const AUDIENCE: &str = "wardcard";
const ISSUER: &str = "https://id.example";
const CLIENT: &str = "wardcard-test";
const PERSON: &str = "555000000001";

fn key(kind: KeyKind) -> &'static PrivateKey {
    static RSA: OnceLock<PrivateKey> = OnceLock::new();
    static P256: OnceLock<PrivateKey> = OnceLock::new();
    let cell = if kind == KeyKind::P256 { &P256 } else { &RSA };
    cell.get_or_init(|| PrivateKey::generate(kind).unwrap())
}

fn ec() -> &'static PrivateKey {
    key(KeyKind::P256)
}

fn jwk(id: &str, key: &PrivateKey, extra: &Value) -> Value {
    let mut jwk = match (key.public().rsa(), key.public().ec_point()) {
        (Some((n, e)), _) => json!({"kty": "RSA", "n": b64(n), "e": b64(e)}),
        (_, Some([_, point @ ..])) => {
            json!({"kty": "EC", "crv": "P-256", "x": b64(&point[..32]), "y": b64(&point[32..])})
        }
        _ => unreachable!("RSA or EC"),
    };
    jwk["kid"] = id.into();
    merge(&mut jwk, extra);
    jwk
}

/// A JWS over these parts, by ES256, RS256 or PS256 as the key and `alg` have it.
fn jws(header: &Value, claims: &Value, key: &PrivateKey) -> String {
    raw_jws(&header.to_string(), &claims.to_string(), key, header["alg"] == "PS256")
}

fn raw_jws(header: &str, claims: &str, key: &PrivateKey, pss: bool) -> String {
    let signed = format!("{}.{}", b64(header), b64(claims));
    let scheme = match (key.kind().is_rsa(), pss) {
        (false, _) => Scheme::Ecdsa,
        (true, false) => Scheme::Pkcs1(Hash::Sha256),
        (true, true) => Scheme::Pss { hash: Hash::Sha256, mgf: Hash::Sha256, salt: 32 },
    };
    let digest = crypto::digest(Hash::Sha256, signed.as_bytes());
    format!("{signed}.{}", b64(key.sign(scheme, &digest).unwrap()))
}

#[derive(Debug)]
struct Nowhere;

impl Fetch for Nowhere {
    fn get(&self, _: &str, _: usize) -> Result<Vec<u8>, String> {
        Err("nothing is fetched".to_owned())
    }
}

fn settings(keys: &[Value]) -> Settings {
    Settings {
        name: HOST.to_owned(),
        keys: json!({ "keys": keys }).to_string(),
        audience: AUDIENCE.to_owned(),
        authentication: Level(2),
        identity: Level(3),
        vouches: true,
        relays: vec![ISSUER.to_owned()],
        in_use: None,
    }
}

/// Keys that a test puts in the place of others.
#[derive(Debug, Default)]
struct Replaced(std::sync::Mutex<Option<String>>);

impl KeysInUse for Replaced {
    fn changed(&self) -> Option<String> {
        self.0.lock().unwrap().take()
    }
}

struct World {
    sources: Sources,
    nonce: Nonce,
    used: Used,
}

fn world(settings: Settings) -> World {
    settings.check().unwrap();
    let clock = Arc::new(ManualClock::new(now()));
    let mut provider = oidc::Settings::new(ISSUER, CLIENT);
    provider.key_set = Some(json!({"keys": [jwk("p1", ec(), &json!({}))]}).to_string());
    let provider = oidc::Provider::new(provider, Arc::new(Nowhere), clock.clone());
    let hosts = vec![Host::new(settings, clock)];
    let sources = Sources { providers: vec![provider], hosts, ..Sources::default() };
    let used = Used::new(Arc::new(MemoryStore::new()));
    World { sources, nonce: Nonce::new(&[b"key"]).unwrap(), used }
}

fn usual() -> World {
    world(settings(&[jwk("h1", ec(), &json!({}))]))
}

impl World {
    fn claims(&self, extra: &Value) -> Value {
        let at = now().unix_seconds();
        let mut claims = json!({
            "iss": HOST, "aud": AUDIENCE, "sub": PERSON, "nonce": self.nonce.as_str(),
            "iat": at, "exp": at + 60, "auth_time": at - 5, "amr": ["face", "pin"],
            "authentication_assurance_level": 2, "id_assurance_level": 3,
        });
        merge(&mut claims, extra);
        claims
    }

    fn accept(&self, word: &str) -> Result<Accepted, Refusal> {
        let evidence = Evidence::Host(Secret::copied_from(word.as_bytes()));
        self.sources.accept(&evidence, &self.nonce).map(|mut all| all.remove(0))
    }

    fn relay(&self, token: &str, word: &str) -> Result<Accepted, Refusal> {
        let secret = |text: &str| Secret::copied_from(text.as_bytes());
        let evidence = Evidence::Relayed { token: secret(token), attestation: secret(word) };
        self.sources.accept(&evidence, &self.nonce).map(|mut all| all.remove(0))
    }

    fn relaying(&self, token: &str, extra: &Value) -> String {
        let at = now().unix_seconds();
        let mut claims = json!({
            "iss": HOST, "aud": AUDIENCE, "nonce": self.nonce.as_str(), "iat": at, "exp": at + 60,
            "token_hash": b64(crypto::digest(Hash::Sha256, token.as_bytes())),
        });
        merge(&mut claims, extra);
        jws(&json!({"alg": "ES256", "typ": RELAYS, "kid": "h1"}), &claims, ec())
    }
}

fn header(extra: &Value) -> Value {
    let mut header = json!({"alg": "ES256", "typ": VOUCHES, "kid": "h1"});
    merge(&mut header, extra);
    header
}

/// An ID token that carries a nonce of somebody else's, or none.
fn id_token(extra: &Value) -> String {
    let at = now().unix_seconds();
    let mut claims = json!({
        "iss": ISSUER, "aud": CLIENT, "sub": PERSON, "iat": at, "exp": at + 300,
        "auth_time": at - 5, "acr": "AAL3_FIDO2", "amr": ["fido2"], "nonce": "the host's client's",
        "id_assurance_level": "3", "authentication_assurance_level": "3",
    });
    merge(&mut claims, extra);
    jws(&json!({"alg": "ES256", "kid": "p1"}), &claims, ec())
}

/// What is wrong with the JWS itself.
fn form(refusal: Refusal) -> Refusal {
    Fault::Jws(Box::new(refusal)).into()
}

#[track_caller]
fn refuses(refusal: impl Into<Refusal>, extra: Value) {
    let world = usual();
    let word = jws(&header(&json!({})), &world.claims(&extra), ec());
    assert_eq!(world.accept(&word).unwrap_err(), refusal.into(), "{extra}");
}

#[track_caller]
fn refuses_header(refusal: impl Into<Refusal>, extra: Value) {
    let world = usual();
    let word = jws(&header(&extra), &world.claims(&json!({})), ec());
    assert_eq!(world.accept(&word).unwrap_err(), refusal.into(), "{extra}");
}

#[test]
fn a_host_vouches_by_any_of_its_algorithms() {
    let rsa = key(KeyKind::Rsa2048);
    for (alg, key) in [("ES256", ec()), ("RS256", rsa), ("PS256", rsa)] {
        let world = world(settings(&[jwk("h1", key, &json!({}))]));
        let word = jws(&header(&json!({ "alg": alg })), &world.claims(&json!({})), key);
        let assurance = world.accept(&word).unwrap().assurance;
        assert_eq!(assurance.person, UserId::parse(PERSON).unwrap());
        assert_eq!(assurance.source, Source::Host(HOST.to_owned()));
        assert_eq!((assurance.authentication, assurance.identity), (Level(2), Level(3)));
        assert_eq!(assurance.methods, ["face", "pin"]);
        assert_eq!(assurance.authenticated_at.unix_seconds(), now().unix_seconds() - 5);
        assert_eq!(assurance.binding, Binding::Nonce);
    }
}

#[cfg(feature = "aws-lc")]
#[test]
fn a_host_vouches_by_eddsa() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let key = Ed25519KeyPair::generate().unwrap();
    let x = b64(key.public_key().as_ref());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "h1", "x": x});
    let world = world(settings(&[jwk]));
    let header = header(&json!({"alg": "EdDSA"}));
    let signed =
        format!("{}.{}", b64(header.to_string()), b64(world.claims(&json!({})).to_string()));
    let word = |signature: &[u8]| format!("{signed}.{}", b64(signature));
    world.accept(&word(key.sign(signed.as_bytes()).as_ref())).unwrap();
    let refused = world.accept(&word(key.sign(b"something").as_ref())).unwrap_err();
    assert_eq!(refused, form(Refusal::Signature));
}

#[test]
fn two_keys_overlap_while_one_takes_over() {
    let new = PrivateKey::generate(KeyKind::P256).unwrap();
    let both = world(settings(&[jwk("h1", ec(), &json!({})), jwk("h2", &new, &json!({}))]));
    let word = |world: &World, kid: &str, key: &PrivateKey| {
        jws(&header(&json!({ "kid": kid })), &world.claims(&json!({})), key)
    };
    both.accept(&word(&both, "h1", ec())).unwrap();
    both.accept(&word(&both, "h2", &new)).unwrap();
    let mixed = both.accept(&word(&both, "h1", &new)).unwrap_err();
    assert_eq!(mixed, form(Refusal::Signature));
    let after = world(settings(&[jwk("h2", &new, &json!({}))]));
    let gone = after.accept(&word(&after, "h1", ec())).unwrap_err();
    assert_eq!(gone, form(Refusal::KeyUnknown));
}

#[test]
fn keys_are_replaced_while_a_host_is_heard_and_what_cannot_be_used_replaces_nothing() {
    let new = PrivateKey::generate(KeyKind::P256).unwrap();
    let file = Arc::new(Replaced::default());
    let usual = settings(&[jwk("h1", ec(), &json!({}))]);
    let world = world(Settings { in_use: Some(file.clone()), ..usual });
    let word = |kid: &str, key: &PrivateKey| {
        world.accept(&jws(&header(&json!({ "kid": kid })), &world.claims(&json!({})), key))
    };
    let put = |keys: &[Value]| {
        *file.0.lock().unwrap() = Some(json!({ "keys": keys }).to_string());
    };
    word("h1", ec()).unwrap();
    put(&[]);
    word("h1", ec()).unwrap();
    put(&[jwk("h1", ec(), &json!({})), jwk("h2", &new, &json!({}))]);
    word("h2", &new).unwrap();
    word("h1", ec()).unwrap();
    put(&[jwk("h2", &new, &json!({}))]);
    word("h2", &new).unwrap();
    assert_eq!(word("h1", ec()).unwrap_err(), form(Refusal::KeyUnknown));
}

#[test]
fn headers_are_believed_in_nothing() {
    refuses_header(form(Refusal::AlgorithmNone), json!({"alg": "none"}));
    refuses_header(form(Refusal::AlgorithmHmac), json!({"alg": "HS256"}));
    refuses_header(form(Refusal::AlgorithmNotAccepted("ES384")), json!({"alg": "ES384"}));
    refuses_header(form(Refusal::Key(KeyFault::Type)), json!({"alg": "RS256"}));
    for typ in [json!("JWT"), json!(null), json!(RELAYS), json!("WARDCARD-ATTESTATION+JWT")] {
        refuses_header(form(Refusal::Type), json!({ "typ": typ }));
    }
    for member in ["jku", "x5u"] {
        refuses_header(form(Refusal::Header(member)), json!({member: "https://evil.example"}));
    }
    let own = jwk("h1", &PrivateKey::generate(KeyKind::P256).unwrap(), &json!({}));
    refuses_header(form(Refusal::Header("jwk")), json!({ "jwk": own }));
    refuses_header(form(Refusal::Header("x5c")), json!({"x5c": []}));
    refuses_header(form(Refusal::Header("crit")), json!({"crit": ["exp"]}));
    refuses_header(form(Refusal::Header("b64")), json!({"b64": true}));
    refuses_header(form(Refusal::Header("kid")), json!({"kid": 1}));
    refuses_header(Fault::KeyId, json!({"kid": null}));
    for kid in ["h2", "", "../h1", "h1' OR '1'='1", "H1"] {
        refuses_header(form(Refusal::KeyUnknown), json!({ "kid": kid }));
    }
}

#[test]
fn what_is_malformed_nested_or_twice_is_refused() {
    let world = usual();
    let claims = world.claims(&json!({})).to_string();
    let good = header(&json!({})).to_string();
    let twice = claims.replacen('{', r#"{"sub":"555000000002","#, 1);
    let refused = |header: &str, claims: &str| {
        world.accept(&raw_jws(header, claims, ec(), false)).unwrap_err()
    };
    assert_eq!(refused(&good, &twice), form(Refusal::Duplicate(Document::Claims)));
    let twice = good.replacen('{', r#"{"alg":"ES256","#, 1);
    assert_eq!(refused(&twice, &claims), form(Refusal::Duplicate(Document::Header)));
    assert_eq!(refused(&good, "[]"), form(Refusal::NotJson(Document::Claims)));
    let nested = raw_jws(&good, &claims, ec(), false);
    assert_eq!(refused(&good, &nested), form(Refusal::NotJson(Document::Claims)));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    assert_eq!(refused(&good, &deep), form(Refusal::NotJson(Document::Claims)));
    let parts = world.accept("a.b").unwrap_err();
    assert_eq!(parts, form(Refusal::Malformed("it has not three parts")));
    assert_eq!(world.accept("a.b.c.d.e").unwrap_err(), form(Refusal::Encrypted));
    assert_eq!(world.accept(&"a".repeat(70_000)).unwrap_err(), form(Refusal::TooLong));
    let forged = PrivateKey::generate(KeyKind::P256).unwrap();
    let forged = world.accept(&raw_jws(&good, &claims, &forged, false)).unwrap_err();
    assert_eq!(forged, form(Refusal::Signature));
    let claims = world.claims(&json!({}));
    let mut other = claims.clone();
    other["sub"] = "555000000002".into();
    let good = jws(&header(&json!({})), &claims, ec());
    let parts: Vec<&str> = good.split('.').collect();
    let swapped = format!("{}.{}.{}", parts[0], b64(other.to_string()), parts[2]);
    assert_eq!(world.accept(&swapped).unwrap_err(), form(Refusal::Signature));
}

#[test]
fn a_word_is_good_once_also_as_its_twin() {
    let world = usual();
    let claims = world.claims(&json!({}));
    let accepted = world.accept(&jws(&header(&json!({})), &claims, ec())).unwrap();
    let again = world.accept(&jws(&header(&json!({})), &claims, ec())).unwrap();
    assert_eq!(accepted.signed, again.signed, "another signature over the same");
    world.used.first_use_of_all(&[accepted], now()).unwrap();
    assert_eq!(world.used.first_use_of_all(&[again], now()), Err(Refusal::Replayed));
}

#[test]
fn sources_that_are_not_configured_are_refused_by_name() {
    use wardcard::proof::{webauthn, x509};
    let sources = Sources::default();
    let nonce = Nonce::new(&[b"key"]).unwrap();
    let secret = || Secret::copied_from(b"{}");
    let refused = |evidence: &Evidence| sources.accept(evidence, &nonce).unwrap_err();
    assert_eq!(refused(&Evidence::WebAuthn(secret())), webauthn::Fault::Unconfigured.into());
    assert_eq!(refused(&Evidence::Certificate(secret())), x509::Fault::Unconfigured.into());
    let world = usual();
    let word = jws(&header(&json!({})), &world.claims(&json!({})), ec());
    let word = Evidence::Host(Secret::copied_from(word.as_bytes()));
    assert_eq!(refused(&word), Fault::Unknown.into());
}

#[test]
fn settings_that_cannot_be_used_refuse_everything() {
    let one = jwk("h1", ec(), &json!({}));
    let good = || settings(std::slice::from_ref(&one));
    let keys = |keys: &[Value]| json!({ "keys": keys }).to_string();
    let named = |id: &str| jwk(id, ec(), &json!({}));
    let enc = jwk("h1", ec(), &json!({"use": "enc"}));
    let no_id = jwk("h1", ec(), &json!({"kid": null}));
    let four: Vec<Value> = ["a", "b", "c", "d"].map(named).to_vec();
    assert_eq!(Settings { keys: keys(&four[..3]), ..good() }.check(), Ok(()));
    for (settings, name) in [
        (Settings { name: String::new(), ..good() }, "name"),
        (Settings { name: "x".repeat(65), ..good() }, "name"),
        (Settings { audience: String::new(), ..good() }, "audience"),
        (Settings { keys: "{}".into(), ..good() }, "keys"),
        (Settings { keys: keys(&[]), ..good() }, "keys"),
        (Settings { keys: keys(&[enc]), ..good() }, "keys"),
        (Settings { keys: keys(&[no_id]), ..good() }, "keys"),
        (Settings { keys: keys(&[one.clone(), one.clone()]), ..good() }, "keys"),
        (Settings { keys: keys(&four), ..good() }, "keys"),
        (Settings { authentication: Level(0), ..good() }, "authentication"),
        (Settings { identity: Level(4), ..good() }, "identity"),
        (Settings { vouches: false, relays: Vec::new(), ..good() }, "vouches"),
    ] {
        assert_eq!(settings.check(), Err(Fault::Setting(name)));
        let host = Host::new(settings, Arc::new(ManualClock::new(now())));
        let world = usual();
        let word = jws(&header(&json!({})), &world.claims(&json!({})), ec());
        let refused = host.accept(word.as_bytes(), &world.nonce).unwrap_err();
        // One that neither vouches nor relays is told the former first.
        let first = if name == "vouches" { Fault::Vouch } else { Fault::Setting(name) };
        assert_eq!(refused, first.into());
    }
}
