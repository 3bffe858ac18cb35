//! The kinds of evidence and who verifies each; leaves out what a sign-in must be worth, which is
//! the policy's.

use super::{
    Assurance, Nonce, Refusal, Source,
    attested::{self, Host},
    oidc::{self, Provider},
    webauthn::{self, RelyingParty},
    x509,
};
use crate::{clock::Time, secret::Secret};

/// What shows who signed in.
#[derive(Debug)]
pub enum Evidence {
    /// An OpenID Connect ID token in compact form.
    IdToken(Secret),
    /// A WebAuthn assertion: AuthenticationResponseJSON as the browser gave it.
    WebAuthn(Secret),
    /// An existing card's signature over the challenge, in the form that [`x509`] describes.
    Certificate(Secret),
    /// A host's word, in the form that [`attested`] describes.
    Host(Secret),
    /// An ID token whose nonce the host could not set, and the host's word that it is of this
    /// request.
    Relayed {
        /// The ID token in compact form.
        token: Secret,
        /// The host's word over the nonce and the token's hash.
        attestation: Secret,
    },
    /// More than one piece, which the policy combines: two to [`MOST`], none of them several, all
    /// of one person.
    Several(Vec<Evidence>),
}

/// Most pieces of evidence for one request.
pub const MOST: usize = 4;

/// A proof that passed every check of its verifier, not yet on record as used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What it is worth.
    pub assurance: Assurance,
    /// What was signed: the key under which [`Used`](super::Used) remembers it.
    pub signed: Vec<u8>,
    /// When its own limits refuse it anyway: until then it must be remembered as used.
    pub until: Time,
    /// The SubjectPublicKeyInfo (DER) of the existing card that signed, where it was one, and of
    /// the authorities on the path from it to a root.
    pub card_path: Vec<Vec<u8>>,
    /// What its use changes of a WebAuthn credential, in the same transaction.
    pub(super) advance: Option<webauthn::Advance>,
}

impl Accepted {
    /// A proof that leaves nothing behind but that it was used.
    pub fn new(assurance: Assurance, signed: Vec<u8>, until: Time) -> Self {
        Self { assurance, signed, until, card_path: Vec::new(), advance: None }
    }
}

/// Who verifies which evidence: all that a deployment has configured.
#[derive(Debug, Default)]
pub struct Sources {
    /// OpenID providers, each of another issuer.
    pub providers: Vec<Provider>,
    /// The relying party of WebAuthn credentials.
    pub relying_party: Option<RelyingParty>,
    /// The verifier of existing cards.
    pub cards: Option<x509::Verifier>,
    /// Hosts whose word is taken, each of another name.
    pub hosts: Vec<Host>,
}

impl Sources {
    /// Verifies evidence against the nonce of its request: what each single piece is worth, in
    /// their order. Levels, age and `acr` are the policy's to judge, and so is what several are
    /// worth together.
    ///
    /// # Errors
    /// The first check that one of them did not pass; [`Refusal::Pieces`] and [`Refusal::People`]
    /// for several that do not go together.
    pub fn accept(&self, evidence: &Evidence, nonce: &Nonce) -> Result<Vec<Accepted>, Refusal> {
        let Evidence::Several(pieces) = evidence else {
            return Ok(vec![self.accept_one(evidence, nonce)?]);
        };
        if !(2..=MOST).contains(&pieces.len()) {
            return Err(Refusal::Pieces);
        }
        let accept = |piece| self.accept_one(piece, nonce);
        let accepted: Vec<Accepted> = pieces.iter().map(accept).collect::<Result<_, _>>()?;
        let mut people = accepted.iter().map(|one| &one.assurance.person);
        let first = people.next();
        if people.any(|person| Some(person) != first) {
            return Err(Refusal::People);
        }
        Ok(accepted)
    }

    fn accept_one(&self, evidence: &Evidence, nonce: &Nonce) -> Result<Accepted, Refusal> {
        match evidence {
            Evidence::IdToken(token) => {
                self.provider(token.expose())?.accept(token.expose(), nonce)
            }
            Evidence::WebAuthn(answer) => {
                let party = self.relying_party.as_ref().ok_or(webauthn::Fault::Unconfigured)?;
                party.accept(answer.expose(), nonce)
            }
            Evidence::Certificate(answer) => {
                let cards = self.cards.as_ref().ok_or(x509::Fault::Unconfigured)?;
                cards.accept(answer.expose(), nonce)
            }
            Evidence::Host(word) => {
                self.host(word.expose(), attested::VOUCHES)?.accept(word.expose(), nonce)
            }
            Evidence::Relayed { token, attestation } => {
                let (token, attestation) = (token.expose(), attestation.expose());
                let host = self.host(attestation, attested::RELAYS)?;
                let provider = self.provider(token)?;
                host.relays(attestation, nonce, (provider.issuer(), token))?;
                let mut accepted = provider.accept_relayed(token)?;
                accepted.assurance.beside.push(Source::Host(host.name().to_owned()));
                Ok(accepted)
            }
            Evidence::Several(_) => Err(Refusal::Pieces),
        }
    }

    /// The host that has to have signed an attestation: the one that it names.
    fn host(&self, attestation: &[u8], typ: &'static str) -> Result<&Host, Refusal> {
        let named = attested::claimed_host(attestation, typ)?;
        let found = self.hosts.iter().find(|host| host.name() == named);
        Ok(found.ok_or(attested::Fault::Unknown)?)
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
