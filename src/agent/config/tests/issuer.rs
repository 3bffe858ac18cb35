//! The `[issuer]` table over TLS.

use super::*;

#[test]
fn an_issuer_of_another_machine_needs_all_files_of_tls_and_no_users() {
    let remote = "address = \"unix:path=/run/wardcard-ca/issuer\"";
    let tls = "address = \"tls:ca.example:8443\"";
    let files = "certificate_file = \"a\"\nkey_file = \"b\"\ntls_roots_file = \"c\"";
    let good = GOOD.replace(remote, &format!("{tls}\n{files}\ntls_crl_file = \"/d\""));
    let config = Config::from_toml(&good, Path::new("/etc")).expect("holds");
    let wanted = IssuerSettings::Tls {
        address: Address::Tls { host: "ca.example".to_owned(), port: 8443 },
        files: IssuerFiles {
            certificate: "/etc/a".into(),
            key: "/etc/b".into(),
            roots: "/etc/c".into(),
            crls: Some("/d".into()),
        },
        roots: None,
    };
    assert_eq!(config.issuer, wanted);
    for (bad, line) in [
        (tls.to_owned(), 9),
        (format!("{tls}\n{files}\nusers = [1]"), 13),
        (format!("{tls}\ncertificate_file = \"a\"\nkey_file = \"b\""), 10),
        (format!("{tls}\ntls_crl_file = \"d\""), 10),
        (format!("{remote}\n{files}"), 9),
        ("address = \"tls:ca.example\"".to_owned(), 9),
    ] {
        let found = lines(&GOOD.replace(remote, &bad));
        assert_eq!(found.first(), Some(&line), "{bad}");
    }
    let host = GOOD.replace("unix:path=/run/wardcard/pkcs11", "tls:localhost:1");
    assert_eq!(lines(&host), [4]);
}
