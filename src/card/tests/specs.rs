//! What a card can be made of, and what it shows.

use super::*;

fn make(number: u32, change: impl FnOnce(&mut CardSpec)) -> Result<Card, Error> {
    let person = person(number);
    let mut spec = spec(&person);
    change(&mut spec);
    let tries = Tries::new(Arc::new(MemoryStore::new()), &person, 3);
    Card::new(spec, tries, Arc::new(ManualClock::new(NOW)))
}

fn fault(change: impl FnOnce(&mut CardSpec)) -> SpecFault {
    match make(1, change) {
        Err(Error::Spec(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_card_needs_a_key() {
    assert_eq!(fault(|spec| spec.keys.clear()), SpecFault::NoKey);
}

#[test]
fn a_slot_holds_one_key() {
    let twice = |spec: &mut CardSpec| spec.keys[1].slot = AUTH;
    assert_eq!(fault(twice), SpecFault::SlotTwice(AUTH));
}

#[test]
fn a_certificate_is_over_its_key() {
    let other = |spec: &mut CardSpec| spec.keys[1].key = identity().rsa.clone();
    assert_eq!(fault(other), SpecFault::Mismatch(SIGN));
}

#[test]
fn a_certificate_is_the_persons() {
    let other = |spec: &mut CardSpec| {
        spec.keys[0].certificate = certificate(&person(2), &identity().rsa, validity(-1, 24));
    };
    assert_eq!(fault(other), SpecFault::Person(AUTH));
}

#[test]
fn a_certificate_is_valid_now() {
    for (from, to) in [(1, 24), (-2, -1)] {
        let not_now = |spec: &mut CardSpec| {
            spec.keys[0].certificate = certificate(&person(1), &identity().rsa, validity(from, to));
        };
        assert_eq!(fault(not_now), SpecFault::NotValidNow(AUTH));
    }
    for (from, to) in [(0, 1), (-1, 0)] {
        let just = |spec: &mut CardSpec| {
            spec.keys[0].certificate = certificate(&person(1), &identity().rsa, validity(from, to));
        };
        assert_eq!(make(1, just).unwrap().state(), State::Inserted);
    }
}

#[test]
fn content_commitment_has_a_passcode_in_front() {
    assert_eq!(fault(|spec| spec.access = Access::SignIn), SpecFault::NothingToAsk);
    assert!(make(1, without_passcode).is_ok());
    let codes = OneTime::new(PasscodeRule::default()).unwrap();
    assert!(make(1, |spec| spec.access = Access::OneTime(codes)).is_ok());
}

#[test]
fn a_card_that_is_over_is_not_made() {
    assert_eq!(fault(|spec| spec.expires = NOW), SpecFault::Expired);
    assert!(make(1, |spec| spec.expires = NOW.plus(Duration::from_millis(1))).is_ok());
}

#[test]
fn a_card_ends_with_its_certificates() {
    let card = make(1, |spec| spec.expires = NOW.plus(48 * HOUR)).unwrap();
    assert_eq!(card.expires(), NOW.plus(24 * HOUR + Duration::from_secs(1)));
    let card = make(1, |_| {}).unwrap();
    assert_eq!(card.expires(), NOW.plus(8 * HOUR));
}

#[test]
fn a_card_shows_its_public_side_in_order() {
    let card = make(1, |spec| spec.keys.reverse()).unwrap();
    assert_eq!(card.slots(), [AUTH, SIGN]);
    assert_eq!(card.certificate(AUTH).unwrap().public_key(), identity().rsa.public());
    assert_eq!(card.certificate(SIGN).unwrap().public_key(), identity().other.public());
    assert_eq!(card.chain(SIGN), [identity().authority.certificate().clone()]);
    assert_eq!(card.person(), &person(1));
    assert_eq!(card.passcode_rule(), Some(PasscodeRule::default()));
    assert_eq!((card.tries_left().unwrap(), card.tries_limit()), (3, 3));
    let card = make(1, without_passcode).unwrap();
    assert_eq!(card.slots(), [AUTH]);
    assert!(card.certificate(SIGN).is_none() && card.chain(SIGN).is_empty());
    assert_eq!(card.passcode_rule(), None);
}

#[test]
fn a_card_has_a_number_of_its_own_and_shows_no_person() {
    let (one, other) = (make(1, |_| {}).unwrap(), make(1, |_| {}).unwrap());
    assert_ne!(one.id(), other.id());
    assert_eq!(one.clone().id(), one.id());
    let hex = one.id().to_hex();
    assert!(
        hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    );
    let text = format!("{one:?}");
    assert!(text.contains(&hex) && !text.contains("555000"), "{text}");
}

#[test]
fn a_cards_number_is_read_as_it_is_written_alone() {
    let card = Desk::new(610).card.id();
    assert_eq!(CardId::parse(&card.to_hex()), Some(card));
    for text in
        ["", "0", "+123456789abcdef", "0123456789ABCDEF", "00123456789abcdef", "g123456789abcdef"]
    {
        assert_eq!(CardId::parse(text), None, "{text}");
    }
}
