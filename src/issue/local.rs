//! An issuer whose issuing keys are in this process.

use super::{Error, Issued, Issuer, Order, Rules, index::Index, slot_name};
use crate::{
    clock::{Clock, Time},
    crypto::{KeyKind, PrivateKey},
    pki::{Authority, Certificate, KeySlot, Profile, Validity},
};
use std::{sync::Arc, time::Duration};

/// Common names of the three authorities. The issuer names are the deployment's own; clients that
/// filter by issuer have to be told them (Identity Agent's `TrustedCertificateIssuers`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Of the root.
    pub root: String,
    /// Of the authority that issues authentication certificates.
    pub authentication: String,
    /// Of the authority that issues content commitment certificates.
    pub signing: String,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            root: "Wardcard Root Authority G2".to_owned(),
            authentication: "Wardcard Authentication G2".to_owned(),
            signing: "Wardcard Signing G2".to_owned(),
        }
    }
}

/// An authority and the profile that it issues by.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) authority: Authority,
    pub(super) profile: Profile,
}

/// Issues with keys held in this process.
#[derive(Debug)]
pub struct LocalIssuer {
    root: Certificate,
    authentication: Desk,
    signing: Desk,
    rules: Rules,
    clock: Arc<dyn Clock>,
    index: Option<Index>,
}

impl LocalIssuer {
    /// Authorities that live as long as this value, for the demo and for tests: a root and two
    /// issuing authorities with keys of this kind, good from a day ago for ten years by `clock`.
    /// Nothing is written anywhere.
    ///
    /// # Errors
    /// [`Error::Failed`] if keys or certificates cannot be made.
    pub fn in_memory(
        names: &Names,
        key: KeyKind,
        rules: Rules,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let validity = authority_validity(clock.now(), 10);
        let made = || -> Result<_, String> {
            let generate = || PrivateKey::generate(key).map_err(|error| error.to_string());
            let text = |error: crate::pki::Error| error.to_string();
            let root = Authority::root(generate()?, &names.root, validity).map_err(text)?;
            let authentication =
                root.issuing(generate()?, &names.authentication, validity).map_err(text)?;
            let signing = root.issuing(generate()?, &names.signing, validity).map_err(text)?;
            Ok((root.certificate().clone(), authentication, signing))
        };
        let (root, authentication, signing) = made().map_err(Error::Failed)?;
        Ok(Self::new(
            root,
            Desk { authority: authentication, profile: Profile::cis1_authentication() },
            Desk { authority: signing, profile: Profile::cis1_content_commitment() },
            rules,
            clock,
            None,
        ))
    }

    pub(super) fn new(
        root: Certificate,
        authentication: Desk,
        signing: Desk,
        rules: Rules,
        clock: Arc<dyn Clock>,
        index: Option<Index>,
    ) -> Self {
        Self { root, authentication, signing, rules, clock, index }
    }

    /// The issuing authority of a slot.
    pub fn authority(&self, slot: KeySlot) -> &Authority {
        &self.desk(slot).authority
    }

    /// The certificates of the issuing authorities: authentication, then content commitment.
    pub fn authority_certificates(&self) -> Vec<Certificate> {
        [&self.authentication, &self.signing]
            .map(|desk| desk.authority.certificate().clone())
            .to_vec()
    }

    fn desk(&self, slot: KeySlot) -> &Desk {
        match slot {
            KeySlot::Authentication => &self.authentication,
            KeySlot::ContentCommitment => &self.signing,
        }
    }
}

impl Issuer for LocalIssuer {
    /// Judges, signs, records on disk (where there is a record), answers: in this order, so that
    /// no certificate is out that the index does not know.
    fn issue(&self, order: &Order) -> Result<Vec<Issued>, Error> {
        let now = self.clock.now();
        let mut all = Vec::new();
        for (slot, request) in self.rules.admit(order, now)? {
            let Desk { authority, profile } = self.desk(slot);
            let own = authority.certificate();
            let validity = self.rules.validity(order, own.validity(), now)?;
            let certificate = authority
                .issue(profile, &order.assurance.person, request.public_key(), validity)
                .map_err(|error| Error::Failed(format!("{}: {error}", slot_name(slot))))?;
            all.push(Issued { slot, certificate, chain: vec![own.clone(), self.root.clone()] });
        }
        if let Some(index) = &self.index {
            index.record(&all, &order.assurance, now).map_err(|error| {
                Error::Failed(format!("the record of issued certificates cannot be kept: {error}"))
            })?;
        }
        Ok(all)
    }

    fn roots(&self) -> Result<Vec<Certificate>, Error> {
        Ok(vec![self.root.clone()])
    }
}

/// Authorities begin a day early, so that a certificate's backdating never comes before them.
pub(super) fn authority_validity(now: Time, years: u32) -> Validity {
    let day = Duration::from_secs(24 * 3600);
    let now = Time::from_unix_seconds(now.unix_seconds());
    let life = Duration::from_secs(u64::from(years) * 31_557_600);
    Validity { not_before: now.minus(day), not_after: now.plus(life) }
}
