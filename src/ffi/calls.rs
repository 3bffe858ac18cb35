//! The functions of CK_FUNCTION_LIST: pointers to values, one call of the Cryptoki in use, values
//! to pointers.

#![allow(unsafe_code, non_snake_case)]

use super::{
    guard::guard,
    interface::C_GetFunctionList,
    pointers::{Bad, Out, Output, bytes, optional_bytes, padded, put_number, value},
    process::{self, current},
    templates::{mechanism, outside, wide},
};
use crate::pkcs11::{Cryptoki, Result, Rv, ck::*};
use cryptoki_sys::{
    CK_BBOOL, CK_BYTE, CK_C_INITIALIZE_ARGS, CK_FLAGS, CK_FUNCTION_LIST, CK_INFO, CK_MECHANISM,
    CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_NOTIFY, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE,
    CK_SESSION_INFO, CK_SLOT_ID, CK_SLOT_INFO, CK_TOKEN_INFO, CK_ULONG, CK_USER_TYPE, CK_UTF8CHAR,
    CK_VERSION,
};
use std::{ffi::c_void, sync::Arc};

/// The longest PIN that is read; no card takes one so long.
const MOST_PIN: usize = 1024;

/// Declares functions of the table. Each one's body runs behind the guard and answers a
/// [`Result`]; the caller's promise of each is that its pointers are NULL or as the standard has
/// them, which is what the bodies' unsafe blocks rely on.
macro_rules! functions {
    ($(fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block)*) => {$(
        pub(super) unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
            guard(|| $body)
        }
    )*};
}

/// `C_xInit(session, mechanism, key)`.
macro_rules! inits {
    ($($name:ident => $method:ident;)*) => {functions! {$(
        fn $name(session: CK_SESSION_HANDLE, by: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
            // SAFETY: the caller's promise.
            let by = unsafe { mechanism(by) }?;
            current()?.$method(wide(session), &by, wide(key))
        }
    )*}};
}

/// `C_x(session, input, length)`; a bad argument ends the operation that the flag names.
macro_rules! inputs {
    ($($name:ident => $method:ident, $flag:expr;)*) => {functions! {$(
        fn $name(session: CK_SESSION_HANDLE, input: *mut CK_BYTE, length: CK_ULONG) {
            let cryptoki = current()?;
            // SAFETY: the caller's promise.
            let input = or_end(&cryptoki, session, $flag, unsafe { bytes(input, length) })?;
            cryptoki.$method(wide(session), input)
        }
    )*}};
}

/// `C_x(session, output, length)`; a bad argument ends the operation that the flag names.
macro_rules! outputs {
    ($($name:ident => $method:ident, $flag:expr;)*) => {functions! {$(
        fn $name(session: CK_SESSION_HANDLE, buffer: *mut CK_BYTE, length: *mut CK_ULONG) {
            let cryptoki = current()?;
            // SAFETY: the caller's promise.
            let output = or_end(&cryptoki, session, $flag, unsafe { Output::new(buffer, length) })?;
            let filled = cryptoki.$method(wide(session), output.room())?;
            output.fill(filled)
        }
    )*}};
}

/// `C_x(session, input, length, output, length)`; a bad argument ends the operation that the flag
/// names.
macro_rules! transforms {
    ($($name:ident => $method:ident, $flag:expr;)*) => {functions! {$(
        fn $name(
            session: CK_SESSION_HANDLE,
            input: *mut CK_BYTE,
            length: CK_ULONG,
            buffer: *mut CK_BYTE,
            room: *mut CK_ULONG,
        ) {
            let cryptoki = current()?;
            // SAFETY: the caller's promise; the output is written when the input is done with.
            let input = or_end(&cryptoki, session, $flag, unsafe { bytes(input, length) })?;
            // SAFETY: the caller's promise.
            let output = or_end(&cryptoki, session, $flag, unsafe { Output::new(buffer, room) })?;
            let filled = cryptoki.$method(wide(session), input, output.room())?;
            output.fill(filled)
        }
    )*}};
}

/// An argument, or the end of the operation that wanted it (rule 2): any error but a too small
/// buffer ends an operation, also one that the Cryptoki behind us never hears of.
fn or_end<T>(
    cryptoki: &Arc<dyn Cryptoki>,
    session: CK_SESSION_HANDLE,
    flag: u64,
    argument: std::result::Result<T, Bad>,
) -> Result<T> {
    if argument.is_err() && flag != 0 {
        // One that cannot cancel leaves the operation as it is; the argument's error is told.
        let _ = cryptoki.session_cancel(wide(session), flag);
    }
    Ok(argument?)
}

mod keys;
mod objects;

use keys::*;
use objects::*;

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
        let out = unsafe { Out::new(info) };
        let info = current()?.info()?;
        out?.put(CK_INFO {
            cryptokiVersion: version(info.cryptoki_version),
            manufacturerID: padded(&info.manufacturer),
            flags: outside(info.flags),
            libraryDescription: padded(&info.description),
            libraryVersion: version(info.library_version),
        });
        Ok(())
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
        // SAFETY: the caller's promise.
        let pin = unsafe { optional_bytes(pin, length, MOST_PIN) };
        // SAFETY: the standard has 32 bytes there.
        let label = unsafe { value(label.cast::<[u8; 32]>()) };
        current()?.init_token(wide(slot), pin?, &label?)
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

    fn C_OpenSession(
        slot: CK_SLOT_ID,
        flags: CK_FLAGS,
        _application: *mut c_void,
        _notify: CK_NOTIFY,
        session: *mut CK_SESSION_HANDLE,
    ) {
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(session) };
        let cryptoki = current()?;
        let out = out?;
        put_number(out, cryptoki.open_session(wide(slot), wide(flags))?)
    }

    fn C_CloseSession(session: CK_SESSION_HANDLE) {
        current()?.close_session(wide(session))
    }

    fn C_CloseAllSessions(slot: CK_SLOT_ID) {
        current()?.close_all_sessions(wide(slot))
    }

    fn C_GetSessionInfo(session: CK_SESSION_HANDLE, info: *mut CK_SESSION_INFO) {
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(info) };
        let info = current()?.session_info(wide(session))?;
        out?.put(CK_SESSION_INFO {
            slotID: outside(info.slot),
            state: outside(info.state),
            flags: outside(info.flags),
            ulDeviceError: outside(info.device_error),
        });
        Ok(())
    }

    fn C_SetOperationState(
        session: CK_SESSION_HANDLE,
        state: *mut CK_BYTE,
        length: CK_ULONG,
        encryption: CK_OBJECT_HANDLE,
        authentication: CK_OBJECT_HANDLE,
    ) {
        // SAFETY: the caller's promise.
        let state = unsafe { bytes(state, length) };
        current()?
            .set_operation_state(wide(session), state?, wide(encryption), wide(authentication))
    }

    fn C_Login(
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        pin: *mut CK_UTF8CHAR,
        length: CK_ULONG,
    ) {
        // SAFETY: the caller's promise.
        let pin = unsafe { optional_bytes(pin, length, MOST_PIN) };
        current()?.login(wide(session), wide(user), pin?)
    }

    fn C_Logout(session: CK_SESSION_HANDLE) {
        current()?.logout(wide(session))
    }

    fn C_DigestInit(session: CK_SESSION_HANDLE, by: *mut CK_MECHANISM) {
        // SAFETY: the caller's promise.
        let by = unsafe { mechanism(by) };
        let cryptoki = current()?;
        cryptoki.digest_init(wide(session), &by?)
    }

    fn C_DigestKey(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) {
        current()?.digest_key(wide(session), wide(key))
    }

    fn C_Verify(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_length: CK_ULONG,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let data = or_end(&cryptoki, session, CKF_VERIFY, unsafe { bytes(data, length) })?;
        // SAFETY: as above.
        let signature = unsafe { bytes(signature, signature_length) };
        let signature = or_end(&cryptoki, session, CKF_VERIFY, signature)?;
        cryptoki.verify(wide(session), data, signature)
    }

    fn C_GetFunctionStatus(_session: CK_SESSION_HANDLE) {
        current()?;
        Err(CKR_FUNCTION_NOT_PARALLEL)
    }

    fn C_CancelFunction(_session: CK_SESSION_HANDLE) {
        current()?;
        Err(CKR_FUNCTION_NOT_PARALLEL)
    }
}

inits! {
    C_EncryptInit => encrypt_init;
    C_DecryptInit => decrypt_init;
    C_SignInit => sign_init;
    C_SignRecoverInit => sign_recover_init;
    C_VerifyInit => verify_init;
    C_VerifyRecoverInit => verify_recover_init;
}

inputs! {
    C_DigestUpdate => digest_update, CKF_DIGEST;
    C_SignUpdate => sign_update, CKF_SIGN;
    C_VerifyUpdate => verify_update, CKF_VERIFY;
    C_VerifyFinal => verify_final, CKF_VERIFY;
    C_SeedRandom => seed_random, 0;
}

outputs! {
    C_GetOperationState => operation_state, 0;
    C_EncryptFinal => encrypt_final, CKF_ENCRYPT;
    C_DecryptFinal => decrypt_final, CKF_DECRYPT;
    C_DigestFinal => digest_final, CKF_DIGEST;
    C_SignFinal => sign_final, CKF_SIGN;
}

transforms! {
    C_Encrypt => encrypt, CKF_ENCRYPT;
    C_EncryptUpdate => encrypt_update, CKF_ENCRYPT;
    C_Decrypt => decrypt, CKF_DECRYPT;
    C_DecryptUpdate => decrypt_update, CKF_DECRYPT;
    C_Digest => digest, CKF_DIGEST;
    C_Sign => sign, CKF_SIGN;
    C_SignRecover => sign_recover, CKF_SIGN_RECOVER;
    C_VerifyRecover => verify_recover, CKF_VERIFY_RECOVER;
    C_DigestEncryptUpdate => digest_encrypt_update, CKF_DIGEST | CKF_ENCRYPT;
    C_DecryptDigestUpdate => decrypt_digest_update, CKF_DECRYPT | CKF_DIGEST;
    C_SignEncryptUpdate => sign_encrypt_update, CKF_SIGN | CKF_ENCRYPT;
    C_DecryptVerifyUpdate => decrypt_verify_update, CKF_DECRYPT | CKF_VERIFY;
}

fn version((major, minor): (u8, u8)) -> CK_VERSION {
    CK_VERSION { major, minor }
}

/// Numbers as C code has them; one that does not fit comes from no honest module.
fn numbers(numbers: &[u64]) -> Result<Vec<CK_ULONG>> {
    let narrow =
        |number: &u64| CK_ULONG::try_from(*number).map_err(|_| -> Rv { CKR_GENERAL_ERROR });
    numbers.iter().map(narrow).collect()
}

macro_rules! table {
    ($($name:ident)*) => {
        /// The table of PKCS#11 2.40.
        pub(super) const FUNCTIONS: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            $($name: Some($name),)*
        };
    };
}

table! {
    C_Initialize C_Finalize C_GetInfo C_GetFunctionList C_GetSlotList C_GetSlotInfo C_GetTokenInfo
    C_GetMechanismList C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN C_OpenSession
    C_CloseSession C_CloseAllSessions C_GetSessionInfo C_GetOperationState C_SetOperationState
    C_Login C_Logout C_CreateObject C_CopyObject C_DestroyObject C_GetObjectSize
    C_GetAttributeValue C_SetAttributeValue C_FindObjectsInit C_FindObjects C_FindObjectsFinal
    C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal C_DecryptInit C_Decrypt C_DecryptUpdate
    C_DecryptFinal C_DigestInit C_Digest C_DigestUpdate C_DigestKey C_DigestFinal C_SignInit C_Sign
    C_SignUpdate C_SignFinal C_SignRecoverInit C_SignRecover C_VerifyInit C_Verify C_VerifyUpdate
    C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover C_DigestEncryptUpdate C_DecryptDigestUpdate
    C_SignEncryptUpdate C_DecryptVerifyUpdate C_GenerateKey C_GenerateKeyPair C_WrapKey C_UnwrapKey
    C_DeriveKey C_SeedRandom C_GenerateRandom C_GetFunctionStatus C_CancelFunction
    C_WaitForSlotEvent
}
