//! By the process's access control list, what the system is told about error reports, and what it
//! is told to refuse this process (SetProcessMitigationPolicy).
#![allow(unsafe_code)]

use super::{Hardening, Memory};
use crate::secret::{
    User,
    windows::{Descriptor, wide},
};
use std::{ffi::OsStr, io, mem, path::Path, ptr};
use windows_sys::Win32::{
    Foundation::FreeLibrary,
    Security::{
        DACL_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, SetKernelObjectSecurity,
    },
    System::{
        Diagnostics::Debug::{
            SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX, SetErrorMode,
        },
        ErrorReporting::{WER_FAULT_REPORTING_FLAG_NOHEAP, WerSetFlags},
        LibraryLoader::{
            GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW, SetDefaultDllDirectories,
            SetDllDirectoryW,
        },
        Threading::{
            GetCurrentProcess, PROCESS_MITIGATION_POLICY, ProcessExtensionPointDisablePolicy,
            ProcessFontDisablePolicy, ProcessImageLoadPolicy, ProcessStrictHandleCheckPolicy,
            SetProcessMitigationPolicy,
        },
    },
};
use windows_sys::{
    core::{BOOL, HRESULT, PCSTR, PCWSTR},
    s, w,
};

/// What it takes for the whole process to be locked.
pub(super) const WHOLE: &str = "Windows locks no whole process";
/// What to do about secrets that are not locked.
pub(super) const RAISE: &str = "give the agent's account the right to increase a working set";

/// What the system is to refuse this process from now on, as bits of the policies' structures. One
/// that this Windows does not know is left out.
///
/// Not among them: that no code is made at run time, and that only Microsoft's libraries are loaded.
/// Protection software puts its own into every process, and a process that it cannot enter may be
/// ended.
const REFUSED: [(PROCESS_MITIGATION_POLICY, u32); 4] = [
    // Libraries over the network, those that an untrusted program has written, and others of the
    // name of one of the system's.
    (ProcessImageLoadPolicy, 0b111),
    // The wrong use of a handle ends the process; it does not meet another's thing.
    (ProcessStrictHandleCheckPolicy, 0b11),
    // Libraries that others ask for in every process: hooks of windows, input methods.
    (ProcessExtensionPointDisablePolicy, 0b1),
    // Fonts that are not the system's.
    (ProcessFontDisablePolicy, 0b1),
];

pub(super) fn harden() -> Hardening {
    search_system_alone();
    for (policy, bits) in REFUSED {
        // SAFETY: each structure is one word of bits, which lives through the call.
        unsafe { SetProcessMitigationPolicy(policy, (&raw const bits).cast(), size_of::<u32>()) };
    }
    if let Ok(program) = std::env::current_exe() {
        // The fault of one policy is no reason to be without the others.
        let _ = exclude_from_reports(&program, false);
    }
    Hardening {
        undumpable: close().is_ok(),
        no_core: no_reports(),
        no_new_privileges: true,
        memory: Memory::Secrets,
    }
}

/// Whatever is loaded from now on by its name alone comes from the system's folder, not from where the
/// program or the person is.
pub(super) fn search_system_alone() {
    // SAFETY: the text has its end.
    unsafe { SetDllDirectoryW(w!("")) };
    // SAFETY: no precondition.
    unsafe { SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32) };
}

/// No report is made of this program when it faults, for this user or, if `everybody`, for all: the
/// settings above do not reach what the system itself ends (a broken stack or heap, an abort).
pub(super) fn exclude_from_reports(program: &Path, everybody: bool) -> io::Result<()> {
    type Exclude = unsafe extern "system" fn(PCWSTR, BOOL) -> HRESULT;
    by_name(program, s!("WerAddExcludedApplication"), |found, name| {
        // SAFETY: the function of this name has this type (werapi.h).
        let exclude = unsafe { mem::transmute::<Found, Exclude>(found) };
        // SAFETY: the name has its end and lives through the call.
        unsafe { exclude(name, everybody.into()) }
    })
}

/// Takes back what [`exclude_from_reports`] has done for everybody.
#[cfg(feature = "cli")]
pub(super) fn include_in_reports(program: &Path) -> io::Result<()> {
    type Include = unsafe extern "system" fn(PCWSTR, BOOL) -> HRESULT;
    by_name(program, s!("WerRemoveExcludedApplication"), |found, name| {
        // SAFETY: the function of this name has this type (werapi.h).
        let include = unsafe { mem::transmute::<Found, Include>(found) };
        // SAFETY: the name has its end and lives through the call.
        unsafe { include(name, 1) }
    })
}

type Found = unsafe extern "system" fn() -> isize;

/// Calls a function of `wer.dll` with a program's name. The library is loaded for that alone, so that
/// no program that loads the module loads it too.
fn by_name(
    program: &Path,
    function: PCSTR,
    call: impl FnOnce(Found, PCWSTR) -> HRESULT,
) -> io::Result<()> {
    let name = wide(program.file_name().unwrap_or(OsStr::new("wardcard.exe")))?;
    // SAFETY: the text has its end; the file is the system's own.
    let library =
        unsafe { LoadLibraryExW(w!("wer.dll"), ptr::null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32) };
    if library.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the library is loaded, and the callers' names have their ends.
    let found = unsafe { GetProcAddress(library, function) };
    let answer = found.map(|found| call(found, name.as_ptr()));
    // SAFETY: loaded above, and nothing of it is used any more.
    unsafe { FreeLibrary(library) };
    match answer {
        Some(0..) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(code)),
        None => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Others of this user may ask who this process is (PROCESS_QUERY_LIMITED_INFORMATION) and wait for
/// its end (SYNCHRONIZE): clients check their server that way. As the owner (OW) nobody may more,
/// so that the list cannot be changed back.
fn close() -> io::Result<()> {
    let own = User::own();
    let list = format!("D:P(A;;0x101000;;;{own})(A;;0x101000;;;OW)(A;;GA;;;SY)(A;;GA;;;BA)");
    let descriptor = Descriptor::parse(&list)?;
    // SAFETY: no precondition; the handle is a constant that needs no closing.
    let process = unsafe { GetCurrentProcess() };
    let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    // SAFETY: the descriptor is whole and lives through the call.
    let set = unsafe { SetKernelObjectSecurity(process, what, descriptor.as_ptr()) };
    if set == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A process that faults just ends: nobody is asked, nothing is reported or dumped. Should a report
/// be made for another reason (a program asks for one), it has no heap in it, and the pages of
/// secrets are left out of it in any case.
fn no_reports() -> bool {
    // SAFETY: no precondition.
    unsafe {
        SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX)
    };
    // SAFETY: no precondition.
    unsafe { WerSetFlags(WER_FAULT_REPORTING_FLAG_NOHEAP) >= 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const CHILD: &str = "WARDCARD_TEST_HARDENED_CHILD";

    /// Runs alone in a process of its own: the others are not to be hardened.
    #[test]
    fn hardening_holds_in_a_process_of_its_own() {
        if std::env::var_os(CHILD).is_none() {
            let name = "secret::hardening::system::tests::hardening_holds_in_a_process_of_its_own";
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name, "--nocapture"])
                .env(CHILD, "1")
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains("1 passed"), "{text}");
            return;
        }
        let hardening = harden();
        assert!(hardening.undumpable && hardening.no_core);
        // SAFETY: no precondition.
        let mode = unsafe { SetErrorMode(0) };
        assert_eq!(mode & SEM_NOGPFAULTERRORBOX, SEM_NOGPFAULTERRORBOX);
        std::thread::spawn(|| drop(vec![1_u8; 16 << 20])).join().unwrap();
        // Only the system's folder is searched, and files and pipes are used as before.
        // SAFETY: the text has its end.
        let loaded = unsafe { LoadLibraryExW(w!("wardcard-none.dll"), ptr::null_mut(), 0) };
        assert!(loaded.is_null());
        std::fs::read(std::env::current_exe().unwrap()).unwrap();
    }
}
