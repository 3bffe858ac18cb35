//! What stands in the record, for `wardcard ca show` and at the start of an issuer.

use super::{Entry, log_folder, malformed, revoked};
use crate::{
    clock::Time,
    issue::{Serial, directory::CaError, files, slot_named},
    pki::UserId,
    store::log,
};
use serde::Deserialize;
use std::{collections::HashMap, path::Path};

/// A line of the chain, as far as it is of use here.
#[derive(Deserialize)]
struct Fields {
    event: String,
    serial: Option<String>,
    authority: Option<String>,
    slot: Option<String>,
    person: Option<String>,
    client: Option<String>,
    not_after: Option<String>,
}

/// All entries of a folder's record with their revocations, in the order in which they were
/// issued. An unfinished last line is left out: its certificate never went out. That the chain
/// holds is not looked at here.
pub(in crate::issue) fn entries(folder: &Path) -> Result<Vec<Entry>, CaError> {
    let ends = revoked::Ends::read(folder)?;
    let ends: HashMap<&Serial, _> =
        ends.all.iter().rev().map(|end| (&end.serial, (end.at, end.reason))).collect();
    let place = log_folder(folder);
    let mut entries = Vec::new();
    for file in log::files_in(&place).map_err(|error| CaError::log(&place, error))? {
        for line in lines(&file)? {
            // A line that a crash tore, ended and marked by the next start.
            if line.ends_with('#') {
                continue;
            }
            let fields: Fields = serde_json::from_str(&line).map_err(|_| malformed(&file))?;
            if fields.event == "issued" {
                let mut entry = fields.entry().ok_or_else(|| malformed(&file))?;
                entry.revoked = ends.get(&entry.serial).copied();
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}

impl Fields {
    fn entry(self) -> Option<Entry> {
        Some(Entry {
            serial: Serial::parse(&self.serial?)?,
            authority: self.authority?,
            slot: slot_named(&self.slot?)?,
            person: UserId::parse(&self.person?)?,
            client: self.client,
            not_after: Time::parse_rfc3339(&self.not_after?)?,
            revoked: None,
        })
    }
}

/// The whole lines of a private file; none where there is no file.
pub(super) fn lines(path: &Path) -> Result<Vec<String>, CaError> {
    let text = match files::read_private(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| malformed(path))?,
        Err(CaError::Missing(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    Ok(whole.lines().map(str::to_owned).collect())
}
