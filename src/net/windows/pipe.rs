//! Named pipes: making, connecting, and whose they are.
#![allow(unsafe_code)]

use super::event::owned;
use crate::net::address::local::PIPES;
use crate::secret::{
    User,
    windows::{Descriptor, Token, access_of_handle, done, wide},
};
use std::{
    ffi::OsStr,
    io,
    os::windows::io::{AsHandle as _, AsRawHandle as _, OwnedHandle},
    ptr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use windows_sys::Win32::{
    Foundation::{ERROR_PIPE_BUSY, ERROR_SEM_TIMEOUT, GENERIC_READ},
    Storage::FileSystem::{
        CreateFileW, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, FILE_WRITE_DATA,
        OPEN_EXISTING, PIPE_ACCESS_DUPLEX, SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT,
    },
    System::{
        Pipes::{
            CreateNamedPipeW, GetNamedPipeClientProcessId, GetNamedPipeServerProcessId,
            PIPE_READMODE_BYTE, PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE,
            PIPE_UNLIMITED_INSTANCES, PIPE_WAIT, WaitNamedPipeW,
        },
        Threading::{OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE},
    },
};

/// What a pipe holds in each direction.
const ROOM: u32 = 64 << 10;
/// How long a server may leave a connection waiting.
const QUEUED: Duration = Duration::from_secs(2);
/// What others than the server's user may do with a pipe: connect, read, write, and see whose it is.
/// Not make another instance of it, which would take its connections.
const CONNECT: u32 = 0x0012_008B;

/// Who may connect to a pipe of this process: its own user, and with `others` everybody whom this
/// machine knows. Nobody over the network.
pub(in crate::net) fn descriptor(others: bool) -> io::Result<Descriptor> {
    Descriptor::parse(&list(User::own(), others))
}

fn list(own: User, others: bool) -> String {
    let more = if others { format!("(A;;{CONNECT:#x};;;AU)") } else { String::new() };
    format!("O:{own}D:P(D;;GA;;;NU)(A;;GA;;;{own})(A;;GA;;;SY){more}")
}

fn path(name: &str) -> io::Result<Vec<u16>> {
    wide(OsStr::new(&format!("{PIPES}{name}")))
}

/// Makes an instance of a pipe, the `first` only if nobody has one.
pub(in crate::net) fn create(
    name: &str,
    descriptor: &Descriptor,
    first: bool,
) -> io::Result<OwnedHandle> {
    let (name, attributes) = (path(name)?, descriptor.attributes());
    let first = if first { FILE_FLAG_FIRST_PIPE_INSTANCE } else { 0 };
    // SAFETY: `name` has its end, and `attributes` and what it points to live through the call.
    owned(unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
            PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
            PIPE_UNLIMITED_INSTANCES,
            ROOM,
            ROOM,
            0,
            &raw const attributes,
        )
    })
}

fn open(name: &[u16]) -> io::Result<OwnedHandle> {
    // SAFETY: `name` has its end.
    owned(unsafe {
        CreateFileW(
            name.as_ptr(),
            // Not GENERIC_WRITE, which asks for the right to make instances too.
            GENERIC_READ | FILE_WRITE_DATA,
            0,
            ptr::null(),
            OPEN_EXISTING,
            FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
            ptr::null_mut(),
        )
    })
}

/// Connects to a pipe, in turn with others.
pub(in crate::net) fn connect(name: &str) -> io::Result<OwnedHandle> {
    let name = path(name)?;
    let deadline = Instant::now() + QUEUED;
    loop {
        let busy = match open(&name) {
            Err(error) => error,
            opened => return opened,
        };
        if busy.raw_os_error() != Some(ERROR_PIPE_BUSY.cast_signed()) {
            return Err(busy);
        }
        let rest = deadline.saturating_duration_since(Instant::now()).as_millis();
        if rest == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let rest = u32::try_from(rest).unwrap_or(u32::MAX);
        // SAFETY: `name` has its end.
        match done(unsafe { WaitNamedPipeW(name.as_ptr(), rest) }) {
            Err(error) if error.raw_os_error() == Some(ERROR_SEM_TIMEOUT.cast_signed()) => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // Another may have been faster, or the server is gone, which the next try tells.
            _ => {}
        }
    }
}

/// Two ends of a pipe that nobody else gets at.
pub(in crate::net) fn pair() -> io::Result<(OwnedHandle, OwnedHandle)> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 8];
    crate::crypto::random(&mut random).map_err(io::Error::other)?;
    let name = format!(
        "wardcard-pair-{}-{}-{:016x}",
        std::process::id(),
        MADE.fetch_add(1, Ordering::Relaxed),
        u64::from_ne_bytes(random)
    );
    let server = create(&name, &descriptor(false)?, true)?;
    let client = connect(&name)?;
    Ok((server, client))
}

/// The process at the other end: the server's where this is the client's end.
pub(in crate::net) fn process(pipe: &OwnedHandle, servers: bool) -> io::Result<u32> {
    let mut id = 0;
    let pipe = pipe.as_raw_handle();
    done(match servers {
        // SAFETY: the handle lives through the call, and `id` is a live local.
        true => unsafe { GetNamedPipeServerProcessId(pipe, &raw mut id) },
        // SAFETY: as above.
        false => unsafe { GetNamedPipeClientProcessId(pipe, &raw mut id) },
    })?;
    Ok(id)
}

/// A process that may be asked who it is, and waited for.
pub(in crate::net) fn held(id: u32) -> io::Result<OwnedHandle> {
    let rights = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    // SAFETY: no precondition.
    owned(unsafe { OpenProcess(rights, 0, id) })
}

/// Whose the pipe is that a client has connected to, by all that the system says of it: the owner of
/// the pipe, which nobody makes in another's name; and the user of the server's process, where this
/// one may ask. All of them have to be believed.
pub(in crate::net) fn servers(pipe: &OwnedHandle) -> io::Result<Vec<User>> {
    let mut servers = vec![access_of_handle(pipe.as_handle(), false)?.owner];
    let asked = process(pipe, true).and_then(held);
    match asked.and_then(|process| Token::of_process(process.as_handle())?.user()) {
        Ok(user) => servers.push(User(user)),
        // A service's process tells it to administrators alone.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error),
    }
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_lets_others_connect_and_no_more_and_nobody_over_the_network() {
        let own = User::from(1013);
        assert_eq!(list(own, false), format!("O:{own}D:P(D;;GA;;;NU)(A;;GA;;;{own})(A;;GA;;;SY)"));
        let open = list(own, true);
        assert!(open.ends_with("(A;;0x12008b;;;AU)"), "{open}");
        const CREATE_PIPE_INSTANCE: u32 = 0x4;
        assert_eq!(CONNECT & CREATE_PIPE_INSTANCE, 0);
        assert!(descriptor(true).is_ok() && descriptor(false).is_ok());
    }

    #[test]
    fn whose_a_pipe_is_comes_from_the_system() {
        let (server, client) = pair().unwrap();
        let servers = servers(&client).unwrap();
        assert!(servers.iter().all(|user| user.owns_as_own()), "{servers:?}");
        assert!(servers.contains(&User::own()), "{servers:?}");
        assert_eq!(process(&client, true).unwrap(), std::process::id());
        assert_eq!(process(&server, false).unwrap(), std::process::id());
    }
}
