//! How people are signed in from here, and how the client shows that it is the registered one
//! (OpenID Connect Core 1.0 section 9, RFC 6749 section 2.3, RFC 7523). Leaves out
//! `client_secret_jwt` and mutual TLS.

use super::{Refusal, metadata::may_follow};
use crate::{
    clock::Time,
    crypto::{self, KeyKind, PrivateKey},
    proof::{
        form,
        jose::{Algorithm, Signs},
        json::Object,
    },
    secret::Secret,
};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use serde_json::json;
use std::{fmt, sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// How long a signed assertion of the client may be used.
const ASSERTION: Duration = Duration::from_secs(60);

/// How the client shows the token endpoint that it is the registered one.
#[derive(Clone, Debug, Default)]
pub enum Authentication {
    /// Not at all: a public client, which PKCE alone protects.
    #[default]
    None,
    /// `client_secret_basic`.
    SecretBasic(Secret),
    /// `client_secret_post`.
    SecretPost(Secret),
    /// `private_key_jwt`: an assertion of a minute, signed anew for each request.
    PrivateKeyJwt {
        /// The key whose public half is registered.
        key: PrivateKey,
        /// `kid` of the registered key set, where it has one.
        key_id: Option<String>,
        /// `alg`; else RS256, ES256 or ES384, as the key is.
        algorithm: Option<String>,
        /// `aud`; else the token endpoint.
        audience: Option<String>,
    },
}

/// How the client shows who it is, where that may change while the provider is in use: a secret or
/// key in a file that is replaced.
pub trait Credential: Send + Sync + fmt::Debug {
    /// As it is now; what it was last, where it cannot be had now.
    fn now(&self) -> Authentication;
}

/// What of a sign-in carries the request's nonce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bind {
    /// `nonce`, which comes back in the ID token.
    #[default]
    Nonce,
    /// `state`, whose hash comes back as `s_hash`; for a provider that does not return `nonce`.
    State,
}

/// How people are signed in.
#[derive(Clone, Debug)]
pub struct Client {
    /// How the client shows who it is.
    pub authentication: Authentication,
    /// What goes before it at each token request, where it may change.
    pub credential: Option<Arc<dyn Credential>>,
    /// `scope`; `openid` is added where it is missing.
    pub scopes: Vec<String>,
    /// `acr_values`, in the order of preference; none: not asked.
    pub acr_values: Vec<String>,
    /// `max_age`: the oldest authentication that the provider may build on.
    pub max_age: Option<Duration>,
    /// `prompt`: `login` has the person authenticate anew.
    pub prompt: Option<String>,
    /// What carries the request's nonce.
    pub bind: Bind,
    /// Whether the userinfo endpoint is asked for roles.
    pub userinfo: bool,
    /// Instead of the metadata's.
    pub authorization_endpoint: Option<String>,
    /// Instead of the metadata's.
    pub token_endpoint: Option<String>,
    /// Instead of the metadata's.
    pub userinfo_endpoint: Option<String>,
}

impl Default for Client {
    /// A public client that asks for `openid` and leaves the rest to the provider.
    fn default() -> Self {
        Self {
            authentication: Authentication::None,
            credential: None,
            scopes: vec!["openid".to_owned()],
            acr_values: Vec::new(),
            max_age: None,
            prompt: None,
            bind: Bind::Nonce,
            userinfo: false,
            authorization_endpoint: None,
            token_endpoint: None,
            userinfo_endpoint: None,
        }
    }
}

impl Client {
    /// Whether these settings can be used with a provider.
    pub(super) fn check(&self, issuer: &str) -> Result<(), Refusal> {
        let words = |words: &[String]| words.iter().all(|word| is_word(word));
        let checks = [
            (words(&self.scopes), "scopes"),
            (words(&self.acr_values), "acr_values"),
            (self.prompt.as_deref().is_none_or(is_prompt), "prompt"),
        ];
        for (good, name) in checks {
            if !good {
                return Err(Refusal::Setting(name));
            }
        }
        for (address, name) in [
            (&self.authorization_endpoint, "authorization_endpoint"),
            (&self.token_endpoint, "token_endpoint"),
            (&self.userinfo_endpoint, "userinfo_endpoint"),
        ] {
            if address.as_ref().is_some_and(|url| !may_follow(issuer, url)) {
                return Err(Refusal::Setting(name));
            }
        }
        match &self.authentication {
            Authentication::PrivateKeyJwt { key, algorithm, .. } => {
                signing(key, algorithm.as_deref()).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// How the client shows who it is now.
    pub(super) fn shows(&self) -> Authentication {
        let credential = self.credential.as_ref().map(|credential| credential.now());
        credential.unwrap_or_else(|| self.authentication.clone())
    }

    /// The scopes with `openid`.
    pub(super) fn scope(&self) -> String {
        let mut scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        if !scopes.contains(&"openid") {
            scopes.insert(0, "openid");
        }
        scopes.join(" ")
    }
}

/// What a token request carries of the client: the value of `Authorization`, and pairs of the form.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) authorization: Option<Secret>,
    pub(super) pairs: Vec<(&'static str, Zeroizing<String>)>,
}

impl Authentication {
    /// What shows the token endpoint at `endpoint` that the client `id` is here.
    pub(super) fn show(&self, id: &str, endpoint: &str, now: Time) -> Result<Shown, Refusal> {
        let owned = |text: &str| Zeroizing::new(text.to_owned());
        let mut shown = Shown { authorization: None, pairs: Vec::new() };
        match self {
            Self::None => shown.pairs.push(("client_id", owned(id))),
            Self::SecretPost(secret) => {
                shown.pairs.push(("client_id", owned(id)));
                shown.pairs.push(("client_secret", owned(text(secret)?)));
            }
            Self::SecretBasic(secret) => {
                // RFC 6749 section 2.3.1: both are form-encoded before they are put together.
                let mut both = Zeroizing::new(String::with_capacity(512));
                form::encode(id, &mut both);
                both.push(':');
                form::encode(text(secret)?, &mut both);
                let encoded = Zeroizing::new(Base64::encode_string(both.as_bytes()));
                let value = Zeroizing::new(format!("Basic {}", encoded.as_str()));
                shown.authorization = Some(Secret::copied_from(value.as_bytes()));
            }
            Self::PrivateKeyJwt { key, key_id, algorithm, audience } => {
                let audience = audience.as_deref().unwrap_or(endpoint);
                let signer = Signer { key, key_id: key_id.as_deref(), algorithm };
                let assertion = signer.assertion(id, audience, now)?;
                const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                shown.pairs.push(("client_id", owned(id)));
                shown.pairs.push(("client_assertion_type", owned(TYPE)));
                shown.pairs.push(("client_assertion", assertion));
            }
        }
        Ok(shown)
    }
}

/// A key with the names that an assertion gives it.
struct Signer<'a> {
    key: &'a PrivateKey,
    key_id: Option<&'a str>,
    algorithm: &'a Option<String>,
}

impl Signer<'_> {
    /// An assertion of the client (RFC 7523 section 3).
    fn assertion(&self, id: &str, audience: &str, now: Time) -> Result<Zeroizing<String>, Refusal> {
        let algorithm = signing(self.key, self.algorithm.as_deref())?;
        let failed = |_: crypto::Error| Refusal::ClientKey(algorithm.name.to_owned());
        let mut header = json!({"alg": algorithm.name, "typ": "JWT"});
        if let Some(key_id) = self.key_id {
            header["kid"] = key_id.into();
        }
        let mut unique = [0; 16];
        crypto::random(&mut unique).map_err(failed)?;
        let claims = json!({
            "iss": id, "sub": id, "aud": audience,
            "jti": Base64UrlUnpadded::encode_string(&unique),
            "iat": now.unix_seconds(), "exp": now.plus(ASSERTION).unix_seconds(),
        });
        let part = |value: serde_json::Value| {
            Base64UrlUnpadded::encode_string(value.to_string().as_bytes())
        };
        let signed = format!("{}.{}", part(header), part(claims));
        let Signs::Digest(scheme, hash) = algorithm.signs else {
            return Err(failed(crypto::Error::SchemeKey));
        };
        let digest = crypto::digest(hash, signed.as_bytes());
        let signature = self.key.sign(scheme, &digest).map_err(failed)?;
        Ok(Zeroizing::new(format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))))
    }
}

/// How a key signs: by the named algorithm if it goes with the key, else by the usual one.
fn signing(key: &PrivateKey, named: Option<&str>) -> Result<Algorithm, Refusal> {
    let usual = match key.kind() {
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => "RS256",
        KeyKind::P256 => "ES256",
        KeyKind::P384 => "ES384",
    };
    let name = named.unwrap_or(usual);
    let algorithm = Algorithm::named(name).ok().filter(|algorithm| algorithm.goes_with(key.kind()));
    algorithm.ok_or_else(|| {
        let shown = name.chars().filter(char::is_ascii_alphanumeric).take(10);
        Refusal::ClientKey(shown.collect())
    })
}

fn text(secret: &Secret) -> Result<&str, Refusal> {
    std::str::from_utf8(secret.expose()).map_err(|_| Refusal::Setting("client_secret"))
}

/// One value of a list that is written with spaces (RFC 6749 section 3.3).
pub(super) fn is_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
}

/// `prompt` of OpenID Connect Core section 3.1.2.1.
pub(super) fn is_prompt(prompt: &str) -> bool {
    let known = ["none", "login", "consent", "select_account"];
    let mut words = prompt.split(' ').peekable();
    words.peek().is_some() && words.all(|word| known.contains(&word))
}

/// The text of a member, if it has one.
pub(super) fn member<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name).and_then(crate::proof::json::Value::text)
}
