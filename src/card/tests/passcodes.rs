//! Passcodes, tries and verifiers (design rule 4).

use super::*;
use crate::store::{Error as StoreError, Watched};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

#[test]
fn three_wrong_passcodes_block_and_the_right_one_no_longer_helps() {
    let desk = Desk::new(101);
    assert!(matches!(desk.verify(WRONG), Err(Error::PasscodeIncorrect { left: 2 })));
    assert!(matches!(desk.verify(WRONG), Err(Error::PasscodeIncorrect { left: 1 })));
    assert!(matches!(desk.verify(WRONG), Err(Error::Blocked)));
    assert!(matches!(desk.verify(PASSCODE), Err(Error::Blocked)));
    assert_eq!(desk.card.tries_left().unwrap(), 0);
    let events = [Event::Incorrect(2), Event::Incorrect(1), Event::Incorrect(0), Event::Blocked];
    assert_eq!(desk.gate.events(), events);
}

#[test]
fn the_right_passcode_gives_all_tries_back() {
    let desk = Desk::new(102);
    for _ in 0..3 {
        assert!(matches!(desk.verify(WRONG), Err(Error::PasscodeIncorrect { left: 2 })));
        assert!(matches!(desk.verify(WRONG), Err(Error::PasscodeIncorrect { left: 1 })));
        desk.login();
        assert_eq!(desk.card.tries_left().unwrap(), 3);
    }
    assert_eq!(desk.gate.events().last(), Some(&Event::Verified));
}

#[test]
fn a_wrong_shape_costs_no_try() {
    let desk = Desk::new(103);
    for shape in [Some(&b"12345"[..]), Some(b"123456789"), Some(b"12345x"), Some(b""), None] {
        let result = desk.card.verify(shape, &*desk.gate, &desk.caller);
        assert!(matches!(result, Err(Error::PasscodeShape(rule)) if rule.min == 6));
    }
    assert_eq!(desk.card.tries_left().unwrap(), 3);
    assert_eq!(desk.gate.events(), []);
}

#[test]
fn tries_are_the_persons_over_all_cards() {
    let desk = Desk::new(104);
    let tries = Tries::new(Arc::clone(&desk.store), &person(104), 3);
    let other =
        Card::new(spec(&person(104)), tries, Arc::clone(&desk.clock) as Arc<dyn Clock>).unwrap();
    desk.verify(WRONG).unwrap_err();
    assert_eq!(other.tries_left().unwrap(), 2);
    let stranger = Tries::new(Arc::clone(&desk.store), &person(105), 3);
    assert_eq!(stranger.left().unwrap(), 3);
}

#[test]
fn nothing_is_looked_at_when_the_try_cannot_be_recorded() {
    let broken = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&broken);
    let before = move || match seen.load(Ordering::SeqCst) {
        true => Err(StoreError::Medium("made up".into())),
        false => Ok(()),
    };
    let store = Arc::new(Watched::new(Arc::new(MemoryStore::new()), before, || {}));
    let tries = Tries::new(store, &person(106), 3);
    let card = Card::new(spec(&person(106)), tries, Arc::new(ManualClock::new(NOW))).unwrap();
    broken.store(true, Ordering::SeqCst);
    let result = card.verify(Some(PASSCODE), &AdmitAll, &Caller::default());
    assert!(matches!(result, Err(Error::Store(StoreError::Medium(_)))));
    broken.store(false, Ordering::SeqCst);
    assert_eq!(card.tries_left().unwrap(), 3);
}

#[test]
fn a_try_is_on_disk_before_the_passcode_is_looked_at() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let tries = Tries::new(Arc::clone(&store), &person(107), 3);
    // Killed between spending and looking: three times, and no look is left.
    for left in [2, 1, 0] {
        assert_eq!(tries.spend().unwrap().unwrap().left, left);
        assert_eq!(Tries::new(Arc::clone(&store), &person(107), 3).left().unwrap(), left);
    }
    assert_eq!(tries.spend().unwrap(), None);
}

#[cfg(feature = "sqlite")]
#[test]
fn blocked_stays_blocked_when_the_store_is_opened_again() {
    use crate::{crypto::SealKey, store::SqliteStore};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let key = SealKey::generate().unwrap();
    let open = || -> Card {
        let store = Arc::new(SqliteStore::open(&path, &key).unwrap());
        let tries = Tries::new(store, &person(108), 3);
        Card::new(spec(&person(108)), tries, Arc::new(ManualClock::new(NOW))).unwrap()
    };
    let verify = |card: &Card, passcode| card.verify(Some(passcode), &AdmitAll, &Caller::default());
    verify(&open(), WRONG).unwrap_err();
    assert!(matches!(verify(&open(), WRONG), Err(Error::PasscodeIncorrect { left: 1 })));
    assert!(matches!(verify(&open(), WRONG), Err(Error::Blocked)));
    assert!(matches!(verify(&open(), PASSCODE), Err(Error::Blocked)));
    let store = Arc::new(SqliteStore::open(&path, &key).unwrap());
    assert!(Tries::new(store, &person(108), 3).clear(NOW, 1).unwrap());
    verify(&open(), PASSCODE).unwrap();
}

#[test]
fn eight_guesses_at_once_never_get_more_than_three_looks() {
    let desk = Desk::new(109);
    let looks = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| match desk.verify(WRONG) {
                Err(Error::PasscodeIncorrect { .. } | Error::Blocked) => {}
                other => panic!("{other:?}"),
            });
        }
    });
    for event in desk.gate.events() {
        if matches!(event, Event::Incorrect(_)) {
            looks.fetch_add(1, Ordering::SeqCst);
        }
    }
    assert_eq!(looks.into_inner(), 3);
    assert_eq!(desk.card.tries_left().unwrap(), 0);
}

#[test]
fn many_spend_at_once_and_only_the_limit_gets_one() {
    let tries = Tries::new(Arc::new(MemoryStore::new()), &person(110), 3);
    let got = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                if tries.spend().unwrap().is_some() {
                    got.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(got.into_inner(), 3);
}

#[test]
fn right_passcodes_at_once_do_not_take_each_others_tries() {
    let desk = Desk::new(111);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| desk.login());
        }
    });
    assert_eq!(desk.card.tries_left().unwrap(), 3);
}

#[test]
fn a_right_passcode_does_not_clear_what_others_blocked_meanwhile() {
    let tries = Tries::new(Arc::new(MemoryStore::new()), &person(112), 3);
    let right = tries.spend().unwrap().unwrap();
    tries.spend().unwrap();
    let last = tries.spend().unwrap().unwrap();
    assert!(!tries.restore(right).unwrap());
    assert_eq!(tries.left().unwrap(), 0);
    // The last try itself may have been the right one.
    assert!(tries.restore(last).unwrap());
    assert_eq!(tries.left().unwrap(), 3);
    let right = tries.spend().unwrap().unwrap();
    tries.spend().unwrap();
    assert!(tries.restore(right).unwrap());
    assert_eq!(tries.left().unwrap(), 3);
}

#[test]
fn a_smaller_limit_holds_at_once() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let tries = |limit| Tries::new(Arc::clone(&store), &person(113), limit);
    tries(5).spend().unwrap();
    assert_eq!(tries(5).left().unwrap(), 4);
    assert_eq!(tries(3).left().unwrap(), 3);
    assert_eq!(tries(2).spend().unwrap().unwrap().left, 1);
    assert_eq!(tries(5).left().unwrap(), 1);
    assert_eq!(tries(5).limit(), 5);
}

fn use_up(tries: &Tries) {
    while tries.spend().unwrap().is_some() {}
}

#[test]
fn blocked_is_cleared_so_often_an_hour() {
    let tries = Tries::new(Arc::new(MemoryStore::new()), &person(114), 3);
    let minutes = |minutes: u64| NOW.plus(Duration::from_secs(60 * minutes));
    for minute in [0, 30] {
        use_up(&tries);
        assert!(tries.clear(minutes(minute), 2).unwrap());
        assert_eq!(tries.left().unwrap(), 3);
    }
    use_up(&tries);
    assert!(!tries.clear(minutes(59), 2).unwrap());
    assert_eq!(tries.left().unwrap(), 0);
    assert!(tries.clear(minutes(60), 2).unwrap());
    use_up(&tries);
    assert!(!tries.clear(minutes(61), 2).unwrap());
    assert!(!tries.clear(minutes(500), 0).unwrap());
    assert_eq!(tries.left().unwrap(), 0);
}

#[test]
fn a_clear_of_a_wrong_clock_does_not_count_for_ever() {
    let tries = Tries::new(Arc::new(MemoryStore::new()), &person(115), 3);
    use_up(&tries);
    assert!(tries.clear(NOW.plus(1000 * HOUR), 1).unwrap());
    use_up(&tries);
    assert!(tries.clear(NOW, 1).unwrap());
    use_up(&tries);
    assert!(!tries.clear(NOW.minus(HOUR / 2), 1).unwrap());
}

#[test]
fn clearing_nothing_does_not_count() {
    let tries = Tries::new(Arc::new(MemoryStore::new()), &person(116), 3);
    for _ in 0..5 {
        assert!(tries.clear(NOW, 1).unwrap());
    }
    tries.spend().unwrap();
    assert!(tries.clear(NOW, 1).unwrap());
    tries.spend().unwrap();
    assert!(!tries.clear(NOW, 1).unwrap());
    assert_eq!(tries.left().unwrap(), 2);
}

#[test]
fn a_record_of_another_shape_is_told_and_kept() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let tries = Tries::new(Arc::clone(&store), &person(117), 3);
    tries.spend().unwrap();
    let write = |bytes: &[u8]| {
        let key = person(117);
        store.transact(&mut |rows| rows.put("tries", key.as_str().as_bytes(), bytes)).unwrap();
    };
    for bytes in
        [&b""[..], b"\x01\x02", &[1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 9], &[2, 3, 0, 0, 0, 0, 0, 0, 0, 0]]
    {
        write(bytes);
        assert!(matches!(tries.left(), Err(StoreError::Malformed("tries"))), "{bytes:?}");
        assert!(tries.spend().is_err());
    }
    write(&[1, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(tries.left().unwrap(), 3);
}

#[test]
fn a_verifier_survives_its_bytes_and_knows_its_passcode() {
    let rule = PasscodeRule { min: 4, max: 9, digits_only: false };
    let made = Verifier::new(rule, &Secret::copied_from("Päßwort".as_bytes())).unwrap();
    let read = Verifier::from_bytes(&made.to_bytes()).unwrap();
    assert_eq!(read.rule(), rule);
    for (text, right) in [("Päßwort", true), ("Päßworu", false), ("Passwort", false)] {
        let passcode = rule.parse(text.as_bytes()).unwrap();
        assert_eq!(read.matches(&passcode).unwrap(), right, "{text}");
    }
    let digits = Verifier::from_bytes(&verifier().to_bytes()).unwrap();
    assert_eq!(digits.rule(), PasscodeRule::default());
    let shape = Verifier::new(rule, &Secret::copied_from(b"abc"));
    assert!(matches!(shape, Err(Error::PasscodeShape(of)) if of == rule));
    assert!(!format!("{made:?}").contains("wort"));
}

#[test]
fn two_verifiers_of_one_passcode_differ() {
    let again = Verifier::new(PasscodeRule::default(), &Secret::copied_from(PASSCODE)).unwrap();
    assert_ne!(again.to_bytes(), verifier().to_bytes());
}

#[test]
fn a_verifier_that_is_malformed_cheap_or_ruinous_is_not_read() {
    let good = verifier().to_bytes();
    assert_eq!(good.len(), 1 + 2 + 2 + 1 + 4 + 4 + 16 + 32);
    assert!(Verifier::from_bytes(&good).is_some());
    for length in 0..good.len() {
        assert!(Verifier::from_bytes(&good[..length]).is_none());
    }
    assert!(Verifier::from_bytes(&[&good[..], &[0]].concat()).is_none());
    let with = |place: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[place..place + bytes.len()].copy_from_slice(bytes);
        Verifier::from_bytes(&changed).is_some()
    };
    assert!(!with(0, &[2]));
    assert!(!with(1, &[0, 9]) && with(1, &[0, 8]));
    assert!(!with(5, &[2]) && with(5, &[0]));
    let kib = |kib: u32| with(6, &kib.to_be_bytes());
    assert!(!kib(19 * 1024 - 1) && kib(19 * 1024) && kib(1024 * 1024) && !kib(1024 * 1024 + 1));
    let passes = |passes: u32| with(10, &passes.to_be_bytes());
    assert!(!passes(1) && passes(2) && passes(64) && !passes(65));
}

#[test]
fn sign_in_stands_for_the_passcode() {
    let desk = Desk::with(118, without_passcode);
    for passcode in [None, Some(PASSCODE), Some(&b"anything at all"[..])] {
        let login = desk.card.verify(passcode, &*desk.gate, &desk.caller).unwrap();
        desk.sign(&login, Scheme::Pkcs1(Hash::Sha256), &[1; 32]).unwrap();
    }
    assert_eq!(desk.card.tries_left().unwrap(), 3);
}

#[test]
fn a_right_passcode_does_not_log_in_to_what_another_process_blocked_meanwhile() {
    let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
    // Another process uses up the tries while a passcode is looked at here.
    let (there, transactions) = (Arc::clone(&inner), AtomicUsize::new(0));
    let before = move || {
        if transactions.fetch_add(1, Ordering::SeqCst) == 1 {
            use_up(&Tries::new(Arc::clone(&there), &person(119), 3));
        }
        Ok(())
    };
    let store = Arc::new(Watched::new(inner, before, || {}));
    let tries = Tries::new(store, &person(119), 3);
    let card = Card::new(spec(&person(119)), tries, Arc::new(ManualClock::new(NOW))).unwrap();
    let result = card.verify(Some(PASSCODE), &AdmitAll, &Caller::default());
    assert!(matches!(result, Err(Error::Blocked)));
    assert_eq!(card.tries_left().unwrap(), 0);
}

#[test]
fn a_clear_that_lies_an_hour_ahead_does_not_count() {
    let tries = Tries::new(Arc::new(MemoryStore::new()), &person(118), 3);
    use_up(&tries);
    assert!(tries.clear(NOW.plus(HOUR), 1).unwrap());
    use_up(&tries);
    assert!(!tries.clear(NOW.plus(Duration::from_millis(1)), 1).unwrap());
    assert!(tries.clear(NOW, 1).unwrap());
}

#[test]
fn each_person_and_each_card_has_a_record_of_its_own() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let of = |number| Tries::new(Arc::clone(&store), &person(number), 3);
    let (one, two) = (of(119), of(120));
    let card = Tries::under(store, one.key(), 3);
    assert!(one.key() != two.key() && one.key() != card.key(), "no turn is shared");
    use_up(&one);
    assert_eq!((two.left().unwrap(), card.left().unwrap()), (3, 3));
}
