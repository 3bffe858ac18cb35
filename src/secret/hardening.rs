//! A process that no debugger of the same user reads, that leaves no core and does not reach the
//! swap (design rule 1).

use super::{LockedMemory, locked_memory};
use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{
        DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, set_dumpable_behavior,
        setrlimit,
    },
    thread::{CapabilitySet, capabilities, set_no_new_privs},
};
use std::fmt;

/// What [`harden`] achieved; its text has one line for each, for `wardcard doctor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// No process of the same user attaches or reads this one's memory (PR_SET_DUMPABLE 0).
    pub undumpable: bool,
    /// No core is written (RLIMIT_CORE 0).
    pub no_core: bool,
    /// No program started from here gains privileges (PR_SET_NO_NEW_PRIVS).
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
    let undumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok()
        && dumpable_behavior().is_ok_and(|now| now == DumpableBehavior::NotDumpable);
    let no_core = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).is_ok();
    let no_new_privileges = set_no_new_privs(true).is_ok();
    let memory = if may_lock_all() && lock_all() { Memory::Whole } else { Memory::Secrets };
    Hardening { undumpable, no_core, no_new_privileges, memory }
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
                "locked memory: the pages of secrets ({} KiB); the whole process needs \
                 CAP_IPC_LOCK or LimitMEMLOCK=infinity",
                locked_bytes / 1024
            ),
            Memory::Secrets => writeln!(
                f,
                "locked memory: {} KiB of secrets, but {unlocked_secrets} secrets found the \
                 limit reached and may be swapped; raise LimitMEMLOCK",
                locked_bytes / 1024
            ),
        }
    }
}

/// Locking future memory under a limit makes later allocations fail, so there must be none.
fn may_lock_all() -> bool {
    let unlimited = getrlimit(Resource::Memlock).current.is_none();
    let capable =
        capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    unlimited || capable
}

/// Pages are locked when they are first touched: stacks of threads stay as small as they are.
fn lock_all() -> bool {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_ok()
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
            let name = "secret::hardening::tests::hardening_holds_in_a_process_of_its_own";
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
        assert!(hardening.undumpable && hardening.no_core && hardening.no_new_privileges);
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert!(rustix::thread::no_new_privs().unwrap());
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
        let kib: u64 = locked.trim().trim_end_matches(" kB").trim().parse().unwrap();
        match hardening.memory {
            Memory::Whole => assert!(kib > 1024, "{locked}"),
            Memory::Secrets => assert!(!may_lock_all()),
        }
        // Room for more, and threads, as before.
        std::thread::spawn(|| drop(vec![1_u8; 16 << 20])).join().unwrap();
    }

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
