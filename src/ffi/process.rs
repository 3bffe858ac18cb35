//! What a process has initialized; and fork, noticed by process id at the next call.
//!
//! Asking for the id is a system call, which would be the most expensive part of a small function.
//! So it is asked for once, and then a page tells whether it still holds: one that the system
//! empties in a child (madvise(2), MADV_WIPEONFORK).
//!
//! A child made by fork starts with nothing: it leaves what it inherited, locks included, where it
//! is (another thread of the parent may have held them), and gets a state of its own.

#![allow(unsafe_code)]

use super::choose;
use crate::pkcs11::{Cryptoki, Result, ck::*};
use std::{
    ptr,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    },
};

/// The state of one process. Never freed: calls of other threads may be in it at any time.
struct Process {
    id: u32,
    /// Says that this is still the process of that id; empty in a child.
    here: Option<&'static AtomicBool>,
    /// Held by C_Initialize and C_Finalize from beginning to end, so that each sees the other done.
    changing: Mutex<()>,
    current: RwLock<Option<Arc<dyn Cryptoki>>>,
    in_process: Mutex<Option<Arc<dyn Cryptoki>>>,
    /// The parent's, so that a leak checker finds it.
    _before: *const Process,
}

static PROCESS: AtomicPtr<Process> = AtomicPtr::new(ptr::null_mut());

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

/// The state of this process.
fn process() -> &'static Process {
    let known = PROCESS.load(Ordering::Acquire);
    // SAFETY: NULL, or made below and never freed.
    let inherited = unsafe { known.as_ref() };
    if let Some(process) = inherited
        && process.here.is_some_and(|here| here.load(Ordering::Relaxed))
    {
        return process;
    }
    let id = std::process::id();
    if let Some(process) = inherited.filter(|process| process.id == id) {
        return process;
    }
    let fresh = Box::leak(Box::new(Process {
        id,
        here: here(),
        changing: Mutex::new(()),
        current: RwLock::new(None),
        in_process: Mutex::new(None),
        _before: known,
    }));
    let fresh_pointer = ptr::from_mut(fresh);
    match PROCESS.compare_exchange(known, fresh_pointer, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            if let Some(parents) = inherited
                && let Ok(current) = parents.current.try_read()
                && let Some(cryptoki) = &*current
            {
                cryptoki.forked();
            }
            // SAFETY: made above and never freed.
            unsafe { &*fresh_pointer }
        }
        Err(winner) => {
            // SAFETY: made above by Box, and nobody else has seen it.
            drop(unsafe { Box::from_raw(fresh_pointer) });
            // SAFETY: another thread made it in this process, and it is never freed.
            unsafe { &*winner }
        }
    }
}

/// The Cryptoki that this process has initialized.
pub(super) fn current() -> Result<Arc<dyn Cryptoki>> {
    let current = process().current.read().unwrap_or_else(PoisonError::into_inner);
    current.clone().ok_or(CKR_CRYPTOKI_NOT_INITIALIZED)
}

/// C_Initialize: decides which cards are shown.
pub(super) fn initialize() -> Result<()> {
    let process = process();
    let _changing = process.changing.lock().unwrap_or_else(PoisonError::into_inner);
    if current().is_ok() {
        return Err(CKR_CRYPTOKI_ALREADY_INITIALIZED);
    }
    let here = process.in_process.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let cryptoki = here.map_or_else(choose::choose, Ok)?;
    cryptoki.initialize()?;
    *process.current.write().unwrap_or_else(PoisonError::into_inner) = Some(cryptoki);
    Ok(())
}

/// C_Finalize: calls that other threads are in end with their own answers.
pub(super) fn finalize() -> Result<()> {
    let process = process();
    let _changing = process.changing.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = process.current.write().unwrap_or_else(PoisonError::into_inner).take();
    taken.ok_or(CKR_CRYPTOKI_NOT_INITIALIZED)?.finalize()
}

/// Has the next C_Initialize in this process show these cards instead of an agent's; `None` takes
/// that back. A child made by fork does not inherit it.
pub fn serve_in_process(cryptoki: Option<Arc<dyn Cryptoki>>) {
    *process().in_process.lock().unwrap_or_else(PoisonError::into_inner) = cryptoki;
}
