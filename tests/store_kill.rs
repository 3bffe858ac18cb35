//! Writers of a store that are killed at any moment: it opens each time, nothing that was acknowledged is lost, nothing half-done is seen, and tries never go back up.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end by panic")]

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};
use wardcard::{
    card::{
        Caller, CardId, Change, Enrolled, Event, Gate, NewRecord, Outcome, Record, Refusal, Role,
        Shelf, ShelfPolicy, Use,
    },
    crypto::{self, SealKey},
    secret::Secret,
    store::{SqliteStore, Store},
};

const KILLS: u32 = 500;
/// How many pairs a writer leaves there.
const KEPT: u32 = 6;
const TRIES: u8 = 200;
const COUNTER: &[u8] = b"counter";
const STORE: &str = "WARDCARD_TEST_KILL_STORE";
const WORK: &str = "WARDCARD_TEST_KILL_WORK";

#[derive(Debug)]
struct Silent;

impl Gate for Silent {
    fn admit(&self, _: &Use) -> Result<u64, Refusal> {
        Err(Refusal::Application)
    }
    fn outcome(&self, _: u64, _: &Use, _: Outcome) {}
    fn passcode(&self, _: &CardId, _: Role, _: &Caller, _: &Event) {}
}

fn open(path: &Path) -> (Arc<SqliteStore>, Shelf) {
    let key = SealKey::from_bytes(&Secret::new(vec![7; 32])).unwrap();
    let store = Arc::new(SqliteStore::open(path, &key).unwrap());
    let policy = ShelfPolicy { blank: true, tries: TRIES, ..ShelfPolicy::default() };
    let shelf = Shelf::new(Arc::clone(&store) as Arc<_>, policy).unwrap();
    (store, shelf)
}

fn object(id: &[u8], content: u32) -> NewRecord {
    NewRecord {
        private: false,
        id: Some(id.to_vec()),
        content: [&content.to_be_bytes()[..], &[0; 700]].concat().into(),
        key: None,
        each_time: false,
    }
}

fn number_in(record: &Record) -> u32 {
    u32::from_be_bytes(*record.content.first_chunk().unwrap())
}

fn counter(card: &Enrolled) -> (u64, u32) {
    let found = card.records_by_id(COUNTER, None).unwrap();
    assert_eq!(found.len(), 1);
    (found[0].number, number_in(&found[0]))
}

fn pair(card: &Enrolled, number: u32) -> Vec<Record> {
    let found = card.records_by_id(&pair_id(number), None).unwrap();
    assert!(found.iter().all(|record| number_in(record) == number));
    found
}

fn pair_id(number: u32) -> Vec<u8> {
    format!("pair {number}").into_bytes()
}

fn count(card: &Enrolled, counter: u64, to: &mut dyn FnMut(u32) -> u32) -> u32 {
    let mut counted = 0;
    let mut change = |record: &Record| {
        counted = to(number_in(record));
        let NewRecord { id, content, .. } = object(COUNTER, counted);
        Ok(Some(Change { id, content }))
    };
    card.change(None, counter, &mut change).unwrap();
    counted
}

/// A store with one card, which has both passcodes and a counter.
fn made(path: &Path) -> u64 {
    let (_, shelf) = open(path);
    let card = shelf.initialize_new(b"12345678", [b' '; 32]).unwrap();
    let so = card.verify_so(b"12345678", &Silent, &Caller::default()).unwrap();
    card.set_user_passcode(&so, b"123456").unwrap();
    card.add(None, &[object(COUNTER, 0)]).unwrap()[0]
}

/// In memory where there is such a folder: a process that is killed loses nothing that it has given
/// to the system, and more happens between two kills.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// This test in a process of its own that does `work`.
fn writer(test: &str, path: &Path, work: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(STORE, path)
        .env(WORK, work)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Writes for ever: a pair, then the counter, then the oldest pair's end; each step is told.
fn write(path: &Path, wrong: bool) -> ! {
    let (_, shelf) = open(path);
    let card = shelf.cards().unwrap().remove(0);
    let (place, mut last) = counter(&card);
    println!("\nopen {last}");
    if wrong {
        let looked = card.verify(b"654321", &Silent, &Caller::default());
        assert!(looked.is_err());
        println!("tries {}", card.tries_left(Role::User).unwrap());
    }
    loop {
        let next = last + 1;
        if pair(&card, next).is_empty() {
            card.add(None, &[object(&pair_id(next), next), object(&pair_id(next), next)]).unwrap();
        }
        println!("pair {next}");
        last = count(&card, place, &mut |_| next);
        println!("count {last}");
        for record in pair(&card, last.saturating_sub(KEPT)) {
            card.remove(None, record.number).unwrap();
            println!("gone {}", record.number);
        }
    }
}

/// What a writer acknowledged.
#[derive(Default)]
struct Told {
    pair: u32,
    count: u32,
    gone: Vec<u64>,
    tries: Option<u8>,
}

impl Told {
    fn from(said: &str) -> Self {
        let mut told = Self::default();
        // A line without its end was not acknowledged.
        for line in said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let Some((word, number)) = line.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            let small = u32::try_from(number).unwrap();
            match word {
                "pair" => told.pair = small,
                "count" => told.count = small,
                "gone" => told.gone.push(number),
                "tries" => told.tries = Some(u8::try_from(number).unwrap()),
                _ => {}
            }
        }
        told
    }
}

#[test]
fn what_killed_writers_acknowledged_is_there_and_nothing_is_half_done() {
    if let (Some(path), Some(work)) = (std::env::var_os(STORE), std::env::var_os(WORK)) {
        write(Path::new(&path), work == "wrong");
    }
    let test = "what_killed_writers_acknowledged_is_there_and_nothing_is_half_done";
    let folder = folder();
    let path = folder.path().join("store.sqlite");
    made(&path);
    let (mut left, mut writers, mut wrote) = (TRIES, 0, 0);
    for round in 0..KILLS {
        let wrong = round % 5 == 0;
        let mut child = writer(test, &path, if wrong { "wrong" } else { "write" });
        let mut said = BufReader::new(child.stdout.take().unwrap());
        // One in five is killed while it opens the store, or makes itself ready to.
        if round % 5 != 1 {
            let mut line = String::new();
            while !line.starts_with("open") {
                line.clear();
                assert!(said.read_line(&mut line).unwrap() > 0, "it ended by itself");
            }
            writers += 1;
        }
        let mut random = [0; 2];
        crypto::random(&mut random).unwrap();
        thread::sleep(Duration::from_micros(u64::from(u16::from_be_bytes(random)) / 2));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        let (said, told) = (&rest, Told::from(&rest));
        wrote += u32::from(told.pair > 0);

        let (store, shelf) = open(&path);
        if round % 50 == 0 || round + 1 == KILLS {
            store.check().unwrap();
        }
        let card = shelf.cards().unwrap().remove(0);
        let counted = counter(&card).1;
        assert!(counted >= told.count && told.pair <= counted + 1, "{said}");
        if told.pair == counted + 1 {
            assert_eq!(pair(&card, told.pair).len(), 2, "{said}");
        }
        assert!([0, 2].contains(&pair(&card, counted + 1).len()), "{said}");
        for number in (counted + 1).saturating_sub(KEPT).max(1)..=counted {
            assert_eq!(pair(&card, number).len(), 2, "{number} {said}");
        }
        for number in told.gone {
            assert!(card.record(number, None).unwrap().is_none(), "{number} {said}");
        }
        let now = card.tries_left(Role::User).unwrap();
        let least = left - u8::from(wrong);
        assert!((least..=told.tries.unwrap_or(left)).contains(&now), "{left} {now} {said}");
        left = now;
    }
    // Enough of them got as far as to write, and to spend a try.
    println!("{writers} opened the store, {wrote} wrote, {} tries were spent", TRIES - left);
    assert!(wrote > KILLS / 5, "{writers} opened, {wrote} wrote");
    assert!(left < TRIES);
}

#[test]
fn four_processes_write_at_once_and_lose_nothing() {
    const EACH: u32 = 40;
    if let Some(path) = std::env::var_os(STORE) {
        let (_, shelf) = open(Path::new(&path));
        let card = shelf.cards().unwrap().remove(0);
        let (place, _) = counter(&card);
        for _ in 0..EACH {
            card.add(None, &[object(b"made", 0)]).unwrap();
            count(&card, place, &mut |last| last + 1);
        }
        println!("\ndone");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    made(&path);
    let test = "four_processes_write_at_once_and_lose_nothing";
    let mut children: Vec<_> = (0..4).map(|_| writer(test, &path, "")).collect();
    for child in &mut children {
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("\ndone\n"), "{said}");
        assert!(child.wait().unwrap().success());
    }
    let (store, shelf) = open(&path);
    let card = shelf.cards().unwrap().remove(0);
    assert_eq!(counter(&card).1, 4 * EACH);
    let made = card.records_by_id(b"made", None).unwrap();
    assert_eq!(u32::try_from(made.len()).unwrap(), 4 * EACH);
    store.check().unwrap();
}
