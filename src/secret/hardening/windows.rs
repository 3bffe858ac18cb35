//! By the process's access control list and what the system is told about error reports.
#![allow(unsafe_code)]

use super::{Hardening, Memory};
use crate::secret::{User, windows::Descriptor};
use std::io;
use windows_sys::Win32::{
    Security::{
        DACL_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, SetKernelObjectSecurity,
    },
    System::{
        Diagnostics::Debug::{
            SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX, SetErrorMode,
        },
        ErrorReporting::{WER_FAULT_REPORTING_FLAG_NOHEAP, WerSetFlags},
        LibraryLoader::{LOAD_LIBRARY_SEARCH_SYSTEM32, SetDefaultDllDirectories},
        Threading::GetCurrentProcess,
    },
};

/// What it takes for the whole process to be locked.
pub(super) const WHOLE: &str = "Windows locks no whole process";
/// What to do about secrets that are not locked.
pub(super) const RAISE: &str = "give the agent's account the right to increase a working set";

pub(super) fn harden() -> Hardening {
    // Whatever is loaded from now on comes from the system's folder, not from where the program or
    // the person is.
    // SAFETY: no precondition.
    unsafe { SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32) };
    Hardening {
        undumpable: close().is_ok(),
        no_core: no_reports(),
        no_new_privileges: true,
        memory: Memory::Secrets,
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
    }
}
