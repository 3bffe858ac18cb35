//! A change of keys: another issuing authority beside the one that issues now.
//!
//! The old one's certificate stays trusted through the root, and its key signs CRLs, until the last
//! of its certificates has ended; then its key file may be taken away.

use super::{CaDirectory, CaError, Role, files, keep, numbered};
use crate::{
    clock::Time,
    crypto::{KeyKind, PrivateKey},
    issue::local::authority_validity,
    pki::{AUTHORITY, Authority, KeySlot},
    secret::Secret,
};
use std::path::Path;

/// What `ca renew` makes.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// For which certificates.
    pub slot: KeySlot,
    /// Common name of the new authority; the old one's may be used again.
    pub name: String,
    /// Kind of its key.
    pub key: KeyKind,
    /// Its life in years.
    pub years: u32,
    /// The subtrees that it may certify; none: any name.
    pub permitted: Vec<Vec<String>>,
}

impl CaDirectory {
    /// Makes another issuing authority. `ca serve` issues by it within a second, and signs CRLs by
    /// both. The root's key has to be there.
    ///
    /// # Errors
    /// Keys that do not open or are not there, files that cannot be written, or a profile that names
    /// the former authority's CRL.
    pub fn renew(
        folder: &Path,
        renewal: &Renewal,
        passphrase: Option<&Secret>,
        now: Time,
    ) -> Result<Self, CaError> {
        let _turn = files::lock_folder(folder)?;
        let ca = Self::open(folder)?;
        let role = match renewal.slot {
            KeySlot::Authentication => Role::Authentication,
            KeySlot::ContentCommitment => Role::Signing,
        };
        let [authentication, signing] = ca.settings.profiles(folder)?;
        let profile = if role == Role::Authentication { authentication } else { signing };
        if profile.names_one_crl() {
            let name = profile.name();
            return Err(CaError::Malformed(
                folder.join("ca.toml"),
                format!(
                    "crl-distribution-points of the profile {name} name one CRL, and the new \
                     authority has one of its own: write {AUTHORITY} where its name is to stand, as \
                     in http://pki.example/{AUTHORITY}.crl"
                ),
            ));
        }
        let sealing = &ca.settings.sealing;
        let of_root = sealing.open(&Role::Root.folder(folder), passphrase)?;
        let root = ca.authority(Role::Root, Role::Root.name(), &ca.root, &of_root)?;
        let number = ca.issuing.iter().filter(|one| one.role == role).count();
        let number = u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1);
        let key = PrivateKey::generate(renewal.key)?;
        let validity = authority_validity(now, renewal.years).capped(root.certificate().validity());
        let made = issuing(&root, key, &renewal.name, validity, &renewal.permitted)?;
        let seal = sealing.open(&role.folder(folder), passphrase)?;
        keep(folder, role, &numbered(role, number), &made, &seal)?;
        Self::open(folder)
    }
}

/// An issuing authority, constrained to these subtrees where there are some.
pub(super) fn issuing(
    root: &Authority,
    key: PrivateKey,
    name: &str,
    validity: crate::pki::Validity,
    permitted: &[Vec<String>],
) -> Result<Authority, CaError> {
    Ok(match permitted {
        [] => root.issuing(key, name, validity)?,
        some => root.issuing_within(key, name, validity, some)?,
    })
}
