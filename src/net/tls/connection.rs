//! One TLS connection, and making one as a client.

use super::{
    TlsFiles,
    files::{Loaded, provider},
    invalid,
};
use crate::net::hang_up;
use rustls::{
    ClientConfig, ClientConnection, Connection,
    client::{Resumption, WebPkiServerVerifier},
    pki_types::ServerName,
    version::TLS13,
};
use std::{
    fmt,
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A connection after its handshake. Reads and writes exclude each other: it carries questions
/// and answers in turn.
pub struct TlsConnection {
    inner: Mutex<Inner>,
    /// The same socket, for ending the connection while somebody reads.
    socket: TcpStream,
    /// Milliseconds; 0 is no limit.
    read_limit: AtomicU64,
    write_limit: AtomicU64,
}

struct Inner {
    tls: Connection,
    socket: Timed,
}

impl fmt::Debug for TlsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnection").field("peer", &self.socket.peer_addr().ok()).finish()
    }
}

impl TlsConnection {
    /// Connects to a server whose certificate is for `host`, all of it within `patience`.
    ///
    /// # Errors
    /// InvalidData where the files cannot be used, or TLS refuses the server; TimedOut; or what
    /// the system says. A server that refuses this client says so at the first read.
    pub fn connect(
        host: &str,
        port: u16,
        files: &TlsFiles,
        patience: Duration,
    ) -> io::Result<Self> {
        let deadline = Instant::now().checked_add(patience);
        let Loaded { chain, key, roots, crls } = files.load()?;
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider())
            .with_crls(crls)
            .enforce_revocation_expiration()
            .build()
            .map_err(invalid)?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(invalid)?
            .with_webpki_verifier(verifier)
            .with_client_auth_cert(chain, key)
            .map_err(invalid)?;
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from(host.to_owned()).map_err(invalid)?;
        let tls = ClientConnection::new(Arc::new(config), name).map_err(invalid)?;
        Self::shake_hands(tls.into(), dial(host, port, deadline)?, deadline)
    }

    /// The handshake over a connected socket.
    pub(super) fn shake_hands(
        tls: Connection,
        socket: TcpStream,
        deadline: Option<Instant>,
    ) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let mut inner = Inner { tls, socket: Timed { socket: socket.try_clone()?, deadline } };
        while inner.tls.is_handshaking() {
            let Inner { tls, socket } = &mut inner;
            tls.complete_io(socket)?;
        }
        let (read_limit, write_limit) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { inner: Mutex::new(inner), socket, read_limit, write_limit })
    }

    /// The other side's certificate.
    pub(super) fn with_certificate<T>(
        &self,
        look: impl FnOnce(&rustls::pki_types::CertificateDer<'_>) -> Option<T>,
    ) -> Option<T> {
        look(self.inner().tls.peer_certificates()?.first()?)
    }

    /// Fills `bytes`, within the read timeout as a whole.
    ///
    /// # Errors
    /// UnexpectedEof where the other end is done, TimedOut, or what TLS or the system says.
    pub fn read_exact(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut inner = self.inner();
        inner.socket.deadline = deadline(&self.read_limit);
        inner.read_exact(bytes)
    }

    /// Sends all of `bytes`, within the write timeout as a whole.
    ///
    /// # Errors
    /// TimedOut, or what TLS or the system says.
    pub fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.inner();
        inner.socket.deadline = deadline(&self.write_limit);
        inner.write_all(bytes)
    }

    /// Limits each read; `None` waits without end.
    pub fn set_read_timeout(&self, limit: Option<Duration>) {
        set(&self.read_limit, limit);
    }

    /// Limits each write; `None` waits without end.
    pub fn set_write_timeout(&self, limit: Option<Duration>) {
        set(&self.write_limit, limit);
    }

    /// Ends both directions; a blocked read or write of another thread returns.
    pub fn shutdown(&self) {
        hang_up(&self.socket);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.tls.reader().read(rest) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.tls.complete_io(&mut self.socket)? == (0, 0) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = self.tls.writer().write(rest)?;
            rest = rest.get(count..).unwrap_or_default();
            while self.tls.wants_write() {
                if self.tls.write_tls(&mut self.socket)? == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
            }
        }
        Ok(())
    }
}

/// Connects to the first address of a host that answers.
fn dial(host: &str, port: u16, deadline: Option<Instant>) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, rest(deadline)?.unwrap_or(Duration::MAX)) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A socket whose reads and writes together end at a deadline.
struct Timed {
    socket: TcpStream,
    deadline: Option<Instant>,
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(rest(self.deadline)?)?;
        self.socket.read(bytes).map_err(timed_out)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(rest(self.deadline)?)?;
        self.socket.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// A socket's own timeout shows as WouldBlock.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

/// What is left until a deadline.
fn rest(deadline: Option<Instant>) -> io::Result<Option<Duration>> {
    let Some(deadline) = deadline else { return Ok(None) };
    let rest = deadline.saturating_duration_since(Instant::now());
    if rest.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(rest)) }
}

fn set(place: &AtomicU64, limit: Option<Duration>) {
    let millis = limit.map_or(0, |limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
    place.store(if limit.is_some() { millis.max(1) } else { 0 }, Ordering::Relaxed);
}

fn deadline(place: &AtomicU64) -> Option<Instant> {
    match place.load(Ordering::Relaxed) {
        0 => None,
        millis => Instant::now().checked_add(Duration::from_millis(millis)),
    }
}
