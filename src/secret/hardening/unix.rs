//! By prctl(2), setrlimit(2) and mlockall(2).

use super::{Hardening, Memory};
use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{
        DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, set_dumpable_behavior,
        setrlimit,
    },
    thread::{CapabilitySet, capabilities, set_no_new_privs},
};

/// What it takes for the whole process to be locked.
pub(super) const WHOLE: &str = "the whole process needs CAP_IPC_LOCK or LimitMEMLOCK=infinity";
/// What to do about secrets that are not locked.
pub(super) const RAISE: &str = "raise LimitMEMLOCK";

pub(super) fn harden() -> Hardening {
    let undumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok()
        && dumpable_behavior().is_ok_and(|now| now == DumpableBehavior::NotDumpable);
    let no_core = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).is_ok();
    let no_new_privileges = set_no_new_privs(true).is_ok();
    let memory = if may_lock_all() && lock_all() { Memory::Whole } else { Memory::Secrets };
    Hardening { undumpable, no_core, no_new_privileges, memory }
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
}
