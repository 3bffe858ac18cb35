//! Which folders and which servers are believed.

#[cfg_attr(unix, path = "trust/unix.rs")]
#[cfg_attr(windows, path = "trust/windows.rs")]
mod system;

use super::places;
#[cfg(feature = "tls")]
use crate::secret::files::MAKE_PRIVATE;
use crate::secret::{Access, User};
use std::{fmt::Display, fs, io, path::Path};
#[cfg(unix)]
pub(super) use system::check_own_folder;

/// Which servers a client believes: those of its own user, root, the ward's agent (the owner of
/// `/run/wardcard`; on Windows the account of the service `wardcard`), and these.
#[derive(Clone, Debug, Default)]
pub struct ServerTrust {
    /// More users.
    pub users: Vec<User>,
}

/// What [`places::client_settings`] holds.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Users whose servers are believed, besides the usual ones.
    #[serde(default)]
    servers: Vec<User>,
}

impl ServerTrust {
    /// Whom the clients of this machine believe, as its administrator says.
    ///
    /// # Errors
    /// What is wrong with [`places::client_settings`].
    pub fn of_machine() -> Result<Self, String> {
        Self::of_file(&places::client_settings())
    }

    /// As a file says. No file is no wish; one that cannot be read is an error, since what it says
    /// would be missed later in a way that nobody understands.
    fn of_file(settings: &Path) -> Result<Self, String> {
        let failed = |error: &dyn Display| format!("{}: {error}", settings.display());
        let text = match fs::read_to_string(settings) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(&error)),
        };
        // On Windows anybody may make a folder where it is looked for.
        let access = Access::at(settings).map_err(|error| failed(&error))?;
        let own = cfg!(unix) && access.owner == User::own();
        if access.writable || !(access.owner.is_root() || own) {
            return Err(failed(&"others than administrators can change it; take that away"));
        }
        let Settings { servers } = toml::from_str(&text).map_err(|error| failed(&error))?;
        Ok(Self { users: servers })
    }

    /// Whether a server of this user is believed.
    pub fn believes(&self, user: User) -> bool {
        user.is_root()
            || user == User::own()
            || self.users.contains(&user)
            || system::owns_ward(user)
    }
}

/// Checks that a file with a private key is this user's or root's, and nobody else's to read.
#[cfg(feature = "tls")]
pub(super) fn private_file(path: &Path) -> io::Result<()> {
    let shown = path.display();
    let found = fs::metadata(path)
        .and_then(|found| Ok((found.is_file(), Access::at(path)?)))
        .map_err(|error| io::Error::new(error.kind(), format!("{shown}: {error}")))?;
    if found.0 && found.1.is_private() {
        return Ok(());
    }
    let text = format!("{shown} is open to others; {}", MAKE_PRIVATE);
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_user_root_and_named_users_are_believed() {
        let trust = ServerTrust { users: vec![User::from(4_000_000_001)] };
        let root = if cfg!(unix) { "0" } else { "S-1-5-18" };
        assert!(trust.believes(root.parse().unwrap()));
        assert!(trust.believes(User::own()));
        assert!(trust.believes(User::from(4_000_000_001)));
        assert!(!trust.believes(User::from(4_000_000_002)));
    }

    #[cfg(unix)]
    #[test]
    fn the_administrator_may_name_servers_to_believe() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.toml");
        assert!(ServerTrust::of_file(&file).unwrap().users.is_empty());
        fs::write(&file, "servers = [990, 991]").unwrap();
        assert_eq!(ServerTrust::of_file(&file).unwrap().users, [990, 991].map(User::from));
        fs::write(&file, "server = [990]").unwrap();
        assert!(ServerTrust::of_file(&file).unwrap_err().contains("client.toml: "));
        fs::write(&file, "servers = [990]").unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o646)).unwrap();
        assert!(ServerTrust::of_file(&file).unwrap_err().contains("can change it"));
    }
}
