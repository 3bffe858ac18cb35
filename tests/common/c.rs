//! Clients in C, compiled by the test that runs them.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// Compiles `tests/c/NAME.c` into `folder`, without a warning.
pub fn compile(name: &str, folder: &Path) -> PathBuf {
    compile_with(name, folder, &[])
}

/// As [`compile`], with more flags for the compiler.
pub fn compile_with(name: &str, folder: &Path, flags: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name);
    let program = folder.join(name);
    let done = Command::new("cc")
        .args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"])
        .args(["-O1", "-g", "-pthread"])
        .args(flags)
        .arg("-o")
        .arg(&program)
        .arg(source.with_extension("c"))
        .arg("-ldl")
        .output()
        .expect("a C compiler, `cc`");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    program
}

/// A program that is talked with by lines. Ended, if it has not ended, on drop.
#[derive(Debug)]
pub struct Talker {
    process: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Talker {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let to = process.stdin.take();
        let from = BufReader::new(process.stdout.take().unwrap());
        Self { process, to, from }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its next line; empty at its end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Asserts that its next line is this one.
    #[track_caller]
    pub fn says(&mut self, wanted: &str) {
        assert_eq!(self.line(), wanted);
    }

    /// The number of its next line, which begins with these words.
    #[track_caller]
    pub fn number(&mut self, words: &str) -> u64 {
        let line = self.line();
        let number = line.strip_prefix(words).unwrap_or_else(|| panic!("{words}: {line:?}"));
        u64::from_str_radix(number.trim(), 16).unwrap()
    }

    /// Tells it a line.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.to.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Tells it that no more lines come.
    pub fn no_more(&mut self) {
        self.to = None;
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Asserts that it ends well, by itself.
    #[track_caller]
    pub fn ends_well(&mut self) {
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status:?}");
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
