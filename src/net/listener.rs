//! A bound Unix socket.

use super::{Address, Connection, Peer, address::not_local, trust::check_own_folder};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, eventfd, poll},
    fs::Mode,
    io::Errno,
    net::{
        AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind,
        connect, listen, shutdown, socket_with,
    },
};
use std::{
    fs, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

/// A bound Unix socket; the file is created with this mode in a folder that is checked, replaces a dead socket, never a
/// live one, and is removed on drop.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    stopped: OwnedFd,
    path: PathBuf,
    /// Device and inode of the socket's file, so that another's is not removed.
    file: (u64, u64),
}

const BACKLOG: i32 = 128;

impl Listener {
    /// Binds and listens.
    ///
    /// # Errors
    ///
    /// PermissionDenied for a folder that belongs to another user or that others write to; AddrInUse where something lives
    /// at the address, or the file there is no socket; otherwise what the system says.
    pub fn bind(address: &Address, mode: u32) -> io::Result<Self> {
        let Address::Unix(path) = address else { return Err(not_local(address)) };
        check_own_folder(path)?;
        remove_dead(path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        // The file must never be open to more than `mode` says, so the socket listens only after its mode is set: until
        // then connecting to it fails.
        bind(&socket, &SocketAddrUnix::new(path)?)?;
        let made = Self {
            file: identity(path)?,
            socket,
            stopped: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            path: path.clone(),
        };
        fs::set_permissions(path, fs::Permissions::from_mode(Mode::from_raw_mode(mode).bits()))?;
        listen(&made.socket, BACKLOG)?;
        Ok(made)
    }

    /// Waits for the next connection; `None` after `stop`.
    ///
    /// # Errors
    ///
    /// What the system says; errors of one connection are passed over.
    pub fn accept(&self) -> io::Result<Option<(Connection, Peer)>> {
        loop {
            let mut events = [
                PollFd::new(&self.socket, PollFlags::IN),
                PollFd::new(&self.stopped, PollFlags::IN),
            ];
            match poll(&mut events, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if !events[1].revents().is_empty() {
                return Ok(None);
            }
            match accept_with(&self.socket, SocketFlags::CLOEXEC) {
                Ok(socket) => match Peer::of(socket.as_fd()) {
                    Ok(peer) => return Ok(Some((Connection::new(socket), peer))),
                    Err(_) => continue,
                },
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends every `accept`, now and later: nobody connects any more, though this value may live on
    /// for a while in a thread that is about to end. May be called from another thread.
    pub fn stop(&self) {
        // A full counter is as readable as any.
        let _ = rustix::io::write(&self.stopped, &1_u64.to_ne_bytes());
        // Refused from now on, so that who serves at this address next finds nobody there.
        let _ = shutdown(&self.socket, Shutdown::Both);
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        Address::Unix(self.path.clone())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Removes a socket that nobody listens on.
fn remove_dead(path: &Path) -> io::Result<()> {
    let in_use =
        |text| io::Error::new(io::ErrorKind::AddrInUse, format!("{}: {text}", path.display()));
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(in_use("a file that is no socket stands there; move it away"));
        }
        Ok(_) => {}
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&probe, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path),
        _ => Err(in_use("another process is serving there; stop it, or use another address")),
    }
}

#[cfg(test)]
mod tests;
