use super::{
    packet::{COMMAND, DEVICE, NAME, VERSION},
    *,
};
use crate::{
    net::{Connection, TcpAddress, TcpSocket},
    reader::{Admits, Running, ccid::descriptor, slot::Slot},
};
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

const LONG: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_millis(100);

fn served(slot: &Arc<Slot>, options: Options) -> (Running, TcpAddress) {
    let socket = TcpSocket::bind(TcpAddress::loopback(0)).unwrap();
    let address = socket.address();
    (Server::start(socket, slot.clone(), options).unwrap(), address)
}

/// A computer's side: `vhci-hcd`.
struct Computer {
    connection: Connection,
    sequence: u32,
}

struct Reply {
    command: u32,
    sequence: u32,
    status: i32,
    actual: usize,
    data: Vec<u8>,
}

impl Computer {
    fn new(address: TcpAddress) -> Self {
        let connection = Connection::connect_tcp(address, LONG).unwrap();
        connection.set_read_timeout(Some(LONG)).unwrap();
        Self { connection, sequence: 0 }
    }

    /// Imports the device; its status.
    fn import(&mut self, name: &[u8]) -> io::Result<u32> {
        let mut bytes = [VERSION.to_be_bytes(), 0x8003_u16.to_be_bytes()].concat();
        bytes.resize(8 + NAME, 0);
        bytes[8..8 + name.len()].copy_from_slice(name);
        self.connection.write_all(&bytes)?;
        let mut head = [0; 8];
        self.connection.read_exact(&mut head)?;
        assert_eq!(head[..4], [0x01, 0x11, 0x00, 0x03]);
        let status = u32::from_be_bytes(head[4..].try_into().unwrap());
        if status == 0 {
            self.connection.read_exact(&mut [0; 312])?;
        }
        Ok(status)
    }

    fn attached(address: TcpAddress) -> Self {
        let mut computer = Self::new(address);
        assert_eq!(computer.import(b"1-1").unwrap(), 0);
        computer
    }

    fn submit(
        &mut self,
        inwards: bool,
        endpoint: u32,
        length: usize,
        setup: [u8; 8],
        data: &[u8],
    ) -> u32 {
        self.sequence += 1;
        let words =
            [1, self.sequence, DEVICE, u32::from(inwards), endpoint, 0, length as u32, 0, 0, 0];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(&setup);
        bytes.extend_from_slice(data);
        self.connection.write_all(&bytes).unwrap();
        self.sequence
    }

    fn unlink(&mut self, unlinked: u32) {
        self.sequence += 1;
        let words = [2, self.sequence, DEVICE, 0, 0, unlinked];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.resize(COMMAND, 0);
        self.connection.write_all(&bytes).unwrap();
    }

    fn reply(&self, inwards: bool) -> Reply {
        let mut head = [0; COMMAND];
        self.connection.read_exact(&mut head).unwrap();
        let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
        let actual = word(24) as usize;
        let mut data = vec![0; if inwards { actual } else { 0 }];
        self.connection.read_exact(&mut data).unwrap();
        Reply { command: word(0), sequence: word(4), status: word(20) as i32, actual, data }
    }

    fn control(&mut self, setup: [u8; 8]) -> Reply {
        let inwards = setup[0] & 0x80 != 0;
        let length = usize::from(u16::from_le_bytes([setup[6], setup[7]]));
        self.submit(inwards, 0, length, setup, &[]);
        self.reply(inwards)
    }

    /// One CCID message and its answer, with transfers as a driver submits them.
    fn message(&mut self, bytes: &[u8]) -> Vec<u8> {
        let sent = self.submit(false, 1, bytes.len(), [0; 8], bytes);
        let taken = self.reply(false);
        assert_eq!((taken.sequence, taken.status, taken.actual), (sent, 0, bytes.len()));
        let wanted = self.submit(true, 2, 70_000, [0; 8], &[]);
        let got = self.reply(true);
        assert_eq!((got.command, got.sequence, got.status), (3, wanted, 0));
        got.data
    }
}

fn block(sequence: u8, command: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x6F, command.len() as u8, 0, 0, 0, 0, sequence, 0, 0, 0];
    bytes.extend_from_slice(command);
    bytes
}

const POWER: [u8; 10] = [0x62, 0, 0, 0, 0, 0, 1, 0, 0, 0];
const STATUS: [u8; 4] = [0, 0x20, 0, 0x80];

#[test]
#[cfg_attr(
    windows,
    ignore = "Wine names no process of a connection, and who is not known gets no card"
)]
fn the_device_is_listed_and_imported_by_one_at_a_time() {
    let slot = Arc::new(Slot::with_card());
    let (_running, address) = served(&slot, Options::default());
    let lists = || {
        let computer = Computer::new(address);
        computer.connection.write_all(&[0x01, 0x11, 0x80, 0x05, 0, 0, 0, 0]).unwrap();
        let mut list = [0; 12 + 312 + 4];
        computer.connection.read_exact(&mut list).unwrap();
        assert_eq!(list[..12], [0x01, 0x11, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(list[12 + 256..12 + 260], *b"1-1\0");
        assert_eq!(list[12 + 300..12 + 304], [0x12, 0x09, 0x00, 0x01]);
        assert_eq!(list[324..], [0x0B, 0, 0, 0]);
    };
    lists();
    let first = Computer::attached(address);
    lists();
    let mut second = Computer::new(address);
    assert_eq!(second.import(b"1-1").unwrap(), 2, "busy");
    assert_eq!(Computer::new(address).import(b"2-1").unwrap(), 4, "no such device");
    drop(first);
    let begun = Instant::now();
    while Computer::new(address).import(b"1-1").unwrap() != 0 {
        assert!(begun.elapsed() < LONG);
    }
}

#[test]
#[cfg_attr(
    windows,
    ignore = "Wine names no process of a connection, and who is not known gets no card"
)]
fn descriptors_are_told_as_asked_and_the_rest_stalls() {
    let slot = Arc::new(Slot::with_card());
    let (_running, address) = served(&slot, Options::default());
    let mut computer = Computer::attached(address);
    let device = computer.control([0x80, 6, 0, 1, 0, 0, 64, 0]);
    assert_eq!(device.data, descriptor::device(descriptor::Identity::default()));
    assert_eq!(
        computer.control([0x80, 6, 0, 2, 0, 0, 9, 0]).data,
        descriptor::configuration()[..9]
    );
    assert_eq!(computer.control([0x80, 6, 0, 2, 0, 0, 255, 0]).data, descriptor::configuration());
    assert_eq!(computer.control([0x80, 6, 2, 3, 9, 4, 255, 0]).data[2..4], *b"W\0");
    assert_eq!(computer.control([0x80, 6, 0, 6, 0, 0, 10, 0]).data.len(), 10);
    for good in [[0, 9, 1, 0, 0, 0, 0, 0], [1, 11, 0, 0, 0, 0, 0, 0], [2, 1, 0, 0, 0x82, 0, 0, 0]] {
        assert_eq!(computer.control(good).status, 0, "{good:?}");
    }
    assert_eq!(computer.control([0x80, 8, 0, 0, 0, 0, 1, 0]).data, [1]);
    for unknown in
        [[0x80, 6, 0, 7, 0, 0, 9, 0], [0xC0, 1, 0, 0, 0, 0, 1, 0], [0xA1, 2, 0, 0, 0, 0, 4, 0]]
    {
        assert_eq!(computer.control(unknown).status, -32, "{unknown:?}");
    }
    computer.submit(true, 7, 64, [0; 8], &[]);
    assert_eq!(computer.reply(true).status, -32, "no such endpoint");
}

#[test]
#[cfg_attr(
    windows,
    ignore = "Wine names no process of a connection, and who is not known gets no card"
)]
fn commands_go_through_and_notices_come_while_they_run() {
    let slot = Arc::new(Slot::with_card());
    let (_running, address) = served(&slot, Options::default());
    let mut computer = Computer::attached(address);
    computer.submit(true, 3, 8, [0; 8], &[]);
    assert_eq!(computer.reply(true).data, [0x50, 3]);
    assert_eq!(computer.message(&POWER)[10..12], [0x3B, 0x8B]);
    assert_eq!(computer.message(&block(2, &STATUS))[10..], [0x63, 0xC3]);
    let verify = [&STATUS[..], b"\x0812345678"].concat();
    assert_eq!(computer.message(&block(3, &verify))[10..], [0x90, 0]);
    let slow = block(4, &[0x80, 0x30, 0x02, 0x00]);
    computer.submit(false, 1, slow.len(), [0; 8], &slow);
    computer.reply(false);
    let notice = computer.submit(true, 3, 8, [0; 8], &[]);
    let answer = computer.submit(true, 2, 70_000, [0; 8], &[]);
    while slot.working() == 0 {
        std::thread::yield_now();
    }
    let begun = Instant::now();
    slot.remove();
    for _ in 0..2 {
        let reply = computer.reply(true);
        if reply.sequence == notice {
            assert_eq!(reply.data, [0x50, 2]);
        } else {
            assert_eq!((reply.sequence, reply.data[7], reply.data[8]), (answer, 0x42, 0xFE));
        }
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    slot.insert();
    drop(computer);
    let mut computer = loop {
        let mut computer = Computer::new(address);
        if computer.import(b"1-1").unwrap() == 0 {
            break computer;
        }
    };
    computer.message(&POWER);
    assert_eq!(computer.message(&block(2, &STATUS))[10..], [0x63, 0xC3], "no state of another");
}

#[test]
#[cfg_attr(
    windows,
    ignore = "Wine names no process of a connection, and who is not known gets no card"
)]
fn waiting_transfers_are_unlinked_and_done_ones_are_not() {
    let slot = Arc::new(Slot::empty());
    let (_running, address) = served(&slot, Options::default());
    let mut computer = Computer::attached(address);
    let first = computer.submit(true, 3, 8, [0; 8], &[]);
    computer.unlink(first);
    let reply = computer.reply(false);
    assert_eq!((reply.command, reply.status), (4, -104));
    computer.unlink(first);
    assert_eq!(computer.reply(false).status, 0);
    let second = computer.submit(true, 3, 8, [0; 8], &[]);
    slot.insert();
    let reply = computer.reply(true);
    assert_eq!((reply.sequence, reply.data), (second, vec![0x50, 3]), "nothing is lost");
}

#[test]
#[cfg_attr(
    windows,
    ignore = "Wine names no process of a connection, and who is not known gets no card"
)]
fn hostile_packets_end_their_connection_only() {
    let slot = Arc::new(Slot::with_card());
    let (_running, address) = served(&slot, Options::default());
    for hostile in [&b"GET / HTTP/1.0\r\n"[..], &[0x01, 0x11, 0x80, 0x07, 0, 0, 0, 0], &[0; 48]] {
        let computer = Computer::new(address);
        computer.connection.write_all(hostile).unwrap();
        let ended = computer.connection.read_exact(&mut [0; 400]).unwrap_err();
        assert_ne!(ended.kind(), io::ErrorKind::TimedOut);
    }
    let mut words = [[0_u32; 12]; 4];
    words[0] = [1, 1, DEVICE + 1, 1, 2, 0, 8, 0, 0, 0, 0, 0];
    words[1] = [1, 1, DEVICE, 1, 2, 0, u32::MAX, 0, 0, 0, 0, 0];
    words[2] = [1, 1, DEVICE, 1, 2, 0, 8, 0, 4, 0, 0, 0];
    words[3] = [9, 1, DEVICE, 1, 2, 0, 8, 0, 0, 0, 0, 0];
    for words in words {
        let begun = Instant::now();
        let computer = loop {
            let mut computer = Computer::new(address);
            if computer.import(b"1-1").unwrap() == 0 {
                break computer;
            }
            assert!(begun.elapsed() < LONG);
        };
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        computer.connection.write_all(&bytes).unwrap();
        let ended = computer.connection.read_exact(&mut [0; 1]).unwrap_err();
        assert_ne!(ended.kind(), io::ErrorKind::TimedOut, "{words:?}");
    }
}

#[test]
fn other_machines_are_not_served_unless_named() {
    let slot = Arc::new(Slot::with_card());
    let everywhere = TcpAddress::parse("0.0.0.0:0").unwrap();
    let socket = TcpSocket::bind(everywhere).unwrap();
    let refused = Server::start(socket, slot.clone(), Options::default()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    let socket = TcpSocket::bind(everywhere).unwrap();
    let options = Options { anybody: true, admits: Admits::default(), ..Options::default() };
    assert!(Server::start(socket, slot, options).is_ok());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        input in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
    ) {
        fuzz(&input);
    }
}
