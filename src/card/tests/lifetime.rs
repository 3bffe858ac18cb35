//! Locked, suspended, removed and expired, kept apart (design rules 3, 4 and 7).

use super::*;

const SCHEME: Scheme = Scheme::Pkcs1(Hash::Sha256);

fn admit(desk: &Desk, login: &Login) -> Result<Permit, Error> {
    desk.admit(login, AUTH, SHA256)
}

#[test]
fn a_lock_voids_every_login_until_now() {
    let desk = Desk::new(401);
    let login = desk.login();
    desk.card.lock();
    assert_eq!(desk.card.state(), State::Locked);
    assert!(!desk.card.logged_in(&login));
    assert!(matches!(admit(&desk, &login), Err(Error::Locked)));
    assert!(matches!(desk.fresh(&login), Err(Error::Locked)));
}

/// A published defect: after a session lock, the passcode on a live connection did not unlock.
#[test]
fn the_passcode_on_a_live_connection_goes_on_after_a_lock() {
    let desk = Desk::new(402);
    desk.login();
    desk.card.lock();
    let login = desk.login();
    assert_eq!(desk.card.state(), State::Inserted);
    assert!(desk.card.logged_in(&login));
    desk.sign(&login, SCHEME, &[1; 32]).unwrap();
}

/// A published defect: reconnecting unlocked without the passcode.
#[test]
fn another_connection_verifies_for_itself_after_a_lock() {
    let mut desk = Desk::new(403);
    let mine = desk.caller.clone();
    desk.caller.connection = 8;
    let theirs = desk.login();
    desk.card.lock();
    desk.caller = mine;
    let login = desk.login();
    desk.caller.connection = 8;
    assert!(!desk.card.logged_in(&theirs));
    assert!(matches!(admit(&desk, &theirs), Err(Error::Locked)));
    assert!(matches!(admit(&desk, &login), Err(Error::NotVerified)));
    assert!(matches!(desk.verify(WRONG), Err(Error::PasscodeIncorrect { .. })));
}

#[test]
fn a_wrong_passcode_does_not_unlock() {
    let desk = Desk::new(404);
    desk.card.lock();
    desk.verify(WRONG).unwrap_err();
    assert_eq!(desk.card.state(), State::Locked);
}

#[test]
fn the_hosts_unlock_does_not_revive_logins() {
    let desk = Desk::new(405);
    let login = desk.login();
    desk.card.lock();
    desk.card.unlock();
    assert_eq!(desk.card.state(), State::Inserted);
    assert!(!desk.card.logged_in(&login));
    assert!(matches!(admit(&desk, &login), Err(Error::Locked)));
    admit(&desk, &desk.login()).unwrap();
}

#[test]
fn where_sign_in_stands_for_the_passcode_only_the_host_unlocks() {
    let desk = Desk::with(406, without_passcode);
    let verify = || desk.card.verify(None, &*desk.gate, &desk.caller);
    let before = verify().unwrap();
    desk.card.lock();
    assert!(matches!(verify(), Err(Error::Locked)));
    assert!(matches!(desk.verify(PASSCODE), Err(Error::Locked)));
    assert_eq!(desk.card.state(), State::Locked);
    desk.card.unlock();
    let after = verify().unwrap();
    assert!(desk.card.logged_in(&after) && !desk.card.logged_in(&before));
    admit(&desk, &after).unwrap();
}

#[test]
fn a_suspended_card_neither_verifies_nor_works_until_it_is_resumed() {
    let desk = Desk::new(407);
    let login = desk.login();
    desk.card.suspend();
    assert_eq!(desk.card.state(), State::Suspended);
    assert!(!desk.card.logged_in(&login));
    assert!(matches!(desk.verify(PASSCODE), Err(Error::Suspended)));
    assert!(matches!(desk.verify(WRONG), Err(Error::Suspended)));
    assert!(matches!(desk.fresh(&login), Err(Error::Suspended)));
    assert!(matches!(admit(&desk, &login), Err(Error::Suspended)));
    assert_eq!(desk.card.tries_left().unwrap(), 3);
    desk.card.resume();
    assert_eq!(desk.card.state(), State::Inserted);
    assert!(desk.card.logged_in(&login));
    desk.sign(&login, SCHEME, &[1; 32]).unwrap();
}

#[test]
fn a_sign_in_card_is_suspended_too() {
    let desk = Desk::with(408, without_passcode);
    desk.card.suspend();
    let result = desk.card.verify(None, &*desk.gate, &desk.caller);
    assert!(matches!(result, Err(Error::Suspended)));
}

#[test]
fn suspension_does_not_undo_a_lock() {
    let desk = Desk::new(409);
    let login = desk.login();
    desk.card.suspend();
    desk.card.lock();
    assert_eq!(desk.card.state(), State::Suspended);
    desk.card.unlock();
    assert_eq!(desk.card.state(), State::Suspended);
    desk.card.lock();
    desk.card.resume();
    assert_eq!(desk.card.state(), State::Locked);
    assert!(matches!(admit(&desk, &login), Err(Error::Locked)));
}

#[test]
fn a_removed_card_stays_removed() {
    let desk = Desk::new(410);
    let login = desk.login();
    desk.card.remove();
    desk.card.unlock();
    desk.card.resume();
    for _ in 0..2 {
        assert_eq!(desk.card.state(), State::Removed);
        assert!(!desk.card.logged_in(&login));
        assert!(matches!(desk.verify(PASSCODE), Err(Error::Removed)));
        assert!(matches!(desk.fresh(&login), Err(Error::Removed)));
        assert!(matches!(admit(&desk, &login), Err(Error::Removed)));
        desk.card.suspend();
        desk.card.lock();
        // Past its end it is still what it became first.
        desk.clock.advance(9 * HOUR);
    }
}

#[test]
fn a_card_expires_by_its_clock_and_for_ever() {
    let desk = Desk::new(411);
    let login = desk.login();
    let permit = admit(&desk, &login).unwrap();
    desk.clock.set(desk.card.expires().minus(Duration::from_millis(1)));
    assert_eq!(desk.card.state(), State::Inserted);
    assert!(desk.card.logged_in(&login));
    desk.clock.set(desk.card.expires());
    assert!(matches!(desk.card.sign(&[1; 32], permit), Err(Error::Expired)));
    assert!(!desk.card.logged_in(&login));
    assert!(matches!(desk.verify(PASSCODE), Err(Error::Expired)));
    assert!(matches!(admit(&desk, &login), Err(Error::Expired)));
    assert_eq!(desk.card.state(), State::Expired);
    desk.clock.set(NOW);
    assert_eq!(desk.card.state(), State::Expired);
    desk.card.remove();
    assert_eq!(desk.card.state(), State::Expired);
}

#[test]
fn a_clock_set_back_lengthens_no_card() {
    let minute = Duration::from_secs(60);
    let desk = Desk::new(420);
    let login = desk.login();
    desk.clock.advance(HOUR);
    assert!(desk.card.logged_in(&login));
    // What a time service corrects is borne, counted from the latest moment ever seen.
    desk.clock.set(NOW.plus(HOUR - 5 * minute));
    assert!(desk.card.logged_in(&login));
    desk.clock.set(NOW.plus(HOUR - 5 * minute).minus(Duration::from_millis(1)));
    assert!(matches!(admit(&desk, &login), Err(Error::Expired)));
    desk.clock.set(NOW.plus(HOUR));
    assert_eq!(desk.card.state(), State::Expired);
    // The moment that the card was made at is one that was seen.
    let desk = Desk::new(421);
    desk.clock.set(NOW.minus(6 * minute));
    assert_eq!(desk.card.state(), State::Expired);
}

#[test]
fn the_end_drops_the_keys_at_once() {
    use super::super::life::{End, Life};
    for end in [End::Removed, End::Expired] {
        let mut life = Life::new(vec![(AUTH, identity().rsa.clone())], NOW);
        assert!(life.key(AUTH).is_ok());
        assert!(matches!(life.key(SIGN), Err(Error::KeyAbsent)));
        assert_eq!(life.end(end).unwrap().len(), 1);
        assert!(matches!(life.key(AUTH), Err(Error::KeyAbsent)));
        assert!(life.end(End::Removed).is_none());
    }
}

/// What happens to the card while its key works.
fn during(number: u32, happening: impl Fn(&Desk)) -> (Error, Vec<Outcome>) {
    let desk = Desk::new(number);
    let permit = admit(&desk, &desk.login()).unwrap();
    let result = desk.card.run(&permit, |key| {
        happening(&desk);
        Ok(key.sign(SCHEME, &[1; 32])?)
    });
    let result = permit.settle(result);
    let outcomes = desk.gate.outcomes().into_iter().map(|(_, outcome)| outcome).collect();
    (result.unwrap_err(), outcomes)
}

#[test]
fn a_result_for_a_card_that_is_gone_meanwhile_is_discarded() {
    let (error, outcomes) = during(412, |desk| desk.card.remove());
    assert!(matches!(error, Error::Removed));
    assert_eq!(outcomes, [Outcome::Failed]);
    let (error, _) = during(413, |desk| desk.clock.advance(9 * HOUR));
    assert!(matches!(error, Error::Expired));
    let (error, _) = during(414, |desk| desk.card.suspend());
    assert!(matches!(error, Error::Suspended));
    let (error, _) = during(415, |desk| desk.card.lock());
    assert!(matches!(error, Error::Locked));
    let (error, _) = during(416, |desk| {
        desk.card.lock();
        desk.login();
    });
    assert!(matches!(error, Error::Locked));
}

#[test]
fn a_permit_does_not_outlive_the_lock_period_it_was_given_in() {
    let desk = Desk::new(417);
    let login = desk.login();
    let sign = admit(&desk, &login).unwrap();
    let decrypt = desk.admit(&login, AUTH, Verb::Decrypt).unwrap();
    desk.card.lock();
    desk.login();
    let worked = desk.card.run(&sign, |_| -> Result<(), Error> { panic!("the key was used") });
    assert!(matches!(worked, Err(Error::Locked)));
    assert!(matches!(desk.card.sign(&[1; 32], sign), Err(Error::Locked)));
    assert!(matches!(desk.card.decrypt(&[1; 256], decrypt), Err(Error::Locked)));
}

#[test]
fn a_card_locked_while_the_passcode_is_looked_at_stays_locked() {
    /// A gate that does something to the card when it hears of the passcode.
    #[derive(Debug)]
    struct Meddler(Card, fn(&Card));
    impl Gate for Meddler {
        fn admit(&self, _: &Use) -> Result<u64, Refusal> {
            Ok(0)
        }
        fn outcome(&self, _: u64, _: &Use, _: Outcome) {}
        fn passcode(&self, _: &CardId, _: Role, _: &Caller, _: &Event) {
            (self.1)(&self.0);
        }
    }
    let verify = |desk: &Desk, meddle: fn(&Card)| {
        let gate = Meddler(desk.card.clone(), meddle);
        desk.card.verify(Some(PASSCODE), &gate, &desk.caller)
    };
    let desk = Desk::new(418);
    assert!(matches!(verify(&desk, Card::lock), Err(Error::Locked)));
    assert_eq!(desk.card.state(), State::Locked);
    // The passcode was right: no try is lost.
    assert_eq!(desk.card.tries_left().unwrap(), 3);
    desk.login();
    assert!(matches!(verify(&desk, Card::suspend), Err(Error::Suspended)));
    desk.card.resume();
    assert!(matches!(verify(&desk, Card::remove), Err(Error::Removed)));
}

#[test]
fn each_use_puts_off_the_lock_of_a_card_that_nobody_uses() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let desk = Desk::new(430);
    desk.card.lock_when_idle(Some(minutes(10)));
    let login = desk.login();
    for _ in 0..3 {
        desk.clock.advance(minutes(9));
        desk.sign(&login, SCHEME, &[1; 32]).unwrap();
        assert_eq!(desk.card.idle_at(), Some(desk.clock.now().plus(minutes(10))));
    }
    desk.clock.advance(minutes(10));
    assert_eq!(desk.card.state(), State::Locked);
    assert_eq!(desk.card.idle_at(), None);

    // Where the sign-in stands for the passcode, to log in is a use too.
    let desk = Desk::with(431, without_passcode);
    desk.card.lock_when_idle(Some(minutes(10)));
    desk.clock.advance(minutes(9));
    desk.card.verify(None, &*desk.gate, &desk.caller).unwrap();
    assert_eq!(desk.card.idle_at(), Some(desk.clock.now().plus(minutes(10))));
}
