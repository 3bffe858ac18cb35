//! Wrappers of other languages: PyKCS11 (Python) and miekg/pkcs11 (Go), of Debian.

use crate::common::workplace::{Desk, Workplace};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/card.py");
const GO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/card.go");

fn python(place: &Workplace, command: &str) {
    // Debian's, which sees Debian's packages.
    let program = ["/usr/bin/python3", "-B", "-W", "error", PYTHON];
    let run = place.run(&[&program[..], &[&place.module, &place.passcode, command]].concat());
    assert_eq!(run.ok().out, "done\n");
}

fn go(place: &Workplace, command: &str) {
    let cache = place.file("cache").display().to_string();
    // Debian keeps Go packages as a GOPATH.
    let variables =
        [("GOPATH", "/usr/share/gocode"), ("GO111MODULE", "off"), ("GOCACHE", cache.as_str())];
    place.run_with(&variables, &["/usr/bin/go", "build", "-o", "card", GO], b"").ok();
    let run = place.run(&["./card", &place.module, &place.passcode, command]);
    assert_eq!(run.ok().out, "done\n");
}

#[test]
#[ignore = "needs python3-pykcs11"]
fn python_uses_a_derived_card() {
    python(&Desk::new(), "derived");
}

#[test]
#[ignore = "needs golang-go, golang-github-miekg-pkcs11-dev"]
fn go_uses_a_derived_card() {
    go(&Desk::new(), "derived");
}

#[test]
#[ignore = "needs python3-pykcs11"]
fn python_enrols_a_card() {
    python(&Workplace::blank(), "enrol");
}

#[test]
#[ignore = "needs golang-go, golang-github-miekg-pkcs11-dev"]
fn go_enrols_a_card() {
    go(&Workplace::blank(), "enrol");
}
