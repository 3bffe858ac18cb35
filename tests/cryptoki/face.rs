//! The C tables in this process, called as an application calls them.

use crate::cards::*;
use cryptoki_sys::*;
use std::{
    ptr::null_mut,
    sync::{Mutex, MutexGuard, PoisonError},
};
use wardcard::ffi;

/// One process has one state, so the tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Calls a function of the table of 2.40.
macro_rules! call {
    ($face:expr, $name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: the arguments are what the function takes, or wrong in a way that it must bear.
        unsafe { ($face.list.$name.unwrap())($($argument),*) }
    };
}

pub(crate) use call;

/// Calls a function of the table of 3.2.
macro_rules! newest {
    ($face:expr, $name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: the arguments are what the function takes, or wrong in a way that it must bear.
        unsafe { ($face.newest.$name.unwrap())($($argument),*) }
    };
}
pub(crate) use newest;

/// The tables over one desk's card, for one test at a time.
pub(crate) struct Face {
    pub(crate) list: CK_FUNCTION_LIST,
    pub(crate) newest: CK_FUNCTION_LIST_3_2,
    pub(crate) desk: Desk,
    _turn: MutexGuard<'static, ()>,
}

impl Face {
    pub(crate) fn new(desk: Desk) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list: *mut CK_FUNCTION_LIST = null_mut();
        // SAFETY: a place for a pointer.
        assert_eq!(unsafe { ffi::C_GetFunctionList(&raw mut list) }, CKR_OK);
        // SAFETY: the table is static.
        let list = unsafe { *list };
        ffi::serve_in_process(Some(desk.module()));
        Self { list, newest: newest_table(), desk, _turn: turn }
    }

    pub(crate) fn initialized() -> Self {
        let face = Self::new(Desk::with_card());
        assert_eq!(call!(face, C_Initialize(null_mut())), CKR_OK);
        face
    }

    pub(crate) fn open(&self) -> CK_SESSION_HANDLE {
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        assert_eq!(
            call!(self, C_OpenSession(0, flags, null_mut(), None, &raw mut session)),
            CKR_OK
        );
        session
    }

    /// A session after login, and the authentication key.
    pub(crate) fn signed_in(&self) -> (CK_SESSION_HANDLE, CK_OBJECT_HANDLE) {
        let session = self.open();
        let pin = PASSCODE.as_ptr().cast_mut();
        assert_eq!(call!(self, C_Login(session, CKU_USER, pin, 6)), CKR_OK);
        let mut class = CKO_PRIVATE_KEY;
        let mut template = CK_ATTRIBUTE {
            type_: CKA_CLASS,
            pValue: (&raw mut class).cast(),
            ulValueLen: size_of::<CK_ULONG>() as CK_ULONG,
        };
        assert_eq!(call!(self, C_FindObjectsInit(session, &raw mut template, 1)), CKR_OK);
        let (mut key, mut count) = (0, 0);
        assert_eq!(call!(self, C_FindObjects(session, &raw mut key, 1, &raw mut count)), CKR_OK);
        assert_eq!(count, 1);
        assert_eq!(call!(self, C_FindObjectsFinal(session)), CKR_OK);
        (session, key)
    }

    pub(crate) fn sign_init(&self, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> CK_RV {
        let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
        call!(self, C_SignInit(session, &raw mut mechanism, key))
    }
}

impl Drop for Face {
    fn drop(&mut self) {
        call!(self, C_Finalize(null_mut()));
        ffi::serve_in_process(None);
    }
}

pub(crate) fn plain(mechanism: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM { mechanism, pParameter: null_mut(), ulParameterLen: 0 }
}

/// The interface of this version.
pub(crate) fn interface(major: u8, minor: u8) -> CK_INTERFACE {
    let mut version = CK_VERSION { major, minor };
    let mut interface: *mut CK_INTERFACE = null_mut();
    let name = c"PKCS 11".as_ptr().cast_mut().cast();
    // SAFETY: a C string, a version, a place for a pointer.
    let rv = unsafe { ffi::C_GetInterface(name, &raw mut version, &raw mut interface, 0) };
    assert_eq!(rv, CKR_OK);
    // SAFETY: interfaces are static.
    unsafe { *interface }
}

fn newest_table() -> CK_FUNCTION_LIST_3_2 {
    // SAFETY: the table of that version, which is static.
    unsafe { *interface(3, 2).pFunctionList.cast() }
}
