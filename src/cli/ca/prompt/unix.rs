//! By the terminal that the process belongs to (tty(4)), whose echo is off meanwhile.

use super::Error;
use crate::secret::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::{
    fs::File,
    io::{self, Read as _, Write as _},
};

/// No passphrase is longer.
const LONGEST: usize = 1024;

/// Asks for a passphrase, twice where it is a new one.
pub(in crate::cli::ca) fn passphrase(what: &str, new: bool) -> Result<Secret, Error> {
    let failed = |error: io::Error| Error::Terminal(error.to_string());
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").map_err(failed)?;
    let first = ask(&mut terminal, what).map_err(failed)?;
    if new && !first.matches(ask(&mut terminal, "The same again").map_err(failed)?.expose()) {
        return Err(Error::Terminal("the two differ".to_owned()));
    }
    Ok(first)
}

fn ask(terminal: &mut File, what: &str) -> io::Result<Secret> {
    write!(terminal, "{what}: ")?;
    let quiet = Quiet::new(terminal.try_clone()?)?;
    let mut length = 0;
    let mut bytes = zeroize::Zeroizing::new([0; LONGEST]);
    loop {
        let Some(place) = bytes.get_mut(length..=length) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too long"));
        };
        if terminal.read(place)? == 0 || place == b"\n" {
            break;
        }
        length += 1;
    }
    drop(quiet);
    writeln!(terminal)?;
    Ok(Secret::copied_from(bytes.get(..length).unwrap_or_default()))
}

/// The terminal shows nothing that is typed until this is dropped.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn new(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO;
        tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // There is nothing to be done about a terminal that does not take its own settings.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}
