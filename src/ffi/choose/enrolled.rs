//! `WARDCARD_STORE=DIR`: the enrolled cards of a store, in this process, and a blank one after them.
//!
//! | where | what |
//! |---|---|
//! | `DIR/store.sqlite` | the cards; made, with the folder, at first use |
//! | `DIR/policy.toml` | optional: `raw_rsa = true` offers CKM_RSA_X_509 |
//! | `$WARDCARD_STORE_KEY`, else `$XDG_STATE_HOME/wardcard/store.key`, else `~/.local/state/wardcard/store.key` | the store's key, made with mode 0600 at first use and never again |

use crate::{
    card::{
        Caller, CardId, Event, Gate, HashPolicy, Outcome, Refusal, Role, Shelf, ShelfPolicy, Tray,
        Use,
    },
    net::places,
    pkcs11::{Cryptoki, Module},
    secret::PasscodeRule,
    store::{KeyFile, SqliteStore, key_file_of},
};
use std::{
    ffi::OsString,
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What the folder's owner says about its cards.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Whether the bare RSA operation is offered.
    #[serde(default)]
    raw_rsa: bool,
}

/// Admits: whoever has logged in may use the keys, since they are this user's own. Nothing is
/// recorded; who wants records asks an agent.
#[derive(Debug)]
struct Own;

impl Gate for Own {
    fn admit(&self, _: &Use) -> Result<u64, Refusal> {
        Ok(0)
    }
    fn outcome(&self, _: u64, _: &Use, _: Outcome) {}
    fn passcode(&self, _: &CardId, _: Role, _: &Caller, _: &Event) {}
}

/// The cards of the store in a folder; in words, why not.
pub(super) fn open(
    folder: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Arc<dyn Cryptoki>, String> {
    /// Logins belong to a connection: here, to what lies between C_Initialize and C_Finalize.
    static CONNECTIONS: AtomicU64 = AtomicU64::new(1);
    let shelf = shelf(folder, variable)?;
    let caller = Caller {
        pid: Some(std::process::id()),
        connection: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
        ..Caller::default()
    };
    Ok(Arc::new(Module::new(Tray::new(0), caller, Arc::new(Own)).with_shelf(Arc::new(shelf))))
}

fn shelf(folder: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Result<Shelf, String> {
    let policy = policy(&folder.join("policy.toml"))?;
    let path = folder.join("store.sqlite");
    let key = key_path(variable)?;
    key_file_of(&key, &path).map_err(told("the store's key"))?;
    let store = SqliteStore::open_with(&path, &KeyFile::new(key)).map_err(told("the store"))?;
    Shelf::new(Arc::new(store), policy).map_err(told("the cards"))
}

fn told<E: Display>(what: &str) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}

/// Where the store's key is.
fn key_path(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, String> {
    if let Some(named) = variable("WARDCARD_STORE_KEY") {
        return Ok(named.into());
    }
    let state = places::state(variable).ok_or_else(|| {
        format!(
            "the store's key has no place: neither WARDCARD_STORE_KEY nor {} is set to an \
             absolute path",
            places::STATE_VARIABLES
        )
    })?;
    Ok(state.join("store.key"))
}

/// What the cards may be used for. They are their user's own: old hashes and raw blocks are signed,
/// keys may be brought in, and passcodes may be words.
fn policy(settings: &Path) -> Result<ShelfPolicy, String> {
    let failed = |error: &dyn Display| format!("{}: {error}", settings.display());
    let Settings { raw_rsa } = match fs::read_to_string(settings) {
        Ok(text) => toml::from_str(&text).map_err(|error| failed(&error))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Settings::default(),
        Err(error) => return Err(failed(&error)),
    };
    Ok(ShelfPolicy {
        blank: true,
        import_private: true,
        hashes: HashPolicy {
            sha1_authentication: true,
            sha1_content_commitment: true,
            raw_blocks: true,
        },
        raw_rsa,
        rule: PasscodeRule { min: 4, max: 64, digits_only: false },
        tries: 3,
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn with<'a>(
        variables: &'a [(&'a str, &'a str)],
    ) -> impl Fn(&str) -> Option<OsString> + Copy + 'a {
        |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
    }

    #[test]
    fn the_key_lies_where_it_is_named_or_in_the_state_of_the_user() {
        let path = |variables| key_path(with(variables)).map_err(|_| ());
        let named = [("WARDCARD_STORE_KEY", "/k"), ("XDG_STATE_HOME", "/s"), ("HOME", "/h")];
        assert_eq!(path(&named), Ok("/k".into()));
        assert_eq!(path(&named[1..]), Ok("/s/wardcard/store.key".into()));
        assert_eq!(path(&named[2..]), Ok("/h/.local/state/wardcard/store.key".into()));
        let relative = [("XDG_STATE_HOME", "s"), ("HOME", "/h")];
        assert_eq!(path(&relative), Ok("/h/.local/state/wardcard/store.key".into()));
        assert_eq!(path(&[]), Err(()));
        assert_eq!(path(&[("HOME", "h")]), Err(()));
    }

    #[test]
    fn the_policy_is_open_but_for_bare_rsa_which_a_file_turns_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.toml");
        let usual = policy(&file).unwrap();
        assert!(usual.import_private && usual.blank && !usual.raw_rsa);
        assert!(usual.rule.parse(b"pass").is_some() && usual.rule.parse(b"123").is_none());
        fs::write(&file, "raw_rsa = true").unwrap();
        assert!(policy(&file).unwrap().raw_rsa);
        for wrong in ["raw_rsa = 1", "rawrsa = true", "raw_rsa ="] {
            fs::write(&file, wrong).unwrap();
            assert!(policy(&file).unwrap_err().contains("policy.toml: "), "{wrong}");
        }
    }

    #[test]
    fn what_others_can_get_at_and_another_key_are_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (key, other) = (path("state/key"), path("state/other"));
        let cards = folder.path().join("cards");
        let open = |key: &str| shelf(&cards, with(&[("WARDCARD_STORE_KEY", key)])).map(|_| ());
        assert_eq!(open(&key), Ok(()), "folder, store and key are made");
        let missing = open(&other).unwrap_err();
        assert!(missing.contains(&other) && missing.contains("is missing"), "{missing}");
        assert!(!Path::new(&other).exists(), "no key is made for a store that is there");
        crate::store::key_file(Path::new(&other)).unwrap();
        assert!(open(&other).unwrap_err().contains("made with another key"));
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&cards, 0o777);
        assert!(open(&key).unwrap_err().starts_with("the store: the store is refused"));
        mode(&cards, 0o700);
        mode(Path::new(&key), 0o644);
        assert!(open(&key).unwrap_err().contains("chmod go-rwx"));
        mode(Path::new(&key), 0o600);
        assert_eq!(open(&key), Ok(()));
    }
}
