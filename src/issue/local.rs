//! An issuer whose issuing keys are in this process.

use super::{
    Error, Issued, Issuer, Order, Rules, Serial,
    index::{Index, NotRevoked},
    slot_name,
};
use crate::{
    clock::{Clock, Time},
    crypto::{KeyKind, PrivateKey},
    pki::{Authority, Certificate, KeySlot, Profile, Reason, Revoked, Validity},
};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

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
    /// The name of the authority's files.
    pub(super) name: String,
    pub(super) authority: Authority,
    pub(super) profile: Profile,
}

/// Issues with keys held in this process.
#[derive(Debug)]
pub struct LocalIssuer {
    root: Certificate,
    /// Replaced as a whole when an authority is renewed.
    desks: RwLock<Arc<Desks>>,
    rules: Rules,
    clock: Arc<dyn Clock>,
    index: Index,
}

/// The authorities of an issuer.
#[derive(Clone, Debug)]
pub(super) struct Desks {
    /// Issues authentication certificates.
    pub(super) authentication: Desk,
    /// Issues content commitment certificates.
    pub(super) signing: Desk,
    /// Those whose place others have taken: they sign CRLs still.
    pub(super) former: Vec<Desk>,
}

impl Desks {
    /// Each, the ones that issue first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Desk> {
        [&self.authentication, &self.signing].into_iter().chain(&self.former)
    }
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
        let desk =
            |name: &str, authority, profile| Desk { name: name.to_owned(), authority, profile };
        let desks = Desks {
            authentication: desk("authentication", authentication, Profile::cis1_authentication()),
            signing: desk("signing", signing, Profile::cis1_content_commitment()),
            former: Vec::new(),
        };
        Ok(Self::new(root, desks, rules, clock, Index::in_memory()))
    }

    pub(super) fn new(
        root: Certificate,
        desks: Desks,
        rules: Rules,
        clock: Arc<dyn Clock>,
        index: Index,
    ) -> Self {
        Self { root, desks: RwLock::new(Arc::new(desks)), rules, clock, index }
    }

    /// The issuing authority of a slot.
    pub fn authority(&self, slot: KeySlot) -> Authority {
        self.desks().of(slot).authority.clone()
    }

    /// The certificates of the issuing authorities: authentication, then content commitment.
    pub fn authority_certificates(&self) -> Vec<Certificate> {
        let desks = self.desks();
        desks.all().take(2).map(|desk| desk.authority.certificate().clone()).collect()
    }

    /// What an issuer in memory has revoked, for its CRLs and for tests.
    pub fn revoked(&self) -> Vec<Revoked> {
        let revoked = self.index.ended().into_iter().map(|end| Revoked {
            serial_der: end.serial.der(),
            at: end.at,
            reason: end.reason,
        });
        revoked.collect()
    }

    pub(super) fn desks(&self) -> Arc<Desks> {
        Arc::clone(&self.desks.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Issues by these authorities from now on; an order that is under way ends with those that it
    /// began with.
    pub(super) fn replace(&self, desks: Desks) {
        *self.desks.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(desks);
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Judges, signs, records on disk (where there is a record), answers: in this order, so that
    /// no certificate is out that the record does not know.
    fn certify(&self, client: Option<&str>, order: &Order) -> Result<Vec<Issued>, Error> {
        let now = self.clock.now();
        let desks = self.desks();
        let mut all = Vec::new();
        for (slot, request) in self.rules.admit(order, now)? {
            let Desk { name, authority, profile } = desks.of(slot);
            let own = authority.certificate();
            let validity = self.rules.validity(order, own.validity(), now)?;
            let certificate = authority
                .issue(profile, &order.assurance.person, request.public_key(), validity)
                .map_err(|error| Error::Failed(format!("{}: {error}", slot_name(slot))))?;
            let chain = vec![own.clone(), self.root.clone()];
            all.push((name.clone(), Issued { slot, certificate, chain }));
        }
        self.index.record(&all, client, &order.assurance, now).map_err(|error| {
            Error::Failed(format!("the record of issued certificates cannot be kept: {error}"))
        })?;
        Ok(all.into_iter().map(|(_, issued)| issued).collect())
    }

    fn end(&self, client: Option<&str>, serials: &[Serial], reason: Reason) -> Result<(), Error> {
        let ended = self.index.revoke(serials, client, reason, self.clock.now());
        ended.map(drop).map_err(|fault| match fault {
            NotRevoked::Unknown => Error::Refused(
                "a certificate with such a serial was not issued here, or not to this client"
                    .to_owned(),
            ),
            NotRevoked::Failed(error) => {
                Error::Failed(format!("the revocation cannot be recorded: {error}"))
            }
        })
    }
}

impl Desks {
    fn of(&self, slot: KeySlot) -> &Desk {
        match slot {
            KeySlot::Authentication => &self.authentication,
            KeySlot::ContentCommitment => &self.signing,
        }
    }
}

impl Issuer for LocalIssuer {
    fn issue(&self, order: &Order) -> Result<Vec<Issued>, Error> {
        self.certify(None, order)
    }

    fn roots(&self) -> Result<Vec<Certificate>, Error> {
        Ok(vec![self.root.clone()])
    }

    fn revoke(&self, serials: &[Serial], reason: Reason) -> Result<(), Error> {
        self.end(None, serials, reason)
    }

    fn issue_for(&self, client: &str, order: &Order) -> Result<Vec<Issued>, Error> {
        self.certify(Some(client), order)
    }

    fn revoke_for(&self, client: &str, serials: &[Serial], reason: Reason) -> Result<(), Error> {
        self.end(Some(client), serials, reason)
    }
}

/// Authorities begin a day early, so that a certificate's backdating never comes before them.
pub(super) fn authority_validity(now: Time, years: u32) -> Validity {
    let day = Duration::from_secs(24 * 3600);
    let now = Time::from_unix_seconds(now.unix_seconds());
    let life = Duration::from_secs(u64::from(years) * 31_557_600);
    Validity { not_before: now.minus(day), not_after: now.plus(life) }
}
