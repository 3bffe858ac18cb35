//! A listening TCP socket whose waiting ends when it is told to.

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, eventfd, poll},
    io::Errno,
};
use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
};

/// A listening socket that can be told to stop.
#[derive(Debug)]
pub(super) struct Stoppable {
    listener: TcpListener,
    stopped: OwnedFd,
}

impl Stoppable {
    pub(super) fn new(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let stopped = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { listener, stopped })
    }

    pub(super) fn socket(&self) -> &TcpListener {
        &self.listener
    }

    /// The next connection, whose calls wait; `None` after [`Stoppable::stop`]. Errors of one
    /// connection are passed over.
    pub(super) fn accept(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
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
                Ok((stream, _)) if stream.set_nonblocking(false).is_err() => {}
                Ok(come) => return Ok(Some(come)),
                Err(error) if passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends every `accept`, now and later. May be called from another thread.
    pub(super) fn stop(&self) {
        // A full counter is as readable as any.
        let _ = rustix::io::write(&self.stopped, &1_u64.to_ne_bytes());
    }
}

/// Whether an error of accept(2) is one connection's own.
fn passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | Interrupted | WouldBlock)
}
