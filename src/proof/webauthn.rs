//! WebAuthn credentials (W3C Web Authentication Level 3): registered once (section 7.1), then
//! asserted with the request's nonce as the challenge (section 7.2).
//!
//! ```text
//! begin ─▶ options ── browser, authenticator ──▶ finish: credential, in the store
//! sign_in_options(nonce) ── browser, authenticator ──▶ accept: Accepted ─▶ Used (counter with it)
//! ```
//!
//! The challenge is the nonce's 43 characters as ASCII. Presence and verification of the person
//! are always asked for. Attestation formats other than none and packed, extensions, and
//! algorithms other than ES256, ES384, RS256 and EdDSA are left out.

mod attestation;
mod authenticator;
mod client;
mod credentials;
mod fault;
mod options;
mod registration;
mod settings;

pub use super::cose::Algorithm;
pub use credentials::{Credential, Credentials};
pub use fault::Fault;
pub use registration::{Begun, MOST_CREDENTIALS};
pub use settings::{Aaguid, Models, Settings};

pub(super) use credentials::Advance;

use super::{Accepted, Assurance, Binding, Level, Nonce, Refusal, Source};
use crate::{
    clock::Clock,
    crypto::{self, Hash},
    pki::UserId,
    store::Store,
};
use authenticator::AuthenticatorData;
use client::Answer;
use registration::Pending;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// How long an assertion is remembered as used. The nonce in it is of one request, which waits
/// for minutes, so this only has to be longer than any request waits.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// NIST SP 800-63B-4 section 3.1.7: what can be copied to other devices reaches level 2.
const COPIED: Level = Level(2);

/// Registers credentials for a relying party and verifies their assertions.
#[derive(Debug)]
pub struct RelyingParty {
    settings: Settings,
    /// Why the settings cannot be used, if they cannot.
    unusable: Option<Fault>,
    credentials: Credentials,
    pending: Mutex<Vec<Pending>>,
    clock: Arc<dyn Clock>,
}

impl RelyingParty {
    /// A relying party whose credentials are in `store`. Settings that cannot be used refuse
    /// everything; [`Settings::check`] tells so beforehand.
    pub fn new(settings: Settings, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let unusable = settings.check().err();
        let credentials = Credentials::new(store);
        Self { settings, unusable, credentials, pending: Mutex::default(), clock }
    }

    /// The relying party's id, a domain.
    pub fn id(&self) -> &str {
        &self.settings.id
    }

    /// The registered credentials.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Verifies an assertion (AuthenticationResponseJSON) whose challenge is `nonce`. Its counter
    /// is taken over when the proof is put on record as used.
    ///
    /// # Errors
    /// The first check that it did not pass.
    pub fn accept(&self, answer: &[u8], nonce: &Nonce) -> Result<Accepted, Refusal> {
        self.usable()?;
        let answer = Answer::read(answer)?;
        let is_nonce =
            |challenge: &[u8]| std::str::from_utf8(challenge).is_ok_and(|text| nonce.matches(text));
        answer.check_client_data(&self.settings, "webauthn.get", is_nonce)?;
        let found = self.credentials.find(&answer.id)?;
        let credential = found.ok_or(Fault::CredentialUnknown)?;
        if let Some(handle) = answer.optional("userHandle")?
            && handle != credential.user_handle
        {
            return Err(Fault::UserHandle.into());
        }
        let bytes = answer.member("authenticatorData")?;
        let data = AuthenticatorData::parse(&bytes)?;
        if data.attested.is_some() {
            return Err(Fault::AuthenticatorData("an assertion has no attested credential").into());
        }
        self.check_flags(&data)?;
        if data.backup_eligible != credential.public.backup_eligible {
            return Err(Fault::BackupChanged.into());
        }
        let signed = [bytes.as_slice(), &answer.client_data_hash()].concat();
        if !credential.key.verifies(&signed, &answer.member("signature")?) {
            return Err(Fault::Signature.into());
        }
        if !credentials::advances(credential.public.counter, data.counter) {
            return Err(Fault::Counter.into());
        }
        let now = self.clock.now();
        let step =
            Advance { id: answer.id, counter: data.counter, backed_up: data.backed_up, used: now };
        let mut accepted =
            Accepted::new(self.assurance(&credential.public), signed, now.plus(REMEMBERED));
        accepted.advance = Some(step);
        Ok(accepted)
    }

    /// What an assertion of this credential is worth.
    fn assurance(&self, credential: &Credential) -> Assurance {
        let copied = credential.backup_eligible;
        let held = if credential.certified && !copied { "hwk" } else { "pop" };
        let level = self.settings.authentication;
        Assurance {
            person: credential.person.clone(),
            authentication: if copied { level.min(COPIED) } else { level },
            identity: self.settings.identity,
            context: None,
            methods: [held, "user", "mfa"].map(str::to_owned).to_vec(),
            // Made for this request, so not before it; the moment itself is not signed.
            authenticated_at: self.clock.now(),
            source: Source::WebAuthn(self.settings.id.clone()),
            binding: Binding::Challenge,
            session: None,
            beside: Vec::new(),
            offline: false,
        }
    }

    /// What both ceremonies check of the authenticator data.
    fn check_flags(&self, data: &AuthenticatorData<'_>) -> Result<(), Fault> {
        if data.relying_party != crypto::digest(Hash::Sha256, self.settings.id.as_bytes()) {
            return Err(Fault::RelyingParty);
        }
        if !data.present {
            return Err(Fault::Presence);
        }
        if !data.verified {
            return Err(Fault::Verification);
        }
        if data.backed_up && !data.backup_eligible {
            return Err(Fault::BackupState);
        }
        if data.backup_eligible && !self.settings.backup_eligible {
            return Err(Fault::BackupEligible);
        }
        Ok(())
    }

    fn usable(&self) -> Result<(), Fault> {
        self.unusable.map_or(Ok(()), Err)
    }

    /// PublicKeyCredentialRequestOptionsJSON for a request's nonce, for the credentials of
    /// `person` where it is known who signs in, else for whatever the authenticator holds.
    ///
    /// # Errors
    /// The settings, the store.
    pub fn sign_in_options(&self, nonce: &str, person: Option<&UserId>) -> Result<String, Refusal> {
        self.usable()?;
        let known = person.map(|person| self.credentials.list(person)).transpose()?;
        Ok(options::request(&self.settings, nonce.as_bytes(), &known.unwrap_or_default()))
    }
}
