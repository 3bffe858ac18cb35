//! The agent: the composition root. Cards of people, the gate with its audit, the way from a
//! request to a card, endpoints, configuration.
//!
//! An [`Agent`] is made of a [`Config`] and [`AgentParts`]. [`Agent::start`] also serves its
//! endpoints; [`Agent::new`] leaves them closed, for a program that embeds it. Its verbs are the
//! host's: a host asks for a [request](Agent::request), has the person sign in with the nonce it
//! gets, and [proves](Agent::prove); the card then lies in the [`Seat`] that the request named.

mod alarm;
pub mod audit;
pub mod config;
mod core;
pub mod doctor;
mod elsewhere;
pub mod enrol;
mod error;
mod filing;
mod gate;
pub mod host;
#[cfg(feature = "http")]
pub mod http;
mod info;
mod keeper;
mod life;
mod logout;
mod one_time;
mod openid;
mod parts;
mod readers;
mod refusals;
mod revoker;
mod seats;
pub mod secrets;
mod serve;
mod sign_in;
mod sources;
mod state;
pub mod status;
pub mod web;

#[cfg(test)]
mod tests;

pub use config::{Config, Mode};
pub use error::Error;
pub use filing::ObjectFiling;
pub use info::{CardInfo, EndedCard, Pending, Removal, RequestId, Why};
pub use life::open_roster;
pub use parts::AgentParts;
pub use seats::Seat;
pub use serve::caller;
pub use sign_in::{SignIn, SignedIn};

use self::{core::Core, keeper::Keeper, serve::Served};
use crate::{
    card::{self, CardId, KeySlot},
    derive::{Evidence, PasscodeSource},
    pki::{Certificate, UserId},
};
use std::sync::{Arc, Mutex, PoisonError};

/// A running agent. Dropping it stops it.
#[derive(Debug)]
pub struct Agent {
    core: Arc<Core>,
    served: Mutex<Option<Served>>,
    keeper: Mutex<Option<Keeper>>,
}

impl Agent {
    /// Composes an agent without serving endpoints.
    ///
    /// # Errors
    /// A part that cannot be made, and what to do.
    pub fn new(config: Config, parts: AgentParts) -> Result<Self, Error> {
        config.check_user()?;
        let core = Arc::new(Core::new(config, parts)?);
        let keeper = Keeper::start(Arc::clone(&core))?;
        Ok(Self { core, served: Mutex::default(), keeper: Mutex::new(Some(keeper)) })
    }

    /// Opens the endpoints of the configuration. Once is enough; more is nothing.
    ///
    /// # Errors
    /// An address that cannot be served; none is then.
    pub fn serve(&self) -> Result<(), Error> {
        self.core.running()?;
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if served.is_none() {
            *served = Some(Served::start(&self.core)?);
        }
        Ok(())
    }

    /// Composes an agent and serves its endpoints.
    ///
    /// # Errors
    /// As [`Agent::new`] and [`Agent::serve`].
    pub fn start(config: Config, parts: AgentParts) -> Result<Self, Error> {
        let agent = Self::new(config, parts)?;
        agent.serve()?;
        Ok(agent)
    }

    /// Makes the keys of a card for `seat` and the nonce that its proof must carry.
    ///
    /// # Errors
    /// Too many requests wait; a seat of another user in personal mode; keys cannot be made.
    pub fn request(&self, seat: Seat) -> Result<Pending, Error> {
        self.core.request(seat)
    }

    /// Proves a request, which is used up whatever comes of it; the card lies in its seat when
    /// this returns. What lay there is removed, and so is the person's card elsewhere where the
    /// limit of cards of one person asks for it.
    ///
    /// # Errors
    /// Why no card came of it.
    pub fn prove(
        &self,
        request: &RequestId,
        evidence: Evidence,
        passcode: PasscodeSource,
    ) -> Result<CardInfo, Error> {
        self.core.prove(request, evidence, passcode)
    }

    /// Begins the release of a person's enrolled keys for `seat`: the nonce that the proof must
    /// carry, which goes to [`Agent::prove`] as any. No key is made, and none opened before the
    /// proof.
    ///
    /// # Errors
    /// As [`Agent::request`]; release is off, or nothing of this person's is enrolled.
    pub fn request_release(&self, seat: Seat, person: &UserId) -> Result<Pending, Error> {
        self.core.request_release(seat, person)
    }

    /// Gives a request up: its keys are erased at once. One that is not there is nothing.
    pub fn cancel(&self, request: &RequestId) {
        self.core.cancel(request);
    }

    /// All cards, oldest first.
    pub fn cards(&self) -> Vec<CardInfo> {
        self.core.cards()
    }

    /// One card.
    ///
    /// # Errors
    /// There is no such card.
    pub fn card(&self, card: CardId) -> Result<CardInfo, Error> {
        self.core.card(card)
    }

    /// A key's certificate with its chain upwards; nothing where the card has no such key.
    ///
    /// # Errors
    /// There is no such card.
    pub fn certificates(&self, card: CardId, slot: KeySlot) -> Result<Vec<Certificate>, Error> {
        self.core.certificates(card, slot)
    }

    /// The person is away: each connection verifies again before it goes on.
    ///
    /// # Errors
    /// There is no such card.
    pub fn lock(&self, card: CardId) -> Result<(), Error> {
        self.core.change(card, "lock", card::Card::lock)
    }

    /// The person is back and has shown it to the host.
    ///
    /// # Errors
    /// There is no such card.
    pub fn unlock(&self, card: CardId) -> Result<(), Error> {
        self.core.change(card, "unlock", card::Card::unlock)
    }

    /// Takes a card out of use until it is resumed.
    ///
    /// # Errors
    /// There is no such card.
    pub fn suspend(&self, card: CardId) -> Result<(), Error> {
        self.core.suspend(card)
    }

    /// Ends a suspension.
    ///
    /// # Errors
    /// There is no such card.
    pub fn resume(&self, card: CardId) -> Result<(), Error> {
        self.core.resume(card)
    }

    /// Erases a card: it is gone from every face at once.
    ///
    /// # Errors
    /// There is no such card.
    pub fn remove(&self, card: CardId, reason: Removal) -> Result<(), Error> {
        self.core.remove(card, reason)
    }

    /// Forgets the passcode that is kept for a person: the next sign-in has to set one. Cards
    /// that are there keep theirs, and tries stay as they are.
    ///
    /// # Errors
    /// The store or the audit log fails.
    pub fn forget_passcode(&self, person: &UserId) -> Result<(), Error> {
        self.core.forget_passcode(person)
    }

    /// Whether a passcode is kept for a person; if not, the proof has to come with one.
    ///
    /// # Errors
    /// The store fails.
    pub fn passcode_kept(&self, person: &UserId) -> Result<bool, Error> {
        Ok(self.core.deriver.passcode_kept(person)?)
    }

    /// Where logout tokens are taken, while the endpoint of `[logout]` is open.
    pub fn logout_address(&self) -> Option<std::net::SocketAddr> {
        let served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.as_ref()?.logout_address()
    }

    /// What an application of this process, in this seat, uses instead of the wire.
    ///
    /// # Errors
    /// The agent has stopped.
    pub fn cryptoki(&self, seat: &Seat) -> Result<Arc<dyn crate::pkcs11::Cryptoki>, Error> {
        self.core.running()?;
        Ok(serve::own_module(&self.core, seat))
    }

    /// How the agent is.
    pub fn status(&self) -> status::Status {
        self.core.status()
    }

    /// Looks at once for cards and requests whose time is over; the keeper does it anyway, by the
    /// system's pace, which a clock of a test does not know.
    pub fn reap(&self) {
        self.core.reap();
        self.core.tend();
    }

    /// Brings the audit log onto the medium; the keeper does it each second anyway.
    ///
    /// # Errors
    /// The medium fails.
    pub fn sync(&self) -> Result<(), Error> {
        self.core.state.sync()
    }

    /// Waits until a host asked the agent to stop, or [`Agent::ask_to_stop`] did.
    pub fn wait(&self) {
        self.core.alarm.asked();
    }

    /// Ends [`Agent::wait`]; may be called from any thread.
    pub fn ask_to_stop(&self) {
        self.core.alarm.ring(|reasons| reasons.asked = true);
    }

    /// Something that ends [`Agent::wait`] from elsewhere, a signal's thread for example.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let alarm = Arc::clone(&self.core.alarm);
        move || alarm.ring(|reasons| reasons.asked = true)
    }

    /// Removes all cards, closes the endpoints and ends the audit log. Once is enough; more is
    /// nothing.
    pub fn stop(&self) {
        self.core.remove_all();
        let served = self.served.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(served);
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            drop(keeper);
            self.core.end();
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop();
    }
}
