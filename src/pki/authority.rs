//! Certification authorities: a root, issuing authorities below it, end-entity certificates, CRLs.
//!
//! RFC 5280 section 4. Signatures are PKCS#1 v1.5 with SHA-256, or ECDSA with the hash of the
//! curve's size. How an authority's key is kept is the caller's business.

use super::{
    Certificate, Error, Profile, Reason, Revoked, UserId, Validity,
    asn1::{Algorithm, Signed, extension},
    certificate::{Contents, key_identifier},
    constraints::permitting,
    crl, extensions as ext, name,
};
use crate::{
    clock::Time,
    crypto::{PrivateKey, PublicKey},
};
use der::asn1::OctetString;
use x509_cert::ext::{
    Extension,
    pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages},
};

/// The root's name before its common name: the shape of `NHS Root Authority G2`.
const ROOT: [&str; 3] = ["C=GB", "O=NHS", "OU=CA"];
/// An issuing authority's name before its common name: the shape of `NHS Authentication G2`.
const ISSUING: [&str; 3] = ["C=GB", "O=nhs", "OU=CA"];

/// A certification authority: its certificate and key.
#[derive(Clone, Debug)]
pub struct Authority {
    certificate: Certificate,
    key: PrivateKey,
}

impl Authority {
    /// Self-signed, of the shape of NHS Root Authority G2: `C=GB, O=NHS, OU=CA, CN=<name>`.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Validity`], or the signature failed.
    pub fn root(key: PrivateKey, name: &str, validity: Validity) -> Result<Self, Error> {
        let common_name = format!("CN={name}");
        Self::root_named(key, &[&ROOT[..], &[&common_name]].concat(), validity)
    }

    /// Self-signed, with a name of its own: parts such as `O=trust` in encoded order.
    ///
    /// # Errors
    /// As [`Self::root`].
    pub fn root_named(key: PrivateKey, name: &[&str], validity: Validity) -> Result<Self, Error> {
        let subject = authority_name(name)?;
        let extensions = authority_extensions(key.public(), None, None)?;
        let contents = Contents {
            issuer: &subject,
            subject: &subject,
            validity,
            key: key.public(),
            extensions,
        };
        let certificate = signed(contents, &key)?;
        Ok(Self { certificate, key })
    }

    /// An issuing authority below this root, `C=GB, O=nhs, OU=CA, CN=<common_name>` (e.g.
    /// "NHS Authentication G2"), below which there is no further authority (path length 0).
    ///
    /// # Errors
    /// [`Error::PathLength`] below an issuing authority; [`Error::Name`], [`Error::Validity`],
    /// [`Error::ValidityExceedsIssuer`], or the signature failed.
    pub fn issuing(
        &self,
        key: PrivateKey,
        common_name: &str,
        validity: Validity,
    ) -> Result<Self, Error> {
        let common_name = format!("CN={common_name}");
        self.issuing_named(key, &[&ISSUING[..], &[&common_name]].concat(), validity)
    }

    /// As [`Self::issuing`], for an authority that certifies subjects in these subtrees alone
    /// (RFC 5280 section 4.2.1.10), each as parts such as `O=nhs` in encoded order.
    ///
    /// # Errors
    /// As [`Self::issuing`]; [`Error::Name`] where there is no subtree, or it is no name.
    pub fn issuing_within(
        &self,
        key: PrivateKey,
        common_name: &str,
        validity: Validity,
        subtrees: &[Vec<String>],
    ) -> Result<Self, Error> {
        let common_name = format!("CN={common_name}");
        let name = [&ISSUING[..], &[&common_name]].concat();
        self.issuing_with(key, &name, validity, Some(permitting(subtrees)?))
    }

    /// An issuing authority with a name of its own: parts such as `O=trust` in encoded order.
    ///
    /// # Errors
    /// As [`Self::issuing`].
    pub fn issuing_named(
        &self,
        key: PrivateKey,
        name: &[&str],
        validity: Validity,
    ) -> Result<Self, Error> {
        self.issuing_with(key, name, validity, None)
    }

    fn issuing_with(
        &self,
        key: PrivateKey,
        name: &[&str],
        validity: Validity,
        more: Option<Extension>,
    ) -> Result<Self, Error> {
        let constraints = &self.certificate.extensions().basic_constraints;
        if constraints.as_ref().is_some_and(|own| own.path_len_constraint == Some(0)) {
            return Err(Error::PathLength { depth: 1 });
        }
        self.check_validity(validity)?;
        let subject = authority_name(name)?;
        if subject == self.certificate.subject_der() {
            return Err(Error::Name("an issuing authority under its root's own name"));
        }
        let mut extensions = authority_extensions(key.public(), Some(&self.certificate), Some(0))?;
        extensions.extend(more);
        let contents = Contents {
            issuer: self.certificate.subject_der(),
            subject: &subject,
            validity,
            key: key.public(),
            extensions,
        };
        let certificate = signed(contents, &self.key)?;
        Ok(Self { certificate, key })
    }

    /// From a certificate and its key.
    ///
    /// # Errors
    /// [`Error::KeyMismatch`]; [`Error::NotAuthority`] or [`Error::KeyUsage`] if the certificate
    /// may not issue others.
    pub fn from_parts(certificate: Certificate, key: PrivateKey) -> Result<Self, Error> {
        if certificate.public_key() != key.public() {
            return Err(Error::KeyMismatch);
        }
        check_may_issue(&certificate, 0)?;
        Ok(Self { certificate, key })
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// An end-entity certificate; the serial is 16 random bytes (RFC 5280 section 4.1.2.2).
    ///
    /// # Errors
    /// [`Error::KeyKind`] if the profile does not admit the key; [`Error::ValidityExceedsIssuer`]
    /// (see [`Validity::capped`]); [`Error::Validity`], or the signature failed.
    pub fn issue(
        &self,
        profile: &Profile,
        person: &UserId,
        key: &PublicKey,
        validity: Validity,
    ) -> Result<Certificate, Error> {
        if !profile.admits(key.kind()) {
            return Err(Error::KeyKind);
        }
        self.check_validity(validity)?;
        let mut extensions = Vec::with_capacity(8);
        if profile.basic_constraints {
            let end_entity = BasicConstraints { ca: false, path_len_constraint: None };
            extensions.push(extension(ext::BASIC_CONSTRAINTS, false, &end_entity)?);
        }
        extensions.extend(profile.extensions(person, validity)?);
        if profile.authority_key_identifier {
            extensions.push(authority_key_identifier(&self.certificate)?);
        }
        if profile.subject_key_identifier {
            extensions.push(subject_key_identifier(key)?);
        }
        let subject = profile.subject(person)?;
        let issuer = self.certificate.subject_der();
        let contents = Contents { issuer, subject: &subject, validity, key, extensions };
        signed(contents, &self.key)
    }

    /// CRL in DER (RFC 5280 section 5): version 2 with number and authority key identifier. The
    /// revoked are named by [`Certificate::serial_der`], with the moment of revocation.
    ///
    /// # Errors
    /// As [`Self::crl_with_reasons`].
    pub fn crl(
        &self,
        revoked: &[(Vec<u8>, Time)],
        number: u64,
        this_update: Time,
        next_update: Time,
    ) -> Result<Vec<u8>, Error> {
        let entry = |(serial, at): &(Vec<u8>, Time)| Revoked {
            serial_der: serial.clone(),
            at: *at,
            reason: Reason::Unspecified,
        };
        let revoked: Vec<_> = revoked.iter().map(entry).collect();
        self.crl_with_reasons(&revoked, number, this_update, next_update)
    }

    /// CRL in DER as [`Self::crl`], with the reason of each revocation.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a serial that is no DER INTEGER; [`Error::KeyUsage`] if the
    /// authority may not sign CRLs; [`Error::Validity`] if the next update is not after this one;
    /// or the signature failed.
    pub fn crl_with_reasons(
        &self,
        revoked: &[Revoked],
        number: u64,
        this_update: Time,
        next_update: Time,
    ) -> Result<Vec<u8>, Error> {
        if !may(&self.certificate, KeyUsages::CRLSign) {
            return Err(Error::KeyUsage { depth: 0, usage: "cRLSign" });
        }
        if next_update <= this_update {
            return Err(Error::Validity);
        }
        let body = crl::tbs(
            self.certificate.subject_der(),
            authority_key_identifier(&self.certificate)?,
            revoked,
            number,
            (this_update, next_update),
            Algorithm::of(self.key.public().kind()),
        )?;
        Signed::make(&body, &self.key)
    }

    /// Of parts that nobody checked, to see that what it signs is refused.
    #[cfg(test)]
    pub(super) fn of(certificate: Certificate, key: PrivateKey) -> Self {
        Self { certificate, key }
    }

    fn check_validity(&self, validity: Validity) -> Result<(), Error> {
        let own = self.certificate.validity();
        // In whole seconds, as certificates have them.
        if validity.not_before.unix_seconds() < own.not_before.unix_seconds()
            || validity.not_after.unix_seconds() > own.not_after.unix_seconds()
        {
            let Validity { not_before, not_after } = own;
            return Err(Error::ValidityExceedsIssuer { not_before, not_after });
        }
        Ok(())
    }
}

/// Refuses an issuer that is no authority or may not sign certificates.
pub(super) fn check_may_issue(certificate: &Certificate, depth: usize) -> Result<(), Error> {
    if !certificate.is_authority() {
        return Err(Error::NotAuthority { depth });
    }
    if !may(certificate, KeyUsages::KeyCertSign) {
        return Err(Error::KeyUsage { depth, usage: "keyCertSign" });
    }
    Ok(())
}

/// An absent keyUsage limits nothing.
pub(super) fn may(certificate: &Certificate, usage: KeyUsages) -> bool {
    certificate.extensions().key_usage.is_none_or(|present| present.0.contains(usage))
}

fn signed(contents: Contents<'_>, key: &PrivateKey) -> Result<Certificate, Error> {
    if contents.validity.not_after < contents.validity.not_before {
        return Err(Error::Validity);
    }
    let subject_key = contents.key.clone();
    let body = contents.tbs(Algorithm::of(key.public().kind()))?;
    Certificate::parse(Signed::make(&body, key)?, Some(&subject_key))
}

fn authority_name(parts: &[&str]) -> Result<Vec<u8>, Error> {
    if parts.is_empty() {
        return Err(Error::Name("an authority without a name"));
    }
    name::build(parts.iter().map(|part| name::part(part)).collect::<Result<Vec<_>, _>>()?)
}

fn authority_extensions(
    key: &PublicKey,
    issuer: Option<&Certificate>,
    path_length: Option<u8>,
) -> Result<Vec<Extension>, Error> {
    let constraints = BasicConstraints { ca: true, path_len_constraint: path_length };
    let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
    let mut all = vec![
        extension(ext::BASIC_CONSTRAINTS, true, &constraints)?,
        extension(ext::KEY_USAGE, true, &usage)?,
        subject_key_identifier(key)?,
    ];
    if let Some(issuer) = issuer {
        all.push(authority_key_identifier(issuer)?);
    }
    Ok(all)
}

fn octets(bytes: Vec<u8>) -> Result<OctetString, Error> {
    OctetString::new(bytes).map_err(|_| Error::Malformed("key identifier"))
}

fn subject_key_identifier(key: &PublicKey) -> Result<Extension, Error> {
    extension(ext::SUBJECT_KEY_IDENTIFIER, false, &octets(key_identifier(key)?)?)
}

fn authority_key_identifier(issuer: &Certificate) -> Result<Extension, Error> {
    let key_identifier = Some(octets(issuer.key_id())?);
    let id = AuthorityKeyIdentifier { key_identifier, ..Default::default() };
    extension(ext::AUTHORITY_KEY_IDENTIFIER, false, &id)
}
