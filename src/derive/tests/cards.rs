//! The ways to a card, and what it is worth.

use super::*;
use crate::{derive::KeysHeld, pki, pki::UserId};

fn person() -> UserId {
    UserId::parse(PERSON).unwrap()
}

/// Spends all three tries.
fn block(card: &Card) {
    for _ in 0..3 {
        assert!(offer(card, b"000000").is_err());
    }
    assert_eq!(card.tries_left().unwrap(), 0);
}

#[test]
fn a_strong_sign_in_makes_a_card_that_signs() {
    let running = World::new().run();
    let Derived { card, assurance, named, blocked, explanation, .. } =
        running.derive(given(true)).unwrap();
    assert_eq!((card.person(), &assurance.person, blocked), (&person(), &person(), false));
    assert_eq!(card.slots(), [KeySlot::Authentication]);
    assert_eq!(running.rows(), [1, 1, 0]);

    let certificate = card.certificate(KeySlot::Authentication).unwrap().clone();
    assert_eq!(certificate.subject_text(), "O=nhs, OU=people, CN=555000000001");
    let mut chain = vec![certificate.clone()];
    chain.extend_from_slice(card.chain(KeySlot::Authentication));
    let roots = running.issuer.roots().unwrap();
    pki::validate(&chain, &roots, &[], running.clock.now()).unwrap();

    let login = offer(&card, PASSCODE).unwrap();
    let gate: Arc<dyn Gate> = Arc::new(AdmitAll);
    let (caller, verb) = (Caller::default(), Verb::Sign(Scheme::Ecdsa));
    let permit = card.admit(&gate, &caller, &login, None, KeySlot::Authentication, verb).unwrap();
    let digest = crypto::digest(Hash::Sha256, b"challenge");
    let signature = card.sign(&digest, permit).unwrap();
    certificate.public_key().verify(Scheme::Ecdsa, &digest, &signature).unwrap();

    assert_eq!(named.keys_held, KeysHeld::Software);
    assert_eq!((named.authentication, named.derived_from), (Level(2), Level(3)));
    assert_eq!(explanation.end(), "policy.lifetime");
    let text = named.to_string();
    assert!(text.starts_with("AAL2, keys in software, derived from AAL3"), "{text}");
}

#[test]
fn a_card_never_claims_more_than_its_sign_in() {
    let mut world = World::new();
    world.policy.least_authentication = Level(1);
    world.issuer.inner = LocalIssuer::in_memory(
        &Names::default(),
        KeyKind::P256,
        Rules { least_authentication: Level(1), ..Rules::behind_a_policy() },
        Arc::clone(&world.clock) as Arc<dyn Clock>,
    )
    .unwrap();
    let running = world.run();
    let weak = |claims: &mut Value| claims["authentication_assurance_level"] = json!(1);
    let derived = running.derive_changed(given(false), weak).unwrap();
    assert_eq!(derived.named.authentication, Level(1));
}

#[test]
fn rsa_keys_made_ahead_are_each_used_once() {
    let mut world = World::new();
    world.policy.key = KeyKind::Rsa2048;
    world.policy.content_commitment = true;
    let running = world.run();
    running.deriver.warm(2).unwrap();
    assert_eq!(running.deriver.warm.ready(), 2);
    let derived = running.derive(given(false)).unwrap();
    assert_eq!(running.deriver.warm.ready(), 0);
    assert_eq!(derived.card.slots(), [KeySlot::Authentication, KeySlot::ContentCommitment]);
    let key = |slot| derived.card.certificate(slot).unwrap().public_key().clone();
    assert_ne!(key(KeySlot::Authentication), key(KeySlot::ContentCommitment));
    assert_eq!(key(KeySlot::Authentication).kind(), KeyKind::Rsa2048);
}

#[test]
fn a_thread_keeps_keys_ready_and_ends_when_told() {
    let running = World::new().run();
    let warm = running.deriver.keep_warm(3).unwrap();
    let wait = || {
        let patience = std::time::Instant::now();
        while running.deriver.warm.ready() < 3 {
            assert!(patience.elapsed() < Duration::from_secs(30), "no keys come");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    wait();
    drop(running.deriver.request().unwrap());
    wait();
    drop(warm);
    drop(running.deriver.request().unwrap());
    assert_eq!(running.deriver.warm.ready(), 2, "nobody refills");
}

#[test]
fn a_card_ends_with_the_least_of_its_reasons() {
    let ends = |change: fn(&mut World), expected: &str| {
        let mut world = World::new();
        change(&mut world);
        let running = world.run();
        let derived = running.derive(given(false)).unwrap();
        assert_eq!(derived.card.expires().to_string(), expected);
    };
    // The token's exp, five minutes from now, limits its acceptance and not the card.
    ends(|_| (), "2026-12-01T19:59:55Z");
    ends(
        |world| world.policy.cis1_end = Time::parse_rfc3339("2026-12-01T09:00:00Z").unwrap(),
        "2026-12-01T09:00:00Z",
    );
    // A certificate is still good in the second that it names as its last.
    ends(
        |world| {
            world.issuer.fault = |issuer, order| {
                let mut order = order.clone();
                order.not_after = Time::parse_rfc3339("2026-12-01T08:30:00Z").unwrap();
                issuer.issue(&order)
            }
        },
        "2026-12-01T08:30:01Z",
    );
}

#[test]
fn content_commitment_comes_only_by_policy() {
    let running = World::new().run();
    let derived = running.derive(given(false)).unwrap();
    assert!(derived.card.certificate(KeySlot::ContentCommitment).is_none());
}

#[test]
fn a_kept_passcode_serves_the_next_sign_in_and_can_be_forgotten() {
    let running = World::new().run();
    assert!(!running.deriver.passcode_kept(&person()).unwrap());
    running.derive(given(false)).unwrap();
    assert!(!running.deriver.passcode_kept(&person()).unwrap(), "given, not to be kept");
    running.derive(given(true)).unwrap();
    assert!(running.deriver.passcode_kept(&person()).unwrap());

    let derived = running.derive(PasscodeSource::Kept).unwrap();
    assert!(offer(&derived.card, PASSCODE).is_ok());
    let other = |claims: &mut Value| claims["sub"] = json!("555000000002");
    let refusal = running.derive_changed(PasscodeSource::Kept, other).unwrap_err();
    assert!(matches!(refusal, Refusal::PasscodeUnset), "another person's is not theirs");

    running.deriver.forget_passcode(&person()).unwrap();
    let refusal = running.derive(PasscodeSource::Kept).unwrap_err();
    assert!(matches!(refusal, Refusal::PasscodeUnset));
}

#[test]
fn a_kept_passcode_survives_a_refused_sign_in_with_another() {
    let mut world = World::new();
    world.issuer.fault = |issuer, order| match issuer.roots() {
        // Only the sign-in of 09:00 is refused.
        Ok(_) if order.assurance.authenticated_at.to_string().contains("T09:") => {
            Err(issue::Error::Refused("not today".to_owned()))
        }
        _ => issuer.issue(order),
    };
    let running = world.run();
    running.derive(given(true)).unwrap();
    running.clock.advance(Duration::from_secs(3700));
    let passcode = Secret::copied_from(b"13579111");
    assert!(running.derive(PasscodeSource::Given { passcode, keep: true }).is_err());
    running.clock.advance(Duration::from_secs(3700));
    let derived = running.derive(PasscodeSource::Kept).unwrap();
    assert!(offer(&derived.card, PASSCODE).is_ok());
}

#[test]
fn a_prepared_verifier_is_as_good_as_a_passcode() {
    let running = World::new().run();
    let verifier = running.deriver.verifier(&Secret::copied_from(PASSCODE)).unwrap();
    let source = PasscodeSource::Prepared { verifier, keep: true };
    let derived = running.derive(source).unwrap();
    assert!(offer(&derived.card, PASSCODE).is_ok());
    assert!(running.deriver.passcode_kept(&person()).unwrap());
}

#[test]
fn sign_in_can_stand_for_the_passcode() {
    let running = World::new().run();
    let derived = running.derive(PasscodeSource::SignIn).unwrap();
    assert!(derived.card.passcode_rule().is_none());
    assert!(derived.card.verify(None, &AdmitAll, &Caller::default()).is_ok());
    assert_eq!(running.rows(), [1, 0, 0]);
}

#[test]
fn a_new_strong_proof_clears_a_blocked_passcode_but_a_refused_one_does_not() {
    let running = World::new().run();
    let first = running.derive(given(true)).unwrap();
    block(&first.card);
    let weak = |claims: &mut Value| claims["authentication_assurance_level"] = json!(2);
    assert!(running.derive_changed(PasscodeSource::Kept, weak).is_err());
    assert_eq!(first.card.tries_left().unwrap(), 0);
    let again = running.derive(PasscodeSource::Kept).unwrap();
    assert!(!again.blocked);
    assert!(offer(&again.card, PASSCODE).is_ok());
}

#[test]
fn a_sign_in_gives_no_tries_back_to_whom_some_are_left() {
    let running = World::new().run();
    let first = running.derive(given(true)).unwrap();
    assert!(offer(&first.card, b"000000").is_err());
    let again = running.derive(PasscodeSource::Kept).unwrap();
    assert_eq!(again.card.tries_left().unwrap(), 2);
}

#[test]
fn clearing_too_often_leaves_the_card_blocked_until_the_hour_has_passed() {
    let mut world = World::new();
    world.policy.clears_per_hour = 2;
    let running = world.run();
    let mut card = running.derive(given(true)).unwrap().card;
    for expected in [false, false, true, true] {
        block(&card);
        running.clock.advance(Duration::from_secs(60));
        let derived = running.derive(PasscodeSource::Kept).unwrap();
        assert_eq!(derived.blocked, expected);
        card = derived.card;
        assert_eq!(card.tries_left().unwrap() == 0, expected);
        if expected {
            assert!(matches!(offer(&card, PASSCODE), Err(card::Error::Blocked)));
        }
    }
    running.clock.advance(Duration::from_secs(3600));
    assert!(!running.derive(PasscodeSource::Kept).unwrap().blocked);
}

#[test]
fn a_dropped_request_asks_nobody() {
    let running = World::new().run();
    let request = running.deriver.request().unwrap();
    assert!(!format!("{request:?}").is_empty());
    drop(request);
    assert_eq!((running.rows(), running.asked()), ([0, 0, 0], 0));
}
