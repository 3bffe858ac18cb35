//! An issuer in another process: `wardcard ca serve` at an address.

use super::{
    Error, Issued, Issuer, MOST_REVOKED, Order, Serial,
    protocol::{Answer, Question, read_frame, write_frame},
};
#[cfg(feature = "tls")]
use crate::net::tls::{TlsConnection, TlsFiles};
use crate::{
    net::{Address, Channel, Connection, ServerTrust},
    pki::{Certificate, Reason},
};
use std::{
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long the issuer may take over one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks `ca serve`, over one connection that is kept open and made anew once when it has gone.
#[derive(Debug)]
pub struct RemoteIssuer {
    address: Address,
    way: Way,
    connection: Mutex<Option<Channel>>,
    roots: Mutex<Option<Vec<Certificate>>>,
}

/// How the issuer is known.
#[derive(Debug)]
enum Way {
    /// By its user.
    Local(ServerTrust),
    /// By its certificate, over TLS; read anew for each connection.
    #[cfg(feature = "tls")]
    Tls(Box<TlsFiles>),
}

impl RemoteIssuer {
    /// An issuer of this machine at `address`, believed if `trust` says so. Connects at first use.
    /// Its roots are what it first says they are; [`RemoteIssuer::with_roots`] fixes them.
    pub fn new(address: Address, trust: ServerTrust) -> Self {
        Self::by(address, Way::Local(trust))
    }

    /// An issuer at a `tls:HOST:PORT`, whose certificate must be for that host under the roots in
    /// `files`; the rest of `files` says who we are. They are read for each connection, so that
    /// certificates are replaced without a restart.
    #[cfg(feature = "tls")]
    pub fn over_tls(address: Address, files: TlsFiles) -> Self {
        Self::by(address, Way::Tls(Box::new(files)))
    }

    /// Believes these roots, from the configuration, whatever the issuer says.
    #[must_use]
    pub fn with_roots(self, roots: Vec<Certificate>) -> Self {
        Self { roots: Mutex::new(Some(roots)), ..self }
    }

    fn by(address: Address, way: Way) -> Self {
        Self { address, way, connection: Mutex::default(), roots: Mutex::default() }
    }

    /// One question, its answer. The connection may have died since its last use (the issuer was
    /// restarted), so a question that fails on an old connection is asked once more on a new one.
    /// Asking twice is harmless: at worst a certificate is on record that nobody has.
    fn ask(&self, question: &Question) -> Result<Answer, Error> {
        let content = question.to_bytes().map_err(|error| Error::Failed(error.to_string()))?;
        let mut kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = kept.take()
            && let Ok(answer) = exchange(&connection, &content)
        {
            return self.read(kept.insert(connection), &answer);
        }
        let connection = self.connect().map_err(|error| self.unreachable(&error))?;
        let answer = exchange(&connection, &content).map_err(|error| self.unreachable(&error))?;
        self.read(kept.insert(connection), &answer)
    }

    fn connect(&self) -> io::Result<Channel> {
        let channel = match (&self.way, &self.address) {
            (Way::Local(trust), address) => Channel::Unix(Connection::connect(address, trust)?),
            #[cfg(feature = "tls")]
            (Way::Tls(files), Address::Tls { host, port }) => {
                Channel::Tls(Box::new(TlsConnection::connect(host, *port, files, PATIENCE)?))
            }
            #[cfg(feature = "tls")]
            (Way::Tls(_), _) => {
                return Err(io::Error::other("no address of a TLS server"));
            }
        };
        channel.set_read_timeout(Some(PATIENCE))?;
        channel.set_write_timeout(Some(PATIENCE))?;
        Ok(channel)
    }

    fn read(&self, connection: &Channel, answer: &[u8]) -> Result<Answer, Error> {
        Answer::from_bytes(answer).map_err(|error| {
            connection.shutdown();
            Error::Unreachable(format!("{}: {error}", self.address))
        })
    }

    fn unreachable(&self, error: &io::Error) -> Error {
        Error::Unreachable(format!(
            "{}: {error}; is `wardcard ca serve` running there?",
            self.address
        ))
    }

    fn other_question(&self) -> Error {
        Error::Unreachable(format!("{}: it answered another question", self.address))
    }
}

impl Issuer for RemoteIssuer {
    fn issue(&self, order: &Order) -> Result<Vec<Issued>, Error> {
        match self.ask(&Question::Issue(order.clone()))? {
            Answer::Issued(all) => Ok(all),
            Answer::Error(error) => Err(error),
            Answer::Roots(_) | Answer::Revoked => Err(self.other_question()),
        }
    }

    fn revoke(&self, serials: &[Serial], reason: Reason) -> Result<(), Error> {
        for some in serials.chunks(MOST_REVOKED) {
            match self.ask(&Question::Revoke(some.to_vec(), reason))? {
                Answer::Revoked => {}
                Answer::Error(error) => return Err(error),
                Answer::Issued(_) | Answer::Roots(_) => return Err(self.other_question()),
            }
        }
        Ok(())
    }

    fn roots(&self) -> Result<Vec<Certificate>, Error> {
        if let Some(roots) = &*self.roots.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(roots.clone());
        }
        match self.ask(&Question::Roots)? {
            Answer::Roots(roots) => {
                let mut known = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(known.get_or_insert(roots).clone())
            }
            Answer::Error(error) => Err(error),
            Answer::Issued(_) | Answer::Revoked => Err(self.other_question()),
        }
    }
}

fn exchange(connection: &Channel, content: &[u8]) -> io::Result<Vec<u8>> {
    write_frame(connection, content)?;
    read_frame(connection, || Ok(()))?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
