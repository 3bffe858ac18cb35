//! The word of a host: a JWS (RFC 7515, hardened as RFC 8725 says) by a configured key. Either it
//! vouches for a person who signed in to the host by a badge, a face or a phone, or it relays an ID
//! token whose nonce the host could not set.
//!
//! | | vouching | relaying |
//! |---|---|---|
//! | `typ` | `wardcard-attestation+jwt` | `wardcard-relay+jwt` |
//! | both | `alg` ES256, RS256, PS256 or EdDSA, `kid`; `iss` the host's name, `aud`, `nonce`, `iat`, `exp` (five minutes at most) | |
//! | claims | `sub` (12 digits), `auth_time`, `amr`, `authentication_assurance_level`, `id_assurance_level` | `token_hash`: base64url of SHA-256 of the token |
//!
//! Which providers a host may relay for is configured; the token itself is verified in full but
//! for its nonce.

mod fault;

pub use fault::Fault;

use super::{
    Accepted, Assurance, Binding, Claim, Level, Nonce, Refusal, Source,
    jose::{Token, Typ, signed_part},
    json::Value,
    jwk::KeySet,
};
use crate::{
    clock::{Clock, Time},
    crypto::{self, Hash},
    pki::UserId,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use subtle::ConstantTimeEq;

/// `typ` of an attestation that vouches for a person.
pub const VOUCHES: &str = "wardcard-attestation+jwt";
/// `typ` of an attestation that relays an ID token.
pub const RELAYS: &str = "wardcard-relay+jwt";

const ALGORITHMS: [&str; 4] = ["ES256", "RS256", "PS256", "EdDSA"];

/// Longest time between `iat` and `exp`.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// Clock difference that is tolerated.
const LEEWAY: Duration = Duration::from_secs(60);
/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;
/// Most keys of a host at once: the one in use, the next, and one to spare.
const MOST_KEYS: usize = 3;

/// Where a host's keys are replaced while its word is taken.
pub trait KeysInUse: Send + Sync + fmt::Debug {
    /// The keys (JWKS JSON), if they are others than at the last look.
    fn changed(&self) -> Option<String>;
}

/// A host whose word is taken.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name: `iss`, and the source in assurances, policy and audit.
    pub name: String,
    /// Its keys (JWKS JSON), each with a `kid`; two while one takes over from the other.
    pub keys: String,
    /// Where they are replaced; what cannot be used leaves those in use that could.
    pub in_use: Option<Arc<dyn KeysInUse>>,
    /// `aud` of what is meant for this agent.
    pub audience: String,
    /// The highest authentication level that it may claim.
    pub authentication: Level,
    /// The highest identity level that it may claim.
    pub identity: Level,
    /// Whether it vouches for people itself.
    pub vouches: bool,
    /// Issuers whose tokens it may relay.
    pub relays: Vec<String>,
}

impl Settings {
    /// Whether these settings can be used.
    ///
    /// # Errors
    /// [`Fault::Setting`] with the setting's name.
    pub fn check(&self) -> Result<(), Fault> {
        let check = |good: bool, name| if good { Ok(()) } else { Err(Fault::Setting(name)) };
        check(!self.name.is_empty() && self.name.len() <= 64, "name")?;
        check(!self.audience.is_empty(), "audience")?;
        let keys = KeySet::parse(self.keys.as_bytes());
        check(keys.is_ok_and(|keys| keys.is_whole() && keys.len() <= MOST_KEYS), "keys")?;
        check((1..=3).contains(&self.authentication.0), "authentication")?;
        check((1..=3).contains(&self.identity.0), "identity")?;
        check(self.vouches || !self.relays.is_empty(), "vouches")
    }
}

/// The keys of settings that can be used.
fn usable(settings: &Settings) -> Result<Arc<KeySet>, Fault> {
    settings.check()?;
    let keys = KeySet::parse(settings.keys.as_bytes()).map_err(|_| Fault::Setting("keys"))?;
    Ok(Arc::new(keys))
}

/// Verifies the word of one host.
#[derive(Debug)]
pub struct Host {
    settings: Settings,
    keys: Mutex<Result<Arc<KeySet>, Fault>>,
    clock: Arc<dyn Clock>,
}

impl Host {
    /// A host. Settings that cannot be used refuse everything; [`Settings::check`] tells so
    /// beforehand.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let keys = Mutex::new(usable(&settings));
        Self { settings, keys, clock }
    }

    /// Its keys as they are now.
    fn keys(&self) -> Result<Arc<KeySet>, Fault> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = self.settings.in_use.as_ref().and_then(|in_use| in_use.changed());
        if let Some(text) = changed
            && let Ok(new) = usable(&Settings { keys: text, ..self.settings.clone() })
        {
            *keys = Ok(new);
        }
        keys.clone()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Verifies an attestation that vouches for a person in answer to `nonce`.
    ///
    /// # Errors
    /// The first check that it did not pass.
    pub fn accept(&self, attestation: &[u8], nonce: &Nonce) -> Result<Accepted, Refusal> {
        if !self.settings.vouches {
            return Err(Fault::Vouch.into());
        }
        let (claims, until) = self.verified(VOUCHES, attestation, nonce)?;
        let person = claims.text(Claim::Subject)?;
        let person = UserId::parse(person).ok_or_else(|| shape(Claim::Subject))?;
        let authenticated_at = claims.time(Claim::AuthTime)?;
        if authenticated_at > claims.now.plus(LEEWAY) {
            return Err(jws(Refusal::AuthenticatedInFuture));
        }
        if authenticated_at > claims.time(Claim::IssuedAt)?.plus(LEEWAY) {
            return Err(jws(Refusal::AuthenticatedAfterIssue));
        }
        let granted = &self.settings;
        let methods = claims.value(Claim::Methods)?.texts();
        let methods = methods.filter(|all| !all.is_empty());
        let methods = methods.ok_or_else(|| shape(Claim::Methods))?;
        let assurance = Assurance {
            person,
            authentication: claims.level(Claim::AuthenticationLevel, granted.authentication)?,
            identity: claims.level(Claim::IdentityLevel, granted.identity)?,
            context: None,
            methods: methods.into_iter().map(str::to_owned).collect(),
            authenticated_at: authenticated_at.min(claims.now),
            source: Source::Host(granted.name.clone()),
            binding: Binding::Nonce,
            session: None,
            beside: Vec::new(),
            offline: false,
        };
        let signed = signed_part(attestation).unwrap_or(attestation).to_vec();
        Ok(Accepted::new(assurance, signed, until))
    }

    /// Verifies that this host relays just this token of `issuer` in answer to `nonce`.
    ///
    /// # Errors
    /// The first check that it did not pass.
    pub fn relays(
        &self,
        attestation: &[u8],
        nonce: &Nonce,
        (issuer, token): (&str, &[u8]),
    ) -> Result<(), Refusal> {
        if !self.settings.relays.iter().any(|known| known == issuer) {
            return Err(Fault::Relay.into());
        }
        let (claims, _) = self.verified(RELAYS, attestation, nonce)?;
        let Some(Value::Text(hash)) = claims.token.claims.get("token_hash") else {
            return Err(Fault::TokenHash.into());
        };
        let ours = Base64UrlUnpadded::encode_string(&crypto::digest(Hash::Sha256, token));
        if !bool::from(hash.as_bytes().ct_eq(ours.as_bytes())) {
            return Err(Fault::TokenHash.into());
        }
        Ok(())
    }

    /// What both kinds have in common: form, key and signature, addresses, dates. Then the claims,
    /// and until when it could be accepted.
    fn verified<'a>(
        &self,
        typ: &'static str,
        attestation: &'a [u8],
        nonce: &Nonce,
    ) -> Result<(Claims<'a>, Time), Refusal> {
        let keys = self.keys()?;
        let accepts = |name: &str| ALGORITHMS.contains(&name);
        let token = Token::parse(Typ::Exactly(typ), attestation, accepts).map_err(jws)?;
        if token.key_id.is_none() {
            return Err(Fault::KeyId.into());
        }
        keys.verify(&token).map_err(jws)?;
        let claims = Claims { token, now: self.clock.now() };
        if claims.text(Claim::Issuer)? != self.settings.name {
            return Err(Fault::Unknown.into());
        }
        if claims.text(Claim::Audience)? != self.settings.audience {
            return Err(Fault::Audience.into());
        }
        if !nonce.matches(claims.text(Claim::Nonce)?) {
            return Err(jws(Refusal::Nonce));
        }
        let (issued, expiry) = (claims.time(Claim::IssuedAt)?, claims.time(Claim::Expiry)?);
        if issued > claims.now.plus(LEEWAY) {
            return Err(jws(Refusal::IssuedInFuture));
        }
        let until = expiry.plus(LEEWAY);
        if claims.now >= until {
            return Err(jws(Refusal::Expired));
        }
        if expiry.since(issued) > LIFE {
            return Err(Fault::Life.into());
        }
        Ok((claims, until))
    }
}

/// The host that an attestation says it is of, to choose the key by. Nothing is verified.
pub(super) fn claimed_host(attestation: &[u8], typ: &'static str) -> Result<String, Refusal> {
    let token = Token::parse(Typ::Exactly(typ), attestation, |_| true).map_err(jws)?;
    let issuer = token.claims.get(Claim::Issuer.name());
    let issuer = issuer.ok_or_else(|| jws(Refusal::Missing(Claim::Issuer)))?;
    issuer.text().map(str::to_owned).ok_or_else(|| shape(Claim::Issuer))
}

/// The claims of an attestation whose signature stands.
struct Claims<'a> {
    token: Token<'a>,
    now: Time,
}

impl Claims<'_> {
    fn value(&self, claim: Claim) -> Result<&Value, Refusal> {
        let value = self.token.claims.get(claim.name());
        value.ok_or_else(|| jws(Refusal::Missing(claim)))
    }

    fn text(&self, claim: Claim) -> Result<&str, Refusal> {
        self.value(claim)?.text().ok_or_else(|| shape(claim))
    }

    fn time(&self, claim: Claim) -> Result<Time, Refusal> {
        match self.value(claim)? {
            Value::Integer(seconds) if (0..=LAST_SECOND).contains(seconds) => {
                Ok(Time::from_unix_seconds(*seconds))
            }
            _ => Err(shape(claim)),
        }
    }

    /// A level of 0 to 3 that is no higher than what is granted.
    fn level(&self, claim: Claim, granted: Level) -> Result<Level, Refusal> {
        let found = match self.value(claim)? {
            Value::Integer(number @ 0..=3) => u8::try_from(*number).ok().map(Level),
            _ => None,
        };
        let found = found.ok_or_else(|| shape(claim))?;
        if found > granted {
            return Err(Fault::Level { found, granted }.into());
        }
        Ok(found)
    }
}

fn jws(refusal: Refusal) -> Refusal {
    Fault::Jws(Box::new(refusal)).into()
}

fn shape(claim: Claim) -> Refusal {
    jws(Refusal::Shape(claim))
}
