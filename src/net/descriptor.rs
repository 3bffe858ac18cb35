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
    sync::atomic::{AtomicI32, Ordering},
};

/// A connection that a child made by fork would inherit, and then lets go of.
#[derive(Debug)]
pub(crate) struct Inherited(AtomicI32);

impl Default for Inherited {
    fn default() -> Self {
        Self(AtomicI32::new(-1))
    }
}

impl Inherited {
    /// From now on it is this one.
    pub(crate) fn set(&self, connection: &super::Connection) {
        self.0.store(connection.number(), Ordering::SeqCst);
    }

    /// There is none any more.
    pub(crate) fn none(&self) {
        self.0.store(-1, Ordering::SeqCst);
    }

    /// In a child: lets go of it, without ending it for the parent.
    pub(crate) fn abandon(&self) {
        let number = self.0.load(Ordering::SeqCst);
        if number >= 0 {
            abandon(number);
        }
    }
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
/// `number` is that of a [`super::Connection`] that the parent had open at the fork, whose owner lives on in this process and
/// may close it later.
pub(super) fn abandon(number: RawFd) {
    let Ok(nothing) = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
    else {
        return;
    };
    // SAFETY: the descriptor is open here (see above), and `ManuallyDrop` leaves the closing to its owner.
    let mut inherited = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
    let _ = dup3(&nothing, &mut inherited, DupFlags::CLOEXEC);
}
