//! From a WebAuthn assertion or an existing card's signature to a card that applications see, with
//! keys ready.

use crate::{
    authenticator::{Authenticator, ORIGIN, RP},
    cards::{BATCH, outcome, requests, seated},
    der,
    measure::Effort,
};
use base64ct::{Base64, Encoding};
use serde_json::json;
use std::fs;
use wardcard::{
    agent::config::{CertificateSettings, SourceSettings},
    crypto::{KeyKind, PrivateKey},
    derive::{Evidence, SourceKind, SourceRule},
    pki::{Certificate, Level, UserId},
    proof::{webauthn, x509},
    secret::Secret,
    testkit::{Builder, Folder, Kit, provider::PERSON},
};

const DATES: (&str, &str) = ("260101000000Z", "490101000000Z");

/// An agent, a security key of the person, and a card of the person's under RSA-2048 authorities
/// with a revocation list.
struct Desk {
    kit: Kit,
    security_key: Authenticator,
    card_key: PrivateKey,
    card: Certificate,
    /// Where the revocation list lies.
    _list: Folder,
}

impl Desk {
    fn new(on_disk: bool) -> Self {
        let [root_key, card_key] = [0; 2].map(|_| PrivateKey::generate(KeyKind::Rsa2048).unwrap());
        let name = der::plain("Card Root");
        let root = der::Contents {
            serial: 1,
            issuer: name.clone(),
            subject: name.clone(),
            dates: DATES,
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
        let list = Folder::new().unwrap();
        let path = list.path().join("list.crl");
        fs::write(&path, der::crl(&name, &root_key, &[99], DATES)).unwrap();
        let lists = x509::Revocation::Lists(vec![format!("file://{}", path.display())]);
        let three = Level(3);
        let open = webauthn::Settings::new(RP, ORIGIN, three, three);
        let mut builder = Builder { on_disk, ..Builder::default() };
        // Keys that are made meanwhile would be measured too.
        builder.limits.warm_keys = 0;
        builder.policy.sources =
            [SourceKind::WebAuthn, SourceKind::Certificate].map(SourceRule::new).to_vec();
        builder.sources = SourceSettings {
            webauthn: Some(webauthn::Settings { models: webauthn::Models::Any, ..open }),
            certificate: Some(CertificateSettings {
                x509: x509::Settings::nhs(vec![root], lists, three, three),
                proxy: None,
            }),
            hosts: Vec::new(),
        };
        let kit = builder.start().unwrap();
        let mut security_key = Authenticator::p256();
        let begun = kit.agent().webauthn_begin(&UserId::parse(PERSON).unwrap()).unwrap();
        let answer = security_key.register(&begun.options);
        kit.agent().webauthn_finish(&begun.id, answer.as_bytes()).unwrap();
        Self { kit, security_key, card_key, card, _list: list }
    }

    fn webauthn(&mut self, nonce: &str) -> Evidence {
        // A key that counts: its credential is written at each sign-in.
        self.security_key.shape.counter += 1;
        let person = UserId::parse(PERSON).unwrap();
        let options = self.kit.agent().webauthn_options(nonce, Some(&person)).unwrap();
        Evidence::WebAuthn(Secret::new(self.security_key.assert(&options).into_bytes()))
    }

    fn certificate(&mut self, nonce: &str) -> Evidence {
        let answer = json!({
            "scheme": "RS256",
            "signature": Base64::encode_string(
                &der::sign_sha256(&self.card_key, &x509::challenge(nonce)),
            ),
            "certificates": self.card.to_pem(),
        });
        Evidence::Certificate(Secret::new(answer.to_string().into_bytes()))
    }
}

/// Both sources, each with a store in memory and on disk, in turns.
pub(crate) fn measure(effort: Effort) {
    type Prove = fn(&mut Desk, &str) -> Evidence;
    let ways: [(&str, Prove); 2] = [
        ("WebAuthn (ES256, a counter)", Desk::webauthn),
        ("certificate (RS256, path, list)", Desk::certificate),
    ];
    let mut desks = [("in memory", Desk::new(false)), ("on disk", Desk::new(true))];
    let mut times = [const { Vec::new() }; 4];
    let mut left = effort.cards;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        // Nothing else runs while the clock does.
        let mut ready = requests(&desks[0].1.kit, &desks[1].1.kit, batch * 2);
        for _ in 0..batch {
            for (row, times) in times.iter_mut().enumerate() {
                let (desk, (_, prove)) = (row % 2, ways[row / 2]);
                let pending = ready[desk].pop().unwrap();
                let desk = &mut desks[desk].1;
                let evidence = prove(desk, &pending.nonce);
                times.push(seated(&desk.kit, &pending, evidence));
            }
        }
    }
    for (row, times) in times.into_iter().enumerate() {
        outcome(&format!("{} to usable card, {}", ways[row / 2].0, desks[row % 2].0), times);
    }
}
