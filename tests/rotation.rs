//! Keys that seal are replaced in place: killed at any moment, with others at work on the same
//! store all the while, the old key or the new one opens everything that was kept.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end by panic")]
#![allow(clippy::print_stdout, reason = "the process that is killed tells what it has done")]

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use wardcard::{
    agent::{
        Config,
        secrets::{Sealing, retire, rotate},
    },
    card::{KeySlot, Shelf, ShelfPolicy},
    clock::Time,
    crypto::{self, KeyKind},
    pki::{Authority, Certificate, Profile, UserId, Validity},
    store::{self, KeyFile, SqliteStore, Store, key_file},
};

const KILLS: u32 = 40;
const FOLDER: &str = "WARDCARD_TEST_ROTATION";
const SLOTS: [KeySlot; 1] = [KeySlot::Authentication];

fn now() -> Time {
    Time::parse_rfc3339("2026-11-22T09:00:00Z").unwrap()
}

fn config(folder: &Path) -> Config {
    let text = format!(
        "mode = \"personal\"\nstate = \"{0}/state\"\n[endpoints]\npkcs11 = \"none\"\n\
         [[provider]]\nissuer = \"https://id.example\"\nclient_id = \"x\"\n\
         [issuer]\naddress = \"unix:path={0}/issuer\"\n\
         [policy]\nrelease = true\n[enrolled]\nstore = \"{0}/cards\"\n",
        folder.display()
    );
    Config::from_toml(&text, folder).unwrap()
}

fn place() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The stores of a configuration, with their one key, as an agent would have made them.
fn made(folder: &Path) -> [PathBuf; 2] {
    key_file(&folder.join("state/store.key")).unwrap();
    key_file(&folder.join("state/release.key")).unwrap();
    ["state", "cards"].map(|name| folder.join(name).join("store.sqlite"))
}

fn open(folder: &Path, store: &Path) -> Arc<dyn Store> {
    let key = KeyFile::new(folder.join("state/store.key"));
    Arc::new(SqliteStore::open_with(store, &key).unwrap())
}

fn put(store: &dyn Store, key: u32) -> Result<(), store::Error> {
    let key = key.to_be_bytes();
    store.transact(&mut |rows| rows.put_in("test", &[b"all"], &key, b"value"))
}

fn count(store: &dyn Store) -> (usize, usize) {
    let mut counts = (0, 0);
    store
        .read(&mut |rows| {
            counts = (rows.rows("test")?.len(), rows.group("test", b"all")?.len());
            Ok(())
        })
        .unwrap();
    counts
}

fn shelf(folder: &Path, store: &Path) -> Shelf {
    let key = KeyFile::new(folder.join("state/release.key"));
    Shelf::new(open(folder, store), ShelfPolicy::default())
        .unwrap()
        .with_release_keys(Arc::new(key))
}

fn person(number: u32) -> UserId {
    UserId::parse(&format!("{:012}", 555_000_000_000 + u64::from(number))).unwrap()
}

fn validity() -> Validity {
    Validity { not_before: now(), not_after: now().plus(Duration::from_secs(9999)) }
}

fn authority() -> Authority {
    let key = crypto::PrivateKey::generate(KeyKind::P256).unwrap();
    Authority::root(key, "NHS Authentication G2", validity()).unwrap()
}

/// Enrols somebody and gives the key its certificate.
fn enrol(shelf: &Shelf, authority: &Authority, number: u32) {
    let person = person(number);
    let new = shelf.enrol(&person, &SLOTS, KeyKind::P256, "a test", now()).unwrap();
    let certificates: Vec<(Certificate, Vec<Certificate>)> = new
        .waiting
        .unwrap()
        .keys
        .iter()
        .map(|key| {
            let profile = Profile::cis1_authentication();
            let key = key.request.public_key();
            (authority.issue(&profile, &person, key, validity()).unwrap(), Vec::new())
        })
        .collect();
    shelf.certify(&person, &certificates).unwrap();
}

fn released(shelf: &Shelf, number: u32) -> usize {
    let enrolment = shelf.enrolment(&person(number)).unwrap().unwrap();
    shelf.release(&enrolment, &SLOTS).unwrap().len()
}

/// Replaces both keys for ever.
fn replace(folder: &Path) -> ! {
    let config = config(folder);
    println!("\nopen");
    loop {
        for which in [Sealing::Store, Sealing::Release] {
            // What was interrupted is ended first, whatever it was.
            while rotate(&config, which, &[], ("a test", now())).is_err() {
                retire(&config, which, &[], ("a test", now())).unwrap();
            }
            println!("done {}", which.name());
            retire(&config, which, &[], ("a test", now())).unwrap();
        }
    }
}

fn replacer(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "wherever_it_is_killed_everything_opens_and_others_go_on", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn wherever_it_is_killed_everything_opens_and_others_go_on() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        replace(Path::new(&folder));
    }
    let folder = place();
    let folder = folder.path().to_owned();
    let [state, cards] = made(&folder);
    // These stay open from the beginning to the end, as a running agent's.
    let (own, shelf) = (open(&folder, &state), shelf(&folder, &cards));
    let authority = authority();
    let stop = Arc::new(AtomicBool::new(false));
    let writing = {
        let (own, stop) = (Arc::clone(&own), Arc::clone(&stop));
        thread::spawn(move || {
            let mut written = 0u32;
            while !stop.load(Ordering::SeqCst) {
                put(&*own, written).unwrap();
                written += 1;
                thread::sleep(Duration::from_millis(2));
            }
            written
        })
    };
    let (mut done, mut people) = (0, 0);
    for _ in 0..KILLS {
        let mut child = replacer(&folder);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.by_ref().map(|line| line.unwrap()).any(|line| line == "open"));
        let mut moment = [0; 2];
        crypto::random(&mut moment).unwrap();
        thread::sleep(Duration::from_micros(8 * u64::from(u16::from_be_bytes(moment))));
        enrol(&shelf, &authority, people);
        people += 1;
        child.kill().unwrap();
        child.wait().unwrap();
        done += lines.map(|line| line.unwrap()).filter(|line| line.starts_with("done ")).count();
        // By who has been there all the while, and by who comes anew.
        let anew = self::shelf(&folder, &cards);
        for number in 0..people {
            assert_eq!((released(&shelf, number), released(&anew, number)), (1, 1));
        }
        let counts = count(&*open(&folder, &state));
        assert_eq!(counts.0, counts.1);
    }
    stop.store(true, Ordering::SeqCst);
    let written = usize::try_from(writing.join().unwrap()).unwrap();
    assert_eq!(count(&*own), (written, written), "nothing that was acknowledged is lost");
    assert!(done > 5, "{done} replacements were made");
}

#[test]
fn the_old_key_opens_nothing_of_the_store_as_it_is_and_a_backup_until_it_is_retired() {
    let folder = place();
    let folder = folder.path();
    let [state, cards] = made(folder);
    let config = config(folder);
    let by = ("a test", now());
    let old = KeyFile::new(folder.join("state/store.key")).keys().unwrap().remove(0);
    put(&*open(folder, &state), 1).unwrap();
    let shelf_before = shelf(folder, &cards);
    enrol(&shelf_before, &authority(), 1);
    drop(shelf_before);
    let backup = folder.join("backup");
    std::fs::create_dir(&backup).unwrap();
    std::fs::copy(&state, backup.join("store.sqlite")).unwrap();
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(backup.join("store.sqlite"), private).unwrap();

    let rotated = rotate(&config, Sealing::Store, &[], by).unwrap();
    assert_eq!(rotated.stores, [state.clone(), cards.clone()], "each that shares it");
    assert!(matches!(SqliteStore::open(&state, &old), Err(store::Error::WrongKey)));
    assert!(matches!(SqliteStore::open(&cards, &old), Err(store::Error::WrongKey)));
    assert_eq!(count(&*open(folder, &backup.join("store.sqlite"))).0, 1, "the overlap");
    assert!(rotate(&config, Sealing::Store, &[], by).is_err(), "one overlap at a time");
    assert!(
        retire(&config, Sealing::Store, std::slice::from_ref(&backup), by).is_err(),
        "the backup needs it"
    );
    assert!(retire(&config, Sealing::Store, &[], by).unwrap());
    assert!(!retire(&config, Sealing::Store, &[], by).unwrap());
    assert_eq!(count(&*open(folder, &state)).0, 1);
    assert_eq!(released(&shelf(folder, &cards), 1), 1);

    let rotated = rotate(&config, Sealing::Release, &[], by).unwrap();
    assert_eq!(rotated.cards, 1);
    assert!(retire(&config, Sealing::Release, &[], by).unwrap());
    assert_eq!(released(&shelf(folder, &cards), 1), 1);
    assert!(rotate(&config, Sealing::Enrolled, &[], by).is_ok(), "the same file by its other name");
}
