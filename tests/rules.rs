//! Rules about processes, threads and the loader that a C program holds the built module to: fork,
//! exit, unloading, C_Initialize and C_Finalize from all sides at once; plain, under the address
//! sanitizer and under valgrind.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used, reason = "a test may end by panic")]

mod common;

use common::{c::compile_with, module, run_with};
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
    /// Behind an agent in this process.
    Agent(Box<(Kit, SignedIn)>),
}

impl Cards {
    fn agent() -> Self {
        let kit = Kit::start().unwrap();
        let card = kit.sign_in("555000000001").unwrap();
        Self::Agent(Box::new((kit, card)))
    }

    /// Runs `rules MODULE RULE`; the rounds that were kept.
    #[track_caller]
    fn keep(&self, runner: &[&str], flags: &[&str], rule: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let program = compile_with("rules", folder.path(), flags);
        let nowhere = format!("unix:path={}", folder.path().join("nobody").display());
        let (agent, passcode) = match self {
            Self::None => (nowhere, None),
            Self::Agent(both) => (both.0.address(), Some(both.1.passcode.as_str())),
        };
        let module = module();
        let words: Vec<&Path> = runner
            .iter()
            .map(Path::new)
            .chain([program.as_path(), &module, Path::new(rule)])
            .chain(passcode.map(Path::new))
            .collect();
        let environment = [
            ("WARDCARD_AGENT", agent.as_str()),
            ("XDG_RUNTIME_DIR", ""),
            // A child's memory holds what threads that it does not have were at.
            ("ASAN_OPTIONS", if rule == "sessions" { "detect_leaks=1" } else { "detect_leaks=0" }),
        ];
        let run = run_with(folder.path(), &environment, &words, b"").ok();
        assert!(!run.err.contains("=="), "{}", run.err);
        run.out
    }

    #[track_caller]
    fn keep_all(&self, runner: &[&str], flags: &[&str], rules: &[(&str, &str)]) {
        for (rule, rounds) in rules {
            assert_eq!(self.keep(runner, flags, rule), *rounds, "{rule}");
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

#[test]
fn rule_05_a_child_begins_anew_whatever_other_threads_do() {
    Cards::None.keep_all(&[], &[], &RULE_05);
    Cards::agent().keep_all(&[], &[], &RULE_05);
}

#[test]
fn rule_06_exit_and_unloading_are_safe_with_threads_in_the_module() {
    Cards::None.keep_all(&[], &[], &RULE_06);
    Cards::agent().keep_all(&[], &[], &RULE_06);
}

#[test]
fn rule_07_initialize_and_finalize_race_with_everything() {
    Cards::None.keep_all(&[], &[], &RULE_07);
    Cards::agent().keep_all(&[], &[], &RULE_07);
}

#[test]
fn the_rules_hold_under_the_address_sanitizer() {
    for cards in [Cards::None, Cards::agent()] {
        cards.keep_all(&[], &SANITIZED, &RULE_05);
        cards.keep_all(&[], &SANITIZED, &RULE_06);
        cards.keep_all(&[], &SANITIZED, &RULE_07);
    }
    Cards::agent().keep_all(&[], &SANITIZED, &[("sessions", "kept 2710\n")]);
}

#[test]
#[ignore = "needs valgrind"]
fn ten_thousand_sessions_leave_nothing_behind() {
    Cards::agent().keep_all(&VALGRIND, &[], &[("sessions", "kept 2710\n")]);
}
