//! Which claim a refusal is about.

use super::*;

#[test]
fn refusals_that_are_about_no_claim_say_so() {
    for refusal in [Refusal::Signature, Refusal::Replayed, Refusal::KeyUnknown, Refusal::TooLong] {
        assert_eq!(refusal.claim(), None);
    }
}
