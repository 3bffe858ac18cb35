//! SIGTERM and SIGINT.

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    low_level::pipe,
};
use std::{
    io::{self, Read as _},
    os::unix::net::UnixStream,
};

/// Has a byte once one of the signals has come.
pub(in crate::cli) struct Told(UnixStream);

/// To be asked for before anything is served: whoever sees a socket may send the signal already.
pub(in crate::cli) fn signals() -> io::Result<Told> {
    let (told, tell) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        pipe::register(signal, tell.try_clone()?)?;
    }
    Ok(Told(told))
}

impl Told {
    /// Waits until this program is told to end.
    pub(in crate::cli) fn wait(mut self) -> io::Result<()> {
        self.0.read_exact(&mut [0])
    }
}
