//! A process that no debugger of the same user reads, that leaves no core and does not reach the
//! swap (design rule 1).

#[cfg_attr(unix, path = "hardening/unix.rs")]
#[cfg_attr(windows, path = "hardening/windows.rs")]
mod system;

use super::{LockedMemory, locked_memory};
use std::fmt;

/// What [`harden`] achieved; its text has one line for each, for `wardcard doctor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// No process of the same user attaches or reads this one's memory (PR_SET_DUMPABLE 0; on
    /// Windows the process's access control list).
    pub undumpable: bool,
    /// No core is written (RLIMIT_CORE 0; on Windows no error report with memory in it).
    pub no_core: bool,
    /// No program started from here gains privileges (PR_SET_NO_NEW_PRIVS; on Windows none ever
    /// does by being started).
    pub no_new_privileges: bool,
    /// What is kept out of the swap.
    pub memory: Memory,
}

/// How much of the process's memory is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// All of it, now and in future.
    Whole,
    /// The pages of secrets alone, as far as the limit of locked memory goes.
    Secrets,
}

/// Hardens this process. To be called once, early, after privileges were dropped: with the whole
/// memory locked, a process that then loses CAP_IPC_LOCK can hardly allocate any more.
///
/// Never fails: what the system refuses is told in the answer.
pub fn harden() -> Hardening {
    system::harden()
}

/// Has libraries that are loaded by their names alone come from the system's folder. On Unix they
/// never come from where the person is.
#[cfg(feature = "cli")]
pub(crate) fn search_system_alone() {
    #[cfg(windows)]
    system::search_system_alone();
}

/// For all users of this machine: no error report is made of this program, or as the system does it
/// otherwise.
///
/// # Errors
/// What the system says.
#[cfg(all(windows, feature = "cli"))]
pub(crate) fn reports_of(program: &std::path::Path, made: bool) -> std::io::Result<()> {
    match made {
        true => system::include_in_reports(program),
        false => system::exclude_from_reports(program, true),
    }
}

impl fmt::Display for Hardening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = |done: bool| if done { "yes" } else { "NO (refused by the system)" };
        writeln!(f, "closed to debuggers of the same user: {}", done(self.undumpable))?;
        writeln!(f, "no core files: {}", done(self.no_core))?;
        writeln!(f, "no new privileges: {}", done(self.no_new_privileges))?;
        let LockedMemory { locked_bytes, unlocked_secrets } = locked_memory();
        match self.memory {
            Memory::Whole => writeln!(f, "locked memory: the whole process"),
            Memory::Secrets if unlocked_secrets == 0 => writeln!(
                f,
                "locked memory: the pages of secrets ({} KiB); {}",
                locked_bytes / 1024,
                system::WHOLE
            ),
            Memory::Secrets => writeln!(
                f,
                "locked memory: {} KiB of secrets, but {unlocked_secrets} secrets found the \
                 limit reached and may be swapped; {}",
                locked_bytes / 1024,
                system::RAISE
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_what_was_refused() {
        let all = Hardening {
            undumpable: true,
            no_core: true,
            no_new_privileges: true,
            memory: Memory::Whole,
        };
        assert_eq!(all.to_string().lines().count(), 4);
        assert!(!all.to_string().contains("NO"));
        let text = Hardening { undumpable: false, ..all }.to_string();
        assert!(text.contains("debuggers of the same user: NO"), "{text}");
        let text = Hardening { memory: Memory::Secrets, ..all }.to_string();
        assert!(text.contains("of secrets"), "{text}");
    }
}
