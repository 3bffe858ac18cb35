//! Status words (ISO/IEC 7816-4 section 5.1.3, tables 5 and 6), as far as PIV and its clients have
//! them.

/// The last two bytes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// 9000: done.
    Success,
    /// 61xx: done, and so many more bytes are there for GET RESPONSE; 0 stands for 256 or more.
    MoreAvailable(u8),
    /// 63Cx: verification failed, or is still to come; so many tries are left (0 to 15).
    TriesLeft(u8),
    /// 6581: memory failure.
    MemoryFailure,
    /// 6700: wrong length.
    WrongLength,
    /// 6881: logical channel not supported.
    LogicalChannel,
    /// 6882: secure messaging not supported.
    SecureMessaging,
    /// 6883: last command of the chain expected.
    ChainUnfinished,
    /// 6884: command chaining not supported.
    ChainUnsupported,
    /// 6981: command incompatible with file structure.
    FileStructure,
    /// 6982: security status not satisfied.
    SecurityStatus,
    /// 6983: authentication method blocked.
    Blocked,
    /// 6984: reference data not usable.
    ReferenceUnusable,
    /// 6985: conditions of use not satisfied.
    Conditions,
    /// 6A80: incorrect parameters in the command data field.
    IncorrectData,
    /// 6A81: function not supported.
    FunctionUnsupported,
    /// 6A82: file or application not found.
    NotFound,
    /// 6A84: not enough memory space.
    NoSpace,
    /// 6A86: incorrect parameters P1-P2.
    IncorrectParameters,
    /// 6A88: referenced data not found.
    ReferenceNotFound,
    /// 6D00: instruction code not supported.
    Instruction,
    /// 6E00: class not supported.
    Class,
    /// 6F00: no precise diagnosis.
    Unspecific,
}

impl Status {
    /// Every status, those with a number at each end of its range.
    pub const ALL: [Self; 25] = [
        Self::Success,
        Self::MoreAvailable(0),
        Self::MoreAvailable(0xFF),
        Self::TriesLeft(0),
        Self::TriesLeft(0x0F),
        Self::MemoryFailure,
        Self::WrongLength,
        Self::LogicalChannel,
        Self::SecureMessaging,
        Self::ChainUnfinished,
        Self::ChainUnsupported,
        Self::FileStructure,
        Self::SecurityStatus,
        Self::Blocked,
        Self::ReferenceUnusable,
        Self::Conditions,
        Self::IncorrectData,
        Self::FunctionUnsupported,
        Self::NotFound,
        Self::NoSpace,
        Self::IncorrectParameters,
        Self::ReferenceNotFound,
        Self::Instruction,
        Self::Class,
        Self::Unspecific,
    ];

    /// SW1 and SW2.
    pub const fn to_bytes(self) -> [u8; 2] {
        match self {
            Self::Success => [0x90, 0x00],
            Self::MoreAvailable(count) => [0x61, count],
            Self::TriesLeft(left) => [0x63, 0xC0 | if left > 0x0F { 0x0F } else { left }],
            Self::MemoryFailure => [0x65, 0x81],
            Self::WrongLength => [0x67, 0x00],
            Self::LogicalChannel => [0x68, 0x81],
            Self::SecureMessaging => [0x68, 0x82],
            Self::ChainUnfinished => [0x68, 0x83],
            Self::ChainUnsupported => [0x68, 0x84],
            Self::FileStructure => [0x69, 0x81],
            Self::SecurityStatus => [0x69, 0x82],
            Self::Blocked => [0x69, 0x83],
            Self::ReferenceUnusable => [0x69, 0x84],
            Self::Conditions => [0x69, 0x85],
            Self::IncorrectData => [0x6A, 0x80],
            Self::FunctionUnsupported => [0x6A, 0x81],
            Self::NotFound => [0x6A, 0x82],
            Self::NoSpace => [0x6A, 0x84],
            Self::IncorrectParameters => [0x6A, 0x86],
            Self::ReferenceNotFound => [0x6A, 0x88],
            Self::Instruction => [0x6D, 0x00],
            Self::Class => [0x6E, 0x00],
            Self::Unspecific => [0x6F, 0x00],
        }
    }

    /// The status of these bytes; `None` for one that is not among ours.
    pub fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        match bytes {
            [0x61, count] => Some(Self::MoreAvailable(count)),
            [0x63, left @ 0xC0..=0xCF] => Some(Self::TriesLeft(left & 0x0F)),
            bytes => Self::ALL.into_iter().find(|status| status.to_bytes() == bytes),
        }
    }
}
