//! An issuer that answers with something else than was ordered: refused, whatever it is.

use super::*;
use crate::{
    derive::refusal::AnswerFault,
    pki::{self, CertificationRequest, UserId, Validity},
};

type Fault = fn(&LocalIssuer, &Order) -> Result<Vec<Issued>, issue::Error>;

/// Runs a sign-in with both slots against an issuer with that fault.
fn fault(fault: Fault) -> AnswerFault {
    let mut world = World::new();
    world.policy.content_commitment = true;
    world.issuer.fault = fault;
    let running = world.run();
    match running.derive(given(true)) {
        Err(Refusal::Answer(fault)) => {
            assert_eq!(running.rows(), [1, 0, 0]);
            fault
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_persons_certificate_is_refused() {
    let fault = fault(|issuer, order| {
        let mut order = order.clone();
        order.assurance.person = UserId::parse("555000000002").unwrap();
        issuer.issue(&order)
    });
    assert_eq!(fault, AnswerFault::Person);
}

#[test]
fn a_certificate_for_another_key_is_refused() {
    let fault = fault(|issuer, order| {
        let mut order = order.clone();
        let key = PrivateKey::generate(KeyKind::P256).unwrap();
        let request = CertificationRequest::new(&order.assurance.person, &key).unwrap();
        order.keys[0].1 = request.der().to_vec();
        issuer.issue(&order)
    });
    assert_eq!(fault, AnswerFault::Key);
}

#[test]
fn too_few_too_many_or_doubled_certificates_are_refused() {
    let faults: [Fault; 4] = [
        |_, _| Ok(Vec::new()),
        |issuer, order| issuer.issue(order).map(|mut all| all.drain(..1).collect()),
        |issuer, order| {
            issuer.issue(order).map(|mut all| {
                all.push(all[0].clone());
                all
            })
        },
        |issuer, order| {
            issuer.issue(order).map(|mut all| {
                all[1] = all[0].clone();
                all
            })
        },
    ];
    for one in faults {
        assert_eq!(fault(one), AnswerFault::Slots);
    }
}

#[test]
fn a_certificate_with_the_other_slots_usage_is_refused() {
    let fault = fault(|issuer, order| {
        let turn = |slot| match slot {
            KeySlot::Authentication => KeySlot::ContentCommitment,
            KeySlot::ContentCommitment => KeySlot::Authentication,
        };
        let mut order = order.clone();
        order.keys.iter_mut().for_each(|(slot, _)| *slot = turn(*slot));
        let mut all = issuer.issue(&order)?;
        all.iter_mut().for_each(|one| one.slot = turn(one.slot));
        Ok(all)
    });
    assert_eq!(fault, AnswerFault::Usage);
}

/// Reissues the authentication certificate by a profile and validity of the test's own.
fn reissued(issuer: &LocalIssuer, order: &Order, profile: &str, validity: Validity) -> Vec<Issued> {
    let mut all = issuer.issue(order).unwrap();
    let profile = pki::Profile::from_toml(profile).unwrap().remove(0);
    let authority = issuer.authority(KeySlot::Authentication);
    let key = all[0].certificate.public_key().clone();
    let person = &order.assurance.person;
    all[0].certificate = authority.issue(&profile, person, &key, validity).unwrap();
    all
}

#[test]
fn a_certificate_that_may_do_both_is_refused() {
    let fault = fault(|issuer, order| {
        let validity = issuer.issue(order)?[0].certificate.validity();
        let profile = "[profile.both]\nsubject = [\"O=nhs\", \"OU=people\", \"CN={id}\"]\n\
                       keys = [\"P-256\"]\nkey-usage = [\"digitalSignature\", \"nonRepudiation\"]";
        Ok(reissued(issuer, order, profile, validity))
    });
    assert_eq!(fault, AnswerFault::Usage);
}

#[test]
fn an_expired_certificate_is_refused() {
    let fault = fault(|issuer, order| {
        let validity = issuer.issue(order)?[0].certificate.validity();
        let end = validity.not_before.plus(Duration::from_secs(1));
        let profile = "[profile.short]\nsubject = [\"O=nhs\", \"OU=people\", \"CN={id}\"]\n\
                       keys = [\"P-256\"]\nkey-usage = [\"digitalSignature\"]";
        Ok(reissued(issuer, order, profile, Validity { not_after: end, ..validity }))
    });
    assert!(matches!(fault, AnswerFault::Path(pki::Error::Expired { depth: 0, .. })), "{fault}");
}

#[test]
fn a_chain_to_another_root_is_refused() {
    let fault = fault(|_, order| {
        let now = order.assurance.authenticated_at.plus(Duration::from_secs(5));
        issuer(&Arc::new(ManualClock::new(now))).issue(order)
    });
    assert!(matches!(fault, AnswerFault::Path(_)), "{fault}");
}

#[test]
fn a_chain_with_a_gap_is_refused() {
    let fault = fault(|issuer, order| {
        let mut all = issuer.issue(order)?;
        all[1].chain.remove(0);
        Ok(all)
    });
    assert!(matches!(fault, AnswerFault::Path(_)), "{fault}");
}
