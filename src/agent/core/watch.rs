//! What ends or locks cards by itself: their time, a person who stays away, nobody's use, the
//! roster.

use super::{
    super::{Removal, audit::Entry},
    Core,
    held::{Held, Waiting},
    locked,
};
use crate::{
    card::{CardId, State},
    clock::Time,
    derive::{Refusal, roster::Fault},
    pki::UserId,
};
use std::time::Duration;

/// What the roster was at the last look.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The store's number then; none: every card has to be looked at.
    version: Option<u64>,
    /// When somebody's time on the roster begins or ends next.
    next: Option<Time>,
    /// How often a new look was asked for: an older one that ends later does not count.
    asked: u64,
}

/// Clocks are handed in and may jump: nothing sleeps longer without a look.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// A clock that stands never brings the moment nearer.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// How often the roster is looked at while there are cards: another process may change it, and a
/// card ends within a second.
const ROSTER_LOOK: Duration = Duration::from_millis(400);

impl Core {
    /// Lets go of cards and requests whose time is over; how long until the next one's is.
    pub(in crate::agent) fn reap(&self) -> Duration {
        let now = self.clock.now();
        let mut next = self.reap_cards(now).min(self.look_at_roster(now));
        let mut requests = locked(&self.requests);
        requests.retain(|_, waiting| now < waiting.expires());
        self.openid.keep(|id| requests.contains_key(id));
        for expires in requests.values().map(Waiting::expires) {
            next = next.min(expires.since(now));
        }
        next.max(SHORTEST_SLEEP)
    }

    /// Has the next look judge every card by the roster, whatever has changed.
    pub(super) fn look_again(&self) {
        let mut seen = locked(&self.seen);
        *seen = Seen { asked: seen.asked.wrapping_add(1), ..Seen::default() };
    }

    fn reap_cards(&self, now: Time) -> Duration {
        let mut gone = Vec::new();
        let mut locked_idle = Vec::new();
        let mut next = LONGEST_SLEEP;
        {
            let mut cards = locked(&self.cards);
            let mut place = 0;
            while let Some(held) = cards.get_mut(place) {
                match self.over(held, now) {
                    Some(reason) => gone.push((cards.remove(place), reason)),
                    None => {
                        locked_idle.extend(newly_idle(held));
                        next = next.min(self.due(held).since(now));
                        place += 1;
                    }
                }
            }
        }
        for (held, reason) in &gone {
            held.card.remove();
            self.ended(held, *reason);
        }
        for (card, person) in locked_idle {
            let entry = Entry::new("lock").text("card", &card.to_hex());
            let entry = entry.text("person", person.as_str()).text("why", "idle");
            // It is locked, on record or not.
            let _ = self.record(&entry);
        }
        next
    }

    /// Whether a card has ended, or its person has been away for too long.
    fn over(&self, held: &Held, now: Time) -> Option<Removal> {
        match held.card.state() {
            State::Expired => return Some(Removal::Expired),
            // Pushed out of a tray: its seat is within the one of a newer card.
            State::Removed => return Some(Removal::Replaced),
            State::Inserted | State::Locked | State::Suspended => {}
        }
        let (since, _) = held.card.locked_since()?;
        let grace = self.config.policy.grace?;
        (since.plus(grace) <= now).then_some(Removal::Away)
    }

    /// When something happens to a card by itself next.
    fn due(&self, held: &Held) -> Time {
        let away = held.card.locked_since().map(|(since, _)| since);
        let away = away.and_then(|since| Some(since.plus(self.config.policy.grace?)));
        let all = [Some(held.card.expires()), held.card.idle_at(), away];
        all.into_iter().flatten().min().unwrap_or_else(|| held.card.expires())
    }

    /// Ends the cards of those whom the roster has no longer, if it or the time has moved on.
    fn look_at_roster(&self, now: Time) -> Duration {
        let asked = locked(&self.seen).asked;
        let people = self.people();
        if people.is_empty() {
            return LONGEST_SLEEP;
        }
        // Asked before the rows are read: what changes meanwhile is seen the next time.
        let Ok(version) = self.state.store.version() else { return ROSTER_LOOK };
        {
            let seen = locked(&self.seen);
            let due = seen.next.is_some_and(|next| next <= now);
            if seen.version == Some(version) && !due {
                return ROSTER_LOOK;
            }
        }
        let mut next: Option<Time> = None;
        let mut dropped = Vec::new();
        for (person, account) in people {
            let standing = self.roster.standing(&person, now);
            match standing.and_then(|it| Ok(it.fits(account.as_deref()).map(|()| it.until)?)) {
                Ok(until) => next = [next, until].into_iter().flatten().min(),
                Err(Refusal::Roster(fault)) => dropped.push((person, account, fault)),
                // What cannot be read is no reason to end what is there; no card is made either.
                Err(_) => return ROSTER_LOOK,
            }
        }
        {
            let mut seen = locked(&self.seen);
            if seen.asked == asked {
                *seen = Seen { version: Some(version), next, asked };
            }
        }
        for (person, account, fault) in dropped {
            let entry = Entry::new("roster-dropped").text("person", person.as_str());
            let _ = self.record(&entry.text("why", &fault.to_string()));
            self.end_where(Removal::Roster, |held| {
                held.card.person() == &person
                    && (fault != Fault::Account || held.account == account)
            });
        }
        ROSTER_LOOK
    }

    /// Whose cards there are, for which accounts.
    fn people(&self) -> Vec<(UserId, Option<String>)> {
        let mut people: Vec<(UserId, Option<String>)> = Vec::new();
        for held in locked(&self.cards).iter() {
            let one = (held.card.person().clone(), held.account.clone());
            if !people.contains(&one) {
                people.push(one);
            }
        }
        people
    }
}

/// A card that locked by itself since the last look.
fn newly_idle(held: &mut Held) -> Option<(CardId, UserId)> {
    let idle = held.card.locked_since().filter(|(_, idle)| *idle).map(|(since, _)| since);
    let new = idle.is_some() && idle != held.idle_recorded;
    held.idle_recorded = idle;
    new.then(|| (held.card.id(), held.card.person().clone()))
}
