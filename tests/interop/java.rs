//! Java's SunPKCS11: keytool, jarsigner, signatures and a TLS client.

use crate::{
    common::{
        Run,
        workplace::{Desk, LABEL, PERSON, Workplace},
    },
    tls::assert_page_knows_the_card,
};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/Card.java");
const PROVIDER: [&str; 4] =
    ["-providerClass", "sun.security.pkcs11.SunPKCS11", "-providerArg", "java.cfg"];

fn configure(place: &Workplace) {
    place.write("java.cfg", format!("name = Wardcard\nlibrary = {}\n", place.module));
}

/// A tool of the JDK on the card as a key store.
fn with_store(place: &Workplace, program: &[&str], arguments: &[&str]) -> Run {
    let store = ["-keystore", "NONE", "-storetype", "PKCS11", "-storepass", &place.passcode];
    place.run(&[program, &store, &PROVIDER, arguments].concat())
}

/// Our own program, which exits with an error at the first thing that is wrong.
fn program(place: &Workplace, arguments: &[&str]) -> Run {
    let java = ["java", "-Xshare:auto", PROGRAM, "java.cfg", &place.passcode];
    place.run(&[&java[..], arguments].concat())
}

#[test]
#[ignore = "needs default-jdk-headless"]
fn keytool_lists_the_card_as_a_private_key_with_its_chain() {
    let desk = Desk::new();
    configure(&desk);
    let listed = with_store(&desk, &["keytool", "-list", "-v"], &[]).ok().out;
    assert!(listed.contains("Keystore provider: SunPKCS11-Wardcard"), "{listed}");
    assert!(listed.contains("Your keystore contains 1 entry"), "{listed}");
    assert!(listed.contains(&format!("Alias name: O=nhs, OU=people, CN={PERSON}")), "{listed}");
    assert!(listed.contains("Entry type: PrivateKeyEntry"), "{listed}");
    assert!(listed.contains("Certificate chain length: 3"), "{listed}");
}

#[test]
#[ignore = "needs default-jdk-headless"]
fn eight_rsa_and_four_ecdsa_algorithms_sign_and_verify_in_java() {
    let desk = Desk::new();
    configure(&desk);
    let said = program(&desk, &["signatures", "RSA"]).ok().out;
    assert_eq!(said.lines().filter(|line| line.ends_with(": verified")).count(), 8, "{said}");
    assert!(said.contains("decrypted"), "{said}");

    let desk = Desk::with_p256();
    configure(&desk);
    let said = program(&desk, &["signatures", "EC"]).ok().out;
    assert_eq!(said.lines().filter(|line| line.ends_with(": verified")).count(), 4, "{said}");
}

#[test]
#[ignore = "needs default-jdk-headless"]
fn jarsigner_signs_with_the_card() {
    let desk = Desk::new();
    configure(&desk);
    desk.write("content", "a file of a programme");
    desk.run(&["jar", "cf", "signed.jar", "content"]).ok();
    let alias = format!("O=nhs, OU=people, CN={PERSON}");
    let signed = with_store(&desk, &["jarsigner"], &["signed.jar", &alias]).ok();
    assert!(signed.out.contains("jar signed."), "{signed:?}");

    // Whoever trusts the issuers is satisfied with it.
    desk.write("chain.pem", desk.kit.chain_pem().unwrap());
    desk.run(&["csplit", "-s", "-f", "issuer", "chain.pem", "/-----BEGIN/", "{*}"]).ok();
    for (alias, file) in [("issuing", "issuer01"), ("root", "issuer02")] {
        let import = ["keytool", "-importcert", "-noprompt", "-alias", alias, "-file", file];
        desk.run(&[&import[..], &["-keystore", "trust", "-storepass", "changeit"]].concat()).ok();
    }
    let trust = ["-keystore", "trust", "-storepass", "changeit", "signed.jar"];
    let verify = ["jarsigner", "-verify", "-verbose", "-certs"];
    let verified = desk.run(&[&verify[..], &trust].concat()).ok().out;
    assert!(verified.contains("jar verified."), "{verified}");
    assert!(verified.contains(&format!("CN={PERSON}")), "{verified}");
    assert!(!verified.contains("chain is invalid"), "{verified}");
}

#[test]
#[ignore = "needs default-jdk-headless, openssl"]
fn a_java_client_authenticates_to_a_tls_server() {
    let desk = Desk::new();
    configure(&desk);
    let (_server, port) = desk.tls_server(&desk.kit.chain_pem().unwrap());
    for version in ["1.2", "1.3"] {
        let protocol = format!("TLSv{version}");
        let page = program(&desk, &["tls", &protocol, &port, "server.pem"]).ok();
        assert_page_knows_the_card(&page.out, version);
    }
}

#[test]
#[ignore = "needs default-jdk-headless, opensc, openssl"]
fn keytool_enrols_a_card() {
    let place = Workplace::blank();
    place.initialize(LABEL);
    configure(&place);
    let name = format!("CN={PERSON}");
    for (alias, how) in [
        ("rsa", ["-keyalg", "RSA", "-keysize", "2048"]),
        ("ec", ["-keyalg", "EC", "-groupname", "secp384r1"]),
    ] {
        // Without the name of the provider keytool makes the key in Java's memory and writes it in.
        let on_card = ["-providerName", "SunPKCS11-Wardcard"];
        let make = [&on_card[..], &["-dname", &name, "-validity", "2", "-alias", alias]].concat();
        with_store(&place, &["keytool", "-genkeypair"], &[&make[..], &how].concat()).ok();
    }
    let listed = with_store(&place, &["keytool", "-list"], &[]).ok().out;
    assert!(listed.contains("contains 2 entries"), "{listed}");
    assert_eq!(listed.matches("PrivateKeyEntry").count(), 2, "{listed}");
    let keys = place.tool(&["-O", "--type", "privkey"]).ok().out;
    let born = "sensitive, always sensitive, never extractable, local";
    assert_eq!(keys.matches(born).count(), 2, "{keys}");

    // A request goes out, the certificate with its chain comes in.
    let authority = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
    let files = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test Authority"];
    place.run(&[&authority[..], &files].concat()).ok();
    let request = ["-alias", "rsa", "-file", "request.pem"];
    with_store(&place, &["keytool", "-certreq"], &request).ok();
    let sign = ["openssl", "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-days", "2"];
    place.run(&[&sign[..], &["-CAkey", "ca.key", "-out", "own.pem"]].concat()).ok();
    let chain = [place.read("own.pem"), place.read("ca.pem")].concat();
    place.write("own-chain.pem", chain);
    let reply = ["-noprompt", "-alias", "rsa", "-file", "own-chain.pem"];
    with_store(&place, &["keytool", "-importcert"], &reply).ok();
    let listed = with_store(&place, &["keytool", "-list", "-v"], &["-alias", "rsa"]).ok().out;
    assert!(listed.contains("Certificate chain length: 2"), "{listed}");

    let said = program(&place, &["signatures", "RSA"]).ok().out;
    assert_eq!(said.lines().filter(|line| line.ends_with(": verified")).count(), 8, "{said}");
    let said = program(&place, &["signatures", "EC"]).ok().out;
    assert_eq!(said.lines().filter(|line| line.ends_with(": verified")).count(), 4, "{said}");

    let rename = ["-alias", "ec", "-destalias", "renamed"];
    with_store(&place, &["keytool", "-changealias"], &rename).ok();
    with_store(&place, &["keytool", "-delete"], &["-alias", "renamed"]).ok();
    let listed = with_store(&place, &["keytool", "-list"], &[]).ok().out;
    assert_eq!(listed.matches("PrivateKeyEntry").count(), 1, "{listed}");

    let (_server, port) = place.tls_server(&String::from_utf8(place.read("ca.pem")).unwrap());
    let page = program(&place, &["tls", "TLSv1.3", &port, "server.pem"]).ok();
    assert_page_knows_the_card(&page.out, "1.3");
}
