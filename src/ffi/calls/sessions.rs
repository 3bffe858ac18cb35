//! Sessions (base specification 3.1 section 5.6), and the functions of the parallel past (5.20).

#![allow(unsafe_code, non_snake_case)]

use super::{MOST_PIN, or_end};
use crate::{
    ffi::{
        guard::guard,
        pointers::{Out, Output, bytes, optional_bytes, put_number},
        process::current,
        templates::{outside, wide},
    },
    pkcs11::ck::*,
};
use cryptoki_sys::{
    CK_BYTE, CK_FLAGS, CK_NOTIFY, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_SESSION_INFO,
    CK_SLOT_ID, CK_ULONG, CK_USER_TYPE, CK_UTF8CHAR,
};
use std::ffi::c_void;

outputs! {
    C_GetOperationState => operation_state, 0;
}

functions! {
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
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let state = unsafe { bytes(state, length) }?;
        cryptoki.set_operation_state(wide(session), state, wide(encryption), wide(authentication))
    }

    fn C_Login(
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        pin: *mut CK_UTF8CHAR,
        length: CK_ULONG,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let pin = unsafe { optional_bytes(pin, length, MOST_PIN) }?;
        cryptoki.login(wide(session), wide(user), pin)
    }

    fn C_LoginUser(
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        pin: *mut CK_UTF8CHAR,
        length: CK_ULONG,
        name: *mut CK_UTF8CHAR,
        name_length: CK_ULONG,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let pin = unsafe { optional_bytes(pin, length, MOST_PIN) }?;
        // SAFETY: as above.
        let name = unsafe { optional_bytes(name, name_length, MOST_PIN) }?;
        cryptoki.login_user(wide(session), wide(user), pin, name.unwrap_or_default())
    }

    fn C_SessionCancel(session: CK_SESSION_HANDLE, flags: CK_FLAGS) {
        current()?.session_cancel(wide(session), wide(flags))
    }

    fn C_Logout(session: CK_SESSION_HANDLE) {
        current()?.logout(wide(session))
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
