//! Peers that break the rules: each rule by a test of its own.

use super::*;
use crate::{
    net::Connection,
    pkcs11::{Room, Rv},
    wire::{bytes::Output, calls::general, frame::Intake},
};
use std::{io, thread, time::Instant};

/// A connection to a stage, greeted, without a client.
pub(super) struct Raw {
    connection: Connection,
    intake: Intake,
}

pub(super) fn message(id: u32, signature: &str, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(signature.len()).unwrap();
    [&id.to_be_bytes()[..], &length.to_be_bytes(), signature.as_bytes(), rest].concat()
}

pub(super) fn framed(code: u32, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&code.to_be_bytes()[..], &[0; 4], &length.to_be_bytes(), message].concat()
}

pub(super) fn long(value: u64) -> [u8; 8] {
    value.to_be_bytes()
}

impl Raw {
    pub(super) fn new(stage: &Stage, version: u8) -> Self {
        let connection = Connection::connect(&stage.address, &ServerTrust::default()).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        connection.write_all(&[version]).unwrap();
        connection.read_exact(&mut [0]).unwrap();
        let mut raw = Self { connection, intake: Intake::new(1 << 24, Duration::from_secs(5)) };
        let mut handshake = vec![1, 0, 0, 0, 41];
        handshake.extend(general::HANDSHAKE);
        handshake.extend([0, 1, 0, 0, 0, 1, 0]);
        assert_eq!(raw.ask(&message(1, "ayyay", &handshake)), Ok(()));
        assert_eq!(raw.ask(&message(10, "uu", &[long(1), long(4)].concat())), Ok(()));
        raw
    }

    pub(super) fn send(&self, bytes: &[u8]) {
        // The other end may close while we write.
        let _ = self.connection.write_all(bytes);
    }

    pub(super) fn answer(&mut self) -> io::Result<Result<(), Rv>> {
        let mut body = Output::default();
        self.intake.next(&self.connection, &mut body)?;
        let bytes = body.as_slice();
        Ok(match bytes.get(..4) {
            Some([0, 0, 0, 0]) => Err(Rv(u64::from_be_bytes(bytes[9..17].try_into().unwrap()))),
            _ => Ok(()),
        })
    }

    /// The code of the answer to a message.
    fn ask(&mut self, message: &[u8]) -> Result<(), Rv> {
        self.send(&framed(9, message));
        self.answer().unwrap()
    }

    fn ended(&mut self) {
        assert!(self.answer().is_err());
    }
}

/// Sends what ends a connection, and sees that another goes on.
fn ends(version: u8, bytes: &[u8]) {
    let stage = Stage::new();
    let other = stage.client();
    let session = other.open_session(1, 4).unwrap();
    let mut raw = Raw::new(&stage, version);
    let double = stage.double();
    raw.send(bytes);
    raw.ended();
    soon(|| double.finalized() == 1 && stage.connections() == 1);
    assert!(other.sign(session, b"x", Room::Bytes(9)).is_ok());
}

#[test]
fn a_frame_with_the_number_0_ends_the_connection() {
    ends(2, &framed(0, &message(3, "", &[])));
}

#[test]
fn a_frame_above_the_limit_ends_the_connection() {
    ends(2, &[0, 0, 0, 1, 0, 0, 0, 0, 255, 255, 255, 255]);
    ends(2, &[0, 0, 0, 1, 255, 255, 255, 255, 0, 0, 0, 0]);
}

#[test]
fn a_truncated_frame_ends_the_connection_when_patience_ends() {
    ends(2, &framed(1, &message(3, "", &[]))[..15]);
}

#[test]
fn a_message_too_short_for_its_head_ends_the_connection() {
    ends(2, &framed(1, &[0, 0, 0]));
    ends(2, &framed(1, &[]));
    ends(2, &framed(1, &[0, 0, 0, 3, 0, 0, 0, 9]));
}

#[test]
fn an_unknown_call_ends_the_connection() {
    ends(2, &framed(1, &message(0, "u", &long(5))));
    ends(2, &framed(1, &message(102, "", &[])));
    ends(2, &framed(1, &message(u32::MAX, "", &[])));
    ends(0, &framed(1, &message(66, "uuayay", &[])));
    ends(0, &framed(1, &message(88, "uays", &[])));
}

#[test]
fn a_wrong_signature_ends_the_connection() {
    ends(2, &framed(1, &message(3, "u", &long(1))));
    ends(2, &framed(1, &message(13, "", &long(1))));
    ends(2, &framed(1, &[0, 0, 0, 3, 255, 255, 255, 255]));
}

/// Sends a call that is answered with CKR_DEVICE_ERROR and ends the connection; another goes on.
fn breaks(id: u32, signature: &str, arguments: &[u8]) {
    let stage = Stage::new();
    let other = stage.client();
    let session = other.open_session(1, 4).unwrap();
    let mut raw = Raw::new(&stage, 2);
    assert_eq!(raw.ask(&message(id, signature, arguments)), Err(Rv(0x30)));
    raw.ended();
    soon(|| stage.connections() == 1);
    assert!(other.sign(session, b"x", Room::Bytes(9)).is_ok());
}

#[test]
fn arguments_of_another_length_are_answered_with_an_error_and_end_the_connection() {
    breaks(3, "", &[1]);
    breaks(5, "u", &[1; 9]);
    breaks(5, "u", &[1; 7]);
    breaks(13, "u", &[&long(1)[..], &[0]].concat());
}

#[test]
fn a_count_above_what_is_there_ends_the_connection() {
    breaks(26, "uaA", &[&long(1)[..], &[255, 255, 255, 254]].concat());
}

#[test]
fn an_array_beyond_the_end_ends_the_connection() {
    breaks(44, "uay", &[&long(1)[..], &[1, 0, 0, 1, 0, 7]].concat());
}

#[test]
fn templates_in_templates_end_the_connection() {
    let mut nested = vec![0, 0, 0, 0];
    for _ in 0..1000 {
        nested = [&[0, 0, 0, 1, 0x40, 0, 2, 0x11, 1, 0, 0, 0, 24][..], &nested].concat();
    }
    breaks(26, "uaA", &[&long(1)[..], &nested].concat());
}

#[test]
fn arguments_in_order_that_cannot_be_used_are_answered_and_nothing_ends() {
    let stage = Stage::new();
    let mut raw = Raw::new(&stage, 2);
    // A NULL pointer with a length.
    let null = [&long(1)[..], &[0, 0, 0, 0, 9]].concat();
    assert_eq!(raw.ask(&message(44, "uay", &null)), Err(Rv(7)));
    assert_eq!(raw.ask(&message(3, "", &[])), Ok(()));
}

#[test]
fn a_wrong_handshake_opens_nothing() {
    let stage = Stage::new();
    let mut raw = Raw::new(&stage, 2);
    let wrong = message(1, "ayyay", &[1, 0, 0, 0, 2, b'n', b'o', 0, 1, 0, 0, 0, 1, 0]);
    assert_eq!(raw.ask(&wrong), Err(Rv(5)));
}

#[test]
fn later_calls_are_not_supported() {
    let stage = Stage::new();
    for version in [1, 2] {
        let mut raw = Raw::new(&stage, version);
        for id in 66..=101 {
            if crate::wire::calls::row(id, version).is_none() {
                let asked = raw.ask(&message(id, "whatever", &[1, 2]));
                assert_eq!(asked, Err(Rv(0x54)), "{id} {version}");
            }
        }
    }
}

#[test]
fn random_bytes_are_bounded_whatever_is_asked_for() {
    let stage = Stage::new();
    let mut raw = Raw::new(&stage, 2);
    let ask = |length: u32| [&long(1)[..], &length.to_be_bytes()].concat();
    assert_eq!(raw.ask(&message(64, "ufy", &ask(0x7fff_ffff))), Err(Rv(0x31)));
    assert_eq!(raw.ask(&message(64, "ufy", &ask(1 << 20))), Ok(()));
}

#[test]
fn a_peer_that_says_nothing_after_connecting_is_let_go() {
    let stage = Stage::with(Limits { patience: Duration::from_millis(100), ..Limits::default() });
    let _silent = Connection::connect(&stage.address, &ServerTrust::default()).unwrap();
    soon(|| stage.connections() == 1);
    soon(|| stage.connections() == 0);
}

#[test]
fn an_idle_connection_may_stay() {
    let stage = Stage::with(Limits { patience: Duration::from_millis(50), ..Limits::default() });
    let client = stage.client();
    let session = client.open_session(1, 4).unwrap();
    thread::sleep(Duration::from_millis(300));
    assert!(client.session_info(session).is_ok());
}

#[test]
fn answers_that_nobody_takes_end_the_connection() {
    let stage = Stage::with(Limits { patience: Duration::from_millis(200), ..Limits::default() });
    let raw = Raw::new(&stage, 2);
    let double = stage.double();
    let ask = framed(1, &message(64, "ufy", &[&long(1)[..], &[0, 1, 0, 0]].concat()));
    let start = Instant::now();
    for _ in 0..200 {
        raw.send(&ask);
    }
    soon(|| double.finalized() == 1);
    assert!(start.elapsed() < Duration::from_secs(5));
    soon(|| stage.connections() == 0);
}

/// A server of one connection: greets with `version`, answers C_Initialize and C_GetSlotList, then sends `bytes` for the
/// next request and closes when the client does.
fn against(version: u8, bytes: impl Fn(u32) -> Vec<u8> + Send, check: impl FnOnce(Client)) {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::beside(folder.path(), "s");
    let listener = Listener::bind(&address, 0o600).unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let (connection, _) = listener.accept().unwrap().unwrap();
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            connection.write_all(&[version]).unwrap();
            let mut intake = Intake::new(1 << 20, Duration::from_secs(5));
            let mut body = Output::default();
            let list = message(4, "au", &[&[1, 0, 0, 0, 1][..], &long(1)].concat());
            for answer in [message(1, "", &[]), list] {
                let Ok(code) = intake.next(&connection, &mut body) else { return };
                connection.write_all(&framed(code, &answer)).unwrap();
            }
            let Ok(code) = intake.next(&connection, &mut body) else { return };
            let _ = connection.write_all(&bytes(code));
            while intake.next(&connection, &mut body).is_ok() {}
        });
        let trust = ServerTrust::default();
        let client = Client::new(Endpoint { addresses: vec![address], trust });
        client.initialize().unwrap();
        check(client);
    });
}

/// The client asks for information on its slot, and fails as it should.
fn token_fails(bytes: impl Fn(u32) -> Vec<u8> + Send, code: Rv) {
    against(2, bytes, |client| {
        assert_eq!(client.token_info(1).map(|_| ()), Err(code));
        let _ = client.finalize();
    });
}

const ERROR: Rv = Rv(0x30);
/// The connection is lost, and there is no other.
const NOT_PRESENT: Rv = Rv(0xe0);

#[test]
fn answers_that_break_the_protocol_are_device_errors() {
    token_fails(|code| framed(code, &message(6, "u", &long(1))), ERROR);
    token_fails(|code| framed(code, &message(7, "au", &[0; 5])), ERROR);
    token_fails(|code| framed(code, &message(0, "u", &long(0))), ERROR);
    token_fails(|code| framed(code, &message(6, "ssssuuuuuuuuuuuvvs", &[0; 3])), ERROR);
    token_fails(|code| framed(code, &[]), ERROR);
    token_fails(|code| framed(code, &message(0, "u", &long(0xe1))), Rv(0xe1));
}

#[test]
fn answers_to_nobody_and_broken_frames_lose_the_connection() {
    token_fails(|code| framed(code.wrapping_add(1), &message(6, "", &[])), NOT_PRESENT);
    token_fails(|_| framed(0, &message(6, "", &[])), NOT_PRESENT);
    token_fails(|code| [&code.to_be_bytes()[..], &[0; 4], &[255; 4]].concat(), NOT_PRESENT);
    token_fails(|code| [&code.to_be_bytes()[..], &[255; 4], &[0; 4]].concat(), NOT_PRESENT);
}

#[test]
fn a_version_that_was_not_offered_is_refused() {
    against(
        3,
        |_| Vec::new(),
        |client| {
            assert_eq!(client.slot_list(true), Ok(vec![]));
            assert!(client.trouble().unwrap().contains("not offered"));
            client.finalize().unwrap();
        },
    );
}

#[test]
fn a_server_before_versions_is_asked_again_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::beside(folder.path(), "s");
    let listener = Listener::bind(&address, 0o600).unwrap();
    thread::scope(|scope| {
        let asked = scope.spawn(move || {
            [0, 1].map(|_| {
                let (connection, _) = listener.accept().unwrap().unwrap();
                let mut byte = [9];
                connection.read_exact(&mut byte).unwrap();
                byte[0]
            })
        });
        let trust = ServerTrust::default();
        let client = Client::new(Endpoint { addresses: vec![address], trust });
        client.initialize().unwrap();
        assert_eq!(client.slot_list(true), Ok(vec![]));
        assert_eq!(asked.join().unwrap(), [2, 0]);
    });
}
