//! Certificate profiles as data: what stands in an end-entity certificate besides keys and dates.
//!
//! The two of CIS1 are TOML themselves (`profile/cis1.toml`), read by the same code as a
//! deployment's own.

mod values;

pub use values::Usage;

use super::{
    Error, UserId, Validity,
    asn1::{date, extension},
    extensions as ext,
};
use crate::crypto::KeyKind;
use der::asn1::GeneralizedTime;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::OnceLock};
use values::{AlternativeName, Keys, Oid, Purpose, Subject, Uri, Usages};
use x509_cert::ext::{
    Extension,
    pkix::{
        CertificatePolicies, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage,
        PrivateKeyUsagePeriod, SubjectAltName, certpolicy::PolicyInformation,
    },
};

const CIS1: &str = include_str!("profile/cis1.toml");

/// A certificate profile: what stands in a certificate besides keys and dates. Data, loadable from
/// TOML:
///
/// ```
/// let profiles = wardcard::pki::Profile::from_toml(r#"
///     [profile.windows-logon]
///     subject = ["O=trust", "OU=people", "CN={id}"]   # RDNs in encoded order; {id}: 12 digits
///     keys = ["RSA-2048"]                             # kinds admitted, the usual one first
///     key-usage = ["digitalSignature"]                # RFC 5280 names
///     key-usage-critical = true
///     extended-key-usage = ["clientAuth", "1.3.6.1.4.1.311.20.2.2"]
///     subject-alternative-names = [{ upn = "{id}@trust.example" }, { dns = "{id}.trust.example" }]
///     certificate-policies = []
///     qc-statements = []
///     private-key-usage-period = false                # that of the certificate
///     crl-distribution-points = ["http://crl.trust.example/{authority}.crl"]
/// "#)?;
/// assert_eq!(profiles[0].name(), "windows-logon");
/// # Ok::<(), wardcard::pki::Error>(())
/// ```
///
/// `{authority}` is the name of the issuing authority, as `wardcard ca crl` names its file: each
/// authority has a CRL of its own (RFC 5280 section 5), also the one that `wardcard ca renew` makes.
///
/// `subject`, `keys` and `key-usage` are needed. `basic-constraints` (CA:FALSE),
/// `subject-key-identifier` and `authority-key-identifier` are on unless switched off; the rest is
/// off or empty. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Profile {
    #[serde(skip)]
    name: String,
    subject: Subject,
    keys: Keys,
    key_usage: Usages,
    #[serde(default)]
    key_usage_critical: bool,
    #[serde(default)]
    extended_key_usage: Vec<Purpose>,
    #[serde(default)]
    subject_alternative_names: Vec<AlternativeName>,
    #[serde(default)]
    certificate_policies: Vec<Oid>,
    #[serde(default)]
    qc_statements: Vec<Oid>,
    #[serde(default)]
    private_key_usage_period: bool,
    #[serde(default = "on")]
    pub(super) basic_constraints: bool,
    #[serde(default = "on")]
    pub(super) subject_key_identifier: bool,
    #[serde(default = "on")]
    pub(super) authority_key_identifier: bool,
    #[serde(default)]
    crl_distribution_points: Vec<Uri>,
}

impl Profile {
    /// The name it is asked for by: NAME of `[profile.NAME]`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The authentication certificate of a CIS1 card.
    pub fn cis1_authentication() -> Self {
        built_in("cis1-authentication")
    }

    /// The content commitment (prescription signing) certificate of a CIS1 card.
    pub fn cis1_content_commitment() -> Self {
        built_in("cis1-content-commitment")
    }

    /// Reads `[profile.NAME]` tables; sorted by name.
    ///
    /// # Errors
    /// [`Error::Profile`] with the position.
    pub fn from_toml(text: &str) -> Result<Vec<Self>, Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            profile: BTreeMap<String, Profile>,
        }
        let file: File = toml::from_str(text).map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            Error::Profile { line, column, message: error.message().to_owned() }
        })?;
        Ok(file.profile.into_iter().map(|(name, profile)| Self { name, ..profile }).collect())
    }

    /// The same profile with these CRL distribution points (`http://` or `https://` or `ldap://`).
    ///
    /// # Errors
    /// [`Error::Name`] for what is no such URI.
    pub fn with_crl_distribution_points(mut self, uris: &[&str]) -> Result<Self, Error> {
        let uris = uris.iter().map(|uri| Uri::try_from((*uri).to_owned()));
        self.crl_distribution_points =
            uris.collect::<Result<_, _>>().map_err(|_| Error::Name("a CRL distribution point"))?;
        Ok(self)
    }

    /// The same profile for the authority of this name, which its CRL distribution points name.
    #[must_use]
    pub fn for_authority(mut self, name: &str) -> Self {
        for Uri(text) in &mut self.crl_distribution_points {
            *text = text.replace(AUTHORITY, name);
        }
        self
    }

    /// Whether certificates of every authority would name one and the same CRL.
    pub(crate) fn names_one_crl(&self) -> bool {
        self.crl_distribution_points.iter().any(|Uri(text)| !text.contains(AUTHORITY))
    }

    /// The kind of key to make where nothing else is asked for.
    pub fn key_kind(&self) -> KeyKind {
        self.keys.0.first().map_or(KeyKind::Rsa2048, |name| name.kind())
    }

    /// Whether a key of this kind may be certified.
    pub fn admits(&self, kind: KeyKind) -> bool {
        self.keys.0.iter().any(|name| name.kind() == kind)
    }

    /// DER of the subject for this person.
    pub(super) fn subject(&self, person: &UserId) -> Result<Vec<u8>, Error> {
        self.subject.for_person(person)
    }

    /// The extensions that come from the profile alone, without the key identifiers and
    /// basicConstraints, which are the authority's to make.
    pub(super) fn extensions(
        &self,
        person: &UserId,
        validity: Validity,
    ) -> Result<Vec<Extension>, Error> {
        let usages =
            self.key_usage.0.iter().fold(Default::default(), |all, usage| {
                all | der::flagset::FlagSet::from(usage.flag())
            });
        let mut all = vec![extension(ext::KEY_USAGE, self.key_usage_critical, &KeyUsage(usages))?];
        if self.private_key_usage_period {
            let period = PrivateKeyUsagePeriod {
                not_before: Some(GeneralizedTime::from_date_time(date(validity.not_before)?)),
                not_after: Some(GeneralizedTime::from_date_time(date(validity.not_after)?)),
            };
            all.push(extension(ext::PRIVATE_KEY_USAGE_PERIOD, false, &period)?);
        }
        if !self.certificate_policies.is_empty() {
            let policy =
                |oid: &Oid| PolicyInformation { policy_identifier: oid.0, policy_qualifiers: None };
            let policies = self.certificate_policies.iter().map(policy).collect();
            all.push(extension(ext::CERTIFICATE_POLICIES, false, &CertificatePolicies(policies))?);
        }
        if !self.extended_key_usage.is_empty() {
            let purposes = self.extended_key_usage.iter().map(|purpose| purpose.0).collect();
            all.push(extension(ext::EXTENDED_KEY_USAGE, false, &ExtendedKeyUsage(purposes))?);
        }
        if !self.subject_alternative_names.is_empty() {
            let names = self.subject_alternative_names.iter().map(|name| name.for_person(person));
            let names = SubjectAltName(names.collect::<Result<_, _>>()?);
            all.push(extension(ext::SUBJECT_ALT_NAME, false, &names)?);
        }
        if !self.crl_distribution_points.is_empty() {
            let points = self.crl_distribution_points.iter().map(Uri::distribution_point);
            let points = CrlDistributionPoints(points.collect::<Result<_, _>>()?);
            all.push(extension(ext::CRL_DISTRIBUTION_POINTS, false, &points)?);
        }
        if !self.qc_statements.is_empty() {
            // QCStatement ::= SEQUENCE { statementId, statementInfo OPTIONAL } (RFC 3739 3.2.6).
            let statements: Vec<_> = self.qc_statements.iter().map(|oid| vec![oid.0]).collect();
            all.push(extension(ext::QC_STATEMENTS, false, &statements)?);
        }
        Ok(all)
    }
}

/// Stands for the name of the issuing authority.
pub(crate) const AUTHORITY: &str = "{authority}";

fn on() -> bool {
    true
}

/// A profile of `cis1.toml`, which is parsed once.
#[allow(clippy::expect_used)]
fn built_in(name: &str) -> Profile {
    static PROFILES: OnceLock<Vec<Profile>> = OnceLock::new();
    let profiles = PROFILES.get_or_init(|| {
        Profile::from_toml(CIS1).expect("the text is compiled in and a test reads it")
    });
    let found = profiles.iter().find(|profile| profile.name == name);
    found.cloned().expect("both names stand in the text that is compiled in")
}

/// Line and column, from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
