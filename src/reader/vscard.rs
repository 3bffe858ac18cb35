//! The card in a virtual machine: a client of QEMU's and SPICE's `ccid-card-passthru`, which speaks
//! VSCARD over a socket (`vscard_common.h` of libcacard, version 2).
//!
//! ```text
//! three u32 big-endian: type, reader, length; then the body
//! us   1 Init "VSCD", version 2, capabilities      QEMU  1 Init
//! us   3 ReaderAdd, name, reader FFFFFFFF          QEMU  2 Error 0: the reader's number is ours
//! us   5 ATR when a card comes, 6 CardRemove when it goes
//! QEMU 7 APDU                                      us    7 APDU, or 2 Error where there is no answer
//! QEMU 8 Flush                                     us    9 FlushComplete
//! ```
//!
//! QEMU answers the guest's power and reset by itself, with the answer to reset that it was told,
//! and forwards neither: what ends the state of the passcode here is the end of the card, of the
//! connection, or of the idle time.

mod message;

pub use message::{Head, Kind};

use super::{
    Admits, LONGEST_COMMAND, PowerOff, Running, intake::Intake, one_that_says, running::End,
};
use crate::{
    apdu::{Icc, Presence},
    net::{Address, Connection, ServerTrust, TcpAddress},
};
use message::{HEAD, SUCCESS, UNDEFINED, frame};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use zeroize::{Zeroize, Zeroizing};

/// First and longest pause between attempts to connect.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long the beginning may take, and a write that is not taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a look at the slot lasts at most.
const LOOK: Duration = Duration::from_secs(60);
/// The longest message: a command, or a name.
const MOST: usize = LONGEST_COMMAND;

/// Where QEMU listens.
#[derive(Clone, Debug)]
pub enum Place {
    /// `-chardev socket,path=...,server=on`; folder and user of the server are checked.
    Unix(Address, ServerTrust),
    /// `-chardev socket,host=127.0.0.1,port=...,server=on`; these may listen there.
    Tcp(TcpAddress, Admits),
}

impl Place {
    fn connect(&self) -> io::Result<Connection> {
        match self {
            Self::Unix(address, trust) => Connection::connect(address, trust),
            Self::Tcp(address, admits) => {
                Connection::connect_tcp_to(*address, PATIENCE, |user| admits.admits(user))
            }
        }
    }
}

/// The card in a virtual machine's reader.
#[derive(Debug)]
pub struct Client;

impl Client {
    /// Puts what is in `icc` into the virtual machine that listens there, and again whenever it
    /// comes back.
    ///
    /// # Errors
    ///
    /// What the system says of threads. A machine that does not run yet is no error.
    pub fn start(icc: Arc<dyn Icc>, place: Place) -> io::Result<Running> {
        let mut running = Running::new(icc);
        let shared = Arc::new(Mutex::new(None));
        let current = Arc::clone(&shared);
        running.thread("vscard", move |end, icc| drive(end, &**icc, &place, &current))?;
        running.thread("vscard watch", move |end, icc| watch(end, &**icc, &shared))?;
        Ok(running)
    }
}

/// A connection with a reader of ours.
#[derive(Debug)]
struct Reader {
    connection: Arc<Connection>,
    number: u32,
    /// The card that was told of last.
    told: Presence,
    /// A command is with the card: it is answered once.
    asked: bool,
}

type Current = Mutex<Option<Reader>>;

fn locked(current: &Current) -> MutexGuard<'_, Option<Reader>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reader {
    /// Tells of the card that is there now. An exchanged one is a removal and an insertion.
    fn tell(&mut self, icc: &dyn Icc) -> io::Result<()> {
        let now = icc.presence();
        if now == self.told {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.told, now);
        if before.present {
            if std::mem::take(&mut self.asked) {
                self.say(Kind::Error, &message::GENERAL_ERROR.to_be_bytes())?;
            }
            self.say(Kind::CardRemove, &[])?;
        }
        if now.present
            && let Some(atr) = icc.power_on()
        {
            self.say(Kind::Atr, atr.as_bytes())?;
        }
        Ok(())
    }

    fn say(&self, kind: Kind, body: &[u8]) -> io::Result<()> {
        let mut frame = frame(kind, self.number, body);
        let sent = self.connection.write_all(&frame);
        frame.zeroize();
        sent
    }
}

fn watch(end: &End, icc: &dyn Icc, current: &Current) {
    let mut seen = icc.presence();
    while !end.over() {
        if let Some(reader) = &mut *locked(current)
            && reader.tell(icc).is_err()
        {
            reader.connection.shutdown();
        }
        seen = icc.wait(seen, LOOK);
    }
}

fn drive(end: &End, icc: &dyn Icc, place: &Place, current: &Current) {
    let mut pause = PAUSE.0;
    while !end.over() {
        if let Ok(connection) = place.connect() {
            let connection = Arc::new(connection);
            end.shuts(&connection);
            let begun = Instant::now();
            // Its end is all that an error means.
            let _ = serve(icc, &connection, current);
            *locked(current) = None;
            connection.shutdown();
            if begun.elapsed() > PAUSE.1 {
                pause = PAUSE.0;
            }
        }
        end.sleep(pause);
        pause = (pause * 2).min(PAUSE.1);
    }
}

fn serve(icc: &dyn Icc, connection: &Arc<Connection>, current: &Current) -> io::Result<()> {
    let _off = PowerOff(icc);
    icc.power_off();
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut intake = Intake::quick();
    connection.write_all(&frame(Kind::Init, UNDEFINED, &message::INIT))?;
    let deadline = Some(Instant::now() + PATIENCE);
    let mut added = false;
    loop {
        let due = if locked(current).is_some() { None } else { deadline };
        let head = Head::parse(intake.need(connection, HEAD, due)?);
        let Head { kind, reader: number, length } =
            head.filter(|head| head.length <= MOST).ok_or(io::ErrorKind::InvalidData)?;
        let whole = HEAD + length;
        let body = intake.need(connection, whole, due)?.get(HEAD..).unwrap_or_default();
        match kind {
            Kind::Init if !added => {
                added = true;
                let name = b"Wardcard\0";
                connection.write_all(&frame(Kind::ReaderAdd, UNDEFINED, name))?;
            }
            Kind::Error if added && locked(current).is_none() => {
                if *body != SUCCESS.to_be_bytes() {
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                let connection = Arc::clone(connection);
                let told = Presence { present: false, changes: u64::MAX };
                let mut reader = Reader { connection, number, told, asked: false };
                reader.tell(icc)?;
                *locked(current) = Some(reader);
            }
            Kind::Apdu => command(icc, current, body)?,
            Kind::Flush => connection.write_all(&frame(Kind::FlushComplete, number, &[]))?,
            // What a client says, or what needs no answer.
            _ => {}
        }
        intake.done(whole);
    }
}

/// A command of the guest. It is answered by its response, or by an error: here, or by who sees the
/// card go first.
fn command(icc: &dyn Icc, current: &Current, command: &[u8]) -> io::Result<()> {
    match &mut *locked(current) {
        Some(reader) => {
            reader.tell(icc)?;
            reader.asked = true;
        }
        None => return Err(io::ErrorKind::InvalidData.into()),
    }
    let response = icc.transmit(command).map(Zeroizing::new);
    let mut current = locked(current);
    let Some(reader) = &mut *current else { return Ok(()) };
    if !std::mem::take(&mut reader.asked) {
        return Ok(());
    }
    match response {
        Some(response) => reader.say(Kind::Apdu, &response),
        None => {
            reader.say(Kind::Error, &message::GENERAL_ERROR.to_be_bytes())?;
            reader.tell(icc)
        }
    }
}

/// Serves whatever comes on a connection from one end of it, for the fuzzer.
#[doc(hidden)]
pub fn fuzz(icc: &dyn Icc, input: &[u8]) {
    let Some((here, _there)) = one_that_says(input) else { return };
    let _ = serve(icc, &Arc::new(here), &Mutex::default());
}

#[cfg(test)]
mod tests;
