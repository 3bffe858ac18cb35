//! The interfaces and their tables (base specification 3.1 section 5.4; 3.2 for its own functions).

use crate::{cards::*, face::*};
use cryptoki_sys::*;
use std::{
    ffi::CStr,
    ptr::{null, null_mut},
};
use wardcard::ffi;

/// Where the functions begin: the version is padded to a pointer, except where tables are packed.
const FIRST: usize = if cfg!(windows) { size_of::<CK_VERSION>() } else { size_of::<usize>() };

/// The functions of a table, as a loader that knows only how many there are sees them.
fn functions(version: (u8, u8), count: usize) -> Vec<*const ()> {
    let table = interface(version.0, version.1).pFunctionList.cast::<u8>();
    let place = |at: usize| table.wrapping_add(FIRST + at * size_of::<*const ()>());
    // SAFETY: there stand `count` functions.
    (0..count).map(|at| unsafe { place(at).cast::<*const ()>().read_unaligned() }).collect()
}

#[test]
fn interfaces_are_listed_the_newest_first() {
    let mut count: CK_ULONG = 0;
    // SAFETY: places for what is asked.
    assert_eq!(unsafe { ffi::C_GetInterfaceList(null_mut(), &raw mut count) }, CKR_OK);
    assert_eq!(count, 3);
    let nothing = CK_INTERFACE { pInterfaceName: null_mut(), pFunctionList: null_mut(), flags: 99 };
    let mut list = [nothing; 4];
    count = 2;
    // SAFETY: as above.
    let short = unsafe { ffi::C_GetInterfaceList(list.as_mut_ptr(), &raw mut count) };
    assert_eq!((short, count, list[0].flags), (CKR_BUFFER_TOO_SMALL, 3, 99));
    count = 4;
    // SAFETY: as above.
    assert_eq!(unsafe { ffi::C_GetInterfaceList(list.as_mut_ptr(), &raw mut count) }, CKR_OK);
    let listed: Vec<_> = list[..3]
        .iter()
        .map(|one| {
            // SAFETY: a C string, and a table that begins with its version; both static.
            let name = unsafe { CStr::from_ptr(one.pInterfaceName.cast()) };
            // SAFETY: as above.
            let version = unsafe { *one.pFunctionList.cast::<CK_VERSION>() };
            (name, version.major, version.minor, one.flags)
        })
        .collect();
    // Not CKF_INTERFACE_FORK_SAFE: a child begins anew.
    let name = c"PKCS 11";
    assert_eq!(listed, [(name, 3, 2, 0), (name, 3, 0, 0), (name, 2, 40, 0)]);
}

#[test]
fn an_interface_is_found_by_name_version_and_flags() {
    let get = |name: *const u8, version: Option<(u8, u8)>, flags| {
        let mut interface: *mut CK_INTERFACE = null_mut();
        let mut asked = version.map(|(major, minor)| CK_VERSION { major, minor });
        let asked = asked.as_mut().map_or(null_mut(), |asked| asked);
        // SAFETY: a C string or NULL, a version or NULL, a place for a pointer.
        let rv = unsafe { ffi::C_GetInterface(name.cast_mut(), asked, &raw mut interface, flags) };
        // SAFETY: NULL or static, and a table begins with its version.
        let version = unsafe { interface.as_ref() }.map(|one| {
            // SAFETY: as above.
            let version = unsafe { *one.pFunctionList.cast::<CK_VERSION>() };
            (version.major, version.minor)
        });
        version.ok_or(rv)
    };
    let standard = c"PKCS 11".as_ptr().cast();
    assert_eq!(get(null(), None, 0), Ok((3, 2)), "the default is the newest");
    assert_eq!(get(standard, None, 0), Ok((3, 2)));
    for version in [(2, 40), (3, 0), (3, 2)] {
        assert_eq!(get(standard, Some(version), 0), Ok(version));
        assert_eq!(get(null(), Some(version), 0), Ok(version));
    }
    assert_eq!(get(c"Vendor".as_ptr().cast(), None, 0), Err(CKR_FUNCTION_FAILED));
    for version in [(2, 0), (2, 41), (3, 1), (3, 3), (9, 2)] {
        assert_eq!(get(null(), Some(version), 0), Err(CKR_FUNCTION_FAILED));
    }
    assert_eq!(get(null(), None, CKF_INTERFACE_FORK_SAFE), Err(CKR_FUNCTION_FAILED));
    // SAFETY: NULL is what it must bear.
    let nowhere = unsafe { ffi::C_GetInterface(null_mut(), null_mut(), null_mut(), 0) };
    assert_eq!(nowhere, CKR_ARGUMENTS_BAD);
    // SAFETY: as above.
    assert_eq!(unsafe { ffi::C_GetInterfaceList(null_mut(), null_mut()) }, CKR_ARGUMENTS_BAD);
}

#[test]
fn every_place_of_every_table_has_a_function_and_they_agree() {
    let old = functions((2, 40), 68);
    let middle = functions((3, 0), 92);
    let new = functions((3, 2), 104);
    assert_eq!(size_of::<CK_FUNCTION_LIST_3_2>(), FIRST + 104 * size_of::<usize>());
    assert!(new.iter().all(|function| !function.is_null()));
    // C_GetInfo, and the seven that begin an operation, which NULL ends since 3.0.
    let differ = |left: &[*const ()], right: &[*const ()]| {
        left.iter().zip(right).filter(|(left, right)| left != right).count()
    };
    assert_eq!(differ(&old, &middle), 8);
    assert_eq!(differ(&middle, &new), 1);
}

#[test]
fn the_version_told_is_that_of_the_table() {
    let face = Face::initialized();
    let asked = |get: CK_C_GetInfo| {
        let mut info = CK_INFO::default();
        // SAFETY: a place for the structure.
        assert_eq!(unsafe { get.unwrap()(&raw mut info) }, CKR_OK);
        let version = info.cryptokiVersion;
        (version.major, version.minor)
    };
    // SAFETY: the table of that version, which is static.
    let middle: CK_FUNCTION_LIST_3_0 = unsafe { *interface(3, 0).pFunctionList.cast() };
    assert_eq!(asked(face.list.C_GetInfo), (2, 40));
    assert_eq!(asked(middle.C_GetInfo), (3, 0));
    assert_eq!(asked(face.newest.C_GetInfo), (3, 2));
}

#[test]
fn what_no_card_has_is_not_supported_whatever_the_arguments() {
    /// Zero or NULL, whatever is wanted.
    fn zero<T: Copy>() -> T {
        // SAFETY: arguments of C functions: numbers and pointers.
        unsafe { std::mem::zeroed() }
    }
    macro_rules! all {
        ($face:ident: $($name:ident($($zero:expr),*);)*) => {
            [$((stringify!($name), newest!($face, $name($($zero),*)))),*]
        };
    }
    let face = Face::new(Desk::with_card());
    let all = || {
        all! { face:
            C_MessageEncryptInit(zero(), zero(), zero());
            C_EncryptMessage(zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero());
            C_EncryptMessageBegin(zero(), zero(), zero(), zero(), zero());
            C_EncryptMessageNext(zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero());
            C_MessageEncryptFinal(zero());
            C_MessageDecryptInit(zero(), zero(), zero());
            C_DecryptMessage(zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero());
            C_DecryptMessageBegin(zero(), zero(), zero(), zero(), zero());
            C_DecryptMessageNext(zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero());
            C_MessageDecryptFinal(zero());
            C_MessageSignInit(zero(), zero(), zero());
            C_SignMessage(zero(), zero(), zero(), zero(), zero(), zero(), zero());
            C_SignMessageBegin(zero(), zero(), zero());
            C_SignMessageNext(zero(), zero(), zero(), zero(), zero(), zero(), zero());
            C_MessageSignFinal(zero());
            C_MessageVerifyInit(zero(), zero(), zero());
            C_VerifyMessage(zero(), zero(), zero(), zero(), zero(), zero(), zero());
            C_VerifyMessageBegin(zero(), zero(), zero());
            C_VerifyMessageNext(zero(), zero(), zero(), zero(), zero(), zero(), zero());
            C_MessageVerifyFinal(zero());
            C_EncapsulateKey(zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero());
            C_DecapsulateKey(zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero());
            C_GetSessionValidationFlags(zero(), zero(), zero());
            C_AsyncComplete(zero(), zero(), zero());
            C_AsyncGetID(zero(), zero(), zero());
            C_AsyncJoin(zero(), zero(), zero(), zero(), zero());
            C_WrapKeyAuthenticated(zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero());
            C_UnwrapKeyAuthenticated(zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero());
        }
    };
    for (name, rv) in all() {
        assert_eq!(rv, CKR_CRYPTOKI_NOT_INITIALIZED, "{name}");
    }
    assert_eq!(call!(face, C_Initialize(null_mut())), CKR_OK);
    for (name, rv) in all() {
        assert_eq!(rv, CKR_FUNCTION_NOT_SUPPORTED, "{name}");
    }
    assert_eq!(all().len(), 28);
}

#[test]
fn since_3_0_a_null_mechanism_ends_the_operation() {
    let face = Face::initialized();
    let (session, key) = face.signed_in();
    assert_eq!(face.sign_init(session, key), CKR_OK);
    assert_eq!(call!(face, C_SignInit(session, null_mut(), key)), CKR_ARGUMENTS_BAD);
    assert_eq!(newest!(face, C_SignInit(session, null_mut(), 0)), CKR_OK);
    let mut length = 0;
    let sign = call!(face, C_Sign(session, null_mut(), 0, null_mut(), &raw mut length));
    assert_eq!(sign, CKR_OPERATION_NOT_INITIALIZED);

    assert_eq!(face.sign_init(session, key), CKR_OK);
    assert_eq!(newest!(face, C_SessionCancel(session, CKF_DIGEST)), CKR_OK);
    assert_eq!(face.sign_init(session, key), CKR_OPERATION_ACTIVE);
    assert_eq!(newest!(face, C_SessionCancel(session, CKF_SIGN)), CKR_OK);
    assert_eq!(face.sign_init(session, key), CKR_OK);
    assert_eq!(newest!(face, C_SessionCancel(99, CKF_SIGN)), CKR_SESSION_HANDLE_INVALID);

    let mut digest = plain(CKM_SHA256);
    assert_eq!(newest!(face, C_DigestInit(session, &raw mut digest)), CKR_OK);
    assert_eq!(newest!(face, C_DigestInit(session, null_mut())), CKR_OK);
    assert_eq!(newest!(face, C_DigestInit(session, &raw mut digest)), CKR_OK);
}
