use super::*;
use crate::net::ServerTrust;
use std::{os::unix::net::UnixListener, time::Duration};

fn place() -> (tempfile::TempDir, Address) {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("socket"));
    (folder, address)
}

#[test]
fn a_connection_knows_its_peer_on_both_sides() {
    let (_folder, address) = place();
    let listener = Listener::bind(&address, 0o600).unwrap();
    let client = Connection::connect(&address, &ServerTrust::default()).unwrap();
    let (server, peer) = listener.accept().unwrap().unwrap();
    assert_eq!(peer.pid, std::process::id());
    assert_eq!(client.peer().unwrap().uid, peer.uid);
    client.write_all(b"hi").unwrap();
    let mut bytes = [0; 2];
    server.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"hi");
}

#[test]
fn mode_is_set_and_the_file_goes_with_the_listener() {
    let (_folder, address) = place();
    let listener = Listener::bind(&address, 0o640).unwrap();
    assert_eq!(fs::metadata(address.path()).unwrap().mode() & 0o777, 0o640);
    drop(listener);
    assert!(!address.path().exists());
}

#[test]
fn a_dead_socket_is_replaced_and_a_live_one_or_a_file_never() {
    let (_folder, address) = place();
    drop(UnixListener::bind(address.path()).unwrap());
    let listener = Listener::bind(&address, 0o600).unwrap();
    let error = Listener::bind(&address, 0o600).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(address.path().exists());
    drop(listener);
    fs::write(address.path(), "notes").unwrap();
    assert_eq!(Listener::bind(&address, 0o600).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(fs::read_to_string(address.path()).unwrap(), "notes");
}

#[test]
fn who_has_stopped_makes_room_for_the_next_though_a_thread_holds_it_still() {
    let (_folder, address) = place();
    let first = Listener::bind(&address, 0o600).unwrap();
    first.stop();
    assert!(first.accept().unwrap().is_none());
    let second = Listener::bind(&address, 0o600).unwrap();
    drop(first);
    let client = Connection::connect(&address, &ServerTrust::default()).unwrap();
    assert_eq!(second.accept().unwrap().unwrap().1.pid, client.peer().unwrap().pid);
}

#[test]
fn a_successors_socket_is_left_alone() {
    let (_folder, address) = place();
    let first = Listener::bind(&address, 0o600).unwrap();
    fs::remove_file(address.path()).unwrap();
    let _second = Listener::bind(&address, 0o600).unwrap();
    drop(first);
    assert!(address.path().exists());
}

#[test]
fn folders_that_others_write_to_are_not_bound_in() {
    let (folder, address) = place();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = Listener::bind(&address, 0o600).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(!address.path().exists());
    let error = Connection::connect(&address, &ServerTrust::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn stop_ends_accepts_now_and_later() {
    let (_folder, address) = place();
    let listener = Listener::bind(&address, 0o600).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| listener.accept().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(20));
        listener.stop();
        assert!(waiting.join().unwrap());
    });
    assert!(listener.accept().unwrap().is_none());
}
