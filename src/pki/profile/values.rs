//! The values of a profile's keys, each checked where it is read, so that the error has a position.

use crate::{
    crypto::KeyKind,
    pki::{Error, UserId, name},
};
use der::{
    Tag,
    asn1::{Any, Ia5String, ObjectIdentifier},
};
use serde::Deserialize;
use x509_cert::ext::pkix::{
    KeyUsages,
    crl::dp::DistributionPoint,
    name::{DistributionPointName, GeneralName, OtherName},
};

/// Where the person's 12 digits go in a template.
const ID: &str = "{id}";
/// userPrincipalName, an otherName of UTF8String, as Windows log-on reads it.
const UPN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

/// RDNs in encoded order; exactly one holds the id.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(in crate::pki) struct Subject(pub(super) Vec<String>);

impl Subject {
    /// DER of the name.
    pub(super) fn for_person(&self, person: &UserId) -> Result<Vec<u8>, Error> {
        let filled: Vec<_> = self.0.iter().map(|rdn| fill(rdn, person)).collect();
        let parts = filled.iter().map(|rdn| name::part(rdn)).collect::<Result<Vec<_>, _>>()?;
        name::build(parts)
    }
}

impl TryFrom<Vec<String>> for Subject {
    type Error = String;

    fn try_from(rdns: Vec<String>) -> Result<Self, String> {
        if rdns.iter().map(|rdn| rdn.matches(ID).count()).sum::<usize>() != 1 {
            return Err("exactly one part of the subject holds {id}".into());
        }
        let person = nobody()?;
        for rdn in &rdns {
            name::part(&fill(rdn, &person))
                .and_then(|part| name::build([part]))
                .map_err(|error| format!("`{rdn}`: {error}"))?;
        }
        Ok(Self(rdns))
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Vec<KeyName>")]
pub(in crate::pki) struct Keys(pub(super) Vec<KeyName>);

impl TryFrom<Vec<KeyName>> for Keys {
    type Error = &'static str;

    fn try_from(keys: Vec<KeyName>) -> Result<Self, Self::Error> {
        if keys.is_empty() { Err("at least one kind of key is needed") } else { Ok(Self(keys)) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(in crate::pki) enum KeyName {
    #[serde(rename = "RSA-2048")]
    Rsa2048,
    #[serde(rename = "RSA-3072")]
    Rsa3072,
    #[serde(rename = "RSA-4096")]
    Rsa4096,
    #[serde(rename = "P-256")]
    P256,
    #[serde(rename = "P-384")]
    P384,
}

impl KeyName {
    pub(super) fn kind(self) -> KeyKind {
        match self {
            Self::Rsa2048 => KeyKind::Rsa2048,
            Self::Rsa3072 => KeyKind::Rsa3072,
            Self::Rsa4096 => KeyKind::Rsa4096,
            Self::P256 => KeyKind::P256,
            Self::P384 => KeyKind::P384,
        }
    }
}

/// A bit of keyUsage (RFC 5280 section 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Usage {
    /// digitalSignature.
    DigitalSignature,
    /// nonRepudiation, also called contentCommitment.
    #[serde(alias = "contentCommitment")]
    NonRepudiation,
    /// keyEncipherment.
    KeyEncipherment,
    /// dataEncipherment.
    DataEncipherment,
    /// keyAgreement.
    KeyAgreement,
}

impl Usage {
    pub(in crate::pki) fn flag(self) -> KeyUsages {
        match self {
            Self::DigitalSignature => KeyUsages::DigitalSignature,
            Self::NonRepudiation => KeyUsages::NonRepudiation,
            Self::KeyEncipherment => KeyUsages::KeyEncipherment,
            Self::DataEncipherment => KeyUsages::DataEncipherment,
            Self::KeyAgreement => KeyUsages::KeyAgreement,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Vec<Usage>")]
pub(in crate::pki) struct Usages(pub(super) Vec<Usage>);

impl TryFrom<Vec<Usage>> for Usages {
    type Error = &'static str;

    fn try_from(usages: Vec<Usage>) -> Result<Self, Self::Error> {
        if usages.is_empty() { Err("at least one key usage is needed") } else { Ok(Self(usages)) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::pki) struct Oid(pub(super) ObjectIdentifier);

impl TryFrom<String> for Oid {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let oid = ObjectIdentifier::new(&text);
        oid.map(Self).map_err(|_| format!("`{text}` is no object identifier"))
    }
}

/// A purpose of extKeyUsage, by name or as an object identifier.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::pki) struct Purpose(pub(super) ObjectIdentifier);

impl TryFrom<String> for Purpose {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let dotted = match text.as_str() {
            "clientAuth" => "1.3.6.1.5.5.7.3.2",
            "emailProtection" => "1.3.6.1.5.5.7.3.4",
            "smartcardLogon" => "1.3.6.1.4.1.311.20.2.2",
            other => other,
        };
        Oid::try_from(dotted.to_owned()).map(|oid| Self(oid.0))
    }
}

/// An http, https or ldap URI.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::pki) struct Uri(pub(super) String);

impl TryFrom<String> for Uri {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = ["http://", "https://", "ldap://"];
        let scheme =
            known.iter().any(|s| text.strip_prefix(s).is_some_and(|rest| !rest.is_empty()));
        if scheme && text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(format!("`{text}` is no http, https or ldap URI"))
        }
    }
}

impl Uri {
    pub(super) fn distribution_point(&self) -> Result<DistributionPoint, Error> {
        let uri = GeneralName::UniformResourceIdentifier(ia5(&self.0)?);
        Ok(DistributionPoint {
            distribution_point: Some(DistributionPointName::FullName(vec![uri])),
            reasons: None,
            crl_issuer: None,
        })
    }
}

/// A subject alternative name, `{id}` in it filled in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub(in crate::pki) enum AlternativeName {
    Upn(String),
    Email(String),
    Dns(String),
}

/// [`AlternativeName`] as written, not yet tried out.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Written {
    Upn(String),
    Email(String),
    Dns(String),
}

impl TryFrom<Written> for AlternativeName {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let (this, template, address) = match written {
            Written::Upn(text) => (Self::Upn(text.clone()), text, true),
            Written::Email(text) => (Self::Email(text.clone()), text, true),
            Written::Dns(text) => (Self::Dns(text.clone()), text, false),
        };
        let filled = fill(&template, &nobody()?);
        let sound = match filled.split_once('@') {
            Some((local, domain)) => address && is_word(local) && is_host(domain),
            None => !address && is_host(&filled),
        };
        if !sound || filled.len() > 253 {
            return Err(format!("`{template}` is no such name"));
        }
        Ok(this)
    }
}

impl AlternativeName {
    pub(super) fn for_person(&self, person: &UserId) -> Result<GeneralName, Error> {
        Ok(match self {
            Self::Upn(template) => {
                let upn = Any::new(Tag::Utf8String, fill(template, person).into_bytes());
                let value = upn.map_err(|_| Error::Name("a principal name"))?;
                GeneralName::OtherName(OtherName { type_id: UPN, value })
            }
            Self::Email(template) => GeneralName::Rfc822Name(ia5(&fill(template, person))?),
            Self::Dns(template) => GeneralName::DnsName(ia5(&fill(template, person))?),
        })
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
}

fn is_host(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

fn ia5(text: &str) -> Result<Ia5String, Error> {
    Ia5String::new(text).map_err(|_| Error::Name("a name in ASCII"))
}

fn fill(template: &str, person: &UserId) -> String {
    template.replace(ID, person.as_str())
}

/// For trying a template out: no person's number.
fn nobody() -> Result<UserId, String> {
    UserId::parse("000000000000").ok_or_else(String::new)
}
