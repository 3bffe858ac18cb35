//! The tables of SP 800-73-4 and SP 800-78-4 as data.

use crate::crypto::KeyKind;

/// The application identifier (SP 800-73-4 part 1 section 2.2), with the version of its end.
pub(super) const AID: [u8; 11] = [0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];
/// How much of it an application is selected by at the least: the provider's part.
pub(super) const PROVIDER: usize = 5;

/// Reference data that is no key (SP 800-73-4 part 1 table 4b).
pub(super) mod reference {
    /// The PIV card application's PIN: our passcode.
    pub(in crate::piv) const PIN: u8 = 0x80;
    /// The PIN unblocking key: the security officer's passcode.
    pub(in crate::piv) const PUK: u8 = 0x81;
    /// The card management key.
    pub(in crate::piv) const MANAGEMENT: u8 = 0x9B;
}

/// A key of the person's on the card (SP 800-73-4 part 1 table 4b).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyReference {
    /// 9A: PIV authentication.
    Authentication,
    /// 9C: digital signature, where our content commitment key stands.
    Signature,
    /// 9D: key management.
    KeyManagement,
    /// 9E: card authentication. Never there.
    CardAuthentication,
}

impl KeyReference {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Authentication, Self::Signature, Self::KeyManagement, Self::CardAuthentication];

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Authentication => 0x9A,
            Self::Signature => 0x9C,
            Self::KeyManagement => 0x9D,
            Self::CardAuthentication => 0x9E,
        }
    }

    /// The id that a key of this reference has among PKCS#11's objects, as other modules over PIV
    /// cards number them too.
    pub const fn id(self) -> [u8; 1] {
        match self {
            Self::Authentication => [1],
            Self::Signature => [2],
            Self::KeyManagement => [3],
            Self::CardAuthentication => [4],
        }
    }

    /// Whether VERIFY has to be the command just before each use ("PIN always").
    pub const fn each_time(self) -> bool {
        matches!(self, Self::Signature)
    }
}

impl TryFrom<u8> for KeyReference {
    type Error = u8;

    fn try_from(number: u8) -> Result<Self, u8> {
        Self::ALL.into_iter().find(|known| known.number() == number).ok_or(number)
    }
}

/// An algorithm of a person's key (SP 800-78-4 table 6-2; 05 is SP 800-78-5's).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// 07: RSA, 2048 bits.
    Rsa2048,
    /// 05: RSA, 3072 bits.
    Rsa3072,
    /// 11: P-256.
    P256,
    /// 14: P-384.
    P384,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rsa2048, Self::Rsa3072, Self::P256, Self::P384];

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Rsa2048 => 0x07,
            Self::Rsa3072 => 0x05,
            Self::P256 => 0x11,
            Self::P384 => 0x14,
        }
    }

    /// The kind of its keys.
    pub const fn kind(self) -> KeyKind {
        match self {
            Self::Rsa2048 => KeyKind::Rsa2048,
            Self::Rsa3072 => KeyKind::Rsa3072,
            Self::P256 => KeyKind::P256,
            Self::P384 => KeyKind::P384,
        }
    }
}

impl TryFrom<u8> for Algorithm {
    type Error = u8;

    fn try_from(number: u8) -> Result<Self, u8> {
        Self::ALL.into_iter().find(|known| known.number() == number).ok_or(number)
    }
}

/// What reading takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    /// Nothing.
    Always,
    /// VERIFY.
    Pin,
}

/// Where what a container holds comes from, as long as nobody has written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// The discovery object.
    Discovery,
    /// Who holds the card, and the card's own number.
    Chuid,
    /// What the card can do.
    Capability,
    /// A certificate of this key.
    Certificate(KeyReference),
    /// How many old keys there are: none.
    KeyHistory,
    /// What would be printed on a card.
    Printed,
    /// Hashes of the others.
    Security,
    /// Nothing.
    Empty,
}

/// A container (SP 800-73-4 part 1 tables 2 and 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Container {
    /// Tag in GET DATA and PUT DATA.
    pub tag: u32,
    /// Number in the security object's map.
    pub id: u16,
    /// What reading takes.
    pub read: Read,
    /// What lies there.
    pub content: Content,
}

const fn row(tag: u32, id: u16, read: Read, content: Content) -> Container {
    Container { tag, id, read, content }
}

/// Tag of the discovery object.
pub(super) const DISCOVERY: u32 = 0x7E;
/// Tag of the biometric information templates' group.
pub(super) const BIT_GROUP: u32 = 0x7F61;

/// Every container; retired certificates, which are twenty in a row, by their first.
pub const CONTAINERS: [Container; 17] = [
    row(0x5F_C107, 0xDB00, Read::Always, Content::Capability),
    row(0x5F_C102, 0x3000, Read::Always, Content::Chuid),
    row(0x5F_C105, 0x0101, Read::Always, Content::Certificate(KeyReference::Authentication)),
    row(0x5F_C103, 0x6010, Read::Pin, Content::Empty),
    row(0x5F_C106, 0x9000, Read::Always, Content::Security),
    row(0x5F_C108, 0x6030, Read::Pin, Content::Empty),
    row(0x5F_C101, 0x0500, Read::Always, Content::Certificate(KeyReference::CardAuthentication)),
    row(0x5F_C10A, 0x0100, Read::Always, Content::Certificate(KeyReference::Signature)),
    row(0x5F_C10B, 0x0102, Read::Always, Content::Certificate(KeyReference::KeyManagement)),
    row(0x5F_C109, 0x3001, Read::Pin, Content::Printed),
    row(DISCOVERY, 0x6050, Read::Always, Content::Discovery),
    row(0x5F_C10C, 0x6060, Read::Always, Content::KeyHistory),
    row(RETIRED, 0x1001, Read::Always, Content::Empty),
    row(0x5F_C121, 0x1015, Read::Pin, Content::Empty),
    row(BIT_GROUP, 0x1016, Read::Always, Content::Empty),
    row(0x5F_C122, 0x1017, Read::Always, Content::Empty),
    row(0x5F_C123, 0x1018, Read::Pin, Content::Empty),
];

/// Tag of the first retired certificate.
const RETIRED: u32 = 0x5F_C10D;
/// How many there are.
const RETIRED_COUNT: u32 = 20;

impl Container {
    /// The container with this tag.
    pub fn of(tag: u32) -> Option<Self> {
        let retired = tag.checked_sub(RETIRED).filter(|number| *number < RETIRED_COUNT);
        let first = if retired.is_some() { RETIRED } else { tag };
        let row = CONTAINERS.into_iter().find(|row| row.tag == first)?;
        let after = u16::try_from(retired.unwrap_or(0)).unwrap_or(0);
        Some(Self { tag, id: row.id.saturating_add(after), ..row })
    }
}
