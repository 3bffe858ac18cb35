//! A TOML document that is read to its end whatever is wrong with it: every problem is collected
//! with its line, and every key that nobody asked for is one.

use crate::secret::User;
use std::{cell::RefCell, collections::BTreeSet, ops::RangeInclusive};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// How users are written.
#[cfg(unix)]
const USERS: &str = "write a list of whole numbers: [990, 991]";
#[cfg(windows)]
const USERS: &str = "write a list of security identifiers: [\"S-1-5-18\"]";
/// How a user is written.
#[cfg(unix)]
const A_USER: &str = "write a user id: 1000";
#[cfg(windows)]
const A_USER: &str = "write a security identifier: \"S-1-5-21-...\"";

/// One thing that is wrong in a configuration, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub text: String,
}

/// The text and what has been found wrong in it.
#[derive(Debug)]
pub(super) struct Document<'t> {
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> Document<'t> {
    /// A document over `text`, and its table as far as it could be read.
    pub(super) fn new(text: &'t str) -> (Self, Spanned<DeTable<'t>>) {
        let document = Self { text, problems: RefCell::default() };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            document.problem(document.line(at), format!("not TOML: {}", error.message()));
        }
        (document, table)
    }

    /// The line, from 1, of a byte of the text.
    pub(super) fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    /// Notes that something is wrong.
    pub(super) fn problem(&self, line: usize, text: String) {
        self.problems.borrow_mut().push(Problem { line, text });
    }

    /// The problems in the order of their lines.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }
}

/// A value with the line it stands on.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) line: usize,
    pub(super) value: T,
}

/// One table of the document; notes which of its keys were asked for.
#[derive(Debug)]
pub(super) struct Section<'d, 't> {
    pub(super) document: &'d Document<'t>,
    table: &'d DeTable<'t>,
    path: String,
    /// Where the table begins, for what is missing in it.
    pub(super) line: usize,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'d, 't> Section<'d, 't> {
    /// The whole document as a section.
    pub(super) fn root(document: &'d Document<'t>, table: &'d Spanned<DeTable<'t>>) -> Self {
        Self::at(document, table.get_ref(), String::new(), 1)
    }

    fn at(document: &'d Document<'t>, table: &'d DeTable<'t>, path: String, line: usize) -> Self {
        Self { document, table, path, line, asked: RefCell::default() }
    }

    /// The key as a person finds it in the file.
    pub(super) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes that the value of `key` is wrong.
    pub(super) fn problem(&self, line: usize, key: &str, text: &str) {
        self.document.problem(line, format!("{}: {text}", self.name(key)));
    }

    /// The value of a key, which counts as asked for.
    pub(super) fn value(&self, key: &'static str) -> Option<At<&'d Spanned<DeValue<'t>>>> {
        self.asked.borrow_mut().insert(key);
        let (name, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(At { line: self.document.line(name.span().start), value })
    }

    fn typed<T>(
        &self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&'d DeValue<'t>) -> Option<T>,
    ) -> Option<At<T>> {
        let At { line, value } = self.value(key)?;
        let read = read(value.get_ref());
        if read.is_none() {
            self.problem(line, key, wanted);
        }
        read.map(|value| At { line, value })
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str) -> Option<At<String>> {
        self.typed(key, "write a text in quotation marks", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str) -> Option<At<bool>> {
        self.typed(key, "write true or false", DeValue::as_bool)
    }

    /// A whole number in a range.
    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<At<u64>> {
        let wanted = format!("write a whole number from {} to {}", range.start(), range.end());
        self.typed(key, &wanted, |value| integer(value).filter(|number| range.contains(number)))
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &'static str) -> Option<At<Vec<String>>> {
        self.typed(key, "write a list of texts: [\"one\", \"two\"]", |value| {
            let all = value.as_array()?.iter();
            all.map(|one| one.get_ref().as_str().map(str::to_owned)).collect()
        })
    }

    /// A list of whole numbers that fit 32 bits.
    /// Users of this machine.
    pub(super) fn users(&self, key: &'static str) -> Option<At<Vec<User>>> {
        self.typed(key, USERS, |value| {
            value.as_array()?.iter().map(|one| a_user(one.get_ref())).collect()
        })
    }

    /// A user of this machine.
    pub(super) fn user(&self, key: &'static str) -> Option<At<User>> {
        self.typed(key, A_USER, a_user)
    }

    /// A table below this one.
    pub(super) fn section(&self, key: &'static str) -> Option<Self> {
        let wanted = format!("write a table: [{}]", self.name(key));
        let At { line, value } = self.typed(key, &wanted, DeValue::as_table)?;
        Some(Self::at(self.document, value, self.name(key), line))
    }

    /// Several tables of one name, `[[name]]`.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let wanted = format!("write tables with double brackets: [[{}]]", self.name(key));
        let read = self.typed(key, &wanted, |value| {
            let all = value.as_array()?.iter();
            all.map(|one| Some((one.span().start, one.get_ref().as_table()?))).collect()
        });
        let tables: Vec<(usize, &DeTable<'t>)> = read.map(|at| at.value).unwrap_or_default();
        let several = tables.into_iter().enumerate();
        several
            .map(|(number, (start, table))| {
                let path = format!("{}[{}]", self.name(key), number + 1);
                Self::at(self.document, table, path, self.document.line(start))
            })
            .collect()
    }

    /// Notes every key that nobody asked for, with the nearest that somebody did.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        for (name, _) in self.table {
            let key = name.get_ref().as_ref();
            if asked.contains(key) {
                continue;
            }
            let near = asked.iter().min_by_key(|known| distance(key, known));
            // One that somebody cut short, or wrote longer.
            let cut = |known: &&&str| {
                key.len() > 3
                    && known.len() > 3
                    && (known.starts_with(key) || key.starts_with(**known))
            };
            let near = near.filter(|known| distance(key, known) <= 3);
            let hint = match near.or_else(|| asked.iter().find(cut)) {
                Some(known) => format!("did you mean `{known}`?"),
                None => {
                    let known: Vec<&str> = asked.iter().copied().collect();
                    format!("known here: {}", known.join(", "))
                }
            };
            let line = self.document.line(name.span().start);
            let shown: String = key.chars().take(60).collect();
            self.problem(line, &shown, &format!("there is no such key; {hint}"));
        }
    }
}

fn integer(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
}

/// How many letters differ (Levenshtein), for short words; long ones are far from everything.
fn distance(one: &str, other: &str) -> usize {
    if one.len() > 40 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, left) in one.bytes().enumerate() {
        let mut diagonal = line;
        let mut last = line + 1;
        if let Some(first) = row.first_mut() {
            *first = last;
        }
        for (cell, right) in row.iter_mut().skip(1).zip(other.bytes()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            last = replaced.min(diagonal + 1).min(last + 1);
            *cell = last;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// A user: a number, or what the system writes in its place.
fn a_user(value: &DeValue<'_>) -> Option<User> {
    match value {
        DeValue::String(text) if cfg!(windows) => text.parse().ok(),
        value if cfg!(unix) => User::numbered(u32::try_from(integer(value)?).ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_errors_are_all_told_with_their_lines() {
        let (document, _) = Document::new("a = 1\nb = \nc = 3\nd = ]\n");
        let lines: Vec<usize> = document.into_problems().iter().map(|one| one.line).collect();
        assert!(lines.contains(&2) && lines.contains(&4), "{lines:?}");
    }

    #[test]
    fn wrong_types_and_unknown_keys_are_told_with_their_lines() {
        let (document, table) = Document::new(
            "text = 1\nflag = \"x\"\nnumber = 11\n[inner]\nporvider = 1\nzzzzzzzzz = 2\nprov = 3\n",
        );
        let root = Section::root(&document, &table);
        assert!(root.text("text").is_none());
        assert!(root.flag("flag").is_none());
        assert!(root.number("number", 0..=10).is_none());
        let inner = root.section("inner").expect("there");
        assert!(inner.text("provider").is_none());
        inner.finish();
        root.finish();
        let all: Vec<String> = document
            .into_problems()
            .into_iter()
            .map(|problem| format!("{} {}", problem.line, problem.text))
            .collect();
        assert_eq!(
            all,
            [
                "1 text: write a text in quotation marks",
                "2 flag: write true or false",
                "3 number: write a whole number from 0 to 10",
                "5 inner.porvider: there is no such key; did you mean `provider`?",
                "6 inner.zzzzzzzzz: there is no such key; known here: provider",
                "7 inner.prov: there is no such key; did you mean `provider`?",
            ]
        );
    }

    #[test]
    fn numbers_are_read_in_every_radix_and_negative_ones_refused() {
        let (document, table) = Document::new("a = 0x10\nb = 1_000\nc = -1\nd = [1, 4294967296]\n");
        let root = Section::root(&document, &table);
        assert_eq!(root.number("a", 0..=100).map(|at| at.value), Some(16));
        assert_eq!(root.number("b", 0..=1000).map(|at| at.value), Some(1000));
        assert!(root.number("c", 0..=100).is_none());
        assert!(root.users("d").is_none());
    }
}
