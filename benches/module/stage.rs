//! What is around the measured process: an agent in a process of its own, a SoftHSM2 token in a
//! temporary folder, and the environment that names both.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use wardcard::testkit::Folder;

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const LABEL: &str = "bench";
const PIN: &str = "123456";
/// Environment of the measured process: where SoftHSM2's module is, if it is there.
const MODULE: &str = "BENCH_SOFTHSM";

/// `wardcard demo --keep` until this is dropped.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        if let Some(process) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(process, Signal::INT);
        }
        let _ = self.0.wait();
    }
}

/// Sets the stage and runs the measured process on it.
pub(crate) fn run(arguments: &[String]) -> bool {
    let folder = Folder::new().unwrap();
    let environment = folder.path().join("demo.env");
    let program = Command::new(env!("CARGO_BIN_EXE_wardcard"))
        .args(["demo", "--keep", "--env"])
        .arg(&environment)
        .arg("--module")
        .arg(module())
        .stdout(Stdio::null())
        .spawn();
    let mut demo = Demo(program.unwrap());
    let mut measured = Command::new(std::env::current_exe().unwrap());
    measured.args(arguments).envs(assignments(&mut demo.0, &environment));
    if Path::new(SOFTHSM).exists() {
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let settings = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        let file = folder.path().join("softhsm2.conf");
        std::fs::write(&file, settings).unwrap();
        measured.env("SOFTHSM2_CONF", &file).env(MODULE, SOFTHSM);
    } else {
        println!("SoftHSM2 is not installed ({SOFTHSM}): rows against it are left out.");
    }
    measured.env("BENCH_STAGE", "set").status().unwrap().success()
}

/// Whether this is the measured process.
pub(crate) fn is_set() -> bool {
    std::env::var_os("BENCH_STAGE").is_some()
}

/// The PKCS#11 module of this build.
fn module() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libwardcard.so")
}

/// What the demo wrote once its card was usable.
fn assignments(demo: &mut Child, file: &Path) -> Vec<(String, String)> {
    let begun = Instant::now();
    while !file.exists() {
        let ended = demo.try_wait().unwrap();
        assert!(ended.is_none(), "the agent's process ended: {ended:?}");
        assert!(begun.elapsed() < Duration::from_secs(120), "the agent's card does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = std::fs::read_to_string(file).unwrap();
    let assignment = |line: &str| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    };
    text.lines().filter_map(assignment).collect()
}

/// A module, what its token is called, and its PIN.
pub(crate) struct Loaded {
    pub(crate) path: PathBuf,
    pub(crate) label: String,
    pub(crate) pin: String,
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// Our module, which finds the agent by `WARDCARD_AGENT`.
pub(crate) fn agent() -> Loaded {
    let path = variable("PKCS11_MODULE").into();
    Loaded { path, label: variable("TOKEN_LABEL"), pin: variable("PASSCODE") }
}

/// SoftHSM2, if it is installed.
pub(crate) fn softhsm() -> Option<Loaded> {
    let path = std::env::var_os(MODULE)?.into();
    Some(Loaded { path, label: LABEL.to_owned(), pin: PIN.to_owned() })
}
