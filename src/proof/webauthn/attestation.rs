//! Attestation statements (WebAuthn Level 3 sections 6.5.4, 8.2 and 8.7): formats none and packed,
//! the latter by the credential's own key or by certificates. Leaves out all other formats.

use super::{Fault, authenticator::Attested};
use crate::{
    clock::Time,
    pki::{self, Certificate},
    proof::{
        cbor::{self, Value},
        cose::{self, Algorithm},
    },
};

/// id-fido-gen-ce-aaguid (section 8.2.1).
const AAGUID: &str = "1.3.6.1.4.1.45724.1.1.4";
/// Most certificates of a statement.
const MOST_CERTIFICATES: usize = 5;

/// An attestation object taken apart.
#[derive(Debug)]
pub(super) struct AttestationObject<'a> {
    format: &'a str,
    statement: Value<'a>,
    /// The authenticator data as they were signed.
    pub(super) authenticator_data: &'a [u8],
}

/// How an authenticator's model is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// By its own word.
    Claimed,
    /// By certificates up to a configured root.
    Certified,
}

impl<'a> AttestationObject<'a> {
    /// Section 6.5.4: a map of `fmt`, `attStmt` and `authData`, and nothing after it.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        let malformed = Fault::Attestation("the attestation object is not such a map of CBOR");
        let Some(Value::Map(entries)) = cbor::whole(bytes) else { return Err(malformed) };
        let (mut format, mut statement, mut authenticator_data) = (None, None, None);
        for (key, value) in entries {
            match (key, value) {
                (Value::Text("fmt"), Value::Text(name)) => format = Some(name),
                (Value::Text("attStmt"), map @ Value::Map(_)) => statement = Some(map),
                (Value::Text("authData"), Value::Bytes(data)) => authenticator_data = Some(data),
                _ => return Err(malformed),
            }
        }
        match (format, statement, authenticator_data) {
            (Some(format), Some(statement), Some(authenticator_data)) => {
                Ok(Self { format, statement, authenticator_data })
            }
            _ => Err(malformed),
        }
    }

    /// Verifies the statement over the credential and SHA-256 of the client data. Certificates
    /// have to lead to one of `roots`; where there are none, they are the authenticator's word.
    pub(super) fn verify(
        &self,
        credential: &Attested<'_>,
        client_data_hash: &[u8],
        roots: &[Certificate],
        now: Time,
    ) -> Result<Shown, Fault> {
        match self.format {
            "none" if self.statement == Value::Map(Vec::new()) => return Ok(Shown::Claimed),
            "none" => return Err(Fault::Attestation("format none with a statement")),
            "packed" => {}
            _ => return Err(Fault::Attestation("another format")),
        }
        let incomplete = Fault::Attestation("alg or sig is missing or malformed");
        let number = self.statement.named("alg").and_then(Value::integer).ok_or(incomplete)?;
        let algorithm = Algorithm::numbered(number);
        let algorithm = algorithm.ok_or(Fault::Attestation("alg is not known here"))?;
        let signature = self.statement.named("sig").and_then(Value::bytes).ok_or(incomplete)?;
        let message = [self.authenticator_data, client_data_hash].concat();
        let Some(certificates) = self.statement.named("x5c") else {
            if algorithm != credential.key.algorithm() {
                return Err(Fault::Attestation("alg is not that of the credential's key"));
            }
            let good = credential.key.verifies(&message, signature);
            return if good { Ok(Shown::Claimed) } else { Err(Fault::AttestationSignature) };
        };
        let chain = chain(certificates)?;
        let leaf = chain.first().ok_or(Fault::Attestation("x5c is empty"))?;
        let key = cose::Key::certified(algorithm, leaf.public_key());
        let key = key.ok_or(Fault::Attestation("alg is not that of the certificate's key"))?;
        if !key.verifies(&message, signature) {
            return Err(Fault::AttestationSignature);
        }
        check_certificate(leaf, &credential.model)?;
        if roots.is_empty() {
            return Ok(Shown::Claimed);
        }
        pki::validate(&chain, roots, &[], now).map_err(|_| Fault::AttestationPath)?;
        Ok(Shown::Certified)
    }
}

fn chain(certificates: &Value<'_>) -> Result<Vec<Certificate>, Fault> {
    let malformed = Fault::Attestation("x5c is no list of certificates");
    let Value::Array(certificates) = certificates else { return Err(malformed) };
    if certificates.len() > MOST_CERTIFICATES {
        return Err(malformed);
    }
    let read = |der: &Value<'_>| Certificate::from_der(der.bytes()?).ok();
    certificates.iter().map(read).collect::<Option<Vec<_>>>().ok_or(malformed)
}

/// Section 8.2.1: subject, no authority, and the model where the certificate names it.
fn check_certificate(leaf: &Certificate, model: &[u8; 16]) -> Result<(), Fault> {
    let parts = leaf.subject_parts();
    let part = |name: &str| {
        let mut values = parts.iter().filter(|(one, _)| one == name).map(|(_, value)| value);
        values.next().filter(|_| values.next().is_none())
    };
    let unit = part("OU").is_some_and(|unit| unit == "Authenticator Attestation");
    let named = unit && ["C", "O", "CN"].iter().all(|name| part(name).is_some());
    // Only version 3 has extensions; basicConstraints have to be there.
    if !named || leaf.is_authority() || !leaf.has_basic_constraints() {
        return Err(Fault::Attestation("the certificate is none of an authenticator"));
    }
    match leaf.extension(AAGUID) {
        None => Ok(()),
        Some((true, _)) => Err(Fault::Attestation("the certificate's AAGUID is critical")),
        // An OCTET STRING of 16 bytes within the extension's own.
        Some((false, value)) => match value.split_first_chunk::<2>() {
            Some(([0x04, 0x10], aaguid)) if aaguid == model => Ok(()),
            _ => Err(Fault::AttestationModel),
        },
    }
}
