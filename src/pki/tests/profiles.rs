//! Every row of the CIS1 profile, and profiles of a deployment.

use super::*;

/// `O=trust` and so on: what a profile needs, to be built upon.
const BASE: &str = r#"
[profile.own]
subject = ["O=trust", "CN={id}"]
keys = ["P-256"]
key-usage = ["digitalSignature"]
"#;

fn issue(profile: &Profile, kind: KeyKind) -> Certificate {
    let issuing = issuing(&root());
    issuing.issue(profile, &person(), key(kind, 1).public(), days(0, 10)).unwrap()
}

fn own(more: &str) -> Result<Vec<Profile>, Error> {
    Profile::from_toml(&format!("{BASE}{more}\n"))
}

/// Rows that both CIS1 certificates share.
fn check_common_rows(certificate: &Certificate) {
    let authority = issuing(&root());
    let aki = [b"\x30\x16\x80\x14".as_slice(), &authority.certificate().key_id()].concat();
    assert_eq!(extension(certificate, "2.5.29.35"), Some((false, aki)), "AKI");
    let ski = [b"\x04\x14".as_slice(), &certificate.key_id()].concat();
    assert_eq!(extension(certificate, "2.5.29.14"), Some((false, ski)), "SKI");
    assert_eq!(
        extension(certificate, "2.5.29.19"),
        Some((false, b"\x30\x00".to_vec())),
        "CA:FALSE"
    );
    let period = b"\x30\x22\x80\x0f20261121090000Z\x81\x0f20261201090000Z".to_vec();
    assert_eq!(extension(certificate, "2.5.29.16"), Some((false, period)), "usage period");
    assert_eq!(extension(certificate, "2.5.29.37"), None, "no EKU");
    assert_eq!(extension(certificate, "2.5.29.17"), None, "no SAN");
    assert_eq!(extension(certificate, "2.5.29.31"), None, "no CRL DP unless configured");
    assert_eq!(certificate.public_key().kind(), KeyKind::Rsa2048);
    let parsed = x509_cert::Certificate::from_der(certificate.der()).unwrap();
    assert_eq!(parsed.signature_algorithm().oid.to_string(), "1.2.840.10045.4.3.2");
}

#[test]
fn every_row_of_cis1_authentication() {
    let profile = Profile::cis1_authentication();
    assert_eq!((profile.name(), profile.key_kind()), ("cis1-authentication", KeyKind::Rsa2048));
    let certificate = issue(&profile, KeyKind::Rsa2048);
    check_common_rows(&certificate);
    let usage = Some((false, b"\x03\x02\x07\x80".to_vec()));
    assert_eq!(extension(&certificate, "2.5.29.15"), usage, "digitalSignature only");
    let policy = b"\x30\x0f\x30\x0d\x06\x0b\x2a\x86\x3a\x00\x89\x7b\x65\x00\x03\x01\x01";
    assert_eq!(extension(&certificate, "2.5.29.32"), Some((false, policy.to_vec())));
    assert_eq!(extension(&certificate, "1.3.6.1.5.5.7.1.3"), None, "no qcStatements");
}

#[test]
fn every_row_of_cis1_content_commitment() {
    let profile = Profile::cis1_content_commitment();
    assert_eq!((profile.name(), profile.key_kind()), ("cis1-content-commitment", KeyKind::Rsa2048));
    let certificate = issue(&profile, KeyKind::Rsa2048);
    check_common_rows(&certificate);
    let usage = Some((false, b"\x03\x02\x06\x40".to_vec()));
    assert_eq!(extension(&certificate, "2.5.29.15"), usage, "nonRepudiation only");
    assert!(certificate.allows(Usage::NonRepudiation));
    let statements = b"\x30\x0a\x30\x08\x06\x06\x04\x00\x8e\x46\x01\x01".to_vec();
    assert_eq!(extension(&certificate, "1.3.6.1.5.5.7.1.3"), Some((false, statements)));
    assert_eq!(extension(&certificate, "2.5.29.32"), None, "no policies");
}

#[test]
fn the_switches_of_a_deployment_reach_the_certificate() {
    let profile = own(r#"
key-usage-critical = true
extended-key-usage = ["clientAuth", "smartcardLogon", "1.3.6.1.5.5.7.3.9"]
subject-alternative-names = [{ upn = "{id}@a.example" }, { email = "{id}@b.example" }, { dns = "{id}.c.example" }]
basic-constraints = false
subject-key-identifier = false
authority-key-identifier = false
crl-distribution-points = ["http://crl.example/g2.crl"]
"#)
    .unwrap();
    let certificate = issue(&profile[0], KeyKind::P256);
    assert_eq!(certificate.subject_text(), "O=trust, CN=555000000001");
    assert_eq!(extension(&certificate, "2.5.29.15"), Some((true, b"\x03\x02\x07\x80".to_vec())));
    let purposes = ["1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.311.20.2.2", "1.3.6.1.5.5.7.3.9"];
    assert_eq!(certificate.extended_key_usage(), purposes);
    let names = [
        b"\x30\x58\xa0\x26\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03\xa0\x18\x0c\x16"
            .as_slice(),
        b"555000000001@a.example\x81\x16555000000001@b.example\x82\x16555000000001.c.example",
    ];
    assert_eq!(extension(&certificate, "2.5.29.17"), Some((false, names.concat())));
    for absent in ["2.5.29.19", "2.5.29.14", "2.5.29.35", "2.5.29.16"] {
        assert_eq!(extension(&certificate, absent), None, "{absent}");
    }
    let points = b"\x30\x21\x30\x1f\xa0\x1d\xa0\x1b\x86\x19http://crl.example/g2.crl".to_vec();
    assert_eq!(extension(&certificate, "2.5.29.31"), Some((false, points.clone())));
    let cis1 = Profile::cis1_authentication();
    let cis1 = cis1.with_crl_distribution_points(&["http://crl.example/g2.crl"]).unwrap();
    assert_eq!(extension(&issue(&cis1, KeyKind::Rsa2048), "2.5.29.31"), Some((false, points)));
    let bad = Profile::cis1_authentication().with_crl_distribution_points(&["file:///etc"]);
    assert!(matches!(bad, Err(Error::Name(_))));
}

#[test]
fn a_key_that_the_profile_does_not_admit_is_refused() {
    let profile = &own("").unwrap()[0];
    assert!(profile.admits(KeyKind::P256) && !profile.admits(KeyKind::Rsa2048));
    let key = key(KeyKind::Rsa2048, 1);
    let refused = issuing(&root()).issue(profile, &person(), key.public(), days(0, 1));
    assert_eq!(refused, Err(Error::KeyKind));
}

#[test]
fn mistakes_in_a_profile_are_refused_with_their_line() {
    for (more, line) in [
        ("unknown = 1", 6),
        ("name = \"x\"", 6),
        ("key-usage-critical = 1", 6),
        ("certificate-policies = [\"1.2\", \"x.y\"]", 6),
        ("extended-key-usage = [\"serverAuthority\"]", 6),
        ("subject-alternative-names = [{ upn = \"{id}\" }]", 6),
        ("subject-alternative-names = [{ uri = \"a\" }]", 6),
        ("subject-alternative-names = [{ email = \"a b@c\" }]", 6),
        ("subject-alternative-names = [{ dns = \"{id}@c\" }]", 6),
        ("crl-distribution-points = [\"http://a b\"]", 6),
        ("crl-distribution-points = [\"http://\"]", 6),
        ("subject = []", 6),
        ("=", 6),
    ] {
        let error = own(more).err();
        assert!(
            matches!(&error, Some(Error::Profile { line: l, .. }) if *l == line),
            "{more}: {error:?}"
        );
    }
    for (from, to, line) in [
        ("[\"O=trust\", \"CN={id}\"]", "[\"O=trust\"]", 3),
        ("[\"O=trust\", \"CN={id}\"]", "[\"OU={id}\", \"CN={id}\"]", 3),
        ("\"O=trust\"", "\"trust\"", 3),
        ("\"O=trust\"", "\"C=GBR\"", 3),
        ("[\"P-256\"]", "[]", 4),
        ("\"P-256\"", "\"P-521\"", 4),
        ("[\"digitalSignature\"]", "[]", 5),
        ("\"digitalSignature\"", "\"keyCertSign\"", 5),
        ("keys = [\"P-256\"]", "", 2),
    ] {
        let error = Profile::from_toml(&BASE.replace(from, to)).err();
        assert!(
            matches!(&error, Some(Error::Profile { line: l, .. }) if *l == line),
            "{to}: {error:?}"
        );
    }
    assert!(Profile::from_toml("[other]\na = 1\n").is_err());
}
