//! A card's row: label, generations, and the card key under each passcode.
//!
//! ```text
//! version 1 | id 8 | label 32 | generation u64 | changes u64 | next u64 | wrappings to the end
//! wrapping = kind u8 | generation u64 | KiB u32 | passes u32 | salt 16 | length u16 | sealed card key
//!          | 3 u8 | generation u64 | person 12 digits | length u16 | sealed card key
//! ```
//!
//! Kinds are 1, the security officer's, 2, the user's, and 3, under the key of release alone, for the
//! named person's proof. A card that a registration tool made has the first, one that was enrolled
//! here has the third alone; each kind stands there at most once.

use super::super::{CardId, Error, Role, looks};
use crate::{
    crypto::{self, SealKey, Stretch},
    pki::UserId,
    secret::Passcode,
};

const VERSION: u8 = 1;
/// The kind of the wrapping for release.
const RELEASE: u8 = 3;
/// What a stored wrapping may cost at most to open: 1 GiB.
const MOST: Stretch = Stretch { memory_kib: 1024 * 1024, passes: 64 };

/// All about a card but its objects.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) id: CardId,
    pub(super) label: [u8; 32],
    /// Grows with each new passcode and at each initialisation.
    pub(super) generation: u64,
    /// Grows with each change.
    pub(super) changes: u64,
    /// Number of the next object.
    pub(super) next: u64,
    pub(super) so: Option<Wrapping>,
    pub(super) user: Option<Wrapping>,
    pub(super) release: Option<Release>,
}

/// The card key under a passcode and the store's key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Wrapping {
    /// The card's generation when it was made; a login counts as long as it is this one.
    pub(super) generation: u64,
    cost: Stretch,
    salt: [u8; 16],
    sealed: Vec<u8>,
}

/// The card key under the key of release alone, for one person's proof.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Release {
    generation: u64,
    pub(super) person: UserId,
    sealed: Vec<u8>,
}

impl State {
    pub(super) fn wrapping(&self, role: Role) -> Option<&Wrapping> {
        match role {
            Role::SecurityOfficer => self.so.as_ref(),
            Role::User => self.user.as_ref(),
        }
    }

    /// Puts a new wrapping in the place of the one that was there.
    pub(super) fn put(&mut self, role: Role, wrapping: Wrapping) {
        self.generation = self.generation.max(wrapping.generation);
        match role {
            Role::SecurityOfficer => self.so = Some(wrapping),
            Role::User => self.user = Some(wrapping),
        }
    }

    /// Wraps the card key for the release to `person`, in the place of what was there.
    pub(super) fn put_release(
        &mut self,
        release_key: &SealKey,
        person: &UserId,
        card_key: &SealKey,
    ) -> Result<(), Error> {
        let generation = self.generation.saturating_add(1);
        let place = release_place(self.id, person, generation);
        let sealed = release_key.seal(&place, card_key.expose())?;
        self.generation = generation;
        self.release = Some(Release { generation, person: person.clone(), sealed });
        Ok(())
    }

    /// The card key, if it is wrapped for the release to `person`.
    pub(super) fn released(&self, release_key: &SealKey, person: &UserId) -> Option<SealKey> {
        let Release { generation, sealed, .. } = self.release.as_ref()?;
        let place = release_place(self.id, person, *generation);
        SealKey::from_bytes(&release_key.open(&place, sealed).ok()?).ok()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(&self.label);
        for number in [self.generation, self.changes, self.next] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        for role in [Role::SecurityOfficer, Role::User] {
            let Some(wrapping) = self.wrapping(role) else { continue };
            bytes.push(role_byte(role));
            bytes.extend_from_slice(&wrapping.generation.to_be_bytes());
            bytes.extend_from_slice(&wrapping.cost.memory_kib.to_be_bytes());
            bytes.extend_from_slice(&wrapping.cost.passes.to_be_bytes());
            bytes.extend_from_slice(&wrapping.salt);
            put_sealed(&mut bytes, &wrapping.sealed);
        }
        if let Some(Release { generation, person, sealed }) = &self.release {
            bytes.push(RELEASE);
            bytes.extend_from_slice(&generation.to_be_bytes());
            bytes.extend_from_slice(person.as_str().as_bytes());
            put_sealed(&mut bytes, sealed);
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        if bytes.array()? != [VERSION] {
            return None;
        }
        let (id, label) = (CardId(bytes.array()?), bytes.array()?);
        let (generation, changes, next) = (bytes.number()?, bytes.number()?, bytes.number()?);
        let (mut so, mut user, mut release) = (None, None, None);
        while let Some([kind]) = bytes.array() {
            let twice = match kind {
                1 => so.replace(Wrapping::from_bytes(&mut bytes)?).is_some(),
                2 => user.replace(Wrapping::from_bytes(&mut bytes)?).is_some(),
                RELEASE => release.replace(Release::from_bytes(&mut bytes)?).is_some(),
                _ => return None,
            };
            if twice {
                return None;
            }
        }
        // A card that nothing opens is none, and who has no security officer has no passcode.
        let opens = so.is_some() || (release.is_some() && user.is_none());
        opens.then_some(Self { id, label, generation, changes, next, so, user, release })
    }
}

impl Release {
    fn from_bytes(bytes: &mut Bytes<'_>) -> Option<Self> {
        let generation = bytes.number()?;
        let person = UserId::parse(std::str::from_utf8(bytes.slice(12)?).ok()?)?;
        let length = u16::from_be_bytes(bytes.array()?);
        let sealed = bytes.slice(length.into())?.to_vec();
        Some(Self { generation, person, sealed })
    }
}

fn put_sealed(bytes: &mut Vec<u8>, sealed: &[u8]) {
    let length = u16::try_from(sealed.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(sealed);
}

/// What a card key is sealed for under the key of release.
fn release_place(id: CardId, person: &UserId, generation: u64) -> Vec<u8> {
    let (person, generation) = (person.as_str().as_bytes(), generation.to_be_bytes());
    [b"wardcard card key: release\0", &id.0[..], person, &generation].concat()
}

impl Wrapping {
    /// Wraps `card_key`. Takes the time of a stretching.
    pub(super) fn make(
        store_key: &SealKey,
        id: CardId,
        role: Role,
        generation: u64,
        passcode: &Passcode,
        card_key: &SealKey,
    ) -> Result<Self, Error> {
        let mut salt = [0; 16];
        crypto::random(&mut salt)?;
        let mut wrapping = Self { generation, cost: Stretch::LEAST, salt, sealed: Vec::new() };
        let key = wrapping.key(store_key, passcode)?;
        wrapping.sealed = key.seal(&place(id, role, generation), card_key.expose())?;
        Ok(wrapping)
    }

    /// The card key, if it is this passcode. Takes the time of a stretching, whatever the answer.
    pub(super) fn open(
        &self,
        store_key: &SealKey,
        id: CardId,
        role: Role,
        passcode: &Passcode,
    ) -> Result<Option<SealKey>, Error> {
        let key = self.key(store_key, passcode)?;
        match key.open(&place(id, role, self.generation), &self.sealed) {
            Ok(card_key) => Ok(Some(SealKey::from_bytes(&card_key)?)),
            Err(_) => Ok(None),
        }
    }

    fn key(&self, store_key: &SealKey, passcode: &Passcode) -> Result<SealKey, Error> {
        let stretched = {
            let _room = looks::room();
            crypto::stretch(passcode.expose(), &self.salt, self.cost)?
        };
        Ok(store_key.with(&stretched, b"wardcard enrolled card: passcode"))
    }

    fn from_bytes(bytes: &mut Bytes<'_>) -> Option<Self> {
        let generation = bytes.number()?;
        let memory_kib = u32::from_be_bytes(bytes.array()?);
        let passes = u32::from_be_bytes(bytes.array()?);
        let affordable = (Stretch::LEAST.memory_kib..=MOST.memory_kib).contains(&memory_kib)
            && (Stretch::LEAST.passes..=MOST.passes).contains(&passes);
        let salt = bytes.array()?;
        let length = u16::from_be_bytes(bytes.array()?);
        let sealed = bytes.slice(length.into())?.to_vec();
        let cost = Stretch { memory_kib, passes };
        affordable.then_some(Self { generation, cost, salt, sealed })
    }
}

/// What a card key is sealed for.
fn place(id: CardId, role: Role, generation: u64) -> Vec<u8> {
    let generation = generation.to_be_bytes();
    [b"wardcard card key\0", &id.0[..], &[role_byte(role)], &generation].concat()
}

pub(super) fn role_byte(role: Role) -> u8 {
    match role {
        Role::SecurityOfficer => 1,
        Role::User => 2,
    }
}

/// Bytes from the front.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(slice)
    }

    /// A slice behind its length.
    pub(super) fn block(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.array()?);
        self.slice(usize::try_from(length).ok()?)
    }
}
