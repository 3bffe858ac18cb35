//! OpenID Connect ID tokens (OpenID Connect Core 1.0 sections 2 and 3.1.3.7, Discovery 1.0), as
//! CIS2 issues them. Leaves out userinfo, `at_hash` and `c_hash`: no access token comes here.

mod claims;
mod keys;

use super::{
    Accepted, Assurance, Binding, Claim, Document, Fetch, Nonce, Reach, Refusal, Used,
    jose::{Algorithm, Token, signed_part},
    json::{self, Value},
    reach,
};
use crate::clock::Clock;
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
        check(keys::may_follow(&self.issuer, &self.metadata_url()), "metadata_url")?;
        check(self.leeway <= Duration::from_secs(300), "leeway")?;
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
/// out after that, and while the provider cannot be reached the keys at hand serve for the rest of
/// that hour. Between two attempts to fetch lies [`Settings::refetch`], whatever tokens come in and
/// whether the attempt succeeded. No attempt is made for a token of another issuer or request.
#[derive(Debug)]
pub struct Provider {
    settings: Settings,
    /// Why the settings cannot be used, if they cannot.
    unusable: Option<Refusal>,
    trusted_audiences: Vec<String>,
    keys: Keys,
    clock: Arc<dyn Clock>,
}

impl Provider {
    /// A verifier that has fetched nothing yet. Settings that cannot be used refuse every token;
    /// [`Settings::check`] tells so beforehand.
    pub fn new(settings: Settings, fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        let keys = Keys::new(&settings, fetch);
        let unusable = settings.check().err();
        Self { settings, unusable, trusted_audiences: Vec::new(), keys, clock }
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

    /// Verifies an ID token bound to `nonce`. Levels, age and acr are the policy's to judge
    /// ([`Assurance::satisfies`]), not looked at here beyond being well-formed.
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
        self.accept_for(token, Some(nonce))
    }

    /// As [`accept`](Self::accept) for a token that is bound to its request by a host's word
    /// instead of by its nonce, which is not looked at.
    ///
    /// # Errors
    /// As `verify`.
    pub(super) fn accept_relayed(&self, token: &[u8]) -> Result<Accepted, Refusal> {
        let mut accepted = self.accept_for(token, None)?;
        accepted.assurance.binding = Binding::Relayed;
        Ok(accepted)
    }

    fn accept_for(&self, token: &[u8], nonce: Option<&Nonce>) -> Result<Accepted, Refusal> {
        if let Some(refusal) = &self.unusable {
            return Err(refusal.clone());
        }
        let accepts = |name: &str| self.settings.algorithms.iter().any(|known| known == name);
        let signed = signed_part(token).unwrap_or(token).to_vec();
        let token = Token::parse(token, accepts)?;
        let claims =
            claims::Claims { provider: self, object: &token.claims, now: self.clock.now() };
        claims.check_addressed_here(nonce)?;
        self.keys.verify(&token, self.clock.as_ref())?;
        let (assurance, until) = claims.judge()?;
        Ok(Accepted::new(assurance, signed, until))
    }
}

/// What was signed of a token in compact form: the key under which [`Used`] remembers it.
pub fn signed(token: &[u8]) -> Option<&[u8]> {
    signed_part(token)
}

/// The issuer that a token says it is of, to choose the provider by. Nothing is verified.
///
/// # Errors
/// What is wrong with the token's form, or its `iss`.
pub fn claimed_issuer(token: &[u8]) -> Result<String, Refusal> {
    let token = Token::parse(token, |_| true)?;
    let issuer = token.claims.get("iss").ok_or(Refusal::Missing(Claim::Issuer))?;
    issuer.text().map(str::to_owned).ok_or(Refusal::Shape(Claim::Issuer))
}
