//! One-time passcodes for hosts that fill in an application's prompt.

use super::{Agent, Error, audit::Entry, core::Core};
use crate::{
    card::{self, CardId, OneTime, State},
    secret::Secret,
};
use std::path::Path;

impl Agent {
    /// A passcode for one login on this card by the program at `application`, good for the time
    /// that the configuration gives it (`limits.one_time_seconds`). The host fills it into the
    /// program's prompt and erases its copy.
    ///
    /// # Errors
    /// No such card; one whose sign-in did not ask for [one-time
    /// passcodes](crate::derive::PasscodeSource::OneTime), or that is suspended; `application` is
    /// no whole path; too many wait already.
    pub fn one_time_passcode(&self, card: CardId, application: &Path) -> Result<Secret, Error> {
        self.core.one_time_passcode(card, application)
    }

    /// How many digits the one-time passcodes of this card have.
    ///
    /// # Errors
    /// No such card, or one without.
    pub fn one_time_digits(&self, card: CardId) -> Result<usize, Error> {
        let card = self.core.itself(card)?;
        Ok(codes(&card)?.rule().max)
    }
}

impl Core {
    pub(super) fn one_time_passcode(
        &self,
        id: CardId,
        application: &Path,
    ) -> Result<Secret, Error> {
        if !application.is_absolute() {
            return Err(Error::Application);
        }
        // As the operating system names the executable of a process: through no symbolic link.
        let application =
            std::fs::canonicalize(application).unwrap_or_else(|_| application.to_owned());
        let card = self.itself(id)?;
        let codes = codes(&card)?;
        match card.state() {
            State::Inserted | State::Locked => {}
            State::Suspended => return Err(card::Error::Suspended.into()),
            State::Removed | State::Expired => return Err(Error::UnknownCard),
        }
        let entry = Entry::new("one-time-passcode").text("card", &id.to_hex());
        let entry = entry.text("person", card.person().as_str());
        self.record(&entry.text("exe", &application.to_string_lossy()))?;
        let limits = &self.config.limits;
        codes
            .make(&application, limits.one_time_life, limits.one_time_codes, self.clock.now())?
            .ok_or(Error::Limit("one-time passcodes that wait for their logins"))
    }
}

fn codes(card: &card::Card) -> Result<&OneTime, Error> {
    card.one_time().ok_or(Error::NotOneTime)
}
