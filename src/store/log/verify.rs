//! Verification of a log: every line's number and hash against the line before it, over one file
//! or several that follow each other.

use super::{Head, LineHash, entry, line_hash};
use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
};

/// What an intact log holds.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Records, all files together.
    pub records: u64,
    /// Number of the first record; 1 unless earlier files were left out.
    pub first: u64,
    /// The last record; `None` for an empty log.
    pub head: Option<Head>,
    /// Records by event.
    pub events: BTreeMap<String, u64>,
    /// Lines that a crash tore and that the next start marked.
    pub torn: u64,
    /// Losses that a process recorded and went on after.
    pub losses: u64,
    /// Starts after a process that was not stopped but ended: what it had going ended with it.
    pub unstopped: u64,
    /// The event of the last record.
    pub last: Option<String>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is not what the next line, or the remembered head, says it was.
    Altered,
    /// Lines from this number on are missing before it.
    Missing(u64),
    /// It stands in the wrong place.
    Reordered,
    /// It ends in the middle: a crash, or a write that is going on.
    Torn,
    /// The log ends before the line that is remembered.
    CutOff(u64),
    /// The file cannot be read.
    Unreadable(String),
}

/// The first bad line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its file.
    pub file: PathBuf,
    /// Its place in the file, from 1; 0 when it is the file itself.
    pub line: u64,
    /// What is wrong.
    pub why: Why,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        match &self.why {
            Why::Altered => write!(f, ": altered: it is not what was written"),
            Why::Missing(first) => write!(f, ": missing: record {first} should stand here"),
            Why::Reordered => write!(f, ": reordered: this record belongs elsewhere"),
            Why::Torn => write!(f, ": torn: it ends in the middle, as after a crash"),
            Why::CutOff(seq) => write!(f, ": cut off: record {seq} was there and is not"),
            Why::Unreadable(why) => write!(f, ": cannot be read: {why}"),
        }
    }
}

impl std::error::Error for Fault {}

/// Verifies files that make one log, in whatever order they are named; against a remembered head
/// where there is one.
///
/// # Errors
/// The first bad line.
pub fn files(paths: &[PathBuf], head: Option<Head>) -> Result<Report, Box<Fault>> {
    let mut ordered = Vec::with_capacity(paths.len());
    for path in paths {
        ordered.push((first_number(path)?, path));
    }
    ordered.sort();
    let mut walk = Walk::new(head);
    for (_, path) in &ordered {
        let end = walk.file(path)?;
        if let Some(tail) = end.torn {
            return Err(Box::new(Fault { file: path.to_path_buf(), line: tail, why: Why::Torn }));
        }
    }
    let last = ordered.last().map(|(_, path)| path.to_path_buf()).unwrap_or_default();
    walk.finish(&last)
}

/// Where a file's whole lines end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    /// Line of the torn rest, where there is one.
    pub(super) torn: Option<u64>,
    /// That rest.
    pub(super) rest: Option<Rest>,
    /// Bytes of whole lines.
    pub(super) bytes: u64,
}

/// What a crash left of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    /// SHA-256 of it as it will stand, with [`TORN`].
    pub(super) hash: LineHash,
    /// Its length without.
    pub(super) length: u64,
    /// Whether it stands so already: the start that ended it came to its own end before it could
    /// mark it.
    pub(super) ended: bool,
}

/// A walk along the chain.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) report: Report,
    next: Option<u64>,
    prev: LineHash,
    remembered: Option<Head>,
    seen: bool,
    /// The line that ended last, for the fault that the next one shows.
    last: Option<(PathBuf, u64)>,
}

/// Ends a torn line when the next start marks it, so that it never reads as a record, not even
/// where its line feed alone was torn off.
pub(super) const TORN: &[u8] = b"#";

/// Longest line that is read.
const LONGEST: u64 = 64 << 10;

#[derive(serde::Deserialize)]
struct Fields {
    seq: u64,
    prev: String,
    event: String,
    torn: Option<String>,
    #[serde(default)]
    unstopped: bool,
}

impl Walk {
    pub(super) fn new(remembered: Option<Head>) -> Self {
        Self {
            report: Report::default(),
            next: None,
            prev: [0; 32],
            remembered,
            seen: remembered.is_none(),
            last: None,
        }
    }

    /// Walks one file.
    pub(super) fn file(&mut self, path: &Path) -> Result<End, Box<Fault>> {
        let fault = |line, why| Box::new(Fault { file: path.to_path_buf(), line, why });
        let unreadable = |error: io::Error| fault(0, Why::Unreadable(error.to_string()));
        let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
        let mut end = End::default();
        // A line that is no record may stand only directly before the record that marks it.
        let mut unmarked: Option<(u64, Rest)> = None;
        for number in 1.. {
            let mut line = Vec::new();
            let length =
                (&mut reader).take(LONGEST).read_until(b'\n', &mut line).map_err(unreadable)?;
            if length == 0 {
                break;
            }
            if line.pop_if(|byte| *byte == b'\n').is_none() {
                if line.len() as u64 >= LONGEST {
                    return Err(fault(number, Why::Altered));
                }
                if let Some((bad, _)) = unmarked {
                    return Err(fault(bad, Why::Altered));
                }
                end.torn = Some(number);
                let length = line.len() as u64;
                line.extend_from_slice(TORN);
                end.rest = Some(Rest { hash: line_hash(&line), length, ended: false });
                break;
            }
            let hash = line_hash(&line);
            match (serde_json::from_slice::<Fields>(&line), unmarked.take()) {
                (Ok(fields), None) => self.step(path, number, &fields, hash)?,
                (Ok(fields), Some((bad, rest))) => {
                    if fields.torn.as_deref() != Some(entry::hex(&rest.hash).as_str())
                        || fields.event != "torn"
                    {
                        return Err(fault(bad, Why::Altered));
                    }
                    self.report.torn += 1;
                    self.step(path, number, &fields, hash)?;
                }
                (Err(_), Some((bad, _))) => return Err(fault(bad, Why::Altered)),
                (Err(_), None) => {
                    let ended = line.ends_with(TORN);
                    let length = line.len().saturating_sub(TORN.len()) as u64;
                    unmarked = Some((number, Rest { hash, length, ended }));
                }
            }
            end.bytes = end.bytes.saturating_add(length as u64);
        }
        match unmarked {
            Some((bad, rest)) if rest.ended => Ok(End { torn: Some(bad), rest: Some(rest), ..end }),
            Some((bad, _)) => Err(fault(bad, Why::Altered)),
            None => Ok(end),
        }
    }

    fn step(
        &mut self,
        path: &Path,
        number: u64,
        fields: &Fields,
        hash: LineHash,
    ) -> Result<(), Box<Fault>> {
        let fault = |line, why| Box::new(Fault { file: path.to_path_buf(), line, why });
        let prev = entry::unhex::<32>(&fields.prev);
        match self.next {
            None => {
                let genuine = fields.seq > 1 || prev == Some([0; 32]);
                if !genuine || prev.is_none() || fields.seq == 0 {
                    return Err(fault(number, Why::Altered));
                }
                self.report.first = fields.seq;
            }
            Some(next) if fields.seq == next && prev == Some(self.prev) => {}
            // The line that a process wrote knowingly after a loss begins a new stretch.
            Some(_) if fields.event == "loss" && prev == Some([0; 32]) => {}
            Some(next) if fields.seq == next => {
                // This line says what the one before it was.
                let (file, line) = self.last.clone().unwrap_or((path.to_path_buf(), number));
                return Err(Box::new(Fault { file, line, why: Why::Altered }));
            }
            Some(_) if prev == Some(self.prev) => return Err(fault(number, Why::Altered)),
            Some(next) if fields.seq < next || stands_later(path, number, next) => {
                return Err(fault(number, Why::Reordered));
            }
            Some(next) => return Err(fault(number, Why::Missing(next))),
        }
        if fields.event == "loss" {
            self.report.losses += 1;
        }
        self.report.unstopped += u64::from(fields.unstopped);
        self.report.last = Some(fields.event.clone());
        let head = Head { seq: fields.seq, hash };
        if let Some(remembered) = self.remembered.filter(|one| one.seq == head.seq) {
            if remembered != head {
                return Err(fault(number, Why::Altered));
            }
            self.seen = true;
        }
        self.report.records += 1;
        *self.report.events.entry(fields.event.clone()).or_default() += 1;
        self.report.head = Some(head);
        self.next = Some(fields.seq.saturating_add(1));
        self.prev = hash;
        self.last = Some((path.to_path_buf(), number));
        Ok(())
    }

    /// The report, unless the remembered line was not met.
    pub(super) fn finish(self, last: &Path) -> Result<Report, Box<Fault>> {
        match self.remembered {
            Some(head) if !self.seen => {
                let file = last.to_path_buf();
                Err(Box::new(Fault { file, line: 0, why: Why::CutOff(head.seq) }))
            }
            _ => Ok(self.report),
        }
    }
}

/// Whether record `seq` stands somewhere after `number` in the file.
fn stands_later(path: &Path, number: u64, seq: u64) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    for at in 1_u64.. {
        line.clear();
        match (&mut reader).take(LONGEST).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
        let found = serde_json::from_slice::<Fields>(&line).is_ok_and(|one| one.seq == seq);
        if at > number && found {
            return true;
        }
    }
    false
}

/// Number of a file's first record; files without one come last.
fn first_number(path: &Path) -> Result<u64, Box<Fault>> {
    let unreadable = |error: io::Error| {
        let why = Why::Unreadable(error.to_string());
        Box::new(Fault { file: path.to_path_buf(), line: 0, why })
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut line = Vec::new();
    BufReader::new(file).take(LONGEST).read_until(b'\n', &mut line).map_err(unreadable)?;
    Ok(serde_json::from_slice::<Fields>(&line).map_or(u64::MAX, |fields| fields.seq))
}
