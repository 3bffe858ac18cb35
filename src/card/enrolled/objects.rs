//! Objects of an enrolled card: found, made, changed, removed; each change in one transaction.

use super::{
    super::{CardId, Error},
    Enrolled, EnrolledLogin,
    record::{Change, KeyType, NewKey, NewRecord, OBJECTS, Place, Record, Stored},
    state::State,
};
use crate::{
    crypto::SealKey,
    store::{self, Reading, Row, Transaction},
};

impl Enrolled {
    /// The objects, in the order of their numbers: the public ones, with a login the private ones
    /// too.
    ///
    /// # Errors
    /// [`Error::NotVerified`] if `login` no longer counts, [`Error::Store`].
    pub fn records(&self, login: Option<&EnrolledLogin>) -> Result<Vec<Record>, Error> {
        self.seen(login, |rows, card_key| {
            let all = rows.group(OBJECTS, &all_of(self.id()))?;
            records(all, card_key)
        })
    }

    /// The objects with that id, as [`Self::records`]. No other object is read.
    ///
    /// # Errors
    /// As [`Self::records`].
    pub fn records_by_id(
        &self,
        id: &[u8],
        login: Option<&EnrolledLogin>,
    ) -> Result<Vec<Record>, Error> {
        self.seen(login, |rows, card_key| {
            let mut found = rows.group(OBJECTS, &public_group(self.id(), id))?;
            if let Some(key) = card_key {
                found.extend(rows.group(OBJECTS, &private_group(key, id))?);
                found.sort();
            }
            records(found, card_key)
        })
    }

    /// The object with that number; `None` if there is none, or none without a login.
    ///
    /// # Errors
    /// As [`Self::records`].
    pub fn record(
        &self,
        number: u64,
        login: Option<&EnrolledLogin>,
    ) -> Result<Option<Record>, Error> {
        self.seen(login, |rows, card_key| {
            let Some(stored) = self.stored(rows, number)? else { return Ok(None) };
            match stored.record(self.place(number), card_key) {
                Err(Error::NotVerified) => Ok(None),
                record => record.map(Some),
            }
        })
    }

    /// Makes objects, all or none; their numbers, in the same order. Private ones and keys need a
    /// login.
    ///
    /// # Errors
    /// [`Error::NotVerified`]; [`Error::Policy`] for a key that may not be brought in;
    /// [`Error::ObjectAbsent`] and [`Error::KeyAbsent`] where the key to be copied should be;
    /// [`Error::Crypto`], [`Error::Store`].
    pub fn add(&self, login: Option<&EnrolledLogin>, new: &[NewRecord]) -> Result<Vec<u64>, Error> {
        let import = |new: &NewRecord| match new.key {
            Some(NewKey::Private { imported, .. } | NewKey::Secret { imported, .. }) => imported,
            Some(NewKey::Copy(_)) | None => false,
        };
        if !self.policy().import_private && new.iter().any(import) {
            return Err(Error::Policy);
        }
        self.transact(&mut |rows, state| {
            let card_key = self.card_key(state, login)?;
            let mut numbers = Vec::with_capacity(new.len());
            for new in new {
                let number = state.next;
                state.next = number.saturating_add(1);
                let key = match &new.key {
                    None => None,
                    Some(key) => Some(self.sealed(
                        rows.reading(),
                        card_key.ok_or(Error::NotVerified)?,
                        self.place(number),
                        key,
                    )?),
                };
                let stored = Stored::new(self.place(number), card_key, new, key)?;
                self.write(rows, state, number, stored, card_key, new.id.as_deref())?;
                numbers.push(number);
            }
            Ok(numbers)
        })
    }

    /// Changes an object. `change` sees it as it is in the transaction and may run more than once;
    /// `None` leaves it as it is.
    ///
    /// # Errors
    /// [`Error::ObjectAbsent`] if it is not there or not seen without a login,
    /// [`Error::NotVerified`], [`Error::Store`], and what `change` returned.
    pub fn change(
        &self,
        login: Option<&EnrolledLogin>,
        number: u64,
        change: &mut dyn FnMut(&Record) -> Result<Option<Change>, Error>,
    ) -> Result<(), Error> {
        self.transact(&mut |rows, state| {
            let card_key = self.card_key(state, login)?;
            let mut stored = self.present(rows.reading(), number, card_key)?;
            let place = self.place(number);
            let Some(new) = change(&stored.record(place, card_key)?)? else { return Ok(()) };
            stored.fill(place, card_key, new.id.as_deref(), &new.content)?;
            self.write(rows, state, number, stored, card_key, new.id.as_deref())
        })
    }

    /// Removes an object, and its key with it.
    ///
    /// # Errors
    /// [`Error::ObjectAbsent`] if it is not there or not seen without a login,
    /// [`Error::NotVerified`], [`Error::Store`].
    pub fn remove(&self, login: Option<&EnrolledLogin>, number: u64) -> Result<(), Error> {
        self.transact(&mut |rows, state| {
            let card_key = self.card_key(state, login)?;
            self.present(rows.reading(), number, card_key)?;
            rows.delete(OBJECTS, &self.place(number).key())?;
            touch(state);
            Ok(())
        })
    }

    pub(super) fn place(&self, number: u64) -> Place {
        Place { card: self.id(), number }
    }

    /// The row of an object.
    pub(super) fn stored(&self, rows: &dyn Reading, number: u64) -> Result<Option<Stored>, Error> {
        match rows.row(OBJECTS, &self.place(number).key())? {
            None => Ok(None),
            Some(row) => Ok(Some(Stored::from_bytes(&row).ok_or_else(malformed)?)),
        }
    }

    /// The card key of a login that counts.
    pub(super) fn card_key<'a>(
        &self,
        state: &State,
        login: Option<&'a EnrolledLogin>,
    ) -> Result<Option<&'a SealKey>, Error> {
        login.map(|login| login.counts(state).map(|()| &login.key)).transpose()
    }

    /// The row of an object that is seen with that card key.
    fn present(
        &self,
        rows: &dyn Reading,
        number: u64,
        card_key: Option<&SealKey>,
    ) -> Result<Stored, Error> {
        let stored = self.stored(rows, number)?.ok_or(Error::ObjectAbsent)?;
        if stored.private && card_key.is_none() {
            return Err(Error::ObjectAbsent);
        }
        Ok(stored)
    }

    /// Looks at the objects at one moment, in which the login counts.
    fn seen<T>(
        &self,
        login: Option<&EnrolledLogin>,
        look: impl Fn(&dyn Reading, Option<&SealKey>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let body = &self.0.body;
        body.read(&mut |rows| {
            let card_key = match login {
                None => None,
                Some(_) => self.card_key(&body.state(rows, self.number())?, login)?,
            };
            look(rows, card_key)
        })
    }

    fn write(
        &self,
        rows: &mut dyn Transaction,
        state: &mut State,
        number: u64,
        mut stored: Stored,
        card_key: Option<&SealKey>,
        id: Option<&[u8]>,
    ) -> Result<(), Error> {
        touch(state);
        stored.revision = state.changes;
        let all = all_of(self.id());
        let by_id = match (id, card_key) {
            (None, _) => None,
            (Some(id), Some(key)) if stored.private => Some(private_group(key, id)),
            (Some(id), _) => Some(public_group(self.id(), id)),
        };
        let groups: Vec<&[u8]> =
            [Some(&all), by_id.as_ref()].into_iter().flatten().map(Vec::as_slice).collect();
        Ok(rows.put_in(OBJECTS, &groups, &self.place(number).key(), &stored.to_bytes()?)?)
    }

    fn sealed(
        &self,
        rows: &dyn Reading,
        card_key: &SealKey,
        place: Place,
        key: &NewKey,
    ) -> Result<(KeyType, Vec<u8>), Error> {
        match key {
            NewKey::Private { key, .. } => {
                let sealed = key.seal(card_key, &place.bytes(b"key"))?;
                Ok((KeyType::Private(key.kind()), sealed))
            }
            NewKey::Secret { key, .. } => {
                let sealed = key.seal(card_key, &place.bytes(b"key"))?;
                Ok((KeyType::Secret(key.len()), sealed))
            }
            NewKey::Copy(number) => {
                let of = self.stored(rows, *number)?.ok_or(Error::ObjectAbsent)?;
                let key = of.key.ok_or(Error::KeyAbsent)?;
                let opened = card_key
                    .open(&self.place(*number).bytes(b"key"), &of.sealed_key)
                    .map_err(|_| store::Error::Sealed(OBJECTS))?;
                Ok((key, card_key.seal(&place.bytes(b"key"), opened.expose())?))
            }
        }
    }
}

/// Marks the card as changed.
fn touch(state: &mut State) {
    state.changes = state.changes.wrapping_add(1);
}

fn records(rows: Vec<Row>, card_key: Option<&SealKey>) -> Result<Vec<Record>, Error> {
    let mut records = Vec::with_capacity(rows.len());
    for (key, row) in rows {
        let stored = Stored::from_bytes(&row).ok_or_else(malformed)?;
        match stored.record(Place::of(&key)?, card_key) {
            Err(Error::NotVerified) => {}
            record => records.push(record?),
        }
    }
    Ok(records)
}

fn malformed() -> Error {
    store::Error::Malformed(OBJECTS).into()
}

/// The group of all objects of a card.
pub(super) fn all_of(card: CardId) -> Vec<u8> {
    [b"all\0", &card.0[..]].concat()
}

/// The group of a card's public objects with an id.
pub(super) fn public_group(card: CardId, id: &[u8]) -> Vec<u8> {
    [b"public\0", &card.0[..], id].concat()
}

/// The group of private objects with an id, which nobody can guess without the card key.
pub(super) fn private_group(card_key: &SealKey, id: &[u8]) -> Vec<u8> {
    let hidden = card_key.derive(&[b"wardcard object id\0", id].concat());
    [b"private\0", hidden.expose()].concat()
}
