//! Public, private and secret keys (base specification sections 4.7 to 4.10; current mechanisms
//! sections 2.1, 2.3, 2.6 and 2.8).

use super::{
    Given, NewObject, Origin, filled,
    table::{self, Shape},
};
use crate::{
    crypto::{KeyKind, PrivateKey, PublicKey, RsaComponents},
    pkcs11::{
        MechanismType, Result,
        ck::*,
        objects::{Material, curve, octet_string},
    },
    secret::Secret,
};

/// The one exponent that keys are made with: 65537.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// What a pair of templates asks C_GenerateKeyPair for, read before a key is made.
#[derive(Clone, Copy, Debug)]
pub(in crate::pkcs11) struct PairWish<'a> {
    public: Given<'a>,
    private: Given<'a>,
    mechanism: MechanismType,
    /// The key to make.
    pub(in crate::pkcs11) kind: KeyKind,
}

impl<'a> PairWish<'a> {
    /// # Errors
    /// The codes of section 4.1.1, CKR_CURVE_NOT_SUPPORTED, CKR_MECHANISM_INVALID.
    pub(in crate::pkcs11) fn read(
        mechanism: MechanismType,
        public: Given<'a>,
        private: Given<'a>,
    ) -> Result<Self> {
        let (key_type, shapes) = match mechanism {
            CKM_RSA_PKCS_KEY_PAIR_GEN => (CKK_RSA, (Shape::RSA_PUBLIC, Shape::RSA_PRIVATE)),
            CKM_EC_KEY_PAIR_GEN => (CKK_EC, (Shape::EC_PUBLIC, Shape::EC_PRIVATE)),
            _ => return Err(CKR_MECHANISM_INVALID),
        };
        public.agreed(CKA_CLASS, CKO_PUBLIC_KEY)?;
        private.agreed(CKA_CLASS, CKO_PRIVATE_KEY)?;
        public.agreed(CKA_KEY_TYPE, key_type)?;
        private.agreed(CKA_KEY_TYPE, key_type)?;
        public.suits(shapes.0, table::NO_GENERATE, Some(table::GENERATE))?;
        private.suits(shapes.1, table::NO_GENERATE, Some(table::GENERATE))?;
        let kind = match key_type {
            CKK_RSA => match public.needed_number(CKA_MODULUS_BITS)? {
                2048 => KeyKind::Rsa2048,
                3072 => KeyKind::Rsa3072,
                4096 => KeyKind::Rsa4096,
                _ => return Err(CKR_ATTRIBUTE_VALUE_INVALID),
            },
            _ => named_curve(public.needed(CKA_EC_PARAMS)?)?,
        };
        let exponent = public.value(CKA_PUBLIC_EXPONENT).unwrap_or(&EXPONENT);
        if without_zeros(exponent) != EXPONENT {
            return Err(CKR_ATTRIBUTE_VALUE_INVALID);
        }
        Ok(Self { public, private, mechanism, kind })
    }
}

/// Both halves of a key that was made for this wish: public, private.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT.
pub(in crate::pkcs11) fn pair(
    wish: PairWish<'_>,
    key: PrivateKey,
) -> Result<(NewObject, NewObject)> {
    let origin = Origin::Generated(wish.mechanism);
    let public = public_object(wish.public, key.public().clone(), origin)?;
    Ok((public, private_object(wish.private, key, origin)?))
}

/// A private key that has been unwrapped, under a template for it.
///
/// # Errors
/// The codes of section 4.1.1; CKR_TEMPLATE_INCONSISTENT too for a template of another kind of key.
pub(in crate::pkcs11) fn private(
    template: Given<'_>,
    key: PrivateKey,
    origin: Origin,
) -> Result<NewObject> {
    let (_, shape) = shapes(key.kind());
    template.suits(shape, origin.forbidden(), None)?;
    private_object(template, key, origin)
}

/// C_CreateObject of a public key.
pub(super) fn public(template: Given<'_>) -> Result<NewObject> {
    let (shape, key) = match template.needed_number(CKA_KEY_TYPE)? {
        CKK_RSA => {
            template.suits(Shape::RSA_PUBLIC, table::NO_CREATE, Some(table::CREATE))?;
            let modulus = template.needed(CKA_MODULUS)?;
            let key = PublicKey::from_rsa(modulus, template.needed(CKA_PUBLIC_EXPONENT)?);
            (Shape::RSA_PUBLIC, key)
        }
        CKK_EC => {
            template.suits(Shape::EC_PUBLIC, table::NO_CREATE, Some(table::CREATE))?;
            let kind = named_curve(template.needed(CKA_EC_PARAMS)?)?;
            let point = point(kind, template.needed(CKA_EC_POINT)?);
            (Shape::EC_PUBLIC, PublicKey::from_ec_point(kind, point))
        }
        _ => return Err(CKR_ATTRIBUTE_VALUE_INVALID),
    };
    let key = key.map_err(|_| CKR_ATTRIBUTE_VALUE_INVALID)?;
    debug_assert_eq!(shape, shapes(key.kind()).0);
    public_object(template, key, Origin::Imported)
}

/// C_CreateObject of a private key.
pub(super) fn imported(template: Given<'_>) -> Result<NewObject> {
    let part = |kind| template.value(kind).map(Secret::copied_from);
    let needed = |kind| part(kind).ok_or(CKR_TEMPLATE_INCOMPLETE);
    let wanted = |shape| template.suits(shape, table::NO_CREATE, Some(table::CREATE));
    let key = match template.needed_number(CKA_KEY_TYPE)? {
        CKK_RSA => {
            wanted(Shape::RSA_PRIVATE)?;
            let primes = (part(CKA_PRIME_1), part(CKA_PRIME_2));
            let exponents = [CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT].map(part);
            let primes = match &primes {
                (Some(p), Some(q)) => Some((p, q)),
                (None, None) => None,
                _ => return Err(CKR_TEMPLATE_INCONSISTENT),
            };
            PrivateKey::from_rsa_components(&RsaComponents {
                n: template.needed(CKA_MODULUS)?,
                e: template.needed(CKA_PUBLIC_EXPONENT)?,
                d: &needed(CKA_PRIVATE_EXPONENT)?,
                primes,
                exponents: exponents.each_ref().map(Option::as_ref),
            })
        }
        CKK_EC => {
            wanted(Shape::EC_PRIVATE)?;
            let kind = named_curve(template.needed(CKA_EC_PARAMS)?)?;
            PrivateKey::from_ec_scalar(kind, &needed(CKA_VALUE)?)
        }
        _ => return Err(CKR_ATTRIBUTE_VALUE_INVALID),
    };
    let key = key.map_err(|_| CKR_ATTRIBUTE_VALUE_INVALID)?;
    private_object(template, key, Origin::Imported)
}

fn public_object(template: Given<'_>, key: PublicKey, origin: Origin) -> Result<NewObject> {
    let (shape, _) = shapes(key.kind());
    let attributes = filled(template, shape);
    let material = Material::Public(key.clone());
    let mut object = NewObject { attributes, material, shape };
    object.came(CKO_PUBLIC_KEY, origin)?;
    object.contribute_public(&key)?;
    if let Some((modulus, exponent)) = key.rsa() {
        // Leading zeros of the template are not kept.
        object.attributes.set(CKA_MODULUS, modulus);
        object.attributes.set(CKA_PUBLIC_EXPONENT, exponent);
        object.contribute(CKA_MODULUS_BITS, (key.kind().bits() as u64).to_le_bytes())?;
    }
    if let Some(point) = key.ec_point() {
        object.attributes.set(CKA_EC_POINT, octet_string(point));
    }
    object.consistent()
}

fn private_object(template: Given<'_>, key: PrivateKey, origin: Origin) -> Result<NewObject> {
    let (_, shape) = shapes(key.kind());
    let attributes = filled(template, shape);
    let public = key.public().clone();
    let mut object = NewObject { attributes, material: Material::Session(key), shape };
    object.came(CKO_PRIVATE_KEY, origin)?;
    object.guarded(template, origin);
    object.contribute_public(&public)?;
    if let Some((modulus, exponent)) = public.rsa() {
        for (kind, right) in [(CKA_MODULUS, modulus), (CKA_PUBLIC_EXPONENT, exponent)] {
            match template.value(kind) {
                Some(said) if without_zeros(said) != right => {
                    return Err(CKR_TEMPLATE_INCONSISTENT);
                }
                _ => object.attributes.set(kind, right),
            }
        }
    }
    object.consistent()
}

impl Origin {
    /// What templates of the function that makes such keys must not say.
    pub(super) const fn forbidden(self) -> table::Notes {
        match self {
            Self::Generated(_) | Self::Derived { .. } => table::NO_GENERATE,
            Self::Imported => table::NO_CREATE,
            Self::Unwrapped => table::NO_UNWRAP,
        }
    }
}

impl NewObject {
    /// Class and type of a key, and where it came from.
    fn came(&mut self, class: u64, origin: Origin) -> Result<()> {
        let key_type = match &self.material {
            Material::Public(key) if !key.kind().is_rsa() => CKK_EC,
            Material::Session(key) if !key.kind().is_rsa() => CKK_EC,
            _ => CKK_RSA,
        };
        self.contribute(CKA_CLASS, class.to_le_bytes())?;
        self.contribute(CKA_KEY_TYPE, key_type.to_le_bytes())?;
        self.made_by(origin);
        Ok(())
    }

    /// Where a key came from.
    pub(super) fn made_by(&mut self, origin: Origin) {
        let mechanism = match origin {
            Origin::Generated(mechanism) => mechanism,
            _ => CK_UNAVAILABLE_INFORMATION,
        };
        let local = matches!(origin, Origin::Generated(_));
        self.attributes.set(CKA_LOCAL, [u8::from(local)]);
        self.attributes.set(CKA_KEY_GEN_MECHANISM, mechanism.to_le_bytes());
    }

    /// CKA_EXTRACTABLE's default, and what is remembered of both guards (sections 4.9 and 4.10;
    /// for derived keys current mechanisms section 2.3.20 and 2.62).
    pub(super) fn guarded(&mut self, template: Given<'_>, origin: Origin) {
        if origin == Origin::Unwrapped && template.value(CKA_EXTRACTABLE).is_none() {
            // Section 5.18.4: what came wrapped may be wrapped again.
            self.attributes.set(CKA_EXTRACTABLE, [1]);
        }
        let sensitive = self.attributes.is_true(CKA_SENSITIVE);
        let kept = !self.attributes.is_true(CKA_EXTRACTABLE);
        let (always, never) = match origin {
            Origin::Generated(_) => (sensitive, kept),
            Origin::Imported | Origin::Unwrapped => (false, false),
            Origin::Derived { always_sensitive, never_extractable } => {
                (always_sensitive && sensitive, never_extractable && kept)
            }
        };
        self.attributes.set(CKA_ALWAYS_SENSITIVE, [u8::from(always)]);
        self.attributes.set(CKA_NEVER_EXTRACTABLE, [u8::from(never)]);
    }

    /// What both halves of a pair tell of the public one.
    fn contribute_public(&mut self, key: &PublicKey) -> Result<()> {
        if self.attributes.value(CKA_PUBLIC_KEY_INFO) == Some(&[]) {
            self.attributes.unset(CKA_PUBLIC_KEY_INFO);
        }
        self.contribute(CKA_PUBLIC_KEY_INFO, key.spki())?;
        if !key.kind().is_rsa() {
            self.contribute(CKA_EC_PARAMS, curve(key.kind()))?;
        }
        Ok(())
    }
}

/// The shapes of both halves of a pair of this kind.
fn shapes(kind: KeyKind) -> (Shape, Shape) {
    if kind.is_rsa() {
        (Shape::RSA_PUBLIC, Shape::RSA_PRIVATE)
    } else {
        (Shape::EC_PUBLIC, Shape::EC_PRIVATE)
    }
}

/// The curve of CKA_EC_PARAMS: a named one, by its object identifier (RFC 3279 section 2.3.5).
fn named_curve(params: &[u8]) -> Result<KeyKind> {
    let known = [KeyKind::P256, KeyKind::P384].into_iter().find(|kind| curve(*kind) == params);
    known.ok_or(match params {
        // Another name, or the parameters of a curve spelt out.
        [0x06 | 0x13, length, rest @ ..] if usize::from(*length) == rest.len() => {
            CKR_CURVE_NOT_SUPPORTED
        }
        [0x30, ..] => CKR_CURVE_NOT_SUPPORTED,
        _ => CKR_DOMAIN_PARAMS_INVALID,
    })
}

/// The point inside its DER OCTET STRING, or as it stands: both are met in the field.
fn point(kind: KeyKind, value: &[u8]) -> &[u8] {
    match value {
        // Told apart by length: a bare point begins with 4 too, and then with any byte.
        [0x04, _, point @ ..] if point.len() == 1 + 2 * kind.bytes() => point,
        _ => value,
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
