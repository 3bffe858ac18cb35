//! Peers that break the wire's rules at a running agent: their connection ends, the agent and the
//! others go on, and its memory stays bounded.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

mod common;

use common::{
    application::Application,
    station::{Plan, Station},
};
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

const PERSON: &str = "555000000001";
const PASSCODE: &str = "135790";
const HANDSHAKE: &[u8] = b"PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1";

fn message(call: u32, signature: &[u8], arguments: &[u8]) -> Vec<u8> {
    let length = u32::try_from(signature.len()).unwrap();
    [&call.to_be_bytes()[..], &length.to_be_bytes(), signature, arguments].concat()
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[0, 0, 0, 7, 0, 0, 0, 0][..], &length.to_be_bytes(), message].concat()
}

fn call(number: u32, signature: &[u8], arguments: &[u8]) -> Vec<u8> {
    framed(&message(number, signature, arguments))
}

/// An agent with a card, and an application that signs with it.
struct Ward {
    station: Station,
    application: Application,
}

impl Ward {
    fn start() -> Self {
        let tables = "[limits]\nconnections_per_user = 300\n".to_owned();
        let station = Station::with(&Plan { tables, ..Plan::default() });
        station.sign_in(PERSON, PASSCODE);
        let application = Application::open(&station.address(), station.uid()).unwrap();
        application.login(PASSCODE).unwrap();
        Self { station, application }
    }

    /// The agent and the application go on, and so does a new one.
    #[track_caller]
    fn goes_on(&self) {
        self.application.sign(b"text").unwrap();
        let other = Application::open(&self.station.address(), self.station.uid()).unwrap();
        other.login(PASSCODE).unwrap();
        other.sign(b"text").unwrap();
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.station.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// A connection whose Cryptoki is initialised, with one session open.
    fn greeted(&self) -> UnixStream {
        let mut stream = self.connect();
        stream.write_all(&[2]).unwrap();
        let mut version = [9];
        stream.read_exact(&mut version).unwrap();
        assert_eq!(version, [2]);
        let mut arguments = vec![1, 0, 0, 0, 41];
        arguments.extend(HANDSHAKE);
        arguments.extend([0, 1, 0, 0, 0, 1, 0]);
        stream.write_all(&call(1, b"ayyay", &arguments)).unwrap();
        assert_eq!(answer(&mut stream).unwrap(), 1);
        let slot_and_flags = [[0; 8], 4_u64.to_be_bytes()].concat();
        stream.write_all(&call(10, b"uu", &slot_and_flags)).unwrap();
        assert_eq!(answer(&mut stream).unwrap(), 10);
        stream
    }

    /// Resident memory of the agent, in KiB.
    fn resident(&self) -> u64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.station.pid())).unwrap();
        let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4
    }
}

/// The number of the call that is answered; 0 is an error's.
fn answer(stream: &mut UnixStream) -> Option<u32> {
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes(head[8..].try_into().unwrap());
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).ok()?;
    Some(u32::from_be_bytes(body[..4].try_into().unwrap()))
}

/// The other side closes, after an answer that is an error at most.
#[track_caller]
fn ended(stream: &mut UnixStream) {
    if let Some(call) = answer(stream) {
        assert_eq!(call, 0, "an error");
        assert_eq!(answer(stream), None);
    }
    // Not because of our patience.
    let end = stream.read(&mut [0]);
    let lasts = end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!lasts, "the connection lasts");
}

/// Sends this on a greeted connection, which ends; all else goes on.
#[track_caller]
fn ends(frames: &[Vec<u8>]) {
    let ward = Ward::start();
    for frame in frames {
        let mut stream = ward.greeted();
        // The other side may have closed before all is written.
        let _ = stream.write_all(frame);
        ended(&mut stream);
    }
    ward.goes_on();
}

#[test]
fn a_length_above_the_limit_ends_the_connection() {
    ends(&[
        [&[0, 0, 0, 1, 0, 0, 0, 0][..], &u32::MAX.to_be_bytes()].concat(),
        [&[0, 0, 0, 1, 0, 0, 0, 0][..], &(1_u32 << 31).to_be_bytes()].concat(),
        [&[0, 0, 0, 1][..], &u32::MAX.to_be_bytes(), &[0; 4]].concat(),
        [&[0, 0, 0, 1][..], &(1_u32 << 31).to_be_bytes(), &(1_u32 << 31).to_be_bytes()].concat(),
    ]);
}

#[test]
fn what_speaks_another_protocol_is_let_go() {
    let ward = Ward::start();
    for other in
        [&b"GET / HTTP/1.1\r\nHost: agent\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2\r\n\r\n", &[0xff; 64]]
    {
        let mut stream = ward.connect();
        stream.write_all(other).unwrap();
        let mut version = [0];
        stream.read_exact(&mut version).unwrap();
        assert!(version[0] <= 2, "a version that there is");
        ended(&mut stream);
    }
    ward.goes_on();
}

#[test]
fn a_call_of_a_newer_version_ends_the_connection_of_an_older() {
    let ward = Ward::start();
    let mut stream = ward.connect();
    stream.write_all(&[0]).unwrap();
    stream.read_exact(&mut [9]).unwrap();
    stream.write_all(&call(88, b"uays", &[0; 8])).unwrap();
    ended(&mut stream);
    ward.goes_on();
}

#[test]
fn a_truncated_frame_ends_the_connection() {
    let whole = call(13, b"u", &1_u64.to_be_bytes());
    let ward = Ward::start();
    for length in [3, 11, 12, 15, 20, whole.len() - 1] {
        let mut stream = ward.greeted();
        stream.write_all(&whole[..length]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        ended(&mut stream);
    }
    ward.goes_on();
}

#[test]
fn a_message_without_its_head_ends_the_connection() {
    ends(&[framed(&[]), framed(&[0, 0, 0]), framed(&[0, 0, 0, 3, 0, 0, 0, 9])]);
}

#[test]
fn an_unknown_call_or_another_signature_ends_the_connection() {
    ends(&[
        call(0, b"u", &[0; 8]),
        call(102, b"", &[]),
        call(u32::MAX, b"", &[]),
        call(3, b"u", &[0; 8]),
        call(13, b"", &[0; 8]),
        framed(&[0, 0, 0, 13, 0xff, 0xff, 0xff, 0xff]),
    ]);
}

#[test]
fn a_count_above_what_is_there_ends_the_connection() {
    let session = 1_u64.to_be_bytes();
    let count = |count: u32, rest: &[u8]| [&session[..], &count.to_be_bytes(), rest].concat();
    ends(&[
        call(26, b"uaA", &count(u32::MAX - 1, &[])),
        call(26, b"uaA", &count(1 << 31, &[0; 64])),
        call(26, b"uaA", &count(2, &[0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7])),
    ]);
}

#[test]
fn more_questions_than_anybody_has_end_the_connection() {
    let about = [1_u64.to_be_bytes(), 1_u64.to_be_bytes()].concat();
    let asked = |count: u32| {
        let questions = [0, 0, 0, 0x11, 0, 1, 0, 0].repeat(count as usize);
        [&about[..], &count.to_be_bytes(), &questions].concat()
    };
    ends(&[call(24, b"uufA", &asked(4097)), call(24, b"uufA", &asked(130_000))]);
}

#[test]
fn templates_in_templates_end_the_connection() {
    let mut nested = vec![0, 0, 0, 0];
    for _ in 0..50_000 {
        nested.extend([0, 0, 0, 1, 0x40, 0, 2, 0x11, 1, 0, 0, 0, 24]);
    }
    nested.rotate_left(4);
    ends(&[call(26, b"uaA", &[&1_u64.to_be_bytes()[..], &nested].concat())]);
}

#[test]
fn memory_stays_bounded_whatever_lengths_are_claimed() {
    let ward = Ward::start();
    ward.goes_on();
    let before = ward.resident();
    // 200 that claim too much, and are let go.
    for _ in 0..200 {
        let mut stream = ward.greeted();
        let head = [&[0, 0, 0, 1][..], &(1_u32 << 31).to_be_bytes(), &(1_u32 << 31).to_be_bytes()];
        let _ = stream.write_all(&head.concat());
        ended(&mut stream);
    }
    // 200 that claim as much as they may, bring little of it, and stay.
    let held: Vec<UnixStream> = (0..200)
        .map(|_| {
            let mut stream = ward.greeted();
            let head = [&[0, 0, 0, 1, 0, 0, 0, 0][..], &(1_u32 << 20).to_be_bytes(), &[1; 100]];
            stream.write_all(&head.concat()).unwrap();
            stream
        })
        .collect();
    let during = ward.resident();
    assert!(during < before + 48 * 1024, "{before} KiB, then {during} KiB");
    ward.goes_on();
    drop(held);
}

#[test]
fn the_slow_are_let_go_and_nobody_waits_for_them() {
    let ward = Ward::start();
    let frame = call(13, b"u", &1_u64.to_be_bytes());
    // One says nothing, one stops in a head, one in a body; one brings a byte each second.
    let mut slow = vec![ward.connect(), ward.greeted(), ward.greeted()];
    slow[1].write_all(&frame[..7]).unwrap();
    slow[2].write_all(&frame[..frame.len() - 1]).unwrap();
    let mut drip = ward.greeted();
    // One asks for much and takes nothing.
    let mut greedy = ward.greeted();
    greedy.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let random = call(64, b"ufy", &[&1_u64.to_be_bytes()[..], &65_536_u32.to_be_bytes()].concat());
    while greedy.write_all(&random).is_ok() {}
    let begun = Instant::now();
    for byte in &frame {
        if drip.write_all(&[*byte]).is_err() {
            break;
        }
        let signing = Instant::now();
        ward.application.sign(b"text").unwrap();
        assert!(signing.elapsed() < Duration::from_secs(5), "delayed by the slow");
        std::thread::sleep(Duration::from_secs(1).saturating_sub(signing.elapsed()));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(19),
        "a drip may last no longer than a frame may"
    );
    for stream in &mut slow {
        ended(stream);
    }
    ended(&mut drip);
    ward.goes_on();
}

#[test]
fn too_many_connections_of_one_user_are_refused() {
    let tables = "[limits]\nconnections_per_user = 5\n".to_owned();
    let station = Station::with(&Plan { tables, ..Plan::default() });
    station.sign_in(PERSON, PASSCODE);
    let application = Application::open(&station.address(), station.uid()).unwrap();
    let mut many: Vec<UnixStream> =
        (0..20).map(|_| UnixStream::connect(station.socket()).unwrap()).collect();
    let refused = many.iter_mut().filter_map(|stream| {
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        stream.read(&mut [0]).ok()
    });
    assert_eq!(refused.count(), 16);
    application.login(PASSCODE).unwrap();
    application.sign(b"text").unwrap();
}
