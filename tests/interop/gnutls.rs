//! GnuTLS's p11tool and certtool, from a blank card to an empty one.

use crate::common::{Run, workplace::Workplace};

fn p11tool(place: &Workplace, arguments: &[&str]) -> Run {
    let program = ["p11tool", "--provider", &place.module, "--batch"];
    place.run(&[&program[..], arguments].concat())
}

#[test]
#[ignore = "needs gnutls-bin"]
fn p11tool_initialises_generates_writes_lists_signs_renames_and_deletes() {
    let place = Workplace::blank();
    let tool = |arguments: &[&str]| p11tool(&place, arguments).ok();
    tool(&["--initialize", "--label", "wardroom", "pkcs11:manufacturer=Wardcard"]);
    let card = "pkcs11:token=wardroom";
    tool(&["--so-login", "--initialize-pin", card]);
    let tokens = tool(&["--list-tokens"]).out;
    assert!(tokens.contains("Label: wardroom"), "{tokens}");

    let of = |object: &str| format!("{card};object={object}");
    for (id, label, how) in
        [("01", "rsa", ["rsa", "--bits", "2048"]), ("02", "ec", ["ecdsa", "--curve", "secp256r1"])]
    {
        let made = ["--login", "--outfile", "key.pem", "--label", label, "--id", id];
        tool(&[&made[..], &["--generate-privkey"], &how, &[card]].concat());
        let public = String::from_utf8(place.read("key.pem")).unwrap();
        let shown = tool(&["--login", "--export-pubkey", &format!("{};type=private", of(label))]);
        assert!(shown.out.contains(public.trim()), "{shown:?}");
        let signed = tool(&["--login", "--test-sign", &format!("{};type=private", of(label))]);
        let said = format!("{}{}", signed.out, signed.err);
        assert_eq!(said.matches("... ok").count(), 3, "{said}");
    }

    place.write("template", "cn = \"555000000001\"\nexpiration_days = 2\n");
    let key = format!("{};type=private", of("rsa"));
    let own = ["certtool", "--generate-self-signed", "--template", "template"];
    let with = ["--provider", &place.module, "--load-privkey", &key, "--outfile", "own.pem"];
    place.run(&[&own[..], &with].concat()).ok();
    let write = ["--write", "--load-certificate", "own.pem", "--label", "rsa", "--id", "01", card];
    tool(&[&["--login"][..], &write].concat());

    let listed = tool(&["--login", "--list-all", card]).out;
    for (kind, count) in [("type=cert", 1), ("type=private", 2), ("type=public", 2)] {
        assert_eq!(listed.matches(kind).count(), count, "{kind}: {listed}");
    }
    assert!(listed.contains("Private key (EC/ECDSA-SECP256R1)"), "{listed}");
    let paired = tool(&["--login", "--list-certs", card]).out;
    assert!(paired.contains("Label: rsa"), "{paired}");

    tool(&["--login", "--set-label", "renamed", &key]);
    tool(&["--login", "--set-id", "09", &format!("{};type=private", of("renamed"))]);
    let renamed = tool(&["--login", "--list-all-privkeys", card]).out;
    assert!(renamed.contains("Label: renamed") && renamed.contains("ID: 09"), "{renamed}");

    for (object, count) in [("rsa", 2), ("renamed", 1), ("ec", 2)] {
        let deleted = tool(&["--login", "--delete", &of(object)]);
        let said = format!("{}{}", deleted.out, deleted.err);
        assert!(said.contains(&format!("{count} objects deleted")), "{said}");
    }
    // What is left tells of the token itself: its profiles, which p11tool has no word for.
    let left = tool(&["--login", "--list-all", card]).out;
    assert!(!left.contains("type="), "{left}");
}
