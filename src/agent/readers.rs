//! The readers of a configuration, each with a card in its slot.

#[cfg(unix)]
use super::serve::{bind, endpoint};
use super::{
    Error, Mode, ObjectFiling, Seat,
    config::{ReaderSettings, ReaderWay},
    core::Core,
    gate::AuditGate,
};
#[cfg(unix)]
use crate::net::Address;
use crate::{
    apdu::Icc,
    card::{Caller, Enrolled, Gate},
    net::TcpSocket,
    piv::{Context, Slot},
    reader::{Admits, Running, usbip, vpcd, vscard},
    secret::User,
};
use std::{
    io,
    path::PathBuf,
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

/// A reader that is open; dropping this closes it.
#[derive(Debug)]
pub(super) struct Reader {
    running: Option<Running>,
    slot: Weak<dyn Icc>,
}

/// How long the end waits for commands that are in the card's hands.
const PATIENCE: Duration = Duration::from_secs(2);

impl Drop for Reader {
    /// Connections have threads of their own, which hold the audit log until they end: who starts
    /// an agent over the same state next finds it free.
    fn drop(&mut self) {
        drop(self.running.take());
        let begun = Instant::now();
        while let Some(slot) = self.slot.upgrade()
            && begun.elapsed() < PATIENCE
        {
            // Again and again: one may have been on its way to waiting.
            slot.wake();
            drop(slot);
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Opens a reader.
pub(super) fn start(core: &Core, settings: &ReaderSettings) -> Result<Reader, Error> {
    let icc = slot(core, settings)?;
    let slot = Arc::downgrade(&icc);
    Ok(Reader { running: Some(run(settings, icc)?), slot })
}

fn run(settings: &ReaderSettings, icc: Arc<dyn Icc>) -> Result<Running, Error> {
    let failed = |error: &io::Error| Error::Endpoint {
        address: settings.way.address(),
        why: format!("the reader \"{}\": {error}", settings.way.name()),
    };
    let running = match &settings.way {
        #[cfg(unix)]
        ReaderWay::Ifd { address, users } => ifd(address, users, icc)?,
        ReaderWay::Vpcd { address, users } => {
            let admits = Admits { users: users.clone() };
            vpcd::Client::start(icc, *address, admits).map_err(|error| failed(&error))?
        }
        ReaderWay::UsbIp { address, identity, users, beyond_loopback } => {
            let socket = TcpSocket::bind(*address).map_err(|error| failed(&error))?;
            let admits = Admits { users: users.clone() };
            let options = usbip::Options { identity: *identity, admits, anybody: *beyond_loopback };
            usbip::Server::start(socket, icc, options).map_err(|error| failed(&error))?
        }
        ReaderWay::Vscard(place) => {
            vscard::Client::start(icc, place.clone()).map_err(|error| failed(&error))?
        }
    };
    Ok(running)
}

#[cfg(unix)]
fn ifd(address: &Address, users: &[User], icc: Arc<dyn Icc>) -> Result<Running, Error> {
    // pcscd is root's, the agent mostly is not; the server looks at each peer's user.
    let mode = if User::own().is_root() && users.is_empty() { 0o600 } else { 0o666 };
    let listener = bind(address, mode)?;
    crate::reader::ifd::Server::start(listener, icc, Admits { users: users.to_vec() })
        .map_err(|error| endpoint(address, &error))
}

/// What lies in a reader: the place of a seat, or an enrolled card.
fn slot(core: &Core, settings: &ReaderSettings) -> Result<Arc<dyn Icc>, Error> {
    let caller =
        Caller { executable: Some(PathBuf::from(ReaderSettings::PC_SC)), ..Caller::default() };
    let gate = Arc::<AuditGate>::clone(&core.gate) as Arc<dyn Gate>;
    let context = Context { clock: Arc::clone(&core.clock), ..Context::new(caller, gate) };
    let piv = settings.piv.clone();
    if let Some(name) = &settings.enrolled {
        let card = enrolled(core, settings, name)?;
        return Ok(Arc::new(Slot::enrolled(card, Arc::new(ObjectFiling), context, piv)));
    }
    let own = || Seat::user(User::own());
    let tray = core.seats.tray(&settings.seat.clone().unwrap_or_else(own));
    Ok(Arc::new(Slot::new(tray, 0, context, piv)))
}

/// The enrolled card of this serial number or label.
fn enrolled(core: &Core, settings: &ReaderSettings, name: &str) -> Result<Enrolled, Error> {
    let refuse = |why: String| Error::Endpoint { address: settings.way.address(), why };
    // In ward mode nobody is shown what another has enrolled, be it a label.
    let shelf = core.shelf.as_ref().filter(|_| core.config.mode == Mode::Personal);
    let shelf = shelf.ok_or_else(|| {
        refuse("only a personal agent with [enrolled] shows enrolled cards".to_owned())
    })?;
    let mut found = Vec::new();
    for card in shelf.cards()? {
        let label = card.label()?;
        if card.id().to_hex() == name || label.trim_ascii_end() == name.as_bytes() {
            found.push(card);
        }
    }
    match (found.pop(), found.is_empty()) {
        (Some(card), true) => Ok(card),
        (Some(_), false) => Err(refuse(format!(
            "several enrolled cards are called \"{name}\"; write the serial number of one"
        ))),
        (None, _) => Err(refuse(format!(
            "no enrolled card is called \"{name}\", nor has it as its serial number; make one \
             first: `pkcs11-tool --init-token --label ...`"
        ))),
    }
}
