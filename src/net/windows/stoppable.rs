//! A listening TCP socket whose waiting ends when it is told to.
#![allow(unsafe_code)]

use super::event::{Event, any};
use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::windows::io::AsRawSocket as _,
};
use windows_sys::Win32::Networking::WinSock::{FD_ACCEPT, SOCKET, WSAEventSelect, WSAGetLastError};

/// A listening socket that can be told to stop.
#[derive(Debug)]
pub(super) struct Stoppable {
    listener: TcpListener,
    coming: Event,
    stopped: Event,
}

impl Stoppable {
    pub(super) fn new(listener: TcpListener) -> io::Result<Self> {
        let (coming, stopped) = (Event::new(true)?, Event::new(false)?);
        let made = Self { listener, coming, stopped };
        // From here on its calls do not wait.
        select(made.listener.as_raw_socket() as SOCKET, Some(&made.coming))?;
        Ok(made)
    }

    pub(super) fn socket(&self) -> &TcpListener {
        &self.listener
    }

    /// The next connection, whose calls wait; `None` after [`Stoppable::stop`]. Errors of one
    /// connection are passed over.
    pub(super) fn accept(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        loop {
            if self.stopped.is_set() {
                return Ok(None);
            }
            match self.listener.accept() {
                Ok((stream, from)) => {
                    // It inherits what the listener was told.
                    let plain = select(stream.as_raw_socket() as SOCKET, None);
                    if plain.and_then(|()| stream.set_nonblocking(false)).is_ok() {
                        return Ok(Some((stream, from)));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    any([self.stopped.raw(), self.coming.raw()], None)?;
                }
                Err(error) if passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Lets the calls of its socket wait again.
    #[cfg(test)]
    pub(super) fn unselect(&self) {
        let _ = select(self.listener.as_raw_socket() as SOCKET, None);
    }

    /// Ends every `accept`, now and later. May be called from another thread.
    pub(super) fn stop(&self) {
        self.stopped.set();
    }
}

/// Has an event set for each connection that comes, or none any more.
fn select(socket: SOCKET, event: Option<&Event>) -> io::Result<()> {
    let (event, what) = event.map_or((0, 0), |event| (event.raw() as isize, FD_ACCEPT));
    // SAFETY: the socket and the event live through the call.
    if unsafe { WSAEventSelect(socket, event, what.cast_signed()) } == 0 {
        return Ok(());
    }
    // SAFETY: no precondition.
    Err(io::Error::from_raw_os_error(unsafe { WSAGetLastError() }))
}

/// Whether an error is one connection's own.
fn passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
