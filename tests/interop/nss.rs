//! NSS: Firefox's and Chromium's way to a card, by NSS's own tools.

use crate::{
    common::workplace::{Desk, LABEL, PERSON, Workplace},
    tls::assert_page_knows_the_card,
};

/// A new database with the module in it, and the passcode in the file `pin`.
fn database(place: &Workplace) {
    place.write("pin", &place.passcode);
    place.run(&["mkdir", "nss"]).ok();
    place.run(&["certutil", "-N", "-d", "sql:nss", "--empty-password"]).ok();
    let add = ["modutil", "-dbdir", "sql:nss", "-force", "-add", "Wardcard", "-libfile"];
    let added = place.run(&[&add[..], &[&place.module]].concat()).ok();
    assert!(added.out.contains("Module \"Wardcard\" added to database."), "{added:?}");
}

#[test]
#[ignore = "needs libnss3-tools"]
fn modutil_and_certutil_show_slot_certificates_and_key() {
    let desk = Desk::new();
    database(&desk);
    let label = desk.label();
    let modules = desk.run(&["modutil", "-dbdir", "sql:nss", "-list"]).ok().out;
    assert!(modules.contains("library-manufacturer=Wardcard"), "{modules}");
    assert!(modules.contains(&format!("token: {label}")), "{modules}");

    let of_token = ["-d", "sql:nss", "-h", &label, "-f", "pin"];
    let listed = desk.run(&[&["certutil", "-L"][..], &of_token].concat()).ok().out;
    let own = listed.lines().find(|line| line.contains(PERSON) && line.ends_with("u,u,u"));
    assert!(own.is_some(), "NSS finds no key for the card's certificate: {listed}");
    assert!(listed.contains("CN=Wardcard Root Authority"), "{listed}");

    let keys = desk.run(&[&["certutil", "-K"][..], &of_token].concat()).ok().out;
    let keys: Vec<_> = keys.lines().filter(|line| line.starts_with("< ")).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(keys[0].contains("rsa") && keys[0].contains(&desk.private_keys()[0]), "{keys:?}");
}

/// `tstclnt` shows the certificate of this nickname over TLS 1.2 and 1.3.
fn authenticates(place: &Workplace, chain: &str, nickname: &str) {
    let (_server, port) = place.tls_server(chain);
    let trust = ["-A", "-n", "server", "-t", "C,,", "-i", "server.pem", "-d", "sql:nss"];
    place.run(&[&["certutil"][..], &trust].concat()).ok();
    place.write("request", "GET / HTTP/1.0\r\n\r\n");
    for version in ["1.2", "1.3"] {
        let versions = format!("tls{version}:tls{version}");
        let client = ["tstclnt", "-4", "-h", "localhost", "-p", &port, "-d", "sql:nss"];
        let own = ["-n", nickname, "-W", "pin", "-V", &versions, "-A", "request"];
        let page = place.run(&[&client[..], &own].concat()).ok();
        assert_page_knows_the_card(&page.out, version);
    }
}

#[test]
#[ignore = "needs libnss3-tools, openssl"]
fn an_nss_client_authenticates_to_a_tls_server() {
    for desk in [Desk::new(), Desk::with_p256()] {
        database(&desk);
        let nickname = format!("{}:O=nhs, OU=people, CN={PERSON}", desk.label());
        authenticates(&desk, &desk.kit.chain_pem().unwrap(), &nickname);
    }
}

#[test]
#[ignore = "needs libnss3-tools, opensc, openssl"]
fn certutil_makes_keys_and_certificates_on_a_card_and_tstclnt_uses_them() {
    let place = Workplace::blank();
    place.initialize(LABEL);
    database(&place);
    place.write("noise", [7; 64]);
    let of_token = ["-d", "sql:nss", "-h", LABEL, "-f", "pin"];
    let subject = format!("CN={PERSON}");
    for (name, how) in
        [("rsa", ["-k", "rsa", "-g", "2048"]), ("ec", ["-k", "ec", "-q", "nistp256"])]
    {
        let make = ["certutil", "-S", "-x", "-z", "noise", "-t", ",,", "-v", "1", "-s", &subject];
        place.run(&[&make[..], &of_token, &["-n", name], &how].concat()).ok();
        let shown = ["certutil", "-L", "-a", "-d", "sql:nss", "-f", "pin", "-h", LABEL, "-n"];
        let nickname = format!("{LABEL}:{name}");
        let own = place.run(&[&shown[..], &[&nickname]].concat()).ok().out;
        authenticates(&place, &own, &nickname);
        place.run(&["certutil", "-D", "-d", "sql:nss", "-n", "server"]).ok();
    }
    let listed = place.run(&[&["certutil", "-L"][..], &of_token].concat()).ok().out;
    assert_eq!(listed.matches("u,u,u").count(), 2, "{listed}");
    let keys = place.run(&[&["certutil", "-K"][..], &of_token].concat()).ok().out;
    assert!(keys.contains("wardroom:rsa") && keys.contains("wardroom:ec"), "{keys}");

    let nickname = format!("{LABEL}:rsa");
    place.run(&["certutil", "-F", "-d", "sql:nss", "-f", "pin", "-h", LABEL, "-n", &nickname]).ok();
    let keys = place.run(&[&["certutil", "-K"][..], &of_token].concat()).ok().out;
    assert!(!keys.contains("rsa") && keys.contains("wardroom:ec"), "{keys}");
}
