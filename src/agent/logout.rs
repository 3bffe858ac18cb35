//! Sign-outs that the provider tells (OpenID Connect Back-Channel Logout 1.0): a verified logout
//! token ends the cards of its session at once. It comes through a host, or to the endpoint of
//! `[logout]`.

mod endpoint;

pub(super) use endpoint::Endpoint;

use super::{
    Agent, Error, Removal,
    audit::Entry,
    core::Core,
    openid::{ends, proof},
};
use crate::{proof::oidc, secret::Secret};

impl Agent {
    /// Takes a logout token, which serves once, and ends the cards that were made on the session
    /// that it names, or without one on any session of that person at that provider; how many.
    /// A proof of such a session that comes later makes no card.
    ///
    /// # Errors
    /// Why the token is refused.
    pub fn logout_token(&self, token: &Secret) -> Result<usize, Error> {
        self.core.logout_token(token)
    }
}

impl Core {
    /// Whether this is in form a logout token of a provider that is known here; nothing is verified.
    fn is_logout_token(&self, token: &[u8]) -> Result<(), Error> {
        self.running()?;
        let issuer = oidc::claimed_issuer(token).map_err(proof)?;
        self.openid.provider(Some(&issuer)).map(drop)
    }

    pub(super) fn logout_token(&self, token: &Secret) -> Result<usize, Error> {
        self.running()?;
        let provider = self.openid.judge(token.expose())?;
        let logout = provider.verify_logout_once(token.expose(), &self.openid.used);
        let logout = logout.map_err(proof)?;
        let entry = Entry::new("signed-out").text("issuer", &logout.issuer);
        let entry = entry.some_text("session", logout.session.as_deref());
        let entry =
            entry.some_text("person", logout.person.as_ref().map(crate::pki::UserId::as_str));
        self.openid.signed_out(logout.clone(), self.clock.now());
        let ended = self.end_cards(|assurance| ends(&logout, assurance), Removal::SignedOut);
        // The cards are gone, on record or not.
        self.record(&entry.number("cards", u64::try_from(ended).unwrap_or(u64::MAX)))?;
        Ok(ended)
    }
}
