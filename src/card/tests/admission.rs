//! Admission, permits and fresh verification (design rules 4, 5 and 7).

use super::*;

fn settled(desk: &Desk) -> Vec<Outcome> {
    desk.gate.outcomes().into_iter().map(|(_, outcome)| outcome).collect()
}

#[test]
fn a_signature_verifies_and_the_gate_is_told_what_by_whom() {
    let desk = Desk::new(201);
    let login = desk.login();
    let data = digest(Hash::Sha256, b"message");
    let signature = desk.sign(&login, Scheme::Pkcs1(Hash::Sha256), &data).unwrap();
    identity().rsa.public().verify(Scheme::Pkcs1(Hash::Sha256), &data, &signature).unwrap();
    let uses = locked(&desk.gate.uses);
    let [usage] = &uses[..] else { panic!("{uses:?}") };
    assert_eq!((usage.card, usage.key, usage.verb), (desk.card.id(), KeyRef::Slot(AUTH), SHA256));
    assert_eq!((usage.person.as_ref(), usage.caller.connection), (Some(&person(201)), 7));
    assert_eq!(desk.gate.outcomes(), [(1, Outcome::Done)]);
}

#[test]
fn a_permit_dropped_unused_is_told_as_failed_once() {
    let desk = Desk::new(202);
    let permit = desk.admit(&desk.login(), AUTH, SHA256).unwrap();
    assert_eq!(permit.usage().key, KeyRef::Slot(AUTH));
    drop(permit);
    assert_eq!(desk.gate.outcomes(), [(1, Outcome::Failed)]);
}

#[test]
fn a_failed_operation_is_told_as_failed_once() {
    let desk = Desk::new(203);
    let login = desk.login();
    let result = desk.sign(&login, Scheme::Pkcs1(Hash::Sha256), b"no digest");
    assert!(matches!(result, Err(Error::Crypto(crate::crypto::Error::DataLength))));
    assert_eq!(settled(&desk), [Outcome::Failed]);
}

#[test]
fn what_the_gate_refuses_is_not_done() {
    let desk = Desk::new(204);
    let login = desk.login();
    for refusal in [Refusal::Application, Refusal::Consent, Refusal::Audit] {
        *locked(&desk.gate.refuse) = Some(refusal.clone());
        let result = desk.admit(&login, AUTH, SHA256);
        assert!(matches!(result, Err(Error::Refused(given)) if given == refusal));
    }
    assert_eq!(desk.gate.outcomes(), []);
}

#[test]
fn a_login_counts_for_its_card_alone() {
    let (desk, other) = (Desk::new(205), Desk::new(206));
    let login = desk.login();
    assert!(desk.card.logged_in(&login));
    assert!(!other.card.logged_in(&login));
    assert!(matches!(other.admit(&login, AUTH, SHA256), Err(Error::NotVerified)));
    assert!(matches!(other.fresh(&login), Err(Error::NotVerified)));
}

#[test]
fn a_login_counts_for_its_connection_alone() {
    let mut desk = Desk::new(207);
    let login = desk.login();
    desk.caller.connection += 1;
    assert!(matches!(desk.admit(&login, AUTH, SHA256), Err(Error::NotVerified)));
    assert!(matches!(desk.fresh(&login), Err(Error::NotVerified)));
    assert_eq!(desk.gate.events(), [Event::Verified]);
}

#[test]
fn a_permit_counts_for_its_card_alone() {
    let (desk, other) = (Desk::new(208), Desk::new(209));
    let permit = desk.admit(&desk.login(), AUTH, SHA256).unwrap();
    assert!(matches!(other.card.sign(&[1; 32], permit), Err(Error::Permit)));
    assert_eq!(settled(&desk), [Outcome::Failed]);
}

#[test]
fn a_permit_counts_for_its_verb_alone() {
    let desk = Desk::new(210);
    let login = desk.login();
    let decrypt = desk.admit(&login, AUTH, Verb::Decrypt).unwrap();
    assert!(matches!(desk.card.sign(&[1; 32], decrypt), Err(Error::Permit)));
    let sign = desk.admit(&login, AUTH, SHA256).unwrap();
    assert!(matches!(desk.card.decrypt(&[1; 256], sign), Err(Error::Permit)));
    assert_eq!(settled(&desk), [Outcome::Failed, Outcome::Failed]);
}

#[test]
fn the_authentication_key_decrypts() {
    let desk = Desk::new(211);
    let permit = desk.admit(&desk.login(), AUTH, Verb::Decrypt).unwrap();
    let ciphertext = identity().rsa.public().encrypt_pkcs1(b"for your eyes").unwrap();
    assert_eq!(desk.card.decrypt(&ciphertext, permit).unwrap().expose(), b"for your eyes");
    assert_eq!(settled(&desk), [Outcome::Done]);
}

#[test]
fn the_content_commitment_key_never_decrypts() {
    let desk = Desk::new(212);
    let login = desk.login();
    let fresh = desk.fresh(&login).unwrap();
    let result =
        desk.card.admit(&desk.gate(), &desk.caller, &login, Some(fresh), SIGN, Verb::Decrypt);
    assert!(matches!(result, Err(Error::Usage)));
    assert_eq!(locked(&desk.gate.uses).len(), 0);
}

#[test]
fn a_scheme_goes_with_its_kind_of_key_before_anyone_is_asked() {
    let desk = Desk::with(213, |spec| spec.keys[0] = card_key(&person(213), AUTH, &identity().ec));
    let login = desk.login();
    let mismatch = |result: Result<Permit, Error>| {
        assert!(matches!(result, Err(Error::Crypto(crate::crypto::Error::SchemeKey))));
    };
    mismatch(desk.admit(&login, AUTH, SHA256));
    mismatch(desk.admit(&login, AUTH, Verb::Decrypt));
    let rsa = Desk::new(214);
    mismatch(rsa.admit(&rsa.login(), AUTH, Verb::Sign(Scheme::Ecdsa)));
    assert_eq!(locked(&desk.gate.uses).len() + locked(&rsa.gate.uses).len(), 0);
    let signature = desk.sign(&login, Scheme::Ecdsa, &[5; 32]).unwrap();
    identity().ec.public().verify(Scheme::Ecdsa, &[5; 32], &signature).unwrap();
}

#[test]
fn a_card_without_the_key_says_so() {
    let desk = Desk::with(215, |spec| spec.keys.truncate(1));
    let login = desk.login();
    assert!(matches!(desk.admit(&login, SIGN, SHA256), Err(Error::KeyAbsent)));
}

#[test]
fn the_content_commitment_key_asks_each_time() {
    let desk = Desk::new(216);
    let login = desk.login();
    assert!(matches!(desk.admit(&login, SIGN, SHA256), Err(Error::FreshVerification)));
    let scheme = Scheme::Pkcs1(Hash::Sha256);
    let signature = desk.sign_with(SIGN, scheme, &[9; 32]).unwrap();
    identity().other.public().verify(scheme, &[9; 32], &signature).unwrap();
    assert!(matches!(desk.admit(&login, SIGN, SHA256), Err(Error::FreshVerification)));
    // The other key asks for none.
    desk.admit(&login, AUTH, SHA256).unwrap();
}

#[test]
fn a_fresh_verification_needs_the_passcode() {
    let desk = Desk::new(217);
    let login = desk.login();
    let wrong = desk.card.verify_fresh(&login, Some(WRONG), &*desk.gate, &desk.caller);
    assert!(matches!(wrong, Err(Error::PasscodeIncorrect { left: 2 })));
    let none = desk.card.verify_fresh(&login, None, &*desk.gate, &desk.caller);
    assert!(matches!(none, Err(Error::PasscodeShape(_))));
}

#[test]
fn a_fresh_verification_of_another_card_connection_or_time_does_not_count() {
    let (desk, other) = (Desk::new(218), Desk::new(219));
    let verb = SHA256;
    let admit = |login: &Login, fresh: Fresh| {
        desk.card.admit(&desk.gate(), &desk.caller, login, Some(fresh), SIGN, verb)
    };
    let login = desk.login();
    let foreign = other.fresh(&other.login()).unwrap();
    assert!(matches!(admit(&login, foreign), Err(Error::FreshVerification)));
    let mut elsewhere = desk.caller.clone();
    elsewhere.connection += 1;
    let theirs = desk.card.verify(Some(PASSCODE), &AdmitAll, &elsewhere).unwrap();
    let theirs = desk.card.verify_fresh(&theirs, Some(PASSCODE), &AdmitAll, &elsewhere).unwrap();
    assert!(matches!(admit(&login, theirs), Err(Error::FreshVerification)));
    let stale = desk.fresh(&login).unwrap();
    desk.card.lock();
    let login = desk.login();
    assert!(matches!(admit(&login, stale), Err(Error::FreshVerification)));
    assert_eq!(locked(&desk.gate.uses).len(), 0);
}

#[test]
fn no_lock_is_held_while_a_key_works_or_the_gate_is_asked() {
    /// A gate that uses the card from inside.
    #[derive(Debug)]
    struct Nosy(Card);
    impl Nosy {
        fn touch(&self) {
            let state = self.0.state();
            assert!(matches!(state, State::Inserted | State::Locked), "{state:?}");
            self.0.suspend();
            self.0.resume();
        }
    }
    impl Gate for Nosy {
        fn admit(&self, _: &Use) -> Result<u64, Refusal> {
            self.touch();
            Ok(1)
        }
        fn outcome(&self, _: u64, _: &Use, _: Outcome) {
            self.touch();
        }
        fn passcode(&self, _: &CardId, _: Role, caller: &Caller, event: &Event) {
            self.touch();
            // Even another look at the passcode.
            if caller.connection == 7 {
                assert_eq!(event, &Event::Verified);
                let other = Caller::default();
                self.0.verify(Some(PASSCODE), &AdmitAll, &other).unwrap();
            }
        }
    }
    let desk = Desk::new(221);
    let gate: Arc<dyn Gate> = Arc::new(Nosy(desk.card.clone()));
    let login = desk.card.verify(Some(PASSCODE), &*gate, &desk.caller).unwrap();
    let permit = desk.card.admit(&gate, &desk.caller, &login, None, AUTH, SHA256).unwrap();
    let nosy = Nosy(desk.card.clone());
    let worked = desk.card.run(&permit, |_| {
        nosy.touch();
        Ok(5)
    });
    assert_eq!(worked.unwrap(), 5);
    desk.card.sign(&[1; 32], permit).unwrap();
}

#[test]
fn bare_blocks_are_decrypted_by_the_authentication_key_where_raw_blocks_are_allowed() {
    let open = Desk::with(220, |spec| spec.hashes.raw_blocks = true);
    let strict = Desk::new(221);
    let cases =
        [(&open, AUTH, true), (&open, SIGN, false), (&strict, AUTH, false), (&strict, SIGN, false)];
    for (desk, slot, allowed) in cases {
        assert_eq!(desk.card.raises(slot), allowed, "{slot:?}");
        let asked = desk.admit(&desk.login(), slot, Verb::DecryptRaw);
        match asked {
            Ok(_) => assert!(allowed, "{slot:?}"),
            Err(error) => assert!(!allowed && matches!(error, Error::Usage), "{slot:?}: {error}"),
        }
    }
}
