//! What hosts ask and what they are answered.

use super::flow::{SignInLine, TokensLine};
use super::{CredentialLine, Piece, RegistrationLine};
pub use super::{
    enrol::{EnrolAsk, EnrolmentLine, KeyLine},
    life::{EndedLine, FindingLine, LifeAsk, LifeLine, LivesLine},
};
use crate::{
    agent::{CardInfo, Pending, Removal, gate::slot_name, status::Status},
    card::State,
    secret::{Secret, User},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Why a host has a card removed. The agent's own reasons (expired, replaced) are not a host's to
/// give: the audit log would say what did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The person left.
    TapOut,
    /// The person's session ended.
    SessionEnd,
    /// An administrator took it away.
    Administrator,
}

impl From<Reason> for Removal {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::TapOut => Self::TapOut,
            Reason::SessionEnd => Self::SessionEnd,
            Reason::Administrator => Self::Administrator,
        }
    }
}

/// One verb of a host.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Keys and nonce of a card to come.
    Request {
        /// User for whom the card is shown.
        uid: User,
        /// That user's logon session, where it is for one only.
        logon: Option<String>,
    },
    /// The proof of a request.
    Prove {
        /// The request.
        request: String,
        /// OpenID Connect ID token.
        id_token: Hidden,
        /// Where the passcode comes from.
        passcode: Passcode,
    },
    /// All cards.
    Cards {},
    /// The person is away.
    Lock {
        /// The card.
        card: String,
    },
    /// The person is back, and has shown it to the host.
    Unlock {
        /// The card.
        card: String,
    },
    /// Not to be used for now.
    Suspend {
        /// The card.
        card: String,
    },
    /// To be used again.
    Resume {
        /// The card.
        card: String,
    },
    /// Erase.
    Remove {
        /// The card.
        card: String,
        /// Why.
        reason: Reason,
    },
    /// Forgets a person's own passcode.
    ForgetPasscode {
        /// The 12 digits.
        person: String,
    },
    /// Whether a person's own passcode is kept.
    PasscodeKept {
        /// The 12 digits.
        person: String,
    },
    /// How the agent is.
    Status {},
    /// Removes all cards and ends the agent.
    Stop {},
    /// Nonce of the release of a person's enrolled keys.
    RequestRelease {
        /// User for whom the card is shown.
        uid: User,
        /// That user's logon session, where it is for one only.
        logon: Option<String>,
        /// The 12 digits.
        person: String,
    },
    /// Enrolments.
    Enrol(EnrolAsk),
    /// Begins to sign a person in for a request.
    BeginSignIn {
        /// The request.
        request: String,
        /// How.
        how: SignInLine,
    },
    /// Ends a sign-in.
    FinishSignIn {
        /// The request.
        request: String,
        /// The whole address that the browser came back to.
        redirect: Hidden,
        /// Where the passcode comes from.
        passcode: Passcode,
        /// Whether the tokens of the sign-in are wanted.
        tokens: bool,
    },
    /// Somebody has signed out at the provider.
    LogoutToken {
        /// The provider's logout token.
        token: Hidden,
    },
    /// The proof of a request, of any kind.
    ProveBy {
        /// The request.
        request: String,
        /// The evidence.
        evidence: Piece,
        /// Where the passcode comes from.
        passcode: Passcode,
    },
    /// What a browser is asked for a WebAuthn sign-in.
    WebauthnOptions {
        /// The request's nonce.
        nonce: String,
        /// The 12 digits, where it is known who signs in.
        person: Option<String>,
    },
    /// Begins to register a WebAuthn credential.
    WebauthnBegin {
        /// The 12 digits of the person whom the host vouches for.
        person: String,
    },
    /// Ends it.
    WebauthnFinish {
        /// The registration.
        registration: String,
        /// RegistrationResponseJSON of the browser.
        answer: Hidden,
    },
    /// A person's WebAuthn credentials.
    WebauthnCredentials {
        /// The 12 digits.
        person: String,
    },
    /// Removes one of them, or all.
    WebauthnRemove {
        /// The 12 digits.
        person: String,
        /// Its id, base64url; none: all.
        credential: Option<String>,
    },
    /// The life of cards.
    Life(LifeAsk),
    /// A passcode for one login.
    OneTimePasscode {
        /// The card.
        card: String,
        /// Whole path of the program that logs in.
        application: String,
    },
}

/// Where a card's passcode comes from.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Passcode {
    /// The person's own.
    Kept {},
    /// This one.
    Given {
        /// The passcode.
        passcode: Hidden,
        /// Whether it becomes the person's own.
        keep: bool,
    },
    /// Sign-in stands for it.
    SignIn {},
    /// A new one for each login.
    OneTime {},
}

/// What a host is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// The request.
    Pending {
        /// Names it.
        request: String,
        /// Must stand in the proof.
        nonce: String,
        /// Until when, RFC 3339.
        expires: String,
    },
    /// The card.
    Card(Box<CardLine>),
    /// The cards.
    Cards(Vec<CardLine>),
    /// How the agent is.
    Status(Box<Status>),
    /// Whether a passcode is kept.
    Kept(bool),
    /// The one-time passcode.
    Passcode(Hidden),
    /// One enrolment.
    Enrolment(Box<EnrolmentLine>),
    /// Enrolments, some of them.
    Enrolments(Vec<EnrolmentLine>),
    /// The sign-in.
    SignIn {
        /// What the browser is to open.
        url: String,
    },
    /// The card of a sign-in.
    SignedIn {
        /// The card.
        card: Box<CardLine>,
        /// The tokens, where they were asked for.
        tokens: Option<Box<TokensLine>>,
    },
    /// So many cards ended.
    Ended(usize),
    /// What a browser is asked.
    Options(String),
    /// A registration that has begun.
    Registration(RegistrationLine),
    /// A WebAuthn credential.
    Credential(CredentialLine),
    /// WebAuthn credentials.
    Credentials(Vec<CredentialLine>),
    /// Cards that live, and some that have ended.
    Lives(Box<LivesLine>),
    /// Which rule decided what.
    Explained(Vec<FindingLine>),
    /// How many cards it was about.
    Count(usize),
    /// Done.
    Done {},
    /// Not done.
    Refused {
        /// For programs; never reworded.
        code: String,
        /// For people.
        message: String,
    },
}

/// A card as hosts are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardLine {
    /// Its id, 16 hexadecimal digits.
    pub card: String,
    /// The person's 12 digits.
    pub person: String,
    /// User for whom it is shown.
    pub uid: User,
    /// Logon session, where it is for one only.
    pub logon: Option<String>,
    /// inserted, locked, suspended, removed, expired.
    pub state: String,
    /// Tries left; none when the store cannot say.
    pub tries_left: Option<u8>,
    /// RFC 3339.
    pub issued: String,
    /// RFC 3339.
    pub expires: String,
    /// authentication, content-commitment.
    pub keys: Vec<String>,
    /// Whether sign-in stands for the passcode.
    pub sign_in: bool,
    /// What it was derived from.
    pub assurance: AssuranceLine,
    /// The enrolled card that it was released from, 16 hexadecimal digits; none where it was
    /// derived.
    pub released: Option<String>,
    /// When its certificates end, RFC 3339, where they are to be renewed.
    pub renewal: Option<String>,
    /// SHA-1 signatures made with it.
    pub sha1_count: u64,
    /// Whether it came of a rule for emergencies.
    #[serde(default)]
    pub break_glass: bool,
}

/// What a card was derived from, as hosts are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssuranceLine {
    /// Its kind and name: `oidc` and the issuer, `webauthn`, `certificate` or `host`.
    pub source: String,
    /// Level of authentication.
    pub authentication: u8,
    /// Level of identity.
    pub identity: u8,
    /// acr.
    pub context: Option<String>,
    /// Methods.
    pub methods: Vec<String>,
    /// When the person signed in, RFC 3339.
    pub authenticated_at: String,
    /// How the proof was tied to the request.
    pub binding: String,
    /// Other sources that vouched in the same request.
    pub beside: Vec<String>,
    /// Whether it was accepted while what would have told the latest could not be had.
    pub offline: bool,
}

impl From<&CardInfo> for CardLine {
    fn from(card: &CardInfo) -> Self {
        let assurance = &card.assurance;
        Self {
            card: card.id.to_hex(),
            person: card.person.as_str().to_owned(),
            uid: card.seat.uid,
            logon: card.seat.logon.clone(),
            state: state_name(card.state).to_owned(),
            tries_left: card.tries_left,
            issued: card.issued.to_string(),
            expires: card.expires.to_string(),
            keys: card.slots.iter().map(|slot| slot_name(*slot).to_owned()).collect(),
            sign_in: card.sign_in,
            assurance: AssuranceLine {
                source: assurance.source.to_string(),
                authentication: assurance.authentication.0,
                identity: assurance.identity.0,
                context: assurance.context.clone(),
                methods: assurance.methods.clone(),
                authenticated_at: assurance.authenticated_at.to_string(),
                binding: assurance.binding.name().to_owned(),
                beside: assurance.beside.iter().map(ToString::to_string).collect(),
                offline: assurance.offline,
            },
            released: card.released.map(|enrolled| enrolled.to_hex()),
            renewal: card.renewal.map(|end| end.to_string()),
            sha1_count: card.sha1_count,
            break_glass: card.break_glass,
        }
    }
}

impl From<Pending> for Reply {
    fn from(pending: Pending) -> Self {
        Self::Pending {
            request: pending.request.as_str().to_owned(),
            nonce: pending.nonce,
            expires: pending.expires.to_string(),
        }
    }
}

/// The state's word.
pub(crate) fn state_name(state: State) -> &'static str {
    match state {
        State::Inserted => "inserted",
        State::Locked => "locked",
        State::Suspended => "suspended",
        State::Removed => "removed",
        State::Expired => "expired",
    }
}

/// A passcode or token in a message: never shown, erased when done with.
#[derive(Clone, Debug)]
pub struct Hidden(pub Secret);

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = std::str::from_utf8(self.0.expose())
            .map_err(|_| serde::ser::Error::custom("a secret is not text"))?;
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HiddenText)
    }
}

struct HiddenText;

impl de::Visitor<'_> for HiddenText {
    type Value = Hidden;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Hidden, E> {
        Ok(Hidden(Secret::copied_from(text.as_bytes())))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Hidden, E> {
        Ok(Hidden(Secret::new(text.into_bytes())))
    }
}
