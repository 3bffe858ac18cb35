//! An object as a record, and its row.
//!
//! ```text
//! row  = version 1 | revision u64 | flags u8 | key u8 | key's parameter u32 | block body | sealed key
//! body = block id | content            sealed under the card key where the object is private
//! block = length u32 | so many bytes
//! flags: 1 private, 2 has an id, 4 the key asks each time
//! key: 0 none, 1 private (parameter: its kind), 2 secret (parameter: its length)
//! ```

use super::{super::CardId, super::Error, state::Bytes};
use crate::{
    crypto::{KeyKind, PrivateKey, SealKey, SecretKey},
    store,
};
use std::fmt;
use zeroize::Zeroizing;

pub(super) const OBJECTS: &str = "objects";
const VERSION: u8 = 1;
const PRIVATE: u8 = 1;
const HAS_ID: u8 = 2;
const EACH_TIME: u8 = 4;
const KINDS: [KeyKind; 5] =
    [KeyKind::Rsa2048, KeyKind::Rsa3072, KeyKind::Rsa4096, KeyKind::P256, KeyKind::P384];

/// What key an object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// A private key.
    Private(KeyKind),
    /// A secret key of so many bytes.
    Secret(usize),
}

/// An object as the store has it.
#[derive(Clone)]
pub struct Record {
    /// Its number on its card, never another object's.
    pub number: u64,
    /// Whether it is seen after verification only.
    pub private: bool,
    /// What it is found by (PKCS#11 CKA_ID).
    pub id: Option<Vec<u8>>,
    /// What it is.
    pub content: Zeroizing<Vec<u8>>,
    /// What key it holds.
    pub key: Option<KeyType>,
    /// Whether its key asks for the passcode each time.
    pub each_time: bool,
}

/// An object to be made.
pub struct NewRecord {
    /// Whether it is seen after verification only.
    pub private: bool,
    /// What it is to be found by (PKCS#11 CKA_ID).
    pub id: Option<Vec<u8>>,
    /// What it is.
    pub content: Zeroizing<Vec<u8>>,
    /// The key that it is to hold.
    pub key: Option<NewKey>,
    /// Whether its key is to ask for the passcode each time.
    pub each_time: bool,
}

/// A key on its way into a card.
#[derive(Clone, Debug)]
pub enum NewKey {
    /// A private key.
    Private {
        /// The key.
        key: PrivateKey,
        /// Whether it was made elsewhere, which the policy may refuse.
        imported: bool,
    },
    /// A secret key.
    Secret {
        /// The key.
        key: SecretKey,
        /// Whether it was made elsewhere, which the policy may refuse.
        imported: bool,
    },
    /// The key that another object of the same card holds, by the object's number.
    Copy(u64),
}

/// What of an object may change.
#[derive(Clone)]
pub struct Change {
    /// What it is to be found by.
    pub id: Option<Vec<u8>>,
    /// What it is.
    pub content: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Record {
    /// Not the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, private, key, each_time, .. } = self;
        write!(f, "Record({number}, private: {private}, key: {key:?}, each_time: {each_time})")
    }
}

impl fmt::Debug for NewRecord {
    /// Not the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { private, key, each_time, .. } = self;
        write!(f, "NewRecord(private: {private}, key: {key:?}, each_time: {each_time})")
    }
}

impl fmt::Debug for Change {
    /// Not the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Change(..)")
    }
}

/// A row, opened as far as the store's key goes.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) revision: u64,
    pub(super) private: bool,
    pub(super) each_time: bool,
    pub(super) key: Option<KeyType>,
    has_id: bool,
    body: Zeroizing<Vec<u8>>,
    pub(super) sealed_key: Vec<u8>,
}

impl Stored {
    /// `card_key` for a private one.
    pub(super) fn new(
        of: Place,
        card_key: Option<&SealKey>,
        record: &NewRecord,
        key: Option<(KeyType, Vec<u8>)>,
    ) -> Result<Self, Error> {
        let (key, sealed_key) = match key {
            Some((key, sealed)) => (Some(key), sealed),
            None => (None, Vec::new()),
        };
        let mut stored = Self {
            revision: 0,
            private: record.private,
            each_time: record.each_time,
            key,
            has_id: false,
            body: Zeroizing::default(),
            sealed_key,
        };
        stored.fill(of, card_key, record.id.as_deref(), &record.content)?;
        Ok(stored)
    }

    /// Gives it another id and content.
    pub(super) fn fill(
        &mut self,
        of: Place,
        card_key: Option<&SealKey>,
        id: Option<&[u8]>,
        content: &[u8],
    ) -> Result<(), Error> {
        self.has_id = id.is_some();
        let id = id.unwrap_or_default();
        let mut body = Zeroizing::new(Vec::with_capacity(4 + id.len() + content.len()));
        body.extend_from_slice(&length(id)?);
        body.extend_from_slice(id);
        body.extend_from_slice(content);
        self.body = match (self.private, card_key) {
            (false, _) => body,
            (true, Some(key)) => Zeroizing::new(key.seal(&of.bytes(b"content"), &body)?),
            (true, None) => return Err(Error::NotVerified),
        };
        Ok(())
    }

    /// The record, if `card_key` is there where it has to be.
    pub(super) fn record(&self, of: Place, card_key: Option<&SealKey>) -> Result<Record, Error> {
        let sealed = store::Error::Sealed(OBJECTS);
        let opened;
        let body = match (self.private, card_key) {
            (false, _) => &self.body,
            (true, None) => return Err(Error::NotVerified),
            (true, Some(key)) => {
                opened = key.open(&of.bytes(b"content"), &self.body).map_err(|_| sealed)?;
                opened.expose()
            }
        };
        let mut body = Bytes(body);
        let id = body.block().ok_or(store::Error::Malformed(OBJECTS))?;
        Ok(Record {
            number: of.number,
            private: self.private,
            id: self.has_id.then(|| id.to_vec()),
            content: Zeroizing::new(body.0.to_vec()),
            key: self.key,
            each_time: self.each_time,
        })
    }

    pub(super) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let (kind, parameter) = match self.key {
            None => (0, 0),
            Some(KeyType::Private(kind)) => {
                (1, KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len()))
            }
            Some(KeyType::Secret(length)) => (2, length),
        };
        let parameter = u32::try_from(parameter).map_err(|_| Error::Usage)?;
        let flags = flag(self.private, PRIVATE)
            | flag(self.has_id, HAS_ID)
            | flag(self.each_time, EACH_TIME);
        let mut bytes =
            Zeroizing::new(Vec::with_capacity(19 + self.body.len() + self.sealed_key.len()));
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.revision.to_be_bytes());
        bytes.extend_from_slice(&[flags, kind]);
        bytes.extend_from_slice(&parameter.to_be_bytes());
        bytes.extend_from_slice(&length(&self.body)?);
        bytes.extend_from_slice(&self.body);
        bytes.extend_from_slice(&self.sealed_key);
        Ok(bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        if bytes.array()? != [VERSION] {
            return None;
        }
        let revision = bytes.number()?;
        let [flags, kind] = bytes.array()?;
        let parameter = usize::try_from(u32::from_be_bytes(bytes.array()?)).ok()?;
        let key = match (kind, parameter) {
            (0, 0) => None,
            (1, kind) => Some(KeyType::Private(*KINDS.get(kind)?)),
            (2, length) => Some(KeyType::Secret(length)),
            _ => return None,
        };
        let body = bytes.block()?;
        (flags & !(PRIVATE | HAS_ID | EACH_TIME) == 0).then(|| Self {
            revision,
            private: flags & PRIVATE != 0,
            each_time: flags & EACH_TIME != 0,
            key,
            has_id: flags & HAS_ID != 0,
            body: Zeroizing::new(body.to_vec()),
            sealed_key: bytes.0.to_vec(),
        })
    }
}

fn length(bytes: &[u8]) -> Result<[u8; 4], Error> {
    let length = u32::try_from(bytes.len());
    Ok(length.map_err(|_| store::Error::Medium("an object is too large".into()))?.to_be_bytes())
}

/// An object of a card: what its parts are sealed for, and the key of its row.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) card: CardId,
    pub(super) number: u64,
}

impl Place {
    pub(super) fn bytes(self, part: &[u8]) -> Vec<u8> {
        let number = self.number.to_be_bytes();
        [b"wardcard object\0", &self.card.0[..], &number, part].concat()
    }

    pub(super) fn key(self) -> Vec<u8> {
        [self.card.0, self.number.to_be_bytes()].concat()
    }

    /// Of the row with that key.
    pub(super) fn of(key: &[u8]) -> Result<Self, Error> {
        let malformed = || store::Error::Malformed(OBJECTS);
        let key: &[u8; 16] = key.try_into().map_err(|_| malformed())?;
        let (card, number) = key.split_first_chunk::<8>().ok_or_else(malformed)?;
        let number = number.try_into().map_err(|_| malformed())?;
        Ok(Self { card: CardId(*card), number: u64::from_be_bytes(number) })
    }
}
