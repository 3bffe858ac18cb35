//! One person of the roster.

use crate::{clock::Time, pki::UserId};
use std::fmt;

/// What kind of person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Employed here.
    #[default]
    Staff,
    /// Here for a time: bank, agency, student. Always with an end.
    Temporary,
    /// A program that signs in for itself.
    Robot,
}

impl Kind {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Staff, Self::Temporary, Self::Robot];

    /// The word in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Temporary => "temporary",
            Self::Robot => "robot",
        }
    }

    /// Whether such a person signs prescriptions: nobody is behind a robot to be asked.
    pub const fn commits(self) -> bool {
        match self {
            Self::Staff | Self::Temporary => true,
            Self::Robot => false,
        }
    }
}

/// Whether a person may have cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Yes, within their time.
    Enabled,
    /// No.
    Disabled,
}

impl State {
    /// The word in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

/// A person of the roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The 12 digits.
    pub person: UserId,
    /// The local account that the person's cards are for, at most 104 characters; empty: any.
    pub account: String,
    /// What kind of person.
    pub kind: Kind,
    /// From when on; none: always so far.
    pub valid_from: Option<Time>,
    /// Until when, this moment no longer; none: no end.
    pub valid_to: Option<Time>,
    /// Whether cards are had at all.
    pub state: State,
}

impl fmt::Display for Entry {
    /// One line: number, account, kind, time, state.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { person, account, kind, valid_from, valid_to, state } = self;
        write!(f, "{} {account}, {}, ", person.as_str(), kind.name())?;
        match (valid_from, valid_to) {
            (None, None) => f.write_str("without an end")?,
            (Some(from), None) => write!(f, "from {from}")?,
            (None, Some(to)) => write!(f, "until {to}")?,
            (Some(from), Some(to)) => write!(f, "from {from} until {to}")?,
        }
        write!(f, ", {}", state.name())
    }
}

/// A change of the roster that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Time,
    /// By whom, as they were named.
    pub by: String,
    /// Whose entry.
    pub person: UserId,
    /// What: added, changed, removed, enabled, disabled, removed by review.
    pub what: String,
}
