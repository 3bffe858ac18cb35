//! The one place where a caller's pointers become values, and values a caller's output.
//!
//! Inputs are read without regard to alignment (the structures are packed on Windows). Outputs are
//! written once, at the end, and only on success, except for a needed length (base specification
//! section 5.2). Since no reference to an output ever exists, input and output may overlap.

#![allow(unsafe_code)]

use super::host::result::{WARDCARD_ERROR_ARGUMENT, wardcard_result};
use crate::pkcs11::{Filled, Result, Room, Rv, ck::*};
use cryptoki_sys::CK_ULONG;
use std::{ptr, result::Result as Either, slice};
use zeroize::Zeroize;

/// The most elements that a template or a list of a caller may claim to have.
pub(super) const MOST_ELEMENTS: usize = 4096;

/// A pointer is NULL where it must not be, or a length is none that memory can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bad;

impl From<Bad> for Rv {
    fn from(_: Bad) -> Self {
        CKR_ARGUMENTS_BAD
    }
}

impl From<Bad> for wardcard_result {
    fn from(_: Bad) -> Self {
        WARDCARD_ERROR_ARGUMENT
    }
}

/// The longest that a length may be: more is a negative number or CK_UNAVAILABLE_INFORMATION, also
/// where memory could have it because CK_ULONG has fewer bits than an address (64-bit Windows).
const LONGEST: usize = (CK_ULONG::MAX / 2) as usize;

/// A length that a caller claims, if memory can have it.
fn length(claimed: impl TryInto<usize>) -> Either<usize, Bad> {
    claimed.try_into().ok().filter(|length| *length <= LONGEST).ok_or(Bad)
}

/// A caller's bytes; `(NULL, 0)` is none.
///
/// # Safety
/// `pointer` is NULL or has `claimed` bytes to read, unchanged for `'a`.
pub(super) unsafe fn bytes<'a>(
    pointer: *const u8,
    claimed: impl TryInto<usize>,
) -> Either<&'a [u8], Bad> {
    let length = length(claimed)?;
    match (pointer.is_null(), length) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Bad),
        // SAFETY: not NULL, so the caller's promise holds; `length` fits isize.
        (false, _) => Ok(unsafe { slice::from_raw_parts(pointer, length) }),
    }
}

/// A caller's bytes of at most `most`, or `None` for a NULL pointer without a length.
///
/// # Safety
/// As [`bytes`].
pub(super) unsafe fn optional_bytes<'a>(
    pointer: *const u8,
    claimed: CK_ULONG,
    most: usize,
) -> Either<Option<&'a [u8]>, Bad> {
    if pointer.is_null() && claimed == 0 {
        return Ok(None);
    }
    if length(claimed)? > most {
        return Err(Bad);
    }
    // SAFETY: the caller's promise is the same.
    unsafe { bytes(pointer, claimed) }.map(Some)
}

/// A caller's structure.
///
/// # Safety
/// `pointer` is NULL or has a `T` to read.
pub(super) unsafe fn value<T: Copy>(pointer: *const T) -> Either<T, Bad> {
    if pointer.is_null() {
        return Err(Bad);
    }
    // SAFETY: not NULL, so the caller's promise holds; no alignment is assumed.
    Ok(unsafe { pointer.read_unaligned() })
}

/// A caller's structure that begins with its size in bytes; another size is bad.
///
/// # Safety
/// `pointer` is NULL or has a structure to read that is as long as it says.
pub(super) unsafe fn sized<T: Copy>(pointer: *const T) -> Either<T, Bad> {
    // SAFETY: the size comes first in every version.
    if unsafe { value(pointer.cast::<usize>()) }? != size_of::<T>() {
        return Err(Bad);
    }
    // SAFETY: it has the size of our structure.
    unsafe { value(pointer) }
}

/// A caller's structures, at most [`MOST_ELEMENTS`].
///
/// # Safety
/// `pointer` is NULL or has `claimed` of `T` to read.
pub(super) unsafe fn values<T: Copy>(pointer: *const T, claimed: CK_ULONG) -> Either<Vec<T>, Bad> {
    let count = length(claimed)?;
    if count > MOST_ELEMENTS || (pointer.is_null() && count > 0) {
        return Err(Bad);
    }
    (0..count)
        // SAFETY: `at` is below the count that the caller promised.
        .map(|at| unsafe { value(pointer.wrapping_add(at)) })
        .collect()
}

/// Where one value goes.
#[derive(Debug)]
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    /// `pointer` is NULL or can take a `T` until [`Out::put`].
    pub(super) unsafe fn new(pointer: *mut T) -> Either<Self, Bad> {
        if pointer.is_null() { Err(Bad) } else { Ok(Self(pointer)) }
    }

    /// Writes the value.
    pub(super) fn put(self, value: T) {
        // SAFETY: not NULL, so the promise made to `new` holds; no alignment is assumed.
        unsafe { self.0.write_unaligned(value) }
    }
}

/// Writes a caller's handle or number where CK_ULONG can hold it.
pub(super) fn put_number(out: Out<CK_ULONG>, number: u64) -> Result<()> {
    out.put(CK_ULONG::try_from(number).map_err(|_| CKR_GENERAL_ERROR)?);
    Ok(())
}

/// A buffer with its length: where a function's output goes.
#[derive(Debug)]
pub(super) struct Output<T> {
    buffer: *mut T,
    length: *mut CK_ULONG,
    room: Room,
}

impl<T: Copy> Output<T> {
    /// # Safety
    /// `length` is NULL or can be read and written; `buffer` is NULL or can take as many `T` as
    /// `length` says, until [`Output::put`].
    pub(super) unsafe fn new(buffer: *mut T, length: *mut CK_ULONG) -> Either<Self, Bad> {
        // SAFETY: the caller's promise about `length`.
        let claimed = unsafe { value(length) }?;
        let room = match buffer.is_null() {
            true => Room::Query,
            // More room than memory can have is as much as it can have.
            false => Room::Bytes(usize::try_from(claimed).unwrap_or(usize::MAX)),
        };
        Ok(Self { buffer, length, room })
    }

    /// How much room there is, in elements.
    pub(super) fn room(&self) -> Room {
        self.room
    }

    /// Writes elements and their number, or the number alone, as section 5.2 has it.
    pub(super) fn put(self, elements: &[T]) -> Result<()> {
        match self.room.admits(elements.len()) {
            Err(answer) => self.answer(&answer),
            Ok(()) => {
                // SAFETY: the buffer has room for so many, by the promise made to `new`; bytes are
                // copied as bytes, so no alignment is assumed.
                unsafe {
                    ptr::copy(
                        elements.as_ptr().cast::<u8>(),
                        self.buffer.cast::<u8>(),
                        size_of_val(elements),
                    );
                }
                self.put_length(elements.len())
            }
        }
    }

    fn answer(self, answer: &Filled) -> Result<()> {
        match answer {
            Filled::Length(needed) => self.put_length(*needed),
            Filled::TooSmall(needed) => {
                self.put_length(*needed)?;
                Err(CKR_BUFFER_TOO_SMALL)
            }
            Filled::Bytes(_) => Err(CKR_GENERAL_ERROR),
        }
    }

    fn put_length(&self, length: usize) -> Result<()> {
        let length = CK_ULONG::try_from(length).map_err(|_| CKR_GENERAL_ERROR)?;
        // SAFETY: the promise made to `new`.
        unsafe { self.length.write_unaligned(length) };
        Ok(())
    }
}

impl Output<u8> {
    /// Writes what an operation answered, and erases our copy of it.
    pub(super) fn fill(self, filled: Filled) -> Result<()> {
        match filled {
            Filled::Bytes(mut bytes) => {
                // A module that answers more than it was given room for is not believed.
                let fits = self.room.admits(bytes.len()).is_ok();
                let done = if fits { self.put(&bytes) } else { Err(CKR_GENERAL_ERROR) };
                bytes.zeroize();
                done
            }
            answer => self.answer(&answer),
        }
    }
}

/// `text` in a field of `N` bytes, cut between characters and padded with spaces.
pub(super) fn padded<const N: usize>(text: &str) -> [u8; N] {
    let text = crate::pkcs11::clipped(text, N);
    let mut field = [b' '; N];
    for (place, byte) in field.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_bad_unless_it_is_empty() {
        // SAFETY: NULL throughout.
        assert_eq!(unsafe { bytes(ptr::null(), 0_usize) }, Ok(&[][..]));
        // SAFETY: as above.
        assert_eq!(unsafe { bytes(ptr::null(), 1_usize) }, Err(Bad));
        // SAFETY: as above.
        assert_eq!(unsafe { value::<u64>(ptr::null()) }, Err(Bad));
        // SAFETY: as above.
        assert_eq!(unsafe { values::<u64>(ptr::null(), 1) }, Err(Bad));
        // SAFETY: as above.
        assert!(unsafe { Out::<u64>::new(ptr::null_mut()) }.is_err());
    }

    #[test]
    fn a_structure_of_another_size_is_refused() {
        let own = [16_usize, 7];
        // SAFETY: as long as it says.
        assert_eq!(unsafe { sized(&raw const own) }, Ok(own));
        for size in [0, 8, 15, 17, usize::MAX] {
            let other = [size, 7];
            // SAFETY: refused after its size is read.
            assert_eq!(unsafe { sized(&raw const other) }, Err(Bad));
        }
        // SAFETY: NULL.
        assert_eq!(unsafe { sized(ptr::null::<[usize; 2]>()) }, Err(Bad));
    }

    #[test]
    fn lengths_that_memory_cannot_have_are_refused_unread() {
        let one = 1_u8;
        // SAFETY: refused before it is read.
        assert_eq!(unsafe { bytes(&raw const one, CK_ULONG::MAX) }, Err(Bad));
        #[cfg(target_pointer_width = "64")]
        #[cfg(unix)]
        // SAFETY: as above.
        assert_eq!(unsafe { values(&raw const one, 1 << 32) }, Err(Bad));
        // SAFETY: as above.
        let pin = unsafe { optional_bytes(&raw const one, 5000, 1024) };
        assert_eq!(pin, Err(Bad));
    }

    #[test]
    fn rule_01_output_room_is_answered_in_one_way() {
        let mut buffer = [0_u8; 4];
        let mut length: CK_ULONG = 0;
        let mut fill = |query: bool, room, filled| {
            length = room;
            let buffer = if query { ptr::null_mut() } else { buffer.as_mut_ptr() };
            // SAFETY: both live here, and `room` is at most 4.
            let output = unsafe { Output::new(buffer, &raw mut length) }.unwrap();
            let done = output.fill(filled);
            (done, length)
        };
        assert_eq!(fill(true, 9, Filled::Length(3)), (Ok(()), 3));
        assert_eq!(fill(false, 2, Filled::TooSmall(3)), (Err(CKR_BUFFER_TOO_SMALL), 3));
        assert_eq!(fill(false, 4, Filled::Bytes(vec![7; 3])), (Ok(()), 3));
        assert_eq!(fill(false, 2, Filled::Bytes(vec![9; 3])), (Err(CKR_GENERAL_ERROR), 2));
        assert_eq!(fill(true, 2, Filled::Bytes(vec![9; 3])), (Err(CKR_GENERAL_ERROR), 2));
        assert_eq!(buffer, [7, 7, 7, 0]);
    }

    #[test]
    fn texts_are_padded_and_cut_between_characters() {
        assert_eq!(padded::<4>("ab"), *b"ab  ");
        assert_eq!(padded::<4>("abcé"), *b"abc ");
    }
}
