//! Security descriptors: whose something is, and who may do what with it (MS-DTYP section 2.4.6).
#![allow(unsafe_code)]

use super::{Sid, Token, done, wide};
use crate::secret::{Access, User};
use std::{
    ffi::OsStr,
    io,
    os::windows::io::{AsRawHandle as _, BorrowedHandle},
    path::Path,
    ptr,
};
#[cfg(feature = "cli")]
use windows_sys::Win32::Security::{
    GetSecurityDescriptorOwner, PROTECTED_DACL_SECURITY_INFORMATION, SetFileSecurityW,
};
use windows_sys::Win32::{
    Foundation::{ERROR_SUCCESS, GENERIC_ALL, GENERIC_WRITE, LocalFree},
    Security::{
        ACE_HEADER, ACL,
        Authorization::{
            ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW,
            GetSecurityInfo, SDDL_REVISION_1, SE_FILE_OBJECT, SE_KERNEL_OBJECT, SE_OBJECT_TYPE,
        },
        DACL_SECURITY_INFORMATION, GetAce, GetLengthSid, INHERIT_ONLY_ACE,
        OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES,
    },
    Storage::FileSystem::{
        DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_WRITE_DATA, WRITE_DAC, WRITE_OWNER,
    },
    System::SystemServices::{ACCESS_ALLOWED_ACE_TYPE, ACCESS_DENIED_ACE_TYPE},
};

/// Rights by which another comes in the place of what is there.
const REPLACE: u32 = FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_ALL;
/// Rights by which what is there, or who may use it, is changed.
const WRITE: u32 = FILE_WRITE_DATA | FILE_APPEND_DATA | GENERIC_WRITE | REPLACE;

/// A security descriptor that something is made with.
#[derive(Debug)]
pub(crate) struct Descriptor(PSECURITY_DESCRIPTOR);

// SAFETY: the memory is this value's own and is only read until it is freed.
unsafe impl Send for Descriptor {}
// SAFETY: as above.
unsafe impl Sync for Descriptor {}

impl Descriptor {
    /// By its text (MS-DTYP section 2.5.1).
    pub(crate) fn parse(text: &str) -> io::Result<Self> {
        let text = wide(OsStr::new(text))?;
        let mut made: PSECURITY_DESCRIPTOR = ptr::null_mut();
        // SAFETY: `text` has its end, `made` is a live local, and no length is asked for.
        done(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut made,
                ptr::null_mut(),
            )
        })?;
        Ok(Self(made))
    }

    /// This user's alone, with all that is made in it; the system and the administrators, whom
    /// nothing keeps out, are named.
    pub(crate) fn private() -> io::Result<Self> {
        let own = Token::own()?.user()?;
        Self::parse(&format!("O:{own}D:P(A;OICI;FA;;;{own})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"))
    }

    /// Puts owner and list on a folder or file that is there, in the place of what it has; what is in a
    /// folder already stays as it is. Without an owner in it the owner stays.
    #[cfg(feature = "cli")]
    pub(crate) fn put_on(&self, path: &Path) -> io::Result<()> {
        let path = wide(path.as_os_str())?;
        let (mut owner, mut usual) = (ptr::null_mut(), 0);
        // SAFETY: the descriptor is whole, and the two are live locals.
        done(unsafe { GetSecurityDescriptorOwner(self.0, &raw mut owner, &raw mut usual) })?;
        let list = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
        let owner = if owner.is_null() { 0 } else { OWNER_SECURITY_INFORMATION };
        // SAFETY: `path` has its end, and the descriptor is whole and lives through the call.
        done(unsafe { SetFileSecurityW(path.as_ptr(), list | owner, self.0) })
    }

    /// As the system takes it where no more than it is asked for, for as long as this value lives.
    pub(crate) fn as_ptr(&self) -> PSECURITY_DESCRIPTOR {
        self.0
    }

    /// As the system takes it, for as long as this value lives; handles are not inherited.
    pub(crate) fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: self.0,
            bInheritHandle: 0,
        }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        free(self.0);
    }
}

fn free(descriptor: PSECURITY_DESCRIPTOR) {
    // SAFETY: made by the system for us to be freed this way, by one who frees it once.
    unsafe { LocalFree(descriptor) };
}

/// Whose the file or folder of this name is, and what others may do with it.
pub(crate) fn access_of_path(path: &Path) -> io::Result<Access> {
    let path = wide(path.as_os_str())?;
    ask(|owner, list, descriptor| {
        // SAFETY: `path` has its end, and the three are live locals of the caller.
        unsafe {
            GetNamedSecurityInfoW(
                path.as_ptr(),
                SE_FILE_OBJECT,
                OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                owner,
                ptr::null_mut(),
                list,
                ptr::null_mut(),
                descriptor,
            )
        }
    })
}

/// Whose an open file or pipe is, and what others may do with it.
pub(crate) fn access_of_handle(handle: BorrowedHandle<'_>, file: bool) -> io::Result<Access> {
    let kind: SE_OBJECT_TYPE = if file { SE_FILE_OBJECT } else { SE_KERNEL_OBJECT };
    ask(|owner, list, descriptor| {
        // SAFETY: the handle lives through the call, and the three are live locals of the caller.
        unsafe {
            GetSecurityInfo(
                handle.as_raw_handle(),
                kind,
                OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                owner,
                ptr::null_mut(),
                list,
                ptr::null_mut(),
                descriptor,
            )
        }
    })
}

fn ask(
    question: impl FnOnce(*mut PSID, *mut *mut ACL, *mut PSECURITY_DESCRIPTOR) -> u32,
) -> io::Result<Access> {
    let (mut owner, mut list): (PSID, *mut ACL) = (ptr::null_mut(), ptr::null_mut());
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    let code = question(&raw mut owner, &raw mut list, &raw mut descriptor);
    if code != ERROR_SUCCESS {
        return Err(io::Error::from_raw_os_error(code.cast_signed()));
    }
    let access = sid(owner).and_then(|owner| access(owner, list));
    free(descriptor);
    access
}

/// No list at all lets everybody do everything.
fn access(owner: Sid, list: *const ACL) -> io::Result<Access> {
    let others = match list.is_null() {
        true => u32::MAX,
        false => rights_of_others(owner, list)?,
    };
    Ok(Access {
        owner: User(owner),
        open: others != 0,
        writable: others & WRITE != 0,
        replaceable: others & REPLACE != 0,
    })
}

/// What the list gives to anybody but the owner, this user, the system and the administrators.
/// What it takes away again is not reckoned, and a kind of entry that is not known gives all.
fn rights_of_others(owner: Sid, list: *const ACL) -> io::Result<u32> {
    let own = Token::own()?.user()?;
    let known = [
        owner,
        own,
        Sid::SYSTEM,
        Sid::ADMINISTRATORS,
        Sid::TRUSTED_INSTALLER,
        Sid::CREATOR_OWNER,
        Sid::OWNER_RIGHTS,
        Sid::NOBODY,
    ];
    // SAFETY: the system has made this list, which lives as long as its descriptor.
    let count = unsafe { (*list).AceCount };
    let mut rights = 0;
    for number in 0..u32::from(count) {
        let mut place = ptr::null_mut();
        // SAFETY: `list` is valid and has an entry of this number; `place` is a live local.
        done(unsafe { GetAce(list, number, &raw mut place) })?;
        // SAFETY: every entry begins with this header.
        let header = unsafe { place.cast::<ACE_HEADER>().read_unaligned() };
        match u32::from(header.AceType) {
            ACCESS_DENIED_ACE_TYPE => continue,
            ACCESS_ALLOWED_ACE_TYPE => {}
            _ => return Ok(u32::MAX),
        }
        // It is for what is made in the folder, and says nothing of the folder.
        if u32::from(header.AceFlags) & INHERIT_ONLY_ACE != 0 {
            continue;
        }
        // SAFETY: behind the header such an entry has its rights, and then its identifier.
        let mask = unsafe { place.cast::<u32>().add(1).read_unaligned() };
        // SAFETY: as above.
        let who = sid(unsafe { place.cast::<u32>().add(2) }.cast())?;
        if !known.contains(&who) {
            rights |= mask;
        }
    }
    Ok(rights)
}

/// An identifier that the system keeps; `place` is none, or where one lies.
fn sid(place: PSID) -> io::Result<Sid> {
    if place.is_null() {
        return Ok(Sid::NOBODY);
    }
    // SAFETY: the system has made it there.
    let length = unsafe { GetLengthSid(place) } as usize;
    // SAFETY: it is that long, by the same word, and lives through this function.
    let bytes = unsafe { std::slice::from_raw_parts(place.cast::<u8>(), length) };
    Sid::from_bytes(bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use windows_sys::Win32::Security::GetSecurityDescriptorDacl;

    /// What others may do by this list, as if `owner` had it.
    fn judged(text: &str) -> (bool, bool, bool) {
        let descriptor = Descriptor::parse(text).unwrap();
        let (mut there, mut list, mut usual) = (0, ptr::null_mut(), 0);
        // SAFETY: the descriptor is whole and the three are live locals.
        let asked = unsafe {
            GetSecurityDescriptorDacl(descriptor.0, &raw mut there, &raw mut list, &raw mut usual)
        };
        done(asked).unwrap();
        let list = if there == 0 { ptr::null_mut() } else { list };
        let found = access(Token::own().unwrap().user().unwrap(), list).unwrap();
        (found.open, found.writable, found.replaceable)
    }

    #[test]
    fn others_are_seen_in_a_list() {
        let own = Token::own().unwrap().user().unwrap();
        let (none, all) = ((false, false, false), (true, true, true));
        assert_eq!(judged(&format!("D:P(A;;FA;;;{own})(A;;FA;;;SY)(A;;FA;;;BA)")), none);
        assert_eq!(judged(&format!("D:P(A;;FA;;;{own})(A;;FR;;;WD)")), (true, false, false));
        assert_eq!(judged("D:P(A;;FW;;;S-1-5-21-1-2-3-1009)"), (true, true, false));
        assert_eq!(judged("D:P(A;;0x4;;;AU)"), (true, true, false), "as the drive has it");
        for right in ["SD", "WD", "WO", "0x40", "GA"] {
            assert_eq!(judged(&format!("D:P(A;;{right};;;BU)")), all, "{right}");
        }
        assert_eq!(judged("D:P(A;OICIIO;FA;;;WD)"), none, "for what is made in it");
        assert_eq!(judged("D:P(D;;FA;;;WD)"), none);
        assert_eq!(judged("O:SY"), all, "no list");
        assert!(Descriptor::parse("D:P(nonsense").is_err());
    }
}
