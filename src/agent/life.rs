//! The verbs on a person's cards everywhere, on all cards, and on what has become of them.

use super::{
    Agent, EndedCard, Error, Pending, Removal,
    config::{Config, RosterUse},
    state,
};
use crate::{
    card::CardId,
    derive::{Explanation, roster::Roster},
    pki::UserId,
};

/// Who asked, in records of what the program that the agent is part of did.
const PROGRAM: &str = "this program";

impl Agent {
    /// The person taps out. Where the policy has a grace, the card is locked and waits so long for
    /// [`Agent::unlock`], or the passcode on it, before it ends; else it is removed.
    ///
    /// # Errors
    /// There is no such card.
    pub fn tap_out(&self, card: CardId) -> Result<(), Error> {
        self.core.tap_out(card)
    }

    /// Ends all cards of a person, wherever they are shown; how many there were.
    ///
    /// # Errors
    /// The agent has stopped; the audit log fails, and the cards are gone even so.
    pub fn end_person(&self, person: &UserId, reason: Removal) -> Result<usize, Error> {
        self.core.end_person(person, reason, PROGRAM)
    }

    /// Takes a person's cards out of use everywhere and makes none for them, across restarts, until
    /// [`Agent::resume_person`]; how many cards there are.
    ///
    /// # Errors
    /// The store or the audit log fails; the cards are out of use even so.
    pub fn suspend_person(&self, person: &UserId) -> Result<usize, Error> {
        self.core.suspend_person(person, PROGRAM)
    }

    /// Ends a person's suspension; how many cards are in use again. One that was suspended on its
    /// own stays so.
    ///
    /// # Errors
    /// The store or the audit log fails; nothing is resumed then.
    pub fn resume_person(&self, person: &UserId) -> Result<usize, Error> {
        Ok(self.core.resume_person(person, PROGRAM)?.unwrap_or(0))
    }

    /// Ends every card and every request at once, keys erased; how many cards there were. With
    /// `hold` none is made, across restarts, until [`Agent::start_again`]. An empty reason leaves the
    /// one that is in force.
    ///
    /// # Errors
    /// [`Error::Reason`], and nothing is done: it has more than 200 characters, or control
    /// characters. The store or the audit log fails; the cards are gone even so.
    pub fn stop_all(&self, reason: &str, hold: bool) -> Result<usize, Error> {
        self.core.stop_all(reason, hold, PROGRAM)
    }

    /// Cards are made again after [`Agent::stop_all`].
    ///
    /// # Errors
    /// The store or the audit log fails; nothing changes then.
    pub fn start_again(&self) -> Result<(), Error> {
        self.core.start_again(PROGRAM)
    }

    /// Begins a step-up: a fresh proof by a card's person, which [`Agent::prove`] takes like any
    /// other (the passcode is not looked at). The policy says which keys need one.
    ///
    /// # Errors
    /// There is no such card; too many requests wait.
    pub fn step_up(&self, card: CardId) -> Result<Pending, Error> {
        self.core.step_up(card)
    }

    /// The last 256 cards that have ended, the latest first.
    pub fn ended(&self) -> Vec<EndedCard> {
        self.core.past()
    }

    /// Which rule of the policy decided what about a card.
    ///
    /// # Errors
    /// There is no such card.
    pub fn explain(&self, card: CardId) -> Result<Explanation, Error> {
        self.core.explain(card)
    }

    /// The roster. Cards end within a second of a change to it, by whatever process.
    pub fn roster(&self) -> &Roster {
        &self.core.roster
    }
}

/// The roster of a configuration, for a program that is not the agent: it opens the agent's store
/// beside it. Only the owner of the state folder may, so that no file in it becomes another's.
///
/// # Errors
/// There is no state folder, it is another user's, or the store does not open.
pub fn open_roster(config: &Config) -> Result<Roster, Error> {
    let part = |why: String| Error::Part { what: "the roster", why };
    let folder = config.state.as_ref();
    let folder = folder.ok_or_else(|| part("there is no state folder".to_owned()))?;
    let shown = |error: std::io::Error| part(format!("{}: {error}", folder.display()));
    state::own_folder(folder).map_err(shown)?;
    let store = state::open_store(folder, &folder.join(state::KEY))?;
    Ok(Roster::new(store, config.roster == RosterUse::Required))
}
