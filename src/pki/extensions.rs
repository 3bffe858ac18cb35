//! The extensions of a certificate that are understood: RFC 5280 section 4.2.

use super::{
    Error,
    asn1::{check_extensions, strict},
    constraints::{NAME_CONSTRAINTS, Permitted, directories},
};
use der::{asn1::ObjectIdentifier, asn1::OctetString};
use x509_cert::ext::{
    Extension,
    pkix::{
        AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlDistributionPoints,
        ExtendedKeyUsage, KeyUsage, PrivateKeyUsagePeriod, SubjectAltName,
    },
};
use x509_cert::name::Name;

pub(super) const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.5.29.14");
pub(super) const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
pub(super) const PRIVATE_KEY_USAGE_PERIOD: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.5.29.16");
pub(super) const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
pub(super) const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
pub(super) const CRL_DISTRIBUTION_POINTS: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.5.29.31");
pub(super) const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");
pub(super) const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.5.29.35");
pub(super) const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
/// id-pe-qcStatements (RFC 3739 section 3.2.6).
pub(super) const QC_STATEMENTS: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.3");

/// What the extensions of one certificate say.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) subject_key_identifier: Option<Vec<u8>>,
    pub(super) extended_key_usage: Vec<ObjectIdentifier>,
    pub(super) policies: Vec<ObjectIdentifier>,
    /// Those that nothing is known of: identifier, whether critical, content.
    pub(super) others: Vec<(ObjectIdentifier, bool, Vec<u8>)>,
    /// Where the names of the subjects below it are, if it says so.
    pub(super) permitted: Option<Permitted>,
    /// Directory names beside the subject.
    pub(super) directories: Vec<Name>,
    /// The first critical extension that path validation does not process.
    pub(super) not_understood: Option<ObjectIdentifier>,
}

impl Extensions {
    /// Reads them; one that is understood and does not parse is refused, critical or not.
    ///
    /// Certificate policies may be critical: every policy is acceptable here and none is required.
    /// Name constraints of other forms than permitted directory names, policy constraints and the
    /// rest are not understood.
    pub(super) fn read(extensions: &[Extension]) -> Result<Self, Error> {
        check_extensions(extensions, "certificate: its extensions")?;
        let mut this = Self::default();
        for extension in extensions {
            let content = extension.extn_value.as_bytes();
            match extension.extn_id {
                BASIC_CONSTRAINTS => {
                    let constraints: BasicConstraints = strict(content, "basicConstraints")?;
                    if constraints.path_len_constraint.is_some() && !constraints.ca {
                        return Err(Error::Malformed("basicConstraints"));
                    }
                    this.basic_constraints = Some(constraints);
                }
                KEY_USAGE => this.key_usage = Some(strict(content, "keyUsage")?),
                EXTENDED_KEY_USAGE => {
                    this.extended_key_usage = strict::<ExtendedKeyUsage>(content, "extKeyUsage")?.0;
                }
                SUBJECT_KEY_IDENTIFIER => {
                    let id: OctetString = strict(content, "subjectKeyIdentifier")?;
                    this.subject_key_identifier = Some(id.as_bytes().to_vec());
                }
                AUTHORITY_KEY_IDENTIFIER => {
                    strict::<AuthorityKeyIdentifier>(content, "authorityKeyIdentifier")
                        .map(drop)?;
                }
                CERTIFICATE_POLICIES => {
                    let policies: CertificatePolicies = strict(content, "certificatePolicies")?;
                    this.policies = policies.0.iter().map(|one| one.policy_identifier).collect();
                }
                SUBJECT_ALT_NAME => {
                    let names: SubjectAltName = strict(content, "subjectAltName")?;
                    this.directories = directories(&names.0);
                }
                NAME_CONSTRAINTS => {
                    this.permitted = Permitted::read(content)?;
                    if this.permitted.is_none() && extension.critical {
                        this.not_understood = this.not_understood.or(Some(NAME_CONSTRAINTS));
                    }
                }
                PRIVATE_KEY_USAGE_PERIOD => {
                    strict::<PrivateKeyUsagePeriod>(content, "privateKeyUsagePeriod").map(drop)?;
                }
                CRL_DISTRIBUTION_POINTS if !extension.critical => {
                    strict::<CrlDistributionPoints>(content, "cRLDistributionPoints").map(drop)?;
                }
                other => {
                    let critical = extension.critical;
                    this.not_understood = this.not_understood.or(critical.then_some(other));
                    this.others.push((other, critical, content.to_vec()));
                }
            }
        }
        Ok(this)
    }
}
