//! What the console tells a program: to end.
#![allow(unsafe_code)]

use super::event::{Event, any};
use crate::secret::windows::done;
use std::{io, sync::OnceLock};
use windows_sys::{Win32::System::Console::SetConsoleCtrlHandler, core::BOOL};

static TOLD: OnceLock<Event> = OnceLock::new();

/// Ctrl-C, Ctrl-Break, and the end of the console or the session, of this process.
#[derive(Debug)]
pub(crate) struct Interrupts(Event);

impl Interrupts {
    /// From now on they are waited for, and do not end the process themselves.
    pub(crate) fn new() -> io::Result<Self> {
        let told = Event::new(false)?;
        let known = TOLD.get_or_init(|| told);
        // SAFETY: the function is of the type that is asked for and lives as long as the program.
        done(unsafe { SetConsoleCtrlHandler(Some(tell), 1) })?;
        Ok(Self(known.another()?))
    }

    /// Waits for one of them.
    pub(crate) fn wait(&self) -> io::Result<()> {
        any([self.0.raw()], None).map(|_| ())
    }
}

/// In a thread of the system's. For the end of a session the process has as long as this takes.
unsafe extern "system" fn tell(what: u32) -> BOOL {
    const CLOSING: u32 = 2;
    if let Some(told) = TOLD.get() {
        told.set();
    }
    if what >= CLOSING {
        std::thread::sleep(std::time::Duration::from_secs(4));
    }
    1
}
