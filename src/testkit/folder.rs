//! A private folder that goes away with its value.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A folder of mode 0700 under the system's temporary folder, removed with all in it on drop.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one with a random name.
    ///
    /// # Errors
    /// The temporary folder cannot be written, or there is no random.
    pub fn new() -> io::Result<Self> {
        let mut name = [0; 8];
        crate::crypto::random(&mut name).map_err(io::Error::other)?;
        let path = std::env::temp_dir().join(format!("wardcard-{:016x}", u64::from_le_bytes(name)));
        crate::secret::files::make_folder(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left: there is nobody to tell.
        let _ = fs::remove_dir_all(&self.0);
    }
}
