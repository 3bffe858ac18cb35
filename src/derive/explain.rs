//! Which rule decided what about a sign-in, for a person to read.

use crate::clock::Time;
use std::{fmt, time::Duration};

/// What a rule did to a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What the rule asks for is there.
    Met,
    /// The sign-in counts for less, or for other, than it says.
    Sets,
    /// A key is left out of the card.
    Withholds,
    /// There is no card.
    Refuses,
}

impl Verdict {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Met, Self::Sets, Self::Withholds, Self::Refuses];

    /// The word that is shown, and in the host protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Sets => "decides",
            Self::Withholds => "withholds",
            Self::Refuses => "refuses",
        }
    }

    /// The verdict of a [`Self::name`].
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// What one rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule, as it stands in the policy: `policy.source[1].largest_age`.
    pub rule: String,
    /// Its value.
    pub value: String,
    /// What the sign-in brought.
    pub found: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// All that the rules found, in the order in which they looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// A finding for each rule that had something to say.
    pub findings: Vec<Finding>,
    /// When the card ends at the latest.
    pub ends: Option<Time>,
}

impl Explanation {
    /// The rule that says when the card ends; empty before one has.
    pub fn end(&self) -> &str {
        let mut ends = self.findings.iter().rev().filter(|one| one.found.starts_with(ENDS));
        ends.find(|one| one.verdict == Verdict::Sets).map_or("", |one| one.rule.as_str())
    }
}

/// How a finding about a card's end begins.
pub(super) const ENDS: &str = "ends ";

impl fmt::Display for Explanation {
    /// A line for each finding: verdict, rule and value, what was found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |one: &Finding| format!("{} = {}", one.rule, one.value);
        let width = self.findings.iter().map(|one| said(one).chars().count()).max().unwrap_or(0);
        for one in &self.findings {
            writeln!(f, "{:<10}{:<width$}  {}", one.verdict.name(), said(one), one.found)?;
        }
        Ok(())
    }
}

/// A duration as a policy writes it: `12h`, `90s`.
pub fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
    match units.into_iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit)) {
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_a_policy_writes_them() {
        let cases = [(0, "0s"), (90, "90s"), (300, "5m"), (43_200, "12h"), (172_800, "2d")];
        for (seconds, expected) in cases {
            assert_eq!(written(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn verdicts_are_read_back_by_their_names() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::named(verdict.name()), Some(verdict));
        }
        assert_eq!(Verdict::named("perhaps"), None);
    }
}
