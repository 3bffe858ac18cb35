//! The life of cards at each of its edges, with the clock set.

use super::*;
use crate::{
    derive::{
        Refusal,
        roster::{Entry, Kind, Roster},
    },
    issue::{self, Issued, Order},
    pkcs11::{
        Rv,
        ck::{CKR_NO_EVENT, CKR_USER_NOT_LOGGED_IN},
    },
};
use std::sync::atomic::{AtomicBool, Ordering};

const OTHER: &str = "555000000002";
const MINUTE: Duration = Duration::from_secs(60);
const MILLI: Duration = Duration::from_millis(1);

fn person(number: &str) -> UserId {
    UserId::parse(number).unwrap()
}

fn entry(number: &str) -> Entry {
    Entry {
        person: person(number),
        account: format!("account-{number}"),
        kind: Kind::Staff,
        valid_from: None,
        valid_to: None,
        state: derive::roster::State::Enabled,
    }
}

/// Reasons of the cards that have ended, the latest first.
fn reasons(bench: &Bench) -> Vec<Removal> {
    bench.agent().ended().iter().map(|card| card.reason).collect()
}

#[test]
fn a_new_proof_renews_the_card_in_its_seat_with_one_removal_and_insertion() {
    let bench = Bench::new(|_| {});
    let application = bench.application();
    assert!(!present(&application), "connected");
    let old = bench.sign_in();
    assert_eq!(application.wait_for_slot_event(false).expect("it came"), 0);
    let before = sign(&application, Some(PASSCODE)).expect("signed");
    let new = bench.sign_in();
    assert_ne!(new.id, old.id);
    assert_eq!(application.wait_for_slot_event(false).expect("one change"), 0);
    assert_eq!(application.wait_for_slot_event(false), Err(CKR_NO_EVENT), "and no other");
    assert!(present(&application), "there was no moment without a card");
    let after = sign(&application, Some(PASSCODE)).expect("signs with the new card");
    assert_ne!(before, after, "by new keys");
    assert_eq!(reasons(&bench), [Removal::Renewed]);
    assert_eq!(bench.agent().cards().len(), 1);
    let log = bench.log();
    assert!(log.contains(&format!("\"renews\":\"{}\"", old.id.to_hex())), "{log}");
}

#[test]
fn within_grace_the_same_person_comes_back_to_the_same_card_and_beyond_it_is_gone() {
    let bench = Bench::new(|config| config.policy.grace = Some(10 * MINUTE));
    let agent = bench.agent();
    let card = bench.sign_in();
    for back in [false, true] {
        agent.tap_out(card.id).expect("waits");
        let waiting = agent.card(card.id).expect("there");
        assert_eq!((waiting.state, waiting.why), (State::Locked, Some(Why::Away)));
        assert_eq!(waiting.away_until, Some(bench.clock.now().plus(10 * MINUTE)));
        bench.clock.advance(10 * MINUTE - MILLI);
        let application = bench.application();
        if back {
            sign(&application, Some(PASSCODE)).expect("the passcode brings it back");
        } else {
            agent.unlock(card.id).expect("the host brings it back");
        }
        assert_eq!(agent.card(card.id).expect("there").state, State::Inserted);
    }
    agent.lock(card.id).expect("locked");
    bench.clock.advance(10 * MINUTE);
    assert!(matches!(agent.card(card.id), Err(Error::UnknownCard)));
    assert_eq!(reasons(&bench), [Removal::Away]);
    assert!(bench.log().contains("\"tap-out\""));
}

#[test]
fn grace_clears_no_blocked_passcode() {
    let bench = Bench::new(|config| config.policy.grace = Some(10 * MINUTE));
    let card = bench.sign_in();
    for _ in 0..3 {
        sign(&bench.application(), Some(b"000000")).expect_err("wrong");
    }
    bench.agent().tap_out(card.id).expect("waits");
    bench.agent().unlock(card.id).expect("back");
    assert_eq!(bench.agent().card(card.id).expect("there").tries_left, Some(0));
    assert_eq!(sign(&bench.application(), Some(PASSCODE)), Err(CKR_PIN_LOCKED));
}

#[test]
fn without_a_grace_a_tap_out_ends_the_card_and_a_lock_waits_for_its_end() {
    let bench = Bench::new(|_| {});
    let card = bench.sign_in();
    bench.agent().lock(card.id).expect("locked");
    bench.clock.advance(11 * 60 * MINUTE);
    assert_eq!(bench.agent().card(card.id).expect("there").away_until, None);
    bench.agent().tap_out(card.id).expect("gone");
    assert_eq!(reasons(&bench), [Removal::TapOut]);
}

#[test]
fn a_card_locks_when_nobody_has_used_it_for_long_enough() {
    let bench = Bench::new(|config| config.policy.idle_lock = Some(15 * MINUTE));
    let agent = bench.agent();
    let card = bench.sign_in();
    let application = bench.application();
    let state = || agent.card(card.id).expect("there").state;
    bench.clock.advance(15 * MINUTE - MILLI);
    sign(&application, Some(PASSCODE)).expect("in time");
    bench.clock.advance(15 * MINUTE - MILLI);
    assert_eq!(state(), State::Inserted, "counted from the last use");
    bench.clock.advance(MILLI);
    assert_eq!(state(), State::Locked);
    assert_eq!(agent.card(card.id).expect("there").why, Some(Why::Idle));
    assert_eq!(signature(&application), Err(CKR_USER_NOT_LOGGED_IN), "the login is void");
    agent.cards();
    let locks = bench.events().iter().filter(|event| *event == "lock").count();
    assert_eq!(locks, 1, "on record once");
    assert!(bench.log().contains("\"why\":\"idle\""));
    sign(&bench.application(), Some(PASSCODE)).expect("and back with the passcode");
    assert_eq!(state(), State::Inserted);
}

/// A signature in the session that is logged in.
fn signature(cryptoki: &dyn Cryptoki) -> Result<Vec<u8>, Rv> {
    let session = cryptoki.open_session(0, CKF_SERIAL_SESSION)?;
    let private = CKO_PRIVATE_KEY.to_le_bytes().to_vec();
    cryptoki.find_objects_init(session, &[Attribute { kind: CKA_CLASS, value: private }])?;
    let found = cryptoki.find_objects(session, 1)?;
    cryptoki.find_objects_final(session)?;
    let Some(key) = found.first() else { return Err(CKR_USER_NOT_LOGGED_IN) };
    let mechanism = Mechanism { kind: CKM_SHA256_RSA_PKCS, parameter: Parameter::None };
    cryptoki.sign_init(session, &mechanism, *key)?;
    match cryptoki.sign(session, b"message", Room::Bytes(1024))? {
        Filled::Bytes(signature) => Ok(signature),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_administrator_ends_a_persons_cards_everywhere_and_nobody_elses() {
    let bench = Bench::new(|config| config.policy.cards_per_person = 3);
    let agent = bench.agent();
    for user in 0..3 {
        bench.sign_in_at(Seat::user(another(user)), PERSON, given());
    }
    let other = bench.sign_in_at(Seat::user(another(7)), OTHER, given());
    assert_eq!(agent.end_person(&person(PERSON), Removal::Administrator).expect("done"), 3);
    assert_eq!(agent.end_person(&person(PERSON), Removal::Administrator).expect("done"), 0);
    let left: Vec<_> = agent.cards().iter().map(|card| card.id).collect();
    assert_eq!(left, [other.id]);
    assert_eq!(reasons(&bench), [Removal::Administrator; 3]);
}

#[test]
fn a_person_may_have_so_many_cards_and_the_oldest_gives_way_beyond() {
    for most in [1, 2] {
        let bench = Bench::new(|config| config.policy.cards_per_person = most);
        let first = bench.sign_in();
        for user in 1..=most {
            bench.sign_in_at(Seat::user(another(u32::try_from(user).unwrap())), PERSON, given());
            assert_eq!(bench.agent().card(first.id).is_ok(), user < most);
        }
        assert_eq!(bench.agent().cards().len(), most);
        assert_eq!(reasons(&bench), [Removal::SignedInElsewhere]);
    }
}

#[test]
fn a_suspended_person_uses_nothing_and_gets_nothing_until_resumed_across_restarts() {
    let mut bench = Bench::new(|config| config.policy.cards_per_person = 2);
    let first = bench.sign_in();
    let second = bench.sign_in_at(Seat::user(another(1)), PERSON, given());
    let agent = bench.agent();
    agent.suspend(second.id).expect("on its own");
    assert_eq!(agent.suspend_person(&person(PERSON)).expect("done"), 2);
    for card in [first.id, second.id] {
        let info = agent.card(card).expect("there");
        assert_eq!((info.state, info.why), (State::Suspended, Some(Why::PersonSuspended)));
    }
    sign(&bench.application(), Some(PASSCODE)).expect_err("out of use");
    assert!(matches!(agent.resume(first.id), Err(Error::Refused(Refusal::Suspended))));
    let refused = |bench: &Bench| {
        let pending = bench.agent().request(Seat::user(own())).expect("request");
        let evidence = bench.token(&pending.nonce, PERSON);
        bench.agent().prove(&pending.request, evidence, given())
    };
    assert!(matches!(refused(&bench), Err(Error::Refused(Refusal::Suspended))));
    assert_eq!(agent.resume_person(&person(PERSON)).expect("done"), 1);
    sign(&bench.application(), Some(PASSCODE)).expect("in use again");
    let info = bench.agent().card(second.id).expect("there");
    assert_eq!(
        (info.state, info.why),
        (State::Suspended, Some(Why::Suspended)),
        "on its own still"
    );

    bench.agent().suspend_person(&person(PERSON)).expect("done");
    bench.start();
    assert!(matches!(refused(&bench), Err(Error::Refused(Refusal::Suspended))));
    bench.sign_in_at(Seat::user(own()), OTHER, given());
    bench.agent().resume_person(&person(PERSON)).expect("done");
    refused(&bench).expect("a card again");
}

#[test]
fn stop_all_ends_everything_at_once_and_holds_across_a_restart() {
    let mut bench = Bench::new(|_| {});
    bench.sign_in();
    bench.sign_in_at(Seat::user(another(1)), OTHER, given());
    let application = bench.application();
    assert!(present(&application));
    let waiting = bench.agent().request(Seat::user(own())).expect("request");
    for reason in ["two\nlines", &"x".repeat(201)] {
        assert!(matches!(bench.agent().stop_all(reason, true), Err(Error::Reason)));
    }
    assert_eq!(bench.agent().status().stopped, None, "a reason that is none stops nothing");
    assert_eq!(bench.agent().stop_all("a drill", true).expect("done"), 2);
    assert_eq!(bench.agent().stop_all("", true).expect("again"), 0);
    let stopped = bench.agent().status().stopped.expect("stopped");
    assert!(stopped.contains("a drill"), "{stopped}");
    assert!(!present(&application) && bench.agent().cards().is_empty());
    assert_eq!(reasons(&bench), [Removal::StopAll; 2]);
    let stopped = |error: Error| match error {
        Error::AllStopped { reason, .. } => assert_eq!(reason, "a drill"),
        other => panic!("{other:?}"),
    };
    let evidence = bench.token(&waiting.nonce, PERSON);
    stopped(bench.agent().prove(&waiting.request, evidence, given()).unwrap_err());
    stopped(bench.agent().request(Seat::user(own())).unwrap_err());
    bench.start();
    stopped(bench.agent().request(Seat::user(own())).unwrap_err());
    bench.agent().start_again().expect("done");
    bench.sign_in();
    bench.start();
    bench.sign_in();
    assert!(bench.log().contains("\"event\":\"stop-all\",\"reason\":\"a drill\",\"hold\":true"));
}

#[test]
fn stop_all_on_a_full_disk_ends_all_and_says_what_is_missing() {
    let bench = Bench::new(|_| {});
    bench.sign_in();
    bench.agent().core.state.log.as_ref().unwrap().fill_disk();
    match bench.agent().stop_all("fire", true).unwrap_err() {
        error @ Error::StopIncomplete { cards: 1, .. } => {
            let text = error.to_string();
            assert!(text.starts_with("1 card ended; but it could not be recorded"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    assert!(bench.agent().cards().is_empty());
    let stopped = bench.agent().request(Seat::user(own())).unwrap_err();
    assert!(matches!(stopped, Error::AllStopped { .. }));
}

#[test]
fn stop_all_once_lets_new_cards_be_made_but_finishes_none_that_was_begun_before() {
    let bench = Bench::new(|_| {});
    let waiting = bench.agent().request(Seat::user(own())).expect("request");
    assert_eq!(bench.agent().stop_all("", false).expect("done"), 0);
    let evidence = bench.token(&waiting.nonce, PERSON);
    let begun = bench.agent().prove(&waiting.request, evidence, given());
    assert!(matches!(begun, Err(Error::UnknownRequest)));
    bench.sign_in();
}

/// An issuer that calls back while it is asked, and may be out of reach.
#[derive(Debug)]
struct Desk {
    inner: LocalIssuer,
    away: AtomicBool,
}

impl Issuer for Desk {
    fn issue(&self, order: &Order) -> Result<Vec<Issued>, issue::Error> {
        if self.away.load(Ordering::SeqCst) {
            return Err(issue::Error::Unreachable("nobody there".to_owned()));
        }
        self.inner.issue(order)
    }

    fn roots(&self) -> Result<Vec<Certificate>, issue::Error> {
        self.inner.roots()
    }
}

#[test]
fn with_issuer_and_provider_gone_live_cards_last_to_their_end_and_no_new_one_is_made() {
    let mut bench = Bench::new(|_| {});
    let time: Arc<dyn Clock> = bench.clock.clone();
    let names = Names::default();
    let inner = LocalIssuer::in_memory(&names, KeyKind::P256, Rules::default(), time).unwrap();
    let desk = Arc::new(Desk { inner, away: AtomicBool::new(false) });
    // Its keys are fetched: there is no key set in the settings any more.
    bench.config.providers[0].oidc.key_set = None;
    bench.agent = None;
    let parts = AgentParts {
        clock: bench.clock.clone(),
        issuer: Some(Arc::clone(&desk) as Arc<dyn Issuer>),
        ..AgentParts::default()
    };
    bench.agent = Some(Agent::start(bench.config.clone(), parts).expect("starts"));
    let card = bench.sign_in();
    desk.away.store(true, Ordering::SeqCst);
    let try_again = |bench: &Bench| {
        let pending = bench.agent().request(Seat::user(another(1))).expect("request");
        let evidence = bench.token(&pending.nonce, OTHER);
        bench.agent().prove(&pending.request, evidence, given()).expect_err("no card")
    };
    let why = try_again(&bench);
    assert!(matches!(why, Error::Refused(Refusal::Issuer(issue::Error::Unreachable(_)))), "{why}");
    bench.clock.advance(12 * 60 * MINUTE - MINUTE);
    sign(&bench.application(), Some(PASSCODE)).expect("lives");
    bench.clock.advance(MINUTE);
    assert!(bench.agent().card(card.id).is_err(), "to its end and not beyond");
    desk.away.store(false, Ordering::SeqCst);
    bench.sign_in_at(Seat::user(own()), PERSON, given());
}

#[test]
fn who_leaves_the_roster_loses_the_card_and_gets_none() {
    let bench = Bench::new(|config| config.roster = RosterUse::Required);
    let agent = bench.agent();
    let roster = agent.roster().clone();
    let now = bench.clock.now();
    let refused = || {
        let pending = agent.request(Seat::user(own())).expect("request");
        let evidence = bench.token(&pending.nonce, PERSON);
        agent.prove(&pending.request, evidence, given())
    };
    let why = |result: Result<CardInfo, Error>| match result {
        Err(Error::Refused(Refusal::Roster(fault))) => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(refused()), derive::roster::Fault::Absent);
    let both = [entry(PERSON), entry(OTHER)];
    roster.import(&both, true, "test", now).expect("imported");
    let changes: [&dyn Fn(&Roster); 3] = [
        &|roster| drop(roster.import(&both[1..], true, "test", now).expect("absent")),
        &|roster| {
            let disabled = derive::roster::State::Disabled;
            assert!(roster.set_state(&person(PERSON), disabled, "test", now).expect("disabled"));
        },
        &|roster| {
            let over = Entry { valid_to: Some(now), ..entry(PERSON) };
            roster.import(&[over, entry(OTHER)], true, "test", now).expect("over");
        },
    ];
    bench.sign_in_at(Seat::user(another(1)), OTHER, given());
    for change in changes {
        roster.import(&both, true, "test", now).expect("on it again");
        let card = refused().expect("a card");
        change(&roster);
        assert!(agent.card(card.id).is_err(), "gone at the next look");
        assert_eq!(agent.ended()[0].reason, Removal::Roster);
        why(refused());
    }
    assert_eq!(agent.cards().len(), 1, "the other's stays");
    assert!(bench.log().contains("roster-dropped"));
}

#[test]
fn a_card_ends_within_a_second_of_a_change_to_the_roster_without_being_asked() {
    let bench = Bench::new(|_| {});
    let roster = bench.agent().roster().clone();
    roster.import(&[entry(PERSON)], true, "test", bench.clock.now()).expect("imported");
    bench.sign_in();
    let application = bench.application();
    assert_eq!(application.wait_for_slot_event(false), Err(CKR_NO_EVENT));
    let disabled = derive::roster::State::Disabled;
    roster.set_state(&person(PERSON), disabled, "test", bench.clock.now()).expect("disabled");
    let began = std::time::Instant::now();
    application.wait_for_slot_event(true).expect("the application is told");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(!present(&application));
}

#[test]
fn a_time_on_the_roster_that_ends_is_the_cards_end() {
    let bench = Bench::new(|_| {});
    let roster = bench.agent().roster().clone();
    let until = bench.clock.now().plus(10 * MINUTE);
    let temporary = Entry { kind: Kind::Temporary, valid_to: Some(until), ..entry(PERSON) };
    roster.import(&[temporary], true, "test", bench.clock.now()).expect("imported");
    let card = bench.sign_in();
    assert_eq!((card.expires, card.ends_by.as_str()), (until, "roster.valid_to"));
    bench.clock.advance(10 * MINUTE - MILLI);
    assert!(bench.agent().card(card.id).is_ok());
    bench.clock.advance(MILLI);
    assert!(bench.agent().card(card.id).is_err());
}

#[test]
fn a_derived_card_that_ends_before_its_time_is_revoked_where_the_policy_says_so() {
    for revoked in [true, false] {
        let bench = Bench::new(|config| config.policy.revoke_at_end = revoked);
        let card = bench.sign_in();
        bench.agent().remove(card.id, Removal::TapOut).expect("gone");
        let serial = bench.agent().revocations_waiting() > 0 || bench.log().contains("revo");
        assert_eq!(serial, revoked);
    }
}
