//! Windows: who is at the other end by the system's table of connections; options of sockets.
#![allow(unsafe_code)]

use crate::{
    net::{
        Connection,
        connection::Stream,
        tcp_table::{Row, owner, rows},
    },
    secret::User,
};
use std::{
    io,
    net::{SocketAddr, TcpStream},
    os::windows::io::AsRawSocket as _,
    ptr,
    time::Duration,
};
use windows_sys::Win32::Networking::WinSock::{
    SIO_KEEPALIVE_VALS, SOCKET, WSAGetLastError, WSAIoctl, tcp_keepalive,
};

impl Connection {
    pub(crate) fn over_tcp(stream: TcpStream) -> io::Result<Self> {
        Self::new(Stream::Tcp(stream))
    }

    /// Ends the connection, within twice `limit`, when the machine at the other end is gone without a
    /// word.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn end_when_unreachable(&self, limit: Duration) -> io::Result<()> {
        self.with_tcp(|stream| keep_alive(stream, limit)).unwrap_or(Ok(()))
    }

    /// A hint that this system has no call for.
    pub fn acknowledge_at_once(&self) {}
}

/// The system asks ten times before it gives up.
const PROBES: u32 = 10;

fn keep_alive(stream: &TcpStream, limit: Duration) -> io::Result<()> {
    let millis = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    let given = tcp_keepalive {
        onoff: 1,
        keepalivetime: millis,
        keepaliveinterval: (millis / PROBES).max(100),
    };
    let mut length = 0;
    // SAFETY: the socket lives through the call, `given` is of the type and the size that the control
    // takes, and nothing is written but `length`.
    let answer = unsafe {
        WSAIoctl(
            stream.as_raw_socket() as SOCKET,
            SIO_KEEPALIVE_VALS,
            (&raw const given).cast(),
            size_of::<tcp_keepalive>() as u32,
            ptr::null_mut(),
            0,
            &raw mut length,
            ptr::null_mut(),
            None,
        )
    };
    if answer == 0 {
        return Ok(());
    }
    // SAFETY: no precondition.
    Err(io::Error::from_raw_os_error(unsafe { WSAGetLastError() }))
}

/// The user of the process that connected from `peer` to `local` on this machine.
pub(super) fn user(peer: SocketAddr, local: SocketAddr) -> Option<User> {
    let (peer, local) = (canonical(peer), canonical(local));
    let find = |rows: &[Row]| {
        sole(rows.iter().filter(|row| !row.listens && row.local == peer && row.remote == local))
    };
    owner(find(&rows())?, find)
}

/// The user who listens at this address, or at its port on all of them.
pub(super) fn listening_user(address: SocketAddr) -> Option<User> {
    let mut users = listeners(&rows(), address).into_iter().map(|row| {
        let again = |rows: &[Row]| listeners(rows, address).into_iter().find(|one| *one == row);
        owner(row, again)
    });
    let first = users.next()??;
    users.all(|user| user == Some(first)).then_some(first)
}

fn listeners(rows: &[Row], address: SocketAddr) -> Vec<Row> {
    let address = canonical(address);
    let at = |row: &&Row| {
        let ip = row.local.ip();
        // One that listens on all addresses of IPv6 may do so on those of IPv4 too.
        let all = ip.is_unspecified() && (ip.is_ipv6() || address.is_ipv4());
        row.listens && row.local.port() == address.port() && (all || ip == address.ip())
    };
    rows.iter().filter(at).copied().collect()
}

/// An address of IPv4 is one, however it is written.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn sole<'r>(mut rows: impl Iterator<Item = &'r Row>) -> Option<Row> {
    let first = rows.next()?;
    rows.next().is_none().then_some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{TcpAddress, TcpSocket, listening_user as at_address};

    fn row(local: &str, remote: &str, listens: bool, process: u32) -> Row {
        let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
        Row { listens, local, remote, process, since: u64::MAX }
    }

    #[test]
    fn who_listens_is_found_at_the_address_and_at_all() {
        let at = |address: &str, rows: &[Row]| {
            let found = listeners(rows, address.parse().unwrap());
            found.into_iter().map(|row| row.process).collect::<Vec<_>>()
        };
        let rows = [
            row("127.0.0.1:3240", "0.0.0.0:0", true, 1),
            row("0.0.0.0:3240", "0.0.0.0:0", true, 2),
            row("[::]:3240", "[::]:0", true, 3),
            row("[::1]:3240", "[::]:0", true, 4),
            row("127.0.0.1:3241", "0.0.0.0:0", true, 5),
            row("127.0.0.1:3240", "127.0.0.1:9", false, 6),
        ];
        assert_eq!(at("127.0.0.1:3240", &rows), [1, 2, 3]);
        assert_eq!(at("[::1]:3240", &rows), [3, 4]);
        assert_eq!(at("[::ffff:127.0.0.1]:3240", &rows), [1, 2, 3]);
        assert!(at("127.0.0.1:3242", &rows).is_empty());
    }

    #[test]
    fn a_connection_tells_its_user_and_a_server_of_somebody_else_gets_nothing() {
        let socket = TcpSocket::bind(TcpAddress::loopback(0)).unwrap();
        let SocketAddr::V4(here) = socket.listener_for_tests().local_addr().unwrap() else {
            panic!("the loopback address is one of IPv4");
        };
        let [row] = listeners(&rows(), here.into())[..] else { panic!("it stands in the table") };
        // Wine names no process, and then nobody is known.
        let known = (row.process != 0).then(User::own);
        assert_eq!(at_address(socket.address()), known);
        let limit = Duration::from_secs(5);
        let client = Connection::connect_tcp(socket.address(), limit).unwrap();
        let (server, user) = socket.accept().unwrap().unwrap();
        assert_eq!(user, known);
        let both = rows().iter().filter(|row| !row.listens && row.remote == here.into()).count();
        assert_eq!(both, 1, "so does the client's end");
        client.write_all(b"ab").unwrap();
        let mut bytes = [0; 2];
        server.read_exact(&mut bytes).unwrap();
        let refused = Connection::connect_tcp_to(socket.address(), limit, |user| {
            assert_eq!(user, known);
            false
        });
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_row_that_is_gone_or_younger_than_its_process_is_nobodys() {
        let mine = row("127.0.0.1:9", "127.0.0.1:10", false, std::process::id());
        assert_eq!(owner(mine, |_| Some(mine)), Some(User::own()));
        assert_eq!(owner(mine, |_| None), None, "gone meanwhile");
        let other = Row { process: 1, ..mine };
        assert_eq!(owner(mine, |_| Some(other)), None, "another's by now");
        for since in [0, 1] {
            let before = Row { since, ..mine };
            assert_eq!(owner(before, |_| Some(before)), None, "the number was another's then");
        }
        let none = Row { process: 0xFFFF_FFF0, ..mine };
        assert_eq!(owner(none, |_| Some(none)), None);
    }
}
