//! A store and forks: the child gives up what it inherited and opens anew, the parent goes on, and neither takes anything from the other.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end by panic")]
#![allow(unsafe_code)]

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};
use wardcard::{
    crypto::SealKey,
    secret::Secret,
    store::{Error, SqliteStore, Store},
};

const TABLE: &str = "fork";
const PATH: &str = "WARDCARD_TEST_FORK_STORE";

/// The forks of one test are not in the middle of another's work.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Secrets do not come along into a child: it makes the key again, as it would read its file.
fn open(path: &Path) -> Result<SqliteStore, Error> {
    SqliteStore::open(path, &SealKey::from_bytes(&Secret::new(vec![7; 32])).unwrap())
}

fn put(store: &SqliteStore, key: &[u8]) -> Result<(), Error> {
    store.transact(&mut |rows| rows.put(TABLE, key, b"there"))
}

fn has(store: &SqliteStore, key: &[u8]) -> bool {
    let mut found = false;
    let mut look = |rows: &dyn wardcard::store::Reading| {
        found = rows.row(TABLE, key)?.is_some();
        Ok(())
    };
    store.read(&mut look).unwrap();
    found
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    (folder, path)
}

/// A child that does `work` after it is told to, and says whether all was right.
struct Fork {
    child: libc::pid_t,
    line: UnixStream,
}

impl Fork {
    fn doing(work: impl FnOnce() -> bool) -> Self {
        let (line, theirs) = UnixStream::pair().unwrap();
        // SAFETY: the child runs `work`, which needs no thread of the parent, and leaves by _exit.
        match unsafe { libc::fork() } {
            -1 => panic!("no fork"),
            0 => {
                drop(line);
                let mut go = [0];
                let told = (&theirs).read_exact(&mut go).is_ok();
                let right =
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| told && work()));
                let _ = (&theirs).write_all(&[u8::from(right.unwrap_or(false))]);
                // SAFETY: ends the child without the parent's destructors.
                unsafe { libc::_exit(0) }
            }
            child => Self { child, line },
        }
    }

    fn goes(self) -> bool {
        self.begins();
        self.was_right()
    }

    fn begins(&self) {
        (&self.line).write_all(&[1]).unwrap();
    }

    fn was_right(self) -> bool {
        self.line.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut right = [0];
        (&self.line).read_exact(&mut right).is_ok() && right == [1]
    }
}

impl Drop for Fork {
    /// Ends a child that hangs, too.
    fn drop(&mut self) {
        // SAFETY: `child` is our child, which has not been waited for.
        unsafe { libc::kill(self.child, libc::SIGKILL) };
        let mut status = 0;
        // SAFETY: `status` is a live local, `child` our child.
        unsafe { libc::waitpid(self.child, &raw mut status, 0) };
    }
}

/// Another process, which uses the store as a program that knows nothing of us does, or is killed
/// with it.
fn other_process(path: &Path, what: &str) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_of_its_own", "--nocapture"])
        .env(PATH, path)
        .env("WARDCARD_TEST_FORK_WORK", what)
        .status()
        .unwrap();
    assert_eq!(status.success(), what != "killed", "{what}");
}

#[test]
fn a_process_of_its_own() {
    let Some(path) = std::env::var_os(PATH) else { return };
    match std::env::var("WARDCARD_TEST_FORK_WORK").unwrap().as_str() {
        "killed" => {
            let store = open(Path::new(&path)).unwrap();
            put(&store, b"by the killed").unwrap();
            std::process::abort();
        }
        "plain" => {
            // Closes as any program does: the last one check-points and deletes the log.
            let connection = rusqlite::Connection::open(&path).unwrap();
            let rows: i64 =
                connection.query_row("SELECT count(*) FROM rows", [], |row| row.get(0)).unwrap();
            assert!(rows > 0);
            connection.close().unwrap();
        }
        _ => panic!("unknown work"),
    }
}

#[test]
fn a_child_gives_up_the_store_opens_it_anew_and_the_parent_goes_on() {
    let _alone = alone();
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    put(&store, b"before").unwrap();
    let child = Fork::doing(|| {
        let inherited = matches!(put(&store, b"never"), Err(Error::Forked))
            && matches!(store.version(), Err(Error::Forked));
        store.forked();
        let given_up = matches!(put(&store, b"never"), Err(Error::Forked));
        let again = open(&path).unwrap();
        put(&again, b"by the child").unwrap();
        inherited && given_up && has(&again, b"before")
    });
    put(&store, b"meanwhile").unwrap();
    let version = store.version().unwrap();
    assert!(child.goes());
    assert_ne!(store.version().unwrap(), version);
    assert!(has(&store, b"by the child") && !has(&store, b"never"));
    // In the process that opened it, nothing is given up.
    store.forked();
    put(&store, b"after").unwrap();
    store.check().unwrap();
}

#[test]
fn a_child_takes_locks_of_its_own_so_that_nobody_takes_the_log_from_under_it() {
    let _alone = alone();
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    put(&store, b"before").unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let child = Fork::doing(|| {
        store.forked();
        let again = open(&path).unwrap();
        put(&again, b"by the child").unwrap();
        (&theirs).write_all(&[1]).unwrap();
        (&theirs).read_exact(&mut [0]).unwrap();
        put(&again, b"by the child later").unwrap();
        has(&again, b"by the child")
    });
    child.begins();
    ours.read_exact(&mut [0]).unwrap();
    // The parent leaves; another program comes and goes, and is not the last.
    drop(store);
    other_process(&path, "plain");
    assert!(path.with_file_name("store.sqlite-wal").exists());
    ours.write_all(&[1]).unwrap();
    assert!(child.was_right());
    let store = open(&path).unwrap();
    assert!(has(&store, b"by the child") && has(&store, b"by the child later"));
    store.check().unwrap();
}

#[test]
fn a_child_that_closes_late_deletes_nothing_that_came_meanwhile() {
    let _alone = alone();
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    put(&store, b"before").unwrap();
    // Both find, when they come to it, that the parent has closed long ago and that the log holds
    // the change of a process that was killed.
    let drops = Fork::doing(|| {
        // SAFETY: reads the value out of a variable that this process never looks at again.
        drop(unsafe { std::ptr::read(&raw const store) });
        open(&path).is_ok_and(|again| has(&again, b"by the killed"))
    });
    let gives_up = Fork::doing(|| {
        store.forked();
        open(&path).is_ok_and(|again| put(&again, b"by the child").is_ok())
    });
    drop(store);
    other_process(&path, "killed");
    assert!(drops.goes());
    assert!(gives_up.goes());
    let store = open(&path).unwrap();
    for key in [&b"before"[..], b"by the killed", b"by the child"] {
        assert!(has(&store, key));
    }
    store.check().unwrap();
}

#[test]
fn a_child_of_a_fork_in_the_middle_of_a_transaction_is_refused_at_once() {
    let _alone = alone();
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    let (inside, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut ends = Some((inside, left));
            store.transact(&mut |rows| {
                rows.put(TABLE, b"in the middle", b"")?;
                if let Some((inside, left)) = ends.take() {
                    inside.send(()).unwrap();
                    left.recv().unwrap();
                }
                Ok(())
            })
        });
        entered.recv().unwrap();
        let child = Fork::doing(|| {
            let began = Instant::now();
            store.forked();
            let refused = match open(&path) {
                Err(Error::Medium(why)) => why.contains("forked while its parent used a store"),
                _ => false,
            };
            refused
                && matches!(put(&store, b"never"), Err(Error::Forked))
                && began.elapsed() < Duration::from_secs(5)
        });
        assert!(child.goes());
        leave.send(()).unwrap();
        writer.join().unwrap().unwrap();
    });
    assert!(has(&store, b"in the middle") && !has(&store, b"never"));
    // A child of a quiet moment is served again.
    assert!(
        Fork::doing(|| {
            store.forked();
            open(&path).is_ok_and(|again| has(&again, b"in the middle"))
        })
        .goes()
    );
}

/// The descriptors of this process under which files of that store are open.
#[cfg(feature = "testkit")]
fn open_files(store: &Path) -> usize {
    let name = store.to_str().unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?;
        target.to_str()?.starts_with(name).then_some(())
    });
    open.count()
}

/// C_Initialize in a child of a program with cards of its own: what it inherited is given up before
/// the store is opened anew, since SQLite would take the parent's locks for the child's.
#[cfg(feature = "testkit")]
#[test]
fn a_child_gives_up_the_store_of_the_modules_cards() {
    use std::sync::Arc;
    use wardcard::{
        card::{AdmitAll, Caller, Shelf, ShelfPolicy, Tray},
        pkcs11::{Cryptoki as _, Module},
    };
    let _alone = alone();
    let (_folder, path) = place();
    let policy = ShelfPolicy { blank: true, ..ShelfPolicy::default() };
    let shelf = Shelf::new(Arc::new(open(&path).unwrap()), policy).unwrap();
    let module = Module::new(Tray::new(0), Caller::default(), Arc::new(AdmitAll));
    let module = module.with_shelf(Arc::new(shelf));
    module.initialize().unwrap();
    let slots = module.slot_list(false).unwrap();
    let child = Fork::doing(|| {
        let inherited = open_files(&path);
        module.forked();
        inherited > 0 && open_files(&path) == 0 && module.slot_list(false).is_err()
    });
    assert!(child.goes());
    assert!(open_files(&path) > 0, "the parent goes on");
    module.forked();
    assert_eq!(module.slot_list(false).unwrap(), slots);
}
