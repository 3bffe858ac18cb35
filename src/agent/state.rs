//! The state folder: the store and its key, and what is remembered of the audit log.

use super::{
    Error,
    alarm::Alarm,
    audit::{Head, Log},
    config::Config,
};
use crate::{
    card::ReleaseKeys,
    clock::Clock,
    crypto::SealKey,
    secret::{Access, files},
    store::{self, MemoryStore, Store},
};
use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// What an agent keeps beyond its life.
#[derive(Debug)]
pub(super) struct State {
    pub(super) store: Arc<dyn Store>,
    /// None where nothing is recorded.
    pub(super) log: Option<Arc<Log>>,
    /// The last line that is on the medium, until the store remembers it. Locked from one to the
    /// other, so that an older one is never remembered over a newer one.
    unremembered: Mutex<Option<Head>>,
}

impl State {
    /// Opens, or begins, what the configuration names.
    pub(super) fn open(
        config: &Config,
        given: Option<Arc<dyn Store>>,
        clock: &Arc<dyn Clock>,
        alarm: &Arc<Alarm>,
    ) -> Result<Self, Error> {
        let Some(folder) = &config.state else {
            let store = given.unwrap_or_else(|| Arc::new(MemoryStore::new()));
            return Ok(Self { store, log: None, unremembered: Mutex::default() });
        };
        let part = |why: io::Error| Error::Part {
            what: "the state folder",
            why: format!("{}: {why}", folder.display()),
        };
        files::make_folders(folder).map_err(part)?;
        own_folder(folder).map_err(part)?;
        let store = match given {
            Some(store) => store,
            None => open_store(folder, &folder.join(KEY))?,
        };
        let head = remembered(&*store)?;
        let audit = config.audit.folder.clone().unwrap_or_else(|| folder.join("audit"));
        let bell = Arc::clone(alarm);
        let log = Log::open(
            &audit,
            config.audit.rotate_bytes,
            config.audit.after_loss,
            head,
            Arc::clone(clock),
            Box::new(move || bell.ring(|reasons| reasons.dirty = true)),
        )
        .map_err(|error| Error::Part { what: "the audit log", why: error.to_string() })?;
        Ok(Self { store, log: Some(Arc::new(log)), unremembered: Mutex::default() })
    }

    /// Brings the log onto the medium, then remembers its last line. What could not be remembered
    /// is, at the next call.
    pub(super) fn sync(&self) -> Result<(), Error> {
        let Some(log) = &self.log else { return Ok(()) };
        let mut unremembered = self.unremembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = log.sync().map_err(|_| Error::Audit)? {
            *unremembered = Some(head);
        }
        if let Some(head) = *unremembered {
            let remembered = remember(&*self.store, head);
            // Whoever called need not be the one who tries again.
            remembered.inspect_err(|_| log.ring())?;
            *unremembered = None;
        }
        Ok(())
    }
}

const TABLE: &str = "agent";
const HEAD: &[u8] = b"audit-head";

/// What a store remembers of its agent's audit log.
pub(super) fn remembered(store: &dyn Store) -> Result<Option<Head>, store::Error> {
    let mut found = None;
    store.transact(&mut |rows| {
        found = rows.row(TABLE, HEAD)?;
        Ok(())
    })?;
    match found {
        Some(bytes) => Head::from_bytes(&bytes).map(Some).ok_or(store::Error::Malformed(TABLE)),
        None => Ok(None),
    }
}

fn remember(store: &dyn Store, head: Head) -> Result<(), store::Error> {
    store.transact(&mut |rows| rows.put(TABLE, HEAD, &head.to_bytes()))
}

/// Name of the store's key in the state folder.
pub(super) const KEY: &str = "store.key";
/// Name of the store in a folder.
pub(super) const STORE: &str = "store.sqlite";

/// The store in a folder, and its key in a file of its own.
#[cfg(feature = "sqlite")]
pub(super) fn open_store(folder: &Path, path: &Path) -> Result<Arc<dyn Store>, Error> {
    store_key(folder, path)?;
    let key = store::KeyFile::new(path);
    Ok(Arc::new(store::SqliteStore::open_with(&folder.join(STORE), &key)?))
}

/// The key of the store in a folder, made only where the store is not there yet either.
#[cfg(feature = "sqlite")]
pub(super) fn store_key(folder: &Path, path: &Path) -> Result<SealKey, Error> {
    let what = "the store's key";
    store::key_file_of(path, &folder.join(STORE))
        .map_err(|why| Error::Part { what, why: why.to_string() })
}

/// The key in a file of its own, made if it is not there.
#[cfg(feature = "sqlite")]
pub(super) fn key_file(path: &Path, what: &'static str) -> Result<SealKey, Error> {
    store::key_file(path).map_err(|why| Error::Part { what, why: why.to_string() })
}

/// The key of release in a file, which is made if it is not there, and may be replaced meanwhile.
#[cfg(feature = "sqlite")]
pub(super) fn release_keys(path: &Path, what: &'static str) -> Result<Arc<dyn ReleaseKeys>, Error> {
    key_file(path, what)?;
    Ok(Arc::new(store::KeyFile::new(path)))
}

/// Without SQLite there is no key of release.
#[cfg(not(feature = "sqlite"))]
pub(super) fn release_keys(path: &Path, what: &'static str) -> Result<Arc<dyn ReleaseKeys>, Error> {
    Ok(Arc::new(key_file(path, what)?))
}

/// Without SQLite there is nothing to keep a key for.
#[cfg(not(feature = "sqlite"))]
pub(super) fn key_file(_: &Path, what: &'static str) -> Result<SealKey, Error> {
    let why = "this build keeps nothing on disk; build it with the feature `sqlite`".to_owned();
    Err(Error::Part { what, why })
}

/// Without SQLite no store has a key.
#[cfg(not(feature = "sqlite"))]
pub(super) fn store_key(_: &Path, path: &Path) -> Result<SealKey, Error> {
    key_file(path, "the store's key")
}

/// Without SQLite nothing outlives the process.
#[cfg(not(feature = "sqlite"))]
pub(super) fn open_store(_: &Path, _: &Path) -> Result<Arc<dyn Store>, Error> {
    let why = "this build keeps nothing on disk; build it with the feature `sqlite`".to_owned();
    Err(Error::Part { what: "the store", why })
}

/// Whether a folder is this user's alone to write in.
pub(super) fn own_folder(folder: &Path) -> io::Result<()> {
    let found = std::fs::metadata(folder)?;
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if !found.is_dir() {
        return refuse("not a folder");
    }
    let found = Access::at(folder)?;
    if !found.owner.owns_as_own() {
        return refuse(&format!(
            "belongs to user {}, and this runs as user {}: run it as that user, or give the folder \
             to this one",
            found.owner,
            crate::secret::User::own()
        ));
    }
    if found.open {
        return refuse(&format!("open to others; {}", files::close_to_others(folder)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agent::audit::{AfterLoss, Entry},
        clock::SystemClock,
        store::Watched,
    };
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_last_line_that_could_not_be_remembered_is_remembered_at_the_next_call() {
        let folder = tempfile::tempdir().unwrap();
        let rung = Arc::new(AtomicUsize::new(0));
        let bell = Arc::clone(&rung);
        let on_dirty = Box::new(move || {
            bell.fetch_add(1, Ordering::SeqCst);
        });
        let clock = Arc::new(SystemClock);
        let log = Log::open(folder.path(), 1 << 20, AfterLoss::Refuse, None, clock, on_dirty);
        let log = Arc::new(log.unwrap());
        let (rows, failures) = (Arc::new(MemoryStore::new()), Arc::new(AtomicUsize::new(1)));
        let left = Arc::clone(&failures);
        let busy = move || {
            let one_less = |left: usize| left.checked_sub(1);
            match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
                Ok(_) => Err(store::Error::Medium("it is busy".to_owned())),
                Err(_) => Ok(()),
            }
        };
        let state = State {
            store: Arc::new(Watched::new(rows.clone(), busy, || {})),
            log: Some(Arc::clone(&log)),
            unremembered: Mutex::default(),
        };
        log.append(&Entry::new("use")).unwrap();
        state.sync().unwrap_err();
        assert_eq!(rung.load(Ordering::SeqCst), 2, "for the record, and to try again");
        assert_eq!(remembered(&*rows).unwrap(), None);
        state.sync().unwrap();
        assert_eq!(remembered(&*rows).unwrap(), Some(log.head()));
        // Nothing new: nothing is written either.
        failures.store(1, Ordering::SeqCst);
        state.sync().unwrap();
    }
}
