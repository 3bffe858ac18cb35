//! A provider's metadata (Discovery 1.0 section 3, RFC 8414, RFC 9207 section 3): the addresses that
//! are used here. Leaves out what a provider says that it supports: what was registered counts.

use super::{Document, Reach, Refusal, Value, json, reach};

/// Largest metadata document, in bytes.
pub(super) const LIMIT: usize = 64 * 1024;

/// What is used of a provider's metadata. An address that may not be followed is as good as none.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) key_set: Option<String>,
    pub(super) authorization: Option<String>,
    pub(super) token: Option<String>,
    pub(super) userinfo: Option<String>,
    /// Whether each redirect carries `iss`.
    pub(super) redirect_issuer: bool,
}

impl Metadata {
    /// Reads the metadata of `issuer`.
    pub(super) fn parse(bytes: &[u8], issuer: &str) -> Result<Self, Refusal> {
        let members = json::object(bytes, Document::Metadata)?;
        let text = |name: &str| members.get(name).and_then(Value::text);
        if text("issuer") != Some(issuer) {
            return Err(Refusal::MetadataIssuer);
        }
        let address =
            |name: &str| text(name).filter(|url| may_follow(issuer, url)).map(str::to_owned);
        Ok(Self {
            key_set: address("jwks_uri"),
            authorization: address("authorization_endpoint"),
            token: address("token_endpoint"),
            userinfo: address("userinfo_endpoint"),
            redirect_issuer: matches!(
                members.get("authorization_response_iss_parameter_supported"),
                Some(Value::Bool(true))
            ),
        })
    }
}

/// Whether a document at `url` may be believed for `issuer`: over HTTPS, or on loopback if the
/// issuer itself is there.
pub(super) fn may_follow(issuer: &str, url: &str) -> bool {
    match reach(url) {
        Some(Reach::Https) => true,
        Some(Reach::Loopback) => reach(issuer) == Some(Reach::Loopback),
        None => false,
    }
}
