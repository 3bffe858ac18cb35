//! Evidence of a sign-in to an [`Assurance`], or a [`Refusal`] that names what is wrong.
//!
//! OpenID Connect Core 1.0 ID tokens (section 3.1.3.7) over JOSE (RFC 7515, 7517, 7518, 8725),
//! read by [`oidc::Provider`]. There is no I/O here: documents come through [`Fetch`], the time
//! through [`Clock`](crate::clock::Clock), and what has been used is kept by [`Used`] in a
//! [`Store`](crate::store::Store).
//!
//! ```text
//! token --strict JSON--> header, claims --issuer, nonce--> key by kid --signature-->
//!     audience, times, person, levels --> Assurance --Used--> --policy--> card
//! ```

mod address;
pub mod attested;
mod cbor;
mod cose;
mod evidence;
pub mod form;
mod jose;
mod json;
mod jwk;
mod nonce;
pub mod oidc;
mod refusal;
mod used;
pub mod webauthn;
pub mod x509;

#[cfg(test)]
mod tests;

pub use address::{Reach, reach};
pub use evidence::{Accepted, Evidence, MOST, Sources};
pub use nonce::Nonce;
pub use refusal::{Claim, Document, KeyFault, Refusal};
pub use used::Used;

pub use crate::pki::{Assurance, Binding, Level, Source};

use crate::secret::Secret;
use std::fmt;

/// A call of one of a provider's endpoints.
#[derive(Debug)]
pub struct Call<'a> {
    /// The endpoint.
    pub url: &'a str,
    /// The value of `Authorization`, where there is one.
    pub authorization: Option<Secret>,
    /// What is posted, `application/x-www-form-urlencoded`; nothing: the call is a GET.
    pub form: Option<Secret>,
    /// Largest body of an answer, in bytes.
    pub limit: usize,
}

/// What an endpoint answered.
#[derive(Debug)]
pub struct Answer {
    /// The status, never one that redirects.
    pub status: u16,
    /// The media type without its parameters, in lower case; empty where none is said.
    pub media_type: String,
    /// The body.
    pub body: Secret,
}

/// A document by URL, for issuer metadata and key sets, and calls of a provider's endpoints.
pub trait Fetch: Send + Sync + fmt::Debug {
    /// The body of a 200 answer, at most `limit` bytes.
    ///
    /// # Errors
    /// A sentence that says what happened, fit for an administrator.
    fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, String>;

    /// Calls an endpoint; an answer of any status but a redirect is one. Without an
    /// implementation of its own nothing is called.
    ///
    /// # Errors
    /// A sentence that says what happened, fit for an administrator, without what was sent.
    fn call(&self, call: &Call<'_>) -> Result<Answer, String> {
        Err(format!("{}: nothing is called from here", call.url))
    }
}
