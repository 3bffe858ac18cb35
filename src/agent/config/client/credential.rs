//! The secret or key of a client in its file, read again when the file has changed: it is replaced
//! without a restart. What cannot be used leaves the last that could in use; `wardcard doctor` and
//! `--check` say what is wrong with it.

use crate::{
    crypto::PrivateKey,
    proof::oidc::{Authentication, Credential},
    secret::{
        Access, Secret,
        files::{self, Stamp},
    },
};
use std::{
    io::Read as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// An RSA key of 4096 bits in PEM has 3.2 KiB.
const LONGEST: usize = 16 << 10;

/// What a file holds.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    SecretBasic,
    SecretPost,
    Key { key_id: Option<String>, algorithm: Option<String>, audience: Option<String> },
}

/// A secret or key in its file.
#[derive(Debug)]
pub(super) struct InFile {
    path: PathBuf,
    kind: Kind,
    seen: Mutex<(Stamp, Authentication)>,
}

impl InFile {
    /// Reads it.
    pub(super) fn new(path: PathBuf, kind: Kind) -> Result<Self, String> {
        let seen = read(&path, &kind)?;
        Ok(Self { path, kind, seen: Mutex::new(seen) })
    }
}

impl Credential for InFile {
    fn now(&self) -> Authentication {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let same = Stamp::at(&self.path).is_ok_and(|found| found == seen.0);
        if !same && let Ok(new) = read(&self.path, &self.kind) {
            *seen = new;
        }
        seen.1.clone()
    }
}

fn read(path: &Path, kind: &Kind) -> Result<(Stamp, Authentication), String> {
    let (stamp, found) = own_file(path)?;
    let line = found.expose().strip_suffix(b"\n").unwrap_or(found.expose());
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err("is empty".to_owned());
    }
    let secret = Secret::copied_from(line);
    let authentication = match kind {
        Kind::SecretBasic => Authentication::SecretBasic(secret),
        Kind::SecretPost => Authentication::SecretPost(secret),
        Kind::Key { key_id, algorithm, audience } => Authentication::PrivateKeyJwt {
            key: private_key(&secret).ok_or(
                "is not a private key in PEM (BEGIN PRIVATE KEY) of RSA-2048 to 4096, P-256 or \
                 P-384: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
            )?,
            key_id: key_id.clone(),
            algorithm: algorithm.clone(),
            audience: audience.clone(),
        },
    };
    Ok((stamp, authentication))
}

fn private_key(pem: &Secret) -> Option<PrivateKey> {
    let text = std::str::from_utf8(pem.expose()).ok()?;
    let (label, document) = der::SecretDocument::from_pem(text).ok()?;
    let der = Secret::copied_from(document.as_bytes());
    (label == "PRIVATE KEY").then(|| PrivateKey::from_pkcs8(&der).ok()).flatten()
}

fn own_file(path: &Path) -> Result<(Stamp, Secret), String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let mut file = files::open_read(path).map_err(cannot)?;
    let found = file.metadata().map_err(cannot)?;
    if !found.is_file() {
        return Err("is not a file".to_owned());
    }
    if !Access::of(&file).map_err(cannot)?.is_private() {
        return Err(format!("is open to others; {}", files::MAKE_PRIVATE));
    }
    let length = usize::try_from(found.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| "is longer than any secret or key".to_owned())?;
    let bytes = Secret::filled(length, |bytes| file.read_exact(bytes)).map_err(cannot)?;
    Ok((Stamp::of(&file).map_err(cannot)?, bytes))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn put(path: &Path, bytes: &[u8]) {
        let new = path.with_extension("new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    fn secret(of: &InFile) -> Vec<u8> {
        match of.now() {
            Authentication::SecretBasic(secret) => secret.expose().to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_is_replaced_counts_at_the_next_use_and_one_that_is_wrong_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.secret");
        put(&path, b"one\n");
        let file = InFile::new(path.clone(), Kind::SecretBasic).unwrap();
        assert_eq!(secret(&file), b"one");
        put(&path, b"two\n");
        assert_eq!(secret(&file), b"two");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(secret(&file), b"two", "while it is being replaced");
        put(&path, b"\n");
        assert_eq!(secret(&file), b"two");
        put(&path, b"three");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(secret(&file), b"two", "others can read it");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(secret(&file), b"three");
        assert!(!format!("{file:?}").contains("three"));
    }
}
