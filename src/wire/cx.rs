//! What both ends share while they read and write a message: the protocol version, handles, and what can go wrong.

use super::bytes::Malformed;
use crate::pkcs11::{ObjectHandle, Rv};
use std::ffi::c_ulong;

pub(crate) const SLOT_ID_INVALID: Rv = Rv(0x03);
pub(crate) const GENERAL_ERROR: Rv = Rv(0x05);
pub(crate) const ARGUMENTS_BAD: Rv = Rv(0x07);
pub(crate) const NO_EVENT: Rv = Rv(0x08);
pub(crate) const ATTRIBUTE_SENSITIVE: Rv = Rv(0x11);
pub(crate) const ATTRIBUTE_TYPE_INVALID: Rv = Rv(0x12);
pub(crate) const ATTRIBUTE_VALUE_INVALID: Rv = Rv(0x13);
pub(crate) const DEVICE_ERROR: Rv = Rv(0x30);
pub(crate) const DEVICE_MEMORY: Rv = Rv(0x31);
pub(crate) const DEVICE_REMOVED: Rv = Rv(0x32);
pub(crate) const MECHANISM_INVALID: Rv = Rv(0x70);
pub(crate) const MECHANISM_PARAM_INVALID: Rv = Rv(0x71);
pub(crate) const OBJECT_HANDLE_INVALID: Rv = Rv(0x82);
pub(crate) const SESSION_HANDLE_INVALID: Rv = Rv(0xb3);
pub(crate) const TOKEN_NOT_PRESENT: Rv = Rv(0xe0);
pub(crate) const BUFFER_TOO_SMALL: Rv = Rv(0x150);
pub(crate) const NOT_INITIALIZED: Rv = Rv(0x190);
pub(crate) const ALREADY_INITIALIZED: Rv = Rv(0x191);

/// What stands for arguments that break the protocol, within a server: the peer is answered CKR_DEVICE_ERROR, and its
/// connection ends. No Cryptoki answers it.
pub(crate) const MALFORMED: Rv = Rv(u64::MAX);

/// The newest protocol version spoken here.
pub(crate) const NEWEST: u8 = 2;

/// Why arguments could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes break the protocol.
    Malformed,
    /// The bytes are in order, the value is one that cannot be used: this is the answer.
    Refused(Rv),
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<Fault> for Rv {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed => MALFORMED,
            Fault::Refused(code) => code,
        }
    }
}

impl From<Malformed> for Rv {
    fn from(_: Malformed) -> Self {
        MALFORMED
    }
}

/// The version agreed on, and whose handles are meant.
///
/// A client numbers objects so that a handle of a lost connection is never one of the next: the connection's generation
/// stands in the upper bits of a CK_ULONG, which is C's `unsigned long`: 16 of 64, or, as on Windows, 8 of 32. A server
/// that has given out more handles than the rest can tell apart is left, and its numbers begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cx {
    pub(crate) version: u8,
    /// 0 at the server, which passes handles as they are; at a client 1 to [`LAST_GENERATION`].
    pub(crate) generation: u16,
}

/// Bits of a handle that are the server's.
pub(super) const HANDLE_BITS: u32 = if c_ulong::BITS < 64 { 24 } else { 48 };
/// All ones is no handle.
const LAST_GENERATION: u16 = if c_ulong::BITS < 64 { 0xfe } else { 0xfffe };

impl Cx {
    /// A server's.
    pub(crate) fn server(version: u8) -> Self {
        Self { version, generation: 0 }
    }

    /// The generation that follows: never 0, never all ones.
    pub(crate) fn next_generation(generation: u16) -> u16 {
        if generation >= LAST_GENERATION { 1 } else { generation + 1 }
    }

    /// An object's handle as the other end knows it. 0, which names no object, stays as it is.
    pub(crate) fn outgoing(self, handle: ObjectHandle) -> Result<u64, Rv> {
        if self.generation == 0 || handle == 0 {
            return Ok(handle);
        }
        if handle >> HANDLE_BITS != u64::from(self.generation) {
            return Err(OBJECT_HANDLE_INVALID);
        }
        Ok(handle & ((1 << HANDLE_BITS) - 1))
    }

    /// An object's handle as this end knows it.
    pub(crate) fn incoming(self, handle: u64) -> Result<ObjectHandle, Malformed> {
        if self.generation == 0 || handle == 0 {
            return Ok(handle);
        }
        if handle >> HANDLE_BITS != 0 {
            return Err(Malformed);
        }
        Ok(handle | u64::from(self.generation) << HANDLE_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_of_another_connection_are_unknown() {
        let first = Cx { version: 2, generation: 1 };
        let second = Cx { version: 2, generation: 2 };
        let handle = first.incoming(7).unwrap();
        assert_eq!(first.outgoing(handle), Ok(7));
        assert_eq!(second.outgoing(handle), Err(OBJECT_HANDLE_INVALID));
        assert_eq!(first.outgoing(7), Err(OBJECT_HANDLE_INVALID));
        assert_eq!(first.incoming(1 << HANDLE_BITS), Err(Malformed));
        assert_eq!((first.incoming(0), first.outgoing(0)), (Ok(0), Ok(0)));
        assert_eq!(Cx::server(2).incoming(1 << 48), Ok(1 << 48));
        assert_eq!(Cx::server(2).outgoing(1 << 63), Ok(1 << 63));
    }

    #[test]
    fn generations_are_never_zero_or_all_ones() {
        assert_eq!(Cx::next_generation(0), 1);
        assert_eq!(Cx::next_generation(LAST_GENERATION - 1), LAST_GENERATION);
        assert_eq!(Cx::next_generation(LAST_GENERATION), 1);
    }

    /// On Windows none did, and no program found an object on an agent's card.
    #[test]
    fn every_handle_fits_what_a_program_in_c_has_for_it() {
        let last = Cx { version: 2, generation: LAST_GENERATION };
        let handle = last.incoming((1 << HANDLE_BITS) - 1).unwrap();
        assert!(c_ulong::try_from(handle).is_ok_and(|handle| handle < c_ulong::MAX), "{handle:x}");
    }
}
