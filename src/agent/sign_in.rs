//! Signing people in by the code flow, for hosts that have none of their own: the agent holds the
//! client's secret and the code verifier; the host opens the browser and brings the redirect back.

use super::{Agent, CardInfo, Error, RequestId, audit::Entry, core::Core, openid::proof};
use crate::{
    derive::{Evidence, PasscodeSource},
    proof::{
        Nonce, Refusal,
        oidc::{Asked, Flow, Tokens},
    },
    secret::Secret,
};

/// How one person is to be signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignIn {
    /// The provider's issuer; the first of the configuration where none is named.
    pub provider: Option<String>,
    /// Where the browser comes back: `http://127.0.0.1:PORT/PATH` of a listener (RFC 8252), or an
    /// HTTPS address of the host's, as it is registered.
    pub redirect_uri: String,
    /// What is asked for other than the configuration says.
    pub asked: Asked,
}

/// A card, and the tokens of the same sign-in for the host's own use of CIS2.
#[derive(Debug)]
pub struct SignedIn {
    /// The card.
    pub card: CardInfo,
    /// The tokens. The ID token has been used here.
    pub tokens: Tokens,
}

impl Agent {
    /// Begins to sign a person in for a request that waits; the address that the browser is to
    /// open. Once more for the same request gives the first one up.
    ///
    /// # Errors
    /// There is no such request or provider; the provider's metadata cannot be had; something asked
    /// for cannot be.
    pub fn begin_sign_in(&self, request: &RequestId, sign_in: &SignIn) -> Result<String, Error> {
        self.core.begin_sign_in(request, sign_in)
    }

    /// Ends a sign-in with the whole address that the browser came back to, and proves the request
    /// with what came of it. Request and sign-in are used up whatever comes of it.
    ///
    /// # Errors
    /// Why no card came of it.
    pub fn finish_sign_in(
        &self,
        request: &RequestId,
        redirect: &Secret,
        passcode: PasscodeSource,
    ) -> Result<SignedIn, Error> {
        self.core.finish_sign_in(request, redirect, passcode)
    }
}

impl Core {
    pub(super) fn begin_sign_in(
        &self,
        request: &RequestId,
        sign_in: &SignIn,
    ) -> Result<String, Error> {
        self.running()?;
        let nonce = self.nonce_of(request).ok_or(Error::UnknownRequest)?;
        let nonce = Nonce::parse(&nonce).ok_or(Error::UnknownRequest)?;
        let provider = self.openid.provider(sign_in.provider.as_deref())?;
        let flow = Flow::begin(provider, &nonce, &sign_in.redirect_uri, &sign_in.asked);
        let flow = flow.map_err(proof)?;
        let url = flow.url().to_owned();
        self.openid.begun(request.clone(), flow);
        // The request may have ended while the provider was asked.
        self.nonce_of(request).map(|_| url).ok_or_else(|| {
            drop(self.openid.take(request));
            Error::UnknownRequest
        })
    }

    pub(super) fn finish_sign_in(
        &self,
        request: &RequestId,
        redirect: &Secret,
        passcode: PasscodeSource,
    ) -> Result<SignedIn, Error> {
        self.running()?;
        let flow = self.openid.take(request).ok_or(Error::UnknownRequest)?;
        let tokens = flow.finish(redirect).map_err(|refusal| {
            self.cancel(request);
            self.not_signed_in(&refusal);
            proof(refusal)
        })?;
        let evidence = Evidence::IdToken(tokens.id_token.clone());
        let card = self.prove(request, evidence, passcode)?;
        Ok(SignedIn { card, tokens })
    }

    fn not_signed_in(&self, refusal: &Refusal) {
        let entry = Entry::new("sign-in-refused").text("why", &refusal.to_string());
        // There is no card either way.
        let _ = self.record(&entry);
    }
}
