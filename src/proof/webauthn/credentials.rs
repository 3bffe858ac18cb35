//! Registered credentials in a store, each of one person.

use super::{Aaguid, Algorithm, Fault, MOST_CREDENTIALS};
use crate::{
    clock::Time,
    pki::UserId,
    proof::{Refusal, cbor, cose},
    store::{self, Reading, Store, Transaction},
};
use std::{fmt, sync::Arc};

const TABLE: &str = "webauthn_credentials";

/// The form of a row.
const VERSION: u8 = 1;

/// A registered credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: Vec<u8>,
    /// Whose it is.
    pub person: UserId,
    /// The authenticator's model.
    pub model: Aaguid,
    /// Whether the model was shown by certificates, not only said.
    pub certified: bool,
    /// The algorithm of its key.
    pub algorithm: Algorithm,
    /// The authenticator's signature counter as it was last seen.
    pub counter: u32,
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it had been, when it was last used.
    pub backed_up: bool,
    /// When it was registered.
    pub registered: Time,
    /// When it was last used.
    pub used: Option<Time>,
}

impl fmt::Debug for Credential {
    /// Without the id, by which a person's sign-ins could be told together.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({:?}, model {})", self.algorithm, self.model)
    }
}

/// A credential with what only its verifier needs.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) public: Credential,
    pub(super) user_handle: [u8; 32],
    /// COSE_Key as the authenticator wrote it.
    pub(super) key_bytes: Vec<u8>,
    pub(super) key: cose::Key,
}

/// What the use of a credential changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proof) struct Advance {
    pub(super) id: Vec<u8>,
    pub(super) counter: u32,
    pub(super) backed_up: bool,
    pub(super) used: Time,
}

impl Advance {
    /// Whether both are of one credential.
    pub(in crate::proof) fn is_of_the_same(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// The row after this use, or why it cannot be.
    pub(in crate::proof) fn prepare(
        &self,
        rows: &dyn Reading,
    ) -> Result<Result<Advanced, Fault>, store::Error> {
        let Some(row) = rows.row(TABLE, &self.id)? else {
            return Ok(Err(Fault::CredentialUnknown));
        };
        let mut held = Held::read(&self.id, &row)?;
        if !advances(held.public.counter, self.counter) {
            return Ok(Err(Fault::Counter));
        }
        held.public.counter = self.counter;
        held.public.backed_up = self.backed_up;
        held.public.used = Some(self.used);
        Ok(Ok(Advanced(held)))
    }
}

/// A credential as it is after a use.
#[derive(Debug)]
pub(in crate::proof) struct Advanced(Held);

impl Advanced {
    /// Writes it.
    pub(in crate::proof) fn write(&self, rows: &mut dyn Transaction) -> Result<(), store::Error> {
        self.0.write(rows)
    }
}

/// 7.2 step 22: a counter that was ever above zero only goes up.
pub(super) fn advances(before: u32, after: u32) -> bool {
    (before, after) == (0, 0) || after > before
}

/// The credentials of a store.
#[derive(Clone, Debug)]
pub struct Credentials {
    store: Arc<dyn Store>,
}

impl Credentials {
    /// In this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Those of a person, by id.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub fn list(&self, person: &UserId) -> Result<Vec<Credential>, Refusal> {
        Ok(self.list_held(person)?.into_iter().map(|held| held.public).collect())
    }

    /// Removes one of a person's credentials; whether it was there.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub fn remove(&self, person: &UserId, id: &[u8]) -> Result<bool, Refusal> {
        let mut found = false;
        self.transact(&mut |rows| {
            found = match rows.row(TABLE, id)? {
                Some(row) => Held::read(id, &row)?.public.person == *person,
                None => false,
            };
            if found { rows.delete(TABLE, id) } else { Ok(()) }
        })?;
        Ok(found)
    }

    /// Removes all credentials of a person; how many there were.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub fn remove_person(&self, person: &UserId) -> Result<usize, Refusal> {
        let mut count = 0;
        let group = person.as_str().as_bytes();
        self.transact(&mut |rows| {
            count = rows.group(TABLE, group)?.len();
            rows.delete_group(TABLE, group)
        })?;
        Ok(count)
    }

    /// Keeps a new one.
    pub(super) fn register(&self, held: &Held) -> Result<(), Refusal> {
        let mut fault = None;
        let group = held.public.person.as_str().as_bytes();
        self.transact(&mut |rows| {
            let there = rows.group(TABLE, group)?.len();
            fault = match rows.row(TABLE, &held.public.id)? {
                Some(_) => Some(Fault::Registered),
                None => (there >= MOST_CREDENTIALS).then_some(Fault::TooMany(there)),
            };
            if fault.is_none() { held.write(rows) } else { Ok(()) }
        })?;
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    pub(super) fn find(&self, id: &[u8]) -> Result<Option<Held>, Refusal> {
        let mut found = None;
        self.read(&mut |rows| {
            let row = rows.row(TABLE, id)?;
            found = row.map(|row| Held::read(id, &row)).transpose()?;
            Ok(())
        })?;
        Ok(found)
    }

    pub(super) fn list_held(&self, person: &UserId) -> Result<Vec<Held>, Refusal> {
        let mut all = Vec::new();
        self.read(&mut |rows| {
            let rows = rows.group(TABLE, person.as_str().as_bytes())?;
            all = rows.iter().map(|(id, row)| Held::read(id, row)).collect::<Result<_, _>>()?;
            Ok(())
        })?;
        Ok(all)
    }

    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), store::Error>,
    ) -> Result<(), Refusal> {
        self.store.transact(work).map_err(|error| Refusal::Store(error.to_string()))
    }

    fn read(
        &self,
        work: &mut dyn FnMut(&dyn Reading) -> Result<(), store::Error>,
    ) -> Result<(), Refusal> {
        self.store.read(work).map_err(|error| Refusal::Store(error.to_string()))
    }
}

impl Held {
    fn write(&self, rows: &mut dyn Transaction) -> Result<(), store::Error> {
        let one = &self.public;
        let mut row = vec![VERSION];
        row.extend_from_slice(one.person.as_str().as_bytes());
        row.extend_from_slice(&self.user_handle);
        row.extend_from_slice(&one.model.0);
        let flags = [one.backup_eligible, one.backed_up, one.certified];
        row.extend(flags.map(u8::from));
        row.extend_from_slice(&one.counter.to_be_bytes());
        row.extend_from_slice(&one.registered.unix_millis().to_be_bytes());
        let used = one.used.map_or(i64::MIN, Time::unix_millis);
        row.extend_from_slice(&used.to_be_bytes());
        row.extend_from_slice(&self.key_bytes);
        let person = one.person.as_str().as_bytes();
        rows.put_in(TABLE, &[person], &one.id, &row)
    }

    fn read(id: &[u8], row: &[u8]) -> Result<Self, store::Error> {
        Self::parse(id, row).ok_or(store::Error::Malformed(TABLE))
    }

    fn parse(id: &[u8], row: &[u8]) -> Option<Self> {
        let ([VERSION], row) = row.split_first_chunk::<1>()? else { return None };
        let (person, row) = row.split_first_chunk::<12>()?;
        let (user_handle, row) = row.split_first_chunk::<32>()?;
        let (model, row) = row.split_first_chunk::<16>()?;
        let (flags, row) = row.split_first_chunk::<3>()?;
        let (counter, row) = row.split_first_chunk::<4>()?;
        let (registered, row) = row.split_first_chunk::<8>()?;
        let (used, key_bytes) = row.split_first_chunk::<8>()?;
        let [backup_eligible, backed_up, certified] = flags.map(|flag| flag != 0);
        let key = cose::Key::read(&cbor::whole(key_bytes)?)?;
        let used = Some(i64::from_be_bytes(*used)).filter(|used| *used != i64::MIN);
        Some(Self {
            public: Credential {
                id: id.to_vec(),
                person: UserId::parse(std::str::from_utf8(person).ok()?)?,
                model: Aaguid(*model),
                certified,
                algorithm: key.algorithm(),
                counter: u32::from_be_bytes(*counter),
                backup_eligible,
                backed_up,
                registered: Time::from_unix_millis(i64::from_be_bytes(*registered)),
                used: used.map(Time::from_unix_millis),
            },
            user_handle: *user_handle,
            key_bytes: key_bytes.to_vec(),
            key,
        })
    }
}
