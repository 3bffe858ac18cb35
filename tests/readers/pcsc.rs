//! A pcscd of the test's own, and applications of it.

use crate::common;
use std::{
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

pub const LONG: Duration = Duration::from_secs(20);

/// Folder of one test: configuration, socket, log, and what is built for it.
pub struct Stage {
    pub folder: tempfile::TempDir,
}

impl Stage {
    /// With this reader.conf.
    pub fn new(conf: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("conf")).unwrap();
        let text = conf(folder.path());
        fs::write(folder.path().join("conf/reader"), text).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts pcscd, and waits until it answers.
    pub fn pcscd(&self, environment: &[(&str, &str)]) -> Pcscd {
        // What one that was killed left behind.
        let _ = fs::remove_dir_all(self.path("run"));
        fs::create_dir(self.path("run")).unwrap();
        let socket = self.socket();
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        // Another pcscd of this machine is none of ours, nor we of its.
        let script = "mkdir -p /run/pcscd && mount --bind \"$RUN\" /run/pcscd && exec \"$@\"";
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh", "pcscd", "--foreground", "--info"])
            .arg("--config")
            .arg(self.path("conf"))
            .env("RUN", self.path("run"))
            .envs(environment.iter().copied())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("unshare of util-linux");
        let pcscd = Pcscd { child };
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < LONG, "{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
        pcscd
    }

    /// Where pcscd listens.
    pub fn socket(&self) -> PathBuf {
        self.path("run/pcscd.comm")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// An application with a context.
    pub fn application(&self) -> Application {
        let mut child = Command::new(program())
            .env("PCSCLITE_CSOCK_NAME", self.socket())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut application = Application {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        let begun = Instant::now();
        while application.ask("establish") != "ok" {
            assert!(begun.elapsed() < LONG, "{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
        application
    }
}

/// The application, compiled once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PROGRAM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pcsc");
        compile(&["-I/usr/include/PCSC"], "pcsc.c", &path, &["-lpcsclite"]);
        (folder, path)
    });
    path
}

pub fn compile(before: &[&str], source: &str, to: &Path, after: &[&str]) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(source);
    let done = Command::new("cc")
        .args(["-O1", "-Wall", "-Wextra", "-Werror"])
        .args(before)
        .arg("-o")
        .arg(to)
        .arg(source)
        .args(after)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

pub struct Pcscd {
    child: Child,
}

impl Pcscd {
    pub fn alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Resident memory in KiB.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Pcscd {
    /// Ends it at once.
    pub fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        self.end();
    }
}

/// A PC/SC application that does what it is told.
pub struct Application {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Application {
    pub fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.hear()
    }

    #[track_caller]
    pub fn does(&mut self, line: &str) {
        assert_eq!(self.ask(line), "ok", "{line}");
    }

    /// Connects, once the card is there.
    #[track_caller]
    pub fn connects(&mut self) {
        self.does("await present");
        self.does("connect shared");
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port for a program that takes no 0 for one: free, and none of those that the system gives to
/// whoever connects, so that nobody has it before that program does.
pub fn free_port() -> u16 {
    let begin = RandomState::new().build_hasher().finish();
    let ports = (0..1000).map(|step| 15_000 + (begin.wrapping_add(step) % 17_000) as u16);
    let mut free = ports.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().unwrap()
}

pub const STATUS: &str = "apdu 00200080";
pub const VERIFY: &str = "apdu 00200080083132333435363738";

/// Inserts and removes; the times until the application saw it, sorted.
pub fn events(
    application: &mut Application,
    card: &crate::slot::Slot,
    count: usize,
) -> Vec<Duration> {
    application.does("await present");
    let mut times: Vec<Duration> = (0..count)
        .map(|round| {
            let present = round % 2 == 1;
            application.tell(if present { "await present" } else { "await empty" });
            thread::sleep(Duration::from_millis(30));
            let begun = Instant::now();
            if present {
                card.insert()
            } else {
                card.remove()
            }
            assert_eq!(application.hear(), "ok");
            begun.elapsed()
        })
        .collect();
    times.sort();
    times
}

/// What holds for every reader: power, state, transactions, exclusive access, the longest commands.
pub fn rules(stage: &Stage, longest: usize) {
    let (mut one, mut two) = (stage.application(), stage.application());
    one.connects();
    assert_eq!(one.ask(STATUS), "63c3");
    assert_eq!(one.ask(VERIFY), "9000");
    assert_eq!(one.ask(STATUS), "9000");
    // A reset by one ends the state of both.
    two.connects();
    one.does("begin");
    two.tell(STATUS);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(one.ask(STATUS), "9000");
    one.does("end");
    assert_eq!(two.hear(), "9000", "within a transaction nobody else speaks");
    two.does("reset");
    assert!(one.ask(STATUS).starts_with("error"), "told of the reset");
    one.does("reset");
    assert_eq!(one.ask(STATUS), "63c3");
    one.does("disconnect leave");
    two.does("disconnect unpower");
    one.does("connect exclusive");
    assert!(two.ask("connect shared").starts_with("error"), "one has it alone");
    assert_eq!(one.ask(STATUS), "63c3");
    one.does("disconnect reset");
    two.does("connect shared");
    for length in [0, 1, 255, 256, 4096, longest] {
        two.does(&format!("echo {length}"));
    }
    two.does("disconnect leave");
}

/// The card goes while it works: soon an error, which begins like this.
pub fn removal_during_a_command(stage: &Stage, card: &crate::slot::Slot, error: &str) {
    let mut application = stage.application();
    application.connects();
    application.tell("apdu 80300bb8");
    while card.working() == 0 {
        thread::yield_now();
    }
    let begun = Instant::now();
    card.remove();
    let said = application.hear();
    assert!(said.starts_with(error), "{said}: {}", stage.log());
    let ended = begun.elapsed();
    assert!(ended < Duration::from_millis(600), "{ended:?}");
    println!("a command ended {ended:?} after its card went");
    application.does("await empty");
    card.insert();
    application.connects();
    assert_eq!(application.ask(STATUS), "63c3");
}

/// Half of them are no longer than this.
pub fn p50(times: &[Duration]) -> Duration {
    times[times.len() / 2]
}

pub fn library() -> PathBuf {
    common::module()
}
