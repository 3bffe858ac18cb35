//! What the integration tests share.
#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::unwrap_used)]

use std::{
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

#[cfg(feature = "cli")]
pub mod application;
pub mod c;
#[cfg(unix)]
pub mod c_header;
#[cfg(all(feature = "testkit", feature = "sqlite"))]
pub mod cabinet;
pub mod elf;
#[cfg(feature = "testkit")]
pub mod host;
#[cfg(all(unix, feature = "cli"))]
pub mod memory;
#[cfg(feature = "cli")]
pub mod station;
#[cfg(all(unix, feature = "testkit"))]
pub mod workplace;

/// The folder that this test's build put the program and the module into.
pub fn build_folder() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path
}

/// The PKCS#11 module of this build.
pub fn module() -> PathBuf {
    let name = if cfg!(windows) { "wardcard.dll" } else { "libwardcard.so" };
    let deps = build_folder().join("deps").join(name);
    let path = if deps.exists() { deps } else { build_folder().join(name) };
    assert!(path.exists(), "{} has not been built", path.display());
    path
}

/// What a program came to.
#[derive(Debug)]
pub struct Run {
    pub success: bool,
    pub code: Option<i32>,
    pub out: String,
    pub bytes: Vec<u8>,
    pub err: String,
}

impl Run {
    /// Asserts that it ended well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.success, "code {:?}\n{}\n{}", self.code, self.out, self.err);
        self
    }
}

/// Runs a program in a folder, with input, and an end after two minutes.
pub fn run_with<S: AsRef<OsStr>>(
    folder: &Path,
    environment: &[(&str, &str)],
    arguments: &[S],
    input: &[u8],
) -> Run {
    let mut child = Command::new("timeout")
        .arg("120")
        .args(arguments)
        .current_dir(folder)
        .envs(environment.iter().copied())
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{:?}: {error}", arguments[0].as_ref()));
    // A program that does not read its input closes it: that is no failure of the test.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Run {
        success: output.status.success(),
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        bytes: output.stdout,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
