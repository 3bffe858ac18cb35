//! The life of cards as hosts and administrators change it: away and back, suspended and resumed,
//! stepped up, ended; for one card, for a person everywhere, for all.

use super::{
    super::{EndedCard, Error, Pending, Removal, audit::Entry},
    Core,
    held::{Held, Waiting},
    locked,
};
use crate::{
    card::{Card, CardId},
    derive::{Explanation, Refusal},
    pki::UserId,
};

/// Most characters of a reason for stopping everything.
const REASON: usize = 200;

impl Core {
    /// The person taps out: within grace the card waits for them, locked; without grace it goes.
    pub(in crate::agent) fn tap_out(&self, id: CardId) -> Result<(), Error> {
        match self.config.policy.grace {
            None => self.remove(id, Removal::TapOut),
            Some(_) => self.change(id, "tap-out", Card::lock),
        }
    }

    /// Takes a card out of use.
    pub(in crate::agent) fn suspend(&self, id: CardId) -> Result<(), Error> {
        let _placing = locked(&self.placing);
        self.with_mut(id, |held| held.suspended = true)?;
        self.change(id, "suspend", Card::suspend)
    }

    /// Puts a card back into use, if its person is not suspended.
    pub(in crate::agent) fn resume(&self, id: CardId) -> Result<(), Error> {
        // The person must not be suspended in between.
        let _placing = locked(&self.placing);
        if self.with(id, |held| held.person_suspended)? {
            return Err(Refusal::Suspended.into());
        }
        self.change(id, "resume", Card::resume)?;
        self.with_mut(id, |held| held.suspended = false)
    }

    /// Takes a person's cards out of use everywhere, and makes none for them, until they are
    /// resumed, whatever restarts meanwhile.
    pub(in crate::agent) fn suspend_person(
        &self,
        person: &UserId,
        by: &str,
    ) -> Result<usize, Error> {
        self.running()?;
        let _placing = locked(&self.placing);
        let mut count = 0;
        for held in locked(&self.cards).iter_mut().filter(|held| held.card.person() == person) {
            held.person_suspended = true;
            held.card.suspend();
            count += 1;
        }
        // What takes cards out of use is done in any case.
        let entry = Entry::new("suspend-person").text("person", person.as_str());
        let recorded = self.record(&entry.text("by", by));
        self.deriver.suspend(person)?;
        recorded.map(|()| count)
    }

    /// Ends a person's suspension; how many cards are in use again, nothing if there was none.
    /// Cards that were suspended on their own stay so.
    pub(in crate::agent) fn resume_person(
        &self,
        person: &UserId,
        by: &str,
    ) -> Result<Option<usize>, Error> {
        self.running()?;
        let _placing = locked(&self.placing);
        // A card may be out of use where the store could not keep why.
        let held = locked(&self.cards)
            .iter()
            .any(|held| held.person_suspended && held.card.person() == person);
        if !held && !self.deriver.suspended()?.contains(person) {
            return Ok(None);
        }
        let entry = Entry::new("resume-person").text("person", person.as_str());
        self.record(&entry.text("by", by))?;
        self.deriver.resume(person)?;
        let mut count = 0;
        for held in locked(&self.cards).iter_mut().filter(|held| held.card.person() == person) {
            held.person_suspended = false;
            if !held.suspended {
                held.card.resume();
                count += 1;
            }
        }
        Ok(Some(count))
    }

    /// Who is suspended, by their numbers.
    pub(in crate::agent) fn suspended_persons(&self) -> Result<Vec<UserId>, Error> {
        Ok(self.deriver.suspended()?)
    }

    /// Ends all cards of a person, wherever they are shown.
    pub(in crate::agent) fn end_person(
        &self,
        person: &UserId,
        reason: Removal,
        by: &str,
    ) -> Result<usize, Error> {
        self.running()?;
        // A card of theirs that is being placed has its place by then.
        let _placing = locked(&self.placing);
        let count = self.end_cards_of(person, reason);
        let entry = Entry::new("end-person").text("person", person.as_str());
        let entry = entry.text("reason", reason.as_str()).number("cards", count as u64);
        self.record(&entry.text("by", by)).map(|()| count)
    }

    pub(super) fn end_cards_of(&self, person: &UserId, reason: Removal) -> usize {
        self.end_where(reason, |held| held.card.person() == person)
    }

    /// Ends all cards that `which` names; how many. Keys are erased before anything is recorded.
    pub(super) fn end_where(&self, reason: Removal, which: impl Fn(&Held) -> bool) -> usize {
        let mut gone = Vec::new();
        {
            let mut cards = locked(&self.cards);
            let mut place = 0;
            while let Some(held) = cards.get(place) {
                if which(held) {
                    gone.push(cards.remove(place));
                } else {
                    place += 1;
                }
            }
        }
        for held in &gone {
            held.card.remove();
        }
        for held in &gone {
            self.ended(held, reason);
        }
        gone.len()
    }

    /// Ends every card and every request at once; how many cards. With `hold` none is made until
    /// [`Self::start_again`]. Without a reason the one that is in force stays.
    pub(in crate::agent) fn stop_all(
        &self,
        reason: &str,
        hold: bool,
        by: &str,
    ) -> Result<usize, Error> {
        self.running()?;
        if reason.chars().count() > REASON || reason.chars().any(char::is_control) {
            return Err(Error::Reason);
        }
        let now = self.clock.now();
        let stop = self.standstill.halt(reason, hold, now);
        // Whoever is placing a card has placed it, or finds that all were stopped.
        drop(locked(&self.placing));
        let requests = std::mem::take(&mut *locked(&self.requests));
        self.openid.keep(|_| false);
        drop(requests);
        let count = self.end_where(Removal::StopAll, |_| true);
        // Only now what may take a while, or fail.
        let kept = if hold { self.standstill.keep(stop, reason, now) } else { Ok(()) };
        let reason = if reason.is_empty() { "no reason given" } else { reason };
        let entry = Entry::new("stop-all").text("reason", reason).flag("hold", hold);
        let recorded = self.record(&entry.number("cards", count as u64).text("by", by));
        let mut lacks = Vec::new();
        if let Err(why) = kept {
            lacks.push(format!(
                "no card is made only until the agent starts anew, since this could not be kept \
                 ({why}); set that right and say stop-all again"
            ));
        }
        if recorded.is_err() {
            lacks.push("it could not be recorded; see `wardcard doctor`".to_owned());
        }
        if lacks.is_empty() {
            return Ok(count);
        }
        Err(Error::StopIncomplete { cards: count, lack: lacks.join("; and ") })
    }

    /// Cards are made again.
    pub(in crate::agent) fn start_again(&self, by: &str) -> Result<(), Error> {
        self.running()?;
        self.record(&Entry::new("start-again").text("by", by))?;
        Ok(self.standstill.start()?)
    }

    /// Since when and why no card is made, where that is so.
    pub(in crate::agent) fn stopped_all(&self) -> Option<Error> {
        self.standstill.moving().err()
    }

    /// Begins a step-up: a fresh proof by a card's person.
    pub(in crate::agent) fn step_up(&self, id: CardId) -> Result<Pending, Error> {
        self.standstill.moving()?;
        let card = self.with(id, |held| held.card.clone())?;
        self.wait_for(Waiting::StepUp { request: self.deriver.request_step_up(&card)?, card: id })
    }

    /// Cards that have ended, the last first.
    pub(in crate::agent) fn past(&self) -> Vec<EndedCard> {
        self.reap();
        self.past.all()
    }

    /// Which rule decided what about a card.
    pub(in crate::agent) fn explain(&self, id: CardId) -> Result<Explanation, Error> {
        self.with(id, |held| held.explanation.clone())
    }

    fn with_mut(&self, id: CardId, change: impl FnOnce(&mut Held)) -> Result<(), Error> {
        self.running()?;
        let mut cards = locked(&self.cards);
        let held = cards.iter_mut().find(|held| held.card.id() == id);
        held.map(change).ok_or(Error::UnknownCard)
    }
}
