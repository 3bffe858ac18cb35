//! The key that seals an authority's keys, replaced while `ca serve` runs.
//!
//! ```text
//! seal.key.next made ──> each NAME.key sealed under it, one by one ──> it becomes seal.key
//! ```
//!
//! Killed in between, either key opens what it seals, and the next call goes on. `ca serve` holds
//! the opened keys, and reads the file again when an authority is added.

use super::{
    CaDirectory, CaError, Role, files, keep_seal_key, place, seal_key, settings::SEAL_KEY,
};
use crate::crypto::{PrivateKey, SealKey};
use std::{fs, path::Path};

pub(super) const NEXT: &str = "seal.key.next";

/// The key that replaces the one of a folder, where one is about to.
pub(super) fn next(folder: &Path) -> Result<Option<SealKey>, CaError> {
    let path = folder.join(NEXT);
    if path.exists() { seal_key(&path).map(Some) } else { Ok(None) }
}

impl CaDirectory {
    /// Seals the keys of an authority under a new `seal.key`; in `root/` too, where it is here. The
    /// names of the keys.
    ///
    /// # Errors
    /// [`CaError::PassphraseNeeded`], for [`CaDirectory::change_passphrase`]; keys that do not open, or files that cannot be written: it may
    /// be begun again.
    pub fn reseal(folder: &Path) -> Result<Vec<String>, CaError> {
        let _turn = files::lock_folder(folder)?;
        let ca = Self::open(folder)?;
        if ca.needs_passphrase() {
            return Err(CaError::PassphraseNeeded);
        }
        let issuing = ca.issuing.iter().map(|one| (one.role, one.name.as_str()));
        let root = [(Role::Root, Role::Root.name())];
        let mut sealed = reseal(folder, Role::Root, &root)?;
        let issuing: Vec<(Role, &str)> = issuing.collect();
        sealed.extend(reseal(folder, Role::Authentication, &issuing)?);
        Ok(sealed)
    }
}

/// The keys that lie in one folder; none where it is not here.
fn reseal(ca: &Path, of: Role, all: &[(Role, &str)]) -> Result<Vec<String>, CaError> {
    let folder = of.folder(ca);
    let current = folder.join(SEAL_KEY);
    if !current.exists() {
        return Ok(Vec::new());
    }
    let old = seal_key(&current)?;
    let new = match next(&folder)? {
        Some(new) => new,
        None => {
            let new = SealKey::generate()?;
            keep_seal_key(&folder.join(NEXT), &new)?;
            new
        }
    };
    let mut sealed = Vec::new();
    for (role, name) in all {
        let path = role.key_file(ca, name);
        if !path.is_file() {
            continue; // Taken away with the last of its certificates.
        }
        let bytes = files::read_private(&path)?;
        let place = place(name);
        if PrivateKey::unseal(&new, &place, &bytes).is_err() {
            let key = PrivateKey::unseal(&old, &place, &bytes);
            let key = key.map_err(|_| CaError::Unseal(path.clone()))?;
            files::write(&path, &key.seal(&new, &place)?, 0o600)?;
        }
        sealed.push((*name).to_owned());
    }
    fs::rename(folder.join(NEXT), &current).map_err(|error| CaError::io(&current, &error))?;
    files::sync_folder(&folder)?;
    Ok(sealed)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::issue::{Issuer as _, directory::tests::Site, tests::order};

    fn names() -> Vec<String> {
        ["root", "authentication", "signing"].map(str::to_owned).to_vec()
    }

    #[test]
    fn keys_are_sealed_anew_and_the_old_seal_key_opens_none() {
        let site = Site::new();
        site.init(None).unwrap();
        let old = fs::read(site.path.join("seal.key")).unwrap();
        let key = fs::read(site.path.join("authentication.key")).unwrap();
        assert_eq!(CaDirectory::reseal(&site.path).unwrap(), names());
        let ca = CaDirectory::open(&site.path).unwrap();
        site.issuer(&ca).issue(&order(crate::clock::Clock::now(&*site.clock))).unwrap();
        files::write(&site.path.join("seal.key"), &old, 0o600).unwrap();
        assert!(matches!(ca.desks(None), Err(CaError::Unseal(_))), "the old one opens nothing");
        assert_ne!(fs::read(site.path.join("authentication.key")).unwrap(), key);
    }

    #[test]
    fn wherever_it_is_interrupted_the_keys_open_and_the_next_call_goes_on() {
        let site = Site::new();
        let ca = site.init(None).unwrap();
        let old = seal_key(&site.path.join("seal.key")).unwrap();
        let new = SealKey::generate().unwrap();
        files::write(&site.path.join(NEXT), new.expose(), 0o600).unwrap();
        assert!(ca.desks(None).is_ok(), "nothing is sealed by it yet");
        let path = site.path.join("authentication.key");
        let bytes = fs::read(&path).unwrap();
        let place = place("authentication");
        let key = PrivateKey::unseal(&old, &place, &bytes).unwrap();
        files::write(&path, &key.seal(&new, &place).unwrap(), 0o600).unwrap();
        assert!(ca.desks(None).is_ok(), "one key under each");
        assert_eq!(CaDirectory::reseal(&site.path).unwrap(), names());
        assert!(!site.path.join(NEXT).exists());
        assert_eq!(fs::read(site.path.join("seal.key")).unwrap(), new.expose());
        assert!(ca.desks(None).is_ok());
    }
}
