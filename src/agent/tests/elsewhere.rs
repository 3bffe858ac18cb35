//! What other programs do in the store comes into the audit log; accounts bind; emergencies are
//! marked.

use super::*;
use crate::{
    agent::{config::AccountUse, life::open_roster, secrets},
    derive::{
        SourceKind, SourceRule,
        roster::{Choice, Decision, Entry, Fault, Kind, State},
    },
    pki::UserId,
    proof::Level,
    store::KeyFile,
};

const OTHER: &str = "555000000002";

fn person(number: &str) -> UserId {
    UserId::parse(number).unwrap()
}

fn entry(number: &str, account: &str) -> Entry {
    Entry {
        person: person(number),
        account: account.to_owned(),
        kind: Kind::Staff,
        valid_from: None,
        valid_to: None,
        state: State::Enabled,
    }
}

fn records(bench: &Bench, event: &str) -> Vec<serde_json::Value> {
    let all = bench.log();
    let all = all.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    all.filter(|value| value["event"] == event).collect()
}

#[test]
fn changes_of_the_roster_are_recorded_with_who_and_when_once_each_agent_running_or_not() {
    let mut bench = Bench::new(|_| {});
    let at = bench.clock.now();
    // As `wardcard roster` does it: beside the agent, in its store.
    let beside = open_roster(&bench.config).unwrap();
    beside.import(&[entry(PERSON, ""), entry(OTHER, "")], true, "k.keeper", at).unwrap();
    assert!(records(&bench, "roster-changed").is_empty());
    bench.agent().reap();
    let found = records(&bench, "roster-changed");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["person"], PERSON);
    assert_eq!((&found[0]["by"], &found[0]["what"]), (&"k.keeper".into(), &"added".into()));
    assert_eq!(found[0]["at"], at.to_string());
    assert_eq!((&found[0]["change"], &found[1]["change"]), (&1.into(), &2.into()));
    bench.agent().reap();
    assert_eq!(records(&bench, "roster-changed").len(), 2, "once each");

    bench.agent().stop();
    beside.set_state(&person(OTHER), State::Disabled, "n.night", at).unwrap();
    let (choice, by) = (Choice::Remove, "r.reviewer".to_owned());
    beside.decide(&[Decision { person: person(PERSON), choice, by, at }], at).unwrap();
    assert_eq!(records(&bench, "roster-changed").len(), 2, "nobody is there");
    bench.start();
    let found = records(&bench, "roster-changed");
    let by: Vec<_> = found.iter().map(|one| one["by"].as_str().unwrap()).collect();
    assert_eq!(by, ["k.keeper", "k.keeper", "n.night", "r.reviewer"]);
    let decided = records(&bench, "roster-decided");
    assert_eq!(decided.len(), 1);
    assert_eq!((&decided[0]["what"], &decided[0]["by"]), (&"remove".into(), &"r.reviewer".into()));
}

#[test]
fn a_log_that_cannot_be_written_loses_no_change() {
    let mut bench = Bench::new(|_| {});
    let at = bench.clock.now();
    bench.agent().core.state.log.as_ref().unwrap().fill_disk();
    bench.agent().roster().import(&[entry(PERSON, "")], true, "k.keeper", at).unwrap();
    bench.agent().reap();
    assert!(records(&bench, "roster-changed").is_empty());
    bench.start();
    assert_eq!(records(&bench, "roster-changed").len(), 1, "brought when it can be");
}

#[test]
fn keys_are_replaced_while_the_agent_runs_and_that_is_on_record() {
    let bench = Bench::new(|_| {});
    let kept = PasscodeSource::Given { passcode: Secret::copied_from(PASSCODE), keep: true };
    bench.sign_in_at(Seat::user(own()), PERSON, kept);
    let key = KeyFile::new(bench.folder.path().join("state/store.key"));
    let old = key.keys().unwrap();
    let by = ("a.admin", bench.clock.now());
    let (config, which) = (&bench.config, secrets::Sealing::Store);
    secrets::rotate(config, which, &[], by).unwrap();
    assert!(key.keys().unwrap()[0].expose() != old[0].expose());
    assert!(bench.agent().passcode_kept(&person(PERSON)).unwrap(), "read by the new key");
    assert!(secrets::retire(config, which, &[], by).unwrap());
    bench.sign_in_at(Seat::user(another(1)), PERSON, PasscodeSource::Kept);
    bench.agent().reap();
    assert_eq!(records(&bench, "secret-rotated")[0]["by"], "a.admin");
    assert_eq!(records(&bench, "secret-retired")[0]["what"], "store");
}

#[test]
fn a_card_is_for_the_account_that_the_roster_names_alone() {
    let bench = Bench::new(|config| config.accounts = AccountUse::Bound);
    let at = bench.clock.now();
    let account = crate::net::account_name(own()).unwrap();
    let roster = bench.agent().roster().clone();
    let try_in = |uid: User, number: &str| {
        let pending = bench.agent().request(Seat::user(uid)).unwrap();
        let evidence = bench.token(&pending.nonce, number);
        bench.agent().prove(&pending.request, evidence, given())
    };
    let names = [account.clone(), account.to_uppercase(), format!("WARD\\{account}")];
    for name in names.iter().chain(&[format!("{account}@ward.example"), String::new()]) {
        roster.import(&[entry(PERSON, name)], true, "test", at).unwrap();
        try_in(own(), PERSON).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    roster.import(&[entry(PERSON, "somebody-else")], true, "test", at).unwrap();
    assert!(bench.agent().cards().is_empty(), "a card in the wrong place ends");
    assert_eq!(bench.agent().ended()[0].reason, Removal::Roster);
    let refused = try_in(own(), PERSON).unwrap_err();
    let fault = derive::Refusal::Roster(Fault::Account);
    assert!(matches!(&refused, Error::Refused(derive::Refusal::Roster(Fault::Account))), "{fault}");
    assert!(!refused.to_string().contains("somebody"));
    try_in(own(), OTHER).expect("whom the roster does not name is bound to none");
    roster.import(&[entry(PERSON, &account)], true, "test", at).unwrap();
    assert!(try_in(User::from(u32::MAX - 7), PERSON).is_err(), "a user without a name");
    try_in(own(), PERSON).unwrap();
}

#[test]
fn accounts_that_are_noted_bind_nobody() {
    let bench = Bench::new(|config| config.accounts = AccountUse::Noted);
    let roster = bench.agent().roster();
    roster.import(&[entry(PERSON, "somebody-else")], true, "test", bench.clock.now()).unwrap();
    bench.sign_in();
}

#[test]
fn a_card_for_an_emergency_is_short_marked_and_on_record_and_a_robot_gets_none() {
    const LIFE: Duration = Duration::from_secs(1800);
    let mut bench = Bench::new(|config| {
        let issuer = config.providers[0].oidc.issuer.clone();
        config.policy.sources = vec![SourceRule {
            name: Some(issuer),
            least_authentication: Some(Level(2)),
            break_glass: Some(LIFE),
            ..SourceRule::new(SourceKind::Oidc)
        }];
    });
    // The issuer has a word of its own: one that is told of no emergencies certifies nothing.
    let rules = Rules { least_authentication: Level(2), ..Rules::behind_a_policy() };
    let time: Arc<dyn Clock> = bench.clock.clone();
    let issuer = LocalIssuer::in_memory(&Names::default(), KeyKind::P256, rules, time);
    bench.issuer = Arc::new(issuer.unwrap());
    bench.start();
    let weak = |number: &str| {
        let pending = bench.agent().request(Seat::user(own())).unwrap();
        let token = bench.provider.sign_in(&pending.nonce).claim("sub", number);
        let token = token.claim("authentication_assurance_level", 2).sign().unwrap();
        let evidence = Evidence::IdToken(Secret::new(token.into_bytes()));
        bench.agent().prove(&pending.request, evidence, given())
    };
    let card = weak(PERSON).unwrap();
    assert!(card.break_glass && card.expires <= bench.clock.now().plus(LIFE));
    assert_eq!(card.ends_by, "policy.source[1].break_glass");
    assert_eq!(records(&bench, "break-glass").len(), 1);
    assert_eq!(records(&bench, "card-issued")[0]["break_glass"], true);
    bench.clock.set(card.expires);
    assert!(bench.agent().card(card.id).is_err());
    let robot = Entry { kind: Kind::Robot, ..entry(OTHER, "") };
    bench.agent().roster().import(&[robot], true, "test", bench.clock.now()).unwrap();
    let refused = weak(OTHER).unwrap_err().to_string();
    assert!(refused.contains("a robot gets no card"), "{refused}");
    let full = bench.sign_in();
    assert!(!full.break_glass);
    assert_eq!(records(&bench, "break-glass").len(), 1, "an ordinary card is none");
}

#[test]
fn a_command_in_the_place_of_an_agent_says_what_it_is() {
    let mut bench = Bench::new(|_| {});
    bench.agent = None;
    let parts = AgentParts {
        clock: bench.clock.clone(),
        issuer: Some(Arc::clone(&bench.issuer) as Arc<dyn Issuer>),
        offline: Some("user 7 offline".to_owned()),
        ..AgentParts::default()
    };
    drop(Agent::new(bench.config.clone(), parts).unwrap());
    let events = bench.events();
    assert_eq!(events[events.len() - 2..], ["offline-began", "offline-ended"]);
    assert_eq!(records(&bench, "offline-began")[0]["by"], "user 7 offline");
    assert_eq!(records(&bench, "agent-started").len(), 1, "the one before");
}
