//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6): the provider tells
//! that a session, or a person everywhere, has signed out.

use super::{Claim, Provider, Refusal, Typ, Used, Value};
use crate::{clock::Time, pki::UserId};

/// The member of `events` that makes a token one of logout.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Types that a logout token may have: its own, or the one of every JWT, since the specification
/// only recommends its own. What keeps others out is `events`, and that there is no `nonce`.
pub(super) const TYPES: [&str; 3] = ["logout+jwt", "application/logout+jwt", "JWT"];

/// A logout token that passed every check, not yet on record as used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    /// The provider.
    pub issuer: String,
    /// `sid`: the session that has ended.
    pub session: Option<String>,
    /// `sub`: whose sessions have ended, all of them where there is no `sid`.
    pub person: Option<UserId>,
    /// When the provider said so; never after the moment of verification.
    pub issued: Time,
    /// Issuer and `jti`: the key under which [`Used`] remembers it.
    pub unique: Vec<u8>,
    /// When its own limits refuse it anyway.
    pub until: Time,
}

impl Provider {
    /// Verifies a logout token: type, algorithm, issuer, key and signature, audience, times, the
    /// event, no nonce, somebody who has signed out.
    ///
    /// # Errors
    /// The first check that it did not pass.
    pub fn verify_logout(&self, token: &[u8]) -> Result<Logout, Refusal> {
        let token = self.parse(Typ::AnyOf(&TYPES), token)?;
        let claims = self.claims(&token);
        // What makes it none at all is looked at before a key is fetched for it.
        claims.check_issuer()?;
        if claims.value(Claim::Nonce).is_some() {
            return Err(Refusal::LogoutNonce);
        }
        match claims.required(Claim::Events)? {
            Value::Object(events) if matches!(events.get(EVENT), Some(Value::Object(_))) => {}
            _ => return Err(Refusal::Shape(Claim::Events)),
        }
        self.keys.verify(&token, self.clock.as_ref())?;
        claims.check_audience()?;
        let expiry = claims.check_validity()?;
        let unique = claims.required_text(Claim::TokenId)?;
        if unique.is_empty() {
            return Err(Refusal::Shape(Claim::TokenId));
        }
        let session = claims.optional_text(Claim::Session)?.map(str::to_owned);
        let person = match claims.optional_text(Claim::Subject)? {
            Some(subject) => Some(UserId::parse(subject).ok_or(Refusal::Shape(Claim::Subject))?),
            None => None,
        };
        if session.is_none() && person.is_none() {
            return Err(Refusal::LogoutOfNobody);
        }
        let issuer = self.settings.issuer.clone();
        Ok(Logout {
            unique: format!("logout\n{issuer}\n{unique}").into_bytes(),
            issued: claims.required_time(Claim::IssuedAt)?.min(self.clock.now()),
            until: expiry.plus(self.settings.leeway),
            issuer,
            session,
            person,
        })
    }

    /// As [`verify_logout`](Self::verify_logout), once: the second time it is refused.
    ///
    /// # Errors
    /// As `verify_logout`; [`Refusal::Replayed`]; [`Refusal::Store`] if it cannot be recorded.
    pub fn verify_logout_once(&self, token: &[u8], used: &Used) -> Result<Logout, Refusal> {
        let logout = self.verify_logout(token)?;
        match used.first_use(&logout.unique, logout.until, self.clock.now()) {
            Ok(true) => Ok(logout),
            Ok(false) => Err(Refusal::Replayed),
            Err(error) => Err(Refusal::Store(error.to_string())),
        }
    }
}
