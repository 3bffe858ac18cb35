//! The second wrapping and the enrolments that it is for.

mod edges;

use super::*;
use crate::{
    card::{AdmitAll, Caller},
    clock::Time,
    crypto::PrivateKey,
    pki::{Authority, Certificate, KeySlot, Profile, UserId, Validity},
    store::MemoryStore,
};
use std::{sync::Arc, time::Duration};

const SO: &[u8] = b"87654321";
const USER: &[u8] = b"123456";
const SLOTS: [KeySlot; 2] = [KeySlot::Authentication, KeySlot::ContentCommitment];

fn person(number: u8) -> UserId {
    UserId::parse(&format!("55500000000{number}")).unwrap()
}

fn now() -> Time {
    Time::parse_rfc3339("2026-11-22T09:00:00Z").unwrap()
}

/// A store, the key of release, and an authority for certificates.
struct Desk {
    store: Arc<dyn Store>,
    release: SealKey,
    authority: Authority,
}

impl Desk {
    fn new() -> Self {
        let key = PrivateKey::generate(KeyKind::P256).unwrap();
        let validity = Validity { not_before: now(), not_after: now().plus(DAY * 900) };
        let authority = Authority::root(key, "NHS Root", validity).unwrap();
        let release = SealKey::generate().unwrap();
        Self { store: Arc::new(MemoryStore::new()), release, authority }
    }

    fn plain(&self) -> Shelf {
        let policy = ShelfPolicy { blank: true, ..ShelfPolicy::default() };
        Shelf::new(Arc::clone(&self.store), policy).unwrap()
    }

    fn shelf(&self) -> Shelf {
        self.plain().with_release(&self.release)
    }

    fn certificate(&self, person: &UserId, slot: KeySlot, key: &crypto::PublicKey) -> Certificate {
        let profile = match slot {
            KeySlot::Authentication => Profile::cis1_authentication(),
            KeySlot::ContentCommitment => Profile::cis1_content_commitment(),
        };
        let validity = Validity { not_before: now(), not_after: now().plus(DAY * 730) };
        self.authority.issue(&profile, person, key, validity).unwrap()
    }

    /// A certificate for each key that waits.
    fn certificates(&self, enrolment: &Enrolment) -> Vec<(Certificate, Vec<Certificate>)> {
        let keys = &enrolment.waiting.as_ref().unwrap().keys;
        let make = |key: &WaitingKey| {
            let public = key.request.public_key();
            (self.certificate(&enrolment.person, key.slot, public), Vec::new())
        };
        keys.iter().map(make).collect()
    }

    /// An enrolment with certificates.
    fn enrolled(&self, person: &UserId) -> Enrolment {
        let shelf = self.shelf();
        let new = shelf.enrol(person, &SLOTS, KeyKind::P256, "a test", now()).unwrap();
        shelf.certify(person, &self.certificates(&new)).unwrap()
    }

    /// A card that a tool has filled with a key on P-256, and a login on it.
    fn filled(&self, shelf: &Shelf) -> (Enrolled, EnrolledLogin) {
        let card = shelf.initialize_new(SO, [b' '; 32]).unwrap();
        let caller = Caller::default();
        let so = card.verify_so(SO, &AdmitAll, &caller).unwrap();
        card.set_user_passcode(&so, USER).unwrap();
        let login = card.verify(USER, &AdmitAll, &caller).unwrap();
        let key = PrivateKey::generate(KeyKind::P256).unwrap();
        let new = NewRecord {
            private: true,
            id: Some(vec![1]),
            content: Zeroizing::default(),
            key: Some(NewKey::Private { key, imported: false }),
            each_time: false,
        };
        card.add(Some(&login), &[new]).unwrap();
        (card, login)
    }

    fn adopted(&self, card: &Enrolled, login: &EnrolledLogin, person: &UserId) -> EnrolledKey {
        let held = card.private_keys(login).unwrap().remove(0);
        let slot = KeySlot::Authentication;
        let certificate = self.certificate(person, slot, &held.public);
        EnrolledKey { slot, object: held.number, local: true, certificate, chain: Vec::new() }
    }

    /// Changes a row below everything that checks it.
    fn change(&self, table: &'static str, key: &[u8], change: impl Fn(Vec<u8>) -> Vec<u8>) {
        let done = self.store.transact(&mut |rows| {
            let row = rows.row(table, key)?.unwrap();
            rows.put(table, key, &change(row))
        });
        done.unwrap();
    }
}

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn the_row_of_a_card_with_the_third_wrapping_is_read_whole_or_not_at_all() {
    let key = SealKey::generate().unwrap();
    let mut with = state(true);
    with.put_release(&key, &person(1), &key).unwrap();
    assert_eq!(with.generation, 5);
    let bytes = with.to_bytes();
    assert_eq!(State::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    // What is cut off at a wrapping's end is a card without it, and no other length is one.
    let whole: Vec<_> =
        (0..=bytes.len()).filter(|length| State::from_bytes(&bytes[..*length]).is_some()).collect();
    assert_eq!(whole, [65 + 96, 65 + 2 * 96, bytes.len()]);
    let alone = State { so: None, user: None, ..with.clone() };
    assert!(State::from_bytes(&alone.to_bytes()).unwrap().so.is_none());
    let none = State { release: None, ..alone.clone() };
    assert!(State::from_bytes(&none.to_bytes()).is_none(), "nothing opens it");
    let user = State { user: with.user.clone(), ..alone };
    assert!(State::from_bytes(&user.to_bytes()).is_none(), "a user without an officer");
    let twice = [&bytes[..], &bytes[65 + 2 * 96..]].concat();
    assert!(State::from_bytes(&twice).is_none());
}

#[test]
fn the_third_wrapping_opens_for_its_person_and_card_and_key_alone() {
    let (key, other, card_key) =
        (SealKey::generate().unwrap(), SealKey::generate().unwrap(), SealKey::generate().unwrap());
    let mut state = state(false);
    state.put_release(&key, &person(1), &card_key).unwrap();
    let opened = state.released(&key, &person(1)).unwrap();
    assert_eq!(opened.expose(), card_key.expose());
    assert!(state.released(&other, &person(1)).is_none());
    assert!(state.released(&key, &person(2)).is_none());
    let moved = State { id: CardId([8; 8]), ..state.clone() };
    assert!(moved.released(&key, &person(1)).is_none());
}

#[test]
fn an_enrolment_begins_waits_is_certified_released_and_noted() {
    let desk = Desk::new();
    let shelf = desk.shelf();
    let of = person(1);
    let new = shelf.enrol(&of, &SLOTS, KeyKind::P256, "user 990", now()).unwrap();
    assert!(new.certified.is_none() && new.ends().is_none());
    assert!(matches!(shelf.release(&new, &SLOTS), Err(EnrolmentFault::Uncertified)));
    assert!(shelf.cards().unwrap().is_empty(), "no card that a passcode opens");
    let done = shelf.certify(&of, &desk.certificates(&new)).unwrap();
    assert_eq!(done.ends(), Some(now().plus(DAY * 730)));
    let keys = shelf.release(&done, &SLOTS).unwrap();
    let slots: Vec<_> = keys.iter().map(|key| key.slot).collect();
    assert_eq!(slots, SLOTS);
    let requests = new.waiting.unwrap().keys;
    for (key, waited) in keys.iter().zip(&requests) {
        assert_eq!(key.key.public(), waited.request.public_key());
    }
    assert_eq!(shelf.release(&done, &SLOTS[..1]).unwrap().len(), 1);
    shelf.note(&of, &mut |enrolment| enrolment.released_at = Some(now())).unwrap();
    let read = shelf.enrolment(&of).unwrap().unwrap();
    assert_eq!((read.released_at, read.by.as_str()), (Some(now()), "user 990"));
    assert!(shelf.release(&done, &SLOTS).is_ok(), "a note is no change of the keys");
    assert_eq!(shelf.enrolments().unwrap().len(), 1);
    assert!(shelf.enrolment(&person(2)).unwrap().is_none());
}

#[test]
fn who_is_enrolled_is_not_enrolled_again_and_who_is_not_is_not_renewed() {
    let desk = Desk::new();
    let shelf = desk.shelf();
    let of = person(1);
    let (kind, when) = (KeyKind::P256, now());
    assert!(matches!(shelf.renew(&of, kind, "x", when), Err(EnrolmentFault::NotEnrolled)));
    assert!(matches!(shelf.certify(&of, &[]), Err(EnrolmentFault::NotEnrolled)));
    let new = shelf.enrol(&of, &SLOTS, kind, "x", when).unwrap();
    let again = shelf.enrol(&of, &SLOTS, kind, "x", when);
    assert!(matches!(again, Err(EnrolmentFault::Enrolled)));
    assert!(matches!(shelf.renew(&of, kind, "x", when), Err(EnrolmentFault::Uncertified)));
    let certificates = desk.certificates(&new);
    assert!(matches!(shelf.certify(&of, &certificates[..1]), Err(EnrolmentFault::Keys)));
    let twice = [certificates[0].clone(), certificates[0].clone()];
    assert!(matches!(shelf.certify(&of, &twice), Err(EnrolmentFault::Keys)));
    shelf.certify(&of, &certificates).unwrap();
    assert!(matches!(shelf.certify(&of, &certificates), Err(EnrolmentFault::NothingWaits)));
    let off = desk.plain();
    assert!(shelf.releases() && !off.releases());
    let refused = off.enrol(&person(2), &SLOTS, kind, "x", when);
    assert!(matches!(refused, Err(EnrolmentFault::Off)));
    let enrolment = off.enrolment(&of).unwrap().unwrap();
    assert!(matches!(off.release(&enrolment, &SLOTS), Err(EnrolmentFault::Off)));
}

#[test]
fn renewal_keeps_the_old_keys_until_the_new_ones_are_certified() {
    let desk = Desk::new();
    let shelf = desk.shelf();
    let of = person(1);
    let old = desk.enrolled(&of);
    let renewing = shelf.renew(&of, KeyKind::P256, "x", now()).unwrap();
    assert!(matches!(shelf.renew(&of, KeyKind::P256, "x", now()), Err(EnrolmentFault::Waits)));
    let before = shelf.release(&old, &SLOTS).unwrap();
    let renewed = shelf.certify(&of, &desk.certificates(&renewing)).unwrap();
    assert!(matches!(shelf.release(&old, &SLOTS), Err(EnrolmentFault::Changed)));
    let after = shelf.release(&renewed, &SLOTS).unwrap();
    assert_ne!(before[0].key.public(), after[0].key.public());
    let body = &shelf.body;
    let number = old.certified.unwrap().number;
    let gone = body.read(&mut |rows| body.state_if_any(rows, number)).unwrap();
    assert!(gone.is_none(), "the old card went with its keys");
}

#[test]
fn a_filled_card_is_adopted_by_its_passcode_and_both_ways_lead_to_one_key() {
    let desk = Desk::new();
    let shelf = desk.shelf();
    let of = person(1);
    let (card, login) = desk.filled(&shelf);
    let key = desk.adopted(&card, &login, &of);
    let foreign = EnrolledKey {
        certificate: desk.adopted(&card, &login, &person(2)).certificate,
        ..key.clone()
    };
    let who = ("x", now());
    // Another person's certificate, that of another key, no key at all, two for one slot.
    let (_, elsewhere) = desk.filled(&shelf);
    let others = shelf.cards().unwrap().into_iter().find(|one| one.id() != card.id()).unwrap();
    let other = desk.adopted(&others, &elsewhere, &of);
    let mixed = EnrolledKey { certificate: other.certificate.clone(), ..key.clone() };
    let absent = EnrolledKey { object: key.object + 1, ..key.clone() };
    for keys in [vec![foreign], vec![mixed], vec![absent], vec![], vec![key.clone(), key.clone()]] {
        let refused = shelf.adopt(&card, &login, &of, keys, who);
        assert!(matches!(refused, Err(EnrolmentFault::Keys)), "{refused:?}");
    }
    let enrolment = shelf.adopt(&card, &login, &of, vec![key.clone()], who).unwrap();
    let released = shelf.release(&enrolment, &SLOTS).unwrap();
    let by_passcode = card.private_keys(&login).unwrap();
    assert_eq!(released[0].key.public(), &by_passcode[0].public);
    let other =
        EnrolledKey { certificate: desk.adopted(&card, &login, &person(2)).certificate, ..key };
    let second = shelf.adopt(&card, &login, &person(2), vec![other], who);
    assert!(matches!(second, Err(EnrolmentFault::Enrolled)), "one card, one person");
    // Another passcode leaves the release as it is.
    card.change_passcode(USER, b"654321", &AdmitAll, &Caller::default()).unwrap();
    assert!(shelf.release(&enrolment, &SLOTS).is_ok());
}

#[test]
fn the_end_of_an_enrolment_is_the_end_of_its_wrapping_on_disk() {
    let desk = Desk::new();
    let shelf = desk.shelf();
    let (card, login) = desk.filled(&shelf);
    let keys = vec![desk.adopted(&card, &login, &person(1))];
    let adopted = shelf.adopt(&card, &login, &person(1), keys, ("x", now())).unwrap();
    let made = desk.enrolled(&person(2));
    assert!(shelf.end_enrolment(&person(1)).unwrap());
    assert!(shelf.end_enrolment(&person(2)).unwrap());
    assert!(!shelf.end_enrolment(&person(2)).unwrap());
    for of in [&adopted, &made] {
        let refused = shelf.release(of, &SLOTS);
        assert!(matches!(refused, Err(EnrolmentFault::Changed)), "{refused:?}");
        // Put back, the record opens nothing: the card key is under the key of release no more.
        let key = of.person.as_str().as_bytes();
        let back = of.to_bytes();
        let put = |rows: &mut dyn Transaction| rows.put("enrolments", key, &back);
        desk.store.transact(&mut |rows| put(rows)).unwrap();
    }
    assert!(matches!(shelf.release(&adopted, &SLOTS), Err(EnrolmentFault::Sealed)));
    assert!(matches!(shelf.release(&made, &SLOTS), Err(EnrolmentFault::Card(_))));
    assert!(card.private_keys(&login).is_ok(), "the passcode still opens the tool's card");
    assert!(card.state().unwrap().release.is_none());
}

#[test]
fn a_card_that_is_made_anew_is_nobodys() {
    let desk = Desk::new();
    let shelf = desk.shelf();
    let (card, login) = desk.filled(&shelf);
    let keys = vec![desk.adopted(&card, &login, &person(1))];
    shelf.adopt(&card, &login, &person(1), keys, ("x", now())).unwrap();
    card.initialize(SO, [b' '; 32], &AdmitAll, &Caller::default()).unwrap();
    assert!(shelf.enrolment(&person(1)).unwrap().is_none());
    assert!(card.state().unwrap().release.is_none());
}

#[test]
fn where_release_is_off_no_card_with_a_passcode_keeps_the_third_wrapping() {
    let desk = Desk::new();
    let shelf = desk.shelf();
    let (card, login) = desk.filled(&shelf);
    let keys = vec![desk.adopted(&card, &login, &person(1))];
    shelf.adopt(&card, &login, &person(1), keys, ("x", now())).unwrap();
    let made = desk.enrolled(&person(2));
    assert_eq!(desk.plain().end_adopted().unwrap(), [person(1)]);
    assert!(card.state().unwrap().release.is_none());
    assert!(shelf.release(&made, &SLOTS).is_ok(), "switched on again, keys made here are there");
}

#[test]
fn rows_that_were_moved_or_altered_release_nothing() {
    let desk = Desk::new();
    let shelf = desk.shelf();
    let (one, other) = (desk.enrolled(&person(1)), desk.enrolled(&person(2)));
    let number = |of: &Enrolment| of.certified.as_ref().unwrap().number;
    let state =
        |of| desk.shelf().body.read(&mut |rows| shelf.body.state(rows, number(of))).unwrap();
    let card = |of: &Enrolment| card_key(number(of));
    // The wrapping of one card in the row of the other.
    let (own, theirs) = (state(&one), state(&other));
    let mixed = State { release: theirs.release.clone(), ..own.clone() }.to_bytes();
    desk.change(CARDS, &card(&one), |_| mixed.clone());
    assert!(matches!(shelf.release(&one, &SLOTS), Err(EnrolmentFault::Sealed)));
    // The whole row of the other card.
    desk.change(CARDS, &card(&one), |_| theirs.to_bytes());
    assert!(matches!(shelf.release(&one, &SLOTS), Err(EnrolmentFault::Changed)));
    desk.change(CARDS, &card(&one), |_| own.to_bytes());
    assert!(shelf.release(&one, &SLOTS).is_ok());
    // The record of one person under the number of another.
    let key = person(1).as_str().as_bytes().to_vec();
    desk.change("enrolments", &key, |_| other.to_bytes());
    assert!(matches!(shelf.enrolment(&person(1)), Err(Error::Store(store::Error::Malformed(_)))));
    assert!(shelf.release(&one, &SLOTS).is_err());
    // One that names another person's card opens nothing either.
    let stolen = Enrolment { certified: one.certified.clone(), ..one.clone() };
    let mut stolen = stolen.to_bytes();
    let at = stolen.windows(8).position(|w| w == one.certified.as_ref().unwrap().card.0).unwrap();
    stolen[at..at + 8].copy_from_slice(&other.certified.as_ref().unwrap().card.0);
    stolen[at + 8..at + 16].copy_from_slice(&number(&other).to_be_bytes());
    desk.change("enrolments", &key, |_| stolen.clone());
    let found = shelf.enrolment(&person(1)).unwrap().unwrap();
    assert!(matches!(shelf.release(&found, &SLOTS), Err(EnrolmentFault::Sealed)));
}

#[test]
fn an_enrolments_row_is_read_whole_or_not_at_all() {
    let desk = Desk::new();
    let certified = desk.enrolled(&person(1));
    let renewing = desk.shelf().renew(&person(1), KeyKind::P256, "x", now()).unwrap();
    for of in [&certified, &renewing] {
        let bytes = of.to_bytes();
        assert_eq!(Enrolment::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        for length in 0..bytes.len() {
            assert!(Enrolment::from_bytes(&bytes[..length]).is_none(), "{length}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Enrolment::from_bytes(&longer).is_none());
        // Version, a digit, the flag, a slot that is none, the same slot twice.
        for (place, byte) in [(0, 2), (1, b'x'), (13 + 24 + 4 + 6, 2)] {
            let mut bytes = bytes.clone();
            bytes[place] = byte;
            assert!(Enrolment::from_bytes(&bytes).is_none(), "{place}");
        }
    }
    let mut of = certified;
    of.certified.as_mut().unwrap().keys[1].slot = KeySlot::Authentication;
    assert!(Enrolment::from_bytes(&of.to_bytes()).is_none(), "a slot twice");
    assert!(!format!("{of:?}").contains("555000000001"), "no person's number in Debug");
}
