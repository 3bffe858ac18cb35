//! Every way to no card, and the ways to one, over a provider, an issuer and a store in memory.

mod answers;
mod cards;
mod emergencies;
mod judging;
mod people;
mod refusals;
mod release;
mod steps;

use super::*;
use crate::{
    card::{self, AdmitAll, Caller, Gate, Verb},
    clock::ManualClock,
    crypto::{self, Hash, KeyKind, PrivateKey, Scheme, SealKey},
    issue::{self, Issued, LocalIssuer, Names, Rules},
    pki::Certificate,
    proof::{
        Fetch, Level,
        oidc::{Provider, Settings},
    },
    secret::{PasscodeRule, Secret},
    store::{MemoryStore, Reading, Row, Transaction},
};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

const PERSON: &str = "555000000001";
const PASSCODE: &[u8] = b"246810";
const PROVIDER: &str = "https://provider.example:443/realm";

/// No document is ever fetched: the key set is in the settings.
#[derive(Debug)]
struct NoFetch;

impl Fetch for NoFetch {
    fn get(&self, _: &str, _: usize) -> Result<Vec<u8>, String> {
        Err("nothing is fetched here".to_owned())
    }
}

/// An issuer that counts what it is asked, and may do something else than it is asked.
#[derive(Debug)]
struct Watched {
    inner: LocalIssuer,
    asked: AtomicUsize,
    fault: fn(&LocalIssuer, &Order) -> Result<Vec<Issued>, issue::Error>,
}

impl Watched {
    fn new(inner: LocalIssuer) -> Self {
        Self { inner, asked: AtomicUsize::new(0), fault: |issuer, order| issuer.issue(order) }
    }
}

impl Issuer for Watched {
    fn issue(&self, order: &Order) -> Result<Vec<Issued>, issue::Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        (self.fault)(&self.inner, order)
    }

    fn roots(&self) -> Result<Vec<Certificate>, issue::Error> {
        self.inner.roots()
    }
}

/// A store in memory that refuses to write one table.
#[derive(Debug, Default)]
struct Rows {
    inner: MemoryStore,
    broken: Option<&'static str>,
}

struct Broken<'a>(&'a mut dyn Transaction, Option<&'static str>);

impl Reading for Broken<'_> {
    fn row(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, store::Error> {
        self.0.row(table, key)
    }
    fn rows(&self, table: &'static str) -> Result<Vec<Row>, store::Error> {
        self.0.rows(table)
    }
    fn group(&self, table: &'static str, group: &[u8]) -> Result<Vec<Row>, store::Error> {
        self.0.group(table, group)
    }
}

impl Transaction for Broken<'_> {
    fn put_in(
        &mut self,
        table: &'static str,
        groups: &[&[u8]],
        key: &[u8],
        row: &[u8],
    ) -> Result<(), store::Error> {
        if self.1 == Some(table) {
            return Err(store::Error::Medium("the disk is full".to_owned()));
        }
        self.0.put_in(table, groups, key, row)
    }
    fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<(), store::Error> {
        self.0.delete(table, key)
    }
    fn delete_group(&mut self, table: &'static str, group: &[u8]) -> Result<(), store::Error> {
        self.0.delete_group(table, group)
    }
    fn reading(&self) -> &dyn Reading {
        self
    }
}

impl Store for Rows {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), store::Error>,
    ) -> Result<(), store::Error> {
        self.inner.transact(&mut |rows| work(&mut Broken(rows, self.broken)))
    }

    fn version(&self) -> Result<u64, store::Error> {
        self.inner.version()
    }

    fn key(&self, purpose: &[u8]) -> Result<SealKey, store::Error> {
        self.inner.key(purpose)
    }
}

/// All that stands around a deriver.
struct World {
    clock: Arc<ManualClock>,
    provider_key: PrivateKey,
    policy: Policy,
    issuer: Watched,
    store: Rows,
}

/// A deriver in its world.
struct Running {
    deriver: Deriver,
    clock: Arc<ManualClock>,
    provider_key: PrivateKey,
    issuer: Arc<Watched>,
    store: Arc<Rows>,
}

impl World {
    /// 2026-12-01, keys on P-256, both slots allowed by the issuer, one by the policy.
    fn new() -> Self {
        let now = Time::parse_rfc3339("2026-12-01T08:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::new(now));
        Self {
            issuer: Watched::new(issuer(&clock)),
            clock,
            provider_key: PrivateKey::generate(KeyKind::P256).unwrap(),
            policy: Policy { key: KeyKind::P256, ..Policy::default() },
            store: Rows::default(),
        }
    }

    fn run(self) -> Running {
        let Self { clock, provider_key, policy, issuer, store } = self;
        let (issuer, store) = (Arc::new(issuer), Arc::new(store));
        let provider = provider(PROVIDER, &provider_key, &clock);
        let deriver = Deriver::new(
            policy,
            Sources { providers: vec![provider], ..Sources::default() },
            Arc::clone(&issuer) as Arc<dyn Issuer>,
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::clone(&clock) as Arc<dyn Clock>,
        );
        Running { deriver, clock, provider_key, issuer, store }
    }
}

impl Running {
    /// A sign-in now, strong and in order, changed by `change`.
    fn token(&self, nonce: &str, change: impl FnOnce(&mut Value)) -> Evidence {
        let now = self.clock.now().unix_seconds();
        let mut claims = json!({
            "iss": PROVIDER, "aud": "wardcard-test", "sub": PERSON, "nonce": nonce,
            "iat": now, "exp": now + 300, "auth_time": now - 5, "acr": "AAL3_FIDO2",
            "amr": ["fido2"], "id_assurance_level": "3", "authentication_assurance_level": "3",
        });
        change(&mut claims);
        Evidence::IdToken(Secret::new(sign(&self.provider_key, &claims).into_bytes()))
    }

    /// Request, sign-in, card.
    fn derive(&self, passcode: PasscodeSource) -> Result<Derived, Refusal> {
        self.derive_changed(passcode, |_| ())
    }

    fn derive_changed(
        &self,
        passcode: PasscodeSource,
        change: impl FnOnce(&mut Value),
    ) -> Result<Derived, Refusal> {
        let request = self.deriver.request()?;
        let token = self.token(request.nonce(), change);
        self.deriver.derive(request, token, passcode)
    }

    /// Numbers of rows: used proofs, kept passcodes, tries.
    fn rows(&self) -> [usize; 3] {
        ["used_proofs", "kept_passcodes", "tries"].map(|table| {
            let mut count = 0;
            self.store
                .transact(&mut |rows| {
                    count = rows.rows(table)?.len();
                    Ok(())
                })
                .unwrap();
            count
        })
    }

    fn asked(&self) -> usize {
        self.issuer.asked.load(Ordering::SeqCst)
    }
}

fn issuer(clock: &Arc<ManualClock>) -> LocalIssuer {
    let rules = Rules { content_commitment: true, ..Rules::behind_a_policy() };
    LocalIssuer::in_memory(&Names::default(), KeyKind::P256, rules, Arc::clone(clock) as _).unwrap()
}

fn provider(issuer: &str, key: &PrivateKey, clock: &Arc<ManualClock>) -> Provider {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    Provider::new(settings(issuer, key), Arc::new(NoFetch), clock)
}

fn settings(issuer: &str, key: &PrivateKey) -> Settings {
    let point = key.public().ec_point().unwrap();
    let encode = Base64UrlUnpadded::encode_string;
    let key_set = json!({"keys": [{
        "kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256",
        "x": encode(&point[1..33]), "y": encode(&point[33..]),
    }]});
    let mut settings = Settings::new(issuer, "wardcard-test");
    settings.key_set = Some(key_set.to_string());
    settings
}

fn sign(key: &PrivateKey, claims: &Value) -> String {
    let header = json!({"alg": "ES256", "kid": "k1", "typ": "JWT"});
    let encode = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let digest = crypto::digest(Hash::Sha256, signed.as_bytes());
    let signature = key.sign(Scheme::Ecdsa, &digest).unwrap();
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
}

fn given(keep: bool) -> PasscodeSource {
    PasscodeSource::Given { passcode: Secret::copied_from(PASSCODE), keep }
}

fn offer(card: &Card, passcode: &[u8]) -> Result<card::Login, card::Error> {
    card.verify(Some(passcode), &AdmitAll, &Caller::default())
}
