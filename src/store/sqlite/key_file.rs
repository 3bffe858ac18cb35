//! The file that a store's key lies in, this user's alone: 32 bytes, on Windows sealed for this
//! account on this machine ([`host`]).

use super::{
    Error,
    place::{private, private_folder},
};
use crate::{
    crypto::{self, SealKey},
    secret::{Access, Secret, files, host},
};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

/// The key in a file of 32 bytes, which on Windows the system seals for this account on this machine;
/// one that lies there unsealed is sealed in its place. A file that is not there yet is made with mode 0600, and its
/// folder with mode 0700: whole or not at all, since a store whose key is lost is lost too. Of
/// several processes that make it at once, all get the same.
///
/// # Errors
/// [`Error::Exposed`] if the file is another user's or open to others, or others may write in its
/// folder; [`Error::Damaged`] if it holds no key; [`Error::Medium`].
pub fn key_file(path: &Path) -> Result<SealKey, Error> {
    let failed = |error: io::Error| Error::Medium(format!("{}: {error}", path.display()));
    match File::open(path) {
        Ok(file) => return read(path, file),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let path = private_folder(path)?;
    let key = SealKey::generate().map_err(|error| Error::Medium(error.to_string()))?;
    match put(&path, &key) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            read(&path, File::open(&path).map_err(failed)?)
        }
        Err(error) => Err(failed(error)),
    }
}

/// The key of the store at `store`, in a file of its own as [`key_file`] makes it, which is made
/// only where the store is not there yet: another key in the place of a lost one opens nothing.
///
/// # Errors
/// [`Error::KeyMissing`] if the store is there and the file is not; else as [`key_file`].
pub fn key_file_of(path: &Path, store: &Path) -> Result<SealKey, Error> {
    let failed = |at: &Path, error: io::Error| Error::Medium(format!("{}: {error}", at.display()));
    // In this order: who begins a store at the same time makes its key first.
    if !store.try_exists().map_err(|error| failed(store, error))? {
        return key_file(path);
    }
    match File::open(path) {
        Ok(file) => read(path, file),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Error::KeyMissing(path.display().to_string()))
        }
        Err(error) => Err(failed(path, error)),
    }
}

/// Writes a file that is not there yet.
pub(super) fn put(path: &Path, key: &SealKey) -> io::Result<()> {
    let (new, written) = beside(path, key)?;
    let linked = written.and_then(|()| fs::hard_link(&new, path));
    fs::remove_file(&new)?;
    linked
}

/// Writes the file anew, whole or not at all.
fn put_anew(path: &Path, key: &SealKey) -> io::Result<()> {
    let (new, written) = beside(path, key)?;
    let renamed = written.and_then(|()| fs::rename(&new, path));
    if renamed.is_err() {
        fs::remove_file(&new)?;
    }
    renamed
}

/// A file under another name beside it, and whether it was written whole.
fn beside(path: &Path, key: &SealKey) -> io::Result<(PathBuf, io::Result<()>)> {
    let kept = host::wrap(key.expose())?;
    let mut name = [0; 8];
    crypto::random(&mut name).map_err(io::Error::other)?;
    let new = path.with_extension(format!("new-{:016x}", u64::from_ne_bytes(name)));
    let mut file = files::create_new(&new)?;
    let written = file.write_all(kept.expose()).and_then(|()| file.sync_all());
    Ok((new, written))
}

pub(super) fn read(path: &Path, mut file: File) -> Result<SealKey, Error> {
    let failed = |error: io::Error| Error::Medium(format!("{}: {error}", path.display()));
    let bad = || {
        let path = path.display();
        Error::Damaged(format!("{path} is no key of 32 bytes"))
    };
    let found = file.metadata().map_err(failed)?;
    private(path, &Access::of(&file), true)?;
    let length = usize::try_from(found.len()).ok().filter(|_| found.len() <= host::LONGEST);
    let length = length.filter(|_| found.is_file()).ok_or_else(bad)?;
    let bytes = Secret::filled(length, |bytes| file.read_exact(bytes)).map_err(failed)?;
    drop(file);
    let kept = host::unwrap(bytes).map_err(failed)?;
    let key = SealKey::from_bytes(&kept.key).map_err(|_| bad())?;
    if kept.open {
        // Where that cannot be, it opens as before, and the next one tries again.
        let _ = put_anew(path, &key);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use std::os::unix::fs::PermissionsExt as _;

    fn private(path: &Path) -> bool {
        Access::at(path).unwrap().is_private()
    }

    #[test]
    fn a_key_is_made_once_and_private_whoever_comes_at_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/here/store.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| key_file(&path).unwrap().expose().to_vec()))
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(key_file(&path).unwrap().expose(), keys[0]);
        assert!(private(&path) && private(path.parent().unwrap()));
        let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "nothing else is left there");
    }

    #[test]
    fn a_key_is_made_for_a_store_that_is_not_there_and_never_for_one_that_is() {
        let folder = tempfile::tempdir().unwrap();
        let (path, store) = (folder.path().join("keys/store.key"), folder.path().join("store"));
        let key = key_file_of(&path, &store).unwrap();
        fs::write(&store, b"a store").unwrap();
        assert_eq!(key_file_of(&path, &store).unwrap().expose(), key.expose());
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        let refused = key_file_of(&path, &store).unwrap_err();
        assert!(matches!(&refused, Error::KeyMissing(file) if *file == path.display().to_string()));
        assert!(!path.parent().unwrap().exists(), "nothing is written");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_and_what_is_no_key_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.key");
        key_file(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(key_file(&path), Err(Error::Exposed(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [1; 31]).unwrap();
        assert!(matches!(key_file(&path), Err(Error::Damaged(_))));
        assert!(matches!(key_file(folder.path()), Err(Error::Exposed(_) | Error::Damaged(_))));
    }

    #[cfg(windows)]
    #[test]
    fn a_key_lies_sealed_one_that_was_put_there_is_and_a_changed_one_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.key");
        let key = key_file(&path).unwrap();
        let lies = || fs::read(&path).unwrap();
        assert!(!lies().windows(32).any(|part| part == key.expose()));
        fs::remove_file(&path).unwrap();
        files::create_new(&path).unwrap().write_all(key.expose()).unwrap();
        assert_eq!(key_file(&path).unwrap().expose(), key.expose());
        let sealed = lies();
        assert!(!sealed.windows(32).any(|part| part == key.expose()), "sealed in its place");
        assert_eq!(key_file(&path).unwrap().expose(), key.expose());
        assert!(private(&path));
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        fs::write(&path, &changed).unwrap();
        let refused = key_file(&path).unwrap_err().to_string();
        assert!(refused.contains("another account"), "{refused}");
        assert_eq!(lies(), changed, "nothing is written over it");
        fs::write(&path, [1; 31]).unwrap();
        assert!(matches!(key_file(&path), Err(Error::Damaged(_))));
    }
}
