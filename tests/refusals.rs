//! Proofs that are broken in one way each, handed to a whole agent: refused with the reason of
//! that check, on record, and nothing is left of them: no card, an empty slot, no row but the mark
//! that a proof was used.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

mod common;

use common::application;
use serde_json::{Value, json};
use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use wardcard::{
    agent::{self, CardInfo, Pending, audit},
    crypto::KeyKind,
    derive::{self, Evidence, Lack, PasscodeSource, SourceKind},
    pkcs11::Cryptoki,
    proof::{Claim, Document, KeyFault, Level, Refusal},
    secret::Secret,
    testkit::{
        Builder, Kit,
        provider::{Break, CLIENT_ID, IdToken},
    },
    wire::Client,
};

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// An agent without a card, and an application that waits for one.
struct Desk {
    kit: Kit,
    application: Client,
    refused: usize,
}

impl Desk {
    fn new() -> Self {
        let mut builder = Builder::default();
        builder.policy.accepted_acr = vec!["AAL3_ANY".to_owned()];
        // Each refusal uses a key up: those that are made quickly.
        builder.policy.key = KeyKind::P256;
        builder.issuer_key = KeyKind::P256;
        let kit = builder.start().unwrap();
        let application = application::client(&kit.address(), rustix::process::geteuid().as_raw());
        Self { kit, application, refused: 0 }
    }

    fn prove(&self, pending: &Pending, token: String) -> Result<CardInfo, agent::Error> {
        let source = PasscodeSource::Given { passcode: Secret::copied_from(b"135790"), keep: true };
        self.prove_with(pending, token, source)
    }

    fn prove_with(
        &self,
        pending: &Pending,
        token: String,
        source: PasscodeSource,
    ) -> Result<CardInfo, agent::Error> {
        let evidence = Evidence::IdToken(Secret::new(token.into_bytes()));
        self.kit.agent().prove(&pending.request, evidence, source)
    }

    /// A request whose token is made by `make` is refused for this reason.
    #[track_caller]
    fn refuses(&mut self, reason: &Refusal, make: impl FnOnce(IdToken) -> String) {
        match self.refused(make) {
            derive::Refusal::Proof(found) => assert_eq!(found, *reason),
            other => panic!("{reason:?}: {other:?}"),
        }
    }

    /// A request whose token has this claim of another value is refused by this rule of the policy.
    #[track_caller]
    fn refuses_by(&mut self, rule: &str, lack: &Lack, claim: Claim, value: impl Into<Value>) {
        let value = value.into();
        match self.refused(|token| token.claim(claim.name(), value).sign().unwrap()) {
            derive::Refusal::Policy(found) => {
                assert_eq!((found.rule.as_str(), &found.lack), (rule, lack));
            }
            other => panic!("{rule}: {other:?}"),
        }
    }

    /// Why a request whose token is made by `make` is refused; nothing is left of it.
    #[track_caller]
    fn refused(&mut self, make: impl FnOnce(IdToken) -> String) -> derive::Refusal {
        let pending = self.kit.request().unwrap();
        let token = make(self.kit.provider().sign_in(&pending.nonce));
        let refusal = match self.prove(&pending, token) {
            Err(agent::Error::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        };
        self.left_nothing(&refusal.to_string());
        // The request is used up: a good token comes too late.
        let good = self.kit.provider().sign_in(&pending.nonce).sign().unwrap();
        assert!(matches!(self.prove(&pending, good), Err(agent::Error::UnknownRequest)));
        assert!(self.kit.agent().cards().is_empty());
        refusal
    }

    /// As `refuses`, by a claim of another value.
    #[track_caller]
    fn refuses_claim(&mut self, reason: &Refusal, claim: Claim, value: impl Into<Value>) {
        let value = value.into();
        self.refuses(reason, |token| token.claim(claim.name(), value).sign().unwrap());
    }

    /// There is no card anywhere, and the refusal is on record with its reason.
    #[track_caller]
    fn left_nothing(&mut self, reason: &str) {
        self.refused += 1;
        assert!(self.kit.agent().cards().is_empty());
        assert_eq!(self.application.slot_list(true).unwrap(), Vec::<u64>::new());
        assert_eq!(self.application.slot_list(false).unwrap().len(), 1);
        let log = self.log();
        let records: Vec<&str> =
            log.lines().filter(|line| line.contains(r#""event":"proof-refused""#)).collect();
        assert_eq!(records.len(), self.refused);
        let last: Value = serde_json::from_str(records.last().unwrap()).unwrap();
        assert_eq!(last["why"], reason);
        assert!(!log.contains("card-issued"));
        assert!(!log.contains("555000000001"), "no person is on record whom nobody has shown");
    }

    fn log(&self) -> String {
        let folder = self.kit.folder().join("state/audit");
        let files = audit::files_in(&folder).unwrap();
        files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
    }

    /// The store's tables and how many rows each has; but for the provider's public keys, which are
    /// kept for the time when it cannot be reached and say nothing of a proof.
    fn tables(&self) -> Vec<(String, i64)> {
        let path = self.kit.folder().join("state/store.sqlite");
        let store = rusqlite::Connection::open(path).unwrap();
        let rows = "SELECT tbl, count(*) FROM rows WHERE tbl <> 'provider_keys' GROUP BY tbl \
                    ORDER BY tbl";
        let mut count = store.prepare(rows).unwrap();
        let rows = count.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn verify_audit(&self) {
        let files = audit::files_in(&self.kit.folder().join("state/audit")).unwrap();
        let report = audit::verify::files(&files, None).unwrap();
        assert_eq!((report.losses, report.torn), (0, 0));
    }
}

/// The end of a test that only refused.
fn nothing_stays(desk: &Desk) {
    let row = |table: &str, rows| (table.to_owned(), rows);
    assert_eq!(desk.tables(), [row("agent", 1), row("check", 1)]);
    desk.verify_audit();
}

const REQUIRED: [Claim; 9] = [
    Claim::Issuer,
    Claim::Subject,
    Claim::Audience,
    Claim::Expiry,
    Claim::IssuedAt,
    Claim::AuthTime,
    Claim::Nonce,
    Claim::AuthenticationLevel,
    Claim::IdentityLevel,
];

#[test]
fn a_token_without_a_required_claim_is_refused_by_its_name() {
    let mut desk = Desk::new();
    for claim in REQUIRED {
        desk.refuses(&Refusal::Missing(claim), |token| token.without(claim.name()).sign().unwrap());
    }
    let without = desk.refused(|token| token.without("acr").sign().unwrap());
    assert!(matches!(without, derive::Refusal::Policy(found) if found.lack == Lack::Context));
    nothing_stays(&desk);
}

#[test]
fn a_claim_of_another_shape_is_refused_by_its_name() {
    let mut desk = Desk::new();
    for claim in REQUIRED {
        desk.refuses_claim(&Refusal::Shape(claim), claim, json!({"of": "another type"}));
    }
    for claim in
        [Claim::AuthorizedParty, Claim::Context, Claim::Session, Claim::Methods, Claim::NotBefore]
    {
        desk.refuses_claim(&Refusal::Shape(claim), claim, json!([1]));
    }
    for number in ["55500000000", "5550000000001", "55500000000x", "", "555 000000001"] {
        desk.refuses_claim(&Refusal::Shape(Claim::Subject), Claim::Subject, number);
    }
    for level in [json!("4"), json!("03"), json!(""), json!(-1), json!(4), json!(3.5)] {
        desk.refuses_claim(
            &Refusal::Shape(Claim::AuthenticationLevel),
            Claim::AuthenticationLevel,
            level.clone(),
        );
        desk.refuses_claim(&Refusal::Shape(Claim::IdentityLevel), Claim::IdentityLevel, level);
    }
    desk.refuses_claim(&Refusal::Shape(Claim::Expiry), Claim::Expiry, now().to_string());
    nothing_stays(&desk);
}

#[test]
fn a_token_of_another_issuer_or_for_another_client_is_refused() {
    let mut desk = Desk::new();
    let issuer = desk.kit.provider().issuer().to_owned();
    let port = issuer.replacen("127.0.0.1", "127.0.0.1:443", 1);
    for other in [&format!("{issuer}/"), &issuer.to_uppercase(), &port, "https://idp.example", ""] {
        desk.refuses_claim(&Refusal::Issuer, Claim::Issuer, other);
    }
    desk.refuses_claim(&Refusal::Audience, Claim::Audience, "another-client");
    desk.refuses_claim(&Refusal::Audience, Claim::Audience, json!([]));
    desk.refuses_claim(&Refusal::Audience, Claim::Audience, format!("{CLIENT_ID} "));
    let both = json!([CLIENT_ID, "another-client"]);
    desk.refuses_claim(&Refusal::AudienceUntrusted, Claim::Audience, both);
    desk.refuses_claim(&Refusal::AuthorizedParty, Claim::AuthorizedParty, "another-client");
    nothing_stays(&desk);
}

#[test]
fn a_token_of_another_time_is_refused() {
    let mut desk = Desk::new();
    let (early, late) = (now() - 86_400, now() + 86_400);
    desk.refuses_claim(&Refusal::Expired, Claim::Expiry, early);
    desk.refuses_claim(&Refusal::IssuedInFuture, Claim::IssuedAt, late);
    desk.refuses_claim(&Refusal::NotYetValid, Claim::NotBefore, late);
    desk.refuses_claim(&Refusal::AuthenticatedInFuture, Claim::AuthTime, late);
    let old = Lack::Age(SourceKind::Oidc, Duration::from_secs(300));
    desk.refuses_by("policy.largest_age", &old, Claim::AuthTime, early);
    desk.refuses(&Refusal::AuthenticatedAfterIssue, |token| {
        token.claim("iat", now() - 3600).sign().unwrap()
    });
    nothing_stays(&desk);
}

#[test]
fn a_sign_in_below_the_policy_is_refused() {
    let mut desk = Desk::new();
    let least = Level(3);
    for level in 0..3_u8 {
        let found = Level(level);
        for value in [json!(level), json!(level.to_string())] {
            let (source, rule) = (SourceKind::Oidc, "policy.least_authentication");
            let weak = Lack::Authentication { source, found, least };
            desk.refuses_by(rule, &weak, Claim::AuthenticationLevel, value.clone());
            let weak = Lack::Identity { source, found, least };
            desk.refuses_by("policy.least_identity", &weak, Claim::IdentityLevel, value);
        }
    }
    for context in ["AAL2_ANY", "aal3_any", ""] {
        desk.refuses_by("policy.accepted_acr", &Lack::Context, Claim::Context, context);
    }
    nothing_stays(&desk);
}

#[test]
fn a_broken_signature_key_or_algorithm_is_refused() {
    let mut desk = Desk::new();
    for (how, reason) in [
        (Break::Unsigned, Refusal::AlgorithmNone),
        (Break::Hmac, Refusal::AlgorithmHmac),
        (Break::OtherKey, Refusal::Signature),
        (Break::UnknownKey, Refusal::KeyUnknown),
        (Break::Signature, Refusal::Signature),
        (Break::Claims, Refusal::Signature),
        (Break::Duplicate, Refusal::Duplicate(Document::Claims)),
        (Break::Encrypted, Refusal::Encrypted),
    ] {
        desk.refuses(&reason, |token| token.broken(how).unwrap());
    }
    for (member, value, reason) in [
        ("alg", json!("NONE"), Refusal::AlgorithmNone),
        ("alg", json!("HS512"), Refusal::AlgorithmHmac),
        ("alg", json!("RS1"), Refusal::AlgorithmUnknown),
        ("alg", json!("rs256"), Refusal::AlgorithmUnknown),
        ("alg", json!(["RS256"]), Refusal::AlgorithmMissing),
        ("alg", json!("RS384"), Refusal::Key(KeyFault::Algorithm)),
        ("alg", json!("PS256"), Refusal::Key(KeyFault::Algorithm)),
        ("alg", json!("ES256"), Refusal::Key(KeyFault::Type)),
        ("kid", json!(1), Refusal::Header("kid")),
        ("crit", json!(["exp"]), Refusal::Header("crit")),
        ("b64", json!(false), Refusal::Header("b64")),
        ("typ", json!("at+jwt"), Refusal::Type),
        ("typ", json!("logout+jwt"), Refusal::Type),
    ] {
        desk.refuses(&reason, |token| token.header(member, value).sign().unwrap());
    }
    nothing_stays(&desk);
}

#[test]
fn what_is_no_token_is_refused() {
    let mut desk = Desk::new();
    let parts = Refusal::Malformed("it has not three parts");
    desk.refuses(&parts, |_| String::new());
    desk.refuses(&parts, |_| "no token".to_owned());
    desk.refuses(&parts, |token| format!("{}.", token.sign().unwrap()));
    desk.refuses(&Refusal::TooLong, |token| token.claim("x", "x".repeat(1 << 17)).sign().unwrap());
    let mut deep = json!(1);
    (0..64).for_each(|_| deep = json!([deep]));
    desk.refuses(&Refusal::NotJson(Document::Claims), |token| {
        token.claim("x", deep).sign().unwrap()
    });
    desk.refuses(&Refusal::Duplicate(Document::Claims), |token| {
        token.again("x", 1).again("x", 1).sign().unwrap()
    });
    nothing_stays(&desk);
}

#[test]
fn a_withdrawn_key_and_a_provider_that_is_down_are_refused() {
    let mut desk = Desk::new();
    desk.kit.provider().set_down(true);
    let pending = desk.kit.request().unwrap();
    let token = desk.kit.provider().sign_in(&pending.nonce).sign().unwrap();
    let refused = desk.prove(&pending, token).unwrap_err();
    let reason = refused.to_string();
    assert!(
        matches!(refused, agent::Error::Refused(derive::Refusal::Proof(Refusal::Unreachable(_)))),
        "{refused:?}"
    );
    desk.left_nothing(&reason);
    nothing_stays(&desk);

    let mut desk = Desk::new();
    let old = desk.kit.provider().sign_in("").clone();
    desk.kit.provider().rotate(false).unwrap();
    desk.refuses(&Refusal::KeyUnknown, |token| {
        // The old key over the new claims.
        let claims = ["sub", "nonce", "iat", "exp", "auth_time"];
        let fresh = token.sign().unwrap();
        claims
            .into_iter()
            .fold(old, |old, claim| old.claim(claim, claim_of(&fresh, claim)))
            .sign()
            .unwrap()
    });
    nothing_stays(&desk);
}

fn claim_of(token: &str, claim: &str) -> Value {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let claims = Base64UrlUnpadded::decode_vec(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()[claim].clone()
}

#[test]
fn another_requests_nonce_is_refused_and_its_own_request_still_good() {
    let mut desk = Desk::new();
    let other = desk.kit.request().unwrap();
    let nonce = other.nonce.clone();
    desk.refuses_claim(&Refusal::Nonce, Claim::Nonce, nonce.as_str());
    for wrong in [nonce.to_uppercase(), nonce[1..].to_owned(), format!("{nonce}="), String::new()] {
        desk.refuses_claim(&Refusal::Nonce, Claim::Nonce, wrong);
    }
    nothing_stays(&desk);
    let token = desk.kit.provider().sign_in(&nonce).sign().unwrap();
    desk.prove(&other, token).unwrap();
    assert_eq!(desk.kit.agent().cards().len(), 1);
}

#[test]
fn a_proof_works_once_across_restarts_and_a_refused_passcode_leaves_its_mark_alone() {
    let mut desk = Desk::new();
    let pending = desk.kit.request().unwrap();
    let token = desk.kit.provider().sign_in(&pending.nonce).sign().unwrap();
    // Good but for the passcode: the proof is used, and there is no card.
    let short = PasscodeSource::Given { passcode: Secret::copied_from(b"12"), keep: true };
    let refused = desk.prove_with(&pending, token.clone(), short).unwrap_err();
    let shape = matches!(refused, agent::Error::Refused(derive::Refusal::PasscodeShape(_)));
    assert!(shape, "{refused:?}");
    desk.left_nothing(&refused.to_string());
    let row = |table: &str, rows| (table.to_owned(), rows);
    let marked = [row("agent", 1), row("check", 1), row("used_proofs", 1)];
    assert_eq!(desk.tables(), marked);
    assert!(matches!(desk.prove(&pending, token.clone()), Err(agent::Error::UnknownRequest)));
    // Nor for the next request, nor after a restart.
    let nonce = claim_of(&token, "nonce");
    desk.refuses(&Refusal::Nonce, |_| token.clone());
    desk.kit.restart().unwrap();
    assert!(matches!(desk.prove(&pending, token.clone()), Err(agent::Error::UnknownRequest)));
    desk.refuses_claim(&Refusal::Nonce, Claim::Nonce, nonce);
    assert_eq!(desk.tables(), marked);
    desk.verify_audit();

    // The person signs in again, and there is the card.
    let card = desk.kit.sign_in("555000000001").unwrap();
    assert_eq!(desk.kit.agent().cards().len(), 1);
    assert_eq!(desk.application.slot_list(true).unwrap().len(), 1);
    assert_eq!(card.card.person.as_str(), "555000000001");
    desk.verify_audit();
}
