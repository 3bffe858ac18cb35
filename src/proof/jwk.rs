//! Key sets (RFC 7517) of the public keys that ID tokens are signed with (RFC 7518 section 6).

use super::{
    Document, KeyFault, Refusal,
    jose::{Algorithm, Kind, Signs, Token},
    json::{self, Object, Value},
};
use crate::crypto::{self, KeyKind, PublicKey};
use base64ct::{Base64UrlUnpadded, Encoding};
use p521::ecdsa::signature::hazmat::PrehashVerifier;

/// Fewest bits of an RSA modulus (RFC 7518 section 3.3).
const LEAST_RSA_BITS: usize = 2048;

/// A key set. Keys of kinds that are not known here are left out (RFC 7517 section 5); a key that
/// is known but does not serve stays in, so that a token that names it is told why.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: Option<String>,
    for_signatures: bool,
    material: Result<Material, KeyFault>,
}

#[derive(Debug)]
enum Material {
    /// RSA, P-256 or P-384.
    Common(PublicKey),
    /// P-521.
    P521(Box<p521::ecdsa::VerifyingKey>),
    /// Ed25519.
    Ed25519([u8; 32]),
}

impl KeySet {
    /// Reads a key set.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let set = json::object(bytes, Document::KeySet)?;
        let Some(Value::Array(keys)) = set.get("keys") else {
            return Err(Refusal::NotJson(Document::KeySet));
        };
        let keys = keys.iter().filter_map(|key| match key {
            Value::Object(key) => Key::read(key),
            _ => None,
        });
        Ok(Self(keys.collect()))
    }

    /// Whether every key of the set can be used and has a `kid` of its own.
    pub(super) fn is_whole(&self) -> bool {
        let ids: Vec<_> = self.0.iter().map(|key| key.id.as_deref()).collect();
        let own = |(place, id): (usize, &Option<&str>)| {
            id.is_some() && !ids.iter().take(place).any(|earlier| earlier == id)
        };
        !ids.is_empty()
            && ids.iter().enumerate().all(own)
            && self.0.iter().all(|key| key.material.is_ok() && key.for_signatures)
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is a key that a token with this `kid` could mean.
    pub(super) fn names(&self, key_id: Option<&str>) -> bool {
        self.meant(key_id).next().is_some()
    }

    /// Verifies the signature of a token with the key that it names. A token without `kid` means
    /// the only key of the set (OpenID Connect Core section 10.1).
    pub(super) fn verify(&self, token: &Token<'_>) -> Result<(), Refusal> {
        let mut refusal = Refusal::KeyUnknown;
        for key in self.meant(token.key_id.as_deref()) {
            match key.serves(token.algorithm) {
                Ok(material) if material.verifies(token) => return Ok(()),
                Ok(_) => refusal = Refusal::Signature,
                Err(fault) if refusal == Refusal::KeyUnknown => refusal = Refusal::Key(fault),
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    fn meant<'a>(&'a self, key_id: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        let only = self.0.len() == 1;
        self.0.iter().filter(move |key| match key_id {
            Some(id) => key.id.as_deref() == Some(id),
            None => only,
        })
    }
}

impl Key {
    /// Reads a key, or `None` for a kind that no accepted algorithm uses.
    fn read(key: &Object) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Value::text);
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => rsa(key),
            ("EC", Some("P-256")) => curve(key, KeyKind::P256, 32),
            ("EC", Some("P-384")) => curve(key, KeyKind::P384, 48),
            ("EC", Some("P-521")) => p521(key),
            ("OKP", Some("Ed25519")) => ed25519(key),
            _ => return None,
        };
        let may_verify = |operations: &Value| {
            operations.texts().is_some_and(|operations| operations.contains(&"verify"))
        };
        Some(Self {
            id: text("kid").map(str::to_owned),
            algorithm: text("alg").map(str::to_owned),
            for_signatures: key.get("use").is_none_or(|u| u.text() == Some("sig"))
                && key.get("key_ops").is_none_or(may_verify),
            material,
        })
    }

    /// The key itself, if it may verify signatures of this algorithm.
    fn serves(&self, algorithm: Algorithm) -> Result<&Material, KeyFault> {
        let material = self.material.as_ref().map_err(|fault| *fault)?;
        if material.kind() != algorithm.kind {
            return Err(KeyFault::Type);
        }
        if self.algorithm.as_ref().is_some_and(|own| own != algorithm.name) {
            return Err(KeyFault::Algorithm);
        }
        if !self.for_signatures {
            return Err(KeyFault::Use);
        }
        Ok(material)
    }
}

impl Material {
    fn kind(&self) -> Kind {
        match self {
            Self::P521(_) => Kind::P521,
            Self::Ed25519(_) => Kind::Ed25519,
            Self::Common(key) => match key.kind() {
                KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => Kind::Rsa,
                curve @ (KeyKind::P256 | KeyKind::P384) => Kind::Curve(curve),
            },
        }
    }

    fn verifies(&self, token: &Token<'_>) -> bool {
        let (scheme, hash) = match (token.algorithm.signs, self) {
            (Signs::Digest(scheme, hash), _) => (scheme, hash),
            (Signs::Message, Self::Ed25519(key)) => {
                return crypto::verify_ed25519(key, token.signed, &token.signature).is_ok();
            }
            (Signs::Message, _) => return false,
        };
        let digest = crypto::digest(hash, token.signed);
        match self {
            Self::Common(key) => key.verify(scheme, &digest, &token.signature).is_ok(),
            Self::Ed25519(_) => false,
            Self::P521(key) => p521::ecdsa::Signature::from_slice(&token.signature)
                .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
        }
    }
}

/// RFC 7518 section 6.3.1.
fn rsa(key: &Object) -> Result<Material, KeyFault> {
    let (modulus, exponent) = (bytes(key, "n")?, bytes(key, "e")?);
    if bits(&modulus) < LEAST_RSA_BITS {
        return Err(KeyFault::Weak);
    }
    let key = PublicKey::from_rsa(&modulus, &exponent).map_err(|_| KeyFault::Malformed)?;
    Ok(Material::Common(key))
}

/// RFC 7518 section 6.2.1: each coordinate in full length.
fn curve(key: &Object, kind: KeyKind, length: usize) -> Result<Material, KeyFault> {
    let point = point(key, length)?;
    PublicKey::from_ec_point(kind, &point).map(Material::Common).map_err(|_| KeyFault::Malformed)
}

fn p521(key: &Object) -> Result<Material, KeyFault> {
    let point = point(key, 66)?;
    p521::ecdsa::VerifyingKey::from_sec1_bytes(&point)
        .map(|key| Material::P521(Box::new(key)))
        .map_err(|_| KeyFault::Malformed)
}

/// RFC 8037 section 2.
fn ed25519(key: &Object) -> Result<Material, KeyFault> {
    bytes(key, "x")?.try_into().map(Material::Ed25519).map_err(|_| KeyFault::Malformed)
}

/// The uncompressed point (SEC 1 section 2.3.3) of `x` and `y`.
fn point(key: &Object, length: usize) -> Result<Vec<u8>, KeyFault> {
    let (x, y) = (bytes(key, "x")?, bytes(key, "y")?);
    if x.len() != length || y.len() != length {
        return Err(KeyFault::Malformed);
    }
    Ok([&[4], x.as_slice(), y.as_slice()].concat())
}

fn bytes(key: &Object, member: &str) -> Result<Vec<u8>, KeyFault> {
    let text = key.get(member).and_then(Value::text).ok_or(KeyFault::Malformed)?;
    Base64UrlUnpadded::decode_vec(text).map_err(|_| KeyFault::Malformed)
}

/// Bits of a big-endian number without its leading zeros.
fn bits(number: &[u8]) -> usize {
    let mut digits = number.iter().skip_while(|byte| **byte == 0);
    let Some(first) = digits.next() else { return 0 };
    let top = 8_usize.saturating_sub(first.leading_zeros() as usize);
    digits.count().saturating_mul(8).saturating_add(top)
}
