//! Users of this machine, as the operating system knows them: a number on Unix, a security
//! identifier (MS-DTYP section 2.4.2) on Windows.

#[cfg_attr(unix, path = "user/unix.rs")]
#[cfg_attr(windows, path = "user/windows.rs")]
mod system;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// A user of this machine. Written and read as a number (user id) on Unix, as a security identifier
/// (`S-1-5-...`) on Windows.
///
/// ```
/// use wardcard::secret::User;
/// let own = User::own();
/// assert_eq!(own.to_string().parse(), Ok(own));
/// assert!("nobody-by-that-number".parse::<User>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct User(pub(crate) system::Id);

/// The text names no user in the way of this system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", system::FORM)]
pub struct NoUser;

impl User {
    /// The one that this process runs as (on Unix the effective user id).
    pub fn own() -> Self {
        Self(system::own())
    }

    /// Whether this is whom every program of the machine has to believe: root; on Windows the
    /// system itself, its installer and its administrators.
    pub fn is_root(self) -> bool {
        system::is_root(&self.0)
    }

    /// Whether what belongs to this user belongs to this process: it runs as that user or, on
    /// Windows, as one whose files belong to the administrators.
    pub fn owns_as_own(self) -> bool {
        system::is_own(&self.0)
    }

    /// The user of a number, where this system's users have numbers. [`u32::MAX`], which is nobody's,
    /// stands for [`User::own`].
    pub fn numbered(number: u32) -> Option<Self> {
        if number == u32::MAX { Some(Self::own()) } else { system::numbered(number).map(Self) }
    }

    /// The number of this user, where this system's users have numbers.
    pub fn number(self) -> Option<u32> {
        system::number(&self.0)
    }
}

/// Whether this process runs with more privileges than the one who started it (on Linux AT_SECURE, on
/// Windows an administrator's that the person's other programs lack), so that its environment is not
/// to be believed.
pub fn is_raised() -> bool {
    system::is_raised()
}

#[cfg(unix)]
impl From<u32> for User {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

/// One of many users, for tests.
#[cfg(all(windows, test))]
impl From<u32> for User {
    fn from(number: u32) -> Self {
        system::parse(&format!("S-1-5-21-1-2-3-{number}")).map_or_else(Self::own, Self)
    }
}

impl FromStr for User {
    type Err = NoUser;

    fn from_str(text: &str) -> Result<Self, NoUser> {
        system::parse(text).map(Self).ok_or(NoUser)
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User({})", self.0)
    }
}

impl Serialize for User {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.number() {
            Some(number) => serializer.serialize_u32(number),
            None => serializer.collect_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        system::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_written_and_read_as_the_system_writes_users() {
        let own = User::own();
        let json = serde_json::to_string(&own).unwrap();
        assert_eq!(serde_json::from_str::<User>(&json).unwrap(), own);
        assert_eq!(own.to_string().parse(), Ok(own));
        assert!(own.owns_as_own());
        assert_eq!(User::numbered(u32::MAX), Some(own));
        assert_eq!(own.number().is_some(), cfg!(unix));
        for text in ["", "-1", "root", "S-1", "S-1-5-", "4294967296", "S-1-5-x"] {
            assert_eq!(text.parse::<User>(), Err(NoUser), "{text}");
        }
    }
}
