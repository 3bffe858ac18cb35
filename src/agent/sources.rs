//! The verifiers of proofs from the configuration, and the verbs on WebAuthn credentials.

use super::{
    Agent, Error,
    audit::{Entry, hex},
    config::{CertificateSettings, Config},
    core::Core,
    parts,
};
use crate::{
    clock::Clock,
    derive,
    pki::UserId,
    proof::{
        Fetch, Refusal, Sources, attested,
        oidc::Provider,
        webauthn::{self, Begun, Credential, RelyingParty},
        x509,
    },
    store::Store,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::{io::Read as _, sync::Arc};

/// All verifiers of a configuration.
pub(super) fn sources(
    config: &Config,
    providers: Vec<Provider>,
    given: Option<&Arc<dyn Fetch>>,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
) -> Result<Sources, Error> {
    let party = config.sources.webauthn.clone();
    let party =
        party.map(|settings| RelyingParty::new(settings, Arc::clone(store), Arc::clone(clock)));
    let cards = config.sources.certificate.as_ref().map(|settings| {
        let documents = Documents { web: web(settings, given)? };
        let verifier =
            x509::Verifier::new(settings.x509.clone(), Arc::new(documents), Arc::clone(clock));
        Ok::<_, Error>(verifier)
    });
    let host = |one: &attested::Settings| attested::Host::new(one.clone(), Arc::clone(clock));
    let hosts = config.sources.hosts.iter().map(host).collect();
    Ok(Sources { providers, relying_party: party, cards: cards.transpose()?, hosts })
}

fn web(
    settings: &CertificateSettings,
    given: Option<&Arc<dyn Fetch>>,
) -> Result<Arc<dyn Fetch>, Error> {
    match given {
        Some(fetch) => Ok(Arc::clone(fetch)),
        None => parts::fetch_over(None, true, settings.proxy.clone()),
    }
}

/// Revocation lists from files that somebody keeps up to date, and from the web.
#[derive(Debug)]
struct Documents {
    web: Arc<dyn Fetch>,
}

impl Fetch for Documents {
    fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, String> {
        let Some(path) = url.strip_prefix("file://") else { return self.web.get(url, limit) };
        let mut bytes = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        std::fs::File::open(path)
            .and_then(|file| file.take(most).read_to_end(&mut bytes))
            .map_err(|error| format!("{path}: {error}"))?;
        if bytes.len() > limit {
            return Err(format!("{path}: the file is too long"));
        }
        Ok(bytes)
    }
}

impl Agent {
    /// What a browser is asked for a WebAuthn sign-in (PublicKeyCredentialRequestOptionsJSON) with
    /// a request's nonce, by a person's credentials or any.
    ///
    /// # Errors
    /// There is no relying party; the store fails.
    pub fn webauthn_options(&self, nonce: &str, person: Option<&UserId>) -> Result<String, Error> {
        self.core.webauthn_options(nonce, person)
    }

    /// Begins to register a WebAuthn credential for a person whom the host vouches for.
    ///
    /// # Errors
    /// There is no relying party; too many; the store fails.
    pub fn webauthn_begin(&self, person: &UserId) -> Result<Begun, Error> {
        self.core.webauthn_begin(person)
    }

    /// Ends a registration with what the browser answered (RegistrationResponseJSON).
    ///
    /// # Errors
    /// Why the credential is not kept.
    pub fn webauthn_finish(&self, registration: &str, answer: &[u8]) -> Result<Credential, Error> {
        self.core.webauthn_finish(registration, answer)
    }

    /// A person's WebAuthn credentials.
    ///
    /// # Errors
    /// There is no relying party; the store fails.
    pub fn webauthn_credentials(&self, person: &UserId) -> Result<Vec<Credential>, Error> {
        self.core.webauthn_list(person)
    }

    /// Removes one of a person's WebAuthn credentials, or all; how many there were.
    ///
    /// # Errors
    /// There is no such credential; the store fails.
    pub fn webauthn_remove(&self, person: &UserId, id: Option<&[u8]>) -> Result<usize, Error> {
        self.core.webauthn_remove(person, id)
    }
}

impl Core {
    fn relying_party(&self) -> Result<&RelyingParty, Error> {
        self.running()?;
        let party = self.deriver.sources().relying_party.as_ref();
        party.ok_or_else(|| refused(webauthn::Fault::Unconfigured))
    }

    /// What the browser is asked for a sign-in.
    pub(super) fn webauthn_options(
        &self,
        nonce: &str,
        person: Option<&UserId>,
    ) -> Result<String, Error> {
        self.relying_party()?.sign_in_options(nonce, person).map_err(refused)
    }

    /// Begins to register a credential.
    pub(super) fn webauthn_begin(&self, person: &UserId) -> Result<Begun, Error> {
        self.deriver.standing_of(person, self.clock.now())?;
        self.relying_party()?.begin(person).map_err(refused)
    }

    /// Ends it, on record before the credential can be used.
    pub(super) fn webauthn_finish(&self, id: &str, answer: &[u8]) -> Result<Credential, Error> {
        let party = self.relying_party()?;
        let outcome = party.finish(id, answer).inspect_err(|refusal| {
            let entry = Entry::new("webauthn-refused").text("why", &refusal.to_string());
            // There is no credential either way.
            let _ = self.record(&entry);
        });
        let credential = outcome.map_err(refused)?;
        let gone = || party.credentials().remove(&credential.person, &credential.id);
        // Somebody may have been taken off the roster since it began.
        if let Err(refusal) = self.deriver.standing_of(&credential.person, self.clock.now()) {
            gone().map_err(refused)?;
            return Err(refusal.into());
        }
        let entry = with_credential(Entry::new("webauthn-registered"), &credential);
        let entry = entry.text("model", &credential.model.to_string());
        let entry = entry.flag("certified", credential.certified);
        if let Err(error) = self.record(&entry) {
            gone().map_err(refused)?;
            return Err(error);
        }
        Ok(credential)
    }

    /// A person's credentials.
    pub(super) fn webauthn_list(&self, person: &UserId) -> Result<Vec<Credential>, Error> {
        self.relying_party()?.credentials().list(person).map_err(refused)
    }

    /// Removes one of a person's credentials, or all; how many there were.
    pub(super) fn webauthn_remove(
        &self,
        person: &UserId,
        id: Option<&[u8]>,
    ) -> Result<usize, Error> {
        let credentials = self.relying_party()?.credentials();
        let removed = match id {
            Some(id) => credentials.remove(person, id).map(usize::from),
            None => credentials.remove_person(person),
        };
        let removed = removed.map_err(refused)?;
        if id.is_some() && removed == 0 {
            return Err(refused(webauthn::Fault::CredentialUnknown));
        }
        let entry = Entry::new("webauthn-removed").text("person", person.as_str());
        let entry = entry.some_text("credential", id.map(hex).as_deref());
        // What takes a credential away is done in any case.
        self.record(&entry.number("count", u64::try_from(removed).unwrap_or(u64::MAX)))?;
        Ok(removed)
    }
}

/// The id of a credential as hosts write it; what is none names none.
pub(super) fn credential_id(text: &str) -> Result<Vec<u8>, Error> {
    let unknown = |_| refused(webauthn::Fault::CredentialUnknown);
    Base64UrlUnpadded::decode_vec(text).map_err(unknown)
}

fn with_credential(entry: Entry, credential: &Credential) -> Entry {
    let entry = entry.text("person", credential.person.as_str());
    entry.text("credential", &hex(&credential.id))
}

fn refused(refusal: impl Into<Refusal>) -> Error {
    Error::Refused(derive::Refusal::Proof(refusal.into()))
}
