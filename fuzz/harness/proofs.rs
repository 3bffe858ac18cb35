//! What the fuzz targets of proofs do with one input, and the replay of the committed seeds too.
//! The first byte of an input says which part of a proof the rest is.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use wardcard::{
    clock::{ManualClock, Time},
    crypto::{self, Hash, KeyKind, PrivateKey, Scheme},
    pki::{Crl, Level, UserId},
    proof::{
        Fetch, Nonce,
        attested::{self, Host},
        webauthn::{Models, RelyingParty, Settings},
        x509::{self, Revocation, Verifier},
    },
    store::MemoryStore,
};

static NONCE: LazyLock<Nonce> = LazyLock::new(|| Nonce::new(&[b"key"]).unwrap());
static CLOCK: LazyLock<Arc<ManualClock>> =
    LazyLock::new(|| Arc::new(ManualClock::new(Time::from_unix_seconds(1_790_000_000))));
static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate(KeyKind::P256).unwrap());

fn b64(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

fn person() -> UserId {
    UserId::parse("555000000001").unwrap()
}

/// The key's point, as the two coordinates.
fn coordinates() -> (&'static [u8], &'static [u8]) {
    KEY.public().ec_point().unwrap()[1..].split_at(32)
}

const ID: &[u8] = &[7; 16];

/// Authenticator data with an attested credential of this key.
fn authenticator_data(cose_key: &[u8]) -> Vec<u8> {
    let mut data = crypto::digest(Hash::Sha256, b"sso.example");
    data.extend([0x45, 0, 0, 0, 0]);
    data.extend([0; 16]);
    data.extend([0, 16]);
    data.extend(ID);
    data.extend(cose_key);
    data
}

fn cose_key() -> Vec<u8> {
    let (x, y) = coordinates();
    [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", x, b"\x22\x58\x20", y].concat()
}

/// An attestation object of format none around authenticator data shorter than 64 KiB.
fn attestation_object(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes();
    let head = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59";
    [&head[..], &length, data].concat()
}

fn client_data(kind: &str, challenge: &Value) -> String {
    let origin = "https://sso.example";
    b64(json!({"type": kind, "challenge": challenge, "origin": origin}).to_string())
}

fn answer(response: &Value) -> Vec<u8> {
    json!({"type": "public-key", "id": b64(ID), "response": response}).to_string().into_bytes()
}

/// A relying party with one credential of [`KEY`].
static PARTY: LazyLock<RelyingParty> = LazyLock::new(|| {
    let settings = Settings::new("sso.example", "https://sso.example", Level(3), Level(3));
    let settings = Settings { models: Models::Any, backup_eligible: true, ..settings };
    let party = RelyingParty::new(settings, Arc::new(MemoryStore::new()), CLOCK.clone());
    register(&party, &attestation_object(&authenticator_data(&cose_key()))).unwrap();
    party
});

fn register(party: &RelyingParty, object: &[u8]) -> Result<Vec<u8>, wardcard::proof::Refusal> {
    let begun = party.begin(&person())?;
    let options: Value = serde_json::from_str(&begun.options).unwrap();
    let client_data = client_data("webauthn.create", &options["challenge"]);
    let response = json!({"clientDataJSON": client_data, "attestationObject": b64(object)});
    party.finish(&begun.id, &answer(&response)).map(|credential| credential.id)
}

/// WebAuthn registrations and assertions.
pub fn webauthn(input: &[u8]) {
    let Some((part, rest)) = input.split_first() else { return };
    let challenge = Value::from(b64(NONCE.as_str()));
    let client = client_data("webauthn.get", &challenge);
    let accept = |response: &Value| PARTY.accept(&answer(response), &NONCE).is_err();
    let signature = b64([0x30, 0]);
    match part % 6 {
        0 => assert!(PARTY.accept(rest, &NONCE).is_err(), "nobody signed this"),
        1 => {
            let begun = PARTY.begin(&person()).unwrap();
            assert!(PARTY.finish(&begun.id, rest).is_err(), "the challenge is another");
        }
        2 => assert!(
            accept(&json!({
                "clientDataJSON": client, "authenticatorData": b64(rest), "signature": signature,
            })),
            "nobody signed this"
        ),
        3 => assert!(
            accept(&json!({
                "clientDataJSON": b64(rest), "authenticatorData": "", "signature": signature,
            })),
            "nobody signed this"
        ),
        part => {
            // What is not certified may be registered, but never over a credential that is there.
            let data;
            let object = match part {
                4 => rest,
                _ => {
                    data = attestation_object(&authenticator_data(rest));
                    &data
                }
            };
            assert!(register(&PARTY, object).is_err(), "this id is registered already");
        }
    }
}

#[derive(Debug)]
struct Nowhere;

impl Fetch for Nowhere {
    fn get(&self, _: &str, _: usize) -> Result<Vec<u8>, String> {
        Err("nothing is fetched here".to_owned())
    }
}

/// A root that nobody of these inputs has the key of.
const ROOT: &str = include_str!("root.pem");

static CARDS: LazyLock<Verifier> = LazyLock::new(|| {
    let roots = wardcard::pki::Certificate::from_pem(ROOT).unwrap();
    let settings = x509::Settings::nhs(roots, Revocation::Unchecked, Level(3), Level(3));
    settings.check().unwrap();
    Verifier::new(settings, Arc::new(Nowhere), CLOCK.clone())
});

/// Answers of existing cards, and revocation lists.
pub fn card(input: &[u8]) {
    let Some((part, rest)) = input.split_first() else { return };
    let refused = |answer: &[u8]| CARDS.accept(answer, &NONCE).is_err();
    match part % 3 {
        0 => assert!(refused(rest), "no card signed this"),
        1 => {
            let lines: Vec<String> = Base64::encode_string(rest)
                .as_bytes()
                .chunks(64)
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect();
            let pem = format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                lines.join("\n")
            );
            let answer = json!({"scheme": "RS256", "signature": "", "certificates": pem});
            assert!(refused(answer.to_string().as_bytes()), "no card signed this");
        }
        _ => drop(Crl::from_der_or_pem(rest)),
    }
}

static HOST: LazyLock<Host> = LazyLock::new(|| {
    let (x, y) = coordinates();
    let key = json!({"kty": "EC", "crv": "P-256", "kid": "h1", "x": b64(x), "y": b64(y)});
    let settings = attested::Settings {
        in_use: None,
        name: "sso".to_owned(),
        keys: json!({ "keys": [key] }).to_string(),
        audience: "wardcard".to_owned(),
        authentication: Level(2),
        identity: Level(2),
        vouches: true,
        relays: vec!["https://id.example".to_owned()],
    };
    settings.check().unwrap();
    Host::new(settings, CLOCK.clone())
});

/// Attestations of hosts; some of them signed.
pub fn attestation(input: &[u8]) {
    let Some((part, rest)) = input.split_first() else { return };
    let word = |header: &[u8], claims: &[u8]| {
        let signed = format!("{}.{}", b64(header), b64(claims));
        let digest = crypto::digest(Hash::Sha256, signed.as_bytes());
        let signature = KEY.sign(Scheme::Ecdsa, &digest).unwrap();
        format!("{signed}.{}", b64(signature)).into_bytes()
    };
    let header = |typ| json!({"alg": "ES256", "typ": typ, "kid": "h1"}).to_string();
    let token = ("https://id.example", &b"a.b.c"[..]);
    match part % 4 {
        0 => {
            assert!(HOST.accept(rest, &NONCE).is_err(), "nobody signed this");
            assert!(HOST.relays(rest, &NONCE, token).is_err(), "nobody signed this");
        }
        1 => {
            let word = word(header(attested::VOUCHES).as_bytes(), rest);
            if let Ok(accepted) = HOST.accept(&word, &NONCE) {
                let assurance = accepted.assurance;
                assert!(assurance.authentication <= Level(2) && assurance.identity <= Level(2));
            }
        }
        2 => drop(HOST.accept(&word(rest, b"{}"), &NONCE)),
        _ => drop(HOST.relays(&word(header(attested::RELAYS).as_bytes(), rest), &NONCE, token)),
    }
}
