//! Release: the keys of an enrolment, opened with the key of release for a proof of its person.
//!
//! Nothing is stretched here: the way from the card's row to the keys is one AES-GCM each.

use super::{
    super::{CardKey, Error, KeySlot},
    Shelf,
    enrolment::{Certified, EnrolledKey, Enrolment},
    enrolments::{EnrolmentFault, enrolment},
    next,
    record::{OBJECTS, Place, Stored},
};
use crate::{
    crypto::{PrivateKey, SealKey},
    store::{self, Reading},
};

impl Shelf {
    /// Whether a person is enrolled here, or a card sealed for release: whether a key of release
    /// exists already, which none that is made anew can replace.
    ///
    /// # Errors
    /// The store's.
    pub fn holds_enrolments(&self) -> Result<bool, Error> {
        if !self.enrolments()?.is_empty() {
            return Ok(true);
        }
        self.body.read(&mut |rows| {
            for number in 0..next(rows)? {
                let state = self.body.state_if_any(rows, number)?;
                if state.is_some_and(|state| state.release.is_some()) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// A working copy of an enrolment's keys in these slots. The caller has verified a proof by the
    /// person of the enrolment, which must be as it was when the proof was asked for.
    ///
    /// # Errors
    /// [`EnrolmentFault::Off`], [`EnrolmentFault::NotEnrolled`], [`EnrolmentFault::Changed`],
    /// [`EnrolmentFault::Sealed`], [`EnrolmentFault::Keys`] for a key that is another than its
    /// certificate's, and the card's.
    pub fn release(
        &self,
        of: &Enrolment,
        slots: &[KeySlot],
    ) -> Result<Vec<CardKey>, EnrolmentFault> {
        // Between a look at the card and one at the key of release both may have been replaced.
        match self.release_once(of, slots) {
            Err(EnrolmentFault::Sealed) => self.release_once(of, slots),
            done => done,
        }
    }

    fn release_once(
        &self,
        of: &Enrolment,
        slots: &[KeySlot],
    ) -> Result<Vec<CardKey>, EnrolmentFault> {
        let release_keys = self.release_keys()?;
        let certified = of.certified.as_ref().ok_or(EnrolmentFault::Uncertified)?;
        let keys = certified.keys.iter().filter(|key| slots.contains(&key.slot));
        let keys: Vec<&EnrolledKey> = keys.collect();
        // Read at one moment; opened when the store is let go of.
        let (state, rows) = self.body.read(&mut |rows| {
            let now = enrolment(rows, &of.person)?;
            if now.as_ref().and_then(|now| now.certified.as_ref()) != Some(certified) {
                return Ok((None, Vec::new()));
            }
            let state = self.body.state_if_any(rows, certified.number)?;
            let stored = keys.iter().map(|key| stored(rows, certified, key));
            Ok((state, stored.collect::<Result<Vec<_>, Error>>()?))
        })?;
        let state = state.filter(|state| state.id == certified.card);
        let state = state.ok_or(EnrolmentFault::Changed)?;
        let card_key = release_keys.card_key(&state, &of.person)?;
        let card_key = card_key.ok_or(EnrolmentFault::Sealed)?;
        keys.iter().zip(rows).map(|(key, row)| opened(certified, key, &row, &card_key)).collect()
    }
}

fn stored(rows: &dyn Reading, of: &Certified, key: &EnrolledKey) -> Result<Stored, Error> {
    let place = Place { card: of.card, number: key.object };
    let row = rows.row(OBJECTS, &place.key())?.ok_or(Error::ObjectAbsent)?;
    Ok(Stored::from_bytes(&row).ok_or(store::Error::Malformed(OBJECTS))?)
}

fn opened(
    of: &Certified,
    enrolled: &EnrolledKey,
    row: &Stored,
    card_key: &SealKey,
) -> Result<CardKey, EnrolmentFault> {
    let place = Place { card: of.card, number: enrolled.object }.bytes(b"key");
    let key = PrivateKey::unseal(card_key, &place, &row.sealed_key);
    let key = key.map_err(|_| store::Error::Sealed(OBJECTS))?;
    let EnrolledKey { slot, certificate, chain, .. } = enrolled;
    if key.public() != certificate.public_key() {
        return Err(EnrolmentFault::Keys);
    }
    Ok(CardKey { slot: *slot, key, certificate: certificate.clone(), chain: chain.clone() })
}
