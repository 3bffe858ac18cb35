//! Linux: who is at the other end by the kernel's table of connections (proc(5)); options of sockets.

use crate::{net::Connection, secret::User};
use rustix::net::sockopt::{
    set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl, set_tcp_quickack,
    set_tcp_user_timeout,
};
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    os::fd::AsFd as _,
    time::Duration,
};

impl Connection {
    pub(crate) fn over_tcp(stream: TcpStream) -> io::Result<Self> {
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

/// The user of the process that connected from `peer` to `local` on this machine.
pub(super) fn user(peer: SocketAddr, local: SocketAddr) -> Option<User> {
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        // The files are rows of a fixed width, bounded by the number of sockets.
        let table = fs::read_to_string(table).ok()?;
        owner(&table, peer, local).map(User::from)
    })
}

/// The one user who listens at this address of this machine, or at its port on all addresses.
pub(super) fn listening_user(address: SocketAddr) -> Option<User> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let read: Vec<_> = tables.iter().filter_map(|table| fs::read_to_string(table).ok()).collect();
    sole(read.iter().flat_map(|table| listeners(table, address))).map(User::from)
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
