//! C programs over `include/wardcard.h` and the library of this build: the SSO agent of
//! `examples/c`, and one that holds the library to the header's contract.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    build_folder,
    host::{Application, Surroundings},
    module,
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};
use wardcard::{
    pkcs11::ck::{
        CKR_DEVICE_REMOVED, CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT,
        CKR_USER_NOT_LOGGED_IN,
    },
    testkit::provider::Break,
};

const PASSCODE: &str = "246813";
const WARNINGS: [&str; 5] = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compiles a program of ours against the library of this build.
fn compiled(source: &str, folder: &Path, more: &[&str]) -> PathBuf {
    let program = folder.join("program");
    let output = Command::new("cc")
        .args(WARNINGS)
        .args(["-g", "-O1", "-pthread", "-I"])
        .arg(root().join("include"))
        .args(more)
        .arg(root().join(source))
        .arg(module())
        .arg("-o")
        .arg(&program)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

/// A running program that talks in lines.
struct Talk {
    process: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Talk {
    fn start(runner: &[&str], program: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new("timeout")
            .arg("300")
            .args(runner)
            .arg(program)
            .args(arguments)
            .env("ASAN_OPTIONS", "detect_leaks=0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let to = process.stdin.take();
        let from = BufReader::new(process.stdout.take().unwrap());
        Self { process, to, from }
    }

    fn next(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The rest of the next line, which begins with `word`.
    #[track_caller]
    fn told(&mut self, word: &str) -> String {
        let line = self.next();
        match line.strip_prefix(word) {
            Some(rest) => rest.trim_start().to_owned(),
            None => panic!("{word} was expected, but {line:?} came; {:?}", self.end()),
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.to.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Closes its input; its exit code and what it wrote to standard error.
    fn end(&mut self) -> (Option<i32>, String) {
        self.to = None;
        let mut error = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        (self.process.wait().unwrap().code(), error)
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.to = None;
        // It has an end of its own by `timeout`.
        let _ = self.process.wait();
    }
}

fn sso_agent(runner: &[&str]) -> (String, String) {
    let around = Surroundings::new();
    let program = compiled("examples/c/sso_agent.c", around.folder(), &["-Wconversion"]);
    let configuration = around.configuration("desk");
    let mut errors = String::new();

    // The first sign-in asks for a passcode; the card serves an application.
    let mut host = Talk::start(runner, &program, &[&configuration]);
    let nonce = host.told("nonce");
    host.say(&around.token(&nonce));
    assert_eq!(host.told("passcode"), "6 8");
    host.say(PASSCODE);
    let card = host.told("card");
    assert!(card.contains("person 555000000001 state 1 tries 3 certificate"), "{card}");

    let application = Application::start(&around.endpoint("desk"));
    assert_eq!(application.sign(), Err(CKR_USER_NOT_LOGGED_IN));
    application.verify(PASSCODE).unwrap();
    assert_eq!(application.sign(), Ok(256));

    host.say("lock");
    assert!(host.told("card").contains("state 2"));
    assert_eq!(application.sign(), Err(CKR_USER_NOT_LOGGED_IN));
    application.verify(PASSCODE).unwrap();
    assert_eq!(application.sign(), Ok(256), "verifying again goes on");
    host.say("lock");
    assert!(host.told("card").contains("state 2"));
    assert_eq!(application.sign(), Err(CKR_USER_NOT_LOGGED_IN));
    host.say("unlock");
    assert!(host.told("card").contains("state 1"));
    application.verify(PASSCODE).unwrap();
    assert_eq!(application.sign(), Ok(256));

    host.say("remove");
    assert_eq!(host.next(), "removed");
    let gone = application.sign().unwrap_err();
    let expected = [CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT, CKR_SESSION_HANDLE_INVALID];
    assert!(expected.contains(&gone), "{gone:?}");
    host.say("show");
    let (code, error) = host.end();
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("card information: the card has been removed"), "{error}");
    errors.push_str(&error);

    // The same person again: the passcode is kept. The end of the input ends the agent.
    let mut host = Talk::start(runner, &program, &[&configuration]);
    let nonce = host.told("nonce");
    host.say(&around.token(&nonce));
    assert!(host.told("card").contains("person 555000000001"));
    let application = Application::start(&around.endpoint("desk"));
    application.verify(PASSCODE).unwrap();
    assert_eq!(application.sign(), Ok(256));
    let (code, error) = host.end();
    assert_eq!(code, Some(0), "{error}");
    errors.push_str(&error);

    // A token that does not hold: the reason, its text, no card.
    let mut host = Talk::start(runner, &program, &[&configuration]);
    let nonce = host.told("nonce");
    let token = around.provider.sign_in(&nonce).broken(Break::Signature).unwrap();
    host.say(&token);
    assert_eq!(host.next(), "");
    let (code, error) = host.end();
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("sso_agent: result 5: "), "{error}");
    assert!(error.contains("sign-in: the proof was refused"), "{error}");
    errors.push_str(&error);
    (errors, nonce)
}

fn contract(runner: &[&str], flags: &[&str]) -> String {
    let around = Surroundings::new();
    let program = compiled("tests/c/contract.c", around.folder(), flags);
    // It makes a hundred requests: keys that are made at once.
    let one = around.configuration_of("one", "p256");
    let other = around.configuration_of("other", "p256");
    let mut host = Talk::start(runner, &program, &[&one, &other]);
    loop {
        let line = host.next();
        match line.split_once(' ') {
            Some(("token", nonce)) => host.say(&around.token(nonce)),
            Some(("visit", url)) => host.say(&around.provider.visit(url).unwrap()),
            Some(("logout", _)) => host.say(&around.provider.logout().unwrap().sign().unwrap()),
            Some(("kept", checks)) => {
                assert!(checks.parse::<u32>().unwrap() > 400, "{checks}");
                let (code, error) = host.end();
                assert_eq!(code, Some(0), "{error}");
                return error;
            }
            _ => panic!("{line}: {:?}", host.end()),
        }
    }
}

/// Errors, definite leaks and lost handles end the program with code 99.
const VALGRIND: [&str; 7] = [
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite",
    "--show-leak-kinds=definite",
    "--fair-sched=yes",
];

#[test]
fn the_sso_agent_of_the_examples_serves_a_card() {
    sso_agent(&[]);
}

#[test]
fn the_library_keeps_the_contract_of_its_header() {
    contract(&[], &[]);
}

#[test]
fn the_contract_holds_under_the_address_sanitizer() {
    contract(&[], &["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]);
}

#[test]
#[ignore = "needs valgrind"]
fn the_sso_agent_is_clean_under_valgrind() {
    let (errors, _) = sso_agent(&VALGRIND);
    assert!(!errors.contains("=="), "{errors}");
}

#[test]
#[ignore = "needs valgrind"]
fn the_contract_is_clean_under_valgrind() {
    let errors = contract(&VALGRIND, &[]);
    assert!(!errors.contains("=="), "{errors}");
}

/// What a program must link beside the archive (`rustc --print native-static-libs`).
const SYSTEM: [&str; 6] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"];

#[test]
fn the_static_library_holds_the_same_interface() {
    let archive = build_folder().join("deps/libwardcard.a");
    let archive = if archive.exists() { archive } else { build_folder().join("libwardcard.a") };
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("version.c");
    std::fs::write(
        &source,
        "#include <stdio.h>\n#include \"wardcard.h\"\nint main(void)\n{\n    wardcard_agent *agent = \
         NULL;\n    printf(\"%s %u\\n\", wardcard_version(), (unsigned)wardcard_agent_new(NULL, 0, \
         NULL, &agent));\n    return 0;\n}\n",
    )
    .unwrap();
    let program = folder.path().join("version");
    let output = Command::new("cc")
        .args(WARNINGS)
        .arg("-I")
        .arg(root().join("include"))
        .arg(&source)
        .arg(archive)
        .args(SYSTEM)
        .arg("-o")
        .arg(&program)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, format!("{} 3\n", env!("CARGO_PKG_VERSION")));
}
