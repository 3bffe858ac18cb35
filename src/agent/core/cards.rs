//! Cards in their seats: how one is placed, looked at, changed and let go of.

use super::{
    super::{CardInfo, Error, Removal, audit::Entry, gate::Known},
    Core,
    held::{Held, issued_entry},
    locked,
};
use crate::{
    card::{self, Card, CardId, KeySlot},
    pki::{Assurance, Certificate, UserId},
};
use std::time::Duration;

impl Core {
    /// Puts a new card in its seat, on record first, within the limits.
    pub(super) fn place(&self, held: Held) -> Result<CardInfo, Error> {
        let _placing = locked(&self.placing);
        self.running()?;
        self.openid.check_live(&held.assurance)?;
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
    pub(super) fn too_many(&self, person: &UserId) -> Vec<CardId> {
        let cards = locked(&self.cards);
        let of_person = cards.iter().filter(|held| held.card.person() == person);
        let ids: Vec<CardId> = of_person.map(|held| held.card.id()).collect();
        let keep = self.config.policy.cards_per_person.saturating_sub(1);
        let give_way = ids.len().saturating_sub(keep);
        ids.into_iter().take(give_way).collect()
    }

    pub(in crate::agent) fn cards(&self) -> Vec<CardInfo> {
        self.reap();
        locked(&self.cards).iter().map(Held::info).collect()
    }

    pub(in crate::agent) fn card(&self, id: CardId) -> Result<CardInfo, Error> {
        self.with(id, Held::info)
    }

    /// The card itself, for who does more with it.
    pub(in crate::agent) fn itself(&self, id: CardId) -> Result<Card, Error> {
        self.with(id, |held| held.card.clone())
    }

    pub(in crate::agent) fn certificates(
        &self,
        id: CardId,
        slot: KeySlot,
    ) -> Result<Vec<Certificate>, Error> {
        let card = self.itself(id)?;
        let chain = card.chain(slot).iter();
        Ok(card.certificate(slot).into_iter().chain(chain).cloned().collect())
    }

    /// Puts a change of a card's life on record and makes it.
    pub(in crate::agent) fn change(
        &self,
        id: CardId,
        event: &'static str,
        change: fn(&Card),
    ) -> Result<(), Error> {
        let card = self.itself(id)?;
        let entry = Entry::new(event).text("card", &id.to_hex());
        let recorded = self.record(&entry.text("person", card.person().as_str()));
        // What takes a card out of use is done in any case; what puts it back, on record only.
        if recorded.is_ok() || matches!(event, "lock" | "suspend") {
            change(&card);
        }
        recorded
    }

    pub(in crate::agent) fn remove(&self, id: CardId, reason: Removal) -> Result<(), Error> {
        let held = {
            let mut cards = locked(&self.cards);
            let place = cards.iter().position(|held| held.card.id() == id);
            place.map(|place| cards.remove(place)).ok_or(Error::UnknownCard)?
        };
        held.card.remove();
        self.ended(&held, reason);
        Ok(())
    }

    /// Removes the cards that were made on such an assurance; how many. None that is being placed
    /// slips by: whoever places one first looks at who has signed out, then others wait for it.
    pub(in crate::agent) fn end_cards(
        &self,
        on: impl Fn(&Assurance) -> bool,
        reason: Removal,
    ) -> usize {
        let _placing = locked(&self.placing);
        let of = |held: &&Held| on(&held.assurance);
        let ids = locked(&self.cards).iter().filter(of).map(|held| held.card.id()).collect();
        let ids: Vec<CardId> = ids;
        // Another thread may have removed one meanwhile.
        ids.into_iter().filter(|id| self.remove(*id, reason).is_ok()).count()
    }

    /// Lets go of a card that has ended, with the reason on record.
    pub(super) fn ended(&self, held: &Held, reason: Removal) {
        let entry = Entry::new("card-removed").text("card", &held.card.id().to_hex());
        let entry = entry.text("person", held.card.person().as_str());
        let entry = entry.text("reason", reason.as_str()).number("sha1", held.card.sha1_count());
        // A card that must go goes, on record or not.
        let _ = self.record(&entry);
        self.seats.forget(held.card.id());
        self.gate.forget(held.card.id());
    }

    pub(in crate::agent) fn forget_passcode(&self, person: &UserId) -> Result<(), Error> {
        self.running()?;
        self.record(&Entry::new("passcode-forgotten").text("person", person.as_str()))?;
        Ok(self.deriver.forget_passcode(person)?)
    }

    pub(super) fn with<T>(&self, id: CardId, look: impl FnOnce(&Held) -> T) -> Result<T, Error> {
        self.running()?;
        self.reap();
        let cards = locked(&self.cards);
        cards.iter().find(|held| held.card.id() == id).map(look).ok_or(Error::UnknownCard)
    }

    /// Lets go of cards and requests whose time is over; how long until the next one's is.
    pub(in crate::agent) fn reap(&self) -> Duration {
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
        self.openid.keep(|id| requests.contains_key(id));
        for waiting in requests.values() {
            next = next.min(waiting.request.expires().since(now));
        }
        next.max(SHORTEST_SLEEP)
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
