//! The kinds of evidence and who verifies each; leaves out what a sign-in must be worth, which is
//! the policy's.

use super::{
    Assurance, Nonce, Refusal,
    oidc::{self, Provider},
};
use crate::{clock::Time, secret::Secret};

/// What shows who signed in.
#[derive(Debug)]
pub enum Evidence {
    /// An OpenID Connect ID token in compact form.
    IdToken(Secret),
}

/// A proof that passed every check of its verifier, not yet on record as used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What it is worth.
    pub assurance: Assurance,
    /// What was signed: the key under which [`Used`](super::Used) remembers it.
    pub signed: Vec<u8>,
    /// When its own limits refuse it anyway: until then it must be remembered as used.
    pub until: Time,
}

/// Who verifies which evidence: all that a deployment has configured.
#[derive(Debug, Default)]
pub struct Sources {
    /// OpenID providers, each of another issuer.
    pub providers: Vec<Provider>,
}

impl Sources {
    /// Verifies evidence against the nonce of its request. Levels, age and `acr` are the policy's
    /// to judge.
    ///
    /// # Errors
    /// The first check that it did not pass.
    pub fn accept(&self, evidence: &Evidence, nonce: &Nonce) -> Result<Accepted, Refusal> {
        match evidence {
            Evidence::IdToken(token) => {
                self.provider(token.expose())?.accept(token.expose(), nonce)
            }
        }
    }

    /// The provider that has to judge a token: the one that it names. Nothing is believed of the
    /// token by this; a lone provider is asked in any case, since it says best what is wrong.
    fn provider(&self, token: &[u8]) -> Result<&Provider, Refusal> {
        if let [one] = self.providers.as_slice() {
            return Ok(one);
        }
        let named = oidc::claimed_issuer(token)?;
        let found = self.providers.iter().find(|provider| provider.issuer() == named);
        found.ok_or(Refusal::ProviderUnknown)
    }
}
