//! Every call through the wire, in each version, against the same calls without it.

use super::*;
use crate::pkcs11::*;

/// Makes every call there is and tells what came of it.
fn drive(cryptoki: &dyn Cryptoki, version: u8) -> Vec<String> {
    let mut told = Vec::new();
    macro_rules! tell {
        ($($call:expr),* $(,)?) => { $(told.push(format!("{} {:?}", stringify!($call), $call));)* };
    }
    /// A handle without the client's own part.
    fn bare(result: Result<u64>) -> Result<u64> {
        result.map(|handle| handle & ((1 << crate::wire::cx::HANDLE_BITS) - 1))
    }
    tell!(
        cryptoki.info(),
        cryptoki.slot_list(false),
        cryptoki.slot_list(true),
        cryptoki.slot_info(1),
        cryptoki.token_info(1),
        cryptoki.mechanism_list(1).map(|list| list.iter().filter(|kind| **kind < 0x1000).count()),
        cryptoki.mechanism_info(1, 0x40),
        cryptoki.init_token(1, Some(b"12345678"), b"A label of 32 bytes, no end mark"),
        cryptoki.init_token(1, None, &[b' '; 32]),
        cryptoki.wait_for_slot_event(false),
    );
    let s = cryptoki.open_session(1, 6).unwrap();
    let find = cryptoki.find_objects(s, 3).unwrap();
    let o = find[2];
    let rsa = Mechanism { kind: 0x40, parameter: Parameter::None };
    let pss = Mechanism { kind: 0x0d, parameter: Parameter::Pss { hash: 0x250, mgf: 2, salt: 32 } };
    let oaep = |label: &[u8]| Mechanism {
        kind: 9,
        parameter: Parameter::Oaep { hash: 0x220, mgf: 1, source: 1, label: label.to_vec() },
    };
    let cbc = Mechanism { kind: 0x1082, parameter: Parameter::Bytes(vec![7; 16]) };
    let template = [
        Attribute { kind: 0, value: 3_u64.to_le_bytes().to_vec() },
        Attribute { kind: 1, value: vec![1] },
        Attribute { kind: 3, value: b"label".to_vec() },
        Attribute { kind: 0x102, value: vec![] },
        Attribute { kind: 0x110, value: b"20260101".to_vec() },
        Attribute { kind: 0x111, value: vec![] },
        Attribute { kind: 0x40000600, value: 0x40_u64.to_le_bytes().to_vec() },
        Attribute { kind: 0x40000211, value: vec![] },
        Attribute { kind: 0x100, value: vec![] },
        Attribute { kind: 2, value: vec![] },
    ];
    let queries: Vec<_> = [0, 1, 3, 0x80, 0x110, 0x111, 0x40000600, 0x40000211]
        .iter()
        .flat_map(|kind| {
            [Query { kind: *kind, room: Some(100) }, Query { kind: *kind, room: None }]
        })
        .collect();
    let big = Room::Bytes(1000);
    tell!(
        cryptoki.session_info(s),
        cryptoki.init_pin(s, Some(b"123456")),
        cryptoki.init_pin(s, None),
        cryptoki.set_pin(s, Some(b"1"), Some(b"")),
        cryptoki.set_pin(s, None, Some(b"22")),
        cryptoki.operation_state(s, Room::Query),
        cryptoki.operation_state(s, Room::Bytes(15)),
        cryptoki.set_operation_state(s, b"state", o, 0),
        cryptoki.login(s, 1, Some(b"123456")),
        cryptoki.login(s, 1, Some(b"wrong")),
        cryptoki.login(s, 1, None),
        cryptoki.logout(s),
        bare(cryptoki.create_object(s, &template)),
        bare(cryptoki.copy_object(s, o, &template)),
        bare(cryptoki.create_object(s, &[])),
        cryptoki.destroy_object(s, o),
        cryptoki.object_size(s, o),
        cryptoki.attribute_value(s, o, &queries),
        cryptoki.attribute_value(s, o, &[]),
        cryptoki.set_attribute_value(s, o, &template),
        cryptoki.find_objects_init(s, &template),
        cryptoki.find_objects(s, 690).map(|found| found.len()),
        cryptoki.find_objects(s, 690).map(|found| found.len()),
        cryptoki.find_objects(s, 690).map(|found| found.len()),
        cryptoki.find_objects_final(s),
        cryptoki.encrypt_init(s, &cbc, o),
        cryptoki.encrypt(s, b"data", big),
        cryptoki.encrypt_update(s, b"", big),
        cryptoki.encrypt_final(s, Room::Bytes(3)),
        cryptoki.decrypt_init(s, &oaep(b"L"), o),
        cryptoki.decrypt_init(s, &oaep(b""), o),
        cryptoki.decrypt(s, b"data", Room::Query),
        cryptoki.decrypt_update(s, b"data", big),
        cryptoki.decrypt_final(s, big),
        cryptoki.digest_init(s, &Mechanism { kind: 0x250, parameter: Parameter::None }),
        cryptoki.digest(s, b"data", big),
        cryptoki.digest_update(s, b"data"),
        cryptoki.digest_key(s, o),
        cryptoki.digest_final(s, big),
        cryptoki.sign_init(s, &pss, o),
        cryptoki.sign(s, b"data", Room::Query),
        cryptoki.sign(s, b"data", Room::Bytes(3)),
        cryptoki.sign(s, b"data", Room::Bytes(4)),
        cryptoki.sign(s, b"", Room::Query),
        cryptoki.sign(s, b"", Room::Bytes(10)),
        cryptoki.sign(s, &[5; 100_000], Room::Bytes(100_000)),
        cryptoki.sign_update(s, b"data"),
        cryptoki.sign_final(s, big),
        cryptoki.sign_recover_init(s, &rsa, o),
        cryptoki.sign_recover(s, b"data", big),
        cryptoki.verify_init(s, &rsa, o),
        cryptoki.verify(s, b"data", b"signature"),
        cryptoki.verify_update(s, b"data"),
        cryptoki.verify_final(s, b"signature"),
        cryptoki.verify_recover_init(s, &rsa, o),
        cryptoki.verify_recover(s, b"signature", big),
        cryptoki.digest_encrypt_update(s, b"data", big),
        cryptoki.decrypt_digest_update(s, b"data", big),
        cryptoki.sign_encrypt_update(s, b"data", big),
        cryptoki.decrypt_verify_update(s, b"data", big),
        bare(cryptoki.generate_key(s, &rsa, &template)),
        cryptoki
            .generate_key_pair(s, &rsa, &template, &[])
            .map(|(one, two)| (bare(Ok(one)), bare(Ok(two)))),
        cryptoki.wrap_key(s, &rsa, o, o, big),
        bare(cryptoki.unwrap_key(s, &rsa, o, b"wrapped", &template)),
        bare(cryptoki.derive_key(s, &rsa, o, &template)),
        cryptoki.seed_random(s, b"seed"),
        cryptoki.generate_random(s, 32),
        cryptoki.generate_random(s, 0),
        cryptoki.close_session(s),
        cryptoki.close_all_sessions(1),
    );
    if version > 0 {
        let s = cryptoki.open_session(1, 4).unwrap();
        let counter = Mechanism { kind: 0x1086, parameter: Parameter::Bytes(vec![1; 24]) };
        let general = Mechanism { kind: 0x252, parameter: Parameter::Bytes(vec![4; 8]) };
        let gcm = Parameter::Gcm { iv: vec![1; 12], aad: b"aad".to_vec(), tag_bits: 128 };
        let gcm = Mechanism { kind: 0x1087, parameter: gcm };
        let ecdh = Parameter::Ecdh { kdf: 1, shared: vec![], public: vec![4; 65] };
        let ecdh = Mechanism { kind: 0x1050, parameter: ecdh };
        tell!(
            cryptoki.encrypt_init(s, &counter, o),
            cryptoki.encrypt_init(s, &gcm, o),
            bare(cryptoki.derive_key(s, &ecdh, o, &template)),
            cryptoki.login_user(s, 1, Some(b"123456"), b"name"),
            cryptoki.login_user(s, 1, None, b""),
            cryptoki.session_cancel(s, 0x800),
            cryptoki.sign_init(s, &general, o),
            cryptoki.sign(s, b"data", Room::Bytes(0)),
            cryptoki.sign(s, b"", Room::Bytes(0)),
            cryptoki.close_session(s),
        );
    }
    if version > 1 {
        let s = cryptoki.open_session(1, 4).unwrap();
        let bare_pss = Mechanism { kind: 0x0d, parameter: Parameter::None };
        tell!(
            cryptoki.sign_init(s, &bare_pss, o),
            cryptoki.verify_signature_init(s, &rsa, o, b"signature"),
            cryptoki.verify_signature(s, b"data"),
            cryptoki.verify_signature_update(s, b"data"),
            cryptoki.verify_signature_final(s),
            cryptoki.close_session(s),
        );
    }
    told
}

#[test]
fn every_call_is_the_same_through_the_wire_in_every_version() {
    for version in 0..=2 {
        let direct = Double::default();
        direct.initialize().unwrap();
        let expected = drive(&direct, version);
        let stage = Stage::new();
        let client = stage.blank_client(version);
        client.initialize().unwrap();
        let told = drive(&client, version);
        for (told, expected) in told.iter().zip(&expected) {
            assert_eq!(told, expected, "version {version}");
        }
        assert_eq!(told.len(), expected.len());
        // The server was asked the same, but for the lists of slots that connecting needs and searches in parts.
        let relevant = |double: &Double| -> Vec<_> {
            let minor = |note: &String| !note.starts_with("slot_list") && note != "find_objects";
            double.notes().into_iter().filter(minor).collect()
        };
        let asked = relevant(&stage.double());
        for (asked, expected) in asked.iter().zip(relevant(&direct)) {
            // Of a template in a template only the length is asked for.
            let template = |room: &str| format!("kind: {}, room: {room}", 0x40000211);
            let expected = expected.replace(&template("Some(100)"), &template("None"));
            assert_eq!(asked, &expected, "version {version}");
        }
    }
}

#[test]
fn a_server_of_version_0_is_asked_for_no_bytes_with_room_for_one() {
    let stage = Stage::new();
    let client = stage.blank_client(0);
    client.initialize().unwrap();
    let session = client.open_session(1, 4).unwrap();
    assert_eq!(client.sign(session, b"data", Room::Bytes(0)), Ok(Filled::TooSmall(4)));
    assert_eq!(client.sign(session, b"", Room::Bytes(0)), Ok(Filled::Bytes(vec![])));
    assert!(stage.double().notes().contains(&"sign [] Bytes(1)".to_owned()));
}

#[test]
fn calls_that_a_server_does_not_know_are_not_sent() {
    let stage = Stage::new();
    for (version, known) in [(0, false), (1, false), (2, true)] {
        let client = stage.blank_client(version);
        client.initialize().unwrap();
        let session = client.open_session(1, 4).unwrap();
        let told = [
            client.verify_signature(session, b"data"),
            client.verify_signature_update(session, b"data"),
            client.verify_signature_final(session),
            client.login_user(session, 1, None, b"name"),
        ];
        let expected = [known, known, known, version > 0];
        let expected = expected.map(|known| if known { Ok(()) } else { Err(NOT_SUPPORTED) });
        assert_eq!(told, expected, "version {version}");
        // Without a call for it, operations are led to their end by the calls that there are.
        assert_eq!(client.session_cancel(session, 0x800), Ok(()));
        let cancelled = stage.double().notes().contains(&"session_cancel (2048,)".to_owned());
        assert_eq!(cancelled, version > 0);
        assert_eq!(
            stage.double().notes().iter().any(|note| note.starts_with("sign ")),
            version == 0
        );
    }
}

#[test]
fn what_the_wire_cannot_carry_is_refused_before_it_is_sent() {
    let stage = Stage::new();
    let client = stage.client();
    let session = client.open_session(1, 4).unwrap();
    let object = client.find_objects(session, 1).unwrap()[0];
    let before = stage.double().notes().len();
    let init = |kind, parameter| client.sign_init(session, &Mechanism { kind, parameter }, object);
    assert_eq!(init(0x8000_0001, Parameter::None), Err(Rv(0x70)));
    assert_eq!(init(0x1087, Parameter::Bytes(vec![0; 48])), Err(Rv(0x71)));
    assert_eq!(init(0x40, Parameter::Bytes(vec![1])), Err(Rv(0x71)));
    assert_eq!(init(0x0d, Parameter::Bytes(vec![0; 24])), Err(Rv(0x71)));
    assert_eq!(init(0x1082, Parameter::Bytes(vec![0; 15])), Err(Rv(0x71)));
    assert_eq!(client.mechanism_info(1, 0x8000_0001), Err(Rv(0x70)));
    let create =
        |kind, length| client.create_object(session, &[Attribute { kind, value: vec![0; length] }]);
    assert_eq!(create(1, 4), Err(Rv(0x13)));
    assert_eq!(create(0, 9), Err(Rv(0x13)));
    assert_eq!(create(0x110, 7), Err(Rv(0x13)));
    assert_eq!(create(0x40000600, 12), Err(Rv(0x13)));
    assert_eq!(create(0x40000211, 24), Err(Rv(0x12)));
    assert_eq!(create(1 << 32, 1), Err(Rv(0x12)));
    assert_eq!(stage.double().notes().len(), before);
    assert_eq!(client.mechanism_list(1), Ok(vec![1, 0x40, 0x1087, 0x0d]));
}
