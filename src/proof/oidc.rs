//! OpenID Connect ID tokens (OpenID Connect Core 1.0 sections 2 and 3.1.3.7, Discovery 1.0), as
//! CIS2 issues them, and the way to one: [`Flow`]. A [`Provider`] also verifies [logout
//! tokens](Provider::verify_logout). Leaves out implicit and hybrid flows, encrypted tokens, and
//! dynamic registration.

mod claims;
mod client;
mod flight;
mod flow;
mod keys;
mod logout;
mod metadata;
mod preset;
mod userinfo;

pub use client::{Authentication, Bind, Client, Credential};
pub use flow::is_loopback_redirect;
pub use flow::{Asked, Flow, Tokens};
pub use logout::Logout;
pub use preset::Preset;
pub use userinfo::{Role, Userinfo};

use super::{
    Accepted, Answer, Assurance, Call, Claim, Document, Fetch, Nonce, Reach, Refusal, Used,
    jose::{Algorithm, JWT, Token, Typ, signed_part},
    json::{self, Value},
    reach,
};
use crate::{clock::Clock, store::Store};
use keys::Keys;
use std::{sync::Arc, time::Duration};

/// How a provider is verified.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `iss`, compared exactly, `:443` and all.
    pub issuer: String,
    /// Our client id: must be in `aud`.
    pub client_id: String,
    /// Where the metadata is; default `issuer` + `/.well-known/openid-configuration`.
    pub metadata_url: Option<String>,
    /// A key set handed in instead of fetched (JWKS JSON). Nothing is fetched then.
    pub key_set: Option<String>,
    /// Clock difference that is tolerated; at most five minutes.
    pub leeway: Duration,
    /// Least time between two fetches of the key set, successful or not.
    pub refetch: Duration,
    /// Signature algorithms that are accepted, as `alg` writes them.
    pub algorithms: Vec<String>,
    /// How old keys may be that serve while the provider cannot be reached, beyond the hour for
    /// which any do; at most a week. What they verify is marked
    /// [`offline`](Assurance::offline), for the policy to judge.
    pub stale_keys: Duration,
    /// Whether a token that is bound to no request is accepted for what it is
    /// ([`Binding::Unbound`](super::Binding::Unbound)), for the policy to judge.
    pub unbound: bool,
    /// How people are signed in from here, for [`Flow`].
    pub client: Client,
}

impl Settings {
    /// Settings for an issuer and our client id at it: metadata where Discovery 1.0 section 4 puts
    /// it, a minute of leeway, a fetch a minute at most, RS, PS and ES with 256 to 512 bits.
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            metadata_url: None,
            key_set: None,
            leeway: Duration::from_secs(60),
            refetch: Duration::from_secs(60),
            algorithms: Algorithm::names().map(str::to_owned).collect(),
            stale_keys: Duration::from_secs(24 * 3600),
            unbound: false,
            client: Client::default(),
        }
    }

    /// Whether these settings can be used, for a configuration that is checked before it is.
    ///
    /// # Errors
    /// [`Refusal::Setting`] with the setting's name; what is wrong with the key set.
    pub fn check(&self) -> Result<(), Refusal> {
        let check = |good: bool, name| if good { Ok(()) } else { Err(Refusal::Setting(name)) };
        check(reach(&self.issuer).is_some() && !self.issuer.contains('?'), "issuer")?;
        check(!self.client_id.is_empty(), "client_id")?;
        check(metadata::may_follow(&self.issuer, &self.metadata_url()), "metadata_url")?;
        check(self.leeway <= Duration::from_secs(300), "leeway")?;
        check(self.stale_keys <= Duration::from_secs(7 * 86_400), "stale_keys")?;
        self.client.check(&self.issuer)?;
        let known = |name: &String| Algorithm::names().any(|known| known == name);
        check(!self.algorithms.is_empty() && self.algorithms.iter().all(known), "algorithms")?;
        match &self.key_set {
            Some(text) => keys::parse(text.as_bytes()).map(drop),
            None => Ok(()),
        }
    }

    fn metadata_url(&self) -> String {
        // Discovery 1.0 section 4.1: a terminating slash of the issuer is removed first.
        let issuer = self.issuer.strip_suffix('/').unwrap_or(&self.issuer);
        self.metadata_url
            .clone()
            .unwrap_or_else(|| format!("{issuer}/.well-known/openid-configuration"))
    }
}

/// A provider's verifier: keys cached, fetched again for an unknown `kid` at a limited rate.
///
/// Metadata and key set are used for at most an hour after they were fetched; a withdrawn key is
/// out after that. While the provider cannot be reached the keys at hand serve for the rest of that
/// hour, and then for [`Settings::stale_keys`], which is told of what they verify. Between two attempts to fetch lies [`Settings::refetch`], whatever tokens come in and
/// whether the attempt succeeded. No attempt is made for a token of another issuer or request.
/// A clone shares keys and limits.
#[derive(Clone, Debug)]
pub struct Provider {
    settings: Arc<Settings>,
    /// Why the settings cannot be used, if they cannot.
    unusable: Option<Refusal>,
    trusted_audiences: Vec<String>,
    keys: Arc<Keys>,
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
}

impl Provider {
    /// A verifier that has fetched nothing yet. Settings that cannot be used refuse every token;
    /// [`Settings::check`] tells so beforehand.
    pub fn new(settings: Settings, fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        let keys = Arc::new(Keys::new(&settings, Arc::clone(&fetch), None));
        let unusable = settings.check().err();
        let settings = Arc::new(settings);
        Self { settings, unusable, trusted_audiences: Vec::new(), keys, fetch, clock }
    }

    /// Keeps the last key set in a table of `store`, so that it also serves after a restart.
    #[must_use]
    pub fn keeping_keys_in(mut self, store: Arc<dyn Store>) -> Self {
        self.keys = Arc::new(Keys::new(&self.settings, Arc::clone(&self.fetch), Some(store)));
        self
    }

    /// Trusts these audiences beside our own client id (OpenID Connect Core section 3.1.3.7 rule
    /// 3). Without this a token that names any other audience is refused.
    #[must_use]
    pub fn trusting_audiences(mut self, audiences: Vec<String>) -> Self {
        self.trusted_audiences = audiences;
        self
    }

    /// The issuer that this verifies tokens of.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// How it is verified and asked.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Verifies an ID token bound to `nonce`. Levels, age and acr are the policy's to judge,
    /// not looked at here beyond being well-formed.
    ///
    /// # Errors
    /// The first check that it did not pass.
    pub fn verify(&self, token: &[u8], nonce: &Nonce) -> Result<Assurance, Refusal> {
        self.accept(token, nonce).map(|accepted| accepted.assurance)
    }

    /// As [`verify`](Self::verify), and records that the token has been used.
    ///
    /// # Errors
    /// As `verify`; [`Refusal::Replayed`] the second time; [`Refusal::Store`] if it cannot be
    /// recorded.
    pub fn verify_once(
        &self,
        token: &[u8],
        nonce: &Nonce,
        used: &Used,
    ) -> Result<Assurance, Refusal> {
        let accepted = self.accept(token, nonce)?;
        match used.first_use(&accepted.signed, accepted.until, self.clock.now()) {
            Ok(true) => Ok(accepted.assurance),
            Ok(false) => Err(Refusal::Replayed),
            Err(error) => Err(Refusal::Store(error.to_string())),
        }
    }

    /// As [`verify`](Self::verify), with the time until which the token must be remembered.
    ///
    /// Cheap checks first: what is wrong in form, of another issuer or for another request never
    /// causes a fetch or a signature check. The other claims are read once the signature stands.
    ///
    /// # Errors
    /// As `verify`.
    pub fn accept(&self, token: &[u8], nonce: &Nonce) -> Result<Accepted, Refusal> {
        self.accept_for(token, Some(nonce), &Beside::default())
    }

    /// As [`accept`](Self::accept) for a token that is bound to its request by a host's word
    /// instead of by its nonce, which is not looked at.
    ///
    /// # Errors
    /// As `verify`.
    pub(super) fn accept_relayed(&self, token: &[u8]) -> Result<Accepted, Refusal> {
        self.accept_for(token, None, &Beside::default())
    }

    /// As [`accept`](Self::accept), for a token that came with something whose hash it may carry;
    /// no nonce where it is relayed.
    fn accept_for(
        &self,
        token: &[u8],
        nonce: Option<&Nonce>,
        beside: &Beside<'_>,
    ) -> Result<Accepted, Refusal> {
        let signed = signed_part(token).unwrap_or(token).to_vec();
        let token = self.parse(JWT, token)?;
        let claims = self.claims(&token);
        let binding = claims.check_addressed_here(nonce)?;
        claims.check_hashes(beside)?;
        let offline = self.keys.verify(&token, self.clock.as_ref())?;
        let (mut assurance, until) = claims.judge()?;
        (assurance.binding, assurance.offline) = (binding, offline);
        Ok(Accepted::new(assurance, signed, until))
    }

    /// Takes a token of one of these types apart, by the algorithms of the settings.
    fn parse<'t>(&self, types: Typ<'_>, token: &'t [u8]) -> Result<Token<'t>, Refusal> {
        if let Some(refusal) = &self.unusable {
            return Err(refusal.clone());
        }
        let accepts = |name: &str| self.settings.algorithms.iter().any(|known| known == name);
        Token::parse(types, token, accepts)
    }

    fn claims<'a>(&'a self, token: &'a Token<'_>) -> claims::Claims<'a> {
        claims::Claims {
            provider: self,
            object: &token.claims,
            hash: token.algorithm.hash(),
            now: self.clock.now(),
        }
    }

    /// Calls one of the provider's endpoints; an answer is at most `call.limit` long.
    fn call(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let answer = self.fetch.call(call).map_err(Refusal::Unreachable)?;
        if answer.body.len() > call.limit {
            return Err(Refusal::Unreachable("the answer is too long".to_owned()));
        }
        Ok(answer)
    }
}

/// What came together with an ID token, as far as it is known.
#[derive(Debug, Default)]
struct Beside<'a> {
    access_token: Option<&'a str>,
    code: Option<&'a str>,
    state: Option<&'a str>,
}

/// What was signed of a token in compact form: the key under which [`Used`] remembers it.
pub fn signed(token: &[u8]) -> Option<&[u8]> {
    signed_part(token)
}

/// The issuer that an ID token or logout token says it is of, to choose the provider by. Nothing is
/// verified.
///
/// # Errors
/// What is wrong with the token's form, or its `iss`.
pub fn claimed_issuer(token: &[u8]) -> Result<String, Refusal> {
    let token = Token::parse(Typ::AnyOf(&logout::TYPES), token, |_| true)?;
    let issuer = token.claims.get("iss").ok_or(Refusal::Missing(Claim::Issuer))?;
    issuer.text().map(str::to_owned).ok_or(Refusal::Shape(Claim::Issuer))
}
