//! What a policy asks for, broken in turn.

use super::*;
use crate::proof::{Claim, Level};

const AGE: Duration = Duration::from_secs(300);

fn judge(levels: (u8, u8), age: i64, accepted: &[&str], context: Option<&str>) -> Option<Refusal> {
    let mut assurance = judged(json!({})).unwrap();
    assurance.context = context.map(str::to_owned);
    (assurance.authentication, assurance.identity) = (Level(2), Level(1));
    let accepted: Vec<String> = accepted.iter().map(|acr| (*acr).to_owned()).collect();
    let now = assurance.authenticated_at.plus(Duration::from_millis(age.unsigned_abs()));
    let (authentication, identity) = (Level(levels.0), Level(levels.1));
    assurance.satisfies(authentication, identity, AGE, &accepted, now).err()
}

#[test]
fn levels_at_the_policys_least_are_enough() {
    assert_eq!(judge((2, 1), 0, &[], None), None);
    assert_eq!(judge((0, 0), 0, &[], None), None);
}

#[test]
fn a_weak_authentication_is_refused() {
    let refusal = judge((3, 1), 0, &[], None).unwrap();
    assert_eq!(refusal, Refusal::AuthenticationTooWeak { found: Level(2), least: Level(3) });
    assert_eq!(refusal.claim(), Some(Claim::AuthenticationLevel));
    assert!(refusal.to_string().contains("is 2, the policy asks for 3"), "{refusal}");
}

#[test]
fn a_weak_identity_is_refused() {
    let refusal = judge((2, 2), 0, &[], None).unwrap();
    assert_eq!(refusal, Refusal::IdentityTooWeak { found: Level(1), least: Level(2) });
    assert_eq!(refusal.claim(), Some(Claim::IdentityLevel));
}

#[test]
fn an_old_authentication_is_refused() {
    assert_eq!(judge((2, 1), 300_000, &[], None), None);
    let refusal = judge((2, 1), 300_001, &[], None).unwrap();
    assert_eq!(refusal, Refusal::AuthenticationTooOld);
    assert_eq!(refusal.claim(), Some(Claim::AuthTime));
}

#[test]
fn only_listed_contexts_are_accepted_if_any_is_listed() {
    assert_eq!(judge((2, 1), 0, &["AAL3_ANY", "AAL3_FIDO2"], Some("AAL3_FIDO2")), None);
    assert_eq!(judge((2, 1), 0, &[], Some("anything")), None);
    for context in [None, Some("AAL1_USERPASS"), Some("")] {
        let refusal = judge((2, 1), 0, &["AAL3_ANY"], context).unwrap();
        assert_eq!(refusal, Refusal::ContextNotAccepted);
        assert_eq!(refusal.claim(), Some(Claim::Context));
    }
}

#[test]
fn refusals_that_are_about_no_claim_say_so() {
    for refusal in [Refusal::Signature, Refusal::Replayed, Refusal::KeyUnknown, Refusal::TooLong] {
        assert_eq!(refusal.claim(), None);
    }
}
