//! A card that a registration tool filled through PKCS#11, adopted: passcode and proof lead to one key.

use super::*;
use wardcard::{
    pkcs11::{
        Attribute, Cryptoki, Filled, Mechanism, Room,
        ck::{CKA_CLASS, CKF_SERIAL_SESSION, CKM_SHA256_RSA_PKCS, CKO_PRIVATE_KEY, CKU_USER},
    },
    wire,
};

/// A place of programs at the agent's store, in processes of their own.
fn registry(ward: &Ward) -> Workplace {
    let own = ward.station.path().join("own");
    let path = |name: &str| own.join(name).display().to_string();
    let (store, key) = (path("cards"), path("state/store.key"));
    Workplace::new(PASSCODE, &[("WARDCARD_STORE", &store), ("WARDCARD_STORE_KEY", &key)])
}

/// A card filled with a key and, where it is to be, its certificate; the card's serial number.
fn filled(ward: &Ward, registry: &Workplace, certified: bool) -> (String, String) {
    registry.initialize("ward");
    registry.tool(&["--keypairgen", "--key-type", "rsa:2048", "--id", "01"]).ok();
    registry.tool(&["-r", "-y", "pubkey", "--id", "01", "-o", "public.der"]).ok();
    let public = registry.file("public.pem").display().to_string();
    let read =
        ["openssl", "pkey", "-pubin", "-inform", "DER", "-in", "public.der", "-out", &public];
    registry.run(&read).ok();
    let subject = format!("/O=nhs/OU=people/CN={PERSON}");
    let certificate = ward.authority.certify_key(Profile::Authentication, &public, &subject);
    let der = ["openssl", "x509", "-in", &certificate, "-outform", "DER", "-out", "own.der"];
    registry.run(&der).ok();
    if certified {
        registry.tool(&["--write-object", "own.der", "--type", "cert", "--id", "01"]).ok();
    }
    let slots = registry.run(&["pkcs11-tool", "--module", &registry.module, "-L"]).ok().out;
    let serial = slots.lines().find_map(|line| line.trim().strip_prefix("serial num"));
    let serial = serial.unwrap().trim_start_matches([' ', ':']).to_owned();
    (serial, certificate)
}

#[test]
#[ignore = "needs openssl, opensc"]
fn a_filled_card_is_adopted_by_its_passcode_and_released_while_it_is_used_by_it() {
    let ward = Ward::with("personal", "");
    let registry = registry(&ward);
    let (card, certificate) = filled(&ward, &registry, true);
    let chain = &ward.authority.issuing()[0];
    ward.station.host().cards().unwrap();
    fs::write(ward.file("wrong"), "135790\n").unwrap();
    fs::write(ward.file("right"), format!("{PASSCODE}\n")).unwrap();
    let adopt = |passcode: &str, card: &str| {
        ward.enrol(&["adopt", card, PERSON, "--passcode-file", passcode, "--chain", chain])
    };
    let wrong = adopt("wrong", &card);
    assert!(!wrong.success && wrong.err.contains("tries left: 2"), "{}", wrong.err);
    let none = adopt("right", "0123456789abcdef");
    assert!(!none.success && none.err.contains("no such card"), "{}", none.err);
    let other = ["adopt", &card, "555000000002", "--passcode-file", "right", "--chain", chain];
    let other = ward.enrol(&other);
    assert!(!other.success && other.err.contains("not this person's"), "{}", other.err);
    let said = adopt("right", &card).ok().out;
    assert!(said.contains(&format!("card      {card}")), "{said}");
    assert!(adopt("right", &card).err.contains("enrolled already"));

    // An application uses the card by its passcode, through the agent, all along.
    let place = ward.programs();
    place.write("message", b"a message");
    let user = Session::open(&ward, 1);
    let by_passcode = user.sign();
    let released = ward.release().unwrap();
    assert_eq!(released.released.as_deref(), Some(card.as_str()));
    assert_eq!(user.sign(), by_passcode, "and is not disturbed");
    assert_eq!(Session::open(&ward, 0).sign(), by_passcode, "both ways lead to one key");
    place.write("signature", &by_passcode);
    key_of(&certificate, &place);
    place.verifies("-sha256", &[]);

    // The enrolment ends, the release with it; the card keeps its passcode.
    ward.enrol(&["remove", PERSON, "--yes"]).ok();
    assert!(ward.release().unwrap_err().to_string().contains("no keys of this person"));
    assert!(ward.station.host().cards().unwrap().is_empty());
    assert_eq!(user.sign(), by_passcode);

    // Made anew, an adopted card is nobody's.
    adopt("right", &card).ok();
    ward.release().unwrap();
    registry.initialize("ward");
    let listed = ward.enrol(&["list"]).ok().out;
    assert!(listed.contains("no enrolments"), "{listed}");
}

#[test]
#[ignore = "needs openssl, opensc"]
fn a_card_without_certificates_is_not_adopted() {
    let ward = Ward::with("personal", "");
    let registry = registry(&ward);
    let (card, _) = filled(&ward, &registry, false);
    fs::write(ward.file("right"), PASSCODE).unwrap();
    let run = ward.enrol(&["adopt", &card, PERSON, "--passcode-file", "right"]);
    assert!(!run.success && run.err.contains("write the certificates to the card"), "{}", run.err);
}

/// A session of an application of this process in one slot of the agent.
struct Session {
    client: wire::Client,
    session: u64,
    key: u64,
}

impl Session {
    fn open(ward: &Ward, slot: u64) -> Self {
        let client = common::application::client(&ward.station.address(), ward.station.uid());
        let session = client.open_session(slot, CKF_SERIAL_SESSION).unwrap();
        client.login(session, CKU_USER, Some(PASSCODE.as_bytes())).unwrap();
        let class = Attribute { kind: CKA_CLASS, value: CKO_PRIVATE_KEY.to_le_bytes().to_vec() };
        client.find_objects_init(session, &[class]).unwrap();
        let key = client.find_objects(session, 1).unwrap()[0];
        client.find_objects_final(session).unwrap();
        Self { client, session, key }
    }

    /// Signs `a message`.
    fn sign(&self) -> Vec<u8> {
        let by = Mechanism::plain(CKM_SHA256_RSA_PKCS);
        self.client.sign_init(self.session, &by, self.key).unwrap();
        match self.client.sign(self.session, b"a message", Room::Bytes(512)).unwrap() {
            Filled::Bytes(signature) => signature,
            other => panic!("{other:?}"),
        }
    }
}
