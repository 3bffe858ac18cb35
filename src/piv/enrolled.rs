//! A card of a store as PIV's keys and containers.
//!
//! | what | is found |
//! |---|---|
//! | key and certificate that were written through PIV | by the id of their reference (1 to 4) |
//! | those that were made elsewhere | by the certificate's key usage: nonRepudiation alone is 9C's, digitalSignature 9A's, keyEncipherment or keyAgreement alone 9D's; the first of each |

use super::{Filing, KeyReference};
use crate::{
    card::{Enrolled, EnrolledLogin, Error, KeyType, Record},
    crypto::KeyKind,
    pki::{Certificate, Usage},
};

/// A private key of an object.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) record: Record,
    pub(super) kind: KeyKind,
}

/// The certificate of a reference, and the id that it is found by.
#[derive(Clone, Debug)]
pub(super) struct Certified {
    pub(super) id: Option<Vec<u8>>,
    pub(super) certificate: Certificate,
}

/// The certificate of a reference among some records.
pub(super) fn certificate(
    records: &[Record],
    filing: &dyn Filing,
    reference: KeyReference,
) -> Option<Certified> {
    let all = || {
        records.iter().filter_map(|record| {
            let certificate = Certificate::from_der(&filing.certificate(record)?).ok()?;
            Some(Certified { id: record.id.clone(), certificate })
        })
    };
    let own = all().find(|one| one.id.as_deref() == Some(&reference.id()[..]));
    own.or_else(|| {
        all().filter(|one| !is_ours(one.id.as_deref())).find(|one| suits(one, reference))
    })
}

/// The private key of a reference.
pub(super) fn key(
    card: &Enrolled,
    filing: &dyn Filing,
    reference: KeyReference,
    login: &EnrolledLogin,
) -> Result<Option<Held>, Error> {
    let by_id = |id: &[u8]| -> Result<Option<Held>, Error> {
        let records = card.records_by_id(id, Some(login))?;
        Ok(records.into_iter().find_map(|record| match record.key {
            // What works without asking each time is not 9C's, whatever its id.
            Some(KeyType::Private(kind)) if record.each_time || !reference.each_time() => {
                Some(Held { record, kind })
            }
            _ => None,
        }))
    };
    if let Some(held) = by_id(&reference.id())? {
        return Ok(Some(held));
    }
    match certificate(&card.records(None)?, filing, reference).and_then(|one| one.id) {
        Some(id) => by_id(&id),
        None => Ok(None),
    }
}

fn is_ours(id: Option<&[u8]>) -> bool {
    KeyReference::ALL.iter().any(|known| id == Some(&known.id()[..]))
}

fn suits(one: &Certified, reference: KeyReference) -> bool {
    let certificate = &one.certificate;
    if certificate.is_authority() {
        return false;
    }
    let allows = |usage| certificate.allows(usage);
    let signs = allows(Usage::DigitalSignature);
    let commits = allows(Usage::NonRepudiation) && !signs;
    match reference {
        KeyReference::Authentication => signs,
        KeyReference::Signature => commits,
        KeyReference::KeyManagement => {
            !signs && !commits && (allows(Usage::KeyEncipherment) || allows(Usage::KeyAgreement))
        }
        KeyReference::CardAuthentication => false,
    }
}
