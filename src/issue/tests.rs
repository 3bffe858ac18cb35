//! The issuer's own rules, each broken in turn; the protocol under hostile bytes; an issuer over a
//! socket.

#[cfg(unix)]
mod remote;
mod rules;

use super::*;
use crate::{
    clock::{Clock, ManualClock},
    crypto::{KeyKind, PrivateKey},
    pki::{CertificationRequest, UserId},
    proof::{Binding, Level, Source},
};
use std::{sync::Arc, time::Duration};

pub(super) fn person() -> UserId {
    UserId::parse("555000000001").unwrap()
}

pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Time::parse_rfc3339("2026-12-01T08:00:00Z").unwrap()))
}

pub(super) fn request(key: &PrivateKey) -> Vec<u8> {
    let nobody = UserId::parse("000000000000").unwrap();
    CertificationRequest::new(&nobody, key).unwrap().der().to_vec()
}

/// An order for both slots by a strong sign-in at `now`, wanted for twelve hours.
pub(super) fn order(now: Time) -> Order {
    let keys = [KeySlot::Authentication, KeySlot::ContentCommitment]
        .map(|slot| (slot, request(&PrivateKey::generate(KeyKind::P256).unwrap())));
    Order {
        assurance: Assurance {
            person: person(),
            authentication: Level(3),
            identity: Level(3),
            context: Some("AAL3_FIDO2".to_owned()),
            methods: vec!["fido2".to_owned()],
            authenticated_at: now,
            source: Source::Oidc("https://provider.example".to_owned()),
            binding: Binding::Nonce,
            session: None,
            beside: Vec::new(),
            offline: false,
        },
        keys: keys.to_vec(),
        not_after: now.plus(Duration::from_secs(12 * 3600)),
    }
}

pub(super) fn issuer(clock: &Arc<ManualClock>, rules: Rules) -> LocalIssuer {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    LocalIssuer::in_memory(&Names::default(), KeyKind::P256, rules, clock).unwrap()
}

pub(super) fn both() -> Rules {
    Rules { content_commitment: true, ..Rules::default() }
}

#[test]
fn authorities_begin_a_day_early_and_last_their_years() {
    let now = Time::parse_rfc3339("2026-12-01T08:00:00.5Z").unwrap();
    let validity = local::authority_validity(now, 2);
    assert_eq!(validity.not_before.to_string(), "2026-11-30T08:00:00Z");
    assert_eq!(validity.not_after.to_string(), "2028-11-30T20:00:00Z");
}

#[test]
fn an_issuer_behind_a_policy_leaves_the_age_of_a_sign_in_to_it() {
    let clock = clock();
    let issuer = issuer(&clock, Rules { content_commitment: true, ..Rules::behind_a_policy() });
    let old = |age| order(clock.now().minus(Duration::from_secs(age)));
    let not_after = clock.now().plus(Duration::from_secs(3600));
    assert!(issuer.issue(&Order { not_after, ..old(23 * 3600) }).is_ok());
    assert!(issuer.issue(&Order { not_after, ..old(25 * 3600) }).is_err());
}
