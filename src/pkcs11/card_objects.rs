//! A card's keys and certificates as objects (base specification sections 4.6 to 4.9).
//!
//! A certificate, a public and a private key for each key of the card, all with one CKA_ID, the
//! authentication key's first; then the certificates of the issuers; then the profiles.

use super::{
    ck::*,
    mechanisms,
    objects::{Attributes, Material, Object, curve, date, octet_string},
    templates::{NewObject, Shape},
    text,
};
use crate::{
    card::{Card, KeySlot},
    crypto::{self, Hash},
    pki::Certificate,
};

/// Everything that can be seen without login.
pub(super) fn public(card: &Card) -> Vec<Object> {
    let mut objects = Vec::new();
    let mut chain: Vec<&Certificate> = Vec::new();
    for slot in card.slots() {
        let Some(certificate) = card.certificate(slot) else { continue };
        objects.push(certificate_object(card, certificate, CK_CERTIFICATE_CATEGORY_TOKEN_USER));
        objects.push(public_object(card, slot, certificate));
        for issuer in card.chain(slot) {
            if !chain.contains(&issuer) {
                chain.push(issuer);
            }
        }
    }
    objects.extend(
        chain
            .into_iter()
            .map(|issuer| certificate_object(card, issuer, CK_CERTIFICATE_CATEGORY_AUTHORITY)),
    );
    objects.extend(profiles(&text::serial(card)));
    objects
}

/// The profiles that every token here is made for (OASIS PKCS#11 profiles 3.1).
const PROFILES: [u64; 4] = [
    CKP_BASELINE_PROVIDER,
    CKP_EXTENDED_PROVIDER,
    CKP_AUTHENTICATION_TOKEN,
    CKP_PUBLIC_CERTIFICATES_TOKEN,
];

/// The profiles of the token with this serial number, as objects (base specification 3.1 section
/// 4.12).
pub(super) fn profiles(serial: &str) -> impl Iterator<Item = Object> {
    PROFILES.into_iter().map(move |profile| {
        let attributes = Attributes::of_class(CKO_PROFILE)
            .flag(CKA_TOKEN, true)
            .flags(&[CKA_PRIVATE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE], false)
            .bytes(CKA_LABEL, [])
            .bytes(CKA_UNIQUE_ID, format!("{serial}-{CKO_PROFILE}-{profile}"))
            .number(CKA_PROFILE_ID, profile);
        object(attributes, Material::None, Shape::PROFILE)
    })
}

/// The private keys.
pub(super) fn private(card: &Card) -> Vec<Object> {
    card.slots()
        .into_iter()
        .filter_map(|slot| Some(private_object(card, slot, card.certificate(slot)?)))
        .collect()
}

fn certificate_object(card: &Card, certificate: &Certificate, category: u64) -> Object {
    let digest = crypto::digest(Hash::Sha1, certificate.der());
    let attributes = common(card, CKO_CERTIFICATE, certificate)
        .flag(CKA_PRIVATE, false)
        .number(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .number(CKA_CERTIFICATE_CATEGORY, category)
        .number(CKA_JAVA_MIDP_SECURITY_DOMAIN, 0)
        .flag(CKA_TRUSTED, false)
        .bytes(CKA_CHECK_VALUE, digest.get(..3).unwrap_or_default())
        .bytes(CKA_START_DATE, date(certificate.not_before()))
        .bytes(CKA_END_DATE, date(certificate.not_after()))
        .bytes(CKA_PUBLIC_KEY_INFO, certificate.public_key().spki())
        .bytes(CKA_ISSUER, certificate.issuer_der())
        .bytes(CKA_SERIAL_NUMBER, certificate.serial_der())
        .bytes(CKA_VALUE, certificate.der())
        .bytes(CKA_URL, [])
        .bytes(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, [])
        .bytes(CKA_HASH_OF_ISSUER_PUBLIC_KEY, [])
        .number(CKA_NAME_HASH_ALGORITHM, CKM_SHA_1);
    object(attributes, Material::None, Shape::X509)
}

fn public_object(card: &Card, slot: KeySlot, certificate: &Certificate) -> Object {
    let key = certificate.public_key();
    let mut attributes = key_attributes(card, CKO_PUBLIC_KEY, certificate)
        .flag(CKA_PRIVATE, false)
        .flag(CKA_ENCRYPT, slot == KeySlot::Authentication && key.kind().is_rsa())
        .flag(CKA_VERIFY, true)
        .flags(&[CKA_VERIFY_RECOVER, CKA_WRAP, CKA_TRUSTED], false);
    if let Some((_, exponent)) = key.rsa() {
        let bits = key.kind().bits() as u64;
        attributes = attributes.number(CKA_MODULUS_BITS, bits).bytes(CKA_PUBLIC_EXPONENT, exponent);
    }
    if let Some(point) = key.ec_point() {
        attributes = attributes.bytes(CKA_EC_POINT, octet_string(point));
    }
    let shape = if key.kind().is_rsa() { Shape::RSA_PUBLIC } else { Shape::EC_PUBLIC };
    object(attributes, Material::Public(key.clone()), shape)
}

fn private_object(card: &Card, slot: KeySlot, certificate: &Certificate) -> Object {
    let key = certificate.public_key();
    let authentication = slot == KeySlot::Authentication;
    let mut attributes = key_attributes(card, CKO_PRIVATE_KEY, certificate)
        .flags(&[CKA_PRIVATE, CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE], true)
        .flags(&[CKA_EXTRACTABLE, CKA_SIGN_RECOVER, CKA_UNWRAP, CKA_WRAP_WITH_TRUSTED], false)
        .flag(CKA_SIGN, true)
        // CIS1 clients tell the two keys apart by this, so the authentication key has it even
        // where its kind cannot decrypt.
        .flag(CKA_DECRYPT, authentication)
        .flag(CKA_ALWAYS_AUTHENTICATE, !authentication);
    if let Some((_, exponent)) = key.rsa() {
        attributes = attributes.bytes(CKA_PUBLIC_EXPONENT, exponent);
    }
    let shape = if key.kind().is_rsa() { Shape::RSA_PRIVATE } else { Shape::EC_PRIVATE };
    object(attributes, Material::Private { slot, kind: key.kind() }, shape)
}

/// What both halves of a key pair tell.
fn key_attributes(card: &Card, class: u64, certificate: &Certificate) -> Attributes {
    let key = certificate.public_key();
    let attributes = common(card, class, certificate)
        .bytes(CKA_START_DATE, [])
        .bytes(CKA_END_DATE, [])
        .flag(CKA_DERIVE, false)
        .flag(CKA_LOCAL, true)
        .bytes(CKA_PUBLIC_KEY_INFO, key.spki())
        .numbers(CKA_ALLOWED_MECHANISMS, mechanisms::of_card(key.kind()));
    match key.rsa() {
        Some((modulus, _)) => attributes
            .number(CKA_KEY_TYPE, CKK_RSA)
            .number(CKA_KEY_GEN_MECHANISM, CKM_RSA_PKCS_KEY_PAIR_GEN)
            .bytes(CKA_MODULUS, modulus),
        None => attributes
            .number(CKA_KEY_TYPE, CKK_EC)
            .number(CKA_KEY_GEN_MECHANISM, CKM_EC_KEY_PAIR_GEN)
            .bytes(CKA_EC_PARAMS, curve(key.kind())),
    }
}

/// What all objects of a card tell.
fn common(card: &Card, class: u64, certificate: &Certificate) -> Attributes {
    let id = certificate.key_id();
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    Attributes::of_class(class)
        .flag(CKA_TOKEN, true)
        .flags(&[CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE], false)
        .bytes(CKA_LABEL, certificate.subject_text())
        .bytes(CKA_UNIQUE_ID, format!("{}-{class}-{hex}", text::serial(card)))
        .bytes(CKA_SUBJECT, certificate.subject_der())
        .bytes(CKA_ID, id)
}

fn object(attributes: Attributes, material: Material, shape: Shape) -> Object {
    Object::new(NewObject { attributes, material, shape }, None)
}
