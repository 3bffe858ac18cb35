//! Any set of PKCS#11 modules side by side, ours first: each gets a fresh token of its own, all
//! take turns, and medians of rounds and their ratios are printed.
//!
//! ```text
//! cargo bench --bench peers                                   (beside SoftHSM2, if it is there)
//! cargo bench --bench peers -- libsofthsm2.so other.so ...    (beside these)
//! cargo bench --bench peers -- --quick                        (does it run; figures mean nothing)
//! ```
//!
//! A module finds its token folder by its own variables: `SOFTHSM2_CONF`, `KRYOPTIC_CONF` and
//! ours are set here, others by who runs this. Ours serves a store in its own process
//! (`WARDCARD_STORE`); through the agent it is measured by the bench `module`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench"
)]

mod cold;
#[path = "../module/measure.rs"]
#[allow(dead_code, reason = "the other bench uses more of it")]
mod measure;
mod operations;
#[path = "../module/p11.rs"]
#[allow(dead_code, reason = "the other bench uses more of it")]
mod p11;

use measure::Effort;
use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};
use wardcard::testkit::Folder;

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const STAGE: &str = "BENCH_PEERS_STAGE";

/// A module under its name in the table.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((cold::COLD, rest)) =
        arguments.split_first().map(|(one, rest)| (one.as_str(), rest))
    {
        cold::run(rest);
        return ExitCode::SUCCESS;
    }
    if std::env::var_os(STAGE).is_none() {
        return if stage(&arguments) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let effort = Effort::asked(&arguments);
    let modules = modules(&arguments);
    operations::measure(effort, &modules);
    cold::measure(effort, &modules);
    ExitCode::SUCCESS
}

/// Runs the measured process with token folders that end with it.
fn stage(arguments: &[String]) -> bool {
    let folder = Folder::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("softhsm")).unwrap();
    let settings = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        path("softhsm").display()
    );
    std::fs::write(path("softhsm2.conf"), settings).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(arguments)
        .env("SOFTHSM2_CONF", path("softhsm2.conf"))
        .env("KRYOPTIC_CONF", path("kryoptic.sql"))
        .env("WARDCARD_STORE", path("wardcard"))
        .env("WARDCARD_STORE_KEY", path("wardcard.key"))
        .env(STAGE, "set")
        .status()
        .unwrap()
        .success()
}

/// Ours, and those that were named; SoftHSM2 if none was.
fn modules(arguments: &[String]) -> Vec<Module> {
    let ours = std::env::current_exe().unwrap().with_file_name("libwardcard.so");
    let mut modules = vec![Module { name: "wardcard", path: ours }];
    let named: Vec<_> = arguments.iter().filter(|one| !one.starts_with("--")).collect();
    for path in &named {
        let name = Path::new(path).file_stem().unwrap().to_string_lossy();
        modules.push(Module {
            name: name.trim_start_matches("lib").to_owned().leak(),
            path: path.into(),
        });
    }
    if named.is_empty() {
        if Path::new(SOFTHSM).exists() {
            modules.push(Module { name: "softhsm2", path: SOFTHSM.into() });
        } else {
            println!("SoftHSM2 is not installed ({SOFTHSM}): ours is alone.");
        }
    }
    modules
}
