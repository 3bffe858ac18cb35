//! Messages recorded from p11-kit (version 0) and written after the published protocol (1 and 2), at both of our ends.

use super::*;
use crate::{
    net::Connection,
    pkcs11::*,
    wire::{
        bytes::Output,
        calls::{Row, SESSION, general},
        codec,
        cx::Cx,
        frame::Intake,
    },
};

struct Dialogue {
    version: u8,
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}

fn dialogues() -> Vec<Dialogue> {
    let files = [
        include_str!("../../../tests/data/wire/version-0.txt"),
        include_str!("../../../tests/data/wire/version-1.txt"),
        include_str!("../../../tests/data/wire/version-2.txt"),
    ];
    files.iter().map(|text| read(text)).collect()
}

fn read(text: &str) -> Dialogue {
    let mut dialogue = Dialogue { version: 0, pairs: Vec::new() };
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("=", version)) => dialogue.version = version.parse().unwrap(),
            Some((">", request)) => dialogue.pairs.push((hex(request), Vec::new())),
            Some(("<", answer)) => dialogue.pairs.last_mut().unwrap().1 = hex(answer),
            _ => {}
        }
    }
    dialogue
}

fn framed(code: u32, message: &[u8]) -> Vec<u8> {
    let mut output = Output::default();
    output.word(code);
    output.word(0);
    output.word(u32::try_from(message.len()).unwrap());
    output.raw(message);
    output.as_slice().to_vec()
}

#[test]
fn our_client_says_what_theirs_says_and_understands_the_answers() {
    for dialogue in dialogues() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::beside(folder.path(), "s");
        let listener = Listener::bind(&address, 0o600).unwrap();
        let pairs = dialogue.pairs;
        let version = dialogue.version;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let (connection, _) = listener.accept().unwrap().unwrap();
                let mut byte = [0];
                connection.read_exact(&mut byte).unwrap();
                assert_eq!(byte, [2]);
                connection.write_all(&[version]).unwrap();
                let mut intake = Intake::new(1 << 20, Duration::from_secs(5));
                let mut body = Output::default();
                for (request, answer) in pairs {
                    let Ok(code) = intake.next(&connection, &mut body) else { return };
                    assert_eq!(body.as_slice(), request, "version {version}");
                    connection.write_all(&framed(code, &answer)).unwrap();
                }
            });
            let trust = ServerTrust::default();
            let client = Client::new(Endpoint { addresses: vec![address], trust });
            converse(&client, version);
            client.finalize().unwrap();
        });
    }
}

/// The calls of the dialogues.
fn converse(client: &Client, version: u8) {
    client.initialize().unwrap();
    assert!(client.slot_info(17).unwrap().description.starts_with("SoftHSM slot ID"));
    assert_eq!(client.token_info(17).unwrap().label, "wire");
    let session = client.open_session(17, 4).unwrap();
    client.login(session, 1, Some(b"123456")).unwrap();
    let template = [
        Attribute { kind: 0, value: 3_u64.to_le_bytes().to_vec() },
        Attribute { kind: 0x102, value: vec![1] },
    ];
    client.find_objects_init(session, &template).unwrap();
    let key = client.find_objects(session, 1).unwrap()[0];
    client.find_objects_final(session).unwrap();
    let mechanism = Mechanism { kind: 0x40, parameter: Parameter::None };
    client.sign_init(session, &mechanism, key).unwrap();
    let always = [Query { kind: 0x202, room: Some(1) }];
    let answers = client.attribute_value(session, key, &always).unwrap();
    assert_eq!(answers, Answers { code: None, answers: vec![Answer::Value(vec![0])] });
    if version > 0 {
        let asked = client.sign(session, b"hello\n", Room::Bytes(0));
        assert_eq!(asked, Ok(Filled::TooSmall(256)));
    }
    let Ok(Filled::Bytes(signature)) = client.sign(session, b"hello\n", Room::Bytes(512)) else {
        panic!("no signature");
    };
    assert_eq!(signature.len(), 256);
    client.close_session(session).unwrap();
}

#[test]
fn our_server_understands_what_theirs_is_asked_and_answers_in_its_form() {
    for dialogue in dialogues() {
        let stage = Stage::new();
        let connection = Connection::connect(&stage.address, &ServerTrust::default()).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        connection.write_all(&[dialogue.version]).unwrap();
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [dialogue.version]);
        stage.double().sessions_from(16);
        let mut intake = Intake::new(1 << 20, Duration::from_secs(5));
        let mut body = Output::default();
        let mut closed = Vec::new();
        for (number, (request, answer)) in (1..).zip(&dialogue.pairs) {
            // What comes after the close needs a session again.
            if request[..4] == [0, 0, 0, 11] {
                closed.push((request, answer));
                continue;
            }
            connection.write_all(&framed(number, request)).unwrap();
            assert_eq!(intake.next(&connection, &mut body).unwrap(), number);
            let head = 8 + usize::from(answer[7]);
            assert_eq!(body.as_slice().get(..head), Some(&answer[..head]), "{:?}", &request[..4]);
            if matches!(answer[3], 0 | 66..) {
                assert_eq!(body.as_slice(), answer, "version {}", dialogue.version);
            }
        }
        assert_eq!(closed.len(), 1);
    }
}

#[test]
fn a_newer_client_is_answered_our_newest_version() {
    let stage = Stage::new();
    let connection = Connection::connect(&stage.address, &ServerTrust::default()).unwrap();
    connection.write_all(&[200]).unwrap();
    let mut byte = [0];
    connection.read_exact(&mut byte).unwrap();
    assert_eq!(byte, [2]);
}

#[test]
fn rows_of_the_table_are_in_order_and_agree_with_what_is_written() {
    let mut all: Vec<Row> = general::ALL.iter().chain(SESSION).copied().collect();
    all.sort_by_key(|row| row.id);
    let ids: Vec<_> = all.iter().map(|row| row.id).collect();
    assert_eq!(ids, (1..=67).chain([88, 89]).chain(92..=95).collect::<Vec<_>>());
    for row in &all {
        for (version, known) in [(0, row.id < 66), (1, row.id < 89), (2, true)] {
            let found = crate::wire::calls::row(row.id, version);
            assert_eq!(found, known.then_some(*row), "{} {version}", row.name);
        }
    }
    assert_eq!(crate::wire::calls::row(0, 2), None);
    assert_eq!(crate::wire::calls::row(68, 2), None);
    // Each role writes what its code says.
    let cx = Cx::server(2);
    let mut output = Output::default();
    codec::put::data(&mut output, cx, b"x").unwrap();
    assert_eq!(output.as_slice(), [1, 0, 0, 0, 1, b'x']);
}
