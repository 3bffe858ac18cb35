//! By mmap(2), mlock(2) and madvise(2).
#![allow(unsafe_code)]

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mlock, mmap_anonymous, munmap};
use std::ptr::{self, NonNull};

/// New pages that are locked, left out of cores and wiped in a child.
pub(super) fn locked(length: usize) -> Option<NonNull<u8>> {
    let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a new private mapping at an address of the kernel's choice touches no other memory.
    let mapped = unsafe { mmap_anonymous(ptr::null_mut(), length, protection, flags) }.ok()?;
    let start = NonNull::new(mapped.cast::<u8>())?;
    // SAFETY: this mapping was made above and is not yet anyone else's.
    if unsafe { mlock(mapped, length) }.is_err() {
        give_back(start, length);
        return None;
    }
    #[cfg(target_os = "linux")]
    for advice in [Advice::LinuxDontDump, Advice::LinuxWipeOnFork] {
        // SAFETY: both change only what cores and children see of this mapping. An old kernel that
        // refuses them leaves it as good as ordinary locked memory.
        let _ = unsafe { madvise(mapped, length, advice) };
    }
    Some(start)
}

/// Gives pages back that [`locked`] has made with this length and nobody refers to any more.
pub(super) fn give_back(start: NonNull<u8>, length: usize) {
    // SAFETY: see above. It fails only for arguments that are not a mapping; then nothing changes.
    let _ = unsafe { munmap(start.as_ptr().cast(), length) };
}
