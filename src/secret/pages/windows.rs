//! By VirtualAlloc and VirtualLock. There is no fork, so nothing is ever wiped under its owner.
#![allow(unsafe_code)]

use std::{
    ffi::c_void,
    mem,
    ptr::{self, NonNull},
};
use windows_sys::{
    Win32::System::{
        LibraryLoader::{GetModuleHandleW, GetProcAddress},
        Memory::{
            GetProcessWorkingSetSizeEx, MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_READWRITE,
            SetProcessWorkingSetSizeEx, VirtualAlloc, VirtualFree, VirtualLock,
        },
        Threading::GetCurrentProcess,
    },
    core::HRESULT,
    s, w,
};

/// New pages that are locked and left out of crash dumps.
pub(super) fn locked(length: usize) -> Option<NonNull<u8>> {
    // SAFETY: new pages at an address of the system's choice touch no other memory.
    let mapped =
        unsafe { VirtualAlloc(ptr::null(), length, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE) };
    let start = NonNull::new(mapped.cast::<u8>())?;
    if !lock(mapped, length) && !(make_room(length) && lock(mapped, length)) {
        give_back(start, length);
        return None;
    }
    leave_out(mapped, length);
    Some(start)
}

fn lock(mapped: *mut c_void, length: usize) -> bool {
    // SAFETY: the caller has just made these pages.
    unsafe { VirtualLock(mapped, length) != 0 }
}

/// The process may lock as much as the least that it works with, which at first is little.
fn make_room(length: usize) -> bool {
    let (mut least, mut most, mut flags) = (0, 0, 0);
    // SAFETY: no precondition; the handle is a constant that needs no closing.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the three are live locals.
    let asked = unsafe {
        GetProcessWorkingSetSizeEx(process, &raw mut least, &raw mut most, &raw mut flags)
    };
    // Room for some regions more, so that it is not asked for each.
    let more = length.saturating_mul(4);
    let (least, most) = (least.saturating_add(more), most.saturating_add(more));
    // SAFETY: no precondition.
    asked != 0 && unsafe { SetProcessWorkingSetSizeEx(process, least, most, flags) } != 0
}

/// Windows 10 has this; it is asked for by name so that the module loads on what has not.
fn leave_out(mapped: *mut c_void, length: usize) {
    type Exclude = unsafe extern "system" fn(*const c_void, u32) -> HRESULT;
    // SAFETY: the name has its end; this library is in every process.
    let kernel = unsafe { GetModuleHandleW(w!("kernel32.dll")) };
    // SAFETY: the handle is that of a loaded library or none, the name has its end.
    let found = unsafe { GetProcAddress(kernel, s!("WerRegisterExcludedMemoryBlock")) };
    let (Some(found), Ok(length)) = (found, u32::try_from(length)) else { return };
    // SAFETY: the function of this name has this type (werapi.h).
    let exclude = unsafe { mem::transmute::<unsafe extern "system" fn() -> isize, Exclude>(found) };
    // SAFETY: the pages are mapped; the system forgets them when they are given back.
    unsafe { exclude(mapped, length) };
}

/// Gives pages back that [`locked`] has made with this length and nobody refers to any more.
pub(super) fn give_back(start: NonNull<u8>, _length: usize) {
    // SAFETY: see above. Pages that are given back are unlocked with that.
    unsafe { VirtualFree(start.as_ptr().cast(), 0, MEM_RELEASE) };
}
