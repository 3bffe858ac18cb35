//! Why a certificate, request, CRL, message or chain was refused.

use crate::{clock::Time, crypto};

/// Why a certificate, request, CRL, message, profile or chain was refused.
///
/// `depth` counts along the chain: 0 is the end entity, 1 its issuer, and so on up to the root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not strict DER, PEM or MIME, or not of the named structure.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// Well formed, but of a kind that is not supported.
    #[error("unsupported {0}")]
    Unsupported(&'static str),
    /// A profile's text has a mistake.
    #[error("profile, line {line}, column {column}: {message}")]
    Profile {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A part of a name, a template or an address cannot stand in a certificate.
    #[error(
        "{0} cannot stand in a certificate: empty, too long, or with characters it cannot hold"
    )]
    Name(&'static str),
    /// The profile does not admit this kind of key.
    #[error("the profile does not admit this kind of key: add it to `keys` or ask for another")]
    KeyKind,
    /// A validity that ends before it begins, or a time before 1970 or after 9999.
    #[error("the validity ends before it begins, or lies outside the years 1970 to 9999")]
    Validity,
    /// The validity asked for is not inside the issuer's.
    #[error("the validity is not inside the issuer's, {not_before} to {not_after}: cap it")]
    ValidityExceedsIssuer {
        /// The issuer's first second.
        not_before: Time,
        /// The issuer's last second.
        not_after: Time,
    },
    /// The private key is not the certificate's.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// There is no certificate to validate, or more than the limit.
    #[error("a chain has 1 to {limit} certificates")]
    ChainLength {
        /// The most that are followed.
        limit: usize,
    },
    /// The chain does not end at a trusted root.
    #[error("the issuer of the last certificate in the chain is not among the trusted roots")]
    IssuerUnknown,
    /// A certificate was not issued under the name of the next one.
    #[error("certificate {depth} names another issuer than the next certificate in the chain")]
    NameMismatch {
        /// Which certificate.
        depth: usize,
    },
    /// A signature does not verify.
    #[error("the signature of the {0} does not verify")]
    Signature(&'static str),
    /// A signature by an algorithm that is not accepted.
    #[error("the {0} is signed with SHA-1, which is not accepted there")]
    Weak(&'static str),
    /// Past its end.
    #[error("certificate {depth} expired at {not_after}")]
    Expired {
        /// Which certificate.
        depth: usize,
        /// Its last second.
        not_after: Time,
    },
    /// Before its beginning.
    #[error("certificate {depth} is valid from {not_before} only")]
    NotYetValid {
        /// Which certificate.
        depth: usize,
        /// Its first second.
        not_before: Time,
    },
    /// An issuer whose basicConstraints do not make it a certification authority.
    #[error("certificate {depth} issues, but is no certification authority")]
    NotAuthority {
        /// Which certificate.
        depth: usize,
    },
    /// More certification authorities below one than its pathLenConstraint admits.
    #[error("certificate {depth} has more authorities below it than its path length admits")]
    PathLength {
        /// Which certificate.
        depth: usize,
    },
    /// A name outside of those that an authority above is constrained to.
    #[error("certificate {depth} names somebody whom an authority above it may not certify")]
    NameNotPermitted {
        /// Which certificate.
        depth: usize,
    },
    /// A keyUsage that does not admit what the key was used for.
    #[error("certificate {depth} may not be used for this: its keyUsage lacks {usage}")]
    KeyUsage {
        /// Which certificate.
        depth: usize,
        /// The bit that is missing.
        usage: &'static str,
    },
    /// A critical extension that is not understood.
    #[error("certificate {depth} has the critical extension {oid}, which is not understood")]
    CriticalExtension {
        /// Which certificate.
        depth: usize,
        /// The extension's object identifier.
        oid: String,
    },
    /// Revoked.
    #[error("certificate {depth} was revoked at {since}")]
    Revoked {
        /// Which certificate.
        depth: usize,
        /// The revocation date in the CRL.
        since: Time,
    },
    /// Revocation was to be checked and no CRL of its issuer was given.
    #[error("no CRL of the issuer of certificate {depth} was given: fetch it")]
    CrlMissing {
        /// Which certificate.
        depth: usize,
    },
    /// The CRL's next update is over, or its update lies ahead.
    #[error(
        "the CRL for certificate {depth} is current from {this_update} to {next_update} only: fetch a newer one"
    )]
    CrlStale {
        /// Which certificate.
        depth: usize,
        /// When it was made.
        this_update: Time,
        /// When the next one was due.
        next_update: Time,
    },
    /// A CMS message that is signed by more or fewer than one signer, or with other certificates.
    #[error("the CMS message does not have exactly one signer with its one certificate")]
    Signer,
    /// A CMS message around other content than the challenge.
    #[error("the CMS message does not contain the challenge that was set")]
    Content,
    /// The cryptographic operation failed.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
}
