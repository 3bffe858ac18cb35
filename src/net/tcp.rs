//! TCP between programs of one machine: listeners and connections on the loopback address.
//!
//! TCP authenticates nobody. On Linux the user at the other end is looked up in the kernel's table
//! of connections (proc(5), /proc/net/tcp and tcp6), by both ends' addresses; elsewhere nobody is
//! known, and who is not known is not admitted.

use super::Connection;
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, eventfd, poll},
    io::Errno,
    net::sockopt::{
        set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
        set_tcp_quickack, set_tcp_user_timeout,
    },
};
use std::{
    fmt, fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

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
        Ok(Self::new(stream.into()))
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
        believed: impl Fn(Option<u32>) -> bool,
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
        Ok(Self::new(stream.into()))
    }

    /// Ends the connection, within twice `limit`, when the machine at the other end is gone without a
    /// word (tcp(7), SO_KEEPALIVE and TCP_USER_TIMEOUT).
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn end_when_unreachable(&self, limit: Duration) -> io::Result<()> {
        const PROBES: u32 = 4;
        let socket = self.as_fd();
        set_socket_keepalive(socket, true)?;
        set_tcp_keepidle(socket, limit)?;
        set_tcp_keepintvl(socket, (limit / PROBES).max(Duration::from_secs(1)))?;
        set_tcp_keepcnt(socket, PROBES)?;
        // What was sent and is not acknowledged.
        set_tcp_user_timeout(socket, u32::try_from(limit.as_millis()).unwrap_or(u32::MAX))?;
        Ok(())
    }

    /// Has what comes next acknowledged at once (tcp(7), TCP_QUICKACK): a peer that sends one
    /// message in two pieces under Nagle's algorithm waits for that. The system forgets it again, so
    /// it is said before each read.
    pub fn acknowledge_at_once(&self) {
        // It is a hint, and a Unix socket has no acknowledgements.
        let _ = set_tcp_quickack(self.as_fd(), true);
    }
}

/// A bound TCP socket.
#[derive(Debug)]
pub struct TcpSocket {
    listener: TcpListener,
    stopped: OwnedFd,
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
        listener.set_nonblocking(true)?;
        let address = TcpAddress(listener.local_addr()?);
        let stopped = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { listener, stopped, address })
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
    pub fn accept(&self) -> io::Result<Option<(Connection, Option<u32>)>> {
        loop {
            let mut events = [
                PollFd::new(&self.listener, PollFlags::IN),
                PollFd::new(&self.stopped, PollFlags::IN),
            ];
            match poll(&mut events, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if !events[1].revents().is_empty() {
                return Ok(None);
            }
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    let told = stream.set_nonblocking(false).and(stream.set_nodelay(true));
                    let Ok(local) = told.and_then(|()| stream.local_addr()) else { continue };
                    let user = user(peer, local);
                    return Ok(Some((Connection::new(stream.into()), user)));
                }
                Err(error) if passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn listener_for_tests(&self) -> &TcpListener {
        let _ = self.listener.set_nonblocking(false);
        &self.listener
    }

    /// Ends every accept, now and later.
    pub fn stop(&self) {
        // A full counter is as readable as any.
        let _ = rustix::io::write(&self.stopped, &1_u64.to_ne_bytes());
    }
}

/// Whether an error of accept(2) is one connection's own.
fn passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | Interrupted | WouldBlock)
}

/// The user of the process that connected from `peer` to `local` on this machine.
fn user(peer: SocketAddr, local: SocketAddr) -> Option<u32> {
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        // The files are rows of a fixed width, bounded by the number of sockets.
        let table = fs::read_to_string(table).ok()?;
        owner(&table, peer, local)
    })
}

/// The user who listens at this address of this machine, or at its port on all addresses; `None`
/// where nobody does, several users do, or the system does not tell.
pub fn listening_user(address: TcpAddress) -> Option<u32> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let read: Vec<_> = tables.iter().filter_map(|table| fs::read_to_string(table).ok()).collect();
    sole(read.iter().flat_map(|table| listeners(table, address.0)))
}

/// The one user that all of these are.
fn sole(mut users: impl Iterator<Item = u32>) -> Option<u32> {
    let first = users.next()?;
    users.all(|user| user == first).then_some(first)
}

/// The users in the rows of a table that listen where a connection to `address` could arrive.
fn listeners(table: &str, address: SocketAddr) -> impl Iterator<Item = u32> {
    const LISTEN: &str = "0A";
    let wanted = plain(address);
    table.lines().skip(1).filter_map(move |row| {
        let Row { own, state, user, .. } = Row::parse(row)?;
        // `::` takes IPv4 too, unless it was told not to, which the table does not show.
        let any = own.ip().is_unspecified() && (own.is_ipv6() || wanted.is_ipv4());
        let there = own.port() == wanted.port() && (any || own.ip() == wanted.ip());
        (there && state == LISTEN).then_some(user)
    })
}

/// A row of a table.
struct Row<'a> {
    own: SocketAddr,
    other: SocketAddr,
    state: &'a str,
    user: u32,
}

impl<'a> Row<'a> {
    fn parse(row: &'a str) -> Option<Self> {
        let mut words = row.split_ascii_whitespace().skip(1);
        let (own, other) = (end(words.next()?)?, end(words.next()?)?);
        let state = words.next()?;
        // Queues, timer, retransmits; then the user.
        let user = words.nth(3)?.parse().ok()?;
        Some(Self { own, other, state, user })
    }
}

/// The user in the row of a table whose local end is `peer` and whose remote end is `local`: the
/// peer's own socket.
fn owner(table: &str, peer: SocketAddr, local: SocketAddr) -> Option<u32> {
    const ESTABLISHED: &str = "01";
    table.lines().skip(1).find_map(|row| {
        let Row { own, other, state, user } = Row::parse(row)?;
        let same = own == plain(peer) && other == plain(local) && state == ESTABLISHED;
        same.then_some(user)
    })
}

/// One end as the table writes it: the address in words of 32 bits, each in the machine's order.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok().filter(|_| port.len() == 4)?;
    let word = |at: usize| {
        let digits = address.get(at..at.checked_add(8)?)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| plain).map(u32::to_ne_bytes)
    };
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let mut bytes = [0; 16];
            for (place, byte) in bytes.iter_mut().zip(words.iter().flatten()) {
                *place = *byte;
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(plain(SocketAddr::new(ip, port)))
}

/// An address without what IPv6 adds to it.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Runs the parser of the table on any text, for the fuzzer.
#[doc(hidden)]
pub fn fuzz_table(text: &str) {
    let anybody = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
    let _ = owner(text, anybody, anybody);
    let _ = sole(listeners(text, anybody));
}

#[cfg(test)]
mod tests;
