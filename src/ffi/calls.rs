//! The functions of the tables: pointers to values, one call of the Cryptoki in use, values to
//! pointers. One file per chapter of the base specification.

#![allow(unsafe_code, non_snake_case)]

use super::pointers::Bad;
use crate::pkcs11::{Cryptoki, Result, Rv, ck::*};
use cryptoki_sys::{CK_SESSION_HANDLE, CK_ULONG, CK_VERSION};
use std::sync::Arc;

/// The longest PIN or name of a user that is read; no card takes one so long.
const MOST_PIN: usize = 1024;

/// Declares functions of the table. Each one's body runs behind the guard and answers a
/// [`Result`]; the caller's promise of each is that its pointers are NULL or as the standard has
/// them, which is what the bodies' unsafe blocks rely on.
macro_rules! functions {
    ($(fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block)*) => {$(
        pub(in crate::ffi::calls) unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
            guard(|| $body)
        }
    )*};
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

mod absent;
mod general;
mod keys;
mod objects;
mod operations;
mod sessions;
pub(super) mod tables;

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
        let _ = cryptoki.session_cancel(super::templates::wide(session), flag);
    }
    Ok(argument?)
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
