//! The client: a `Cryptoki` at the other end of a connection.
//!
//! It connects when first needed and again after a loss. While nobody answers, the slots that were known stay and are
//! empty (one slot, if none was known), and fill when the server appears. Sessions end with their connection: each handle
//! answers CKR_DEVICE_REMOVED once, and no handle is ever given out again.

mod cancel;
mod link;
mod methods;
mod pieces;
mod slots;

use crate::{
    net::{Address, Inherited, ServerTrust},
    pkcs11::{Info, Result, Rv, SessionHandle, SlotId, SlotInfo},
    wire::{
        calls::general,
        codec::put,
        cx::{
            ALREADY_INITIALIZED, Cx, DEVICE_REMOVED, NEWEST, NOT_INITIALIZED,
            SESSION_HANDLE_INVALID,
        },
    },
};
use link::{Failure, Link};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Where a client looks for its server, asked anew at each connect.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// First that answers wins.
    pub addresses: Vec<Address>,
    /// Whom to believe.
    pub trust: ServerTrust,
}

/// A `Cryptoki` at the other end of a connection: connects when first needed, again after a loss. Starts no thread.
///
/// After a fork the child begins anew, not initialised, and lets go of the parent's connection at its first call.
pub struct Client {
    endpoint: Endpoint,
    newest: u8,
    report: Option<fn(&str)>,
    first: Incarnation,
}

/// A client within one process. A child never touches what its parent may have locked: it goes on in `child`.
struct Incarnation {
    process: u32,
    /// The connection, for a child that inherits it.
    inherited: Inherited,
    state: Mutex<State>,
    /// Held while connecting, so that only one does.
    connecting: Mutex<()>,
    /// Something ended or came.
    changed: Condvar,
    child: OnceLock<Box<Incarnation>>,
}

#[derive(Default)]
struct State {
    initialized: bool,
    link: Option<Arc<Link>>,
    /// Counts connections; a session belongs to one.
    connection: u64,
    generation: u16,
    sessions: HashMap<SessionHandle, Session>,
    /// All slots that were ever told of since C_Initialize.
    known: Vec<SlotId>,
    /// Those that the server has now.
    served: Vec<SlotId>,
    info: Option<Info>,
    slot_infos: HashMap<SlotId, SlotInfo>,
    /// Whether the server was there when the program last heard of slots.
    told: Option<bool>,
    /// No new attempt to connect before this.
    not_before: Option<Instant>,
    trouble: Option<String>,
}

#[derive(Clone, Copy)]
struct Session {
    connection: u64,
    server: u64,
    slot: SlotId,
}

/// How long a server that accepts and then fails is left alone.
const RESPITE: Duration = Duration::from_secs(1);

/// The last handle that a session of this process got. None is given out twice, also not after
/// C_Finalize: a part of the process that has not heard of it must not meet the sessions of another.
static LAST_SESSION: AtomicU64 = AtomicU64::new(0);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the first of these addresses that answers. Nothing is opened yet.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, newest: NEWEST, report: None, first: Incarnation::new() }
    }

    /// Offers no newer version of the protocol than this.
    #[must_use]
    pub fn with_newest_version(mut self, version: u8) -> Self {
        self.newest = version.min(NEWEST);
        self
    }

    /// Has it say why it cannot connect: each reason once, as long as it lasts.
    #[must_use]
    pub fn with_report(mut self, report: fn(&str)) -> Self {
        self.report = Some(report);
        self
    }

    /// Why the last attempt to connect failed, in words for the person who runs the machine.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.here().state).trouble.clone()
    }

    /// This process's own.
    fn here(&self) -> &Incarnation {
        let process = std::process::id();
        let mut at = &self.first;
        while at.process != process {
            at = at.child.get_or_init(|| {
                at.inherited.abandon();
                Box::new(Incarnation::new())
            });
        }
        at
    }

    /// The connection, made now if there is none; `None` while nobody answers.
    fn link(&self) -> Result<Option<Arc<Link>>> {
        let here = self.here();
        if let Some(link) = here.current()? {
            return Ok(Some(link));
        }
        let _connecting = lock(&here.connecting);
        if let Some(link) = here.current()? {
            return Ok(Some(link));
        }
        let generation = {
            let state = lock(&here.state);
            if state.not_before.is_some_and(|time| Instant::now() < time) {
                return Ok(None);
            }
            Cx::next_generation(state.generation)
        };
        let mut trouble = None;
        for address in &self.endpoint.addresses {
            let opened = Link::open(address, &self.endpoint.trust, self.newest, generation)
                .map_err(|error| (format!("{address}: {error}"), error.kind()));
            let opened = opened.and_then(|link| {
                let slots = link::numbers(&link, general::SLOT_LIST, |output, cx| {
                    put::flag(output, cx, false)
                });
                slots.map(|slots| (link, slots)).map_err(|_| {
                    (format!("{address}: no list of slots"), std::io::ErrorKind::Other)
                })
            });
            match opened {
                Ok((link, slots)) => return here.adopt(link, slots, generation).map(Some),
                Err(failed) => trouble = Some(failed),
            }
        }
        let mut state = lock(&here.state);
        if let Some((text, kind)) = trouble {
            use std::io::ErrorKind::{ConnectionRefused, NotFound};
            state.not_before =
                (!matches!(kind, NotFound | ConnectionRefused)).then(|| Instant::now() + RESPITE);
            let news = self.report.filter(|_| state.trouble.as_ref() != Some(&text));
            state.trouble = Some(text.clone());
            drop(state);
            if let Some(report) = news {
                report(&text);
            }
        }
        Ok(None)
    }

    /// A call on a session: with its connection and the server's handle.
    fn on_session<T>(
        &self,
        session: SessionHandle,
        call: impl FnOnce(&Link, u64) -> Result<T, Failure>,
    ) -> Result<T> {
        let here = self.here();
        let (link, server) = {
            let mut state = lock(&here.state);
            state.check()?;
            let found = *state.sessions.get(&session).ok_or(SESSION_HANDLE_INVALID)?;
            let link = state.link.clone().filter(|_| found.connection == state.connection);
            match link {
                Some(link) => (link, found.server),
                None => {
                    state.sessions.remove(&session);
                    return Err(DEVICE_REMOVED);
                }
            }
        };
        call(&link, server).map_err(|failure| match failure {
            Failure::Code(code) => {
                here.notice(&link);
                code
            }
            Failure::Lost => {
                here.notice(&link);
                let mut state = lock(&here.state);
                state.sessions.remove(&session);
                state.check().err().unwrap_or(DEVICE_REMOVED)
            }
        })
    }
}

impl State {
    fn check(&self) -> Result<()> {
        if self.initialized { Ok(()) } else { Err(NOT_INITIALIZED) }
    }

    fn learn(&mut self, slots: &[SlotId]) {
        for slot in slots {
            if !self.known.contains(slot) {
                self.known.push(*slot);
            }
        }
    }
}

impl Incarnation {
    fn new() -> Self {
        Self {
            process: std::process::id(),
            inherited: Inherited::default(),
            state: Mutex::default(),
            connecting: Mutex::default(),
            changed: Condvar::new(),
            child: OnceLock::new(),
        }
    }

    /// The connection there is, as far as is known.
    fn current(&self) -> Result<Option<Arc<Link>>> {
        let state = lock(&self.state);
        state.check()?;
        let link = state.link.clone();
        drop(state);
        let Some(link) = link else { return Ok(None) };
        if link.lost() {
            self.notice(&link);
            return Ok(None);
        }
        Ok(Some(link))
    }

    fn adopt(&self, link: Link, slots: Vec<SlotId>, generation: u16) -> Result<Arc<Link>> {
        let mut state = lock(&self.state);
        if let Err(code) = state.check() {
            link.lose();
            return Err(code);
        }
        let link = Arc::new(link);
        self.inherited.set(link.connection());
        state.learn(&slots);
        state.served = slots;
        state.link = Some(Arc::clone(&link));
        state.connection += 1;
        state.generation = generation;
        state.trouble = None;
        state.not_before = None;
        self.changed.notify_all();
        Ok(link)
    }

    /// Lets go of a connection that was lost.
    fn notice(&self, link: &Arc<Link>) {
        if !link.lost() {
            return;
        }
        let mut state = lock(&self.state);
        if state.link.as_ref().is_some_and(|current| Arc::ptr_eq(current, link)) {
            self.inherited.none();
            state.link = None;
            self.changed.notify_all();
        }
    }

    fn initialize(&self) -> Result<()> {
        let mut state = lock(&self.state);
        if state.initialized {
            return Err(ALREADY_INITIALIZED);
        }
        *state = State {
            initialized: true,
            connection: state.connection,
            generation: state.generation,
            ..State::default()
        };
        Ok(())
    }

    fn finalize(&self) -> Result<()> {
        let mut state = lock(&self.state);
        state.check()?;
        state.initialized = false;
        state.sessions.clear();
        self.inherited.none();
        let link = state.link.take();
        drop(state);
        if let Some(link) = link {
            link.lose();
        }
        self.changed.notify_all();
        Ok(())
    }

    fn add_session(
        &self,
        link: &Arc<Link>,
        slot: SlotId,
        server: u64,
    ) -> Result<SessionHandle, Rv> {
        let mut state = lock(&self.state);
        state.check()?;
        if !state.link.as_ref().is_some_and(|current| Arc::ptr_eq(current, link)) {
            return Err(DEVICE_REMOVED);
        }
        let handle = LAST_SESSION.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let connection = state.connection;
        state.sessions.insert(handle, Session { connection, server, slot });
        Ok(handle)
    }
}
