//! Certification path validation: RFC 5280 section 6, as far as a card's chain needs it.
//!
//! Names are compared as DER. Every policy is acceptable. Name constraints are processed where they
//! permit directory names; as others are critical (section 4.2.1.10), a chain that has them is
//! refused. The roots are trusted
//! for their key: their own signature is not looked at, but their dates and extensions are.

use super::{
    Certificate, Crl, Error,
    authority::{check_may_issue, may},
    constraints::Permitted,
};
use crate::clock::Time;
use std::{cell::Cell, time::Duration};
use x509_cert::ext::pkix::KeyUsages;

/// The most certificates that are followed, the root not counted.
const MAX_CHAIN: usize = 8;

/// RFC 5280 section 6 over `chain` (end entity first) up to one of `roots`, at `at`. The chain may
/// end with the root itself or with a certificate that a root issued. What the end entity's key is
/// used for is the caller's to check ([`Certificate::allows`],
/// [`Certificate::extended_key_usage`]).
///
/// `crls` in DER; empty means that revocation is not checked. Otherwise the issuer of the end
/// entity, and every issuer that is not the root, must have a current one here; the root's is
/// looked at if it is here.
///
/// # Errors
/// What is wrong, with the certificate's place in the chain; [`Error::Malformed`] and
/// [`Error::Unsupported`] also for a CRL of a kind that is not understood.
pub fn validate(
    chain: &[Certificate],
    roots: &[Certificate],
    crls: &[Vec<u8>],
    at: Time,
) -> Result<(), Error> {
    let crls = crls.iter().map(|der| Crl::from_der(der)).collect::<Result<Vec<_>, _>>()?;
    let crls: Vec<&Crl> = crls.iter().collect();
    validate_within(chain, roots, &crls, at, Duration::ZERO).map(drop)
}

/// As [`validate`] with CRLs that are read already, each of which serves for `grace` after its next
/// update was due. Whether one did.
///
/// # Errors
/// As [`validate`].
pub fn validate_within(
    chain: &[Certificate],
    roots: &[Certificate],
    crls: &[&Crl],
    at: Time,
    grace: Duration,
) -> Result<bool, Error> {
    let limit = MAX_CHAIN;
    let last = chain.last().filter(|_| chain.len() <= limit + 1);
    let last = last.ok_or(Error::ChainLength { limit })?;
    let path = |below, root| Path { below, root, crls, at, grace, stale: Cell::new(false) };
    if roots.contains(last) {
        return path(chain.get(..chain.len() - 1).unwrap_or_default(), last).validate();
    }
    if chain.len() > limit {
        return Err(Error::ChainLength { limit });
    }
    // Roots of the same name, as at a change of keys: the one whose key verifies, else the first
    // reason found.
    let mut outcome = Err(Error::IssuerUnknown);
    for root in roots.iter().filter(|root| root.subject_der() == last.issuer_der()) {
        match path(chain, root).validate() {
            Ok(stale) => return Ok(stale),
            Err(reason) if outcome == Err(Error::IssuerUnknown) => outcome = Err(reason),
            Err(Error::Signature(_)) => {}
            Err(reason) => outcome = Err(reason),
        }
    }
    outcome
}

/// Whether the names of a certificate are where all authorities above it may certify. One that is
/// self-issued in the middle of a path is passed over (section 6.1.3 (b) and (c)).
fn check_names(
    certificate: &Certificate,
    depth: usize,
    permitted: &[&Permitted],
) -> Result<(), Error> {
    let self_issued = certificate.subject_der() == certificate.issuer_der();
    if permitted.is_empty() || (self_issued && depth > 0) {
        return Ok(());
    }
    let subject = certificate.subject_name();
    let own = std::iter::once(subject).filter(|name| !name.is_empty());
    let mut names = own.chain(&certificate.extensions().directories);
    if names.all(|name| permitted.iter().all(|all| all.allows(name))) {
        return Ok(());
    }
    Err(Error::NameNotPermitted { depth })
}

/// The certificates below the root, end entity first.
struct Path<'a> {
    below: &'a [Certificate],
    root: &'a Certificate,
    crls: &'a [&'a Crl],
    at: Time,
    /// How long a CRL serves after its next update was due, and whether one did.
    grace: Duration,
    stale: Cell<bool>,
}

impl Path<'_> {
    fn validate(&self) -> Result<bool, Error> {
        // Root first, as the path lengths count down.
        let mut issuer: Option<&Certificate> = None;
        let mut room = None;
        let mut permitted: Vec<&Permitted> = Vec::new();
        for (depth, certificate) in
            self.below.iter().chain([self.root]).enumerate().collect::<Vec<_>>().into_iter().rev()
        {
            if let Some(issuer) = issuer {
                if certificate.issuer_der() != issuer.subject_der() {
                    return Err(Error::NameMismatch { depth });
                }
                certificate.verify_signed_by(issuer.public_key())?;
            }
            self.check_dates(certificate, depth)?;
            if let Some(oid) = certificate.extensions().not_understood {
                return Err(Error::CriticalExtension { depth, oid: oid.to_string() });
            }
            if let Some(issuer) = issuer {
                self.check_revocation(certificate, issuer, depth)?;
            }
            check_names(certificate, depth, &permitted)?;
            permitted.extend(&certificate.extensions().permitted);
            if depth > 0 {
                check_may_issue(certificate, depth)?;
                room = self.descend(certificate, depth, room)?;
            }
            issuer = Some(certificate);
        }
        Ok(self.stale.get())
    }

    fn check_dates(&self, certificate: &Certificate, depth: usize) -> Result<(), Error> {
        let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
        if self.at < not_before {
            return Err(Error::NotYetValid { depth, not_before });
        }
        // The last second is valid to its end.
        if self.at.unix_seconds() > not_after.unix_seconds() {
            return Err(Error::Expired { depth, not_after });
        }
        Ok(())
    }

    /// How many more authorities may follow below this one; self-issued ones are not counted
    /// (RFC 5280 section 6.1.4 (l) and (m)). The root's own constraint is respected,
    /// and the root itself takes no room.
    fn descend(
        &self,
        certificate: &Certificate,
        depth: usize,
        room: Option<u8>,
    ) -> Result<Option<u8>, Error> {
        let counted = certificate.subject_der() != certificate.issuer_der();
        let room = match room {
            Some(left) if counted => {
                Some(left.checked_sub(1).ok_or(Error::PathLength { depth: depth + 1 })?)
            }
            unchanged => unchanged,
        };
        let constraints = certificate.extensions().basic_constraints.as_ref();
        let own = constraints.and_then(|constraints| constraints.path_len_constraint);
        Ok(match (room, own) {
            (Some(room), Some(own)) => Some(room.min(own)),
            (room, own) => room.or(own),
        })
    }

    fn check_revocation(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        depth: usize,
    ) -> Result<(), Error> {
        if self.crls.is_empty() {
            return Ok(());
        }
        let (mut current, mut in_grace) = (false, false);
        let mut fault = None;
        for crl in self.crls.iter().filter(|crl| crl.issuer_der() == issuer.subject_der()) {
            if !may(issuer, KeyUsages::CRLSign) {
                return Err(Error::KeyUsage { depth: depth + 1, usage: "cRLSign" });
            }
            // Two keys of one name each make their own, as at a change of keys.
            if let Err(reason) = crl.verify(issuer) {
                fault = Some(reason);
                continue;
            }
            let (this_update, next_update) = (crl.this_update(), crl.next_update());
            if let Some(entry) = crl.find(certificate.serial_der()) {
                return Err(Error::Revoked { depth, since: entry.at });
            }
            let until = |end: Time| self.at.unix_seconds() <= end.unix_seconds();
            if self.at >= this_update && until(next_update) {
                current = true;
            } else if self.at >= this_update && until(next_update.plus(self.grace)) {
                in_grace = true;
            } else {
                fault = Some(Error::CrlStale { depth, this_update, next_update });
            }
        }
        let by_root = depth + 1 == self.below.len();
        match fault {
            _ if current => Ok(()),
            _ if in_grace => {
                self.stale.set(true);
                Ok(())
            }
            Some(fault) => Err(fault),
            None if by_root && depth > 0 => Ok(()),
            None => Err(Error::CrlMissing { depth }),
        }
    }
}
