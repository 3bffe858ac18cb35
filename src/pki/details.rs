//! What else a certificate says, for who judges other people's: policies, any extension by its
//! identifier, the parts of its subject; and a CRL in either of its two forms.

use super::{Certificate, Crl, Error, name};
use der::pem;

impl Certificate {
    /// The policies of certificatePolicies in dotted form; empty where the extension is absent.
    pub fn policies(&self) -> Vec<String> {
        self.extensions().policies.iter().map(ToString::to_string).collect()
    }

    /// Whether keyUsage is there at all.
    pub fn has_key_usage(&self) -> bool {
        self.extensions().key_usage.is_some()
    }

    /// Whether basicConstraints are there at all.
    pub fn has_basic_constraints(&self) -> bool {
        self.extensions().basic_constraints.is_some()
    }

    /// Whether an extension of this identifier (dotted form) is critical, and its content; only of
    /// those that this program knows nothing of.
    pub fn extension(&self, identifier: &str) -> Option<(bool, &[u8])> {
        let others = self.extensions().others.iter();
        let mut found = others.filter(|(oid, ..)| oid.to_string() == identifier);
        found.next().map(|(_, critical, content)| (*critical, content.as_slice()))
    }

    /// The subject's parts in encoded order: short name (or dotted identifier) and value, without
    /// those that are no text.
    pub fn subject_parts(&self) -> Vec<(String, String)> {
        name::parts(self.subject_name())
    }
}

impl Crl {
    /// Reads a CRL as files and servers have it: DER, or PEM (RFC 7468 section 6).
    ///
    /// # Errors
    /// As [`Crl::from_der`].
    pub fn from_der_or_pem(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.first() == Some(&0x30) {
            return Self::from_der(bytes);
        }
        match pem::decode_vec(bytes) {
            Ok(("X509 CRL", der)) => Self::from_der(&der),
            _ => Err(Error::Malformed("CRL: neither DER nor PEM")),
        }
    }
}
