//! Authenticator data (WebAuthn Level 3 section 6.1): fixed part, flags, counter, the attested
//! credential (section 6.5.1), and extension outputs, which are parsed and not used.

use super::Fault;
use crate::proof::{
    cbor::{self, Value},
    cose,
};

const PRESENT: u8 = 1 << 0;
const VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;
/// Bits 1 and 5 are reserved for future use; who sets them means something that is not known here.
const RESERVED: u8 = 1 << 1 | 1 << 5;

/// Most bytes of a credential id (7.1 step 25).
pub(super) const LONGEST_ID: usize = 1023;

/// Authenticator data, taken apart.
#[derive(Debug)]
pub(super) struct AuthenticatorData<'a> {
    pub(super) relying_party: &'a [u8],
    pub(super) present: bool,
    pub(super) verified: bool,
    pub(super) backup_eligible: bool,
    pub(super) backed_up: bool,
    pub(super) counter: u32,
    pub(super) attested: Option<Attested<'a>>,
}

/// What stands in it of a credential that was made.
#[derive(Debug)]
pub(super) struct Attested<'a> {
    pub(super) model: [u8; 16],
    pub(super) id: &'a [u8],
    /// COSE_Key as it was written.
    pub(super) key_bytes: &'a [u8],
    pub(super) key: cose::Key,
}

impl<'a> AuthenticatorData<'a> {
    /// Takes it apart; nothing may stand after its end.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        let short = Fault::AuthenticatorData("it is too short");
        let (relying_party, rest) = bytes.split_at_checked(32).ok_or(short)?;
        let (flags, rest) = rest.split_first().ok_or(short)?;
        let (counter, mut rest) = rest.split_first_chunk::<4>().ok_or(short)?;
        let has = |flag| flags & flag != 0;
        if has(RESERVED) {
            return Err(Fault::AuthenticatorData("a reserved flag is set"));
        }
        let mut attested = None;
        if has(ATTESTED) {
            let (credential, after) = Attested::read(rest)?;
            (attested, rest) = (Some(credential), after);
        }
        if has(EXTENSIONS) {
            let malformed = Fault::AuthenticatorData("its extensions are no map of CBOR");
            let (extensions, after) = cbor::first(rest).ok_or(malformed)?;
            if !matches!(extensions, Value::Map(_)) {
                return Err(malformed);
            }
            rest = after;
        }
        if !rest.is_empty() {
            return Err(Fault::AuthenticatorData("something stands after its end"));
        }
        Ok(Self {
            relying_party,
            present: has(PRESENT),
            verified: has(VERIFIED),
            backup_eligible: has(BACKUP_ELIGIBLE),
            backed_up: has(BACKED_UP),
            counter: u32::from_be_bytes(*counter),
            attested,
        })
    }
}

impl<'a> Attested<'a> {
    fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Fault> {
        let short = Fault::AuthenticatorData("the attested credential is too short");
        let (model, rest) = bytes.split_first_chunk::<16>().ok_or(short)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(short)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 || length > LONGEST_ID {
            return Err(Fault::CredentialId);
        }
        let (id, at_key) = rest.split_at_checked(length).ok_or(short)?;
        let (key, rest) = cbor::first(at_key).ok_or(Fault::Key)?;
        let key_length = at_key.len().saturating_sub(rest.len());
        let key_bytes = at_key.get(..key_length).unwrap_or_default();
        let key = cose::Key::read(&key).ok_or(Fault::Key)?;
        Ok((Self { model: *model, id, key_bytes, key }, rest))
    }
}
