//! Certificate profiles as data, builder, requests, CRL, path validation, CMS: RFC 5280, RFC 2986,
//! RFC 5652 and the CIS1 profile.
//!
//! Names, keys and dates go in, DER comes out; what comes in is parsed strictly and once. Online
//! status (OCSP), name constraints and policy mapping are left out.

mod asn1;
mod assurance;
mod authority;
mod certificate;
pub mod cms;
mod constraints;
mod crl;
mod details;
mod error;
mod extensions;
mod name;
mod path;
mod profile;
mod request;

pub use authority::Authority;
pub use certificate::Certificate;
pub use crl::{Crl, Reason, Revoked};
pub use error::Error;
pub use path::{validate, validate_within};
pub(crate) use profile::AUTHORITY;
pub use profile::{Profile, Usage};
pub use request::CertificationRequest;

pub use assurance::{Assurance, Binding, KeySlot, Level, Source};

use crate::clock::Time;
use std::fmt;

/// The 12-digit user id that CIS1 and CIS2 share.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId([u8; 12]);

impl UserId {
    /// Exactly 12 ASCII digits, or `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 12] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_digit).then_some(Self(bytes))
    }

    /// The 12 digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UserId {
    /// A person's number is not for logs: only its last three digits are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId(..{})", self.as_str().get(9..).unwrap_or_default())
    }
}

/// From when to when, both included, in whole seconds once it stands in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: Time,
    /// Last second.
    pub not_after: Time,
}

impl Validity {
    /// As much of this as lies inside `issuer`'s, for [`Authority::issue`]. Where nothing does, the
    /// outcome ends before it begins and is refused there.
    pub fn capped(self, issuer: Self) -> Self {
        Self {
            not_before: self.not_before.max(issuer.not_before),
            not_after: self.not_after.min(issuer.not_after),
        }
    }
}

#[cfg(test)]
mod tests;
