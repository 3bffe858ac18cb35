//! Handles, texts and rooms for outputs of the C interface.
#![allow(unsafe_code)]

use super::result::{WARDCARD_ERROR_ARGUMENT, WARDCARD_ERROR_BUFFER_TOO_SMALL, wardcard_result};
use crate::ffi::{
    guard::quiet,
    pointers::{self, Out},
};
use std::ffi::c_char;

/// Result of the safe part of a call; the error is the number that the caller gets.
pub(super) type Outcome<T = ()> = Result<T, wardcard_result>;

/// The bytes of an input that is text as a rule; `(NULL, 0)` is empty.
///
/// # Safety
/// `pointer` is NULL or points to `length` bytes that stay as they are during `'a`.
pub(super) unsafe fn bytes<'a>(pointer: *const c_char, length: usize) -> Outcome<&'a [u8]> {
    // SAFETY: passed on from our caller.
    Ok(unsafe { pointers::bytes(pointer.cast(), length) }?)
}

/// The text of an input.
///
/// # Safety
/// As [`bytes`].
pub(super) unsafe fn text<'a>(pointer: *const c_char, length: usize) -> Outcome<&'a str> {
    // SAFETY: passed on from our caller.
    let bytes = unsafe { bytes(pointer, length) }?;
    std::str::from_utf8(bytes).map_err(|_| WARDCARD_ERROR_ARGUMENT)
}

/// What a handle names.
///
/// # Safety
/// `handle` is NULL or came from [`give`] and is not taken back during `'a`.
pub(super) unsafe fn live<'a, T>(handle: *const T) -> Outcome<&'a T> {
    // SAFETY: NULL gives `None`; else the caller vouches for the handle.
    unsafe { handle.as_ref() }.ok_or(WARDCARD_ERROR_ARGUMENT)
}

/// Hands a value over to C.
pub(super) fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Takes a value back from C and drops it; NULL is nothing.
///
/// # Safety
/// `handle` is NULL or came from [`give`] and has not been taken back.
pub(super) unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: the caller vouches that `give` made it and that it is taken back once.
        let value = unsafe { Box::from_raw(handle) };
        quiet(move || drop(value));
    }
}

/// A caller's room for an output of variable length.
pub(super) struct Space {
    out: *mut u8,
    capacity: usize,
    length: Out<usize>,
}

impl Space {
    /// # Safety
    /// `out` is NULL or has `capacity` bytes of room, and `length` is NULL or writable, until
    /// [`Space::put`].
    pub(super) unsafe fn new(out: *mut u8, capacity: usize, length: *mut usize) -> Outcome<Self> {
        if out.is_null() && capacity > 0 {
            return Err(WARDCARD_ERROR_ARGUMENT);
        }
        // SAFETY: the caller vouches for the place.
        let length = unsafe { Out::new(length) }?;
        Ok(Self { out, capacity, length })
    }

    /// Writes nothing but the length that is wanted.
    pub(super) fn wanted(self, length: usize) {
        self.length.put(length);
    }

    /// Writes the length in any case, the bytes only if there is room for them all.
    pub(super) fn put(self, from: &[u8]) -> Outcome {
        self.length.put(from.len());
        if from.len() > self.capacity {
            return Err(WARDCARD_ERROR_BUFFER_TOO_SMALL);
        }
        if !from.is_empty() {
            // SAFETY: there is room for `from.len() <= capacity` bytes, so `out` is not NULL, by
            // the promise made to `new`.
            unsafe { self.out.copy_from_nonoverlapping(from.as_ptr(), from.len()) };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null_mut;

    #[test]
    fn outputs_are_written_whole_or_only_their_length() {
        let mut room = *b"....";
        let mut put = |null: bool, capacity: usize, from: &[u8]| {
            let mut length = 99;
            let out = if null { null_mut() } else { room.as_mut_ptr() };
            // SAFETY: both live here, and `capacity` is at most 4 where `out` is not NULL.
            let space = unsafe { Space::new(out, capacity, &raw mut length) };
            (space.and_then(|space| space.put(from)), length, room)
        };
        assert_eq!(put(false, 2, b"abc"), (Err(WARDCARD_ERROR_BUFFER_TOO_SMALL), 3, *b"...."));
        assert_eq!(put(true, 0, b"abc"), (Err(WARDCARD_ERROR_BUFFER_TOO_SMALL), 3, *b"...."));
        assert_eq!(put(true, 3, b"abc"), (Err(WARDCARD_ERROR_ARGUMENT), 99, *b"...."));
        assert_eq!(put(false, 3, b"abc"), (Ok(()), 3, *b"abc."));
        assert_eq!(put(true, 0, b""), (Ok(()), 0, *b"abc."));
        // SAFETY: NULL.
        assert!(unsafe { Space::new(null_mut(), 0, null_mut()) }.is_err());
    }

    #[test]
    fn text_is_utf8_and_null_is_no_handle() {
        // SAFETY: the bytes live here.
        assert_eq!(unsafe { text(b"ab\xff".as_ptr().cast(), 2) }, Ok("ab"));
        // SAFETY: as above.
        let bad = unsafe { text(b"ab\xff".as_ptr().cast(), 3) };
        assert_eq!(bad, Err(WARDCARD_ERROR_ARGUMENT));
        // SAFETY: NULL.
        assert_eq!(unsafe { live::<u8>(std::ptr::null()) }, Err(WARDCARD_ERROR_ARGUMENT));
        // SAFETY: NULL is nothing.
        unsafe { free::<u8>(null_mut()) };
    }
}
