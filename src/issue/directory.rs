//! A certification authority in a folder: made once, opened by `wardcard ca`.
//!
//! ```text
//! DIR/                     0700
//!   ca.toml                rules, profiles, how keys are sealed; the administrator's to edit
//!   seal.key               0600; absent where a passphrase stands for it
//!   root.pem authentication.pem signing.pem
//!   authentication.key signing.key      sealed, 0600
//!   authentication-2.pem ...            after a change of keys, which `ca serve` notices; the first
//!                                       one signs CRLs still
//!   log/ log.head revoked.jsonl         the record: each certificate, what was revoked
//!   crl.json crl/                       CRL numbers, CRLs in DER
//!   root/                  root.key and its own seal.key: belongs offline
//! ```
//!
//! Issuing needs nothing in `root/`.

use super::{
    LocalIssuer, Names, Rules, Serial, files,
    index::{self, Entry, Index},
    local::{Desk, Desks, authority_validity},
};
use crate::{
    clock::{Clock, Time},
    crypto::{KeyKind, PrivateKey, SealKey},
    pki::{Authority, Certificate, Profile, Reason},
    secret::{Secret, host},
};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

mod backup;
mod crls;
mod error;
mod passphrase;
mod renew;
mod reseal;
mod settings;
mod tls;

pub use crls::{OnProblem, Publisher};
pub use error::CaError;
pub use renew::Renewal;
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
    /// The subtrees of names that the issuing authorities may certify, each as parts such as
    /// `O=nhs` in encoded order (RFC 5280 section 4.2.1.10); none: any name.
    pub permitted: Vec<Vec<String>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            names: Names::default(),
            root_key: KeyKind::Rsa4096,
            issuing_key: KeyKind::Rsa2048,
            years: 10,
            content_commitment: false,
            permitted: vec![vec!["O=nhs".to_owned(), "OU=people".to_owned()]],
        }
    }
}

/// One authority as `ca show` tells it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// `root`, `authentication` or `signing`, with a number after a change of keys.
    pub name: String,
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
    /// By role, then in the order in which they were made; the last of a role issues.
    issuing: Vec<Issuing>,
}

/// One issuing authority.
#[derive(Clone, Debug)]
struct Issuing {
    role: Role,
    /// Of its files.
    name: String,
    certificate: Certificate,
    profile: Profile,
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

    /// Folder of its key. The root's stands apart, to be taken away whole.
    fn folder(self, ca: &Path) -> PathBuf {
        match self {
            Self::Root => ca.join("root"),
            Self::Authentication | Self::Signing => ca.to_owned(),
        }
    }

    fn key_file(self, ca: &Path, name: &str) -> PathBuf {
        self.folder(ca).join(format!("{name}.key"))
    }
}

/// The place that a key is sealed for: one authority's key does not open as another's.
fn place(name: &str) -> Vec<u8> {
    format!("wardcard ca key {name}").into_bytes()
}

fn certificate_file(ca: &Path, name: &str) -> PathBuf {
    ca.join(format!("{name}.pem"))
}

/// The name of an authority's files: its role's, with a number from the second on.
fn numbered(role: Role, number: u32) -> String {
    match number {
        0 | 1 => role.name().to_owned(),
        more => format!("{}-{more}", role.name()),
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
            let key = PrivateKey::generate(plan.issuing_key)?;
            renew::issuing(&root, key, name, validity, &plan.permitted)
        };
        let authentication = issuing(&plan.names.authentication)?;
        let signing = issuing(&plan.names.signing)?;
        for (role, authority) in [
            (Role::Root, &root),
            (Role::Authentication, &authentication),
            (Role::Signing, &signing),
        ] {
            let seal = sealing.make_or_open(&role.folder(site), passphrase)?;
            keep(site, role, role.name(), authority, &seal)?;
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
        // Before what is wrong with the folder: it may be no authority's at all.
        let settings = folder.join("ca.toml");
        if std::fs::symlink_metadata(&settings).is_err_and(|why| why.kind() == ErrorKind::NotFound)
        {
            return Err(CaError::Missing(settings));
        }
        files::check_folder(folder)?;
        let settings = Settings::read(folder)?;
        let [authentication, signing] = settings.profiles(folder)?;
        let root = certificate(folder, Role::Root.name())?;
        let mut issuing = Vec::new();
        for (role, profile) in [(Role::Authentication, authentication), (Role::Signing, signing)] {
            for number in 1.. {
                let name = numbered(role, number);
                if number > 1 && !certificate_file(folder, &name).exists() {
                    break;
                }
                let certificate = certificate(folder, &name)?;
                if certificate.issuer_der() != root.subject_der() {
                    return Err(CaError::Inconsistent(
                        "an issuing certificate is not of this root",
                    ));
                }
                let profile = profile.clone().for_authority(&name);
                issuing.push(Issuing { role, name, certificate, profile });
            }
        }
        Ok(Self { folder: folder.to_owned(), settings, root, issuing })
    }

    /// The issuer's rules, from `ca.toml`.
    pub fn rules(&self) -> Rules {
        self.settings.rules.clone()
    }

    /// Whether its keys are sealed by a passphrase.
    pub fn needs_passphrase(&self) -> bool {
        self.settings.sealing.needs_passphrase()
    }

    /// Its authorities, root first.
    pub fn list(&self) -> Vec<Listed> {
        let listed = |role: Role, name: &str, certificate: &Certificate, profile| Listed {
            name: name.to_owned(),
            certificate: certificate.clone(),
            profile,
            key_present: role.key_file(&self.folder, name).is_file(),
        };
        let mut all = vec![listed(Role::Root, Role::Root.name(), &self.root, None)];
        for Issuing { role, name, certificate, profile } in &self.issuing {
            all.push(listed(*role, name, certificate, Some(profile.name().to_owned())));
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
        let desks = self.desks(passphrase)?;
        let index = Index::open(&self.folder, self.settings.after_loss, Arc::clone(&clock))?;
        Ok(LocalIssuer::new(self.root.clone(), desks, self.rules(), clock, index))
    }

    /// The authorities, with keys.
    fn desks(&self, passphrase: Option<&Secret>) -> Result<Desks, CaError> {
        self.desks_under(&self.settings.sealing.open(&self.folder, passphrase)?)
    }

    /// The same folder as it is now, if an authority has been added to it since this was opened.
    fn renewed(&self) -> Result<Option<Self>, CaError> {
        let added = |role: Role| {
            let count = self.issuing.iter().filter(|one| one.role == role).count();
            let next = u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
            certificate_file(&self.folder, &numbered(role, next)).exists()
        };
        // A certificate is written after its key.
        if [Role::Authentication, Role::Signing].into_iter().any(added) {
            return Self::open(&self.folder).map(Some);
        }
        Ok(None)
    }

    /// As [`Self::desks`], by the key that seals theirs.
    fn desks_under(&self, seal: &SealKey) -> Result<Desks, CaError> {
        let mut former = Vec::new();
        let mut desk = |role: Role| -> Result<Desk, CaError> {
            let mut last = None;
            for one in self.issuing.iter().filter(|one| one.role == role) {
                former.extend(last.take());
                let key = role.key_file(&self.folder, &one.name);
                let replaced = self.current(role).is_some_and(|name| name != one.name);
                if replaced && !key.is_file() {
                    continue; // It was taken away with the last of its certificates.
                }
                let authority = self.authority(role, &one.name, &one.certificate, seal)?;
                let (name, profile) = (one.name.clone(), one.profile.clone());
                last = Some(Desk { name, authority, profile });
            }
            last.ok_or(CaError::Inconsistent("an issuing certificate is missing"))
        };
        let (authentication, signing) = (desk(Role::Authentication)?, desk(Role::Signing)?);
        Ok(Desks { authentication, signing, former })
    }

    /// Name of the authority that issues for a role.
    fn current(&self, role: Role) -> Option<&str> {
        self.issuing.iter().rfind(|one| one.role == role).map(|one| one.name.as_str())
    }

    /// What was issued here, with revocations.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn issued(&self) -> Result<Vec<Entry>, CaError> {
        index::entries(&self.folder)
    }

    /// Revokes a certificate by its serial in hexadecimal; false if it was revoked before. The
    /// next CRL tells: [`CaDirectory::crls`] makes one, a [`Publisher`] notices by itself.
    ///
    /// # Errors
    /// [`CaError::UnknownSerial`], or the record cannot be kept.
    pub fn revoke(&self, serial: &str, reason: Reason, now: Time) -> Result<bool, CaError> {
        let unknown = || CaError::UnknownSerial(serial.to_owned());
        let serial = Serial::parse(serial).ok_or_else(unknown)?;
        let issued = self.issued()?;
        let entry = issued.iter().find(|entry| entry.serial == serial).ok_or_else(unknown)?;
        if entry.revoked.is_some() {
            return Ok(false);
        }
        index::add(&self.folder, &[index::End::of(entry, now, reason)])?;
        Ok(true)
    }

    fn authority(
        &self,
        role: Role,
        name: &str,
        certificate: &Certificate,
        seal: &SealKey,
    ) -> Result<Authority, CaError> {
        let path = role.key_file(&self.folder, name);
        let open = |seal: &SealKey| {
            passphrase::unsealed(&path, |sealed| {
                PrivateKey::unseal(seal, &place(name), sealed).ok()
            })
        };
        let key = match open(seal)? {
            Some(key) => Some(key),
            // The key that seals is just being replaced.
            None => match reseal::next(&role.folder(&self.folder))? {
                Some(next) => open(&next)?,
                None => None,
            },
        };
        let key = key.ok_or(CaError::Unseal(path))?;
        if key.public() != certificate.public_key() {
            return Err(CaError::Inconsistent("a key does not belong to its certificate"));
        }
        Ok(Authority::from_parts(certificate.clone(), key)?)
    }
}

/// Writes an authority's sealed key, then its certificate.
fn keep(
    ca: &Path,
    role: Role,
    name: &str,
    authority: &Authority,
    seal: &SealKey,
) -> Result<(), CaError> {
    let sealed = authority.key().seal(seal, &place(name))?;
    files::write(&role.key_file(ca, name), &sealed, 0o600)?;
    let pem = authority.certificate().to_pem();
    files::write(&certificate_file(ca, name), pem.as_bytes(), 0o644)
}

/// The one certificate in an authority's file.
fn certificate(ca: &Path, name: &str) -> Result<Certificate, CaError> {
    let path = certificate_file(ca, name);
    let all = Certificate::from_pem(&files::read_public(&path)?)?;
    match <[Certificate; 1]>::try_from(all) {
        Ok([one]) => Ok(one),
        Err(_) => Err(CaError::Malformed(path, "not one certificate".to_owned())),
    }
}

/// What stands in `root/README`.
const OFFLINE: &str = "\
The root key. Issuing does not need it: move this whole folder to a medium that is kept offline,
and bring it back only to make the root's CRL or another issuing authority.
";

/// Writes a seal key as this machine keeps such keys.
fn keep_seal_key(path: &Path, key: &SealKey) -> Result<(), CaError> {
    let kept = host::wrap(key.expose()).map_err(|error| CaError::io(path, &error))?;
    files::write(path, kept.expose(), 0o600)
}

/// A seal key read from `seal.key` in a folder.
fn seal_key(path: &Path) -> Result<SealKey, CaError> {
    let kept = host::unwrap(Secret::new(files::read_private(path)?));
    let kept = kept.map_err(|error| CaError::io(path, &error))?;
    SealKey::from_bytes(&kept.key)
        .map_err(|_| CaError::Malformed(path.to_owned(), "not a seal key of 32 bytes".to_owned()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
