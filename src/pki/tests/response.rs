//! The CIS1 challenge response: its bytes, and each rule of its form broken.

use super::*;
use crate::{crypto::Hash, pki::asn1::encoded};
use ::cms::{
    cert::CertificateChoices,
    content_info::{CmsVersion, ContentInfo},
    revocation::RevocationInfoChoices,
    signed_data::{CertificateSet, SignedData, SignerIdentifier, SignerInfos},
};
use x509_cert::{
    attr::Attribute,
    der::{
        Any,
        asn1::{OctetString, SetOfVec},
    },
    ext::pkix::SubjectKeyIdentifier,
};

const CHALLENGE: &[u8; 48] = b"a challenge of forty-eight bytes, as in a sample";

fn sign(hash: Hash) -> impl FnOnce(&[u8]) -> Result<Vec<u8>, crypto::Error> {
    move |message| {
        key(KeyKind::Rsa2048, 0).sign(Scheme::Pkcs1(hash), &crypto::digest(hash, message))
    }
}

fn response(hash: Hash) -> (Certificate, Vec<u8>) {
    let certificate = leaf(&issuing(&root()));
    let der = cms::signed_data(hash, &certificate, CHALLENGE, sign(hash)).unwrap().unwrap();
    (certificate, der)
}

/// Replaces the only place where `from` stands, same length.
fn replaced(der: &[u8], from: &[u8], to: &[u8], nth: usize) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places = der.windows(from.len()).enumerate().filter(|(_, bytes)| *bytes == from);
    let (at, _) = places.into_iter().nth(nth).unwrap();
    let mut out = der.to_vec();
    out[at..at + to.len()].copy_from_slice(to);
    out
}

#[test]
fn a_response_verifies_and_names_its_certificate_and_hash() {
    for hash in [Hash::Sha1, Hash::Sha256] {
        let (certificate, der) = response(hash);
        assert_eq!(cms::verify(&der, CHALLENGE), Ok(certificate.clone()));
        assert_eq!(cms::open(&der, CHALLENGE), Ok(cms::Response { certificate, hash }));
    }
    let certificate = leaf(&issuing(&root()));
    let made = cms::challenge_response(&certificate, CHALLENGE, sign(Hash::Sha1));
    let opened = cms::open(&made.unwrap().unwrap(), CHALLENGE).unwrap();
    assert_eq!(opened.hash, Hash::Sha1, "SHA-1 is what CIS1 has");
}

#[test]
fn a_response_has_the_bytes_that_cis1_has() {
    let (certificate, der) = response(Hash::Sha1);
    let signature = sign(Hash::Sha1)(CHALLENGE).unwrap();
    let tlv = |tag: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        let length = content.len();
        let header = match u8::try_from(length) {
            Ok(short) if short < 0x80 => vec![tag, short],
            Ok(byte) => vec![tag, 0x81, byte],
            Err(_) => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        };
        [header, content].concat()
    };
    let sha1 = tlv(0x30, &[b"\x06\x05\x2b\x0e\x03\x02\x1a"]);
    let rsa = tlv(0x30, &[b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"]);
    let id = tlv(0x30, &[certificate.issuer_der(), certificate.serial_der()]);
    let signer = tlv(0x30, &[b"\x02\x01\x01", &id, &sha1, &rsa, &tlv(4, &[&signature])]);
    let content = tlv(0xa0, &[&tlv(4, &[CHALLENGE])]);
    let data = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
    let signed_data = tlv(
        0x30,
        &[
            b"\x02\x01\x01",
            &tlv(0x31, &[&sha1]),
            &tlv(0x30, &[data, &content]),
            &tlv(0xa0, &[certificate.der()]),
            &tlv(0x31, &[&signer]),
        ],
    );
    let kind = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
    assert_eq!(der, tlv(0x30, &[kind, &tlv(0xa0, &[&signed_data])]));
}

#[test]
fn each_rule_of_the_form_is_checked() {
    let (_, der) = response(Hash::Sha1);
    assert_eq!(cms::verify(&der, b"another challenge"), Err(Error::Content));
    let mut signature = der.clone();
    *signature.last_mut().unwrap() ^= 1;
    assert_eq!(cms::verify(&signature, CHALLENGE), Err(Error::Signature("CMS message")));
    let form = Err(Error::Malformed("CMS message: not of the form of a CIS1 response"));
    let rsa = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04";
    let pss = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x05\x00\x04";
    assert_eq!(cms::verify(&replaced(&der, rsa, pss, 0), CHALLENGE), form);
    let data = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
    let other = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x05";
    assert_eq!(cms::verify(&replaced(&der, data, other, 0), CHALLENGE), form);
    let signed = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
    let no_signed_data = cms::verify(&replaced(&der, signed, other, 0), CHALLENGE);
    assert_eq!(no_signed_data, Err(Error::Malformed("CMS message: no SignedData")));
    // Version of the message, then of the signer: the one that an issuer's name follows.
    let version =
        cms::verify(&replaced(&der, b"\x02\x01\x01\x31", b"\x02\x01\x03\x31", 0), CHALLENGE);
    assert_eq!(version, form);
    let sha1 = b"\x06\x05\x2b\x0e\x03\x02\x1a";
    let md5ish = b"\x06\x05\x2b\x0e\x03\x02\x12";
    assert_eq!(cms::verify(&replaced(&der, sha1, md5ish, 0), CHALLENGE), form);
    let unsupported = cms::verify(&replaced(&der, sha1, md5ish, 1), CHALLENGE);
    assert!(matches!(unsupported, Err(Error::Unsupported(_))));
    let longer = [der.as_slice(), &[0]].concat();
    assert_eq!(cms::verify(&longer, CHALLENGE), Err(Error::Malformed("CMS message")));
}

#[test]
fn a_response_that_names_another_certificate_is_refused() {
    let (certificate, der) = response(Hash::Sha1);
    let serial = certificate.serial_der();
    let mut other = serial.to_vec();
    *other.last_mut().unwrap() ^= 1;
    assert_eq!(cms::verify(&replaced(&der, serial, &other, 1), CHALLENGE), Err(Error::Signer));
    let name = b"Test Authentication G2";
    let another = b"Test Authentication G3";
    assert_eq!(cms::verify(&replaced(&der, name, another, 1), CHALLENGE), Err(Error::Signer));
}

#[test]
fn a_wrong_signature_key_or_hash_is_refused_when_making_one() {
    let certificate = leaf(&issuing(&root()));
    let wrong = cms::challenge_response(&certificate, CHALLENGE, sign(Hash::Sha256));
    assert_eq!(wrong.err(), Some(Error::Signature("CMS message")));
    let refusal = cms::challenge_response(&certificate, CHALLENGE, |_| Err("no card"));
    assert_eq!(refusal.unwrap(), Err("no card"));
    let hash = cms::signed_data(Hash::Sha512, &certificate, CHALLENGE, sign(Hash::Sha512));
    assert!(matches!(hash, Err(Error::Unsupported(_))));
    let elliptic = root();
    let elliptic = cms::challenge_response(elliptic.certificate(), CHALLENGE, sign(Hash::Sha1));
    assert!(matches!(elliptic, Err(Error::Unsupported(_))));
}

#[test]
fn the_smime_text_has_crlf_lines_of_64_columns_and_reads_back() {
    let (_, der) = response(Hash::Sha1);
    let text = cms::smime(&der);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let lines: Vec<_> = head.split("\r\n").collect();
    assert_eq!(lines[0], "MIME-Version: 1.0");
    assert!(lines[1].starts_with("Content-Disposition: attachment; filename=\"smime.p7m\""));
    assert!(lines[2].starts_with("Content-Type: application/x-pkcs7-mime;"));
    assert_eq!(lines[3], "Content-Transfer-Encoding: base64");
    let body: Vec<_> = body.trim_end().split("\r\n").collect();
    let (last, full) = body.split_last().unwrap();
    assert!(full.iter().all(|line| line.len() == 64) && (1..=64).contains(&last.len()));
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert_eq!(cms::from_smime(&text), Ok(der.clone()));
    assert_eq!(cms::from_smime(&text.replace("\r\n", "\n")), Ok(der.clone()));
    for (from, to) in [
        ("base64", "7bit"),
        ("x-pkcs7-mime", "octet-stream"),
        ("MIME-Version: 1.0", "MIME-Version: 2.0"),
        ("MIME-Version", "Bcc"),
        ("\r\n\r\n", "\r\n"),
        ("MII", "M!!"),
        ("MIME-Version: 1.0", "MIME-Version: 1.0\r\nMIME-Version: 1.0"),
    ] {
        let refused = cms::from_smime(&text.replacen(from, to, 1));
        assert_eq!(refused, Err(Error::Malformed("S/MIME text")), "{to}");
    }
}

/// A response that says what `bend` makes of a good one.
fn bent(bend: impl FnOnce(&mut SignedData)) -> Result<Certificate, Error> {
    let (_, der) = response(Hash::Sha1);
    let mut outer = ContentInfo::from_der(&der).unwrap();
    let mut inner: SignedData = outer.content.decode_as().unwrap();
    bend(&mut inner);
    outer.content = Any::encode_from(&inner).unwrap();
    cms::verify(&encoded(&outer).unwrap(), CHALLENGE)
}

fn set<T: der::DerOrd>(all: Vec<T>) -> SetOfVec<T> {
    SetOfVec::try_from(all).unwrap()
}

#[test]
fn exactly_one_signer_and_its_one_certificate() {
    assert!(bent(|_| {}).is_ok());
    let signer = Err(Error::Signer);
    let none = bent(|message| message.signer_infos = SignerInfos(SetOfVec::new()));
    assert_eq!(none, signer);
    let two = bent(|message| {
        let one = message.signer_infos.0.as_slice()[0].clone();
        let mut other = one.clone();
        other.version = CmsVersion::V3;
        message.signer_infos = SignerInfos(set(vec![one, other]));
    });
    assert_eq!(two, signer);
    assert_eq!(bent(|message| message.certificates = None), signer);
    let more = bent(|message| {
        let own = message.certificates.take().unwrap().0.as_slice()[0].clone();
        let other = x509_cert::Certificate::from_der(root().certificate().der()).unwrap();
        let both = vec![own, CertificateChoices::Certificate(other)];
        message.certificates = Some(CertificateSet(set(both)));
    });
    assert_eq!(more, signer);
    let by_key = bent(|message| {
        let mut one = message.signer_infos.0.as_slice()[0].clone();
        let id = SubjectKeyIdentifier(OctetString::new(*b"id").unwrap());
        one.sid = SignerIdentifier::SubjectKeyIdentifier(id);
        message.signer_infos = SignerInfos(set(vec![one]));
    });
    assert_eq!(by_key, signer);
}

#[test]
fn attributes_crls_detached_content_and_other_versions_are_refused() {
    let form = Err(Error::Malformed("CMS message: not of the form of a CIS1 response"));
    let attribute = || {
        let oid = ObjectIdentifier::new("1.3.6.1.4.1.32473.1").unwrap();
        set(vec![Attribute { oid, values: set(vec![Any::null()]) }])
    };
    let one = |bend: &dyn Fn(&mut ::cms::signed_data::SignerInfo)| {
        bent(|message| {
            let mut one = message.signer_infos.0.as_slice()[0].clone();
            bend(&mut one);
            message.signer_infos = SignerInfos(set(vec![one]));
        })
    };
    assert!(one(&|_| {}).is_ok());
    assert_eq!(one(&|signer| signer.signed_attrs = Some(attribute())), form);
    assert_eq!(one(&|signer| signer.unsigned_attrs = Some(attribute())), form);
    assert_eq!(one(&|signer| signer.version = CmsVersion::V3), form);
    assert_eq!(one(&|signer| signer.signature_algorithm.parameters = None), form);
    let parameters = one(&|signer| {
        signer.digest_alg.parameters = Some(Any::new(der::Tag::Boolean, *b"\xff").unwrap());
    });
    assert_eq!(parameters, Err(Error::Malformed("CMS message")));
    let crls = || RevocationInfoChoices(SetOfVec::new());
    assert_eq!(bent(|message| message.crls = Some(crls())), form);
    assert_eq!(bent(|message| message.digest_algorithms = SetOfVec::new()), form);
    assert_eq!(bent(|message| message.encap_content_info.econtent = None), Err(Error::Content));
    let null = bent(|message| message.encap_content_info.econtent = Some(Any::null()));
    assert_eq!(null, Err(Error::Malformed("CMS message")));
}
