//! By the File System Hierarchy Standard and the XDG Base Directory Specification.

use super::absolute;
use crate::net::Address;
use std::{ffi::OsString, path::PathBuf};

pub(super) const STATE_VARIABLES: &str = "XDG_STATE_HOME nor HOME";

pub(super) fn ward() -> Address {
    Address::Unix("/run/wardcard/pkcs11".into())
}

pub(super) fn personal(variable: impl Fn(&str) -> Option<OsString>) -> Option<Address> {
    let folder = variable("XDG_RUNTIME_DIR").and_then(absolute)?;
    Some(Address::Unix(folder.join("wardcard/pkcs11")))
}

pub(super) fn client_settings() -> PathBuf {
    "/etc/wardcard/client.toml".into()
}

pub(super) fn ward_state() -> PathBuf {
    "/var/lib/wardcard".into()
}

pub(super) fn state(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let home = || variable("HOME").and_then(absolute).map(|home| home.join(".local/state"));
    let state = variable("XDG_STATE_HOME").and_then(absolute).or_else(home)?;
    Some(state.join("wardcard"))
}

pub(super) fn configurations(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".config"));
    let person = variable("XDG_CONFIG_HOME").and_then(absolute).or_else(home);
    let person = person.map(|folder| folder.join("wardcard/agent.toml"));
    [Some("/etc/wardcard/agent.toml".into()), person].into_iter().flatten().collect()
}
