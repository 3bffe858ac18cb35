mod attacks;
mod elsewhere;
mod enrolled;
mod life;
mod openid;
mod release;
mod revoked;
mod step_up;

use super::{
    config::{
        AccountUse, AuditSettings, HostSettings, IssuerSettings, Limits, ProviderSettings,
        RosterUse, SourceSettings,
    },
    *,
};
use crate::{
    card::State,
    clock::{Clock, ManualClock, Time},
    crypto::{Hash, KeyKind, PrivateKey, Scheme},
    derive,
    issue::{Issuer, LocalIssuer, Names, Rules},
    net::{Address, ServerTrust},
    pkcs11::{
        Attribute, Cryptoki, Filled, Mechanism, Parameter, Room,
        ck::{
            CKA_CLASS, CKF_SERIAL_SESSION, CKM_SHA256_RSA_PKCS, CKO_PRIVATE_KEY,
            CKR_FUNCTION_REJECTED, CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKU_USER,
        },
    },
    proof::oidc,
    secret::{Secret, User},
    testkit::provider::{CLIENT_ID, PERSON, Provider},
    wire,
};
use std::time::Duration;

mod state;

const PASSCODE: &[u8] = b"246810";

/// A provider, an issuer and an agent over a folder.
struct Bench {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    provider: Provider,
    issuer: Arc<LocalIssuer>,
    config: Config,
    agent: Option<Agent>,
}

fn own() -> User {
    User::own()
}

fn another(number: u32) -> User {
    User::from(own().number().unwrap_or_default() + number)
}

impl Bench {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let now = Time::parse_rfc3339("2026-11-21T09:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let time: Arc<dyn Clock> = clock.clone();
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::start_with(Arc::clone(&time), KeyKind::P256).unwrap();
        let issuer = LocalIssuer::in_memory(
            &Names::default(),
            KeyKind::P256,
            Rules::behind_a_policy(),
            Arc::clone(&time),
        );
        let mut oidc = oidc::Settings::new(provider.issuer(), CLIENT_ID);
        oidc.key_set = Some(provider.key_set());
        let path = |name: &str| folder.path().join(name);
        let mut config = Config {
            mode: Mode::Ward,
            pkcs11: Some(Address::beside(folder.path(), "pkcs11")),
            host: Some(HostSettings {
                address: Address::beside(folder.path(), "host"),
                users: Vec::new(),
                secret: Some(Secret::new(vec![7; 32])),
                secret_files: Vec::new(),
            }),
            providers: vec![ProviderSettings {
                oidc,
                roots: None,
                system_roots: false,
                proxy: None,
            }],
            sources: SourceSettings::default(),
            issuer: IssuerSettings::Given,
            policy: derive::Policy::default(),
            applications: Vec::new(),
            state: Some(path("state")),
            audit: AuditSettings::default(),
            enrolled: None,
            logout: None,
            readers: Vec::new(),
            limits: Limits { warm_keys: 0, ..Limits::default() },
            roster: RosterUse::default(),
            accounts: AccountUse::Noted,
        };
        change(&mut config);
        let issuer = Arc::new(issuer.unwrap());
        let mut bench = Self { folder, clock, provider, issuer, config, agent: None };
        bench.start();
        bench
    }

    fn start(&mut self) {
        self.agent = None;
        let parts = AgentParts {
            clock: self.clock.clone(),
            issuer: Some(Arc::clone(&self.issuer) as Arc<dyn Issuer>),
            ..AgentParts::default()
        };
        self.agent = Some(Agent::start(self.config.clone(), parts).expect("starts"));
    }

    fn agent(&self) -> &Agent {
        self.agent.as_ref().expect("started")
    }

    fn token(&self, nonce: &str, person: &str) -> Evidence {
        let token = self.provider.sign_in(nonce).claim("sub", person).sign().unwrap();
        Evidence::IdToken(Secret::new(token.into_bytes()))
    }

    fn sign_in_at(&self, seat: Seat, person: &str, source: PasscodeSource) -> CardInfo {
        let pending = self.agent().request(seat).expect("request");
        let evidence = self.token(&pending.nonce, person);
        self.agent().prove(&pending.request, evidence, source).expect("card")
    }

    fn sign_in(&self) -> CardInfo {
        self.sign_in_at(Seat::user(own()), PERSON, given())
    }

    fn application(&self) -> wire::Client {
        let addresses = vec![self.config.pkcs11.clone().unwrap()];
        let client = wire::Client::new(wire::Endpoint { addresses, trust: ServerTrust::default() });
        client.initialize().expect("initialised");
        client
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("state/audit/audit.jsonl")).unwrap()
    }

    fn events(&self) -> Vec<String> {
        let field = |line: &str| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            value["event"].as_str().unwrap().to_owned()
        };
        self.log().lines().map(field).collect()
    }
}

fn given() -> PasscodeSource {
    PasscodeSource::Given { passcode: Secret::copied_from(PASSCODE), keep: false }
}

fn present(cryptoki: &dyn Cryptoki) -> bool {
    !cryptoki.slot_list(true).expect("slots").is_empty()
}

/// Logs in and signs with the authentication key.
fn sign(cryptoki: &dyn Cryptoki, pin: Option<&[u8]>) -> crate::pkcs11::Result<Vec<u8>> {
    let slot = *cryptoki.slot_list(false)?.first().unwrap();
    let session = cryptoki.open_session(slot, CKF_SERIAL_SESSION)?;
    cryptoki.login(session, CKU_USER, pin)?;
    let private = CKO_PRIVATE_KEY.to_le_bytes().to_vec();
    cryptoki.find_objects_init(session, &[Attribute { kind: CKA_CLASS, value: private }])?;
    let key = *cryptoki.find_objects(session, 1)?.first().unwrap();
    cryptoki.find_objects_final(session)?;
    let mechanism = Mechanism { kind: CKM_SHA256_RSA_PKCS, parameter: Parameter::None };
    cryptoki.sign_init(session, &mechanism, key)?;
    match cryptoki.sign(session, b"message", Room::Bytes(1024))? {
        Filled::Bytes(signature) => Ok(signature),
        other => panic!("{other:?}"),
    }
}

#[test]
fn from_request_to_signature_to_removal_which_the_application_notices() {
    let bench = Bench::new(|_| {});
    let application = bench.application();
    assert!(!present(&application), "no card yet");
    let card = bench.sign_in();
    assert!(present(&application), "the connection that was there sees it come");
    let signature = sign(&application, Some(PASSCODE)).expect("signed");
    let chain = bench.agent().certificates(card.id, KeySlot::Authentication).expect("there");
    let digest = crate::crypto::digest(Hash::Sha256, b"message");
    let public = chain[0].public_key();
    public.verify(Scheme::Pkcs1(Hash::Sha256), &digest, &signature).expect("verifies");
    assert_eq!(chain[0].user_id(), Some(card.person.clone()));
    bench.agent().remove(card.id, Removal::TapOut).expect("removed");
    assert!(!present(&application), "and sees it go");
    assert!(matches!(bench.agent().card(card.id), Err(Error::UnknownCard)));
    bench.agent().stop();
    let wanted = [
        "agent-started",
        "card-issued",
        "passcode-verified",
        "use",
        "outcome",
        "card-removed",
        "agent-stopped",
    ];
    assert_eq!(bench.events(), wanted);
    let log = bench.log();
    assert!(log.contains(PERSON) && log.contains("\"reason\":\"tap-out\""));
    assert!(log.contains(&format!("\"pid\":{}", std::process::id())));
    assert!(!log.contains("246810"), "never a passcode");
}

#[test]
fn a_refused_proof_leaves_no_card_and_its_reason_on_record() {
    let bench = Bench::new(|_| {});
    let pending = bench.agent().request(Seat::user(own())).expect("request");
    let weak = bench.provider.sign_in(&pending.nonce).claim("authentication_assurance_level", 2);
    let evidence = Evidence::IdToken(Secret::new(weak.sign().unwrap().into_bytes()));
    let refused = bench.agent().prove(&pending.request, evidence, given());
    assert!(matches!(refused, Err(Error::Refused(_))));
    assert!(bench.agent().cards().is_empty());
    let again = bench.token(&pending.nonce, PERSON);
    let used = bench.agent().prove(&pending.request, again, given());
    assert!(matches!(used, Err(Error::UnknownRequest)), "a request serves one proof");
    let log = bench.log();
    assert!(
        log.contains("\"proof-refused\"") && log.contains("authentication_assurance_level is 2")
    );
    assert!(!log.contains(&pending.nonce));
}

#[test]
fn a_card_is_shown_to_its_own_user_alone() {
    let bench = Bench::new(|_| {});
    bench.sign_in_at(Seat::user(another(1)), PERSON, given());
    assert!(!present(&bench.application()), "another user's card");
    let other = bench.agent().cryptoki(&Seat::user(another(1))).expect("module");
    other.initialize().expect("initialised");
    assert!(present(&*other));
}

#[test]
fn a_card_for_a_logon_session_is_shown_there_alone_and_a_users_card_in_all() {
    let seats = Bench::new(|config| config.policy.cards_per_person = 9);
    let at = |logon: Option<&str>| Seat { uid: User::from(4242), logon: logon.map(str::to_owned) };
    let look = |logon: Option<&str>| {
        let module = seats.agent().cryptoki(&at(logon)).expect("module");
        module.initialize().expect("initialised");
        module
    };
    let (one, two, none) = (look(Some("c1")), look(Some("c2")), look(None));
    seats.sign_in_at(at(Some("c1")), PERSON, given());
    assert_eq!((present(&*one), present(&*two), present(&*none)), (true, false, false));
    let everywhere = seats.sign_in_at(at(None), PERSON, given());
    assert_eq!((present(&*one), present(&*two), present(&*none)), (true, true, true));
    assert!(present(&*look(Some("c3"))), "a session that begins later too");
    seats.agent().remove(everywhere.id, Removal::TapOut).expect("removed");
    assert_eq!((present(&*one), present(&*two), present(&*none)), (false, false, false));
}

#[test]
fn a_new_card_in_a_seat_replaces_the_old_one() {
    let bench = Bench::new(|_| {});
    let old = bench.sign_in();
    let new = bench.sign_in_at(Seat::user(own()), "555000000002", given());
    let ids: Vec<_> = bench.agent().cards().iter().map(|card| card.id).collect();
    assert_eq!(ids, [new.id]);
    assert!(bench.agent().card(old.id).is_err());
    assert!(bench.log().contains("\"reason\":\"replaced\""));
}

#[test]
fn a_person_has_one_card_at_a_time_wherever_it_is() {
    let bench = Bench::new(|_| {});
    let old = bench.sign_in();
    bench.sign_in_at(Seat::user(another(1)), PERSON, given());
    assert!(bench.agent().card(old.id).is_err());
    assert!(bench.log().contains("\"reason\":\"signed-in-elsewhere\""));
}

#[test]
fn a_personal_agent_keeps_cards_of_its_own_user_only() {
    let bench = Bench::new(|config| config.mode = Mode::Personal);
    let other = bench.agent().request(Seat::user(another(1)));
    assert!(matches!(other, Err(Error::Seat)));
    bench.sign_in();
    assert!(present(&bench.application()));
}

#[test]
fn requests_and_cards_are_limited() {
    let bench = Bench::new(|config| {
        config.limits.requests = 1;
        config.limits.cards = 1;
    });
    let agent = bench.agent();
    let pending = agent.request(Seat::user(own())).expect("request");
    assert!(matches!(agent.request(Seat::user(own())), Err(Error::Limit(_))));
    bench.clock.advance(Duration::from_secs(601));
    let late = bench.token(&pending.nonce, PERSON);
    let next = agent.request(Seat::user(own())).expect("the first has expired");
    assert!(matches!(agent.prove(&pending.request, late, given()), Err(Error::UnknownRequest)));
    let evidence = bench.token(&next.nonce, PERSON);
    agent.prove(&next.request, evidence, given()).expect("card");
    let third = agent.request(Seat::user(another(1))).expect("request");
    let evidence = bench.token(&third.nonce, "555000000002");
    assert!(matches!(agent.prove(&third.request, evidence, given()), Err(Error::Limit(_))));
}

#[test]
fn a_card_ends_when_its_time_is_over() {
    let bench = Bench::new(|_| {});
    let application = bench.application();
    bench.sign_in();
    assert!(present(&application));
    bench.clock.advance(Duration::from_secs(12 * 3600));
    assert!(!present(&application));
    bench.agent().reap();
    assert!(bench.agent().cards().is_empty());
    assert!(bench.log().contains("\"reason\":\"expired\""));
}

#[test]
fn wrong_passcodes_block_and_a_restart_does_not_clear_it() {
    let mut bench = Bench::new(|_| {});
    let keep = PasscodeSource::Given { passcode: Secret::copied_from(PASSCODE), keep: true };
    bench.sign_in_at(Seat::user(own()), PERSON, keep);
    for wanted in [CKR_PIN_INCORRECT, CKR_PIN_INCORRECT, CKR_PIN_LOCKED] {
        // Whichever applications ask.
        assert_eq!(sign(&bench.application(), Some(b"000000")), Err(wanted));
    }
    let application = bench.application();
    assert_eq!(sign(&application, Some(PASSCODE)), Err(CKR_PIN_LOCKED));
    assert_eq!(bench.agent().cards()[0].tries_left, Some(0));
    bench.start();
    assert!(bench.agent().cards().is_empty(), "no card outlives its agent");
    let person = UserId::parse(PERSON).unwrap();
    let tries = card::Tries::new(Arc::clone(&bench.agent().core.state.store), &person, 3);
    assert_eq!(tries.left().expect("readable"), 0, "still blocked");
    bench.sign_in_at(Seat::user(own()), PERSON, PasscodeSource::Kept);
    sign(&bench.application(), Some(PASSCODE)).expect("a new strong proof cleared it");
    let log = bench.log();
    assert!(log.contains("\"passcode-incorrect\"") && log.contains("\"left\":1"));
}

#[test]
fn a_lock_asks_each_connection_again() {
    let bench = Bench::new(|_| {});
    let card = bench.sign_in();
    let application = bench.application();
    sign(&application, Some(PASSCODE)).expect("signed");
    bench.agent().lock(card.id).expect("locked");
    assert_eq!(bench.agent().card(card.id).unwrap().state, State::Locked);
    bench.agent().unlock(card.id).expect("unlocked");
    bench.agent().suspend(card.id).expect("suspended");
    assert!(sign(&bench.application(), Some(PASSCODE)).is_err());
    bench.agent().resume(card.id).expect("resumed");
    sign(&bench.application(), Some(PASSCODE)).expect("signed");
}

#[test]
fn with_the_passcode_standing_aside_only_listed_applications_use_the_card() {
    let own_program = std::env::current_exe().unwrap();
    for (listed, works) in [(Vec::new(), false), (vec![own_program], true)] {
        let bench = Bench::new(|config| config.applications = listed);
        bench.sign_in_at(Seat::user(own()), PERSON, PasscodeSource::SignIn);
        let signed = sign(&bench.application(), None);
        assert_eq!(signed.is_ok(), works, "{signed:?}");
        if !works {
            assert_eq!(signed, Err(CKR_FUNCTION_REJECTED));
            assert!(bench.events().contains(&"use-refused".to_owned()));
        }
    }
}

#[test]
fn a_host_elsewhere_does_it_all_over_its_endpoint() {
    let bench = Bench::new(|_| {});
    let secret = Secret::new(vec![7; 32]);
    let address = bench.config.host.clone().unwrap().address;
    let host = host::Client::connect(&address, &ServerTrust::default(), Some(&secret));
    let host = host.expect("a host");
    let pending = host.request(&Seat::user(own())).expect("request");
    let token = bench.provider.sign_in(&pending.nonce).sign().unwrap();
    let token = Secret::new(token.into_bytes());
    let unset = host.prove(&pending.request, &token, host::message::Passcode::Kept {});
    assert!(matches!(unset, Err(host::Error::Refused { code, .. }) if code == "refused"));
    let pending = host.request(&Seat::user(own())).expect("request");
    let token = bench.provider.sign_in(&pending.nonce).sign().unwrap();
    let passcode = host::message::Hidden(Secret::copied_from(PASSCODE));
    let source = host::message::Passcode::Given { passcode, keep: true };
    let card = host.prove(&pending.request, &Secret::new(token.into_bytes()), source);
    let card = card.expect("card");
    sign(&bench.application(), Some(PASSCODE)).expect("signed");
    assert!(host.passcode_kept(PERSON).expect("answers"));
    host.forget_passcode(PERSON).expect("forgotten");
    assert!(!host.passcode_kept(PERSON).expect("answers"));
    host.lock(&card.card).expect("locked");
    assert_eq!(host.cards().expect("cards")[0].state, "locked");
    host.unlock(&card.card).expect("unlocked");
    let status = host.status().expect("status");
    assert_eq!((status.mode.as_str(), status.cards.len()), ("ward", 1));
    assert!(status.pkcs11.is_some() && status.audit.is_some());
    let unknown = host.remove("0000000000000000", host::message::Reason::TapOut);
    assert!(matches!(unknown, Err(host::Error::Refused { code, .. }) if code == "unknown-card"));
    host.remove(&card.card, host::message::Reason::SessionEnd).expect("removed");
    assert!(host.cards().expect("cards").is_empty());
    host.stop().expect("asked");
    bench.agent().wait();
}

#[test]
fn a_stopped_agent_leaves_nothing_and_does_nothing() {
    let bench = Bench::new(|_| {});
    bench.sign_in();
    bench.agent().stop();
    bench.agent().stop();
    assert!(bench.agent().cards().is_empty());
    assert!(matches!(bench.agent().request(Seat::user(own())), Err(Error::Stopped)));
    assert!(matches!(bench.agent().serve(), Err(Error::Stopped)));
    for name in ["pkcs11", "host"] {
        assert!(!bench.folder.path().join(name).exists(), "{name}");
    }
    assert!(bench.log().contains("\"reason\":\"agent-stopped\""));
    let stops = bench.events().iter().filter(|event| *event == "agent-stopped").count();
    assert_eq!(stops, 1);
}

#[test]
fn an_agent_in_memory_serves_without_sockets_or_files() {
    let bench = Bench::new(|config| {
        config.state = None;
        config.pkcs11 = None;
        config.host = None;
    });
    bench.sign_in();
    let module = bench.agent().cryptoki(&Seat::user(own())).expect("module");
    module.initialize().expect("initialised");
    sign(&*module, Some(PASSCODE)).expect("signed");
    assert!(std::fs::read_dir(bench.folder.path()).unwrap().next().is_none());
    assert!(bench.agent().status().audit.is_none());
}
