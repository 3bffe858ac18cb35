//! What the browser hands over: the answer in its JSON form (WebAuthn Level 3 section 5.1, toJSON)
//! and the client data in it (section 5.8.1).

use super::{Fault, Settings};
use crate::{
    crypto::{self, Hash},
    proof::{
        Document, Refusal,
        json::{self, Object, Value},
    },
};
use base64ct::{Base64UrlUnpadded, Encoding};

/// Longest answer that is looked at, in bytes.
const LONGEST: usize = 64 * 1024;

/// An answer of `navigator.credentials`, not yet believed in anything.
#[derive(Debug)]
pub(super) struct Answer {
    /// The credential's id.
    pub(super) id: Vec<u8>,
    /// Members of `response`.
    response: Object,
    /// The client data as they were hashed.
    client_data: Vec<u8>,
}

impl Answer {
    /// Reads RegistrationResponseJSON or AuthenticationResponseJSON. Members that only repeat
    /// what is signed are not looked at.
    pub(super) fn read(json: &[u8]) -> Result<Self, Refusal> {
        if json.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        let mut answer = json::object(json, Document::Answer)?;
        let text = |name| answer.get(name).and_then(Value::text);
        if text("type") != Some("public-key") {
            return Err(Fault::Answer("type").into());
        }
        let id = text("id").ok_or(Fault::Answer("id"))?;
        if text("rawId").is_some_and(|raw| raw != id) {
            return Err(Fault::Answer("rawId").into());
        }
        let id = decoded(id).ok_or(Fault::Answer("id"))?;
        let Some(Value::Object(response)) = answer.remove("response") else {
            return Err(Fault::Answer("response").into());
        };
        let client_data = member(&response, "clientDataJSON")?;
        Ok(Self { id, response, client_data })
    }

    /// A member of the response, decoded.
    pub(super) fn member(&self, name: &'static str) -> Result<Vec<u8>, Fault> {
        member(&self.response, name)
    }

    /// The same, where it may be absent or null.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<Vec<u8>>, Fault> {
        match self.response.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.member(name).map(Some),
        }
    }

    /// SHA-256 of the client data: the second half of what the authenticator signed.
    pub(super) fn client_data_hash(&self) -> Vec<u8> {
        crypto::digest(Hash::Sha256, &self.client_data)
    }

    /// Checks ceremony, challenge and origin. `is_challenge` judges the decoded challenge.
    pub(super) fn check_client_data(
        &self,
        settings: &Settings,
        ceremony: &str,
        is_challenge: impl FnOnce(&[u8]) -> bool,
    ) -> Result<(), Refusal> {
        let data = json::object(&self.client_data, Document::ClientData)?;
        let text = |name| {
            let value = data.get(name).and_then(Value::text);
            value.ok_or(Fault::ClientData(name))
        };
        if text("type")? != ceremony {
            return Err(Fault::Ceremony.into());
        }
        let challenge = decoded(text("challenge")?).ok_or(Fault::ClientData("challenge"))?;
        if !is_challenge(&challenge) {
            return Err(Fault::Challenge.into());
        }
        let origin = text("origin")?;
        if !settings.origins.iter().any(|known| known == origin) {
            return Err(Fault::Origin.into());
        }
        let crossed = match data.get("crossOrigin") {
            None => false,
            Some(Value::Bool(crossed)) => *crossed,
            Some(_) => return Err(Fault::ClientData("crossOrigin").into()),
        };
        let top = data.contains_key("topOrigin").then(|| text("topOrigin")).transpose()?;
        let allowed = |top: &str| settings.top_origins.iter().any(|known| known == top);
        match (crossed, top) {
            (false, None) => Ok(()),
            (true, Some(top)) if allowed(top) => Ok(()),
            _ => Err(Fault::CrossOrigin.into()),
        }
    }
}

fn member(response: &Object, name: &'static str) -> Result<Vec<u8>, Fault> {
    let text = response.get(name).and_then(Value::text);
    text.and_then(decoded).ok_or(Fault::Answer(name))
}

/// Base64url without padding, in its one spelling.
fn decoded(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}
