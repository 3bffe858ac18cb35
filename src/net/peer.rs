//! Who is at the other end of a connection, as the operating system says (design rule 9).

use super::descriptor;
use crate::secret::User;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::sockopt::socket_peercred,
    process::{Pid, PidfdFlags, pidfd_open},
};
use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd},
    path::PathBuf,
};

/// Who is at the other end, as the operating system says.
///
/// This is for attribution and administration. It is no barrier between programs of the same user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The user (SO_PEERCRED).
    pub uid: User,
    /// Group id.
    pub gid: u32,
    /// Process id.
    pub pid: u32,
    /// Start time of the process (/proc/pid/stat field 22), so that a reused pid is seen.
    pub start_time: Option<u64>,
    /// Executable's path.
    pub executable: Option<PathBuf>,
    /// Logon session: logind's for the pidfd, else the audit session id, else none.
    pub logon: Option<String>,
}

impl Peer {
    /// Asks the system about the other end of `socket`. What /proc says counts only if the process, held by a pidfd, is
    /// still there afterwards; otherwise those fields are `None`.
    pub(super) fn of(socket: BorrowedFd<'_>) -> io::Result<Self> {
        let cred = socket_peercred(socket)?;
        let pid = cred.pid.as_raw_nonzero().get();
        let mut peer = Self {
            uid: User::from(cred.uid.as_raw()),
            gid: cred.gid.as_raw(),
            pid: u32::try_from(pid).unwrap_or(0),
            start_time: None,
            executable: None,
            logon: None,
        };
        let held = match descriptor::of_peer(socket) {
            Ok(held) => Some(held),
            Err(error) if number_will_do(&error) => {
                Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
            }
            Err(_) => None,
        };
        let Some(held) = held else { return Ok(peer) };
        let start_time = read(pid, "stat").and_then(|stat| start_time(&stat));
        let executable = fs::read_link(format!("/proc/{pid}/exe")).ok();
        let logon = read(pid, "cgroup")
            .and_then(|groups| logind_session(&groups, cred.uid.as_raw()))
            .or_else(|| read(pid, "sessionid").and_then(|id| audit_session(&id)));
        let mut ended = [PollFd::from_borrowed_fd(held.as_fd(), PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut ended, Some(&now))? == 0 {
            peer.start_time = start_time;
            peer.executable = executable;
            peer.logon = logon;
        }
        Ok(peer)
    }
}

/// Whether the process may be looked up by its number: only where the kernel (before 6.5) knows no
/// descriptor of a peer. Any other error says that the process has ended, and its number may be
/// another's by now, whose name a program could wear that way.
fn number_will_do(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOPROTOOPT)
}

fn read(pid: i32, file: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/{file}")).ok()
}

/// Field 22; the name in field 2 may hold spaces and brackets.
fn start_time(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The `N` of `session-N.scope` among a process's control groups, where logind alone puts it: a
/// user may make groups of any name further down, in what is delegated to the user's own services.
fn logind_session(groups: &str, uid: u32) -> Option<String> {
    let place = format!("/user.slice/user-{uid}.slice/session-");
    let session = groups
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2)?.strip_prefix(&place)?.split('/').next())
        .find_map(|part| part.strip_suffix(".scope"))?;
    let plain = !session.is_empty() && session.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| session.to_owned())
}

/// An audit session id; all ones is none.
fn audit_session(id: &str) -> Option<String> {
    let id: u32 = id.trim().parse().ok()?;
    (id != u32::MAX).then(|| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_socket_to_ourselves_says_who_we_are() {
        let (here, _there) = UnixStream::pair().unwrap();
        let peer = Peer::of(here.as_fd()).unwrap();
        assert_eq!(peer.pid, std::process::id());
        assert_eq!(peer.uid, User::own());
        assert_eq!(peer.executable, std::env::current_exe().ok());
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        assert_eq!(peer.start_time, start_time(&stat));
        assert!(peer.start_time.is_some());
    }

    #[test]
    fn start_time_is_field_22_whatever_the_name() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert_eq!(start_time(stat), Some(4242));
        assert_eq!(start_time("7 (x"), None);
        assert_eq!(start_time("7 (x) S 1"), None);
    }

    #[test]
    fn a_group_that_a_user_may_make_is_no_logon_session() {
        let own = "0::/user.slice/user-1000.slice/user@1000.service/app.slice";
        for made in ["session-7.scope", "user-1000.slice/session-7.scope"] {
            assert_eq!(logind_session(&format!("{own}/{made}"), 1000), None, "{made}");
        }
        assert_eq!(logind_session("0::/system.slice/x.service/session-7.scope", 1000), None);
    }

    #[test]
    fn a_number_is_looked_up_only_where_the_kernel_knows_no_descriptor() {
        assert!(number_will_do(&io::Error::from_raw_os_error(libc::ENOPROTOOPT)));
        for gone in [libc::ESRCH, libc::EINVAL, libc::ENODATA] {
            assert!(!number_will_do(&io::Error::from_raw_os_error(gone)), "{gone}");
        }
    }

    #[test]
    fn logind_comes_from_the_scope_and_audit_ids_of_all_ones_are_none() {
        let groups = "12:pids:/x\n0::/user.slice/user-1000.slice/session-c2.scope/inner\n";
        assert_eq!(logind_session(groups, 1000).as_deref(), Some("c2"));
        assert_eq!(logind_session(groups, 1001), None);
        let slice = "0::/user.slice/user-1000.slice";
        assert_eq!(logind_session(&format!("{slice}/user@1000.service/app.slice"), 1000), None);
        assert_eq!(logind_session(&format!("{slice}/session-.scope"), 1000), None);
        assert_eq!(logind_session(&format!("{slice}/session-a b.scope"), 1000), None);
        assert_eq!(audit_session("17\n").as_deref(), Some("17"));
        assert_eq!(audit_session("4294967295"), None);
        assert_eq!(audit_session(""), None);
    }
}
