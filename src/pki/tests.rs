//! Certificates, profiles, authorities and requests; what the other parts' tests share.

mod chain;
mod hostile;
mod profiles;
mod response;
mod revocation;
mod structure;

use super::*;
use crate::crypto::{self, KeyKind, PrivateKey, Scheme};
use std::{sync::OnceLock, time::Duration};
use x509_cert::der::{Decode, asn1::ObjectIdentifier};

pub(super) const DAY: u64 = 86_400;

/// A key of this kind, the same at each call; `which` tells two of a kind apart.
pub(super) fn key(kind: KeyKind, which: usize) -> PrivateKey {
    static KEYS: [[OnceLock<PrivateKey>; 3]; 3] = [const { [const { OnceLock::new() }; 3] }; 3];
    let row = match kind {
        KeyKind::Rsa2048 => 0,
        KeyKind::P256 => 1,
        KeyKind::P384 => 2,
        other => panic!("no test key of {other:?}"),
    };
    KEYS[row][which].get_or_init(|| PrivateKey::generate(kind).unwrap()).clone()
}

pub(super) fn now() -> Time {
    Time::parse_rfc3339("2026-11-21T09:00:00Z").unwrap()
}

pub(super) fn days(before: u64, after: u64) -> Validity {
    Validity {
        not_before: now().minus(Duration::from_secs(before * DAY)),
        not_after: now().plus(Duration::from_secs(after * DAY)),
    }
}

pub(super) fn person() -> UserId {
    UserId::parse("555000000001").unwrap()
}

pub(super) fn root() -> Authority {
    Authority::root(key(KeyKind::P384, 0), "Test Root Authority G2", days(100, 3650)).unwrap()
}

pub(super) fn issuing(root: &Authority) -> Authority {
    root.issuing(key(KeyKind::P256, 0), "Test Authentication G2", days(50, 1000)).unwrap()
}

/// A certificate over an RSA key by this authority.
pub(super) fn leaf(issuer: &Authority) -> Certificate {
    let key = key(KeyKind::Rsa2048, 0);
    issuer.issue(&Profile::cis1_authentication(), &person(), key.public(), days(0, 10)).unwrap()
}

/// Critical flag and content of an extension.
pub(super) fn extension(certificate: &Certificate, oid: &str) -> Option<(bool, Vec<u8>)> {
    let parsed = x509_cert::Certificate::from_der(certificate.der()).unwrap();
    let oid = ObjectIdentifier::new(oid).unwrap();
    let extensions = parsed.tbs_certificate().extensions().unwrap();
    let found = extensions.iter().find(|extension| extension.extn_id == oid);
    found.map(|found| (found.critical, found.extn_value.as_bytes().to_vec()))
}

#[test]
fn the_subject_is_o_ou_cn_in_this_order_in_printable_strings_byte_for_byte() {
    let root = root();
    let issuing = issuing(&root);
    let expected = [
        b"\x30\x36".as_slice(),
        b"\x31\x0c\x30\x0a\x06\x03\x55\x04\x0a\x13\x03nhs",
        b"\x31\x0f\x30\x0d\x06\x03\x55\x04\x0b\x13\x06people",
        b"\x31\x15\x30\x13\x06\x03\x55\x04\x03\x13\x0c555000000001",
    ]
    .concat();
    for profile in [Profile::cis1_authentication(), Profile::cis1_content_commitment()] {
        let key = key(KeyKind::Rsa2048, 0);
        let certificate = issuing.issue(&profile, &person(), key.public(), days(0, 10)).unwrap();
        assert_eq!(certificate.subject_der(), expected);
        assert!(certificate.der().windows(expected.len()).any(|bytes| bytes == expected));
        assert_eq!(certificate.subject_text(), "O=nhs, OU=people, CN=555000000001");
        assert_eq!(certificate.user_id(), Some(person()));
        assert_eq!(certificate.issuer_der(), issuing.certificate().subject_der());
        assert_eq!(certificate.issuer_text(), "C=GB, O=nhs, OU=CA, CN=Test Authentication G2");
    }
    let request = CertificationRequest::new(&person(), &key(KeyKind::P256, 1)).unwrap();
    assert!(request.der().windows(expected.len()).any(|bytes| bytes == expected));
    assert_eq!(request.user_id(), Some(person()));
}

#[test]
fn an_authority_has_the_shape_of_g2() {
    let root = root();
    let issuing = issuing(&root);
    let text = root.certificate().subject_text();
    assert_eq!(text, "C=GB, O=NHS, OU=CA, CN=Test Root Authority G2");
    assert_eq!(root.certificate().subject_der(), root.certificate().issuer_der());
    let constraints = "2.5.29.19";
    assert_eq!(
        extension(root.certificate(), constraints),
        Some((true, b"\x30\x03\x01\x01\xff".to_vec()))
    );
    assert_eq!(
        extension(issuing.certificate(), constraints),
        Some((true, b"\x30\x06\x01\x01\xff\x02\x01\x00".to_vec()))
    );
    for authority in [&root, &issuing] {
        assert!(authority.certificate().is_authority());
        let usage = extension(authority.certificate(), "2.5.29.15");
        assert_eq!(usage, Some((true, b"\x03\x02\x01\x06".to_vec())));
        assert!(!authority.certificate().allows(Usage::DigitalSignature));
    }
    let key = key(KeyKind::P256, 1);
    let below = issuing.issuing(key, "Test Third", days(0, 5)).err();
    assert_eq!(below, Some(Error::PathLength { depth: 1 }));
}

#[test]
fn names_of_a_deployment_are_kept_in_order_and_bad_ones_refused() {
    let name = ["C=GB", "O=Test Trust & Söhne", "DC=example", "CN=Root, first"];
    let root = Authority::root_named(key(KeyKind::P256, 0), &name, days(1, 1)).unwrap();
    let text = root.certificate().subject_text();
    assert_eq!(text, "C=GB, O=Test Trust & Söhne, DC=example, CN=Root\\, first");
    let long = format!("CN={}", "x".repeat(65));
    for bad in ["", "CN", "CN=", "XX=a", "C=gb", "C=GBR", "CN= a", "CN=a\nb", "DC=ö", &long] {
        let refused = Authority::root_named(key(KeyKind::P256, 0), &[bad], days(1, 1)).err();
        assert!(matches!(refused, Some(Error::Name(_))), "{bad}: {refused:?}");
    }
    let nameless = Authority::root_named(key(KeyKind::P256, 0), &[], days(1, 1)).err();
    assert!(matches!(nameless, Some(Error::Name(_))));
    let own = ["C=GB", "O=Test Trust & Söhne", "DC=example", "CN=Root, first"];
    assert!(root.issuing_named(key(KeyKind::P256, 1), &own, days(0, 1)).is_err());
}

#[test]
fn a_certificate_survives_der_and_pem_and_shows_what_went_in() {
    let issuing = issuing(&root());
    let made = leaf(&issuing);
    let read = Certificate::from_der(made.der()).unwrap();
    assert_eq!(made, read);
    assert_eq!(read.validity(), days(0, 10));
    assert_eq!(
        (read.not_before(), read.not_after()),
        (days(0, 10).not_before, days(0, 10).not_after)
    );
    assert_eq!(read.public_key(), key(KeyKind::Rsa2048, 0).public());
    assert!(read.allows(Usage::DigitalSignature) && !read.allows(Usage::NonRepudiation));
    assert!(!read.is_authority() && read.extended_key_usage().is_empty());
    let pem = format!("a comment\n{}{}", read.to_pem(), issuing.certificate().to_pem());
    assert_eq!(Certificate::from_pem(&pem).unwrap(), [read, issuing.certificate().clone()]);
    assert!(!format!("{made:?}").contains("555000000001"));
}

#[test]
fn pem_without_a_certificate_or_cut_off_is_refused() {
    let pem = leaf(&issuing(&root())).to_pem();
    let cut = pem.replace("-----END CERTIFICATE-----", "");
    let other = pem.replace("CERTIFICATE", "PRIVATE KEY");
    let bad = pem.replacen("MII", "M!!", 1);
    for text in ["", "nothing", &cut, &other, &bad] {
        assert!(matches!(Certificate::from_pem(text), Err(Error::Malformed(_))));
    }
}

#[test]
fn serials_are_16_random_positive_bytes() {
    let issuing = issuing(&root());
    let serials: Vec<_> = (0..20).map(|_| leaf(&issuing).serial_der().to_vec()).collect();
    for (place, serial) in serials.iter().enumerate() {
        assert_eq!(serial[..2], [2, 16]);
        assert!(serial[2] & 0x80 == 0 && serial[2] != 0);
        assert!(!serials[..place].contains(serial));
    }
}

#[test]
fn dates_are_utctime_until_2049_and_generalizedtime_from_2050() {
    let validity = Validity {
        not_before: Time::parse_rfc3339("2049-12-31T23:59:59Z").unwrap(),
        not_after: Time::parse_rfc3339("2050-01-01T00:00:00Z").unwrap(),
    };
    let root = Authority::root(key(KeyKind::P256, 0), "Far Root", validity).unwrap();
    let expected = b"\x30\x20\x17\x0d491231235959Z\x18\x0f20500101000000Z";
    assert!(root.certificate().der().windows(expected.len()).any(|bytes| bytes == expected));
    assert_eq!(root.certificate().validity(), validity);
    // The other form of the same date is refused.
    let early = b"\x30\x22\x18\x0f20491231235959Z\x18\x0f20500101000000Z";
    let mut der = root.certificate().der().to_vec();
    let at = der.windows(expected.len()).position(|bytes| bytes == expected).unwrap();
    der.splice(at..at + expected.len(), early.iter().copied());
    for length_at in [2, 6] {
        let length = u16::from_be_bytes([der[length_at], der[length_at + 1]]) + 2;
        der[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    }
    assert_eq!(Certificate::from_der(&der), Err(Error::Malformed("certificate")));
}

#[test]
fn a_validity_must_lie_inside_the_issuers_and_not_be_empty() {
    let issuing = issuing(&root());
    let profile = Profile::cis1_authentication();
    let key = key(KeyKind::Rsa2048, 0);
    let issue = |validity| issuing.issue(&profile, &person(), key.public(), validity);
    let own = issuing.certificate().validity();
    let exceeds =
        Err(Error::ValidityExceedsIssuer { not_before: own.not_before, not_after: own.not_after });
    for validity in [days(51, 10), days(0, 1001)] {
        assert_eq!(issue(validity), exceeds);
        assert!(issue(validity.capped(own)).is_ok());
    }
    let half = Duration::from_millis(500);
    let Validity { not_before, not_after } = own;
    let with_millis =
        Validity { not_before: not_before.plus(half), not_after: not_after.plus(half) };
    assert!(issue(with_millis).is_ok(), "whole seconds count");
    let (start, end) = (days(0, 2).not_after, days(0, 1).not_after);
    assert_eq!(issue(Validity { not_before: start, not_after: end }), Err(Error::Validity));
    let late = root().issuing(key.clone(), "Late", days(0, 3651)).err();
    assert!(matches!(late, Some(Error::ValidityExceedsIssuer { .. })));
    let before_1970 = Validity { not_before: Time::from_unix_seconds(-1), not_after: now() };
    assert_eq!(Authority::root(key, "Old", before_1970).err(), Some(Error::Validity));
}

#[test]
fn an_authority_from_parts_needs_its_own_key_and_the_right_to_issue() {
    let root = root();
    let issuing = issuing(&root);
    let own = key(KeyKind::P256, 0);
    assert!(Authority::from_parts(issuing.certificate().clone(), own.clone()).is_ok());
    let other = Authority::from_parts(issuing.certificate().clone(), key(KeyKind::P256, 1));
    assert_eq!(other.err(), Some(Error::KeyMismatch));
    let person = Authority::from_parts(leaf(&issuing), key(KeyKind::Rsa2048, 0));
    assert_eq!(person.err(), Some(Error::NotAuthority { depth: 0 }));
}

#[test]
fn the_id_is_12_digits_in_a_common_name_in_the_third_rdn() {
    for (name, id) in [
        (&["O=nhs", "OU=people", "CN=555000000001"][..], Some("555000000001")),
        (&["O=nhs", "OU=people", "CN=555000000001", "OU=more"], Some("555000000001")),
        (&["OU=people", "CN=555000000001"], None),
        (&["CN=555000000001", "OU=people", "O=nhs"], None),
        (&["O=nhs", "OU=people", "OU=555000000001"], None),
        (&["O=nhs", "OU=people", "CN=55500000001"], None),
        (&["O=nhs", "OU=people", "CN=5550000000011"], None),
        (&["O=nhs", "OU=people", "CN=55500000000x"], None),
    ] {
        let root = Authority::root_named(key(KeyKind::P256, 0), name, days(1, 1)).unwrap();
        assert_eq!(root.certificate().user_id().as_ref().map(UserId::as_str), id, "{name:?}");
    }
}

#[test]
fn a_request_is_signed_by_its_own_key_here_or_elsewhere() {
    for kind in [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384] {
        let key = key(kind, 1);
        let request = CertificationRequest::new(&person(), &key).unwrap();
        let read = CertificationRequest::from_der(request.der()).unwrap();
        assert_eq!(read.public_key(), key.public());
        assert_eq!(read.subject_text(), "O=nhs, OU=people, CN=555000000001");
        assert!(read.to_pem().starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"));
        assert_eq!(CertificationRequest::from_pem(&read.to_pem()).unwrap().der(), read.der());
        assert!(!format!("{read:?}").contains("555000000001"));
        for (slot, usage) in
            [(KeySlot::Authentication, [7, 128]), (KeySlot::ContentCommitment, [6, 64])]
        {
            let asking = CertificationRequest::for_slot(&person(), slot, &key).unwrap();
            let read = CertificationRequest::from_der(asking.der()).unwrap();
            assert_eq!(read.subject_text(), request.subject_text());
            // extensionRequest of one extension: keyUsage, critical.
            let asked = [
                &[0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 14, 0x31, 18, 0x30, 16][..],
                &[0x30, 14, 0x06, 3, 0x55, 0x1D, 15, 1, 1, 0xFF, 4, 4, 3, 2],
                &usage,
            ]
            .concat();
            assert!(read.der().windows(asked.len()).any(|bytes| bytes == asked), "{slot:?}");
        }
    }
    let (own, other) = (key(KeyKind::P256, 1), key(KeyKind::P256, 2));
    let by = |key: PrivateKey| move |scheme: Scheme, digest: &[u8]| key.sign(scheme, digest);
    let public = own.public();
    let elsewhere = CertificationRequest::signed_elsewhere(&person(), public, by(own.clone()));
    assert!(elsewhere.unwrap().is_ok());
    let wrong = CertificationRequest::signed_elsewhere(&person(), public, by(other));
    assert_eq!(wrong.err(), Some(Error::Signature("certificate request")));
    let refused = |_: Scheme, _: &[u8]| Err("no card");
    let refused = CertificationRequest::signed_elsewhere(&person(), public, refused).unwrap();
    assert_eq!(refused.err(), Some("no card"));
}

#[test]
fn a_request_with_another_signature_version_or_tail_is_refused() {
    let der =
        CertificationRequest::new(&person(), &key(KeyKind::Rsa2048, 1)).unwrap().der().to_vec();
    let mut altered = der.clone();
    *altered.last_mut().unwrap() ^= 1;
    let refused = CertificationRequest::from_der(&altered).err();
    assert_eq!(refused, Some(Error::Signature("certificate request")));
    let mut version = der.clone();
    let at = version.windows(3).position(|bytes| bytes == [2, 1, 0]).unwrap();
    version[at + 2] = 1;
    let refused = CertificationRequest::from_der(&version).err();
    assert_eq!(refused, Some(Error::Malformed("certificate request")));
    let longer = [der.as_slice(), &[0]].concat();
    assert!(matches!(CertificationRequest::from_der(&longer), Err(Error::Malformed(_))));
}

#[test]
fn the_key_identifier_is_sha1_of_the_keys_bits() {
    let certificate = leaf(&issuing(&root()));
    let spki = certificate.public_key().spki();
    // SubjectPublicKeyInfo of RSA-2048: the bits begin after 24 bytes.
    let expected = crypto::digest(crypto::Hash::Sha1, &spki[24..]);
    assert_eq!(certificate.key_id(), expected);
    let ski = extension(&certificate, "2.5.29.14").unwrap();
    assert_eq!(ski, (false, [&[4, 20], expected.as_slice()].concat()));
}
