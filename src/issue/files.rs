//! Files that hold keys: modes checked, writes that a crash leaves whole or undone.

use super::directory::CaError;
use crate::secret::{Access, User, files};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

/// Largest file that is read whole; nothing of a CA but its record comes near.
const LARGEST: u64 = 1 << 30;

/// Makes a folder that only this user enters.
pub(super) fn make_folder(path: &Path) -> Result<(), CaError> {
    files::make_folder(path).map_err(|error| CaError::io(path, &error))
}

/// Writes a file whole or not at all: a neighbour under another name, synced, then renamed.
pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CaError> {
    let failed = |error: io::Error| CaError::io(path, &error);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let beside = path.with_file_name(name);
    let result = (|| {
        // What a crash left over, or somebody else put there, is not written through.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = files::create_new_with(&beside, mode)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&beside, path)
    })();
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    result.map_err(failed)?;
    sync_folder(path.parent().unwrap_or(Path::new("/")))
}

/// Waits for whoever else, in this process or another, has locked this folder; the lock is given
/// back when the answer is dropped.
pub(super) fn lock_folder(folder: &Path) -> Result<File, CaError> {
    files::lock_folder(folder).map_err(|error| CaError::io(folder, &error))
}

/// Waits until a folder's names are on disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), CaError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    files::sync_folder(folder).map_err(|error| CaError::io(folder, &error))
}

/// Checks that a folder is there, is this user's, and lets nobody else in.
pub(super) fn check_folder(path: &Path) -> Result<(), CaError> {
    fs::metadata(path).map_err(|error| missing(path, &error))?;
    check(path, Access::at(path), 0o700)
}

/// Reads a file that only this user may read.
pub(super) fn read_private(path: &Path) -> Result<Vec<u8>, CaError> {
    let file = File::open(path).map_err(|error| missing(path, &error))?;
    check(path, Access::of(&file), 0o600)?;
    read(path, file)
}

/// Reads a file that others may read too (certificates, settings), but not write.
pub(super) fn read_public(path: &Path) -> Result<String, CaError> {
    let file = File::open(path).map_err(|error| missing(path, &error))?;
    check(path, Access::of(&file), 0o644)?;
    String::from_utf8(read(path, file)?)
        .map_err(|_| CaError::Malformed(path.to_owned(), "not UTF-8 text".to_owned()))
}

/// Opens a private file for reading and adding, making it with mode 0600 if need be.
pub(super) fn open_append(path: &Path) -> Result<File, CaError> {
    let file = files::open_append(path).map_err(|error| CaError::io(path, &error))?;
    check(path, Access::of(&file), 0o600)?;
    Ok(file)
}

fn read(path: &Path, file: File) -> Result<Vec<u8>, CaError> {
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| CaError::io(path, &error))?;
    Ok(bytes)
}

/// The owner is this user (root may run anybody's CA), and no bit beyond `most` is set.
fn check(path: &Path, found: io::Result<Access>, most: u32) -> Result<(), CaError> {
    let found = found.map_err(|error| CaError::io(path, &error))?;
    if !found.owner.owns_as_own() && !may_own(User::own(), found.owner) {
        return Err(CaError::Owner(path.to_owned()));
    }
    if found.writable || (found.open && most & 0o077 == 0) {
        let mode = files::mode(path).map_err(|error| CaError::io(path, &error))?;
        return Err(CaError::TooOpen { path: path.to_owned(), mode, most });
    }
    Ok(())
}

fn may_own(me: User, owner: User) -> bool {
    me.is_root() || owner == me
}

fn missing(path: &Path, error: &io::Error) -> CaError {
    match error.kind() {
        ErrorKind::NotFound => CaError::Missing(path.to_owned()),
        _ => CaError::io(path, error),
    }
}

/// A folder under construction beside its final place, removed again unless it is finished.
#[derive(Debug)]
pub(super) struct Scaffold {
    path: PathBuf,
    finished: bool,
}

impl Scaffold {
    /// Begins beside `place`.
    pub(super) fn beside(place: &Path) -> Result<Self, CaError> {
        let mut name = place.file_name().unwrap_or_default().to_owned();
        name.push(format!(".new-{}", std::process::id()));
        let path = place.with_file_name(name);
        make_folder(&path)?;
        Ok(Self { path, finished: false })
    }

    /// Where it is being built.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place, which must not exist or be an empty folder.
    pub(super) fn finish(mut self, place: &Path) -> Result<(), CaError> {
        sync_folder(&self.path)?;
        fs::rename(&self.path, place).map_err(|error| match error.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                CaError::Exists(place.to_owned())
            }
            // Windows says no more of a folder that is in the way.
            ErrorKind::PermissionDenied if cfg!(windows) && place.exists() => {
                CaError::Exists(place.to_owned())
            }
            _ => CaError::io(place, &error),
        })?;
        self.finished = true;
        sync_folder(place.parent().unwrap_or(Path::new("/")))
    }
}

impl Drop for Scaffold {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_another_user_are_roots_to_use_alone() {
        let root = if cfg!(windows) { "S-1-5-18" } else { "0" }.parse().unwrap();
        let [me, other] = [1000, 1001].map(User::from);
        assert!(may_own(me, me) && !may_own(other, me) && !may_own(me, root));
        assert!(may_own(root, root) && may_own(root, me));
    }

    #[test]
    fn what_came_into_its_place_meanwhile_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("ca");
        let scaffold = Scaffold::beside(&place).unwrap();
        fs::create_dir(&place).unwrap();
        fs::write(place.join("theirs"), "theirs").unwrap();
        let path = scaffold.path().to_owned();
        assert!(matches!(scaffold.finish(&place), Err(CaError::Exists(_))));
        assert_eq!(fs::read(place.join("theirs")).unwrap(), b"theirs");
        assert!(!path.exists());
    }

    /// CRLs may be written to a folder in which others write too.
    #[cfg(unix)]
    #[test]
    fn a_file_in_the_way_is_replaced_and_never_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (place, theirs) = (folder.path().join("root.crl"), folder.path().join("theirs"));
        fs::write(&theirs, "theirs").unwrap();
        let beside = folder.path().join(format!("root.crl.new-{}", std::process::id()));
        fs::hard_link(&theirs, &beside).unwrap();
        write(&place, b"ours", 0o644).unwrap();
        std::os::unix::fs::symlink(&theirs, &beside).unwrap();
        write(&place, b"ours again", 0o644).unwrap();
        assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
        assert_eq!(fs::read(&place).unwrap(), b"ours again");
        assert!(!beside.exists());
    }
}
