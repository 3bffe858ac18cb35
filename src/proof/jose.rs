//! JWS in compact form (RFC 7515 section 7.1) and the algorithms of RFC 7518 section 3.1 that an
//! ID token may be signed with. `none` and HMAC are refused by name; JWE is not read.

use super::{
    Document, Refusal,
    json::{self, Object},
};
use crate::crypto::{Hash, KeyKind, Scheme};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::fmt;
use zeroize::Zeroizing;

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 64 * 1024;

/// What a key must be to serve for an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// RSA of any size from 2048 bits.
    Rsa,
    /// P-256 or P-384.
    Curve(KeyKind),
    /// P-521, which no card has and `crypto` does not know.
    P521,
    /// Ed25519, which no card has either.
    Ed25519,
}

/// What the key's signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signs {
    /// A digest of the message by this hash, in this scheme.
    Digest(Scheme, Hash),
    /// The message itself.
    Message,
}

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Algorithm {
    /// As `alg` writes it.
    pub(super) name: &'static str,
    /// The key it needs.
    pub(super) kind: Kind,
    /// What is signed with it.
    pub(super) signs: Signs,
}

const fn pkcs1(name: &'static str, hash: Hash) -> Algorithm {
    Algorithm { name, kind: Kind::Rsa, signs: Signs::Digest(Scheme::Pkcs1(hash), hash) }
}

/// The salt is as long as the hash (RFC 7518 section 3.5).
const fn pss(name: &'static str, hash: Hash) -> Algorithm {
    let scheme = Scheme::Pss { hash, mgf: hash, salt: hash.len() };
    Algorithm { name, kind: Kind::Rsa, signs: Signs::Digest(scheme, hash) }
}

const fn ecdsa(name: &'static str, kind: Kind, hash: Hash) -> Algorithm {
    Algorithm { name, kind, signs: Signs::Digest(Scheme::Ecdsa, hash) }
}

/// RFC 8037 section 3.1, for hosts' keys; no provider is asked to sign with it.
const EDDSA: Algorithm = Algorithm { name: "EdDSA", kind: Kind::Ed25519, signs: Signs::Message };

const ALGORITHMS: [Algorithm; 9] = [
    pkcs1("RS256", Hash::Sha256),
    pkcs1("RS384", Hash::Sha384),
    pkcs1("RS512", Hash::Sha512),
    pss("PS256", Hash::Sha256),
    pss("PS384", Hash::Sha384),
    pss("PS512", Hash::Sha512),
    ecdsa("ES256", Kind::Curve(KeyKind::P256), Hash::Sha256),
    ecdsa("ES384", Kind::Curve(KeyKind::P384), Hash::Sha384),
    ecdsa("ES512", Kind::P521, Hash::Sha512),
];

impl Algorithm {
    /// Whether a key of this kind makes such signatures.
    pub(super) fn goes_with(self, key: KeyKind) -> bool {
        match self.kind {
            Kind::Rsa => key.is_rsa(),
            Kind::Curve(curve) => key == curve,
            Kind::P521 | Kind::Ed25519 => false,
        }
    }

    /// The hash that goes with it; Ed25519 has SHA-512 in it (RFC 8032 section 5.1).
    pub(super) fn hash(self) -> Hash {
        match self.signs {
            Signs::Digest(_, hash) => hash,
            Signs::Message => Hash::Sha512,
        }
    }

    /// The names of all that a provider may sign with.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        ALGORITHMS.iter().map(|algorithm| algorithm.name)
    }

    /// The algorithm of this name, or why it is refused.
    pub(super) fn named(name: &str) -> Result<Self, Refusal> {
        match name {
            // RFC 8725 section 3.2: some libraries were fooled by other spellings of it.
            _ if name.eq_ignore_ascii_case("none") => Err(Refusal::AlgorithmNone),
            "HS256" | "HS384" | "HS512" => Err(Refusal::AlgorithmHmac),
            _ => ALGORITHMS
                .into_iter()
                .chain([EDDSA])
                .find(|algorithm| algorithm.name == name)
                .ok_or(Refusal::AlgorithmUnknown),
        }
    }
}

/// What kind of token is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typ<'a> {
    /// One of these, or none.
    AnyOf(&'a [&'a str]),
    /// Exactly this (RFC 8725 section 3.11), from somebody who has no use for header members that
    /// bring a key of their own: they are refused, not only ignored.
    Exactly(&'a str),
}

/// The type of every JWT (RFC 7519 section 5.1).
pub(super) const JWT: Typ<'static> = Typ::AnyOf(&["JWT"]);

/// Header members that say where the key is to be had, or bring it (RFC 7515 section 4.1).
const KEY_MEMBERS: [&str; 6] = ["jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256"];

/// A token taken apart. Nothing in it is to be believed before its signature is verified.
pub(super) struct Token<'a> {
    /// How it says that it is signed.
    pub(super) algorithm: Algorithm,
    /// Which key it says signed it.
    pub(super) key_id: Option<String>,
    /// Its claims.
    pub(super) claims: Object,
    /// The bytes that the signature is over: header, dot, claims, as they were written.
    pub(super) signed: &'a [u8],
    /// The signature.
    pub(super) signature: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Token<'_> {
    /// The algorithm alone: all else belongs to a person, or is the proof itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.algorithm.name)
    }
}

impl<'a> Token<'a> {
    /// Takes a token of a type apart. `accepts` says whether an algorithm of this name is
    /// configured.
    pub(super) fn parse(
        expected: Typ<'_>,
        token: &'a [u8],
        accepts: impl Fn(&str) -> bool,
    ) -> Result<Self, Refusal> {
        if token.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        let text = std::str::from_utf8(token).map_err(|_| Refusal::Malformed("it is no text"))?;
        let mut parts = text.split('.');
        let (header, claims, signature) =
            match (parts.next(), parts.next(), parts.next(), parts.count()) {
                (Some(header), Some(claims), Some(signature), 0) => (header, claims, signature),
                (_, _, _, 2) => return Err(Refusal::Encrypted),
                _ => return Err(Refusal::Malformed("it has not three parts")),
            };
        let signed = signed_part(token).unwrap_or_default();

        let header = json::object(&decode(header)?, Document::Header)?;
        let algorithm = algorithm(&header)?;
        if !accepts(algorithm.name) {
            return Err(Refusal::AlgorithmNotAccepted(algorithm.name));
        }
        // RFC 7515 section 4.1.11: what is critical must be understood, and no extension is.
        // `b64` (RFC 7797) without `crit` is against its own rule. `jku`, `jwk`, `x5u` and `x5c`
        // are not looked at: keys come from the configured provider alone.
        for member in ["crit", "b64"] {
            if header.contains_key(member) {
                return Err(Refusal::Header(member));
            }
        }
        match (expected, header.get("typ").map(json::Value::text)) {
            (Typ::AnyOf(_), None) => {}
            // RFC 7519 section 5.1 recommends upper case; media types do not depend on case.
            (Typ::AnyOf(types), Some(Some(typ)))
                if types.iter().any(|known| typ.eq_ignore_ascii_case(known)) => {}
            (Typ::Exactly(wanted), Some(Some(typ))) if typ == wanted => {
                if let Some(member) = KEY_MEMBERS.into_iter().find(|one| header.contains_key(*one))
                {
                    return Err(Refusal::Header(member));
                }
            }
            _ => return Err(Refusal::Type),
        }
        let key_id = match header.get("kid").map(json::Value::text) {
            None => None,
            Some(Some(id)) => Some(id.to_owned()),
            Some(None) => return Err(Refusal::Header("kid")),
        };
        let claims = json::object(&decode(claims)?, Document::Claims)?;
        let signature = decode(signature)?;
        Ok(Self { algorithm, key_id, claims, signed, signature })
    }
}

impl Token<'_> {
    /// The claims as they were written.
    pub(super) fn claims_text(&self) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let claims = self.signed.iter().position(|byte| *byte == b'.');
        let claims = claims.and_then(|dot| self.signed.get(dot.checked_add(1)?..));
        decode(claims.and_then(|claims| std::str::from_utf8(claims).ok()).unwrap_or_default())
    }
}

/// What was signed of a token in compact form: everything before the last dot.
pub(super) fn signed_part(token: &[u8]) -> Option<&[u8]> {
    let dot = token.iter().rposition(|byte| *byte == b'.')?;
    token.get(..dot)
}

fn algorithm(header: &Object) -> Result<Algorithm, Refusal> {
    let name = header.get("alg").and_then(json::Value::text).ok_or(Refusal::AlgorithmMissing)?;
    Algorithm::named(name)
}

/// Base64url without padding, in its one canonical spelling (RFC 7515 section 2).
fn decode(part: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    Base64UrlUnpadded::decode_vec(part)
        .map(Zeroizing::new)
        .map_err(|_| Refusal::Malformed("a part is not base64url without padding"))
}
