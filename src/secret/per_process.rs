//! A value that each process has for itself, also after a fork.
//!
//! Asking for the process id is a system call, which would be the most expensive part of a small
//! function. So it is asked for once, and then a page tells whether it still holds: one that the
//! system empties in a child (madvise(2), MADV_WIPEONFORK).
#![allow(unsafe_code)]

use std::{
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};

/// A value of this process. A child made by fork leaves its parent's where it is, locks included
/// (another thread of the parent may have held them), and makes one of its own at the first use.
pub(crate) struct PerProcess<T> {
    own: AtomicPtr<Own<T>>,
    make: fn() -> T,
    inherited: fn(&T),
}

/// The value of one process. Never freed: calls of other threads may be in it at any time.
struct Own<T> {
    id: u32,
    /// Says that this is still the process of that id; empty in a child.
    here: Option<&'static AtomicBool>,
    value: T,
    /// The parent's, so that a leak checker finds it.
    _before: *const Self,
}

impl<T: Send + Sync> PerProcess<T> {
    /// Made by `make` in each process; `inherited` is told the parent's, once, when a child has made
    /// its own.
    pub(crate) const fn new(make: fn() -> T, inherited: fn(&T)) -> Self {
        Self { own: AtomicPtr::new(ptr::null_mut()), make, inherited }
    }

    /// This process's.
    pub(crate) fn get(&'static self) -> &'static T {
        let known = self.own.load(Ordering::Acquire);
        // SAFETY: NULL, or made below and never freed.
        let before = unsafe { known.as_ref() };
        if let Some(own) = before
            && own.here.is_some_and(|here| here.load(Ordering::Relaxed))
        {
            return &own.value;
        }
        let id = std::process::id();
        if let Some(own) = before.filter(|own| own.id == id) {
            return &own.value;
        }
        let fresh = Box::new(Own { id, here: here(), value: (self.make)(), _before: known });
        let fresh = Box::into_raw(fresh);
        match self.own.compare_exchange(known, fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                if let Some(before) = before {
                    (self.inherited)(&before.value);
                }
                // SAFETY: made above and never freed.
                unsafe { &(*fresh).value }
            }
            Err(winner) => {
                // SAFETY: made above by Box, and nobody else has seen it.
                drop(unsafe { Box::from_raw(fresh) });
                // SAFETY: another thread made it in this process, and it is never freed.
                unsafe { &(*winner).value }
            }
        }
    }
}

/// A page that says yes in this process and no in its children; none where the system has no such
/// thing.
#[cfg(target_os = "linux")]
fn here() -> Option<&'static AtomicBool> {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};
    /// The system rounds it up to a page.
    const LENGTH: usize = 1;
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping at an address of the system's choice, never unmapped.
    let page = unsafe { mmap_anonymous(ptr::null_mut(), LENGTH, protection, MapFlags::PRIVATE) };
    let page = page.ok()?;
    // SAFETY: the page was just mapped and holds nothing yet.
    unsafe { madvise(page, LENGTH, Advice::LinuxWipeOnFork) }.ok()?;
    // SAFETY: the page is aligned, lives for ever, and zeros are a valid value.
    let here = unsafe { &*page.cast::<AtomicBool>() };
    here.store(true, Ordering::Relaxed);
    Some(here)
}

/// Elsewhere the id is asked for each time.
#[cfg(not(target_os = "linux"))]
fn here() -> Option<&'static AtomicBool> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::{
        sync::{Mutex, atomic::AtomicU32},
        time::Duration,
    };

    static VALUE: PerProcess<Mutex<u32>> = PerProcess::new(Mutex::default, |_| {
        INHERITED.fetch_add(1, Ordering::SeqCst);
    });
    static INHERITED: AtomicU32 = AtomicU32::new(0);

    #[test]
    fn a_child_has_its_own_and_waits_for_no_lock_of_its_parent() {
        *VALUE.get().lock().unwrap() = 7;
        assert_eq!(*VALUE.get().lock().unwrap(), 7, "the same each time");
        let held = VALUE.get().lock().unwrap();
        // SAFETY: the child calls what is safe between fork and exit: it maps a page, takes a free
        // lock and ends without running anything else.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let fresh = VALUE.get().try_lock().is_ok_and(|value| *value == 0);
            let told = INHERITED.load(Ordering::SeqCst) == 1;
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(i32::from(!(fresh && told))) };
        }
        let begun = std::time::Instant::now();
        let mut status = 0;
        // SAFETY: our own child, and a live local for its status.
        while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "it waits");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(status, 0);
        assert_eq!((*held, INHERITED.load(Ordering::SeqCst)), (7, 0));
    }
}
