//! DER of certificates, requests and revocation lists.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardcard::pki::{Certificate, CertificationRequest, Crl};

fuzz_target!(|der: &[u8]| {
    if let Ok(certificate) = Certificate::from_der(der) {
        assert_eq!(certificate.der(), der, "a certificate was changed by reading it");
        let _ = (certificate.user_id(), certificate.subject_text(), certificate.key_id());
    }
    let _ = CertificationRequest::from_der(der);
    let _ = Crl::from_der(der);
});
