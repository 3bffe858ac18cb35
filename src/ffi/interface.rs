//! The exported functions, and the tables that they hand out (base specification 3.1 section 5.4).

#![allow(unsafe_code, non_snake_case)]

use super::{
    calls::tables,
    guard::guard,
    pointers::{Out, Output, value},
};
use crate::pkcs11::{Result, ck::*};
use cryptoki_sys::{
    CK_FLAGS, CK_FUNCTION_LIST, CK_FUNCTION_LIST_3_0, CK_FUNCTION_LIST_3_2, CK_INTERFACE, CK_RV,
    CK_ULONG, CK_UTF8CHAR, CK_VERSION,
};
use std::ffi::{CStr, c_void};

/// The tables. Given out as pointers to mutable, as C has it; nobody writes to them.
static FUNCTIONS_2_40: CK_FUNCTION_LIST = tables::FUNCTIONS_2_40;
static FUNCTIONS_3_0: CK_FUNCTION_LIST_3_0 = tables::FUNCTIONS_3_0;
static FUNCTIONS_3_2: CK_FUNCTION_LIST_3_2 = tables::FUNCTIONS_3_2;

/// The name of the standard's interfaces; we have no other.
const NAME: &CStr = c"PKCS 11";

/// Interfaces, with pointers to immutable statics only.
struct Interfaces([CK_INTERFACE; 3]);

// SAFETY: its pointers lead to immutable statics.
unsafe impl Sync for Interfaces {}

/// All interfaces, the newest first, which is the one that is given to who names no version.
///
/// None has CKF_INTERFACE_FORK_SAFE: with it a child would have to inherit sessions and login.
static INTERFACES: Interfaces = Interfaces([
    interface((&raw const FUNCTIONS_3_2).cast()),
    interface((&raw const FUNCTIONS_3_0).cast()),
    interface((&raw const FUNCTIONS_2_40).cast()),
]);

/// The versions of [`INTERFACES`].
const VERSIONS: [CK_VERSION; 3] = [tables::V3_2, tables::V3_0, tables::V2_40];

const fn interface(table: *const c_void) -> CK_INTERFACE {
    CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast::<CK_UTF8CHAR>().cast_mut(),
        pFunctionList: table.cast_mut(),
        flags: 0,
    }
}

/// Gives the table of 2.40; may be called before C_Initialize.
///
/// # Safety
/// `list` is NULL or can take a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe { Out::new(list) }?.put((&raw const FUNCTIONS_2_40).cast_mut());
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
    INTERFACES
        .0
        .iter()
        .zip(VERSIONS)
        .find(|(interface, ours)| {
            name.is_none_or(|name| name == NAME)
                && version
                    .is_none_or(|asked| (asked.major, asked.minor) == (ours.major, ours.minor))
                && interface.flags & flags == flags
        })
        .map(|(interface, _)| std::ptr::from_ref(interface).cast_mut())
        .ok_or(CKR_FUNCTION_FAILED)
}
