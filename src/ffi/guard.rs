//! The one place where panics end: none crosses into C code.
//!
//! Unwinding past our locks is safe: each of them takes its content as it is.

use super::host::result::{WARDCARD_ERROR_INTERNAL, WARDCARD_OK, wardcard_result};
use crate::pkcs11::{Result, ck::CKR_GENERAL_ERROR};
use cryptoki_sys::{CK_RV, CKR_OK};
#[cfg(unix)]
use std::ffi::c_long;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a function of the PKCS#11 table; what it answers as a CK_RV, and a panic as
/// CKR_GENERAL_ERROR.
pub(super) fn guard(work: impl FnOnce() -> Result<()>) -> CK_RV {
    match caught(work, CKR_GENERAL_ERROR) {
        Ok(()) => CKR_OK,
        // A value that CK_RV cannot hold comes from no standard.
        Err(rv) => CK_RV::try_from(rv.0).unwrap_or(cryptoki_sys::CKR_GENERAL_ERROR),
    }
}

/// Runs a function of `wardcard.h`; what it answers as a result, and a panic as
/// `WARDCARD_ERROR_INTERNAL`.
pub(super) fn call(work: impl FnOnce() -> Result<(), wardcard_result>) -> wardcard_result {
    match caught(work, WARDCARD_ERROR_INTERNAL) {
        Ok(()) => WARDCARD_OK,
        Err(result) => result,
    }
}

/// Runs a function of the IFD handler; what it answers as a RESPONSECODE, of which 0 is success, and
/// a panic as `panicked`.
#[cfg(unix)]
pub(super) fn code(
    panicked: c_long,
    work: impl FnOnce() -> std::result::Result<(), c_long>,
) -> c_long {
    caught(work, panicked).err().unwrap_or(0)
}

/// Runs what cannot fail; a panic ends quietly.
pub(super) fn quiet(work: impl FnOnce()) {
    let work = || {
        work();
        Ok(())
    };
    // There is nobody to tell.
    let _: std::result::Result<(), ()> = caught(work, ());
}

fn caught<E>(
    work: impl FnOnce() -> std::result::Result<(), E>,
    panicked: E,
) -> std::result::Result<(), E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(panicked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ffi::host::result::WARDCARD_ERROR_LIMIT, pkcs11::ck::CKR_PIN_LOCKED};

    fn panicking<T>() -> T {
        std::panic::resume_unwind(Box::new(()))
    }

    #[test]
    fn a_panic_becomes_a_general_error() {
        assert_eq!(guard(|| Ok(())), CKR_OK);
        assert_eq!(guard(|| Err(CKR_PIN_LOCKED)), cryptoki_sys::CKR_PIN_LOCKED);
        assert_eq!(guard(panicking), 5);
    }

    #[test]
    fn a_panic_becomes_an_internal_error_of_hosts() {
        assert_eq!(call(|| Ok(())), WARDCARD_OK);
        assert_eq!(call(|| Err(WARDCARD_ERROR_LIMIT)), WARDCARD_ERROR_LIMIT);
        assert_eq!(call(panicking), WARDCARD_ERROR_INTERNAL);
        quiet(panicking);
        #[cfg(unix)]
        assert_eq!((code(612, panicking), code(612, || Err(5)), code(612, || Ok(()))), (612, 5, 0));
    }
}
