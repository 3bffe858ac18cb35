//! Events that threads wait for.
#![allow(unsafe_code)]

use crate::secret::windows::done;
use std::{
    io,
    os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle},
    ptr,
    time::{Duration, Instant},
};
use windows_sys::Win32::{
    Foundation::{HANDLE, WAIT_FAILED, WAIT_TIMEOUT},
    System::Threading::{CreateEventW, INFINITE, ResetEvent, SetEvent, WaitForMultipleObjects},
};

/// An event: set until it is reset, or, if it is `once`, until one who waits has been let through.
#[derive(Debug)]
pub(in crate::net) struct Event(OwnedHandle);

impl Event {
    pub(in crate::net) fn new(once: bool) -> io::Result<Self> {
        // SAFETY: no name and no attributes; the answer is checked below.
        let handle = unsafe { CreateEventW(ptr::null(), i32::from(!once), 0, ptr::null()) };
        if handle.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the system has just made this handle for us and nothing else owns it.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    /// The same event.
    pub(in crate::net) fn another(&self) -> io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    pub(in crate::net) fn set(&self) {
        // SAFETY: the handle is this value's own. It fails for no event.
        unsafe { SetEvent(self.raw()) };
    }

    pub(in crate::net) fn reset(&self) {
        // SAFETY: as above.
        unsafe { ResetEvent(self.raw()) };
    }

    pub(in crate::net) fn is_set(&self) -> bool {
        matches!(any([self.raw()], Some(Instant::now())), Ok(Some(0)))
    }

    pub(in crate::net) fn raw(&self) -> HANDLE {
        self.0.as_raw_handle()
    }
}

/// Which of these is set, as soon as one is: the first of several. `None` where it takes longer.
pub(in crate::net) fn any<const N: usize>(
    handles: [HANDLE; N],
    deadline: Option<Instant>,
) -> io::Result<Option<usize>> {
    wait(&handles, false, deadline)
}

/// Whether all of these are set at once, which lets one through of those that are set once.
pub(in crate::net) fn all<const N: usize>(
    handles: [HANDLE; N],
    limit: Duration,
) -> io::Result<bool> {
    Ok(wait(&handles, true, Instant::now().checked_add(limit))?.is_some())
}

fn wait(handles: &[HANDLE], all: bool, deadline: Option<Instant>) -> io::Result<Option<usize>> {
    let count = u32::try_from(handles.len()).map_err(io::Error::other)?;
    loop {
        let millis = match deadline {
            None => INFINITE,
            Some(deadline) => {
                let rest = deadline.saturating_duration_since(Instant::now());
                // Rounded up, so that it is not asked again and again before the time.
                let millis = rest.as_nanos().div_ceil(1_000_000);
                u32::try_from(millis).unwrap_or(u32::MAX).min(INFINITE - 1)
            }
        };
        // SAFETY: the handles live through the call, by their borrows of the callers.
        let answer =
            unsafe { WaitForMultipleObjects(count, handles.as_ptr(), i32::from(all), millis) };
        match answer {
            WAIT_FAILED => return Err(io::Error::last_os_error()),
            WAIT_TIMEOUT if deadline.is_none_or(|deadline| Instant::now() < deadline) => {}
            WAIT_TIMEOUT => return Ok(None),
            at => return Ok(Some(at as usize)),
        }
    }
}

/// What the system has just made, if it has.
pub(in crate::net) fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() || handle == windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system has just made this handle for the caller, who owns it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// [`done`], where "it goes on" is no error.
pub(in crate::net) fn begun(answer: i32) -> io::Result<bool> {
    const PENDING: i32 = windows_sys::Win32::Foundation::ERROR_IO_PENDING.cast_signed();
    match done(answer) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(PENDING) => Ok(false),
        Err(error) => Err(error),
    }
}
