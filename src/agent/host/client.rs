//! The client of a host: an SSO agent, or the program's own commands.

use super::{
    frame,
    handshake::{Answer, Hello, Random, Side, VERSION, Welcome, proof},
    message::{Ask, CardLine, Hidden, Passcode, Reason, Reply},
};
use crate::{
    agent::{Pending, RequestId, Seat, status::Status},
    clock::Time,
    crypto,
    net::{Address, Connection, ServerTrust},
    secret::Secret,
};
use std::{io, time::Duration};

/// Why a verb was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The agent does not answer.
    #[error("the agent's host endpoint {address} does not answer: {source}")]
    Connect {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The agent is there and says nothing.
    #[error(
        "the agent took the connection and has not answered for {0} seconds: it hangs, or is \
         overloaded; what was asked may or may not be done. Ending its process ends all its cards"
    )]
    Silent(u64),
    /// The connection ended or what came is not of this protocol.
    #[error("the agent's host endpoint ended the conversation: {0}")]
    Stream(io::Error),
    /// Not a host.
    #[error(
        "the agent does not take this process for a host; give it the secret of the agent's configuration, or run it as a user named there"
    )]
    NotHost,
    /// The server does not know the secret.
    #[error("what answers at the host endpoint does not know the secret; it is not the agent")]
    NotAgent,
    /// Another version.
    #[error("the agent speaks another version of the host protocol")]
    Version,
    /// Refused.
    #[error("{message}")]
    Refused {
        /// For programs.
        code: String,
        /// For people.
        message: String,
    },
    /// An answer to another question.
    #[error("the agent's answer does not fit the question")]
    Answer,
    /// No random.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
}

/// A connection to an agent's host endpoint; one question at a time.
#[derive(Debug)]
pub struct Client {
    stream: Connection,
}

/// Longest wait for an answer to what makes keys, or asks an issuer or a provider.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest wait for any other answer, and for the greeting.
const SHORT_PATIENCE: Duration = Duration::from_secs(5);

/// How long an answer to this may take.
fn patience(ask: &Ask) -> Duration {
    match ask {
        Ask::Request { .. }
        | Ask::Prove { .. }
        | Ask::ProveBy { .. }
        | Ask::RequestRelease { .. }
        | Ask::Enrol(_)
        | Ask::BeginSignIn { .. }
        | Ask::FinishSignIn { .. }
        | Ask::LogoutToken { .. }
        | Ask::WebauthnFinish { .. } => PATIENCE,
        Ask::Cards {}
        | Ask::Lock { .. }
        | Ask::Unlock { .. }
        | Ask::Suspend { .. }
        | Ask::Resume { .. }
        | Ask::Remove { .. }
        | Ask::ForgetPasscode { .. }
        | Ask::PasscodeKept { .. }
        | Ask::Status {}
        | Ask::Stop {}
        | Ask::WebauthnOptions { .. }
        | Ask::WebauthnBegin { .. }
        | Ask::WebauthnCredentials { .. }
        | Ask::WebauthnRemove { .. }
        | Ask::Life(_)
        | Ask::OneTimePasscode { .. } => SHORT_PATIENCE,
    }
}

/// What a failed conversation comes to, after this patience.
fn told(patience: Duration) -> impl Fn(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Silent(patience.as_secs()),
        _ => Error::Stream(error),
    }
}

impl Client {
    /// Connects and shows who we are. With a secret the server has to know it as well.
    ///
    /// # Errors
    /// Nobody answers, it is not the agent, or it does not take us for a host.
    pub fn connect(
        address: &Address,
        trust: &ServerTrust,
        secret: Option<&Secret>,
    ) -> Result<Self, Error> {
        let stream = Connection::connect(address, trust)
            .map_err(|source| Error::Connect { address: address.to_string(), source })?;
        let told = told(SHORT_PATIENCE);
        stream.set_read_timeout(Some(SHORT_PATIENCE)).map_err(&told)?;
        stream.set_write_timeout(Some(SHORT_PATIENCE)).map_err(&told)?;
        let hello: Hello = frame::read(&stream, frame::GREETING).map_err(&told)?;
        if hello.version != VERSION {
            return Err(Error::Version);
        }
        if hello.secret && secret.is_none() {
            return Err(Error::NotHost);
        }
        let nonce = Random::new()?;
        let shown = |side| secret.map(|secret| proof(secret, side, &hello.challenge, &nonce));
        let answer = Answer { version: VERSION, nonce, proof: shown(Side::Client) };
        frame::write(&stream, &answer).map_err(&told)?;
        let theirs = match frame::read(&stream, frame::GREETING).map_err(&told)? {
            Welcome::Welcome { proof } => proof,
            Welcome::Refused {} => return Err(Error::NotHost),
        };
        match shown(Side::Server) {
            Some(wanted) if !wanted.matches(theirs.as_ref()) => Err(Error::NotAgent),
            _ => Ok(Self { stream }),
        }
    }

    /// Keys and nonce of a card for `seat`.
    ///
    /// # Errors
    /// Why not.
    pub fn request(&self, seat: &Seat) -> Result<Pending, Error> {
        self.pending(&Ask::Request { uid: seat.uid, logon: seat.logon.clone() })
    }

    /// What waits for a proof after a question for it.
    pub(super) fn pending(&self, ask: &Ask) -> Result<Pending, Error> {
        let Reply::Pending { request, nonce, expires } = self.ask(ask)? else {
            return Err(Error::Answer);
        };
        let request = RequestId::parse(&request).ok_or(Error::Answer)?;
        let expires = Time::parse_rfc3339(&expires).ok_or(Error::Answer)?;
        Ok(Pending { request, nonce, expires })
    }

    /// Proves a request with an ID token; the card is there when this returns.
    ///
    /// # Errors
    /// Why no card came of it.
    pub fn prove(
        &self,
        request: &RequestId,
        id_token: &Secret,
        passcode: Passcode,
    ) -> Result<CardLine, Error> {
        let id_token = Hidden(id_token.clone());
        let request = request.as_str().to_owned();
        match self.ask(&Ask::Prove { request, id_token, passcode })? {
            Reply::Card(card) => Ok(*card),
            _ => Err(Error::Answer),
        }
    }

    /// All cards.
    ///
    /// # Errors
    /// The agent went away.
    pub fn cards(&self) -> Result<Vec<CardLine>, Error> {
        match self.ask(&Ask::Cards {})? {
            Reply::Cards(cards) => Ok(cards),
            _ => Err(Error::Answer),
        }
    }

    /// How the agent is.
    ///
    /// # Errors
    /// The agent went away.
    pub fn status(&self) -> Result<Status, Error> {
        match self.ask(&Ask::Status {})? {
            Reply::Status(status) => Ok(*status),
            _ => Err(Error::Answer),
        }
    }

    /// The person is away.
    ///
    /// # Errors
    /// Why not.
    pub fn lock(&self, card: &str) -> Result<(), Error> {
        self.done(&Ask::Lock { card: card.to_owned() })
    }

    /// The person is back, and has shown it to the host.
    ///
    /// # Errors
    /// Why not.
    pub fn unlock(&self, card: &str) -> Result<(), Error> {
        self.done(&Ask::Unlock { card: card.to_owned() })
    }

    /// Not to be used for now.
    ///
    /// # Errors
    /// Why not.
    pub fn suspend(&self, card: &str) -> Result<(), Error> {
        self.done(&Ask::Suspend { card: card.to_owned() })
    }

    /// To be used again.
    ///
    /// # Errors
    /// Why not.
    pub fn resume(&self, card: &str) -> Result<(), Error> {
        self.done(&Ask::Resume { card: card.to_owned() })
    }

    /// Erases a card.
    ///
    /// # Errors
    /// Why not.
    pub fn remove(&self, card: &str, reason: Reason) -> Result<(), Error> {
        self.done(&Ask::Remove { card: card.to_owned(), reason })
    }

    /// Forgets a person's own passcode: the next sign-in has to set one.
    ///
    /// # Errors
    /// Why not.
    pub fn forget_passcode(&self, person: &str) -> Result<(), Error> {
        self.done(&Ask::ForgetPasscode { person: person.to_owned() })
    }

    /// Whether a person's own passcode is kept; if not, the proof has to come with one.
    ///
    /// # Errors
    /// The agent went away.
    pub fn passcode_kept(&self, person: &str) -> Result<bool, Error> {
        match self.ask(&Ask::PasscodeKept { person: person.to_owned() })? {
            Reply::Kept(kept) => Ok(kept),
            _ => Err(Error::Answer),
        }
    }

    /// Removes all cards and ends the agent.
    ///
    /// # Errors
    /// Why not.
    pub fn stop(&self) -> Result<(), Error> {
        self.done(&Ask::Stop {})
    }

    fn done(&self, ask: &Ask) -> Result<(), Error> {
        match self.ask(ask)? {
            Reply::Done {} => Ok(()),
            _ => Err(Error::Answer),
        }
    }

    pub(super) fn ask(&self, ask: &Ask) -> Result<Reply, Error> {
        let patience = patience(ask);
        let told = told(patience);
        self.stream.set_read_timeout(Some(patience)).map_err(&told)?;
        frame::write(&self.stream, ask).map_err(&told)?;
        match frame::read(&self.stream, frame::MESSAGE).map_err(&told)? {
            Reply::Refused { code, message } => Err(Error::Refused { code, message }),
            reply => Ok(reply),
        }
    }
}
