//! The standard's structures as values, and the rule of output room (section 5.2).

use std::fmt;
use zeroize::Zeroize;

/// A return value that is not CKR_OK.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rv(pub u64);
impl fmt::Debug for Rv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CKR {:#x}", self.0)
    }
}
/// Result of a Cryptoki function.
pub type Result<T, E = Rv> = std::result::Result<T, E>;

/// CK_SLOT_ID.
pub type SlotId = u64;
/// CK_SESSION_HANDLE.
pub type SessionHandle = u64;
/// CK_OBJECT_HANDLE.
pub type ObjectHandle = u64;
/// CK_MECHANISM_TYPE.
pub type MechanismType = u64;
/// CK_ATTRIBUTE_TYPE.
pub type AttributeType = u64;

/// CK_INFO. Texts are without padding; faces pad.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Info {
    pub cryptoki_version: (u8, u8),
    pub manufacturer: String,
    pub flags: u64,
    pub description: String,
    pub library_version: (u8, u8),
}
/// CK_SLOT_INFO.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SlotInfo {
    pub description: String,
    pub manufacturer: String,
    pub flags: u64,
    pub hardware_version: (u8, u8),
    pub firmware_version: (u8, u8),
}
/// CK_TOKEN_INFO. `u64::MAX` is CK_UNAVAILABLE_INFORMATION.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TokenInfo {
    pub label: String,
    pub manufacturer: String,
    pub model: String,
    pub serial: String,
    pub flags: u64,
    pub max_sessions: u64,
    pub sessions: u64,
    pub max_rw_sessions: u64,
    pub rw_sessions: u64,
    pub max_pin: u64,
    pub min_pin: u64,
    pub total_public_memory: u64,
    pub free_public_memory: u64,
    pub total_private_memory: u64,
    pub free_private_memory: u64,
    pub hardware_version: (u8, u8),
    pub firmware_version: (u8, u8),
    pub utc_time: [u8; 16],
}
/// CK_SESSION_INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SessionInfo {
    pub slot: SlotId,
    pub state: u64,
    pub flags: u64,
    pub device_error: u64,
}
/// CK_MECHANISM_INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MechanismInfo {
    pub min_key: u64,
    pub max_key: u64,
    pub flags: u64,
}

/// CK_MECHANISM with its parameter read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// Its type.
    pub kind: MechanismType,
    /// Its parameter.
    pub parameter: Parameter,
}
/// A mechanism's parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Parameter {
    /// NULL or empty.
    None,
    /// CK_RSA_PKCS_PSS_PARAMS.
    Pss { hash: u64, mgf: u64, salt: u64 },
    /// CK_RSA_PKCS_OAEP_PARAMS.
    Oaep { hash: u64, mgf: u64, source: u64, label: Vec<u8> },
    /// CK_GCM_PARAMS; the tag's length in bits.
    Gcm { iv: Vec<u8>, aad: Vec<u8>, tag_bits: u64 },
    /// CK_ECDH1_DERIVE_PARAMS.
    Ecdh { kdf: u64, shared: Vec<u8>, public: Vec<u8> },
    /// CK_HKDF_PARAMS; a salt that is a key is named by its handle.
    Hkdf { extract: bool, expand: bool, hash: u64, salt: HkdfSalt, info: Vec<u8> },
    /// A structure without pointers, as its bytes: an IV; CK_AES_CTR_PARAMS and CK_ULONG with
    /// numbers as 8 bytes little-endian.
    Bytes(Vec<u8>),
}
/// The salt of CK_HKDF_PARAMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HkdfSalt {
    /// CKF_HKDF_SALT_NULL: as many zeros as the hash has bytes.
    Null,
    /// CKF_HKDF_SALT_DATA.
    Data(Vec<u8>),
    /// CKF_HKDF_SALT_KEY.
    Key(ObjectHandle),
}
/// One attribute of a template. Numbers (CK_ULONG) are 8 bytes little-endian as on 64-bit Linux; faces of other widths convert.
/// The value may be a key's: it is erased on drop and never shown.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Attribute {
    pub kind: AttributeType,
    pub value: Vec<u8>,
}
impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CKA {:#x} ({} bytes)", self.kind, self.value.len())
    }
}
impl Drop for Attribute {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}
/// One question of C_GetAttributeValue: which attribute, and how much room there is (`None` asks for the length).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Query {
    pub kind: AttributeType,
    pub room: Option<usize>,
}
/// Its answer.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// CK_UNAVAILABLE_INFORMATION: sensitive, unknown, or too long for the room.
    Unavailable,
    /// The length, where it was asked for.
    Length(usize),
    /// The value, which fits.
    Value(Vec<u8>),
}
impl fmt::Debug for Answer {
    /// A value may be a key's: its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable => f.write_str("Unavailable"),
            Self::Length(length) => write!(f, "Length({length})"),
            Self::Value(value) => write!(f, "Value({} bytes)", value.len()),
        }
    }
}
/// What C_GetAttributeValue answers: all answers, and CKR_OK (`None`) or one of the four codes that still fill the template.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Answers {
    pub code: Option<Rv>,
    pub answers: Vec<Answer>,
}

/// The room a caller has for output (section 5.2 of the base specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// A NULL buffer: only the length is asked for, the operation goes on.
    Query,
    /// So many bytes.
    Bytes(usize),
}
/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filled {
    /// Answer to `Query`; the operation goes on.
    Length(usize),
    /// CKR_BUFFER_TOO_SMALL, and so much is needed; the operation goes on.
    TooSmall(usize),
    /// The output, which fits.
    Bytes(Vec<u8>),
}

impl Room {
    /// Whether an output of `needed` bytes may be made now: `Ok`, or the answer that leaves the
    /// operation as it is. This is the one place where section 5.2 is decided.
    ///
    /// # Errors
    /// What to answer instead of the output.
    pub fn admits(self, needed: usize) -> std::result::Result<(), Filled> {
        match self {
            Self::Query => Err(Filled::Length(needed)),
            Self::Bytes(room) if room < needed => Err(Filled::TooSmall(needed)),
            Self::Bytes(_) => Ok(()),
        }
    }
}

impl Attribute {
    /// An attribute with a number (CK_ULONG) as its value.
    pub fn number(kind: AttributeType, value: u64) -> Self {
        Self { kind, value: value.to_le_bytes().to_vec() }
    }

    /// An attribute with CK_TRUE or CK_FALSE as its value.
    pub fn flag(kind: AttributeType, value: bool) -> Self {
        Self { kind, value: vec![u8::from(value)] }
    }

    /// An attribute with bytes as its value.
    pub fn bytes(kind: AttributeType, value: impl Into<Vec<u8>>) -> Self {
        Self { kind, value: value.into() }
    }
}

impl Mechanism {
    /// A mechanism without a parameter.
    pub fn plain(kind: MechanismType) -> Self {
        Self { kind, parameter: Parameter::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_attributes_are_not_shown() {
        let attribute = Attribute::bytes(0x11, b"top secret");
        let answer = Answer::Value(b"top secret".to_vec());
        assert_eq!(format!("{attribute:?}"), "CKA 0x11 (10 bytes)");
        assert_eq!(format!("{answer:?}"), "Value(10 bytes)");
    }
}
