//! By mode bits (inode(7)).

use super::Access;
use crate::secret::User;
use std::{
    fs::{self, DirBuilder, File, Metadata, Permissions},
    io,
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::Path,
};

pub(super) const MAKE_PRIVATE: &str = "chmod 600, and chown it to this user";

pub(super) fn close_to_others(path: &Path) -> String {
    format!("run chmod go-rwx {}", path.display())
}

fn access(found: &Metadata) -> Access {
    Access {
        owner: User::from(found.uid()),
        open: found.mode() & 0o077 != 0,
        writable: found.mode() & 0o022 != 0,
        // A folder with the sticky bit lets nobody remove what is another's.
        replaceable: found.mode() & 0o022 != 0 && found.mode() & 0o1000 == 0,
    }
}

pub(super) fn of(file: &File) -> io::Result<Access> {
    Ok(access(&file.metadata()?))
}

pub(super) fn at(path: &Path, follow: bool) -> io::Result<Access> {
    let found = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
    Ok(access(&found?))
}

pub(super) fn create_new(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

pub(super) fn create_new_with(path: &Path, mode: u32) -> io::Result<File> {
    let file = File::options().write(true).create_new(true).mode(mode).open(path)?;
    // The mode given at opening is cut by the umask.
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

pub(super) fn mode(path: &Path) -> io::Result<u32> {
    Ok(fs::symlink_metadata(path)?.mode() & 0o777)
}

pub(super) fn make_private(_: &Path, file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o600))
}

pub(super) fn open_folder_to_lock(folder: &Path) -> io::Result<File> {
    File::open(folder)
}

pub(super) fn open_append(path: &Path) -> io::Result<File> {
    File::options().read(true).append(true).create(true).mode(0o600).open(path)
}

pub(super) fn open_to_lock(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(false).mode(0o600).open(path)
}

pub(super) fn open_read(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

pub(super) fn make_folders(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Device, inode, length, times of its content and of its entry.
pub(super) type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

pub(super) fn stamp(file: &File) -> io::Result<Stamp> {
    let found = file.metadata()?;
    let content = (found.mtime(), found.mtime_nsec());
    Ok((found.dev(), found.ino(), found.len(), content, (found.ctime(), found.ctime_nsec())))
}
