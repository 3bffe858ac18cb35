//! What a relying party is told.

use super::{Algorithm, Fault};
use crate::{pki::Certificate, proof::Level};
use std::fmt;

/// The model of an authenticator (WebAuthn Level 3 section 6.5.2), a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aaguid(pub [u8; 16]);

impl Aaguid {
    /// Reads the UUID's form: `08987058-cadc-4b81-b6e1-30de50dcbe96`.
    pub fn parse(text: &str) -> Option<Self> {
        let dashes = [8, 13, 18, 23];
        let in_place = |(place, byte): (usize, u8)| (byte == b'-') == dashes.contains(&place);
        if text.len() != 36 || !text.bytes().enumerate().all(in_place) {
            return None;
        }
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            let (high, low) = (digit(pair.first()?)?, digit(pair.get(1)?)?);
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Which models of authenticators are admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Models {
    /// Whatever it is; asked for by name.
    Any,
    /// These.
    Listed(Vec<Aaguid>),
}

/// How credentials are registered and verified.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The relying party's id: a domain, or `localhost`.
    pub id: String,
    /// What authenticators show to people.
    pub name: String,
    /// Origins of the pages that ask: scheme, host of the id or below it, port if there is one.
    pub origins: Vec<String>,
    /// Origins of pages that may embed them; none unless listed.
    pub top_origins: Vec<String>,
    /// Algorithms of credentials, the preferred one first.
    pub algorithms: Vec<Algorithm>,
    /// Models.
    pub models: Models,
    /// What attestation certificates have to lead to.
    pub attestation_roots: Vec<Certificate>,
    /// Whether an authenticator is believed in its model without certificates.
    pub unattested: bool,
    /// Whether credentials may be copied to other devices; they then stand for level 2 at most.
    pub backup_eligible: bool,
    /// What an assertion stands for.
    pub authentication: Level,
    /// How well people's identity is checked before their credentials are registered.
    pub identity: Level,
}

impl Settings {
    /// The strict ones: one origin, no page that embeds it, no model yet, certificates of it
    /// required, no copies; both levels have to be said.
    pub fn new(id: &str, origin: &str, authentication: Level, identity: Level) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            origins: vec![origin.to_owned()],
            top_origins: Vec::new(),
            algorithms: Algorithm::ALL.to_vec(),
            models: Models::Listed(Vec::new()),
            attestation_roots: Vec::new(),
            unattested: false,
            backup_eligible: false,
            authentication,
            identity,
        }
    }

    /// Whether these settings can be used.
    ///
    /// # Errors
    /// [`Fault::Setting`] with the setting's name.
    pub fn check(&self) -> Result<(), Fault> {
        let check = |good: bool, name| if good { Ok(()) } else { Err(Fault::Setting(name)) };
        let domain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        let dots = self.id.starts_with('.') || self.id.ends_with('.') || self.id.contains("..");
        check(!self.id.is_empty() && !dots && self.id.bytes().all(domain), "id")?;
        check(!self.name.is_empty() && self.name.len() <= 64, "name")?;
        let ours = |origin: &String| self.is_ours(origin);
        check(!self.origins.is_empty() && self.origins.iter().all(ours), "origins")?;
        let secure = |origin: &String| host(origin).is_some();
        check(self.top_origins.iter().all(secure), "top_origins")?;
        check(!self.algorithms.is_empty(), "algorithms")?;
        let models = match &self.models {
            Models::Any => true,
            Models::Listed(listed) => !listed.is_empty(),
        };
        check(models, "models")?;
        // A list of models means nothing while nothing but the authenticator's word is asked for.
        let shown = matches!(self.models, Models::Any)
            || self.unattested
            || !self.attestation_roots.is_empty();
        check(shown, "attestation_roots")?;
        check((1..=3).contains(&self.authentication.0), "authentication")?;
        check((1..=3).contains(&self.identity.0), "identity")
    }

    /// Section 5.1.3: the id is the origin's host or a domain above it.
    fn is_ours(&self, origin: &str) -> bool {
        let Some(host) = host(origin) else { return false };
        let below = host.strip_suffix(&self.id).is_some_and(|rest| rest.ends_with('.'));
        host == self.id || below
    }
}

/// The host of an origin in its one spelling, if a browser has WebAuthn there: HTTPS, or HTTP on
/// `localhost`.
fn host(origin: &str) -> Option<&str> {
    let (scheme, rest) = origin.split_once("://")?;
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    let usual = if scheme == "https" { "443" } else { "80" };
    let port_fits = port.is_none_or(|port| {
        port != usual && port.parse::<u16>().is_ok_and(|number| number.to_string() == port)
    });
    let spelt = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let local = host == "localhost" || host.ends_with(".localhost");
    let secure = scheme == "https" || (scheme == "http" && local);
    (secure && port_fits && !host.is_empty() && host.bytes().all(spelt)).then_some(host)
}
