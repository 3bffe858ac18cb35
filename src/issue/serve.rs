//! Serving an issuer on a Unix socket: what `wardcard ca serve` runs.
//!
//! Only this process's own user and those listed are heard (SO_PEERCRED, not what they say). Each
//! connection has a thread; their number, the size of a frame and the time for one are bounded.

use super::{
    Issuer,
    protocol::{Answer, Question, read_frame, write_frame},
};
use crate::net::{Address, Connection, Listener};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Most connections at a time, shared out evenly among the users who are heard, so that none keeps
/// the others out. Agents keep one each.
const MOST_CONNECTIONS: usize = 32;

/// The least that a user may have at a time, however many users there are.
const LEAST_SHARE: usize = 4;

/// How long a frame that has begun, or an answer, may stand still on its way.
const PATIENCE: Duration = Duration::from_secs(10);

/// An issuer being served, until this value is dropped.
#[derive(Debug)]
pub struct Serving {
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    listener: Listener,
    issuer: Arc<dyn Issuer>,
    users: Vec<u32>,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    stopped: bool,
    open: BTreeMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    user: u32,
    connection: Arc<Connection>,
    worker: JoinHandle<()>,
}

/// Serves `issuer` at `address` to this process's own user and to `users`.
///
/// The socket has mode 0600; with other users listed it has to be 0666, and the user id of each
/// peer decides alone.
///
/// # Errors
/// The address cannot be bound, or no thread started.
pub fn serve(issuer: Arc<dyn Issuer>, address: &Address, users: &[u32]) -> io::Result<Serving> {
    let mode = if users.is_empty() { 0o600 } else { 0o666 };
    let mut users = users.to_vec();
    users.push(rustix::process::geteuid().as_raw());
    users.sort_unstable();
    users.dedup();
    let listener = Listener::bind(address, mode)?;
    let shared = Arc::new(Shared { listener, issuer, users, connections: Mutex::default() });
    let accepting = Arc::clone(&shared);
    let acceptor =
        thread::Builder::new().name("ca accept".to_owned()).spawn(move || accepting.accept())?;
    Ok(Serving { shared, acceptor: Some(acceptor) })
}

impl Serving {
    /// Ends every connection, waits for orders in hand, and removes the socket.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.shared.listener.stop();
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        let open = {
            let mut connections = self.shared.connections();
            connections.stopped = true;
            std::mem::take(&mut connections.open)
        };
        for Open { connection, worker, .. } in open.into_values() {
            connection.shutdown();
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>) {
        loop {
            match self.listener.accept() {
                Ok(Some((connection, peer))) if self.users.contains(&peer.uid) => {
                    self.start(connection, peer.uid);
                }
                Ok(Some((connection, _))) => connection.shutdown(),
                Ok(None) => return,
                // Out of descriptors, say: the connections there are go on, and may end.
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn start(self: &Arc<Self>, connection: Connection, user: u32) {
        let connection = Arc::new(connection);
        let mut connections = self.connections();
        let share = (MOST_CONNECTIONS / self.users.len().max(1)).max(LEAST_SHARE);
        let taken = connections.open.values().filter(|open| open.user == user).count();
        if taken >= share || connections.stopped {
            connection.shutdown();
            return;
        }
        let number = connections.next;
        connections.next = number.wrapping_add(1);
        let (shared, own) = (Arc::clone(self), Arc::clone(&connection));
        let worker = thread::Builder::new().name("ca connection".to_owned()).spawn(move || {
            // Whatever ends it, this connection alone ends.
            let _ = shared.converse(&own, &format!("uid {user}"));
            own.shutdown();
            shared.connections().open.remove(&number);
        });
        if let Ok(worker) = worker {
            connections.open.insert(number, Open { user, connection, worker });
        } else {
            connection.shutdown();
        }
    }

    fn converse(&self, connection: &Connection, client: &str) -> io::Result<()> {
        connection.set_write_timeout(Some(PATIENCE))?;
        loop {
            connection.set_read_timeout(None)?;
            let hurry = || connection.set_read_timeout(Some(PATIENCE));
            let Some(content) = read_frame(connection, hurry)? else { return Ok(()) };
            let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            let answer = match Question::from_bytes(&content).map_err(invalid)? {
                Question::Roots => self.issuer.roots().map(Answer::Roots),
                Question::Issue(order) => self.issuer.issue_for(client, &order).map(Answer::Issued),
                Question::Revoke(serials, reason) => {
                    self.issuer.revoke_for(client, &serials, reason).map(|()| Answer::Revoked)
                }
            };
            let answer = answer.unwrap_or_else(Answer::Error);
            write_frame(connection, &answer.to_bytes().map_err(invalid)?)?;
        }
    }
}
