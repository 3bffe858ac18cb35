//! COSE keys (RFC 9052 section 7) of the algorithms that credentials are made with: ES256, ES384
//! and EdDSA over Ed25519 (RFC 9053 sections 2.1 and 2.2), RS256 (RFC 8812 section 2).

use super::cbor::Value;
use crate::crypto::{self, Hash, KeyKind, PublicKey, Scheme};

/// A signature algorithm, by its number in the COSE registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with SHA-256 on P-256 (-7).
    Es256,
    /// EdDSA on Ed25519 (-8). Refused by a build with neither back end.
    EdDsa,
    /// ECDSA with SHA-384 on P-384 (-35).
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (-257).
    Rs256,
}

impl Algorithm {
    /// Those that are accepted unless configured otherwise, the preferred one first. Without
    /// aws-lc there is no EdDSA.
    pub const ALL: &[Self] = if cfg!(feature = "aws-lc") {
        &[Self::Es256, Self::EdDsa, Self::Es384, Self::Rs256]
    } else {
        &[Self::Es256, Self::Es384, Self::Rs256]
    };

    /// The number in the COSE registry.
    pub const fn number(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::EdDsa => -8,
            Self::Es384 => -35,
            Self::Rs256 => -257,
        }
    }

    /// The name in the COSE registry, as configurations write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of this name, if this build has it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }

    /// The algorithm of this number, if this build has it.
    pub(super) fn numbered(number: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.number() == number)
    }
}

/// A public key with the one algorithm that it is used with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    algorithm: Algorithm,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Common(PublicKey),
    Ed25519([u8; 32]),
}

impl Key {
    /// Reads a COSE_Key: `kty`, `alg` and the members of its type, points uncompressed.
    pub(super) fn read(map: &Value<'_>) -> Option<Self> {
        let at = |label| map.at(&Value::Integer(label));
        let number = |label| at(label)?.integer();
        let algorithm = Algorithm::numbered(number(3)?)?;
        let material = match (algorithm, number(1)?) {
            (Algorithm::Es256, 2) => point(KeyKind::P256, 1, map)?,
            (Algorithm::Es384, 2) => point(KeyKind::P384, 2, map)?,
            (Algorithm::EdDsa, 1) if number(-1) == Some(6) => {
                Material::Ed25519(at(-2)?.bytes()?.try_into().ok()?)
            }
            (Algorithm::Rs256, 3) => {
                let (modulus, exponent) = (at(-1)?.bytes()?, at(-2)?.bytes()?);
                Material::Common(PublicKey::from_rsa(modulus, exponent).ok()?)
            }
            _ => return None,
        };
        Some(Self { algorithm, material })
    }

    /// The key of a certificate, for signatures by this algorithm.
    pub(super) fn certified(algorithm: Algorithm, key: &PublicKey) -> Option<Self> {
        let fits = match algorithm {
            Algorithm::Es256 => key.kind() == KeyKind::P256,
            Algorithm::Es384 => key.kind() == KeyKind::P384,
            Algorithm::Rs256 => key.kind().is_rsa(),
            Algorithm::EdDsa => false,
        };
        fits.then(|| Self { algorithm, material: Material::Common(key.clone()) })
    }

    /// The algorithm.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this is the key's signature over `message`, in the form of WebAuthn (section
    /// 6.5.5): ECDSA in DER, all others as their standard has them.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = match &self.material {
            Material::Ed25519(key) => {
                return crypto::verify_ed25519(key, message, signature).is_ok();
            }
            Material::Common(key) => key,
        };
        let (hash, scheme) = match self.algorithm {
            Algorithm::Rs256 => (Hash::Sha256, Scheme::Pkcs1(Hash::Sha256)),
            Algorithm::Es384 => (Hash::Sha384, Scheme::Ecdsa),
            Algorithm::Es256 | Algorithm::EdDsa => (Hash::Sha256, Scheme::Ecdsa),
        };
        let raw = match scheme {
            Scheme::Ecdsa => crypto::ecdsa_from_der(signature, key.kind()),
            _ => Ok(signature.to_vec()),
        };
        let digest = crypto::digest(hash, message);
        raw.is_ok_and(|signature| key.verify(scheme, &digest, &signature).is_ok())
    }
}

/// RFC 9053 section 7.1.1, the coordinates in full length; a compressed point has a `y` that is
/// no byte string.
fn point(kind: KeyKind, curve: i64, map: &Value<'_>) -> Option<Material> {
    let at = |label| map.at(&Value::Integer(label));
    let (x, y) = (at(-2)?.bytes()?, at(-3)?.bytes()?);
    if at(-1)?.integer()? != curve || x.len() != kind.bytes() || y.len() != kind.bytes() {
        return None;
    }
    PublicKey::from_ec_point(kind, &[&[4], x, y].concat()).ok().map(Material::Common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::PrivateKey;

    #[test]
    fn an_algorithm_is_found_by_its_name_and_its_number() {
        for one in Algorithm::ALL.iter().copied() {
            assert_eq!(Algorithm::named(one.name()), Some(one));
            assert_eq!(Algorithm::numbered(one.number()), Some(one));
        }
        assert_eq!((Algorithm::named("HS256"), Algorithm::numbered(5)), (None, None));
    }

    #[test]
    fn a_certificates_key_serves_the_algorithms_of_its_kind() {
        let keys = [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048];
        let keys = keys.map(|kind| PrivateKey::generate(kind).unwrap().public().clone());
        let own = [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256];
        for (place, key) in keys.iter().enumerate() {
            for (of, algorithm) in own.into_iter().enumerate() {
                assert_eq!(Key::certified(algorithm, key).is_some(), of == place);
            }
            assert_eq!(Key::certified(Algorithm::EdDsa, key), None);
        }
    }

    #[cfg(feature = "aws-lc")]
    #[test]
    fn an_octet_key_pair_is_on_ed25519_or_none() {
        let key = |curve| {
            Value::Map(vec![
                (Value::Integer(1), Value::Integer(1)),
                (Value::Integer(3), Value::Integer(-8)),
                (Value::Integer(-1), Value::Integer(curve)),
                (Value::Integer(-2), Value::Bytes(&[7; 32])),
            ])
        };
        assert!(Key::read(&key(6)).is_some());
        assert_eq!(Key::read(&key(4)), None, "X25519");
    }
}
