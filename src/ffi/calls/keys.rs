//! Key management and random (base specification 3.1 sections 5.18 and 5.19).

#![allow(unsafe_code, non_snake_case)]

use super::or_end;
use crate::{
    ffi::{
        guard::guard,
        mechanisms::mechanism,
        pointers::{Out, Output, bytes, put_number},
        process::current,
        templates::{template, wide},
    },
    pkcs11::ck::*,
};
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_ULONG,
};
use zeroize::Zeroizing;

/// Random bytes that are asked for at once.
const RANDOM: usize = 64 * 1024;

inputs! {
    C_SeedRandom => seed_random, 0;
}

functions! {
    fn C_GenerateKey(
        session: CK_SESSION_HANDLE,
        by: *mut CK_MECHANISM,
        attributes: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(key) }?;
        // SAFETY: as above.
        let by = unsafe { mechanism(by) }?;
        // SAFETY: as above.
        let attributes = unsafe { template(attributes, count) }?;
        put_number(out, cryptoki.generate_key(wide(session), &by, &attributes)?)
    }

    fn C_GenerateKeyPair(
        session: CK_SESSION_HANDLE,
        by: *mut CK_MECHANISM,
        public: *mut CK_ATTRIBUTE,
        public_count: CK_ULONG,
        private: *mut CK_ATTRIBUTE,
        private_count: CK_ULONG,
        public_key: *mut CK_OBJECT_HANDLE,
        private_key: *mut CK_OBJECT_HANDLE,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let public_out = unsafe { Out::new(public_key) }?;
        // SAFETY: as above.
        let private_out = unsafe { Out::new(private_key) }?;
        // SAFETY: as above.
        let by = unsafe { mechanism(by) }?;
        // SAFETY: as above.
        let public = unsafe { template(public, public_count) }?;
        // SAFETY: as above.
        let private = unsafe { template(private, private_count) }?;
        let made = cryptoki.generate_key_pair(wide(session), &by, &public, &private)?;
        put_number(public_out, made.0)?;
        put_number(private_out, made.1)
    }

    fn C_WrapKey(
        session: CK_SESSION_HANDLE,
        by: *mut CK_MECHANISM,
        wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
        buffer: *mut CK_BYTE,
        length: *mut CK_ULONG,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let by = unsafe { mechanism(by) }?;
        // SAFETY: as above.
        let output = unsafe { Output::new(buffer, length) }?;
        let filled =
            cryptoki.wrap_key(wide(session), &by, wide(wrapping), wide(key), output.room())?;
        output.fill(filled)
    }

    fn C_UnwrapKey(
        session: CK_SESSION_HANDLE,
        by: *mut CK_MECHANISM,
        unwrapping: CK_OBJECT_HANDLE,
        wrapped: *mut CK_BYTE,
        length: CK_ULONG,
        attributes: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(key) }?;
        // SAFETY: as above.
        let by = unsafe { mechanism(by) }?;
        // SAFETY: as above.
        let wrapped = unsafe { bytes(wrapped, length) }?;
        // SAFETY: as above.
        let attributes = unsafe { template(attributes, count) }?;
        let key =
            cryptoki.unwrap_key(wide(session), &by, wide(unwrapping), wrapped, &attributes)?;
        put_number(out, key)
    }

    fn C_DeriveKey(
        session: CK_SESSION_HANDLE,
        by: *mut CK_MECHANISM,
        base: CK_OBJECT_HANDLE,
        attributes: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(key) }?;
        // SAFETY: as above.
        let by = unsafe { mechanism(by) }?;
        // SAFETY: as above.
        let attributes = unsafe { template(attributes, count) }?;
        put_number(out, cryptoki.derive_key(wide(session), &by, wide(base), &attributes)?)
    }

    fn C_GenerateRandom(session: CK_SESSION_HANDLE, buffer: *mut CK_BYTE, length: CK_ULONG) {
        let cryptoki = current()?;
        let mut left = usize::try_from(length).map_err(|_| CKR_ARGUMENTS_BAD)?;
        if isize::try_from(left).is_err() || (buffer.is_null() && left > 0) {
            return Err(CKR_ARGUMENTS_BAD);
        }
        let mut buffer = buffer;
        // Asked for at least once, so that the session is looked at.
        loop {
            let part = left.min(RANDOM);
            let random = Zeroizing::new(cryptoki.generate_random(wide(session), part)?);
            if random.len() != part {
                return Err(CKR_GENERAL_ERROR);
            }
            let mut room = CK_ULONG::try_from(part).map_err(|_| CKR_GENERAL_ERROR)?;
            if part > 0 {
                // SAFETY: `part` bytes of what the caller promised are left at `buffer`.
                unsafe { Output::new(buffer, &raw mut room) }?.put(&random)?;
            }
            buffer = buffer.wrapping_add(part);
            left -= part;
            if left == 0 {
                return Ok(());
            }
        }
    }
}
