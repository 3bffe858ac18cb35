//! The roster as a file: `person,account,kind,valid_from,valid_to,state`.

use super::{
    Entry, Kind, State,
    csv::{Columns, Problem, Problems, Record, line, records},
};
use crate::{clock::Time, pki::UserId};
use std::{
    collections::{HashMap, hash_map},
    time::Duration,
};

/// The columns, in the order in which they are written; a file may have them in another.
const COLUMNS: [&str; 6] = ["person", "account", "kind", "valid_from", "valid_to", "state"];

/// Reads a roster: CSV by RFC 4180 in UTF-8, with a first line that names the columns. A moment is
/// `2027-01-31T17:00:00Z`; a day, `2027-01-31`, is valid from its beginning or until its end, in
/// UTC. An empty `state` is `enabled`.
///
/// # Errors
/// Every problem with its line, up to a hundred.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, Vec<Problem>> {
    let mut problems = Problems::default();
    let all = records(bytes, &mut problems);
    let mut all = all.iter();
    let Some(header) = all.next() else {
        if problems.is_empty() {
            problems.note(1, format!("empty; the first line is {}", COLUMNS.join(",")));
        }
        return Err(problems.into_sorted());
    };
    let columns = Columns::read(header, &COLUMNS, &[], &mut problems);
    let mut entries = Vec::new();
    if let Some(columns) = columns {
        let mut seen = Seen::default();
        for record in all {
            if columns.fits(record, &mut problems) {
                entries.extend(entry(&columns, record, &mut seen, &mut problems));
            }
        }
    }
    if problems.is_empty() { Ok(entries) } else { Err(problems.into_sorted()) }
}

/// Writes a roster as [`read`] reads it.
pub fn export(entries: &[Entry]) -> String {
    let mut text = line(&COLUMNS);
    for entry in entries {
        let shown = shown(entry);
        text.push_str(&line(&shown.each_ref().map(String::as_str)));
    }
    text
}

/// The fields of an entry in their order.
pub(super) fn shown(entry: &Entry) -> [String; 6] {
    let time = |time: Option<Time>| time.map(|time| time.to_string()).unwrap_or_default();
    [
        entry.person.as_str().to_owned(),
        entry.account.clone(),
        entry.kind.name().to_owned(),
        time(entry.valid_from),
        time(entry.valid_to),
        entry.state.name().to_owned(),
    ]
}

/// Where each person and account stood first.
#[derive(Default)]
struct Seen<'r> {
    people: HashMap<&'r str, usize>,
    accounts: HashMap<String, usize>,
}

fn entry<'r>(
    columns: &Columns,
    record: &'r Record,
    seen: &mut Seen<'r>,
    problems: &mut Problems,
) -> Option<Entry> {
    let at = record.line;
    let field = |column| columns.field(record, column);
    let person = field("person");
    let parsed = UserId::parse(person);
    match &parsed {
        None => problems.note(at, "person: write the 12 digits"),
        Some(_) => {
            if let Some(first) = twice(&mut seen.people, person, at) {
                problems.note(at, format!("person: the same as in line {first}"));
            }
        }
    }
    let account = field("account");
    match account_fault(account) {
        Some(text) => problems.note(at, text),
        None if account.is_empty() => {}
        None => {
            if let Some(first) = twice(&mut seen.accounts, account.to_lowercase(), at) {
                problems.note(at, format!("account: the same as in line {first}"));
            }
        }
    }
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == field("kind"));
    if kind.is_none() {
        problems.note(at, "kind: write staff, temporary or robot");
    }
    let valid_from = moment(field("valid_from"), false);
    let valid_to = moment(field("valid_to"), true);
    for (column, moment) in [("valid_from", valid_from), ("valid_to", valid_to)] {
        if moment.is_none() {
            let text = "write a day, 2027-01-31, a moment, 2027-01-31T17:00:00Z, or nothing";
            problems.note(at, format!("{column}: {text}"));
        }
    }
    if let (Some(Some(from)), Some(Some(to))) = (valid_from, valid_to)
        && to <= from
    {
        problems.note(at, "valid_to: not after valid_from");
    }
    if kind == Some(Kind::Temporary) && valid_to == Some(None) {
        problems.note(at, "valid_to: who is temporary needs an end");
    }
    let state = match field("state") {
        "" | "enabled" => Some(State::Enabled),
        "disabled" => Some(State::Disabled),
        _ => None,
    };
    if state.is_none() {
        problems.note(at, "state: write enabled or disabled");
    }
    Some(Entry {
        person: parsed?,
        account: account.to_owned(),
        kind: kind?,
        valid_from: valid_from?,
        valid_to: valid_to?,
        state: state?,
    })
}

/// Where it stood before, if it did.
fn twice<K: std::hash::Hash + Eq>(
    seen: &mut HashMap<K, usize>,
    key: K,
    line: usize,
) -> Option<usize> {
    match seen.entry(key) {
        hash_map::Entry::Occupied(first) => Some(*first.get()),
        hash_map::Entry::Vacant(place) => {
            place.insert(line);
            None
        }
    }
}

/// What is wrong with an account. An export is opened by spreadsheets, which take a text that begins
/// like a formula for one.
pub(super) fn account_fault(account: &str) -> Option<&'static str> {
    if account.chars().count() > 104 {
        return Some(
            "account: write at most 104 characters, or nothing where none binds the person",
        );
    }
    if account.trim() != account {
        return Some("account: it begins or ends with a space");
    }
    if account.starts_with(['=', '+', '-', '@']) {
        return Some("account: it begins like a formula of a spreadsheet (=, +, -, @)");
    }
    None
}

/// A day or a moment; `Some(None)` for nothing. The end of a day is the beginning of the next.
#[allow(clippy::option_option, reason = "unreadable, absent and present are three things")]
pub(super) fn moment(text: &str, end: bool) -> Option<Option<Time>> {
    if text.is_empty() {
        return Some(None);
    }
    if text.len() == 10 {
        let day = Time::parse_rfc3339(&format!("{text}T00:00:00Z"))?;
        let extra = if end { Duration::from_secs(86_400) } else { Duration::ZERO };
        return Some(Some(day.plus(extra)));
    }
    Time::parse_rfc3339(text).map(Some)
}
