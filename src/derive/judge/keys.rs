//! Which keys a sign-in is good for, and whether it is one for emergencies.

use super::{
    super::{
        explain::{Verdict, written},
        policy::SourceKind,
        roster::Standing,
        shortfall::Lack,
    },
    Judge,
};
use crate::{
    card::KeySlot,
    proof::{Assurance, Binding},
};
use std::time::Duration;

impl Judge<'_> {
    /// Whether it is for an emergency alone, by which rule, and how long a card of it lives: its
    /// source's own rule admits it, and the levels of every sign-in are higher.
    pub(super) fn emergency(
        &mut self,
        one: &Assurance,
        several: bool,
        standing: &Standing,
    ) -> Option<(usize, Duration)> {
        let policy = self.policy;
        let enough = one.authentication >= policy.least_authentication
            && one.identity >= policy.least_identity;
        let (number, rule) = self.of(one).rule?;
        let life = rule.break_glass?;
        // Several proofs together have reached the general levels, or are refused. One that a host has
        // relayed is one proof, whatever stands beside it.
        if enough || several {
            return None;
        }
        let rule = format!("policy.source[{number}].break_glass");
        let found = format!("authentication {}, identity {}", one.authentication, one.identity);
        self.note(rule.clone(), written(life), found, Verdict::Sets);
        let kind = SourceKind::of(&one.source);
        let robot = !standing.kind.commits();
        if robot {
            let found = standing.kind.name().to_owned();
            self.check(rule.clone(), "no robot", found, false, Lack::BreakGlassRobot);
        }
        if one.offline || one.binding == Binding::Unbound {
            let found = "offline or not bound".to_owned();
            self.check(rule, "bound and checked now", found, false, Lack::BreakGlassProof(kind));
        }
        Some((number, life))
    }

    /// The keys that it is good for: the authentication key always, if it is good for anything.
    pub(super) fn slots(
        &mut self,
        one: &Assurance,
        asked: &[KeySlot],
        standing: &Standing,
        emergency: bool,
    ) -> Vec<KeySlot> {
        let granted = |slot: &KeySlot| match slot {
            KeySlot::Authentication => true,
            KeySlot::ContentCommitment => {
                let commits = self.commits(one, standing);
                if emergency {
                    let (rule, found) = ("content commitment".to_owned(), "break-glass".to_owned());
                    self.note(rule, "no emergency".to_owned(), found, Verdict::Withholds);
                }
                commits && !emergency
            }
        };
        asked.iter().copied().filter(granted).collect()
    }

    /// Whether it is good for a content commitment key.
    fn commits(&mut self, one: &Assurance, standing: &Standing) -> bool {
        let bound = one.binding != Binding::Unbound;
        let (authentication, identity) = (
            self.policy.content_commitment_least_authentication,
            self.policy.content_commitment_least_identity,
        );
        let mut all = true;
        let mut look = |rule: &str, value: String, found: String, good: bool| {
            let verdict = if good { Verdict::Met } else { Verdict::Withholds };
            self.note(rule.to_owned(), value, found, verdict);
            all &= good;
        };
        look(
            "policy.content_commitment_least_authentication",
            authentication.to_string(),
            format!("authentication {}", one.authentication),
            one.authentication >= authentication,
        );
        look(
            "policy.content_commitment_least_identity",
            identity.to_string(),
            format!("identity {}", one.identity),
            one.identity >= identity,
        );
        let binding = one.binding.name().to_owned();
        look("content commitment", "bound proofs only".to_owned(), binding, bound);
        let kind = standing.kind.name().to_owned();
        look("roster.kind", "no robot".to_owned(), kind, standing.kind.commits());
        all
    }
}
