//! Heads and kinds of messages.

/// Length of a head.
pub(super) const HEAD: usize = 12;
/// A reader that has no number yet.
pub(super) const UNDEFINED: u32 = u32::MAX;
/// "VSCD", version 2, no capabilities.
pub(super) const INIT: [u8; 12] = *b"VSCD\x00\x00\x00\x02\x00\x00\x00\x00";
/// VSC_SUCCESS.
pub(super) const SUCCESS: u32 = 0;
/// VSC_GENERAL_ERROR.
pub(super) const GENERAL_ERROR: u32 = 1;

/// VSCMsgType.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Begins.
    Init = 1,
    /// How something ended.
    Error = 2,
    /// A reader comes.
    ReaderAdd = 3,
    /// A reader goes.
    ReaderRemove = 4,
    /// A card comes, with its answer to reset.
    Atr = 5,
    /// A card goes.
    CardRemove = 6,
    /// A command or a response.
    Apdu = 7,
    /// Asks that everything be answered.
    Flush = 8,
    /// Everything is.
    FlushComplete = 9,
}

/// What stands before each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The kind of message.
    pub kind: Kind,
    /// Which reader it is about.
    pub reader: u32,
    /// How many bytes follow.
    pub length: usize,
}

impl Head {
    /// Reads a head; `None` for another length or a kind that nobody knows.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[k0, k1, k2, k3, r0, r1, r2, r3, l0, l1, l2, l3] = bytes else { return None };
        let kind = match u32::from_be_bytes([k0, k1, k2, k3]) {
            1 => Kind::Init,
            2 => Kind::Error,
            3 => Kind::ReaderAdd,
            4 => Kind::ReaderRemove,
            5 => Kind::Atr,
            6 => Kind::CardRemove,
            7 => Kind::Apdu,
            8 => Kind::Flush,
            9 => Kind::FlushComplete,
            _ => return None,
        };
        let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).ok()?;
        Some(Self { kind, reader: u32::from_be_bytes([r0, r1, r2, r3]), length })
    }
}

/// A message, to be sent in one write.
pub(super) fn frame(kind: Kind, reader: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + body.len());
    // No response is so long.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    for number in [kind as u32, reader, length] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(body);
    bytes
}
