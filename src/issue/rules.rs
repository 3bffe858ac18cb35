//! What an issuer itself asks of an order, whatever the caller's policy already said.

use super::{Error, Order};
use crate::{
    clock::Time,
    crypto::KeyKind,
    pki::{Assurance, Binding, CertificationRequest, KeySlot, Level, Source, Validity},
};
use std::time::Duration;

/// The issuer's rules: the derivation policy and they have to be lowered before a weaker sign-in
/// makes a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Least authentication assurance.
    pub least_authentication: Level,
    /// Least identity assurance.
    pub least_identity: Level,
    /// How long ago the person may have signed in.
    pub largest_age: Duration,
    /// Kinds of evidence that certificates are issued on; no other is heard.
    pub sources: Vec<SourceRule>,
    /// Longest life of a certificate, counted from the time of authentication.
    pub longest_life: Duration,
    /// How long before now a certificate begins, so that a verifier whose clock is behind finds a
    /// signature inside the validity.
    pub backdate: Duration,
    /// How far in the future a time of authentication may lie because clocks differ.
    pub leeway: Duration,
    /// Whether content commitment keys are certified at all.
    pub content_commitment: bool,
    /// Kinds of key that are certified.
    pub keys: Vec<KeyKind>,
}

/// A kind of evidence that an issuer hears of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRule {
    /// As [`Source::kind`] writes it.
    pub kind: String,
    /// Only the source of this name ([`Source::name`]).
    pub name: Option<String>,
    /// Whether evidence that was not bound to its request is heard of too.
    pub unbound: bool,
    /// Whether evidence that was accepted offline is heard of too.
    pub offline: bool,
}

impl SourceRule {
    /// Evidence of this kind by whatever name, bound and online.
    pub fn of(kind: &str) -> Self {
        Self { kind: kind.to_owned(), name: None, unbound: false, offline: false }
    }

    fn covers(&self, source: &Source) -> bool {
        self.kind == source.kind() && self.name.as_deref().is_none_or(|name| name == source.name())
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            least_authentication: Level(3),
            least_identity: Level(3),
            largest_age: Duration::from_secs(15 * 60),
            sources: vec![SourceRule::of("oidc")],
            longest_life: Duration::from_secs(24 * 3600),
            backdate: Duration::from_secs(5 * 60),
            leeway: Duration::from_secs(60),
            content_commitment: false,
            keys: vec![
                KeyKind::Rsa2048,
                KeyKind::Rsa3072,
                KeyKind::Rsa4096,
                KeyKind::P256,
                KeyKind::P384,
            ],
        }
    }
}

impl Rules {
    /// Rules that leave it to the policy in front who signs in by what and when: for an issuer
    /// in memory and for tests. The levels are the default ones.
    pub fn behind_a_policy() -> Self {
        let source =
            |kind: &str| SourceRule { unbound: true, offline: true, ..SourceRule::of(kind) };
        Self {
            largest_age: Duration::from_secs(24 * 3600),
            sources: ["oidc", "webauthn", "certificate", "host"].map(source).to_vec(),
            ..Self::default()
        }
    }

    /// The order's requests, each one's possession of its key proved (RFC 2986 self-signature).
    ///
    /// # Errors
    /// [`Error::Refused`] with the rule that says no.
    pub(super) fn admit(
        &self,
        order: &Order,
        now: Time,
    ) -> Result<Vec<(KeySlot, CertificationRequest)>, Error> {
        self.believe(&order.assurance, now)?;
        if order.keys.is_empty() {
            return refuse("the order has no key");
        }
        let mut admitted: Vec<(KeySlot, CertificationRequest)> = Vec::new();
        for (slot, der) in &order.keys {
            if admitted.iter().any(|(other, _)| other == slot) {
                return refuse("the order names a slot twice");
            }
            if *slot == KeySlot::ContentCommitment {
                self.commits(&order.assurance)?;
            }
            let request = CertificationRequest::from_der(der)
                .map_err(|error| Error::Refused(format!("a request does not stand: {error}")))?;
            if !self.keys.contains(&request.public_key().kind()) {
                return refuse("this issuer does not certify keys of this kind");
            }
            if admitted.iter().any(|(_, other)| other.public_key() == request.public_key()) {
                return refuse("the order uses one key for two slots");
            }
            admitted.push((*slot, request));
        }
        Ok(admitted)
    }

    /// Whether the assurance is worth a certificate here.
    fn believe(&self, assurance: &Assurance, now: Time) -> Result<(), Error> {
        if assurance.authentication < self.least_authentication {
            return refuse("the sign-in's authentication assurance is below this issuer's least");
        }
        if assurance.identity < self.least_identity {
            return refuse("the person's identity assurance is below this issuer's least");
        }
        if assurance.authenticated_at > now.plus(self.leeway) {
            return refuse("the time of authentication lies in the future; compare the clocks");
        }
        if assurance.authenticated_at.plus(self.largest_age) < now {
            return refuse("the sign-in is older than this issuer's largest_age; sign in again");
        }
        let mut sources = std::iter::once(&assurance.source).chain(&assurance.beside);
        sources.try_for_each(|source| self.hear(source, assurance))
    }

    /// Whether one of the rules of sources covers this one as it was accepted.
    fn hear(&self, source: &Source, assurance: &Assurance) -> Result<(), Error> {
        let unbound = assurance.binding == Binding::Unbound;
        let allows = |bound_suffices: bool, online_suffices: bool| {
            self.sources.iter().filter(|rule| rule.covers(source)).any(|rule| {
                (rule.unbound || !unbound || bound_suffices)
                    && (rule.offline || !assurance.offline || online_suffices)
            })
        };
        if !allows(true, true) {
            return refuse(
                "this issuer does not hear of evidence from such a source \
                 ([[rules.source]] in its ca.toml)",
            );
        }
        if !allows(false, true) {
            return refuse(
                "the evidence was not bound to its request (unbound in [[rules.source]])",
            );
        }
        if !allows(false, false) {
            return refuse("the evidence was accepted offline (offline in [[rules.source]])");
        }
        Ok(())
    }

    /// Whether content commitment may come of this assurance (design rules 2 and 5).
    fn commits(&self, assurance: &Assurance) -> Result<(), Error> {
        if !self.content_commitment {
            return refuse(
                "this issuer does not certify content commitment keys \
                 (rule content_commitment in its ca.toml)",
            );
        }
        if assurance.binding == Binding::Unbound {
            return refuse("content commitment is never certified on evidence that is not bound");
        }
        Ok(())
    }

    /// From when to when a certificate of this order is good, under an authority that itself is
    /// good for `authority`. Ends with the order, the longest life or the authority.
    ///
    /// # Errors
    /// [`Error::Refused`] where nothing of it is left, naming what ended.
    pub(super) fn validity(
        &self,
        order: &Order,
        authority: Validity,
        now: Time,
    ) -> Result<Validity, Error> {
        let oldest = order.assurance.authenticated_at.plus(self.longest_life);
        for (end, ended) in [
            (order.not_after, "the order's own end has passed"),
            (oldest, "the sign-in is older than this issuer's longest life of a certificate"),
            (authority.not_after, "the issuing authority's certificate has expired"),
        ] {
            if whole_seconds(end) <= now {
                return refuse(ended);
            }
        }
        if authority.not_before > now {
            return refuse("the issuing authority's certificate is not yet valid");
        }
        Ok(Validity {
            not_before: whole_seconds(now.minus(self.backdate).max(authority.not_before)),
            not_after: whole_seconds(order.not_after.min(oldest).min(authority.not_after)),
        })
    }
}

/// Certificates count in seconds (RFC 5280 section 4.1.2.5); rounding down never lengthens a life.
fn whole_seconds(time: Time) -> Time {
    Time::from_unix_seconds(time.unix_seconds())
}

fn refuse<T>(reason: &str) -> Result<T, Error> {
    Err(Error::Refused(reason.to_owned()))
}
