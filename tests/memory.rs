//! What root finds in the memory of an agent's process: private key, passcode and ID token while
//! they are used, and none of them once the card has been removed.
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
    memory::{Dump, Needle, needles, private_key},
    station::{Plan, Station, given},
};
use rsa::BoxedUint;
use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};
use wardcard::{agent::Seat, secret::Secret};

const PERSON: &str = "555000000001";
/// Long, so that none of it is there by chance.
const PASSCODE: &str = "a passcode of the memory test";
const POLICY: &str = "passcode_length = [6, 64]\npasscode_digits_only = false\n";
/// A claim of the token; not to be found in what the agent keeps of it.
const MARK: &str = "a mark in the token of the memory test";

/// A provider's documents, handed out when the test says so.
struct SlowProvider {
    address: String,
    asked: Receiver<()>,
    answer: Sender<()>,
    documents: Sender<String>,
}

impl SlowProvider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/provider", listener.local_addr().unwrap());
        let issuer = address.clone();
        let (ask, asked) = channel();
        let (answer, answered) = channel();
        let (documents, key_set) = channel::<String>();
        thread::spawn(move || {
            let metadata = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{issuer}/keys"}}"#);
            let key_set = key_set.recv().unwrap();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let document = if path(&stream).ends_with("/keys") { &key_set } else { &metadata };
                ask.send(()).unwrap();
                // The test is over if it says nothing more.
                if answered.recv().is_err() {
                    return;
                }
                let length = document.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                stream.write_all(format!("{head}{document}").as_bytes()).unwrap();
            }
        });
        Self { address, asked, answer, documents }
    }
}

/// The path that a request asks for; all of its head is read.
fn path(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    lines.find(String::is_empty);
    path
}

#[test]
#[ignore = "needs root"]
fn a_removed_card_leaves_no_key_passcode_or_token_to_root() {
    let slow = SlowProvider::start();
    let issuer = Some(slow.address.clone());
    let station = Station::with(&Plan { issuer, tables: POLICY.to_owned(), ..Plan::default() });
    slow.documents.send(station.provider().key_set()).unwrap();

    // While the agent waits for the provider's keys, it holds token and passcode.
    let host = station.host();
    let pending = host.request(&Seat::user(station.uid())).unwrap();
    let token = station.provider().sign_in(&pending.nonce).claim("iss", slow.address.as_str());
    let token = token.claim("sub", PERSON).claim("mark", MARK).sign().unwrap();
    let mut secrets = needles("the passcode", PASSCODE.as_bytes());
    secrets.extend(needles("a claim of the token", MARK.as_bytes()));
    secrets.extend(needles("the token", token.as_bytes()));
    let card = thread::scope(|scope| {
        let token = Secret::new(token.into_bytes());
        let proved = scope.spawn(move || {
            let card = host.prove(&pending.request, &token, given(PASSCODE)).unwrap();
            (host, card)
        });
        slow.asked.recv().unwrap();
        let found = Dump::of(station.pid()).found(&secrets);
        assert_eq!(found.len(), secrets.len(), "of these only {found:?}: {secrets:?}");
        slow.answer.send(()).unwrap();
        slow.asked.recv().unwrap();
        slow.answer.send(()).unwrap();
        proved.join().unwrap()
    });
    // The host's connection stays open, and so does the application's.
    let (host, card) = card;
    let application = Application::open(&station.address(), station.uid()).unwrap();
    let modulus = application.modulus();
    let modulus = BoxedUint::from_be_slice(&modulus, 2048).unwrap();
    passcode_is_there_during_a_login(&station, &application, &secrets);
    for number in 0..20_u8 {
        application.sign(&[number; 40]).unwrap();
        assert_eq!(application.decrypt(b"a session key").unwrap(), b"a session key");
    }

    let dump = Dump::of(station.pid());
    let factor = dump.factor(&modulus).expect("a factor, wherever the key lies");
    let key = private_key(&modulus, &factor);
    let found = dump.found(&key);
    for component in ["p ", "q ", "d ", "dP", "dQ"] {
        assert!(found.iter().any(|name| name.starts_with(component)), "{component}: {found:?}");
    }
    drop(dump);

    host.remove(&card.card, wardcard::agent::host::message::Reason::TapOut).unwrap();
    let dump = Dump::of(station.pid());
    assert!(dump.bytes() > 1 << 20, "the whole process");
    assert_eq!(dump.found(&key), Vec::<String>::new());
    assert!(dump.factor(&modulus).is_none());
    assert_eq!(dump.found(&secrets), Vec::<String>::new());
}

/// A login takes as long as Argon2id does; one of many looks sees the passcode that it is about.
fn passcode_is_there_during_a_login(station: &Station, application: &Application, all: &[Needle]) {
    let over = Arc::new(AtomicBool::new(false));
    let login = |ended: Arc<AtomicBool>| {
        while !ended.load(Ordering::SeqCst) {
            application.login(PASSCODE).unwrap();
            application.logout();
        }
        application.login(PASSCODE).unwrap();
    };
    thread::scope(|scope| {
        let ended = Arc::clone(&over);
        scope.spawn(move || login(ended));
        let seen = (0..50)
            .any(|_| Dump::of(station.pid()).found(all).contains(&"the passcode".to_owned()));
        over.store(true, Ordering::SeqCst);
        assert!(seen, "the passcode, during 50 logins");
    });
}

#[test]
#[ignore = "needs root"]
fn a_refused_proof_leaves_no_passcode_or_token_to_root() {
    let station = Station::start();
    let host = station.host();
    let pending = host.request(&Seat::user(station.uid())).unwrap();
    let token = station.token(&pending, "no number");
    let mut secrets = needles("the token", token.expose());
    secrets.extend(needles("the passcode", PASSCODE.as_bytes()));
    host.prove(&pending.request, &token, given(PASSCODE)).unwrap_err();
    assert_eq!(Dump::of(station.pid()).found(&secrets), Vec::<String>::new());
}
