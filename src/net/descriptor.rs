//! Two operations on descriptors that need unsafe code: SO_PEERPIDFD (Linux 6.5), a descriptor of the process at the other
//! end, which is never another's; and letting go of what a child inherited.

#![allow(unsafe_code)]

use rustix::{
    fs::{Mode, OFlags},
    io::{DupFlags, dup3},
};
use std::{
    io,
    mem::ManuallyDrop,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    sync::atomic::{AtomicI32, AtomicU64, Ordering},
};

/// A connection that a child made by fork would inherit, and then lets go of.
#[derive(Debug)]
pub(crate) struct Inherited {
    number: AtomicI32,
    /// Which socket it is: a child may have closed it, and given its number to a file of its own.
    socket: AtomicU64,
}

impl Default for Inherited {
    fn default() -> Self {
        Self { number: AtomicI32::new(-1), socket: AtomicU64::new(0) }
    }
}

impl Inherited {
    /// From now on it is this one.
    pub(crate) fn set(&self, connection: &super::Connection) {
        let number = connection.number();
        self.none();
        if let Some(socket) = socket_at(number) {
            self.socket.store(socket, Ordering::SeqCst);
            self.number.store(number, Ordering::SeqCst);
        }
    }

    /// There is none any more.
    pub(crate) fn none(&self) {
        self.number.store(-1, Ordering::SeqCst);
    }

    /// In a child: lets go of it, if it is still there, without ending it for the parent.
    pub(crate) fn abandon(&self) {
        let number = self.number.load(Ordering::SeqCst);
        if number >= 0 && socket_at(number) == Some(self.socket.load(Ordering::SeqCst)) {
            abandon(number);
        }
    }
}

/// Which socket a number stands for now: no two of a machine have the same at a time. `None` where
/// it stands for something else, or nothing.
fn socket_at(number: RawFd) -> Option<u64> {
    // SAFETY: all of it is numbers, for which zeros are values.
    let mut found: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `found` is a live local; a number that stands for nothing is answered with EBADF.
    let code = unsafe { libc::fstat(number, &raw mut found) };
    #[allow(clippy::useless_conversion, reason = "it has 32 bits on some systems")]
    let number = u64::from(found.st_ino);
    (code == 0 && found.st_mode & libc::S_IFMT == libc::S_IFSOCK).then_some(number)
}

const SO_PEERPIDFD: libc::c_int = 77;

/// The peer's process.
///
/// # Errors
/// ENOPROTOOPT where the kernel does not know the option; any other says that the process has ended.
pub(super) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut raw: libc::c_int = -1;
    let mut length =
        libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: both pointers are to live locals of the types that the option writes, and `length` is the room there is.
    let code = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PEERPIDFD,
            (&raw mut raw).cast(),
            &raw mut length,
        )
    };
    if code != 0 {
        return Err(io::Error::last_os_error());
    }
    if raw < 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    // SAFETY: the kernel has just made this descriptor for us and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Lets go of a connection that a child inherited, without ending it for its parent: the number stays taken, by nothing.
///
/// `number` is that of a [`super::Connection`] that the parent had open at the fork and that is open
/// here; its owner lives on in this process and may close it later.
pub(super) fn abandon(number: RawFd) {
    let Ok(nothing) = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
    else {
        return;
    };
    // SAFETY: the descriptor is open here (see above), and `ManuallyDrop` leaves the closing to its owner.
    let mut inherited = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
    let _ = dup3(&nothing, &mut inherited, DupFlags::CLOEXEC);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Connection;
    use std::io::{Read as _, Seek as _, Write as _};

    #[test]
    fn what_has_taken_the_number_of_a_closed_connection_is_left_alone() {
        let inherited = Inherited::default();
        inherited.abandon();
        let (here, there) = Connection::pair().unwrap();
        inherited.set(&here);
        inherited.abandon();
        let end = there.read_exact(&mut [0]).unwrap_err().kind();
        assert_eq!(end, io::ErrorKind::UnexpectedEof, "it was open, and was let go of");
        // A program that closes all it has inherited, and opens a file of its own in its place.
        let (here, _there) = Connection::pair().unwrap();
        inherited.set(&here);
        let mut file = tempfile::tempfile().unwrap();
        // SAFETY: `here` is not used again, and its number belongs to the duplicate from now on.
        let mut place = unsafe { OwnedFd::from_raw_fd(here.number()) };
        std::mem::forget(here);
        dup3(&file, &mut place, DupFlags::CLOEXEC).unwrap();
        inherited.abandon();
        let mut own = std::fs::File::from(place);
        own.write_all(b"a line of its log").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a line of its log");
    }
}
