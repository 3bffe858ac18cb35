//! A registration tool fills a card with nothing set up but `WARDCARD_STORE`: OpenSC's pkcs11-tool
//! initialises it, makes keys on it, writes certificates to it and signs with them.
#![cfg(all(feature = "testkit", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test may end by panic")]

mod common;

use common::{Run, cabinet::Cabinet, module, run_with};

/// The officer's passcode and the user's.
const OFFICER: &str = "12345678";
const USER: &str = "246813";

/// A store of its own, and the tool in an environment of nothing but it.
struct Registry {
    cabinet: Cabinet,
    module: String,
}

impl Registry {
    fn new() -> Self {
        Self { cabinet: Cabinet::new(), module: module().display().to_string() }
    }

    fn run(&self, words: &[&str]) -> Run {
        let environment = self.cabinet.environment();
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        run_with(self.cabinet.folder(), &environment, words, b"")
    }

    fn tool(&self, words: &[&str]) -> Run {
        self.run(&[&["pkcs11-tool", "--module", &self.module], words].concat())
    }

    fn user(&self, words: &[&str]) -> Run {
        self.tool(&[&["--login", "--pin", USER], words].concat())
    }

    /// A card with both passcodes and a key of each kind.
    fn with_keys() -> Self {
        let registry = Self::new();
        registry.tool(&["--init-token", "--label", "test", "--so-pin", OFFICER]).ok();
        let passcode = ["--init-pin", "--login", "--login-type", "so", "--so-pin", OFFICER];
        registry.tool(&[&passcode[..], &["--new-pin", USER]].concat()).ok();
        for (kind, id) in [("rsa:2048", "01"), ("EC:prime256v1", "02"), ("EC:secp384r1", "03")] {
            registry.user(&["--keypairgen", "--key-type", kind, "--id", id, "--label", kind]).ok();
        }
        registry
    }
}

#[test]
#[ignore = "needs opensc"]
fn a_blank_card_is_initialised_with_nothing_else_set_up() {
    let registry = Registry::new();
    let listed = registry.tool(&["--list-slots"]).ok().out;
    assert!(listed.contains("token state:   uninitialized"), "{listed}");
    registry.tool(&["--init-token", "--label", "test", "--so-pin", OFFICER]).ok();
    let listed = registry.tool(&["--list-slots"]).ok().out;
    assert!(listed.contains("token label        : test"), "{listed}");
    assert!(listed.contains("token state:   uninitialized"), "another blank one: {listed}");
    let again = registry.tool(&["--init-token", "--label", "x", "--so-pin", "11111111"]);
    assert!(again.err.contains("CKR_PIN_INCORRECT"), "{}", again.err);
}

#[test]
#[ignore = "needs opensc, openssl"]
fn keys_are_made_certified_used_and_found_again_by_another_process() {
    let registry = Registry::with_keys();
    std::fs::write(registry.cabinet.folder().join("message"), b"a message").unwrap();
    for (id, how) in [("01", "SHA256-RSA-PKCS"), ("02", "ECDSA-SHA256"), ("03", "ECDSA-SHA384")] {
        let with = ["--id", id, "-m", how, "-i", "message"];
        registry.user(&[&["--sign", "-o", "signature"], &with[..]].concat()).ok();
        let verify = ["--verify", "--signature-file", "signature"];
        let told = registry.user(&[&verify, &with[..]].concat()).ok().out;
        assert!(told.contains("Signature is valid"), "{how}: {told}");
    }
    // OpenSSL agrees. Of EC keys, this pkcs11-tool reads none out.
    let with = ["--sign", "--id", "01", "-m", "SHA256-RSA-PKCS", "-i", "message"];
    registry.user(&[&with[..], &["-o", "signature"]].concat()).ok();
    registry.user(&["--read-object", "--type", "pubkey", "--id", "01", "-o", "public"]).ok();
    let public = ["openssl", "pkey", "-pubin", "-inform", "DER", "-in", "public"];
    registry.run(&[&public[..], &["-out", "public.pem"]].concat()).ok();
    let verify = ["openssl", "dgst", "-sha256", "-verify", "public.pem"];
    registry.run(&[&verify[..], &["-signature", "signature", "message"]].concat()).ok();
    // A certificate of somebody's is written beside the first key.
    let request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "other"];
    let subject = ["-subj", "/CN=555000000001", "-outform", "DER", "-out", "certificate.der"];
    registry.run(&[&request[..], &subject].concat()).ok();
    registry.user(&["--write-object", "certificate.der", "--type", "cert", "--id", "01"]).ok();
    let listed = registry.user(&["--list-objects"]).ok().out;
    assert!(listed.contains("subject:    DN: CN=555000000001"), "{listed}");
    assert_eq!(listed.matches("Private Key Object").count(), 3, "{listed}");
    registry.user(&["--delete-object", "--type", "cert", "--id", "01"]).ok();
    let listed = registry.user(&["--list-objects"]).ok().out;
    assert!(!listed.contains("Certificate Object"), "{listed}");
}

#[test]
#[ignore = "needs opensc"]
fn opensc_tests_an_enrolled_card_and_finds_no_error() {
    let registry = Registry::with_keys();
    for test in ["--test", "--test-fork"] {
        let run = registry.user(&[test]).ok();
        let told = format!("{}{}", run.out, run.err);
        assert!(!told.contains("ERR") && !told.contains("error:"), "{test}: {told}");
    }
}

#[test]
#[ignore = "needs opensc"]
fn a_store_that_is_refused_says_why_to_who_debugs_and_nothing_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let registry = Registry::with_keys();
    let key = registry.cabinet.folder().join("state/wardcard/store.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let quiet = registry.tool(&["--list-slots"]);
    assert!(!quiet.success && !quiet.err.contains("wardcard"), "{}", quiet.err);
    let debugged = registry.run(&[
        "env",
        "WARDCARD_DEBUG=1",
        "pkcs11-tool",
        "--module",
        &registry.module,
        "--list-slots",
    ]);
    let reason = "wardcard: no cards: the store's key: the store is refused";
    assert!(!debugged.success && debugged.err.contains(reason), "{}", debugged.err);
    assert!(debugged.err.contains("chmod go-rwx"), "{}", debugged.err);
}
