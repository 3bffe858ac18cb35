//! Serving an issuer: what `wardcard ca serve` runs.
//!
//! On a Unix socket only this process's own user and those listed are heard (SO_PEERCRED, not what
//! they say); over TLS the clients whose certificates are for the configured names. Each
//! connection has a thread; their number, the size of a frame and the time for one are bounded.

use super::{
    Issuer,
    protocol::{Answer, Question, read_frame, write_frame},
};
#[cfg(feature = "tls")]
use crate::net::tls::{TlsListener, TlsVisitor};
use crate::net::{Address, Channel, Connection, Listener};
use crate::secret::User;
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Most connections at a time, shared out evenly among the clients who are heard, so that none
/// keeps the others out. Agents keep one each.
const MOST_CONNECTIONS: usize = 32;

/// The least that a client may have at a time, however many clients there are.
const LEAST_SHARE: usize = 4;

/// How long a frame that has begun, or an answer, may stand still on its way; and a handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a TLS connection may be silent. A machine that has gone away tells nobody.
#[cfg(feature = "tls")]
const SILENCE: Duration = Duration::from_secs(3600);

/// An issuer being served at one address, until this value is dropped.
#[derive(Debug)]
pub struct Serving {
    /// Its last owner, so that it is closed when this is dropped.
    door: Arc<Door>,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    door: Weak<Door>,
    issuer: Arc<dyn Issuer>,
    /// Most connections of one client.
    share: usize,
    /// Most connections of all.
    most: usize,
    connections: Mutex<Connections>,
}

#[derive(Debug)]
enum Door {
    /// With the users who are heard.
    Unix(Listener, Vec<User>),
    #[cfg(feature = "tls")]
    Tls(TlsListener),
}

/// Somebody who has come in.
enum Visitor {
    User(Connection, User),
    #[cfg(feature = "tls")]
    Tls(TlsVisitor),
}

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    stopped: bool,
    open: BTreeMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    client: String,
    /// None while a TLS client shows who it is, which ends by itself.
    channel: Option<Arc<Channel>>,
    worker: JoinHandle<()>,
}

/// Serves `issuer` at `address` to this process's own user and to `users`.
///
/// The socket has mode 0600; with other users listed it has to be 0666, and the user id of each
/// peer decides alone.
///
/// # Errors
/// The address cannot be bound, or no thread started.
pub fn serve(issuer: Arc<dyn Issuer>, address: &Address, users: &[User]) -> io::Result<Serving> {
    let mode = if users.is_empty() { 0o600 } else { 0o666 };
    let mut users = users.to_vec();
    users.push(User::own());
    users.sort_unstable();
    users.dedup();
    let share = (MOST_CONNECTIONS / users.len().max(1)).max(LEAST_SHARE);
    let most = share.saturating_mul(users.len());
    Serving::start(issuer, Door::Unix(Listener::bind(address, mode)?, users), share, most)
}

/// Serves `issuer` over TLS to the clients that `listener` hears, of whom there are `clients`.
///
/// # Errors
/// No thread started.
#[cfg(feature = "tls")]
pub fn serve_tls(
    issuer: Arc<dyn Issuer>,
    listener: TlsListener,
    clients: usize,
) -> io::Result<Serving> {
    let share = (MOST_CONNECTIONS / clients.max(1)).max(LEAST_SHARE);
    // Beside all that are heard there is room for those who are still to show who they are.
    let most = share.saturating_mul(clients.max(1)).saturating_add(MOST_CONNECTIONS);
    Serving::start(issuer, Door::Tls(listener), share, most)
}

impl Serving {
    fn start(issuer: Arc<dyn Issuer>, door: Door, share: usize, most: usize) -> io::Result<Self> {
        let door = Arc::new(door);
        let (own, connections) = (Arc::downgrade(&door), Mutex::default());
        let shared = Arc::new(Shared { door: own, issuer, share, most, connections });
        let (accepting, open) = (Arc::clone(&shared), Arc::clone(&door));
        let builder = thread::Builder::new().name("ca accept".to_owned());
        let acceptor = builder.spawn(move || accepting.accept(&open))?;
        Ok(Self { door, shared, acceptor: Some(acceptor) })
    }

    /// Ends every connection, waits for orders in hand, and removes the socket.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        match &*self.door {
            Door::Unix(listener, _) => listener.stop(),
            #[cfg(feature = "tls")]
            Door::Tls(listener) => listener.stop(),
        }
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        let open = {
            let mut connections = self.shared.connections();
            connections.stopped = true;
            std::mem::take(&mut connections.open)
        };
        for Open { channel, worker, .. } in open.into_values() {
            if let Some(channel) = channel {
                channel.shutdown();
            }
            let _ = worker.join();
        }
    }
}

impl Door {
    fn accept(&self) -> io::Result<Option<Visitor>> {
        match self {
            Self::Unix(listener, _) => {
                let visitor = listener.accept()?;
                Ok(visitor.map(|(connection, peer)| Visitor::User(connection, peer.uid)))
            }
            #[cfg(feature = "tls")]
            Self::Tls(listener) => Ok(listener.accept()?.map(Visitor::Tls)),
        }
    }

    /// Whether a connection that was let in by this edition of the server's files still counts.
    fn counts(&self, edition: u64) -> bool {
        match self {
            // A user stays who it is.
            Self::Unix(..) => edition == 0,
            #[cfg(feature = "tls")]
            Self::Tls(listener) => listener.edition() == edition,
        }
    }

    /// How long a connection may be silent.
    fn silence(&self) -> Option<Duration> {
        match self {
            Self::Unix(..) => None,
            #[cfg(feature = "tls")]
            Self::Tls(_) => Some(SILENCE),
        }
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, door: &Door) {
        loop {
            match door.accept() {
                Ok(Some(Visitor::User(connection, user))) => match door {
                    Door::Unix(_, users) if users.contains(&user) => {
                        let channel = Arc::new(Channel::Unix(connection));
                        let (client, own) = (format!("uid {user}"), Arc::clone(&channel));
                        self.start(&client.clone(), Some(channel), move |shared, _| {
                            shared.serve(&own, &client, 0);
                        });
                    }
                    _ => connection.shutdown(),
                },
                #[cfg(feature = "tls")]
                Ok(Some(Visitor::Tls(visitor))) => {
                    let from = format!("address {}", visitor.from());
                    self.start(&from, None, move |shared, number| shared.meet(visitor, number));
                }
                Ok(None) => return,
                // Out of descriptors, say: the connections there are go on, and may end.
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    /// Has a thread of its own work for a visitor, if there is room for one more of this client.
    fn start(
        self: &Arc<Self>,
        client: &str,
        channel: Option<Arc<Channel>>,
        work: impl FnOnce(&Self, u64) + Send + 'static,
    ) {
        let mut connections = self.connections();
        let refused = channel.clone();
        let number = connections.next;
        let shared = Arc::clone(self);
        let worker = if connections.has_room(client, self.share, self.most) {
            let builder = thread::Builder::new().name("ca connection".to_owned());
            builder.spawn(move || {
                // Whatever ends it, this connection alone ends.
                work(&shared, number);
                shared.connections().open.remove(&number);
            })
        } else {
            Err(io::ErrorKind::QuotaExceeded.into())
        };
        match (worker, refused) {
            (Ok(worker), _) => {
                connections.next = number.wrapping_add(1);
                let client = client.to_owned();
                connections.open.insert(number, Open { client, channel, worker });
            }
            (Err(_), Some(channel)) => channel.shutdown(),
            (Err(_), None) => {}
        }
    }

    /// Lets a TLS client show who it is, and serves it.
    #[cfg(feature = "tls")]
    fn meet(&self, visitor: TlsVisitor, number: u64) {
        let edition = visitor.edition();
        let Ok((connection, name)) = visitor.shake_hands(PATIENCE) else { return };
        let client = format!("tls {name}");
        let channel = Arc::new(Channel::Tls(Box::new(connection)));
        {
            let mut connections = self.connections();
            let room = connections.has_room(&client, self.share, usize::MAX);
            let Some(open) = connections.open.get_mut(&number).filter(|_| room) else {
                return channel.shutdown();
            };
            open.client.clone_from(&client);
            open.channel = Some(Arc::clone(&channel));
        }
        self.serve(&channel, &client, edition);
    }

    fn serve(&self, channel: &Channel, client: &str, edition: u64) {
        let _ = self.converse(channel, client, edition);
        channel.shutdown();
    }

    fn converse(&self, channel: &Channel, client: &str, edition: u64) -> io::Result<()> {
        channel.set_write_timeout(Some(PATIENCE))?;
        loop {
            let Some(silence) = self.door.upgrade().map(|door| door.silence()) else {
                return Ok(());
            };
            channel.set_read_timeout(silence)?;
            let hurry = || channel.set_read_timeout(Some(PATIENCE));
            let Some(content) = read_frame(channel, hurry)? else { return Ok(()) };
            if !self.door.upgrade().is_some_and(|door| door.counts(edition)) {
                // It comes again, and shows its certificate to what is believed now.
                return Ok(());
            }
            let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            let answer = match Question::from_bytes(&content).map_err(invalid)? {
                Question::Roots => self.issuer.roots().map(Answer::Roots),
                Question::Issue(order) => self.issuer.issue_for(client, &order).map(Answer::Issued),
                Question::Revoke(serials, reason) => {
                    self.issuer.revoke_for(client, &serials, reason).map(|()| Answer::Revoked)
                }
            };
            let answer = answer.unwrap_or_else(Answer::Error);
            write_frame(channel, &answer.to_bytes().map_err(invalid)?)?;
        }
    }
}

impl Connections {
    fn has_room(&self, client: &str, share: usize, most: usize) -> bool {
        let taken = self.open.values().filter(|open| open.client == client).count();
        !self.stopped && taken < share && self.open.len() < most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_share_and_all_together_theirs() {
        let mut connections = Connections::default();
        for (number, client) in [(0, "uid 1"), (1, "uid 1"), (2, "uid 2")] {
            let open =
                Open { client: client.to_owned(), channel: None, worker: thread::spawn(|| ()) };
            connections.open.insert(number, open);
        }
        assert!(connections.has_room("uid 1", 3, 4));
        assert!(!connections.has_room("uid 1", 2, 4), "its own share is taken");
        assert!(!connections.has_room("uid 3", 2, 3), "all together have no more");
        connections.stopped = true;
        assert!(!connections.has_room("uid 3", 3, 4));
    }
}
