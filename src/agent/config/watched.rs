//! A file that is replaced while it is used: what changes with it, and its text once it has.

use super::provider::LONGEST;
use crate::{proof::attested::KeysInUse, secret::files::Stamp};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// A file of text that anybody may read.
#[derive(Debug)]
pub(super) struct WatchedFile {
    path: PathBuf,
    seen: Mutex<Option<Stamp>>,
}

impl WatchedFile {
    /// As it is now.
    pub(super) fn new(path: PathBuf) -> Self {
        let seen = Mutex::new(Stamp::at(&path).ok());
        Self { path, seen }
    }
}

impl KeysInUse for WatchedFile {
    fn changed(&self) -> Option<String> {
        let found = std::fs::metadata(&self.path).ok()?;
        let (stamp, mut seen) =
            (Stamp::at(&self.path).ok()?, self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        if *seen == Some(stamp) || found.len() > LONGEST {
            return None;
        }
        let text = std::fs::read_to_string(&self.path).ok()?;
        *seen = Some(stamp);
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_once_each_time_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        std::fs::write(&path, "one").unwrap();
        let file = WatchedFile::new(path.clone());
        assert_eq!(file.changed(), None);
        std::fs::write(path.with_extension("new"), "other").unwrap();
        std::fs::rename(path.with_extension("new"), &path).unwrap();
        assert_eq!(file.changed().as_deref(), Some("other"));
        assert_eq!(file.changed(), None);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.changed(), None);
    }
}
