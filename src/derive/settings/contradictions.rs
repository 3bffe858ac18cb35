//! What is wrong between values of a policy that are each in order.

use super::PolicySettings;
use crate::{
    derive::policy::{PasscodeFrom, SourceKind, SourceRule},
    proof::Level,
};

/// A value that makes no sense beside the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The key: `source`, with `number`, for one within `[[policy.source]]`.
    pub key: &'static str,
    /// Which of several tables of that key, from 1.
    pub number: Option<usize>,
    /// What is wrong and what to write instead.
    pub text: &'static str,
}

impl PolicySettings {
    /// Everything that makes no sense together.
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut all = Vec::new();
        let mut note = |key, wrong: bool, text| {
            if wrong {
                all.push(Contradiction { key, number: None, text });
            }
        };
        note(
            "largest_age",
            self.largest_age > self.lifetime,
            "longer than lifetime, so that a card could be over before it is made; write less",
        );
        note(
            "idle_lock",
            self.idle_lock.is_some_and(|idle| idle >= self.lifetime),
            "not shorter than lifetime, so that it never comes to it; write less, or leave it out",
        );
        note(
            "grace",
            self.grace.is_some_and(|grace| grace >= self.lifetime),
            "not shorter than lifetime, so that it never comes to it; write less, or leave it out",
        );
        note(
            "passcode_sources",
            self.content_commitment && self.passcode_sources == [PasscodeFrom::SignIn],
            "a content commitment key asks for a passcode before each use, and none may be there; \
             add \"kept\", \"given\" or \"asked\"",
        );
        self.sources(&mut all);
        self.combinations(&mut all);
        all
    }

    fn sources(&self, all: &mut Vec<Contradiction>) {
        for (place, rule) in self.source.iter().enumerate() {
            let mut note = |wrong: bool, text| {
                if wrong {
                    all.push(Contradiction { key: "source", number: Some(place + 1), text });
                }
            };
            let same = |other: &SourceRule| other.kind == rule.kind && other.name == rule.name;
            note(
                self.source.iter().take(place).any(same),
                "an earlier one is for the same source; write one for each",
            );
            let least = rule.least_authentication.unwrap_or(Level(self.least_authentication));
            note(
                rule.highest.is_some_and(|highest| highest < least) && !self.combines(rule.kind),
                "its highest is below the least authentication that it needs, and no combination \
                 names it, so that it is never accepted; write a least_authentication for it, or \
                 a [[policy.combination]]",
            );
            let challenge = matches!(rule.kind, SourceKind::WebAuthn | SourceKind::Certificate);
            note(
                rule.unbound && challenge,
                "such a proof is always bound to its request; leave out unbound",
            );
            let emergency = rule.break_glass.is_some();
            note(
                emergency && rule.name.is_none(),
                "break_glass is for a source by its name; write its name",
            );
            let identity = rule.least_identity.unwrap_or(Level(self.least_identity));
            note(
                emergency
                    && least >= Level(self.least_authentication)
                    && identity >= Level(self.least_identity),
                "it asks for no less than every sign-in, so that break_glass is never used; write a \
                 lower least_authentication or least_identity for it, or leave break_glass out",
            );
            note(
                rule.break_glass.is_some_and(|life| life >= self.lifetime),
                "its break_glass is not shorter than lifetime; write less",
            );
            note(
                emergency && rule.unbound,
                "what is not bound to its request makes no card in an emergency either; leave out \
                 unbound or break_glass",
            );
            note(
                rule.largest_age.is_some_and(|age| age > self.lifetime),
                "its largest_age is longer than lifetime; write less",
            );
        }
    }

    fn combinations(&self, all: &mut Vec<Contradiction>) {
        let sorted = |of: &[SourceKind]| {
            let mut of = of.to_vec();
            of.sort_unstable();
            of
        };
        for (place, one) in self.combination.iter().enumerate() {
            let mut note = |wrong: bool, text| {
                if wrong {
                    all.push(Contradiction { key: "combination", number: Some(place + 1), text });
                }
            };
            let earlier = self.combination.iter().take(place);
            note(
                earlier.into_iter().any(|other| sorted(&other.of) == sorted(&one.of)),
                "an earlier one is of the same sources; write one for each",
            );
            note(
                one.authentication < Level(self.least_authentication),
                "worth less than least_authentication, so that it is never accepted",
            );
            let ruled = |kind: &SourceKind| {
                *kind == SourceKind::Oidc || self.source.iter().any(|rule| rule.kind == *kind)
            };
            note(
                !one.of.iter().all(ruled),
                "a source of it has no [[policy.source]], so that it is never accepted; add one",
            );
        }
    }

    fn combines(&self, kind: SourceKind) -> bool {
        self.combination.iter().any(|one| one.of.contains(&kind))
    }
}
