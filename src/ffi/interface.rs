//! The exported functions, and the tables that they hand out (base specification section 5.4).

#![allow(unsafe_code, non_snake_case)]

use super::{
    calls,
    guard::guard,
    pointers::{Out, Output, value},
};
use crate::pkcs11::{Result, ck::*};
use cryptoki_sys::{
    CK_FLAGS, CK_FUNCTION_LIST, CK_INTERFACE, CK_RV, CK_ULONG, CK_UTF8CHAR, CK_VERSION,
};
use std::ffi::CStr;

/// The table of 2.40. Given out as a pointer to mutable, as C has it; nobody writes to it.
static FUNCTIONS: CK_FUNCTION_LIST = calls::FUNCTIONS;

/// The one interface that there is.
const NAME: &CStr = c"PKCS 11";

/// Interfaces, with pointers to immutable statics only.
struct Interfaces([CK_INTERFACE; 1]);

// SAFETY: its pointers lead to immutable statics.
unsafe impl Sync for Interfaces {}

static INTERFACES: Interfaces = Interfaces([CK_INTERFACE {
    pInterfaceName: NAME.as_ptr().cast::<CK_UTF8CHAR>().cast_mut(),
    pFunctionList: (&raw const FUNCTIONS).cast_mut().cast(),
    flags: 0,
}]);

/// Gives the table of functions; may be called before C_Initialize.
///
/// # Safety
/// `list` is NULL or can take a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe { Out::new(list) }?.put((&raw const FUNCTIONS).cast_mut());
        Ok(())
    })
}

/// Lists the interfaces; may be called before C_Initialize.
///
/// # Safety
/// `count` is NULL or can be read and written; `list` is NULL or can take that many interfaces.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterfaceList(
    list: *mut CK_INTERFACE,
    count: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller's promise.
    guard(|| unsafe { Output::new(list, count) }?.put(&INTERFACES.0))
}

/// Gives the interface of a name (NULL for any), a version (NULL for any) and flags; may be called
/// before C_Initialize.
///
/// # Safety
/// `name` is NULL or a C string; `version` is NULL or can be read; `interface` is NULL or can take
/// a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterface(
    name: *mut CK_UTF8CHAR,
    version: *mut CK_VERSION,
    interface: *mut *mut CK_INTERFACE,
    flags: CK_FLAGS,
) -> CK_RV {
    guard(|| {
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(interface) }?;
        // SAFETY: as above.
        let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name.cast()) });
        // SAFETY: as above.
        let version = (!version.is_null()).then(|| unsafe { value(version) }).transpose()?;
        out.put(wanted(name, version, flags)?);
        Ok(())
    })
}

fn wanted(
    name: Option<&CStr>,
    version: Option<CK_VERSION>,
    flags: CK_FLAGS,
) -> Result<*mut CK_INTERFACE> {
    let [interface] = &INTERFACES.0;
    let ours = FUNCTIONS.version;
    let fits = name.is_none_or(|name| name == NAME)
        && version.is_none_or(|asked| (asked.major, asked.minor) == (ours.major, ours.minor))
        && interface.flags & flags == flags;
    if fits { Ok(std::ptr::from_ref(interface).cast_mut()) } else { Err(CKR_FUNCTION_FAILED) }
}
