//! Verified evidence, and the one check of it that only who knows the issuer can make.

use super::{Deriver, Refusal};
use crate::proof::{Accepted, Evidence, Nonce, Source, x509};

impl Deriver {
    /// Verifies evidence. A card that our own issuer certified vouches for nobody: it would renew
    /// itself for ever without a sign-in.
    pub(super) fn accept(
        &self,
        evidence: &Evidence,
        nonce: &Nonce,
    ) -> Result<Vec<Accepted>, Refusal> {
        let accepted = self.sources.accept(evidence, nonce)?;
        let by_card = |one: &Accepted| matches!(one.assurance.source, Source::Certificate(_));
        if let Some(cards) = &self.sources.cards
            && accepted.iter().any(by_card)
            && self.issuer.roots()?.iter().any(|root| cards.trusts(root))
        {
            let own = x509::Fault::OwnRoot;
            return Err(Refusal::Proof(own.into()));
        }
        Ok(accepted)
    }
}
