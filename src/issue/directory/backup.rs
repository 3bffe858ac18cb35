//! A whole certification authority in one sealed file, and back.
//!
//! ```text
//! file = "wardcard ca backup 1\n" || salt (16) || KiB u32 || passes u32 || sealed
//! sealed, under Argon2id of a passphrase and bound to what stands before it: JSON of the files
//! ```
//!
//! A restored authority goes on with CRL numbers above any that were used since.

use super::{CaDirectory, CaError, Index, crls, files, reseal, settings};
use crate::{
    clock::{Clock, Time},
    crypto::{self, SealKey, Stretch},
    secret::{Secret, host},
};
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

const MAGIC: &[u8] = b"wardcard ca backup 1\n";

/// The content of a backup.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Archive {
    made: String,
    files: Vec<Kept>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    path: String,
    mode: u32,
    /// Base64.
    content: String,
}

impl CaDirectory {
    /// Writes all that this authority is into one file, sealed by a passphrase of its own, and
    /// opens it again to see that it is whole. The root's key goes along only `with_root`; what was
    /// published as CRLs is left out. The authority may be in use.
    ///
    /// # Errors
    /// [`CaError::PassphraseShort`], [`CaError::Exists`] for the file, or what failed.
    pub fn backup(
        &self,
        out: &Path,
        passphrase: &Secret,
        with_root: bool,
        now: Time,
    ) -> Result<usize, CaError> {
        if out.exists() {
            return Err(CaError::Exists(out.to_owned()));
        }
        let (salt, cost) = settings::fresh_salt(passphrase)?;
        let head = header(&salt, cost);
        let archive = {
            let _turn = files::lock_folder(&self.folder)?;
            let mut kept = Vec::new();
            collect(&self.folder, Path::new(""), with_root, &mut kept)?;
            Archive { made: now.to_string(), files: kept }
        };
        let count = archive.files.len();
        let issue = |error: serde_json::Error| CaError::Issue(error.to_string());
        let plain = Secret::new(serde_json::to_vec(&archive).map_err(issue)?);
        let sealed = seal_key(passphrase, &salt, cost)?.seal(&head, plain.expose())?;
        files::write(out, &[head, sealed].concat(), 0o600)?;
        let again = open(out, passphrase)?;
        if again.files.len() != count {
            return Err(CaError::Malformed(out.to_owned(), "not what was written".to_owned()));
        }
        Ok(count)
    }

    /// Makes the authority of a backup in `folder`, whole or not at all, checked: its files belong
    /// together, and the chain of its record holds. `of_keys` is the passphrase that its keys are
    /// sealed by, where they are; with it they are opened too.
    ///
    /// # Errors
    /// [`CaError::Exists`] where something stands already; [`CaError::Unseal`]; what is wrong.
    pub fn restore(
        file: &Path,
        folder: &Path,
        passphrase: &Secret,
        of_keys: Option<&Secret>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, CaError> {
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
            || folder.is_file()
        {
            return Err(CaError::Exists(folder.to_owned()));
        }
        let archive = open(file, passphrase)?;
        let malformed = |text: &str| CaError::Malformed(file.to_owned(), text.to_owned());
        let scaffold = files::Scaffold::beside(folder)?;
        for kept in &archive.files {
            let path = inside(&kept.path).ok_or_else(|| malformed("a path leads out of it"))?;
            let content = Base64::decode_vec(&kept.content).map_err(|_| malformed("not Base64"))?;
            let content = Secret::new(content);
            let place = scaffold.path().join(&path);
            if let Some(parent) = place.parent().filter(|parent| !parent.is_dir()) {
                files::make_folder(parent)?;
            }
            let content = if seals(&path) {
                host::wrap(content.expose()).map_err(|error| CaError::io(&place, &error))?
            } else {
                content
            };
            files::write(&place, content.expose(), kept.mode & 0o755)?;
        }
        let restored = Self::open(scaffold.path())?;
        let after_loss = restored.settings.after_loss;
        drop(Index::open(scaffold.path(), after_loss, Arc::clone(clock))?);
        if of_keys.is_some() || !restored.settings.sealing.needs_passphrase() {
            restored.desks(of_keys)?;
        }
        crls::skip_numbers(&restored, clock.now())?;
        scaffold.finish(folder)?;
        Self::open(folder)
    }
}

/// Whether it is a key that seals, whose file has it as this machine keeps such keys.
fn seals(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == settings::SEAL_KEY || name == reseal::NEXT)
}

/// The files of an authority, relative to its folder. What is remembered of the log is read before
/// the log itself, which may grow meanwhile.
fn collect(ca: &Path, below: &Path, with_root: bool, kept: &mut Vec<Kept>) -> Result<(), CaError> {
    let folder = ca.join(below);
    let failed = |error: std::io::Error| CaError::io(&folder, &error);
    let entries = fs::read_dir(&folder).map_err(failed)?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(failed)?;
    entries.sort_by_key(|entry| entry.file_name() != "log.head");
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = below.join(&name);
        let kind = entry.file_type().map_err(failed)?;
        let top = below.as_os_str().is_empty();
        if kind.is_dir() && (name == "log" || (name == "root" && with_root)) && top {
            collect(ca, &path, with_root, kept)?;
        }
        // A lock is nobody's to keep, a neighbour under construction will be renamed.
        if !kind.is_file() || name.ends_with(".lock") || name.contains(".new-") {
            continue;
        }
        let place = ca.join(&path);
        let mode = crate::secret::files::mode(&place).map_err(failed)?;
        let mut content =
            Secret::new(fs::read(&place).map_err(|error| CaError::io(&place, &error))?);
        if name.ends_with(".jsonl") {
            let bytes = content.expose();
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            content = Secret::copied_from(bytes.get(..whole).unwrap_or_default());
        }
        if seals(&path) {
            // The backup has its own seal, and may be needed on another machine.
            content = host::unwrap(content).map_err(|error| CaError::io(&place, &error))?.key;
        }
        let content = Base64::encode_string(content.expose());
        kept.push(Kept { path: path.to_string_lossy().into_owned(), mode, content });
    }
    Ok(())
}

fn open(file: &Path, passphrase: &Secret) -> Result<Archive, CaError> {
    let malformed =
        || CaError::Malformed(file.to_owned(), "not a backup of an authority".to_owned());
    let bytes = files::read_private(file)?;
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(malformed)?;
    let (salt, rest) = rest.split_first_chunk::<16>().ok_or_else(malformed)?;
    let (memory, rest) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
    let (passes, sealed) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
    let cost =
        Stretch { memory_kib: u32::from_be_bytes(*memory), passes: u32::from_be_bytes(*passes) };
    if !settings::affordable(cost) {
        return Err(malformed());
    }
    let plain = seal_key(passphrase, salt, cost)?
        .open(&header(salt, cost), sealed)
        .map_err(|_| CaError::Unseal(file.to_owned()))?;
    serde_json::from_slice(plain.expose()).map_err(|_| malformed())
}

fn header(salt: &[u8; 16], cost: Stretch) -> Vec<u8> {
    [MAGIC, salt, &cost.memory_kib.to_be_bytes(), &cost.passes.to_be_bytes()].concat()
}

fn seal_key(passphrase: &Secret, salt: &[u8; 16], cost: Stretch) -> Result<SealKey, CaError> {
    let bytes = crypto::stretch(passphrase.expose(), salt, cost)?;
    Ok(SealKey::from_bytes(&bytes)?)
}

/// A relative path that stays inside.
fn inside(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(path);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && path.components().count() <= 2 && path.file_name().is_some()).then_some(path)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
