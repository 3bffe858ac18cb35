//! Connections, and the transfers of the one that has the device.

use super::{
    control::{self, Control},
    packet::{self, COMMAND, Command, NAME, OPERATION, Operation, Refusal, Status, Submit},
};
use crate::{
    apdu::Icc,
    net::{Connection, TcpSocket},
    reader::{
        Admits, Running,
        ccid::{
            Device,
            descriptor::{BULK_IN, BULK_OUT, INTERRUPT_IN, Identity},
        },
        intake::Intake,
        running::End,
    },
};
use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use zeroize::Zeroize;

/// How long a first word may take, and a write that is not taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a computer may be out of reach.
const REACH: Duration = Duration::from_secs(30);
/// Connections at once.
const MOST_CONNECTIONS: usize = 8;
/// Transfers of one pipe that wait at once.
const MOST_TRANSFERS: usize = 64;
/// How long one who asks for the device waits for another, who may be ending: one that was killed
/// in the middle of a command leaves it when the command is over.
const QUEUED: Duration = Duration::from_secs(2);
/// How long a pipe is waited at without looking up.
const LOOK: Duration = Duration::from_millis(500);

/// How the server is set.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Maker and product of the device.
    pub identity: Identity,
    /// Who may use it: root attaches on Linux.
    pub admits: Admits,
    /// Whether somebody whose user is not known may use it, as anybody on another machine is.
    pub anybody: bool,
}

/// Serves a CCID device.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Serves a device with what is in `icc` in its slot.
    ///
    /// # Errors
    ///
    /// PermissionDenied where the socket is open to other machines and [`Options::anybody`] does not
    /// say so; what the system says of threads.
    pub fn start(socket: TcpSocket, icc: Arc<dyn Icc>, options: Options) -> io::Result<Running> {
        if !socket.address().is_loopback() && !options.anybody {
            let text = format!(
                "{} is open to other machines, and USB/IP authenticates nobody; use 127.0.0.1",
                socket.address()
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let socket = Arc::new(socket);
        let mut running = Running::new(icc);
        let stopped = Arc::clone(&socket);
        running.end().calls(move || stopped.stop());
        running.thread("usbip", move |end, icc| accept(end, icc, &socket, &options))?;
        Ok(running)
    }
}

/// What the connections have in common.
#[derive(Debug, Default)]
struct Shared {
    connections: AtomicUsize,
    imported: Mutex<bool>,
    freed: Condvar,
}

impl Shared {
    /// Takes the device, once whoever has it lets go; false where that takes too long.
    fn import(&self) -> bool {
        let imported = self.imported.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_timeout_while(imported, QUEUED, |imported| *imported);
        let (mut imported, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !std::mem::replace(&mut *imported, true)
    }

    fn free(&self) {
        *self.imported.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.freed.notify_one();
    }
}

/// Takes one of a number back when it is over.
struct Back<F: Fn()>(F);

impl<F: Fn()> Drop for Back<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn accept(end: &Arc<End>, icc: &Arc<dyn Icc>, socket: &TcpSocket, options: &Options) {
    let shared = Arc::new(Shared::default());
    while let Some((connection, user)) = end.accepted(|| socket.accept()) {
        let admitted = options.admits.admits(user) || (user.is_none() && options.anybody);
        if !admitted || shared.connections.load(Ordering::SeqCst) >= MOST_CONNECTIONS {
            continue;
        }
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let counted = Arc::clone(&shared);
        let place = Back(move || {
            counted.connections.fetch_sub(1, Ordering::SeqCst);
        });
        let connection = Arc::new(connection);
        end.shuts(&connection);
        let (icc, shared) = (Arc::clone(icc), Arc::clone(&shared));
        let identity = options.identity;
        // Where no thread can be had the connection ends.
        let _ = thread::Builder::new().name("usbip connection".to_owned()).spawn(move || {
            let _ = serve(&icc, &connection, &shared, identity);
            connection.shutdown();
            drop(place);
        });
    }
}

fn serve(
    icc: &Arc<dyn Icc>,
    connection: &Arc<Connection>,
    shared: &Shared,
    identity: Identity,
) -> io::Result<()> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut intake = Intake::default();
    let deadline = Some(Instant::now() + PATIENCE);
    let operation = Operation::parse(intake.need(connection, OPERATION, deadline)?);
    if operation.ok_or_else(malformed)? == Operation::List {
        return connection.write_all(&packet::list(identity));
    }
    let whole = intake.need(connection, OPERATION + NAME, deadline)?;
    let ours = whole.get(OPERATION..).is_some_and(packet::is_ours);
    intake.done(OPERATION + NAME);
    if !ours {
        return connection.write_all(&packet::refused(Refusal::Unknown));
    }
    if !shared.import() {
        return connection.write_all(&packet::refused(Refusal::Busy));
    }
    let _free = Back(|| shared.free());
    // One that is switched off says nothing, and would have the device for ever.
    connection.end_when_unreachable(REACH)?;
    let device = Device::start(Arc::clone(icc))?;
    connection.write_all(&packet::imported(identity))?;
    let bus = Bus {
        connection,
        device: &device,
        writer: Mutex::default(),
        bulk: Pipe::default(),
        interrupt: Pipe::default(),
    };
    thread::scope(|scope| {
        // Both end with the connection.
        thread::Builder::new().name("usbip bulk".to_owned()).spawn_scoped(scope, || {
            bus.pipe(&bus.bulk, |most| device.bulk_in(most, LOOK).map(|bytes| bytes.to_vec()));
        })?;
        let notices =
            thread::Builder::new().name("usbip interrupt".to_owned()).spawn_scoped(scope, || {
                bus.pipe(&bus.interrupt, |_| device.interrupt_in(LOOK).map(|bytes| bytes.to_vec()));
            });
        let served = notices.and_then(|_| bus.commands(&mut intake, identity));
        bus.end();
        served
    })
}

/// Transfers from one endpoint that wait.
#[derive(Debug, Default)]
struct Pipe {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    transfers: VecDeque<(u32, usize)>,
    over: bool,
}

impl Pipe {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A device and the computer that has it.
struct Bus<'a> {
    connection: &'a Connection,
    device: &'a Device,
    writer: Mutex<()>,
    bulk: Pipe,
    interrupt: Pipe,
}

impl Bus<'_> {
    /// Sends one packet, whole.
    fn say(&self, mut packet: Vec<u8>) -> io::Result<()> {
        let writing = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = self.connection.write_all(&packet);
        drop(writing);
        packet.zeroize();
        sent
    }

    fn end(&self) {
        self.connection.shutdown();
        self.device.end().begin();
        for pipe in [&self.bulk, &self.interrupt] {
            pipe.waiting().over = true;
            pipe.changed.notify_all();
        }
    }

    /// Fills one transfer after another with what the device has.
    fn pipe(&self, pipe: &Pipe, next: impl Fn(usize) -> Option<Vec<u8>>) {
        let mut kept: Option<Vec<u8>> = None;
        loop {
            let mut waiting = pipe.waiting();
            let most = loop {
                if waiting.over {
                    kept.zeroize();
                    return;
                }
                match waiting.transfers.front() {
                    Some((_, most)) => break *most,
                    None => {
                        let woken = pipe.changed.wait(waiting);
                        waiting = woken.unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            drop(waiting);
            // Without room nothing can be fetched, and a transfer of nothing ends with nothing.
            let fetched = match kept.take() {
                Some(kept) => Some(kept),
                None if most == 0 => Some(Vec::new()),
                None => next(most),
            };
            let Some(mut data) = fetched else { continue };
            let mut waiting = pipe.waiting();
            // The transfer may have been unlinked, or be another by now.
            let Some((sequence, most)) = waiting.transfers.pop_front() else {
                kept = Some(data);
                continue;
            };
            drop(waiting);
            if data.len() > most {
                kept = Some(data.split_off(most));
            }
            let sent = self.say(packet::carried(sequence, Status::Good, &data));
            data.zeroize();
            if sent.is_err() {
                return;
            }
        }
    }

    fn commands(&self, intake: &mut Intake, identity: Identity) -> io::Result<()> {
        let malformed = || io::Error::from(io::ErrorKind::InvalidData);
        loop {
            let head = intake.need(self.connection, COMMAND, None)?;
            match Command::parse(head).ok_or_else(malformed)? {
                Command::Unlink { sequence, unlinked } => {
                    intake.done(COMMAND);
                    let was = [&self.bulk, &self.interrupt].into_iter().any(|pipe| {
                        let mut waiting = pipe.waiting();
                        let before = waiting.transfers.len();
                        waiting.transfers.retain(|(number, _)| *number != unlinked);
                        waiting.transfers.len() < before
                    });
                    let status = if was { Status::Unlinked } else { Status::Good };
                    self.say(packet::unlinked(sequence, status))?;
                }
                Command::Submit(submit) => self.submit(intake, submit, identity)?,
            }
        }
    }

    fn submit(&self, intake: &mut Intake, submit: Submit, identity: Identity) -> io::Result<()> {
        let Submit { sequence, inwards, endpoint, length, setup } = submit;
        let whole = if inwards { COMMAND } else { COMMAND + length };
        let data = intake.need(self.connection, whole, None)?.get(COMMAND..).unwrap_or_default();
        let queue = |pipe: &Pipe| {
            let mut waiting = pipe.waiting();
            if waiting.transfers.len() >= MOST_TRANSFERS {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            waiting.transfers.push_back((sequence, length));
            drop(waiting);
            pipe.changed.notify_one();
            Ok(None)
        };
        let reply = match (endpoint, inwards) {
            (0, _) => Ok(Some(self.control(sequence, inwards, length, setup, identity))),
            (number, false) if number == BULK_OUT => {
                self.device.bulk_out(data);
                Ok(Some(packet::taken(sequence, Status::Good, length)))
            }
            (number, true) if number == BULK_IN & 0xF => queue(&self.bulk),
            (number, true) if number == INTERRUPT_IN & 0xF => queue(&self.interrupt),
            (_, true) => Ok(Some(packet::carried(sequence, Status::Stalled, &[]))),
            (_, false) => Ok(Some(packet::taken(sequence, Status::Stalled, 0))),
        }?;
        intake.done(whole);
        reply.map_or(Ok(()), |reply| self.say(reply))
    }

    fn control(
        &self,
        sequence: u32,
        inwards: bool,
        length: usize,
        setup: [u8; 8],
        identity: Identity,
    ) -> Vec<u8> {
        match control::answer(setup, identity) {
            Control::Stall => packet::carried(sequence, Status::Stalled, &[]),
            Control::Done(mut bytes) if inwards => {
                bytes.truncate(length);
                packet::carried(sequence, Status::Good, &bytes)
            }
            Control::Done(_) => packet::taken(sequence, Status::Good, length),
            Control::Abort(slot, number) => {
                self.device.abort(slot, number);
                packet::taken(sequence, Status::Good, length)
            }
        }
    }
}
