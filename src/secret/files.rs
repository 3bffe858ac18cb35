//! Files and folders that are one user's alone: how they are made, and how it is checked that they
//! still are. Mode bits on Unix; owner and access control list on Windows.

#[cfg_attr(unix, path = "files/unix.rs")]
#[cfg_attr(windows, path = "files/windows.rs")]
mod system;

use super::User;
use std::{fs::File, io, path::Path};

/// To whom a file or folder belongs, and what others may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whose it is.
    pub owner: User,
    /// Others may do something with it, be it reading.
    pub open: bool,
    /// Others may write it; in a folder: make, rename and remove files of their own, and others'.
    pub writable: bool,
    /// Others may put something else in its place, or in the place of what is in it. To make files
    /// of their own beside it is not enough for that.
    pub replaceable: bool,
}

impl Access {
    /// Of an open file.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(file: &File) -> io::Result<Self> {
        system::of(file)
    }

    /// Of what stands at `path`; links are followed.
    ///
    /// # Errors
    /// What the system says.
    pub fn at(path: &Path) -> io::Result<Self> {
        system::at(path, true)
    }

    /// Of what stands at `path` itself, be it a link.
    ///
    /// # Errors
    /// What the system says.
    pub fn at_itself(path: &Path) -> io::Result<Self> {
        system::at(path, false)
    }

    /// Whether it is this user's or root's, and nobody else's to read: what a secret of this user may
    /// lie in.
    pub fn is_private(&self) -> bool {
        !self.open && (self.owner.owns_as_own() || self.owner.is_root())
    }
}

/// What to do about a file of secrets that others can get at.
pub const MAKE_PRIVATE: &str = system::MAKE_PRIVATE;

/// Makes a file that is not there yet, to be written, this user's alone.
///
/// # Errors
/// AlreadyExists, or what the system says.
pub fn create_new(path: &Path) -> io::Result<File> {
    system::create_new(path)
}

/// Opens a file to be added to and read; it is made if it is not there, this user's alone.
///
/// # Errors
/// What the system says.
pub fn open_append(path: &Path) -> io::Result<File> {
    system::open_append(path)
}

/// Opens a file to be written, without a change to what is in it; it is made if it is not there,
/// this user's alone.
///
/// # Errors
/// What the system says.
pub fn open_to_lock(path: &Path) -> io::Result<File> {
    system::open_to_lock(path)
}

/// Opens a file to be read, without waiting for whom a pipe of that name would wait for.
///
/// # Errors
/// What the system says.
pub fn open_read(path: &Path) -> io::Result<File> {
    system::open_read(path)
}

/// Makes an open file of this user's that user's alone.
///
/// # Errors
/// What the system says.
pub fn make_private(path: &Path, file: &File) -> io::Result<()> {
    system::make_private(path, file)
}

/// Makes a file that is not there yet, to be written, with these mode bits, whatever the umask. On
/// Windows those of others say whether it is as open as its folder, or this user's alone.
///
/// # Errors
/// AlreadyExists, or what the system says.
pub fn create_new_with(path: &Path, mode: u32) -> io::Result<File> {
    system::create_new_with(path, mode)
}

/// The mode bits of a file, as [`create_new_with`] takes them.
///
/// # Errors
/// What the system says.
pub fn mode(path: &Path) -> io::Result<u32> {
    system::mode(path)
}

/// What to do about a file or folder that others can get at.
pub fn close_to_others(path: &Path) -> String {
    system::close_to_others(path)
}

/// Waits for whoever else, in this process or another, has locked this folder; the lock is given
/// back when the answer is dropped.
///
/// # Errors
/// What the system says.
pub fn lock_folder(folder: &Path) -> io::Result<File> {
    let file = system::open_folder_to_lock(folder)?;
    file.lock()?;
    Ok(file)
}

/// Makes a folder that nobody but this user enters. AlreadyExists where something is there.
///
/// # Errors
/// What the system says.
pub fn make_folder(path: &Path) -> io::Result<()> {
    system::make_folder(path)
}

/// Makes a folder that nobody but this user enters, and those on the way to it; what is there stays
/// as it is.
///
/// # Errors
/// What the system says.
pub fn make_folders(path: &Path) -> io::Result<()> {
    system::make_folders(path)
}

/// Waits until the names in a folder are on the medium, where the system can be asked for that.
///
/// # Errors
/// What the system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    system::sync_folder(folder)
}

/// What changes whenever a file does or another comes in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(system::Stamp);

impl Stamp {
    /// Of what stands at `path`.
    ///
    /// # Errors
    /// What the system says.
    pub fn at(path: &Path) -> io::Result<Self> {
        Self::of(&open_read(path)?)
    }

    /// Of an open file.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(file: &File) -> io::Result<Self> {
        system::stamp(file).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::Write as _};

    #[test]
    fn what_is_made_here_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a").join("b");
        make_folders(&inner).unwrap();
        make_folders(&inner).unwrap();
        assert!(Access::at(&inner).unwrap().is_private());
        assert_eq!(make_folder(&inner).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let file = inner.join("key");
        create_new(&file).unwrap().write_all(b"x").unwrap();
        assert_eq!(create_new(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        open_append(&file).unwrap().write_all(b"y").unwrap();
        drop(open_to_lock(&file).unwrap());
        assert_eq!(fs::read(&file).unwrap(), b"xy");
        let found = Access::of(&open_read(&file).unwrap()).unwrap();
        assert!(found.is_private() && found.owner.owns_as_own(), "{found:?}");
        assert_eq!(Access::at_itself(&file).unwrap(), found);
        sync_folder(&inner).unwrap();
    }

    #[test]
    fn a_stamp_changes_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"one").unwrap();
        let before = Stamp::at(&file).unwrap();
        assert_eq!(Stamp::at(&file).unwrap(), before);
        fs::write(folder.path().join("other"), b"two").unwrap();
        fs::rename(folder.path().join("other"), &file).unwrap();
        assert_ne!(Stamp::at(&file).unwrap(), before);
    }
}
