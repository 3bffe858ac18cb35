//! `wardcard ca` as an administrator meets it: the authority in a folder, and served as a process
//! of its own to the users that it was told of, and to nobody else.
#![allow(clippy::unwrap_used, reason = "a test may end by panic")]

mod common;
#[path = "issuer/tls.rs"]
mod tls;

use common::run_with;
use std::{
    os::unix::{fs::PermissionsExt, net::UnixStream},
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
        // One that was killed leaves its own.
        let _ = std::fs::remove_file(self.socket());
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
        // Its file is there a moment before it listens.
        while UnixStream::connect(self.socket()).is_err() {
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

/// A private file beside the authority.
fn private(desk: &Desk, name: &str, text: &str) {
    private_in(desk.path(), name, text);
}

fn private_in(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn an_authority_is_kept_lost_and_brought_back() {
    let desk = Desk::new();
    private(&desk, "phrase", "a passphrase of the backup\n");
    let run = |line: &str| {
        let arguments: Vec<&str> = std::iter::once(PROGRAM).chain(line.split(' ')).collect();
        run_with(desk.path(), &[], &arguments, b"")
    };
    let before = run("ca show ca").ok().out;
    let kept = run("ca backup ca --out kept --backup-passphrase-file phrase").ok().out;
    assert!(kept.contains("found whole"), "{kept}");
    assert_eq!(mode(&desk.path().join("kept")), 0o600);
    let again = run("ca backup ca --out kept --backup-passphrase-file phrase");
    assert_eq!(again.code, Some(1), "no backup is overwritten");
    run("ca restore kept again --backup-passphrase-file phrase").ok();
    let after = run("ca show again").ok().out;
    let roots = |text: &str| text.lines().find(|line| line.contains("SHA-256")).map(str::to_owned);
    assert_eq!(roots(&before), roots(&after));
    private(&desk, "wrong", "another passphrase\n");
    let refused = run("ca restore kept third --backup-passphrase-file wrong");
    assert!(refused.err.contains("does not open"), "{}", refused.err);
    assert!(!desk.path().join("third").exists());
    // Without a terminal there is nobody to ask.
    let nobody = run("ca restore kept third");
    assert_eq!(nobody.code, Some(1), "{}", nobody.err);
}

#[test]
fn secrets_are_listed_with_their_ages_and_the_way_to_replace_old_ones() {
    let desk = Desk::new();
    let run = |line: &str| {
        let arguments: Vec<&str> = std::iter::once(PROGRAM).chain(line.split(' ')).collect();
        run_with(desk.path(), &[("HOME", "/nonexistent")], &arguments, b"")
    };
    let young = run("secrets --ca ca").ok().out;
    assert_eq!(young.lines().filter(|line| line.starts_with("good")).count(), 5, "{young}");
    let touched = ["touch", "-d", "400 days ago", "ca/authentication.key"];
    run_with(desk.path(), &[], &touched, b"").ok();
    let old = run("secrets --ca ca").ok().out;
    let warned: Vec<&str> = old.lines().filter(|line| line.starts_with("WARN")).collect();
    assert_eq!(warned.len(), 1, "{old}");
    assert!(warned[0].contains("400 days") && warned[0].contains("authentication.key"), "{old}");
    assert!(old.contains("wardcard ca renew"), "{old}");
    assert!(!run("secrets --ca ca --older-than 400").ok().out.contains("WARN"));
    // The way that it says.
    let name = "--name=Wardcard-Authentication-G3";
    run(&format!("ca renew ca --role authentication --key p256 {name}")).ok();
    let shown = run("ca show ca").ok().out;
    assert!(shown.contains("authentication-2") && shown.contains("CN=Wardcard-Authentication-G3"));
}

#[test]
fn a_passphrase_is_replaced_in_place() {
    let folder = tempfile::tempdir().unwrap();
    private_in(folder.path(), "old", "the first passphrase\n");
    private_in(folder.path(), "new", "the second passphrase\n");
    let run = |line: &str| {
        let words: Vec<&str> = std::iter::once(PROGRAM).chain(line.split(' ')).collect();
        run_with(folder.path(), &[], &words, b"")
    };
    run("ca init ca --root-key p256 --key p256 --passphrase-file old").ok();
    let sealed = run("ca reseal ca --passphrase-file old --new-passphrase-file new").ok().out;
    assert_eq!(sealed, "sealed anew: root, authentication, signing\n");
    run("ca crl ca --passphrase-file new").ok();
    let refused = run("ca crl ca --passphrase-file old");
    assert!(!refused.success && refused.err.contains("does not open"), "{}", refused.err);
    std::fs::rename(folder.path().join("ca/root"), folder.path().join("away")).unwrap();
    let refused = run("ca reseal ca --passphrase-file new --new-passphrase-file old");
    assert!(!refused.success && refused.err.contains("bring the root's folder back"));
}

#[test]
fn a_record_that_was_altered_is_refused_until_the_loss_is_recorded() {
    let desk = Desk::new();
    {
        let _served = desk.serve(&[]);
        assert_eq!(desk.roots(), Ok(1));
    }
    let log = desk.path().join("ca/log/audit.jsonl");
    let hostile =
        "{\"seq\":7,\"time\":\"2026-01-01T00:00:00Z\",\"prev\":\"00\",\"event\":\"issued\"}\n";
    std::fs::write(&log, hostile).unwrap();
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o600)).unwrap();
    let listen = format!("unix:path={}", desk.socket().display());
    let serve = ["ca", "serve", "ca", "--listen", &listen];
    let refused = run_with(desk.path(), &[], &[&[PROGRAM], &serve[..]].concat(), b"");
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("after_loss"), "{}", refused.err);
    let toml = desk.path().join("ca/ca.toml");
    let settings = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(&toml, settings + "\n[log]\nafter_loss = \"record\"\n").unwrap();
    let _served = desk.serve(&[]);
    assert_eq!(desk.roots(), Ok(1));
    assert!(std::fs::read_to_string(&log).unwrap().contains("\"event\":\"loss\""));
}
