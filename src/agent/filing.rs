//! Containers and keys of PIV as objects of PKCS#11, so that both faces of a card of a store show
//! the same.

use crate::{
    card::{NewRecord, Record, Verb},
    crypto::PrivateKey,
    piv::{Filing, KeyReference},
    pkcs11::{self, PairUses},
    pki::Certificate,
};

/// CKA_APPLICATION of containers.
const APPLICATION: &str = "PIV";

/// Files containers as data objects, certificates as certificates, keys as key pairs, found by the
/// ids 1 to 4 that other modules over PIV cards give them too.
#[derive(Clone, Copy, Debug, Default)]
pub struct ObjectFiling;

impl Filing for ObjectFiling {
    fn certificate(&self, record: &Record) -> Option<Vec<u8>> {
        pkcs11::certificate_of(record)
    }

    fn public_key(&self, record: &Record) -> Option<Vec<u8>> {
        pkcs11::public_key_of(record)
    }

    fn container(&self, record: &Record) -> Option<(u32, Vec<u8>)> {
        // The identifier is the tag, and no container is without a key's worth of one.
        let (identifier, value) = pkcs11::data_of(record, APPLICATION)?;
        let [0x0D, _, tag @ ..] = identifier.as_slice() else { return None };
        let tag = tag
            .iter()
            .try_fold(0u32, |tag, byte| tag.checked_mul(0x100).map(|tag| tag | u32::from(*byte)))?;
        Some((tag, value))
    }

    fn allows(&self, record: &Record, verb: Verb) -> bool {
        pkcs11::key_allows(record, verb)
    }

    fn new_certificate(&self, id: &[u8], certificate: &Certificate) -> Option<NewRecord> {
        pkcs11::certificate_record(id, &certificate.subject_text(), certificate).ok()
    }

    fn new_container(&self, tag: u32, value: &[u8], private: bool) -> Option<NewRecord> {
        pkcs11::data_record(APPLICATION, &identifier(tag), value, private).ok()
    }

    fn new_pair(&self, key: KeyReference, made: &PrivateKey) -> Option<[NewRecord; 2]> {
        let uses = PairUses {
            each_time: key.each_time(),
            confidential: key == KeyReference::KeyManagement,
        };
        pkcs11::pair_records(&key.id(), &label(key), made, uses).ok()
    }
}

/// A tag as CKA_OBJECT_ID: a relative object identifier in DER, whose bytes are the tag's.
fn identifier(tag: u32) -> Vec<u8> {
    let bytes = tag.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let tag = bytes.get(zeros..).unwrap_or_default();
    [&[0x0D, u8::try_from(tag.len()).unwrap_or_default()], tag].concat()
}

fn label(key: KeyReference) -> String {
    format!("PIV {:02X}", key.number())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::KeyKind;

    fn record(new: NewRecord) -> Record {
        let NewRecord { private, id, content, each_time, .. } = new;
        Record { number: 1, private, id, content, key: None, each_time }
    }

    #[test]
    fn a_container_is_found_again_by_its_tag() {
        for tag in [0x5F_C102, 0x7F61, 0x7E] {
            let filed = record(ObjectFiling.new_container(tag, b"value", false).unwrap());
            assert_eq!(ObjectFiling.container(&filed), Some((tag, b"value".to_vec())));
            assert_eq!(ObjectFiling.certificate(&filed), None);
            assert_eq!(ObjectFiling.public_key(&filed), None);
        }
    }

    #[test]
    fn a_pair_is_filed_as_both_halves() {
        let key = PrivateKey::generate(KeyKind::P256).unwrap();
        for reference in KeyReference::ALL {
            let [public, private] = ObjectFiling.new_pair(reference, &key).unwrap();
            assert_eq!(private.each_time, reference == KeyReference::Signature);
            assert!(private.private && private.key.is_some() && public.key.is_none());
            assert_eq!(public.id.as_deref(), Some(&reference.id()[..]));
            let spki = ObjectFiling.public_key(&record(public)).unwrap();
            assert_eq!(spki, key.public().spki());
        }
    }
}
