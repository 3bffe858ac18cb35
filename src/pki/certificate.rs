//! An X.509 certificate, parsed once: RFC 5280 section 4, strict DER.
//!
//! The body is kept as bytes; only what the rest of the crate asks for is taken out of it. Unique
//! identifiers (RFC 5280 section 4.1.2.8) are refused.

use super::{
    Error, UserId, Validity,
    asn1::{self, Algorithm, Signed, encoded, strict},
    extensions::Extensions,
    name,
};
use crate::{
    clock::Time,
    crypto::{self, Hash, PublicKey},
};
use der::{
    AnyRef, Decode, Sequence,
    pem::{self, LineEnding},
};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use std::{fmt, sync::Arc};
use x509_cert::{
    certificate::Version, ext::Extension, name::Name, serial_number::SerialNumber,
    time::Validity as X509Validity,
};

const CERTIFICATE: &str = "certificate";
const PEM_LABEL: &str = "CERTIFICATE";

/// An X.509 certificate, parsed once; a clone shares it. Equal where the DER is.
#[derive(Clone)]
pub struct Certificate(Arc<Parsed>);

struct Parsed {
    der: Vec<u8>,
    subject: Vec<u8>,
    subject_name: Name,
    issuer: Vec<u8>,
    serial: Vec<u8>,
    validity: Validity,
    key: PublicKey,
    extensions: Extensions,
}

impl Certificate {
    /// Reads one certificate and nothing after it.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is not strict DER, has an extension twice, or holds an
    /// extension that does not parse; [`Error::Crypto`] for a key of an unsupported kind.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Self::parse(der.to_vec(), None)
    }

    /// All certificates of a PEM text (RFC 7468), in order; blocks of other labels and text
    /// between the blocks are passed over.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is none, or one is not well formed; as [`Self::from_der`].
    pub fn from_pem(pem: &str) -> Result<Vec<Self>, Error> {
        let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
        let malformed = Error::Malformed("PEM text of a certificate");
        let mut all = Vec::new();
        let mut rest = pem;
        while let Some(start) = rest.find(begin) {
            let block = rest.get(start..).unwrap_or_default();
            let length = block.find(end).ok_or(malformed.clone())? + end.len();
            let (block, after) = block.split_at_checked(length).ok_or(malformed.clone())?;
            let (label, der) = pem::decode_vec(block.as_bytes()).map_err(|_| malformed.clone())?;
            if label != PEM_LABEL {
                return Err(malformed);
            }
            all.push(Self::parse(der, None)?);
            rest = after;
        }
        if all.is_empty() {
            Err(Error::Malformed("PEM text: no certificate in it"))
        } else {
            Ok(all)
        }
    }

    /// PEM (RFC 7468 section 5), lines ended by LF.
    pub fn to_pem(&self) -> String {
        to_pem(PEM_LABEL, &self.0.der)
    }

    /// The whole certificate.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// DER of the subject's name (PKCS#11 CKA_SUBJECT).
    pub fn subject_der(&self) -> &[u8] {
        &self.0.subject
    }

    /// DER of the issuer's name (PKCS#11 CKA_ISSUER).
    pub fn issuer_der(&self) -> &[u8] {
        &self.0.issuer
    }

    /// DER INTEGER, tag and length included (PKCS#11 CKA_SERIAL_NUMBER).
    pub fn serial_der(&self) -> &[u8] {
        &self.0.serial
    }

    /// First second of the validity.
    pub fn not_before(&self) -> Time {
        self.0.validity.not_before
    }

    /// Last second of the validity.
    pub fn not_after(&self) -> Time {
        self.0.validity.not_after
    }

    /// First and last second.
    pub fn validity(&self) -> Validity {
        self.0.validity
    }

    /// The certified key.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.key
    }

    /// Subject as text in encoded order: `O=nhs, OU=people, CN=555000000001`. It names a person:
    /// not for logs.
    pub fn subject_text(&self) -> String {
        name::text(&self.0.subject_name)
    }

    /// Issuer as text in encoded order: `C=GB, O=nhs, OU=CA, CN=NHS Authentication G2`.
    pub fn issuer_text(&self) -> String {
        Name::from_der(&self.0.issuer).map(|name| name::text(&name)).unwrap_or_default()
    }

    /// The id from the third RDN, as CIS1 clients read it: a common name of exactly 12 digits.
    pub fn user_id(&self) -> Option<UserId> {
        name::user_id(&self.0.subject_name)
    }

    /// Subject key identifier, or SHA-1 of the key as RFC 5280 section 4.2.1.2 (1) makes it.
    pub fn key_id(&self) -> Vec<u8> {
        match &self.0.extensions.subject_key_identifier {
            Some(id) => id.clone(),
            None => key_identifier(&self.0.key).unwrap_or_default(),
        }
    }

    /// Whether basicConstraints make it a certification authority.
    pub fn is_authority(&self) -> bool {
        self.0.extensions.basic_constraints.as_ref().is_some_and(|constraints| constraints.ca)
    }

    /// Whether keyUsage has this bit, or is absent: then it limits nothing (RFC 5280 section
    /// 4.2.1.3).
    pub fn allows(&self, usage: super::Usage) -> bool {
        self.0.extensions.key_usage.is_none_or(|present| present.0.contains(usage.flag()))
    }

    /// The purposes of extKeyUsage in dotted form; empty where the extension is absent.
    pub fn extended_key_usage(&self) -> Vec<String> {
        self.0.extensions.extended_key_usage.iter().map(ToString::to_string).collect()
    }

    /// Whether this certificate was signed by `issuer`'s key. Names and dates are not compared.
    ///
    /// # Errors
    /// [`Error::Signature`], [`Error::Weak`] for SHA-1, [`Error::Unsupported`].
    pub fn verify_signed_by(&self, issuer: &PublicKey) -> Result<(), Error> {
        Signed::from_der(&self.0.der)
            .map_err(|_| Error::Malformed(CERTIFICATE))?
            .verify(issuer, CERTIFICATE)
    }

    pub(super) fn subject_name(&self) -> &Name {
        &self.0.subject_name
    }

    pub(super) fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// Parses; `key` saves reading the key again where it is known already.
    pub(super) fn parse(der: Vec<u8>, key: Option<&PublicKey>) -> Result<Self, Error> {
        let signed = Signed::read(&der, CERTIFICATE)?;
        let body = encoded(&signed.body)?;
        let tbs: TbsCertificate<'_> = strict(&body, CERTIFICATE)?;
        let extensions = match &tbs.extensions {
            None => Extensions::default(),
            Some(extensions) if tbs.version == Version::V3 => Extensions::read(extensions)?,
            Some(_) => return Err(Error::Malformed("certificate: extensions below version 3")),
        };
        let serial = encoded(&tbs.serial_number)?;
        let negative = tbs.serial_number.as_bytes().first().is_none_or(|first| first & 0x80 != 0);
        if tbs.signature != signed.algorithm || signed.signature.as_bytes().is_none() || negative {
            return Err(Error::Malformed(CERTIFICATE));
        }
        let issuer = encoded(&tbs.issuer)?;
        let issuer_name: Name = strict(&issuer, "issuer name")?;
        if issuer_name.is_empty() {
            return Err(Error::Malformed("issuer name"));
        }
        let subject = encoded(&tbs.subject)?;
        let subject_name = strict(&subject, "subject name")?;
        let spki = encoded(&tbs.subject_public_key_info)?;
        let key = match key {
            Some(key) if key.spki() == spki => key.clone(),
            _ => PublicKey::from_spki(&spki)?,
        };
        let validity = Validity {
            not_before: asn1::time(tbs.validity.not_before, "validity")?,
            not_after: asn1::time(tbs.validity.not_after, "validity")?,
        };
        let parsed =
            Parsed { subject, subject_name, issuer, serial, validity, key, extensions, der };
        Ok(Self(Arc::new(parsed)))
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    /// The serial number alone: the subject names a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate(serial ")?;
        self.0.serial.iter().skip(2).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// RFC 5280 section 4.1, without the unique identifiers.
#[derive(Sequence)]
struct TbsCertificate<'a> {
    #[asn1(context_specific = "0", default = "Default::default")]
    version: Version,
    serial_number: SerialNumber,
    signature: AlgorithmIdentifierRef<'a>,
    issuer: AnyRef<'a>,
    validity: X509Validity,
    subject: AnyRef<'a>,
    subject_public_key_info: AnyRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Vec<Extension>>,
}

/// What a new certificate says; names and key as DER.
pub(super) struct Contents<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) validity: Validity,
    pub(super) key: &'a PublicKey,
    pub(super) extensions: Vec<Extension>,
}

impl Contents<'_> {
    /// DER of the TBSCertificate (version 3), to be signed by a key of `algorithm`. The serial
    /// number is 16 random bytes, positive, its first byte never zero.
    pub(super) fn tbs(self, algorithm: Algorithm) -> Result<Vec<u8>, Error> {
        let mut serial = [0; 16];
        crypto::random(&mut serial)?;
        serial[0] = serial[0] & 0x3f | 0x40;
        let any = |der, what| AnyRef::try_from(der).map_err(|_| Error::Malformed(what));
        encoded(&TbsCertificate {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial)
                .map_err(|_| Error::Malformed("serial number"))?,
            signature: algorithm.identifier(),
            issuer: any(self.issuer, "issuer name")?,
            validity: X509Validity::new(
                asn1::x509_time(self.validity.not_before)?,
                asn1::x509_time(self.validity.not_after)?,
            ),
            subject: any(self.subject, "subject name")?,
            subject_public_key_info: any(self.key.spki(), "public key")?,
            extensions: Some(self.extensions),
        })
    }
}

/// SHA-1 of the key's bits without tag, length and unused bits (RFC 5280 section 4.2.1.2 (1)).
pub(super) fn key_identifier(key: &PublicKey) -> Result<Vec<u8>, Error> {
    let malformed = Error::Malformed("public key");
    let info = SubjectPublicKeyInfoRef::from_der(key.spki()).map_err(|_| malformed.clone())?;
    let bits = info.subject_public_key.as_bytes().ok_or(malformed)?;
    Ok(crypto::digest(Hash::Sha1, bits))
}

/// PEM with LF; empty only for more bytes than memory can hold.
pub(super) fn to_pem(label: &str, der: &[u8]) -> String {
    pem::encode_string(label, LineEnding::LF, der).unwrap_or_default()
}
