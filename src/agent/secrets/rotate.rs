//! The keys that seal what an agent keeps, replaced in place while it runs.
//!
//! `rotate` makes the new key, seals everything under it in a transaction for each store, and puts
//! it in the old one's place; the old one stays beside it as `NAME.previous`, for backups and for
//! stores that were not named. `retire` ends that overlap, once the new key is seen to open
//! everything. Either may be killed at any moment and begun again ([`KeyFile`](crate::store::KeyFile)).

use super::{
    super::{config::Config, error::Error, parts, state},
    LongLived,
};
use crate::clock::Time;
use std::path::PathBuf;

/// A key that seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// The key of the agent's store, and of every store that shares it.
    Store,
    /// The key of the store of enrolled cards, where it has one of its own.
    Enrolled,
    /// The key of release.
    Release,
}

impl Sealing {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Store, Self::Enrolled, Self::Release];

    /// The word in the command.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Enrolled => "enrolled",
            Self::Release => "release",
        }
    }
}

/// What was sealed anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The key's file.
    pub key: PathBuf,
    /// Where the key before it is, until it is retired.
    pub previous: PathBuf,
    /// The stores that were sealed anew.
    pub stores: Vec<PathBuf>,
    /// How many cards were wrapped anew, where it was the key of release.
    pub cards: usize,
}

/// The file of a key.
fn place(config: &Config, which: Sealing) -> Result<PathBuf, Error> {
    let enrolled = || config.enrolled.as_ref().ok_or_else(|| missing("there is no [enrolled]"));
    match which {
        Sealing::Store => parts::key_path(config, None, state::KEY),
        Sealing::Enrolled => parts::key_path(config, enrolled()?.key_file.as_ref(), state::KEY),
        Sealing::Release => {
            parts::key_path(config, enrolled()?.release_key_file.as_ref(), parts::RELEASE_KEY)
        }
    }
}

fn missing(why: &str) -> Error {
    Error::Part { what: "the key", why: why.to_owned() }
}

/// The stores that lie under a key: those of the configuration, and those in other folders.
#[cfg(feature = "sqlite")]
fn stores(config: &Config, key: &std::path::Path, others: &[PathBuf]) -> Vec<PathBuf> {
    let under = |place: Result<PathBuf, Error>| place.is_ok_and(|place| place == key);
    let own = config.state.iter().filter(|_| under(place(config, Sealing::Store)));
    let enrolled = config.enrolled.iter().map(|enrolled| &enrolled.store);
    let enrolled = enrolled.filter(|_| under(place(config, Sealing::Enrolled)));
    let mut all: Vec<PathBuf> = Vec::new();
    for folder in own.chain(enrolled).chain(others) {
        let store = folder.join(state::STORE);
        if store.exists() && !all.contains(&store) {
            all.push(store);
        }
    }
    all
}

/// What of the replacement of keys is not over: each key that lies beside the one that it replaces
/// or was replaced by.
pub(super) fn unended(config: &Config) -> Vec<LongLived> {
    let mut found: Vec<LongLived> = Vec::new();
    for which in Sealing::ALL {
        let Ok(key) = place(config, which) else { continue };
        let beside = |suffix: &str| {
            let mut name = key.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        };
        for (suffix, what, replace) in [
            (
                ".next",
                "replacement of a key that was interrupted",
                "wardcard secrets rotate, again",
            ),
            (
                ".previous",
                "key that was replaced",
                "wardcard secrets retire, when no backup needs it",
            ),
        ] {
            let place = beside(suffix);
            if place.exists() {
                found.push(LongLived::new(what.to_owned(), place, replace));
            }
        }
    }
    found
}

#[cfg(feature = "sqlite")]
pub use on_disk::{retire, rotate};

#[cfg(feature = "sqlite")]
mod on_disk {
    use super::*;
    use crate::agent::{
        config::EnrolledSettings,
        elsewhere::{self, Act},
    };
    use crate::{
        card::Shelf,
        store::{KeyFile, SqliteStore, Store},
    };
    use std::sync::Arc;

    /// Replaces a key. An agent that runs goes on; so does one of another store under the same key
    /// that is named in `others`, by its folder.
    ///
    /// # Errors
    /// There is no such key, a store does not open, or the replacement before this one is not
    /// retired.
    pub fn rotate(
        config: &Config,
        which: Sealing,
        others: &[PathBuf],
        (by, now): (&str, Time),
    ) -> Result<Rotated, Error> {
        own(config)?;
        let key = place(config, which)?;
        let file = KeyFile::new(&key);
        let mut done =
            Rotated { key: key.clone(), previous: file.previous(), stores: Vec::new(), cards: 0 };
        match which {
            Sealing::Store | Sealing::Enrolled => {
                let rotation = file.rotate()?;
                done.stores = stores(config, &key, others);
                for store in &done.stores {
                    let under = SqliteStore::open_with(store, &file)?;
                    if !under.is_under(rotation.key())? {
                        under.reseal(rotation.key())?;
                    }
                }
                rotation.finish()?;
            }
            Sealing::Release => {
                let shelf = shelf(config, &file)?;
                let rotation = file.rotate()?;
                done.cards = shelf.replace_release_key(rotation.key())?;
                rotation.finish()?;
            }
        }
        note(config, Act::new("secret-rotated", which.name(), by, now))?;
        Ok(done)
    }

    /// Takes the key away that was replaced; whether there was one.
    ///
    /// # Errors
    /// The key does not open everything that is known to lie under it, or is just being replaced.
    pub fn retire(
        config: &Config,
        which: Sealing,
        others: &[PathBuf],
        (by, now): (&str, Time),
    ) -> Result<bool, Error> {
        own(config)?;
        let key = place(config, which)?;
        let file = KeyFile::new(&key);
        let current = file.keys()?.into_iter().next();
        let current = current.ok_or_else(|| missing("its file is gone"))?;
        match which {
            Sealing::Store | Sealing::Enrolled => {
                for store in stores(config, &key, others) {
                    SqliteStore::open(&store, &current)?;
                }
            }
            Sealing::Release => {
                if !shelf(config, &file)?.all_open_with(&current)? {
                    return Err(missing("it does not open every card; rotate it again"));
                }
            }
        }
        let retired = file.retire()?;
        if retired {
            note(config, Act::new("secret-retired", which.name(), by, now))?;
        }
        Ok(retired)
    }

    /// Only who owns the state folder does this, so that no file becomes another's.
    fn own(config: &Config) -> Result<(), Error> {
        let Some(folder) = &config.state else { return Ok(()) };
        state::own_folder(folder).map_err(|error| Error::Part {
            what: "the state folder",
            why: format!("{}: {error}", folder.display()),
        })
    }

    fn shelf(config: &Config, file: &KeyFile) -> Result<Shelf, Error> {
        let settings: &EnrolledSettings =
            config.enrolled.as_ref().ok_or_else(|| missing("there is no [enrolled]"))?;
        let (shelf, _) = parts::shelf_and_store(config, settings)?;
        Ok(shelf.with_release_keys(Arc::new(file.clone())))
    }

    /// Leaves word for the audit log in the agent's store.
    fn note(config: &Config, act: Act) -> Result<(), Error> {
        let Some(folder) = config.state.as_ref().filter(|state| state.join(state::STORE).exists())
        else {
            return Ok(());
        };
        let store: Arc<dyn Store> = state::open_store(folder, &folder.join(state::KEY))?;
        Ok(elsewhere::leave(&*store, &act)?)
    }
}

/// Without SQLite nothing lies under a key.
///
/// # Errors
/// Always.
#[cfg(not(feature = "sqlite"))]
pub fn rotate(_: &Config, _: Sealing, _: &[PathBuf], _: (&str, Time)) -> Result<Rotated, Error> {
    Err(missing("this build keeps nothing on disk; build it with the feature `sqlite`"))
}

/// Without SQLite nothing lies under a key.
///
/// # Errors
/// Always.
#[cfg(not(feature = "sqlite"))]
pub fn retire(_: &Config, _: Sealing, _: &[PathBuf], _: (&str, Time)) -> Result<bool, Error> {
    Err(missing("this build keeps nothing on disk; build it with the feature `sqlite`"))
}
