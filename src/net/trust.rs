//! Which folders and which servers are believed.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// Which servers a client believes: those of its own user, root, the owner of /run/wardcard, and these.
#[derive(Clone, Debug, Default)]
pub struct ServerTrust {
    /// More user ids.
    pub users: Vec<u32>,
}

/// The folder whose owner is the ward's agent.
const WARD: &str = "/run/wardcard";
const STICKY: u32 = 0o1000;
const WRITABLE_BY_OTHERS: u32 = 0o022;

impl ServerTrust {
    /// Whether a server of this user is believed.
    pub fn believes(&self, uid: u32) -> bool {
        uid == 0
            || uid == rustix::process::geteuid().as_raw()
            || self.users.contains(&uid)
            || fs::symlink_metadata(WARD).is_ok_and(|ward| ward.is_dir() && ward.uid() == uid)
    }

    /// Checks the folder that a server's socket stands in.
    pub(super) fn check_folder(&self, socket: &Path) -> io::Result<()> {
        check(socket, |uid| self.believes(uid))
    }
}

/// Checks the folder that a socket is about to be bound in: owned by this user or root.
pub(super) fn check_own_folder(socket: &Path) -> io::Result<()> {
    check(socket, |uid| uid == 0 || uid == rustix::process::geteuid().as_raw())
}

/// Checks that a file with a private key is this user's or root's, and nobody else's to read.
#[cfg(feature = "tls")]
pub(super) fn private_file(path: &Path) -> io::Result<()> {
    let shown = path.display();
    let found = fs::metadata(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{shown}: {error}")))?;
    let own = rustix::process::geteuid().as_raw();
    if found.is_file() && found.mode() & 0o077 == 0 && (found.uid() == own || found.uid() == 0) {
        return Ok(());
    }
    let text = format!("{shown} is open to others; chmod 600, and chown it to this user");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

fn check(socket: &Path, owner: impl Fn(u32) -> bool) -> io::Result<()> {
    let refuse = |text: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    let folder = socket.parent().unwrap_or(Path::new("/"));
    let found = fs::metadata(folder)?;
    if !found.is_dir() {
        return refuse(format!("{} is no folder", folder.display()));
    }
    if !owner(found.uid()) {
        return refuse(format!(
            "{} belongs to user {}, who is not trusted with this socket; use a folder of your own or of root, or name the user in the trust settings",
            folder.display(),
            found.uid()
        ));
    }
    if found.mode() & WRITABLE_BY_OTHERS != 0 && found.mode() & STICKY == 0 {
        return refuse(format!(
            "{} is writable by others (mode {:o}), who could put another socket there; take the permission away (chmod go-w)",
            folder.display(),
            found.mode() & 0o7777
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn set(folder: &Path, mode: u32) {
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn folders_that_others_write_to_are_refused_unless_sticky() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let trust = ServerTrust::default();
        for (mode, good) in [
            (0o700, true),
            (0o755, true),
            (0o777, false),
            (0o770, false),
            (0o702, false),
            (0o1777, true),
        ] {
            set(folder.path(), mode);
            assert_eq!(trust.check_folder(&socket).is_ok(), good, "{mode:o}");
            assert_eq!(check_own_folder(&socket).is_ok(), good, "{mode:o}");
        }
        set(folder.path(), 0o700);
    }

    #[test]
    fn folders_of_users_who_are_not_trusted_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = check(&folder.path().join("s"), |_| false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(check(&folder.path().join("missing/s"), |_| true).is_err());
    }

    #[test]
    fn own_user_root_and_named_users_are_believed() {
        let trust = ServerTrust { users: vec![4_000_000_001] };
        assert!(trust.believes(0));
        assert!(trust.believes(rustix::process::geteuid().as_raw()));
        assert!(trust.believes(4_000_000_001));
        assert!(!trust.believes(4_000_000_002));
    }
}
