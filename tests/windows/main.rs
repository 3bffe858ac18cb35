//! The program and the module on Windows, each in processes of its own: an agent serves its pipe,
//! and C programs of either width load the module and sign. `.ci/windows` compiles these programs
//! and says which are meant:
//!
//! | variable | |
//! |---|---|
//! | `WARDCARD_C_PROGRAMS` | the folder of `client-ARCH.exe` and `legacy-ARCH.exe` |
//! | `WARDCARD_C_ARCH` | `x86_64` or `i686` |
//! | `WARDCARD_C_MODULE` | the module of that width |
//!
//! They run without an administrator's rights: with them the module believes no variable.
#![cfg(all(windows, feature = "cli", feature = "sqlite"))]
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test may end by panic")]

#[path = "../common/mod.rs"]
mod common;

use common::{c::Talker, module, station::Station};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use wardcard::{
    crypto::{Hash, Scheme, digest},
    pki::{Certificate, UserId},
    secret,
};

const PERSON: &str = "555000000001";
const PASSCODE: &str = "135790";

/// A C program with the module as its first argument, for cards of this station.
fn in_c(name: &str, station: &Station) -> Command {
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let program = format!("{name}-{}.exe", variable("WARDCARD_C_ARCH"));
    let mut command = Command::new(PathBuf::from(variable("WARDCARD_C_PROGRAMS")).join(program));
    command.arg(variable("WARDCARD_C_MODULE")).env("WARDCARD_AGENT", station.address());
    command
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    let text = format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success(), "{text}");
    text.replace('\r', "")
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn this_process_is_an_ordinary_one() {
    assert!(!secret::is_raised(), "the tests are to be run without an administrator's rights");
}

#[test]
#[ignore = "needs the C programs of .ci/windows"]
fn a_client_in_c_outlives_its_agent_and_goes_on_after_a_new_sign_in() {
    let mut station = Station::start();
    station.sign_in(PERSON, PASSCODE);
    let mut client = Talker::start(in_c("client", &station).args(["agent", PASSCODE]));
    for _ in 0..2 {
        client.says("signed");
        station.end_agent("KILL");
        station.start_agent();
        assert!(station.host().cards().unwrap().is_empty(), "no card outlives the agent");
        station.sign_in(PERSON, PASSCODE);
        client.tell("again");
    }
    client.says("signed");
    client.no_more();
    client.says("ok");
    client.ends_well();
}

#[test]
#[ignore = "needs the C programs of .ci/windows"]
fn a_legacy_application_signs_the_challenge_of_cis1() {
    let station = Station::start();
    station.sign_in(PERSON, PASSCODE);
    let challenge: String = (0..48_u8).map(|byte| format!("{byte:02x}")).collect();
    let text = said(&in_c("legacy", &station).args([PASSCODE, &challenge]).output().unwrap());
    let found = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        bytes(line.unwrap_or_else(|| panic!("{name}: {text}")).trim())
    };
    let certificate = Certificate::from_der(&found("certificate ")).unwrap();
    assert_eq!(certificate.user_id(), UserId::parse(PERSON));
    let signed = digest(Hash::Sha1, &bytes(&challenge));
    let scheme = Scheme::Pkcs1(Hash::Sha1);
    certificate.public_key().verify(scheme, &signed, &found("signature ")).unwrap();
}

#[test]
fn the_demo_runs_to_its_end() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_wardcard"));
    let text = said(&demo.arg("demo").arg("--module").arg(module()).output().unwrap());
    for part in ["passcode accepted", "challenge signed", "verified", "notices", "Done."] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_program_says_what_it_runs_on_and_finds_nothing_wrong() {
    let station = Station::start();
    station.sign_in(PERSON, PASSCODE);
    let config = station.path().join("own/agent.toml").display().to_string();
    let status = said(&station.command(&["status", "--config", &config]).output().unwrap());
    let end = if cfg!(feature = "aws-lc") { "aws-lc" } else { "RustCrypto" };
    let stated = status.lines().find(|line| line.starts_with("cryptography"));
    assert!(stated.is_some_and(|line| line.contains(end)), "{status}");
    let doctor = station.command(&["doctor", "--config", &config]).output().unwrap();
    println!("{}", said(&doctor));
}

#[test]
fn an_authority_is_made_shown_and_lists_what_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wardcard"));
        said(&command.arg("ca").args(arguments).output().unwrap())
    };
    let named = ca.display().to_string();
    run(&["init", &named, "--key", "p256", "--root-key", "p256"]);
    assert!(run(&["show", &named]).contains("NHS"), "an authority has a name");
    run(&["crl", &named]);
    let lists = fs::read_dir(ca.join("crl")).unwrap().count();
    assert!(lists >= 2, "{lists} lists");
    assert!(private(&ca.join("seal.key")), "what seals the keys is its owner's alone");
}

fn private(path: &Path) -> bool {
    secret::Access::at(path).unwrap().is_private()
}
