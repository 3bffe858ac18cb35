//! The enrolments of a shelf: begun, certified, renewed, ended; each change in one transaction.
//!
//! ```text
//! enrol ──> new keys wait ──certify──> released ──renew──> new keys wait beside ──certify──> released
//! adopt ─────────────────────────────────^                     (the old ones are used until then)
//! ```
//!
//! A row of the table `enrolments` under the person's number says whose which card is; the card key
//! for the release lies in the card's own row. Neither counts without the other.

use super::{
    super::{CardId, Error},
    CARDS, Enrolled, EnrolledLogin, Shelf, card_key,
    enrolment::{Certified, EnrolledKey, Enrolment, WaitingKey},
    made::Made,
    objects,
    record::OBJECTS,
    release_keys::Keys,
};
use crate::{
    clock::Time,
    crypto::{self, KeyKind},
    pki::{self, Certificate, KeySlot, UserId},
    store::{self, Reading, Transaction},
};

pub(super) const ENROLMENTS: &str = "enrolments";

/// Why an enrolment was not made, changed or released.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentFault {
    /// Release is not allowed here.
    #[error("enrolled cards are not released here; write release = true in [policy]")]
    Off,
    /// The person has an enrolment, or the card a person.
    #[error(
        "this person or this card is enrolled already; renew the enrolment, or remove it first"
    )]
    Enrolled,
    /// The person has none.
    #[error("there is no enrolment of this person; enrol first")]
    NotEnrolled,
    /// No keys wait for certificates.
    #[error("no keys wait for certificates; they have come already, or renew first")]
    NothingWaits,
    /// Keys wait already.
    #[error("new keys wait for their certificates already; import those, or remove the enrolment")]
    Waits,
    /// Not yet certified.
    #[error("the keys of this enrolment wait for their certificates; import those first")]
    Uncertified,
    /// Keys and certificates are not each other's.
    #[error("the certificates are not those of the keys that wait, one for each")]
    Keys,
    /// Changed since it was looked at.
    #[error("the enrolment has been changed meanwhile; begin again")]
    Changed,
    /// The key of release does not open the card for this person.
    #[error(
        "the card does not open for this person with this key of release; restore the key file \
         that belongs to it, or enrol anew"
    )]
    Sealed,
    /// A request could not be made.
    #[error("the certificate requests cannot be made: {0}")]
    Requests(#[from] pki::Error),
    /// The card's.
    #[error(transparent)]
    Card(#[from] Error),
}

impl From<store::Error> for EnrolmentFault {
    fn from(error: store::Error) -> Self {
        Self::Card(error.into())
    }
}

impl From<crypto::Error> for EnrolmentFault {
    fn from(error: crypto::Error) -> Self {
        Self::Card(error.into())
    }
}

type Outcome<T> = Result<T, EnrolmentFault>;

impl Shelf {
    /// Whether cards are enrolled and released here.
    pub fn releases(&self) -> bool {
        self.body.release.is_some()
    }

    /// The enrolment of a person.
    ///
    /// # Errors
    /// The store's.
    pub fn enrolment(&self, person: &UserId) -> Result<Option<Enrolment>, Error> {
        self.body.read(&mut |rows| enrolment(rows, person))
    }

    /// All enrolments, in the order of the persons' numbers.
    ///
    /// # Errors
    /// The store's.
    pub fn enrolments(&self) -> Result<Vec<Enrolment>, Error> {
        self.body.read(&mut |rows| {
            let all = rows.rows(ENROLMENTS)?.into_iter();
            let mut all: Vec<_> =
                all.map(|(key, row)| read(&key, &row)).collect::<Result<_, _>>()?;
            all.sort_by(|one, other| one.person.cmp(&other.person));
            Ok(all)
        })
    }

    /// Makes a key for each slot on a card of its own, which has no passcode, and begins a person's
    /// enrolment with them. They wait for their certificates.
    ///
    /// # Errors
    /// [`EnrolmentFault::Off`], [`EnrolmentFault::Enrolled`], and the card's.
    pub fn enrol(
        &self,
        person: &UserId,
        slots: &[KeySlot],
        kind: KeyKind,
        by: &str,
        now: Time,
    ) -> Outcome<Enrolment> {
        if self.enrolment(person)?.is_some() {
            return Err(EnrolmentFault::Enrolled);
        }
        self.release_keys()?;
        let made = Made::new(person, slots, kind)?;
        self.change(&mut |rows| {
            if enrolment(rows.reading(), person)?.is_some() {
                return Err(EnrolmentFault::Enrolled);
            }
            let enrolment = Enrolment {
                person: person.clone(),
                enrolled_at: now,
                by: Enrolment::name(by),
                released_at: None,
                reminded_at: None,
                certified: None,
                waiting: Some(made.keep(&self.body, rows, by, now)?),
            };
            write(rows, &enrolment)?;
            Ok(enrolment)
        })
    }

    /// Makes new keys for the slots that an enrolment has, on a card of their own beside the old
    /// one, which is used until the new ones are certified. The old card is not opened for it.
    ///
    /// # Errors
    /// [`EnrolmentFault::Off`], [`EnrolmentFault::NotEnrolled`], [`EnrolmentFault::Uncertified`],
    /// [`EnrolmentFault::Waits`], and the card's.
    pub fn renew(&self, person: &UserId, kind: KeyKind, by: &str, now: Time) -> Outcome<Enrolment> {
        let renewable = |found: Option<Enrolment>| {
            let found = found.ok_or(EnrolmentFault::NotEnrolled)?;
            if found.certified.is_none() {
                return Err(EnrolmentFault::Uncertified);
            }
            if found.waiting.is_some() { Err(EnrolmentFault::Waits) } else { Ok(found) }
        };
        self.release_keys()?;
        let found = renewable(self.enrolment(person)?)?;
        let old = found.certified.iter().flat_map(|certified| &certified.keys);
        let slots: Vec<KeySlot> = old.map(|key| key.slot).collect();
        let made = Made::new(person, &slots, kind)?;
        self.change(&mut |rows| {
            let mut enrolment = renewable(enrolment(rows.reading(), person)?)?;
            enrolment.waiting = Some(made.keep(&self.body, rows, by, now)?);
            write(rows, &enrolment)?;
            Ok(enrolment)
        })
    }

    /// Enrols a card that was filled elsewhere: `login` shows the passcode, and opens the card key
    /// for its wrapping for this person's release. The certificates are checked to be the keys'.
    ///
    /// # Errors
    /// [`EnrolmentFault::Off`], [`EnrolmentFault::Enrolled`], [`EnrolmentFault::Keys`], and the
    /// card's.
    pub fn adopt(
        &self,
        card: &Enrolled,
        login: &EnrolledLogin,
        person: &UserId,
        mut keys: Vec<EnrolledKey>,
        (by, now): (&str, Time),
    ) -> Outcome<Enrolment> {
        let release_keys = self.release_keys()?;
        keys.sort_by_key(|key| key.slot);
        let held = card.private_keys(login)?;
        let fits = |key: &EnrolledKey| {
            held.iter()
                .any(|it| it.number == key.object && it.public == *key.certificate.public_key())
                && key.certificate.user_id().as_ref() == Some(person)
        };
        let twice = keys.windows(2).any(|two| matches!(two, [one, next] if one.slot == next.slot));
        if keys.is_empty() || twice || !keys.iter().all(fits) {
            return Err(EnrolmentFault::Keys);
        }
        let certified = Certified { card: card.id(), number: card.number(), keys };
        self.change(&mut |rows| {
            let mut state = self.body.state(rows.reading(), card.number())?;
            login.counts(&state)?;
            if enrolment(rows.reading(), person)?.is_some() || state.release.is_some() {
                return Err(EnrolmentFault::Enrolled);
            }
            for key in &certified.keys {
                card.stored(rows.reading(), key.object)?.ok_or(EnrolmentFault::Changed)?;
            }
            let release_key = release_keys.to_seal(rows.reading())?;
            state.put_release(&release_key, person, &login.key)?;
            self.body.keep(rows, card.number(), &state)?;
            let enrolment = Enrolment {
                person: person.clone(),
                enrolled_at: now,
                by: Enrolment::name(by),
                released_at: None,
                reminded_at: None,
                certified: Some(certified.clone()),
                waiting: None,
            };
            write(rows, &enrolment)?;
            Ok(enrolment)
        })
    }

    /// Gives the keys that wait their certificates, one each, and ends the card that they replace:
    /// all or nothing.
    ///
    /// # Errors
    /// [`EnrolmentFault::NotEnrolled`], [`EnrolmentFault::NothingWaits`], [`EnrolmentFault::Keys`],
    /// and the card's.
    pub fn certify(
        &self,
        person: &UserId,
        certificates: &[(Certificate, Vec<Certificate>)],
    ) -> Outcome<Enrolment> {
        self.release_keys()?;
        self.change(&mut |rows| {
            let found = enrolment(rows.reading(), person)?;
            let mut enrolment = found.ok_or(EnrolmentFault::NotEnrolled)?;
            let waiting = enrolment.waiting.take().ok_or(EnrolmentFault::NothingWaits)?;
            if waiting.keys.len() != certificates.len() {
                return Err(EnrolmentFault::Keys);
            }
            let mut keys = Vec::new();
            for WaitingKey { slot, object, request } in waiting.keys {
                let own = |(one, _): &&(Certificate, _)| one.public_key() == request.public_key();
                let found = certificates.iter().find(own).ok_or(EnrolmentFault::Keys)?;
                let (certificate, chain) = found.clone();
                if certificate.user_id().as_ref() != Some(person) {
                    return Err(EnrolmentFault::Keys);
                }
                keys.push(EnrolledKey { slot, object, local: true, certificate, chain });
            }
            let new = Certified { card: waiting.card, number: waiting.number, keys };
            if let Some(old) = enrolment.certified.replace(new) {
                self.close(rows, person, (old.card, old.number))?;
            }
            enrolment.reminded_at = None;
            write(rows, &enrolment)?;
            Ok(enrolment)
        })
    }

    /// Ends a person's enrolment: the card key is nowhere under the key of release from then on.
    /// Keys that were made for it are gone with it; a card with a passcode keeps its own. Whether
    /// there was one.
    ///
    /// # Errors
    /// The store's.
    pub fn end_enrolment(&self, person: &UserId) -> Result<bool, Error> {
        self.body.transact(&mut |rows| {
            let Some(enrolment) = enrolment(rows.reading(), person)? else { return Ok(false) };
            for card in enrolment.cards() {
                self.close(rows, person, card)?;
            }
            rows.delete(ENROLMENTS, person.as_str().as_bytes())?;
            Ok(true)
        })
    }

    /// Takes the wrapping for release from every card that a passcode opens as well, where release
    /// is no longer allowed. A card that nothing else opens keeps it, of no use without the key of
    /// release. Whose enrolments have ended.
    ///
    /// # Errors
    /// The store's.
    pub fn end_adopted(&self) -> Result<Vec<UserId>, Error> {
        let mut ended = Vec::new();
        for Enrolment { person, certified, .. } in self.enrolments()? {
            let Some(Certified { number, .. }) = certified else { continue };
            let state = self.body.read(&mut |rows| self.body.state_if_any(rows, number))?;
            if state.is_some_and(|state| state.so.is_some()) && self.end_enrolment(&person)? {
                ended.push(person);
            }
        }
        Ok(ended)
    }

    /// Notes when keys were released, or somebody told that certificates end.
    ///
    /// # Errors
    /// The store's.
    pub fn note(&self, person: &UserId, note: &mut dyn FnMut(&mut Enrolment)) -> Result<(), Error> {
        self.body.transact(&mut |rows| {
            let Some(mut enrolment) = enrolment(rows.reading(), person)? else { return Ok(()) };
            note(&mut enrolment);
            write(rows, &enrolment)
        })
    }

    pub(super) fn release_keys(&self) -> Outcome<&Keys> {
        self.body.release.as_deref().ok_or(EnrolmentFault::Off)
    }

    /// Ends what a card is to an enrolment, if it is still this person's.
    fn close(
        &self,
        rows: &mut dyn Transaction,
        person: &UserId,
        (id, number): (CardId, u64),
    ) -> Result<(), Error> {
        let Some(mut state) = self.body.state_if_any(rows.reading(), number)? else {
            return Ok(());
        };
        let ours = state.release.as_ref().is_some_and(|release| release.person == *person);
        if state.id != id || !ours {
            return Ok(());
        }
        if state.so.is_some() {
            state.release = None;
            state.changes = state.changes.wrapping_add(1);
            return self.body.keep(rows, number, &state);
        }
        rows.delete_group(OBJECTS, &objects::all_of(id))?;
        Ok(rows.delete(CARDS, &card_key(number))?)
    }

    /// A transaction that is rolled back at any fault.
    pub(super) fn change<T>(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Outcome<T>,
    ) -> Outcome<T> {
        let mut fault = None;
        let done = self.body.transact(&mut |rows| {
            work(rows).map_err(|found| match found {
                EnrolmentFault::Card(error) => error,
                other => {
                    fault = Some(other);
                    Error::Policy
                }
            })
        });
        match fault {
            Some(fault) => Err(fault),
            None => Ok(done?),
        }
    }
}

/// Forgets the enrolment of a card that is made anew.
pub(super) fn forget(
    rows: &mut dyn Transaction,
    person: &UserId,
    card: CardId,
) -> Result<(), Error> {
    let Some(mut enrolment) = enrolment(rows.reading(), person)? else { return Ok(()) };
    if enrolment.certified.as_ref().is_none_or(|certified| certified.card != card) {
        return Ok(());
    }
    enrolment.certified = None;
    if enrolment.waiting.is_some() {
        return write(rows, &enrolment);
    }
    Ok(rows.delete(ENROLMENTS, person.as_str().as_bytes())?)
}

pub(super) fn enrolment(rows: &dyn Reading, person: &UserId) -> Result<Option<Enrolment>, Error> {
    let key = person.as_str().as_bytes();
    rows.row(ENROLMENTS, key)?.map(|row| read(key, &row)).transpose()
}

/// A row under its key, which is the person's number.
fn read(key: &[u8], row: &[u8]) -> Result<Enrolment, Error> {
    let found = Enrolment::from_bytes(row);
    let found = found.filter(|found| found.person.as_str().as_bytes() == key);
    Ok(found.ok_or(store::Error::Malformed(ENROLMENTS))?)
}

fn write(rows: &mut dyn Transaction, enrolment: &Enrolment) -> Result<(), Error> {
    Ok(rows.put(ENROLMENTS, enrolment.person.as_str().as_bytes(), &enrolment.to_bytes())?)
}
