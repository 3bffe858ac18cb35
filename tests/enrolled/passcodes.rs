//! Passcodes of user and security officer, their tries, and initialisation.

use super::*;

#[test]
fn wrong_passcodes_block_and_the_right_one_no_longer_helps() {
    let desk = Desk::new();
    assert!(matches!(desk.verify(WRONG), Err(Error::PasscodeIncorrect { left: 2 })));
    assert!(matches!(desk.verify(WRONG), Err(Error::PasscodeIncorrect { left: 1 })));
    assert_eq!(desk.login().connection(), 7);
    assert_eq!(desk.left(Role::User), 3);
    assert!(matches!(desk.verify(WRONG), Err(Error::PasscodeIncorrect { left: 2 })));
    assert!(matches!(desk.verify(WRONG), Err(Error::PasscodeIncorrect { left: 1 })));
    assert!(matches!(desk.verify(WRONG), Err(Error::Blocked)));
    assert!(matches!(desk.verify(USER), Err(Error::Blocked)));
    assert_eq!((desk.left(Role::User), desk.left(Role::SecurityOfficer)), (0, 3));
    // Neither does another process, nor a new shelf.
    let elsewhere = desk.elsewhere();
    assert!(matches!(elsewhere.verify(USER, &*desk.watcher, &desk.caller), Err(Error::Blocked)));
    // The security officer sets a new one, which has all tries.
    desk.set_user(b"other");
    assert_eq!(desk.left(Role::User), 3);
    desk.verify(b"other").unwrap();
    let events = desk.watcher.events.lock().unwrap();
    let user: Vec<_> =
        events.iter().filter(|(role, _)| *role == Role::User).map(|(_, e)| e.clone()).collect();
    let wrong = |left| Event::Incorrect(left);
    assert_eq!(
        user,
        [
            wrong(2),
            wrong(1),
            Event::Verified,
            wrong(2),
            wrong(1),
            wrong(0),
            Event::Blocked,
            Event::Blocked,
            Event::Verified
        ]
    );
    let officers = events.iter().filter(|(role, _)| *role == Role::SecurityOfficer);
    assert!(officers.map(|(_, event)| event).all(|event| *event == Event::Verified));
}

#[test]
fn the_officers_tries_are_counted_apart_and_guard_initialisation() {
    let desk = Desk::new();
    let wrong = |passcode| desk.card.initialize(passcode, LABEL, &*desk.watcher, &desk.caller);
    assert!(matches!(wrong(USER), Err(Error::PasscodeIncorrect { left: 2 })));
    assert!(matches!(
        desk.card.verify_so(USER, &*desk.watcher, &desk.caller),
        Err(Error::PasscodeIncorrect { left: 1 })
    ));
    assert_eq!((desk.left(Role::User), desk.left(Role::SecurityOfficer)), (3, 1));
    assert!(matches!(wrong(USER), Err(Error::Blocked)));
    assert!(matches!(wrong(SO), Err(Error::Blocked)));
    desk.login();
    let events = desk.watcher.events.lock().unwrap();
    assert!(events.contains(&(Role::SecurityOfficer, Event::Incorrect(0))));
}

#[test]
fn a_passcode_of_the_wrong_shape_costs_no_try() {
    let desk = Desk::new();
    for shape in [&b"123"[..], &[b'x'; 65], b"12\x0034", b"\xFF\xFF\xFF\xFF"] {
        assert!(matches!(desk.verify(shape), Err(Error::PasscodeShape(_))));
        let change = desk.card.change_passcode(USER, shape, &*desk.watcher, &desk.caller);
        assert!(matches!(change, Err(Error::PasscodeShape(_))));
        assert!(matches!(desk.shelf.initialize_new(shape, LABEL), Err(Error::PasscodeShape(_))));
    }
    assert_eq!(desk.left(Role::User), 3);
    assert_eq!(desk.shelf.cards().unwrap().len(), 1);
}

#[test]
fn without_a_users_passcode_nobody_logs_in_and_no_try_is_spent() {
    let desk = Desk::new();
    let fresh = desk.shelf.initialize_new(SO, LABEL).unwrap();
    assert!(!fresh.user_passcode_set().unwrap());
    let verify = fresh.verify(USER, &*desk.watcher, &desk.caller);
    assert!(matches!(verify, Err(Error::PasscodeUnset)));
    assert_eq!(fresh.tries_left(Role::User).unwrap(), 3);
}

#[test]
fn a_changed_passcode_ends_the_logins_of_others_and_keeps_the_objects() {
    let desk = Desk::new();
    let login = desk.login();
    desk.card.add(Some(&login), &[object(true, b"", b"kept")]).unwrap();
    let wrong = desk.card.change_passcode(WRONG, b"newer", &*desk.watcher, &desk.caller);
    assert!(matches!(wrong, Err(Error::PasscodeIncorrect { left: 2 })));
    assert!(desk.card.logged_in(&login).unwrap());

    let elsewhere = desk.elsewhere();
    let other = elsewhere.verify(USER, &*desk.watcher, &desk.caller).unwrap();
    let new = desk.card.change_passcode(USER, b"newer", &*desk.watcher, &desk.caller).unwrap();
    assert_eq!(desk.left(Role::User), 3);
    assert!(!desk.card.logged_in(&login).unwrap() && !elsewhere.logged_in(&other).unwrap());
    assert!(matches!(elsewhere.records(Some(&other)), Err(Error::NotVerified)));
    assert_eq!(&*desk.card.records(Some(&new)).unwrap()[0].content, b"kept");
    assert!(matches!(desk.verify(USER), Err(Error::PasscodeIncorrect { .. })));
    let again = desk.verify(b"newer").unwrap();
    assert_eq!(desk.card.records(Some(&again)).unwrap().len(), 1);
}

#[test]
fn the_officers_change_leaves_the_users_login_alone() {
    let desk = Desk::new();
    let login = desk.login();
    let so = desk.card.verify_so(SO, &*desk.watcher, &desk.caller).unwrap();
    let new = desk.card.change_so_passcode(SO, b"so newer", &*desk.watcher, &desk.caller).unwrap();
    assert_eq!(new.connection(), 7);
    assert!(desk.card.logged_in(&login).unwrap());
    assert!(!desk.card.so_logged_in(&so).unwrap() && desk.card.so_logged_in(&new).unwrap());
    assert!(matches!(desk.card.set_user_passcode(&so, b"never"), Err(Error::NotVerified)));
    desk.card.set_user_passcode(&new, b"newer").unwrap();
    assert!(!desk.card.logged_in(&login).unwrap() && desk.card.so_logged_in(&new).unwrap());
    desk.verify(b"newer").unwrap();
}

#[test]
fn initialisation_takes_everything_but_number_serial_and_the_officers_passcode() {
    let desk = Desk::new();
    let login = desk.login();
    let (number, _) = desk.key(&login, KeyKind::P256, false);
    desk.card.add(Some(&login), &[object(false, b"id", b"public")]).unwrap();
    let elsewhere = desk.elsewhere();
    let so = elsewhere.verify_so(SO, &*desk.watcher, &desk.caller).unwrap();
    let (id, version) = (elsewhere.id(), elsewhere.version().unwrap());

    let label = *b"made anew                       ";
    desk.card.initialize(SO, label, &*desk.watcher, &desk.caller).unwrap();
    assert_eq!((elsewhere.id(), elsewhere.number()), (id, 0));
    assert_eq!(elsewhere.label().unwrap(), label);
    assert_ne!(elsewhere.version().unwrap(), version);
    assert!(!elsewhere.user_passcode_set().unwrap());
    assert!(elsewhere.records(None).unwrap().is_empty());
    assert!(elsewhere.records_by_id(b"id", None).unwrap().is_empty());
    assert!(matches!(elsewhere.records(Some(&login)), Err(Error::NotVerified)));
    assert!(matches!(desk.verify(USER), Err(Error::PasscodeUnset)));
    assert!(!elsewhere.so_logged_in(&so).unwrap());

    desk.set_user(USER);
    let login = desk.login();
    assert!(desk.card.records(Some(&login)).unwrap().is_empty());
    // Nor do objects' numbers come back.
    let (new, _) = desk.key(&login, KeyKind::P256, false);
    assert!(new > number);
}

#[test]
fn cards_are_numbered_in_the_order_of_their_making() {
    let desk = Desk::new();
    let elsewhere = Shelf::new(Arc::clone(&desk.store), policy()).unwrap();
    assert_eq!(elsewhere.cards().unwrap().len(), 1);
    let version = elsewhere.version().unwrap();
    let second = desk.shelf.initialize_new(SO, LABEL).unwrap();
    assert_ne!(elsewhere.version().unwrap(), version);
    let third = elsewhere.initialize_new(SO, LABEL).unwrap();
    assert_eq!((second.number(), third.number()), (1, 2));
    assert_ne!(second.id(), third.id());
    for shelf in [&desk.shelf, &elsewhere] {
        let cards = shelf.cards().unwrap();
        let numbers: Vec<u64> = cards.iter().map(Enrolled::number).collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(cards[2].id(), third.id());
    }
}

#[test]
fn where_the_policy_makes_no_cards_there_is_none() {
    let desk = Desk::new();
    let closed = Shelf::new(Arc::clone(&desk.store), ShelfPolicy { blank: false, ..policy() });
    let closed = closed.unwrap();
    assert!(matches!(closed.initialize_new(SO, LABEL), Err(Error::Policy)));
    assert_eq!(closed.cards().unwrap().len(), 1);
}

#[test]
fn a_crowd_of_right_passcodes_is_let_in_and_a_crowd_of_wrong_ones_gets_three_looks() {
    let desk = Desk::new();
    let all = |passcode: &'static [u8]| {
        std::thread::scope(|scope| {
            let looks: Vec<_> = (0..6)
                .map(|_| {
                    let card = desk.elsewhere();
                    scope.spawn(move || {
                        card.verify(passcode, &Watcher::default(), &Caller::default())
                    })
                })
                .collect();
            looks.into_iter().map(|look| look.join().unwrap()).collect::<Vec<_>>()
        })
    };
    assert!(all(USER).iter().all(Result::is_ok));
    let wrong = all(WRONG);
    let count = |is: fn(&Error) -> bool| {
        wrong.iter().filter(|result| result.as_ref().is_err_and(is)).count()
    };
    assert_eq!(count(|error| matches!(error, Error::PasscodeIncorrect { .. })), 2);
    assert_eq!(count(|error| matches!(error, Error::Blocked)), 4);
}
