//! Many calls at once on one connection.

use super::{
    hostile::{Raw, framed, long, message},
    *,
};
use crate::pkcs11::{Filled, Room, Rv};
use std::{thread, time::Instant};

#[test]
fn a_slot_wait_and_a_slow_login_delay_nobody() {
    let stage = Stage::new();
    let client = &stage.client();
    let open = || client.open_session(1, 4).unwrap();
    let login = open();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| client.wait_for_slot_event(true));
        let asking = scope.spawn(move || client.login(login, 1, Some(b"slow")));
        soon(|| stage.double().waiting() == 1 && stage.double().running() == 1);
        let start = Instant::now();
        let signing: Vec<_> = (0..8_u8)
            .map(|byte| {
                let session = open();
                scope.spawn(move || {
                    for _ in 0..50 {
                        let signed = client.sign(session, &[byte, 1], Room::Bytes(9));
                        assert_eq!(signed, Ok(Filled::Bytes(vec![1, byte])));
                    }
                })
            })
            .collect();
        signing.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert!(!waiting.is_finished() && !asking.is_finished());
        stage.double().release();
        stage.double().slot_event();
        assert_eq!(asking.join().unwrap(), Ok(()));
        assert_eq!(waiting.join().unwrap(), Ok(1));
    });
    assert_eq!(stage.connections(), 1);
}

/// What comes in one piece is read in one piece, so that nothing more tells of the second call.
#[test]
fn a_slot_wait_does_not_delay_a_call_that_comes_with_it() {
    let stage = Stage::new();
    let mut raw = Raw::new(&stage, 0);
    let wait = framed(1, &message(65, "u", &long(0)));
    let info = framed(2, &message(3, "", &[]));
    for _ in 0..20 {
        let start = Instant::now();
        raw.send(&[wait.clone(), info.clone()].concat());
        assert_eq!(raw.answer().unwrap(), Ok(()));
        assert!(start.elapsed() < Duration::from_secs(5), "C_GetInfo came behind the wait");
        soon(|| stage.double().waiting() == 1);
        stage.double().slot_event();
        assert_eq!(raw.answer().unwrap(), Ok(()));
    }
}

#[test]
fn calls_of_one_session_keep_their_order_behind_a_slow_one() {
    let stage = Stage::new();
    let client = &stage.client();
    let session = client.open_session(1, 4).unwrap();
    thread::scope(|scope| {
        let slow = scope.spawn(move || client.sign(session, b"slow", Room::Bytes(9)));
        soon(|| stage.double().running() == 1);
        let behind: Vec<_> = (0..5_u8)
            .map(|byte| {
                let thread = scope.spawn(move || client.digest_update(session, &[byte]).unwrap());
                thread::sleep(Duration::from_millis(20));
                thread
            })
            .collect();
        let second = scope.spawn(move || client.sign(session, b"slow", Room::Bytes(9)));
        thread::sleep(Duration::from_millis(50));
        let updates = || -> Vec<_> {
            let notes = stage.double().notes();
            notes.into_iter().filter(|note| note.starts_with("digest_update")).collect()
        };
        assert_eq!(updates().len(), 0);
        stage.double().release();
        assert!(slow.join().unwrap().is_ok());
        assert!(second.join().unwrap().is_ok());
        behind.into_iter().for_each(|thread| thread.join().unwrap());
        let expected: Vec<_> = (0..5).map(|byte| format!("digest_update ([{byte}],)")).collect();
        assert_eq!(updates(), expected);
    });
    assert!(!stage.double().overlapped());
}

#[test]
fn waits_have_a_budget_of_their_own() {
    let stage = Stage::new();
    let client = &stage.client();
    client.slot_list(true).unwrap();
    thread::scope(|scope| {
        let waits: Vec<_> =
            (0..4).map(|_| scope.spawn(|| client.wait_for_slot_event(true))).collect();
        soon(|| stage.double().waiting() == 4);
        assert_eq!(client.wait_for_slot_event(true), Err(Rv(0x31)));
        assert!(client.info().is_ok());
        for _ in 0..4 {
            stage.double().slot_event();
        }
        waits.into_iter().for_each(|wait| assert_eq!(wait.join().unwrap(), Ok(1)));
    });
}

#[test]
fn calls_beyond_the_budget_are_refused_when_patience_ends_and_the_rest_goes_on() {
    let patience = Duration::from_millis(300);
    let stage = Stage::with(Limits { calls: 2, patience, ..Limits::default() });
    let client = &stage.client();
    let sessions: Vec<_> = (0..4).map(|_| client.open_session(1, 4).unwrap()).collect();
    thread::scope(|scope| {
        let slow: Vec<_> = sessions[..2]
            .iter()
            .map(|session| scope.spawn(|| client.sign(*session, b"slow", Room::Bytes(9))))
            .collect();
        soon(|| stage.double().running() == 2);
        let start = Instant::now();
        assert_eq!(client.sign(sessions[2], b"x", Room::Bytes(9)), Err(Rv(0x31)));
        assert!(start.elapsed() >= patience);
        assert!(client.session_info(sessions[3]).is_ok());
        stage.double().release();
        slow.into_iter().for_each(|call| assert!(call.join().unwrap().is_ok()));
        assert!(client.sign(sessions[2], b"x", Room::Bytes(9)).is_ok());
    });
}

#[test]
fn slow_calls_of_one_user_are_bounded_over_all_connections() {
    let stage = Stage::with(Limits { calls_per_user: 2, ..Limits::default() });
    let (one, two) = (&stage.client(), &stage.client());
    let sessions: Vec<_> = (0..2).map(|_| one.open_session(1, 4).unwrap()).collect();
    let first = stage.double();
    let other = two.open_session(1, 4).unwrap();
    thread::scope(|scope| {
        let slow: Vec<_> = sessions
            .iter()
            .map(|session| scope.spawn(|| one.sign(*session, b"slow", Room::Bytes(9))))
            .collect();
        soon(|| first.running() == 2);
        assert_eq!(two.sign(other, b"x", Room::Bytes(9)), Err(Rv(0x31)));
        assert!(two.session_info(other).is_ok(), "quick calls go on");
        first.release();
        slow.into_iter().for_each(|call| assert!(call.join().unwrap().is_ok()));
        soon(|| two.sign(other, b"x", Room::Bytes(9)).is_ok());
    });
}

#[test]
fn calls_that_run_are_bounded_in_bytes_too() {
    let limits = Limits { frame: 128, patience: Duration::from_millis(300), ..Limits::default() };
    let stage = Stage::with(limits);
    let client = &stage.client();
    let sessions: Vec<_> = (0..30).map(|_| client.open_session(1, 4).unwrap()).collect();
    thread::scope(|scope| {
        let slow: Vec<_> = sessions
            .iter()
            .map(|session| scope.spawn(|| client.sign(*session, b"slow", Room::Bytes(9))))
            .collect();
        // Whatever came of it, all are let go before anything is claimed.
        thread::sleep(Duration::from_secs(1));
        let running = stage.double().running();
        stage.double().release();
        assert!((1..=4 * 128 / 30).contains(&running), "{running}");
        let told: Vec<_> = slow.into_iter().map(|call| call.join().unwrap()).collect();
        assert!(told.contains(&Err(Rv(0x31))));
    });
}

#[test]
fn a_message_larger_than_a_frame_goes_in_pieces() {
    let stage = Stage::new();
    let client = stage.client();
    let session = client.open_session(1, 4).unwrap();
    let large = vec![7; (1 << 20) + 3];
    assert!(client.sign(session, &large, Room::Bytes(99)).is_ok());
    assert!(client.digest(session, &large, Room::Bytes(99)).is_ok());
    assert_eq!(client.digest(session, &large, Room::Bytes(2)), Ok(Filled::TooSmall(6)));
    assert!(client.verify(session, &large, b"signature").is_ok());
    assert_eq!(client.seed_random(session, &large), Err(Rv(0x31)));
    assert!(client.session_info(session).is_ok(), "the connection is still there");
    let notes = stage.double().notes();
    let names: Vec<_> = notes.iter().filter_map(|note| note.split(' ').next()).collect();
    let count = |name| names.iter().filter(|note| **note == name).count();
    assert_eq!((count("sign_update"), count("sign_final")), (3, 1));
    assert_eq!((count("digest_update"), count("digest_final")), (3, 1));
    assert_eq!((count("verify_update"), count("verify_final")), (3, 1));
}

#[test]
fn bursts_beyond_the_budget_wait_their_turn() {
    let stage = Stage::with(Limits { calls: 2, ..Limits::default() });
    let client = &stage.client();
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let session = client.open_session(1, 4).unwrap();
                for _ in 0..3 {
                    assert!(client.sign(session, b"nap", Room::Bytes(9)).is_ok());
                }
            });
        }
    });
}

#[test]
fn a_panic_is_an_error_of_one_call() {
    let stage = Stage::new();
    let client = stage.client();
    let session = client.open_session(1, 4).unwrap();
    assert_eq!(client.sign(session, b"panic", Room::Bytes(9)), Err(Rv(5)));
    assert!(client.sign(session, b"x", Room::Bytes(9)).is_ok());
}

#[test]
fn connections_are_bounded_per_user_and_places_come_back() {
    let stage = Stage::with(Limits { connections_per_user: 2, ..Limits::default() });
    let clients: Vec<_> = (0..3).map(|_| stage.client()).collect();
    assert_eq!(clients[0].slot_list(true), Ok(vec![1]));
    assert_eq!(clients[1].slot_list(true), Ok(vec![1]));
    assert_eq!(clients[2].slot_list(true), Ok(vec![]));
    clients[0].finalize().unwrap();
    soon(|| stage.connections() == 1);
    soon(|| clients[2].slot_list(true) == Ok(vec![1]));
}

#[test]
fn a_factory_that_has_nothing_for_a_peer_closes_without_a_word() {
    use crate::net::{Connection, Listener};
    let folder = tempfile::tempdir().unwrap();
    let address = Address::beside(folder.path(), "s");
    let listener = Listener::bind(&address, 0o600).unwrap();
    let _server = Server::start(listener, Box::new(|_, _| None), Limits::default());
    let connection = Connection::connect(&address, &ServerTrust::default()).unwrap();
    connection.write_all(&[2]).unwrap();
    let error = connection.read_exact(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}
