//! A process that is killed at any moment of an import: the enrolment has its old keys or its new
//! ones, whole, and what was acknowledged stays.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};
use wardcard::{
    card::{Enrolment, EnrolmentFault, KeySlot, Shelf, ShelfPolicy},
    clock::Time,
    crypto::{self, KeyKind, PrivateKey, SealKey},
    pki::{Authority, Certificate, Profile, UserId, Validity},
    secret::Secret,
    store::SqliteStore,
};

const KILLS: u32 = 60;
const PEOPLE: u32 = 3;
const STORE: &str = "WARDCARD_TEST_KILL_IMPORT";
const SLOTS: [KeySlot; 2] = [KeySlot::Authentication, KeySlot::ContentCommitment];

fn open(path: &Path) -> Shelf {
    let key = |byte| SealKey::from_bytes(&Secret::new(vec![byte; 32])).unwrap();
    let store = SqliteStore::open(path, &key(7)).unwrap();
    let policy = ShelfPolicy::default();
    Shelf::new(Arc::new(store), policy).unwrap().with_release(&key(8))
}

fn now() -> Time {
    Time::parse_rfc3339("2026-11-22T09:00:00Z").unwrap()
}

fn person(number: u32) -> UserId {
    UserId::parse(&format!("{:012}", 555_000_000_000 + u64::from(number))).unwrap()
}

fn certificates(authority: &Authority, of: &Enrolment) -> Vec<(Certificate, Vec<Certificate>)> {
    let validity = Validity { not_before: now(), not_after: now().plus(Duration::from_secs(9999)) };
    let issue = |key: &wardcard::card::WaitingKey| {
        let profile = match key.slot {
            KeySlot::Authentication => Profile::cis1_authentication(),
            KeySlot::ContentCommitment => Profile::cis1_content_commitment(),
        };
        let key = key.request.public_key();
        (authority.issue(&profile, &of.person, key, validity).unwrap(), Vec::new())
    };
    of.waiting.as_ref().unwrap().keys.iter().map(issue).collect()
}

/// Imports for ever: what is under way is ended, then new keys for each person in turn.
fn import(path: &Path) -> ! {
    let shelf = open(path);
    let validity = Validity { not_before: now(), not_after: now().plus(Duration::from_secs(9999)) };
    let key = PrivateKey::generate(KeyKind::P256).unwrap();
    let authority = Authority::root(key, "NHS Authentication G2", validity).unwrap();
    println!("\nopen");
    loop {
        for person in (0..PEOPLE).map(person) {
            let new = match shelf.enrol(&person, &SLOTS, KeyKind::P256, "a test", now()) {
                Err(EnrolmentFault::Enrolled) => {
                    match shelf.renew(&person, KeyKind::P256, "a test", now()) {
                        Err(EnrolmentFault::Waits | EnrolmentFault::Uncertified) => {
                            shelf.enrolment(&person).unwrap().unwrap()
                        }
                        renewed => renewed.unwrap(),
                    }
                }
                new => new.unwrap(),
            };
            let certificates = certificates(&authority, &new);
            let done = shelf.certify(&person, &certificates).unwrap();
            println!("done {person} {}", done.certified.unwrap().card.to_hex());
        }
    }
}

fn writer(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::an_import_is_whole_or_nothing_wherever_it_is_killed",
            "--nocapture",
        ])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn an_import_is_whole_or_nothing_wherever_it_is_killed() {
    if let Some(path) = std::env::var_os(STORE) {
        import(Path::new(&path));
    }
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("store.sqlite");
    let mut acknowledged = std::collections::BTreeMap::new();
    let mut imports = 0;
    for _ in 0..KILLS {
        let mut child = writer(&path);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let opened = lines.by_ref().map(|line| line.unwrap()).any(|line| line == "open");
        assert!(opened, "the store opens each time");
        let mut moment = [0; 2];
        crypto::random(&mut moment).unwrap();
        thread::sleep(Duration::from_micros(2 * u64::from(u16::from_be_bytes(moment))));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map(|line| line.unwrap()) {
            // The last line may have been cut.
            let words: Vec<&str> = line.split(' ').collect();
            if let ["done", person, card] = words[..]
                && card.len() == 16
            {
                acknowledged.insert(person.to_owned(), card.to_owned());
                imports += 1;
            }
        }
        let shelf = open(&path);
        check(&shelf, &acknowledged);
        // What was kept and could not be said any more stays from here on too.
        for enrolment in shelf.enrolments().unwrap() {
            let Some(certified) = enrolment.certified else { continue };
            acknowledged.insert(enrolment.person.to_string(), certified.card.to_hex());
        }
    }
    assert!(imports > KILLS / 2, "{imports} imports");
}

fn check(shelf: &Shelf, acknowledged: &std::collections::BTreeMap<String, String>) {
    for enrolment in shelf.enrolments().unwrap() {
        let Some(certified) = &enrolment.certified else {
            assert!(!acknowledged.contains_key(enrolment.person.as_str()), "a done import is lost");
            assert!(enrolment.waiting.is_some());
            continue;
        };
        let keys = shelf.release(&enrolment, &SLOTS).unwrap();
        assert_eq!(keys.len(), 2);
        for (key, of) in keys.iter().zip(&certified.keys) {
            assert_eq!(key.key.public(), of.certificate.public_key());
        }
    }
    for (person, card) in acknowledged {
        let found = shelf.enrolment(&UserId::parse(person).unwrap()).unwrap().unwrap();
        let now = found.certified.unwrap().card.to_hex();
        // A later import may have been kept before it could say so; then nothing waits.
        assert!(now == *card || found.waiting.is_none(), "an acknowledged import is undone");
    }
}
