//! The network as a whole goes away under an agent, and comes back: a namespace of the test's own,
//! whose only interface is taken down.
#![cfg(all(feature = "cli", feature = "http"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

mod common;

use common::{application::Application, run_with};
use std::{path::Path, process::Command, sync::Arc, thread, time::Duration};
use wardcard::{
    agent,
    clock::{Clock, ManualClock, SystemClock},
    derive::{Lack, Refusal, SourceKind, SourceRule},
    testkit::{Builder, Error, Kit},
};

const NAME: &str = "without_a_network_cards_last_and_come_only_by_a_rule_that_says_so";
const INSIDE: &str = "WARDCARD_TEST_NAMESPACE";
const PERSON: &str = "555000000001";
const OTHER: &str = "555000000002";
/// Longer than fetched keys are good for, shorter than they serve while their provider is gone.
const HOURS: Duration = Duration::from_secs(2 * 3600);

fn network(there: bool) {
    let state = if there { "up" } else { "down" };
    let done = Command::new("ip").args(["link", "set", "lo", state]).status();
    assert!(done.expect("ip of iproute2").success(), "{state}");
}

fn kit(clock: &Arc<ManualClock>, offline: bool) -> Kit {
    let clock: Arc<dyn Clock> = clock.clone();
    let mut builder = Builder { clock, ..Builder::default() };
    builder.policy.sources = vec![SourceRule { offline, ..SourceRule::new(SourceKind::Oidc) }];
    builder.start().unwrap()
}

/// A signature with the card in this user's seat.
fn signs(kit: &Kit, passcode: &str) {
    let uid = rustix::process::geteuid().as_raw();
    let application = Application::open(&kit.address(), uid).unwrap();
    application.login(passcode).unwrap();
    application.sign(b"text").unwrap();
}

#[test]
#[ignore = "needs root, unshare, iproute2"]
fn without_a_network_cards_last_and_come_only_by_a_rule_that_says_so() {
    if std::env::var_os(INSIDE).is_none() {
        let own = std::env::current_exe().unwrap();
        let own = own.to_str().unwrap();
        let again = ["unshare", "--net", own, NAME, "--exact", "--ignored", "--nocapture"];
        run_with(Path::new("/"), &[(INSIDE, "1")], &again, b"").ok();
        return;
    }
    network(true);
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let (strict, lenient) = (kit(&clock, false), kit(&clock, true));
    let cards = [strict.sign_in(PERSON).unwrap(), lenient.sign_in(PERSON).unwrap()];
    assert!(!cards[1].card.assurance.offline);

    network(false);
    clock.advance(HOURS);
    for (kit, card) in [&strict, &lenient].into_iter().zip(&cards) {
        signs(kit, &card.passcode);
        assert!(kit.provider().key_set_fetches() > 0);
    }
    // Each waits for its provider as long as it would for one that is slow.
    let (refused, other) = thread::scope(|scope| {
        let refused = scope.spawn(|| strict.sign_in(OTHER));
        let other = lenient.sign_in(OTHER);
        (refused.join().unwrap(), other.unwrap())
    });
    match refused {
        Err(Error::Agent(agent::Error::Refused(Refusal::Policy(found)))) => {
            assert_eq!(found.lack, Lack::Offline(SourceKind::Oidc), "{found}");
        }
        other => panic!("{other:?}"),
    }
    // Without a rule that admits it the live card stays; with one a new card comes, marked.
    signs(&strict, &cards[0].passcode);
    assert!(other.card.assurance.offline);
    signs(&lenient, &other.passcode);
    // Keys that are too old to serve even so.
    clock.advance(Duration::from_secs(24 * 3600));
    let refused = lenient.sign_in(OTHER).unwrap_err();
    let told = refused.to_string();
    assert!(told.contains(lenient.provider().issuer()), "names who is not reached: {told}");
    assert!(strict.agent().cards().is_empty(), "a card never outlives its reasons");

    network(true);
    // Nothing was lost and nobody restarts anything.
    clock.advance(Duration::from_secs(60));
    for kit in [&strict, &lenient] {
        let card = kit.sign_in(PERSON).unwrap();
        assert!(!card.card.assurance.offline);
        signs(kit, &card.passcode);
    }
    let log = lenient.folder().join("state/audit");
    let records: String = std::fs::read_dir(log)
        .unwrap()
        .filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok())
        .collect();
    assert!(records.contains("\"offline\":true"), "{records}");
}
