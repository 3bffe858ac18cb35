//! The server of the host endpoint: who is a host, and one verb after the other.

use super::{
    frame,
    handshake::{Answer, Hello, Random, Side, VERSION, Welcome, proof},
    message::{Ask, Reply},
    read_secret,
    room::{Guest, Room, room},
};
use crate::{
    net::{Connection, Listener, Peer},
    secret::{Secret, User},
};
use std::{
    collections::HashMap,
    fmt, io,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// What the server of hosts serves.
pub(crate) trait Verbs: Send + Sync {
    /// Does one verb.
    fn ask(&self, ask: Ask, peer: &Peer) -> Reply;
    /// Puts on record that a process is not taken for a host.
    fn not_host(&self, peer: &Peer, why: &'static str);
}

/// Who is a host.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    /// The agent's own user, which never counts as one.
    pub(crate) own: User,
    /// Users whose processes are hosts.
    pub(crate) users: Vec<User>,
    /// Who knows it is a host.
    pub(crate) secret: Option<Secret>,
    /// Where it and the one before it are, to be read again; empty: `secret` alone counts.
    pub(crate) secret_files: Vec<PathBuf>,
    /// Connections at once.
    pub(crate) connections: usize,
    /// How long a greeting may take, and how long a wrong one waits for its refusal.
    pub(crate) patience: Duration,
    pub(crate) penalty: Duration,
}

impl Hosts {
    fn by_user(&self, peer: &Peer) -> bool {
        peer.uid != self.own && self.users.contains(&peer.uid)
    }

    /// The secrets that count now. A file that is away or not as it should be holds none.
    fn secrets(&self) -> Vec<Secret> {
        match self.secret_files.as_slice() {
            [] => self.secret.iter().cloned().collect(),
            files => files.iter().filter_map(|path| read_secret(path).ok()).collect(),
        }
    }
}

/// A running server; dropping it ends it.
pub(crate) struct Server {
    shared: Arc<Shared>,
    listener: Arc<Listener>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

struct Shared {
    hosts: Hosts,
    verbs: Arc<dyn Verbs>,
    live: Mutex<HashMap<u64, Live>>,
    /// Somebody is to end though it waits.
    gave_way: Condvar,
    stopping: AtomicBool,
}

/// A conversation that goes on.
struct Live {
    guest: Guest,
    /// Has given way; its thread is about to end.
    gone: bool,
    connection: Arc<Connection>,
}

/// A conversation's place, given back however it ends.
struct Place {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(live) = self.shared.live().remove(&self.number) {
            live.connection.shutdown();
        }
    }
}

impl Server {
    /// Serves in threads of its own.
    pub(crate) fn start(
        listener: Listener,
        hosts: Hosts,
        verbs: Arc<dyn Verbs>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            hosts,
            verbs,
            live: Mutex::default(),
            gave_way: Condvar::new(),
            stopping: AtomicBool::new(false),
        });
        let listener = Arc::new(listener);
        let (accepting, at) = (Arc::clone(&shared), Arc::clone(&listener));
        let name = "wardcard-hosts".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(move || accepting.accept(&at))?;
        Ok(Self { shared, listener, accepting: Mutex::new(Some(thread)) })
    }

    /// Ends every conversation, after the verb that it is at, and waits until all have ended.
    pub(crate) fn stop(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.listener.stop();
        let thread = self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            self.shared.end_all();
            // The thread has no panic of its own to tell of.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn live(&self) -> MutexGuard<'_, HashMap<u64, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A verb that is under way is answered still: the one that asked for the stop, above all.
    fn end_all(&self) {
        for live in self.live().values() {
            live.connection.shutdown_reads();
        }
    }

    fn accept(self: Arc<Self>, listener: &Listener) {
        let mut conversations: Vec<JoinHandle<()>> = Vec::new();
        for number in 0.. {
            conversations.retain(|thread| !thread.is_finished());
            let (connection, peer) = match listener.accept() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(_) if self.stopping.load(Ordering::SeqCst) => break,
                Err(_) => {
                    // Out of descriptors, mostly: others have to end first.
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                }
            };
            let connection = Arc::new(connection);
            if !self.admit(number, &peer, &connection) {
                connection.shutdown();
                continue;
            }
            let place = Place { shared: Arc::clone(&self), number };
            let converse = move || {
                // However a conversation ends, the other side sees the end and nothing more.
                let _ = place.shared.converse(place.number, &connection, &peer);
            };
            let name = "wardcard-host".to_owned();
            // Without a thread the place is given back with what should have run.
            if let Ok(thread) = std::thread::Builder::new().name(name).spawn(converse) {
                conversations.push(thread);
            }
        }
        // One may have been taken in while all others were being ended.
        self.end_all();
        for thread in conversations {
            // It has no panic of its own to tell of.
            let _ = thread.join();
        }
    }

    /// Takes a connection in, where there is room for it.
    fn admit(&self, number: u64, peer: &Peer, connection: &Arc<Connection>) -> bool {
        let mut live = self.live();
        let most = self.hosts.connections;
        let stranger = !self.hosts.by_user(peer);
        // Threads of those that have given way and not yet ended are bounded as well.
        if stranger && live.values().filter(|live| live.gone).count() >= most {
            return false;
        }
        let guest = Guest { number, uid: peer.uid, stranger, greeted: false };
        let there: Vec<Guest> =
            live.values().filter(|live| !live.gone).map(|live| live.guest).collect();
        let first = |uid: User| uid == self.hosts.own || uid.is_root();
        match room(most, guest, first, &there) {
            Room::Free => {}
            Room::Of(other) => {
                if let Some(other) = live.get_mut(&other) {
                    other.gone = true;
                    other.connection.shutdown();
                    self.gave_way.notify_all();
                }
            }
            Room::No => return false,
        }
        live.insert(number, Live { guest, gone: false, connection: Arc::clone(connection) });
        true
    }

    fn converse(&self, number: u64, stream: &Connection, peer: &Peer) -> io::Result<()> {
        stream.set_read_timeout(Some(self.hosts.patience))?;
        stream.set_write_timeout(Some(self.hosts.patience))?;
        if !self.greet(number, stream, peer)? {
            return Ok(());
        }
        if let Some(live) = self.live().get_mut(&number) {
            live.guest.greeted = true;
        }
        stream.set_read_timeout(None)?;
        loop {
            let ask: Ask = frame::read(stream, frame::MESSAGE)?;
            let reply = self.verbs.ask(ask, peer);
            frame::write(stream, &reply)?;
        }
    }

    /// The greeting; whether the other side is a host.
    fn greet(&self, number: u64, stream: &Connection, peer: &Peer) -> io::Result<bool> {
        let by_user = self.hosts.by_user(peer);
        let challenge = Random::new().map_err(io::Error::other)?;
        frame::write(stream, &Hello { version: VERSION, challenge, secret: !by_user })?;
        let answer = frame::read::<Answer>(stream, frame::GREETING);
        let answer = match answer {
            Ok(answer) if answer.version == VERSION => answer,
            Ok(_) => return self.refuse(number, stream, peer, "version"),
            Err(error) => {
                self.verbs.not_host(peer, "no greeting");
                return Err(error);
            }
        };
        let shown = |secret, side| proof(secret, side, &challenge, &answer.nonce);
        let secrets = self.hosts.secrets();
        let known = secrets.iter().fold(None, |known, secret| {
            // Each is compared, whichever it is.
            let same = shown(secret, Side::Client).matches(answer.proof.as_ref());
            if same { Some(secret) } else { known }
        });
        let knows = known.is_some() || (answer.proof.is_none() && by_user);
        // A named user may say anything where there is no secret to be known.
        let host = knows || (by_user && self.hosts.secret.is_none());
        if !host {
            let why = if answer.proof.is_some() { "wrong secret" } else { "no secret" };
            return self.refuse(number, stream, peer, why);
        }
        let proof = known.map(|secret| shown(secret, Side::Server));
        frame::write(stream, &Welcome::Welcome { proof })?;
        Ok(true)
    }

    fn refuse(
        &self,
        number: u64,
        stream: &Connection,
        peer: &Peer,
        why: &'static str,
    ) -> io::Result<bool> {
        self.verbs.not_host(peer, why);
        // Who has given way meanwhile takes no thread any longer.
        let waits = |live: &mut HashMap<u64, Live>| live.get(&number).is_some_and(|one| !one.gone);
        drop(self.gave_way.wait_timeout_while(self.live(), self.hosts.penalty, waits));
        frame::write(stream, &Welcome::Refused {})?;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_secret_is_what_its_files_hold_now_and_the_previous_one_counts_while_it_is_there() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let [new, old] = ["new", "old"].map(|name| folder.path().join(name));
        let put = |path: &PathBuf, byte: u8, mode: u32| {
            std::fs::write(path, [byte; 32]).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let hosts = Hosts {
            own: User::from(1),
            users: Vec::new(),
            secret: Some(Secret::new(vec![1; 32])),
            secret_files: vec![new.clone(), old.clone()],
            connections: 1,
            patience: Duration::ZERO,
            penalty: Duration::ZERO,
        };
        let counts = |byte: u8| hosts.secrets().iter().any(|one| one.matches(&[byte; 32]));
        assert!(!counts(1), "without a file there is no secret, whatever it was at the start");
        put(&new, 1, 0o600);
        assert!(counts(1) && !counts(2));
        std::fs::rename(&new, &old).unwrap();
        put(&new, 2, 0o600);
        assert!(counts(1) && counts(2), "the overlap");
        std::fs::remove_file(&old).unwrap();
        assert!(!counts(1) && counts(2));
        put(&new, 2, 0o640);
        assert!(!counts(2), "open to others");
    }
}
