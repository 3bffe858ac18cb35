use super::{message::INIT, *};
use crate::{net::Listener, reader::slot::Slot};

const LONG: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_millis(100);
const STATUS: [u8; 4] = [0, 0x20, 0, 0x80];
/// The number that this QEMU gives.
const NUMBER: u32 = 3;

/// QEMU's side of the protocol.
struct Qemu {
    _folder: tempfile::TempDir,
    listener: Listener,
    place: Place,
}

impl Qemu {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::beside(folder.path(), "ccid");
        let listener = Listener::bind(&address, 0o600).unwrap();
        Self { _folder: folder, listener, place: Place::Unix(address, ServerTrust::default()) }
    }

    /// The client, greeted, with its reader.
    fn client(&self) -> Connection {
        let (connection, _) = self.listener.accept().unwrap().unwrap();
        connection.set_read_timeout(Some(LONG)).unwrap();
        assert_eq!(hear(&connection).unwrap(), (Kind::Init, UNDEFINED, INIT.to_vec()));
        connection.write_all(&frame(Kind::Init, UNDEFINED, &INIT)).unwrap();
        let added = (Kind::ReaderAdd, UNDEFINED, b"Wardcard\0".to_vec());
        assert_eq!(hear(&connection).unwrap(), added);
        connection.write_all(&frame(Kind::Error, NUMBER, &[0; 4])).unwrap();
        connection
    }
}

fn hear(connection: &Connection) -> io::Result<(Kind, u32, Vec<u8>)> {
    let mut head = [0; HEAD];
    connection.read_exact(&mut head)?;
    let head = Head::parse(&head).unwrap();
    let mut body = vec![0; head.length];
    connection.read_exact(&mut body)?;
    Ok((head.kind, head.reader, body))
}

fn ask(connection: &Connection, command: &[u8]) -> Vec<u8> {
    connection.write_all(&frame(Kind::Apdu, NUMBER, command)).unwrap();
    let (kind, reader, body) = hear(connection).unwrap();
    assert_eq!((kind, reader), (Kind::Apdu, NUMBER));
    body
}

#[test]
fn a_reader_is_added_and_the_card_answers_the_guest() {
    let (qemu, slot) = (Qemu::new(), Arc::new(Slot::with_card()));
    let running = Client::start(slot.clone(), qemu.place.clone()).unwrap();
    let client = qemu.client();
    let (kind, reader, atr) = hear(&client).unwrap();
    assert_eq!((kind, reader, &atr[..2]), (Kind::Atr, NUMBER, &[0x3B, 0x8B][..]));
    assert_eq!(ask(&client, &STATUS), [0x63, 0xC3]);
    let verify = [&STATUS[..], b"\x0812345678"].concat();
    assert_eq!(ask(&client, &verify), [0x90, 0]);
    assert_eq!(ask(&client, &[0x80, 0x20, 0xFF, 0xFF]).len(), 65_537);
    client.write_all(&frame(Kind::Flush, NUMBER, &[])).unwrap();
    assert_eq!(hear(&client).unwrap().0, Kind::FlushComplete);
    drop(client);
    let client = qemu.client();
    hear(&client).unwrap();
    assert_eq!(ask(&client, &STATUS), [0x63, 0xC3], "state ends with the connection");
    drop(running);
    assert!(hear(&client).is_err());
}

#[test]
fn a_card_that_goes_during_a_command_is_an_error_and_a_removal_at_once() {
    let (qemu, slot) = (Qemu::new(), Arc::new(Slot::with_card()));
    let _running = Client::start(slot.clone(), qemu.place.clone()).unwrap();
    let client = qemu.client();
    hear(&client).unwrap();
    client.write_all(&frame(Kind::Apdu, NUMBER, &[0x80, 0x30, 0x02, 0x00])).unwrap();
    while slot.working() == 0 {
        std::thread::yield_now();
    }
    let begun = Instant::now();
    slot.remove();
    assert_eq!(hear(&client).unwrap(), (Kind::Error, NUMBER, vec![0, 0, 0, 1]));
    assert_eq!(hear(&client).unwrap().0, Kind::CardRemove);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    slot.insert();
    assert_eq!(hear(&client).unwrap().0, Kind::Atr);
    assert!(begun.elapsed() < 2 * SOON, "{:?}", begun.elapsed());
    assert_eq!(ask(&client, &STATUS), [0x63, 0xC3]);
}

#[test]
fn an_empty_reader_is_filled_later_and_commands_for_it_are_errors() {
    let (qemu, slot) = (Qemu::new(), Arc::new(Slot::empty()));
    let _running = Client::start(slot.clone(), qemu.place.clone()).unwrap();
    let client = qemu.client();
    client.write_all(&frame(Kind::Apdu, NUMBER, &STATUS)).unwrap();
    assert_eq!(hear(&client).unwrap().0, Kind::Error);
    slot.insert();
    assert_eq!(hear(&client).unwrap().0, Kind::Atr);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_answered_or_end_the_connection(
        input in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..100),
        greeted: bool,
    ) {
        let slot = Slot::with_card();
        let mut all = Vec::new();
        if greeted {
            all.extend_from_slice(&frame(Kind::Init, UNDEFINED, &INIT));
            all.extend_from_slice(&frame(Kind::Error, NUMBER, &[0; 4]));
        }
        all.extend_from_slice(&input);
        fuzz(&slot, &all);
        proptest::prop_assert!(!slot.powered());
    }
}
