//! What Windows has in the place of user ids and mode bits: security identifiers, tokens, and
//! access control lists.

mod descriptor;
mod sid;
mod token;

pub(crate) use descriptor::{Descriptor, access_of_handle, access_of_path};
pub(crate) use sid::Sid;
pub(crate) use token::Token;

use std::{ffi::OsStr, io, os::windows::ffi::OsStrExt as _};

/// Text with its end, as the system takes it.
///
/// # Errors
/// InvalidInput for text with an end inside.
pub(crate) fn wide(text: &OsStr) -> io::Result<Vec<u16>> {
    let mut wide: Vec<u16> = text.encode_wide().collect();
    if wide.contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    wide.push(0);
    Ok(wide)
}

/// The answer of a call that says 0 for an error.
pub(crate) fn done(answer: i32) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
