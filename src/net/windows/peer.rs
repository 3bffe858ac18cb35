//! Who is at the other end of a connection, as the operating system says (design rule 9).
#![allow(unsafe_code)]

use super::pipe;
use crate::secret::{
    User,
    windows::{Token, done},
};
use std::{
    ffi::OsString,
    io,
    os::windows::{
        ffi::OsStringExt as _,
        io::{AsHandle as _, AsRawHandle as _, OwnedHandle},
    },
    path::PathBuf,
};
use windows_sys::Win32::{
    Foundation::{FILETIME, WAIT_TIMEOUT},
    Security::RevertToSelf,
    System::{
        Pipes::ImpersonateNamedPipeClient,
        Threading::{
            GetProcessTimes, PROCESS_NAME_WIN32, QueryFullProcessImageNameW, WaitForSingleObject,
        },
    },
};

/// Who is at the other end, as the operating system says.
///
/// This is for attribution and administration. It is no barrier between programs of the same user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The user.
    pub uid: User,
    /// Process id.
    pub pid: u32,
    /// When the process began, in the system's own count, so that a reused pid is seen.
    pub start_time: Option<u64>,
    /// Executable's path.
    pub executable: Option<PathBuf>,
    /// Logon session (LUID), as the event log writes it: `0x3e7`. A program that runs with an
    /// administrator's rights is in another session than the same person's others.
    pub logon: Option<String>,
}

impl Peer {
    /// The client at the other end of a server's pipe: its user and logon session by the token it
    /// connected with, which the system keeps with the pipe.
    pub(super) fn client_of(pipe: &OwnedHandle) -> io::Result<Self> {
        let token = token_of_client(pipe)?;
        let mut peer = Self {
            uid: User(token.user()?),
            pid: pipe::process(pipe, false)?,
            start_time: None,
            executable: None,
            logon: token.logon().ok(),
        };
        peer.ask_process();
        Ok(peer)
    }

    /// The server at the other end of a client's pipe.
    pub(super) fn server_of(pipe: &OwnedHandle) -> io::Result<Self> {
        let pid = pipe::process(pipe, true)?;
        let process = pipe::held(pid)?;
        let token = Token::of_process(process.as_handle())?;
        let mut peer = Self {
            uid: User(token.user()?),
            pid,
            start_time: None,
            executable: None,
            logon: token.logon().ok(),
        };
        peer.ask_process();
        Ok(peer)
    }

    /// What the process of that number says counts only if it is of the same user, and still there
    /// afterwards; a number may be another's by now.
    fn ask_process(&mut self) {
        let Ok(process) = pipe::held(self.pid) else { return };
        let user = Token::of_process(process.as_handle()).and_then(|token| token.user());
        if !user.is_ok_and(|user| User(user) == self.uid) {
            return;
        }
        let (start_time, executable) = (start_time(&process), executable(&process));
        // SAFETY: the handle lives through the call.
        if unsafe { WaitForSingleObject(process.as_raw_handle(), 0) } == WAIT_TIMEOUT {
            (self.start_time, self.executable) = (start_time, executable);
        }
    }
}

/// The token that the client connected with. For the moment of asking this thread runs as the client,
/// who has lent the right to be recognised, and no other.
fn token_of_client(pipe: &OwnedHandle) -> io::Result<Token> {
    // SAFETY: the handle lives through the call.
    done(unsafe { ImpersonateNamedPipeClient(pipe.as_raw_handle()) })?;
    let token = Token::put_on();
    // SAFETY: no precondition.
    if unsafe { RevertToSelf() } == 0 {
        // This thread would go on as somebody else.
        std::process::abort();
    }
    token
}

pub(in crate::net) fn start_time(process: &OwnedHandle) -> Option<u64> {
    let mut times = [FILETIME::default(); 4];
    let [began, ended, kernel, user] = &mut times;
    // SAFETY: the handle lives through the call, and the four are live locals.
    let asked = unsafe { GetProcessTimes(process.as_raw_handle(), began, ended, kernel, user) };
    let began = times.first().filter(|_| asked != 0)?;
    Some(u64::from(began.dwHighDateTime) << 32 | u64::from(began.dwLowDateTime))
}

/// No path is longer.
const LONGEST: usize = 32 << 10;

fn executable(process: &OwnedHandle) -> Option<PathBuf> {
    let mut room = vec![0_u16; LONGEST];
    let mut length = LONGEST as u32;
    // SAFETY: the handle lives through the call, and `room` is as long as is said.
    let asked = unsafe {
        QueryFullProcessImageNameW(
            process.as_raw_handle(),
            PROCESS_NAME_WIN32,
            room.as_mut_ptr(),
            &raw mut length,
        )
    };
    let path = room.get(..usize::try_from(length).ok()?).filter(|_| asked != 0)?;
    Some(PathBuf::from(OsString::from_wide(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_to_ourselves_says_who_we_are() {
        let (server, client) = pipe::pair().unwrap();
        let peer = Peer::client_of(&server).unwrap();
        assert_eq!((peer.uid, peer.pid), (User::own(), std::process::id()));
        assert!(peer.start_time.is_some() && peer.logon.is_some());
        let name = |path: PathBuf| path.file_name().map(|name| name.to_ascii_lowercase());
        assert_eq!(
            peer.executable.clone().and_then(name),
            std::env::current_exe().ok().and_then(name)
        );
        assert_eq!(Peer::server_of(&client).unwrap(), peer);
        assert!(Token::put_on().is_err(), "this thread is itself again");
    }
}
