//! Answers of existing cards, each check broken in turn.

mod certificates;
mod lists;
mod own;

use crate::{
    der::{self, Contents, DATES, DIGITAL_SIGNATURE, NON_REPUDIATION, PRINTABLE, UTF8},
    now,
};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};
use wardcard::{
    clock::{ManualClock, Time},
    crypto::{self, Hash, KeyKind, PrivateKey, Scheme},
    pki::{self, Binding, Certificate, Level, Source, UserId},
    proof::{
        Accepted, Document, Fetch, Nonce, Refusal,
        x509::{self, Fault, Revocation, Settings, Verifier},
    },
};

const PERSON: &str = "555000000001";
const NHS_POLICY: &str = "1.2.826.0.1275.101.0.3.1.1";
const ROOT_LIST: &str = "https://crl.example/root";
const ISSUING_LIST: &str = "https://crl.example/g2";

/// Keys that are slow to make, once for all tests.
fn rsa() -> PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::generate(KeyKind::Rsa2048).unwrap()).clone()
}

fn p256() -> PrivateKey {
    PrivateKey::generate(KeyKind::P256).unwrap()
}

/// Documents by address, or none at all.
#[derive(Debug, Default)]
struct Web {
    documents: Mutex<HashMap<&'static str, Vec<u8>>>,
    asked: Mutex<usize>,
}

impl Web {
    fn put(&self, address: &'static str, document: Vec<u8>) {
        self.documents.lock().unwrap().insert(address, document);
    }

    fn take_down(&self) {
        self.documents.lock().unwrap().clear();
    }
}

impl Fetch for Web {
    fn get(&self, url: &str, _: usize) -> Result<Vec<u8>, String> {
        *self.asked.lock().unwrap() += 1;
        self.documents.lock().unwrap().get(url).cloned().ok_or_else(|| "it is down".to_owned())
    }
}

/// A root, an issuing authority, and a card below it.
struct World {
    web: Arc<Web>,
    clock: Arc<ManualClock>,
    root_key: PrivateKey,
    root: Certificate,
    issuing_key: PrivateKey,
    issuing: Certificate,
    card: Contents,
    key: PrivateKey,
    settings: Settings,
}

const FRESH: (&str, &str) = ("261201000000Z", "261208000000Z");

impl World {
    fn new() -> Self {
        Self::with_key(p256())
    }

    fn with_key(key: PrivateKey) -> Self {
        let (root_key, issuing_key) = (p256(), p256());
        let (root_name, issuing_name) = (der::plain("Card Root"), der::plain("Card G2"));
        let root = Contents::authority(1, &root_name, &root_name, root_key.public());
        let issuing = Contents::authority(2, &root_name, &issuing_name, issuing_key.public());
        let card = Contents {
            serial: 3,
            issuer: issuing_name.clone(),
            subject: der::person(PERSON),
            dates: DATES,
            spki: key.public().spki().to_vec(),
            extensions: vec![
                der::basic_constraints(false),
                der::usage(DIGITAL_SIGNATURE),
                der::policy(NHS_POLICY),
            ],
        };
        let (root, issuing) = (root.signed(&root_key), issuing.signed(&root_key));
        let web = Web::default();
        web.put(ROOT_LIST, der::crl(&root_name, &root_key, &[], FRESH));
        web.put(ISSUING_LIST, der::crl(&issuing_name, &issuing_key, &[99], FRESH));
        let lists = Revocation::Lists([ROOT_LIST, ISSUING_LIST].map(str::to_owned).to_vec());
        let mut settings = Settings::nhs(vec![root.clone()], lists, Level(3), Level(3));
        settings.intermediates = vec![issuing.clone()];
        let clock = Arc::new(ManualClock::new(now()));
        let web = Arc::new(web);
        Self { web, clock, root_key, root, issuing_key, issuing, card, key, settings }
    }

    fn verifier(&self) -> Verifier {
        self.settings.check().unwrap();
        Verifier::new(self.settings.clone(), self.web.clone(), self.clock.clone())
    }

    fn certificate(&self) -> Certificate {
        self.card.signed(&self.issuing_key)
    }

    /// What the card answers to this nonce.
    fn answer(&self, nonce: &Nonce) -> Value {
        self.answer_over(&x509::challenge(nonce.as_str()))
    }

    fn answer_over(&self, message: &[u8]) -> Value {
        let digest = crypto::digest(Hash::Sha256, message);
        let (name, scheme) = match self.key.kind() {
            KeyKind::P256 => ("ES256", Scheme::Ecdsa),
            _ => ("RS256", Scheme::Pkcs1(Hash::Sha256)),
        };
        let signature = self.key.sign(scheme, &digest).unwrap();
        json!({
            "scheme": name,
            "signature": Base64::encode_string(&signature),
            "certificates": self.certificate().to_pem(),
        })
    }

    fn accept(&self) -> Result<Accepted, Refusal> {
        self.accept_by(&self.verifier())
    }

    fn accept_by(&self, verifier: &Verifier) -> Result<Accepted, Refusal> {
        let nonce = Nonce::new(&[b"key"]).unwrap();
        verifier.accept(self.answer(&nonce).to_string().as_bytes(), &nonce)
    }

    fn lists(&self, revoked: &[u8], dates: (&str, &str)) {
        let issuer = self.issuing.subject_der();
        self.web.put(ISSUING_LIST, der::crl(issuer, &self.issuing_key, revoked, dates));
        let issuer = self.root.subject_der();
        self.web.put(ROOT_LIST, der::crl(issuer, &self.root_key, &[], dates));
    }
}

/// A card that is bent like this is refused for this.
#[track_caller]
fn refuses(fault: impl Into<Refusal>, bend: impl FnOnce(&mut World)) {
    let mut world = World::new();
    bend(&mut world);
    assert_eq!(world.accept().unwrap_err(), fault.into());
}

#[test]
fn a_card_of_every_kind_signs_in() {
    let p384 = PrivateKey::generate(KeyKind::P384).unwrap();
    for (key, name, scheme, hash) in [
        (rsa(), "RS256", Scheme::Pkcs1(Hash::Sha256), Hash::Sha256),
        (rsa(), "PS256", pss(), Hash::Sha256),
        (p256(), "ES256", Scheme::Ecdsa, Hash::Sha256),
        (p384, "ES384", Scheme::Ecdsa, Hash::Sha384),
    ] {
        let world = World::with_key(key);
        let nonce = Nonce::new(&[b"key"]).unwrap();
        let digest = crypto::digest(hash, &x509::challenge(nonce.as_str()));
        let signature = Base64::encode_string(&world.key.sign(scheme, &digest).unwrap());
        let certificates = world.certificate().to_pem();
        let answer = json!({"scheme": name, "signature": signature, "certificates": certificates});
        let accepted = world.verifier().accept(answer.to_string().as_bytes(), &nonce).unwrap();
        let assurance = accepted.assurance;
        assert_eq!(assurance.person, UserId::parse(PERSON).unwrap());
        assert_eq!(assurance.source, Source::Certificate("nhs".to_owned()));
        assert_eq!((assurance.binding, assurance.offline), (Binding::Challenge, false));
        assert_eq!((assurance.authentication, assurance.identity), (Level(3), Level(3)));
        assert_eq!((assurance.methods, assurance.authenticated_at), (vec!["sc".to_owned()], now()));
    }
}

fn pss() -> Scheme {
    Scheme::Pss { hash: Hash::Sha256, mgf: Hash::Sha256, salt: 32 }
}

#[test]
fn sha1_is_accepted_only_where_a_setting_says_so() {
    let mut world = World::with_key(rsa());
    let nonce = Nonce::new(&[b"key"]).unwrap();
    let digest = crypto::digest(Hash::Sha1, &x509::challenge(nonce.as_str()));
    let mut answer = world.answer(&nonce);
    let signature = world.key.sign(Scheme::Pkcs1(Hash::Sha1), &digest).unwrap();
    answer["scheme"] = "RS1".into();
    answer["signature"] = Base64::encode_string(&signature).into();
    let answer = answer.to_string();
    let refused = world.verifier().accept(answer.as_bytes(), &nonce).unwrap_err();
    assert_eq!(refused, Fault::Sha1.into());
    world.settings.sha1 = true;
    world.verifier().accept(answer.as_bytes(), &nonce).unwrap();
}

#[test]
fn the_signature_is_over_this_challenge_and_nothing_else() {
    let world = World::new();
    let verifier = world.verifier();
    let (nonce, other) = (Nonce::new(&[b"key"]).unwrap(), Nonce::new(&[b"key"]).unwrap());
    let accept = |answer: &Value| verifier.accept(answer.to_string().as_bytes(), &nonce);
    accept(&world.answer(&nonce)).unwrap();
    let refused = |answer: &Value| assert_eq!(accept(answer).unwrap_err(), Fault::Signature.into());
    refused(&world.answer(&other));
    // The nonce alone is what another protocol could have signed.
    refused(&world.answer_over(nonce.as_str().as_bytes()));
    let mut empty = world.answer(&nonce);
    empty["signature"] = "".into();
    refused(&empty);
    let mut by_another = World::new().answer(&nonce);
    by_another["certificates"] = world.answer(&nonce)["certificates"].clone();
    refused(&by_another);
    let mut scheme = world.answer(&nonce);
    scheme["scheme"] = "RS256".into();
    assert_eq!(accept(&scheme).unwrap_err(), Fault::SchemeKey.into());
    scheme["scheme"] = "ES384".into();
    assert_eq!(accept(&scheme).unwrap_err(), Fault::SchemeKey.into());
}

#[test]
fn a_second_signature_by_the_same_card_is_the_same_proof() {
    let world = World::new();
    let verifier = world.verifier();
    let nonce = Nonce::new(&[b"key"]).unwrap();
    let signed =
        |answer: &Value| verifier.accept(answer.to_string().as_bytes(), &nonce).unwrap().signed;
    let (one, two) = (world.answer(&nonce), world.answer(&nonce));
    assert_ne!(one["signature"], two["signature"], "ECDSA is random");
    assert_eq!(signed(&one), signed(&two));
}

#[test]
fn answers_are_read_strictly() {
    let world = World::new();
    let verifier = world.verifier();
    let nonce = Nonce::new(&[b"key"]).unwrap();
    let accept = |text: &str| verifier.accept(text.as_bytes(), &nonce).unwrap_err();
    for member in ["scheme", "signature", "certificates"] {
        let mut answer = world.answer(&nonce);
        answer[member] = 1.into();
        assert_eq!(accept(&answer.to_string()), Fault::Answer(member).into());
    }
    let mut answer = world.answer(&nonce);
    answer["scheme"] = "HS256".into();
    assert_eq!(accept(&answer.to_string()), Fault::Scheme.into());
    answer = world.answer(&nonce);
    answer["certificates"] = "-----BEGIN CERTIFICATE-----".into();
    assert_eq!(accept(&answer.to_string()), Fault::Answer("certificates").into());
    assert_eq!(accept("[]"), Refusal::NotJson(Document::CardAnswer));
    assert_eq!(accept(r#"{"scheme":1,"scheme":1}"#), Refusal::Duplicate(Document::CardAnswer));
    assert_eq!(accept(&" ".repeat(65 * 1024)), Refusal::TooLong);
}

#[test]
fn settings_that_cannot_be_used_refuse_everything() {
    let world = World::new();
    let lists = |address: &str| Revocation::Lists(vec![address.to_owned()]);
    let good = || world.settings.clone();
    assert_eq!(Settings { revocation: lists("file:///x.crl"), ..good() }.check(), Ok(()));
    for (settings, name) in [
        (Settings { name: String::new(), ..good() }, "name"),
        (Settings { roots: Vec::new(), ..good() }, "roots"),
        (Settings { subject: "O=nhs".into(), ..good() }, "subject"),
        (Settings { subject: "CN={id}{id}".into(), ..good() }, "subject"),
        (Settings { revocation: Revocation::Lists(Vec::new()), ..good() }, "revocation"),
        (Settings { revocation: lists("http://crl.example/x"), ..good() }, "revocation"),
        (Settings { revocation: lists("file://x"), ..good() }, "revocation"),
        (Settings { stale: Duration::from_secs(7 * 86_400 + 1), ..good() }, "stale"),
        (Settings { authentication: Level(0), ..good() }, "authentication"),
        (Settings { identity: Level(4), ..good() }, "identity"),
    ] {
        assert_eq!(settings.check(), Err(Fault::Setting(name)));
        let verifier = Verifier::new(settings, world.web.clone(), world.clock.clone());
        let refused = world.accept_by(&verifier).unwrap_err();
        assert_eq!(refused, Fault::Setting(name).into());
    }
    let week = Settings { stale: Duration::from_secs(7 * 86_400), ..good() };
    assert_eq!(week.check(), Ok(()));
}
