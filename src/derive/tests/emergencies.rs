//! Break-glass: which sign-ins it admits, what comes of them, and who gets nothing by it.

use super::*;
use crate::{
    derive::roster::Kind,
    proof::{Binding, Source},
};

fn now() -> Time {
    Time::parse_rfc3339("2026-12-01T08:00:00Z").unwrap()
}

const BOTH: [KeySlot; 2] = [KeySlot::Authentication, KeySlot::ContentCommitment];
const LIFE: Duration = Duration::from_secs(1800);

/// Emergencies by the badge reader named `badge`, at levels from 1 and 2.
fn policy() -> Policy {
    let rule = SourceRule {
        name: Some("badge".to_owned()),
        least_authentication: Some(Level(1)),
        least_identity: Some(Level(2)),
        break_glass: Some(LIFE),
        ..SourceRule::new(SourceKind::Host)
    };
    Policy {
        content_commitment: true,
        content_commitment_least_authentication: Level(1),
        content_commitment_least_identity: Level(1),
        sources: vec![rule],
        ..Policy::default()
    }
}

fn sign_in(authentication: u8, identity: u8) -> Assurance {
    Assurance {
        person: UserId::parse(PERSON).unwrap(),
        authentication: Level(authentication),
        identity: Level(identity),
        context: None,
        methods: vec!["pin".to_owned()],
        authenticated_at: now(),
        source: Source::Host("badge".to_owned()),
        binding: Binding::Nonce,
        session: None,
        beside: Vec::new(),
        offline: false,
    }
}

fn judged(one: Assurance, standing: &Standing) -> Judgement {
    policy().judge(&[one], &BOTH, standing, now())
}

fn staff() -> Standing {
    Standing::default()
}

#[test]
fn a_sign_in_below_the_general_levels_makes_a_short_marked_card_without_content_commitment() {
    for (authentication, identity) in [(1, 2), (2, 3), (3, 2)] {
        let judged = judged(sign_in(authentication, identity), &staff());
        let rule = judged.explanation.end().to_owned();
        let admitted = judged.outcome.unwrap();
        assert!(admitted.break_glass);
        assert_eq!(admitted.slots, [KeySlot::Authentication]);
        assert_eq!(admitted.end, now().plus(LIFE));
        assert_eq!(rule, "policy.source[1].break_glass");
    }
    let full = judged(sign_in(3, 3), &staff()).outcome.unwrap();
    assert!(!full.break_glass, "as strong as any has to be");
    assert_eq!((full.slots, full.end), (BOTH.to_vec(), now().plus(Duration::from_secs(43_200))));
}

#[test]
fn what_a_host_relays_alone_is_an_emergency_as_well() {
    let badge = || Source::Host("relay".to_owned());
    let relayed = Assurance { binding: Binding::Relayed, beside: vec![badge()], ..sign_in(2, 2) };
    let admitted = judged(relayed.clone(), &staff()).outcome.unwrap();
    assert!(admitted.break_glass);
    assert_eq!((admitted.slots, admitted.end), (vec![KeySlot::Authentication], now().plus(LIFE)));
    let robot = Standing { kind: Kind::Robot, ..Standing::default() };
    let refused = judged(relayed, &robot).outcome.unwrap_err();
    let Refusal::Policy(Shortfall { lack, .. }) = refused else { panic!("{refused}") };
    assert_eq!(lack, Lack::BreakGlassRobot);
}

#[test]
fn its_own_levels_hold_and_without_break_glass_it_makes_a_card_like_any() {
    let refused = judged(sign_in(1, 1), &staff()).outcome.unwrap_err();
    let Refusal::Policy(Shortfall { rule, .. }) = refused else { panic!("{refused}") };
    assert_eq!(rule, "policy.source[1].least_identity");
    let mut usual = policy();
    usual.sources[0].break_glass = None;
    let admitted = usual.judge(&[sign_in(1, 2)], &BOTH, &staff(), now()).outcome.unwrap();
    assert!(!admitted.break_glass && admitted.slots == BOTH);
}

#[test]
fn its_life_is_over_at_its_edge_counted_from_the_sign_in() {
    let mut policy = policy();
    policy.largest_age = LIFE;
    let end = |age: Duration| {
        let one = Assurance { authenticated_at: now().minus(age), ..sign_in(2, 2) };
        policy.judge(&[one], &BOTH, &staff(), now()).outcome.map(|admitted| admitted.end)
    };
    let moment = Duration::from_millis(1);
    assert_eq!(end(LIFE - moment).unwrap(), now().plus(moment));
    assert!(matches!(end(LIFE), Err(Refusal::LifetimeOver)));
}

#[test]
fn robots_unbound_and_offline_proofs_get_nothing_by_it() {
    let robot = Standing { kind: Kind::Robot, ..Standing::default() };
    let lack = |one, standing: &Standing| match judged(one, standing).outcome {
        Err(Refusal::Policy(Shortfall { rule, lack })) => (rule, lack),
        other => panic!("{other:?}"),
    };
    let rule = "policy.source[1].break_glass".to_owned();
    assert_eq!(lack(sign_in(2, 2), &robot), (rule.clone(), Lack::BreakGlassRobot));
    assert!(!judged(sign_in(3, 3), &robot).outcome.unwrap().break_glass, "as any robot");
    let mut lenient = policy();
    lenient.sources[0].offline = true;
    lenient.sources[0].unbound = true;
    for one in [
        Assurance { offline: true, ..sign_in(2, 2) },
        Assurance { binding: Binding::Unbound, ..sign_in(2, 2) },
    ] {
        match lenient.judge(&[one], &BOTH, &staff(), now()).outcome {
            Err(Refusal::Policy(found)) => {
                assert_eq!(found.lack, Lack::BreakGlassProof(SourceKind::Host));
                assert_eq!(found.rule, rule);
            }
            other => panic!("{other:?}"),
        }
    }
}
