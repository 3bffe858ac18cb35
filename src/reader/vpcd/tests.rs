use super::*;
use crate::{net::TcpSocket, reader::slot::Slot};
use std::time::Instant;

/// A driver as Debian's is: length and body in two writes.
struct Driver {
    socket: TcpSocket,
}

const LONG: Duration = Duration::from_secs(10);

impl Driver {
    fn new() -> Self {
        Self { socket: TcpSocket::bind(TcpAddress::loopback(0)).unwrap() }
    }

    fn card(&self) -> Connection {
        let (connection, _) = self.socket.accept().unwrap().unwrap();
        connection.set_read_timeout(Some(LONG)).unwrap();
        connection
    }
}

fn say(card: &Connection, payload: &[u8]) {
    card.write_all(&u16::try_from(payload.len()).unwrap().to_be_bytes()).unwrap();
    card.write_all(payload).unwrap();
}

fn hear(card: &Connection) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    card.read_exact(&mut length)?;
    let mut payload = vec![0; usize::from(u16::from_be_bytes(length))];
    card.read_exact(&mut payload)?;
    Ok(payload)
}

fn ask(card: &Connection, payload: &[u8]) -> Vec<u8> {
    say(card, payload);
    hear(card).unwrap()
}

const STATUS: [u8; 4] = [0, 0x20, 0, 0x80];
const VERIFY: [u8; 13] = *b"\x00\x20\x00\x80\x0812345678";

#[test]
#[cfg_attr(
    windows,
    ignore = "Wine names no process of a connection, and who is not known gets no card"
)]
fn power_reset_atr_and_commands_reach_the_card_and_state_ends_with_each() {
    let (driver, slot) = (Driver::new(), Arc::new(Slot::with_card()));
    let _running = Client::start(slot.clone(), driver.socket.address(), Admits::default()).unwrap();
    let card = driver.card();
    assert_eq!(ask(&card, &[4])[..2], [0x3B, 0x8B]);
    assert!(!slot.powered(), "asking for the answer to reset gives no power");
    for lost in [&[2][..], &[0, 1][..]] {
        say(&card, &[1]);
        assert_eq!(ask(&card, &VERIFY), [0x90, 0]);
        assert_eq!(ask(&card, &STATUS), [0x90, 0]);
        ask(&card, &[4]);
        assert_eq!(ask(&card, &STATUS), [0x90, 0], "asking resets nothing");
        lost.iter().for_each(|one| say(&card, &[*one]));
        assert_eq!(ask(&card, &STATUS), [0x63, 0xC3]);
    }
    say(&card, &[9]);
    say(&card, &[]);
    let long = [&[0x80, 0x10, 0, 0, 0, 0xFF, 0xF8][..], &[7; 0xFFF8]].concat();
    assert_eq!(ask(&card, &long).len(), 0xFFFA, "as long as the frame holds");
    assert_eq!(ask(&card, &[0x80, 0x20, 0xFF, 0xFF]), [0x6F, 0], "65537 bytes do not fit");
}

#[test]
#[cfg_attr(
    windows,
    ignore = "Wine names no process of a connection, and who is not known gets no card"
)]
fn two_writes_of_the_driver_cost_no_delayed_acknowledgement() {
    let (driver, slot) = (Driver::new(), Arc::new(Slot::with_card()));
    let _running = Client::start(slot, driver.socket.address(), Admits::default()).unwrap();
    let (socket, _) = driver.socket.listener_for_tests().accept().unwrap();
    socket.set_nodelay(false).unwrap();
    let card = Connection::over_tcp(socket).unwrap();
    say(&card, &[1]);
    let begun = Instant::now();
    for _ in 0..50 {
        assert_eq!(ask(&card, &STATUS), [0x63, 0xC3]);
    }
    assert!(begun.elapsed() < Duration::from_millis(1000), "{:?}", begun.elapsed());
}

#[test]
#[cfg_attr(
    windows,
    ignore = "Wine names no process of a connection, and who is not known gets no card"
)]
fn a_card_that_goes_ends_a_command_and_the_connection_at_once_and_comes_back() {
    let (driver, slot) = (Driver::new(), Arc::new(Slot::with_card()));
    let _running = Client::start(slot.clone(), driver.socket.address(), Admits::default()).unwrap();
    let card = driver.card();
    say(&card, &[1]);
    say(&card, &[0x80, 0x30, 0x07, 0xD0]);
    while slot.working() == 0 {
        std::thread::yield_now();
    }
    let begun = Instant::now();
    slot.remove();
    assert_eq!(hear(&card).unwrap(), [0x6F, 0]);
    assert!(hear(&card).is_err());
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
    slot.insert();
    let card = driver.card();
    assert_eq!(ask(&card, &[4])[..2], [0x3B, 0x8B]);
}

#[test]
#[cfg_attr(
    windows,
    ignore = "Wine names no process of a connection, and who is not known gets no card"
)]
fn a_driver_that_ends_and_comes_back_finds_the_card_again_without_its_state() {
    let (driver, slot) = (Driver::new(), Arc::new(Slot::with_card()));
    let address = driver.socket.address();
    let running = Client::start(slot.clone(), address, Admits::default()).unwrap();
    let card = driver.card();
    say(&card, &[1]);
    assert_eq!(ask(&card, &VERIFY), [0x90, 0]);
    drop((card, driver));
    let driver = loop {
        match TcpSocket::bind(address) {
            Ok(socket) => break Driver { socket },
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let card = driver.card();
    say(&card, &[1]);
    assert_eq!(ask(&card, &STATUS), [0x63, 0xC3]);
    drop(running);
    assert!(hear(&card).is_err(), "dropping ends it");
    assert!(!slot.powered());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_answered_or_end_the_connection(
        input in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
    ) {
        let slot = Slot::with_card();
        fuzz(&slot, &input);
        assert!(!slot.powered());
    }
}
