//! Metadata, rotation, the limit on fetching, and settings.

use super::*;
use crate::{
    clock::SystemClock,
    proof::Document,
    store::{MemoryStore, Store},
};

/// A verifier that fetches, its documents and its clock.
struct Fetching {
    provider: oidc::Provider,
    documents: Arc<Documents>,
    clock: Arc<ManualClock>,
}

fn metadata(extra: Value) -> String {
    let mut metadata = json!({"issuer": ISSUER, "jwks_uri": KEYS_URL});
    merge(&mut metadata, extra);
    metadata.to_string()
}

fn fetching_with(settings: oidc::Settings) -> Fetching {
    let documents = Arc::new(Documents::default());
    documents.put(METADATA_URL, metadata(json!({})));
    documents.put(KEYS_URL, set_of(&[jwk("k1", rsa(), json!({}))]));
    let clock = clock();
    let provider = oidc::Provider::new(settings, documents.clone(), clock.clone());
    Fetching { provider, documents, clock }
}

fn fetching() -> Fetching {
    fetching_with(settings(None))
}

impl Fetching {
    fn token(kid: &str) -> String {
        let late = claims(json!({"exp": NOW + 100_000})).to_string();
        sign_raw(&format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#), &late, rsa(), "RS256")
    }

    fn verify(&self, kid: &str) -> Result<(), Refusal> {
        self.provider.verify(Self::token(kid).as_bytes(), &nonce()).map(|_| ())
    }

    fn offline(&self, kid: &str) -> Result<bool, Refusal> {
        let verified = self.provider.verify(Self::token(kid).as_bytes(), &nonce());
        verified.map(|assurance| assurance.offline)
    }

    fn asked(&self) -> (usize, usize) {
        (self.documents.asked_for(METADATA_URL), self.documents.asked_for(KEYS_URL))
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn set_down(&self, down: bool) {
        *self.documents.down.lock().unwrap() = down;
    }
}

#[test]
fn documents_are_fetched_once_and_used_for_an_hour() {
    let f = fetching();
    assert_eq!(f.asked(), (0, 0));
    for _ in 0..3 {
        assert_eq!(f.verify("k1"), Ok(()));
    }
    f.wait(3599);
    assert_eq!(f.verify("k1"), Ok(()));
    assert_eq!(f.asked(), (1, 1));
    f.wait(1);
    assert_eq!(f.verify("k1"), Ok(()));
    assert_eq!(f.asked(), (2, 2));
}

#[test]
fn a_new_kid_is_fetched_for_and_the_metadata_are_not() {
    let f = fetching();
    assert_eq!(f.verify("k1"), Ok(()));
    f.documents.put(KEYS_URL, set_of(&[jwk("k2", rsa(), json!({}))]));
    f.wait(60);
    assert_eq!(f.verify("k1"), Ok(()));
    assert_eq!(f.verify("k2"), Ok(()));
    assert_eq!(f.asked(), (1, 2));
    assert_eq!(f.verify("k1"), Err(Refusal::KeyUnknown));
    assert_eq!(f.asked(), (1, 2));
}

#[test]
fn a_flood_of_unknown_kids_causes_one_fetch_an_interval() {
    let f = fetching();
    assert_eq!(f.verify("k1"), Ok(()));
    for number in 0..50 {
        assert_eq!(f.verify(&format!("x{number}")), Err(Refusal::KeyUnknown));
        assert_eq!(f.verify("k1"), Ok(()));
    }
    assert_eq!(f.asked(), (1, 1));
    f.wait(59);
    assert_eq!(f.verify("x"), Err(Refusal::KeyUnknown));
    assert_eq!(f.asked(), (1, 1));
    f.wait(1);
    for number in 0..50 {
        assert_eq!(f.verify(&format!("y{number}")), Err(Refusal::KeyUnknown));
    }
    assert_eq!(f.asked(), (1, 2));
}

#[test]
fn many_threads_cause_one_fetch() {
    let documents = Arc::new(Documents { slow: Duration::from_millis(20), ..Documents::default() });
    documents.put(METADATA_URL, metadata(json!({})));
    documents.put(KEYS_URL, set_of(&[jwk("k1", rsa(), json!({}))]));
    let now = crate::clock::Clock::now(&SystemClock).unix_seconds();
    let settings = settings(None);
    let provider = oidc::Provider::new(settings, documents.clone(), Arc::new(SystemClock));
    let times = json!({"iat": now, "auth_time": now, "exp": now + 600});
    let token = |kid: &str| {
        let header = format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#);
        sign_raw(&header, &claims(times.clone()).to_string(), rsa(), "RS256")
    };
    let (known, unknown) = (token("k1"), token("x"));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (provider, known, unknown) = (&provider, &known, &unknown);
            scope.spawn(move || {
                if number % 2 == 0 {
                    provider.verify(known.as_bytes(), &nonce()).unwrap();
                } else {
                    let refusal = provider.verify(unknown.as_bytes(), &nonce()).unwrap_err();
                    assert_eq!(refusal, Refusal::KeyUnknown);
                }
            });
        }
    });
    assert_eq!(documents.asked.lock().unwrap().len(), 2);
}

#[test]
fn a_provider_that_is_down_is_not_asked_again_before_the_interval() {
    let f = fetching();
    f.set_down(true);
    let unreachable = Err(Refusal::Unreachable("it is down".to_owned()));
    for _ in 0..5 {
        assert_eq!(f.verify("k1"), unreachable);
    }
    assert_eq!(f.asked(), (1, 0));
    f.set_down(false);
    f.wait(59);
    assert_eq!(f.verify("k1"), unreachable);
    f.wait(1);
    assert_eq!(f.verify("k1"), Ok(()));
}

#[test]
fn keys_at_hand_serve_for_an_hour_while_the_provider_is_down() {
    let f = fetching();
    assert_eq!(f.verify("k1"), Ok(()));
    f.set_down(true);
    f.wait(1800);
    let unreachable = Err(Refusal::Unreachable("it is down".to_owned()));
    assert_eq!(f.verify("x"), unreachable);
    assert_eq!(f.verify("x"), Err(Refusal::KeyUnknown));
    assert_eq!(f.verify("k1"), Ok(()));
    f.wait(1799);
    assert_eq!(f.verify("k1"), Ok(()));
    f.wait(1);
    // Old keys serve from here on, and are told of.
    assert_eq!(f.offline("k1"), Ok(true));
    assert_eq!(f.verify("x"), unreachable);
    f.set_down(false);
    f.wait(60);
    assert_eq!(f.verify("k1"), Ok(()));
}

#[test]
fn old_keys_serve_while_the_provider_is_down_up_to_their_age_and_no_longer() {
    let day = 24 * 3600;
    let f = fetching();
    assert_eq!(f.offline("k1"), Ok(false));
    f.wait(3599);
    f.set_down(true);
    assert_eq!(f.offline("k1"), Ok(false), "within the hour nobody asks");
    f.wait(1);
    assert_eq!(f.offline("k1"), Ok(true));
    assert_eq!(f.offline("k1"), Ok(true), "without another attempt");
    let unreachable = Err(Refusal::Unreachable("it is down".to_owned()));
    assert_eq!(f.offline("never-seen"), unreachable);
    f.wait(day - 3600 - 1);
    assert_eq!(f.offline("k1"), Ok(true), "the last second of the day");
    f.wait(1);
    assert_eq!(f.offline("k1"), unreachable);
    f.set_down(false);
    f.wait(60);
    assert_eq!(f.offline("k1"), Ok(false));
}

#[test]
fn old_keys_do_not_serve_where_the_provider_answers_or_where_they_are_not_wanted() {
    let f = fetching();
    assert_eq!(f.offline("k1"), Ok(false));
    f.wait(3600);
    f.documents.put(METADATA_URL, metadata(json!({"issuer": "https://other.example"})));
    assert_eq!(f.offline("k1"), Err(Refusal::MetadataIssuer));
    let f = fetching_with(oidc::Settings { stale_keys: Duration::ZERO, ..settings(None) });
    assert_eq!(f.offline("k1"), Ok(false));
    f.wait(3600);
    f.set_down(true);
    assert_eq!(f.offline("k1"), Err(Refusal::Unreachable("it is down".to_owned())));
    let week = Duration::from_secs(7 * 86_400);
    let with = |stale_keys| oidc::Settings { stale_keys, ..settings(None) }.check();
    assert_eq!(with(week), Ok(()));
    let longer = week + Duration::from_millis(1);
    assert_eq!(with(longer), Err(Refusal::Setting("stale_keys")));
}

#[test]
fn keys_are_kept_for_the_next_start_as_old_as_they_are() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let f = fetching();
    let start = |documents: &Arc<Documents>| {
        oidc::Provider::new(settings(None), documents.clone(), f.clock.clone())
            .keeping_keys_in(Arc::clone(&store))
    };
    let verify = |provider: &oidc::Provider| {
        let verified = provider.verify(Fetching::token("k1").as_bytes(), &nonce());
        verified.map(|assurance| assurance.offline)
    };
    assert_eq!(verify(&start(&f.documents)), Ok(false));
    assert_eq!(f.asked(), (1, 1));
    assert_eq!(verify(&start(&f.documents)), Ok(false), "a restart within the hour");
    assert_eq!(f.asked(), (1, 1));
    f.wait(3600);
    f.set_down(true);
    assert_eq!(verify(&start(&f.documents)), Ok(true), "a restart while it is down");
    f.wait(23 * 3600);
    assert_eq!(verify(&start(&f.documents)), Err(Refusal::Unreachable("it is down".to_owned())));
    // Another provider's keys are not this one's.
    let other = oidc::Settings {
        metadata_url: Some("https://provider.example/metadata".to_owned()),
        ..settings(None)
    };
    f.clock.set(Time::from_unix_seconds(NOW));
    let other = oidc::Provider::new(other, f.documents.clone(), f.clock.clone());
    let other = other.keeping_keys_in(Arc::clone(&store));
    assert_eq!(verify(&other), Err(Refusal::Unreachable("it is down".to_owned())));
}

#[test]
fn a_clock_set_back_does_not_stop_fetching() {
    let f = fetching();
    assert_eq!(f.verify("x"), Err(Refusal::KeyUnknown));
    f.clock.set(Time::from_unix_seconds(NOW - 30));
    assert_eq!(f.verify("y"), Err(Refusal::KeyUnknown));
    assert_eq!(f.asked(), (1, 2));
}

#[test]
fn a_clock_set_back_does_not_keep_withdrawn_keys() {
    let f = fetching();
    f.wait(7200);
    assert_eq!(f.verify("k1"), Ok(()));
    f.clock.set(Time::from_unix_seconds(NOW + 3601));
    assert_eq!(f.verify("k1"), Ok(()));
    assert_eq!(f.asked(), (1, 1));
    f.clock.set(Time::from_unix_seconds(NOW + 3600));
    assert_eq!(f.verify("k1"), Ok(()));
    assert_eq!(f.asked(), (2, 2));
}

#[test]
fn tokens_of_others_cause_no_fetch() {
    let f = fetching();
    for extra in [json!({"iss": "https://other.example"}), json!({"nonce": "other"})] {
        f.provider.verify(sign(&claims(extra)).as_bytes(), &nonce()).unwrap_err();
    }
    f.provider.verify(b"a.b.c", &nonce()).unwrap_err();
    assert_eq!(f.asked(), (0, 0));
}

#[test]
fn metadata_are_of_this_issuer_and_lead_to_an_acceptable_address() {
    for (extra, refusal) in [
        (
            json!({"issuer": "https://provider.example/openam/oauth2/realms/Test"}),
            Refusal::MetadataIssuer,
        ),
        (json!({"issuer": null}), Refusal::MetadataIssuer),
        (json!({"issuer": 1}), Refusal::MetadataIssuer),
        (json!({"jwks_uri": null}), Refusal::MetadataKeys),
        (json!({"jwks_uri": 1}), Refusal::MetadataKeys),
        (json!({"jwks_uri": "http://provider.example/keys"}), Refusal::MetadataKeys),
        (json!({"jwks_uri": "http://127.0.0.1/keys"}), Refusal::MetadataKeys),
        (json!({"jwks_uri": "file:///keys"}), Refusal::MetadataKeys),
    ] {
        let f = fetching();
        f.documents.put(METADATA_URL, metadata(extra.clone()));
        assert_eq!(f.verify("k1"), Err(refusal), "{extra}");
        assert_eq!(f.asked(), (1, 0));
    }
    for (document, refusal) in [
        ("<html>", Refusal::NotJson(Document::Metadata)),
        (r#"{"issuer":"a","issuer":"b"}"#, Refusal::Duplicate(Document::Metadata)),
    ] {
        let f = fetching();
        f.documents.put(METADATA_URL, document);
        assert_eq!(f.verify("k1"), Err(refusal));
    }
}

#[test]
fn documents_above_their_limit_are_refused_whatever_the_fetcher_lets_through() {
    let long = |document: String, limit: usize| {
        let missing = limit - document.len();
        (
            format!("{document}{}", " ".repeat(missing)),
            format!("{document}{}", " ".repeat(missing + 1)),
        )
    };
    let too_long = Err(Refusal::Unreachable("the answer is too long".to_owned()));
    let (fits, exceeds) = long(metadata(json!({})), 64 * 1024);
    let f = fetching();
    f.documents.put(METADATA_URL, fits);
    assert_eq!(f.verify("k1"), Ok(()));
    let f = fetching();
    f.documents.put(METADATA_URL, exceeds);
    assert_eq!(f.verify("k1"), too_long);
    let (fits, exceeds) = long(set_of(&[jwk("k1", rsa(), json!({}))]), 256 * 1024);
    let f = fetching();
    f.documents.put(KEYS_URL, fits);
    assert_eq!(f.verify("k1"), Ok(()));
    let f = fetching();
    f.documents.put(KEYS_URL, exceeds);
    assert_eq!(f.verify("k1"), too_long);
}

#[test]
fn the_metadata_may_stand_elsewhere() {
    let url = "https://elsewhere.example/metadata";
    let f = fetching_with(oidc::Settings { metadata_url: Some(url.to_owned()), ..settings(None) });
    f.documents.put(url, metadata(json!({})));
    assert_eq!(f.verify("k1"), Ok(()));
    assert_eq!(f.documents.asked_for(url), 1);
    assert_eq!(f.asked(), (0, 1));
    let url = "http://127.0.0.1/metadata";
    let f = fetching_with(oidc::Settings { metadata_url: Some(url.to_owned()), ..settings(None) });
    f.documents.put(url, metadata(json!({})));
    assert_eq!(f.verify("k1"), Err(Refusal::Setting("metadata_url")));
    assert_eq!(f.documents.asked_for(url), 0);
}

#[test]
fn a_slash_at_the_issuers_end_is_not_doubled() {
    let documents = Arc::new(Documents::default());
    let issuer = "https://provider.example/";
    let url = "https://provider.example/.well-known/openid-configuration";
    documents.put(url, metadata(json!({"issuer": issuer})));
    documents.put(KEYS_URL, set_of(&[jwk("k1", rsa(), json!({}))]));
    let settings = oidc::Settings::new(issuer, CLIENT);
    let provider = oidc::Provider::new(settings, documents, clock());
    provider.verify(sign(&claims(json!({"iss": issuer}))).as_bytes(), &nonce()).unwrap();
}

#[test]
fn settings_are_checked_by_name() {
    let good = settings(None);
    assert_eq!(good.check(), Ok(()));
    let loopback = oidc::Settings::new("http://127.0.0.1:1/", CLIENT);
    assert_eq!(loopback.check(), Ok(()));
    type Change = fn(&mut oidc::Settings);
    let cases: [(&str, Change); 9] = [
        ("issuer", |s| s.issuer = "http://provider.example".into()),
        ("issuer", |s| s.issuer = "https://provider.example/?x".into()),
        ("client_id", |s| s.client_id.clear()),
        ("metadata_url", |s| s.metadata_url = Some("http://127.0.0.1/".into())),
        ("metadata_url", |s| s.metadata_url = Some("nothing".into())),
        ("leeway", |s| s.leeway = Duration::from_millis(300_001)),
        ("algorithms", |s| s.algorithms.clear()),
        ("algorithms", |s| s.algorithms.push("HS256".into())),
        ("algorithms", |s| s.algorithms = vec!["none".into()]),
    ];
    for (name, change) in cases {
        let mut settings = good.clone();
        change(&mut settings);
        assert_eq!(settings.check(), Err(Refusal::Setting(name)));
        // Nor is a token accepted by them, whoever forgot to check, and whatever the keys.
        settings.key_set = Some(set_of(&[jwk("k1", rsa(), json!({}))]));
        let token = sign(&claims(json!({"iss": settings.issuer, "aud": settings.client_id})));
        let provider = oidc::Provider::new(settings, Arc::new(Documents::default()), clock());
        assert_eq!(provider.verify(token.as_bytes(), &nonce()), Err(Refusal::Setting(name)));
    }
    let mut widest = good;
    widest.leeway = Duration::from_secs(300);
    assert_eq!(widest.check(), Ok(()));
}
