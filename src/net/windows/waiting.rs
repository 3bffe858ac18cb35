//! An instance of a pipe that waits for its client.
#![allow(unsafe_code)]

use super::event::{Event, any, begun};
use std::{
    io,
    os::windows::io::{AsRawHandle as _, OwnedHandle},
};
use windows_sys::Win32::{
    Foundation::ERROR_PIPE_CONNECTED,
    System::{
        IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED},
        Pipes::ConnectNamedPipe,
    },
};

/// An instance of a pipe that waits for its client.
pub(in crate::net) struct Waiting {
    /// None once somebody else has it.
    pipe: Option<OwnedHandle>,
    connected: Event,
    /// None where the client was there at once. It stays where it is until the wait has ended.
    overlapped: Option<Box<OVERLAPPED>>,
}

// SAFETY: the pointers in it are the system's own, and it is only used through one owner.
unsafe impl Send for Waiting {}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}

impl Waiting {
    /// Begins to wait.
    pub(in crate::net) fn begin(pipe: OwnedHandle) -> io::Result<Self> {
        let connected = Event::new(false)?;
        let mut overlapped =
            Box::new(OVERLAPPED { hEvent: connected.raw(), ..OVERLAPPED::default() });
        // SAFETY: the boxed structure stays in place until the wait has ended, which dropping this
        // value sees to at the latest.
        let answer = unsafe { ConnectNamedPipe(pipe.as_raw_handle(), &raw mut *overlapped) };
        let there = ERROR_PIPE_CONNECTED.cast_signed();
        let there = match begun(answer) {
            Ok(there) => there,
            Err(error) if error.raw_os_error() == Some(there) => true,
            Err(error) => return Err(error),
        };
        if there {
            connected.set();
        }
        let overlapped = (!there).then_some(overlapped);
        Ok(Self { pipe: Some(pipe), connected, overlapped })
    }

    /// Waits for the client, or for `stopped`: then `None`. The inner error is this client's own.
    pub(in crate::net) fn end(
        mut self,
        stopped: &Event,
    ) -> io::Result<Option<io::Result<OwnedHandle>>> {
        if any([stopped.raw(), self.connected.raw()], None)? == Some(0) {
            return Ok(None);
        }
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        let Some(overlapped) = self.overlapped.take() else {
            return Ok(Some(self.pipe.take().ok_or_else(gone)));
        };
        let Some(pipe) = self.pipe.take() else { return Ok(Some(Err(gone()))) };
        let mut count = 0;
        // SAFETY: the structure is that of the wait, which has ended.
        let ended = unsafe {
            GetOverlappedResult(pipe.as_raw_handle(), &raw const *overlapped, &raw mut count, 0)
        };
        let error = io::Error::last_os_error();
        Ok(Some(if ended == 0 { Err(error) } else { Ok(pipe) }))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let (Some(pipe), Some(overlapped)) = (&self.pipe, &self.overlapped) else { return };
        let mut count = 0;
        // SAFETY: the structure is that of the wait. With none to cancel any more it has ended by
        // itself.
        unsafe { CancelIoEx(pipe.as_raw_handle(), &raw const **overlapped) };
        // SAFETY: as above; waits until the system has let go of the structure.
        unsafe {
            GetOverlappedResult(pipe.as_raw_handle(), &raw const **overlapped, &raw mut count, 1)
        };
    }
}
