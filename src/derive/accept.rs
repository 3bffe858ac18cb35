//! Verified evidence, and the one check of it that only who knows the issuer can make.

use super::{Deriver, Refusal};
use crate::{
    card::CardKey,
    crypto::{self, Hash},
    pki::UserId,
    proof::{Accepted, Evidence, Nonce, Source, x509},
};
use std::sync::PoisonError;

impl Deriver {
    /// Verifies evidence. A card that our own issuer certified vouches for nobody, and neither does
    /// one whose keys are released here: it would renew itself for ever without a sign-in.
    pub(super) fn accept(
        &self,
        evidence: &Evidence,
        nonce: &Nonce,
    ) -> Result<Vec<Accepted>, Refusal> {
        let accepted = self.sources.accept(evidence, nonce)?;
        let by_card = |one: &Accepted| matches!(one.assurance.source, Source::Certificate(_));
        if let Some(cards) = &self.sources.cards
            && accepted.iter().any(by_card)
        {
            // Trusted by configuration, or because another authority has certified it.
            let roots = self.issuer.roots()?;
            let certifiers = self.certifiers.lock().unwrap_or_else(PoisonError::into_inner);
            let ours = |key: &Vec<u8>| {
                certifiers.contains(key) || roots.iter().any(|root| root.public_key().spki() == key)
            };
            if roots.iter().any(|root| cards.trusts(root))
                || accepted.iter().any(|one| one.card_path.iter().any(ours))
            {
                return Err(Refusal::Proof(x509::Fault::OwnRoot.into()));
            }
        }
        for one in &accepted {
            if let Some(key) = one.card_path.first()
                && self.is_enrolled(&one.assurance.person, key)?
            {
                return Err(Refusal::Proof(x509::Fault::OwnKey.into()));
            }
        }
        Ok(accepted)
    }

    /// Whether a key is enrolled here for a person, or was released since this deriver was made: a
    /// card may outlive its enrolment by a moment.
    fn is_enrolled(&self, person: &UserId, key: &[u8]) -> Result<bool, Refusal> {
        let digest = crypto::digest(Hash::Sha256, key);
        if self.gave_out.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest) {
            return Ok(true);
        }
        let Some(shelf) = &self.shelf else { return Ok(false) };
        let enrolment = shelf.enrolment(person)?;
        let certified = enrolment.iter().filter_map(|enrolment| enrolment.certified.as_ref());
        let mut keys = certified.flat_map(|certified| &certified.keys);
        Ok(keys.any(|own| own.certificate.public_key().spki() == key))
    }

    /// Remembers who has certified a card's keys: there are as many as the issuer has authorities.
    pub(super) fn note_certifiers(&self, keys: &[CardKey]) {
        let mut certifiers = self.certifiers.lock().unwrap_or_else(PoisonError::into_inner);
        for authority in keys.iter().flat_map(|key| &key.chain) {
            let key = authority.public_key().spki();
            if !certifiers.contains(key) {
                certifiers.insert(key.to_vec());
            }
        }
    }

    /// Remembers the keys of a released card.
    pub(super) fn note_given_out(&self, keys: &[CardKey]) {
        let mut gave_out = self.gave_out.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = |key: &CardKey| crypto::digest(Hash::Sha256, key.key.public().spki());
        gave_out.extend(keys.iter().map(digest));
    }
}
