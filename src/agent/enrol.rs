//! Enrolments of an agent: begun, certified, adopted, renewed, ended, on record; told of in time.
//!
//! Private keys never come out; certificate requests do, and certificates come in. Who may ask is the
//! host endpoint's to say, or the program's that embeds the agent.

mod adopt;
mod certificates;
mod tend;

pub(super) use tend::Tending;

use super::{Agent, Error, Removal, audit::Entry, core::Core, gate::slot_name};
use crate::{
    card::{CardId, Enrolment, EnrolmentFault, KeySlot, Shelf},
    clock::Time,
    derive::{
        Refusal,
        roster::{Fault, Standing},
    },
    pki::{Certificate, UserId},
    secret::Secret,
};

/// What is known of an enrolment.
#[derive(Clone, Debug)]
pub struct EnrolmentInfo {
    /// Whose.
    pub person: UserId,
    /// The enrolled card; none while its first certificates are awaited.
    pub card: Option<CardId>,
    /// When it began.
    pub enrolled_at: Time,
    /// Who began it.
    pub by: String,
    /// When keys were last released.
    pub released_at: Option<Time>,
    /// Its keys and the last second of their certificates.
    pub keys: Vec<(KeySlot, Time)>,
    /// The last second of the first certificate to end.
    pub ends: Option<Time>,
    /// Whether it is time to renew.
    pub renew: bool,
    /// The requests of keys that wait for their certificates, as PEM (PKCS#10).
    pub requests: Vec<(KeySlot, String)>,
}

impl Core {
    fn shelf(&self) -> Result<&Shelf, Error> {
        self.running()?;
        Ok(self.shelf.as_deref().ok_or(EnrolmentFault::Off)?)
    }

    /// Begins an enrolment with keys by the policy.
    pub(super) fn enrol(&self, person: &UserId, by: &str) -> Result<EnrolmentInfo, Error> {
        let shelf = self.shelf()?;
        // Keys whose certificates no import could take are not made.
        self.roots()?;
        let policy = self.deriver.policy();
        let mut slots = vec![KeySlot::Authentication];
        if self.may_be_enrolled(person)?.kind.commits() && policy.content_commitment {
            slots.push(KeySlot::ContentCommitment);
        }
        let made = shelf.enrol(person, &slots, policy.key, by, self.clock.now())?;
        self.recorded(entry("enrolment-begun", &made, by), || shelf.end_enrolment(person))?;
        Ok(self.about(&made))
    }

    /// Begins the renewal of an enrolment with new keys by the policy beside the old ones.
    pub(super) fn renew(&self, person: &UserId, by: &str) -> Result<EnrolmentInfo, Error> {
        let shelf = self.shelf()?;
        self.roots()?;
        self.may_be_enrolled(person)?;
        // On record first, once it is clear that there is something to do.
        let found = shelf.enrolment(person)?.ok_or(EnrolmentFault::NotEnrolled)?;
        match (&found.certified, &found.waiting) {
            (None, _) => return Err(EnrolmentFault::Uncertified.into()),
            (Some(_), Some(_)) => return Err(EnrolmentFault::Waits.into()),
            (Some(_), None) => {}
        }
        self.record(&entry("renewal-begun", &found, by))?;
        let kind = self.deriver.policy().key;
        Ok(self.about(&shelf.renew(person, kind, by, self.clock.now())?))
    }

    /// Gives the keys that wait their certificates, all checked.
    pub(super) fn certify(
        &self,
        person: &UserId,
        certificates: &[Certificate],
        by: &str,
    ) -> Result<EnrolmentInfo, Error> {
        let shelf = self.shelf()?;
        let found = shelf.enrolment(person)?.ok_or(EnrolmentFault::NotEnrolled)?;
        let waiting = found.waiting.as_ref().ok_or(EnrolmentFault::NothingWaits)?;
        let paths = certificates::for_waiting(
            person,
            &waiting.keys,
            certificates,
            self.roots()?,
            self.clock.now(),
        )?;
        let event = if found.certified.is_some() { "enrolment-renewed" } else { "enrolled" };
        self.record(&entry(event, &found, by))?;
        let done = shelf.certify(person, &paths).inspect_err(|_| self.failed(event, &found))?;
        Ok(self.about(&done))
    }

    /// Ends an enrolment: what it released is gone at once, and so is the way to release it again.
    pub(super) fn unenrol(&self, person: &UserId, by: &str) -> Result<(), Error> {
        self.unenrol_for(person, by, Removal::Administrator)
    }

    fn unenrol_for(&self, person: &UserId, by: &str, reason: Removal) -> Result<(), Error> {
        let shelf = self.shelf()?;
        let found = shelf.enrolment(person)?.ok_or(EnrolmentFault::NotEnrolled)?;
        // What must go goes, on record or not.
        let recorded = self.record(&entry("enrolment-removed", &found, by));
        // What is being released is in its seat by now, or will find no enrolment.
        let _placing = self.placing();
        shelf.end_enrolment(person)?;
        for card in self.cards() {
            if card.released.is_some() && card.person == *person {
                // Another thread may have removed it meanwhile.
                let _ = self.remove(card.id, reason);
            }
        }
        recorded
    }

    /// Whether the enrolment that a person's card was released of, if it was, is there still.
    pub(super) fn still_enrolled(
        &self,
        person: &UserId,
        released: Option<CardId>,
    ) -> Result<(), Error> {
        let Some(card) = released else { return Ok(()) };
        let found = self.shelf()?.enrolment(person)?;
        let found = found.and_then(|enrolment| enrolment.certified);
        let there = found.is_some_and(|certified| certified.card == card);
        if there { Ok(()) } else { Err(EnrolmentFault::NotEnrolled.into()) }
    }

    pub(super) fn enrolments(&self) -> Result<Vec<EnrolmentInfo>, Error> {
        let shelf = self.shelf()?;
        self.note_releases();
        let all = shelf.enrolments()?;
        Ok(all.iter().map(|enrolment| self.about(enrolment)).collect())
    }

    pub(super) fn enrolment(&self, person: &UserId) -> Result<EnrolmentInfo, Error> {
        let shelf = self.shelf()?;
        self.note_releases();
        let found = shelf.enrolment(person)?.ok_or(EnrolmentFault::NotEnrolled)?;
        Ok(self.about(&found))
    }

    fn about(&self, enrolment: &Enrolment) -> EnrolmentInfo {
        let ends = enrolment.ends();
        let certified = enrolment.certified.as_ref();
        let keys = certified.into_iter().flat_map(|certified| &certified.keys);
        let waiting = enrolment.waiting.iter().flat_map(|waiting| &waiting.keys);
        EnrolmentInfo {
            person: enrolment.person.clone(),
            card: certified.map(|certified| certified.card),
            enrolled_at: enrolment.enrolled_at,
            by: enrolment.by.clone(),
            released_at: enrolment.released_at,
            keys: keys.map(|key| (key.slot, key.certificate.not_after())).collect(),
            ends,
            renew: self.soon(ends, self.clock.now()).is_some(),
            requests: waiting.map(|key| (key.slot, key.request.to_pem())).collect(),
        }
    }

    /// What the roster lets a person have, once their time has begun.
    fn may_be_enrolled(&self, person: &UserId) -> Result<Standing, Error> {
        match self.deriver.standing_of(person, self.clock.now()) {
            Err(Refusal::Roster(Fault::NotYet)) => Ok(Standing::default()),
            standing => Ok(standing?),
        }
    }

    /// The roots that certificates of enrolled keys must lead to.
    fn roots(&self) -> Result<&[Certificate], Error> {
        let roots = self.config.enrolled.as_ref().map(|enrolled| enrolled.roots.as_slice());
        roots.filter(|roots| !roots.is_empty()).ok_or_else(|| Error::Part {
            what: "the roots of enrolled certificates",
            why: "none are configured; write roots_file in [enrolled] and restart the agent"
                .to_owned(),
        })
    }

    /// Puts on record what has been done; undoes it where that fails.
    fn recorded<T, E>(
        &self,
        entry: Entry,
        undo: impl FnOnce() -> Result<T, E>,
    ) -> Result<(), Error> {
        self.record(&entry).inspect_err(|_| {
            // The reason is told either way; what is left lacks certificates and releases nothing.
            let _ = undo();
        })
    }

    fn failed(&self, what: &'static str, enrolment: &Enrolment) {
        let entry = Entry::new("enrolment-failed").text("what", what);
        // What failed is told either way.
        let _ = self.record(&entry.text("person", enrolment.person.as_str()));
    }
}

/// A record of an event in the life of an enrolment.
fn entry(event: &'static str, enrolment: &Enrolment, by: &str) -> Entry {
    let card = enrolment.certified.as_ref().map(|certified| certified.card.to_hex());
    let certified = enrolment.certified.iter().flat_map(|of| of.keys.iter().map(|key| key.slot));
    let waiting = enrolment.waiting.iter().flat_map(|of| of.keys.iter().map(|key| key.slot));
    let new = enrolment.waiting.as_ref().map(|waiting| waiting.card.to_hex());
    Entry::new(event)
        .text("person", enrolment.person.as_str())
        .some_text("enrolled", card.as_deref())
        .some_text("new", new.as_deref())
        .texts("keys", certified.map(slot_name))
        .texts("waiting", waiting.map(slot_name))
        .text("by", by)
}

impl Agent {
    /// Begins a person's enrolment: makes keys by the policy and a certificate request for each,
    /// which [`EnrolmentInfo::requests`] holds. `by` says who asked, for the record.
    ///
    /// # Errors
    /// Release is off, no roots are configured, the person is enrolled already, keys or record
    /// cannot be made.
    pub fn enrol(&self, person: &UserId, by: &str) -> Result<EnrolmentInfo, Error> {
        self.core.enrol(person, by)
    }

    /// Gives the keys that wait their certificates, all of them or none; authorities among the
    /// certificates are what leads to the configured roots. The keys that they renew are gone.
    ///
    /// # Errors
    /// [`Error::Certificates`] with every problem; nothing waits; the record cannot be made.
    pub fn certify(
        &self,
        person: &UserId,
        certificates: &[Certificate],
        by: &str,
    ) -> Result<EnrolmentInfo, Error> {
        self.core.certify(person, certificates, by)
    }

    /// Enrols a card that a registration tool filled, by its passcode, which is needed this once:
    /// its keys that have certificates of this person there. `chain` adds authorities.
    ///
    /// # Errors
    /// No such card; the passcode is wrong, which costs a try; [`Error::Certificates`] with every
    /// problem; the person or the card is enrolled already; the record cannot be made.
    pub fn adopt(
        &self,
        card: CardId,
        person: &UserId,
        passcode: &Secret,
        chain: &[Certificate],
        by: &str,
    ) -> Result<EnrolmentInfo, Error> {
        self.core.adopt(card, person, passcode, (chain, by))
    }

    /// Makes new keys beside the old ones, which are used until [`Agent::certify`].
    ///
    /// # Errors
    /// Nothing is enrolled, no roots are configured, or new keys wait already; keys or record cannot be made.
    pub fn renew(&self, person: &UserId, by: &str) -> Result<EnrolmentInfo, Error> {
        self.core.renew(person, by)
    }

    /// Ends an enrolment: its keys, where they were made for it, the way to release them in any
    /// case, and every card that was released from it.
    ///
    /// # Errors
    /// Nothing is enrolled; the store or the record fails.
    pub fn unenrol(&self, person: &UserId, by: &str) -> Result<(), Error> {
        self.core.unenrol(person, by)
    }

    /// All enrolments, in the order of the persons' numbers.
    ///
    /// # Errors
    /// No enrolled cards are kept here; the store's.
    pub fn enrolments(&self) -> Result<Vec<EnrolmentInfo>, Error> {
        self.core.enrolments()
    }

    /// The enrolment of a person.
    ///
    /// # Errors
    /// Nothing is enrolled; the store's.
    pub fn enrolment(&self, person: &UserId) -> Result<EnrolmentInfo, Error> {
        self.core.enrolment(person)
    }
}
