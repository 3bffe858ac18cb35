//! What does not parse as a certificate, each rule of RFC 5280 section 4.1 and 4.2 broken.

use super::*;
use crate::pki::{
    asn1::{self, Algorithm, Signed},
    certificate::Contents,
    extensions as ext, name,
};
use x509_cert::{
    der::asn1::{Null, OctetString},
    ext::{Extension, pkix::BasicConstraints},
};

/// A good certificate with the only (or `nth`) place of `from` replaced.
fn replaced(from: &[u8], to: &[u8], nth: usize) -> Result<Certificate, Error> {
    let mut der = leaf(&issuing(&root())).der().to_vec();
    let mut places = der.windows(from.len()).enumerate().filter(|(_, bytes)| *bytes == from);
    let at = places.nth(nth).unwrap().0;
    der[at..at + to.len()].copy_from_slice(to);
    Certificate::from_der(&der)
}

#[test]
fn version_serial_and_algorithms_must_fit() {
    let malformed = Err(Error::Malformed("certificate"));
    let below_3 = Err(Error::Malformed("certificate: extensions below version 3"));
    assert_eq!(replaced(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01", 0), below_3);
    assert_eq!(replaced(b"\x02\x01\x02\x02\x10", b"\x02\x01\x02\x02\x10\x80", 0), malformed);
    let sha256 = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
    let sha384 = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03";
    for nth in [0, 1] {
        assert_eq!(replaced(sha256, sha384, nth), malformed);
    }
}

#[test]
fn an_issuer_has_a_name() {
    let key = key(KeyKind::P256, 1);
    let subject = name::build([name::part("CN=Nobody's").unwrap()]).unwrap();
    let constraints = BasicConstraints { ca: true, path_len_constraint: None };
    let contents = Contents {
        issuer: b"\x30\x00",
        subject: &subject,
        validity: days(1, 1),
        key: key.public(),
        extensions: vec![asn1::extension(ext::BASIC_CONSTRAINTS, true, &constraints).unwrap()],
    };
    let body = contents.tbs(Algorithm::of(KeyKind::P256)).unwrap();
    let refused = Certificate::from_der(&Signed::make(&body, &key).unwrap());
    assert_eq!(refused, Err(Error::Malformed("issuer name")));
}

#[test]
fn an_rdn_of_several_attributes_holds_no_id_and_is_shown() {
    let name: x509_cert::name::Name = "CN=555000000001+UID=a,OU=people,O=nhs".parse().unwrap();
    assert_eq!(name::user_id(&name), None);
    assert_eq!(name::text(&name).matches('+').count(), 1);
    let plain = "CN=555000000001,OU=people,O=nhs".parse().unwrap();
    assert_eq!(name::user_id(&plain), Some(person()), "UTF8String is read too");
    let odd = "1.3.6.1.4.1.32473.1=#0401ff".parse().unwrap();
    assert_eq!(name::text(&odd), "1.3.6.1.4.1.32473.1=#ff");
}

#[test]
fn an_extension_twice_or_malformed_does_not_parse() {
    let root = root();
    let der_of = |more: Vec<Extension>| {
        let key = key(KeyKind::P256, 1);
        let subject = name::build([name::part("CN=Middle").unwrap()]).unwrap();
        let contents = Contents {
            issuer: root.certificate().subject_der(),
            subject: &subject,
            validity: days(50, 1000),
            key: key.public(),
            extensions: more,
        };
        let body = contents.tbs(Algorithm::of(KeyKind::P384)).unwrap();
        Signed::make(&body, root.key()).unwrap()
    };
    let constraints = BasicConstraints { ca: true, path_len_constraint: None };
    let one = asn1::extension(ext::BASIC_CONSTRAINTS, true, &constraints).unwrap();
    assert!(Certificate::from_der(&der_of(vec![one.clone()])).is_ok());
    let extensions = Err(Error::Malformed("certificate: its extensions"));
    assert_eq!(Certificate::from_der(&der_of(vec![one.clone(), one])), extensions);
    assert_eq!(Certificate::from_der(&der_of(vec![])), extensions);
    let numbered = |place| {
        let oid = ObjectIdentifier::new(&format!("1.3.6.1.4.1.32473.{place}")).unwrap();
        asn1::extension(oid, false, &Null).unwrap()
    };
    assert!(Certificate::from_der(&der_of((1..=64).map(numbered).collect())).is_ok());
    assert_eq!(Certificate::from_der(&der_of((1..=65).map(numbered).collect())), extensions);
    for oid in [
        ext::BASIC_CONSTRAINTS,
        ext::KEY_USAGE,
        ext::EXTENDED_KEY_USAGE,
        ext::SUBJECT_KEY_IDENTIFIER,
        ext::AUTHORITY_KEY_IDENTIFIER,
        ext::CERTIFICATE_POLICIES,
        ext::SUBJECT_ALT_NAME,
        ext::PRIVATE_KEY_USAGE_PERIOD,
        ext::CRL_DISTRIBUTION_POINTS,
    ] {
        let extn_value = OctetString::new(*b"\x05\x01\x00").unwrap();
        let bad = Extension { extn_id: oid, critical: false, extn_value };
        assert!(matches!(Certificate::from_der(&der_of(vec![bad])), Err(Error::Malformed(_))));
    }
    // A path length without an authority, and a default that is written out.
    for content in [&b"\x30\x03\x02\x01\x00"[..], b"\x30\x03\x01\x01\x00"] {
        let extn_value = OctetString::new(content).unwrap();
        let bad = Extension { extn_id: ext::BASIC_CONSTRAINTS, critical: true, extn_value };
        let refused = Certificate::from_der(&der_of(vec![bad]));
        assert_eq!(refused, Err(Error::Malformed("basicConstraints")));
    }
}
