//! Pipes by the user's security identifier; files in the folders of the system's and of the user's
//! program data.

use super::absolute;
use crate::{net::Address, secret::User};
use std::{ffi::OsString, path::PathBuf};

pub(super) const STATE_VARIABLES: &str = "LOCALAPPDATA";

pub(super) fn ward() -> Address {
    Address::Pipe("wardcard-pkcs11".to_owned())
}

pub(super) fn personal(_: impl Fn(&str) -> Option<OsString>) -> Option<Address> {
    Some(Address::Pipe(format!("wardcard-pkcs11-{}", User::own())))
}

/// By the variable that the system sets. A user may set another, and it may be anybody's folder: what
/// is read from there has to be the administrators' own.
fn program_data() -> PathBuf {
    let named = std::env::var_os("ProgramData").and_then(absolute);
    named.unwrap_or_else(|| r"C:\ProgramData".into()).join("Wardcard")
}

pub(super) fn client_settings() -> PathBuf {
    program_data().join("client.toml")
}

pub(super) fn ward_state() -> PathBuf {
    program_data().join("state")
}

pub(super) fn state(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    Some(variable("LOCALAPPDATA").and_then(absolute)?.join("Wardcard"))
}

pub(super) fn configurations(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let person = variable("APPDATA").and_then(absolute);
    let person = person.map(|folder| folder.join(r"Wardcard\agent.toml"));
    [Some(program_data().join("agent.toml")), person].into_iter().flatten().collect()
}
