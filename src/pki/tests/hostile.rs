//! Bytes from outside never panic, and never come back as something else than was signed.

use super::*;
use crate::crypto::Hash;

/// Cuts the input at every place and flips bits of every byte; `read` must not panic.
fn torment(input: &[u8], read: &dyn Fn(&[u8]) -> bool) {
    assert!(read(input), "the whole is good");
    for length in 0..input.len() {
        assert!(!read(&input[..length]), "cut at {length}");
    }
    let mut bytes = input.to_vec();
    for place in 0..bytes.len() {
        for mask in [0x01, 0x20, 0x80, 0xff] {
            bytes[place] ^= mask;
            read(&bytes);
            bytes[place] ^= mask;
        }
    }
    assert!(!read(&[input, &[0]].concat()), "a tail");
}

#[test]
fn a_certificate_cut_or_flipped_never_panics_and_never_validates() {
    let root = root();
    let issuing = issuing(&root);
    let (middle, roots) = (issuing.certificate().clone(), [root.certificate().clone()]);
    let good = leaf(&issuing);
    torment(good.der(), &|der| {
        let Ok(read) = Certificate::from_der(der) else { return false };
        let outcome = validate(&[read.clone(), middle.clone()], &roots, &[], now());
        assert_eq!(outcome.is_ok(), read == good);
        let _ = (read.subject_text(), read.issuer_text(), read.user_id(), read.key_id());
        true
    });
}

#[test]
fn a_crl_cut_or_flipped_never_panics_and_never_verifies() {
    let issuing = issuing(&root());
    let one = leaf(&issuing);
    let entry =
        Revoked { serial_der: one.serial_der().to_vec(), at: now(), reason: Reason::Superseded };
    let week = days(1, 7);
    let good = issuing.crl_with_reasons(&[entry], 1, week.not_before, week.not_after).unwrap();
    torment(&good, &|der| {
        let Ok(read) = Crl::from_der(der) else { return false };
        assert_eq!(read.verify(issuing.certificate()).is_ok(), der == good);
        true
    });
}

#[test]
fn a_request_cut_or_flipped_never_panics_and_is_refused() {
    let good = CertificationRequest::new(&person(), &key(KeyKind::P256, 1)).unwrap();
    torment(good.der(), &|der| {
        let read = CertificationRequest::from_der(der).is_ok();
        assert_eq!(read, der == good.der());
        read
    });
}

#[test]
fn a_response_cut_or_flipped_never_panics_and_stays_bound() {
    let certificate = leaf(&issuing(&root()));
    let rsa = key(KeyKind::Rsa2048, 0);
    let challenge = b"challenge";
    let sign =
        |message: &[u8]| rsa.sign(Scheme::Pkcs1(Hash::Sha1), &crypto::digest(Hash::Sha1, message));
    let good = cms::challenge_response(&certificate, challenge, sign).unwrap().unwrap();
    torment(&good, &|der| match cms::open(der, challenge) {
        Ok(read) => {
            // Only the enclosed certificate's parts that its own issuer signs can differ.
            assert_eq!(read.certificate.public_key(), certificate.public_key());
            true
        }
        Err(_) => false,
    });
    let text = cms::smime(&good);
    for length in (0..text.len()).step_by(7) {
        let _ = cms::from_smime(&text[..length]);
    }
}

#[test]
fn pem_and_profiles_cut_anywhere_never_panic() {
    let pem = leaf(&issuing(&root())).to_pem();
    for length in 0..pem.len() {
        let _ = Certificate::from_pem(&pem[..length]);
    }
    let text = include_str!("../profile/cis1.toml");
    for length in (0..text.len()).filter(|length| text.is_char_boundary(*length)) {
        let _ = Profile::from_toml(&text[..length]);
    }
    assert_eq!(Profile::from_toml(text).unwrap().len(), 2);
}

#[test]
fn nested_and_overlong_der_is_refused_at_once() {
    let mut deep = Vec::new();
    for _ in 0..2000 {
        let length = u16::try_from(deep.len()).unwrap().to_be_bytes();
        deep.splice(0..0, [0x30, 0x82, length[0], length[1]]);
    }
    for bytes in [&deep[..], b"\x30\x84\xff\xff\xff\xff", b"\x30\x80\x00\x00", b""] {
        assert!(Certificate::from_der(bytes).is_err());
        assert!(Crl::from_der(bytes).is_err());
        assert!(CertificationRequest::from_der(bytes).is_err());
        assert!(cms::verify(bytes, b"").is_err());
    }
}
