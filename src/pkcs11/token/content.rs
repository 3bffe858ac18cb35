//! An object of an enrolled card as the content of its record, and back.
//!
//! ```text
//! content = version 1 | (type u64 | length u32 | value) and so on, types in ascending order
//! ```
//!
//! Keys are not in it: those are the card's. A reader of another version's content gives up.

use crate::pkcs11::{
    Result,
    ck::*,
    objects::{Attributes, Material, Object},
    templates::{NewObject, Shape},
};
use crate::{
    card::{KeyType, Record},
    crypto::KeyKind,
};
use zeroize::Zeroizing;

const VERSION: u8 = 1;

/// The content of an object with these attributes.
pub(super) fn encoded(attributes: &Attributes) -> Zeroizing<Vec<u8>> {
    let room = attributes.iter().map(|(_, value)| 12 + value.len()).sum::<usize>() + 1;
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    content.push(VERSION);
    for (kind, value) in attributes.iter() {
        // No template brings a value of 4 GiB.
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        content.extend_from_slice(&kind.to_be_bytes());
        content.extend_from_slice(&length.to_be_bytes());
        content.extend_from_slice(value);
    }
    content
}

/// The object of a record. A public key is not parsed yet: it takes time, and most are only listed.
///
/// # Errors
/// CKR_DEVICE_ERROR for content that is not an object's.
pub(in crate::pkcs11) fn object(record: &Record) -> Result<Object> {
    let attributes = decoded(&record.content).ok_or(CKR_DEVICE_ERROR)?;
    let shape = shape(&attributes).ok_or(CKR_DEVICE_ERROR)?;
    let material = match record.key {
        None => Material::None,
        Some(key) => Material::Enrolled { number: record.number, key },
    };
    let key = match (&material, shape) {
        (Material::Enrolled { key: KeyType::Private(kind), .. }, shape) => {
            shape == private_shape(*kind)
        }
        (Material::Enrolled { key: KeyType::Secret(_), .. }, shape) => shape.is_secret_key(),
        (_, shape) => !shape.is_private_key() && !shape.is_secret_key(),
    };
    // What the card says of an object and what its attributes say are the same.
    if !key || attributes.is_true(CKA_PRIVATE) != record.private {
        return Err(CKR_DEVICE_ERROR);
    }
    Ok(Object::new(NewObject { attributes, material, shape }, None))
}

/// The X.509 certificate in DER that a record of an enrolled card holds, for who enrols the card.
pub fn certificate_of(record: &Record) -> Option<Vec<u8>> {
    let object = object(record).ok().filter(|object| object.shape == Shape::X509)?;
    object.attributes.value(CKA_VALUE).map(<[u8]>::to_vec)
}

/// Whether the key of a record was made where it is and can never have been elsewhere: CKA_LOCAL,
/// which a copy keeps (PKCS #11 3.2 section 4.9), and CKA_NEVER_EXTRACTABLE.
pub fn is_local(record: &Record) -> bool {
    let always = [CKA_LOCAL, CKA_NEVER_EXTRACTABLE];
    object(record).is_ok_and(|object| always.iter().all(|kind| object.attributes.is_true(*kind)))
}

fn decoded(content: &[u8]) -> Option<Attributes> {
    let (&VERSION, mut rest) = content.split_first()? else { return None };
    let mut attributes = Attributes::default();
    while !rest.is_empty() {
        let (kind, after) = rest.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (value, after) = after.split_at_checked(length)?;
        attributes.set(u64::from_be_bytes(*kind), value);
        rest = after;
    }
    Some(attributes)
}

fn private_shape(kind: KeyKind) -> Shape {
    if kind.is_rsa() { Shape::RSA_PRIVATE } else { Shape::EC_PRIVATE }
}

fn shape(attributes: &Attributes) -> Option<Shape> {
    let number = |kind| attributes.value(kind)?.try_into().ok().map(u64::from_le_bytes);
    let key_type = number(CKA_KEY_TYPE);
    Some(match (number(CKA_CLASS)?, key_type) {
        (CKO_DATA, _) => Shape::DATA,
        (CKO_CERTIFICATE, _) => Shape::X509,
        (CKO_PUBLIC_KEY, Some(CKK_RSA)) => Shape::RSA_PUBLIC,
        (CKO_PUBLIC_KEY, Some(CKK_EC)) => Shape::EC_PUBLIC,
        (CKO_PRIVATE_KEY, Some(CKK_RSA)) => Shape::RSA_PRIVATE,
        (CKO_PRIVATE_KEY, Some(CKK_EC)) => Shape::EC_PRIVATE,
        (CKO_SECRET_KEY, Some(CKK_AES)) => Shape::AES,
        (CKO_SECRET_KEY, Some(_)) => Shape::GENERIC,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(content: Zeroizing<Vec<u8>>) -> Record {
        Record { number: 7, private: false, id: None, content, key: None, each_time: false }
    }

    fn datum() -> Attributes {
        Attributes::of_class(CKO_DATA).flag(CKA_PRIVATE, false).bytes(CKA_LABEL, b"label")
    }

    #[test]
    fn content_comes_back_as_it_was() {
        let back = object(&record(encoded(&datum()))).unwrap();
        assert!(back.attributes.iter().eq(datum().iter()));
        assert_eq!(back.shape, Shape::DATA);
        assert!(!back.is_private());
    }

    #[test]
    fn content_that_is_cut_or_contradicts_the_record_is_refused() {
        let whole = encoded(&datum());
        for length in 0..whole.len() {
            let cut = Zeroizing::new(whole[..length].to_vec());
            // Between two attributes what is left is well formed, and not what was written.
            if let Ok(object) = object(&record(cut)) {
                assert!(object.attributes.iter().count() < 3);
            }
        }
        let mut other = whole.clone();
        other[0] = 2;
        assert_eq!(object(&record(other)).map(drop), Err(CKR_DEVICE_ERROR));
        let private = Record { private: true, ..record(whole.clone()) };
        assert_eq!(object(&private).map(drop), Err(CKR_DEVICE_ERROR));
        let key = Some(KeyType::Private(KeyKind::P256));
        assert_eq!(object(&Record { key, ..record(whole) }).map(drop), Err(CKR_DEVICE_ERROR));
    }
}
