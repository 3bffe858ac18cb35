//! Evidence and WebAuthn credentials as hosts write them, and the client's verbs for them.

use super::{
    Client, Error,
    message::{Ask, CardLine, Hidden, Passcode, Reply},
};
use crate::{
    agent::RequestId,
    derive::Evidence,
    proof::{MOST, webauthn},
    secret::Secret,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

/// One piece of evidence, or several, as JSON:
///
/// ```
/// use wardcard::agent::host::Piece;
/// for text in [
///     r#"{"id_token": "eyJ..."}"#,
///     r#"{"webauthn": "{\"id\": ...}"}"#,
///     r#"{"certificate": "{\"scheme\": ...}"}"#,
///     r#"{"host": "eyJ..."}"#,
///     r#"{"relayed": {"id_token": "eyJ...", "attestation": "eyJ..."}}"#,
///     r#"{"several": [{"webauthn": "..."}, {"host": "eyJ..."}]}"#,
/// ] {
///     assert!(Piece::read(text.as_bytes()).is_some(), "{text}");
/// }
/// ```
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Piece {
    /// An OpenID Connect ID token.
    IdToken(Hidden),
    /// AuthenticationResponseJSON of the browser.
    Webauthn(Hidden),
    /// The answer of an existing card ([`crate::proof::x509`]).
    Certificate(Hidden),
    /// The word of a host ([`crate::proof::attested`]).
    Host(Hidden),
    /// An ID token that the host relays.
    Relayed {
        /// The token.
        id_token: Hidden,
        /// The host's word.
        attestation: Hidden,
    },
    /// More than one, none of them several.
    Several(Vec<Piece>),
}

impl Piece {
    /// Reads the JSON form.
    pub fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }
}

impl From<Piece> for Evidence {
    fn from(piece: Piece) -> Self {
        match piece {
            Piece::IdToken(Hidden(token)) => Self::IdToken(token),
            Piece::Webauthn(Hidden(answer)) => Self::WebAuthn(answer),
            Piece::Certificate(Hidden(answer)) => Self::Certificate(answer),
            Piece::Host(Hidden(word)) => Self::Host(word),
            Piece::Relayed { id_token, attestation } => {
                Self::Relayed { token: id_token.0, attestation: attestation.0 }
            }
            // One too many is kept, so that its number is refused by name.
            Piece::Several(all) => Self::Several(
                all.into_iter()
                    .take(MOST + 1)
                    .map(|piece| match piece {
                        Piece::Several(_) => Self::Several(Vec::new()),
                        single => single.into(),
                    })
                    .collect(),
            ),
        }
    }
}

/// A WebAuthn credential as hosts are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialLine {
    /// Its id, base64url.
    pub credential: String,
    /// The person's 12 digits.
    pub person: String,
    /// The authenticator's model, a UUID.
    pub model: String,
    /// Whether the model was shown by certificates.
    pub certified: bool,
    /// ES256, ES384, RS256 or EdDSA.
    pub algorithm: String,
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
    /// When it was registered, RFC 3339.
    pub registered: String,
    /// When it was last used, RFC 3339.
    pub used: Option<String>,
}

impl From<&webauthn::Credential> for CredentialLine {
    fn from(one: &webauthn::Credential) -> Self {
        Self {
            credential: Base64UrlUnpadded::encode_string(&one.id),
            person: one.person.as_str().to_owned(),
            model: one.model.to_string(),
            certified: one.certified,
            algorithm: one.algorithm.name().to_owned(),
            backup_eligible: one.backup_eligible,
            registered: one.registered.to_string(),
            used: one.used.map(|used| used.to_string()),
        }
    }
}

/// A registration that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrationLine {
    /// By which it is finished.
    pub registration: String,
    /// PublicKeyCredentialCreationOptionsJSON.
    pub options: String,
    /// Until when it waits, RFC 3339.
    pub expires: String,
}

impl From<webauthn::Begun> for RegistrationLine {
    fn from(begun: webauthn::Begun) -> Self {
        let expires = begun.expires.to_string();
        Self { registration: begun.id, options: begun.options, expires }
    }
}

impl Client {
    /// Proves a request with evidence of any kind; the card is there when this returns.
    ///
    /// # Errors
    /// Why no card came of it.
    pub fn prove_by(
        &self,
        request: &RequestId,
        evidence: Piece,
        passcode: Passcode,
    ) -> Result<CardLine, Error> {
        let request = request.as_str().to_owned();
        match self.ask(&Ask::ProveBy { request, evidence, passcode })? {
            Reply::Card(card) => Ok(*card),
            _ => Err(Error::Answer),
        }
    }

    /// What the browser is asked for a sign-in with this request's nonce:
    /// PublicKeyCredentialRequestOptionsJSON, for a person's credentials or for any.
    ///
    /// # Errors
    /// Why not.
    pub fn webauthn_options(&self, nonce: &str, person: Option<&str>) -> Result<String, Error> {
        let (nonce, person) = (nonce.to_owned(), person.map(str::to_owned));
        match self.ask(&Ask::WebauthnOptions { nonce, person })? {
            Reply::Options(options) => Ok(options),
            _ => Err(Error::Answer),
        }
    }

    /// Begins to register a WebAuthn credential for a person whom the host vouches for.
    ///
    /// # Errors
    /// Why not.
    pub fn webauthn_begin(&self, person: &str) -> Result<RegistrationLine, Error> {
        match self.ask(&Ask::WebauthnBegin { person: person.to_owned() })? {
            Reply::Registration(begun) => Ok(begun),
            _ => Err(Error::Answer),
        }
    }

    /// Ends a registration with what the browser answered (RegistrationResponseJSON).
    ///
    /// # Errors
    /// Why the credential is not kept.
    pub fn webauthn_finish(
        &self,
        registration: &str,
        answer: &Secret,
    ) -> Result<CredentialLine, Error> {
        let registration = registration.to_owned();
        let answer = Hidden(answer.clone());
        match self.ask(&Ask::WebauthnFinish { registration, answer })? {
            Reply::Credential(credential) => Ok(credential),
            _ => Err(Error::Answer),
        }
    }

    /// A person's WebAuthn credentials.
    ///
    /// # Errors
    /// Why not.
    pub fn webauthn_credentials(&self, person: &str) -> Result<Vec<CredentialLine>, Error> {
        match self.ask(&Ask::WebauthnCredentials { person: person.to_owned() })? {
            Reply::Credentials(all) => Ok(all),
            _ => Err(Error::Answer),
        }
    }

    /// Removes one of a person's WebAuthn credentials, or all of them.
    ///
    /// # Errors
    /// Why not.
    pub fn webauthn_remove(&self, person: &str, credential: Option<&str>) -> Result<(), Error> {
        let (person, credential) = (person.to_owned(), credential.map(str::to_owned));
        match self.ask(&Ask::WebauthnRemove { person, credential })? {
            Reply::Done {} => Ok(()),
            _ => Err(Error::Answer),
        }
    }
}
