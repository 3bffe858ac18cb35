//! Security identifiers (MS-DTYP section 2.4.2).

use crate::secret::windows::{Sid, Token};
use serde::{Deserialize as _, Deserializer, de::Error as _};

pub(crate) type Id = Sid;

pub(super) const FORM: &str =
    "a user is written as a security identifier, S-1-5-..., as `whoami /user` says it";

/// The user of this process; the system's `nobody` where it does not even tell that.
pub(super) fn own() -> Id {
    Token::own().and_then(|token| token.user()).unwrap_or(Sid::NOBODY)
}

/// The drive and `Program Files` belong to the installer of the system.
pub(super) fn is_root(id: &Id) -> bool {
    [Sid::SYSTEM, Sid::ADMINISTRATORS, Sid::TRUSTED_INSTALLER].contains(id)
}

/// What an administrator's process makes belongs to the group of the administrators.
pub(super) fn is_own(id: &Id) -> bool {
    let owner = || Token::own().and_then(|token| token.owner());
    *id == own() || owner().is_ok_and(|owner| owner == *id)
}

pub(super) fn numbered(_: u32) -> Option<Id> {
    None
}

pub(super) fn number(_: &Id) -> Option<u32> {
    None
}

pub(super) fn parse(text: &str) -> Option<Id> {
    Sid::parse(text)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
    let text = String::deserialize(deserializer)?;
    Sid::parse(&text).ok_or_else(|| D::Error::custom(FORM))
}

/// One who cannot be asked has more than it says.
pub(super) fn is_raised() -> bool {
    Token::own().and_then(|token| token.is_elevated()).unwrap_or(true)
}
