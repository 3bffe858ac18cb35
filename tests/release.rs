//! Released cards end to end: an authority made with OpenSSL alone, `wardcard enrol`, an agent in a
//! process of its own, and a program that signs through the module in another.
#![cfg(all(feature = "cli", feature = "testkit", feature = "sqlite"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test may end by panic"
)]

#[path = "release/adopted.rs"]
mod adopted;
#[path = "release/authority.rs"]
mod authority;
#[path = "release/c.rs"]
mod c;
mod common;
#[path = "release/kill.rs"]
mod kill;
#[path = "release/refusals.rs"]
mod refusals;

use authority::{Authority, Order, Profile};
use common::{
    Run,
    station::{Plan, Station, given},
    workplace::Workplace,
};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};
use wardcard::{
    agent::{
        Seat,
        host::{self, message::CardLine},
    },
    testkit::provider::PERSON,
};

const PASSCODE: &str = "246813";

/// An authority, an agent that releases, and a folder for files.
struct Ward {
    authority: Authority,
    station: Station,
    desk: tempfile::TempDir,
}

impl Ward {
    fn new() -> Self {
        Self::with("personal", "content_commitment = true\n")
    }

    /// An agent of this mode, with more of a policy.
    fn with(mode: &'static str, policy: &str) -> Self {
        let authority = Authority::new();
        let tables = format!(
            "release = true\n{policy}[enrolled]\nstore = \"cards\"\nroots_file = \"{}\"\n",
            authority.file("root.pem")
        );
        let plan = Plan { tables, mode: Some(mode), ..Plan::default() };
        Self { authority, station: Station::with(&plan), desk: tempfile::tempdir().unwrap() }
    }

    fn desk(&self) -> String {
        self.desk.path().display().to_string()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.desk.path().join(name)
    }

    /// `wardcard enrol` with these arguments.
    fn enrol(&self, arguments: &[&str]) -> Run {
        let config = self.station.path().join("own/agent.toml").display().to_string();
        let program = env!("CARGO_BIN_EXE_wardcard");
        let all = [&[program, "enrol", "--config", &config][..], arguments].concat();
        common::run_with(self.desk.path(), &[], &all, b"")
    }

    /// The request that `new` or `renew` wrote for a key.
    fn request(&self, key: &str) -> String {
        self.file(&format!("{PERSON}-{key}.pem")).display().to_string()
    }

    /// The certificates of both keys whose requests lie there.
    fn certificates(&self) -> [String; 2] {
        [
            ("authentication", Profile::Authentication),
            ("content-commitment", Profile::ContentCommitment),
        ]
        .map(|(key, profile)| {
            self.authority.certify(profile, &self.request(key), &Order::default())
        })
    }

    /// Imports these certificates with both issuing authorities.
    fn import(&self, certificates: &[&str]) -> Run {
        let chain = self.authority.issuing();
        let chain = chain.iter().flat_map(|file| ["--chain", file.as_str()]);
        let all: Vec<&str> = ["import", PERSON]
            .into_iter()
            .chain(certificates.iter().copied())
            .chain(chain)
            .collect();
        self.enrol(&all)
    }

    /// Enrols the person with both keys; the files of the certificates.
    fn enrolled(&self) -> [String; 2] {
        self.enrol(&["new", PERSON]).ok();
        let certificates = self.certificates();
        self.import(&certificates.each_ref().map(String::as_str)).ok();
        certificates
    }

    /// Has the person sign in, whose keys are released then.
    fn release(&self) -> Result<CardLine, host::Error> {
        self.release_for(PERSON)
    }

    /// Asks for the keys of the enrolled person with a proof of this one.
    fn release_for(&self, person: &str) -> Result<CardLine, host::Error> {
        let host = self.station.host();
        let pending = host.request_release(&Seat::user(self.station.uid()), PERSON)?;
        let token = self.station.token(&pending, person);
        host.prove(&pending.request, &token, given(PASSCODE))
    }

    /// Programs that load the module in processes of their own.
    fn programs(&self) -> Workplace {
        let address = self.station.address();
        Workplace::new(PASSCODE, &[("WARDCARD_AGENT", &address)])
    }
}

/// The public key of a certificate, into the file that [`Workplace::verifies`] takes it from.
fn key_of(certificate: &str, place: &Workplace) {
    let text = ["openssl", "x509", "-in", certificate, "-pubkey", "-noout"];
    let key = place.run(&text).ok().out;
    place.write("key.pem", key);
}

#[test]
#[ignore = "needs openssl, opensc"]
fn enrolled_with_an_external_authority_released_used_ended_and_released_again_after_a_restart() {
    let mut ward = Ward::new();
    let said = ward.enrol(&["new", PERSON]).ok().out;
    assert!(said.contains("authentication") && said.contains("content-commitment"), "{said}");
    for key in ["authentication", "content-commitment"] {
        let request = ward.request(key);
        assert_eq!(fs::metadata(&request).unwrap().permissions().mode() & 0o777, 0o600);
        let about = ["req", "-in", &request, "-verify", "-noout", "-subject"];
        let about = ward.authority.openssl(&[&about[..], &["-nameopt", "RFC2253"]].concat());
        let told = format!("{}{}", about.out, about.err);
        assert!(told.contains(&format!("CN={PERSON},OU=people,O=nhs")), "{told}");
        assert!(told.contains("verify OK"), "{told}");
        let text = ward.authority.openssl(&["req", "-in", &request, "-noout", "-text"]).out;
        let usage = if key == "authentication" { "Digital Signature" } else { "Non Repudiation" };
        let spaced = text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        assert!(spaced.contains(&format!("X509v3 Key Usage: critical\n{usage}\n")), "{text}");
    }
    let waiting = ward.enrol(&["list"]).ok().out;
    assert!(
        waiting.contains(PERSON) && waiting.contains("waits for its certificates"),
        "{waiting}"
    );
    assert!(ward.release().unwrap_err().to_string().contains("wait for their certificates"));

    let certificates = ward.certificates();
    let said = ward.import(&certificates.each_ref().map(String::as_str)).ok().out;
    assert!(said.contains("authentication, to ") && said.contains("new keys  none"), "{said}");
    let card = ward.release().unwrap();
    assert_eq!(card.keys, ["authentication", "content-commitment"]);
    assert!(card.released.is_some() && card.renewal.is_none());

    let place = ward.programs();
    place.write("message", b"a message for the spine");
    let ids = place.private_keys();
    assert_eq!(ids.len(), 2);
    for ((id, certificate), mechanism) in
        ids.iter().zip(&certificates).zip(["SHA1-RSA-PKCS", "SHA256-RSA-PKCS"])
    {
        place.certificate(id);
        let shown = place.read("certificate.der");
        place
            .run(&["openssl", "x509", "-in", certificate, "-outform", "DER", "-out", "own.der"])
            .ok();
        assert_eq!(shown, place.read("own.der"), "the imported certificate is on the card");
        if *id == ids[0] {
            place.sign(id, mechanism).ok();
            key_of(certificate, &place);
            place.verifies("-sha1", &[]);
        } else {
            // It asks each time, which pkcs11-tool does by itself.
            place.sign(id, mechanism).ok();
            key_of(certificate, &place);
            place.verifies("-sha256", &[]);
        }
    }
    let first = place.read("signature");
    ward.station.tap_out(&card);
    assert!(!place.tool(&["-O"]).success, "the working copy is gone");

    let (status, _) = ward.station.end_agent("TERM");
    assert!(status.success());
    ward.station.start_agent();
    assert!(ward.station.host().cards().unwrap().is_empty(), "a restart releases nothing");
    let slots = place.run(&["pkcs11-tool", "--module", &place.module, "-L"]);
    assert!(
        !slots.out.contains("token label"),
        "nor does it show the enrolled card: {}",
        slots.out
    );
    let again = ward.release().unwrap();
    assert_eq!(again.released, card.released);
    assert_ne!(again.card, card.card);
    place.sign(&ids[1], "SHA256-RSA-PKCS").ok();
    place.verifies("-sha256", &[]);
    assert_eq!(place.read("signature"), first, "PKCS#1 signatures by one key are one");

    let shown = ward.enrol(&["show", PERSON]).ok().out;
    assert!(shown.contains("released  20"), "{shown}");
    let examined = |ward: &Ward| {
        let config = ward.station.path().join("own/agent.toml").display().to_string();
        let doctor = [env!("CARGO_BIN_EXE_wardcard"), "doctor", "--config", &config];
        common::run_with(ward.desk.path(), &[], &doctor, b"").out
    };
    let said = examined(&ward);
    assert!(said.contains("1 enrolled for release"), "{said}");
    let key = ward.station.path().join("own/state/release.key");
    fs::rename(&key, ward.file("kept")).unwrap();
    let said = examined(&ward);
    let named = format!("the key file {} is missing", key.display());
    assert!(said.contains(&named) && !key.exists(), "{said}");
    fs::rename(ward.file("kept"), &key).unwrap();
    let log: String =
        ward.station.audit().iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    for event in ["enrolment-begun", "enrolled", "card-released", "card-removed", "use"] {
        assert!(log.contains(&format!("\"event\":\"{event}\"")), "{event}");
    }
    assert!(!log.contains(PASSCODE) && !log.contains("PRIVATE"));
    let asked = ward.enrol(&["remove", PERSON]);
    assert!(!asked.success && asked.err.contains("--yes"), "no terminal, no answer: {}", asked.err);
    ward.enrol(&["remove", PERSON, "--yes"]).ok();
    assert!(!place.tool(&["-O"]).success, "what was released is gone with the enrolment");
    assert!(ward.release().is_err());
    assert!(ward.enrol(&["list"]).ok().out.contains("no enrolments"));
}

#[test]
#[ignore = "needs openssl, opensc"]
fn an_agent_of_all_users_shows_what_it_released_and_no_enrolled_card() {
    let ward = Ward::with("ward", "");
    ward.enrol(&["new", PERSON]).ok();
    let request = ward.request("authentication");
    let certificate = ward.authority.certify(Profile::Authentication, &request, &Order::default());
    ward.import(&[&certificate]).ok();
    let place = ward.programs();
    let listed =
        |place: &Workplace| place.run(&["pkcs11-tool", "--module", &place.module, "-L"]).ok().out;
    let before = listed(&place);
    assert_eq!(before.matches("Slot ").count(), 1, "{before}");
    ward.release().unwrap();
    let after = listed(&place);
    assert_eq!(after.matches("Slot ").count(), 1, "{after}");
    assert!(after.contains(PERSON), "{after}");
    place.write("message", b"a message");
    let id = &place.private_keys()[0];
    place.sign(id, "SHA256-RSA-PKCS").ok();
    key_of(&certificate, &place);
    place.verifies("-sha256", &[]);
}

#[test]
#[ignore = "needs openssl"]
fn renewal_puts_new_keys_beside_the_old_ones_and_the_import_switches_over() {
    let ward = Ward::new();
    ward.enrolled();
    let old = ward.release().unwrap();
    let refused = ward.enrol(&["renew", PERSON]);
    assert!(!refused.success && refused.err.contains("--force"), "{}", refused.err);
    ward.enrol(&["renew", PERSON, "--force"]).ok();
    let listed = ward.enrol(&["list"]).ok().out;
    assert!(listed.contains("new keys wait"), "{listed}");
    assert_eq!(ward.release().unwrap().released, old.released, "the old keys until then");
    // The requests are written again where they were lost.
    fs::remove_file(ward.request("authentication")).unwrap();
    fs::remove_file(ward.request("content-commitment")).unwrap();
    ward.enrol(&["show", PERSON, "--out", &ward.desk()]).ok();
    let certificates = ward.certificates();
    ward.import(&certificates.each_ref().map(String::as_str)).ok();
    assert_ne!(ward.release().unwrap().released, old.released);
    let again = ward.import(&certificates.each_ref().map(String::as_str));
    assert!(again.err.contains("no keys wait"), "{}", again.err);
}

#[test]
#[ignore = "needs openssl"]
fn enrolments_are_kept_offline_while_no_agent_runs_with_the_same_records() {
    let mut ward = Ward::with("personal", "");
    let busy = ward.enrol(&["--offline", "list"]);
    assert!(!busy.success, "an agent runs: {}", busy.out);
    ward.station.end_agent("TERM");
    let missing = ward.enrol(&["list"]);
    assert!(!missing.success && missing.err.contains("does not answer"), "{}", missing.err);
    ward.enrol(&["--offline", "new", PERSON]).ok();
    let request = ward.request("authentication");
    let certificate = ward.authority.certify(Profile::Authentication, &request, &Order::default());
    let chain = ward.authority.issuing();
    ward.enrol(&["--offline", "import", PERSON, &certificate, "--chain", &chain[0]]).ok();
    ward.station.start_agent();
    assert_eq!(ward.release().unwrap().keys, ["authentication"]);
    let log = fs::read_to_string(&ward.station.audit()[0]).unwrap();
    assert!(log.contains("\"event\":\"enrolled\"") && log.contains("offline\""), "{log}");
}
