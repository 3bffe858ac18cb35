//! How fast OpenSC signs with the agent's card, beside the raw operation (`openssl speed`).

use crate::{agent::Ward, common::c::compile};
use std::process::Command;
use wardcard::{crypto::KeyKind, testkit::Builder};

/// `openssl speed`, one thread: signatures per second. Its line ends with signatures and
/// verifications per second.
fn raw(what: &str) -> f64 {
    let done = Command::new("openssl").args(["speed", "-seconds", "1", what]).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let line = said.lines().last().unwrap();
    line.split_whitespace().rev().nth(1).and_then(|rate| rate.parse().ok()).unwrap()
}

/// Signatures per second through OpenSC, and the raw ones, best of three turns of each.
fn beside(key: KeyKind, mechanism: &str, what: &str, least: f64) {
    let mut builder = Builder::default();
    builder.policy.key = key;
    let ward = Ward::by_our_driver_with(builder);
    let program = compile("rate", ward.folder());
    let (mut ours, mut half, mut theirs) = (0.0_f64, 0.0, 0.0_f64);
    // A debug build's figures are nobody's.
    for _ in 0..if cfg!(debug_assertions) { 1 } else { 3 } {
        let said = ward.rate(&program, mechanism);
        let (rate, p50) = said.trim().split_once(' ').unwrap();
        let rate: f64 = rate.parse().unwrap();
        if rate > ours {
            (ours, half) = (rate, p50.parse::<f64>().unwrap());
        }
        theirs = theirs.max(raw(what));
    }
    println!(
        "{what} through OpenSC: {ours:.0}/s (p50 {half:.0} us), {:.3} of openssl speed's {theirs:.0}/s",
        ours / theirs
    );
    if !cfg!(debug_assertions) {
        assert!(ours / theirs >= least, "at least {least}");
    }
}

#[test]
#[ignore = "needs pcscd, opensc"]
fn opensc_signs_a_fifth_as_fast_as_the_raw_operation_with_rsa() {
    beside(KeyKind::Rsa2048, "40", "rsa2048", 0.2);
}

#[test]
#[ignore = "needs pcscd, opensc"]
fn opensc_signs_a_twelfth_as_fast_as_the_raw_operation_with_p256() {
    beside(KeyKind::P256, "1041", "ecdsap256", 0.08);
}
