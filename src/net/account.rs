//! The name of a local account, as the operating system's name service has it (POSIX getpwuid_r).

#![allow(unsafe_code)]

use crate::secret::User;
use std::{ffi::CStr, mem::MaybeUninit, ptr};

/// No entry of a directory service is longer.
const MOST: usize = 1 << 20;

/// The name of the account of this user; none where there is no such account, or the name
/// service does not answer. A directory service may take its time.
pub fn account_name(user: User) -> Option<String> {
    let uid = user.number()?;
    let mut room = 1 << 10;
    while room <= MOST {
        let mut text: Vec<libc::c_char> = vec![0; room];
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found: *mut libc::passwd = ptr::null_mut();
        // SAFETY: each pointer is to a live local of the type that is written, and `text.len()` is
        // the room there is in `text`.
        let code = unsafe {
            libc::getpwuid_r(uid, entry.as_mut_ptr(), text.as_mut_ptr(), text.len(), &raw mut found)
        };
        if code == libc::ERANGE {
            room *= 4;
            continue;
        }
        if code != 0 || found.is_null() {
            return None;
        }
        // SAFETY: the call succeeded and found an entry, which it has written whole.
        let entry = unsafe { entry.assume_init() };
        if entry.pw_name.is_null() {
            return None;
        }
        // SAFETY: the name is a string with its end inside `text`, which lives on.
        let name = unsafe { CStr::from_ptr(entry.pw_name) };
        return name.to_str().ok().map(str::to_owned);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_named_as_the_system_names_them() {
        assert_eq!(account_name(User::from(0)).as_deref(), Some("root"));
        assert_eq!(account_name(User::from(u32::MAX - 7)), None);
    }
}
