//! ID tokens of CIS2's shape (OpenID Connect Core 1.0 section 2), about to be signed or broken.

use super::{Error, SigningKey, algorithm};
use crate::crypto::{self, Hash, PrivateKey};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

/// How [`IdToken::broken`] breaks a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// `alg` none and no signature.
    Unsigned,
    /// HS256 with the provider's public key (DER) as the shared secret.
    Hmac,
    /// Signed by a key that is not the provider's, under the `kid` of one that is.
    OtherKey,
    /// A `kid` that the provider never published.
    UnknownKey,
    /// One bit of the signature is another.
    Signature,
    /// The claims are not those that were signed: `sub` is 555000000002.
    Claims,
    /// `sub` stands twice in claims that are duly signed.
    Duplicate,
    /// Five parts, as an encrypted token has.
    Encrypted,
}

/// An ID token that is about to be signed; members may be changed at will before.
#[derive(Clone, Debug)]
pub struct IdToken {
    header: Vec<(String, Value)>,
    claims: Vec<(String, Value)>,
    signer: SigningKey,
}

impl IdToken {
    pub(super) fn new(header: Value, claims: Value, signer: SigningKey) -> Self {
        Self { header: members(header), claims: members(claims), signer }
    }

    /// Sets a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.claims, name, value.into());
        self
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.retain(|(claim, _)| claim != name);
        self
    }

    /// Writes a claim once more, whether it stands there already or not.
    #[must_use]
    pub fn again(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.push((name.to_owned(), value.into()));
        self
    }

    /// Sets a member of the header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.header, name, value.into());
        self
    }

    /// The token in compact form.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn sign(&self) -> Result<String, Error> {
        let signed = format!("{}.{}", part(&self.header), part(&self.claims));
        let (_, scheme, hash) = algorithm(&self.signer.key);
        let signature = self.signer.key.sign(scheme, &crypto::digest(hash, signed.as_bytes()))?;
        Ok(format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature)))
    }

    /// The token in compact form, broken in one way.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn broken(mut self, how: Break) -> Result<String, Error> {
        match how {
            Break::Unsigned => {
                set(&mut self.header, "alg", "none".into());
                Ok(format!("{}.{}.", part(&self.header), part(&self.claims)))
            }
            Break::Hmac => {
                set(&mut self.header, "alg", "HS256".into());
                let signed = format!("{}.{}", part(&self.header), part(&self.claims));
                let tag = hmac_sha256(self.signer.key.public().spki(), signed.as_bytes());
                Ok(format!("{signed}.{}", Base64UrlUnpadded::encode_string(&tag)))
            }
            Break::OtherKey => {
                self.signer.key = PrivateKey::generate(self.signer.key.kind())?;
                self.sign()
            }
            Break::UnknownKey => self.header("kid", "never-published").sign(),
            Break::Signature => {
                let token = self.sign()?;
                let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
                // The first character has no unused bits: another one is another signature.
                let other = if signature.starts_with('A') { 'B' } else { 'A' };
                let rest: String = signature.chars().skip(1).collect();
                Ok(format!("{signed}.{other}{rest}"))
            }
            Break::Claims => {
                let token = self.sign()?;
                let other = part(&self.claim("sub", "555000000002").claims);
                let (header, rest) = token.split_once('.').unwrap_or_default();
                let (_, signature) = rest.split_once('.').unwrap_or_default();
                Ok(format!("{header}.{other}.{signature}"))
            }
            Break::Duplicate => self.again("sub", "555000000002").sign(),
            Break::Encrypted => Ok(format!("{}.e.e.e.e", part(&self.header))),
        }
    }
}

fn members(object: Value) -> Vec<(String, Value)> {
    match object {
        Value::Object(object) => object.into_iter().collect(),
        _ => Vec::new(),
    }
}

fn set(members: &mut Vec<(String, Value)>, name: &str, value: Value) {
    match members.iter_mut().find(|(member, _)| member == name) {
        Some((_, old)) => *old = value,
        None => members.push((name.to_owned(), value)),
    }
}

/// A part of a token: the object in Base64url, in the order of its members.
fn part(members: &[(String, Value)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    Base64UrlUnpadded::encode_string(format!("{{{}}}", members.join(",")).as_bytes())
}

/// HMAC (RFC 2104), for tokens that must be refused.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > 64 { crypto::digest(Hash::Sha256, key) } else { key.to_vec() };
    block.resize(64, 0);
    let pad = |byte: u8, rest: &[u8]| {
        let mut input: Vec<u8> = block.iter().map(|k| k ^ byte).collect();
        input.extend_from_slice(rest);
        crypto::digest(Hash::Sha256, &input)
    };
    pad(0x5c, &pad(0x36, message))
}
