//! What hosts hold in their hands: requests by name, cards as far as they are known, reasons.

use super::{Seat, audit::hex};
use crate::{
    card::{CardId, KeySlot, State},
    clock::Time,
    pki::UserId,
    proof::{Assurance, Level},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a request; 32 hexadecimal digits of random.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// Takes a request's id as [`RequestId::as_str`] gave it.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 32 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        hex.then(|| Self(text.to_owned()))
    }

    /// Names a request by these bytes.
    pub(super) fn of(bytes: &[u8; 16]) -> Self {
        Self(hex(bytes))
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request that waits for its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Names it.
    pub request: RequestId,
    /// Must stand in the proof (design rule 2).
    pub nonce: String,
    /// Until when the proof may come.
    pub expires: Time,
}

/// Why a card was removed, as the audit log names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Removal {
    /// The person left.
    TapOut,
    /// The person's session ended.
    SessionEnd,
    /// An administrator took it away.
    Administrator,
    /// Another card took its place.
    Replaced,
    /// The person signed in somewhere else.
    SignedInElsewhere,
    /// The provider told that the session, or the person, has signed out.
    SignedOut,
    /// Its time was over.
    Expired,
    /// The agent stopped.
    AgentStopped,
    /// The same person signed in again in the same place: a new card took its place.
    Renewed,
    /// The person did not come back within grace.
    Away,
    /// The roster has the person no longer, or disabled, or their time is over.
    Roster,
    /// An administrator stopped all cards.
    StopAll,
}

impl Removal {
    /// The word in the audit log and the host protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TapOut => "tap-out",
            Self::SessionEnd => "session-end",
            Self::Administrator => "administrator",
            Self::Replaced => "replaced",
            Self::SignedInElsewhere => "signed-in-elsewhere",
            Self::SignedOut => "signed-out",
            Self::Expired => "expired",
            Self::AgentStopped => "agent-stopped",
            Self::Renewed => "renewed",
            Self::Away => "away",
            Self::Roster => "roster",
            Self::StopAll => "stop-all",
        }
    }
}

/// What is known of a card in an agent.
#[derive(Clone, Debug)]
pub struct CardInfo {
    /// Its id, the token's serial number.
    pub id: CardId,
    /// Whose it is.
    pub person: UserId,
    /// For whom it is shown.
    pub seat: Seat,
    /// Where it is in its life.
    pub state: State,
    /// Tries left; `None` when the store cannot say.
    pub tries_left: Option<u8>,
    /// When it was made.
    pub issued: Time,
    /// When it ends.
    pub expires: Time,
    /// Its keys.
    pub slots: Vec<KeySlot>,
    /// Whether sign-in stands for the passcode.
    pub sign_in: bool,
    /// What it was derived from.
    pub assurance: Assurance,
    /// The enrolled card that its keys are a working copy of; none where it was derived.
    pub released: Option<CardId>,
    /// When its certificates end, where that is within the time of notice.
    pub renewal: Option<Time>,
    /// SHA-1 signatures made with it.
    pub sha1_count: u64,
    /// Why it is locked or suspended, where it is.
    pub why: Option<Why>,
    /// When it ends if its person does not come back; where it is locked and there is a grace.
    pub away_until: Option<Time>,
    /// The rule that says when it ends: `policy.lifetime`, `issuer` and so on.
    pub ends_by: String,
    /// What it claims for itself, at most; less than what it was derived from.
    pub claims: Level,
    /// Whether it came of a rule for emergencies: weaker than the policy asks for otherwise, and
    /// short-lived.
    pub break_glass: bool,
}

/// Why a card is not in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A host said that the person is away.
    Away,
    /// Nobody used it for longer than the policy allows.
    Idle,
    /// A host or an administrator suspended the card.
    Suspended,
    /// An administrator suspended the person.
    PersonSuspended,
}

impl Why {
    /// The word in the host protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Idle => "idle",
            Self::Suspended => "suspended",
            Self::PersonSuspended => "person-suspended",
        }
    }
}

/// A card that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedCard {
    /// What its id was.
    pub id: CardId,
    /// Whose it was.
    pub person: UserId,
    /// For whom it was shown.
    pub seat: Seat,
    /// When it was made.
    pub issued: Time,
    /// When it ended.
    pub ended: Time,
    /// Why.
    pub reason: Removal,
}
