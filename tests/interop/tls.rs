//! TLS with a client certificate through OpenSSL's PKCS#11 engine.

use crate::common::workplace::{Desk, LABEL, PERSON, Workplace};

/// Asserts that the page of `openssl s_server -www` tells of the card's certificate.
#[track_caller]
pub fn assert_page_knows_the_card(page: &str, version: &str) {
    assert!(page.contains(&format!("Protocol  : TLSv{version}")), "{page}");
    assert!(page.contains("Verify return code: 0 (ok)"), "{page}");
    let (_, certificate) = page.split_once("Client certificate").expect(page);
    assert!(certificate.contains(&format!("CN={PERSON}")), "{page}");
}

/// curl shows the certificate and uses the key that these URIs name, over TLS 1.2 and 1.3.
fn curl(place: &Workplace, chain: &str, key: &str, certificate: &str) {
    let (_server, port) = place.tls_server(chain);
    let module = [("PKCS11_MODULE_PATH", place.module.as_str())];
    let key = format!("{key}?pin-value={}", place.passcode);
    let url = format!("https://localhost:{port}/");
    for version in ["1.2", "1.3"] {
        let tls = format!("--tlsv{version}");
        let curl = ["curl", "-sS", "--noproxy", "*", &tls, "--tls-max", version];
        let trust = ["--cacert", "server.pem", "--engine", "pkcs11", "--cert-type", "ENG"];
        let own = ["--key-type", "ENG", "--key", &key, "--cert", certificate, &url];
        let page = place.run_with(&module, &[&curl[..], &trust, &own].concat(), b"").ok();
        assert_page_knows_the_card(&page.out, version);
        assert_eq!(page.err, "");
    }
}

#[test]
#[ignore = "needs curl, libengine-pkcs11-openssl, openssl"]
fn curl_shows_a_derived_cards_certificate_through_the_openssl_engine() {
    for desk in [Desk::new(), Desk::with_p256()] {
        let token = format!("pkcs11:serial={}", desk.card.card.id.to_hex());
        let key = format!("{token};type=private");
        let certificate =
            format!("{token};type=cert;object=O%3Dnhs%2C%20OU%3Dpeople%2C%20CN%3D{PERSON}");
        curl(&desk, &desk.kit.chain_pem().unwrap(), &key, &certificate);
    }
}

#[test]
#[ignore = "needs curl, libengine-pkcs11-openssl, opensc, openssl"]
fn curl_shows_an_enrolled_cards_certificates_through_the_openssl_engine() {
    let place = Workplace::enrolled();
    let authority = place.authority();
    let (_server, far) = place.served();
    for (place, label) in [(&place, "rsa"), (&place, "ec"), (&far, "rsa"), (&far, "ec")] {
        let of = |kind| format!("pkcs11:token={LABEL};object={label};type={kind}");
        curl(place, &authority, &of("private"), &of("cert"));
    }
}

#[test]
#[ignore = "needs curl, libengine-pkcs11-openssl, openssl"]
fn curl_with_a_wrong_passcode_gets_no_page() {
    let desk = Desk::new();
    let (_server, port) = desk.tls_server(&desk.kit.chain_pem().unwrap());
    let wrong = if desk.passcode == "135790" { "135791" } else { "135790" };
    let key = format!("pkcs11:type=private?pin-value={wrong}");
    let module = [("PKCS11_MODULE_PATH", desk.module.as_str())];
    let url = format!("https://localhost:{port}/");
    let curl = ["curl", "-sS", "--noproxy", "*", "--cacert", "server.pem", "--engine", "pkcs11"];
    let own = ["--cert-type", "ENG", "--cert", "pkcs11:type=cert", "--key-type", "ENG", "--key"];
    let refused = desk.run_with(&module, &[&curl[..], &own, &[&key, &url]].concat(), b"");
    assert_eq!(refused.code, Some(58), "{refused:?}");
    assert!(!refused.out.contains("s_server"), "{refused:?}");
}
