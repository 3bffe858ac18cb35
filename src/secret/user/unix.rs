//! User ids (credentials(7)).
#![allow(unsafe_code)]

use serde::{Deserialize as _, Deserializer};

pub(crate) type Id = u32;

pub(super) const FORM: &str = "a user is written as a number, as `id -u` says it";

pub(super) fn own() -> Id {
    rustix::process::geteuid().as_raw()
}

pub(super) fn is_root(id: &Id) -> bool {
    *id == 0
}

pub(super) fn is_own(id: &Id) -> bool {
    *id == own()
}

pub(super) fn numbered(number: u32) -> Option<Id> {
    Some(number)
}

pub(super) fn number(id: &Id) -> Option<u32> {
    Some(*id)
}

pub(super) fn parse(text: &str) -> Option<Id> {
    text.parse().ok()
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
    u32::deserialize(deserializer)
}

#[cfg(target_os = "linux")]
pub(super) fn is_raised() -> bool {
    // SAFETY: reads the auxiliary vector, touches nothing.
    let secure = unsafe { libc::getauxval(libc::AT_SECURE) };
    secure != 0
}

/// Elsewhere nothing tells, so no variable is believed.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_raised() -> bool {
    true
}
