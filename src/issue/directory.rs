//! A certification authority in a folder: made once, opened by `wardcard ca`.
//!
//! ```text
//! DIR/                     0700
//!   ca.toml                rules, profiles, how keys are sealed; the administrator's to edit
//!   seal.key               0600; absent where a passphrase stands for it
//!   root.pem authentication.pem signing.pem
//!   authentication.key signing.key      sealed, 0600
//!   issued.jsonl revoked.jsonl          0600
//!   crl.json crl/                       CRL numbers, CRLs in DER
//!   root/                  root.key and its own seal.key: belongs offline
//! ```
//!
//! Issuing needs nothing in `root/`.

use super::{
    LocalIssuer, Names, Rules, files,
    index::{self, Entry, Index},
    local::{Desk, authority_validity},
};
use crate::{
    clock::{Clock, Time},
    crypto::{KeyKind, PrivateKey, SealKey},
    pki::{Authority, Certificate, KeySlot, Profile},
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

mod error;
mod settings;

pub use error::CaError;
use settings::{Sealing, Settings};

/// What `ca init` makes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Common names.
    pub names: Names,
    /// Kind of the root's key.
    pub root_key: KeyKind,
    /// Kind of the issuing keys: RSA-2048 issues both certificates of a card well within 2 ms.
    pub issuing_key: KeyKind,
    /// Life of the authorities in years.
    pub years: u32,
    /// Whether content commitment keys are certified.
    pub content_commitment: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            names: Names::default(),
            root_key: KeyKind::Rsa4096,
            issuing_key: KeyKind::Rsa2048,
            years: 10,
            content_commitment: false,
        }
    }
}

/// One authority as `ca show` tells it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// `root`, `authentication` or `signing`.
    pub role: &'static str,
    /// Its certificate.
    pub certificate: Certificate,
    /// Name of the profile that it issues by; none for the root.
    pub profile: Option<String>,
    /// Whether its key is in the folder.
    pub key_present: bool,
}

/// A certification authority in a folder.
#[derive(Clone, Debug)]
pub struct CaDirectory {
    folder: PathBuf,
    settings: Settings,
    root: Certificate,
    issuing: [(Role, Certificate, Profile); 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Root,
    Authentication,
    Signing,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Authentication => "authentication",
            Self::Signing => "signing",
        }
    }

    const fn slot(self) -> Option<KeySlot> {
        match self {
            Self::Root => None,
            Self::Authentication => Some(KeySlot::Authentication),
            Self::Signing => Some(KeySlot::ContentCommitment),
        }
    }

    /// The place that a key is sealed for: one role's key does not open as another's.
    fn place(self) -> Vec<u8> {
        format!("wardcard ca key {}", self.name()).into_bytes()
    }

    /// Folder of its key. The root's stands apart, to be taken away whole.
    fn folder(self, ca: &Path) -> PathBuf {
        match self {
            Self::Root => ca.join("root"),
            Self::Authentication | Self::Signing => ca.to_owned(),
        }
    }

    fn key_file(self, ca: &Path) -> PathBuf {
        self.folder(ca).join(format!("{}.key", self.name()))
    }

    fn certificate_file(self, ca: &Path) -> PathBuf {
        ca.join(format!("{}.pem", self.name()))
    }
}

impl CaDirectory {
    /// Makes a root and two issuing authorities of the G2 shape in `folder`, whole or not at all.
    /// With a passphrase the keys are sealed under Argon2id of it, else under `seal.key`.
    ///
    /// # Errors
    /// [`CaError::Exists`] where something stands already; else what failed.
    pub fn init(
        folder: &Path,
        plan: &Plan,
        passphrase: Option<&Secret>,
        now: Time,
    ) -> Result<Self, CaError> {
        if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
            || folder.is_file()
        {
            return Err(CaError::Exists(folder.to_owned()));
        }
        let sealing = Sealing::choose(passphrase)?;
        let scaffold = files::Scaffold::beside(folder)?;
        let site = scaffold.path();
        files::make_folder(&site.join("root"))?;
        let validity = authority_validity(now, plan.years);
        let root =
            Authority::root(PrivateKey::generate(plan.root_key)?, &plan.names.root, validity)?;
        let issuing = |name: &str| -> Result<Authority, CaError> {
            Ok(root.issuing(PrivateKey::generate(plan.issuing_key)?, name, validity)?)
        };
        let authentication = issuing(&plan.names.authentication)?;
        let signing = issuing(&plan.names.signing)?;
        for (role, authority) in [
            (Role::Root, &root),
            (Role::Authentication, &authentication),
            (Role::Signing, &signing),
        ] {
            let pem = authority.certificate().to_pem();
            files::write(&role.certificate_file(site), pem.as_bytes(), 0o644)?;
            let seal = sealing.make_or_open(&role.folder(site), passphrase)?;
            let sealed = authority.key().seal(&seal, &role.place())?;
            files::write(&role.key_file(site), &sealed, 0o600)?;
        }
        files::write(&site.join("root").join("README"), OFFLINE.as_bytes(), 0o600)?;
        let settings = settings::text(&sealing, plan.content_commitment);
        files::write(&site.join("ca.toml"), settings.as_bytes(), 0o600)?;
        scaffold.finish(folder)?;
        Self::open(folder)
    }

    /// Opens a folder that [`CaDirectory::init`] made; no key is unsealed yet.
    ///
    /// # Errors
    /// A file that is missing, open to others, or not what it should be.
    pub fn open(folder: &Path) -> Result<Self, CaError> {
        files::check_folder(folder)?;
        let settings = Settings::read(folder)?;
        let certificate = |role: Role| -> Result<Certificate, CaError> {
            let path = role.certificate_file(folder);
            let all = Certificate::from_pem(&files::read_public(&path)?)?;
            match <[Certificate; 1]>::try_from(all) {
                Ok([one]) => Ok(one),
                Err(_) => Err(CaError::Malformed(path, "not one certificate".to_owned())),
            }
        };
        let [authentication, signing] = settings.profiles(folder)?;
        let root = certificate(Role::Root)?;
        let issuing = [
            (Role::Authentication, certificate(Role::Authentication)?, authentication),
            (Role::Signing, certificate(Role::Signing)?, signing),
        ];
        for (_, certificate, _) in &issuing {
            if certificate.issuer_der() != root.subject_der() {
                return Err(CaError::Inconsistent("an issuing certificate is not of this root"));
            }
        }
        Ok(Self { folder: folder.to_owned(), settings, root, issuing })
    }

    /// The issuer's rules, from `ca.toml`.
    pub fn rules(&self) -> Rules {
        self.settings.rules.clone()
    }

    /// Its authorities, root first.
    pub fn list(&self) -> Vec<Listed> {
        let listed = |role: Role, certificate: &Certificate, profile: Option<String>| Listed {
            role: role.name(),
            certificate: certificate.clone(),
            profile,
            key_present: role.key_file(&self.folder).is_file(),
        };
        let mut all = vec![listed(Role::Root, &self.root, None)];
        for (role, certificate, profile) in &self.issuing {
            all.push(listed(*role, certificate, Some(profile.name().to_owned())));
        }
        all
    }

    /// An issuer that records what it issues here. One process at a time.
    ///
    /// # Errors
    /// Keys that do not open, or [`CaError::InUse`].
    pub fn issuer(
        &self,
        passphrase: Option<&Secret>,
        clock: Arc<dyn Clock>,
    ) -> Result<LocalIssuer, CaError> {
        let [authentication, signing] = &self.issuing;
        let desk = |(role, certificate, profile): &(Role, Certificate, Profile)| {
            let authority = self.authority(*role, certificate, passphrase)?;
            Ok::<_, CaError>(Desk { authority, profile: profile.clone() })
        };
        Ok(LocalIssuer::new(
            self.root.clone(),
            desk(authentication)?,
            desk(signing)?,
            self.rules(),
            clock,
            Some(Index::open(&self.issued_file())?),
        ))
    }

    /// What was issued here, with revocations.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn issued(&self) -> Result<Vec<Entry>, CaError> {
        index::read(&self.issued_file(), &self.revoked_file())
    }

    /// Revokes a certificate by its serial in hexadecimal; false if it was revoked before. The
    /// next [`CaDirectory::crls`] tells.
    ///
    /// # Errors
    /// [`CaError::UnknownSerial`], or the record cannot be kept.
    pub fn revoke(&self, serial: &str, now: Time) -> Result<bool, CaError> {
        let unknown = || CaError::UnknownSerial(serial.to_owned());
        let serial = index::parse_serial(serial).ok_or_else(unknown)?;
        let issued = self.issued()?;
        let entry = issued.iter().find(|entry| entry.serial == serial).ok_or_else(unknown)?;
        if entry.revoked.is_some() {
            return Ok(false);
        }
        index::revoke(&self.revoked_file(), &serial, now)?;
        Ok(true)
    }

    /// Makes the next CRL of each authority whose key is here, writes them as `NAME.crl` (DER)
    /// into `out` (default `DIR/crl`), and answers where they are.
    ///
    /// # Errors
    /// Keys that do not open, or files that cannot be written.
    pub fn crls(
        &self,
        passphrase: Option<&Secret>,
        out: Option<&Path>,
        life: Duration,
        now: Time,
    ) -> Result<Vec<PathBuf>, CaError> {
        // One at a time: no number twice, and no older list over a newer one.
        let _turn = files::lock_folder(&self.folder)?;
        let out = out.map_or_else(|| self.folder.join("crl"), Path::to_owned);
        if !out.is_dir() {
            files::make_folder(&out)?;
        }
        let now = Time::from_unix_seconds(now.unix_seconds());
        let issued = self.issued()?;
        let mut written = Vec::new();
        let root = (Role::Root, &self.root);
        let all = self.issuing.iter().map(|(role, certificate, _)| (*role, certificate));
        for (role, certificate) in std::iter::once(root).chain(all) {
            if role == Role::Root && !role.key_file(&self.folder).is_file() {
                continue; // The root is offline, as it should be.
            }
            let authority = self.authority(role, certificate, passphrase)?;
            let revoked: Vec<(Vec<u8>, Time)> = issued
                .iter()
                .filter(|entry| Some(entry.slot) == role.slot())
                .filter_map(|entry| Some((index::serial_der(&entry.serial)?, entry.revoked?)))
                .collect();
            let number = self.next_crl_number(role)?;
            let crl = authority.crl(&revoked, number, now, now.plus(life))?;
            let path = out.join(format!("{}.crl", role.name()));
            files::write(&path, &crl, 0o644)?;
            written.push(path);
        }
        Ok(written)
    }

    /// Counts up on disk before the CRL is made, so that no number is used twice.
    fn next_crl_number(&self, role: Role) -> Result<u64, CaError> {
        let path = self.folder.join("crl.json");
        let malformed = || CaError::Malformed(path.clone(), "not the numbers of CRLs".to_owned());
        let mut numbers = match files::read_private(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| malformed())?,
            Err(CaError::Missing(_)) => CrlNumbers::default(),
            Err(error) => return Err(error),
        };
        let number = numbers.last.entry(role.name().to_owned()).or_default();
        *number = number.checked_add(1).ok_or_else(malformed)?;
        let number = *number;
        let bytes = serde_json::to_vec(&numbers).map_err(|_| malformed())?;
        files::write(&path, &bytes, 0o600)?;
        Ok(number)
    }

    fn authority(
        &self,
        role: Role,
        certificate: &Certificate,
        passphrase: Option<&Secret>,
    ) -> Result<Authority, CaError> {
        let seal = self.settings.sealing.open(&role.folder(&self.folder), passphrase)?;
        let path = role.key_file(&self.folder);
        let sealed = files::read_private(&path)?;
        let key =
            PrivateKey::unseal(&seal, &role.place(), &sealed).map_err(|_| CaError::Unseal(path))?;
        if key.public() != certificate.public_key() {
            return Err(CaError::Inconsistent("a key does not belong to its certificate"));
        }
        Ok(Authority::from_parts(certificate.clone(), key)?)
    }

    fn issued_file(&self) -> PathBuf {
        self.folder.join("issued.jsonl")
    }

    fn revoked_file(&self) -> PathBuf {
        self.folder.join("revoked.jsonl")
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CrlNumbers {
    last: BTreeMap<String, u64>,
}

/// What stands in `root/README`.
const OFFLINE: &str = "\
The root key. Issuing does not need it: move this whole folder to a medium that is kept offline,
and bring it back only to make the root's CRL or another issuing authority.
";

/// A seal key read from `seal.key` in a folder.
fn seal_key(path: &Path) -> Result<SealKey, CaError> {
    let bytes = Secret::new(files::read_private(path)?);
    SealKey::from_bytes(&bytes)
        .map_err(|_| CaError::Malformed(path.to_owned(), "not a seal key of 32 bytes".to_owned()))
}

#[cfg(test)]
mod tests;
