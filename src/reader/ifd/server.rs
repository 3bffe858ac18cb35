//! The agent's side.

use super::{
    BEAT,
    frame::{self, Answer, GREETING, Malformed, Request, Role, VERSION, Welcome},
};
use crate::{
    apdu::{Icc, Presence},
    net::{Connection, Listener},
    reader::{Admits, PowerOff, Running, intake::Intake, running::End},
};
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use zeroize::Zeroize;

/// How long a greeting may take, and a write that is not taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at once: one handler has two, and each of them may be coming back.
const MOST: usize = 16;
/// How long the next command is looked for before sleeping: programs send them in rows.
const LOOK_AHEAD: Duration = Duration::from_micros(50);

/// Serves a card to IFD handlers.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Serves what is in `icc` to the users that are admitted, root and this process's own among
    /// them.
    ///
    /// # Errors
    ///
    /// What the system says of threads.
    pub fn start(listener: Listener, icc: Arc<dyn Icc>, admits: Admits) -> io::Result<Running> {
        let listener = Arc::new(listener);
        let mut running = Running::new(icc);
        let stopped = Arc::clone(&listener);
        running.end().calls(move || stopped.stop());
        running.thread("reader", move |end, icc| {
            let shared = Arc::new(Shared::default());
            while let Some((connection, peer)) = end.accepted(|| listener.accept()) {
                if !admits.admits(Some(peer.uid)) {
                    continue;
                }
                let Some(place) = Place::taken(&shared) else { continue };
                let connection = Arc::new(connection);
                end.shuts(&connection);
                let (icc, end) = (Arc::clone(icc), Arc::clone(end));
                // Where no thread can be had the connection ends, and the handler comes again.
                let _ =
                    thread::Builder::new().name("reader connection".to_owned()).spawn(move || {
                        // Its end is all that an error means.
                        let _ = serve(&end, &*icc, &connection, peer.pid, &place.0);
                        connection.shutdown();
                        drop(place);
                    });
            }
        })?;
        Ok(running)
    }
}

/// What the connections of one server have in common.
#[derive(Debug, Default)]
struct Shared {
    connections: AtomicUsize,
    /// Who drives the card, and the process that it is.
    driver: Mutex<(Weak<Connection>, u32)>,
}

/// One of the connections that may be at once.
struct Place(Arc<Shared>);

impl Place {
    fn taken(shared: &Arc<Shared>) -> Option<Self> {
        let place = Self(Arc::clone(shared));
        (shared.connections.fetch_add(1, Ordering::SeqCst) < MOST).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    /// Whether this connection drives the card from now on: nobody does, or who did is gone, though
    /// its last command may still be under way.
    fn drive(&self, connection: &Arc<Connection>, process: u32) -> bool {
        let mut driver = self.driver();
        if driver.0.upgrade().is_some_and(|other| !other.hung_up()) {
            return false;
        }
        *driver = (Arc::downgrade(connection), process);
        true
    }

    fn drives(&self, connection: &Arc<Connection>) -> bool {
        self.driver().0.ptr_eq(&Arc::downgrade(connection))
    }

    /// What this process is shown: a card that another one drives is not there for it.
    fn shown(&self, presence: Presence, process: u32) -> Presence {
        let driver = self.driver();
        let free = driver.1 == process || driver.0.upgrade().is_none_or(|one| one.hung_up());
        Presence { present: presence.present && free, ..presence }
    }

    fn driver(&self) -> MutexGuard<'_, (Weak<Connection>, u32)> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(
    end: &End,
    icc: &dyn Icc,
    connection: &Arc<Connection>,
    process: u32,
    shared: &Shared,
) -> io::Result<()> {
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut intake = Intake::default();
    let deadline = Some(Instant::now() + PATIENCE);
    let (version, role) = frame::greeted(intake.need(connection, GREETING, deadline)?)?;
    intake.done(GREETING);
    let welcome = match role {
        Role::Commands if !shared.drive(connection, process) => Welcome::Taken,
        _ => Welcome::Welcome,
    };
    connection.write_all(&[version.min(VERSION), welcome as u8])?;
    match (welcome, role) {
        (Welcome::Taken, _) => Ok(()),
        (_, Role::Presence) => tell(end, icc, connection, process, shared),
        (_, Role::Commands) => {
            icc.power_off();
            // The others look anew at what they are shown, now and when it is over.
            icc.wake();
            let served = commands(icc, connection, shared, &mut intake);
            // Who came after has begun with a card without power, and may have given it some.
            if shared.drives(connection) {
                drop(PowerOff(icc));
            }
            connection.shutdown();
            icc.wake();
            served
        }
    }
}

fn commands(
    icc: &dyn Icc,
    connection: &Arc<Connection>,
    shared: &Shared,
    intake: &mut Intake,
) -> io::Result<()> {
    loop {
        connection.look_ahead(LOOK_AHEAD, || true);
        let body = frame::read(intake, connection, None)?;
        let length = 4 + body.len();
        let request = Request::parse(body)?;
        if !shared.drives(connection) {
            return Err(Malformed.into());
        }
        let atr = |atr| match atr {
            Some(atr) => Answer::Atr(atr).write(connection),
            None => Answer::Absent.write(connection),
        };
        match request {
            Request::PowerOn => atr(icc.power_on()),
            Request::Reset => atr(icc.reset()),
            Request::PowerOff => {
                icc.power_off();
                Answer::Done.write(connection)
            }
            Request::Transmit(command) => match icc.transmit(command) {
                Some(mut response) => {
                    let sent = Answer::Response(&response).write(connection);
                    response.zeroize();
                    sent
                }
                None => Answer::Absent.write(connection),
            },
        }?;
        intake.done(length);
    }
}

/// Says the presence at once, at each change, and now and then; until nobody listens.
fn tell(
    end: &End,
    icc: &dyn Icc,
    connection: &Connection,
    process: u32,
    shared: &Shared,
) -> io::Result<()> {
    /// How long a listener that has gone is not noticed.
    const LOOK: Duration = Duration::from_secs(5);
    let mut seen = icc.presence();
    let mut said = shared.shown(seen, process);
    Answer::Presence(said).write(connection)?;
    let mut beat = Instant::now();
    while !end.over() && !connection.hung_up() {
        seen = icc.wait(seen, LOOK);
        let now = shared.shown(seen, process);
        if now != said || beat.elapsed() >= BEAT {
            Answer::Presence(now).write(connection)?;
            (said, beat) = (now, Instant::now());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::slot::Slot;

    const LONG: Duration = Duration::from_secs(10);

    fn greeted(role: Role, process: u32, shared: &Arc<Shared>, slot: &Arc<Slot>) -> Connection {
        let (here, there) = Connection::pair().unwrap();
        let (shared, slot) = (Arc::clone(shared), Arc::clone(slot));
        thread::spawn(move || serve(&End::default(), &*slot, &Arc::new(here), process, &shared));
        there.set_read_timeout(Some(LONG)).unwrap();
        there.write_all(&frame::greeting(role)).unwrap();
        let mut welcome = [0; 2];
        there.read_exact(&mut welcome).unwrap();
        assert_eq!(welcome, [VERSION, Welcome::Welcome as u8]);
        there
    }

    #[test]
    fn a_card_that_another_process_drives_is_not_shown() {
        let (shared, slot) = (Arc::default(), Arc::new(Slot::with_card()));
        let present = |handler: &Connection| {
            let mut word = [0; 14];
            handler.read_exact(&mut word).unwrap();
            word[5] == 1
        };
        let own = greeted(Role::Presence, 7, &shared, &slot);
        let other = greeted(Role::Presence, 8, &shared, &slot);
        assert!(present(&own) && present(&other), "nobody drives it yet");
        let driver = greeted(Role::Commands, 7, &shared, &slot);
        assert!(!present(&other));
        drop(driver);
        assert!(present(&other));
        slot.remove();
        assert!(!present(&own), "which was told nothing of all that");
    }
}
