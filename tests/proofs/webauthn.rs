//! WebAuthn registrations and assertions, each check broken in turn.

mod attested;
mod edges;
mod registering;

use crate::{
    authenticator::{
        ATTESTED, Authenticator, BACKED_UP, BACKUP_ELIGIBLE, EXTENSIONS, Format, Key, MODEL,
        ORIGIN, PRESENT, RP, Shape, VERIFIED, b64,
    },
    der::{self, Contents, DATES, PRINTABLE, UTF8},
    now,
};
use ciborium::Value as Cbor;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use wardcard::{
    clock::{Clock, ManualClock},
    crypto::{KeyKind, PrivateKey},
    pki::{Binding, Level, UserId},
    proof::{
        Accepted, Document, Nonce, Refusal, Source, Used,
        webauthn::{
            Aaguid, Algorithm, Credential, Fault, MOST_CREDENTIALS, Models, RelyingParty, Settings,
        },
    },
    store::{MemoryStore, Store},
};

fn person() -> UserId {
    UserId::parse("555000000001").unwrap()
}

struct World {
    party: RelyingParty,
    used: Used,
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
}

/// Any model, by its own word.
fn open() -> Settings {
    Settings { models: Models::Any, ..Settings::new(RP, ORIGIN, Level(3), Level(2)) }
}

fn world(settings: Settings) -> World {
    let clock = Arc::new(ManualClock::new(now()));
    let store = Arc::new(MemoryStore::new());
    settings.check().unwrap();
    let party = RelyingParty::new(settings, store.clone(), clock.clone());
    World { party, used: Used::new(store.clone()), clock, store }
}

impl World {
    fn register(&self, authenticator: &mut Authenticator) -> Result<Credential, Refusal> {
        let begun = self.party.begin(&person())?;
        self.party.finish(&begun.id, authenticator.register(&begun.options).as_bytes())
    }

    /// An assertion for a nonce of its own, verified and used.
    fn sign_in(&self, authenticator: &Authenticator) -> Result<Accepted, Refusal> {
        let nonce = Nonce::new(&[b"key"]).unwrap();
        let accepted = self.verify(authenticator, &nonce)?;
        self.used.first_use_of_all(std::slice::from_ref(&accepted), self.clock.now())?;
        Ok(accepted)
    }

    fn verify(&self, authenticator: &Authenticator, nonce: &Nonce) -> Result<Accepted, Refusal> {
        let options = self.party.sign_in_options(nonce.as_str(), Some(&person()))?;
        self.party.accept(authenticator.assert(&options).as_bytes(), nonce)
    }

    fn kept(&self) -> Vec<Credential> {
        self.party.credentials().list(&person()).unwrap()
    }

    fn rows(&self) -> usize {
        let mut count = 0;
        let mut look = |table| {
            self.store.read(&mut |rows| {
                count += rows.rows(table)?.len();
                Ok(())
            })
        };
        look("used_proofs").unwrap();
        look("webauthn_credentials").unwrap();
        count
    }
}

/// A registration that is bent like this is refused for this, and nothing is kept.
#[track_caller]
fn refuses_registration(fault: impl Into<Refusal>, bend: impl FnOnce(&mut Authenticator)) {
    let world = world(open());
    let mut authenticator = Authenticator::p256();
    bend(&mut authenticator);
    assert_eq!(world.register(&mut authenticator).unwrap_err(), fault.into());
    assert_eq!(world.rows(), 0);
}

/// An assertion that is bent like this is refused for this, and leaves the credential as it was.
#[track_caller]
fn refuses(fault: impl Into<Refusal>, bend: impl FnOnce(&mut Shape)) {
    let world = world(open());
    let mut authenticator = Authenticator::p256();
    authenticator.shape.counter = 5;
    world.register(&mut authenticator).unwrap();
    let before = world.kept();
    authenticator.shape.counter = 6;
    let good = authenticator.shape.clone();
    bend(&mut authenticator.shape);
    assert_eq!(world.sign_in(&authenticator).unwrap_err(), fault.into());
    assert_eq!((world.kept(), world.rows()), (before, 1));
    authenticator.shape = good;
    world.sign_in(&authenticator).unwrap();
}

#[test]
fn every_algorithm_registers_and_signs_in() {
    let keys = [
        (Key::new(KeyKind::P256), Algorithm::Es256),
        (Key::new(KeyKind::P384), Algorithm::Es384),
        (Key::new(KeyKind::Rsa2048), Algorithm::Rs256),
        #[cfg(feature = "aws-lc")]
        (Key::ed25519(), Algorithm::EdDsa),
    ];
    for (key, algorithm) in keys {
        for format in [Format::None, Format::Own] {
            let world = world(open());
            let mut authenticator = Authenticator::new(match &key {
                Key::Common(key) => Key::Common(key.clone()),
                #[cfg(feature = "aws-lc")]
                Key::Ed25519(_) => Key::ed25519(),
            });
            authenticator.format = format;
            let credential = world.register(&mut authenticator).unwrap();
            assert_eq!((credential.algorithm, credential.certified), (algorithm, false));
            let accepted = world.sign_in(&authenticator).unwrap();
            let assurance = accepted.assurance;
            assert_eq!(assurance.person, person());
            assert_eq!((assurance.authentication, assurance.identity), (Level(3), Level(2)));
            assert_eq!(assurance.source, Source::WebAuthn(RP.to_owned()));
            assert_eq!(assurance.binding, Binding::Challenge);
            assert_eq!(assurance.methods, ["pop", "user", "mfa"]);
            assert_eq!(assurance.authenticated_at, now());
            assert!(world.kept()[0].used.is_some());
        }
    }
}

#[test]
fn an_algorithm_that_is_not_configured_is_refused() {
    let world = world(Settings { algorithms: vec![Algorithm::Rs256], ..open() });
    let refusal = world.register(&mut Authenticator::p256()).unwrap_err();
    assert_eq!(refusal, Fault::Key.into());
}

#[test]
fn the_challenge_is_the_nonce_as_ascii() {
    let world = world(open());
    let options = world.party.sign_in_options("the-nonce", None).unwrap();
    let options: serde_json::Value = serde_json::from_str(&options).unwrap();
    assert_eq!(options["challenge"], b64("the-nonce"));
    assert_eq!((&options["rpId"], &options["userVerification"]), (&json!(RP), &json!("required")));
    assert_eq!(options["allowCredentials"], json!([]));
}

#[test]
fn a_persons_credentials_share_a_handle_and_are_named_to_the_browser() {
    let world = world(open());
    let (mut one, mut two) = (Authenticator::p256(), Authenticator::p256());
    world.register(&mut one).unwrap();
    let begun = world.party.begin(&person()).unwrap();
    let options: serde_json::Value = serde_json::from_str(&begun.options).unwrap();
    assert_eq!(options["excludeCredentials"][0]["id"], b64(&one.id));
    assert_eq!(options["attestation"], "none");
    world.party.finish(&begun.id, two.register(&begun.options).as_bytes()).unwrap();
    assert_eq!(one.user_handle, two.user_handle);
    let other = UserId::parse("555000000002").unwrap();
    let begun = world.party.begin(&other).unwrap();
    world
        .party
        .finish(&begun.id, Authenticator::p256().register(&begun.options).as_bytes())
        .unwrap();
    assert_eq!(world.kept().len(), 2);
    assert_eq!(world.party.credentials().list(&other).unwrap().len(), 1);
}

#[test]
fn client_data_of_another_ceremony_challenge_or_page_are_refused() {
    let data = |extra| move |shape: &mut Shape| shape.client_data = extra;
    refuses(Fault::Ceremony, data(json!({"type": "webauthn.create"})));
    refuses(Fault::Ceremony, data(json!({"type": "payment.get"})));
    refuses(Fault::ClientData("type"), data(json!({"type": 1})));
    refuses(Fault::Challenge, data(json!({"challenge": b64("another nonce")})));
    refuses(Fault::Challenge, data(json!({"challenge": b64([0xff; 43])})));
    refuses(Fault::Challenge, data(json!({"challenge": ""})));
    refuses(Fault::ClientData("challenge"), data(json!({"challenge": "a b"})));
    refuses(Fault::ClientData("challenge"), data(json!({"challenge": null})));
    for origin in [
        "https://evil.example",
        "http://sso.example",
        "https://sso.example:8443",
        "https://sso.example/",
        "https://SSO.example",
        "https://sso.example.evil.example",
    ] {
        refuses(Fault::Origin, data(json!({ "origin": origin })));
    }
    refuses(Fault::ClientData("origin"), data(json!({"origin": [ORIGIN]})));
    refuses(Fault::CrossOrigin, data(json!({"crossOrigin": true})));
    refuses(Fault::CrossOrigin, data(json!({"topOrigin": ORIGIN})));
    let framed = json!({"crossOrigin": true, "topOrigin": "https://portal.example"});
    refuses(Fault::CrossOrigin, data(framed.clone()));
    refuses(Fault::ClientData("crossOrigin"), data(json!({"crossOrigin": "false"})));
    refuses_registration(Fault::Ceremony, |one| {
        one.shape.client_data = json!({"type": "webauthn.get"});
    });
    refuses_registration(Fault::Challenge, |one| {
        one.shape.client_data = json!({"challenge": b64([0; 32])});
    });
    refuses_registration(Fault::Origin, |one| {
        one.shape.client_data = json!({"origin": "https://evil.example"});
    });
    refuses_registration(Fault::CrossOrigin, move |one| one.shape.client_data = framed);
}

#[test]
fn a_page_that_embeds_ours_has_to_be_configured() {
    let allowed = world(Settings { top_origins: vec!["https://portal.example".into()], ..open() });
    let mut authenticator = Authenticator::p256();
    let framed = |top: &str| json!({"crossOrigin": true, "topOrigin": top});
    authenticator.shape.client_data = framed("https://portal.example");
    allowed.register(&mut authenticator).unwrap();
    allowed.sign_in(&authenticator).unwrap();
    authenticator.shape.client_data = framed("https://evil.example");
    assert_eq!(allowed.sign_in(&authenticator).unwrap_err(), Fault::CrossOrigin.into());
    authenticator.shape.client_data = json!({"crossOrigin": true});
    assert_eq!(allowed.sign_in(&authenticator).unwrap_err(), Fault::CrossOrigin.into());
}

#[test]
fn authenticator_data_are_judged_flag_by_flag() {
    let flags = |flags: u8| move |shape: &mut Shape| shape.flags = flags;
    refuses(Fault::RelyingParty, |shape| shape.relying_party = "evil.example".to_owned());
    refuses(Fault::Presence, flags(VERIFIED));
    refuses(Fault::Verification, flags(PRESENT));
    refuses(Fault::BackupState, flags(PRESENT | VERIFIED | BACKED_UP));
    refuses(Fault::BackupEligible, flags(PRESENT | VERIFIED | BACKUP_ELIGIBLE));
    let malformed = Fault::AuthenticatorData;
    refuses(malformed("a reserved flag is set"), flags(PRESENT | VERIFIED | 0x02));
    refuses(malformed("a reserved flag is set"), flags(PRESENT | VERIFIED | 0x20));
    refuses(
        malformed("an assertion has no attested credential"),
        flags(PRESENT | VERIFIED | ATTESTED),
    );
    refuses(malformed("something stands after its end"), |shape| shape.trailing = vec![0]);
    refuses(malformed("its extensions are no map of CBOR"), flags(PRESENT | VERIFIED | EXTENSIONS));
    refuses(malformed("its extensions are no map of CBOR"), |shape| {
        shape.flags |= EXTENSIONS;
        shape.extensions = vec![0x01];
    });
    refuses(malformed("something stands after its end"), |shape| {
        shape.flags |= EXTENSIONS;
        shape.extensions = vec![0xa0];
        shape.trailing = vec![0xa0];
    });
    refuses(malformed("something stands after its end"), |shape| shape.extensions = vec![0xa0]);
    refuses_registration(Fault::RelyingParty, |one| {
        one.shape.relying_party = "evil.example".into()
    });
    refuses_registration(Fault::Presence, |one| one.shape.flags = VERIFIED);
    refuses_registration(Fault::Verification, |one| one.shape.flags = PRESENT);
    refuses_registration(Fault::BackupState, |one| one.shape.flags |= BACKED_UP);
    refuses_registration(Fault::BackupEligible, |one| one.shape.flags |= BACKUP_ELIGIBLE);
    refuses_registration(malformed("something stands after its end"), |one| {
        one.shape.trailing = vec![0];
    });
}

#[test]
fn extensions_are_parsed_and_not_believed() {
    let world = world(open());
    let mut authenticator = Authenticator::p256();
    authenticator.shape.flags |= EXTENSIONS;
    authenticator.shape.extensions = b"\xa1\x6bcredProtect\x03".to_vec();
    world.register(&mut authenticator).unwrap();
    world.sign_in(&authenticator).unwrap();
}

#[test]
fn the_counter_only_goes_up_once_it_has_counted() {
    let world = world(open());
    let mut authenticator = Authenticator::p256();
    world.register(&mut authenticator).unwrap();
    let mut at = |counter| {
        authenticator.shape.counter = counter;
        world.sign_in(&authenticator).map(drop)
    };
    let cloned = || Err(Fault::Counter.into());
    assert_eq!([at(0), at(0)], [Ok(()), Ok(())], "one that never counts");
    assert_eq!(at(1), Ok(()));
    assert_eq!([at(1), at(0)], [cloned(), cloned()], "stood still, and went back");
    assert_eq!([at(2), at(u32::MAX), at(u32::MAX)], [Ok(()), Ok(()), cloned()]);
    assert_eq!(world.kept()[0].counter, u32::MAX);
}

#[test]
fn two_assertions_with_one_counter_are_used_once_whoever_comes_first() {
    let world = world(open());
    let mut authenticator = Authenticator::p256();
    world.register(&mut authenticator).unwrap();
    authenticator.shape.counter = 7;
    // Both are verified before either is used, as two requests at the same moment do.
    let verify = || world.verify(&authenticator, &Nonce::new(&[b"key"]).unwrap()).unwrap();
    let (one, two) = (verify(), verify());
    let both = [one.clone(), two.clone()];
    let together = world.used.first_use_of_all(&both, now());
    assert_eq!(together, Err(Fault::Counter.into()), "nor both in one request");
    world.used.first_use_of_all(std::slice::from_ref(&one), now()).unwrap();
    assert_eq!(world.used.first_use_of_all(&[two], now()), Err(Fault::Counter.into()));
    assert_eq!(world.used.first_use_of_all(&[one], now()), Err(Refusal::Replayed));
    assert_eq!(world.rows(), 2);
}

#[test]
fn a_credential_that_is_removed_meanwhile_is_not_used() {
    let world = world(open());
    let mut authenticator = Authenticator::p256();
    world.register(&mut authenticator).unwrap();
    let accepted = world.verify(&authenticator, &Nonce::new(&[b"key"]).unwrap()).unwrap();
    let other = UserId::parse("555000000002").unwrap();
    let credentials = world.party.credentials();
    assert_eq!(credentials.remove(&other, &authenticator.id), Ok(false), "not another person's");
    assert_eq!(credentials.remove_person(&other), Ok(0));
    assert_eq!(credentials.remove_person(&person()), Ok(1));
    let refused = world.used.first_use_of_all(&[accepted], now());
    assert_eq!(refused, Err(Fault::CredentialUnknown.into()));
    assert_eq!(world.sign_in(&authenticator).unwrap_err(), Fault::CredentialUnknown.into());
    assert_eq!(world.rows(), 0);
}

#[test]
fn an_assertion_is_good_once_and_for_its_own_request_alone() {
    let world = world(open());
    let mut authenticator = Authenticator::p256();
    world.register(&mut authenticator).unwrap();
    let (nonce, other) = (Nonce::new(&[b"key"]).unwrap(), Nonce::new(&[b"key"]).unwrap());
    let options = world.party.sign_in_options(nonce.as_str(), None).unwrap();
    let answer = authenticator.assert(&options);
    assert_eq!(world.party.accept(answer.as_bytes(), &other).unwrap_err(), Fault::Challenge.into());
    let use_it = || {
        let accepted = world.party.accept(answer.as_bytes(), &nonce)?;
        world.used.first_use_of_all(&[accepted], now())
    };
    use_it().unwrap();
    assert_eq!(use_it(), Err(Refusal::Replayed));
}

#[test]
fn another_key_another_person_and_another_id_are_refused() {
    refuses(Fault::Signature, |shape| shape.signature = Some(vec![0x30, 0]));
    refuses(Fault::Signature, |shape| shape.signature = Some(Vec::new()));
    refuses(Fault::Signature, |shape| {
        shape.signature = Some(Key::new(KeyKind::P256).sign(b"something"));
    });
    refuses(Fault::UserHandle, |shape| {
        shape.answer = json!({"response": {"userHandle": b64([1; 32])}});
    });
    let unknown = b64([9; 32]);
    refuses(Fault::CredentialUnknown, move |shape| {
        shape.answer = json!({"id": unknown, "rawId": unknown});
    });
}

#[test]
fn answers_that_are_no_answers_are_refused() {
    let answer = |extra| move |shape: &mut Shape| shape.answer = extra;
    refuses(Fault::Answer("type"), answer(json!({"type": "password"})));
    refuses(Fault::Answer("id"), answer(json!({"id": "%", "rawId": "%"})));
    refuses(Fault::Answer("id"), answer(json!({"id": null})));
    refuses(Fault::Answer("rawId"), answer(json!({"rawId": "AAAA"})));
    refuses(Fault::Answer("response"), answer(json!({"response": "x"})));
    for member in ["clientDataJSON", "authenticatorData", "signature"] {
        refuses(Fault::Answer(member), answer(json!({"response": {member: null}})));
        refuses(Fault::Answer(member), answer(json!({"response": {member: "AA=="}})));
    }
    let world = world(open());
    let nonce = Nonce::new(&[b"key"]).unwrap();
    let accept = |text: &[u8]| world.party.accept(text, &nonce).unwrap_err();
    assert_eq!(accept(b"[]"), Refusal::NotJson(Document::Answer));
    assert_eq!(accept(br#"{"id":"a","id":"b"}"#), Refusal::Duplicate(Document::Answer));
    assert_eq!(accept(&[b' '; 65 * 1024]), Refusal::TooLong);
    let twice = b64(br#"{"type":"webauthn.get","type":"webauthn.get"}"#);
    let text = json!({"type": "public-key", "id": "AA", "response": {"clientDataJSON": twice}});
    assert_eq!(accept(text.to_string().as_bytes()), Refusal::Duplicate(Document::ClientData));
}

#[test]
fn attestation_objects_are_read_strictly() {
    let map = Fault::Attestation("the attestation object is not such a map of CBOR");
    refuses_registration(map, |one| one.shape.object = json!({"trailing": true}));
    refuses_registration(map, |one| one.shape.object = json!({"more": "epAtt"}));
    refuses_registration(Fault::Attestation("another format"), |one| {
        one.shape.object = json!({"fmt": "fido-u2f"});
    });
    refuses_registration(Fault::Attestation("alg or sig is missing or malformed"), |one| {
        one.shape.object = json!({"fmt": "packed"});
    });
    refuses_registration(Fault::Attestation("format none with a statement"), |one| {
        one.format = Format::Own;
        one.shape.object = json!({"fmt": "none"});
    });
    refuses_registration(Fault::AttestationSignature, |one| {
        one.format = Format::Own;
        one.shape.signature = Some(Key::new(KeyKind::P256).sign(b"something"));
    });
    refuses_registration(Fault::Attestation("alg is not that of the credential's key"), |one| {
        one.format = Format::Own;
        one.shape.attestation_algorithm = Some(-257);
    });
    refuses_registration(Fault::Attestation("alg is not known here"), |one| {
        one.format = Format::Own;
        one.shape.attestation_algorithm = Some(-65535);
    });
    refuses_registration(Fault::CredentialId, |one| {
        one.shape.answer = json!({"id": "AAAA", "rawId": "AAAA"});
    });
    refuses_registration(Fault::CredentialId, |one| one.id = Vec::new());
    refuses_registration(Fault::CredentialId, |one| one.id = vec![1; 1024]);
    let world = world(open());
    let mut longest = Authenticator::p256();
    longest.id = vec![1; 1023];
    world.register(&mut longest).unwrap();
    world.sign_in(&longest).unwrap();
}

#[test]
fn keys_are_read_strictly() {
    let bend = |change: fn(&mut Vec<(i64, Cbor)>)| {
        move |one: &mut Authenticator| {
            let mut map = one.key.cose();
            change(&mut map);
            one.shape.cose = Some(map);
        }
    };
    fn put(map: &mut Vec<(i64, Cbor)>, label: i64, value: Cbor) {
        map.retain(|(one, _)| *one != label);
        map.push((label, value));
    }
    refuses_registration(Fault::Key, bend(|map| put(map, 3, (-257).into())));
    refuses_registration(Fault::Key, bend(|map| put(map, 3, (-47).into())));
    refuses_registration(Fault::Key, bend(|map| put(map, 1, 3.into())));
    refuses_registration(Fault::Key, bend(|map| put(map, -1, 2.into())));
    refuses_registration(Fault::Key, bend(|map| put(map, -2, Cbor::Bytes(vec![1; 32]))));
    refuses_registration(Fault::Key, bend(|map| put(map, -3, Cbor::Bool(true))));
    refuses_registration(Fault::Key, bend(|map| map.retain(|(label, _)| *label != 3)));
    refuses_registration(Fault::Key, bend(|map| map.push((3, (-7).into()))));
}

#[test]
fn a_copied_credential_is_level_two_and_never_changes_its_nature() {
    let world = world(Settings { backup_eligible: true, ..open() });
    let mut synced = Authenticator::p256();
    synced.shape.flags |= BACKUP_ELIGIBLE;
    world.register(&mut synced).unwrap();
    assert_eq!(world.sign_in(&synced).unwrap().assurance.authentication, Level(2));
    synced.shape.flags |= BACKED_UP;
    world.sign_in(&synced).unwrap();
    assert!(world.kept()[0].backed_up);
    synced.shape.flags = PRESENT | VERIFIED;
    assert_eq!(world.sign_in(&synced).unwrap_err(), Fault::BackupChanged.into());
    let mut bound = Authenticator::p256();
    world.register(&mut bound).unwrap();
    assert_eq!(world.sign_in(&bound).unwrap().assurance.authentication, Level(3));
    bound.shape.flags |= BACKUP_ELIGIBLE;
    assert_eq!(world.sign_in(&bound).unwrap_err(), Fault::BackupChanged.into());
}
