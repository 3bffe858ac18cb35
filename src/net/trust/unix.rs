//! The folders that sockets stand in.

use super::ServerTrust;
use crate::secret::{Access, User};
use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path};

const STICKY: u32 = 0o1000;
const WRITABLE_BY_OTHERS: u32 = 0o022;

impl ServerTrust {
    /// Checks the folder that a server's socket stands in.
    pub(in crate::net) fn check_folder(&self, socket: &Path) -> io::Result<()> {
        check(socket, |user| self.believes(user))
    }
}

/// Whether the folder of the ward's agent is this user's.
pub(super) fn owns_ward(user: User) -> bool {
    let ward = Path::new("/run/wardcard");
    let there = fs::symlink_metadata(ward).is_ok_and(|ward| ward.is_dir());
    there && Access::at_itself(ward).is_ok_and(|ward| ward.owner == user)
}

/// Checks the folder that a socket is about to be bound in: owned by this user or root.
pub(in crate::net) fn check_own_folder(socket: &Path) -> io::Result<()> {
    check(socket, |user| user.is_root() || user == User::own())
}

fn check(socket: &Path, owner: impl Fn(User) -> bool) -> io::Result<()> {
    let refuse = |text: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    let folder = socket.parent().unwrap_or(Path::new("/"));
    let found = fs::metadata(folder)?;
    if !found.is_dir() {
        return refuse(format!("{} is no folder", folder.display()));
    }
    if !owner(User::from(found.uid())) {
        return refuse(format!(
            "{} belongs to user {}, who is not trusted with this socket; use a folder of your own or of root, or name the user: servers = [{}] in /etc/wardcard/client.toml, --agent-uid for a command",
            folder.display(),
            found.uid(),
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
    use std::os::unix::fs::PermissionsExt as _;

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
}
