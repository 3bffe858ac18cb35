//! What an issuer itself asks of an order, whatever the caller's policy already said.

use super::{Error, Order};
use crate::{
    clock::Time,
    crypto::KeyKind,
    pki::{CertificationRequest, KeySlot, Level, Validity},
};
use std::time::Duration;

/// The issuer's rules. The defaults are those of the derivation policy: both have to be lowered
/// before a weaker sign-in makes a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Least authentication assurance.
    pub least_authentication: Level,
    /// Least identity assurance.
    pub least_identity: Level,
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

impl Default for Rules {
    fn default() -> Self {
        Self {
            least_authentication: Level(3),
            least_identity: Level(3),
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
    /// The order's requests, each one's possession of its key proved (RFC 2986 self-signature).
    ///
    /// # Errors
    /// [`Error::Refused`] with the rule that says no.
    pub(super) fn admit(
        &self,
        order: &Order,
        now: Time,
    ) -> Result<Vec<(KeySlot, CertificationRequest)>, Error> {
        let assurance = &order.assurance;
        if assurance.authentication < self.least_authentication {
            return refuse("the sign-in's authentication assurance is below this issuer's least");
        }
        if assurance.identity < self.least_identity {
            return refuse("the person's identity assurance is below this issuer's least");
        }
        if assurance.authenticated_at > now.plus(self.leeway) {
            return refuse("the time of authentication lies in the future; compare the clocks");
        }
        if order.keys.is_empty() {
            return refuse("the order has no key");
        }
        let mut admitted: Vec<(KeySlot, CertificationRequest)> = Vec::new();
        for (slot, der) in &order.keys {
            if admitted.iter().any(|(other, _)| other == slot) {
                return refuse("the order names a slot twice");
            }
            if *slot == KeySlot::ContentCommitment && !self.content_commitment {
                return refuse(
                    "this issuer does not certify content commitment keys \
                     (rule content_commitment in its ca.toml)",
                );
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
