//! Objects of enrolled cards: found, made, changed and removed, by several users of a store.

use super::*;
use wardcard::card::Change;

fn numbers(records: &[wardcard::card::Record]) -> Vec<u64> {
    records.iter().map(|record| record.number).collect()
}

fn objects_are_kept(desk: &Desk) {
    let login = desk.login();
    let card = &desk.card;
    let new = [
        object(false, b"one", b"public one"),
        object(true, b"one", b"private one"),
        object(false, b"", b"without an id"),
        object(true, b"two", b"private two"),
    ];
    let made = card.add(Some(&login), &new).unwrap();
    let &[a, b, c, d] = &made[..] else { panic!("{made:?}") };
    assert_eq!(numbers(&card.records(None).unwrap()), [a, c]);
    assert_eq!(numbers(&card.records(Some(&login)).unwrap()), [a, b, c, d]);
    assert_eq!(numbers(&card.records_by_id(b"one", None).unwrap()), [a]);
    assert_eq!(numbers(&card.records_by_id(b"one", Some(&login)).unwrap()), [a, b]);
    assert_eq!(numbers(&card.records_by_id(b"two", None).unwrap()), [0_u64; 0]);
    assert_eq!(numbers(&card.records_by_id(b"", Some(&login)).unwrap()), [0_u64; 0]);
    assert!(card.record(b, None).unwrap().is_none());
    let record = card.record(b, Some(&login)).unwrap().unwrap();
    assert_eq!(
        (&record.content[..], record.id.as_deref()),
        (&b"private one"[..], Some(&b"one"[..]))
    );
    assert!(card.record(99, Some(&login)).unwrap().is_none());

    // Another user of the store sees it at the next call, and changes it.
    let elsewhere = desk.elsewhere();
    let version = card.version().unwrap();
    let moved = Change { id: Some(b"two".to_vec()), content: b"changed".to_vec().into() };
    elsewhere.change(None, a, &mut |_| Ok(Some(moved.clone()))).unwrap();
    assert_ne!(card.version().unwrap(), version);
    assert_eq!(numbers(&card.records_by_id(b"one", Some(&login)).unwrap()), [b]);
    assert_eq!(numbers(&card.records_by_id(b"two", Some(&login)).unwrap()), [a, d]);
    assert_eq!(&*card.record(a, None).unwrap().unwrap().content, b"changed");

    // A change that changes nothing leaves the version.
    let version = card.version().unwrap();
    card.change(Some(&login), b, &mut |_| Ok(None)).unwrap();
    assert!(matches!(card.change(Some(&login), b, &mut |_| Err(Error::Usage)), Err(Error::Usage)));
    assert_eq!(card.version().unwrap(), version);

    // What is not seen is not there.
    let change = card.change(None, b, &mut |_| Ok(Some(moved.clone())));
    assert!(matches!(change, Err(Error::ObjectAbsent)));
    assert!(matches!(card.remove(None, d), Err(Error::ObjectAbsent)));
    card.remove(Some(&login), b).unwrap();
    card.remove(None, a).unwrap();
    assert!(matches!(card.remove(Some(&login), b), Err(Error::ObjectAbsent)));
    assert_eq!(numbers(&card.records(Some(&login)).unwrap()), [c, d]);
    assert_eq!(numbers(&card.records_by_id(b"two", Some(&login)).unwrap()), [d]);
    // A number does not come back.
    assert!(card.add(None, &[object(false, b"", b"")]).unwrap()[0] > d);
}

#[test]
fn objects_are_kept_in_memory() {
    objects_are_kept(&Desk::new());
}

#[cfg(feature = "sqlite")]
#[test]
fn objects_are_kept_on_disk() {
    let (_folder, store) = on_disk();
    objects_are_kept(&Desk::over(store, policy()));
}

#[test]
fn all_of_a_list_is_made_or_nothing() {
    let desk = Desk::new();
    let version = desk.card.version().unwrap();
    let new = [object(false, b"", b"public"), object(true, b"", b"private")];
    assert!(matches!(desk.card.add(None, &new), Err(Error::NotVerified)));
    assert!(desk.card.records(None).unwrap().is_empty());
    assert_eq!(desk.card.version().unwrap(), version);
}

#[test]
fn cards_do_not_see_each_others_objects() {
    let desk = Desk::new();
    let other = desk.shelf.initialize_new(SO, LABEL).unwrap();
    let login = desk.login();
    let number = desk.card.add(Some(&login), &[object(false, b"id", b"mine")]).unwrap()[0];
    assert!(other.records(None).unwrap().is_empty());
    assert!(other.records_by_id(b"id", None).unwrap().is_empty());
    assert!(other.record(number, None).unwrap().is_none());
    assert!(matches!(other.records(Some(&login)), Err(Error::NotVerified)));
    other.initialize(SO, LABEL, &*desk.watcher, &desk.caller).unwrap();
    assert_eq!(desk.card.records(None).unwrap().len(), 1);
}

#[test]
fn nobodys_change_is_lost_among_many() {
    let desk = Desk::new();
    let number = desk.card.add(None, &[object(false, b"n", &[0])]).unwrap()[0];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let card = desk.elsewhere();
            scope.spawn(move || {
                for _ in 0..25 {
                    let more = &mut |record: &wardcard::card::Record| {
                        let content = vec![record.content[0] + 1].into();
                        Ok(Some(Change { id: record.id.clone(), content }))
                    };
                    card.change(None, number, more).unwrap();
                }
            });
        }
    });
    assert_eq!(*desk.card.record(number, None).unwrap().unwrap().content, [100]);
}
