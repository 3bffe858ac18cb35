//! Fresh proofs for the content commitment key, at each edge.

use super::*;
use crate::{
    derive::{Refusal, StepUp},
    pki::KeySlot,
};

const OTHER: &str = "555000000002";
const MINUTE: Duration = Duration::from_secs(60);
const MILLI: Duration = Duration::from_millis(1);

/// A bench whose cards have a content commitment key under this rule.
fn committing(step_up: StepUp) -> Bench {
    let mut bench = Bench::new(|config| {
        config.policy.content_commitment = true;
        config.policy.content_commitment_step_up = step_up;
    });
    let rules = Rules { content_commitment: true, ..Rules::default() };
    let time: Arc<dyn Clock> = bench.clock.clone();
    let issuer = LocalIssuer::in_memory(&Names::default(), KeyKind::P256, rules, time);
    bench.issuer = Arc::new(issuer.unwrap());
    bench.start();
    bench
}

/// Signs with the content commitment key, past the passcode.
fn commit(bench: &Bench, card: &CardInfo) -> Result<(), card::Error> {
    use crate::card::{Caller, Gate, Verb};
    let card = bench.agent().core.itself(card.id).expect("there");
    let gate: Arc<dyn Gate> = bench.agent().core.gate.clone();
    let caller = Caller::default();
    let login = card.verify(Some(PASSCODE), &*gate, &caller)?;
    let fresh = card.verify_fresh(&login, Some(PASSCODE), &*gate, &caller)?;
    let (slot, verb) = (KeySlot::ContentCommitment, Verb::Sign(Scheme::Pkcs1(Hash::Sha256)));
    let permit = card.admit(&gate, &caller, &login, Some(fresh), slot, verb)?;
    card.sign(&crate::crypto::digest(Hash::Sha256, b"prescription"), permit).map(drop)
}

fn step_up(bench: &Bench, card: &CardInfo, person: &str) -> Result<CardInfo, Error> {
    let pending = bench.agent().step_up(card.id)?;
    let evidence = bench.token(&pending.nonce, person);
    bench.agent().prove(&pending.request, evidence, PasscodeSource::Kept)
}

fn needs_step_up(result: Result<(), card::Error>) -> bool {
    matches!(result, Err(card::Error::Refused(card::Refusal::StepUp)))
}

#[test]
fn a_fresh_proof_serves_one_use_where_the_policy_asks_for_one_each() {
    let bench = committing(StepUp::Each);
    let card = bench.sign_in();
    assert!(needs_step_up(commit(&bench, &card)), "the sign-in itself does not count");
    let same = step_up(&bench, &card, PERSON).expect("stepped up");
    assert_eq!(same.id, card.id, "the same card, with the same keys");
    commit(&bench, &card).expect("once");
    assert!(needs_step_up(commit(&bench, &card)), "and once only");
    assert!(bench.log().contains("\"why\":\"step-up\""));
    sign(&bench.application(), Some(PASSCODE)).expect("the authentication key needs none");
}

#[test]
fn a_fresh_proof_serves_for_its_period_to_the_millisecond() {
    let bench = committing(StepUp::Within(5 * MINUTE));
    let card = bench.sign_in();
    let signed_in = card.assurance.authenticated_at;
    bench.clock.set(signed_in.plus(5 * MINUTE));
    commit(&bench, &card).expect("the sign-in counts for as long");
    bench.clock.advance(MILLI);
    assert!(needs_step_up(commit(&bench, &card)));
    let proven = step_up(&bench, &card, PERSON).map(|_| bench.clock.now()).expect("stepped up");
    commit(&bench, &card).expect("fresh");
    bench.clock.set(proven.plus(5 * MINUTE).plus(Duration::from_secs(1)));
    assert!(needs_step_up(commit(&bench, &card)));
}

#[test]
fn another_persons_proof_or_a_replay_steps_nothing_up() {
    let bench = committing(StepUp::Each);
    let card = bench.sign_in();
    let other = step_up(&bench, &card, OTHER);
    assert!(matches!(other, Err(Error::Refused(Refusal::OtherPerson))), "{other:?}");
    let pending = bench.agent().step_up(card.id).expect("request");
    let evidence = bench.token("another nonce", PERSON);
    bench.agent().prove(&pending.request, evidence, given()).expect_err("another request's");
    assert!(needs_step_up(commit(&bench, &card)));
    let pending = bench.agent().step_up(card.id).expect("request");
    let evidence = bench.token(&pending.nonce, PERSON);
    bench.agent().remove(card.id, Removal::TapOut).expect("gone");
    let gone = bench.agent().prove(&pending.request, evidence, given());
    assert!(matches!(gone, Err(Error::UnknownCard)));
    let pending = bench.agent().step_up(card.id);
    assert!(matches!(pending, Err(Error::UnknownCard)));
}

#[test]
fn a_proof_that_waits_for_its_use_grows_too_old() {
    let bench = committing(StepUp::Each);
    let card = bench.sign_in();
    step_up(&bench, &card, PERSON).expect("stepped up");
    bench.clock.advance(4 * MINUTE);
    commit(&bench, &card).expect("within the policy's largest age");
    step_up(&bench, &card, PERSON).expect("stepped up");
    bench.clock.advance(5 * MINUTE + MILLI);
    assert!(needs_step_up(commit(&bench, &card)));
}
