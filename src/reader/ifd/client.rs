//! The handler's side: within pcscd, driven by its threads, with none of its own.
//!
//! It connects when it is asked something, and again when the agent has come back. Nothing that
//! pcscd asks lasts for ever: presence is known already, and a command ends when the card goes, the
//! agent goes or falls silent, or five minutes are over (a person may have to consent).

mod presence;

use super::frame::{self, Answer, Request, Role, VERSION, Welcome};
use crate::{
    apdu::Atr,
    net::{Address, Connection, ServerTrust},
    reader::{LONGEST_COMMAND, intake::Intake},
};
use presence::Watcher;
use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError, TryLockError},
    time::{Duration, Instant},
};

/// How long a greeting may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a command may take.
const LONGEST: Duration = Duration::from_secs(300);
/// How often it is looked whether the card is still there while a command takes its time.
const SLICE: Duration = Duration::from_millis(50);
/// How long an answer is looked for before sleeping.
const LOOK_AHEAD: Duration = Duration::from_micros(50);

/// ISO/IEC 7816-4 section 5.6.
const WRONG_LENGTH: [u8; 2] = [0x67, 0x00];

/// Nobody answers, the card is gone, or it has no power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no powered card answers")]
pub struct Lost;

/// One reader of pcscd, whose card is an agent's.
#[derive(Debug)]
pub struct Client {
    address: Address,
    trust: ServerTrust,
    commands: Mutex<Option<Link>>,
    watcher: Watcher,
}

/// A connection that has been greeted.
struct Link {
    connection: Connection,
    intake: Intake,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    fn open(address: &Address, trust: &ServerTrust, role: Role) -> io::Result<Self> {
        let connection = Connection::connect(address, trust)?;
        connection.set_write_timeout(Some(PATIENCE))?;
        let mut link = Self { connection, intake: Intake::default() };
        link.connection.write_all(&frame::greeting(role))?;
        let deadline = Some(Instant::now() + PATIENCE);
        let answered = link.intake.need(&link.connection, 2, deadline)?;
        match answered {
            [VERSION, status] if *status == Welcome::Welcome as u8 => {}
            [VERSION, _] => return Err(io::ErrorKind::ResourceBusy.into()),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        link.intake.done(2);
        Ok(link)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl Client {
    /// A reader whose card is served at this address. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// What the system says of descriptors.
    pub fn new(address: Address, trust: ServerTrust) -> io::Result<Self> {
        Ok(Self { address, trust, commands: Mutex::default(), watcher: Watcher::new()? })
    }

    /// Gives power.
    ///
    /// # Errors
    ///
    /// [`Lost`].
    pub fn power_on(&self) -> Result<Atr, Lost> {
        self.atr(Request::PowerOn)
    }

    /// Resets.
    ///
    /// # Errors
    ///
    /// [`Lost`].
    pub fn reset(&self) -> Result<Atr, Lost> {
        self.atr(Request::Reset)
    }

    /// Takes the power away, and lets go of the card: where nobody answers it has none.
    pub fn power_off(&self) {
        let _ = self.ask(Request::PowerOff, |_| Some(()));
    }

    /// Has the card answer a command; `answer` gets the response, which is erased afterwards. One that
    /// is longer than any is answered here, as wrong in length: that must not end the connection, and
    /// with it another program's session.
    ///
    /// # Errors
    ///
    /// [`Lost`].
    pub fn transmit<T>(&self, command: &[u8], answer: impl FnOnce(&[u8]) -> T) -> Result<T, Lost> {
        if command.len() > LONGEST_COMMAND {
            return Ok(answer(&WRONG_LENGTH));
        }
        self.ask(Request::Transmit(command), |said| match said {
            Answer::Response(response) => Some(answer(response)),
            _ => None,
        })
    }

    /// Whether a card is there. A card that was exchanged since this was last asked is said to be
    /// gone once.
    pub fn present(&self) -> bool {
        self.watcher.present(&self.address, &self.trust)
    }

    /// Waits until [`Client::present`] has another answer than last time, [`Client::stop_waiting`],
    /// or `most` is over.
    pub fn wait(&self, most: Duration) {
        self.watcher.wait(&self.address, &self.trust, most);
    }

    /// Ends a wait, or the next one.
    pub fn stop_waiting(&self) {
        self.watcher.stop();
    }

    fn atr(&self, request: Request<'_>) -> Result<Atr, Lost> {
        self.ask(request, |said| match said {
            Answer::Atr(atr) => Some(atr),
            _ => None,
        })
    }

    /// One question and its answer. Whatever is wrong with the connection ends it, and the next
    /// question makes another; the card has no power then.
    fn ask<T>(
        &self,
        request: Request<'_>,
        read: impl FnOnce(Answer<'_>) -> Option<T>,
    ) -> Result<T, Lost> {
        let mut commands = lock(&self.commands);
        if commands.as_ref().is_none_or(|link| link.connection.hung_up()) {
            *commands = None;
            // Who has only lost power asks nobody for it.
            if request == Request::PowerOff {
                return Err(Lost);
            }
            let opened = Link::open(&self.address, &self.trust, Role::Commands);
            *commands = Some(opened.map_err(|_| Lost)?);
        }
        let Some(link) = commands.as_mut() else { return Err(Lost) };
        let asked = self.exchange(link, request, read);
        if asked.is_err() {
            *commands = None;
        }
        asked.ok().flatten().ok_or(Lost)
    }

    fn exchange<T>(
        &self,
        link: &mut Link,
        request: Request<'_>,
        read: impl FnOnce(Answer<'_>) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let card = self.watcher.card();
        let most = Instant::now() + LONGEST;
        request.write(&link.connection)?;
        link.connection.look_ahead(LOOK_AHEAD, || true);
        loop {
            let slice = Some(Instant::now() + SLICE);
            match frame::read(&mut link.intake, &link.connection, slice) {
                Ok(body) => {
                    let length = 4 + body.len();
                    let said = Answer::parse(body)?;
                    let absent = said == Answer::Absent;
                    let value = read(said);
                    link.intake.done(length);
                    // An answer to another question ends the connection.
                    return match value {
                        None if !absent => Err(io::ErrorKind::InvalidData.into()),
                        value => Ok(value),
                    };
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    self.watcher.look();
                    if self.watcher.card() != card || Instant::now() >= most {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}
