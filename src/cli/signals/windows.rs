//! Ctrl-C, Ctrl-Break, and the end of the console or the session.

use crate::net::Interrupts;
use std::io;

/// Ends once one of them has come.
pub(in crate::cli) struct Told(Interrupts);

/// To be asked for before anything is served.
pub(in crate::cli) fn signals() -> io::Result<Told> {
    Interrupts::new().map(Told)
}

impl Told {
    /// Waits until this program is told to end.
    pub(in crate::cli) fn wait(self) -> io::Result<()> {
        self.0.wait()
    }
}
