//! `wardcard ca` judged by OpenSSL: chains, CRLs, fingerprints.
#![cfg(feature = "cli")]
#![allow(clippy::expect_used)] // helpers of a test

use clap::Parser;
use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};
use wardcard::{
    card::KeySlot,
    cli::ca::{CaCommand, run},
    clock::{Clock, SystemClock},
    crypto::{KeyKind, PrivateKey},
    issue::{Issuer, Order, directory::CaDirectory, serial_hex},
    pki::{CertificationRequest, UserId},
    proof::{Assurance, Binding, Level, Source},
};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: CaCommand,
}

/// Runs `wardcard ca` with these arguments, and answers what it said.
fn ca(arguments: &[&str]) -> String {
    let Arguments { command } =
        Arguments::try_parse_from([&["ca"], arguments].concat()).expect("arguments");
    let mut out = Vec::new();
    run(&command, &mut out).expect("the command succeeds");
    String::from_utf8(out).expect("text")
}

fn openssl(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl runs")
}

fn text(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn order() -> Order {
    let keys = [KeySlot::Authentication, KeySlot::ContentCommitment].map(|slot| {
        let key = PrivateKey::generate(KeyKind::Rsa2048).expect("a key");
        let nobody = UserId::parse("000000000000").expect("12 digits");
        (slot, CertificationRequest::new(&nobody, &key).expect("a request").der().to_vec())
    });
    let now = SystemClock.now();
    let assurance = Assurance {
        person: UserId::parse("555000000001").expect("12 digits"),
        authentication: Level(3),
        identity: Level(3),
        context: None,
        methods: Vec::new(),
        authenticated_at: now,
        source: Source::Oidc("https://provider.example".to_owned()),
        binding: Binding::Nonce,
        session: None,
        beside: Vec::new(),
        offline: false,
    };
    Order { assurance, keys: keys.to_vec(), not_after: now.plus(Duration::from_secs(3600)) }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_accepts_what_a_ca_issues_and_sees_what_it_revokes() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path().join("ca");
    let path = folder.to_str().expect("UTF-8");
    let said = ca(&["init", path, "--root-key", "rsa2048", "--content-commitment"]);
    assert!(said.contains("offline"), "{said}");

    let directory = CaDirectory::open(&folder).expect("it opens");
    let issuer = directory.issuer(None, Arc::new(SystemClock)).expect("its keys open");
    let issued = issuer.issue(&order()).expect("certificates");
    let chain = ["authentication.pem", "signing.pem"]
        .map(|name| std::fs::read_to_string(folder.join(name)).expect("a certificate"));
    std::fs::write(folder.join("chain.pem"), chain.concat()).expect("written");
    for (one, name) in issued.iter().zip(["user-a.pem", "user-s.pem"]) {
        std::fs::write(folder.join(name), one.certificate.to_pem()).expect("written");
        let verify =
            ["verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "chain.pem", name];
        let output = openssl(&folder, &verify);
        assert!(output.status.success(), "{}", text(&output));
    }

    let constrained = ["x509", "-in", "authentication.pem", "-noout", "-text"];
    let constrained = text(&openssl(&folder, &constrained));
    assert!(constrained.contains("X509v3 Name Constraints: critical"), "{constrained}");
    assert!(constrained.contains("DirName:O = nhs, OU = people"), "{constrained}");
    assert!(constrained.contains("CA:TRUE, pathlen:0"), "{constrained}");

    let fingerprint = ["x509", "-in", "root.pem", "-noout", "-fingerprint", "-sha256"];
    let fingerprint = text(&openssl(&folder, &fingerprint));
    let fingerprint = fingerprint.trim().rsplit('=').next().expect("a value");
    let said = ca(&["show", path]);
    assert!(said.contains(fingerprint), "{said}\n{fingerprint}");
    assert!(said.contains("issued 2, of which valid now 2, revoked 0"), "{said}");

    // With the first CRLs both are good.
    let crls = || {
        let mut crls = String::new();
        for name in ["root", "authentication", "signing"] {
            let input = format!("crl/{name}.crl");
            let crl = openssl(&folder, &["crl", "-inform", "DER", "-in", &input]);
            assert!(crl.status.success(), "{}", text(&crl));
            crls.push_str(&String::from_utf8_lossy(&crl.stdout));
        }
        std::fs::write(folder.join("crls.pem"), crls).expect("written");
    };
    let check = |name: &str| {
        let options = ["verify", "-x509_strict", "-crl_check_all", "-CRLfile", "crls.pem"];
        let files = ["-CAfile", "root.pem", "-untrusted", "chain.pem", name];
        openssl(&folder, &[&options[..], &files[..]].concat())
    };
    ca(&["crl", path]);
    crls();
    for name in ["user-a.pem", "user-s.pem"] {
        let good = check(name);
        assert!(good.status.success(), "{}", text(&good));
    }

    // The serial as OpenSSL writes it is taken as it is.
    let serial = text(&openssl(&folder, &["x509", "-in", "user-a.pem", "-noout", "-serial"]));
    let serial = serial.trim().trim_start_matches("serial=");
    assert_eq!(serial.to_lowercase(), serial_hex(issued[0].certificate.serial_der()));
    let said = ca(&["crl", path, "--revoke", serial]);
    assert_eq!(said.lines().count(), 4, "one revoked, three CRLs: {said}");
    let said = ca(&["show", path]);
    assert!(said.contains("issued 2, of which valid now 1, revoked 1"), "{said}");

    let listed = ca(&["list", path]);
    let line = |name: &str| listed.lines().find(|line| line.contains(name)).expect(name).to_owned();
    let (first, second) = (line("authentication"), line("content-commitment"));
    assert!(first.starts_with(&serial.to_lowercase()) && first.contains("revoked 20"), "{first}");
    assert!(second.ends_with("  valid"), "{second}");
    assert_eq!(ca(&["list", path, "--valid"]).lines().count(), 1);
    assert_eq!(ca(&["list", path, "--revoked"]).lines().count(), 1);
    assert_eq!(ca(&["list", path, "--person", "555000000009"]), "no such certificate\n");

    for name in ["root", "authentication", "signing"] {
        let input = format!("crl/{name}.crl");
        let crl = ["crl", "-inform", "DER", "-in", &input, "-noout", "-crlnumber"];
        assert!(text(&openssl(&folder, &crl)).contains("crlNumber=0x03"), "one was made by init");
    }
    crls();
    let revoked = check("user-a.pem");
    assert!(!revoked.status.success() && text(&revoked).contains("revoked"), "{}", text(&revoked));
    let good = check("user-s.pem");
    assert!(good.status.success(), "{}", text(&good));
}
