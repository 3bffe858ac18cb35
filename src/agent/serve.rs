//! The endpoints: who sees which cards, and the host's verbs as they come over the wire.

use super::{
    Error, Mode, RequestId, Seat,
    audit::Entry,
    core::Core,
    gate::with_caller,
    host::{
        CredentialLine, enrol, flow, life,
        message::{Ask, CardLine, Hidden, Passcode, Reply},
        server::{Hosts, Server, Verbs},
    },
    logout, readers,
    refusals::Refusals,
    sources,
};
use crate::{
    card::{Caller, Card, CardId, Gate},
    derive::Evidence,
    net::{Address, Listener, Peer},
    pkcs11::{Cryptoki, Module},
    pki::UserId,
    wire,
};
use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// The endpoints that are open; dropping this closes them.
#[derive(Debug)]
pub(super) struct Served {
    core: Arc<Core>,
    wire: Option<Arc<wire::Server>>,
    hosts: Option<Server>,
    logout: Option<logout::Endpoint>,
    readers: Vec<readers::Reader>,
}

impl Served {
    pub(super) fn start(core: &Arc<Core>) -> Result<Self, Error> {
        let mut served = Self {
            core: Arc::clone(core),
            wire: None,
            hosts: None,
            logout: None,
            readers: Vec::new(),
        };
        if let Some(address) = &core.config.pkcs11 {
            let mode = match core.config.mode {
                Mode::Personal => 0o600,
                Mode::Ward => 0o666,
            };
            let listener = bind(address, mode)?;
            let seen = Arc::clone(core);
            let factory = Box::new(move |peer: &Peer, number| module(&seen, peer, number));
            let limits = core.config.limits.wire.clone();
            let server = wire::Server::start(listener, factory, limits);
            served.wire = Some(Arc::new(server));
        }
        if let Some(host) = &core.config.host {
            let own = crate::secret::User::own();
            let mode = if host.users.is_empty() { 0o600 } else { 0o666 };
            let hosts = Hosts {
                own,
                users: host.users.clone(),
                secret: host.secret.clone(),
                secret_files: host.secret_files.clone(),
                connections: core.config.limits.hosts,
                patience: Duration::from_secs(5),
                penalty: Duration::from_secs(1),
            };
            let verbs = HostVerbs {
                core: Arc::clone(core),
                wire: served.wire.clone(),
                refusals: Refusals::default(),
            };
            let listener = bind(&host.address, mode)?;
            let server = Server::start(listener, hosts, Arc::new(verbs));
            served.hosts = Some(server.map_err(|error| endpoint(&host.address, &error))?);
        }
        if let Some(settings) = &core.config.logout {
            served.logout = Some(logout::Endpoint::start(core, settings)?);
        }
        for settings in &core.config.readers {
            served.readers.push(readers::start(core, settings)?);
        }
        core.serving.store(true, Ordering::SeqCst);
        Ok(served)
    }
}

impl Served {
    /// Where logout tokens are taken.
    pub(super) fn logout_address(&self) -> Option<std::net::SocketAddr> {
        self.logout.as_ref().map(logout::Endpoint::address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.core.serving.store(false, Ordering::SeqCst);
        drop(self.logout.take());
        self.readers.clear();
        if let Some(wire) = &self.wire {
            wire.stop();
        }
        if let Some(hosts) = &self.hosts {
            hosts.stop();
        }
    }
}

pub(super) fn bind(address: &Address, mode: u32) -> Result<Listener, Error> {
    address.make_folder(mode != 0o600).map_err(|error| endpoint(address, &error))?;
    Listener::bind(address, mode).map_err(|error| endpoint(address, &error))
}

pub(super) fn endpoint(address: &Address, error: &std::io::Error) -> Error {
    Error::Endpoint { address: address.to_string(), why: error.to_string() }
}

/// What a new connection of an application gets: the cards of where it sits.
fn module(core: &Core, peer: &Peer, number: u64) -> Option<Arc<dyn Cryptoki>> {
    let own = crate::secret::User::own();
    if core.running().is_err() || (core.config.mode == Mode::Personal && peer.uid != own) {
        return None;
    }
    let at = match core.config.mode {
        // One user, one card, whatever session it is used from.
        Mode::Personal => Seat::user(peer.uid),
        Mode::Ward => Seat::of(peer),
    };
    Some(module_at(core, &at, caller(peer, number)))
}

fn module_at(core: &Core, at: &Seat, caller: Caller) -> Arc<dyn Cryptoki> {
    let gate: Arc<dyn Gate> = Arc::<super::gate::AuditGate>::clone(&core.gate);
    let budget = core.seats.budget(at.uid);
    let module = Module::new(core.seats.tray(at), caller, gate).with_budget(budget);
    // Of all users of a machine none may see what another has enrolled, be it a label.
    let shelf = core.shelf.as_ref().filter(|_| core.config.mode == Mode::Personal);
    Arc::new(match shelf {
        Some(shelf) => module.with_shelf(Arc::clone(shelf)),
        None => module,
    })
}

/// Cryptoki for this process itself.
pub(super) fn own_module(core: &Core, seat: &Seat) -> Arc<dyn Cryptoki> {
    let caller = Caller {
        uid: Some(crate::secret::User::own()),
        pid: Some(std::process::id()),
        executable: std::env::current_exe().ok(),
        logon: None,
        connection: OWN_CONNECTIONS | core.own.fetch_add(1, Ordering::Relaxed),
        reader: None,
    };
    module_at(core, seat, caller)
}

/// Numbers of connections within the process stand apart from those of the wire.
pub(super) const OWN_CONNECTIONS: u64 = 1 << 63;

/// A peer as the gate and the audit log know it.
pub fn caller(peer: &Peer, connection: u64) -> Caller {
    Caller {
        uid: Some(peer.uid),
        pid: Some(peer.pid),
        executable: peer.executable.clone(),
        logon: peer.logon.clone(),
        connection,
        reader: None,
    }
}

/// The host's verbs by name.
struct HostVerbs {
    core: Arc<Core>,
    wire: Option<Arc<wire::Server>>,
    refusals: Refusals,
}

impl Verbs for HostVerbs {
    fn ask(&self, ask: Ask, peer: &Peer) -> Reply {
        if let Some(wire) = &self.wire {
            self.core.connections.store(wire.connections(), Ordering::SeqCst);
        }
        answer(&self.core, ask, peer).unwrap_or_else(|error| Reply::Refused {
            code: code(&error).to_owned(),
            message: error.to_string(),
        })
    }

    fn not_host(&self, peer: &Peer, why: &'static str) {
        let Some(left_out) = self.refusals.count(peer.uid, Instant::now()) else { return };
        let left_out = (left_out > 0).then_some(left_out);
        let entry = Entry::new("host-refused").text("why", why);
        let entry = entry.some_number("left_out", left_out);
        // There is no verb to be had either way.
        let _ = self.core.record(&with_caller(entry, &caller(peer, 0)));
    }
}

fn answer(core: &Core, ask: Ask, peer: &Peer) -> Result<Reply, Error> {
    let change = |card: &str, event, change: fn(&Card)| {
        core.change(card_id(core, card)?, event, change).map(|()| Reply::Done {})
    };
    match ask {
        Ask::Request { uid, logon } => Ok(core.request(Seat { uid, logon })?.into()),
        Ask::Prove { request, id_token, passcode } => {
            prove(core, &request, Evidence::IdToken(id_token.0), passcode)
        }
        Ask::ProveBy { request, evidence, passcode } => {
            prove(core, &request, evidence.into(), passcode)
        }
        Ask::WebauthnOptions { nonce, person } => {
            let person = person.as_deref().map(self::person).transpose()?;
            core.webauthn_options(&nonce, person.as_ref()).map(Reply::Options)
        }
        Ask::WebauthnBegin { person } => {
            Ok(Reply::Registration(core.webauthn_begin(&self::person(&person)?)?.into()))
        }
        Ask::WebauthnFinish { registration, answer } => {
            let kept = core.webauthn_finish(&registration, answer.0.expose())?;
            Ok(Reply::Credential(CredentialLine::from(&kept)))
        }
        Ask::WebauthnCredentials { person } => {
            let all = core.webauthn_list(&self::person(&person)?)?;
            Ok(Reply::Credentials(all.iter().map(CredentialLine::from).collect()))
        }
        Ask::WebauthnRemove { person, credential } => {
            let credential = credential.as_deref().map(sources::credential_id).transpose()?;
            core.webauthn_remove(&self::person(&person)?, credential.as_deref())?;
            Ok(Reply::Done {})
        }
        Ask::Cards {} => Ok(Reply::Cards(core.cards().iter().map(CardLine::from).collect())),
        Ask::Lock { card } => change(&card, "lock", Card::lock),
        Ask::Unlock { card } => change(&card, "unlock", Card::unlock),
        Ask::Suspend { card } => core.suspend(card_id(core, &card)?).map(|()| Reply::Done {}),
        Ask::Resume { card } => core.resume(card_id(core, &card)?).map(|()| Reply::Done {}),
        Ask::Remove { card, reason } => {
            core.remove(card_id(core, &card)?, reason.into()).map(|()| Reply::Done {})
        }
        Ask::ForgetPasscode { person } => {
            let person = self::person(&person)?;
            core.forget_passcode(&person).map(|()| Reply::Done {})
        }
        Ask::PasscodeKept { person } => {
            let person = self::person(&person)?;
            Ok(Reply::Kept(core.deriver.passcode_kept(&person)?))
        }
        Ask::Status {} => Ok(Reply::Status(Box::new(core.status()))),
        Ask::Stop {} => {
            core.record(&Entry::new("stop-asked"))?;
            core.alarm.ring(|reasons| reasons.asked = true);
            Ok(Reply::Done {})
        }
        Ask::RequestRelease { uid, logon, person } => {
            let person = UserId::parse(&person).ok_or(Error::Person)?;
            Ok(core.request_release(Seat { uid, logon }, &person)?.into())
        }
        Ask::Life(ask) => life::answer(core, ask, &format!("user {}", peer.uid)),
        Ask::Enrol(ask) => enrol::answer(core, ask, &format!("user {}", peer.uid)),
        Ask::BeginSignIn { request, how } => {
            let request = RequestId::parse(&request).ok_or(Error::UnknownRequest)?;
            Ok(Reply::SignIn { url: core.begin_sign_in(&request, &how.into())? })
        }
        Ask::FinishSignIn { request, redirect, passcode, tokens } => {
            let request = RequestId::parse(&request).ok_or(Error::UnknownRequest)?;
            let done = core.finish_sign_in(&request, &redirect.0, passcode.into())?;
            Ok(flow::signed_in(&done, tokens))
        }
        Ask::LogoutToken { token } => Ok(Reply::Ended(core.logout_token(&token.0)?)),
        Ask::OneTimePasscode { card, application } => {
            let code = core.one_time_passcode(card_id(core, &card)?, Path::new(&application))?;
            Ok(Reply::Passcode(Hidden(code)))
        }
    }
}

fn prove(
    core: &Core,
    request: &str,
    evidence: Evidence,
    passcode: Passcode,
) -> Result<Reply, Error> {
    let request = RequestId::parse(request).ok_or(Error::UnknownRequest)?;
    let card = core.prove(&request, evidence, passcode.into())?;
    Ok(Reply::Card(Box::new(CardLine::from(&card))))
}

fn person(digits: &str) -> Result<UserId, Error> {
    UserId::parse(digits).ok_or(Error::Person)
}

fn card_id(core: &Core, hex: &str) -> Result<CardId, Error> {
    let cards = core.cards();
    cards.iter().map(|card| card.id).find(|id| id.to_hex() == hex).ok_or(Error::UnknownCard)
}

/// What went wrong, for programs; never reworded.
fn code(error: &Error) -> &'static str {
    match error {
        Error::Config(_) => "configuration",
        Error::Part { .. } => "part",
        Error::Endpoint { .. } => "endpoint",
        Error::Refused(_) => "refused",
        Error::UnknownRequest => "unknown-request",
        Error::UnknownCard => "unknown-card",
        Error::Seat => "seat",
        Error::Logon => "logon",
        Error::Reason => "reason",
        Error::Person => "person",
        Error::Application => "application",
        Error::NotOneTime => "not-one-time",
        Error::Limit(_) => "limit",
        Error::Audit => "audit",
        Error::Stopped => "stopped",
        Error::AllStopped { .. } => "all-stopped",
        Error::StopIncomplete { .. } => "stop-incomplete",
        Error::Card(_) => "card",
        Error::Store(_) => "store",
        Error::Enrolment(_) => "enrolment",
        Error::Certificates(_) => "certificates",
        Error::Crypto(_) => "crypto",
    }
}
