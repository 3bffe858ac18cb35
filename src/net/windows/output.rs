//! What goes: one write that waits, for a limited time, or until it is told to end.
#![allow(unsafe_code)]

use crate::net::event::{Event, any, begun};
use std::{io, ptr, time::Instant};
use windows_sys::Win32::{
    Foundation::{ERROR_NO_DATA, ERROR_OPERATION_ABORTED, HANDLE},
    Storage::FileSystem::WriteFile,
    System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED},
};

/// As much as is written at once: less than what a pipe holds, so that a short message needs no
/// reader.
const MOST: usize = 32 << 10;

/// Writes some of `bytes`, until `deadline` at most or `over` is set. `event` is this writer's own.
///
/// # Errors
/// TimedOut, BrokenPipe where it is over or nobody reads, or what the system says.
pub(super) fn write(
    handle: HANDLE,
    bytes: &[u8],
    event: &Event,
    over: &Event,
    deadline: Option<Instant>,
) -> io::Result<usize> {
    let length = bytes.len().min(MOST) as u32;
    let mut overlapped = OVERLAPPED { hEvent: event.raw(), ..OVERLAPPED::default() };
    let mut count = 0;
    // SAFETY: `bytes` and `overlapped` live until the write has ended, for which is waited below.
    let answer =
        unsafe { WriteFile(handle, bytes.as_ptr(), length, ptr::null_mut(), &raw mut overlapped) };
    let done = begun(answer).map_err(told)?;
    let mut why = io::ErrorKind::BrokenPipe;
    if !done && !matches!(any([event.raw(), over.raw()], deadline), Ok(Some(0))) {
        if !over.is_set() {
            why = io::ErrorKind::TimedOut;
        }
        // SAFETY: the structure is that of the write that was begun. With none to cancel any more it
        // has ended by itself.
        unsafe { CancelIoEx(handle, &raw const overlapped) };
    }
    // SAFETY: as above; waits until the system has let go of both.
    let ended = unsafe { GetOverlappedResult(handle, &raw const overlapped, &raw mut count, 1) };
    if ended != 0 {
        return Ok(count as usize);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error().map(i32::cast_unsigned) {
        Some(ERROR_OPERATION_ABORTED) => Err(why.into()),
        _ => Err(told(error)),
    }
}

/// A pipe whose other end is closed is a broken one, by either of two numbers.
fn told(error: io::Error) -> io::Error {
    match error.raw_os_error().map(i32::cast_unsigned) {
        Some(ERROR_NO_DATA) => io::ErrorKind::BrokenPipe.into(),
        _ => error,
    }
}
