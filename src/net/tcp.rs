//! TCP between programs of one machine: listeners and connections on the loopback address.
//!
//! TCP authenticates nobody. The user at the other end is looked up in the system's table of
//! connections by both ends' addresses (on Linux proc(5), /proc/net/tcp and tcp6; on Windows
//! GetExtendedTcpTable, which names processes); elsewhere nobody is known, and who is not known is
//! not admitted.

#[cfg_attr(unix, path = "tcp/unix.rs")]
#[cfg_attr(windows, path = "tcp/windows.rs")]
mod system;

use super::{Connection, stoppable::Stoppable};
use crate::secret::User;
use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};
use system::user;

/// Where something is served over TCP: `tcp:127.0.0.1:3240`, without `tcp:`, or a port alone, which
/// is the one of the loopback address. An IPv6 address stands in brackets. Names are not looked up.
///
/// ```
/// use wardcard::net::TcpAddress;
/// let address = TcpAddress::parse("3240").unwrap();
/// assert_eq!(address.to_string(), "tcp:127.0.0.1:3240");
/// assert!(address.is_loopback());
/// assert!(!TcpAddress::parse("tcp:192.0.2.1:3240").unwrap().is_loopback());
/// assert_eq!(TcpAddress::parse("localhost:3240"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TcpAddress(SocketAddr);

impl TcpAddress {
    /// Reads an address; `None` for any other form.
    pub fn parse(text: &str) -> Option<Self> {
        let place = text.strip_prefix("tcp:").unwrap_or(text);
        if place.bytes().all(|byte| byte.is_ascii_digit()) {
            return place.parse().ok().map(Self::loopback);
        }
        place.parse().ok().map(Self)
    }

    /// A port of 127.0.0.1.
    pub const fn loopback(port: u16) -> Self {
        Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }

    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        self.0.ip().is_loopback()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port()
    }
}

impl fmt::Display for TcpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp:{}", self.0)
    }
}

impl From<SocketAddr> for TcpAddress {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl Connection {
    /// Connects over TCP, for `limit` at most. Small writes go out at once (TCP_NODELAY). Nobody is
    /// authenticated.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn connect_tcp(address: TcpAddress, limit: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address.0, limit)?;
        stream.set_nodelay(true)?;
        Self::over_tcp(stream)
    }

    /// Connects as [`Connection::connect_tcp`] does, to a server of this machine whose user is
    /// `believed`. Nothing has been sent by then.
    ///
    /// # Errors
    ///
    /// PermissionDenied for another user, or one whom the system does not tell; otherwise what the
    /// system says.
    pub fn connect_tcp_to(
        address: TcpAddress,
        limit: Duration,
        believed: impl Fn(Option<User>) -> bool,
    ) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address.0, limit)?;
        stream.set_nodelay(true)?;
        // Who listens first, then who has taken the connection: nobody can take it, go, and leave the
        // address to a better one in between. One that nobody has taken yet is shown as root's.
        let listening = listening_user(address);
        let taken = user(stream.peer_addr()?, stream.local_addr()?);
        for found in [listening, taken] {
            if !believed(found) {
                let who = found.map_or("nobody known".to_owned(), |user| format!("user {user}"));
                let text = format!("{address} is served by {who}; nothing was sent");
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
        }
        Self::over_tcp(stream)
    }
}

/// The user who listens at this address of this machine, or at its port on all addresses; `None`
/// where nobody does, several users do, or the system does not tell.
pub fn listening_user(address: TcpAddress) -> Option<User> {
    system::listening_user(address.0)
}

/// A bound TCP socket.
#[derive(Debug)]
pub struct TcpSocket {
    listener: Stoppable,
    address: TcpAddress,
}

impl TcpSocket {
    /// Binds and listens; port 0 is one that is free.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn bind(address: TcpAddress) -> io::Result<Self> {
        let listener = TcpListener::bind(address.0)
            .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        let listener = Stoppable::new(listener)?;
        let address = TcpAddress(listener.socket().local_addr()?);
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> TcpAddress {
        self.address
    }

    /// Waits for the next connection; `None` after [`TcpSocket::stop`]. With it comes the user at
    /// the other end, where the system tells.
    ///
    /// # Errors
    ///
    /// What the system says; errors of one connection are passed over.
    pub fn accept(&self) -> io::Result<Option<(Connection, Option<User>)>> {
        while let Some((stream, peer)) = self.listener.accept()? {
            let told = stream.set_nodelay(true);
            let Ok(local) = told.and_then(|()| stream.local_addr()) else { continue };
            let user = user(peer, local);
            return Ok(Some((Connection::over_tcp(stream)?, user)));
        }
        Ok(None)
    }

    #[cfg(test)]
    pub(crate) fn listener_for_tests(&self) -> &TcpListener {
        #[cfg(windows)]
        self.listener.unselect();
        let _ = self.listener.socket().set_nonblocking(false);
        self.listener.socket()
    }

    /// Ends every accept, now and later.
    pub fn stop(&self) {
        self.listener.stop();
    }
}

#[cfg(unix)]
#[doc(hidden)]
pub use system::fuzz_table;
