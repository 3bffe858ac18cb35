//! Every number and switch of the policy at its edge, on sign-ins as their verifiers leave them.

use super::*;
use crate::{
    derive::roster::Kind,
    proof::{Binding, Source},
};

fn at(text: &str) -> Time {
    Time::parse_rfc3339(text).unwrap()
}

fn now() -> Time {
    at("2026-12-01T08:00:00Z")
}

fn source(kind: SourceKind) -> Source {
    Source::named(kind.name(), format!("{kind}.example")).unwrap()
}

/// A sign-in of this moment at level 3.
fn sign_in(kind: SourceKind) -> Assurance {
    Assurance {
        person: UserId::parse(PERSON).unwrap(),
        authentication: Level(3),
        identity: Level(3),
        context: None,
        methods: vec!["hwk".to_owned()],
        authenticated_at: now(),
        source: source(kind),
        binding: Binding::Nonce,
        session: None,
        beside: Vec::new(),
        offline: false,
    }
}

const BOTH: [KeySlot; 2] = [KeySlot::Authentication, KeySlot::ContentCommitment];

fn judge(policy: &Policy, each: &[Assurance]) -> Judgement {
    policy.judge(each, &BOTH, &Standing::default(), now())
}

fn admitted(policy: &Policy, each: &[Assurance]) -> Admitted {
    judge(policy, each).outcome.expect("admitted")
}

/// The rule that refuses, and what is lacking.
fn lacking(policy: &Policy, each: &[Assurance]) -> (String, Lack) {
    let judgement = judge(policy, each);
    let refused =
        judgement.explanation.findings.iter().filter(|one| one.verdict == Verdict::Refuses);
    let first = refused.map(|one| one.rule.clone()).next().expect("a finding says so");
    match judgement.outcome {
        Err(Refusal::Policy(Shortfall { rule, lack })) => {
            assert_eq!(rule, first, "the explanation and the refusal name the same rule");
            (rule, lack)
        }
        other => panic!("{other:?}"),
    }
}

fn with(rules: Vec<SourceRule>) -> Policy {
    Policy { sources: rules, ..Policy::default() }
}

fn host() -> SourceRule {
    SourceRule::new(SourceKind::Host)
}

#[test]
fn openid_connect_needs_no_rule_and_every_other_kind_does() {
    admitted(&Policy::default(), &[sign_in(SourceKind::Oidc)]);
    for kind in [SourceKind::WebAuthn, SourceKind::Certificate, SourceKind::Host] {
        let (rule, lack) = lacking(&Policy::default(), &[sign_in(kind)]);
        assert_eq!((rule.as_str(), lack), ("policy.source", Lack::Source(kind)));
        admitted(&with(vec![SourceRule::new(kind)]), &[sign_in(kind)]);
    }
}

#[test]
fn a_rule_that_names_the_source_goes_before_one_for_its_kind() {
    let named = SourceRule {
        name: Some("host.example".to_owned()),
        least_authentication: Some(Level(1)),
        ..host()
    };
    let other = SourceRule { name: Some("other".to_owned()), ..named.clone() };
    let weak = Assurance { authentication: Level(1), ..sign_in(SourceKind::Host) };
    let weak = [weak];
    for rules in [vec![host(), named.clone()], vec![named, host()]] {
        admitted(&with(rules), &weak);
    }
    let (rule, _) = lacking(&with(vec![other.clone(), host()]), &weak);
    assert_eq!(rule, "policy.least_authentication", "the kind's rule leaves it to the general one");
    let (rule, _) = lacking(&with(vec![other]), &weak);
    assert_eq!(rule, "policy.source", "another's name is no rule for this one");
}

#[test]
fn levels_are_refused_below_the_least_and_a_source_may_have_its_own() {
    let rule = SourceRule {
        least_authentication: Some(Level(2)),
        least_identity: Some(Level(1)),
        ..host()
    };
    let policy = with(vec![rule]);
    let levels = |kind, authentication, identity| {
        [Assurance {
            authentication: Level(authentication),
            identity: Level(identity),
            ..sign_in(kind)
        }]
    };
    admitted(&policy, &levels(SourceKind::Host, 2, 1));
    let (rule, lack) = lacking(&policy, &levels(SourceKind::Host, 1, 1));
    assert_eq!(rule, "policy.source[1].least_authentication");
    let (source, found, least) = (SourceKind::Host, Level(1), Level(2));
    assert_eq!(lack, Lack::Authentication { source, found, least });
    assert!(!lack.to_string().contains("claim"), "a host has no claims: {lack}");
    let (rule, _) = lacking(&policy, &levels(SourceKind::Host, 2, 0));
    assert_eq!(rule, "policy.source[1].least_identity");
    admitted(&policy, &levels(SourceKind::Oidc, 3, 3));
    let (rule, _) = lacking(&policy, &levels(SourceKind::Oidc, 2, 3));
    assert_eq!(rule, "policy.least_authentication");
    let (rule, lack) = lacking(&policy, &levels(SourceKind::Oidc, 3, 2));
    assert_eq!(rule, "policy.least_identity");
    assert!(lack.to_string().contains("id_assurance_level"), "{lack}");
}

#[test]
fn a_sign_in_is_old_a_millisecond_after_its_largest_age() {
    let rule = SourceRule { largest_age: Some(Duration::from_secs(30)), ..host() };
    let policy = with(vec![rule]);
    let aged = |kind, millis| {
        let authenticated_at = now().minus(Duration::from_millis(millis));
        [Assurance { authenticated_at, ..sign_in(kind) }]
    };
    admitted(&policy, &aged(SourceKind::Oidc, 300_000));
    let (rule, lack) = lacking(&policy, &aged(SourceKind::Oidc, 300_001));
    assert_eq!(rule, "policy.largest_age");
    assert!(lack.to_string().contains("older than the 5m"), "{lack}");
    admitted(&policy, &aged(SourceKind::Host, 30_000));
    let (rule, _) = lacking(&policy, &aged(SourceKind::Host, 30_001));
    assert_eq!(rule, "policy.source[1].largest_age");
}

#[test]
fn contexts_and_methods_are_those_of_the_list_where_there_is_one() {
    let policy = Policy {
        accepted_acr: vec!["AAL3_ANY".to_owned(), "AAL3_FIDO2".to_owned()],
        accepted_amr: vec!["fido2".to_owned()],
        ..with(vec![SourceRule {
            accepted_acr: Some(Vec::new()),
            accepted_amr: Some(vec!["pin".to_owned(), "face".to_owned()]),
            ..host()
        }])
    };
    let said = |kind, context: Option<&str>, methods: &[&str]| {
        let methods = methods.iter().map(|one| (*one).to_owned()).collect();
        [Assurance { context: context.map(str::to_owned), methods, ..sign_in(kind) }]
    };
    admitted(&policy, &said(SourceKind::Oidc, Some("AAL3_FIDO2"), &["pin", "fido2"]));
    for context in [None, Some(""), Some("AAL3")] {
        let (rule, lack) = lacking(&policy, &said(SourceKind::Oidc, context, &["fido2"]));
        assert_eq!((rule.as_str(), lack), ("policy.accepted_acr", Lack::Context));
    }
    let (rule, lack) = lacking(&policy, &said(SourceKind::Oidc, Some("AAL3_ANY"), &["pin"]));
    assert_eq!((rule.as_str(), lack), ("policy.accepted_amr", Lack::Methods));
    admitted(&policy, &said(SourceKind::Host, None, &["face"]));
    let (rule, _) = lacking(&policy, &said(SourceKind::Host, None, &[]));
    assert_eq!(rule, "policy.source[1].accepted_amr");
}

#[test]
fn a_source_is_never_believed_beyond_its_highest() {
    let capped = |highest| {
        let rule = SourceRule { highest: Some(Level(highest)), ..host() };
        Policy { least_authentication: Level(2), ..with(vec![rule]) }
    };
    let found = admitted(&capped(2), &[sign_in(SourceKind::Host)]);
    assert_eq!(found.assurance.authentication, Level(2));
    assert_eq!(
        admitted(&capped(3), &[sign_in(SourceKind::Host)]).assurance.authentication,
        Level(3)
    );
    let (_, lack) = lacking(&capped(1), &[sign_in(SourceKind::Host)]);
    let (source, found, least) = (SourceKind::Host, Level(1), Level(2));
    assert_eq!(lack, Lack::Authentication { source, found, least });
}

#[test]
fn an_unbound_proof_is_believed_for_a_minute_where_its_source_says_so() {
    let unbound = |millis| {
        let authenticated_at = now().minus(Duration::from_millis(millis));
        [Assurance { authenticated_at, binding: Binding::Unbound, ..sign_in(SourceKind::Host) }]
    };
    let policy = with(vec![SourceRule { unbound: true, ..host() }]);
    let found = admitted(&policy, &unbound(60_000));
    assert_eq!(found.slots, [KeySlot::Authentication], "never for content commitment");
    assert_eq!(found.assurance.binding, Binding::Unbound, "marked");
    let (rule, lack) = lacking(&policy, &unbound(60_001));
    assert_eq!((rule.as_str(), lack), ("policy.source[1].unbound", Lack::UnboundTooOld));
    let (rule, lack) = lacking(&with(vec![host()]), &unbound(0));
    assert_eq!((rule.as_str(), lack), ("policy.source[1].unbound", Lack::Unbound));
    let oidc = [Assurance { binding: Binding::Unbound, ..sign_in(SourceKind::Oidc) }];
    assert_eq!(lacking(&Policy::default(), &oidc).1, Lack::Unbound);
}

#[test]
fn what_was_checked_offline_is_accepted_where_its_source_says_so_and_marked() {
    for kind in SourceKind::ALL {
        let offline = [Assurance { offline: true, ..sign_in(kind) }];
        let policy = with(vec![SourceRule { offline: true, ..SourceRule::new(kind) }]);
        assert!(admitted(&policy, &offline).assurance.offline);
        let (rule, lack) = lacking(&with(vec![SourceRule::new(kind)]), &offline);
        assert_eq!((rule.as_str(), lack), ("policy.source[1].offline", Lack::Offline(kind)));
    }
    let offline = [Assurance { offline: true, ..sign_in(SourceKind::Oidc) }];
    assert_eq!(lacking(&Policy::default(), &offline).0, "policy.source.offline");
}

fn combining(authentication: u8, each_at_least: u8) -> Policy {
    let combination = Combination {
        of: vec![SourceKind::WebAuthn, SourceKind::Host],
        authentication: Level(authentication),
        each_at_least: Level(each_at_least),
    };
    let rules = vec![SourceRule::new(SourceKind::WebAuthn), SourceRule { offline: true, ..host() }];
    Policy { combinations: vec![combination], ..with(rules) }
}

fn pair(levels: (u8, u8)) -> Vec<Assurance> {
    let of = |kind, level| Assurance { authentication: Level(level), ..sign_in(kind) };
    vec![of(SourceKind::Host, levels.1), of(SourceKind::WebAuthn, levels.0)]
}

#[test]
fn several_sources_are_worth_what_their_combination_says() {
    let found = admitted(&combining(3, 2), &pair((2, 2))).assurance;
    assert_eq!(found.authentication, Level(3));
    assert_eq!(found.source, source(SourceKind::WebAuthn), "the first that the combination names");
    assert_eq!(found.beside, [source(SourceKind::Host)]);
    let (rule, lack) = lacking(&combining(3, 2), &pair((2, 1)));
    assert_eq!(rule, "policy.combination[1].each_at_least");
    assert!(matches!(lack, Lack::Authentication { found: Level(1), least: Level(2), .. }));
    let (rule, _) = lacking(&combining(2, 1), &pair((2, 2)));
    assert_eq!(rule, "policy.least_authentication", "what they are worth together is too little");
}

#[test]
fn what_no_combination_names_is_refused() {
    let policy = combining(3, 1);
    let mut three = pair((3, 3));
    three.push(sign_in(SourceKind::Oidc));
    let oidc = vec![sign_in(SourceKind::Oidc), sign_in(SourceKind::Host)];
    for each in [three, oidc, Vec::new()] {
        let Err(Refusal::Policy(found)) = judge(&policy, &each).outcome else { panic!("refused") };
        assert_eq!((found.rule.as_str(), found.lack), ("policy.combination", Lack::Combination));
    }
    // A strong one alone is no worse for it.
    admitted(&policy, &[sign_in(SourceKind::WebAuthn)]);
}

#[test]
fn the_same_source_twice_is_not_two() {
    let of = vec![SourceKind::Host, SourceKind::Host];
    let twice = Combination { of, authentication: Level(3), each_at_least: Level(1) };
    let policy = Policy { combinations: vec![twice], ..with(vec![host()]) };
    let same = vec![sign_in(SourceKind::Host), sign_in(SourceKind::Host)];
    assert_eq!(lacking(&policy, &same).1, Lack::SameTwice);
    let mut other = same;
    other[1].source = Source::Host("another".to_owned());
    admitted(&policy, &other);
}

#[test]
fn together_they_are_as_bound_as_fresh_and_as_current_as_the_worst_of_them() {
    let mut each = pair((3, 3));
    let earlier = now().minus(Duration::from_secs(200));
    each[0].offline = true;
    each[0].authenticated_at = earlier;
    each[0].identity = Level(1);
    each[0].session = Some("s1".to_owned());
    each[0].methods = vec!["face".to_owned(), "hwk".to_owned()];
    let found = admitted(&combining(3, 1), &each).assurance;
    assert_eq!((found.offline, found.authenticated_at, found.identity), (true, earlier, Level(3)));
    assert_eq!(
        (found.session.as_deref(), found.methods.join(" ")),
        (Some("s1"), "hwk face".to_owned())
    );
    each[0].binding = Binding::Unbound;
    assert_eq!(lacking(&combining(3, 1), &each).1, Lack::Unbound, "each by its own source's rule");
    let mut policy = combining(3, 1);
    policy.sources[1].unbound = true;
    each[0].authenticated_at = now();
    assert_eq!(admitted(&policy, &each).assurance.binding, Binding::Unbound);
}

#[test]
fn the_content_commitment_key_has_least_levels_of_its_own_and_is_left_out_below() {
    let policy = Policy {
        least_authentication: Level(1),
        least_identity: Level(1),
        content_commitment_least_identity: Level(2),
        ..Policy::default()
    };
    let slots = |authentication, identity| {
        let (authentication, identity) = (Level(authentication), Level(identity));
        let one = Assurance { authentication, identity, ..sign_in(SourceKind::Oidc) };
        admitted(&policy, &[one]).slots
    };
    assert_eq!(slots(3, 2), BOTH);
    assert_eq!(slots(2, 2), [KeySlot::Authentication]);
    assert_eq!(slots(3, 1), [KeySlot::Authentication]);
    let robot = Standing { kind: Kind::Robot, until: None, account: None };
    let judged = policy.judge(&[sign_in(SourceKind::Oidc)], &BOTH, &robot, now());
    assert_eq!(judged.outcome.unwrap().slots, [KeySlot::Authentication], "a robot signs nothing");
    let only = policy.judge(
        &[sign_in(SourceKind::Oidc)],
        &[KeySlot::Authentication],
        &Standing::default(),
        now(),
    );
    assert_eq!(only.outcome.unwrap().slots, [KeySlot::Authentication], "not asked for, not given");
}

#[test]
fn a_card_ends_with_the_first_of_its_reasons_and_none_is_made_after_it() {
    let life = Duration::from_secs(43_200);
    let ends = |policy: &Policy, until: Option<Time>, age: Duration| {
        let one = Assurance { authenticated_at: now().minus(age), ..sign_in(SourceKind::Oidc) };
        let standing = Standing { until, ..Standing::default() };
        let judged = policy.judge(&[one], &BOTH, &standing, now());
        let rule = judged.explanation.end().to_owned();
        judged.outcome.map(|admitted| (admitted.end, rule))
    };
    let young = Duration::ZERO;
    let policy = Policy { largest_age: life, ..Policy::default() };
    let (end, rule) = ends(&policy, None, young).unwrap();
    assert_eq!((end, rule.as_str()), (now().plus(life), "policy.lifetime"));
    let soon = now().plus(Duration::from_millis(1));
    let cis1 = Policy { cis1_end: soon, ..policy.clone() };
    assert_eq!(ends(&cis1, None, young).unwrap(), (soon, "policy.cis1_end".to_owned()));
    let cis1 = Policy { cis1_end: now(), ..policy.clone() };
    assert!(matches!(ends(&cis1, None, young), Err(Refusal::CisOneEnded(at)) if at == now()));
    let leaving = ends(&policy, Some(soon), young).unwrap();
    assert_eq!(leaving, (soon, "roster.valid_to".to_owned()));
    let left = ends(&policy, Some(now()), young);
    assert!(matches!(left, Err(Refusal::Roster(roster::Fault::Expired))));
    let last = ends(&policy, None, Duration::from_millis(43_199_999)).unwrap();
    assert_eq!(last, (soon, "policy.lifetime".to_owned()));
    assert!(matches!(ends(&policy, None, life), Err(Refusal::LifetimeOver)));
}

#[test]
fn an_explanation_reads_as_a_person_would() {
    let rule = SourceRule {
        name: Some("host.example".to_owned()),
        least_authentication: Some(Level(2)),
        highest: Some(Level(2)),
        ..host()
    };
    let policy = Policy { content_commitment: true, ..with(vec![rule]) };
    let shown = judge(&policy, &[sign_in(SourceKind::Host)]).explanation.to_string();
    let expected = "\
met       policy.source[1] = host                             host host.example
met       policy.largest_age = 5m                             0s old
decides   policy.source[1].highest = 2                        authentication 3
met       policy.source[1].least_authentication = 2           authentication 2
met       policy.least_identity = 3                           identity 3
withholds policy.content_commitment_least_authentication = 3  authentication 2
met       policy.content_commitment_least_identity = 3        identity 3
met       content commitment = bound proofs only              nonce
met       roster.kind = no robot                              staff
decides   policy.lifetime = 12h                               ends 2026-12-01T20:00:00Z
met       policy.cis1_end = 2027-02-28T23:59:59Z              ends 2027-02-28T23:59:59Z
";
    assert_eq!(shown, expected, "\n{shown}");
}

#[test]
fn ages_and_lists_are_told_as_a_person_reads_them() {
    let told = |millis| judge::old(Duration::from_millis(millis));
    let seconds = |seconds| format!("{} old", written(Duration::from_secs(seconds)));
    assert_eq!((told(60_000), told(60_001)), (seconds(60), seconds(61)));
    assert_eq!(judge::list(&[]), "none");
    assert_eq!(judge::list(&["a", "b"].map(str::to_owned)), "a, b");
}
