//! The heart of an agent: requests, cards, and the verbs on them.

mod cards;
mod held;
mod life;
mod past;
mod requests;
mod standstill;
mod watch;

use self::{
    held::{Held, Waiting},
    past::Past,
    standstill::Standstill,
    watch::Seen,
};
use super::{
    AgentParts, Config, Error, Mode, Removal, RequestId, alarm::Alarm, audit::Entry,
    config::RosterUse, enrol::Tending, gate::AuditGate, host::message::CardLine, openid::OpenId,
    parts, revoker::Revoker, seats::Seats, sources::sources, state::State, status::Status,
};
use crate::{
    card::{CardId, Shelf},
    clock::{Clock, Time},
    crypto,
    derive::{Deriver, WarmKeys, roster::Roster},
    secret::Hardening,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

/// Everything of an agent but its threads.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) config: Config,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) deriver: Deriver,
    pub(super) state: State,
    pub(super) gate: Arc<AuditGate>,
    pub(super) seats: Seats,
    pub(super) revoker: Revoker,
    pub(super) shelf: Option<Arc<Shelf>>,
    pub(super) alarm: Arc<Alarm>,
    pub(super) openid: OpenId,
    /// Connections of applications, as the last look saw them.
    pub(super) connections: AtomicUsize,
    pub(super) serving: AtomicBool,
    /// Connections within this process so far.
    pub(super) own: AtomicU64,
    pub(super) tending: Tending,
    requests: Mutex<HashMap<RequestId, Waiting>>,
    cards: Mutex<Vec<Held>>,
    /// Cards that have ended, the last of them.
    past: Past,
    pub(super) roster: Roster,
    /// What the roster was at the last look.
    seen: Mutex<Seen>,
    /// The store's number when all was in the log that others did in it.
    brought: Mutex<Option<u64>>,
    /// Who works offline, where this is no agent but one command.
    offline: Option<String>,
    /// Whether everything is stopped by an administrator.
    standstill: Standstill,
    /// Held while a card is put in its seat, so that limits hold.
    placing: Mutex<()>,
    stopped: AtomicBool,
    started: Time,
    hardening: Option<Hardening>,
    _warm: Option<WarmKeys>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(super) fn new(config: Config, parts: AgentParts) -> Result<Self, Error> {
        let AgentParts { clock, fetch, issuer, store, hardening, offline } = parts;
        let alarm = Arc::new(Alarm::default());
        let issuer = match issuer {
            Some(issuer) => issuer,
            None => parts::issuer(&config, &clock)?,
        };
        parts::enrolled_key_is_there(&config)?;
        let state = State::open(&config, store, &clock, &alarm)?;
        let providers = parts::providers(&config, fetch.as_ref(), &clock, &state.store)?;
        let openid = OpenId::new(providers.clone(), &state.store);
        let sources = sources(&config, providers, fetch.as_ref(), &state.store, &clock)?;
        let shelf = parts::shelf(&config)?;
        let gate = Arc::new(AuditGate::new(
            state.log.clone(),
            config.applications.clone(),
            (config.policy.content_commitment_step_up, config.policy.largest_age),
            Arc::clone(&clock),
        ));
        let revoker = Revoker::start(&issuer, &state.store, &gate, &clock)?;
        let required = config.roster == RosterUse::Required;
        let roster = Roster::new(Arc::clone(&state.store), required);
        let standstill = Standstill::open(Arc::clone(&state.store))?;
        let deriver = Deriver::new(
            config.policy.clone(),
            sources,
            issuer,
            Arc::clone(&state.store),
            Arc::clone(&clock),
        )
        .with_roster(roster.clone());
        let deriver = match &shelf {
            Some(shelf) => deriver.with_shelf(Arc::clone(shelf)),
            None => deriver,
        };
        let warm = match config.limits.warm_keys {
            0 => None,
            keys => {
                let why = |error: std::io::Error| error.to_string();
                let warm = deriver.keep_warm(keys).map_err(why);
                Some(warm.map_err(|why| Error::Part { what: "the keys made ahead", why })?)
            }
        };
        let core = Self {
            started: clock.now(),
            gate,
            revoker,
            clock,
            deriver,
            state,
            seats: Seats::default(),
            shelf,
            alarm,
            openid,
            connections: AtomicUsize::new(0),
            serving: AtomicBool::new(false),
            own: AtomicU64::new(0),
            tending: Tending::default(),
            requests: Mutex::default(),
            cards: Mutex::default(),
            past: Past::default(),
            roster,
            seen: Mutex::default(),
            brought: Mutex::default(),
            offline,
            standstill,
            placing: Mutex::default(),
            stopped: AtomicBool::new(false),
            hardening,
            config,
            _warm: warm,
        };
        let event = if core.offline.is_some() { "offline-began" } else { "agent-started" };
        let entry = Entry::new(event).text("version", env!("CARGO_PKG_VERSION"));
        let entry = entry.text("mode", core.mode_name()).some_text("by", core.offline.as_deref());
        let entry = entry.number("pid", u64::from(std::process::id()));
        // One before that was killed has recorded the end of none of its cards.
        let left = core.state.log.as_ref().and_then(|log| log.left());
        let unstopped =
            left.is_some_and(|last| !["agent-stopped", "offline-ended"].contains(&last));
        core.record(&if unstopped { entry.flag("unstopped", true) } else { entry })?;
        core.bring_all()?;
        core.end_what_is_not_released()?;
        core.state.sync()?;
        Ok(core)
    }

    /// While this is held no card is put in its seat.
    pub(super) fn placing(&self) -> MutexGuard<'_, ()> {
        locked(&self.placing)
    }

    /// An error once the agent has stopped.
    pub(super) fn running(&self) -> Result<(), Error> {
        if self.stopped.load(Ordering::SeqCst) { Err(Error::Stopped) } else { Ok(()) }
    }

    pub(super) fn record(&self, entry: &Entry) -> Result<(), Error> {
        self.gate.record(entry).map(drop).map_err(|_| Error::Audit)
    }

    /// Erases all cards and requests; there will be no more.
    pub(super) fn remove_all(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Whoever is placing a card has placed it, or will find the agent stopped.
        drop(locked(&self.placing));
        let all: Vec<CardId> = locked(&self.cards).iter().map(|held| held.card.id()).collect();
        for id in all {
            // Another thread may have removed it meanwhile.
            let _ = self.remove(id, Removal::AgentStopped);
        }
        locked(&self.requests).clear();
        self.note_releases();
        self.openid.keep(|_| false);
    }

    /// The last record, brought onto the medium.
    pub(super) fn end(&self) {
        let pid = u64::from(std::process::id());
        // There is nobody left to tell, and what is not brought now is at the next start.
        let _ = self.bring_all();
        let event = if self.offline.is_some() { "offline-ended" } else { "agent-stopped" };
        let entry = Entry::new(event).some_text("by", self.offline.as_deref());
        let _ = self.record(&entry.number("pid", pid));
        let _ = self.state.sync();
    }

    pub(super) fn brought_at(&self) -> Option<u64> {
        *locked(&self.brought)
    }

    pub(super) fn set_brought_at(&self, version: u64) {
        *locked(&self.brought) = Some(version);
    }

    fn mode_name(&self) -> &'static str {
        match self.config.mode {
            Mode::Personal => "personal",
            Mode::Ward => "ward",
        }
    }

    pub(super) fn status(&self) -> Status {
        let serving = self.serving.load(Ordering::SeqCst);
        let hosts = self.config.host.as_ref().filter(|_| serving);
        let hardening = self.hardening.map(|hardening| hardening.to_string());
        let hardening = hardening.unwrap_or_else(|| "not asked for by this program".to_owned());
        // Each lock is let go of before the next: both looks below take this one.
        let requests = locked(&self.requests).len();
        let cards = self.cards().iter().map(CardLine::from).collect();
        let (enrolments, renewals) = self.enrolments_and_renewals();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mode: self.mode_name().to_owned(),
            pid: std::process::id(),
            started: self.started.to_string(),
            now: self.clock.now().to_string(),
            pkcs11: self.config.pkcs11.as_ref().filter(|_| serving).map(ToString::to_string),
            host: hosts.map(|host| host.address.to_string()),
            readers: self
                .config
                .readers
                .iter()
                .filter(|_| serving)
                .map(|reader| format!("{} {}", reader.way.name(), reader.way.address()))
                .collect(),
            connections: self.connections.load(Ordering::SeqCst),
            crypto: crypto::backend().to_owned(),
            hardening: hardening.lines().map(str::to_owned).collect(),
            audit: self.state.log.as_ref().map(|log| log.head().to_string()),
            requests,
            enrolments,
            renewals,
            stopped: self.stopped_all().map(|stopped| stopped.to_string()),
            cis1_end: self.config.policy.cis1_end.to_string(),
            cards,
        }
    }
}
