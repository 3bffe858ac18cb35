//! `ca serve` and its client over a socket in a folder of the test's own.

use super::*;
use crate::{
    issue::protocol::{Answer, LARGEST, Question, read_frame},
    net::{Address, Channel, Connection, ServerTrust},
    secret::User,
};
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
};

struct Served {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    issuer: Arc<LocalIssuer>,
    serving: Option<serve::Serving>,
}

impl Served {
    fn new(rules: Rules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let issuer = Arc::new(issuer(&clock, rules));
        let mut served = Self { folder, clock, issuer, serving: None };
        served.start(&[]);
        served
    }

    fn start(&mut self, users: &[User]) {
        self.serving = None;
        let issuer = Arc::clone(&self.issuer) as Arc<dyn Issuer>;
        self.serving = Some(serve::serve(issuer, &self.address(), users).unwrap());
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ca")
    }

    fn address(&self) -> Address {
        Address::Unix(self.path())
    }

    fn client(&self) -> RemoteIssuer {
        RemoteIssuer::new(self.address(), ServerTrust::default())
    }

    fn raw(&self) -> UnixStream {
        let stream = UnixStream::connect(self.path()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

fn frame(content: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(content);
    frame
}

#[test]
fn a_remote_issuer_answers_as_the_local_one_does() {
    let served = Served::new(both());
    let client = served.client();
    assert_eq!(client.roots().unwrap(), served.issuer.roots().unwrap());
    let issued = client.issue(&order(served.clock.now())).unwrap();
    assert_eq!(issued.len(), 2);
    assert_eq!(issued[0].certificate.user_id(), Some(person()));
    assert_eq!(issued[0].chain.len(), 2);
}

#[test]
fn a_refusal_travels_with_its_reason_and_the_connection_goes_on() {
    let served = Served::new(Rules::default());
    let client = served.client();
    let mut order = order(served.clock.now());
    let refusal = client.issue(&order).unwrap_err();
    assert!(matches!(&refusal, Error::Refused(reason) if reason.contains("content_commitment")));
    order.keys.truncate(1);
    assert!(client.issue(&order).is_ok());
}

#[test]
fn a_restarted_issuer_is_found_again() {
    let mut served = Served::new(both());
    let client = served.client();
    assert!(client.issue(&order(served.clock.now())).is_ok());
    served.start(&[]);
    assert!(client.issue(&order(served.clock.now())).is_ok());
}

#[test]
fn an_issuer_that_is_away_is_unreachable_and_its_socket_is_gone() {
    let mut served = Served::new(both());
    let client = served.client();
    assert!(client.roots().is_ok());
    served.serving = None;
    assert!(!served.path().exists());
    let error = client.issue(&order(served.clock.now())).unwrap_err();
    assert!(matches!(&error, Error::Unreachable(text) if text.contains("ca serve")), "{error}");
    assert!(client.roots().is_ok(), "the roots are known already");
}

#[test]
fn configured_roots_are_not_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let roots = issuer(&clock(), both()).roots().unwrap();
    let nobody = Address::Unix(folder.path().join("nobody"));
    let client = RemoteIssuer::new(nobody, ServerTrust::default()).with_roots(roots.clone());
    assert_eq!(client.roots().unwrap(), roots);
}

#[test]
fn the_socket_is_for_its_own_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let served = Served::new(both());
    let mode = std::fs::metadata(served.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn hostile_bytes_end_their_own_connection_and_nobody_elses() {
    let served = Served::new(both());
    let client = served.client();
    assert!(client.roots().is_ok());
    let deep = [&b"["[..]; 30_000].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("too long", u32::MAX.to_be_bytes().to_vec()),
        ("one too long", u32::try_from(LARGEST + 1).unwrap().to_be_bytes().to_vec()),
        ("empty", frame(b"")),
        ("no JSON", frame(b"\x00\xff")),
        ("deep", frame(&deep)),
        ("another version", frame(br#"{"version":2,"body":{"roots":{}}}"#)),
        ("an unknown field", frame(br#"{"version":1,"body":{"roots":{}},"more":1}"#)),
        ("a field twice", frame(br#"{"version":1,"version":1,"body":{"roots":{}}}"#)),
        ("an unknown question", frame(br#"{"version":1,"body":{"keys":{}}}"#)),
        ("bytes after it", frame(br#"{"version":1,"body":{"roots":{}}} {}"#)),
    ];
    for (what, bytes) in cases {
        let mut stream = served.raw();
        stream.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        // Ended without a byte; a reset is an end too.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{what}");
    }
    let mut stream = served.raw();
    stream.write_all(&frame(br#"{"version":1,"body":{"roots":{}}}"#)).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    assert!(client.issue(&order(served.clock.now())).is_ok());
}

fn ask(stream: &mut UnixStream) -> std::io::Result<()> {
    stream.write_all(&frame(br#"{"version":1,"body":{"roots":{}}}"#))?;
    stream.read_exact(&mut [0; 4])
}

#[test]
fn connections_are_bounded_and_make_room_again() {
    let served = Served::new(both());
    let mut many: Vec<UnixStream> = (0..32).map(|_| served.raw()).collect();
    many.iter_mut().for_each(|stream| ask(stream).unwrap());
    assert!(ask(&mut served.raw()).is_err());
    drop(many);
    let begun = std::time::Instant::now();
    while ask(&mut served.raw()).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "no room again");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn no_user_takes_the_connections_of_another() {
    let mut served = Served::new(both());
    let own = User::own();
    for (users, share) in [
        (vec![own, own], 32),
        (vec![4_000_000_001.into()], 16),
        ((1..60).map(User::from).collect(), 4),
    ] {
        served.start(&users);
        let mut many: Vec<UnixStream> = (0..share).map(|_| served.raw()).collect();
        many.iter_mut().for_each(|stream| ask(stream).unwrap());
        assert!(ask(&mut served.raw()).is_err(), "{share}");
    }
}

/// What comes of these bytes when no more follow.
fn read(bytes: Vec<u8>) -> std::io::Result<Option<Vec<u8>>> {
    let (ours, theirs) = Connection::pair().unwrap();
    let writer = std::thread::spawn(move || theirs.write_all(&bytes));
    let outcome = read_frame(&Channel::Unix(ours), || Ok(()));
    writer.join().unwrap().unwrap();
    outcome
}

#[test]
fn a_frame_is_as_long_as_it_says_and_no_longer_than_may_be() {
    let longest = vec![7; LARGEST];
    assert_eq!(read(frame(&longest)).unwrap(), Some(longest));
    assert_eq!(read(frame(b"")).unwrap(), Some(Vec::new()));
    assert_eq!(read(Vec::new()).unwrap(), None, "an end between frames");
    let kind = |bytes| read(bytes).unwrap_err().kind();
    let too_long = u32::try_from(LARGEST + 1).unwrap().to_be_bytes().to_vec();
    assert_eq!(kind(too_long), std::io::ErrorKind::InvalidData);
    assert_eq!(kind(vec![0, 0]), std::io::ErrorKind::UnexpectedEof);
    let (ours, _theirs) = Connection::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let silence = read_frame(&Channel::Unix(ours), || Ok(()));
    assert_eq!(silence.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    let space = |length| {
        let roots = br#"{"version":1,"body":{"roots":[]}}"#;
        [&roots[..], &vec![b' '; length - roots.len()]].concat()
    };
    assert!(Answer::from_bytes(&space(LARGEST)).is_ok());
    assert!(Answer::from_bytes(&space(LARGEST + 1)).is_err());
}

#[test]
fn an_order_travels_unchanged() {
    let order = order(clock().now());
    let bytes = Question::Issue(order.clone()).to_bytes().unwrap();
    let Ok(Question::Issue(read)) = Question::from_bytes(&bytes) else { panic!("not an order") };
    assert_eq!(read.assurance, order.assurance);
    assert_eq!(read.keys, order.keys);
    assert_eq!(read.not_after, order.not_after);
}

#[test]
fn an_order_with_a_part_that_cannot_be_is_no_order() {
    let order = order(clock().now());
    let text = String::from_utf8(Question::Issue(order).to_bytes().unwrap()).unwrap();
    for (from, to) in [
        (r#""person":"555000000001""#, r#""person":"55500000000""#),
        (r#""authentication":3"#, r#""authentication":4"#),
        (r#""identity":3"#, r#""identity":-1"#),
        (r#""identity":3"#, r#""identity":4"#),
        (r#""binding":"nonce""#, r#""binding":"none""#),
        (r#""slot":"authentication""#, r#""slot":"signing""#),
        (r#""request":"M"#, r#""request":"*"#),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} stands in the text");
        assert!(Question::from_bytes(changed.as_bytes()).is_err(), "{to}");
    }
}

#[test]
fn an_answer_of_nonsense_is_refused_and_its_reason_made_plain() {
    for text in [
        r#"{"version":1,"body":{"roots":["AAAA"]}}"#,
        r#"{"version":1,"body":{"roots":["*"]}}"#,
        r#"{"version":1,"body":{"issued":[{"slot":"x","certificate":"","chain":[]}]}}"#,
        r#"{"version":9,"body":{"roots":[]}}"#,
    ] {
        assert!(Answer::from_bytes(text.as_bytes()).is_err(), "{text}");
    }
    let long = "a".repeat(1000);
    let text = format!(r#"{{"version":1,"body":{{"refused":"\u001b[31m\n{long}"}}}}"#);
    let Ok(Answer::Error(Error::Refused(reason))) = Answer::from_bytes(text.as_bytes()) else {
        panic!("not a refusal")
    };
    assert!(reason.len() == 300 && !reason.contains('\u{1b}'), "{reason}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_protocol_panic(bytes: Vec<u8>) {
        let _ = Question::from_bytes(&bytes);
        let _ = Answer::from_bytes(&bytes);
    }

    #[test]
    fn no_change_of_an_order_makes_the_protocol_panic(place: usize, byte: u8) {
        let order = Order { keys: vec![(KeySlot::Authentication, vec![1, 2, 3])], ..cheap() };
        let mut bytes = Question::Issue(order).to_bytes().unwrap();
        let place = place % bytes.len();
        bytes[place] = byte;
        let _ = Question::from_bytes(&bytes);
    }
}

/// An order that costs no key.
fn cheap() -> Order {
    let assurance = Assurance {
        person: person(),
        authentication: Level(3),
        identity: Level(3),
        context: None,
        methods: Vec::new(),
        authenticated_at: Time::default(),
        source: Source::Oidc("https://provider.example".to_owned()),
        binding: Binding::Nonce,
        session: Some("s".to_owned()),
        beside: Vec::new(),
        offline: false,
    };
    Order { assurance, keys: Vec::new(), not_after: Time::default() }
}

#[test]
fn a_client_revokes_what_it_ordered_over_the_socket() {
    let served = Served::new(both());
    let client = served.client();
    let issued = client.issue(&order(served.clock.now())).unwrap();
    let serials: Vec<Serial> = issued.iter().map(|one| Serial::of(&one.certificate)).collect();
    client.revoke(&serials, Reason::CessationOfOperation).unwrap();
    assert_eq!(served.issuer.revoked().len(), 2);
    // Ordered in the issuer's own process, so by no client.
    let other = served.issuer.issue(&order(served.clock.now())).unwrap();
    let refusal = client.revoke(&[Serial::of(&other[0].certificate)], Reason::Unspecified);
    assert!(
        matches!(refusal, Err(Error::Refused(reason)) if reason.contains("not to this client"))
    );
    assert_eq!(served.issuer.revoked().len(), 2);
}

#[test]
fn a_revocation_travels_unchanged_within_its_bounds() {
    let serial = Serial::parse("00ff").unwrap();
    for reason in Reason::ALL {
        let question = Question::Revoke(vec![serial.clone(); MOST_REVOKED], reason);
        let bytes = question.to_bytes().unwrap();
        let Question::Revoke(serials, read) = Question::from_bytes(&bytes).unwrap() else {
            panic!("another question");
        };
        assert_eq!((serials.len(), &serials[0], read), (MOST_REVOKED, &serial, reason));
    }
    for count in [0, MOST_REVOKED + 1] {
        let question = Question::Revoke(vec![serial.clone(); count], Reason::Unspecified);
        assert!(Question::from_bytes(&question.to_bytes().unwrap()).is_err(), "{count}");
    }
    for (from, to) in [("ff", "xx"), ("unspecified", "boredom")] {
        let bytes = Question::Revoke(vec![serial.clone()], Reason::Unspecified).to_bytes().unwrap();
        let text = String::from_utf8(bytes).unwrap().replace(from, to);
        assert!(Question::from_bytes(text.as_bytes()).is_err(), "{to}");
    }
}
