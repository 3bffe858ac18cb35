//! Test suites of others: pkcs11-tool's and OpenSC's p11test.

use crate::common::{
    build_folder,
    workplace::{Desk, Workplace},
};
use serde_json::Value;
use std::path::PathBuf;

/// A program that `.ci/run` builds in `target/interop`.
pub fn built(name: &str) -> PathBuf {
    let path = build_folder().parent().unwrap().join("interop").join(name);
    assert!(path.exists(), "{} is missing; .ci/run builds it", path.display());
    path
}

/// `pkcs11-tool --test`: its exit code says nothing, so its words are read.
#[track_caller]
fn pkcs11_tool_test(place: &Workplace, wanted: &[&str]) {
    for options in [&["--test"][..], &["--test", "--allow-sw"]] {
        let run = place.tool(options).ok();
        let said = format!("{}{}", run.out, run.err);
        assert!(run.out.trim_end().ends_with("No errors"), "{said}");
        for word in ["ERR", "error:", "failed", "rv = CKR", "warning"] {
            assert!(!said.contains(word), "{word}: {said}");
        }
        if options.contains(&"--allow-sw") {
            for line in wanted {
                assert!(run.out.contains(line), "{line}: {said}");
            }
        }
    }
    let run = place.tool(&["--test-fork"]).ok();
    let said = format!("{}{}", run.out, run.err);
    assert!(said.contains("Calling C_Initialize in forked child process"), "{said}");
    assert!(!said.contains("error") && !said.contains("CKR"), "{said}");
}

#[test]
#[ignore = "needs opensc"]
fn pkcs11_tool_tests_a_derived_card_without_an_error() {
    pkcs11_tool_test(
        &Desk::new(),
        &[
            "all 4 signature functions seem to work",
            "    RSA-PKCS: OK",
            "    SHA256-RSA-PKCS: OK",
            "Verify (currently only for RSA)",
            "Decryption (currently only for RSA)",
        ],
    );
    pkcs11_tool_test(&Desk::with_p256(), &["all 4 digest functions seem to work"]);
}

#[test]
#[ignore = "needs opensc"]
fn pkcs11_tool_finds_nothing_but_sha_1_refused_for_content_commitment() {
    let desk = Desk::with_both_keys();
    let run = desk.tool(&["--test"]);
    // It signs the DigestInfo of a SHA-1 digest with each key.
    let errors: Vec<_> = run.out.lines().filter(|line| line.contains("ERR:")).collect();
    let refused = "    RSA-PKCS:   ERR: C_Sign() returned CKR_MECHANISM_INVALID (0x70)";
    assert_eq!(errors, [refused], "{run:?}");
    assert!(run.out.contains("1 errors"), "{run:?}");
}

/// What p11test says of each of its tests, and the cells of their tables.
struct P11test(Vec<Value>);

impl P11test {
    fn run(place: &Workplace) -> Self {
        let program = built("p11test/p11test").display().to_string();
        let run = place.run(&[&program, "-m", &place.module, "-p", &place.passcode, "-o", "log"]);
        let said = format!("{}{}", run.out, run.err);
        // Its log has no commas where a test fails half-way; a log that is no JSON is a failure.
        let log: Value = serde_json::from_slice(&place.read("log")).expect(&said);
        let results = Self(log["results"].as_array().expect(&said).clone());
        for (test, wanted) in [
            ("wait_test", "skip"), // for a person who pulls the card out
            ("supported_mechanisms_test", "pass"),
            ("readonly_tests", "pass"),
            ("multipart_tests", "pass"),
            ("ec_sign_size_test", "pass"),
            ("usage_test", "pass"),
            ("pss_oaep_test", "pass"),
            ("derive_tests", "pass"),
            ("secret_tests", "pass"),
            ("wrap_tests", "pass"),
        ] {
            assert_eq!(results.of(test)["result"], wanted, "{test}\n{said}");
        }
        // `interface_test` is about OpenSC's own module: exactly two interfaces, of 3.0 and 2.20.
        // A module of 2.40 fails it; nothing else may.
        let failed = said.matches("[  FAILED  ] ").count();
        assert!(failed == 3 && said.contains("[  FAILED  ] interface_test"), "{said}");
        results
    }

    fn of(&self, test: &str) -> &Value {
        self.0.iter().find(|one| one["test_id"] == test).unwrap_or(&Value::Null)
    }

    /// In how many rows of a test's table the column says YES.
    fn yes(&self, test: &str, column: &str) -> usize {
        let rows = self.of(test)["data"].as_array().unwrap();
        let at = rows[0].as_array().unwrap().iter().position(|name| name == column).expect(column);
        rows.iter().filter(|row| row[at] == "YES").count()
    }
}

#[test]
#[ignore = "needs libcmocka-dev, OpenSC's p11test"]
fn p11test_passes_on_a_derived_card() {
    let rsa = P11test::run(&Desk::new());
    assert_eq!(rsa.yes("readonly_tests", "ENCRYPT&DECRYPT WORKS"), 1, "PKCS, by one key");
    assert_eq!(rsa.yes("readonly_tests", "SIGN&VERIFY WORKS"), 6);
    assert!(rsa.yes("pss_oaep_test", "SIGN&VERIFY WORKS") > 90);
}

/// What `pkcs11-tool --test` says of the card of [`Workplace::enrolled`].
const ENROLLED: [&str; 6] = [
    "all 4 signature functions seem to work",
    "    RSA-PKCS: OK",
    "    SHA256-RSA-PKCS: OK",
    "Verify (currently only for RSA)",
    "Decryption (currently only for RSA)",
    "    RSA-PKCS-OAEP: ",
];

#[test]
#[ignore = "needs opensc, libengine-pkcs11-openssl"]
fn pkcs11_tool_tests_an_enrolled_card_without_an_error() {
    pkcs11_tool_test(&Workplace::enrolled(), &ENROLLED);
}

#[test]
#[ignore = "needs opensc, libengine-pkcs11-openssl, p11-kit"]
fn pkcs11_tool_tests_an_enrolled_card_in_another_process_without_an_error() {
    let place = Workplace::enrolled();
    let (_server, far) = place.served();
    pkcs11_tool_test(&far, &ENROLLED);
}

#[test]
#[ignore = "needs opensc, libengine-pkcs11-openssl"]
fn pkcs11_tool_tests_an_enrolled_card_through_the_agent_which_records_it() {
    let place = Workplace::enrolled();
    let (_agent, far) = place.by_agent();
    pkcs11_tool_test(&far, &ENROLLED);
    let log = place.run(&["sh", "-c", "cat agent/audit/*"]).ok().out;
    assert!(log.contains(r#""verb":"sign""#) && log.contains(r#""key":"enrolled""#), "{log}");
    // Without a word for it in the configuration nobody writes keys in or makes cards there.
    let pair = ["--keypairgen", "--key-type", "rsa:2048", "--id", "09"];
    far.tool(&pair).ok();
    let tool = ["pkcs11-tool", "--module", &far.module, "--init-token", "--label", "x"];
    let refused = far.run(&[&tool[..], &["--slot", "2", "--so-pin", "officer-8765"]].concat());
    assert!(!refused.out.contains("successfully"), "{refused:?}");
}

#[test]
#[ignore = "needs libcmocka-dev, OpenSC's p11test, opensc, libengine-pkcs11-openssl"]
fn p11test_passes_on_an_enrolled_card() {
    let results = P11test::run(&Workplace::enrolled());
    assert!(results.yes("readonly_tests", "ENCRYPT&DECRYPT WORKS") >= 1);
    assert!(results.yes("readonly_tests", "SIGN&VERIFY WORKS") >= 10);
    assert!(results.yes("multipart_tests", "MULTIPART SIGN&VERIFY WORKS") >= 6);
    assert!(results.yes("pss_oaep_test", "SIGN&VERIFY WORKS") > 90);
    assert!(results.yes("pss_oaep_test", "ENCRYPT&DECRYPT WORKS") >= 1);
    assert!(results.yes("derive_tests", "DERIVE WORKS") >= 1);
}
