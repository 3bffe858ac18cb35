//! Where one rule ends and the next begins.

use super::*;

#[test]
fn the_end_of_an_enrolment_leaves_what_has_become_another_persons() {
    let desk = Desk::new();
    let shelf = desk.shelf();
    let (card, login) = desk.filled(&shelf);
    let keys = vec![desk.adopted(&card, &login, &person(1))];
    shelf.adopt(&card, &login, &person(1), keys, ("x", now())).unwrap();
    let row = card_key(card.number());
    let given = |row: Vec<u8>| {
        let mut state = State::from_bytes(&row).unwrap();
        state.put_release(&desk.release, &person(2), &login.key).unwrap();
        state.to_bytes()
    };
    desk.change(CARDS, &row, given);
    assert!(shelf.end_enrolment(&person(1)).unwrap());
    assert!(
        card.state().unwrap().release.as_ref().is_some_and(|release| release.person == person(2))
    );
}

#[test]
fn a_new_key_of_release_begins_where_no_card_is_wrapped_under_the_old_one() {
    let desk = Desk::new();
    desk.enrolled(&person(1));
    let (second, third) = (SealKey::generate().unwrap(), SealKey::generate().unwrap());
    assert_eq!(desk.shelf().replace_release_key(&second).unwrap(), 1);
    for (key, opens) in [(&desk.release, false), (&second, true), (&third, false)] {
        assert_eq!(desk.plain().all_open_with(key).unwrap(), opens);
    }
    let new = desk.plain().with_release(&third);
    let enrol = |of: &UserId| new.enrol(of, &SLOTS, KeyKind::P256, "x", now());
    assert!(matches!(enrol(&person(2)), Err(EnrolmentFault::Sealed)));
    assert!(new.end_enrolment(&person(1)).unwrap());
    assert!(enrol(&person(2)).is_ok());
    assert!(matches!(
        desk.shelf().enrol(&person(3), &SLOTS, KeyKind::P256, "x", now()),
        Err(EnrolmentFault::Sealed)
    ));
}

#[test]
fn a_name_is_kept_as_far_as_there_is_room_and_by_whole_letters() {
    assert_eq!(Enrolment::name("user 990"), "user 990");
    assert_eq!(Enrolment::name(&"a".repeat(300)), "a".repeat(256));
    assert_eq!(Enrolment::name(&"é".repeat(300)), "é".repeat(128));
    assert_eq!(Enrolment::name(&format!("a{}", "é".repeat(300))).len(), 255);
}

#[test]
fn ids_of_private_objects_are_found_with_the_cards_key_alone() {
    let desk = Desk::new();
    let shelf = desk.shelf();
    let (card, login) = desk.filled(&shelf);
    let id = card.id();
    let groups = |key: &SealKey| {
        let found = shelf.body.read(&mut |rows| {
            let by = |group: &[u8]| rows.group(record::OBJECTS, group).map(|rows| rows.len());
            Ok((by(&objects::public_group(id, &[1]))?, by(&objects::private_group(key, &[1]))?))
        });
        found.unwrap()
    };
    assert_eq!(groups(&login.key), (0, 1));
    assert_eq!(groups(&SealKey::generate().unwrap()), (0, 0));
    assert!(card.records_by_id(&[1], None).unwrap().is_empty());
    assert_eq!(card.records_by_id(&[1], Some(&login)).unwrap().len(), 1);
}

#[test]
fn what_is_printed_of_cards_and_enrolments_says_what_it_is_and_no_secret() {
    let desk = Desk::new();
    let shelf = desk.shelf();
    let (card, login) = desk.filled(&shelf);
    let so = card.verify_so(SO, &AdmitAll, &Caller::default()).unwrap();
    let renewing = {
        desk.enrolled(&person(1));
        shelf.renew(&person(1), KeyKind::P256, "x", now()).unwrap()
    };
    let (certified, waiting) = (renewing.certified.as_ref(), renewing.waiting.as_ref());
    let secret = format!("{:?}", login.key.expose());
    for (name, text) in [
        ("Shelf", format!("{shelf:?}")),
        ("Enrolled", format!("{card:?}")),
        ("EnrolledLogin", format!("{login:?}")),
        ("SoLogin", format!("{so:?}")),
        ("Enrolment", format!("{renewing:?}")),
        ("Certified", format!("{:?}", certified.unwrap())),
        ("NewKeys", format!("{:?}", waiting.unwrap())),
        ("Record", format!("{:?}", card.records(Some(&login)).unwrap()[0])),
    ] {
        assert!(text.starts_with(name), "{name}: {text}");
        assert!(!text.contains(secret.trim_matches(['[', ']'])), "{name}: {text}");
        assert!(!text.contains("555000000001"), "{name}: {text}");
    }
}
