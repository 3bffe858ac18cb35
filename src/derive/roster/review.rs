//! Reviews: the roster goes out as a file with room for decisions, and comes back with them.

use super::{
    Entry, Roster,
    csv::{Columns, Problem, Problems, line, records},
    file::{moment, shown},
};
use crate::{clock::Time, pki::UserId, store};
use std::collections::HashMap;

/// What a review decides about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// They stay.
    Keep,
    /// They are disabled, so that no card is had whether or not the roster is required.
    Remove,
}

impl Choice {
    /// The word in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Remove => "remove",
        }
    }
}

/// A decision with who made it and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// About whom.
    pub person: UserId,
    /// What.
    pub choice: Choice,
    /// By whom, as they were named.
    pub by: String,
    /// When.
    pub at: Time,
}

const NEEDED: [&str; 4] = ["person", "decision", "decided_by", "decided_at"];
const BESIDE: [&str; 8] = [
    "account",
    "kind",
    "valid_from",
    "valid_to",
    "state",
    "last_decision",
    "last_decided_by",
    "last_decided_at",
];

impl Roster {
    /// The roster as a file for a review: each person with the last decision, and empty columns
    /// `decision` (keep or remove), `decided_by` and `decided_at` for the next.
    ///
    /// # Errors
    /// The store's.
    pub fn review(&self) -> Result<String, store::Error> {
        let entries: Vec<Entry> = self.entries()?;
        let mut last = HashMap::new();
        for decision in self.decisions(None)? {
            last.insert(decision.person.as_str().to_owned(), decision);
        }
        let columns: Vec<&str> =
            [&["person"], &BESIDE[..], &NEEDED[1..]].into_iter().flatten().copied().collect();
        let mut text = line(&columns);
        for entry in &entries {
            let mut fields = shown(entry).to_vec();
            let found = last.get(entry.person.as_str());
            fields.push(found.map(|one| one.choice.name().to_owned()).unwrap_or_default());
            fields.push(found.map(|one| one.by.clone()).unwrap_or_default());
            fields.push(found.map(|one| one.at.to_string()).unwrap_or_default());
            fields.resize(columns.len(), String::new());
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            text.push_str(&line(&fields));
        }
        Ok(text)
    }
}

/// Reads the decisions of a review: the file of [`Roster::review`] filled in, or any with the
/// columns `person`, `decision`, `decided_by` and `decided_at`. A line without a decision is a
/// problem, as is one that was made after `now`.
///
/// # Errors
/// Every problem with its line, up to a hundred.
pub fn read_review(bytes: &[u8], now: Time) -> Result<Vec<Decision>, Vec<Problem>> {
    let mut problems = Problems::default();
    let all = records(bytes, &mut problems);
    let mut all = all.iter();
    let Some(header) = all.next() else {
        if problems.is_empty() {
            problems.note(1, format!("empty; the columns {} must be there", NEEDED.join(", ")));
        }
        return Err(problems.into_sorted());
    };
    let Some(columns) = Columns::read(header, &NEEDED, &BESIDE, &mut problems) else {
        return Err(problems.into_sorted());
    };
    let mut decisions: Vec<Decision> = Vec::new();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for record in all {
        if !columns.fits(record, &mut problems) {
            continue;
        }
        let at = record.line;
        let field = |column| columns.field(record, column);
        let person = UserId::parse(field("person"));
        if person.is_none() {
            problems.note(at, "person: write the 12 digits");
        } else if let Some(first) = seen.insert(field("person"), at) {
            problems.note(at, format!("person: the same as in line {first}"));
        }
        let choice = match field("decision") {
            "keep" => Some(Choice::Keep),
            "remove" => Some(Choice::Remove),
            _ => None,
        };
        if choice.is_none() {
            problems.note(at, "decision: write keep or remove");
        }
        let by = field("decided_by");
        if by.is_empty() || by.trim() != by || by.starts_with(['=', '+', '-', '@']) {
            problems.note(at, "decided_by: write who decided");
        }
        let decided = moment(field("decided_at"), false).flatten();
        match decided {
            None => problems.note(at, "decided_at: write a day, 2027-01-31, or a moment"),
            Some(decided) if decided > now => problems.note(at, "decided_at: lies in the future"),
            Some(_) => {}
        }
        if let (Some(person), Some(choice), Some(decided)) = (person, choice, decided) {
            decisions.push(Decision { person, choice, by: by.to_owned(), at: decided });
        }
    }
    if problems.is_empty() { Ok(decisions) } else { Err(problems.into_sorted()) }
}
