//! General-purpose functions, slots and tokens (base specification 3.1 sections 5.4 and 5.5).

#![allow(unsafe_code, non_snake_case)]

use super::{
    MOST_PIN, numbers,
    tables::{V2_40, V3_0, V3_2},
    version,
};
use crate::{
    ffi::{
        guard::guard,
        pointers::{Out, Output, optional_bytes, padded, put_number, value},
        process::{self, current},
        templates::{outside, wide},
    },
    pkcs11::{Result, ck::*},
};
use cryptoki_sys::{
    CK_BBOOL, CK_C_INITIALIZE_ARGS, CK_FLAGS, CK_INFO, CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_RV,
    CK_SESSION_HANDLE, CK_SLOT_ID, CK_SLOT_INFO, CK_TOKEN_INFO, CK_ULONG, CK_UTF8CHAR, CK_VERSION,
};
use std::ffi::c_void;

/// C_GetInfo, with the version of the table that it was called through: some clients (NSS) take
/// that number for the length of the table that they hold.
///
/// # Safety
/// `info` is NULL or can take the structure.
unsafe fn tell_info(info: *mut CK_INFO, table: CK_VERSION) -> Result<()> {
    // SAFETY: the caller's promise.
    let out = unsafe { Out::new(info) };
    let info = current()?.info()?;
    out?.put(CK_INFO {
        cryptokiVersion: table,
        manufacturerID: padded(&info.manufacturer),
        flags: outside(info.flags),
        libraryDescription: padded(&info.description),
        libraryVersion: version(info.library_version),
    });
    Ok(())
}

functions! {
    fn C_GetInfo_3_0(info: *mut CK_INFO) {
        // SAFETY: the caller's promise.
        unsafe { tell_info(info, V3_0) }
    }

    fn C_GetInfo_3_2(info: *mut CK_INFO) {
        // SAFETY: the caller's promise.
        unsafe { tell_info(info, V3_2) }
    }
}

functions! {
    fn C_Initialize(arguments: *mut c_void) {
        if !arguments.is_null() {
            // SAFETY: the caller's promise.
            let arguments = unsafe { value(arguments.cast::<CK_C_INITIALIZE_ARGS>()) }?;
            let given = [
                { arguments.CreateMutex }.is_some(),
                { arguments.DestroyMutex }.is_some(),
                { arguments.LockMutex }.is_some(),
                { arguments.UnlockMutex }.is_some(),
            ];
            // All four or none; we lock by the operating system in any case.
            if !{ arguments.pReserved }.is_null() || given.iter().any(|one| *one != given[0]) {
                return Err(CKR_ARGUMENTS_BAD);
            }
        }
        process::initialize()
    }

    fn C_Finalize(reserved: *mut c_void) {
        if !reserved.is_null() {
            return Err(CKR_ARGUMENTS_BAD);
        }
        process::finalize()
    }

    fn C_GetInfo(info: *mut CK_INFO) {
        // SAFETY: the caller's promise.
        unsafe { tell_info(info, V2_40) }
    }

    fn C_GetSlotList(present: CK_BBOOL, list: *mut CK_SLOT_ID, count: *mut CK_ULONG) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let output = unsafe { Output::new(list, count) }?;
        output.put(&numbers(&cryptoki.slot_list(present != 0)?)?)
    }

    fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) {
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(info) };
        let info = current()?.slot_info(wide(slot))?;
        out?.put(CK_SLOT_INFO {
            slotDescription: padded(&info.description),
            manufacturerID: padded(&info.manufacturer),
            flags: outside(info.flags),
            hardwareVersion: version(info.hardware_version),
            firmwareVersion: version(info.firmware_version),
        });
        Ok(())
    }

    fn C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) {
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(info) };
        let info = current()?.token_info(wide(slot))?;
        out?.put(CK_TOKEN_INFO {
            label: padded(&info.label),
            manufacturerID: padded(&info.manufacturer),
            model: padded(&info.model),
            serialNumber: padded(&info.serial),
            flags: outside(info.flags),
            ulMaxSessionCount: outside(info.max_sessions),
            ulSessionCount: outside(info.sessions),
            ulMaxRwSessionCount: outside(info.max_rw_sessions),
            ulRwSessionCount: outside(info.rw_sessions),
            ulMaxPinLen: outside(info.max_pin),
            ulMinPinLen: outside(info.min_pin),
            ulTotalPublicMemory: outside(info.total_public_memory),
            ulFreePublicMemory: outside(info.free_public_memory),
            ulTotalPrivateMemory: outside(info.total_private_memory),
            ulFreePrivateMemory: outside(info.free_private_memory),
            hardwareVersion: version(info.hardware_version),
            firmwareVersion: version(info.firmware_version),
            utcTime: info.utc_time,
        });
        Ok(())
    }

    fn C_WaitForSlotEvent(flags: CK_FLAGS, slot: *mut CK_SLOT_ID, reserved: *mut c_void) {
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(slot) };
        let cryptoki = current()?;
        if !reserved.is_null() {
            return Err(CKR_ARGUMENTS_BAD);
        }
        let out = out?;
        let slot = cryptoki.wait_for_slot_event(wide(flags) & CKF_DONT_BLOCK == 0)?;
        put_number(out, slot)
    }

    fn C_GetMechanismList(
        slot: CK_SLOT_ID,
        list: *mut CK_MECHANISM_TYPE,
        count: *mut CK_ULONG,
    ) {
        // SAFETY: the caller's promise.
        let output = unsafe { Output::new(list, count) };
        let list = current()?.mechanism_list(wide(slot))?;
        output?.put(&numbers(&list)?)
    }

    fn C_GetMechanismInfo(
        slot: CK_SLOT_ID,
        kind: CK_MECHANISM_TYPE,
        info: *mut CK_MECHANISM_INFO,
    ) {
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(info) };
        let info = current()?.mechanism_info(wide(slot), wide(kind))?;
        out?.put(CK_MECHANISM_INFO {
            ulMinKeySize: outside(info.min_key),
            ulMaxKeySize: outside(info.max_key),
            flags: outside(info.flags),
        });
        Ok(())
    }

    fn C_InitToken(
        slot: CK_SLOT_ID,
        pin: *mut CK_UTF8CHAR,
        length: CK_ULONG,
        label: *mut CK_UTF8CHAR,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let pin = unsafe { optional_bytes(pin, length, MOST_PIN) }?;
        // SAFETY: the standard has 32 bytes there.
        let label = unsafe { value(label.cast::<[u8; 32]>()) }?;
        cryptoki.init_token(wide(slot), pin, &label)
    }

    fn C_InitPIN(session: CK_SESSION_HANDLE, pin: *mut CK_UTF8CHAR, length: CK_ULONG) {
        // SAFETY: the caller's promise.
        let pin = unsafe { optional_bytes(pin, length, MOST_PIN) };
        current()?.init_pin(wide(session), pin?)
    }

    fn C_SetPIN(
        session: CK_SESSION_HANDLE,
        old: *mut CK_UTF8CHAR,
        old_length: CK_ULONG,
        new: *mut CK_UTF8CHAR,
        new_length: CK_ULONG,
    ) {
        // SAFETY: the caller's promise.
        let old = unsafe { optional_bytes(old, old_length, MOST_PIN) };
        // SAFETY: as above.
        let new = unsafe { optional_bytes(new, new_length, MOST_PIN) };
        current()?.set_pin(wide(session), old?, new?)
    }
}
