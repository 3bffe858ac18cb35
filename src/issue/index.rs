//! The record of issued certificates: one JSON line each, on disk before the certificate goes out.
//!
//! A revocation is a line of its own in a file beside it. Lines are only ever added.

use super::{Issued, directory::CaError, files, slot_name, slot_named};
use crate::{
    clock::Time,
    pki::{Assurance, KeySlot, UserId},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

/// One issued certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Serial number, lower-case hexadecimal without leading zero bytes.
    pub serial: String,
    /// Which kind of certificate.
    pub slot: KeySlot,
    /// Whose.
    pub person: UserId,
    /// Last second of its validity.
    pub not_after: Time,
    /// When it was revoked, if it was.
    pub revoked: Option<Time>,
}

/// The open record, held by one issuing process at a time.
#[derive(Debug)]
pub(super) struct Index {
    file: Mutex<File>,
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    serial: String,
    slot: String,
    person: String,
    issued: String,
    not_before: String,
    not_after: String,
    authentication: u8,
    identity: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokedLine {
    serial: String,
    revoked: String,
}

impl Index {
    /// Opens the record for adding. What a crash left unfinished at its end was never answered to
    /// anybody and is cut off.
    pub(super) fn open(path: &Path) -> Result<Self, CaError> {
        let mut file = files::open_append(path)?;
        let failed = |error: io::Error| CaError::io(path, &error);
        file.try_lock().map_err(|_| CaError::InUse(path.to_owned()))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        if whole != bytes.len() {
            file.set_len(u64::try_from(whole).unwrap_or(0)).map_err(failed)?;
            file.sync_data().map_err(failed)?;
        }
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { file: Mutex::new(file), path: path.to_owned() })
    }

    /// Adds the certificates of one order in one write, and waits until they are on disk.
    pub(super) fn record(
        &self,
        issued: &[Issued],
        assurance: &Assurance,
        now: Time,
    ) -> Result<(), CaError> {
        let mut text = String::new();
        for one in issued {
            let line = Line {
                serial: serial_hex(one.certificate.serial_der()),
                slot: slot_name(one.slot).to_owned(),
                person: assurance.person.as_str().to_owned(),
                issued: now.to_string(),
                not_before: one.certificate.not_before().to_string(),
                not_after: one.certificate.not_after().to_string(),
                authentication: assurance.authentication.0,
                identity: assurance.identity.0,
            };
            text.push_str(&json(&line)?);
            text.push('\n');
        }
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let failed = |error: io::Error| CaError::io(&self.path, &error);
        let start = file.stream_position().map_err(failed)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        written.map_err(|error| {
            // Nothing goes out for these lines. If they cannot be cut off, they stand for
            // certificates that nobody has, which does no harm.
            let _ = file.set_len(start);
            let _ = file.seek(SeekFrom::End(0));
            failed(error)
        })
    }
}

/// All entries of a record, with their revocations, in the order in which they were issued. An
/// unfinished last line is left out: its certificate never went out.
pub(super) fn read(issued: &Path, revoked: &Path) -> Result<Vec<Entry>, CaError> {
    let mut ends = BTreeMap::new();
    for line in lines(revoked)? {
        let RevokedLine { serial, revoked: at } = parse(&line, revoked)?;
        let at = Time::parse_rfc3339(&at).ok_or_else(|| malformed(revoked))?;
        ends.entry(serial).or_insert(at);
    }
    lines(issued)?
        .iter()
        .map(|line| {
            let line: Line = parse(line, issued)?;
            Ok(Entry {
                slot: slot_named(&line.slot).ok_or_else(|| malformed(issued))?,
                person: UserId::parse(&line.person).ok_or_else(|| malformed(issued))?,
                not_after: Time::parse_rfc3339(&line.not_after).ok_or_else(|| malformed(issued))?,
                revoked: ends.get(&line.serial).copied(),
                serial: line.serial,
            })
        })
        .collect()
}

/// Adds a revocation and waits until it is on disk.
pub(super) fn revoke(path: &Path, serial: &str, now: Time) -> Result<(), CaError> {
    let line = json(&RevokedLine { serial: serial.to_owned(), revoked: now.to_string() })?;
    let mut file = files::open_append(path)?;
    let failed = |error: io::Error| CaError::io(path, &error);
    file.lock().map_err(failed)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    // A line that a crash cut short is ended first, so that it cannot swallow this one.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
    file.set_len(u64::try_from(whole).unwrap_or(0)).map_err(failed)?;
    file.write_all(format!("{line}\n").as_bytes()).map_err(failed)?;
    file.sync_data().map_err(failed)
}

/// The serial of a DER INTEGER (tag and length included) as lower-case hexadecimal.
pub fn serial_hex(serial_der: &[u8]) -> String {
    magnitude(serial_der).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The octets of a positive DER INTEGER of short length, without its sign octet.
fn magnitude(serial_der: &[u8]) -> &[u8] {
    match serial_der {
        [0x02, _, 0x00, rest @ ..] if !rest.is_empty() => rest,
        [0x02, _, rest @ ..] => rest,
        other => other,
    }
}

/// The bytes of a serial in hexadecimal, colons allowed as `openssl` and browsers write them.
pub(super) fn parse_serial(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|char| *char != ':').collect();
    let plain = plain.trim_start_matches("00").to_ascii_lowercase();
    let shape = plain.bytes().all(|byte| byte.is_ascii_hexdigit());
    (shape && plain.len().is_multiple_of(2) && (2..=40).contains(&plain.len())).then_some(plain)
}

/// The DER INTEGER (tag and length included) of a serial that [`serial_hex`] or [`parse_serial`]
/// gave.
pub(super) fn serial_der(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex
        .chars()
        .map(|char| char.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let mut octets: Vec<u8> =
        digits?.as_chunks::<2>().0.iter().map(|[high, low]| (high << 4) | low).collect();
    if *octets.first()? >= 0x80 {
        octets.insert(0, 0);
    }
    let length = u8::try_from(octets.len()).ok().filter(|length| *length < 0x80)?;
    octets.splice(0..0, [0x02, length]);
    Some(octets)
}

fn lines(path: &Path) -> Result<Vec<String>, CaError> {
    let text = match files::read_private(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| malformed(path))?,
        Err(CaError::Missing(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    Ok(whole.lines().map(str::to_owned).collect())
}

fn parse<'a, T: Deserialize<'a>>(line: &'a str, path: &Path) -> Result<T, CaError> {
    serde_json::from_str(line).map_err(|_| malformed(path))
}

fn json<T: Serialize>(line: &T) -> Result<String, CaError> {
    serde_json::to_string(line).map_err(|error| CaError::Issue(error.to_string()))
}

fn malformed(path: &Path) -> CaError {
    CaError::Malformed(path.to_owned(), "a line is not as it was written".to_owned())
}
