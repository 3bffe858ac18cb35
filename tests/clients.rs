//! Foreign programs use a card through the agent: OpenSC's pkcs11-tool, GnuTLS's p11tool, OpenSSH,
//! OpenSSL, and p11-kit's own client.
//!
//! Each test has a provider, an issuer and an agent of its own; the programs load the module of
//! this build in processes of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

mod common;

use common::workplace::{Desk, P11_KIT_CLIENT};

#[test]
#[ignore = "needs opensc"]
fn pkcs11_tool_lists_slots_and_objects() {
    let desk = Desk::new();
    let slots = desk.run(&["pkcs11-tool", "--module", &desk.module, "-L"]).ok().out;
    assert!(slots.contains("NHS Smartcard 555000000001"), "{slots}");
    assert!(slots.contains("login required"), "{slots}");
    assert!(slots.contains(&desk.card.card.id.to_hex()), "{slots}");

    let public = desk.run(&["pkcs11-tool", "--module", &desk.module, "-O"]).ok().out;
    assert!(public.contains("CN=555000000001"), "{public}");
    assert!(!public.contains("Private Key Object"), "{public}");

    let private = desk.tool(&["-O"]).ok().out;
    assert!(private.contains("Private Key Object; RSA"), "{private}");
    assert!(private.contains("decrypt, sign"), "{private}");
}

#[test]
#[ignore = "needs opensc, openssl"]
fn every_rsa_signature_of_the_authentication_key_verifies_with_openssl() {
    let desk = Desk::new();
    let id = &desk.private_keys()[0];
    desk.certificate(id);
    desk.write("message", b"a message for the spine");
    for hash in ["SHA1", "SHA256", "SHA384", "SHA512"] {
        let digest = format!("-{}", hash.to_lowercase());
        desk.sign(id, &format!("{hash}-RSA-PKCS")).ok();
        desk.verifies(&digest, &[]);
        if hash != "SHA1" {
            desk.sign(id, &format!("{hash}-RSA-PKCS-PSS")).ok();
            desk.verifies(&digest, &["-sigopt", "rsa_padding_mode:pss"]);
        }
    }
}

#[test]
#[ignore = "needs opensc, openssl"]
fn a_digest_info_block_is_signed_and_any_other_block_refused() {
    let desk = Desk::new();
    let id = &desk.private_keys()[0];
    desk.certificate(id);
    desk.write("message", b"a message for the spine");
    let digest = desk.run(&["openssl", "dgst", "-sha256", "-binary", "message"]).ok().bytes;
    let mut info =
        b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20".to_vec();
    info.extend(digest);
    desk.write("info", &info);
    let sign = ["--sign", "-m", "RSA-PKCS", "--id", id.as_str(), "-o", "signature", "-i"];
    desk.tool(&[&sign[..], &["info"]].concat()).ok();
    desk.verifies("-sha256", &[]);
    let refused = desk.tool(&[&sign[..], &["message"]].concat());
    assert!(!refused.success, "a block that is no DigestInfo was signed");
}

#[test]
#[ignore = "needs opensc, openssl"]
fn the_content_commitment_key_signs_when_the_policy_turns_it_on() {
    let desk = Desk::with_both_keys();
    let ids = desk.private_keys();
    assert_eq!(ids.len(), 2);
    desk.certificate(&ids[1]);
    let text = desk
        .run(&["openssl", "x509", "-inform", "DER", "-in", "certificate.der", "-noout", "-text"])
        .ok()
        .out;
    assert!(text.contains("Non Repudiation"), "{text}");
    desk.write("message", b"a prescription that is none");
    desk.sign(&ids[1], "SHA256-RSA-PKCS").ok();
    desk.verifies("-sha256", &[]);
    let sha1 = desk.sign(&ids[1], "SHA1-RSA-PKCS");
    assert!(!sha1.success, "SHA-1 with the content commitment key");
    let objects = desk.tool(&["-O"]).ok().out;
    assert_eq!(objects.matches("decrypt, sign").count(), 1, "{objects}");
}

#[test]
#[ignore = "needs opensc, openssl"]
fn the_authentication_key_decrypts() {
    let desk = Desk::new();
    let id = &desk.private_keys()[0];
    desk.certificate(id);
    desk.write("message", b"a session key");
    desk.run(&[
        "openssl",
        "pkeyutl",
        "-encrypt",
        "-pubin",
        "-inkey",
        "key.pem",
        "-in",
        "message",
        "-out",
        "ciphertext",
    ])
    .ok();
    desk.tool(&["--decrypt", "-m", "RSA-PKCS", "--id", id, "-i", "ciphertext", "-o", "plaintext"])
        .ok();
    assert_eq!(desk.read("plaintext"), b"a session key");
}

#[test]
#[ignore = "needs gnutls-bin"]
fn p11tool_lists_and_signs() {
    let desk = Desk::new();
    let provider = ["p11tool", "--provider", &desk.module, "--login", "--batch"];
    let listed = desk.run(&[&provider[..], &["--list-all", "pkcs11:"]].concat()).ok().out;
    assert!(listed.contains("type=private"), "{listed}");
    assert!(listed.contains("type=cert"), "{listed}");
    assert!(listed.contains("manufacturer=Wardcard"), "{listed}");
    let url = listed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("URL: "))
        .find(|url| url.contains("type=private"))
        .unwrap();
    let signed = desk.run(&[&provider[..], &["--test-sign", url]].concat()).ok();
    assert!(format!("{}{}", signed.out, signed.err).contains("ok"), "{signed:?}");
}

#[test]
#[ignore = "needs openssh-client, opensc, openssl"]
fn ssh_keygen_shows_the_cards_key() {
    let desk = Desk::new();
    let shown = desk.run(&["ssh-keygen", "-D", &desk.module]).ok().out;
    desk.certificate(&desk.private_keys()[0]);
    let wanted = desk.run(&["ssh-keygen", "-i", "-m", "PKCS8", "-f", "key.pem"]).ok().out;
    let wanted = wanted.split_whitespace().nth(1).unwrap();
    assert!(shown.lines().any(|line| line.contains(wanted)), "{shown}");
}

#[test]
#[ignore = "needs p11-kit-modules, opensc, openssl"]
fn p11_kits_own_client_signs_through_the_agent() {
    let desk = Desk::new();
    let id = &desk.private_keys()[0];
    desk.certificate(id);
    desk.write("message", b"a message for the spine");
    desk.sign_by(P11_KIT_CLIENT, id, "SHA256-RSA-PKCS").ok();
    desk.verifies("-sha256", &[]);
}

#[test]
#[ignore = "needs opensc, p11-kit-modules"]
fn three_wrong_passcodes_block_whichever_application_asks_until_a_new_sign_in() {
    let mut desk = Desk::new();
    let wrong = if desk.card.passcode == "135790" { "135791" } else { "135790" };
    let module = desk.module.clone();
    for (module, code) in [
        (module.as_str(), "CKR_PIN_INCORRECT"),
        (P11_KIT_CLIENT, "CKR_PIN_INCORRECT"),
        (module.as_str(), "CKR_PIN_LOCKED"),
        (P11_KIT_CLIENT, "CKR_PIN_LOCKED"),
    ] {
        let refused = desk.tool_with(module, wrong, &["-O"]);
        assert!(refused.err.contains(code), "{code}: {refused:?}");
    }
    let right = desk.tool(&["-O"]);
    assert!(right.err.contains("CKR_PIN_LOCKED"), "blocked, and yet: {right:?}");

    desk.kit.restart().unwrap();
    let slots = desk.run(&["pkcs11-tool", "--module", &module, "-L"]).ok().out;
    assert!(!slots.contains("555000000001"), "the card came back by itself: {slots}");
    // Another person's sign-in clears nothing of this person's.
    desk.kit.sign_in("555000000002").unwrap();

    desk.sign_in_again();
    desk.tool(&["-O"]).ok();
}

#[test]
#[ignore = "needs opensc, openssl"]
fn certificates_validate_with_openssl_up_to_the_root() {
    let desk = Desk::new();
    desk.certificate(&desk.private_keys()[0]);
    let pem = desk.run(&["openssl", "x509", "-inform", "DER", "-in", "certificate.der"]).ok().out;
    desk.write("certificate.pem", pem.as_bytes());
    desk.write("chain.pem", desk.kit.chain_pem().unwrap().as_bytes());
    desk.run(&["openssl", "verify", "-x509_strict", "-CAfile", "chain.pem", "certificate.pem"])
        .ok();
}

#[test]
#[ignore = "needs opensc"]
fn a_removed_card_leaves_an_empty_slot() {
    let desk = Desk::new();
    desk.kit.agent().remove(desk.card.card.id, wardcard::agent::Removal::TapOut).unwrap();
    let slots = desk.run(&["pkcs11-tool", "--module", &desk.module, "-L"]).ok().out;
    assert!(slots.contains("empty"), "{slots}");
    assert!(!slots.contains("555000000001"), "{slots}");
}
