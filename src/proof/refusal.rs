//! Why a proof was refused: one variant for each check, each naming its claim.

use super::{attested, webauthn, x509};
use std::fmt;

/// A claim of an ID token, by the name that stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// `iss`, the issuer.
    Issuer,
    /// `sub`, the person's 12 digits.
    Subject,
    /// `aud`, for whom the token is.
    Audience,
    /// `azp`, to whom it was issued.
    AuthorizedParty,
    /// `exp`, until when it may be accepted.
    Expiry,
    /// `iat`, when it was issued.
    IssuedAt,
    /// `nbf`, from when it may be accepted.
    NotBefore,
    /// `auth_time`, when the person signed in.
    AuthTime,
    /// `nonce`, which request it is for.
    Nonce,
    /// `acr`, the context of the authentication.
    Context,
    /// `amr`, the methods of the authentication.
    Methods,
    /// `sid`, the provider's session.
    Session,
    /// `authentication_assurance_level`.
    AuthenticationLevel,
    /// `id_assurance_level`.
    IdentityLevel,
    /// `at_hash`, the hash of the access token.
    AccessTokenHash,
    /// `c_hash`, the hash of the code.
    CodeHash,
    /// `s_hash`, the hash of the state.
    StateHash,
    /// `jti`, what tells one logout token from another.
    TokenId,
    /// `events`, what a logout token tells.
    Events,
}

impl Claim {
    /// The name that stands in the token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "iss",
            Self::Subject => "sub",
            Self::Audience => "aud",
            Self::AuthorizedParty => "azp",
            Self::Expiry => "exp",
            Self::IssuedAt => "iat",
            Self::NotBefore => "nbf",
            Self::AuthTime => "auth_time",
            Self::Nonce => "nonce",
            Self::Context => "acr",
            Self::Methods => "amr",
            Self::Session => "sid",
            Self::AuthenticationLevel => "authentication_assurance_level",
            Self::IdentityLevel => "id_assurance_level",
            Self::AccessTokenHash => "at_hash",
            Self::CodeHash => "c_hash",
            Self::StateHash => "s_hash",
            Self::TokenId => "jti",
            Self::Events => "events",
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A JSON document that a proof is checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// The token's header.
    Header,
    /// The token's claims.
    Claims,
    /// The provider's metadata.
    Metadata,
    /// The provider's key set.
    KeySet,
    /// What the provider's token endpoint answered.
    TokenAnswer,
    /// What the provider's userinfo endpoint answered.
    Userinfo,
    /// What a browser answered.
    Answer,
    /// The client data in it.
    ClientData,
    /// What an existing card answered.
    CardAnswer,
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "the token's header",
            Self::Claims => "the token's claims",
            Self::Metadata => "the provider's metadata",
            Self::KeySet => "the provider's key set",
            Self::TokenAnswer => "the answer of the provider's token endpoint",
            Self::Userinfo => "the answer of the provider's userinfo endpoint",
            Self::Answer => "the browser's answer",
            Self::ClientData => "the client data",
            Self::CardAnswer => "the card's answer",
        })
    }
}

/// Why a key of the provider's set does not serve for a token that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// `kty` or `crv` is not what the token's `alg` needs.
    #[error("its type or curve is not the one that the token's alg needs")]
    Type,
    /// The key's own `alg` is another.
    #[error("its own alg is another than the token's")]
    Algorithm,
    /// `use` is not `sig`, or `key_ops` lacks `verify`.
    #[error("its use or key_ops is not for signatures")]
    Use,
    /// An RSA modulus below 2048 bits.
    #[error("it is an RSA key of less than 2048 bits")]
    Weak,
    /// Members missing, not base64url, not a point on the curve, or an RSA size other than 2048, 3072 or 4096.
    #[error("it is malformed, or an RSA key that is not of 2048, 3072 or 4096 bits")]
    Malformed,
}

/// Why a proof was refused. The texts say what an administrator can do, and carry nothing of the
/// token and no person's number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not three parts of base64url.
    #[error(
        "the token is malformed: {0}; hand in the ID token exactly as the provider returned it"
    )]
    Malformed(&'static str),
    /// Larger than any ID token.
    #[error("the token is longer than 64 KiB; hand in the ID token alone")]
    TooLong,
    /// Five parts: a JWE.
    #[error(
        "the token is encrypted (JWE, five parts); register the client for signed ID tokens that are not encrypted"
    )]
    Encrypted,
    /// A document is no JSON object, nests too deeply or has bytes after its end.
    #[error("{0} is not one JSON object of at most 16 levels")]
    NotJson(Document),
    /// A document has a member twice.
    #[error("{0} has a member twice; what reads it could be made to see either")]
    Duplicate(Document),
    /// `alg` is missing or no text.
    #[error("the token's header names no alg")]
    AlgorithmMissing,
    /// `alg` is `none`.
    #[error("the token is not signed (alg none); register the client for signed ID tokens")]
    AlgorithmNone,
    /// `alg` is HS256, HS384 or HS512.
    #[error(
        "the token is authenticated with a shared secret (alg HS*); register the client for RS256, PS256 or ES256"
    )]
    AlgorithmHmac,
    /// `alg` is none that is known here.
    #[error("the token's alg is not known; register the client for RS256, PS256 or ES256")]
    AlgorithmUnknown,
    /// `alg` is known but not in the configuration.
    #[error(
        "the token's alg {0} is not among the configured algorithms; add it, or register the client for one that is"
    )]
    AlgorithmNotAccepted(&'static str),
    /// A header member that would change what the token means, or has the wrong type.
    #[error("the token's header member {0} is not acceptable here")]
    Header(&'static str),
    /// `typ` is another than JWT.
    #[error("the token's typ is not JWT; hand in the ID token, not an access or logout token")]
    Type,
    /// No key of that `kid`, or no `kid` and more than one key.
    #[error(
        "no key of the provider's set has the token's kid; if the provider changed its keys just now, try again in a minute"
    )]
    KeyUnknown,
    /// The key of that `kid` does not serve for this token.
    #[error("the provider's key that the token names does not serve: {0}")]
    Key(KeyFault),
    /// The signature does not verify.
    #[error("the token's signature does not verify with the provider's key")]
    Signature,
    /// Metadata or key set could not be fetched, now or at the last attempt shortly before.
    #[error("the provider's keys cannot be had: {0}")]
    Unreachable(String),
    /// The metadata's `issuer` is another than the configured one.
    #[error(
        "the provider's metadata is of another issuer than the configured one; compare them character by character, a port :443 counts"
    )]
    MetadataIssuer,
    /// The metadata names no acceptable `jwks_uri`.
    #[error(
        "the provider's metadata has no jwks_uri, or one that is neither HTTPS nor, for a provider on loopback, on loopback"
    )]
    MetadataKeys,
    /// A setting cannot be used.
    #[error("the provider's setting {0} cannot be used")]
    Setting(&'static str),
    /// A required claim is absent.
    #[error("the token lacks the claim {0}; have the provider put it in")]
    Missing(Claim),
    /// A claim has a type or value that it cannot have.
    #[error("the claim {0} has a type or value that it cannot have")]
    Shape(Claim),
    /// The token names an issuer that is not configured.
    #[error("the claim iss names a provider that is not configured")]
    ProviderUnknown,
    /// `iss` is another.
    #[error(
        "the claim iss is another than the configured issuer; compare them character by character, a port :443 counts"
    )]
    Issuer,
    /// `aud` lacks our client id.
    #[error("the claim aud does not name our client id; the token is for another client")]
    Audience,
    /// `aud` names somebody who is not trusted.
    #[error("the claim aud names others beside our client id who are not configured as trusted")]
    AudienceUntrusted,
    /// `azp` is another, or absent with several audiences.
    #[error("the claim azp is not our client id; the token was issued to another client")]
    AuthorizedParty,
    /// `exp` has passed.
    #[error("the claim exp has passed; sign in again, and check this machine's clock")]
    Expired,
    /// `iat` lies in the future.
    #[error("the claim iat lies in the future; check this machine's clock")]
    IssuedInFuture,
    /// `nbf` lies in the future.
    #[error("the claim nbf lies in the future; check this machine's clock")]
    NotYetValid,
    /// `auth_time` lies in the future.
    #[error("the claim auth_time lies in the future; check this machine's clock")]
    AuthenticatedInFuture,
    /// `auth_time` lies after `iat`.
    #[error("the claim auth_time lies after iat; the provider contradicts itself")]
    AuthenticatedAfterIssue,
    /// `nonce` is of another request.
    #[error(
        "the claim nonce is not this request's; start the sign-in with the nonce of this request"
    )]
    Nonce,
    /// `s_hash` is of another request's state.
    #[error(
        "the claim s_hash is not of this request's state; start the sign-in with the nonce of this request as nonce or state"
    )]
    StateHash,
    /// `at_hash`, `c_hash` or `s_hash` is not of what came with the token.
    #[error("the claim {0} is not the hash of what came with the token; sign in again")]
    Hash(Claim),
    /// What came back from the browser is no redirect of this sign-in.
    #[error("the redirect is refused: {0}; begin the sign-in again")]
    Redirect(&'static str),
    /// `state` of the redirect is another.
    #[error("the redirect's state is not this sign-in's; begin the sign-in again")]
    State,
    /// `iss` of the redirect is another, or missing where the provider announces it (RFC 9207).
    #[error(
        "the redirect's iss is absent or not the configured issuer: it came from another provider; begin the sign-in again"
    )]
    RedirectIssuer,
    /// The provider sent the person back without a sign-in; its own word for why.
    #[error("the provider did not sign the person in, it says {0}; sign in again")]
    SignIn(String),
    /// The provider has no acceptable address for this.
    #[error(
        "the provider's {0} is not known, or is neither HTTPS nor, for a provider on loopback, on loopback; configure it"
    )]
    Endpoint(&'static str),
    /// The token endpoint gave no tokens; its status, and its own word for why.
    #[error(
        "the provider's token endpoint gave no tokens (status {0}, {1}); check the client's registration, and sign in again"
    )]
    TokenRequest(u16, String),
    /// What the token endpoint gave is not usable.
    #[error("the answer of the provider's token endpoint is refused: {0}")]
    TokenAnswer(&'static str),
    /// What the userinfo endpoint gave is not usable.
    #[error("the answer of the provider's userinfo endpoint is refused: {0}")]
    Userinfo(&'static str),
    /// Our client's key does not sign what the client was registered for.
    #[error("the client's key cannot sign by {0}; configure an algorithm that goes with it")]
    ClientKey(String),
    /// The provider has signed this session out between the sign-in and the card.
    #[error("the provider has signed this session out meanwhile; sign in again")]
    SignedOut,
    /// A logout token has a nonce, which only ID tokens have.
    #[error("the logout token has a nonce: it is an ID token in the place of one")]
    LogoutNonce,
    /// A logout token names neither a session nor a person.
    #[error("the logout token has neither sid nor sub, so that it ends nothing")]
    LogoutOfNobody,
    /// This proof has been used before.
    #[error("this token has been used before; sign in again")]
    Replayed,
    /// A WebAuthn registration or assertion.
    #[error(transparent)]
    Webauthn(#[from] webauthn::Fault),
    /// The answer of an existing card.
    #[error(transparent)]
    Certificate(#[from] x509::Fault),
    /// The word of a host.
    #[error(transparent)]
    Host(#[from] attested::Fault),
    /// Several pieces of evidence that are too few, too many, or several themselves.
    #[error("evidence of several pieces has two to four of them, none of which is several itself")]
    Pieces,
    /// Several pieces of evidence, not all of the same person.
    #[error("the pieces of evidence are of different people; hand in those of one sign-in")]
    People,
    /// Whether it has been used before cannot be told.
    #[error("used tokens cannot be recorded: {0}")]
    Store(String),
    /// `auth_time` is older than the policy allows.
    #[error(
        "the claim auth_time is older than the policy allows; sign in again (prompt=login or max_age)"
    )]
    AuthenticationTooOld,
}

impl Refusal {
    /// The claim that the refusal is about, if it is about one.
    pub const fn claim(&self) -> Option<Claim> {
        Some(match self {
            Self::Missing(claim) | Self::Shape(claim) => *claim,
            Self::Issuer | Self::ProviderUnknown => Claim::Issuer,
            Self::Audience | Self::AudienceUntrusted => Claim::Audience,
            Self::AuthorizedParty => Claim::AuthorizedParty,
            Self::Expired => Claim::Expiry,
            Self::IssuedInFuture => Claim::IssuedAt,
            Self::NotYetValid => Claim::NotBefore,
            Self::AuthenticatedInFuture
            | Self::AuthenticatedAfterIssue
            | Self::AuthenticationTooOld => Claim::AuthTime,
            Self::Nonce | Self::LogoutNonce => Claim::Nonce,
            Self::StateHash => Claim::StateHash,
            Self::Hash(claim) => *claim,
            Self::LogoutOfNobody => Claim::Session,
            _ => return None,
        })
    }
}
