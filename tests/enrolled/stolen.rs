//! A stolen store: what its bytes tell, and what they tell to who has the store's key too.

use super::*;
use std::{fs, path::Path};
use wardcard::{
    crypto::SealKey,
    store::{self, Reading, SqliteStore},
};

fn everything(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder).unwrap();
    files.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

fn contains(bytes: &[u8], clear: &[u8]) -> bool {
    bytes.windows(clear.len()).any(|window| window == clear)
}

#[test]
fn the_files_tell_neither_objects_nor_ids_nor_labels_nor_serials() {
    let (folder, store) = on_disk();
    let desk = Desk::over(store, policy());
    let login = desk.login();
    let (_, key) = desk.key(&login, KeyKind::P256, false);
    let new = [object(false, b"an id in clear", b"public"), object(true, b"hidden id", b"private")];
    desk.card.add(Some(&login), &new).unwrap();
    let bytes = everything(folder.path());
    let serial = desk.card.id().to_hex();
    let clear: [&[u8]; 8] = [
        b"an id in clear",
        b"public",
        b"hidden id",
        b"private",
        b"enrolled   ",
        serial.as_bytes(),
        USER,
        key.public().ec_point().unwrap(),
    ];
    for clear in clear {
        assert!(!contains(&bytes, clear), "{}", String::from_utf8_lossy(clear));
    }
}

/// All rows of the tables of enrolled cards, opened with the store's key.
fn opened(store: &dyn Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut look = |rows: &dyn Reading| {
        for table in ["enrolled", "objects"] {
            bytes.extend(
                rows.rows(table)?.into_iter().flat_map(|(key, value)| [key, value].concat()),
            );
        }
        Ok(())
    };
    store.read(&mut look).unwrap();
    bytes
}

#[test]
fn the_stores_key_alone_opens_public_objects_and_no_private_one() {
    let (_folder, store) = on_disk();
    let desk = Desk::over(store, policy());
    let login = desk.login();
    let (_, key) = desk.key(&login, KeyKind::P256, false);
    let new = [object(false, b"open", b"public"), object(true, b"hidden id", b"private")];
    desk.card.add(Some(&login), &new).unwrap();
    let bytes = opened(&*desk.store);
    assert!(contains(&bytes, b"public") && contains(&bytes, b"open"));
    for clear in [&b"private"[..], b"hidden id", key.public().ec_point().unwrap()] {
        assert!(!contains(&bytes, clear));
    }
    // Nor does the group of an id tell it to who guesses the id.
    let mut found = Vec::new();
    let guess = [b"private\0", &b"hidden id"[..]].concat();
    let mut look = |rows: &dyn Reading| {
        found = rows.group("objects", &guess)?;
        Ok(())
    };
    desk.store.read(&mut look).unwrap();
    assert!(found.is_empty());
}

#[test]
fn another_stores_key_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let key = SealKey::generate().unwrap();
    let desk = Desk::over(Arc::new(SqliteStore::open(&path, &key).unwrap()), policy());
    drop(desk);
    let other = SqliteStore::open(&path, &SealKey::generate().unwrap());
    assert!(matches!(other, Err(store::Error::WrongKey)));
    let again: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, &key).unwrap());
    let shelf = Shelf::new(again, policy()).unwrap();
    let card = shelf.cards().unwrap().remove(0);
    card.verify(USER, &Watcher::default(), &Caller::default()).unwrap();
}

#[test]
fn a_card_key_is_bound_to_its_card() {
    // The rows of two cards, exchanged by who has the store's key: no passcode opens the other's.
    let desk = Desk::new();
    let other = desk.shelf.initialize_new(b"so other", LABEL).unwrap();
    let so = other.verify_so(b"so other", &*desk.watcher, &desk.caller).unwrap();
    other.set_user_passcode(&so, b"other").unwrap();
    let mut rows = Vec::new();
    let mut take = |found: &dyn Reading| {
        rows = found.rows("enrolled")?;
        Ok(())
    };
    desk.store.read(&mut take).unwrap();
    let [(first, one), (_, two), _] = &rows[..] else { panic!("{}", rows.len()) };
    // The first card's row with the wrappings of the second.
    let mixed = [&one[..65], &two[65..]].concat();
    desk.store.transact(&mut |rows| rows.put("enrolled", first, &mixed)).unwrap();
    assert!(matches!(desk.verify(b"other"), Err(Error::PasscodeIncorrect { .. })));
    assert!(matches!(desk.verify(USER), Err(Error::PasscodeIncorrect { .. })));
}
