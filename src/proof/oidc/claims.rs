//! The claims of an ID token, one check each (OpenID Connect Core 1.0 sections 2 and 3.1.3.7).

use super::{Beside, Provider};
use crate::{
    clock::Time,
    crypto::{self, Hash},
    pki::UserId,
    proof::{
        Assurance, Binding, Claim, Level, Nonce, Refusal, Source,
        json::{Object, Value},
    },
};
use base64ct::{Base64UrlUnpadded, Encoding};
use subtle::ConstantTimeEq;

/// The last second of the year 9999: no date of a token lies after it.
const LAST_SECOND: i64 = 253_402_300_799;

/// Method names of CIS2 that RFC 8176 has a word for.
const METHODS: [(&str, &str); 1] = [("N3_SMARTCARD", "sc")];

/// The claims of one token, as they stand at one moment.
pub(super) struct Claims<'a> {
    pub(super) provider: &'a Provider,
    pub(super) object: &'a Object,
    /// The hash of the token's algorithm.
    pub(super) hash: Hash,
    pub(super) now: Time,
}

impl Claims<'_> {
    /// Whether the token is of this issuer and for this request. Costs nothing, so it comes before
    /// the signature; what it compares is covered by the signature that is verified next.
    ///
    /// The request's nonce comes back as `nonce`, or it was the `state` of the sign-in, whose hash
    /// comes back as `s_hash` (then `nonce`, if there is one, is the host's own). No nonce is given
    /// where a host's word binds the token instead.
    pub(super) fn check_addressed_here(&self, nonce: Option<&Nonce>) -> Result<Binding, Refusal> {
        self.check_issuer()?;
        let Some(nonce) = nonce else { return Ok(Binding::Relayed) };
        let own = self.optional_text(Claim::Nonce)?;
        if own.is_some_and(|own| nonce.matches(own)) {
            return Ok(Binding::Nonce);
        }
        let state = self.optional_text(Claim::StateHash)?;
        match (own, state) {
            (_, Some(hash)) if self.is_hash_of(hash, nonce.as_str()) => Ok(Binding::StateHash),
            (Some(_), _) => Err(Refusal::Nonce),
            (None, Some(_)) => Err(Refusal::StateHash),
            (None, None) if self.provider.settings.unbound => Ok(Binding::Unbound),
            (None, None) => Err(Refusal::Missing(Claim::Nonce)),
        }
    }

    /// Whether the token is of this issuer.
    pub(super) fn check_issuer(&self) -> Result<(), Refusal> {
        if self.required_text(Claim::Issuer)? == self.provider.settings.issuer {
            Ok(())
        } else {
            Err(Refusal::Issuer)
        }
    }

    /// The hashes that the token carries of what came with it (OpenID Connect Core sections
    /// 3.1.3.6 and 3.3.2.11, s_hash of FAPI 1.0 part 2 section 5.2.2). One that is absent is not
    /// missed: the code flow does not ask for it.
    pub(super) fn check_hashes(&self, beside: &Beside<'_>) -> Result<(), Refusal> {
        for (claim, of) in [
            (Claim::AccessTokenHash, beside.access_token),
            (Claim::CodeHash, beside.code),
            (Claim::StateHash, beside.state),
        ] {
            let (Some(of), Some(hash)) = (of, self.optional_text(claim)?) else { continue };
            if !self.is_hash_of(hash, of) {
                return Err(Refusal::Hash(claim));
            }
        }
        Ok(())
    }

    /// Whether `hash` is the left half of the hash of `text`.
    fn is_hash_of(&self, hash: &str, text: &str) -> bool {
        let digest = crypto::digest(self.hash, text.as_bytes());
        let half = digest.get(..digest.len() / 2).unwrap_or_default();
        Base64UrlUnpadded::encode_string(half).as_bytes().ct_eq(hash.as_bytes()).into()
    }

    /// Judges all the other claims of a token whose signature has been verified: what it is worth,
    /// and until when its own limits let it be accepted.
    pub(super) fn judge(&self) -> Result<(Assurance, Time), Refusal> {
        self.check_audience()?;
        let expiry = self.check_validity()?;
        let authenticated_at = self.check_authentication_time()?;
        let person = UserId::parse(self.required_text(Claim::Subject)?)
            .ok_or(Refusal::Shape(Claim::Subject))?;
        let assurance = Assurance {
            person,
            authentication: self.level(Claim::AuthenticationLevel)?,
            identity: self.level(Claim::IdentityLevel)?,
            context: self.optional_text(Claim::Context)?.map(str::to_owned),
            methods: self.methods()?,
            // A clock that is ahead of ours, within the leeway, lengthens no card.
            authenticated_at: authenticated_at.min(self.now),
            source: Source::Oidc(self.provider.settings.issuer.clone()),
            // Told by what was compared before the signature was verified.
            binding: Binding::Unbound,
            session: self.optional_text(Claim::Session)?.map(str::to_owned),
            beside: Vec::new(),
            offline: false,
        };
        Ok((assurance, expiry.plus(self.provider.settings.leeway)))
    }

    /// Rules 3 to 5 of section 3.1.3.7: for us, for nobody who is not trusted, issued to us.
    pub(super) fn check_audience(&self) -> Result<(), Refusal> {
        let ours = self.provider.settings.client_id.as_str();
        let trusted = &self.provider.trusted_audiences;
        let audiences =
            self.required(Claim::Audience)?.texts().ok_or(Refusal::Shape(Claim::Audience))?;
        if !audiences.contains(&ours) {
            return Err(Refusal::Audience);
        }
        if audiences.iter().any(|other| *other != ours && !trusted.iter().any(|t| t == other)) {
            return Err(Refusal::AudienceUntrusted);
        }
        match self.optional_text(Claim::AuthorizedParty)? {
            Some(party) if party == ours => Ok(()),
            None if audiences.len() == 1 => Ok(()),
            _ => Err(Refusal::AuthorizedParty),
        }
    }

    /// `exp`, `iat` and `nbf` against the clock; the time of `exp`.
    pub(super) fn check_validity(&self) -> Result<Time, Refusal> {
        let expiry = self.required_time(Claim::Expiry)?;
        if self.now >= expiry.plus(self.provider.settings.leeway) {
            return Err(Refusal::Expired);
        }
        if self.is_in_future(self.required_time(Claim::IssuedAt)?) {
            return Err(Refusal::IssuedInFuture);
        }
        if self.time(Claim::NotBefore)?.is_some_and(|time| self.is_in_future(time)) {
            return Err(Refusal::NotYetValid);
        }
        Ok(expiry)
    }

    /// `auth_time`, which is neither in the future nor after the token was issued.
    fn check_authentication_time(&self) -> Result<Time, Refusal> {
        let authenticated = self.required_time(Claim::AuthTime)?;
        if self.is_in_future(authenticated) {
            return Err(Refusal::AuthenticatedInFuture);
        }
        let issued = self.required_time(Claim::IssuedAt)?;
        if authenticated > issued.plus(self.provider.settings.leeway) {
            return Err(Refusal::AuthenticatedAfterIssue);
        }
        Ok(authenticated)
    }

    fn is_in_future(&self, time: Time) -> bool {
        time > self.now.plus(self.provider.settings.leeway)
    }

    /// A level of CIS2: 0 to 3, as a number or as a string of one digit.
    fn level(&self, claim: Claim) -> Result<Level, Refusal> {
        let number = match self.required(claim)? {
            Value::Integer(number) => u8::try_from(*number).ok(),
            Value::Text(text) => match text.as_bytes() {
                [digit] => digit.checked_sub(b'0'),
                _ => None,
            },
            _ => None,
        };
        number.filter(|level| *level <= 3).map(Level).ok_or(Refusal::Shape(claim))
    }

    /// `amr`: an array as OpenID Connect has it, or the one string that some providers write.
    fn methods(&self) -> Result<Vec<String>, Refusal> {
        let Some(value) = self.value(Claim::Methods) else { return Ok(Vec::new()) };
        let methods = value.texts().ok_or(Refusal::Shape(Claim::Methods))?;
        let known = |method: &str| METHODS.into_iter().find(|(theirs, _)| *theirs == method);
        let word = |method: &str| known(method).map_or(method, |(_, ours)| ours).to_owned();
        Ok(methods.into_iter().map(word).collect())
    }

    pub(super) fn value(&self, claim: Claim) -> Option<&Value> {
        self.object.get(claim.name())
    }

    pub(super) fn required(&self, claim: Claim) -> Result<&Value, Refusal> {
        self.value(claim).ok_or(Refusal::Missing(claim))
    }

    pub(super) fn required_text(&self, claim: Claim) -> Result<&str, Refusal> {
        self.required(claim)?.text().ok_or(Refusal::Shape(claim))
    }

    pub(super) fn optional_text(&self, claim: Claim) -> Result<Option<&str>, Refusal> {
        self.value(claim).map(|value| value.text().ok_or(Refusal::Shape(claim))).transpose()
    }

    pub(super) fn required_time(&self, claim: Claim) -> Result<Time, Refusal> {
        self.time(claim)?.ok_or(Refusal::Missing(claim))
    }

    /// A NumericDate (RFC 7519 section 2), which may have a fraction; it is cut to milliseconds.
    /// Seconds from 1970 to 9999.
    fn time(&self, claim: Claim) -> Result<Option<Time>, Refusal> {
        let time = match self.value(claim) {
            None => return Ok(None),
            Some(Value::Integer(seconds)) if (0..=LAST_SECOND).contains(seconds) => {
                Time::from_unix_seconds(*seconds)
            }
            Some(Value::Fraction(seconds)) if (0.0..=LAST_SECOND as f64).contains(seconds) => {
                Time::from_unix_millis((seconds * 1000.0) as i64)
            }
            Some(_) => return Err(Refusal::Shape(claim)),
        };
        Ok(Some(time))
    }
}
