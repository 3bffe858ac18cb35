//! Windows: nobody is known at the other end, and who is not known is not admitted; options of
//! sockets.
#![allow(unsafe_code)]

use crate::{
    net::{Connection, connection::Stream},
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

pub(super) fn user(_: SocketAddr, _: SocketAddr) -> Option<User> {
    None
}

pub(super) fn listening_user(_: SocketAddr) -> Option<User> {
    None
}
