//! Rows that are whole or refused, enrolments and their release; the rest of an enrolled card is in
//! `tests/enrolled.rs`, the rest of release in `tests/release.rs`.

mod enrolments;

use super::{
    super::{CardId, Role},
    record::{Place, Stored},
    state::{State, Wrapping},
    *,
};
use crate::{crypto::KeyKind, secret::PasscodeRule};
use zeroize::Zeroizing;

const ID: CardId = CardId([7; 8]);

fn state(user: bool) -> State {
    let key = SealKey::generate().unwrap();
    let passcode = PasscodeRule::default().parse(b"123456").unwrap();
    let wrap = |role| Wrapping::make(&key, ID, role, 3, &passcode, &key).unwrap();
    State {
        id: ID,
        label: *b"a label of thirty-two bytes     ",
        generation: 4,
        changes: 5,
        next: 6,
        so: Some(wrap(Role::SecurityOfficer)),
        user: user.then(|| wrap(Role::User)),
        release: None,
    }
}

#[test]
fn a_cards_row_is_read_whole_or_not_at_all() {
    for user in [false, true] {
        let bytes = state(user).to_bytes();
        let read = State::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes(), bytes);
        assert_eq!(read.user.is_some(), user);
        let whole = bytes.len() - if user { 96 } else { 0 };
        for length in 0..bytes.len() {
            // Without the user's wrapping it is the row of a card without a user's passcode.
            assert_eq!(State::from_bytes(&bytes[..length]).is_some(), length == whole, "{length}");
        }
        for change in [[0, 2], [65, 4]] {
            let mut bytes = bytes.clone();
            bytes[usize::from(change[0])] = change[1];
            assert!(State::from_bytes(&bytes).is_none(), "{change:?}");
        }
        let twice = [&bytes[..], &bytes[65..65 + 96]].concat();
        assert!(State::from_bytes(&twice).is_none());
    }
}

#[test]
fn a_wrapping_that_is_cheap_or_ruinous_to_open_is_refused() {
    let bytes = state(false).to_bytes();
    let with = |place: usize, number: u32| {
        let mut bytes = bytes.clone();
        bytes[place..place + 4].copy_from_slice(&number.to_be_bytes());
        State::from_bytes(&bytes).is_some()
    };
    let kib = |number| with(74, number);
    assert!(!kib(19 * 1024 - 1) && kib(19 * 1024) && kib(1 << 20) && !kib((1 << 20) + 1));
    let passes = |number| with(78, number);
    assert!(!passes(1) && passes(2) && passes(64) && !passes(65));
}

#[test]
fn an_objects_row_opens_in_its_place_under_its_key_alone() {
    let (key, other) = (SealKey::generate().unwrap(), SealKey::generate().unwrap());
    let place = Place { card: ID, number: 9 };
    let new = |private| NewRecord {
        private,
        id: Some(b"id".to_vec()),
        content: Zeroizing::new(b"what it is".to_vec()),
        key: None,
        each_time: true,
    };
    let sealed_key = Some((KeyType::Private(KeyKind::P384), b"sealed".to_vec()));
    let stored = Stored::new(place, Some(&key), &new(true), sealed_key).unwrap();
    let bytes = stored.to_bytes().unwrap();
    assert!(!bytes.windows(4).any(|window| window == b"what"));
    let read = Stored::from_bytes(&bytes).unwrap();
    assert_eq!(read.sealed_key, b"sealed");
    let record = read.record(place, Some(&key)).unwrap();
    assert_eq!((record.number, record.private, record.each_time), (9, true, true));
    assert_eq!(record.key, Some(KeyType::Private(KeyKind::P384)));
    assert_eq!((record.id.as_deref(), &record.content[..]), (Some(&b"id"[..]), &b"what it is"[..]));
    assert!(!format!("{record:?}").contains("what"));

    let elsewhere = Place { number: 10, ..place };
    assert!(matches!(read.record(elsewhere, Some(&key)), Err(Error::Store(_))));
    assert!(matches!(read.record(place, Some(&other)), Err(Error::Store(_))));
    assert!(matches!(read.record(place, None), Err(Error::NotVerified)));
    assert!(matches!(Stored::new(place, None, &new(true), None), Err(Error::NotVerified)));
    let public = Stored::new(place, None, &new(false), None).unwrap();
    let read =
        Stored::from_bytes(&public.to_bytes().unwrap()).unwrap().record(place, None).unwrap();
    assert_eq!((read.id.as_deref(), read.private, read.each_time), (Some(&b"id"[..]), false, true));
    // Each flag is its own.
    let new = NewRecord { id: None, each_time: false, ..new(true) };
    let bare = Stored::new(place, Some(&key), &new, None).unwrap();
    let read = Stored::from_bytes(&bare.to_bytes().unwrap()).unwrap();
    let read = read.record(place, Some(&key)).unwrap();
    assert_eq!((read.id, read.private, read.each_time, read.key), (None, true, false, None));
    assert_eq!(Place::of(&place.key()).unwrap().number, 9);

    for length in 0..19 {
        assert!(Stored::from_bytes(&bytes[..length]).is_none());
    }
    for change in [[0, 2], [9, 8], [10, 3], [14, 5]] {
        let mut bytes = bytes.to_vec();
        bytes[usize::from(change[0])] = change[1];
        assert!(Stored::from_bytes(&bytes).is_none(), "{change:?}");
    }
}
