//! CMS SignedData of the CIS1 challenge response, and the S/MIME text around it.
//!
//! RFC 5652 section 5, RFC 3370 section 2.1, RFC 5754 section 2, RFC 8551 section 3. One form
//! only: version 1, content attached, one certificate, one signer named by issuer and serial
//! number, no attributes, `rsaEncryption`.

use super::{
    Certificate, Error,
    asn1::{RSA_ENCRYPTION, encoded, strict},
};
use crate::crypto::{self, Hash, Scheme};
use base64ct::{Base64, Encoding};
use cms::{
    cert::{CertificateChoices, IssuerAndSerialNumber},
    content_info::{CmsVersion, ContentInfo},
    signed_data::{
        CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo,
        SignerInfos,
    },
};
use der::{
    Any, Decode, Encode,
    asn1::{ObjectIdentifier, OctetString, SetOfVec},
};
use spki::AlgorithmIdentifierOwned;

const CMS: &str = "CMS message";
const MIME: &str = "S/MIME text";
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// Columns of the Base64 in the S/MIME text.
const COLUMNS: usize = 64;

/// A response whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Whose key signed. Its chain is the caller's to validate.
    pub certificate: Certificate,
    /// With which hash: SHA-1 or SHA-256.
    pub hash: Hash,
}

/// SignedData v1 over `challenge` with SHA-1, as CIS1 has it; `sign` gets the challenge and
/// answers the PKCS#1 v1.5 signature over its SHA-1. The inner result is `sign`'s own refusal.
///
/// # Errors
/// As [`signed_data`].
pub fn challenge_response<E>(
    certificate: &Certificate,
    challenge: &[u8],
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Result<Vec<u8>, E>, Error> {
    signed_data(Hash::Sha1, certificate, challenge, sign)
}

/// The same with another hash: whether the service takes SHA-256 is not known, so it is a choice.
///
/// # Errors
/// [`Error::Unsupported`] for a hash other than SHA-1 and SHA-256 and for a key that is not RSA;
/// [`Error::Signature`] if what `sign` answered does not verify under the certificate's key.
pub fn signed_data<E>(
    hash: Hash,
    certificate: &Certificate,
    challenge: &[u8],
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Result<Vec<u8>, E>, Error> {
    if certificate.public_key().rsa().is_none() {
        return Err(Error::Unsupported("key for a CMS message: it must be RSA"));
    }
    let digest_algorithm = digest_algorithm(hash)?;
    let signature = match sign(challenge) {
        Ok(signature) => signature,
        Err(refusal) => return Ok(Err(refusal)),
    };
    check(certificate, hash, challenge, &signature)?;
    let malformed = |_| Error::Malformed(CMS);
    let foreign = x509_cert::Certificate::from_der(certificate.der()).map_err(malformed)?;
    let octets = |bytes: &[u8]| OctetString::new(bytes).map_err(malformed);
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: foreign.tbs_certificate().issuer().clone(),
            serial_number: foreign.tbs_certificate().serial_number().clone(),
        }),
        digest_alg: digest_algorithm.clone(),
        signed_attrs: None,
        signature_algorithm: AlgorithmIdentifierOwned {
            oid: RSA_ENCRYPTION,
            parameters: Some(Any::null()),
        },
        signature: octets(&signature)?,
        unsigned_attrs: None,
    };
    let one_certificate = CertificateChoices::Certificate(foreign);
    let signed_data = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from([digest_algorithm]).map_err(malformed)?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: DATA,
            econtent: Some(Any::encode_from(&octets(challenge)?).map_err(malformed)?),
        },
        certificates: Some(CertificateSet(
            SetOfVec::try_from([one_certificate]).map_err(malformed)?,
        )),
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from([signer]).map_err(malformed)?),
    };
    let content = Any::encode_from(&signed_data).map_err(malformed)?;
    encoded(&ContentInfo { content_type: SIGNED_DATA, content }).map(Ok)
}

/// Verifies a response over `challenge`; the certificate that signed it. Its chain is the
/// caller's to validate.
///
/// # Errors
/// As [`open`].
pub fn verify(signed_data: &[u8], challenge: &[u8]) -> Result<Certificate, Error> {
    open(signed_data, challenge).map(|response| response.certificate)
}

/// As [`verify`], and says with which hash it was signed.
///
/// # Errors
/// [`Error::Malformed`] for any form but the one above; [`Error::Unsupported`] for another hash;
/// [`Error::Signer`] unless there is exactly one signer and its one certificate;
/// [`Error::Content`] for another content than `challenge`; [`Error::Signature`].
pub fn open(signed_data: &[u8], challenge: &[u8]) -> Result<Response, Error> {
    let malformed = |_| Error::Malformed(CMS);
    let outer: ContentInfo = strict(signed_data, CMS)?;
    if outer.content_type != SIGNED_DATA {
        return Err(Error::Malformed("CMS message: no SignedData"));
    }
    let inner = outer.content.to_der().map_err(malformed)?;
    let message: SignedData = strict(&inner, CMS)?;
    let certificates = message.certificates.as_ref().map(|set| set.0.as_slice());
    let ([signer], Some([CertificateChoices::Certificate(certificate)])) =
        (message.signer_infos.0.as_slice(), certificates)
    else {
        return Err(Error::Signer);
    };
    let certificate = Certificate::from_der(&certificate.to_der().map_err(malformed)?)?;
    let hash = hash(&signer.digest_alg)?;
    let plain = message.version == CmsVersion::V1
        && message.crls.is_none()
        && message.encap_content_info.econtent_type == DATA
        && message.digest_algorithms.as_slice() == [signer.digest_alg.clone()]
        && signer.version == CmsVersion::V1
        && signer.signed_attrs.is_none()
        && signer.unsigned_attrs.is_none()
        && signer.signature_algorithm.oid == RSA_ENCRYPTION
        && signer.signature_algorithm.parameters.as_ref().is_some_and(Any::is_null);
    if !plain {
        return Err(Error::Malformed("CMS message: not of the form of a CIS1 response"));
    }
    let SignerIdentifier::IssuerAndSerialNumber(id) = &signer.sid else {
        return Err(Error::Signer);
    };
    if encoded(&id.issuer)? != certificate.issuer_der()
        || encoded(&id.serial_number)? != certificate.serial_der()
    {
        return Err(Error::Signer);
    }
    let content = message.encap_content_info.econtent.as_ref().ok_or(Error::Content)?;
    let content: OctetString = content.decode_as().map_err(malformed)?;
    if content.as_bytes() != challenge {
        return Err(Error::Content);
    }
    check(&certificate, hash, challenge, signer.signature.as_bytes())?;
    Ok(Response { certificate, hash })
}

/// The S/MIME text around it, as `response` carries it before its own Base64: lines ended by CRLF.
pub fn smime(signed_data: &[u8]) -> String {
    let mut text = String::from(concat!(
        "MIME-Version: 1.0\r\n",
        "Content-Disposition: attachment; filename=\"smime.p7m\"\r\n",
        "Content-Type: application/x-pkcs7-mime; smime-type=signed-data; name=\"smime.p7m\"\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "\r\n",
    ));
    let mut line = Base64::encode_string(signed_data);
    while !line.is_empty() {
        let rest = line.split_off(COLUMNS.min(line.len()));
        text.push_str(&line);
        text.push_str("\r\n");
        line = rest;
    }
    text.push_str("\r\n");
    text
}

/// The SignedData in an S/MIME text; line ends may be CRLF or LF, headers in any order and case.
///
/// # Errors
/// [`Error::Malformed`] unless it is one `application/pkcs7-mime` (or `x-pkcs7-mime`) in Base64.
pub fn from_smime(text: &str) -> Result<Vec<u8>, Error> {
    let malformed = Error::Malformed(MIME);
    let text = text.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").ok_or(malformed.clone())?;
    let (mut kind, mut encoding, mut version) = (None, None, None);
    for line in head.split('\n') {
        let (name, value) = line.split_once(':').ok_or(malformed.clone())?;
        let value = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let place = match name.to_ascii_lowercase().as_str() {
            "content-type" => &mut kind,
            "content-transfer-encoding" => &mut encoding,
            "mime-version" => &mut version,
            "content-disposition" => continue,
            _ => return Err(malformed),
        };
        if place.replace(value).is_some() {
            return Err(malformed);
        }
    }
    let kinds = ["application/pkcs7-mime", "application/x-pkcs7-mime"];
    if !kind.is_some_and(|kind| kinds.contains(&kind.as_str()))
        || encoding.as_deref() != Some("base64")
        || version.as_deref() != Some("1.0")
    {
        return Err(malformed);
    }
    let base64: String = body.split('\n').collect();
    Base64::decode_vec(&base64).map_err(|_| malformed)
}

/// Without parameters, as RFC 3370 and RFC 5754 have it.
fn digest_algorithm(hash: Hash) -> Result<AlgorithmIdentifierOwned, Error> {
    let oid = match hash {
        Hash::Sha1 => SHA1,
        Hash::Sha256 => SHA256,
        _ => return Err(unsupported_hash()),
    };
    Ok(AlgorithmIdentifierOwned { oid, parameters: None })
}

/// Parameters are absent or NULL: receivers take both.
fn hash(algorithm: &AlgorithmIdentifierOwned) -> Result<Hash, Error> {
    if algorithm.parameters.as_ref().is_some_and(|parameters| !parameters.is_null()) {
        return Err(Error::Malformed(CMS));
    }
    match algorithm.oid {
        SHA1 => Ok(Hash::Sha1),
        SHA256 => Ok(Hash::Sha256),
        _ => Err(unsupported_hash()),
    }
}

fn unsupported_hash() -> Error {
    Error::Unsupported("hash of a CMS message: SHA-1 or SHA-256 only")
}

fn check(
    certificate: &Certificate,
    hash: Hash,
    content: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let digest = crypto::digest(hash, content);
    let key = certificate.public_key();
    key.verify(Scheme::Pkcs1(hash), &digest, signature).map_err(|_| Error::Signature(CMS))
}
