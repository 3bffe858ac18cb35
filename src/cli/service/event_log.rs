//! The event log: the source `wardcard` of the log *Application*, whose texts are this program's own
//! (`src/build.rs` has its message table).
//!
//! An event tells what went wrong in the words that standard error gets: never a secret, never a
//! person.
#![allow(unsafe_code)]

use super::{super::Outcome, ADMINISTRATOR, NAME};
use crate::secret::windows::wide;
use std::{ffi::OsStr, io, path::Path, ptr};
use windows_sys::Win32::{
    Foundation::{ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_SUCCESS},
    System::{
        EventLog::{
            DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE,
            EVENTLOG_WARNING_TYPE, REPORT_EVENT_TYPE, RegisterEventSourceW, ReportEventW,
        },
        Registry::{HKEY_LOCAL_MACHINE, REG_DWORD, REG_EXPAND_SZ, RegDeleteTreeW, RegSetKeyValueW},
    },
};

const KEY: &str = r"SYSTEM\CurrentControlSet\Services\EventLog\Application\";
/// The longest text of an event (ReportEventW), in units of UTF-16.
const LONGEST: usize = 31_839;

/// Numbers of the message table, by what is told.
const TOLD: u32 = 1;
const FAILED: u32 = 3;

/// Makes the source known, with this program as its book of texts.
pub(super) fn register(program: &Path) -> Outcome {
    let types = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
    let program: Vec<u8> =
        wide(program.as_os_str())?.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    set("EventMessageFile", REG_EXPAND_SZ, &program)?;
    set("TypesSupported", REG_DWORD, &u32::from(types).to_le_bytes())
}

fn key() -> io::Result<Vec<u16>> {
    wide(OsStr::new(&format!("{KEY}{NAME}")))
}

fn set(name: &str, kind: u32, value: &[u8]) -> Outcome {
    let (key, name) = (key()?, wide(OsStr::new(name))?);
    // SAFETY: `key` and `name` have their ends, and `value` is as long as is said.
    answered(unsafe {
        RegSetKeyValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            name.as_ptr(),
            kind,
            value.as_ptr().cast(),
            u32::try_from(value.len())?,
        )
    })
}

/// Takes the source away; one that is not there is nothing.
pub(super) fn unregister() -> Outcome {
    let key = key()?;
    // SAFETY: `key` has its end.
    match unsafe { RegDeleteTreeW(HKEY_LOCAL_MACHINE, key.as_ptr()) } {
        ERROR_FILE_NOT_FOUND => Ok(()),
        code => answered(code),
    }
}

fn answered(code: u32) -> Outcome {
    match code {
        ERROR_SUCCESS => Ok(()),
        ERROR_ACCESS_DENIED => Err(ADMINISTRATOR.into()),
        code => {
            let error = io::Error::from_raw_os_error(code.cast_signed());
            Err(format!("the event log's source: {error}").into())
        }
    }
}

/// Tells of something that went well.
pub(super) fn told(text: &str) {
    report(EVENTLOG_INFORMATION_TYPE, TOLD, text);
}

/// Tells of what went wrong, and what to do.
pub(super) fn failed(text: &str) {
    report(EVENTLOG_ERROR_TYPE, FAILED, text);
}

/// Whether it was taken; where there is no log, there is nobody to tell.
fn report(kind: REPORT_EVENT_TYPE, number: u32, text: &str) -> bool {
    let text: Vec<u16> =
        text.encode_utf16().filter(|unit| *unit != 0).take(LONGEST).chain([0]).collect();
    let Ok(name) = wide(OsStr::new(NAME)) else { return false };
    // SAFETY: `name` has its end.
    let source = unsafe { RegisterEventSourceW(ptr::null(), name.as_ptr()) };
    if source.is_null() {
        return false;
    }
    let texts = [text.as_ptr()];
    // SAFETY: the handle was made above; the one text has its end and lives through the call; there is
    // no user and no data.
    let taken = unsafe {
        ReportEventW(source, kind, 0, number, ptr::null_mut(), 1, 0, texts.as_ptr(), ptr::null())
    };
    // SAFETY: made above, and nobody else has it.
    unsafe { DeregisterEventSource(source) };
    taken != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_comes_and_goes_and_an_event_is_taken() {
        register(Path::new(r"C:\Program Files\Wardcard\wardcard.exe")).unwrap();
        assert!(report(EVENTLOG_WARNING_TYPE, 2, "a test's word"));
        assert!(report(EVENTLOG_ERROR_TYPE, FAILED, &"long".repeat(20_000)));
        unregister().unwrap();
        unregister().unwrap();
    }
}
