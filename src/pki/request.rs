//! Certificate signing requests, PKCS#10: RFC 2986.
//!
//! Attributes are admitted and passed over: what a certificate holds is the profile's to say. A
//! request that another authority is to certify asks for the keyUsage of its slot
//! (extensionRequest, RFC 2985 section 5.4.2).

use super::{
    Error, KeySlot, UserId,
    asn1::{Algorithm, Signed, encoded, envelope, extension, strict},
    certificate::to_pem,
    extensions::KEY_USAGE,
    name,
};
use crate::crypto::{PrivateKey, PublicKey, Scheme};
use der::{
    AnyRef, Sequence,
    asn1::{Int, SetOfVec},
};
use std::fmt;
use x509_cert::{
    attr::Attribute,
    ext::pkix::{KeyUsage, KeyUsages},
    name::Name,
    request::ExtensionReq,
};

const REQUEST: &str = "certificate request";
const PEM_LABEL: &str = "CERTIFICATE REQUEST";
/// The subject of a CIS1 certificate before the id.
const SUBJECT: [&str; 2] = ["O=nhs", "OU=people"];

/// A certificate signing request (PKCS#10, RFC 2986), its self-signature verified.
#[derive(Clone)]
pub struct CertificationRequest {
    der: Vec<u8>,
    subject: Name,
    key: PublicKey,
}

impl CertificationRequest {
    /// A request for `O=nhs, OU=people, CN=<person>` over this key.
    ///
    /// # Errors
    /// The signature failed.
    pub fn new(person: &UserId, key: &PrivateKey) -> Result<Self, Error> {
        let sign = |scheme, digest: &[u8]| key.sign(scheme, digest);
        Ok(Self::signed_elsewhere(person, key.public(), sign)??)
    }

    /// The same, which asks for the keyUsage of a slot too: digitalSignature alone, or
    /// nonRepudiation alone, critical.
    ///
    /// # Errors
    /// The signature failed.
    pub fn for_slot(person: &UserId, slot: KeySlot, key: &PrivateKey) -> Result<Self, Error> {
        let usage = match slot {
            KeySlot::Authentication => KeyUsages::DigitalSignature,
            KeySlot::ContentCommitment => KeyUsages::NonRepudiation,
        };
        let malformed = |_| Error::Malformed(REQUEST);
        let usage = extension(KEY_USAGE, true, &KeyUsage(usage.into()))?;
        let asked = Attribute::try_from(ExtensionReq(vec![usage])).map_err(malformed)?;
        let attributes = SetOfVec::try_from(vec![asked]).map_err(malformed)?;
        let sign = |scheme, digest: &[u8]| key.sign(scheme, digest);
        Ok(Self::signed(person, key.public(), attributes, sign)??)
    }

    /// The same where the private key is elsewhere, as on a card: `sign` gets scheme and digest
    /// and answers as [`PrivateKey::sign`] does. The inner result is `sign`'s own refusal.
    ///
    /// # Errors
    /// [`Error::Signature`] if what `sign` answered does not verify under `key`.
    pub fn signed_elsewhere<E>(
        person: &UserId,
        key: &PublicKey,
        sign: impl FnOnce(Scheme, &[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Result<Self, E>, Error> {
        Self::signed(person, key, SetOfVec::new(), sign)
    }

    fn signed<E>(
        person: &UserId,
        key: &PublicKey,
        attributes: SetOfVec<Attribute>,
        sign: impl FnOnce(Scheme, &[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Result<Self, E>, Error> {
        let common_name = format!("CN={person}");
        let parts = SUBJECT.into_iter().chain([common_name.as_str()]).map(name::part);
        let subject = name::build(parts.collect::<Result<Vec<_>, _>>()?)?;
        let malformed = |_| Error::Malformed(REQUEST);
        let body = encoded(&Info {
            version: Int::new(&[0]).map_err(malformed)?,
            subject: AnyRef::try_from(subject.as_slice()).map_err(malformed)?,
            subject_public_key_info: AnyRef::try_from(key.spki()).map_err(malformed)?,
            attributes,
        })?;
        let algorithm = Algorithm::of(key.kind());
        match algorithm.sign(&body, sign)? {
            Ok(signature) => {
                let der = envelope(&body, algorithm, &signature)?;
                Self::parse(der, Some(key)).map(Ok)
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Reads one request and nothing after it, and verifies that its key signed it.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Signature`], [`Error::Weak`] for SHA-1,
    /// [`Error::Unsupported`], [`Error::Crypto`] for an unsupported key.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Self::parse(der.to_vec(), None)
    }

    /// The one request of a PEM text (RFC 7468 section 7).
    ///
    /// # Errors
    /// As [`Self::from_der`]; [`Error::Malformed`] for what is no such text.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        match der::pem::decode_vec(pem.as_bytes()) {
            Ok((PEM_LABEL, der)) => Self::parse(der, None),
            _ => Err(Error::Malformed("PEM text of a certificate request")),
        }
    }

    /// The whole request.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// PEM (RFC 7468 section 7), lines ended by LF.
    pub fn to_pem(&self) -> String {
        to_pem(PEM_LABEL, &self.der)
    }

    /// The key that is to be certified.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Subject as text in encoded order. It names a person: not for logs.
    pub fn subject_text(&self) -> String {
        name::text(&self.subject)
    }

    /// The id in the third RDN, as [`super::Certificate::user_id`] reads it.
    pub fn user_id(&self) -> Option<UserId> {
        name::user_id(&self.subject)
    }

    fn parse(der: Vec<u8>, key: Option<&PublicKey>) -> Result<Self, Error> {
        let signed = Signed::read(&der, REQUEST)?;
        let body = encoded(&signed.body)?;
        let info: Info<'_> = strict(&body, REQUEST)?;
        if info.version.as_bytes() != [0] {
            return Err(Error::Malformed(REQUEST));
        }
        let subject = strict(&encoded(&info.subject)?, "subject name")?;
        let spki = encoded(&info.subject_public_key_info)?;
        let key = match key {
            Some(key) if key.spki() == spki => key.clone(),
            _ => PublicKey::from_spki(&spki)?,
        };
        signed.verify(&key, REQUEST)?;
        Ok(Self { subject, key, der })
    }
}

impl fmt::Debug for CertificationRequest {
    /// The kind of key alone: the subject names a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificationRequest({:?})", self.key.kind())
    }
}

/// CertificationRequestInfo (RFC 2986 section 4.1).
#[derive(Sequence)]
struct Info<'a> {
    version: Int,
    subject: AnyRef<'a>,
    subject_public_key_info: AnyRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true")]
    attributes: SetOfVec<Attribute>,
}
