//! C programs hold the built module to rules about processes, threads and the loader (fork, exit,
//! unloading, C_Initialize and C_Finalize from all sides at once), to the codes of wrong calls, and
//! to right results under many threads; plain, under the address sanitizer and under valgrind.
#![cfg(all(feature = "testkit", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test may end by panic")]

mod common;

use common::{
    c::compile_with,
    cabinet::{self, Cabinet},
    module, run_with,
};
use std::path::Path;
use wardcard::testkit::{Kit, SignedIn};

const SANITIZED: [&str; 1] = ["-fsanitize=address"];

/// Errors, definite leaks and lost handles end the program with code 99.
const VALGRIND: [&str; 6] = [
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite,possible",
    "--fair-sched=yes",
];

/// Where the module finds its card.
enum Cards {
    /// Nowhere.
    None,
    /// In a store, in the program's own process.
    Store(Cabinet),
    /// Behind an agent in this process.
    Agent(Box<(Kit, SignedIn)>),
}

impl Cards {
    fn agent() -> Self {
        let kit = Kit::start().unwrap();
        let card = kit.sign_in("555000000001").unwrap();
        Self::Agent(Box::new((kit, card)))
    }

    fn store() -> Self {
        Self::Store(Cabinet::with_card())
    }

    /// Runs a C program of `tests/c`; what it says.
    #[track_caller]
    fn run(&self, runner: &[&str], flags: &[&str], program: &str, more: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let compiled = compile_with(program, folder.path(), flags);
        let nowhere = format!("unix:path={}", folder.path().join("nobody").display());
        let mut environment = vec![("XDG_RUNTIME_DIR", String::new())];
        let passcode = match self {
            Self::None => {
                environment.push(("WARDCARD_AGENT", nowhere));
                None
            }
            Self::Store(cabinet) => {
                environment.extend(cabinet.environment());
                Some(cabinet::USER)
            }
            Self::Agent(both) => {
                environment.push(("WARDCARD_AGENT", both.0.address()));
                Some(both.1.passcode.as_str())
            }
        };
        environment.push(("ASAN_OPTIONS", "detect_leaks=1".to_owned()));
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let module = module();
        let words: Vec<&Path> = runner
            .iter()
            .map(Path::new)
            .chain([compiled.as_path(), &module])
            .chain(more.iter().map(Path::new))
            .chain(passcode.map(Path::new))
            .collect();
        let run = run_with(folder.path(), &environment, &words, b"").ok();
        assert!(!run.err.contains("=="), "{}", run.err);
        run.out
    }

    #[track_caller]
    fn keep_all(&self, runner: &[&str], flags: &[&str], rules: &[(&str, &str)]) {
        for (rule, rounds) in rules {
            assert_eq!(self.run(runner, flags, "rules", &[rule]), *rounds, "{rule}");
        }
    }
}

const RULE_05: [(&str, &str); 1] = [("rule_05_fork", "kept 28\n")];
const RULE_06: [(&str, &str); 2] =
    [("rule_06_exit", "kept 1\nkept at exit 0\n"), ("rule_06_unload", "kept 3e8\n")];
const RULE_07: [(&str, &str); 3] = [
    ("rule_07_initialize", "kept 64\n"),
    ("rule_07_two_libraries", "kept 1\n"),
    ("rule_07_finalize", "kept 28\n"),
];

const SESSIONS: [(&str, &str); 1] = [("sessions", "kept 2710\n")];

#[test]
fn rule_05_a_child_begins_anew_whatever_other_threads_do() {
    Cards::None.keep_all(&[], &[], &RULE_05);
    Cards::store().keep_all(&[], &[], &RULE_05);
    Cards::agent().keep_all(&[], &[], &RULE_05);
}

#[test]
fn rule_06_exit_and_unloading_are_safe_with_threads_in_the_module() {
    Cards::None.keep_all(&[], &[], &RULE_06);
    Cards::store().keep_all(&[], &[], &RULE_06);
    Cards::agent().keep_all(&[], &[], &RULE_06);
}

#[test]
fn rule_07_initialize_and_finalize_race_with_everything() {
    Cards::None.keep_all(&[], &[], &RULE_07);
    Cards::store().keep_all(&[], &[], &RULE_07);
    Cards::agent().keep_all(&[], &[], &RULE_07);
}

/// Without rule 5: the sanitizer's allocator keeps the locks that other threads held at a fork, so a
/// child may wait in its malloc for ever.
#[test]
fn the_rules_hold_under_the_address_sanitizer() {
    for cards in [Cards::None, Cards::store(), Cards::agent()] {
        cards.keep_all(&[], &SANITIZED, &RULE_06);
        cards.keep_all(&[], &SANITIZED, &RULE_07);
    }
    Cards::store().keep_all(&[], &SANITIZED, &SESSIONS);
    Cards::agent().keep_all(&[], &SANITIZED, &SESSIONS);
}

#[test]
#[ignore = "needs valgrind"]
fn ten_thousand_sessions_leave_nothing_behind() {
    Cards::store().keep_all(&VALGRIND, &[], &SESSIONS);
}

#[test]
fn rule_03_every_wrong_call_gets_the_code_that_its_section_gives() {
    let blank = Cards::Store(Cabinet::new());
    let told = blank.run(&[], &[], "wrong_calls", &[]);
    assert!(told.starts_with("kept "), "{told}");
    // The card that it made is there for the next.
    let told = blank.run(&[], &SANITIZED, "wrong_calls", &[]);
    assert!(told.starts_with("kept "), "{told}");
}

/// 64 threads that do so many operations each, with every result verified.
fn many(operations: u32) {
    let told = Cards::store().run(&[], &[], "many", &["64", &operations.to_string()]);
    assert_eq!(told, format!("wrong 0 of {}\n", 64 * operations));
}

#[test]
fn sixty_four_threads_do_everything_at_once() {
    many(500);
}

#[test]
#[ignore = "takes half a minute"]
fn sixty_four_threads_by_ten_thousand_operations() {
    many(10_000);
}
