//! The passphrase that seals an authority's keys, replaced while `ca serve` runs.
//!
//! ```text
//! each NAME.key.next made, sealed under the new one ──> ca.toml has its salt ──> they become NAME.key
//! ```
//!
//! Until `ca.toml` is written the old passphrase opens everything, from then on the new one does; in
//! between no call is needed to go on. `ca serve` holds the opened keys, and has to be given the new
//! passphrase when it starts again.

use super::{CaDirectory, CaError, Role, files, place, settings};
use crate::{
    crypto::{PrivateKey, SealKey},
    secret::Secret,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where a key lies that is about to take the place of this one.
fn next(path: &Path) -> PathBuf {
    path.with_extension("key.next")
}

/// The key in a file, or in the one that is about to take its place.
pub(super) fn unsealed(
    path: &Path,
    open: impl Fn(&[u8]) -> Option<PrivateKey>,
) -> Result<Option<PrivateKey>, CaError> {
    if let Some(key) = open(&files::read_private(path)?) {
        return Ok(Some(key));
    }
    let next = next(path);
    if next.is_file() { Ok(open(&files::read_private(&next)?)) } else { Ok(None) }
}

impl CaDirectory {
    /// Seals the keys of an authority under another passphrase, the root's too, which has to be here.
    /// The names of the keys.
    ///
    /// # Errors
    /// [`CaError::PassphraseUnused`], [`CaError::PassphraseShort`], [`CaError::RootAway`]; keys that
    /// do not open, or files that cannot be written: one of the two passphrases opens all of them then,
    /// and it may be begun again with that one.
    pub fn change_passphrase(
        folder: &Path,
        old: &Secret,
        new: &Secret,
    ) -> Result<Vec<String>, CaError> {
        let _turn = files::lock_folder(folder)?;
        let ca = Self::open(folder)?;
        let sealing = &ca.settings.sealing;
        if !sealing.needs_passphrase() {
            return Err(CaError::PassphraseUnused);
        }
        let seal = sealing.open(folder, Some(old))?;
        let mut all = vec![(Role::Root, Role::Root.name())];
        all.extend(ca.issuing.iter().map(|one| (one.role, one.name.as_str())));
        let mut keys = Vec::new();
        for (role, name) in all {
            let path = role.key_file(folder, name);
            if path.is_file() {
                keys.push((open(&path, name, &seal)?, path, name));
            } else if matches!(role, Role::Root) {
                return Err(CaError::RootAway(path));
            } // Any other was taken away with the last of its certificates.
        }
        for (_, path, name) in &keys {
            tidy(path, name, &seal)?;
        }

        let sealing = settings::Sealing::choose(Some(new))?;
        let seal = sealing.open(folder, Some(new))?;
        for (key, path, name) in &keys {
            files::write(&next(path), &key.seal(&seal, &place(name))?, 0o600)?;
        }
        settings::write_sealing(folder, &sealing)?;
        for (_, path, name) in &keys {
            tidy(path, name, &seal)?;
        }
        Ok(keys.into_iter().map(|(_, _, name)| name.to_owned()).collect())
    }
}

fn open(path: &Path, name: &str, seal: &SealKey) -> Result<PrivateKey, CaError> {
    let key = unsealed(path, |sealed| PrivateKey::unseal(seal, &place(name), sealed).ok())?;
    key.ok_or_else(|| CaError::Unseal(path.to_owned()))
}

/// Ends what was begun with a key: what is sealed by the passphrase that holds takes its place, and
/// what is not goes.
fn tidy(path: &Path, name: &str, seal: &SealKey) -> Result<(), CaError> {
    let next = next(path);
    if !next.is_file() {
        return Ok(());
    }
    let sealed = files::read_private(&next)?;
    let holds = PrivateKey::unseal(seal, &place(name), &sealed).is_ok();
    let done = if holds { fs::rename(&next, path) } else { fs::remove_file(&next) };
    done.map_err(|error| CaError::io(&next, &error))?;
    files::sync_folder(path.parent().unwrap_or(path))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::issue::{Issuer as _, directory::tests::Site, tests::order};

    fn secret(text: &str) -> Secret {
        Secret::copied_from(text.as_bytes())
    }

    const NAMES: [&str; 3] = ["root", "authentication", "signing"];

    /// Whether it opens the issuing keys, and the root's.
    fn opens(site: &Site, passphrase: &Secret) -> [bool; 2] {
        let ca = CaDirectory::open(&site.path).unwrap();
        let seal = ca.settings.sealing.open(&site.path, Some(passphrase)).unwrap();
        let root = ca.authority(Role::Root, Role::Root.name(), &ca.root, &seal);
        [ca.desks_under(&seal).is_ok(), root.is_ok()]
    }

    fn files_of(site: &Site) -> Vec<(PathBuf, Vec<u8>)> {
        let names = ["ca.toml", "root/root.key", "authentication.key", "signing.key"];
        let paths = names.map(|name| site.path.join(name));
        paths.into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
    }

    #[test]
    fn the_new_passphrase_opens_all_keys_and_the_old_one_none() {
        let site = Site::new();
        let (old, new) = (secret("the first passphrase"), secret("the second passphrase"));
        site.init(Some(&old)).unwrap();
        let toml = site.path.join("ca.toml");
        let text = fs::read_to_string(&toml).unwrap() + "\n[log]\nafter_loss = \"record\"\n";
        files::write(&toml, text.as_bytes(), 0o600).unwrap();
        let wrong = CaDirectory::change_passphrase(&site.path, &new, &old);
        assert!(matches!(wrong, Err(CaError::Unseal(_))));
        let short = CaDirectory::change_passphrase(&site.path, &old, &secret("short"));
        assert!(matches!(short, Err(CaError::PassphraseShort)));
        assert_eq!(opens(&site, &old), [true; 2], "nothing has changed");
        assert_eq!(CaDirectory::change_passphrase(&site.path, &old, &new).unwrap(), NAMES);
        assert_eq!((opens(&site, &old), opens(&site, &new)), ([false; 2], [true; 2]));
        assert!(fs::read_to_string(&toml).unwrap().ends_with("[log]\nafter_loss = \"record\"\n"));
        let ca = CaDirectory::open(&site.path).unwrap();
        let issuer = ca.issuer(Some(&new), site.clock.clone()).unwrap();
        issuer.issue(&order(crate::clock::Clock::now(&*site.clock))).unwrap();
    }

    #[test]
    fn wherever_it_is_interrupted_one_passphrase_opens_everything_and_the_next_call_goes_on() {
        let site = Site::new();
        let all = ["one passphrase", "another passphrase", "the last passphrase"].map(secret);
        let [old, new, last] = &all;
        site.init(Some(old)).unwrap();
        let before = files_of(&site);
        CaDirectory::change_passphrase(&site.path, old, new).unwrap();
        let after = files_of(&site);
        // As many steps of it were done: the keys beside, ca.toml, each in its place.
        for steps in [0, 2, 4, 6] {
            for ((path, old), (_, new)) in before.iter().zip(&after) {
                let toml = path.ends_with("ca.toml");
                let number = before.iter().position(|(one, _)| one == path).unwrap();
                let _ = fs::remove_file(next(path));
                let (beside, placed) = (steps >= number, steps >= 4 + number);
                if toml {
                    files::write(path, if steps >= 4 { new } else { old }, 0o600).unwrap();
                } else {
                    files::write(path, if placed { new } else { old }, 0o600).unwrap();
                    if beside && !placed {
                        files::write(&next(path), new, 0o600).unwrap();
                    }
                }
            }
            let (holds, other) = if steps >= 4 { (new, old) } else { (old, new) };
            assert_eq!(
                (opens(&site, holds), opens(&site, other)),
                ([true; 2], [false; 2]),
                "{steps}"
            );
            CaDirectory::change_passphrase(&site.path, holds, last).unwrap();
            assert_eq!(
                (opens(&site, last), opens(&site, holds)),
                ([true; 2], [false; 2]),
                "{steps}"
            );
            assert!(before.iter().all(|(path, _)| !next(path).exists()));
        }
    }

    #[test]
    fn a_root_that_is_elsewhere_would_be_lost_and_a_seal_key_is_no_passphrase() {
        let site = Site::new();
        let (old, new) = (secret("the first passphrase"), secret("the second passphrase"));
        site.init(Some(&old)).unwrap();
        fs::rename(site.path.join("root"), site.path.join("away")).unwrap();
        let before = fs::read(site.path.join("ca.toml")).unwrap();
        let refused = CaDirectory::change_passphrase(&site.path, &old, &new);
        assert!(matches!(refused, Err(CaError::RootAway(_))));
        assert_eq!(fs::read(site.path.join("ca.toml")).unwrap(), before);
        let site = Site::new();
        site.init(None).unwrap();
        let refused = CaDirectory::change_passphrase(&site.path, &old, &new);
        assert!(matches!(refused, Err(CaError::PassphraseUnused)));
    }
}
