//! Fresh proofs for a card that is there, and persons who are suspended.

use super::*;
use crate::proof;

fn person() -> UserId {
    UserId::parse(PERSON).unwrap()
}

/// A deriver, and a card with both keys of the person.
fn with(policy: impl FnOnce(&mut Policy)) -> (Running, Card) {
    let mut world = World::new();
    world.policy.content_commitment = true;
    policy(&mut world.policy);
    let running = world.run();
    let card = running.derive(given(true)).unwrap().card;
    (running, card)
}

impl Running {
    fn step_up(&self, card: &Card, change: impl FnOnce(&mut Value)) -> Result<SteppedUp, Refusal> {
        let request = self.deriver.request_step_up(card)?;
        let token = self.token(request.nonce(), change);
        self.deriver.step_up(request, token)
    }
}

#[test]
fn a_step_up_is_a_fresh_proof_of_the_cards_own_person_over_its_keys() {
    let (running, card) = with(|_| ());
    let stepped = running.step_up(&card, |_| ()).unwrap();
    assert_eq!(stepped.assurance.person, person());
    assert_eq!(stepped.assurance.authenticated_at, running.clock.now().minus(FIVE_SECONDS));
    let other = |claims: &mut Value| claims["sub"] = json!("555000000002");
    assert!(matches!(running.step_up(&card, other), Err(Refusal::OtherPerson)));
    let nonce = |claims: &mut Value| claims["nonce"] = json!("another");
    let refused = running.step_up(&card, nonce);
    assert!(matches!(refused, Err(Refusal::Proof(proof::Refusal::Nonce))));
    let weak = |claims: &mut Value| claims["authentication_assurance_level"] = json!("2");
    assert!(matches!(running.step_up(&card, weak), Err(Refusal::Policy(_))));
}

const FIVE_SECONDS: Duration = Duration::from_secs(5);

#[test]
fn the_proof_of_a_step_up_works_once() {
    let (running, card) = with(|_| ());
    let request = || running.deriver.request_step_up(&card).unwrap();
    let (first, mut second) = (request(), request());
    second.nonce = first.nonce.clone();
    let token = || running.token(first.nonce.as_str(), |claims| claims["jti"] = json!("one"));
    let (one, other) = (token(), token());
    running.deriver.step_up(first, one).unwrap();
    let replayed = running.deriver.step_up(second, other);
    assert!(matches!(replayed, Err(Refusal::Proof(proof::Refusal::Replayed))));
}

#[test]
fn a_request_for_a_step_up_is_of_this_deriver_and_in_time() {
    let (running, card) = with(|_| ());
    let (stranger, _) = with(|_| ());
    let request = stranger.deriver.request_step_up(&card).unwrap();
    let token = running.token(request.nonce(), |_| ());
    let refused = running.deriver.step_up(request, token);
    assert!(matches!(refused, Err(Refusal::RequestUnknown)));
    for (early, late) in [(1, false), (0, true)] {
        let request = running.deriver.request_step_up(&card).unwrap();
        let end = request.expires();
        assert_eq!(end, running.clock.now().plus(running.deriver.policy().request_life));
        let left = end.since(running.clock.now()) - Duration::from_millis(early);
        running.clock.advance(left);
        let token = running.token(request.nonce(), |_| ());
        let outcome = running.deriver.step_up(request, token);
        assert_eq!(matches!(outcome, Err(Refusal::RequestExpired)), late);
        assert_eq!(outcome.is_ok(), !late);
    }
}

#[test]
fn a_step_up_that_is_worth_less_than_the_card_changes_nothing() {
    // Evidence that is not bound gives the authentication key alone.
    let (running, card) = with(|policy| {
        policy.sources = vec![SourceRule { unbound: true, ..SourceRule::new(SourceKind::Oidc) }];
    });
    let mut running = running;
    let settings = Settings { unbound: true, ..settings(PROVIDER, &running.provider_key) };
    let clock = Arc::clone(&running.clock) as Arc<dyn Clock>;
    running.deriver.sources.providers = vec![Provider::new(settings, Arc::new(NoFetch), clock)];
    let unbound = |claims: &mut Value| {
        claims.as_object_mut().unwrap().remove("nonce");
    };
    assert!(matches!(running.step_up(&card, unbound), Err(Refusal::StepUpTooWeak)));
}

#[test]
fn a_step_up_within_a_period_holds_at_its_edge() {
    let within = Duration::from_secs(60);
    let (running, card) = with(|policy| policy.content_commitment_step_up = StepUp::Within(within));
    let aged = |seconds: i64| {
        let at = running.clock.now().unix_seconds() - seconds;
        running.step_up(&card, |claims| claims["auth_time"] = json!(at)).map(drop)
    };
    aged(59).unwrap();
    aged(60).unwrap();
    let Err(Refusal::Policy(short)) = aged(61) else { panic!("it is too old") };
    assert_eq!(short.rule, "policy.content_commitment_step_up");
}

#[test]
fn a_suspended_person_gets_nothing_until_it_ends() {
    let (running, card) = with(|_| ());
    let other = UserId::parse("555000000002").unwrap();
    assert_eq!(running.deriver.suspended().unwrap(), []);
    running.deriver.suspend(&person()).unwrap();
    running.deriver.suspend(&other).unwrap();
    let since = running.clock.now();
    running.clock.advance(FIVE_SECONDS);
    running.deriver.suspend(&person()).unwrap();
    assert_eq!(running.deriver.suspended.since(&person()).unwrap(), Some(since), "from the first");
    assert_eq!(running.deriver.suspended().unwrap(), [person(), other.clone()]);
    let before = running.rows();
    assert!(matches!(running.derive(given(false)), Err(Refusal::Suspended)));
    assert!(matches!(running.step_up(&card, |_| ()), Err(Refusal::Suspended)));
    assert_eq!(running.rows(), before, "nothing is left behind");
    running.deriver.resume(&person()).unwrap();
    assert_eq!(running.deriver.suspended().unwrap(), [other]);
    running.derive(given(false)).unwrap();
    running.step_up(&card, |_| ()).unwrap();
}
