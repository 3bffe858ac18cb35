//! Persons as the roster has them, and passcodes from where the policy allows them.

use super::*;
use crate::derive::roster::{Entry, Fault, Kind, Roster, State};

fn person() -> UserId {
    UserId::parse(PERSON).unwrap()
}

fn entry() -> Entry {
    Entry {
        person: person(),
        account: "c.example".to_owned(),
        kind: Kind::Staff,
        valid_from: None,
        valid_to: None,
        state: State::Enabled,
    }
}

/// A deriver that asks a roster with this entry alone.
fn with(policy: impl FnOnce(&mut Policy), required: bool, entries: &[Entry]) -> Running {
    let mut world = World::new();
    policy(&mut world.policy);
    let mut running = world.run();
    let roster = Roster::new(Arc::clone(&running.store) as Arc<dyn Store>, required);
    roster.import(entries, true, "test", running.clock.now()).unwrap();
    running.deriver = running.deriver.with_roster(roster);
    running
}

fn fault(running: &Running) -> Fault {
    match running.derive(given(false)) {
        Err(Refusal::Roster(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_not_on_a_roster_gets_a_card_only_where_it_is_optional() {
    assert_eq!(fault(&with(|_| (), true, &[])), Fault::Absent);
    with(|_| (), false, &[]).derive(given(false)).unwrap();
    with(|_| (), true, &[entry()]).derive(given(false)).unwrap();
}

#[test]
fn who_is_disabled_gets_none_either_way_and_nothing_is_left_behind() {
    for required in [true, false] {
        let disabled = Entry { state: State::Disabled, ..entry() };
        let running = with(|_| (), required, &[disabled]);
        assert_eq!(fault(&running), Fault::Disabled);
        assert_eq!((running.rows(), running.asked()), ([0, 0, 0], 0));
    }
}

#[test]
fn a_time_on_the_roster_begins_and_ends_to_the_millisecond() {
    let now = World::new().clock.now();
    let milli = Duration::from_millis(1);
    let timed = |from: Option<Time>, to: Option<Time>| {
        with(|_| (), true, &[Entry { valid_from: from, valid_to: to, ..entry() }])
    };
    timed(Some(now), None).derive(given(false)).unwrap();
    assert_eq!(fault(&timed(Some(now.plus(milli)), None)), Fault::NotYet);
    assert_eq!(fault(&timed(None, Some(now))), Fault::Expired);
    let until = now.plus(Duration::from_secs(60));
    let card = timed(None, Some(until)).derive(given(false)).unwrap();
    assert_eq!(card.card.expires(), until, "and the card ends with it");
    assert_eq!(card.explanation.end(), "roster.valid_to");
}

#[test]
fn a_robots_card_has_no_content_commitment_key_and_may_go_without_a_passcode() {
    let robot = Entry { kind: Kind::Robot, ..entry() };
    let running = with(|policy| policy.content_commitment = true, true, &[robot]);
    let card = running.derive(PasscodeSource::SignIn).unwrap().card;
    assert_eq!(card.slots(), [KeySlot::Authentication]);
    let staff = with(|policy| policy.content_commitment = true, true, &[entry()]);
    assert!(matches!(staff.derive(PasscodeSource::SignIn), Err(Refusal::NothingToAsk)));
    assert_eq!(staff.derive(given(false)).unwrap().card.slots().len(), 2);
}

#[test]
fn a_passcode_comes_only_from_where_the_policy_allows() {
    let sources = || -> Vec<PasscodeSource> {
        let asked = Question(Box::new(|_, _| Some(Secret::copied_from(PASSCODE))));
        vec![
            PasscodeSource::Kept,
            given(true),
            PasscodeSource::Asked(asked),
            PasscodeSource::SignIn,
            PasscodeSource::OneTime,
        ]
    };
    for (place, allowed) in PasscodeFrom::ALL.into_iter().enumerate() {
        for (other, source) in sources().into_iter().enumerate() {
            let running = with(|policy| policy.passcode_sources = vec![allowed], false, &[]);
            let refused = matches!(
                running.derive(source),
                Err(Refusal::PasscodeSource(found)) if found == PasscodeFrom::ALL[other]
            );
            assert_eq!(refused, place != other);
            if refused {
                assert_eq!((running.rows(), running.asked()), ([0, 0, 0], 0));
            }
        }
    }
    let running = with(|policy| policy.passcode_sources = vec![PasscodeFrom::Kept], false, &[]);
    let verifier = running.deriver.verifier(&Secret::copied_from(PASSCODE)).unwrap();
    let prepared = running.derive(PasscodeSource::Prepared { verifier, keep: false });
    assert!(matches!(prepared, Err(Refusal::PasscodeSource(PasscodeFrom::Given))));
}

#[test]
fn what_a_card_claims_has_the_policys_cap() {
    for (most, claimed) in [(1, 1), (2, 2)] {
        let running = with(|policy| policy.claims_at_most = Level(most), false, &[]);
        let named = running.derive(given(false)).unwrap().named;
        assert_eq!((named.authentication, named.derived_from), (Level(claimed), Level(3)));
    }
}
