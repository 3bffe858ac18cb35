//! Python programs of the field with the agent's card.

use crate::agent::{PERSON, Ward, text};
use std::{fs, path::Path};

/// PyPI's piv-smartcard, installed by `.ci/run`.
#[test]
#[ignore = "needs pcscd, target/interop/piv-smartcard"]
fn a_reader_of_certificates_in_python_reads_them() {
    let ward = Ward::by_our_driver();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("target/interop/piv-smartcard/bin/piv-smartcard");
    let read = ward.done(text(&program), &["read", "--slot", "authentication", "--pem"]);
    assert!(read.contains("BEGIN CERTIFICATE") && read.contains(PERSON), "{read}");
    let refused = ward.run(text(&program), &["read", "--slot", "signature"]);
    assert!(!refused.status.success(), "content commitment is off");
}

/// A script over pyscard: Debian's package, in the way of the field.
#[test]
#[ignore = "needs pcscd, python3-pyscard"]
fn a_script_in_python_verifies_and_signs() {
    let ward = Ward::by_our_driver();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/piv.py");
    let folder = text(ward.folder()).to_owned();
    let said = ward.done("/usr/bin/python3", &[text(&script), &ward.card.passcode, &folder]);
    let met: Vec<&str> = said.lines().collect();
    assert_eq!(
        met,
        [
            "select 9000",
            "status 63c3",
            "sign 6982",
            "verify 9000",
            "status 9000",
            "certificate 9000",
            "sign 9000",
            "status 63c3",
            "alone"
        ],
        "{said}"
    );
    let (certificate, signature) = (ward.path("script.der"), ward.path("script.sig"));
    let public = ward.path("public");
    let key = ["x509", "-inform", "der", "-pubkey", "-noout", "-in", text(&certificate)];
    fs::write(&public, ward.done("openssl", &key)).unwrap();
    let message = ward.path("message");
    fs::write(&message, b"message").unwrap();
    let verify = ["dgst", "-sha256", "-verify", text(&public), "-signature", text(&signature)];
    ward.done("openssl", &[&verify[..], &[text(&message)]].concat());
}
