//! What certificates, requests and CRLs share: the signed envelope, its algorithms, times, strictness.
//!
//! RFC 5280 section 4.1.1 (envelope), RFC 4055 and RFC 5758 (algorithms).

use super::Error;
use crate::{
    clock::Time,
    crypto::{self, Hash, KeyKind, PrivateKey, PublicKey, Scheme},
};
use der::{
    AnyRef, DateTime, Decode, Encode, Sequence,
    asn1::{BitStringRef, ObjectIdentifier},
};
use spki::AlgorithmIdentifierRef;
use std::time::Duration;
use x509_cert::ext::Extension;

/// More extensions than this are refused, so that looking for duplicates stays cheap.
const MAX_EXTENSIONS: usize = 64;

pub(super) const RSA_ENCRYPTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA1_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
const SHA256_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA384_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const SHA512_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");

/// Certificate, CertificationRequest and CertificateList alike: a body, and a signature over it.
#[derive(Clone, Debug, Sequence)]
pub(super) struct Signed<'a> {
    pub(super) body: AnyRef<'a>,
    pub(super) algorithm: AlgorithmIdentifierRef<'a>,
    pub(super) signature: BitStringRef<'a>,
}

impl<'a> Signed<'a> {
    /// Reads the envelope; `what` names the structure in the error.
    pub(super) fn read(der: &'a [u8], what: &'static str) -> Result<Self, Error> {
        strict(der, what)
    }

    /// Signs `body`, a finished TBS structure, with the algorithm that goes with the key.
    pub(super) fn make(body: &[u8], key: &PrivateKey) -> Result<Vec<u8>, Error> {
        let algorithm = Algorithm::of(key.public().kind());
        let signature = algorithm.sign(body, |scheme, digest| key.sign(scheme, digest))??;
        envelope(body, algorithm, &signature)
    }

    /// Verifies the signature over the body. SHA-1 is refused.
    pub(super) fn verify(&self, key: &PublicKey, what: &'static str) -> Result<(), Error> {
        let algorithm = Algorithm::read(&self.algorithm)?;
        if algorithm.hash() == Hash::Sha1 {
            return Err(Error::Weak(what));
        }
        let body = self.body.to_der().map_err(|_| Error::Malformed(what))?;
        let signature = self.signature.as_bytes().ok_or(Error::Malformed(what))?;
        algorithm.verify(key, &body, signature, what)
    }
}

/// The envelope around a body that is signed already; `signature` as [`Algorithm::sign`] makes it.
pub(super) fn envelope(
    body: &[u8],
    algorithm: Algorithm,
    signature: &[u8],
) -> Result<Vec<u8>, Error> {
    encoded(&Signed {
        body: AnyRef::try_from(body).map_err(|_| Error::Malformed("body to be signed"))?,
        algorithm: algorithm.identifier(),
        signature: BitStringRef::from_bytes(signature)
            .map_err(|_| Error::Malformed("signature"))?,
    })
}

/// A signature algorithm of certificates, requests and CRLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rsa(Hash),
    Ecdsa(Hash),
}

impl Algorithm {
    /// What a key of this kind signs with here.
    pub(super) fn of(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => Self::Rsa(Hash::Sha256),
            KeyKind::P256 => Self::Ecdsa(Hash::Sha256),
            KeyKind::P384 => Self::Ecdsa(Hash::Sha384),
        }
    }

    /// RSA has NULL parameters (RFC 4055 section 5), ECDSA none (RFC 5758 section 3.2).
    fn read(identifier: &AlgorithmIdentifierRef<'_>) -> Result<Self, Error> {
        let algorithm = match identifier.oid {
            SHA1_RSA => Self::Rsa(Hash::Sha1),
            SHA256_RSA => Self::Rsa(Hash::Sha256),
            SHA384_RSA => Self::Rsa(Hash::Sha384),
            SHA512_RSA => Self::Rsa(Hash::Sha512),
            ECDSA_SHA256 => Self::Ecdsa(Hash::Sha256),
            ECDSA_SHA384 => Self::Ecdsa(Hash::Sha384),
            ECDSA_SHA512 => Self::Ecdsa(Hash::Sha512),
            _ => return Err(Error::Unsupported("signature algorithm")),
        };
        let parameters = matches!(algorithm, Self::Rsa(_)).then_some(AnyRef::NULL);
        if identifier.parameters != parameters {
            return Err(Error::Malformed("parameters of the signature algorithm"));
        }
        Ok(algorithm)
    }

    pub(super) fn identifier(self) -> AlgorithmIdentifierRef<'static> {
        let (oid, parameters) = match self {
            Self::Rsa(Hash::Sha1) => (SHA1_RSA, Some(AnyRef::NULL)),
            Self::Rsa(Hash::Sha384) => (SHA384_RSA, Some(AnyRef::NULL)),
            Self::Rsa(Hash::Sha512) => (SHA512_RSA, Some(AnyRef::NULL)),
            Self::Rsa(_) => (SHA256_RSA, Some(AnyRef::NULL)),
            Self::Ecdsa(Hash::Sha384) => (ECDSA_SHA384, None),
            Self::Ecdsa(Hash::Sha512) => (ECDSA_SHA512, None),
            Self::Ecdsa(_) => (ECDSA_SHA256, None),
        };
        AlgorithmIdentifierRef { oid, parameters }
    }

    fn hash(self) -> Hash {
        match self {
            Self::Rsa(hash) | Self::Ecdsa(hash) => hash,
        }
    }

    fn scheme(self) -> Scheme {
        match self {
            Self::Rsa(hash) => Scheme::Pkcs1(hash),
            Self::Ecdsa(_) => Scheme::Ecdsa,
        }
    }

    /// The signature in the form of X.509: ECDSA as DER. `sign` gets scheme and digest.
    pub(super) fn sign<E>(
        self,
        message: &[u8],
        sign: impl FnOnce(Scheme, &[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Result<Vec<u8>, E>, Error> {
        let digest = crypto::digest(self.hash(), message);
        let signature = match sign(self.scheme(), &digest) {
            Ok(signature) => signature,
            Err(error) => return Ok(Err(error)),
        };
        match self {
            Self::Rsa(_) => Ok(Ok(signature)),
            Self::Ecdsa(_) => Ok(Ok(crypto::ecdsa_to_der(&signature)?)),
        }
    }

    fn verify(
        self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
        what: &'static str,
    ) -> Result<(), Error> {
        let raw;
        let signature = match self {
            Self::Rsa(_) => signature,
            Self::Ecdsa(_) => {
                raw = crypto::ecdsa_from_der(signature, key.kind())
                    .map_err(|_| Error::Signature(what))?;
                &raw
            }
        };
        let digest = crypto::digest(self.hash(), message);
        key.verify(self.scheme(), &digest, signature).map_err(|_| Error::Signature(what))
    }
}

/// Decodes, and refuses what does not encode to the same bytes again: values in a form that DER
/// does not admit, such as a DEFAULT that is written out.
pub(super) fn strict<'a, T: Decode<'a> + Encode>(
    der: &'a [u8],
    what: &'static str,
) -> Result<T, Error> {
    let value = T::from_der(der).map_err(|_| Error::Malformed(what))?;
    match value.to_der() {
        Ok(again) if again == der => Ok(value),
        _ => Err(Error::Malformed(what)),
    }
}

/// Encodes what was built here; fails only where a length does not fit DER's 256 MiB.
pub(super) fn encoded<T: Encode>(value: &T) -> Result<Vec<u8>, Error> {
    value.to_der().map_err(|_| Error::Malformed("structure to be encoded"))
}

/// An extension with this content.
pub(super) fn extension<T: Encode>(
    oid: ObjectIdentifier,
    critical: bool,
    content: &T,
) -> Result<Extension, Error> {
    let extn_value = der::asn1::OctetString::new(encoded(content)?)
        .map_err(|_| Error::Malformed("extension to be encoded"))?;
    Ok(Extension { extn_id: oid, critical, extn_value })
}

/// Refuses an extension that stands twice (RFC 5280 section 4.2), none at all, and too many.
pub(super) fn check_extensions(extensions: &[Extension], what: &'static str) -> Result<(), Error> {
    let twice =
        extensions.iter().enumerate().take(MAX_EXTENSIONS).any(|(place, one)| {
            extensions.iter().skip(place + 1).any(|o| o.extn_id == one.extn_id)
        });
    if extensions.is_empty() || extensions.len() > MAX_EXTENSIONS || twice {
        return Err(Error::Malformed(what));
    }
    Ok(())
}

/// Whole seconds as an X.509 date (1970 to 9999).
pub(super) fn date(time: Time) -> Result<DateTime, Error> {
    let seconds = u64::try_from(time.unix_seconds()).map_err(|_| Error::Validity)?;
    DateTime::from_unix_duration(Duration::from_secs(seconds)).map_err(|_| Error::Validity)
}

/// UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5).
pub(super) fn x509_time(time: Time) -> Result<x509_cert::time::Time, Error> {
    Ok(date(time)?.into())
}

/// The moment that an X.509 time names; the wrong one of the two forms is refused.
pub(super) fn time(time: x509_cert::time::Time, what: &'static str) -> Result<Time, Error> {
    if x509_cert::time::Time::from(time.to_date_time()) != time {
        return Err(Error::Malformed(what));
    }
    let seconds = i64::try_from(time.to_unix_duration().as_secs());
    seconds.map(Time::from_unix_seconds).map_err(|_| Error::Malformed(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsa_has_null_parameters_and_ecdsa_none() {
        for kind in [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384] {
            let good = Algorithm::of(kind).identifier();
            assert_eq!(Algorithm::read(&good), Ok(Algorithm::of(kind)));
            let parameters = if good.parameters.is_some() { None } else { Some(AnyRef::NULL) };
            let bad = AlgorithmIdentifierRef { parameters, ..good };
            let refused = Err(Error::Malformed("parameters of the signature algorithm"));
            assert_eq!(Algorithm::read(&bad), refused);
        }
    }

    #[test]
    fn every_algorithm_reads_as_it_is_written() {
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let rsa = Algorithm::Rsa(hash);
            assert_eq!(Algorithm::read(&rsa.identifier()), Ok(rsa));
        }
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let ecdsa = Algorithm::Ecdsa(hash);
            assert_eq!(Algorithm::read(&ecdsa.identifier()), Ok(ecdsa));
        }
    }
}
