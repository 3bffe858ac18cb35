//! Sign-ins and sign-outs as hosts ask for them.

use super::{
    client::{Client, Error},
    message::{Ask, CardLine, Hidden, Passcode, Reply},
};
use crate::{
    agent::{RequestId, SignIn, SignedIn},
    derive::PasscodeSource,
    proof::oidc::{Asked, Tokens},
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a person is to be signed in, as hosts write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInLine {
    /// The provider's issuer; the first where none is named.
    pub provider: Option<String>,
    /// Where the browser comes back.
    pub redirect_uri: String,
    /// Whom the provider may suggest.
    pub login_hint: Option<String>,
    /// `prompt`.
    pub prompt: Option<String>,
    /// `max_age` in seconds.
    pub max_age: Option<u64>,
    /// `acr_values`.
    pub acr_values: Vec<String>,
}

impl From<SignInLine> for SignIn {
    fn from(line: SignInLine) -> Self {
        Self {
            provider: line.provider,
            redirect_uri: line.redirect_uri,
            asked: Asked {
                login_hint: line.login_hint,
                prompt: line.prompt,
                max_age: line.max_age.map(Duration::from_secs),
                acr_values: line.acr_values,
            },
        }
    }
}

/// The tokens of a sign-in, for the host's own use of the provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensLine {
    /// The ID token.
    pub id_token: Hidden,
    /// The access token, a bearer's.
    pub access_token: Hidden,
    /// The refresh token, where there is one.
    pub refresh_token: Option<Hidden>,
    /// When the access token ends, RFC 3339.
    pub expires: Option<String>,
    /// The claims of userinfo as they came, where it was asked.
    pub userinfo: Option<Hidden>,
}

impl From<&Tokens> for TokensLine {
    fn from(tokens: &Tokens) -> Self {
        let hidden = |secret: &Secret| Hidden(secret.clone());
        Self {
            id_token: hidden(&tokens.id_token),
            access_token: hidden(&tokens.access_token),
            refresh_token: tokens.refresh_token.as_ref().map(hidden),
            expires: tokens.expires.map(|time| time.to_string()),
            userinfo: tokens.userinfo.as_ref().map(|userinfo| hidden(&userinfo.text)),
        }
    }
}

/// What a finished sign-in is answered.
pub(crate) fn signed_in(done: &SignedIn, tokens: bool) -> Reply {
    Reply::SignedIn {
        card: Box::new(CardLine::from(&done.card)),
        tokens: tokens.then(|| Box::new(TokensLine::from(&done.tokens))),
    }
}

impl From<Passcode> for PasscodeSource {
    fn from(passcode: Passcode) -> Self {
        match passcode {
            Passcode::Kept {} => Self::Kept,
            Passcode::Given { passcode: Hidden(passcode), keep } => Self::Given { passcode, keep },
            Passcode::SignIn {} => Self::SignIn,
            Passcode::OneTime {} => Self::OneTime,
        }
    }
}

impl Client {
    /// Begins to sign a person in for a request that waits; the address that the browser is to open.
    ///
    /// # Errors
    /// Why not.
    pub fn begin_sign_in(&self, request: &RequestId, how: SignInLine) -> Result<String, Error> {
        let request = request.as_str().to_owned();
        match self.ask(&Ask::BeginSignIn { request, how })? {
            Reply::SignIn { url } => Ok(url),
            _ => Err(Error::Answer),
        }
    }

    /// Ends a sign-in with the whole address that the browser came back to; the card is there when
    /// this returns. The tokens of the sign-in come with it if they are asked for.
    ///
    /// # Errors
    /// Why no card came of it.
    pub fn finish_sign_in(
        &self,
        request: &RequestId,
        redirect: &Secret,
        passcode: Passcode,
        tokens: bool,
    ) -> Result<(CardLine, Option<TokensLine>), Error> {
        let request = request.as_str().to_owned();
        let redirect = Hidden(redirect.clone());
        match self.ask(&Ask::FinishSignIn { request, redirect, passcode, tokens })? {
            Reply::SignedIn { card, tokens } => Ok((*card, tokens.map(|tokens| *tokens))),
            _ => Err(Error::Answer),
        }
    }

    /// Hands a logout token in; how many cards ended.
    ///
    /// # Errors
    /// Why the token is refused.
    pub fn logout_token(&self, token: &Secret) -> Result<usize, Error> {
        match self.ask(&Ask::LogoutToken { token: Hidden(token.clone()) })? {
            Reply::Ended(cards) => Ok(cards),
            _ => Err(Error::Answer),
        }
    }
}
