//! The roster's rows.

use super::{Change, Choice, Decision, Entry, Kind, State};
use crate::{
    clock::Time,
    pki::UserId,
    store::{Error, Reading, Transaction},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The 12 digits of a person to their entry.
pub(super) const PEOPLE: &str = "roster";
/// A running number to a change that was made; in the group of its person.
const CHANGES: &str = "roster_changes";
/// A running number to a decision of a review; in the group of its person.
const DECISIONS: &str = "roster_decisions";

#[derive(Serialize, Deserialize)]
struct PersonRow {
    account: String,
    kind: String,
    from: Option<i64>,
    to: Option<i64>,
    enabled: bool,
}

#[derive(Serialize, Deserialize)]
struct ChangeRow {
    at: i64,
    by: String,
    person: String,
    what: String,
}

#[derive(Serialize, Deserialize)]
struct DecisionRow {
    person: String,
    keep: bool,
    by: String,
    at: i64,
    imported: i64,
}

/// An entry of a row.
pub(super) fn entry(person: &UserId, row: &[u8]) -> Result<Entry, Error> {
    let row: PersonRow = parsed(PEOPLE, row)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == row.kind);
    Ok(Entry {
        person: person.clone(),
        account: row.account,
        kind: kind.ok_or(Error::Malformed(PEOPLE))?,
        valid_from: row.from.map(Time::from_unix_millis),
        valid_to: row.to.map(Time::from_unix_millis),
        state: if row.enabled { State::Enabled } else { State::Disabled },
    })
}

/// All entries in the order of their numbers.
pub(super) fn entries(rows: &dyn Reading) -> Result<Vec<Entry>, Error> {
    let all = rows.rows(PEOPLE)?.into_iter();
    all.map(|(key, row)| entry(&person(PEOPLE, &key)?, &row)).collect()
}

/// Writes an entry, and that it was written.
pub(super) fn put(
    rows: &mut dyn Transaction,
    entry: &Entry,
    what: &str,
    by: &str,
    now: Time,
) -> Result<(), Error> {
    let row = PersonRow {
        account: entry.account.clone(),
        kind: entry.kind.name().to_owned(),
        from: entry.valid_from.map(Time::unix_millis),
        to: entry.valid_to.map(Time::unix_millis),
        enabled: entry.state == State::Enabled,
    };
    rows.put(PEOPLE, entry.person.as_str().as_bytes(), &written(PEOPLE, &row)?)?;
    changed(rows, &entry.person, what, by, now)
}

/// Deletes an entry, and writes that it was.
pub(super) fn delete(
    rows: &mut dyn Transaction,
    person: &UserId,
    by: &str,
    now: Time,
) -> Result<(), Error> {
    rows.delete(PEOPLE, person.as_str().as_bytes())?;
    changed(rows, person, "removed", by, now)
}

fn changed(
    rows: &mut dyn Transaction,
    person: &UserId,
    what: &str,
    by: &str,
    now: Time,
) -> Result<(), Error> {
    let row = ChangeRow {
        at: now.unix_millis(),
        by: by.to_owned(),
        person: person.as_str().to_owned(),
        what: what.to_owned(),
    };
    append(rows, CHANGES, person, &written(CHANGES, &row)?)
}

/// Keeps a decision.
pub(super) fn decision(rows: &mut dyn Transaction, one: &Decision, now: Time) -> Result<(), Error> {
    let row = DecisionRow {
        person: one.person.as_str().to_owned(),
        keep: one.choice == Choice::Keep,
        by: one.by.clone(),
        at: one.at.unix_millis(),
        imported: now.unix_millis(),
    };
    append(rows, DECISIONS, &one.person, &written(DECISIONS, &row)?)
}

/// Decisions as they came.
pub(super) fn decisions(rows: &dyn Reading, of: Option<&UserId>) -> Result<Vec<Decision>, Error> {
    listed(rows, DECISIONS, of, decided)
}

/// Changes as they were made.
pub(super) fn changes(rows: &dyn Reading, of: Option<&UserId>) -> Result<Vec<Change>, Error> {
    listed(rows, CHANGES, of, made)
}

/// Decisions after a number, at most so many, each with its own.
pub(super) fn decisions_after(
    rows: &dyn Reading,
    after: u64,
    most: usize,
) -> Result<Vec<(u64, Decision)>, Error> {
    numbered(rows, DECISIONS, (after, most), decided)
}

/// Changes after a number, at most so many, each with its own.
pub(super) fn changes_after(
    rows: &dyn Reading,
    after: u64,
    most: usize,
) -> Result<Vec<(u64, Change)>, Error> {
    numbered(rows, CHANGES, (after, most), made)
}

fn decided(row: DecisionRow) -> Result<Decision, Error> {
    Ok(Decision {
        person: person(DECISIONS, row.person.as_bytes())?,
        choice: if row.keep { Choice::Keep } else { Choice::Remove },
        by: row.by,
        at: Time::from_unix_millis(row.at),
    })
}

fn made(row: ChangeRow) -> Result<Change, Error> {
    Ok(Change {
        at: Time::from_unix_millis(row.at),
        by: row.by,
        person: person(CHANGES, row.person.as_bytes())?,
        what: row.what,
    })
}

fn numbered<R: DeserializeOwned, T>(
    rows: &dyn Reading,
    table: &'static str,
    (after, most): (u64, usize),
    read: impl Fn(R) -> Result<T, Error>,
) -> Result<Vec<(u64, T)>, Error> {
    let mut all = Vec::new();
    for number in (after.saturating_add(1)..).take(most) {
        let Some(row) = rows.row(table, &number.to_be_bytes())? else { break };
        all.push((number, read(parsed(table, &row)?)?));
    }
    Ok(all)
}

fn listed<R: DeserializeOwned, T>(
    rows: &dyn Reading,
    table: &'static str,
    of: Option<&UserId>,
    read: impl Fn(R) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let all = match of {
        Some(person) => rows.group(table, person.as_str().as_bytes())?,
        None => rows.rows(table)?,
    };
    all.into_iter().map(|(_, row)| read(parsed(table, &row)?)).collect()
}

/// The number of the last row of a table stands in a row of its own.
const NUMBERS: &str = "roster_numbers";

fn append(
    rows: &mut dyn Transaction,
    table: &'static str,
    person: &UserId,
    row: &[u8],
) -> Result<(), Error> {
    let last = rows.row(NUMBERS, table.as_bytes())?;
    let last = last.map(|bytes| <[u8; 8]>::try_from(bytes).map_err(|_| Error::Malformed(NUMBERS)));
    let next = last.transpose()?.map_or(0, u64::from_be_bytes).saturating_add(1).to_be_bytes();
    rows.put(NUMBERS, table.as_bytes(), &next)?;
    rows.put_in(table, &[person.as_str().as_bytes()], &next, row)
}

fn person(table: &'static str, digits: &[u8]) -> Result<UserId, Error> {
    let text = std::str::from_utf8(digits).ok().and_then(UserId::parse);
    text.ok_or(Error::Malformed(table))
}

fn parsed<R: DeserializeOwned>(table: &'static str, row: &[u8]) -> Result<R, Error> {
    serde_json::from_slice(row).map_err(|_| Error::Malformed(table))
}

fn written(table: &'static str, row: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(row).map_err(|_| Error::Malformed(table))
}
