//! The code flow (OpenID Connect Core 1.0 section 3.1) and logout tokens of the test provider. It
//! has no pages: a test says who has signed in at an address, and gets the redirect.

use super::{CLIENT_ID, Error, IdToken, PERSON, Provider, Shared};
use crate::{
    crypto::{self, Hash},
    proof::form,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::json;
use std::io::Read as _;
use tiny_http::{Header, Request, Response};

/// A code that has been issued, with what it is exchanged for.
#[derive(Debug)]
pub(super) struct Issued {
    code: String,
    challenge: String,
    redirect_uri: String,
    answer: String,
}

/// The event of a logout token.
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

impl Provider {
    /// [`PERSON`] signs in at the address that a flow begins with; where the browser comes back to,
    /// `error=invalid_request` if the address is not a good one.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn visit(&self, url: &str) -> Result<String, Error> {
        self.visit_as(url, |token| token)
    }

    /// As [`visit`](Self::visit), with the ID token as `change` makes it.
    ///
    /// # Errors
    /// As `visit`.
    pub fn visit_as(
        &self,
        url: &str,
        change: impl FnOnce(IdToken) -> IdToken,
    ) -> Result<String, Error> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let pairs = form::pairs(query.as_bytes()).unwrap_or_default();
        let value = |name: &str| form::once(&pairs, name).ok().flatten().unwrap_or_default();
        let (redirect_uri, state) = (value("redirect_uri").to_owned(), value("state"));
        let good = url.starts_with(&format!("{}/authorize?", self.issuer()))
            && value("response_type") == "code"
            && value("client_id") == CLIENT_ID
            && value("code_challenge_method") == "S256"
            && value("scope").split(' ').any(|scope| scope == "openid");
        if !good {
            let error = [("error", "invalid_request"), ("state", state), ("iss", self.issuer())];
            return Ok(format!("{redirect_uri}?{}", form::written(&error).as_str()));
        }
        let (code, access) = (random()?, random()?);
        let token = match value("nonce") {
            "" => self.sign_in("").without("nonce").claim("s_hash", half(state)),
            nonce => self.sign_in(nonce),
        };
        let token = token.claim("at_hash", half(&access)).claim("c_hash", half(&code));
        let answer = json!({
            "access_token": access, "token_type": "Bearer", "expires_in": 300,
            "id_token": change(token).sign()?,
        });
        self.shared.codes().push(Issued {
            code: code.clone(),
            challenge: value("code_challenge").to_owned(),
            redirect_uri: redirect_uri.clone(),
            answer: answer.to_string(),
        });
        let back = [("code", code.as_str()), ("state", state), ("iss", self.issuer())];
        Ok(format!("{redirect_uri}?{}", form::written(&back).as_str()))
    }

    /// A logout token about the session of [`Provider::sign_in`]'s tokens, about to be signed or
    /// broken.
    ///
    /// # Errors
    /// [`Error::Crypto`] without random.
    pub fn logout(&self) -> Result<IdToken, Error> {
        let now = self.clock.now().unix_seconds();
        let token = self.sign_in("");
        let gone = [
            "azp",
            "auth_time",
            "nonce",
            "acr",
            "amr",
            "at_hash",
            "id_assurance_level",
            "authentication_assurance_level",
            "selected_roleid",
        ];
        let token = gone.into_iter().fold(token, IdToken::without);
        Ok(token
            .header("typ", "logout+jwt")
            .claim("sub", PERSON)
            .claim("exp", now.saturating_add(120))
            .claim("jti", random()?)
            .claim("events", json!({LOGOUT: {}})))
    }
}

impl Shared {
    /// Answers the token endpoint: a code serves once, for who shows its verifier.
    pub(super) fn exchange(&self, mut request: Request) {
        let mut body = Vec::new();
        let read = request.as_reader().take(64 * 1024).read_to_end(&mut body);
        let pairs = read.ok().and_then(|_| form::pairs(&body)).unwrap_or_default();
        let value = |name: &str| form::once(&pairs, name).ok().flatten().unwrap_or_default();
        let verifier = crypto::digest(Hash::Sha256, value("code_verifier").as_bytes());
        let issued = {
            let mut codes = self.codes();
            let place = codes.iter().position(|issued| issued.code == value("code"));
            place.map(|place| codes.swap_remove(place))
        };
        let good = issued.filter(|issued| {
            value("grant_type") == "authorization_code"
                && value("redirect_uri") == issued.redirect_uri
                && Base64UrlUnpadded::encode_string(&verifier) == issued.challenge
        });
        let (status, text) = match good {
            Some(issued) => (200, issued.answer),
            None => (400, r#"{"error":"invalid_grant"}"#.to_owned()),
        };
        let response = Response::from_string(text).with_status_code(status);
        let kind = Header::from_bytes("Content-Type", "application/json");
        let response = match kind {
            Ok(kind) => response.with_header(kind),
            Err(()) => response,
        };
        // Whoever asked may have gone.
        let _ = request.respond(response);
    }
}

/// The left half of the hash of a text, as RS256 and ES256 have it.
fn half(text: &str) -> String {
    let digest = crypto::digest(Hash::Sha256, text.as_bytes());
    Base64UrlUnpadded::encode_string(digest.get(..16).unwrap_or_default())
}

fn random() -> Result<String, Error> {
    let mut bytes = [0; 32];
    crypto::random(&mut bytes)?;
    Ok(Base64UrlUnpadded::encode_string(&bytes))
}
