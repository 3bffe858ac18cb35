//! What is checked after the issuer: what certificates came.

use super::{Refusal, refusal::AnswerFault, request::Keys};
use crate::{
    card::{CardKey, KeySlot},
    clock::Time,
    issue::Issued,
    pki::{self, Certificate, Usage, UserId},
};

/// Joins keys and certificates, if the issuer answered just what was ordered: one certificate for
/// each slot, for our key and this person, with the slot's usage, valid now under its roots.
pub(super) fn certified(
    keys: Keys,
    mut issued: Vec<Issued>,
    person: &UserId,
    roots: &[Certificate],
    now: Time,
) -> Result<Vec<CardKey>, Refusal> {
    if issued.len() != keys.len() {
        return Err(Refusal::Answer(AnswerFault::Slots));
    }
    let mut all = Vec::new();
    for (slot, key) in keys {
        let place = issued.iter().position(|one| one.slot == slot);
        let place = place.ok_or(Refusal::Answer(AnswerFault::Slots))?;
        let Issued { certificate, chain, .. } = issued.swap_remove(place);
        if certificate.public_key() != key.public() {
            return Err(Refusal::Answer(AnswerFault::Key));
        }
        if certificate.user_id().as_ref() != Some(person) {
            return Err(Refusal::Answer(AnswerFault::Person));
        }
        if !usage_fits(&certificate, slot) {
            return Err(Refusal::Answer(AnswerFault::Usage));
        }
        let mut path = vec![certificate.clone()];
        path.extend_from_slice(&chain);
        pki::validate(&path, roots, &[], now)
            .map_err(|error| Refusal::Answer(AnswerFault::Path(error)))?;
        all.push(CardKey { slot, key, certificate, chain });
    }
    Ok(all)
}

/// Two keys, two meanings (design rule 5): the authentication key's certificate never says
/// nonRepudiation, the content commitment key's never digitalSignature, and neither is a CA's.
pub fn usage_fits(certificate: &Certificate, slot: KeySlot) -> bool {
    let (needed, other) = match slot {
        KeySlot::Authentication => (Usage::DigitalSignature, Usage::NonRepudiation),
        KeySlot::ContentCommitment => (Usage::NonRepudiation, Usage::DigitalSignature),
    };
    // Without keyUsage everything is allowed, the other slot's use too: so it is refused.
    certificate.allows(needed) && !certificate.allows(other) && !certificate.is_authority()
}
