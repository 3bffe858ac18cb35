//! Cards in their seats: how one is placed, looked at, changed and let go of.

use super::{
    super::{CardInfo, Error, Removal, audit::Entry, gate::Known},
    Core,
    held::{Held, break_glass_entry, issued_entry},
    locked,
};
use crate::{
    card::{Card, CardId, KeySlot},
    derive::Refusal,
    pki::{Assurance, Certificate, Reason, UserId},
};

impl Core {
    /// Puts a new card in its seat, on record first, within the limits, unless all were stopped
    /// since that number of stops.
    pub(super) fn place(&self, held: Held, stops: u64) -> Result<CardInfo, Error> {
        let _placing = locked(&self.placing);
        self.running()?;
        self.openid.check_live(&held.assurance)?;
        self.standstill.still_moving(stops)?;
        let (id, person) = (held.card.id(), held.card.person().clone());
        self.still_enrolled(held.card.person(), held.released)?;
        // Judged before the issuer was asked, which may have taken its time.
        let standing = self.deriver.standing_of(&person, self.clock.now())?;
        standing.fits(held.account.as_deref()).map_err(Refusal::from)?;
        let in_seat = self.seats.at(&held.seat);
        if locked(&self.cards).len()
            >= self.config.limits.cards.saturating_add(in_seat.iter().count())
        {
            return Err(Error::Limit("cards"));
        }
        let renewed = in_seat.filter(|old| self.is_of(*old, &person));
        let renews = renewed.map(|old| old.to_hex());
        if held.break_glass {
            self.record(&break_glass_entry(&held))?;
        }
        self.record(&issued_entry(&held).some_text("renews", renews.as_deref()))?;
        if let Some(old) = in_seat.filter(|_| renewed.is_none()) {
            self.remove(old, Removal::Replaced).or_else(gone_already)?;
        }
        for old in self.too_many(&person, renewed) {
            self.remove(old, Removal::SignedInElsewhere).or_else(gone_already)?;
        }
        let known =
            Known { person, sign_in: held.sign_in, proven: held.assurance.authenticated_at };
        self.gate.learn(id, known);
        // Taken off the list before the trays push it out, so that its reason is the right one; it
        // works until then.
        let renewed = renewed.and_then(|old| self.take(old));
        self.seats.insert(&held.seat, &held.card);
        let info = held.info(self.config.policy.grace);
        locked(&self.cards).push(held);
        if let Some(old) = renewed {
            old.card.remove();
            self.ended(&old, Removal::Renewed);
        }
        self.look_again();
        self.alarm.ring(|reasons| reasons.sooner = true);
        Ok(info)
    }

    /// Whether a card that is there is this person's.
    fn is_of(&self, id: CardId, person: &UserId) -> bool {
        let cards = locked(&self.cards);
        cards.iter().any(|held| held.card.id() == id && held.card.person() == person)
    }

    /// Takes a card off the list; it is as it was.
    fn take(&self, id: CardId) -> Option<Held> {
        let mut cards = locked(&self.cards);
        let place = cards.iter().position(|held| held.card.id() == id)?;
        Some(cards.remove(place))
    }

    /// The oldest cards of a person that have to give way to one more, beside the one that it
    /// renews.
    fn too_many(&self, person: &UserId, renewed: Option<CardId>) -> Vec<CardId> {
        let cards = locked(&self.cards);
        let of_person = cards.iter().filter(|held| held.card.person() == person);
        let ids = of_person.map(|held| held.card.id()).filter(|id| Some(*id) != renewed);
        let ids: Vec<CardId> = ids.collect();
        let keep = self.config.policy.cards_per_person.saturating_sub(1);
        let give_way = ids.len().saturating_sub(keep);
        ids.into_iter().take(give_way).collect()
    }

    pub(in crate::agent) fn cards(&self) -> Vec<CardInfo> {
        self.reap();
        let grace = self.config.policy.grace;
        locked(&self.cards).iter().map(|held| held.info(grace)).collect()
    }

    pub(in crate::agent) fn card(&self, id: CardId) -> Result<CardInfo, Error> {
        self.with(id, |held| held.info(self.config.policy.grace))
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
        if recorded.is_ok() || matches!(event, "lock" | "tap-out" | "suspend") {
            change(&card);
        }
        recorded
    }

    pub(in crate::agent) fn remove(&self, id: CardId, reason: Removal) -> Result<(), Error> {
        let held = self.take(id).ok_or(Error::UnknownCard)?;
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
        self.gate.signed_out(&on);
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
        self.past.add(held.ended(self.clock.now(), reason));
        // The card is gone by now, whatever becomes of this; enrolled keys go on.
        if self.config.policy.revoke_at_end && held.released.is_none() && reason != Removal::Expired
        {
            self.revoker.revoke_card(&held.card, revocation(reason));
        }
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
}

/// Why the certificates of a card that ended so are revoked.
fn revocation(reason: Removal) -> Reason {
    match reason {
        Removal::Renewed | Removal::Replaced | Removal::SignedInElsewhere => Reason::Superseded,
        Removal::Roster => Reason::PrivilegeWithdrawn,
        _ => Reason::CessationOfOperation,
    }
}

fn gone_already(error: Error) -> Result<(), Error> {
    match error {
        Error::UnknownCard => Ok(()),
        other => Err(other),
    }
}
