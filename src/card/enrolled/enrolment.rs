//! An enrolment: whose the keys of a card are, by which certificates, and its row.
//!
//! ```text
//! row  = version 1 | person 12 | enrolled i64 | released i64 | reminded i64 | block by | now | next
//! now  = 0, or 1 | card 8 | number u64 | count u8 | keys
//! key  = slot u8 | object u64 | local u8 | block certificate | count u8 | blocks of its chain
//! next = 0, or 1 | card 8 | number u64 | since i64 | block by | count u8 | waiting keys
//! waiting key = slot u8 | object u64 | block PKCS#10 request
//! block = length u32 | so many bytes;  a time that has not come is i64::MIN, else milliseconds
//! ```

use super::{super::CardId, state::Bytes};
use crate::{
    clock::Time,
    pki::{Certificate, CertificationRequest, KeySlot, UserId},
};
use std::fmt;

const VERSION: u8 = 1;
const NEVER: i64 = i64::MIN;
/// Longest name of who enrolled, in bytes.
const LONGEST_NAME: usize = 256;

/// Whose the keys of a card are, by which certificates. What is read has been checked: each slot
/// once, certificates and requests of this person.
#[derive(Clone)]
pub struct Enrolment {
    /// Whose.
    pub person: UserId,
    /// When it began.
    pub enrolled_at: Time,
    /// Who began it.
    pub by: String,
    /// When keys were last released.
    pub released_at: Option<Time>,
    /// When somebody was last told that its certificates end soon.
    pub reminded_at: Option<Time>,
    /// The keys that are released; none while the first certificates are awaited.
    pub certified: Option<Certified>,
    /// New keys that wait for their certificates, beside those that are used until then.
    pub waiting: Option<NewKeys>,
}

/// Keys with their certificates, on one card.
#[derive(Clone, PartialEq, Eq)]
pub struct Certified {
    /// The card.
    pub card: CardId,
    /// Its number on its shelf.
    pub number: u64,
    /// The keys, in the order of their slots.
    pub keys: Vec<EnrolledKey>,
}

/// A key with its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolledKey {
    /// What it is for.
    pub slot: KeySlot,
    /// The number of the object that holds it.
    pub object: u64,
    /// Whether it was made on its card (PKCS#11 CKA_LOCAL) and has never been elsewhere.
    pub local: bool,
    /// Its certificate.
    pub certificate: Certificate,
    /// From the issuer's certificate upwards.
    pub chain: Vec<Certificate>,
}

/// New keys, on one card.
#[derive(Clone)]
pub struct NewKeys {
    /// The card.
    pub card: CardId,
    /// Its number on its shelf.
    pub number: u64,
    /// Since when they wait.
    pub since: Time,
    /// Who had them made.
    pub by: String,
    /// The keys, in the order of their slots.
    pub keys: Vec<WaitingKey>,
}

/// A key that waits for its certificate.
#[derive(Clone, Debug)]
pub struct WaitingKey {
    /// What it is for.
    pub slot: KeySlot,
    /// The number of the object that holds it.
    pub object: u64,
    /// What its certificate is asked for with.
    pub request: CertificationRequest,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certified, waiting, .. } = self;
        write!(f, "Enrolment(certified: {certified:?}, waiting: {waiting:?})")
    }
}

impl fmt::Debug for Certified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certified({}, {} keys)", self.card.to_hex(), self.keys.len())
    }
}

impl fmt::Debug for NewKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewKeys({}, {} keys)", self.card.to_hex(), self.keys.len())
    }
}

impl Enrolment {
    /// The last second of the first certificate to end; none while certificates are awaited.
    pub fn ends(&self) -> Option<Time> {
        let keys = self.certified.iter().flat_map(|certified| &certified.keys);
        keys.map(|key| key.certificate.not_after()).min()
    }

    /// The cards that it holds.
    pub(super) fn cards(&self) -> impl Iterator<Item = (CardId, u64)> {
        let certified = self.certified.iter().map(|of| (of.card, of.number));
        certified.chain(self.waiting.iter().map(|of| (of.card, of.number)))
    }

    /// A name as it is kept.
    pub(super) fn name(by: &str) -> String {
        by.chars()
            .scan(0, |length, letter| {
                *length += letter.len_utf8();
                (*length <= LONGEST_NAME).then_some(letter)
            })
            .collect()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.person.as_str().as_bytes());
        for time in [Some(self.enrolled_at), self.released_at, self.reminded_at] {
            put_time(&mut bytes, time);
        }
        put_block(&mut bytes, self.by.as_bytes());
        bytes.push(u8::from(self.certified.is_some()));
        if let Some(Certified { card, number, keys }) = &self.certified {
            put_card(&mut bytes, *card, *number);
            bytes.push(count(keys));
            for EnrolledKey { slot, object, local, certificate, chain } in keys {
                bytes.push(slot_byte(*slot));
                bytes.extend_from_slice(&object.to_be_bytes());
                bytes.push(u8::from(*local));
                put_block(&mut bytes, certificate.der());
                bytes.push(count(chain));
                chain.iter().for_each(|above| put_block(&mut bytes, above.der()));
            }
        }
        bytes.push(u8::from(self.waiting.is_some()));
        if let Some(NewKeys { card, number, since, by, keys }) = &self.waiting {
            put_card(&mut bytes, *card, *number);
            put_time(&mut bytes, Some(*since));
            put_block(&mut bytes, by.as_bytes());
            bytes.push(count(keys));
            for WaitingKey { slot, object, request } in keys {
                bytes.push(slot_byte(*slot));
                bytes.extend_from_slice(&object.to_be_bytes());
                put_block(&mut bytes, request.der());
            }
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        if bytes.array()? != [VERSION] {
            return None;
        }
        let person = UserId::parse(std::str::from_utf8(bytes.slice(12)?).ok()?)?;
        let (enrolled_at, released_at, reminded_at) =
            (time(&mut bytes)??, time(&mut bytes)?, time(&mut bytes)?);
        let by = name(&mut bytes)?;
        let certified = match flag(&mut bytes)? {
            true => Some(certified(&mut bytes, &person)?),
            false => None,
        };
        let waiting = match flag(&mut bytes)? {
            true => Some(waiting(&mut bytes, &person)?),
            false => None,
        };
        let whole = bytes.0.is_empty() && (certified.is_some() || waiting.is_some());
        whole.then_some(Self {
            person,
            enrolled_at,
            by,
            released_at,
            reminded_at,
            certified,
            waiting,
        })
    }
}

fn certified(bytes: &mut Bytes<'_>, person: &UserId) -> Option<Certified> {
    let (card, number) = (CardId(bytes.array()?), bytes.number()?);
    let keys = keys(bytes, |bytes, slot, object| {
        let local = flag(bytes)?;
        let certificate = Certificate::from_der(bytes.block()?).ok()?;
        let [count] = bytes.array()?;
        let chain = (0..count).map(|_| Certificate::from_der(bytes.block()?).ok());
        let chain = chain.collect::<Option<_>>()?;
        let key = EnrolledKey { slot, object, local, certificate, chain };
        (key.certificate.user_id().as_ref() == Some(person)).then_some(key)
    })?;
    Some(Certified { card, number, keys })
}

fn waiting(bytes: &mut Bytes<'_>, person: &UserId) -> Option<NewKeys> {
    let (card, number) = (CardId(bytes.array()?), bytes.number()?);
    let (since, by) = (time(bytes)??, name(bytes)?);
    let keys = keys(bytes, |bytes, slot, object| {
        let request = CertificationRequest::from_der(bytes.block()?).ok()?;
        let key = WaitingKey { slot, object, request };
        (key.request.user_id().as_ref() == Some(person)).then_some(key)
    })?;
    Some(NewKeys { card, number, since, by, keys })
}

/// One or two keys, slots in order and each once, objects each once.
fn keys<K>(
    bytes: &mut Bytes<'_>,
    read: impl Fn(&mut Bytes<'_>, KeySlot, u64) -> Option<K>,
) -> Option<Vec<K>> {
    let [count] = bytes.array()?;
    let mut seen: Vec<(KeySlot, u64)> = Vec::new();
    let mut keys = Vec::new();
    for _ in 0..count {
        let slot = match bytes.array()? {
            [1] => KeySlot::Authentication,
            [2] => KeySlot::ContentCommitment,
            _ => return None,
        };
        let object = bytes.number()?;
        if seen.iter().any(|(other, number)| *other >= slot || *number == object) {
            return None;
        }
        seen.push((slot, object));
        keys.push(read(bytes, slot, object)?);
    }
    (!keys.is_empty()).then_some(keys)
}

fn slot_byte(slot: KeySlot) -> u8 {
    match slot {
        KeySlot::Authentication => 1,
        KeySlot::ContentCommitment => 2,
    }
}

/// Keys and chains are a handful.
fn count<T>(all: &[T]) -> u8 {
    u8::try_from(all.len()).unwrap_or(u8::MAX)
}

fn put_card(bytes: &mut Vec<u8>, card: CardId, number: u64) {
    bytes.extend_from_slice(&card.0);
    bytes.extend_from_slice(&number.to_be_bytes());
}

fn put_time(bytes: &mut Vec<u8>, time: Option<Time>) {
    let millis = time.map_or(NEVER, Time::unix_millis);
    bytes.extend_from_slice(&millis.to_be_bytes());
}

fn put_block(bytes: &mut Vec<u8>, block: &[u8]) {
    // No certificate has 4 GiB.
    let length = u32::try_from(block.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(block);
}

fn flag(bytes: &mut Bytes<'_>) -> Option<bool> {
    match bytes.array()? {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

/// A time, which may not have come.
fn time(bytes: &mut Bytes<'_>) -> Option<Option<Time>> {
    let millis = i64::from_be_bytes(bytes.array()?);
    Some((millis != NEVER).then(|| Time::from_unix_millis(millis)))
}

fn name(bytes: &mut Bytes<'_>) -> Option<String> {
    let name = std::str::from_utf8(bytes.block()?).ok()?;
    (name.len() <= LONGEST_NAME).then(|| name.to_owned())
}
