//! Where the file lies: made private, and refused where others can get at it.

use super::Error;
use crate::secret::{Access, files};
use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Makes file and folder where they are missing, and checks that the file is this user's alone and
/// that nobody else writes in the folder. The answer is the path with every link of the folder resolved; the file itself must be no link.
pub(super) fn private_file(path: &Path) -> Result<PathBuf, Error> {
    let path = private_folder(path)?;
    // An existing file is not opened here: closing it again would drop the locks that another
    // connection of this process holds on it (POSIX advisory locks belong to the process).
    match files::create_new(&path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(failed(&path, &error));
        }
        _ => {}
    }
    let metadata = fs::symlink_metadata(&path).map_err(|error| failed(&path, &error))?;
    if !metadata.is_file() {
        return Err(Error::Damaged("not a file".into()));
    }
    private(&path, &Access::at_itself(&path), true)?;
    Ok(path)
}

/// Makes the folder of a file where it is missing, and checks that nobody else writes in it. The
/// answer is the file's path with every link of the folder resolved.
pub(super) fn private_folder(path: &Path) -> Result<PathBuf, Error> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::Medium(format!("{} names no file", path.display())))?;
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => Path::new("/"),
    };
    files::make_folders(folder).map_err(|error| failed(folder, &error))?;
    let folder = fs::canonicalize(folder).map_err(|error| failed(folder, &error))?;
    private(&folder, &Access::at(&folder), false)?;
    Ok(folder.join(name))
}

fn failed(what: &Path, error: &io::Error) -> Error {
    Error::Medium(format!("{}: {error}", what.display()))
}

/// Checks that a file or folder is this user's, and that others cannot write it; `alone`: that they
/// can do nothing with it.
pub(super) fn private(path: &Path, found: &io::Result<Access>, alone: bool) -> Result<(), Error> {
    let found = found.as_ref().map_err(|error| failed(path, error))?;
    if !found.owner.owns_as_own() {
        return Err(Error::Exposed(format!("{} belongs to another user", path.display())));
    }
    if found.writable || (alone && found.open) {
        return Err(Error::Exposed(files::close_to_others(path)));
    }
    Ok(())
}
