//! SIGTERM and SIGINT, for the commands that serve until they are told to end.

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    low_level::pipe,
};
use std::{io, os::unix::net::UnixStream};

/// A stream that has a byte once SIGTERM or SIGINT has come. To be asked for before anything is
/// served: whoever sees a socket may send the signal already.
pub(super) fn signals() -> io::Result<UnixStream> {
    let (told, tell) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        pipe::register(signal, tell.try_clone()?)?;
    }
    Ok(told)
}
