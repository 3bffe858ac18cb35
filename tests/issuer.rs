//! `wardcard ca` as an administrator meets it: the authority in a folder, and served as a process
//! of its own to the users that it was told of, and to nobody else.
#![allow(clippy::unwrap_used, reason = "a test may end by panic")]

mod common;
#[path = "issuer/tls.rs"]
mod tls;

use common::run_with;
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use wardcard::{
    issue::{Issuer, RemoteIssuer},
    net::{Address, ServerTrust},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_wardcard");

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        let made =
            run_with(desk.path(), &[], &[PROGRAM, "ca", "init", "ca", "--root-key", "p256"], b"");
        made.ok();
        desk
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn socket(&self) -> PathBuf {
        self.path().join("issuer")
    }

    fn serve(&self, more: &[&str]) -> Served {
        let listen = format!("unix:path={}", self.socket().display());
        let process = Command::new(PROGRAM)
            .args(["ca", "serve", "ca", "--listen", &listen])
            .args(more)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !self.socket().exists() {
            assert!(begun.elapsed() < Duration::from_secs(20), "`ca serve` does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Served(process)
    }

    fn roots(&self) -> Result<usize, String> {
        RemoteIssuer::new(Address::Unix(self.socket()), ServerTrust::default())
            .roots()
            .map(|roots| roots.len())
            .map_err(|error| error.to_string())
    }
}

/// A process that ends with its value.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_ca_folder_is_private_and_never_overwritten() {
    let desk = Desk::new();
    assert_eq!(mode(&desk.path().join("ca")), 0o700);
    let before = run_with(desk.path(), &[], &[PROGRAM, "ca", "show", "ca"], b"").ok().out;
    let again = run_with(desk.path(), &[], &[PROGRAM, "ca", "init", "ca"], b"");
    assert_eq!(again.code, Some(1), "{again:?}");
    let after = run_with(desk.path(), &[], &[PROGRAM, "ca", "show", "ca"], b"").ok().out;
    assert_eq!(before, after);
}

#[test]
fn it_is_served_until_sigterm_and_the_socket_goes() {
    let desk = Desk::new();
    let mut served = desk.serve(&[]);
    assert_eq!(mode(&desk.socket()), 0o600);
    assert_eq!(desk.roots(), Ok(1));
    let pid = served.0.id().to_string();
    run_with(desk.path(), &[], &["kill", "-TERM", &pid], b"").ok();
    let status = served.0.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(!desk.socket().exists());
    assert!(desk.roots().is_err());
}

/// Sends the smallest thing that a served user would be answered, and tells how many bytes came.
const ASK: &str = "
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
try:
    s.connect(sys.argv[1])
    body = b'{\"version\":1,\"body\":{\"roots\":{}}}'
    s.sendall(struct.pack('>I', len(body)) + body)
    print('answered', len(s.recv(65536)))
except OSError as error:
    print('refused', error)
";

#[test]
#[ignore = "needs root and the user wardcard-test, python3, setpriv"]
fn a_user_that_was_not_named_gets_no_answer() {
    let desk = Desk::new();
    std::fs::set_permissions(desk.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let ask = |more: &[&str]| {
        let _served = desk.serve(more);
        let socket = desk.socket().display().to_string();
        let command = [
            "setpriv",
            "--reuid",
            "wardcard-test",
            "--regid",
            "wardcard-test",
            "--clear-groups",
            "/usr/bin/python3",
            "-c",
            ASK,
            &socket,
        ];
        run_with(Path::new("/"), &[], &command, b"").ok().out
    };
    let id = run_with(Path::new("/"), &[], &["id", "-u", "wardcard-test"], b"").ok().out;
    let closed = ask(&[]);
    assert!(closed.starts_with("refused"), "the socket is open to others: {closed}");
    let other = ask(&["--allow-uid", "4242"]);
    assert!(other == "answered 0\n" || other.starts_with("refused"), "{other}");
    let named = ask(&["--allow-uid", id.trim()]);
    assert!(named.starts_with("answered ") && named != "answered 0\n", "{named}");
}
