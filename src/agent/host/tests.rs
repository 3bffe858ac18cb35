use super::{
    Client, Error,
    handshake::{Answer, Hello, Random, Side, VERSION, proof},
    message::{Ask, Reply},
    server::{Hosts, Server, Verbs},
};
use crate::{
    net::{Address, Connection, Listener, Peer, ServerTrust},
    secret::{Secret, User},
};
use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Answers every verb with "done" and notes who was refused.
#[derive(Default)]
struct Noted(Mutex<Vec<&'static str>>);

impl Verbs for Noted {
    fn ask(&self, ask: Ask, _: &Peer) -> Reply {
        match ask {
            Ask::Cards {} => Reply::Cards(Vec::new()),
            Ask::PasscodeKept { .. } => panic!("asked for by a test"),
            Ask::Stop {} => {
                self.0.lock().unwrap().push("stop begun");
                std::thread::sleep(Duration::from_millis(300));
                Reply::Done {}
            }
            _ => Reply::Done {},
        }
    }
    fn not_host(&self, _: &Peer, why: &'static str) {
        self.0.lock().unwrap().push(why);
    }
}

struct Bench {
    folder: tempfile::TempDir,
    noted: Arc<Noted>,
    server: Server,
}

fn own() -> User {
    User::own()
}

fn another(number: u32) -> User {
    User::from(own().number().unwrap_or_default() + number)
}

fn secret(byte: u8) -> Secret {
    Secret::new(vec![byte; 32])
}

/// A server over hosts that are known by `users`, `secret`; with `own` as the agent's own user.
fn bench(own: User, users: Vec<User>, secret: Option<Secret>) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("host"));
    let listener = Listener::bind(&address, 0o600).unwrap();
    let noted = Arc::new(Noted::default());
    let hosts = Hosts {
        own,
        users,
        secret,
        secret_files: Vec::new(),
        connections: 4,
        patience: Duration::from_millis(1500),
        penalty: Duration::from_millis(50),
    };
    let server = Server::start(listener, hosts, Arc::clone(&noted) as Arc<dyn Verbs>).unwrap();
    Bench { folder, noted, server }
}

impl Bench {
    fn connect(&self, secret: Option<&Secret>) -> Result<Client, Error> {
        Client::connect(&self.address(), &ServerTrust::default(), secret)
    }
    fn address(&self) -> Address {
        Address::Unix(self.folder.path().join("host"))
    }
    fn raw(&self) -> UnixStream {
        let stream = UnixStream::connect(self.folder.path().join("host")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream
    }
    fn refusals(&self) -> Vec<&'static str> {
        self.noted.0.lock().unwrap().clone()
    }
}

fn read_frame(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn write_frame(stream: &mut UnixStream, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, bytes].concat()).unwrap();
}

#[test]
fn who_knows_the_secret_is_a_host() {
    let bench = bench(own(), Vec::new(), Some(secret(7)));
    let client = bench.connect(Some(&secret(7))).expect("a host");
    assert!(client.cards().expect("answers").is_empty());
    client.lock("0000000000000000").expect("answers");
    assert!(bench.refusals().is_empty());
}

#[test]
fn a_process_of_the_same_user_without_the_secret_gets_no_verb() {
    let bench = bench(own(), Vec::new(), Some(secret(7)));
    assert!(matches!(bench.connect(None), Err(Error::NotHost)));
    // One that goes on regardless is refused, slowed and on record.
    let mut stream = bench.raw();
    read_frame(&mut stream).expect("hello");
    let nonce = "00".repeat(32);
    let before = Instant::now();
    write_frame(&mut stream, format!(r#"{{"version":1,"nonce":"{nonce}"}}"#).as_bytes());
    write_frame(&mut stream, br#"{"cards":{}}"#);
    assert_eq!(read_frame(&mut stream).as_deref(), Some(br#"{"refused":{}}"#.as_slice()));
    assert!(before.elapsed() >= Duration::from_millis(50));
    assert_eq!(read_frame(&mut stream), None, "the conversation is over");
    assert!(bench.refusals().contains(&"no secret"));
}

#[test]
fn a_wrong_secret_is_refused_and_on_record() {
    let bench = bench(own(), Vec::new(), Some(secret(7)));
    assert!(matches!(bench.connect(Some(&secret(8))), Err(Error::NotHost)));
    assert_eq!(bench.refusals(), ["wrong secret"]);
}

#[test]
fn the_agents_own_user_is_no_host_even_if_named() {
    let bench = bench(own(), vec![own()], None);
    assert!(matches!(bench.connect(None), Err(Error::NotHost)));
    assert!(matches!(bench.connect(Some(&secret(7))), Err(Error::NotHost)));
}

#[test]
fn a_named_user_is_a_host_without_a_secret_and_others_are_not() {
    let bench = bench(another(1), vec![own()], None);
    bench.connect(None).expect("a host").cards().expect("answers");
    let with = bench.connect(Some(&secret(7)));
    assert!(matches!(with, Err(Error::NotAgent)), "the server has no secret to show");
    let bench = super::tests::bench(another(1), vec![another(2)], None);
    assert!(matches!(bench.connect(None), Err(Error::NotHost)));
}

#[test]
fn a_named_user_with_a_wrong_secret_is_refused() {
    // One each: the place of a conversation that has just ended may be taken for a moment still.
    let bench = || bench(another(1), vec![own()], Some(secret(7)));
    bench().connect(None).expect("a host by user");
    bench().connect(Some(&secret(7))).expect("and by secret");
    assert!(matches!(bench().connect(Some(&secret(8))), Err(Error::NotHost)));
}

#[test]
fn a_recorded_greeting_is_worth_nothing_the_next_time() {
    let bench = bench(own(), Vec::new(), Some(secret(7)));
    let mut first = bench.raw();
    let hello: Hello = serde_json::from_slice(&read_frame(&mut first).unwrap()).unwrap();
    let nonce = Random([9; 32]);
    let shown = proof(&secret(7), Side::Client, &hello.challenge, &nonce);
    let answer = Answer { version: VERSION, nonce, proof: Some(shown) };
    let recorded = serde_json::to_vec(&answer).unwrap();
    write_frame(&mut first, &recorded);
    assert!(read_frame(&mut first).unwrap().starts_with(br#"{"welcome""#));
    let mut second = bench.raw();
    read_frame(&mut second).unwrap();
    write_frame(&mut second, &recorded);
    assert_eq!(read_frame(&mut second).as_deref(), Some(br#"{"refused":{}}"#.as_slice()));
}

#[test]
fn a_server_that_does_not_know_the_secret_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("host"));
    let listener = Listener::bind(&address, 0o600).unwrap();
    let impostor = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap().unwrap();
        let hello = Hello { version: VERSION, challenge: Random([1; 32]), secret: true };
        super::frame::write(&stream, &hello).unwrap();
        let answer: Answer = super::frame::read(&stream, super::frame::GREETING).unwrap();
        // The best it can do: send the client's own proof back.
        let text = serde_json::json!({ "welcome": { "proof": answer.proof } });
        super::frame::write(&stream, &text).unwrap();
    });
    let found = Client::connect(&address, &ServerTrust::default(), Some(&secret(7)));
    assert!(matches!(found, Err(Error::NotAgent)));
    impostor.join().unwrap();
}

#[test]
fn hostile_bytes_end_their_own_conversation_only() {
    let bench = bench(own(), Vec::new(), Some(secret(7)));
    let client = bench.connect(Some(&secret(7))).expect("a host");
    let nonce = "00".repeat(32);
    let deep = format!("{}{}", "[".repeat(400), "]".repeat(400));
    let hostile: Vec<Vec<u8>> = vec![
        b"\xff\xff\xff\xff".to_vec(),
        b"\x00\x00\x04\x01".to_vec(),
        b"\x00\x00\x00\x00".to_vec(),
        b"\x00\x00\x00\x02{}".to_vec(),
        b"\x00\x00\x00\x05hello".to_vec(),
        [b"\x00\x00\x03\x20".as_slice(), deep.as_bytes()].concat(),
        framed(&format!(r#"{{"version":1,"nonce":"{nonce}","extra":1}}"#)),
        framed(&format!(r#"{{"version":2,"nonce":"{nonce}"}}"#)),
        framed(r#"{"version":1,"nonce":"zz"}"#),
        framed(&format!(r#"{{"version":1,"version":1,"nonce":"{nonce}"}}"#)),
        b"\x00".to_vec(),
    ];
    for bytes in hostile {
        let mut stream = bench.raw();
        read_frame(&mut stream).expect("hello");
        stream.write_all(&bytes).unwrap();
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(ended.is_ok() && !rest.starts_with(br#"{"welcome"#), "{bytes:?}");
        client.cards().expect("the others go on");
    }
}

fn framed(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

#[test]
fn hostile_verbs_end_the_conversation() {
    let bench = bench(another(1), vec![own()], None);
    for bad in [
        "{}",
        r#"{"cards":{},"status":{}}"#,
        r#"{"cards":{"all":true}}"#,
        r#"{"lock":{}}"#,
        r#"{"lock":{"card":1}}"#,
        r#"{"unheard":{}}"#,
        r#"{"request":{"uid":-1,"logon":null}}"#,
        r#"{"request":{"uid":1,"uid":2,"logon":null}}"#,
        r#"{"remove":{"card":"x","reason":"fun"}}"#,
        r#"{"remove":{"card":"x","reason":"expired"}}"#, // the agent's own to say
    ] {
        let mut stream = bench.raw();
        read_frame(&mut stream).expect("hello");
        let nonce = "00".repeat(32);
        write_frame(&mut stream, format!(r#"{{"version":1,"nonce":"{nonce}"}}"#).as_bytes());
        assert!(read_frame(&mut stream).unwrap().starts_with(br#"{"welcome"#));
        write_frame(&mut stream, bad.as_bytes());
        assert_eq!(read_frame(&mut stream), None, "{bad}");
    }
    bench.connect(None).expect("others go on");
}

#[test]
fn a_silent_connection_ends_after_the_patience() {
    let bench = bench(own(), Vec::new(), Some(secret(7)));
    let mut stream = bench.raw();
    read_frame(&mut stream).expect("hello");
    assert_eq!(read_frame(&mut stream), None);
    assert_eq!(bench.refusals(), ["no greeting"]);
}

#[test]
fn a_panic_in_a_verb_gives_its_place_back() {
    let bench = bench(own(), Vec::new(), Some(secret(7)));
    for _ in 0..5 {
        let client = bench.connect(Some(&secret(7))).expect("there is room");
        assert!(client.passcode_kept("555000000001").is_err());
    }
}

#[test]
fn one_user_cannot_take_all_connections() {
    let bench = bench(own(), Vec::new(), Some(secret(7)));
    let mut held: Vec<UnixStream> = (0..2).map(|_| bench.raw()).collect();
    for stream in &mut held {
        read_frame(stream).expect("hello");
    }
    // Half of four are this user's: who has shown nothing gives way to the next.
    let mut next = bench.raw();
    read_frame(&mut next).expect("hello");
    assert_eq!(read_frame(&mut held[0]), None, "the oldest has given way");
    let clients = [(); 2].map(|()| bench.connect(Some(&secret(7))).expect("a host"));
    assert_eq!((read_frame(&mut held[1]), read_frame(&mut next)), (None, None));
    assert_eq!(read_frame(&mut bench.raw()), None, "and hosts give way to nobody");
    clients.iter().for_each(|client| drop(client.cards().expect("goes on")));
}

#[test]
fn stopping_ends_conversations_and_removes_the_socket() {
    let bench = bench(own(), Vec::new(), Some(secret(7)));
    let client = bench.connect(Some(&secret(7))).expect("a host");
    bench.server.stop();
    assert!(client.cards().is_err());
    let (address, path) = (bench.address(), bench.folder.path().join("host"));
    drop(bench.server);
    assert!(!path.exists());
    assert!(Connection::connect(&address, &ServerTrust::default()).is_err());
}

#[test]
fn a_verb_under_way_is_answered_though_the_agent_stops() {
    let bench = bench(own(), Vec::new(), Some(secret(7)));
    let client = bench.connect(Some(&secret(7))).expect("a host");
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| client.stop());
        while bench.refusals().is_empty() {
            std::thread::yield_now();
        }
        bench.server.stop();
        asked.join().unwrap().expect("the answer came before the end");
    });
}

#[test]
fn secrets_in_messages_are_not_shown() {
    let ask: Ask = serde_json::from_str(
        r#"{"prove":{"request":"r","id_token":"eyJhbGciOi","passcode":{"given":{"passcode":"123456","keep":true}}}}"#,
    )
    .unwrap();
    let shown = format!("{ask:?}");
    assert!(!shown.contains("123456") && !shown.contains("eyJ"), "{shown}");
}

#[test]
fn an_agent_that_says_nothing_is_given_up_after_seconds_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let trust = ServerTrust { users: vec![own()] };
    let begun = Instant::now();
    let refused = Client::connect(&Address::Unix(path), &trust, None).unwrap_err();
    assert!(matches!(refused, Error::Silent(5)), "{refused}");
    assert!(refused.to_string().contains("has not answered for 5 seconds"), "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    drop(listener);
}
