//! How the key in a file is replaced, with an overlap, wherever it is interrupted.
//!
//! ```text
//! file          there always: what opens, but between 2 and 3 what was sealed anew already
//! file.next     1 made ──> 2 everything is sealed anew under it ──> 3 it becomes `file`
//! file.previous                                                    3 what `file` was, until it
//!                                                                  4 is retired
//! ```
//!
//! Who opens something tries the three in this order: `file`, `file.next`, `file.previous`. Killed
//! between two steps, the replacement is begun again and goes on where it was.

use super::{
    Error,
    key_file::{put, read},
};
use crate::{crypto::SealKey, secret::files};
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// The file of a key that can be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile(PathBuf);

impl KeyFile {
    /// The key in this file, and in those beside it while it is being replaced.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The key that replaces it, before it does.
    pub fn next(&self) -> PathBuf {
        self.beside("next")
    }

    /// The key that it has replaced, until it is retired.
    pub fn previous(&self) -> PathBuf {
        self.beside("previous")
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.0.clone().into_os_string();
        name.push(".");
        name.push(suffix);
        name.into()
    }

    /// The keys that there are now: what opens, or opened before a replacement that is not over.
    ///
    /// # Errors
    /// [`Error::KeyMissing`] without the file; as [`key_file`](super::key_file()) for each that is there.
    pub fn keys(&self) -> Result<Vec<SealKey>, Error> {
        // In this order: who has seen something sealed under a new key finds that key as `next`, or
        // else, since it was renamed meanwhile, in the file.
        let next = there(&self.next())?;
        let current = there(&self.0)?;
        let previous = there(&self.previous())?;
        let current = current.ok_or_else(|| Error::KeyMissing(self.0.display().to_string()))?;
        Ok([Some(current), next, previous].into_iter().flatten().collect())
    }

    /// Begins to replace the key, or goes on where it was interrupted. Nobody else does so until
    /// the answer is dropped.
    ///
    /// # Errors
    /// [`Error::KeyMissing`]; [`Error::Overlap`] while the one before it is not retired; the
    /// medium's.
    pub fn rotate(&self) -> Result<Rotation, Error> {
        let lock = self.lock()?;
        there(&self.0)?.ok_or_else(|| Error::KeyMissing(self.0.display().to_string()))?;
        let next = match there(&self.next())? {
            Some(next) => next,
            None if self.previous().exists() => {
                return Err(Error::Overlap(self.previous().display().to_string()));
            }
            None => {
                let key = SealKey::generate().map_err(|error| Error::Medium(error.to_string()))?;
                put(&self.next(), &key).map_err(|error| failed(&self.next(), &error))?;
                lock.sync_all().map_err(|error| failed(&self.0, &error))?;
                key
            }
        };
        Ok(Rotation { file: self.clone(), lock, next })
    }

    /// Takes the previous key away, if there is one: the overlap is over. Whether there was one.
    /// The caller has shown that the key as it is now opens everything.
    ///
    /// # Errors
    /// [`Error::Overlap`] while a replacement is under way; the medium's.
    pub fn retire(&self) -> Result<bool, Error> {
        let lock = self.lock()?;
        if self.next().exists() {
            return Err(Error::Overlap(self.next().display().to_string()));
        }
        let previous = self.previous();
        match fs::remove_file(&previous) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(&previous, &error)),
        }
        lock.sync_all().map_err(|error| failed(&previous, &error))?;
        Ok(true)
    }

    /// The folder, locked against other replacements.
    fn lock(&self) -> Result<File, Error> {
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        files::lock_folder(folder).map_err(|error| failed(folder, &error))
    }
}

/// A replacement of a key: the new one is in its file, and opens nothing yet.
#[derive(Debug)]
pub struct Rotation {
    file: KeyFile,
    lock: File,
    next: SealKey,
}

impl Rotation {
    /// The new key, under which everything is to be sealed now.
    pub fn key(&self) -> &SealKey {
        &self.next
    }

    /// Everything is sealed under the new key: it becomes the file's, and the old one the previous.
    ///
    /// # Errors
    /// The medium's; the replacement may be begun again.
    pub fn finish(self) -> Result<(), Error> {
        let Self { file, lock, .. } = self;
        let failed = |error: io::Error| failed(&file.0, &error);
        // A link, so that the file is there at each moment; interrupted behind it, it is there
        // already.
        match fs::hard_link(&file.0, file.previous()) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        lock.sync_all().map_err(failed)?;
        fs::rename(file.next(), &file.0).map_err(failed)?;
        lock.sync_all().map_err(failed)
    }
}

/// The key in a file, if it is there; none is made.
fn there(path: &Path) -> Result<Option<SealKey>, Error> {
    match File::open(path) {
        Ok(file) => read(path, file).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, &error)),
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::Medium(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{super::key_file::key_file, *};

    fn bytes(keys: &[SealKey]) -> Vec<&[u8]> {
        keys.iter().map(SealKey::expose).collect()
    }

    #[test]
    fn a_key_is_replaced_step_by_step_and_each_step_may_be_the_last_before_a_kill() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("store.key"));
        assert!(matches!(file.keys(), Err(Error::KeyMissing(_))));
        assert!(matches!(file.rotate(), Err(Error::KeyMissing(_))));
        let old = key_file(file.path()).unwrap();
        let begun = file.rotate().unwrap();
        let new = begun.key().clone();
        drop(begun);
        assert_eq!(bytes(&file.keys().unwrap()), [old.expose(), new.expose()]);
        assert!(matches!(file.retire(), Err(Error::Overlap(_))));
        // Interrupted between the link and the change of names.
        fs::hard_link(file.path(), file.previous()).unwrap();
        let again = file.rotate().unwrap();
        assert_eq!(again.key().expose(), new.expose(), "the same one goes on");
        again.finish().unwrap();
        assert_eq!(bytes(&file.keys().unwrap()), [new.expose(), old.expose()]);
        assert!(matches!(file.rotate(), Err(Error::Overlap(_))), "one overlap at a time");
        assert!(file.retire().unwrap());
        assert!(!file.retire().unwrap());
        assert_eq!(bytes(&file.keys().unwrap()), [new.expose()]);
        file.rotate().unwrap().finish().unwrap();
    }

    #[test]
    fn two_that_replace_a_key_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("store.key"));
        key_file(file.path()).unwrap();
        let begun = file.rotate().unwrap();
        let other = file.clone();
        let second = std::thread::spawn(move || other.rotate().map(drop));
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!second.is_finished());
        begun.finish().unwrap();
        assert!(matches!(second.join().unwrap(), Err(Error::Overlap(_))), "it has been done");
    }
}
