//! What `pki` makes, judged by the OpenSSL command line.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};
use wardcard::{
    clock::Time,
    crypto::{self, Hash, KeyKind, PrivateKey, Scheme},
    pki::{
        Authority, Certificate, CertificationRequest, Crl, Profile, Reason, Revoked, UserId,
        Validity, cms,
    },
};

const DAY: u64 = 86_400;
/// OpenSSL is told to stand on this day.
const NOW: &str = "2026-11-21T09:00:00Z";

/// Root and issuing authority of these kinds, and a card's two certificates over RSA-2048, in files.
struct Files {
    dir: tempfile::TempDir,
    issuing: Authority,
    authentication: Certificate,
    key: PrivateKey,
}

impl Files {
    fn new(root: KeyKind, issuing: KeyKind) -> Self {
        let generate = |kind| PrivateKey::generate(kind).unwrap();
        let root =
            Authority::root(generate(root), "Test Root Authority G2", days(100, 3650)).unwrap();
        let issuing =
            root.issuing(generate(issuing), "Test Authentication G2", days(50, 900)).unwrap();
        let key = generate(KeyKind::Rsa2048);
        let issue = |profile: Profile| {
            let uris = ["http://crl.example/g2.crl"];
            let profile = profile.with_crl_distribution_points(&uris).unwrap();
            issuing.issue(&profile, &person(), key.public(), days(0, 730)).unwrap()
        };
        let authentication = issue(Profile::cis1_authentication());
        let commitment = issue(Profile::cis1_content_commitment());
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("root.pem", &root.certificate().to_pem());
        write("issuing.pem", &issuing.certificate().to_pem());
        write("authentication.pem", &authentication.to_pem());
        write("commitment.pem", &commitment.to_pem());
        Self { dir, issuing, authentication, key }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.dir.path().join(name), bytes).unwrap();
    }

    fn openssl(&self, arguments: &str) -> Output {
        openssl(self.dir.path(), arguments)
    }
}

fn openssl(dir: &Path, arguments: &str) -> Output {
    let arguments = arguments.split_whitespace();
    Command::new("openssl").args(arguments).current_dir(dir).output().unwrap()
}

fn good(output: Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

fn now() -> Time {
    Time::parse_rfc3339(NOW).unwrap()
}

fn days(before: u64, after: u64) -> Validity {
    Validity {
        not_before: now().minus(Duration::from_secs(before * DAY)),
        not_after: now().plus(Duration::from_secs(after * DAY)),
    }
}

fn person() -> UserId {
    UserId::parse("555000000001").unwrap()
}

const KINDS: [(KeyKind, KeyKind); 4] = [
    (KeyKind::Rsa2048, KeyKind::Rsa2048),
    (KeyKind::P256, KeyKind::P256),
    (KeyKind::P384, KeyKind::P256),
    (KeyKind::Rsa3072, KeyKind::P384),
];

#[test]
#[ignore = "needs openssl"]
fn chains_verify_strictly_under_rsa_and_ec_authorities() {
    for (root, issuing) in KINDS {
        let files = Files::new(root, issuing);
        let at = now().unix_seconds() + 60;
        let common = format!("verify -x509_strict -check_ss_sig -attime {at} -CAfile root.pem");
        for name in ["authentication.pem", "commitment.pem"] {
            let text = good(files.openssl(&format!("{common} -untrusted issuing.pem {name}")));
            assert!(text.contains(&format!("{name}: OK")), "{text}");
        }
        good(files.openssl(&format!("{common} issuing.pem")));
        let late = now().unix_seconds() + 731 * 86_400;
        let late = format!(
            "verify -attime {late} -CAfile root.pem -untrusted issuing.pem authentication.pem"
        );
        assert!(!files.openssl(&late).status.success(), "expired by then");
    }
}

#[test]
#[ignore = "needs openssl"]
fn the_text_of_a_certificate_shows_the_profile() {
    let files = Files::new(KeyKind::P384, KeyKind::Rsa2048);
    let text = good(files.openssl("x509 -noout -text -in authentication.pem"));
    for expected in [
        "Version: 3 (0x2)",
        "Signature Algorithm: sha256WithRSAEncryption",
        "Issuer: C = GB, O = nhs, OU = CA, CN = Test Authentication G2",
        "Subject: O = nhs, OU = people, CN = 555000000001",
        "Public-Key: (2048 bit)",
        "CA:FALSE",
        "X509v3 Key Usage: \n                Digital Signature\n",
        "Policy: 1.2.826.0.1275.101.0.3.1.1",
        "X509v3 Private Key Usage Period: \n                Not Before: Nov 21 09:00:00 2026 GMT, Not After: Nov 20 09:00:00 2028 GMT",
        "X509v3 Authority Key Identifier",
        "X509v3 Subject Key Identifier",
        "URI:http://crl.example/g2.crl",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(
        !text.contains("critical") && !text.contains("Extended") && !text.contains("Alternative")
    );
    let text = good(files.openssl("x509 -noout -text -in commitment.pem"));
    assert!(text.contains("X509v3 Key Usage: \n                Non Repudiation\n"), "{text}");
    assert!(text.contains("qcStatements") && !text.contains("Policy:"), "{text}");
    let text = good(files.openssl("x509 -noout -text -in issuing.pem"));
    assert!(
        text.contains("X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0")
    );
    assert!(
        text.contains("X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign")
    );
}

#[test]
#[ignore = "needs openssl"]
fn requests_verify_and_openssls_are_read() {
    let dir = tempfile::tempdir().unwrap();
    for kind in [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384] {
        let key = PrivateKey::generate(kind).unwrap();
        let request = CertificationRequest::new(&person(), &key).unwrap();
        fs::write(dir.path().join("request.der"), request.der()).unwrap();
        let text =
            good(openssl(dir.path(), "req -inform DER -in request.der -verify -noout -text"));
        assert!(text.contains("verify OK"), "{text}");
        assert!(text.contains("Subject: O = nhs, OU = people, CN = 555000000001"), "{text}");
    }
    for kind in ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-256"] {
        let subject = "/O=nhs/OU=people/CN=555000000001";
        let extension = "-addext keyUsage=digitalSignature";
        good(openssl(
            dir.path(),
            &format!(
                "req -new -newkey {kind} -nodes -keyout k.pem -subj {subject} {extension} -outform DER -out own.der"
            ),
        ));
        let read = CertificationRequest::from_der(&fs::read(dir.path().join("own.der")).unwrap());
        assert_eq!(read.unwrap().user_id(), Some(person()));
    }
}

#[test]
#[ignore = "needs openssl"]
fn crls_verify_and_revoke() {
    for (root, issuing) in KINDS {
        let files = Files::new(root, issuing);
        let (this, next) = (days(1, 0).not_before, days(0, 7).not_after);
        let empty = files.issuing.crl(&[], 1, this, next).unwrap();
        let revoked = Revoked {
            serial_der: files.authentication.serial_der().to_vec(),
            at: now(),
            reason: Reason::KeyCompromise,
        };
        let full = files.issuing.crl_with_reasons(&[revoked], 2, this, next).unwrap();
        for (name, der) in [("empty.pem", &empty), ("full.pem", &full)] {
            files.write(name, Crl::from_der(der).unwrap().to_pem().as_bytes());
            let text = good(
                files.openssl(&format!("crl -in {name} -noout -text -CAfile issuing.pem -verify")),
            );
            assert!(text.contains("verify OK"), "{text}");
            assert!(
                text.contains("Version 2 (0x1)") && text.contains("X509v3 CRL Number"),
                "{text}"
            );
        }
        assert!(good(files.openssl("crl -in full.pem -noout -text")).contains("Key Compromise"));
        let at = now().unix_seconds() + 60;
        let check = |crl: &str| {
            files.openssl(&format!("verify -x509_strict -crl_check -attime {at} -CRLfile {crl} -CAfile root.pem -untrusted issuing.pem authentication.pem"))
        };
        good(check("empty.pem"));
        let refused = check("full.pem");
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("certificate revoked"));
    }
}

#[test]
#[ignore = "needs openssl"]
fn responses_verify_as_der_and_as_smime() {
    let files = Files::new(KeyKind::P384, KeyKind::P256);
    let challenge: Vec<u8> = (0..48).chain([0, b'\n', b'\r', 0xff]).collect();
    let pem = |name: &str| fs::read(files.dir.path().join(name)).unwrap();
    files.write("chain.pem", &[pem("root.pem"), pem("issuing.pem")].concat());
    for hash in [Hash::Sha1, Hash::Sha256] {
        let sign =
            |message: &[u8]| files.key.sign(Scheme::Pkcs1(hash), &crypto::digest(hash, message));
        let der = cms::signed_data(hash, &files.authentication, &challenge, sign).unwrap().unwrap();
        files.write("response.der", &der);
        files.write("response.txt", cms::smime(&der).as_bytes());
        let at = now().unix_seconds() + 60;
        for input in ["DER -in response.der", "SMIME -in response.txt"] {
            good(files.openssl(&format!(
                "cms -verify -binary -inform {input} -attime {at} -purpose any -CAfile chain.pem -out content"
            )));
            assert_eq!(fs::read(files.dir.path().join("content")).unwrap(), challenge);
        }
        let text = good(files.openssl("cms -cmsout -print -inform DER -in response.der"));
        assert!(text.contains("algorithm: rsaEncryption (1.2.840.113549.1.1.1)"), "{text}");
        assert!(text.contains("signedAttrs:\n          <ABSENT>"), "{text}");
    }
}

#[test]
#[ignore = "needs openssl"]
fn a_response_of_openssls_own_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &str| good(openssl(dir.path(), arguments));
    run(
        "req -x509 -newkey rsa:2048 -nodes -keyout k.pem -subj /O=nhs/OU=people/CN=555000000001 -days 2 -out c.pem",
    );
    fs::write(dir.path().join("challenge"), b"challenge").unwrap();
    for hash in ["sha1", "sha256"] {
        run(&format!(
            "cms -sign -binary -nodetach -noattr -md {hash} -in challenge -signer c.pem -inkey k.pem -outform DER -out r.der"
        ));
        let response = fs::read(dir.path().join("r.der")).unwrap();
        let certificate = cms::verify(&response, b"challenge").unwrap();
        assert_eq!(certificate.user_id(), Some(person()));
        let pem = fs::read_to_string(dir.path().join("c.pem")).unwrap();
        assert_eq!(Certificate::from_pem(&pem).unwrap(), [certificate]);
    }
}
