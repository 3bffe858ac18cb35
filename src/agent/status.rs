//! How an agent is, for `wardcard status` and for hosts.

use super::host::message::CardLine;
use serde::{Deserialize, Serialize};

/// A look at an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// personal or ward.
    pub mode: String,
    /// Since when and why no card is made, where all were stopped.
    pub stopped: Option<String>,
    /// Its process.
    pub pid: u32,
    /// When it started, RFC 3339.
    pub started: String,
    /// Its own time, RFC 3339.
    pub now: String,
    /// Endpoint of applications, where it is served.
    pub pkcs11: Option<String>,
    /// Endpoint of hosts, where it is served.
    pub host: Option<String>,
    /// Readers that cards lie in: the way in, and where.
    #[serde(default)]
    pub readers: Vec<String>,
    /// Connections of applications.
    pub connections: usize,
    /// The back end of private-key operations.
    pub crypto: String,
    /// What keeps the process's memory to itself, a line each.
    pub hardening: Vec<String>,
    /// Last audit record, `SEQ:HASH`; none when nothing is recorded.
    pub audit: Option<String>,
    /// Requests that wait for their proofs.
    pub requests: usize,
    /// Enrolments, where enrolled cards are kept.
    pub enrolments: usize,
    /// Enrolments whose certificates end soon, or have ended.
    pub renewals: usize,
    /// The end date of what a CIS1 profile certifies, RFC 3339.
    pub cis1_end: String,
    /// All cards.
    pub cards: Vec<CardLine>,
}
