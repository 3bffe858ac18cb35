//! The heart of an agent: requests, cards, and the verbs on them.

use super::{
    AgentParts, CardInfo, Config, Error, Mode, Pending, Removal, RequestId, Seat,
    alarm::Alarm,
    audit::{Entry, hex},
    gate::{AuditGate, Known},
    host::message::CardLine,
    parts,
    seats::Seats,
    state::State,
    status::Status,
};
use crate::{
    card::{self, Card, CardId, KeySlot, Shelf},
    clock::{Clock, Time},
    crypto,
    derive::{Derived, Deriver, Evidence, PasscodeSource, Request, WarmKeys},
    pki::{Certificate, UserId},
    proof::{Assurance, Sources},
    secret::Hardening,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
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
    pub(super) shelf: Option<Arc<Shelf>>,
    pub(super) alarm: Arc<Alarm>,
    /// Connections of applications, as the last look saw them.
    pub(super) connections: AtomicUsize,
    pub(super) serving: AtomicBool,
    /// Connections within this process so far.
    pub(super) own: AtomicU64,
    requests: Mutex<HashMap<RequestId, Waiting>>,
    cards: Mutex<Vec<Held>>,
    /// Held while a card is put in its seat, so that limits hold.
    placing: Mutex<()>,
    stopped: AtomicBool,
    started: Time,
    hardening: Option<Hardening>,
    _warm: Option<WarmKeys>,
}

#[derive(Debug)]
struct Waiting {
    request: Request,
    seat: Seat,
}

#[derive(Debug)]
struct Held {
    card: Card,
    seat: Seat,
    issued: Time,
    sign_in: bool,
    assurance: Assurance,
}

impl Held {
    fn info(&self) -> CardInfo {
        CardInfo {
            id: self.card.id(),
            person: self.card.person().clone(),
            seat: self.seat.clone(),
            state: self.card.state(),
            tries_left: self.card.tries_left().ok(),
            issued: self.issued,
            expires: self.card.expires(),
            slots: self.card.slots(),
            sign_in: self.sign_in,
            assurance: self.assurance.clone(),
            sha1_count: self.card.sha1_count(),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(super) fn new(config: Config, parts: AgentParts) -> Result<Self, Error> {
        let AgentParts { clock, fetch, issuer, store, hardening } = parts;
        let alarm = Arc::new(Alarm::default());
        let issuer = match issuer {
            Some(issuer) => issuer,
            None => parts::issuer(&config, &clock)?,
        };
        let providers = parts::providers(&config, fetch.as_ref(), &clock)?;
        let sources = Sources { providers };
        let state = State::open(&config, store, &clock, &alarm)?;
        let shelf = parts::shelf(&config)?;
        let gate = AuditGate::new(state.log.clone(), config.applications.clone());
        let deriver = Deriver::new(
            config.policy.clone(),
            sources,
            issuer,
            Arc::clone(&state.store),
            Arc::clone(&clock),
        );
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
            gate: Arc::new(gate),
            clock,
            deriver,
            state,
            seats: Seats::default(),
            shelf,
            alarm,
            connections: AtomicUsize::new(0),
            serving: AtomicBool::new(false),
            own: AtomicU64::new(0),
            requests: Mutex::default(),
            cards: Mutex::default(),
            placing: Mutex::default(),
            stopped: AtomicBool::new(false),
            hardening,
            config,
            _warm: warm,
        };
        let entry = Entry::new("agent-started").text("version", env!("CARGO_PKG_VERSION"));
        let entry = entry.text("mode", core.mode_name());
        core.record(&entry.number("pid", u64::from(std::process::id())))?;
        core.state.sync()?;
        Ok(core)
    }

    /// An error once the agent has stopped.
    pub(super) fn running(&self) -> Result<(), Error> {
        if self.stopped.load(Ordering::SeqCst) { Err(Error::Stopped) } else { Ok(()) }
    }

    pub(super) fn record(&self, entry: &Entry) -> Result<(), Error> {
        self.gate.record(entry).map(drop).map_err(|_| Error::Audit)
    }

    pub(super) fn request(&self, seat: Seat) -> Result<Pending, Error> {
        self.running()?;
        let own = rustix::process::geteuid().as_raw();
        if self.config.mode == Mode::Personal && seat.uid != own {
            return Err(Error::Seat);
        }
        // One user, one card, whatever session it is used from: its connections are shown no other.
        let seat = match self.config.mode {
            Mode::Personal => Seat::user(seat.uid),
            Mode::Ward => seat,
        };
        if seat.logon.as_ref().is_some_and(|logon| logon.is_empty() || logon.len() > 256) {
            return Err(Error::Logon);
        }
        self.reap();
        let most = self.config.limits.requests;
        if locked(&self.requests).len() >= most {
            return Err(Error::Limit("requests that wait for their proofs"));
        }
        let request = self.deriver.request()?;
        let mut id = [0; 16];
        crypto::random(&mut id)?;
        let id = RequestId(hex(&id));
        let (nonce, expires) = (request.nonce().to_owned(), request.expires());
        let mut requests = locked(&self.requests);
        if requests.len() >= most {
            return Err(Error::Limit("requests that wait for their proofs"));
        }
        requests.insert(id.clone(), Waiting { request, seat });
        drop(requests);
        self.alarm.ring(|reasons| reasons.sooner = true);
        Ok(Pending { request: id, nonce, expires })
    }

    pub(super) fn prove(
        &self,
        id: &RequestId,
        evidence: Evidence,
        passcode: PasscodeSource,
    ) -> Result<CardInfo, Error> {
        self.running()?;
        let waiting = locked(&self.requests).remove(id).ok_or(Error::UnknownRequest)?;
        let Waiting { request, seat } = waiting;
        let sign_in = matches!(passcode, PasscodeSource::SignIn);
        let derived = self.deriver.derive(request, evidence, passcode).inspect_err(|refusal| {
            let entry = Entry::new("proof-refused").text("why", &refusal.to_string());
            // There is no card either way.
            let _ = self.record(&with_seat(entry, &seat));
        })?;
        let Derived { card, assurance, .. } = derived;
        let held = Held { issued: self.clock.now(), card, seat, sign_in, assurance };
        let card = held.card.clone();
        self.place(held).inspect_err(|_| card.remove())
    }

    /// Erases a request that waits.
    pub(super) fn cancel(&self, id: &RequestId) {
        let waiting = locked(&self.requests).remove(id);
        drop(waiting);
    }

    /// Puts a new card in its seat, on record first, within the limits.
    fn place(&self, held: Held) -> Result<CardInfo, Error> {
        let _placing = locked(&self.placing);
        self.running()?;
        let (id, person) = (held.card.id(), held.card.person().clone());
        let in_seat = self.seats.at(&held.seat);
        if locked(&self.cards).len()
            >= self.config.limits.cards.saturating_add(in_seat.iter().count())
        {
            return Err(Error::Limit("cards"));
        }
        self.record(&issued_entry(&held))?;
        if let Some(old) = in_seat {
            self.remove(old, Removal::Replaced).or_else(gone_already)?;
        }
        for old in self.too_many(&person) {
            self.remove(old, Removal::SignedInElsewhere).or_else(gone_already)?;
        }
        self.gate.learn(id, Known { person, sign_in: held.sign_in });
        self.seats.insert(&held.seat, &held.card);
        let info = held.info();
        locked(&self.cards).push(held);
        self.alarm.ring(|reasons| reasons.sooner = true);
        Ok(info)
    }

    /// The oldest cards of a person that have to give way to one more.
    fn too_many(&self, person: &UserId) -> Vec<CardId> {
        let cards = locked(&self.cards);
        let of_person = cards.iter().filter(|held| held.card.person() == person);
        let ids: Vec<CardId> = of_person.map(|held| held.card.id()).collect();
        let keep = self.config.limits.cards_per_person.saturating_sub(1);
        let give_way = ids.len().saturating_sub(keep);
        ids.into_iter().take(give_way).collect()
    }

    pub(super) fn cards(&self) -> Vec<CardInfo> {
        self.reap();
        locked(&self.cards).iter().map(Held::info).collect()
    }

    pub(super) fn card(&self, id: CardId) -> Result<CardInfo, Error> {
        self.with(id, Held::info)
    }

    pub(super) fn certificates(
        &self,
        id: CardId,
        slot: KeySlot,
    ) -> Result<Vec<Certificate>, Error> {
        let card = self.with(id, |held| held.card.clone())?;
        let chain = card.chain(slot).iter();
        Ok(card.certificate(slot).into_iter().chain(chain).cloned().collect())
    }

    /// Puts a change of a card's life on record and makes it.
    pub(super) fn change(
        &self,
        id: CardId,
        event: &'static str,
        change: fn(&Card),
    ) -> Result<(), Error> {
        let card = self.with(id, |held| held.card.clone())?;
        let entry = Entry::new(event).text("card", &id.to_hex());
        let recorded = self.record(&entry.text("person", card.person().as_str()));
        // What takes a card out of use is done in any case; what puts it back, on record only.
        if recorded.is_ok() || matches!(event, "lock" | "suspend") {
            change(&card);
        }
        recorded
    }

    pub(super) fn remove(&self, id: CardId, reason: Removal) -> Result<(), Error> {
        let held = {
            let mut cards = locked(&self.cards);
            let place = cards.iter().position(|held| held.card.id() == id);
            place.map(|place| cards.remove(place)).ok_or(Error::UnknownCard)?
        };
        held.card.remove();
        self.ended(&held, reason);
        Ok(())
    }

    /// Lets go of a card that has ended, with the reason on record.
    fn ended(&self, held: &Held, reason: Removal) {
        let entry = Entry::new("card-removed").text("card", &held.card.id().to_hex());
        let entry = entry.text("person", held.card.person().as_str());
        let entry = entry.text("reason", reason.as_str()).number("sha1", held.card.sha1_count());
        // A card that must go goes, on record or not.
        let _ = self.record(&entry);
        self.seats.forget(held.card.id());
        self.gate.forget(held.card.id());
    }

    pub(super) fn forget_passcode(&self, person: &UserId) -> Result<(), Error> {
        self.running()?;
        self.record(&Entry::new("passcode-forgotten").text("person", person.as_str()))?;
        Ok(self.deriver.forget_passcode(person)?)
    }

    fn with<T>(&self, id: CardId, look: impl FnOnce(&Held) -> T) -> Result<T, Error> {
        self.running()?;
        self.reap();
        let cards = locked(&self.cards);
        cards.iter().find(|held| held.card.id() == id).map(look).ok_or(Error::UnknownCard)
    }

    /// Lets go of cards and requests whose time is over; how long until the next one's is.
    pub(super) fn reap(&self) -> Duration {
        let now = self.clock.now();
        let mut gone = Vec::new();
        let mut next = LONGEST_SLEEP;
        {
            let mut cards = locked(&self.cards);
            let mut place = 0;
            while let Some(held) = cards.get(place) {
                match held.card.state() {
                    card::State::Expired => gone.push((cards.remove(place), Removal::Expired)),
                    // Pushed out of a tray: its seat is within the one of a newer card.
                    card::State::Removed => gone.push((cards.remove(place), Removal::Replaced)),
                    card::State::Inserted | card::State::Locked | card::State::Suspended => {
                        next = next.min(held.card.expires().since(now));
                        place += 1;
                    }
                }
            }
        }
        for (held, reason) in &gone {
            self.ended(held, *reason);
        }
        let mut requests = locked(&self.requests);
        requests.retain(|_, waiting| now < waiting.request.expires());
        for waiting in requests.values() {
            next = next.min(waiting.request.expires().since(now));
        }
        next.max(SHORTEST_SLEEP)
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
    }

    /// The last record, brought onto the medium.
    pub(super) fn end(&self) {
        let pid = u64::from(std::process::id());
        // There is nobody left to tell.
        let _ = self.record(&Entry::new("agent-stopped").number("pid", pid));
        let _ = self.state.sync();
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
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mode: self.mode_name().to_owned(),
            pid: std::process::id(),
            started: self.started.to_string(),
            now: self.clock.now().to_string(),
            pkcs11: self.config.pkcs11.as_ref().filter(|_| serving).map(ToString::to_string),
            host: hosts.map(|host| host.address.to_string()),
            connections: self.connections.load(Ordering::SeqCst),
            crypto: crypto::backend().to_owned(),
            hardening: hardening.lines().map(str::to_owned).collect(),
            audit: self.state.log.as_ref().map(|log| log.head().to_string()),
            requests,
            cis1_end: self.config.policy.cis1_end.to_string(),
            cards,
        }
    }
}

/// Clocks are handed in and may jump: nothing sleeps longer without a look.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// A clock that stands never brings the moment nearer.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

fn gone_already(error: Error) -> Result<(), Error> {
    match error {
        Error::UnknownCard => Ok(()),
        other => Err(other),
    }
}

fn with_seat(entry: Entry, seat: &Seat) -> Entry {
    entry.number("uid", u64::from(seat.uid)).some_text("logon", seat.logon.as_deref())
}

fn issued_entry(held: &Held) -> Entry {
    let assurance = &held.assurance;
    let entry = Entry::new("card-issued").text("card", &held.card.id().to_hex());
    let entry = with_seat(entry.text("person", held.card.person().as_str()), &held.seat);
    entry
        .text("expires", &held.card.expires().to_string())
        .flag("sign_in", held.sign_in)
        .text("source", &assurance.source.to_string())
        .number("authentication", u64::from(assurance.authentication.0))
        .number("identity", u64::from(assurance.identity.0))
        .some_text("context", assurance.context.as_deref())
        .texts("methods", assurance.methods.iter().map(String::as_str))
        .text("authenticated_at", &assurance.authenticated_at.to_string())
        .text("binding", assurance.binding.name())
}
