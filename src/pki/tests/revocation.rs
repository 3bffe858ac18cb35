//! CRLs: what goes in comes out, and what is no plain complete CRL is refused.

use super::{chain::OK, *};
use crate::pki::asn1::Signed;
use x509_cert::{
    certificate::Version,
    crl::{RevokedCert, TbsCertList},
    der::{Any, Encode, asn1::OctetString},
    ext::Extension,
};

fn revoked(certificate: &Certificate, reason: Reason) -> Revoked {
    Revoked { serial_der: certificate.serial_der().to_vec(), at: now(), reason }
}

/// A CRL over these by this authority, current for this time.
pub(super) fn crl(issuer: &Authority, revoked: &[&Certificate], validity: Validity) -> Vec<u8> {
    let revoked: Vec<_> = revoked.iter().map(|one| (one.serial_der().to_vec(), now())).collect();
    issuer.crl(&revoked, 1, validity.not_before, validity.not_after).unwrap()
}

#[test]
fn a_crl_holds_serials_dates_reasons_and_its_number() {
    let issuing = issuing(&root());
    let (one, two, three) = (leaf(&issuing), leaf(&issuing), leaf(&issuing));
    let entries = [revoked(&one, Reason::KeyCompromise), revoked(&two, Reason::Unspecified)];
    let validity = days(0, 7);
    let der =
        issuing.crl_with_reasons(&entries, 256, validity.not_before, validity.not_after).unwrap();
    let crl = Crl::from_der(&der).unwrap();
    assert_eq!(crl.der(), der);
    assert_eq!(crl.revoked(), entries);
    assert_eq!(crl.number(), Some(&[1, 0][..]));
    assert_eq!((crl.this_update(), crl.next_update()), (validity.not_before, validity.not_after));
    assert_eq!(crl.issuer_der(), issuing.certificate().subject_der());
    assert_eq!(crl.find(one.serial_der()), Some(&entries[0]));
    assert_eq!(crl.find(three.serial_der()), None);
    assert_eq!(crl.verify(issuing.certificate()), Ok(()));
    assert!(crl.to_pem().starts_with("-----BEGIN X509 CRL-----\n"));
    let aki = [b"\x30\x16\x80\x14".as_slice(), &issuing.certificate().key_id()].concat();
    assert!(der.windows(aki.len()).any(|bytes| bytes == aki));
}

#[test]
fn every_reason_survives_and_an_empty_list_is_possible() {
    let issuing = issuing(&root());
    let one = leaf(&issuing);
    let validity = days(0, 7);
    for reason in [
        Reason::Unspecified,
        Reason::KeyCompromise,
        Reason::AuthorityCompromise,
        Reason::AffiliationChanged,
        Reason::Superseded,
        Reason::CessationOfOperation,
        Reason::CertificateHold,
        Reason::PrivilegeWithdrawn,
    ] {
        let entries = [revoked(&one, reason)];
        let crl = issuing.crl_with_reasons(&entries, 1, validity.not_before, validity.not_after);
        assert_eq!(Crl::from_der(&crl.unwrap()).unwrap().revoked(), entries);
    }
    let empty = issuing.crl(&[], 0, validity.not_before, validity.not_after).unwrap();
    let empty = Crl::from_der(&empty).unwrap();
    assert_eq!((empty.revoked(), empty.number()), (&[][..], Some(&[0][..])));
}

#[test]
fn a_crl_by_another_or_altered_does_not_verify() {
    let root = root();
    let issuing = issuing(&root);
    let validity = days(0, 7);
    let der = issuing.crl(&[], 1, validity.not_before, validity.not_after).unwrap();
    let crl = Crl::from_der(&der).unwrap();
    assert_eq!(crl.verify(root.certificate()), Err(Error::NameMismatch { depth: 0 }));
    let other = root.issuing(key(KeyKind::P256, 2), "Test Authentication G2", days(50, 1000));
    let other = other.unwrap();
    assert_eq!(crl.verify(other.certificate()), Err(Error::Signature("CRL")));
    let mut altered = der;
    let number = b"\x55\x1d\x14\x04\x03\x02\x01";
    let at = altered.windows(number.len()).position(|bytes| bytes == number).unwrap();
    altered[at + number.len()] = 2;
    let altered = Crl::from_der(&altered).unwrap();
    assert_eq!(altered.number(), Some(&[2][..]));
    assert_eq!(altered.verify(issuing.certificate()), Err(Error::Signature("CRL")));
}

#[test]
fn what_cannot_stand_in_a_crl_is_refused() {
    let issuing = issuing(&root());
    let validity = days(0, 7);
    let (this, next) = (validity.not_before, validity.not_after);
    assert_eq!(issuing.crl(&[], 1, next, this), Err(Error::Validity));
    assert_eq!(issuing.crl(&[], 1, this, this), Err(Error::Validity));
    for serial in [&b"\x01\x02"[..], b"", b"\x02\x02\x00\x01", b"\x02\x01\x01\x00"] {
        let refused = issuing.crl(&[(serial.to_vec(), this)], 1, this, next);
        assert_eq!(refused, Err(Error::Malformed("serial number")));
    }
}

#[test]
fn a_revoked_certificate_is_refused_wherever_it_stands() {
    let root = root();
    let issuing = issuing(&root);
    let (end, middle) = (leaf(&issuing), issuing.certificate().clone());
    let (chain, roots) = ([end.clone(), middle.clone()], [root.certificate().clone()]);
    let week = days(1, 7);
    let check = |crls: &[Vec<u8>]| validate(&chain, &roots, crls, now());
    assert_eq!(check(&[crl(&issuing, &[], week)]), OK);
    assert_eq!(check(&[crl(&issuing, &[], week), crl(&root, &[], week)]), OK);
    let other = leaf(&issuing);
    assert_eq!(check(&[crl(&issuing, &[&other], week)]), OK);
    let revoked = |depth| Err(Error::Revoked { depth, since: now() });
    assert_eq!(check(&[crl(&issuing, &[&other, &end], week)]), revoked(0));
    assert_eq!(check(&[crl(&issuing, &[], week), crl(&root, &[&middle], week)]), revoked(1));
    assert_eq!(check(&[crl(&issuing, &[&end], week), crl(&issuing, &[], week)]), revoked(0));
    assert_eq!(check(&[crl(&issuing, &[], week), crl(&issuing, &[&end], week)]), revoked(0));
}

#[test]
fn a_crl_that_is_missing_stale_or_forged_is_refused() {
    let root = root();
    let issuing = issuing(&root);
    let (chain, roots) =
        ([leaf(&issuing), issuing.certificate().clone()], [root.certificate().clone()]);
    let check = |crls: &[Vec<u8>], at| validate(&chain, &roots, crls, at);
    let week = days(1, 7);
    let missing = Err(Error::CrlMissing { depth: 0 });
    assert_eq!(check(&[crl(&root, &[], week)], now()), missing);
    let direct = [leaf(&root)];
    let only = [crl(&issuing, &[], week)];
    assert_eq!(validate(&direct, &roots, &only, now()), missing, "the end entity's is needed");
    let (this_update, next_update) = (week.not_before, week.not_after);
    let stale = |depth| Err(Error::CrlStale { depth, this_update, next_update });
    let second = Duration::from_secs(1);
    let own = [crl(&issuing, &[], week)];
    assert_eq!(check(&own, next_update), OK);
    assert_eq!(check(&own, next_update.plus(second)), stale(0));
    let future = Validity { not_before: now().plus(second), not_after: next_update };
    let early = check(&[crl(&issuing, &[], future)], now());
    assert!(matches!(early, Err(Error::CrlStale { depth: 0, .. })));
    let longer = days(1, 9);
    let of_root = [crl(&issuing, &[], longer), crl(&root, &[], week)];
    assert_eq!(check(&of_root, next_update.plus(second)), stale(1));
    let both = [crl(&issuing, &[], week), crl(&issuing, &[], longer)];
    assert_eq!(check(&both, next_update.plus(second)), OK, "a newer one is there");
    let other = root.issuing(key(KeyKind::P256, 2), "Test Authentication G2", days(50, 1000));
    let forged = crl(&other.unwrap(), &[], week);
    assert_eq!(check(std::slice::from_ref(&forged), now()), Err(Error::Signature("CRL")));
    assert_eq!(
        check(&[own[0].clone(), forged.clone()], now()),
        OK,
        "that of a former key beside it"
    );
    assert_eq!(check(&[forged, own[0].clone()], now()), OK);
    assert_eq!(check(&[vec![0x30, 0]], now()), Err(Error::Malformed("CRL")));
}

/// A CRL by this authority that says what `bend` makes of a plain one.
fn bent(issuer: &Authority, bend: impl FnOnce(&mut TbsCertList)) -> Result<Crl, Error> {
    let entry = Revoked { serial_der: vec![2, 1, 5], at: now(), reason: Reason::CertificateHold };
    let week = days(1, 7);
    let plain = issuer.crl_with_reasons(&[entry], 1, week.not_before, week.not_after).unwrap();
    let list = x509_cert::crl::CertificateList::<x509_cert::certificate::Rfc5280>::from_der(&plain);
    let mut tbs = list.unwrap().tbs_cert_list;
    bend(&mut tbs);
    Crl::from_der(&Signed::make(&tbs.to_der().unwrap(), issuer.key()).unwrap())
}

fn unknown(oid: &str, critical: bool) -> Extension {
    let extn_id = ObjectIdentifier::new(oid).unwrap();
    Extension { extn_id, critical, extn_value: OctetString::new(*b"\x05\x00").unwrap() }
}

fn first(tbs: &mut TbsCertList) -> &mut RevokedCert {
    &mut tbs.revoked_certificates.as_mut().unwrap()[0]
}

#[test]
fn delta_indirect_and_partial_crls_are_refused() {
    let issuing = issuing(&root());
    assert!(bent(&issuing, |_| {}).is_ok());
    let scope = Err(Error::Unsupported("CRL: delta, indirect or limited in scope"));
    // deltaCRLIndicator and issuingDistributionPoint.
    for oid in ["2.5.29.27", "2.5.29.28"] {
        let add = |tbs: &mut TbsCertList| {
            tbs.crl_extensions.as_mut().unwrap().push(unknown(oid, true));
        };
        assert_eq!(bent(&issuing, add).map(drop), scope);
    }
    let harmless = |tbs: &mut TbsCertList| {
        tbs.crl_extensions.as_mut().unwrap().push(unknown("1.3.6.1.4.1.32473.1", false));
    };
    assert!(bent(&issuing, harmless).is_ok());
    // certificateIssuer of an entry, which only indirect CRLs have.
    let entry = |tbs: &mut TbsCertList| {
        first(tbs).crl_entry_extensions.as_mut().unwrap().push(unknown("2.5.29.29", true));
    };
    let refused = bent(&issuing, entry).map(drop);
    assert_eq!(refused, Err(Error::Unsupported("CRL entry: critical extension")));
    let reason = |tbs: &mut TbsCertList| {
        let value = OctetString::new(*b"\x0a\x01\x08").unwrap();
        first(tbs).crl_entry_extensions.as_mut().unwrap()[0].extn_value = value;
    };
    let refused = bent(&issuing, reason).map(drop);
    assert_eq!(refused, Err(Error::Unsupported("reason in a CRL")));
}

#[test]
fn a_malformed_crl_is_refused() {
    let issuing = issuing(&root());
    let malformed = |bend: fn(&mut TbsCertList), what| {
        assert_eq!(bent(&issuing, bend).map(drop), Err(Error::Malformed(what)));
    };
    malformed(|tbs| tbs.version = Version::V1, "CRL");
    malformed(|tbs| tbs.next_update = None, "CRL without a next update");
    malformed(|tbs| tbs.issuer = Default::default(), "CRL");
    malformed(|tbs| tbs.signature.parameters = Some(Any::null()), "CRL");
    malformed(
        |tbs| {
            let extensions = tbs.crl_extensions.as_mut().unwrap();
            extensions.push(extensions[0].clone());
        },
        "CRL: its extensions",
    );
    malformed(
        |tbs| {
            let extensions = first(tbs).crl_entry_extensions.as_mut().unwrap();
            extensions.push(extensions[0].clone());
        },
        "CRL entry: its extensions",
    );
    malformed(
        |tbs| {
            use x509_cert::{der::asn1::GeneralizedTime, time::Time};
            let date = tbs.this_update.to_date_time();
            tbs.this_update = Time::GeneralTime(GeneralizedTime::from_date_time(date));
        },
        "CRL",
    );
}
