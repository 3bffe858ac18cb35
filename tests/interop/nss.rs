//! NSS: Firefox's and Chromium's way to a card, by NSS's own tools.

use crate::{
    common::workplace::{Desk, PERSON, Workplace},
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

#[test]
#[ignore = "needs libnss3-tools, openssl"]
fn an_nss_client_authenticates_to_a_tls_server() {
    for desk in [Desk::new(), Desk::with_p256()] {
        database(&desk);
        let (_server, port) = desk.tls_server(&desk.kit.chain_pem().unwrap());
        let trust = ["-A", "-n", "server", "-t", "C,,", "-i", "server.pem", "-d", "sql:nss"];
        desk.run(&[&["certutil"][..], &trust].concat()).ok();
        let nickname = format!("{}:O=nhs, OU=people, CN={PERSON}", desk.label());
        for version in ["1.2", "1.3"] {
            let versions = format!("tls{version}:tls{version}");
            let client = ["tstclnt", "-4", "-h", "localhost", "-p", &port, "-d", "sql:nss"];
            let own = ["-n", &nickname, "-W", "pin", "-V", &versions, "-A", "request"];
            desk.write("request", "GET / HTTP/1.0\r\n\r\n");
            let page = desk.run(&[&client[..], &own].concat());
            assert_page_knows_the_card(&page.ok().out, version);
        }
    }
}
