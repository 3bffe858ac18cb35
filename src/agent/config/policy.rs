//! The policy, in the agent's configuration or in a file of its own: each key is read on its own,
//! so that all that is wrong is told, each with its line; then what they say together.

use super::{
    Problem, Problems,
    document::{At, Document, Section},
    text_of,
};
use crate::derive::{Policy, PolicySettings};
use serde::de::DeserializeOwned;
use std::{borrow::Cow, path::Path};
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer},
};

/// What a policy is called in [`Problems`].
const POLICY: &str = "policy";

/// Validates a policy that is a file of its own, held as text: what stands below `[policy]` in an
/// agent's configuration, without that heading.
///
/// # Errors
/// Everything that is wrong with it, with lines.
pub fn read_policy(text: &str) -> Result<Policy, Problems> {
    let (document, table) = Document::new(text);
    let read = settings(&document, table.get_ref(), "");
    let problems = document.into_problems();
    match read {
        Some(read) if problems.is_empty() => Ok(Policy::from(read)),
        _ => Err(Problems { what: POLICY, path: None, problems }),
    }
}

/// Reads and validates the policy in the file at `path`.
///
/// # Errors
/// Everything that is wrong with it, with lines.
pub fn load_policy(path: &Path) -> Result<Policy, Problems> {
    let named = |problems| Problems { what: POLICY, path: Some(path.to_owned()), problems };
    let whole = |text: String| named(vec![Problem { line: 0, text }]);
    let text = text_of(path).map_err(whole)?;
    read_policy(&text).map_err(|problems| named(problems.problems))
}

/// The policy of a configuration: `[policy]`, or the file that `policy_file` names; `None` only
/// where a problem has been noted.
pub(super) fn policy(root: &Section<'_, '_>, folder: &Path) -> Option<Policy> {
    let file = root.value("policy_file").map(|_| root.text("policy_file"));
    match (root.value("policy"), file) {
        (None, None) => Some(Policy::default()),
        (Some(At { line, .. }), Some(_)) => {
            root.problem(line, "policy", "write either [policy] or policy_file, not both");
            None
        }
        (None, Some(named)) => {
            let At { line, value } = named?;
            let problems = match load_policy(&folder.join(&value)) {
                Ok(policy) => return Some(policy),
                Err(problems) => problems.problems,
            };
            for Problem { line: inner, text } in problems {
                let place = if inner == 0 { String::new() } else { format!(" line {inner}") };
                root.problem(line, "policy_file", &format!("{value}{place}: {text}"));
            }
            None
        }
        (Some(At { line, value }), None) => {
            let Some(table) = value.get_ref().as_table() else {
                root.problem(line, "policy", "write a table: [policy]");
                return None;
            };
            settings(root.document, table, "policy.").map(Policy::from)
        }
    }
}

/// The settings of a table; notes everything that is wrong in it.
fn settings(document: &Document<'_>, table: &DeTable<'_>, path: &str) -> Option<PolicySettings> {
    let mut good = true;
    let mut plain = DeTable::new();
    for (name, value) in table {
        let key = name.get_ref().as_ref();
        let needed = match key {
            "source" => "kind = \"oidc\"",
            "combination" => "of = [\"oidc\", \"host\"]\nauthentication = 3",
            _ => {
                plain.insert(name.clone(), value.clone());
                continue;
            }
        };
        let Some(all) = value.get_ref().as_array() else {
            let text = format!("{path}{key}: write tables with double brackets: [[{path}{key}]]");
            document.problem(document.line(name.span().start), text);
            good = false;
            continue;
        };
        for (place, one) in all.iter().enumerate() {
            let within = format!("{path}{key}[{}]", place + 1);
            good &= nested(document, key, one, needed, &within);
        }
    }
    for (name, value) in &plain {
        let mut one = DeTable::new();
        one.insert(name.clone(), value.clone());
        good &= holds::<PolicySettings>(document, path, name, value, one);
    }
    if !good {
        return None;
    }
    let whole = Spanned::new(0..0, table.clone());
    let read: PolicySettings = match serde::Deserialize::deserialize(Deserializer::from(whole)) {
        Ok(read) => read,
        Err(error) => {
            document.problem(1, format!("{}: {}", path.trim_end_matches('.'), error.message()));
            return None;
        }
    };
    let contradictions = read.contradictions();
    for one in &contradictions {
        let (line, number) = place_of(document, table, one.key, one.number);
        document.problem(line, format!("{path}{}{number}: {}", one.key, one.text));
    }
    contradictions.is_empty().then_some(read)
}

/// Where a key, or the table of that number below it, stands; and the number as it is shown.
fn place_of(
    document: &Document<'_>,
    table: &DeTable<'_>,
    key: &str,
    number: Option<usize>,
) -> (usize, String) {
    let found = table.iter().find(|(name, _)| name.get_ref() == key);
    let start = found.map_or(0, |(name, value)| {
        let of = number.and_then(|number| value.get_ref().as_array()?.get(number.checked_sub(1)?));
        of.map_or(name.span().start, |one| one.span().start)
    });
    (document.line(start), number.map(|number| format!("[{number}]")).unwrap_or_default())
}

/// Whether each key of a table below the policy is in order, and none is missing.
fn nested(
    document: &Document<'_>,
    key: &str,
    one: &Spanned<DeValue<'_>>,
    needed: &'static str,
    path: &str,
) -> bool {
    // What must be there, with values that stand in for it while another key is looked at.
    let (needed, _) = DeTable::parse_recoverable(needed);
    let needed = needed.get_ref();
    let line = document.line(one.span().start);
    let Some(table) = one.get_ref().as_table() else {
        document.problem(line, format!("{path}: write a table: [[policy.{key}]]"));
        return false;
    };
    let mut good = true;
    for (name, value) in table {
        let mut alone = DeTable::new();
        for (other, stand_in) in needed {
            if name.get_ref() != other.get_ref() {
                alone.insert(other.clone(), stand_in.clone());
            }
        }
        alone.insert(name.clone(), value.clone());
        let dotted = format!("{path}.");
        good &= match key {
            "source" => holds::<crate::derive::SourceRule>(document, &dotted, name, value, alone),
            _ => holds::<crate::derive::Combination>(document, &dotted, name, value, alone),
        };
    }
    for (other, _) in needed {
        if !table.iter().any(|(name, _)| name.get_ref() == other.get_ref()) {
            document.problem(line, format!("{path}.{}: missing", other.get_ref()));
            good = false;
        }
    }
    good
}

/// Whether a table with one key of interest can be read; noted if not.
fn holds<T: DeserializeOwned>(
    document: &Document<'_>,
    path: &str,
    name: &Spanned<Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    table: DeTable<'_>,
) -> bool {
    let read = T::deserialize(Deserializer::from(Spanned::new(value.span(), table)));
    if let Err(error) = &read {
        let shown: String = name.get_ref().chars().take(60).collect();
        let line = document.line(name.span().start);
        document.problem(line, format!("{path}{shown}: {}", error.message()));
    }
    read.is_ok()
}
