//! The card in Debian's `vsmartcard-vpcd`: a client of the reader driver, which listens on TCP port
//! 35963 while pcscd runs.
//!
//! ```text
//! driver: u16 length, payload         card: u16 length, payload
//!   00 power off, 01 power on, 02 reset      no reply
//!   04                                        the answer to reset
//!   any longer payload: a command             its response
//! ```
//!
//! The driver asks 04 every 400 ms, and that is how it sees that a card is there. A card that goes
//! ends the connection. A command that is under way then is answered 6F00 first: the driver of 3.3
//! takes an end, and a reset too, for an empty response that succeeded. A card that comes connects. The driver sees either when it asks next. A command or a response of more than 65535
//! bytes has no place in the frame.
//!
//! The driver's port is open to everybody who reaches the machine, and it authenticates nobody. We do
//! look who listens there: the card goes to no driver of a user who is not believed.

use super::{Admits, PowerOff, Running, intake::Intake, one_that_says, running::End};
use crate::{
    apdu::{Atr, Icc, Presence},
    net::{Connection, TcpAddress},
};
use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use zeroize::{Zeroize, Zeroizing};

/// The port of the first reader of Debian's package.
pub const PORT: u16 = 35_963;

/// First and longest pause between attempts to connect.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long one attempt, and one reply that is not taken, may last.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a look at the slot lasts at most.
const LOOK: Duration = Duration::from_secs(60);

/// A command that the card cannot do, or whose response is too long (ISO/IEC 7816-4, 6F00).
const NO_DIAGNOSIS: [u8; 2] = [0x6F, 0x00];

/// What the driver says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// Take the power away.
    PowerOff,
    /// Give power.
    PowerOn,
    /// Reset.
    Reset,
    /// Say the answer to reset.
    Atr,
    /// A command for the card.
    Command(&'a [u8]),
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PowerOff => "PowerOff",
            Self::PowerOn => "PowerOn",
            Self::Reset => "Reset",
            Self::Atr => "Atr",
            Self::Command(command) => return write!(f, "Command({} bytes)", command.len()),
        })
    }
}

impl<'a> Message<'a> {
    /// Reads a payload; `None` for one that means nothing.
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        match payload {
            [0] => Some(Self::PowerOff),
            [1] => Some(Self::PowerOn),
            [2] => Some(Self::Reset),
            [4] => Some(Self::Atr),
            [] | [_] => None,
            command => Some(Self::Command(command)),
        }
    }
}

/// The card in a driver's reader.
#[derive(Debug)]
pub struct Client;

impl Client {
    /// Puts what is in `icc` into the reader at this address, and again whenever pcscd comes back.
    /// Who listens there has to be one of `admits`: another user's driver is told nothing, and is
    /// looked for again later.
    ///
    /// # Errors
    ///
    /// What the system says of threads. A driver that is not there yet is no error.
    pub fn start(icc: Arc<dyn Icc>, address: TcpAddress, admits: Admits) -> io::Result<Running> {
        let shared = Arc::new(Mutex::new(None));
        let mut running = Running::new(icc);
        let current = Arc::clone(&shared);
        running.thread("vpcd", move |end, icc| {
            drive(end, &**icc, address, &admits, &current);
        })?;
        running.thread("vpcd watch", move |end, icc| watch(end, &**icc, &shared))?;
        Ok(running)
    }
}

/// A connection, and the card that it was made for.
#[derive(Debug)]
struct Held {
    card: Presence,
    connection: Arc<Connection>,
    /// A command is with the card: it is answered once.
    asked: bool,
}

/// The connection that there is, if any.
type Current = Mutex<Option<Held>>;

fn locked(current: &Current) -> MutexGuard<'_, Option<Held>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the connection when the card that it was made for is gone.
fn watch(end: &End, icc: &dyn Icc, current: &Current) {
    let mut seen = icc.presence();
    while !end.over() {
        if let Some(held) = &mut *locked(current)
            && held.card != seen
        {
            if std::mem::take(&mut held.asked) {
                // Where that fails the end says it.
                let _ = reply(&held.connection, &NO_DIAGNOSIS);
            }
            held.connection.shutdown();
        }
        seen = icc.wait(seen, LOOK);
    }
}

fn drive(end: &End, icc: &dyn Icc, address: TcpAddress, admits: &Admits, current: &Current) {
    let mut pause = PAUSE.0;
    while !end.over() {
        let card = icc.presence();
        if !card.present {
            icc.wait(card, LOOK);
            continue;
        }
        let connection =
            match Connection::connect_tcp_to(address, PATIENCE, |user| admits.admits(user)) {
                Ok(connection) => Arc::new(connection),
                Err(_) => {
                    end.sleep(pause);
                    pause = (pause * 2).min(PAUSE.1);
                    continue;
                }
            };
        // A reply is taken or the driver is no longer there.
        let _ = connection.set_write_timeout(Some(PATIENCE));
        let held = Held { card, connection: Arc::clone(&connection), asked: false };
        *locked(current) = Some(held);
        end.shuts(&connection);
        if icc.presence() == card && serve(icc, &connection, current).is_some_and(|asked| asked) {
            pause = PAUSE.0;
        }
        *locked(current) = None;
        connection.shutdown();
        // A server that ends each connection at once is not asked without pause.
        end.sleep(pause);
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Answers the driver until the end; whether it asked anything. `None` where the card has no answer
/// to reset.
fn serve(icc: &dyn Icc, connection: &Connection, current: &Current) -> Option<bool> {
    let _off = PowerOff(icc);
    // Known from the beginning: the driver asks for it before and after it gives power, and asking
    // must neither power a card nor reset it.
    let mut atr = icc.power_on()?;
    icc.power_off();
    let mut intake = Intake::quick();
    let mut asked = false;
    while answer(icc, connection, current, &mut intake, &mut atr).is_ok() {
        asked = true;
    }
    Some(asked)
}

/// Reads one message and answers it; an error is the end.
fn answer(
    icc: &dyn Icc,
    connection: &Connection,
    current: &Current,
    intake: &mut Intake,
    atr: &mut Atr,
) -> io::Result<()> {
    let &[high, low, ..] = intake.need(connection, 2, None)? else { return Ok(()) };
    let whole = 2 + usize::from(u16::from_be_bytes([high, low]));
    let payload = intake.need(connection, whole, None)?.get(2..).unwrap_or_default();
    let gone = || io::Error::from(io::ErrorKind::NotConnected);
    let done = match Message::parse(payload) {
        Some(Message::PowerOff) => {
            icc.power_off();
            Ok(())
        }
        Some(Message::PowerOn) => icc.power_on().map(|new| *atr = new).ok_or_else(gone),
        Some(Message::Reset) => icc.reset().map(|new| *atr = new).ok_or_else(gone),
        Some(Message::Atr) => reply(connection, atr.as_bytes()),
        Some(Message::Command(command)) => {
            if let Some(held) = &mut *locked(current) {
                held.asked = true;
            }
            let response = icc.transmit(command).map(Zeroizing::new);
            let held = locked(current).as_mut().map(|held| std::mem::take(&mut held.asked));
            match response {
                Some(response) if held != Some(false) => reply(connection, &response),
                None if held != Some(false) => {
                    reply(connection, &NO_DIAGNOSIS).and_then(|()| Err(gone()))
                }
                // Whoever saw the card go has answered.
                _ => Err(gone()),
            }
        }
        None => Ok(()),
    };
    intake.done(whole);
    done
}

/// One reply in one write: two would wait for each other.
fn reply(connection: &Connection, payload: &[u8]) -> io::Result<()> {
    let (length, payload) = match u16::try_from(payload.len()) {
        Ok(length) => (length, payload),
        Err(_) => (2, NO_DIAGNOSIS.as_slice()),
    };
    let mut frame = Vec::with_capacity(2 + payload.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(payload);
    let sent = connection.write_all(&frame);
    frame.zeroize();
    sent
}

/// Serves whatever comes on a connection from one end of it, for the fuzzer.
#[doc(hidden)]
pub fn fuzz(icc: &dyn Icc, input: &[u8]) {
    let Some((here, _there)) = one_that_says(input) else { return };
    let _ = here.set_write_timeout(Some(Duration::from_millis(1)));
    let _ = serve(icc, &here, &Mutex::default());
}

#[cfg(test)]
mod tests;
