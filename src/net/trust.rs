//! Which folders and which servers are believed.

#[cfg_attr(unix, path = "trust/unix.rs")]
#[cfg_attr(windows, path = "trust/windows.rs")]
mod system;

use crate::secret::User;
#[cfg(feature = "tls")]
use crate::secret::{Access, files::MAKE_PRIVATE};
#[cfg(feature = "tls")]
use std::{fs, io, path::Path};
#[cfg(unix)]
pub(super) use system::check_own_folder;

/// Which servers a client believes: those of its own user, root, the ward's agent (the owner of
/// `/run/wardcard`; on Windows the account of the service `wardcard`), and these.
#[derive(Clone, Debug, Default)]
pub struct ServerTrust {
    /// More users.
    pub users: Vec<User>,
}

impl ServerTrust {
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
}
