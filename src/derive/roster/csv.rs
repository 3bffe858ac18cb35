//! Comma-separated values: RFC 4180, strictly, in UTF-8.
//!
//! A byte order mark at the beginning is passed over (spreadsheets write one); lines end with CRLF
//! or LF. Every problem is told with its line, and reading goes on in the next one. Leaves out what
//! the columns mean.

/// Something that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub text: String,
}

/// A record and the line that it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) line: usize,
    pub(super) fields: Vec<String>,
}

/// No file is longer.
pub(super) const LONGEST: usize = 16 << 20;
/// No field is longer.
const LONGEST_FIELD: usize = 1024;
/// No record has more fields.
const MOST_FIELDS: usize = 64;
/// So many problems are told; who has more looks again after these.
const MOST_PROBLEMS: usize = 100;

/// What is wrong in a file so far.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn note(&mut self, line: usize, text: impl Into<String>) {
        if self.0.len() < MOST_PROBLEMS {
            self.0.push(Problem { line, text: text.into() });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of their lines.
    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by_key(|problem| problem.line);
        self.0
    }
}

/// The records of a file, as far as they can be read.
pub(super) fn records(bytes: &[u8], problems: &mut Problems) -> Vec<Record> {
    if bytes.len() > LONGEST {
        problems.note(1, "longer than 16 MiB; is this the right file?");
        return Vec::new();
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        let good = std::str::from_utf8(bytes).err().map_or(0, |error| error.valid_up_to());
        let before = bytes.get(..good).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        problems.note(line, "not UTF-8; save the file as \"CSV UTF-8\"");
        return Vec::new();
    };
    let mut reader = Reader { rest: text, line: 1 };
    let mut records = Vec::new();
    while !reader.rest.is_empty() {
        let line = reader.line;
        match reader.record() {
            Ok(fields) => records.push(Record { line, fields }),
            Err(text) => {
                problems.note(reader.line, text);
                reader.skip_line();
            }
        }
    }
    records
}

struct Reader<'t> {
    rest: &'t str,
    line: usize,
}

impl Reader<'_> {
    /// The fields up to the end of the record, which is taken too.
    fn record(&mut self) -> Result<Vec<String>, &'static str> {
        let mut fields = Vec::new();
        loop {
            if fields.len() == MOST_FIELDS {
                return Err("more than 64 fields; is this the right file?");
            }
            let field = if self.take('"') { self.quoted()? } else { self.plain()? };
            fields.push(field);
            if self.take(',') {
                continue;
            }
            if self.end_of_line() || self.rest.is_empty() {
                return Ok(fields);
            }
            return Err("after a closing quotation mark there must be a comma or the line's end");
        }
    }

    fn plain(&mut self) -> Result<String, &'static str> {
        let end = self.rest.find([',', '\n', '\r', '"']).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        if rest.starts_with('"') {
            return Err("a quotation mark inside of a field; quote the whole field and double it");
        }
        if rest.starts_with('\r') && !rest.starts_with("\r\n") {
            return Err("a carriage return without a line feed; lines end with CRLF or LF");
        }
        let field = checked(field)?;
        self.rest = rest;
        Ok(field)
    }

    /// After the opening quotation mark, up to and with the closing one.
    fn quoted(&mut self) -> Result<String, &'static str> {
        let mut field = String::new();
        loop {
            let Some(end) = self.rest.find('"') else {
                return Err("a quotation mark that is never closed");
            };
            let (piece, rest) = self.rest.split_at(end);
            if field.len() + piece.len() > LONGEST_FIELD {
                return Err("a field of more than 1024 bytes; is a quotation mark missing?");
            }
            field.push_str(piece);
            self.line += piece.bytes().filter(|byte| *byte == b'\n').count();
            self.rest = rest.get(1..).unwrap_or_default();
            if !self.take('"') {
                return checked(&field);
            }
            field.push('"');
        }
    }

    fn take(&mut self, char: char) -> bool {
        let rest = self.rest.strip_prefix(char);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn end_of_line(&mut self) -> bool {
        let rest = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix('\n'));
        self.line += usize::from(rest.is_some());
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_line(&mut self) {
        match self.rest.split_once('\n') {
            Some((_, rest)) => {
                self.line += 1;
                self.rest = rest;
            }
            None => self.rest = "",
        }
    }
}

fn checked(field: &str) -> Result<String, &'static str> {
    if field.len() > LONGEST_FIELD {
        return Err("a field of more than 1024 bytes; is this the right file?");
    }
    if field.chars().any(char::is_control) {
        return Err("a field with a control character or a line's end in it");
    }
    Ok(field.to_owned())
}

/// A record as a line, with quotation marks where they are needed.
pub(super) fn line(fields: &[&str]) -> String {
    let mut line = String::new();
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            line.push(',');
        }
        if field.contains([',', '"', '\r', '\n']) {
            line.push('"');
            line.push_str(&field.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(field);
        }
    }
    line.push_str("\r\n");
    line
}

/// Which column stands where; `None` where the first line is not in order. All of `needed` must be there; `known` may be; others may not.
pub(super) struct Columns(Vec<String>);

impl Columns {
    pub(super) fn read(
        header: &Record,
        needed: &[&str],
        known: &[&str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let before = problems.0.len();
        let names: Vec<String> = header.fields.clone();
        for column in needed {
            match names.iter().filter(|name| name == column).count() {
                1 => {}
                0 => problems.note(header.line, format!("there is no column `{column}`")),
                _ => problems.note(header.line, format!("the column `{column}` is there twice")),
            }
        }
        for name in &names {
            if !needed.contains(&name.as_str()) && !known.contains(&name.as_str()) {
                let shown: String = name.chars().take(40).collect();
                let text =
                    format!("`{shown}` is no column of this file; it has {}", needed.join(", "));
                problems.note(header.line, text);
            }
        }
        (problems.0.len() == before).then_some(Self(names))
    }

    /// The field of a record in a column; empty where there is none.
    pub(super) fn field<'r>(&self, record: &'r Record, column: &str) -> &'r str {
        let place = self.0.iter().position(|name| name == column);
        place.and_then(|place| record.fields.get(place)).map_or("", String::as_str)
    }

    /// Whether a record has as many fields as there are columns; noted if not.
    pub(super) fn fits(&self, record: &Record, problems: &mut Problems) -> bool {
        let fits = record.fields.len() == self.0.len();
        if !fits {
            let (found, wanted) = (record.fields.len(), self.0.len());
            problems
                .note(record.line, format!("{found} fields, where the first line has {wanted}"));
        }
        fits
    }
}
