//! Why an agent did not do what it was asked.

use super::config;
use crate::{card, clock::Time, derive};

/// Why an agent did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] config::Problems),
    /// A part that the agent needs could not be made.
    #[error("{what}: {why}")]
    Part {
        /// Which.
        what: &'static str,
        /// What happened and what to do.
        why: String,
    },
    /// An endpoint could not be opened.
    #[error("the endpoint {address} cannot be served: {why}")]
    Endpoint {
        /// Where.
        address: String,
        /// What happened and what to do.
        why: String,
    },
    /// No card came of the request.
    #[error(transparent)]
    Refused(#[from] derive::Refusal),
    /// No such request, or its time is over, or it has been used.
    #[error("there is no such request, or it has ended; make a new one")]
    UnknownRequest,
    /// No such card.
    #[error("there is no such card, or it has been removed")]
    UnknownCard,
    /// A personal agent has cards for its own user only.
    #[error("a personal agent keeps cards of its own user only; use ward mode for others")]
    Seat,
    /// Not the name of a logon session.
    #[error("a logon session has a name of 1 to 256 bytes")]
    Logon,
    /// Not a reason for stopping everything.
    #[error("a reason has at most 200 characters, and no control characters")]
    Reason,
    /// Not a person's number.
    #[error("a person's number has exactly 12 digits")]
    Person,
    /// Not a program's path.
    #[error("an application is named by the whole path of its program")]
    Application,
    /// The card's passcode is another one.
    #[error(
        "this card has no one-time passcodes; they are asked for with the proof that makes a card"
    )]
    NotOneTime,
    /// A limit of the configuration.
    #[error("the limit of {0} is reached; end some, or raise it in the configuration")]
    Limit(&'static str),
    /// The audit record could not be written, so nothing was done.
    #[error("the audit record could not be written, so nothing was done; see `wardcard doctor`")]
    Audit,
    /// An administrator stopped everything, and has not started again.
    #[error(
        "no card is made: all were stopped at {since} ({reason}); `wardcard start-again` ends that"
    )]
    AllStopped {
        /// When.
        since: Time,
        /// Why, as the administrator wrote it.
        reason: String,
    },
    /// All cards were ended, and something that belongs to it failed.
    #[error("{cards} {} ended; but {lack}", if *.cards == 1 { "card" } else { "cards" })]
    StopIncomplete {
        /// How many ended.
        cards: usize,
        /// What failed, what comes of it and what to do.
        lack: String,
    },
    /// The agent has stopped.
    #[error("the agent has stopped")]
    Stopped,
    /// The card's.
    #[error(transparent)]
    Card(#[from] card::Error),
    /// The store's.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// The enrolment.
    #[error(transparent)]
    Enrolment(#[from] card::EnrolmentFault),
    /// Certificates that cannot be those of enrolled keys; every problem that was found.
    #[error("the certificates are refused:\n  {}", .0.join("\n  "))]
    Certificates(Vec<String>),
    /// Cryptography failed.
    #[error(transparent)]
    Crypto(#[from] crate::crypto::Error),
}
