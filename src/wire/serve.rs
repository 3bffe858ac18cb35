//! The server: accepts connections, bounds them, and gives each a crew of threads over a Cryptoki of its own.

mod crew;
mod run;

use crate::{
    net::{Connection, Listener, Peer},
    pkcs11::Cryptoki,
    secret::User,
};
use crew::Crew;
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// What [`crate::wire::fuzz_message`] does.
#[cfg(fuzzing)]
pub(super) fn fuzz_message(body: &[u8], version: u8, cryptoki: &dyn Cryptoki) {
    let cx = super::cx::Cx::server(version);
    if let Ok(call) = run::parse(body, cx) {
        let mut answer = super::bytes::Output::default();
        // What an answer would be sent for is not of interest here.
        let _ = run::run(cryptoki, cx, 1, &call, &mut answer);
    }
}

/// Bounds of a server (design rule 10).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections of one user at once.
    pub connections_per_user: usize,
    /// Connections in all.
    pub connections: usize,
    /// Largest frame in bytes.
    pub frame: usize,
    /// Calls of one connection running or waiting at once. Blocked waits for slot events are counted apart.
    pub calls: usize,
    /// Of those, slow ones of all connections of one user: each has a thread.
    pub calls_per_user: usize,
    /// How long a frame that has begun may take to arrive, and an answer to be taken.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_per_user: 64,
            connections: 512,
            frame: 1 << 20,
            calls: 64,
            calls_per_user: 256,
            patience: Duration::from_secs(10),
        }
    }
}

/// Answers for a new connection: its Cryptoki, or `None` (closed without a word).
pub type Factory = dyn Fn(&Peer, u64) -> Option<Arc<dyn Cryptoki>> + Send + Sync;

/// A running server.
pub struct Server {
    shared: Arc<Shared>,
    /// Until it stops: then the address is free for the next.
    listener: Mutex<Option<Arc<Listener>>>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    factory: Box<Factory>,
    limits: Limits,
    stopping: AtomicBool,
    open: Mutex<Open>,
    ended: Condvar,
}

#[derive(Default)]
struct Open {
    next: u64,
    users: HashMap<User, Arc<OfUser>>,
    connections: HashMap<u64, Weak<Connection>>,
}

/// What one user has open.
#[derive(Default)]
struct OfUser {
    connections: AtomicUsize,
    calls: AtomicUsize,
}

/// A slow call's place in its user's count; given back when the call is done.
pub(crate) struct Place(Arc<OfUser>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's place in the count; given back when its last thread is done.
pub(crate) struct Seat {
    shared: Arc<Shared>,
    number: u64,
    uid: User,
    user: Arc<OfUser>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stack of a server's thread: ample for a signature.
const STACK: usize = 1 << 20;
/// How long `stop` waits for calls that are running.
const FAREWELL: Duration = Duration::from_secs(5);

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

impl Server {
    /// Serves on `listener` in threads of its own until `stop` or drop. The number handed to the factory counts connections.
    pub fn start(listener: Listener, factory: Box<Factory>, limits: Limits) -> Self {
        let listener = Arc::new(listener);
        let shared = Arc::new(Shared {
            factory,
            limits,
            stopping: AtomicBool::new(false),
            open: Mutex::default(),
            ended: Condvar::new(),
        });
        let (accepting, on) = (Arc::clone(&shared), Arc::clone(&listener));
        let acceptor = spawn("wardcard-accept", move || accepting.accept(&on)).ok();
        Self { shared, listener: Mutex::new(Some(listener)), acceptor: Mutex::new(acceptor) }
    }

    /// Connections now.
    pub fn connections(&self) -> usize {
        lock(&self.shared.open).connections.len()
    }

    /// Ends all connections and waits for the calls that are running, for a few seconds at most.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let listener = lock(&self.listener).take();
        if let Some(listener) = &listener {
            listener.stop();
        }
        if let Some(acceptor) = lock(&self.acceptor).take() {
            // A panic there has ended accepting, which is what is wanted.
            let _ = acceptor.join();
        }
        drop(listener);
        let open = lock(&self.shared.open);
        open.connections.values().filter_map(Weak::upgrade).for_each(|one| one.shutdown());
        drop(
            self.shared
                .ended
                .wait_timeout_while(open, FAREWELL, |open| !open.connections.is_empty()),
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).stack_size(STACK).spawn(run)
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &Listener) {
        while !self.stopping.load(Ordering::SeqCst) {
            match listener.accept() {
                Ok(Some((connection, peer))) => {
                    let connection = Arc::new(connection);
                    let Some(seat) = Seat::take(&self, &connection, peer.uid) else { continue };
                    // No thread to be had: the connection ends with its seat.
                    let _ = spawn("wardcard-call", move || Crew::serve(seat, connection, &peer));
                }
                Ok(None) => return,
                // Out of descriptors or memory: others may end.
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

impl Seat {
    fn take(shared: &Arc<Shared>, connection: &Arc<Connection>, uid: User) -> Option<Self> {
        let mut open = lock(&shared.open);
        let limits = &shared.limits;
        let user = open.users.get(&uid).map(Arc::clone).unwrap_or_default();
        // Changed under the lock alone.
        let of_user = user.connections.load(Ordering::Relaxed);
        if open.connections.len() >= limits.connections || of_user >= limits.connections_per_user {
            return None;
        }
        open.next += 1;
        let number = open.next;
        user.connections.store(of_user + 1, Ordering::Relaxed);
        open.users.insert(uid, Arc::clone(&user));
        open.connections.insert(number, Arc::downgrade(connection));
        Some(Self { shared: Arc::clone(shared), number, uid, user })
    }

    /// A place for one more slow call of this user, if there is one.
    fn place(&self) -> Option<Place> {
        let most = self.shared.limits.calls_per_user;
        let one_more = |calls: usize| calls.checked_add(1).filter(|calls| *calls <= most);
        let taken = self.user.calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Place(Arc::clone(&self.user)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = lock(&self.shared.open);
        open.connections.remove(&self.number);
        if self.user.connections.fetch_sub(1, Ordering::Relaxed) == 1 {
            open.users.remove(&self.uid);
        }
        self.shared.ended.notify_all();
    }
}
