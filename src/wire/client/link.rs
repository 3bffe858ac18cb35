//! One connection to a server, used by many threads at once and read by none of its own.
//!
//! A caller sends its frame and then waits for the answer with its number. If nobody reads, it becomes the reader, hands
//! out the answers of others, and passes the reading on when its own has come. A reader with nothing to read sleeps, and
//! one whose call is quick takes the reading from it: a signature of one thread does not have to wake that thread for
//! each answer of the others.

mod inbox;

use crate::{
    net::{Address, Connection, ServerTrust},
    pkcs11::Rv,
    wire::{
        bytes::{Input, Output},
        calls::{Row, general},
        codec::{PLACES, put, take},
        cx::{Cx, DEVICE_ERROR, DEVICE_MEMORY, Fault, NEWEST},
        frame::{self, Intake},
    },
};
use inbox::{Inbox, Waiting};
use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Largest answer.
const ANSWER: usize = 32 << 20;
/// Largest request: what our own server takes. A larger one would cost the connection and every
/// session on it.
const REQUEST: usize = 1 << 20;
/// How long a handshake, and an answer that has begun, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server answered this, or the arguments cannot be sent.
    Code(Rv),
    /// The connection is gone.
    Lost,
}

impl From<Rv> for Failure {
    fn from(code: Rv) -> Self {
        Self::Code(code)
    }
}

#[derive(Debug)]
pub(super) struct Link {
    connection: Connection,
    pub(super) cx: Cx,
    writer: Mutex<()>,
    inbox: Mutex<Inbox>,
    intake: Mutex<Intake>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// Connects, agrees on a version no newer than `newest` and opens the server's Cryptoki.
    pub(super) fn open(
        address: &Address,
        trust: &ServerTrust,
        newest: u8,
        generation: u16,
    ) -> io::Result<Self> {
        let newest = newest.min(NEWEST);
        let greeted = match Self::greet(address, trust, newest) {
            // Before 0.24, p11-kit closes the connection on any version but 0.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && newest > 0 => {
                Self::greet(address, trust, 0)
            }
            other => other,
        };
        let (connection, version) = greeted?;
        let link = Self {
            connection,
            cx: Cx { version, generation },
            writer: Mutex::default(),
            inbox: Mutex::default(),
            intake: Mutex::new(Intake::new(ANSWER, PATIENCE)),
        };
        match link.initialize(PATIENCE) {
            Ok(()) => Ok(link),
            Err(Failure::Code(code)) => Err(io::Error::other(format!(
                "the server at {address} refuses C_Initialize ({code:?})"
            ))),
            Err(Failure::Lost) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Opens the server's Cryptoki. Other calls may wait for a person, so their answers have no
    /// limit; this one has.
    fn initialize(&self, limit: Duration) -> Result<(), Failure> {
        lock(&self.intake).begin_within(Some(limit));
        let opened = self.call(
            general::INITIALIZE,
            |output, cx| {
                put::data(output, cx, general::HANDSHAKE)?;
                put::flag(output, cx, false)?;
                put::data(output, cx, &[0])
            },
            take::unit,
        );
        lock(&self.intake).begin_within(None);
        lock(&self.inbox).opened = true;
        opened
    }

    fn greet(address: &Address, trust: &ServerTrust, version: u8) -> io::Result<(Connection, u8)> {
        let connection = Connection::connect(address, trust)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE * 6))?;
        let closed = |error: io::Error| match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                io::ErrorKind::UnexpectedEof.into()
            }
            _ => error,
        };
        connection.write_all(&[version]).map_err(closed)?;
        let mut agreed = [0];
        connection.read_exact(&mut agreed).map_err(closed)?;
        if agreed[0] > version {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the server at {address} answers a protocol version that was not offered"),
            ));
        }
        Ok((connection, agreed[0]))
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn lost(&self) -> bool {
        lock(&self.inbox).lost
    }

    /// Ends the connection for all who use it.
    pub(super) fn lose(&self) {
        self.lose_locked(&mut lock(&self.inbox));
    }

    fn lose_locked(&self, inbox: &mut Inbox) {
        if !std::mem::replace(&mut inbox.lost, true) {
            self.connection.shutdown();
        }
        inbox.waiting.values().filter_map(|one| one.asleep.as_ref()).for_each(|bell| {
            bell.ring();
        });
    }

    /// One call: `write` its arguments, read its results. An answer that breaks the protocol loses the connection.
    pub(super) fn call<T>(
        &self,
        row: Row,
        write: impl FnOnce(&mut Output, Cx) -> Result<(), Rv>,
        read: impl FnOnce(&mut Input<'_>, Cx) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        let mut request = Output::default();
        frame::begin(&mut request, 0, row.id, row.request);
        write(&mut request, self.cx)?;
        frame::finish(&mut request)?;
        if request.len() > REQUEST {
            return Err(Failure::Code(DEVICE_MEMORY));
        }
        let answer = self.exchange(row, request).ok_or(Failure::Lost)?;
        let result = match frame::answer(row, answer.as_slice()) {
            Err(_) => Err(Fault::Malformed),
            Ok(Err(code)) => return Err(Failure::Code(code)),
            Ok(Ok(mut input)) => read(&mut input, self.cx)
                .and_then(|result| input.end().map(|()| result).map_err(Fault::from)),
        };
        result.map_err(|fault| match fault {
            Fault::Refused(code) => Failure::Code(code),
            Fault::Malformed => {
                self.lose();
                Failure::Code(DEVICE_ERROR)
            }
        })
    }

    /// Sends a frame and waits for the answer; `None` where the connection is lost.
    fn exchange(&self, row: Row, mut request: Output) -> Option<Output> {
        let begun = Instant::now();
        let mut inbox = lock(&self.inbox);
        if inbox.lost {
            return None;
        }
        let code = inbox.free_number();
        let usual = inbox.usual.get(&row.id).copied();
        inbox.waiting.insert(code, Waiting::default());
        drop(inbox);
        frame::number(&mut request, code);
        let sent = {
            let _writer = lock(&self.writer);
            self.connection.write_all(request.as_slice())
        };
        drop(request);
        if sent.is_err() {
            self.lose();
        }
        let answer = self.receive(code, usual)?;
        lock(&self.inbox).took(row, begun.elapsed());
        Some(answer)
    }
}

/// All numbers of a list that is asked for by places; asks twice where it is long.
pub(super) fn numbers(
    link: &Link,
    row: Row,
    write: impl Fn(&mut Output, Cx) -> Result<(), Rv>,
) -> Result<Vec<u64>, Failure> {
    /// Longest list there can be.
    const MOST: usize = 1 << 16;
    let mut places = PLACES;
    loop {
        let list = link.call(
            row,
            |output, cx| {
                write(output, cx)?;
                put::all_places(output, places)
            },
            |input, cx| take::numbers(input, cx, &places),
        )?;
        match list {
            Ok(numbers) => return Ok(numbers),
            Err(more) if more > places && more <= MOST => places = more,
            Err(_) => return Err(Failure::Code(DEVICE_ERROR)),
        }
    }
}

#[cfg(test)]
mod tests;
