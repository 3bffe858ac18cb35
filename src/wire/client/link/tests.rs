//! Who reads when.

use super::*;
use std::{sync::mpsc, thread};

/// A link, and the server's end of its connection.
fn link() -> (Link, Connection) {
    let (connection, server) = Connection::pair().unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let link = Link {
        connection,
        cx: Cx { version: 0, generation: 1 },
        writer: Mutex::default(),
        inbox: Mutex::default(),
        intake: Mutex::new(Intake::new(ANSWER, PATIENCE)),
    };
    lock(&link.inbox).opened = true;
    (link, server)
}

/// A frame of nothing but its number and `length` bytes.
fn frame_of(length: usize) -> Output {
    let mut frame = Output::default();
    frame.raw(&[0; 8]);
    frame.word(u32::try_from(length).unwrap());
    frame.raw(&vec![7; length]);
    frame
}

fn soon(mut check: impl FnMut() -> bool) {
    for _ in 0..500 {
        if check() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("did not come about");
}

/// A server may stop reading until its answers are taken. While one call is being sent, and others
/// queue behind it to send, whoever sleeps has to be the one who reads.
#[test]
fn reading_is_passed_to_one_who_sleeps_and_not_to_one_who_sends() {
    let (link, server) = &link();
    let (done, finished) = mpsc::channel();
    let done = &done;
    thread::scope(|scope| {
        let waiting = |count: usize| {
            soon(|| {
                let inbox = lock(&link.inbox);
                inbox.reader.is_some() && inbox.waiting.len() == count
            });
        };
        scope.spawn(move || {
            done.send(("first", link.exchange(general::INFO, frame_of(1)).is_some()))
        });
        waiting(1);
        scope.spawn(move || {
            done.send(("asleep", link.exchange(general::INFO, frame_of(1)).is_some()))
        });
        soon(|| lock(&link.inbox).waiting.values().filter(|one| one.asleep.is_some()).count() == 2);
        for _ in 0..16 {
            scope.spawn(move || link.exchange(general::INFO, frame_of(4 << 20)));
        }
        waiting(18);
        for name in ["first", "asleep"] {
            let number: u8 = if name == "first" { 1 } else { 2 };
            server.write_all(&[0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
            let told = finished.recv_timeout(Duration::from_secs(5));
            // Before anything is claimed: the others end with the connection.
            if told != Ok((name, true)) {
                link.lose();
            }
            assert_eq!(told, Ok((name, true)));
        }
        link.lose();
    });
}

/// A server that takes C_Initialize and never answers must not hold the program for ever.
#[test]
fn a_server_that_never_answers_the_first_call_is_given_up() {
    let (link, _server) = link();
    lock(&link.inbox).opened = false;
    let begun = Instant::now();
    let opened = link.initialize(Duration::from_millis(50));
    assert!(matches!(opened, Err(Failure::Lost)), "it was not given up");
    assert!(begun.elapsed() >= Duration::from_millis(50) && link.lost());
}

#[test]
fn what_is_usual_follows_and_is_not_carried_away_by_one_that_waited_for_a_person() {
    let mut inbox = Inbox::default();
    let mut after = |millis: u64| {
        inbox.took(general::INFO, Duration::from_millis(millis));
        inbox.usual[&general::INFO.id].as_micros()
    };
    assert_eq!(after(4), 4000);
    assert_eq!(after(8), 5000);
    assert_eq!(after(60_000), 6250);
    assert_eq!(after(0), 4687);
}
