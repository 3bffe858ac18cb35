//! Access tokens: as whom a process or a thread runs.
#![allow(unsafe_code)]

use super::{Sid, done};
use std::{
    io,
    os::windows::io::{AsRawHandle as _, BorrowedHandle, FromRawHandle as _, OwnedHandle},
    ptr,
};
use windows_sys::Win32::{
    Foundation::HANDLE,
    Security::{
        GetTokenInformation, TOKEN_ELEVATION_TYPE, TOKEN_INFORMATION_CLASS, TOKEN_QUERY,
        TOKEN_STATISTICS, TokenElevationType, TokenElevationTypeFull, TokenOwner, TokenStatistics,
        TokenUser,
    },
    System::Threading::{GetCurrentProcess, GetCurrentThread, OpenProcessToken, OpenThreadToken},
};

/// An access token that may be asked.
#[derive(Debug)]
pub(crate) struct Token(OwnedHandle);

/// Room for what is asked: two pointers and the longest security identifier.
const ROOM: usize = 128;

impl Token {
    /// Of this process.
    pub(crate) fn own() -> io::Result<Self> {
        // SAFETY: no precondition; the handle is a constant that needs no closing.
        let process = unsafe { GetCurrentProcess() };
        Self::opened(process)
    }

    /// Of another process, by a handle to it that may be asked (PROCESS_QUERY_LIMITED_INFORMATION).
    pub(crate) fn of_process(process: BorrowedHandle<'_>) -> io::Result<Self> {
        Self::opened(process.as_raw_handle())
    }

    fn opened(process: HANDLE) -> io::Result<Self> {
        let mut token = ptr::null_mut();
        // SAFETY: `process` is a handle that lives through the call, `token` a live local.
        done(unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) })?;
        // SAFETY: the system has just made this handle for us and nothing else owns it.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(token) }))
    }

    /// That this thread has put on for the one at the other end of a pipe.
    pub(crate) fn put_on() -> io::Result<Self> {
        let mut token = ptr::null_mut();
        // SAFETY: no precondition; the handle is a constant that needs no closing.
        let thread = unsafe { GetCurrentThread() };
        // As itself: whom the thread has put on may be one who may ask nothing.
        // SAFETY: `thread` is valid, `token` a live local.
        done(unsafe { OpenThreadToken(thread, TOKEN_QUERY, 1, &raw mut token) })?;
        // SAFETY: the system has just made this handle for us and nothing else owns it.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(token) }))
    }

    /// The user.
    pub(crate) fn user(&self) -> io::Result<Sid> {
        self.sid(TokenUser)
    }

    /// Whose that is what the process makes: the user, or the administrators.
    pub(crate) fn owner(&self) -> io::Result<Sid> {
        self.sid(TokenOwner)
    }

    /// Whether it is an administrator's whole one, of whom the person's other programs have a part.
    pub(crate) fn is_elevated(&self) -> io::Result<bool> {
        let mut kind: TOKEN_ELEVATION_TYPE = 0;
        let mut length = 0;
        // SAFETY: `kind` is a live local of the type that is written, whose size is given.
        done(unsafe {
            GetTokenInformation(
                self.0.as_raw_handle(),
                TokenElevationType,
                (&raw mut kind).cast(),
                size_of::<TOKEN_ELEVATION_TYPE>() as u32,
                &raw mut length,
            )
        })?;
        Ok(kind == TokenElevationTypeFull)
    }

    /// The logon session (MS-DTYP section 2.3.7), written as the event log does.
    pub(crate) fn logon(&self) -> io::Result<String> {
        let mut statistics = TOKEN_STATISTICS::default();
        let mut length = 0;
        // SAFETY: `statistics` is a live local of the type that is written, whose size is given.
        done(unsafe {
            GetTokenInformation(
                self.0.as_raw_handle(),
                TokenStatistics,
                (&raw mut statistics).cast(),
                size_of::<TOKEN_STATISTICS>() as u32,
                &raw mut length,
            )
        })?;
        let id = statistics.AuthenticationId;
        let id = u64::from(id.HighPart.cast_unsigned()) << 32 | u64::from(id.LowPart);
        Ok(format!("{id:#x}"))
    }

    /// A security identifier; its structures begin with a pointer to it, and it stands in the same
    /// room.
    fn sid(&self, what: TOKEN_INFORMATION_CLASS) -> io::Result<Sid> {
        let mut room = [0_u64; ROOM / 8];
        let mut length = 0;
        // SAFETY: `room` is live, aligned for pointers, and as long as is said.
        done(unsafe {
            GetTokenInformation(
                self.0.as_raw_handle(),
                what,
                room.as_mut_ptr().cast(),
                ROOM as u32,
                &raw mut length,
            )
        })?;
        let start = room.as_ptr().addr();
        // SAFETY: both structures begin with this pointer, which the call has written.
        let place = unsafe { room.as_ptr().cast::<*const u8>().read() }.addr();
        let bytes: Vec<u8> = room.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let sid = bytes.get(place.wrapping_sub(start)..).and_then(Sid::from_bytes);
        sid.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_user_an_owner_and_a_logon() {
        let token = Token::own().unwrap();
        let user = token.user().unwrap();
        assert_eq!(Sid::parse(&user.to_string()), Some(user));
        assert_ne!(token.owner().unwrap(), Sid::NOBODY);
        assert!(token.logon().unwrap().starts_with("0x"));
        assert!(Token::put_on().is_err(), "nothing is put on");
    }
}
