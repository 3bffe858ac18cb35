//! The name of an account, as the local security authority has it (LookupAccountSid).
#![allow(unsafe_code)]

use crate::secret::User;
use std::ptr;
use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::{
    Authorization::ConvertStringSidToSidW, LookupAccountSidW, PSID, SID_NAME_USE,
};

/// The longest name and the longest domain.
const ROOM: usize = 512;

/// The name of the account of this user, without its domain; none where there is no such account,
/// or nobody answers. A domain may take its time.
pub fn account_name(user: User) -> Option<String> {
    let text: Vec<u16> = user.to_string().encode_utf16().chain([0]).collect();
    let mut sid: PSID = ptr::null_mut();
    // SAFETY: `text` has its end and `sid` is a live local.
    if unsafe { ConvertStringSidToSidW(text.as_ptr(), &raw mut sid) } == 0 {
        return None;
    }
    let (mut name, mut domain) = ([0_u16; ROOM], [0_u16; ROOM]);
    let (mut name_length, mut domain_length) = (ROOM as u32, ROOM as u32);
    let mut kind: SID_NAME_USE = 0;
    // SAFETY: `sid` was made above, and the others are live locals of the lengths that are said.
    let found = unsafe {
        LookupAccountSidW(
            ptr::null(),
            sid,
            name.as_mut_ptr(),
            &raw mut name_length,
            domain.as_mut_ptr(),
            &raw mut domain_length,
            &raw mut kind,
        )
    };
    // SAFETY: made by the system for us to be freed this way, once.
    unsafe { LocalFree(sid) };
    let name = name.get(..usize::try_from(name_length).ok()?)?;
    (found != 0).then(|| String::from_utf16(name).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_named_as_the_system_names_them() {
        assert!(account_name(User::own()).is_some_and(|name| !name.is_empty()));
        assert_eq!(account_name("S-1-5-21-1-2-3-99999".parse().unwrap()), None);
    }
}
