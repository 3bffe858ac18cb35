//! What a policy makes of a sign-in: which card, how long, and which rule decided what.

mod keys;

use super::{
    Policy, Refusal,
    explain::{ENDS, Explanation, Finding, Verdict, written},
    policy::{Combination, SourceKind, SourceRule},
    roster::Standing,
    shortfall::{Lack, Shortfall},
};
use crate::{
    card::KeySlot,
    clock::Time,
    proof::{Assurance, Binding, Level},
};
use std::time::Duration;

/// What a policy makes of a sign-in.
#[derive(Debug)]
pub struct Judgement {
    /// What each rule found, the refusal's among them.
    pub explanation: Explanation,
    /// The card that may be made, or the first refusal.
    pub outcome: Result<Admitted, Refusal>,
}

/// The card that a sign-in is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// What all proofs are worth together.
    pub assurance: Assurance,
    /// The keys it is good for, of those that were asked for.
    pub slots: Vec<KeySlot>,
    /// When the card ends at the latest.
    pub end: Time,
    /// Whether it is one for emergencies.
    pub break_glass: bool,
}

/// How long a proof is believed that is not bound to its request (design rule 2).
pub const UNBOUND_AGE: Duration = Duration::from_secs(60);

impl Policy {
    /// Judges the proofs of one request, each already verified and all of one person. Every rule
    /// is looked at even after one has refused, so that an explanation is whole.
    pub fn judge(
        &self,
        each: &[Assurance],
        slots: &[KeySlot],
        standing: &Standing,
        now: Time,
    ) -> Judgement {
        let mut judge = Judge { policy: self, now, found: Explanation::default(), refused: None };
        let together = judge.together(each);
        let admitted = together.map(|assurance| {
            let emergency = judge.emergency(&assurance, each.len() > 1, standing);
            let slots = judge.slots(&assurance, slots, standing, emergency.is_some());
            let end = judge.end(&assurance, standing, emergency);
            Admitted { assurance, slots, end, break_glass: emergency.is_some() }
        });
        let outcome = match (judge.refused, admitted) {
            (None, Some(admitted)) => Ok(admitted),
            (Some(refusal), _) => Err(refusal),
            // Nothing was handed in at all.
            (None, None) => Err(combination(Lack::Combination)),
        };
        Judgement { explanation: judge.found, outcome }
    }
}

struct Judge<'p> {
    policy: &'p Policy,
    now: Time,
    found: Explanation,
    refused: Option<Refusal>,
}

/// The rule for a source, and how its parts are called.
struct Of<'p> {
    kind: SourceKind,
    rule: Option<(usize, &'p SourceRule)>,
}

impl<'p> Of<'p> {
    /// A value of the rule, else the general one, with the name of where it stands.
    fn value<T>(
        &self,
        name: &str,
        own: impl FnOnce(&'p SourceRule) -> Option<T>,
        general: T,
    ) -> (String, T) {
        match self.rule.and_then(|(number, rule)| Some((number, own(rule)?))) {
            Some((number, value)) => (format!("policy.source[{number}].{name}"), value),
            None => (format!("policy.{name}"), general),
        }
    }

    /// The name of a switch, whether it stands in a rule or is absent with it.
    fn switch(&self, name: &str) -> String {
        match self.rule {
            Some((number, _)) => format!("policy.source[{number}].{name}"),
            None => format!("policy.source.{name}"),
        }
    }
}

impl<'p> Judge<'p> {
    /// What all proofs are worth together, once each has been looked at on its own.
    fn together(&mut self, each: &[Assurance]) -> Option<Assurance> {
        let mut worth = Vec::new();
        for assurance in each {
            worth.push(self.single(assurance));
        }
        if let [one] = worth.as_slice() {
            self.levels(one);
            return worth.pop();
        }
        self.combined(worth)
    }

    /// What holds for a proof whether or not others stand beside it; its levels within its cap.
    fn single(&mut self, assurance: &Assurance) -> Assurance {
        let of = self.of(assurance);
        let named = of.rule.map(|(number, _)| format!("policy.source[{number}]"));
        let wanted = Lack::Source(of.kind);
        let admitted = named.is_some() || of.kind == SourceKind::Oidc;
        let rule = named.unwrap_or_else(|| "policy.source".to_owned());
        let value = of.rule.map_or("none for this kind", |(_, rule)| rule.kind.name());
        self.check(rule, value, assurance.source.to_string(), admitted, wanted);

        let allowed = |on: bool| if on { "true" } else { "false" };
        let unbound = of.rule.is_some_and(|(_, rule)| rule.unbound);
        if assurance.binding == Binding::Unbound {
            let rule = of.switch("unbound");
            self.check(
                rule.clone(),
                allowed(unbound),
                "not bound".to_owned(),
                unbound,
                Lack::Unbound,
            );
            let age = self.age(assurance);
            let young = age <= UNBOUND_AGE;
            self.check(rule, "at most 60s old", old(age), young, Lack::UnboundTooOld);
        }
        if assurance.offline {
            let offline = of.rule.is_some_and(|(_, rule)| rule.offline);
            let found = "checked with what was at hand".to_owned();
            self.check(
                of.switch("offline"),
                allowed(offline),
                found,
                offline,
                Lack::Offline(of.kind),
            );
        }

        let (rule, largest) =
            of.value("largest_age", |rule| rule.largest_age, self.policy.largest_age);
        let age = self.age(assurance);
        self.check(rule, &written(largest), old(age), age <= largest, Lack::Age(of.kind, largest));

        let (rule, accepted) =
            of.value("accepted_acr", |rule| rule.accepted_acr.as_ref(), &self.policy.accepted_acr);
        if !accepted.is_empty() {
            let fits = assurance.context.as_ref().is_some_and(|context| accepted.contains(context));
            let found = assurance.context.clone().unwrap_or_else(|| "none".to_owned());
            self.check(rule, &list(accepted), found, fits, Lack::Context);
        }
        let (rule, accepted) =
            of.value("accepted_amr", |rule| rule.accepted_amr.as_ref(), &self.policy.accepted_amr);
        if !accepted.is_empty() {
            let fits = assurance.methods.iter().any(|method| accepted.contains(method));
            self.check(rule, &list(accepted), list(&assurance.methods), fits, Lack::Methods);
        }

        let mut worth = assurance.clone();
        if let Some((number, highest)) = of.rule.and_then(|(at, rule)| Some((at, rule.highest?))) {
            worth.authentication = worth.authentication.min(highest);
            let lowered = worth.authentication != assurance.authentication;
            let verdict = if lowered { Verdict::Sets } else { Verdict::Met };
            let rule = format!("policy.source[{number}].highest");
            let found = format!("authentication {}", assurance.authentication);
            self.note(rule, highest.to_string(), found, verdict);
        }
        worth
    }

    /// The levels of a proof that stands alone.
    fn levels(&mut self, one: &Assurance) {
        let of = self.of(one);
        let least = self.policy.least_authentication;
        let (rule, least) =
            of.value("least_authentication", |rule| rule.least_authentication, least);
        self.authentication(rule, one, of.kind, least);
        let least = self.policy.least_identity;
        let (rule, least) = of.value("least_identity", |rule| rule.least_identity, least);
        self.identity(rule, one, of.kind, least);
    }

    fn authentication(&mut self, rule: String, one: &Assurance, source: SourceKind, least: Level) {
        let found = one.authentication;
        let lack = Lack::Authentication { source, found, least };
        let shown = format!("authentication {found}");
        self.check(rule, &least.to_string(), shown, found >= least, lack);
    }

    fn identity(&mut self, rule: String, one: &Assurance, source: SourceKind, least: Level) {
        let found = one.identity;
        let lack = Lack::Identity { source, found, least };
        self.check(rule, &least.to_string(), format!("identity {found}"), found >= least, lack);
    }

    /// Several proofs by the policy's combination of them.
    fn combined(&mut self, mut worth: Vec<Assurance>) -> Option<Assurance> {
        let mut kinds: Vec<SourceKind> =
            worth.iter().map(|one| SourceKind::of(&one.source)).collect();
        let shown = kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" and ");
        kinds.sort_unstable();
        let of = |combination: &Combination| {
            let mut of = combination.of.clone();
            of.sort_unstable();
            of == kinds
        };
        let all = self.policy.combinations.iter().enumerate();
        let Some((place, combination)) = all.into_iter().find(|(_, one)| of(one)) else {
            let rule = "policy.combination".to_owned();
            self.check(rule, "none of these", shown, false, Lack::Combination);
            return None;
        };
        let rule = format!("policy.combination[{}]", place + 1);
        let distinct = worth
            .iter()
            .enumerate()
            .all(|(at, one)| worth.iter().skip(at + 1).all(|other| one.source != other.source));
        self.check(rule.clone(), "each another source", shown, distinct, Lack::SameTwice);
        for one in &worth {
            let kind = SourceKind::of(&one.source);
            self.authentication(
                format!("{rule}.each_at_least"),
                one,
                kind,
                combination.each_at_least,
            );
        }
        let first = *combination.of.first()?;
        worth.sort_by_key(|one| SourceKind::of(&one.source) != first);
        let mut all = worth.into_iter();
        let mut whole = all.next()?;
        for one in all {
            join(&mut whole, one);
        }
        whole.authentication = combination.authentication;
        let found = format!("authentication {}", combination.authentication);
        let worth = combination.authentication.to_string();
        self.note(format!("{rule}.authentication"), worth, found, Verdict::Sets);
        let least = self.policy.least_authentication;
        self.authentication("policy.least_authentication".to_owned(), &whole, first, least);
        let least = self.policy.least_identity;
        self.identity("policy.least_identity".to_owned(), &whole, first, least);
        Some(whole)
    }

    /// When a card of this sign-in ends at the latest (design rule 3).
    fn end(
        &mut self,
        one: &Assurance,
        standing: &Standing,
        emergency: Option<(usize, Duration)>,
    ) -> Time {
        let policy = self.policy;
        let life = one.authenticated_at.plus(policy.lifetime);
        let mut ends = vec![
            ("policy.lifetime".to_owned(), written(policy.lifetime), life),
            ("policy.cis1_end".to_owned(), policy.cis1_end.to_string(), policy.cis1_end),
        ];
        if let Some(until) = standing.until {
            ends.push(("roster.valid_to".to_owned(), until.to_string(), until));
        }
        if let Some((number, life)) = emergency {
            let rule = format!("policy.source[{number}].break_glass");
            ends.push((rule, written(life), one.authenticated_at.plus(life)));
        }
        let end = ends.iter().map(|(_, _, end)| *end).min().unwrap_or(life);
        self.found.ends = Some(end);
        let decides = ends.iter().position(|(_, _, at)| *at == end);
        for (place, (rule, value, at)) in ends.into_iter().enumerate() {
            let over = at <= self.now;
            let verdict = match (over, decides == Some(place)) {
                (true, _) => Verdict::Refuses,
                (false, true) => Verdict::Sets,
                (false, false) => Verdict::Met,
            };
            if over {
                let refusal = match rule.as_str() {
                    "policy.cis1_end" => Refusal::CisOneEnded(policy.cis1_end),
                    "roster.valid_to" => Refusal::Roster(super::roster::Fault::Expired),
                    _ => Refusal::LifetimeOver,
                };
                self.refused.get_or_insert(refusal);
            }
            self.note(rule, value, format!("{ENDS}{at}"), verdict);
        }
        end
    }

    fn of(&self, assurance: &Assurance) -> Of<'p> {
        let kind = SourceKind::of(&assurance.source);
        Of { kind, rule: self.policy.rule_for(kind, assurance.source.name()) }
    }

    fn age(&self, assurance: &Assurance) -> Duration {
        self.now.since(assurance.authenticated_at)
    }

    /// Notes a condition; what is not met refuses, the first of them by name.
    fn check(&mut self, rule: String, value: &str, found: String, good: bool, lack: Lack) {
        let verdict = if good { Verdict::Met } else { Verdict::Refuses };
        if !good {
            let refusal = || Refusal::Policy(Shortfall { rule: rule.clone(), lack });
            self.refused.get_or_insert_with(refusal);
        }
        self.note(rule, value.to_owned(), found, verdict);
    }

    fn note(&mut self, rule: String, value: String, found: String, verdict: Verdict) {
        self.found.findings.push(Finding { rule, value, found, verdict });
    }
}

/// Adds what another proof of the same person says. Identity is the person's, so the better check
/// holds; all else is as good as the worse of both.
fn join(whole: &mut Assurance, one: Assurance) {
    whole.identity = whole.identity.max(one.identity);
    whole.authenticated_at = whole.authenticated_at.min(one.authenticated_at);
    whole.offline |= one.offline;
    if one.binding == Binding::Unbound {
        whole.binding = Binding::Unbound;
    }
    whole.context = whole.context.take().or(one.context);
    whole.session = whole.session.take().or(one.session);
    for method in one.methods {
        if !whole.methods.contains(&method) {
            whole.methods.push(method);
        }
    }
    whole.beside.push(one.source);
}

fn combination(lack: Lack) -> Refusal {
    Refusal::Policy(Shortfall { rule: "policy.combination".to_owned(), lack })
}

/// An age as a person reads it; what is more than whole seconds counts as the next one.
pub(super) fn old(age: Duration) -> String {
    let seconds = age.as_secs() + u64::from(age.subsec_nanos() > 0);
    format!("{} old", written(Duration::from_secs(seconds)))
}

pub(super) fn list(texts: &[String]) -> String {
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}
