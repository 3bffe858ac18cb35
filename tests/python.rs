//! `bindings/python`: its own tests, with a provider, an authority and an application on the other
//! side of their standard input and output.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    host::{Application, Surroundings},
    module,
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
};

#[test]
#[ignore = "needs python3"]
fn the_python_layer_serves_a_card() {
    let around = Surroundings::new();
    let configuration = around.configuration("desk");
    let mut python = Command::new("timeout")
        .args(["120", "python3", "-B", "-W", "error", "-m", "unittest", "discover", "-v"])
        .args(["-s", "tests", "-t", "."])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("bindings/python"))
        .env("WARDCARD_LIBRARY", module())
        .env("WARDCARD_TEST_CONFIGURATION", configuration)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = python.stdin.take().unwrap();
    for line in BufReader::new(python.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let answer = match line.split_once(' ') {
            Some(("token", nonce)) => around.token(nonce),
            Some(("sign", passcode)) => {
                let application = Application::start(&around.endpoint("desk"));
                match application.verify(passcode).and_then(|()| application.sign()) {
                    Ok(length) => length.to_string(),
                    Err(rv) => format!("{rv:?}"),
                }
            }
            _ => panic!("{line}"),
        };
        writeln!(to, "{answer}").unwrap();
    }
    drop(to);
    let mut said = String::new();
    python.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(python.wait().unwrap().success(), "{said}");
    // Skipped tests would be no tests.
    assert!(said.contains("Ran 13 tests") && said.ends_with("\nOK\n"), "{said}");
}
