//! One-time passcodes as hosts and legacy programs meet them: filled into a prompt once, and what
//! becomes of a driver that offers what it has cached.
//!
//! OpenSC caches the PIN that was typed (`use_pin_caching`, on by default) and verifies with it again when
//! the card has lost its login: after another program's logout or reset, and before each use of a
//! key that asks each time (`pin_cache_counter` uses at most). What reaches a module below it is a
//! second C_Login, or one of CKU_CONTEXT_SPECIFIC, with the same PIN on the same connection.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

mod common;

use common::{Run, application::Application, module, run_with};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use wardcard::{
    agent::{self, CardInfo, config::Limits},
    clock::{Clock, ManualClock, SystemClock},
    derive::{Evidence, PasscodeSource, Policy},
    pkcs11::{
        Cryptoki, Filled, Mechanism, Room,
        ck::{CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKU_CONTEXT_SPECIFIC},
    },
    secret::Secret,
    testkit::{Builder, Kit},
};

const PERSON: &str = "555000000001";

fn kit_with(policy: Policy, clock: Arc<dyn Clock>) -> Kit {
    Builder { policy, clock, ..Builder::default() }.start().unwrap()
}

fn policy() -> Policy {
    Builder::default().policy
}

fn sign_in(kit: &Kit, source: PasscodeSource) -> CardInfo {
    let pending = kit.request().unwrap();
    let token = kit.provider().sign_in(&pending.nonce).claim("sub", PERSON).sign().unwrap();
    let evidence = Evidence::IdToken(Secret::new(token.into_bytes()));
    kit.agent().prove(&pending.request, evidence, source).unwrap()
}

/// A kit whose card has one-time passcodes.
fn kit() -> (Kit, CardInfo) {
    let kit = kit_with(policy(), Arc::new(SystemClock));
    let card = sign_in(&kit, PasscodeSource::OneTime);
    (kit, card)
}

fn own_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn text(code: &Secret) -> String {
    String::from_utf8(code.expose().to_vec()).unwrap()
}

fn code_for(kit: &Kit, card: &CardInfo, program: &Path) -> String {
    text(&kit.agent().one_time_passcode(card.id, program).unwrap())
}

fn code(kit: &Kit, card: &CardInfo) -> String {
    code_for(kit, card, &own_program())
}

fn open(kit: &Kit) -> Application {
    Application::open(&kit.address(), rustix::process::geteuid().as_raw()).unwrap()
}

fn tries(kit: &Kit, card: &CardInfo) -> Option<u8> {
    kit.agent().card(card.id).unwrap().tries_left
}

#[test]
fn a_code_opens_the_card_for_one_login_that_lasts() {
    let (kit, card) = kit();
    assert!(!card.sign_in);
    let code = code(&kit, &card);
    assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "{}", code.len());
    let application = open(&kit);
    assert!(application.sign(b"x").is_err());
    application.login(&code).unwrap();
    for _ in 0..3 {
        application.sign(b"the login lasts as long as the connection").unwrap();
    }
    let info = application.client.token_info(0).unwrap();
    assert_eq!((info.min_pin, info.max_pin), (8, 8));
}

/// OpenSC's cache after a reset by another program: C_Login with the same PIN again.
#[test]
fn a_used_code_is_refused_on_its_connection_without_losing_a_try() {
    let (kit, card) = kit();
    let code = code(&kit, &card);
    let application = open(&kit);
    application.login(&code).unwrap();
    application.logout();
    for _ in 0..10 {
        assert_eq!(application.login(&code), Err(CKR_PIN_INCORRECT));
    }
    assert_eq!(tries(&kit, &card), Some(3));
    assert!(application.sign(b"x").is_err(), "it opens nothing");
    application.login(&self::code(&kit, &card)).unwrap();
    application.sign(b"with a new one").unwrap();
}

#[test]
fn on_another_connection_a_used_code_costs_a_try_like_any_wrong_one() {
    let (kit, card) = kit();
    let code = code(&kit, &card);
    let first = open(&kit);
    first.login(&code).unwrap();
    let other = open(&kit);
    assert_eq!(other.login(&code), Err(CKR_PIN_INCORRECT));
    assert_eq!(tries(&kit, &card), Some(2));
    assert_eq!(other.login("00000000"), Err(CKR_PIN_INCORRECT));
    assert_eq!(other.login(&code), Err(CKR_PIN_LOCKED));
    assert_eq!(tries(&kit, &card), Some(0));
    first.sign(b"its login stands").unwrap();
    let fresh = self::code(&kit, &card);
    assert_eq!(other.login(&fresh), Err(CKR_PIN_LOCKED), "a code clears nothing");
}

#[test]
fn a_code_of_another_program_costs_a_try_and_stays_good_for_its_own() {
    let (kit, card) = kit();
    let foreign = code_for(&kit, &card, Path::new("/bin/true"));
    let application = open(&kit);
    assert_eq!(application.login(&foreign), Err(CKR_PIN_INCORRECT));
    assert_eq!(tries(&kit, &card), Some(2));
    application.login(&code(&kit, &card)).unwrap();
    assert_eq!(tries(&kit, &card), Some(3));
}

#[test]
fn a_code_is_bound_to_its_card() {
    let (kit, card) = kit();
    let code = code(&kit, &card);
    let next = sign_in(&kit, PasscodeSource::OneTime);
    assert_ne!(card.id, next.id);
    let application = open(&kit);
    assert_eq!(application.login(&code), Err(CKR_PIN_INCORRECT));
    let gone = kit.agent().one_time_passcode(card.id, &own_program());
    assert!(matches!(gone, Err(agent::Error::UnknownCard)));
}

#[test]
fn a_code_lives_as_long_as_the_configuration_says() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let life = Limits::default().one_time_life;
    assert_eq!(life, Duration::from_secs(60));
    let kit = kit_with(policy(), clock.clone());
    let card = sign_in(&kit, PasscodeSource::OneTime);
    let (first, second) = (code(&kit, &card), code(&kit, &card));
    let application = open(&kit);
    clock.advance(life - Duration::from_millis(1));
    application.login(&first).unwrap();
    application.logout();
    clock.advance(Duration::from_millis(1));
    assert_eq!(application.login(&second), Err(CKR_PIN_INCORRECT));
    assert_eq!(tries(&kit, &card), Some(2));
}

#[test]
fn so_many_wait_at_once_and_no_card_of_another_kind_has_any() {
    let (kit, card) = kit();
    let most = Limits::default().one_time_codes;
    let codes: Vec<String> = (0..most).map(|_| code(&kit, &card)).collect();
    let more = kit.agent().one_time_passcode(card.id, &own_program());
    assert!(matches!(more, Err(agent::Error::Limit(_))));
    let application = open(&kit);
    for code in codes.iter().rev() {
        application.login(code).unwrap();
        application.logout();
    }
    code(&kit, &card);
    let relative = kit.agent().one_time_passcode(card.id, Path::new("program"));
    assert!(matches!(relative, Err(agent::Error::Application)));
    let other = sign_in(&kit, PasscodeSource::SignIn);
    let none = kit.agent().one_time_passcode(other.id, &own_program());
    assert!(matches!(none, Err(agent::Error::NotOneTime)));
}

#[test]
fn a_locked_card_goes_on_after_a_new_code_and_a_suspended_one_gets_none() {
    let (kit, card) = kit();
    let used = code(&kit, &card);
    let application = open(&kit);
    application.login(&used).unwrap();
    kit.agent().lock(card.id).unwrap();
    assert!(application.sign(b"x").is_err());
    // The cache of a driver: the person's absence is not ended by what it remembers.
    assert_eq!(application.login(&used), Err(CKR_PIN_INCORRECT));
    assert_eq!(tries(&kit, &card), Some(3));
    application.login(&code(&kit, &card)).unwrap();
    application.sign(b"on").unwrap();
    kit.agent().suspend(card.id).unwrap();
    assert!(kit.agent().one_time_passcode(card.id, &own_program()).is_err());
}

/// OpenSC's cache before each use of a key that asks each time: CKU_CONTEXT_SPECIFIC with the PIN
/// of the login.
#[test]
fn content_commitment_asks_for_a_code_each_time() {
    let kit = kit_with(Policy { content_commitment: true, ..policy() }, Arc::new(SystemClock));
    let card = sign_in(&kit, PasscodeSource::OneTime);
    let login = code(&kit, &card);
    let application = open(&kit);
    application.login(&login).unwrap();
    let keys = keys(&application);
    assert_eq!(keys.len(), 2);
    let client = &application.client;
    let mut refused = 0;
    for key in keys {
        client.sign_init(application.session, &Mechanism::plain(0x40), key).unwrap();
        let verify = |code: &str| {
            client.login(application.session, CKU_CONTEXT_SPECIFIC, Some(code.as_bytes()))
        };
        if verify(&login) == Err(CKR_PIN_INCORRECT) {
            refused += 1;
            assert_eq!(tries(&kit, &card), Some(3));
            verify(&code(&kit, &card)).unwrap();
        }
        let signed = client.sign(application.session, b"a prescription", Room::Bytes(512));
        assert!(matches!(signed, Ok(Filled::Bytes(_))), "{signed:?}");
    }
    assert_eq!(refused, 1, "the content commitment key alone asks");
}

fn keys(application: &Application) -> Vec<u64> {
    use wardcard::pkcs11::{
        Attribute,
        ck::{CKA_CLASS, CKO_PRIVATE_KEY},
    };
    let class = Attribute { kind: CKA_CLASS, value: CKO_PRIVATE_KEY.to_le_bytes().to_vec() };
    application.client.find_objects_init(application.session, &[class]).unwrap();
    let keys = application.client.find_objects(application.session, 8).unwrap();
    application.client.find_objects_final(application.session).unwrap();
    keys
}

#[test]
fn the_audit_log_tells_of_each_and_of_no_code() {
    let (kit, card) = kit();
    let code = code(&kit, &card);
    let application = open(&kit);
    application.login(&code).unwrap();
    application.logout();
    assert!(application.login(&code).is_err());
    let log = std::fs::read_to_string(kit.folder().join("state/audit/audit.jsonl")).unwrap();
    for event in ["one-time-passcode", "passcode-verified", "passcode-used-again"] {
        assert_eq!(log.matches(&format!("\"event\":\"{event}\"")).count(), 1, "{event}");
    }
    assert!(!log.contains(&code));
}

/// pkcs11-tool with a code of its own; the module speaks to the kit's agent.
fn tool(kit: &Kit, pin: &str, more: &[&str]) -> Run {
    let (address, module) = (kit.address(), module().display().to_string());
    let folder = kit.folder();
    let environment = [("WARDCARD_AGENT", address.as_str()), ("HOME", folder.to_str().unwrap())];
    let command = ["/usr/bin/pkcs11-tool", "--module", &module, "--login", "--pin", pin];
    run_with(folder, &environment, &[&command[..], more].concat(), b"")
}

#[test]
#[ignore = "needs opensc"]
fn pkcs11_tool_works_with_a_code_once() {
    let (kit, card) = kit();
    let program = Path::new("/usr/bin/pkcs11-tool");
    let code = code_for(&kit, &card, program);
    let listed = tool(&kit, &code, &["-O"]).ok().out;
    assert!(listed.contains("Private Key Object"), "{listed}");
    let again = tool(&kit, &code, &["-O"]);
    assert!(!again.success && again.err.contains("CKR_PIN_INCORRECT"), "{}", again.err);
    assert_eq!(tries(&kit, &card), Some(2), "another process is another connection");
    // Its own tests log out and in again with the PIN that they remember.
    let code = code_for(&kit, &card, program);
    let tested = tool(&kit, &code, &["--test"]);
    assert!(tested.out.contains("Signatures"), "{}", tested.out);
    assert_eq!(tries(&kit, &card), Some(3), "what it remembers costs no try: {}", tested.err);
}
