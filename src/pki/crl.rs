//! Certificate revocation lists, version 2: RFC 5280 section 5.
//!
//! Complete lists of one issuer over its own certificates only: a delta or indirect CRL, and one
//! limited by an issuing distribution point, has a critical extension and is refused.

use super::{
    Certificate, Error,
    asn1::{self, Algorithm, Signed, check_extensions, encoded, extension, strict},
    authority::may,
    certificate::to_pem,
};
use crate::clock::Time;
use der::{
    Decode,
    asn1::{ObjectIdentifier, Uint},
};
use x509_cert::{
    certificate::Version,
    crl::{RevokedCert, TbsCertList},
    ext::{
        Extension,
        pkix::{CrlReason, KeyUsages},
    },
    name::Name,
    serial_number::SerialNumber,
};

const CRL: &str = "CRL";
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const REASON_CODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");

/// Why a certificate was revoked (RFC 5280 section 5.3.1); those that concern other kinds of
/// certificates or delta CRLs are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Not said; the extension is left out.
    Unspecified,
    /// The person's key is known or suspected to be in other hands.
    KeyCompromise,
    /// The authority's key is.
    AuthorityCompromise,
    /// The person's particulars have changed.
    AffiliationChanged,
    /// Another certificate stands in its place.
    Superseded,
    /// It is no longer needed, as when a session's card ends.
    CessationOfOperation,
    /// On hold.
    CertificateHold,
    /// The person may no longer have it.
    PrivilegeWithdrawn,
}

impl Reason {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::AuthorityCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::PrivilegeWithdrawn,
    ];

    /// The word in records, commands and the issuer's protocol: the standard's in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key-compromise",
            Self::AuthorityCompromise => "ca-compromise",
            Self::AffiliationChanged => "affiliation-changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation-of-operation",
            Self::CertificateHold => "certificate-hold",
            Self::PrivilegeWithdrawn => "privilege-withdrawn",
        }
    }

    /// The reason of a name that [`Self::name`] gave.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    fn code(self) -> Option<CrlReason> {
        match self {
            Self::Unspecified => None,
            Self::KeyCompromise => Some(CrlReason::KeyCompromise),
            Self::AuthorityCompromise => Some(CrlReason::CaCompromise),
            Self::AffiliationChanged => Some(CrlReason::AffiliationChanged),
            Self::Superseded => Some(CrlReason::Superseded),
            Self::CessationOfOperation => Some(CrlReason::CessationOfOperation),
            Self::CertificateHold => Some(CrlReason::CertificateHold),
            Self::PrivilegeWithdrawn => Some(CrlReason::PrivilegeWithdrawn),
        }
    }

    fn of(code: CrlReason) -> Result<Self, Error> {
        Ok(match code {
            CrlReason::KeyCompromise => Self::KeyCompromise,
            CrlReason::CaCompromise => Self::AuthorityCompromise,
            CrlReason::AffiliationChanged => Self::AffiliationChanged,
            CrlReason::Superseded => Self::Superseded,
            CrlReason::CessationOfOperation => Self::CessationOfOperation,
            CrlReason::CertificateHold => Self::CertificateHold,
            CrlReason::PrivilegeWithdrawn => Self::PrivilegeWithdrawn,
            CrlReason::Unspecified => Self::Unspecified,
            CrlReason::RemoveFromCRL | CrlReason::AaCompromise => {
                return Err(Error::Unsupported("reason in a CRL"));
            }
        })
    }
}

/// One revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number as [`Certificate::serial_der`] gives it.
    pub serial_der: Vec<u8>,
    /// When.
    pub at: Time,
    /// Why.
    pub reason: Reason,
}

/// A CRL, parsed; its signature is verified by [`Crl::verify`].
#[derive(Clone, Debug)]
pub struct Crl {
    der: Vec<u8>,
    issuer: Vec<u8>,
    number: Option<Vec<u8>>,
    this_update: Time,
    next_update: Time,
    revoked: Vec<Revoked>,
}

impl Crl {
    /// Reads one version 2 CRL and nothing after it.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::Unsupported`] for a critical extension (delta, indirect and
    /// partial CRLs have one), in the CRL or in an entry.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let signed = Signed::read(der, CRL)?;
        let body = encoded(&signed.body)?;
        let tbs: TbsCertList = strict(&body, CRL)?;
        let same_algorithm = encoded(&tbs.signature)? == encoded(&signed.algorithm)?;
        let issuer = encoded(&tbs.issuer)?;
        if tbs.version != Version::V2 || !same_algorithm || tbs.issuer.is_empty() {
            return Err(Error::Malformed(CRL));
        }
        let mut number = None;
        if let Some(extensions) = &tbs.crl_extensions {
            check_extensions(extensions, "CRL: its extensions")?;
            for extension in extensions {
                if extension.extn_id == CRL_NUMBER {
                    let value: Uint = strict(extension.extn_value.as_bytes(), "CRL number")?;
                    number = Some(value.as_bytes().to_vec());
                } else if extension.critical {
                    return Err(Error::Unsupported("CRL: delta, indirect or limited in scope"));
                }
            }
        }
        let next_update = tbs.next_update.ok_or(Error::Malformed("CRL without a next update"))?;
        let revoked = tbs.revoked_certificates.unwrap_or_default();
        Ok(Self {
            der: der.to_vec(),
            issuer,
            number,
            this_update: asn1::time(tbs.this_update, CRL)?,
            next_update: asn1::time(next_update, CRL)?,
            revoked: revoked.iter().map(entry).collect::<Result<_, _>>()?,
        })
    }

    /// The whole CRL.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// PEM (RFC 7468 section 7), lines ended by LF.
    pub fn to_pem(&self) -> String {
        to_pem("X509 CRL", &self.der)
    }

    /// DER of the issuer's name.
    pub fn issuer_der(&self) -> &[u8] {
        &self.issuer
    }

    /// The CRL number, big-endian without leading zeros, if it has one.
    pub fn number(&self) -> Option<&[u8]> {
        self.number.as_deref()
    }

    /// When it was made.
    pub fn this_update(&self) -> Time {
        self.this_update
    }

    /// When the next one is due; after that it is stale.
    pub fn next_update(&self) -> Time {
        self.next_update
    }

    /// The certificates on it.
    pub fn revoked(&self) -> &[Revoked] {
        &self.revoked
    }

    /// The entry of the certificate with this serial ([`Certificate::serial_der`]).
    pub fn find(&self, serial_der: &[u8]) -> Option<&Revoked> {
        self.revoked.iter().find(|entry| entry.serial_der == serial_der)
    }

    /// Verifies that `issuer` made it: name, keyUsage and signature.
    ///
    /// # Errors
    /// [`Error::NameMismatch`], [`Error::KeyUsage`] (depth 0 is the issuer), [`Error::Signature`],
    /// [`Error::Weak`], [`Error::Unsupported`].
    pub fn verify(&self, issuer: &Certificate) -> Result<(), Error> {
        if self.issuer != issuer.subject_der() {
            return Err(Error::NameMismatch { depth: 0 });
        }
        if !may(issuer, KeyUsages::CRLSign) {
            return Err(Error::KeyUsage { depth: 0, usage: "cRLSign" });
        }
        Signed::from_der(&self.der)
            .map_err(|_| Error::Malformed(CRL))?
            .verify(issuer.public_key(), CRL)
    }
}

fn entry(entry: &RevokedCert) -> Result<Revoked, Error> {
    let mut reason = Reason::Unspecified;
    if let Some(extensions) = &entry.crl_entry_extensions {
        check_extensions(extensions, "CRL entry: its extensions")?;
        for extension in extensions {
            if extension.extn_id == REASON_CODE {
                reason = Reason::of(strict(extension.extn_value.as_bytes(), "reason in a CRL")?)?;
            } else if extension.critical {
                return Err(Error::Unsupported("CRL entry: critical extension"));
            }
        }
    }
    Ok(Revoked {
        serial_der: encoded(&entry.serial_number)?,
        at: asn1::time(entry.revocation_date, "CRL entry")?,
        reason,
    })
}

/// DER of the TBSCertList, to be signed by a key of `algorithm`.
pub(super) fn tbs(
    issuer: &[u8],
    authority_key_identifier: Extension,
    revoked: &[Revoked],
    number: u64,
    (this_update, next_update): (Time, Time),
    algorithm: Algorithm,
) -> Result<Vec<u8>, Error> {
    let number = Uint::new(&number.to_be_bytes()).map_err(|_| Error::Malformed("CRL number"))?;
    let entries = revoked.iter().map(revoked_cert).collect::<Result<Vec<_>, _>>()?;
    let identifier = algorithm.identifier();
    encoded(&TbsCertList {
        version: Version::V2,
        signature: spki::AlgorithmIdentifierOwned {
            oid: identifier.oid,
            parameters: identifier.parameters.map(Into::into),
        },
        issuer: Name::from_der(issuer).map_err(|_| Error::Malformed("issuer name"))?,
        this_update: asn1::x509_time(this_update)?,
        next_update: Some(asn1::x509_time(next_update)?),
        revoked_certificates: (!entries.is_empty()).then_some(entries),
        crl_extensions: Some(vec![
            authority_key_identifier,
            extension(CRL_NUMBER, false, &number)?,
        ]),
    })
}

fn revoked_cert(revoked: &Revoked) -> Result<RevokedCert, Error> {
    let serial: SerialNumber = strict(&revoked.serial_der, "serial number")?;
    let reason = match revoked.reason.code() {
        None => None,
        Some(code) => Some(vec![extension(REASON_CODE, false, &code)?]),
    };
    Ok(RevokedCert {
        serial_number: serial,
        revocation_date: asn1::x509_time(revoked.at)?,
        crl_entry_extensions: reason,
    })
}
