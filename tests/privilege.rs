//! Processes of other users, of the same user that are no hosts, and debuggers, at an agent that
//! runs as an ordinary user or for a whole ward. The test is root and makes nothing of its own; what
//! it starts runs as `wardcard-test`, `nobody` and `daemon`.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

mod common;

use common::{
    application::Application,
    c::compile,
    station::{Plan, SECOND_USER, Station, as_user, ids},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};
use wardcard::{
    agent::{Seat, host},
    pkcs11::Rv,
    secret::Secret,
};

const PASSCODE: &str = "135790";
const NOT_PRESENT: Rv = Rv(0xe0);
const NO_CARD: &str = "cards 0\nsession e0\n";

fn ward() -> Station {
    Station::with(&Plan { mode: Some("ward"), ..Plan::default() })
}

fn personal() -> Station {
    Station::with(&Plan { user: Some(SECOND_USER), ..Plan::default() })
}

/// What a process of a user sees that loads the module.
fn look(station: &Station, user: &str) -> String {
    let program = station.path().join("look");
    if !program.exists() {
        compile("look", station.path());
    }
    let done = as_user(Some(user), &program)
        .arg(station.path().join("libwardcard.so"))
        .env("WARDCARD_AGENT", station.address())
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

/// What the program says to a user who tries a host's verb.
fn host_verb(station: &Station, user: &str, arguments: &[&str]) -> (bool, String) {
    let address = format!("unix:path={}", station.host_socket().display());
    let uid = station.uid().to_string();
    let done = as_user(Some(user), &station.path().join("wardcard"))
        .args(["host", "--address", &address, "--agent-uid", &uid])
        .args(arguments)
        .current_dir(station.path())
        .output()
        .unwrap();
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
#[ignore = "needs root and the user wardcard-test"]
fn in_a_ward_each_user_sees_their_own_seats_card_alone() {
    let station = ward();
    let at = |user| Seat::user(ids(user).0);
    station.sign_in_at(&at(SECOND_USER), "555000000001", PASSCODE);
    assert_eq!(look(&station, "nobody"), NO_CARD);
    assert_eq!(look(&station, "daemon"), NO_CARD);
    station.sign_in_at(&at("nobody"), "555000000002", PASSCODE);
    let card = |person| format!("cards 1\nlabel NHS Smartcard {person}      \nsession 0\n");
    assert_eq!(look(&station, SECOND_USER), card("555000000001"));
    assert_eq!(look(&station, "nobody"), card("555000000002"));
    assert_eq!(look(&station, "daemon"), NO_CARD);
    // Root is a user like others here.
    let root = Application::open(&station.address(), 0);
    assert_eq!(root.map(|_| ()).unwrap_err(), NOT_PRESENT);
}

#[test]
#[ignore = "needs root and the user wardcard-test"]
fn a_personal_agent_refuses_every_other_user() {
    let station = personal();
    station.sign_in("555000000001", PASSCODE);
    assert!(look(&station, SECOND_USER).starts_with("cards 1\n"));
    // The system lets nobody else in, save root, whom the agent refuses by itself.
    for user in ["nobody", "daemon"] {
        assert_eq!(look(&station, user), NO_CARD);
    }
    let root = || Application::open(&station.address(), station.uid()).map(|_| ());
    assert_eq!(root().unwrap_err(), NOT_PRESENT);
    // Without the socket's mode it is the agent that refuses.
    let open = fs::Permissions::from_mode(0o666);
    fs::set_permissions(station.socket(), open).unwrap();
    for user in ["nobody", "daemon"] {
        assert!(connects(&station.socket(), user), "{user}");
        assert_eq!(look(&station, user), NO_CARD);
    }
    assert!(look(&station, SECOND_USER).starts_with("cards 1\n"));
}

/// Whether the system lets a user connect.
fn connects(socket: &Path, user: &str) -> bool {
    let code = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])";
    let mut python = as_user(Some(user), Path::new("/usr/bin/python3"));
    python.args(["-c", code]).arg(socket).stderr(Stdio::null()).status().unwrap().success()
}

#[test]
#[ignore = "needs root and the user wardcard-test"]
fn another_user_gets_no_verb_of_hosts() {
    // One user is a host by configuration; others are not, and the socket is open to all.
    let hosts = vec![ids("nobody").0];
    let station = Station::with(&Plan { mode: Some("ward"), hosts, ..Plan::default() });
    let uid = ids(SECOND_USER).0.to_string();
    for verb in
        [&["cards"][..], &["request"], &["request", "--uid", &uid], &["stop"], &["lock", "0"]]
    {
        for user in [SECOND_USER, "daemon"] {
            assert!(connects(&station.host_socket(), user), "{user}");
            let (done, said) = host_verb(&station, user, verb);
            assert!(!done && said.contains("does not take this process for a host"), "{said}");
        }
    }
    let (done, said) = host_verb(&station, "nobody", &["request", "--uid", &uid]);
    assert!(done, "{said}");
    assert!(station.host().cards().is_ok());
}

#[test]
#[ignore = "needs root and the user wardcard-test"]
fn a_process_of_the_agents_user_without_the_secret_gets_no_verb_of_hosts() {
    let station = personal();
    let card = station.sign_in("555000000001", PASSCODE);
    for verb in [&["cards"][..], &["request"], &["remove", &card.card], &["stop"]] {
        let (done, said) = host_verb(&station, SECOND_USER, verb);
        assert!(!done && said.contains("does not take this process for a host"), "{said}");
    }
    let wrong = Secret::new(vec![7; 48]);
    assert!(matches!(station.host_as(Some(&wrong)), Err(host::Error::NotHost)));
    assert!(matches!(station.host_as(None), Err(host::Error::NotHost)));
    assert_eq!(station.host().cards().unwrap().len(), 1);
    let log = fs::read_to_string(station.audit().last().unwrap()).unwrap();
    assert!(log.contains(r#""event":"host-refused""#) && log.contains("wrong secret"), "{log}");
}

/// A process of the user that does nothing against being looked at.
struct Unhardened(Child);

impl Unhardened {
    fn start(user: &str) -> Self {
        let mut sleep = as_user(Some(user), Path::new("sleep"));
        let process = sleep.arg("60").spawn().unwrap();
        // Until it is no longer the program that changes the user.
        let name = format!("/proc/{}/comm", process.id());
        while fs::read_to_string(&name).unwrap().trim() != "sleep" {
            std::thread::yield_now();
        }
        Self(process)
    }
}

impl Drop for Unhardened {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a user's process reads the first bytes of a file.
fn reads(user: &str, file: &str) -> bool {
    let mut head = as_user(Some(user), Path::new("head"));
    head.args(["-c", "1", file]).stdout(Stdio::null()).stderr(Stdio::null());
    head.status().unwrap().success()
}

/// Whether the system lets a user's process open another's memory to be read.
fn opens(user: &str, file: &str) -> bool {
    let code = "import os, sys; os.open(sys.argv[1], os.O_RDONLY)";
    let mut python = as_user(Some(user), Path::new("/usr/bin/python3"));
    python.args(["-c", code, file]).stderr(Stdio::null()).status().unwrap().success()
}

fn debugger_attaches(user: &str, pid: u32) -> bool {
    let mut gdb = as_user(Some(user), Path::new("timeout"));
    gdb.args(["20", "gdb", "-nx", "-batch", "-p", &pid.to_string()])
        .args(["-ex", "info registers pc"]);
    let done = gdb.env("HOME", "/").stdin(Stdio::null()).output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    let refused = said.contains("ptrace: ");
    let attached = said.contains("[Inferior 1 (process");
    assert!(refused != attached, "{said}");
    attached
}

/// Where the system itself keeps debuggers of the same user off, nothing can be told by them.
fn yama() -> bool {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    !matches!(scope.trim(), "" | "0")
}

#[test]
#[ignore = "needs root, the user wardcard-test and gdb"]
fn a_debugger_of_the_agents_own_user_cannot_attach_or_read_its_memory() {
    let station = personal();
    station.sign_in("555000000001", PASSCODE);
    let agent = station.pid();
    assert_eq!(status(agent, "Uid:"), station.uid().to_string(), "it runs as that user");
    let other = Unhardened::start(SECOND_USER);
    for (file, open) in [("maps", false), ("environ", false), ("mem", true)] {
        let of = |pid: u32| format!("/proc/{pid}/{file}");
        let looks =
            |pid| if open { opens(SECOND_USER, &of(pid)) } else { reads(SECOND_USER, &of(pid)) };
        assert!(!looks(agent), "{file} of the agent");
        if file != "mem" || !yama() {
            assert!(looks(other.0.id()), "{file} of a process that is not hardened");
        }
    }
    assert!(!debugger_attaches(SECOND_USER, agent));
    if !yama() {
        assert!(debugger_attaches(SECOND_USER, other.0.id()));
    }
    // It goes on, and leaves no core when it is made to crash.
    let application = Command::new("kill").args(["-s", "0", &agent.to_string()]).status().unwrap();
    assert!(application.success());
    let limits = fs::read_to_string(format!("/proc/{agent}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    assert_eq!(status(agent, "NoNewPrivs:"), "1");
}

fn status(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}
