//! The answer of an existing card as its host hands it in: one JSON object.

use super::Fault;
use crate::{
    crypto::{Hash, KeyKind, Scheme},
    pki::Certificate,
    proof::{
        Document, Refusal,
        json::{self, Value},
    },
};
use base64ct::{Base64, Encoding};

/// Longest answer that is looked at, in bytes.
const LONGEST: usize = 64 * 1024;

/// The answer of an existing card, not yet believed in anything.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) scheme: SignatureScheme,
    pub(super) signature: Vec<u8>,
    /// The person's own first, each followed by its issuer.
    pub(super) certificates: Vec<Certificate>,
}

/// How a card signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureScheme {
    Pkcs1(Hash),
    Pss,
    P256,
    P384,
}

impl SignatureScheme {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Pkcs1(Hash::Sha256),
            "RS1" => Self::Pkcs1(Hash::Sha1),
            "PS256" => Self::Pss,
            "ES256" => Self::P256,
            "ES384" => Self::P384,
            _ => return None,
        })
    }

    /// Scheme and hash for a key of this kind.
    pub(super) fn with(self, kind: KeyKind) -> Option<(Scheme, Hash)> {
        let sha256 = Hash::Sha256;
        Some(match (self, kind) {
            (Self::Pkcs1(hash), kind) if kind.is_rsa() => (Scheme::Pkcs1(hash), hash),
            (Self::Pss, kind) if kind.is_rsa() => {
                (Scheme::Pss { hash: sha256, mgf: sha256, salt: sha256.len() }, sha256)
            }
            (Self::P256, KeyKind::P256) => (Scheme::Ecdsa, sha256),
            (Self::P384, KeyKind::P384) => (Scheme::Ecdsa, Hash::Sha384),
            _ => return None,
        })
    }
}

impl Answer {
    pub(super) fn read(json: &[u8]) -> Result<Self, Refusal> {
        if json.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        let answer = json::object(json, Document::CardAnswer)?;
        let text = |name| answer.get(name).and_then(Value::text).ok_or(Fault::Answer(name));
        let scheme = SignatureScheme::named(text("scheme")?).ok_or(Fault::Scheme)?;
        let signature = Base64::decode_vec(text("signature")?);
        let signature = signature.map_err(|_| Fault::Answer("signature"))?;
        let certificates = Certificate::from_pem(text("certificates")?);
        let certificates = certificates.map_err(|_| Fault::Answer("certificates"))?;
        Ok(Self { scheme, signature, certificates })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_is_of_its_own_kind_of_key() {
        use KeyKind::{P256, P384, Rsa2048, Rsa3072, Rsa4096};
        let rsa = [Rsa2048, Rsa3072, Rsa4096];
        for (name, kinds) in [
            ("RS256", &rsa[..]),
            ("RS1", &rsa),
            ("PS256", &rsa),
            ("ES256", &[P256]),
            ("ES384", &[P384]),
        ] {
            let scheme = SignatureScheme::named(name).unwrap();
            for kind in [P256, P384, Rsa2048, Rsa3072, Rsa4096] {
                assert_eq!(scheme.with(kind).is_some(), kinds.contains(&kind), "{name} {kind:?}");
            }
        }
        assert_eq!(SignatureScheme::named("HS256"), None);
    }

    #[test]
    fn an_answer_has_64_kib_and_no_more() {
        let refused = |length| Answer::read(" ".repeat(length).as_bytes()).map(drop).unwrap_err();
        assert_eq!(refused(LONGEST), Refusal::NotJson(Document::CardAnswer));
        assert_eq!(refused(LONGEST + 1), Refusal::TooLong);
    }
}
