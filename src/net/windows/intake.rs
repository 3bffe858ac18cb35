//! What comes: one read of the system's at a time, into a buffer that is erased as it is emptied.
#![allow(unsafe_code)]

use crate::net::event::{Event, begun};
use std::{io, ptr};
use windows_sys::Win32::{
    Foundation::{
        ERROR_BROKEN_PIPE, ERROR_HANDLE_EOF, ERROR_IO_INCOMPLETE, ERROR_NETNAME_DELETED,
        ERROR_OPERATION_ABORTED, ERROR_PIPE_NOT_CONNECTED, HANDLE, STATUS_PENDING,
    },
    Storage::FileSystem::ReadFile,
    System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED},
};
use zeroize::Zeroize as _;

/// As much as is read at once.
const ROOM: usize = 32 << 10;

/// The buffer and the read into it.
pub(super) struct Intake {
    read: Option<Box<Read>>,
    state: State,
    tcp: bool,
}

/// What the system writes to while it reads; it stays where it is until that has ended.
struct Read {
    overlapped: OVERLAPPED,
    bytes: [u8; ROOM],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// The system reads.
    Reading,
    /// What came and was not taken yet.
    There {
        from: usize,
        to: usize,
    },
    Ended,
}

// SAFETY: the pointers in it are the system's own, and it is only used through `&mut`.
unsafe impl Send for Intake {}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Intake {
    pub(super) fn new(tcp: bool) -> Self {
        Self { read: None, state: State::Idle, tcp }
    }

    /// Has the system read from `handle`, and `input` set when something has come; takes in what
    /// has.
    pub(super) fn go_on(&mut self, handle: HANDLE, input: &Event) -> io::Result<()> {
        if self.state == State::Idle {
            self.begin(handle, input)?;
        }
        if self.state == State::Reading {
            self.look(handle, input)?;
        }
        Ok(())
    }

    fn begin(&mut self, handle: HANDLE, input: &Event) -> io::Result<()> {
        let fresh = || Box::new(Read { overlapped: OVERLAPPED::default(), bytes: [0; ROOM] });
        let read = self.read.get_or_insert_with(fresh);
        read.overlapped = OVERLAPPED { hEvent: input.raw(), ..OVERLAPPED::default() };
        // SAFETY: the boxed structure and its buffer stay in place until the read has ended, which
        // `end` sees to at the latest.
        let answer = unsafe {
            ReadFile(
                handle,
                read.bytes.as_mut_ptr(),
                ROOM as u32,
                ptr::null_mut(),
                &raw mut read.overlapped,
            )
        };
        match begun(answer) {
            Ok(_) => {
                self.state = State::Reading;
                Ok(())
            }
            Err(error) => self.over(error, input),
        }
    }

    fn look(&mut self, handle: HANDLE, input: &Event) -> io::Result<()> {
        let Some(read) = &mut self.read else { return Ok(()) };
        let mut count = 0;
        // SAFETY: the structure is that of the read that was begun.
        let done =
            unsafe { GetOverlappedResult(handle, &raw const read.overlapped, &raw mut count, 0) };
        if done != 0 {
            self.state = match count as usize {
                0 if self.tcp => State::Ended,
                // Somebody wrote nothing into a pipe.
                0 => State::Idle,
                to => State::There { from: 0, to: to.min(ROOM) },
            };
            return if self.state == State::Idle { self.begin(handle, input) } else { Ok(()) };
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error().map(i32::cast_unsigned) {
            Some(ERROR_IO_INCOMPLETE) => Ok(()),
            // The system takes back what a thread began that ends, and nothing has come into it.
            // `end`, which takes it back too, leaves another state.
            Some(ERROR_OPERATION_ABORTED) => self.begin(handle, input),
            _ => self.over(error, input),
        }
    }

    /// No more comes; whether that is an error.
    fn over(&mut self, error: io::Error, input: &Event) -> io::Result<()> {
        self.state = State::Ended;
        input.set();
        match error.raw_os_error().map(i32::cast_unsigned) {
            Some(
                ERROR_BROKEN_PIPE
                | ERROR_HANDLE_EOF
                | ERROR_PIPE_NOT_CONNECTED
                | ERROR_OPERATION_ABORTED
                | ERROR_NETNAME_DELETED,
            ) => Ok(()),
            _ => Err(error),
        }
    }

    /// Moves what is there; 0 at the end, `None` while nothing is.
    pub(super) fn take(&mut self, bytes: &mut [u8], input: &Event) -> io::Result<Option<usize>> {
        let (from, to) = match self.state {
            State::There { from, to } => (from, to),
            State::Ended => return Ok(Some(0)),
            State::Idle | State::Reading => return Ok(None),
        };
        let there = self.read.as_mut().and_then(|read| read.bytes.get_mut(from..to));
        let there = there.unwrap_or_default();
        let count = there.len().min(bytes.len());
        for (to, from) in bytes.iter_mut().zip(there.iter_mut()) {
            *to = *from;
        }
        there.iter_mut().take(count).for_each(|byte| byte.zeroize());
        self.state = if from + count < to {
            State::There { from: from + count, to }
        } else {
            input.reset();
            State::Idle
        };
        Ok(Some(count))
    }

    /// Whether something has come, or the end.
    pub(super) fn has_come(&self) -> bool {
        match self.state {
            State::Idle => false,
            State::There { .. } | State::Ended => true,
            State::Reading => self.read.as_ref().is_some_and(|read| {
                // SAFETY: the field is live; the system writes it, hence volatile.
                let status = unsafe { (&raw const read.overlapped.Internal).read_volatile() };
                status != STATUS_PENDING as usize
            }),
        }
    }

    /// Ends the read that goes on, and waits until the system has let go of the buffer.
    pub(super) fn end(&mut self, handle: HANDLE) {
        if self.state == State::Reading
            && let Some(read) = &mut self.read
        {
            let mut count = 0;
            // SAFETY: the structure is that of the read that was begun. With none to cancel any more
            // it has ended by itself.
            unsafe { CancelIoEx(handle, &raw const read.overlapped) };
            // SAFETY: as above; waits.
            unsafe { GetOverlappedResult(handle, &raw const read.overlapped, &raw mut count, 1) };
        }
        if let Some(read) = &mut self.read {
            read.bytes.zeroize();
        }
        self.state = State::Ended;
    }
}
