//! A named pipe that is served.

use super::{
    Address, Connection, Peer, address::not_local, connection::Stream, event::Event, pipe,
    waiting::Waiting,
};
use crate::secret::windows::Descriptor;
use std::{
    io,
    sync::{Mutex, PoisonError},
};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_PIPE_BUSY};

/// A named pipe that is served: made with a list of who may connect, only if nobody else has one of
/// that name, and gone with its last connection.
#[derive(Debug)]
pub struct Listener {
    name: String,
    descriptor: Descriptor,
    stopped: Event,
    /// The instance that the next client gets, unless somebody waits for that client.
    next: Mutex<Option<Waiting>>,
}

impl Listener {
    /// Makes the pipe and listens. `mode` says by its bits for others whether everybody of this
    /// machine may connect (0o666), or this process's own user alone (0o600).
    ///
    /// # Errors
    ///
    /// AddrInUse where another process has a pipe of that name; otherwise what the system says.
    pub fn bind(address: &Address, mode: u32) -> io::Result<Self> {
        let Address::Pipe(name) = address else { return Err(not_local(address)) };
        let descriptor = pipe::descriptor(mode & 0o077 != 0)?;
        let first = pipe::create(name, &descriptor, true).map_err(|error| {
            let taken = [ERROR_ACCESS_DENIED, ERROR_PIPE_BUSY].map(u32::cast_signed);
            if error.raw_os_error().is_some_and(|code| taken.contains(&code)) {
                let text = format!(
                    "{address}: another process is serving there; stop it, or use another address"
                );
                return io::Error::new(io::ErrorKind::AddrInUse, text);
            }
            error
        })?;
        let next = Mutex::new(Some(Waiting::begin(first)?));
        Ok(Self { name: name.clone(), descriptor, stopped: Event::new(false)?, next })
    }

    fn next(&self) -> Option<Waiting> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn another(&self) -> io::Result<Waiting> {
        Waiting::begin(pipe::create(&self.name, &self.descriptor, false)?)
    }

    /// Waits for the next connection; `None` after `stop`.
    ///
    /// # Errors
    ///
    /// What the system says; errors of one connection are passed over.
    pub fn accept(&self) -> io::Result<Option<(Connection, Peer)>> {
        loop {
            if self.stopped.is_set() {
                drop(self.next());
                return Ok(None);
            }
            let waiting = match self.next() {
                Some(waiting) => waiting,
                None => self.another()?,
            };
            let Some(connected) = waiting.end(&self.stopped)? else { continue };
            // Before anything is asked of this client, so that the next finds somebody there.
            let another = self.another();
            if let Ok(another) = another {
                *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(another);
            }
            let Ok(connected) = connected else { continue };
            if let Ok(peer) = Peer::client_of(&connected) {
                return Ok(Some((Connection::new(Stream::Pipe(connected, true))?, peer)));
            }
        }
    }

    /// Ends every `accept`, now and later: nobody connects any more, though this value may live on
    /// for a while in a thread that is about to end. May be called from another thread.
    pub fn stop(&self) {
        self.stopped.set();
        drop(self.next());
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        Address::Pipe(self.name.clone())
    }
}
