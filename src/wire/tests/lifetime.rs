//! Coming and going: of servers, of connections, of processes.

use super::*;
use crate::pkcs11::{Filled, Room, Rv};
use std::thread;

const REMOVED: Rv = Rv(0x32);
const INVALID: Rv = Rv(0xb3);
const NOT_PRESENT: Rv = Rv(0xe0);
const NOT_INITIALIZED: Rv = Rv(0x190);

#[test]
fn before_any_server_there_is_one_empty_slot_which_fills() {
    let mut stage = Stage::new();
    stage.stop();
    let client = stage.client();
    assert_eq!(client.slot_list(false), Ok(vec![0]));
    assert_eq!(client.slot_list(true), Ok(vec![]));
    assert_eq!(client.slot_info(0).unwrap().flags & 1, 0);
    assert_eq!(client.slot_info(5).unwrap_err(), Rv(3));
    assert_eq!(client.token_info(0).unwrap_err(), NOT_PRESENT);
    assert_eq!(client.open_session(0, 4), Err(NOT_PRESENT));
    assert_eq!(client.mechanism_list(0), Err(NOT_PRESENT));
    assert_eq!(client.close_all_sessions(0), Ok(()));
    assert_eq!(client.wait_for_slot_event(false), Err(Rv(8)));
    assert!(client.trouble().is_some());
    stage.start();
    assert_eq!(client.wait_for_slot_event(false), Ok(0));
    assert_eq!(client.slot_list(false), Ok(vec![0, 1]));
    assert_eq!(client.slot_list(true), Ok(vec![1]));
    assert_eq!(client.slot_info(1).unwrap().flags & 1, 1);
    assert_eq!(client.trouble(), None);
    stage.stop();
    assert_eq!(client.slot_list(false), Ok(vec![0, 1]));
    assert_eq!(client.slot_info(1).unwrap().flags, 2);
    assert_eq!(client.wait_for_slot_event(false), Ok(0));
    assert_eq!(client.wait_for_slot_event(false), Err(Rv(8)));
}

#[test]
fn a_lost_connection_ends_its_sessions_once_and_the_next_open_connects_anew() {
    let mut stage = Stage::new();
    let client = stage.client();
    let old = client.open_session(1, 4).unwrap();
    let other = client.open_session(1, 4).unwrap();
    let object = client.find_objects(old, 1).unwrap()[0];
    stage.stop();
    stage.start();
    assert_eq!(client.sign(old, b"x", Room::Bytes(9)), Err(REMOVED));
    assert_eq!(client.sign(old, b"x", Room::Bytes(9)), Err(INVALID));
    let new = client.open_session(1, 4).unwrap();
    assert!(new != old && new != other);
    assert_eq!(client.sign(other, b"x", Room::Bytes(9)), Err(REMOVED));
    assert_eq!(client.sign(other, b"x", Room::Bytes(9)), Err(INVALID));
    assert_eq!(client.sign(new, b"ab", Room::Bytes(9)), Ok(Filled::Bytes(b"ba".to_vec())));
    assert_eq!(client.object_size(new, object), Err(Rv(0x82)));
    assert_ne!(client.find_objects(new, 1).unwrap()[0], object);
}

#[test]
fn a_server_that_goes_in_the_middle_of_calls_fails_them_all_at_once() {
    let mut stage = Stage::new();
    let client = stage.client();
    let sessions: Vec<_> = (0..4).map(|_| client.open_session(1, 4).unwrap()).collect();
    thread::scope(|scope| {
        let client = &client;
        let calls: Vec<_> = sessions
            .iter()
            .map(|session| scope.spawn(move || client.sign(*session, b"slow", Room::Bytes(9))))
            .collect();
        soon(|| stage.double().running() == 4);
        stage.stop();
        for call in calls {
            let code = call.join().unwrap().unwrap_err();
            assert!([REMOVED, NOT_INITIALIZED].contains(&code), "{code:?}");
        }
    });
    stage.start();
    assert!(client.open_session(1, 4).is_ok());
}

#[test]
fn the_end_of_a_connection_ends_its_cryptoki_and_its_waiters() {
    let stage = Stage::new();
    let client = stage.client();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| client.wait_for_slot_event(true));
        soon(|| stage.doubles.lock().unwrap().last().is_some_and(|double| double.waiting() == 1));
        assert_eq!(client.finalize(), Ok(()));
        assert_eq!(waiting.join().unwrap(), Err(NOT_INITIALIZED));
    });
    soon(|| stage.double().finalized() == 1 && stage.double().waiting() == 0);
    soon(|| stage.connections() == 0);
    assert_eq!(client.finalize(), Err(NOT_INITIALIZED));
    assert_eq!(client.slot_list(false), Err(NOT_INITIALIZED));
    assert_eq!(client.open_session(1, 4), Err(NOT_INITIALIZED));
    assert_eq!(client.wait_for_slot_event(true), Err(NOT_INITIALIZED));
    assert_eq!(client.initialize(), Ok(()));
    assert_eq!(client.initialize(), Err(Rv(0x191)));
    assert_eq!(client.slot_list(true), Ok(vec![1]));
}

#[test]
fn session_handles_of_before_a_finalize_are_never_given_out_again() {
    let stage = Stage::new();
    let client = stage.client();
    let before = client.open_session(1, 4).unwrap();
    client.finalize().unwrap();
    client.initialize().unwrap();
    assert_eq!(client.session_info(before), Err(INVALID));
    assert_ne!(client.open_session(1, 4).unwrap(), before);
}

#[test]
fn a_blocked_wait_tells_of_the_server_coming_and_going() {
    let mut stage = Stage::new();
    stage.stop();
    let client = stage.client();
    client.slot_list(false).unwrap();
    let wait =
        || thread::scope(|scope| scope.spawn(|| client.wait_for_slot_event(true)).join().unwrap());
    thread::scope(|scope| {
        let coming = scope.spawn(wait);
        thread::sleep(Duration::from_millis(50));
        assert!(!coming.is_finished());
        stage.start();
        assert_eq!(coming.join().unwrap(), Ok(0));
        let going = scope.spawn(wait);
        soon(|| stage.double().waiting() == 1);
        stage.double().slot_event();
        assert_eq!(going.join().unwrap(), Ok(1));
        let going = scope.spawn(wait);
        soon(|| stage.double().waiting() == 1);
        stage.stop();
        assert_eq!(going.join().unwrap(), Ok(0));
        let cancelled = scope.spawn(wait);
        thread::sleep(Duration::from_millis(50));
        client.finalize().unwrap();
        assert_eq!(cancelled.join().unwrap(), Err(NOT_INITIALIZED));
    });
}

#[test]
fn closed_sessions_are_gone_and_close_all_takes_those_of_its_slot() {
    let stage = Stage::new();
    let client = stage.client();
    let one = client.open_session(1, 4).unwrap();
    let two = client.open_session(1, 4).unwrap();
    client.close_session(one).unwrap();
    assert_eq!(client.session_info(one), Err(INVALID));
    assert!(client.session_info(two).is_ok());
    client.close_all_sessions(1).unwrap();
    assert_eq!(client.session_info(two), Err(INVALID));
}

#[cfg(unix)]
#[test]
fn a_server_in_a_folder_that_others_write_to_is_not_spoken_to() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new();
    let folder = stage.address.path().parent().unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let client = stage.client();
    assert_eq!(client.slot_list(true), Ok(vec![]));
    assert!(client.trouble().unwrap().contains("writable by others"));
    assert_eq!(stage.doubles.lock().unwrap().len(), 0);
}
