//! The module as applications meet it, beside the raw back end and SoftHSM2: ratios, medians of
//! rounds in which all take turns, in one run.
//!
//! ```text
//! cargo bench --bench module              (some minutes; wants two cores of its own)
//! cargo bench --bench module -- --quick   (does it run; its figures mean nothing)
//! cargo bench --bench module -- wire      (what the wire adds, and threads on one connection)
//! cargo bench --bench module -- cards     (from a proof to a card, and 100 sign-ins at once; parts
//!                                          of it: oidc, sources, released, crowd)
//! ```
//!
//! The process that is started sets the stage (`wardcard demo --keep` as the agent, a SoftHSM2
//! token in a temporary folder) and starts itself again to measure.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench"
)]

#[allow(dead_code, unreachable_pub, reason = "the tests of proofs use more of it")]
#[path = "../../tests/proofs/authenticator.rs"]
mod authenticator;
mod calls;
mod cards;
mod crowd;
#[allow(dead_code, unreachable_pub, reason = "the tests of proofs use more of it")]
#[path = "../../tests/proofs/der.rs"]
mod der;
#[allow(dead_code, reason = "the bench `peers` uses more of it")]
mod measure;
#[allow(dead_code, reason = "the bench `peers` uses more of it")]
mod p11;
mod parties;
mod signing;
mod sources;
mod stage;

use measure::Effort;
use parties::{Program, Seated};
use std::process::ExitCode;
use wardcard::{crypto::KeyKind, testkit::Builder};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((calls::COLD, rest)) =
        arguments.split_first().map(|(one, rest)| (one.as_str(), rest))
    {
        calls::run_cold(rest);
        return ExitCode::SUCCESS;
    }
    if !stage::is_set() {
        return if stage::run(&arguments) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let effort = Effort::asked(&arguments);
    let given = |name: &str| arguments.iter().any(|argument| argument == name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{}, {cores} cores", wardcard::crypto::backend());
    let (wire, cards) = (given("wire"), given("cards"));
    if wire {
        measure_wire(effort);
    }
    if cards {
        cards::derive(effort, &arguments);
    }
    if !wire && !cards {
        measure(effort);
    }
    ExitCode::SUCCESS
}

fn kit(key: KeyKind, on_disk: bool) -> Seated {
    let mut builder = Builder { on_disk, ..Builder::default() };
    builder.policy.key = key;
    Seated::new(builder)
}

fn measure_wire(effort: Effort) {
    let agent = Program::by_agent(&stage::agent());
    let audited = kit(KeyKind::Rsa2048, true);
    signing::rsa(effort, (None, &audited), &agent, None);
    drop(audited);
    signing::threads(effort, &agent, None);
}

fn measure(effort: Effort) {
    let (loaded, other) = (stage::agent(), stage::softhsm());
    let softhsm = other.as_ref().map(Program::softhsm);
    let agent = Program::by_agent(&loaded);
    let softhsm = softhsm.as_ref();
    let plain = kit(KeyKind::Rsa2048, false);
    signing::rsa(effort, (Some(&plain), &kit(KeyKind::Rsa2048, true)), &agent, softhsm);
    let (curve, audited) = (kit(KeyKind::P256, false), kit(KeyKind::P256, true));
    signing::p256(effort, &curve, &audited, softhsm);
    drop((curve, audited));
    cards::audit(effort);
    signing::threads(effort, &agent, softhsm);
    calls::warm(effort, &plain, &agent, softhsm);
    drop(plain);
    calls::initialize(effort, &agent, softhsm);
    calls::cold(effort, &loaded, other.as_ref());
    cards::derive(effort, &[]);
}
