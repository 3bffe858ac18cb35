use super::*;
use crate::{
    apdu::Icc,
    net::{Address, Connection, Listener, ServerTrust},
    reader::{Admits, Running, slot::Slot},
};
use std::{sync::Arc, time::Instant};

struct Stage {
    _folder: tempfile::TempDir,
    address: Address,
    slot: Arc<Slot>,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Unix(folder.path().join("reader"));
        Self { _folder: folder, address, slot: Arc::new(Slot::with_card()) }
    }

    fn serve(&self) -> Running {
        let listener = Listener::bind(&self.address, 0o600).unwrap();
        let icc: Arc<dyn Icc> = self.slot.clone();
        Server::start(listener, icc, Admits::default()).unwrap()
    }

    fn client(&self) -> Client {
        Client::new(self.address.clone(), ServerTrust::default()).unwrap()
    }
}

const STATUS: [u8; 4] = [0, 0x20, 0, 0x80];
const VERIFY: [u8; 13] = *b"\x00\x20\x00\x80\x0812345678";
const LONG: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_millis(100);

fn ask(client: &Client, command: &[u8]) -> Result<Vec<u8>, Lost> {
    client.transmit(command, <[u8]>::to_vec)
}

#[test]
fn power_commands_and_the_longest_of_both_go_through() {
    let stage = Stage::new();
    let _serving = stage.serve();
    let client = stage.client();
    assert!(client.present());
    assert_eq!(ask(&client, &STATUS), Err(Lost), "no power yet");
    assert_eq!(client.power_on().unwrap().as_bytes()[..2], [0x3B, 0x8B]);
    assert_eq!(ask(&client, &VERIFY).unwrap(), [0x90, 0]);
    assert_eq!(ask(&client, &STATUS).unwrap(), [0x90, 0]);
    client.reset().unwrap();
    assert_eq!(ask(&client, &STATUS).unwrap(), [0x63, 0xC3]);
    let long = [&[0x80, 0x10, 0, 0, 0, 0xFF, 0xFF][..], &[7; 65_535], &[0, 0]].concat();
    let echoed = ask(&client, &long).unwrap();
    assert_eq!(echoed.len(), 65_537);
    assert_eq!(ask(&client, &[0; 65_545]).unwrap(), [0x67, 0]);
    assert_eq!(ask(&client, &STATUS).unwrap(), [0x63, 0xC3], "it still has power");
    client.power_off();
    assert!(!stage.slot.powered());
}

#[test]
fn insertion_and_removal_are_seen_at_once_and_an_exchange_is_a_removal() {
    let stage = Stage::new();
    let _serving = stage.serve();
    let client = stage.client();
    assert!(client.present());
    for round in 0..10 {
        let present = round % 2 == 1;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                client.wait(LONG);
                Instant::now()
            });
            std::thread::sleep(Duration::from_millis(5));
            let changed = Instant::now();
            if present {
                stage.slot.insert()
            } else {
                stage.slot.remove()
            }
            let seen = waiting.join().unwrap();
            assert!(seen - changed < SOON, "{:?}", seen - changed);
        });
        assert_eq!(client.present(), present);
    }
    stage.slot.remove();
    stage.slot.insert();
    client.wait(LONG);
    assert!(!client.present(), "another card");
    client.wait(LONG);
    assert!(client.present());
}

#[test]
fn a_card_that_goes_ends_a_command_and_waiting_never_holds_one_up() {
    let stage = Stage::new();
    let _serving = stage.serve();
    let client = stage.client();
    assert!(client.present());
    client.power_on().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| client.wait(LONG));
        assert_eq!(ask(&client, &STATUS).unwrap(), [0x63, 0xC3]);
        let slow = scope.spawn(|| ask(&client, &[0x80, 0x30, 0x13, 0x88]));
        while stage.slot.working() == 0 {
            std::thread::yield_now();
        }
        let begun = Instant::now();
        assert!(client.present(), "asked while a command is under way");
        stage.slot.remove();
        assert_eq!(slow.join().unwrap(), Err(Lost));
        assert!(begun.elapsed() < 3 * SOON, "{:?}", begun.elapsed());
    });
    assert!(!client.present());
    stage.slot.insert();
    client.wait(LONG);
    assert!(client.present());
    assert!(client.power_on().is_ok(), "though the old command is still in the card's hands");
}

#[test]
fn an_agent_that_ends_is_a_removal_and_comes_back_without_help() {
    let stage = Stage::new();
    let serving = stage.serve();
    let client = stage.client();
    assert!(client.present());
    client.power_on().unwrap();
    assert_eq!(ask(&client, &VERIFY).unwrap(), [0x90, 0]);
    let begun = Instant::now();
    drop(serving);
    client.wait(LONG);
    assert!(!client.present());
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(ask(&client, &STATUS), Err(Lost));
    assert_eq!(client.power_on(), Err(Lost));
    let _serving = stage.serve();
    client.wait(LONG);
    assert!(client.present());
    client.power_on().unwrap();
    assert_eq!(ask(&client, &STATUS).unwrap(), [0x63, 0xC3]);
}

#[test]
fn an_agent_that_never_stops_talking_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("reader"));
    let listener = Listener::bind(&address, 0o600).unwrap();
    let client = Client::new(address, ServerTrust::default()).unwrap();
    std::thread::scope(|scope| {
        let ended = scope.spawn(|| {
            let (connection, _) = listener.accept().unwrap().unwrap();
            connection.set_write_timeout(Some(LONG)).unwrap();
            connection.read_exact(&mut [0; 6]).unwrap();
            connection.write_all(&[1, 0]).unwrap();
            let word = [&[0, 0, 0, 10, 0x90, 1][..], &[0; 8]].concat();
            let flood = word.repeat(64);
            while connection.write_all(&flood).is_ok() {}
        });
        let begun = Instant::now();
        while client.present() {
            assert!(begun.elapsed() < LONG);
        }
        ended.join().unwrap();
    });
}

#[test]
fn a_wait_ends_when_told_and_in_its_time() {
    let stage = Stage::new();
    let client = stage.client();
    assert!(!client.present(), "no agent yet");
    let begun = Instant::now();
    client.wait(Duration::from_millis(30));
    assert!(begun.elapsed() >= Duration::from_millis(30));
    client.stop_waiting();
    client.wait(LONG);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.wait(LONG));
        std::thread::sleep(Duration::from_millis(20));
        client.stop_waiting();
        waiting.join().unwrap();
    });
    assert!(begun.elapsed() < LONG);
}

#[test]
fn one_handler_drives_the_card_and_another_is_told() {
    let stage = Stage::new();
    let _serving = stage.serve();
    let (first, second) = (stage.client(), stage.client());
    first.power_on().unwrap();
    assert_eq!(ask(&first, &VERIFY).unwrap(), [0x90, 0]);
    assert_eq!(second.power_on(), Err(Lost));
    assert_eq!(ask(&first, &STATUS).unwrap(), [0x90, 0], "undisturbed");
    drop(first);
    let begun = Instant::now();
    while second.power_on().is_err() {
        assert!(begun.elapsed() < LONG);
    }
    assert_eq!(ask(&second, &STATUS).unwrap(), [0x63, 0xC3], "no state of another");
}

#[test]
fn hostile_greetings_and_frames_end_their_connection_only() {
    let stage = Stage::new();
    let _serving = stage.serve();
    let client = stage.client();
    for hostile in [
        &b"GET / HTTP/1.0\r\n\r\n"[..],
        b"WCRD\x00\x00",
        b"WCRD\x01\x07",
        b"WCRD\x01\x00\xff\xff\xff\xff",
        b"WCRD\x01\x00\x00\x00\x00\x00",
        b"WCRD\x01\x00\x00\x00\x00\x01\x63",
    ] {
        let trust = ServerTrust::default();
        let connection = Connection::connect(&stage.address, &trust).unwrap();
        connection.set_read_timeout(Some(LONG)).unwrap();
        connection.write_all(hostile).unwrap();
        let mut bytes = [0; 100];
        let ended = connection.read_exact(&mut bytes).unwrap_err();
        assert_ne!(ended.kind(), std::io::ErrorKind::TimedOut, "{hostile:?}");
    }
    let begun = Instant::now();
    while client.power_on().is_err() {
        assert!(begun.elapsed() < LONG);
    }
    assert_eq!(ask(&client, &STATUS).unwrap(), [0x63, 0xC3]);
}

#[test]
fn users_are_admitted_by_name_root_and_own() {
    let admits = Admits { users: vec![4_000_000_001.into()] };
    assert!(admits.admits(Some(0.into())));
    assert!(admits.admits(Some(crate::secret::User::own())));
    assert!(admits.admits(Some(4_000_000_001.into())));
    assert!(!admits.admits(Some(4_000_000_002.into())));
    assert!(!admits.admits(None));
}
