//! Registration of a credential for a person whom the host vouches for (WebAuthn Level 3 section
//! 7.1).

use super::{
    Aaguid, Credential, Fault, Models, RelyingParty,
    attestation::{AttestationObject, Shown},
    authenticator::AuthenticatorData,
    client::Answer,
    credentials::Held,
    options,
};
use crate::{clock::Time, crypto, pki::UserId, proof::Refusal};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::{
    sync::{MutexGuard, PoisonError},
    time::Duration,
};
use subtle::ConstantTimeEq;

/// Most credentials of one person.
pub const MOST_CREDENTIALS: usize = 16;

/// Most registrations in progress.
const MOST_PENDING: usize = 64;

/// How long a registration may take.
const LIFE: Duration = Duration::from_secs(10 * 60);

/// A registration in progress, as the host sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// By which it is finished.
    pub id: String,
    /// PublicKeyCredentialCreationOptionsJSON, for `navigator.credentials.create`.
    pub options: String,
    /// Until when it waits.
    pub expires: Time,
}

/// A registration in progress.
#[derive(Debug)]
pub(super) struct Pending {
    id: String,
    person: UserId,
    user_handle: [u8; 32],
    challenge: [u8; 32],
    expires: Time,
}

impl RelyingParty {
    /// Begins to register a credential for this person, on the host's word that it is them.
    ///
    /// # Errors
    /// The settings; [`Fault::TooMany`], [`Fault::Busy`]; the store; no random.
    pub fn begin(&self, person: &UserId) -> Result<Begun, Refusal> {
        self.usable()?;
        let now = self.clock.now();
        let known = self.credentials.list_held(person)?;
        if known.len() >= MOST_CREDENTIALS {
            return Err(Fault::TooMany(known.len()).into());
        }
        let (mut challenge, mut user_handle, mut id) = ([0; 32], [0; 32], [0; 16]);
        for bytes in [&mut challenge[..], &mut user_handle[..], &mut id[..]] {
            crypto::random(bytes).map_err(|error| Refusal::Store(error.to_string()))?;
        }
        // Authenticators keep one credential for each handle: a person has one for all.
        if let Some(one) = known.first() {
            user_handle = one.user_handle;
        }
        let id = Base64UrlUnpadded::encode_string(&id);
        let expires = now.plus(LIFE);
        let known: Vec<Credential> = known.into_iter().map(|held| held.public).collect();
        let options = options::creation(&self.settings, &challenge, (person, &user_handle), &known);
        let mut pending = self.pending();
        pending.retain(|one| now < one.expires);
        if pending.len() >= MOST_PENDING {
            return Err(Fault::Busy.into());
        }
        let person = person.clone();
        pending.push(Pending { id: id.clone(), person, user_handle, challenge, expires });
        Ok(Begun { id, options, expires })
    }

    /// Verifies what the browser answered (RegistrationResponseJSON) and keeps the credential. The
    /// registration is used up whatever comes of it.
    ///
    /// # Errors
    /// [`Fault::RegistrationUnknown`]; the first check of section 7.1 that it did not pass; the
    /// store.
    pub fn finish(&self, id: &str, answer: &[u8]) -> Result<Credential, Refusal> {
        self.usable()?;
        let now = self.clock.now();
        let pending = {
            let mut all = self.pending();
            let place = all.iter().position(|one| one.id == id);
            place.map(|place| all.swap_remove(place))
        };
        let pending = pending.filter(|one| now < one.expires).ok_or(Fault::RegistrationUnknown)?;
        let answer = Answer::read(answer)?;
        let is_ours = |challenge: &[u8]| challenge.ct_eq(&pending.challenge).into();
        answer.check_client_data(&self.settings, "webauthn.create", is_ours)?;
        let bytes = answer.member("attestationObject")?;
        let object = AttestationObject::parse(&bytes)?;
        let data = AuthenticatorData::parse(object.authenticator_data)?;
        self.check_flags(&data)?;
        let absent = Fault::AuthenticatorData("the attested credential is missing");
        let attested = data.attested.as_ref().ok_or(absent)?;
        if !self.settings.algorithms.contains(&attested.key.algorithm()) {
            return Err(Fault::Key.into());
        }
        if attested.id != answer.id {
            return Err(Fault::CredentialId.into());
        }
        let roots = &self.settings.attestation_roots;
        let shown = object.verify(attested, &answer.client_data_hash(), roots, now)?;
        self.check_model(Aaguid(attested.model), shown)?;
        let held = Held {
            public: Credential {
                id: answer.id,
                person: pending.person,
                model: Aaguid(attested.model),
                certified: shown == Shown::Certified,
                algorithm: attested.key.algorithm(),
                counter: data.counter,
                backup_eligible: data.backup_eligible,
                backed_up: data.backed_up,
                registered: now,
                used: None,
            },
            user_handle: pending.user_handle,
            key_bytes: attested.key_bytes.to_vec(),
            key: attested.key.clone(),
        };
        self.credentials.register(&held)?;
        Ok(held.public)
    }

    fn check_model(&self, model: Aaguid, shown: Shown) -> Result<(), Fault> {
        let Models::Listed(listed) = &self.settings.models else { return Ok(()) };
        if shown == Shown::Claimed && !self.settings.unattested {
            return Err(Fault::Unattested);
        }
        if listed.contains(&model) { Ok(()) } else { Err(Fault::Model) }
    }

    fn pending(&self) -> MutexGuard<'_, Vec<Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
