//! An existing card's signature over the nonce: the certificate's path to configured roots
//! (RFC 5280 section 6), revocation, the NHS profile, and the person in its subject.
//!
//! The host has the card sign [`challenge`] with its authentication key, by PKCS#1 v1.5 or PSS with
//! SHA-256 or by ECDSA, and hands in one JSON object:
//!
//! ```json
//! {"scheme": "RS256", "signature": "<Base64>", "certificates": "<PEM, the person's own first>"}
//! ```
//!
//! `scheme` is `RS256`, `PS256`, `ES256`, `ES384` (ECDSA as `r || s`), or `RS1` where a setting
//! allows SHA-1. OCSP is left out: revocation is by lists.

mod answer;
mod fault;
mod lists;

pub use fault::Fault;

use super::{Accepted, Assurance, Binding, Fetch, Level, Nonce, Refusal, Source};
use crate::{
    clock::Clock,
    crypto,
    pki::{self, Certificate, Usage, UserId},
};
use answer::{Answer, SignatureScheme};
use lists::List;
use std::{sync::Arc, time::Duration};

/// Keeps this signature apart from every other that a card makes: no protocol that such cards
/// serve begins what is signed with this text.
const LABEL: &str = "Wardcard sign-in by an existing card, version 1: ";

/// How long an answer is remembered as used; its nonce is of one request, which waits for minutes.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Purposes of extKeyUsage that sign somebody in: clientAuth, smartcard logon, any.
const PURPOSES: [&str; 3] = ["1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.311.20.2.2", "2.5.29.37.0"];

/// What the card signs for a request's nonce: a label and the nonce, as ASCII.
pub fn challenge(nonce: &str) -> Vec<u8> {
    [LABEL.as_bytes(), nonce.as_bytes()].concat()
}

/// How revocation is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// By the lists at these addresses: `https://`, `http://` on loopback, or `file:///`.
    Lists(Vec<String>),
    /// Not at all; asked for by name.
    Unchecked,
}

/// How existing cards are verified.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of these roots in assurances, policy and audit.
    pub name: String,
    /// Roots.
    pub roots: Vec<Certificate>,
    /// Authorities below them that cards do not hand out themselves.
    pub intermediates: Vec<Certificate>,
    /// Revocation.
    pub revocation: Revocation,
    /// How long after its next update was due a list serves while no newer one can be had; the
    /// assurance then says that it is offline.
    pub stale: Duration,
    /// The subject, in encoded order; `{id}` stands for the 12 digits.
    pub subject: String,
    /// Policies of which a certificate has to have one; empty: any or none.
    pub policies: Vec<String>,
    /// Whether PKCS#1 v1.5 with SHA-1 is accepted, for cards that know nothing else.
    pub sha1: bool,
    /// What a signature stands for.
    pub authentication: Level,
    /// How well people's identity was checked before they got their cards.
    pub identity: Level,
}

impl Settings {
    /// The NHS profile: its subject and its policy for authentication; no SHA-1, no stale lists.
    pub fn nhs(
        roots: Vec<Certificate>,
        revocation: Revocation,
        authentication: Level,
        identity: Level,
    ) -> Self {
        Self {
            name: "nhs".to_owned(),
            roots,
            intermediates: Vec::new(),
            revocation,
            stale: Duration::ZERO,
            subject: "O=nhs, OU=people, CN={id}".to_owned(),
            policies: vec!["1.2.826.0.1275.101.0.3.1.1".to_owned()],
            sha1: false,
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
        check(!self.name.is_empty(), "name")?;
        check(!self.roots.is_empty(), "roots")?;
        check(self.subject.matches("{id}").count() == 1, "subject")?;
        if let Revocation::Lists(addresses) = &self.revocation {
            let fetched = |address: &String| lists::may_fetch(address);
            check(!addresses.is_empty() && addresses.iter().all(fetched), "revocation")?;
        }
        check(self.stale <= Duration::from_secs(7 * 86_400), "stale")?;
        check((1..=3).contains(&self.authentication.0), "authentication")?;
        check((1..=3).contains(&self.identity.0), "identity")
    }
}

/// Verifies answers of existing cards.
#[derive(Debug)]
pub struct Verifier {
    settings: Settings,
    unusable: Option<Fault>,
    lists: Vec<List>,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    /// A verifier that has fetched nothing yet. Settings that cannot be used refuse everything;
    /// [`Settings::check`] tells so beforehand.
    pub fn new(settings: Settings, fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        let unusable = settings.check().err();
        let addresses = match &settings.revocation {
            Revocation::Lists(addresses) => addresses.as_slice(),
            Revocation::Unchecked => &[],
        };
        let list = |address: &String| List::new(address.clone(), Arc::clone(&fetch));
        let lists = addresses.iter().map(list).collect();
        Self { settings, unusable, lists, clock }
    }

    /// Whether this authority's key, or one that it has certified, is one that cards may lead to.
    pub fn trusts(&self, authority: &Certificate) -> bool {
        let key = authority.public_key();
        let below = |one: &Certificate| {
            one.issuer_der() == authority.subject_der() && one.verify_signed_by(key).is_ok()
        };
        let trusted = self.settings.roots.iter().chain(&self.settings.intermediates);
        trusted.into_iter().any(|one| one.public_key() == key || below(one))
    }

    /// Verifies a card's answer to the challenge of `nonce`. Nothing is fetched before signature
    /// and path stand.
    ///
    /// # Errors
    /// The first check that it did not pass.
    pub fn accept(&self, answer: &[u8], nonce: &Nonce) -> Result<Accepted, Refusal> {
        if let Some(fault) = &self.unusable {
            return Err(fault.clone().into());
        }
        let Answer { scheme, signature, certificates } = Answer::read(answer)?;
        let leaf = certificates.first().ok_or(Fault::Answer("certificates"))?;
        if scheme == SignatureScheme::Pkcs1(crypto::Hash::Sha1) && !self.settings.sha1 {
            return Err(Fault::Sha1.into());
        }
        let person = self.person(leaf)?;
        let challenge = challenge(nonce.as_str());
        let key = leaf.public_key();
        let (form, hash) = scheme.with(key.kind()).ok_or(Fault::SchemeKey)?;
        let digest = crypto::digest(hash, &challenge);
        key.verify(form, &digest, &signature).map_err(|_| Fault::Signature)?;
        // An ECDSA signature has a twin, the certificate's too: what was signed, by which key, is
        // the proof.
        let signed = [challenge.as_slice(), key.spki()].concat();
        let path = self.completed(certificates.clone());
        let card_path = path.iter().map(|one| one.public_key().spki().to_vec()).collect();
        let offline = self.validate(path)?;
        let now = self.clock.now();
        let assurance = Assurance {
            person,
            authentication: self.settings.authentication,
            identity: self.settings.identity,
            context: None,
            methods: vec!["sc".to_owned()],
            // Made for this request, so not before it; the moment itself is not signed.
            authenticated_at: now,
            source: Source::Certificate(self.settings.name.clone()),
            binding: Binding::Challenge,
            session: None,
            beside: Vec::new(),
            offline,
        };
        let accepted = Accepted::new(assurance, signed, now.plus(REMEMBERED));
        Ok(Accepted { card_path, ..accepted })
    }

    /// Whose the certificate is, if it is one that signs people in.
    fn person(&self, leaf: &Certificate) -> Result<UserId, Fault> {
        if leaf.is_authority() {
            return Err(Fault::Authority);
        }
        if !leaf.has_key_usage() || !leaf.allows(Usage::DigitalSignature) {
            return Err(Fault::Usage);
        }
        let purposes = leaf.extended_key_usage();
        let signs_in = |purpose: &String| PURPOSES.contains(&purpose.as_str());
        if !purposes.is_empty() && !purposes.iter().any(signs_in) {
            return Err(Fault::Purpose);
        }
        let policies = leaf.policies();
        let wanted = &self.settings.policies;
        if !wanted.is_empty() && !wanted.iter().any(|policy| policies.contains(policy)) {
            return Err(Fault::Policy);
        }
        // The whole name as text, whose separators cannot come from a value: it escapes them.
        let subject = leaf.subject_text();
        let (before, after) = self.settings.subject.split_once("{id}").ok_or(Fault::Subject)?;
        let id = subject.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        id.and_then(UserId::parse).ok_or(Fault::Subject)
    }

    /// With the configured authorities above the last certificate, each at most once.
    fn completed(&self, mut chain: Vec<Certificate>) -> Vec<Certificate> {
        for _ in &self.settings.intermediates {
            let Some(last) = chain.last() else { break };
            if self.settings.roots.iter().any(|root| root.subject_der() == last.issuer_der()) {
                break;
            }
            let issues = |one: &&Certificate| one.subject_der() == last.issuer_der();
            match self.settings.intermediates.iter().find(issues) {
                Some(next) if !chain.contains(next) => chain.push(next.clone()),
                _ => break,
            }
        }
        chain
    }

    /// Path and revocation; whether a list past its next update had to serve.
    fn validate(&self, chain: Vec<Certificate>) -> Result<bool, Fault> {
        let now = self.clock.now();
        let roots = &self.settings.roots;
        pki::validate_within(&chain, roots, &[], now, Duration::ZERO).map_err(Fault::Path)?;
        if self.settings.revocation == Revocation::Unchecked {
            return Ok(false);
        }
        let (mut held, mut missing) = (Vec::new(), None);
        let known: Vec<_> = roots.iter().chain(&self.settings.intermediates).collect();
        let last = chain.last().map(Certificate::issuer_der);
        let above = roots.iter().filter(|root| last == Some(root.subject_der()));
        let authorities: Vec<&Certificate> = chain.iter().skip(1).chain(above).collect();
        for list in &self.lists {
            match list.current(self.clock.as_ref(), &authorities, &known) {
                Ok(lists) => held.extend(lists),
                Err(why) => missing = Some(why),
            }
        }
        let crls: Vec<_> = held.iter().map(AsRef::as_ref).collect();
        // Without any list revocation would not be looked at.
        if crls.is_empty() {
            return Err(Fault::Lists(missing.unwrap_or_default()));
        }
        let outcome = pki::validate_within(&chain, roots, &crls, now, self.settings.stale);
        match (outcome, missing) {
            (Err(pki::Error::CrlMissing { .. }), Some(why)) => Err(Fault::Lists(why)),
            (outcome, _) => outcome.map_err(Fault::Path),
        }
    }
}
