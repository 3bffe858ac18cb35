//! Each kind of proof against a whole agent, through the host protocol: a card comes of it, once;
//! of a refused one nothing is left but its record.

use crate::{
    authenticator::{Authenticator, ORIGIN, RP, b64},
    der,
};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use std::fs;
use wardcard::{
    agent::{
        Pending, Seat, audit,
        config::{CertificateSettings, SourceSettings},
        host::{
            Client, Error, Piece,
            message::{Hidden, Passcode},
        },
    },
    crypto::{self, Hash, KeyKind, PrivateKey, Scheme},
    derive::{Combination, SourceKind, SourceRule},
    net::ServerTrust,
    pki::{Certificate, Level},
    proof::{attested, webauthn, x509},
    secret::Secret,
    testkit::{Builder, Kit},
};

const PERSON: &str = "555000000001";

/// An agent with every source, a security key of a person, a card, and a host's key.
struct Desk {
    kit: Kit,
    client: Client,
    security_key: Authenticator,
    card_key: PrivateKey,
    card: Certificate,
    host_key: PrivateKey,
}

fn p256() -> PrivateKey {
    PrivateKey::generate(KeyKind::P256).unwrap()
}

impl Desk {
    fn new() -> Self {
        let rule = SourceRule::new;
        let [one, two, three] = [SourceKind::WebAuthn, SourceKind::Certificate, SourceKind::Host];
        Self::with_rules(vec![rule(one), rule(two), rule(three)])
    }

    fn with_rules(rules: Vec<SourceRule>) -> Self {
        let (root_key, card_key, host_key) = (p256(), p256(), p256());
        let root = der::Contents {
            serial: 1,
            issuer: der::plain("Card Root"),
            subject: der::plain("Card Root"),
            dates: ("260101000000Z", "490101000000Z"),
            spki: root_key.public().spki().to_vec(),
            extensions: der::authority(),
        };
        let card = der::Contents {
            serial: 2,
            subject: der::person(PERSON),
            spki: card_key.public().spki().to_vec(),
            extensions: vec![
                der::basic_constraints(false),
                der::usage(der::DIGITAL_SIGNATURE),
                der::policy("1.2.826.0.1275.101.0.3.1.1"),
            ],
            ..root.clone()
        };
        let (root, card) = (root.signed(&root_key), card.signed(&root_key));
        let point = host_key.public().ec_point().unwrap();
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "kid": "h1", "x": b64(&point[1..33]), "y": b64(&point[33..]),
        });
        let three = Level(3);
        let open = webauthn::Settings::new(RP, ORIGIN, three, three);
        let mut builder = Builder::default();
        builder.policy.key = KeyKind::P256;
        builder.issuer_key = KeyKind::P256;
        builder.policy.cards_per_person = 4;
        builder.policy.sources = rules;
        builder.policy.combinations = vec![Combination {
            of: vec![SourceKind::WebAuthn, SourceKind::Host],
            authentication: Level(3),
            each_at_least: Level(2),
        }];
        builder.sources = SourceSettings {
            webauthn: Some(webauthn::Settings { models: webauthn::Models::Any, ..open }),
            certificate: Some(CertificateSettings {
                x509: x509::Settings::nhs(vec![root], x509::Revocation::Unchecked, three, three),
                proxy: None,
            }),
            hosts: vec![attested::Settings {
                in_use: None,
                name: "sso".to_owned(),
                keys: json!({ "keys": [jwk] }).to_string(),
                audience: "wardcard".to_owned(),
                authentication: three,
                identity: three,
                vouches: true,
                relays: Vec::new(),
            }],
        };
        let kit = builder.start().unwrap();
        let host = kit.config().host.clone().unwrap();
        let client =
            Client::connect(&host.address, &ServerTrust::default(), host.secret.as_ref()).unwrap();
        let mut security_key = Authenticator::p256();
        let begun = client.webauthn_begin(PERSON).unwrap();
        let answer = Secret::new(security_key.register(&begun.options).into_bytes());
        client.webauthn_finish(&begun.registration, &answer).unwrap();
        Self { kit, client, security_key, card_key, card, host_key }
    }

    fn request(&self) -> Pending {
        self.client.request(&Seat::user(rustix::process::geteuid().as_raw())).unwrap()
    }

    fn webauthn(&self, nonce: &str) -> Piece {
        let options = self.client.webauthn_options(nonce, Some(PERSON)).unwrap();
        Piece::Webauthn(hidden(&self.security_key.assert(&options)))
    }

    fn certificate(&self, nonce: &str) -> Piece {
        let digest = crypto::digest(Hash::Sha256, &x509::challenge(nonce));
        let signature = self.card_key.sign(Scheme::Ecdsa, &digest).unwrap();
        let answer = json!({
            "scheme": "ES256",
            "signature": Base64::encode_string(&signature),
            "certificates": self.card.to_pem(),
        });
        Piece::Certificate(hidden(&answer.to_string()))
    }

    fn host(&self, nonce: &str, person: &str) -> Piece {
        let at = wardcard::clock::Clock::now(&wardcard::clock::SystemClock).unix_seconds();
        let header = json!({"alg": "ES256", "typ": attested::VOUCHES, "kid": "h1"});
        let claims = json!({
            "iss": "sso", "aud": "wardcard", "sub": person, "nonce": nonce, "iat": at,
            "exp": at + 60, "auth_time": at, "amr": ["face"],
            "authentication_assurance_level": 3, "id_assurance_level": 3,
        });
        let signed = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        let digest = crypto::digest(Hash::Sha256, signed.as_bytes());
        let signature = self.host_key.sign(Scheme::Ecdsa, &digest).unwrap();
        Piece::Host(hidden(&format!("{signed}.{}", b64(signature))))
    }

    /// A card of this evidence, or the refusal's sentence.
    fn prove(&self, pending: &Pending, evidence: Piece) -> Result<Value, String> {
        let given = Passcode::Given { passcode: hidden("135790"), keep: true };
        match self.client.prove_by(&pending.request, evidence, given) {
            Ok(card) => Ok(serde_json::to_value(card).unwrap()),
            Err(Error::Refused { message, .. }) => Err(message),
            Err(other) => panic!("{other}"),
        }
    }

    fn log(&self) -> String {
        let folder = self.kit.folder().join("state/audit");
        let files = audit::files_in(&folder).unwrap();
        files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
    }
}

fn hidden(text: &str) -> Hidden {
    Hidden(Secret::copied_from(text.as_bytes()))
}

#[test]
fn every_kind_makes_a_card_that_says_what_stands_behind_it() {
    let desk = Desk::new();
    type Evidence = fn(&Desk, &str) -> Piece;
    let kinds: [(&str, Evidence); 3] = [
        ("webauthn sso.example", Desk::webauthn),
        ("certificate nhs", Desk::certificate),
        ("host sso", |desk, nonce| desk.host(nonce, PERSON)),
    ];
    for (source, evidence) in kinds {
        let pending = desk.request();
        let card = desk.prove(&pending, evidence(&desk, &pending.nonce)).unwrap();
        assert_eq!(
            (&card["person"], &card["assurance"]["source"]),
            (&json!(PERSON), &json!(source))
        );
        // The proof of one request is none for the next.
        let next = desk.request();
        desk.prove(&next, evidence(&desk, &pending.nonce)).unwrap_err();
    }
    assert!(desk.log().contains(r#""event":"webauthn-registered""#));
}

#[test]
fn a_refused_proof_leaves_its_record_and_nothing_else() {
    let desk = Desk::new();
    let count = || {
        let path = desk.kit.folder().join("state/store.sqlite");
        let store = rusqlite::Connection::open(path).unwrap();
        let count = store.query_row("SELECT count(*) FROM rows", [], |row| row.get::<_, i64>(0));
        count.unwrap()
    };
    let before = count();
    let other = "another request's";
    let evidence: [(Piece, &str); 4] = [
        (desk.webauthn(other), "the challenge is not this request's"),
        (desk.certificate(other), "the card's signature is not one over this request's challenge"),
        (desk.host(other, PERSON), "the host's attestation is refused: the claim nonce"),
        (Piece::Relayed { id_token: hidden("a.b.c"), attestation: hidden("a.b.c") }, "the host's"),
    ];
    for (evidence, why) in evidence {
        let message = desk.prove(&desk.request(), evidence).unwrap_err();
        assert!(message.starts_with(why), "{message}");
        let log = desk.log();
        let last = log.lines().rfind(|line| line.contains("proof-refused")).unwrap();
        let last: Value = serde_json::from_str(last).unwrap();
        assert_eq!(last["why"], message);
        assert!(!message.contains(PERSON));
        assert!(desk.client.cards().unwrap().is_empty());
        assert_eq!(count(), before, "{why}");
    }
}

#[test]
fn a_source_without_a_rule_in_the_policy_makes_no_card() {
    let desk = Desk::with_rules(Vec::new());
    for (kind, evidence) in [
        ("webauthn", Desk::webauthn as fn(&Desk, &str) -> Piece),
        ("certificate", Desk::certificate),
        ("host", |desk, nonce| desk.host(nonce, PERSON)),
    ] {
        let pending = desk.request();
        let message = desk.prove(&pending, evidence(&desk, &pending.nonce)).unwrap_err();
        assert!(message.contains(&format!("accepts no sign-in by {kind}")), "{message}");
    }
    assert!(desk.client.cards().unwrap().is_empty());
}

#[test]
fn several_proofs_of_one_person_make_one_card_and_are_used_together() {
    let desk = Desk::new();
    let pending = desk.request();
    let nonce = pending.nonce.as_str();
    let both = vec![desk.webauthn(nonce), desk.host(nonce, PERSON)];
    let card = desk.prove(&pending, Piece::Several(both)).unwrap();
    assert_eq!(card["assurance"]["source"], "webauthn sso.example");
    assert_eq!(card["assurance"]["beside"], json!(["host sso"]));
    let used = desk.client.webauthn_credentials(PERSON).unwrap();
    assert!(used[0].used.is_some());
}

#[test]
fn several_proofs_are_of_one_person_and_go_to_the_policy() {
    let desk = Desk::new();
    let pending = desk.request();
    let nonce = pending.nonce.as_str();
    let mixed = vec![desk.webauthn(nonce), desk.host(nonce, "555000000002")];
    let message = desk.prove(&pending, Piece::Several(mixed)).unwrap_err();
    assert!(message.contains("different people"), "{message}");
    let pending = desk.request();
    let one = desk.webauthn(&pending.nonce);
    let nested = vec![one, Piece::Several(vec![desk.host(&pending.nonce, PERSON)])];
    let message = desk.prove(&pending, Piece::Several(nested)).unwrap_err();
    assert!(message.contains("two to four"), "{message}");
}

#[test]
fn credentials_are_listed_removed_and_outlive_a_restart() {
    let mut desk = Desk::new();
    let listed = desk.client.webauthn_credentials(PERSON).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].algorithm.as_str(), &listed[0].used), ("ES256", &None));
    desk.kit.restart().unwrap();
    let host = desk.kit.config().host.clone().unwrap();
    desk.client =
        Client::connect(&host.address, &ServerTrust::default(), host.secret.as_ref()).unwrap();
    let pending = desk.request();
    let again = desk.webauthn(&pending.nonce);
    desk.prove(&pending, again).unwrap();
    let listed = desk.client.webauthn_credentials(PERSON).unwrap();
    assert!(listed[0].used.is_some());
    let unknown = desk.client.webauthn_remove(PERSON, Some("AAAA")).unwrap_err();
    assert!(unknown.to_string().contains("not registered"), "{unknown}");
    desk.client.webauthn_remove(PERSON, Some(&listed[0].credential)).unwrap();
    let pending = desk.request();
    let message = desk.prove(&pending, desk.webauthn(&pending.nonce)).unwrap_err();
    assert!(message.contains("is not registered here, or has been removed"), "{message}");
    desk.client.webauthn_remove(PERSON, None).unwrap();
    let log = desk.log();
    assert_eq!(log.matches(r#""event":"webauthn-removed""#).count(), 2);
    let files = audit::files_in(&desk.kit.folder().join("state/audit")).unwrap();
    assert_eq!(audit::verify::files(&files, None).unwrap().losses, 0);
}

#[test]
fn a_registration_that_is_refused_is_on_record() {
    let desk = Desk::new();
    let begun = desk.client.webauthn_begin(PERSON).unwrap();
    let mut stranger = Authenticator::p256();
    stranger.shape.client_data = json!({"origin": "https://evil.example"});
    let answer = Secret::new(stranger.register(&begun.options).into_bytes());
    let refused = desk.client.webauthn_finish(&begun.registration, &answer).unwrap_err();
    assert!(refused.to_string().starts_with("the origin is none"), "{refused}");
    assert!(desk.log().contains("webauthn-refused"));
    assert_eq!(desk.client.webauthn_credentials(PERSON).unwrap().len(), 1);
}
