#![allow(unsafe_code)]

use super::*;
use crate::net::Listener;
use std::{sync::Arc, thread};

const SHORT: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(20);

fn wine() -> bool {
    use windows_sys::{
        Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress},
        s, w,
    };
    // SAFETY: both names have their ends, and the library is in every process.
    unsafe { GetProcAddress(GetModuleHandleW(w!("ntdll.dll")), s!("wine_get_version")) }.is_some()
}

fn place() -> Address {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    Address::Pipe(format!("wardcard-test-{}-{number}", std::process::id()))
}

#[test]
fn reads_and_writes_keep_their_limits_and_lose_nothing() {
    let (here, there) = Connection::pair().unwrap();
    here.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(here.read_exact(&mut [0; 4]).unwrap_err().kind(), io::ErrorKind::TimedOut);
    there.write_all(b"ab").unwrap();
    assert_eq!(here.read_exact(&mut [0; 4]).unwrap_err().kind(), io::ErrorKind::TimedOut);
    there.write_all(b"cdef").unwrap();
    let mut bytes = [0; 4];
    here.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"cdef");
    here.set_write_timeout(Some(SHORT)).unwrap();
    let error = here.write_all(&vec![0; 8 << 20]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_read_outlives_the_thread_that_began_it() {
    let (here, there) = Connection::pair().unwrap();
    here.set_read_timeout(Some(LONG)).unwrap();
    let begin = || thread::scope(|scope| scope.spawn(|| here.expect_input()).join().unwrap());
    begin();
    there.write_all(b"a").unwrap();
    here.read_exact(&mut [0]).unwrap();
    begin();
    thread::scope(|scope| {
        let reader = scope.spawn(|| here.read_exact(&mut [0]));
        thread::sleep(SHORT);
        there.write_all(b"b").unwrap();
        reader.join().unwrap().unwrap();
    });
}

#[test]
fn long_messages_go_both_ways_at_once() {
    let (here, there) = Connection::pair().unwrap();
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    thread::scope(|scope| {
        for (one, other) in [(&here, &there), (&there, &here)] {
            scope.spawn(|| one.write_all(&sent).unwrap());
            scope.spawn(|| {
                let mut read = vec![0; sent.len()];
                other.read_exact(&mut read).unwrap();
                assert!(read == sent);
            });
        }
    });
}

#[test]
fn shutdown_wakes_blocked_readers_and_writers_here_and_there() {
    let (here, there) = Connection::pair().unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| here.read_exact(&mut [0]).unwrap_err().kind());
        let writer = scope.spawn(|| here.write_all(&vec![0; 8 << 20]).unwrap_err().kind());
        thread::sleep(SHORT);
        here.shutdown();
        assert_eq!(reader.join().unwrap(), io::ErrorKind::UnexpectedEof);
        assert_eq!(writer.join().unwrap(), io::ErrorKind::BrokenPipe);
    });
    assert_eq!(there.write_all(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(here.write_all(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn what_was_sent_before_the_end_is_read_before_it() {
    for server_ends in [true, false] {
        let (server, client) = Connection::pair().unwrap();
        let (ends, reads) = if server_ends { (server, client) } else { (client, server) };
        ends.write_all(b"last words").unwrap();
        drop(ends);
        let mut bytes = [0; 10];
        reads.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"last words");
        assert_eq!(reads.read_exact(&mut [0]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}

#[test]
fn reads_end_alone_and_what_is_being_answered_still_gets_out() {
    let (here, there) = Connection::pair().unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| here.read_exact(&mut [0]).unwrap_err().kind());
        thread::sleep(SHORT);
        here.shutdown_reads();
        assert_eq!(reader.join().unwrap(), io::ErrorKind::UnexpectedEof);
    });
    here.write_all(b"x").unwrap();
    there.read_exact(&mut [0]).unwrap();
}

#[test]
fn a_server_knows_its_client_and_stops_when_it_is_told_to() {
    let address = place();
    let listener = Arc::new(Listener::bind(&address, 0o600).unwrap());
    assert_eq!(listener.address(), address);
    // Wine does not know the flag for the first instance.
    if !wine() {
        let taken = Listener::bind(&address, 0o600).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }
    let accepting = Arc::clone(&listener);
    let server = thread::spawn(move || {
        let mut all = Vec::new();
        while let Some((connection, peer)) = accepting.accept().unwrap() {
            assert_eq!(peer.pid, std::process::id());
            assert_eq!(peer.uid, crate::secret::User::own());
            connection.write_all(b"hi").unwrap();
            all.push(connection);
        }
        all.len()
    });
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let address = address.clone();
            thread::spawn(move || {
                let client = Connection::connect(&address, &ServerTrust::default()).unwrap();
                client.set_read_timeout(Some(LONG)).unwrap();
                let mut bytes = [0; 2];
                client.read_exact(&mut bytes).unwrap();
                assert_eq!(&bytes, b"hi");
                assert_eq!(client.peer().unwrap().pid, std::process::id());
            })
        })
        .collect();
    clients.into_iter().for_each(|one| one.join().unwrap());
    listener.stop();
    assert_eq!(server.join().unwrap(), 20);
    let gone = Connection::connect(&address, &ServerTrust::default()).unwrap_err();
    assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    assert!(listener.accept().unwrap().is_none());
    drop(listener);
    Listener::bind(&address, 0o666).unwrap();
}

#[test]
fn a_server_that_takes_nobody_holds_up_nobody_for_long() {
    let address = place();
    let _listener = Listener::bind(&address, 0o600).unwrap();
    let connect = || Connection::connect(&address, &ServerTrust::default());
    let _queued = connect().unwrap();
    let begun = Instant::now();
    assert_eq!(connect().unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[test]
fn nobody_is_there_where_nothing_is_served() {
    let refused = Connection::connect(&place(), &ServerTrust::default()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::NotFound);
}

#[test]
fn connections_come_and_go_without_leaving_handles() {
    use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount};
    let count = || {
        let mut count = 0;
        // SAFETY: the handle is a constant, `count` a live local.
        unsafe { GetProcessHandleCount(GetCurrentProcess(), &raw mut count) };
        count
    };
    let turn = || {
        let (here, there) = Connection::pair().unwrap();
        here.write_all(b"x").unwrap();
        there.read_exact(&mut [0]).unwrap();
    };
    turn();
    let before = count();
    (0..200).for_each(|_| turn());
    // Other tests run beside this one.
    assert!(count() < before + 100, "{before} handles became {}", count());
}
