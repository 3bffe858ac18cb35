//! A card that is made here for a person: fresh keys, and no passcode.

use super::{
    super::CardId,
    Body,
    enrolment::{Enrolment, NewKeys, WaitingKey},
    enrolments::EnrolmentFault,
    objects,
    record::{KeyType, NewRecord, OBJECTS, Place, Stored},
    state::State,
};
use crate::{
    clock::Time,
    crypto::{self, KeyKind, PrivateKey, SealKey},
    pki::{CertificationRequest, KeySlot, UserId},
    store::Transaction,
};

/// What the tokens of cards that are enrolled here would be called.
const LABEL: [u8; 32] = *b"enrolled for release            ";

/// A card with new keys, not yet kept.
pub(super) struct Made {
    state: State,
    person: UserId,
    card_key: SealKey,
    rows: Vec<(Place, Stored)>,
    keys: Vec<WaitingKey>,
}

impl Made {
    /// Makes keys; no transaction is open meanwhile.
    pub(super) fn new(
        person: &UserId,
        slots: &[KeySlot],
        kind: KeyKind,
    ) -> Result<Self, EnrolmentFault> {
        let mut id = [0; 8];
        crypto::random(&mut id)?;
        let (id, card_key) = (CardId(id), SealKey::generate()?);
        let (mut rows, mut keys) = (Vec::new(), Vec::new());
        for (number, slot) in (1..).zip(slots) {
            let key = PrivateKey::generate(kind)?;
            let place = Place { card: id, number };
            let sealed = key.seal(&card_key, &place.bytes(b"key"))?;
            let record = NewRecord {
                private: true,
                id: None,
                content: Vec::new().into(),
                key: None,
                each_time: *slot == KeySlot::ContentCommitment,
            };
            let held = Some((KeyType::Private(kind), sealed));
            rows.push((place, Stored::new(place, Some(&card_key), &record, held)?));
            let request = CertificationRequest::for_slot(person, *slot, &key)?;
            keys.push(WaitingKey { slot: *slot, object: number, request });
        }
        let next = u64::try_from(slots.len()).unwrap_or(u64::MAX).saturating_add(1);
        let (so, user, release) = (None, None, None);
        let state = State { id, label: LABEL, generation: 1, changes: 1, next, so, user, release };
        Ok(Self { state, person: person.clone(), card_key, rows, keys })
    }

    /// Keeps the card, its key wrapped under the key of release as it is now.
    pub(super) fn keep(
        &self,
        body: &Body,
        rows: &mut dyn Transaction,
        by: &str,
        now: Time,
    ) -> Result<NewKeys, EnrolmentFault> {
        let release = body.release.as_deref().ok_or(EnrolmentFault::Off)?;
        let mut state = self.state.clone();
        state.put_release(&release.to_seal(rows.reading())?, &self.person, &self.card_key)?;
        let number = body.keep_new(rows, &state)?;
        let all = objects::all_of(self.state.id);
        for (place, stored) in &self.rows {
            rows.put_in(OBJECTS, &[&all], &place.key(), &stored.to_bytes()?)?;
        }
        let (card, keys, by) = (self.state.id, self.keys.clone(), Enrolment::name(by));
        Ok(NewKeys { card, number, since: now, by, keys })
    }
}
