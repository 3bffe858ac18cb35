//! The authorization code flow (OpenID Connect Core 1.0 section 3.1) with PKCE by S256 (RFC 7636),
//! for one sign-in: the address that the browser opens, the redirect that comes back (RFC 6749
//! section 4.1.2, RFC 9207), the tokens. Leaves out refreshing: a card never outlives its sign-in.
//!
//! ```text
//! Flow::begin ── url ──▶ browser ── redirect ──▶ Flow::finish: state, iss, error
//!     ─ token request ─ ID token, with at_hash, c_hash, s_hash ─ userinfo ─▶ Tokens
//! ```

mod answer;

use super::{
    Authentication, Beside, Bind, Call, Nonce, Provider, Reach, Refusal, Userinfo,
    client::{is_prompt, is_word},
    reach,
};
use crate::{
    clock::Time,
    crypto::{self, Hash},
    pki::Assurance,
    proof::form::{self, written},
    secret::Secret,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::{fmt, time::Duration};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What one sign-in asks for other than the provider's settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `login_hint`: whom the provider may suggest.
    pub login_hint: Option<String>,
    /// `prompt`.
    pub prompt: Option<String>,
    /// `max_age`.
    pub max_age: Option<Duration>,
    /// `acr_values`; none: the settings'.
    pub acr_values: Vec<String>,
}

/// One sign-in in progress. It serves one redirect.
pub struct Flow {
    provider: Provider,
    nonce: Nonce,
    state: String,
    verifier: Secret,
    redirect_uri: String,
    url: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    /// Whether the provider announces `iss` in each redirect.
    redirect_issuer: bool,
    max_age: Option<Duration>,
}

impl fmt::Debug for Flow {
    /// Without state and verifier.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").field("redirect_uri", &self.redirect_uri).finish_non_exhaustive()
    }
}

/// What a sign-in gave.
#[derive(Debug)]
pub struct Tokens {
    /// The ID token, verified but not yet on record as used.
    pub id_token: Secret,
    /// What it is worth.
    pub assurance: Assurance,
    /// The access token, a bearer's.
    pub access_token: Secret,
    /// The refresh token, where there is one.
    pub refresh_token: Option<Secret>,
    /// When the access token ends, where the provider says so.
    pub expires: Option<Time>,
    /// What userinfo says, where it was asked.
    pub userinfo: Option<Userinfo>,
}

impl Flow {
    /// Begins a sign-in for the request of `nonce` that comes back at `redirect_uri`: plain HTTP on
    /// loopback (RFC 8252 section 7.3) or HTTPS, without a query. Fetches the provider's metadata
    /// where none are at hand.
    ///
    /// # Errors
    /// Settings or metadata that cannot be used, a provider that cannot be reached, no random.
    pub fn begin(
        provider: &Provider,
        nonce: &Nonce,
        redirect_uri: &str,
        asked: &Asked,
    ) -> Result<Self, Refusal> {
        if let Some(refusal) = &provider.unusable {
            return Err(refusal.clone());
        }
        if reach(redirect_uri).is_none() || redirect_uri.contains('?') {
            return Err(Refusal::Setting("redirect_uri"));
        }
        let client = &provider.settings.client;
        let (mut authorization, mut token, mut userinfo) = (
            client.authorization_endpoint.clone(),
            client.token_endpoint.clone(),
            client.userinfo_endpoint.clone(),
        );
        let mut redirect_issuer = false;
        let known = authorization.is_some() && token.is_some();
        if !known || (client.userinfo && userinfo.is_none()) {
            let metadata = provider.keys.metadata(provider.clock.as_ref())?;
            authorization = authorization.or_else(|| metadata.authorization.clone());
            token = token.or_else(|| metadata.token.clone());
            userinfo = userinfo.or_else(|| metadata.userinfo.clone());
            redirect_issuer = metadata.redirect_issuer;
        }
        let authorization = authorization.ok_or(Refusal::Endpoint("authorization_endpoint"))?;
        let token_endpoint = token.ok_or(Refusal::Endpoint("token_endpoint"))?;
        let userinfo_endpoint = match client.userinfo {
            true => Some(userinfo.ok_or(Refusal::Endpoint("userinfo_endpoint"))?),
            false => None,
        };
        let state = match client.bind {
            Bind::Nonce => random()?,
            Bind::State => Zeroizing::new(nonce.as_str().to_owned()),
        };
        let verifier = random()?;
        let mut flow = Self {
            provider: provider.clone(),
            nonce: nonce.clone(),
            state: state.as_str().to_owned(),
            verifier: Secret::copied_from(verifier.as_bytes()),
            redirect_uri: redirect_uri.to_owned(),
            url: String::new(),
            token_endpoint,
            userinfo_endpoint,
            redirect_issuer,
            max_age: asked.max_age.or(client.max_age),
        };
        flow.url = flow.address(&authorization, asked)?;
        Ok(flow)
    }

    /// What the browser opens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the browser comes back.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    fn address(&self, endpoint: &str, asked: &Asked) -> Result<String, Refusal> {
        let settings = &self.provider.settings;
        let client = &settings.client;
        let acr = if asked.acr_values.is_empty() { &client.acr_values } else { &asked.acr_values };
        let prompt = asked.prompt.as_ref().or(client.prompt.as_ref());
        if !acr.iter().all(|word| is_word(word)) {
            return Err(Refusal::Setting("acr_values"));
        }
        if prompt.is_some_and(|prompt| !is_prompt(prompt)) {
            return Err(Refusal::Setting("prompt"));
        }
        let challenge = crypto::digest(Hash::Sha256, self.verifier.expose());
        let challenge = Base64UrlUnpadded::encode_string(&challenge);
        let (scope, acr) = (client.scope(), acr.join(" "));
        let max_age = self.max_age.map(|age| age.as_secs().to_string());
        let mut pairs = vec![
            ("response_type", "code"),
            ("response_mode", "query"),
            ("client_id", settings.client_id.as_str()),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("scope", scope.as_str()),
            ("state", self.state.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        if client.bind == Bind::Nonce {
            pairs.push(("nonce", self.nonce.as_str()));
        }
        if !acr.is_empty() {
            pairs.push(("acr_values", &acr));
        }
        pairs.extend(max_age.as_deref().map(|age| ("max_age", age)));
        pairs.extend(prompt.map(|prompt| ("prompt", prompt.as_str())));
        pairs.extend(asked.login_hint.as_deref().map(|hint| ("login_hint", hint)));
        let join = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{join}{}", written(&pairs).as_str()))
    }

    /// Ends the sign-in with the address that the browser came back to, `redirect_uri` and query:
    /// asks for the tokens, verifies them in full, and asks userinfo where the settings say so.
    ///
    /// # Errors
    /// The first check that the redirect, an answer or the ID token did not pass; the provider's own
    /// word for why there are no tokens.
    pub fn finish(self, redirect: &Secret) -> Result<Tokens, Refusal> {
        let code = self.code(redirect.expose())?;
        let answer = self.provider.call(&self.token_call(&code)?)?;
        let given = answer::read(&answer)?;
        let beside = Beside {
            access_token: Some(&given.access_token),
            code: Some(&code),
            state: Some(&self.state),
        };
        let id_token = Secret::copied_from(given.id_token.as_bytes());
        let accepted = self.provider.accept_for(id_token.expose(), Some(&self.nonce), &beside)?;
        let now = self.provider.clock.now();
        let assurance = accepted.assurance;
        // OpenID Connect Core section 3.1.3.7 rule 13: what was asked for is looked after here.
        if let Some(most) = self.max_age
            && now.since(assurance.authenticated_at)
                > most.saturating_add(self.provider.settings.leeway)
        {
            return Err(Refusal::AuthenticationTooOld);
        }
        let secret = |text: &Zeroizing<String>| Secret::copied_from(text.as_bytes());
        let access_token = secret(&given.access_token);
        let userinfo = match &self.userinfo_endpoint {
            Some(endpoint) => {
                Some(self.provider.userinfo(endpoint, &access_token, &assurance.person)?)
            }
            None => None,
        };
        Ok(Tokens {
            id_token,
            assurance,
            access_token,
            refresh_token: given.refresh_token.as_ref().map(secret),
            expires: given.expires_in.map(|seconds| now.plus(Duration::from_secs(seconds))),
            userinfo,
        })
    }

    /// The code of a redirect. Nothing else of it is believed before `state` has been compared.
    fn code(&self, redirect: &[u8]) -> Result<Zeroizing<String>, Refusal> {
        let query = redirect
            .strip_prefix(self.redirect_uri.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"?"))
            .ok_or(Refusal::Redirect("it is not for this sign-in's redirect_uri"))?;
        let pairs =
            form::pairs(query).ok_or(Refusal::Redirect("its query is malformed or too long"))?;
        let once = |name| {
            let twice = Refusal::Redirect("a parameter stands in it twice");
            form::once(&pairs, name).map_err(|form::Twice| twice)
        };
        let state = once("state")?.ok_or(Refusal::State)?;
        if !bool::from(state.as_bytes().ct_eq(self.state.as_bytes())) {
            return Err(Refusal::State);
        }
        match once("iss")? {
            Some(issuer) if issuer != self.provider.settings.issuer => {
                return Err(Refusal::RedirectIssuer);
            }
            None if self.redirect_issuer => return Err(Refusal::RedirectIssuer),
            _ => {}
        }
        // An answer has a code or an error; one with both is nobody's.
        match (once("code")?, once("error")?) {
            (None, Some(error)) => Err(Refusal::SignIn(answer::word(error))),
            (Some(code), None) if answer::is_token(code) => Ok(Zeroizing::new(code.to_owned())),
            _ => Err(Refusal::Redirect("it has not one code")),
        }
    }

    /// The request for the tokens (section 3.1.3.1).
    fn token_call(&self, code: &str) -> Result<Call<'_>, Refusal> {
        let settings = &self.provider.settings;
        let authentication: Authentication = settings.client.shows();
        let now = self.provider.clock.now();
        let shown = authentication.show(&settings.client_id, &self.token_endpoint, now)?;
        let verifier = std::str::from_utf8(self.verifier.expose())
            .map_err(|_| Refusal::TokenAnswer("the code verifier is gone"))?;
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("code_verifier", verifier),
        ];
        pairs.extend(shown.pairs.iter().map(|(name, value)| (*name, value.as_str())));
        Ok(Call {
            url: &self.token_endpoint,
            authorization: shown.authorization,
            form: Some(Secret::copied_from(written(&pairs).as_bytes())),
            limit: answer::LIMIT,
        })
    }
}

/// Whether a redirect of a native application on loopback may come back here: `http://127.0.0.1`
/// with a port and a path (RFC 8252 section 7.3).
pub fn is_loopback_redirect(uri: &str) -> bool {
    reach(uri) == Some(Reach::Loopback) && !uri.contains('?')
}

/// 32 bytes of random in Base64url, 43 characters: a state, or a code verifier (RFC 7636 section
/// 4.1).
fn random() -> Result<Zeroizing<String>, Refusal> {
    let mut bytes = Zeroizing::new([0; 32]);
    crypto::random(bytes.as_mut())
        .map_err(|_| Refusal::Redirect("this machine gives no random"))?;
    Ok(Zeroizing::new(Base64UrlUnpadded::encode_string(bytes.as_ref())))
}
