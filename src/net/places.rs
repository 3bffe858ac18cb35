//! The well-known places of a machine: where agents are found, and where files are looked for.

#[cfg_attr(unix, path = "places/unix.rs")]
#[cfg_attr(windows, path = "places/windows.rs")]
mod system;

use super::Address;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Where the ward's agent serves applications.
pub fn ward() -> Address {
    system::ward()
}

/// Where the agent of this person serves applications; `None` where the variables name no place
/// (on Unix `$XDG_RUNTIME_DIR`).
pub fn personal(variable: impl Fn(&str) -> Option<OsString>) -> Option<Address> {
    system::personal(variable)
}

/// What the administrator of this machine says to every client: `/etc/wardcard/client.toml`, on
/// Windows below the system's folder of program data, if it is the administrators' alone to write.
pub fn client_settings() -> PathBuf {
    system::client_settings()
}

/// Where the ward's agent keeps its state.
pub fn ward_state() -> PathBuf {
    system::ward_state()
}

/// Where this person's programs keep their state; `None` where the variables name no place.
pub fn state(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    system::state(variable)
}

/// The configurations that are meant when none is named: the machine's, and the person's.
pub fn configurations(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    system::configurations(variable)
}

/// The variables that name [`state`], for messages.
pub const STATE_VARIABLES: &str = system::STATE_VARIABLES;

fn absolute(named: OsString) -> Option<PathBuf> {
    Some(PathBuf::from(named)).filter(|path| Path::is_absolute(path))
}
