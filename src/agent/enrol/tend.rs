//! What is done beside the verbs: noting releases, telling of certificates that end soon, and ending
//! what release was switched off for.

use crate::{
    agent::{Error, Removal, audit::Entry, core::Core},
    card::Enrolment,
    clock::Time,
    pki::UserId,
};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// What waits to be noted, and when enrolments were last looked at.
#[derive(Debug, Default)]
pub(in crate::agent) struct Tending {
    /// Releases that are on record and not yet in their enrolments: no sign-in waits for that.
    released: Mutex<Vec<(UserId, Time)>>,
    looked: Mutex<Option<Time>>,
    /// Held by who tends, so that nobody is told twice.
    turn: Mutex<()>,
    /// When the roster was last looked at for them, and the state's number then.
    roster: Mutex<Option<(Time, u64)>>,
}

/// How often enrolments are looked at.
const LOOK: Duration = Duration::from_secs(3600);
/// How long a release waits to be noted.
const NOTE: Duration = Duration::from_secs(10);
/// How often the roster is looked at for those who were taken off it: none of theirs is released
/// meanwhile, this is the end of what is kept for it.
const ROSTER: Duration = Duration::from_secs(60);
/// How often one is told of the same enrolment.
const AGAIN: Duration = Duration::from_secs(86_400);

impl Tending {
    /// Has a release noted, not at once: it would be one more write to the medium while others
    /// sign in.
    pub(in crate::agent) fn released(&self, person: &UserId, at: Time) {
        let mut released = self.released.lock().unwrap_or_else(PoisonError::into_inner);
        released.push((person.clone(), at));
    }

    /// Whether a release has waited long enough to be noted.
    fn notes_due(&self, now: Time) -> bool {
        let released = self.released.lock().unwrap_or_else(PoisonError::into_inner);
        released.first().is_some_and(|(_, at)| now < *at || now.since(*at) >= NOTE)
    }

    /// Whether it is time for a look, which is taken then.
    fn due(&self, now: Time) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.is_none_or(|then| now < then || now.since(then) >= LOOK);
        if due {
            *looked = Some(now);
        }
        due
    }

    /// Whether it is time for a look at the roster, which is taken then.
    fn roster_due(&self, now: Time, version: u64) -> bool {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        let due = roster.is_none_or(|(then, seen)| {
            seen != version && (now < then || now.since(then) >= ROSTER)
        });
        if due {
            *roster = Some((now, version));
        }
        due
    }
}

impl Core {
    /// Notes releases, ends the enrolments of those who were taken off the roster, and each hour
    /// looks for certificates that end soon.
    pub(in crate::agent) fn tend(&self) {
        let _turn = self.tending.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        self.bring_new();
        if self.tending.notes_due(now) {
            self.note_releases();
        }
        if self.shelf.is_some()
            && let Ok(version) = self.state.store.version()
            && self.tending.roster_due(now, version)
        {
            // As below.
            let _ = self.drop_those_taken_off();
        }
        if self.shelf.is_some() && self.tending.due(now) {
            // A store that fails says so to whoever asks it for something; the next look is soon.
            let _ = self.remind(now);
        }
    }

    /// Notes in their enrolments what has been released.
    pub(in crate::agent) fn note_releases(&self) {
        let Some(shelf) = &self.shelf else { return };
        let mut waiting = self.tending.released.lock().unwrap_or_else(PoisonError::into_inner);
        let released = std::mem::take(&mut *waiting);
        drop(waiting);
        for (person, at) in released {
            // The audit log has it already; this is the list's convenience.
            let _ = shelf.note(&person, &mut |enrolment| enrolment.released_at = Some(at));
        }
    }

    /// Puts on record, once a day, each enrolment whose certificates end soon.
    fn remind(&self, now: Time) -> Result<(), Error> {
        let Some(shelf) = &self.shelf else { return Ok(()) };
        for enrolment in shelf.enrolments()? {
            let told = enrolment.reminded_at.is_some_and(|then| now.since(then) < AGAIN);
            let Some(end) = self.soon(enrolment.ends(), now).filter(|_| !told) else { continue };
            self.record(&due(&enrolment, end))?;
            shelf.note(&enrolment.person, &mut |enrolment| enrolment.reminded_at = Some(now))?;
        }
        Ok(())
    }

    /// Ends the enrolments of those who were taken off the roster since. Who is disabled for now, or
    /// whose time is over, keeps theirs, and nothing of it is released; who has never been on it is
    /// not lost because a roster is begun.
    fn drop_those_taken_off(&self) -> Result<(), Error> {
        let Some(shelf) = &self.shelf else { return Ok(()) };
        for Enrolment { person, enrolled_at, .. } in shelf.enrolments()? {
            let changes = self.roster.changes(Some(&person))?;
            let off = changes.last().is_some_and(|last| {
                matches!(last.what.as_str(), "removed" | "removed by review")
                    && enrolled_at <= last.at
            });
            if off {
                self.unenrol_for(&person, "roster", Removal::Roster)?;
            }
        }
        Ok(())
    }

    /// The end of certificates, where it is within the time of notice.
    pub(in crate::agent) fn soon(&self, end: Option<Time>, now: Time) -> Option<Time> {
        let notice = self.config.enrolled.as_ref()?.renewal_notice;
        end.filter(|end| *end <= now.plus(notice))
    }

    /// How many enrolments there are, and how many of them are to be renewed.
    pub(in crate::agent) fn enrolments_and_renewals(&self) -> (usize, usize) {
        let all = self.shelf.as_ref().and_then(|shelf| shelf.enrolments().ok());
        let all = all.unwrap_or_default();
        let now = self.clock.now();
        let due = all.iter().filter(|one| self.soon(one.ends(), now).is_some());
        (all.len(), due.count())
    }

    /// At the start: where release is off, no card that a passcode opens is left open to it.
    pub(in crate::agent) fn end_what_is_not_released(&self) -> Result<(), Error> {
        let Some(shelf) = self.shelf.as_ref().filter(|shelf| !shelf.releases()) else {
            return Ok(());
        };
        for person in shelf.end_adopted()? {
            let entry = Entry::new("enrolment-removed").text("person", person.as_str());
            self.record(&entry.text("by", "policy.release"))?;
        }
        Ok(())
    }
}

fn due(enrolment: &Enrolment, end: Time) -> Entry {
    let card = enrolment.certified.as_ref().map(|certified| certified.card.to_hex());
    Entry::new("renewal-due")
        .text("person", enrolment.person.as_str())
        .some_text("enrolled", card.as_deref())
        .text("ends", &end.to_string())
}
