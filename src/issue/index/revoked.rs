//! `revoked.jsonl`: what stands on coming CRLs, and what has stood there long enough.
//!
//! Lines are added by whoever revokes, the issuing process or a command beside it, one at a time
//! by the folder's lock. What RFC 5280 section 3.3 lets go moves to `revoked-before.jsonl`.

use super::{malformed, read::lines};
use crate::{
    clock::Time,
    issue::{Serial, directory::CaError, files, slot_name, slot_named},
    pki::{KeySlot, Reason},
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

/// One revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::issue) struct End {
    /// Of which certificate.
    pub(in crate::issue) serial: Serial,
    /// Issued by the authority of this name.
    pub(in crate::issue) authority: String,
    /// Its slot.
    pub(super) slot: KeySlot,
    /// Last second of the certificate's validity.
    pub(in crate::issue) not_after: Time,
    /// When.
    pub(in crate::issue) at: Time,
    /// Why.
    pub(in crate::issue) reason: Reason,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    serial: String,
    authority: String,
    slot: String,
    not_after: String,
    revoked: String,
    reason: String,
}

impl End {
    /// That of a certificate on record.
    pub(in crate::issue) fn of(entry: &super::Entry, at: Time, reason: Reason) -> Self {
        Self {
            serial: entry.serial.clone(),
            authority: entry.authority.clone(),
            slot: entry.slot,
            not_after: entry.not_after,
            at,
            reason,
        }
    }

    fn line(&self) -> Result<String, CaError> {
        let line = Line {
            serial: self.serial.to_string(),
            authority: self.authority.clone(),
            slot: slot_name(self.slot).to_owned(),
            not_after: self.not_after.to_string(),
            revoked: self.at.to_string(),
            reason: self.reason.name().to_owned(),
        };
        serde_json::to_string(&line).map_err(|error| CaError::Issue(error.to_string()))
    }

    fn parse(line: &str) -> Option<Self> {
        let line: Line = serde_json::from_str(line).ok()?;
        Some(Self {
            serial: Serial::parse(&line.serial)?,
            authority: line.authority,
            slot: slot_named(&line.slot)?,
            not_after: Time::parse_rfc3339(&line.not_after)?,
            at: Time::parse_rfc3339(&line.revoked)?,
            reason: Reason::named(&line.reason)?,
        })
    }
}

/// The revocations of a folder.
#[derive(Debug, Default)]
pub(in crate::issue) struct Ends {
    /// In the order in which they were made; the first of a certificate counts.
    pub(in crate::issue) all: Vec<End>,
}

impl Ends {
    /// Those that are on record, those on no CRL any more included.
    pub(in crate::issue) fn read(folder: &Path) -> Result<Self, CaError> {
        let mut all = read(&before(folder))?;
        all.extend(read(&now(folder))?);
        Ok(Self { all })
    }

    /// Those for the next CRLs. Under the folder's lock.
    pub(in crate::issue) fn current(folder: &Path) -> Result<Self, CaError> {
        Ok(Self { all: read(&now(folder))? })
    }

    /// Moves those out of the way that `done` tells of. Under the folder's lock.
    pub(in crate::issue) fn let_go(
        self,
        folder: &Path,
        done: impl Fn(&End) -> bool,
    ) -> Result<Self, CaError> {
        let (gone, all): (Vec<End>, Vec<End>) = self.all.into_iter().partition(|end| done(end));
        if !gone.is_empty() {
            append(&before(folder), &gone)?;
            // A crash in between leaves them in both, which changes nothing.
            files::write(&now(folder), text(&all)?.as_bytes(), 0o600)?;
        }
        Ok(Self { all })
    }
}

/// Adds revocations in one write and waits until they are on disk.
pub(in crate::issue) fn add(folder: &Path, ends: &[End]) -> Result<(), CaError> {
    let _turn = files::lock_folder(folder)?;
    append(&now(folder), ends)
}

fn append(path: &Path, ends: &[End]) -> Result<(), CaError> {
    let mut file = files::open_append(path)?;
    let failed = |error: io::Error| CaError::io(path, &error);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    // What a crash cut short was never answered to anybody, and must not swallow the next line.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
    file.set_len(u64::try_from(whole).unwrap_or(0)).map_err(failed)?;
    file.write_all(text(ends)?.as_bytes()).map_err(failed)?;
    file.sync_data().map_err(failed)
}

fn text(ends: &[End]) -> Result<String, CaError> {
    ends.iter().map(|end| Ok(end.line()? + "\n")).collect()
}

fn read(path: &Path) -> Result<Vec<End>, CaError> {
    lines(path)?.iter().map(|line| End::parse(line).ok_or_else(|| malformed(path))).collect()
}

fn now(folder: &Path) -> PathBuf {
    folder.join("revoked.jsonl")
}

fn before(folder: &Path) -> PathBuf {
    folder.join("revoked-before.jsonl")
}

/// Changes whenever somebody revokes.
pub(in crate::issue) fn mark(folder: &Path) -> Option<(u64, std::time::SystemTime)> {
    let metadata = std::fs::metadata(now(folder)).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}
