//! The secrets of an agent and of an authority that live long: where each is, how old, and how it
//! is replaced. Never what it is.

mod rotate;

pub use rotate::{Rotated, Sealing, retire, rotate};

use super::config::{CONFIGURATION, Config, Problem, Problems};
use crate::{
    clock::Time,
    issue::directory::{CaDirectory, CaError},
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// One secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongLived {
    /// What it is for.
    pub what: String,
    /// Its file.
    pub place: PathBuf,
    /// Since when the file is as it is; none where it cannot be seen.
    pub since: Option<Time>,
    /// How it is replaced, and whether something has to be restarted.
    pub replace: &'static str,
}

impl LongLived {
    fn new(what: String, place: PathBuf, replace: &'static str) -> Self {
        let changed = std::fs::metadata(&place).and_then(|found| found.modified()).ok();
        let since = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|since| {
            Time::from_unix_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
        });
        Self { what, place, since, replace }
    }

    /// Its age in whole days; none where it cannot be told.
    pub fn days(&self, now: Time) -> Option<u64> {
        self.since.map(|since| now.since(since).as_secs() / (24 * 3600))
    }
}

/// Keys of a configuration that name a file with a secret: the key, the table that it stands in
/// (any, where none is named), what it is, and how it is replaced.
const NAMED: [(&str, Option<&str>, &str, &str); 8] = [
    (
        "secret_file",
        Some("host"),
        "secret of hosts",
        "move it to previous_secret_file, write a new one, give that to each host, take the \
         previous one away; no restart",
    ),
    (
        "previous_secret_file",
        Some("host"),
        "previous secret of hosts",
        "take it away as soon as each host has the new one; no restart",
    ),
    (
        "client_secret_file",
        None,
        "client secret at the OpenID provider",
        "have the provider take both, replace the file, end the old one there; no restart",
    ),
    (
        "client_key_file",
        None,
        "client key at the OpenID provider",
        "register the new public key beside the old one, replace the file; no restart",
    ),
    (
        "key_file",
        Some("issuer"),
        "key of TLS towards the issuer",
        "replace certificate and key: read for each connection; no restart",
    ),
    (
        "key_file",
        Some("enrolled"),
        "key of the store of enrolled cards",
        "wardcard secrets rotate enrolled, later retire enrolled; no restart",
    ),
    ("release_key_file", None, "key of release", RELEASE),
    (
        "keys_file",
        None,
        "public keys of an attesting host (its private key is the host's)",
        "add the new key beside the old one, have the host sign by it, take the old one away; no restart",
    ),
];

/// How the key of release is replaced.
const RELEASE: &str = "wardcard secrets rotate release, later retire release; no restart";

/// The secrets that the agent of a configuration lives by.
///
/// # Errors
/// The configuration does not hold.
pub fn of_agent(path: &Path) -> Result<(Config, Vec<LongLived>), Problems> {
    let config = Config::load(path)?;
    let unreadable = |error: String| Problems {
        what: CONFIGURATION,
        path: Some(path.to_owned()),
        problems: vec![Problem { line: 0, text: error }],
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let table: toml::Table =
        toml::from_str(&text).map_err(|error| unreadable(error.message().to_owned()))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut found = Vec::new();
    walk(&table, "", folder, &mut found);
    if let Some(state) = &config.state {
        found.push(LongLived::new(
            "key of the agent's store".to_owned(),
            state.join(super::state::KEY),
            "wardcard secrets rotate store, later retire store; no restart",
        ));
        let release = state.join(super::parts::RELEASE_KEY);
        if release.exists() {
            found.push(LongLived::new("key of release".to_owned(), release, RELEASE));
        }
    }
    found.extend(rotate::unended(&config));
    let mut seen = BTreeSet::new();
    found.retain(|one| seen.insert(one.place.clone()));
    Ok((config, found))
}

/// Collects what a table and those within it name; tables nest as deep as the configuration's,
/// which has been read already.
fn walk(table: &toml::Table, at: &str, folder: &Path, found: &mut Vec<LongLived>) {
    for (key, value) in table {
        match value {
            toml::Value::String(file) => {
                let named = NAMED.iter().find(|(name, within, ..)| {
                    name == key && within.is_none_or(|within| within == at)
                });
                let Some((_, _, what, replace)) = named else { continue };
                let place = folder.join(file);
                // The previous secret is away when the overlap is over, as it should be.
                if *key != "previous_secret_file" || place.exists() {
                    found.push(LongLived::new((*what).to_owned(), place, replace));
                }
            }
            toml::Value::Table(inner) => walk(inner, key, folder, found),
            toml::Value::Array(all) => {
                for inner in all.iter().filter_map(toml::Value::as_table) {
                    walk(inner, key, folder, found);
                }
            }
            _ => {}
        }
    }
}

/// The secrets of a certification authority.
///
/// # Errors
/// The authority cannot be opened.
pub fn of_authority(folder: &Path) -> Result<Vec<LongLived>, CaError> {
    let directory = CaDirectory::open(folder)?;
    let mut found = Vec::new();
    for listed in directory.list().into_iter().filter(|listed| listed.key_present) {
        let end = listed.certificate.not_after();
        let (place, replace) = match listed.name.as_str() {
            "root" => (
                folder.join("root/root.key"),
                "make a new authority beside this one, trust both roots until this one has ended",
            ),
            name => (
                folder.join(format!("{name}.key")),
                "wardcard ca renew; no restart; the old one revokes until its certificates have \
                 ended",
            ),
        };
        found.push(LongLived::new(format!("key of {} until {end}", listed.name), place, replace));
    }
    for place in ["seal.key", "root/seal.key"].map(|name| folder.join(name)) {
        if place.exists() {
            let replace = "wardcard ca reseal; no restart";
            found.push(LongLived::new("key that seals keys".to_owned(), place, replace));
        }
    }
    if let Some(place) = directory.tls_key() {
        let replace = "replace certificate and key: read again when they change; no restart";
        found.push(LongLived::new("key of TLS".to_owned(), place, replace));
    }
    Ok(found)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
