use super::*;
use crate::{
    net::Listener,
    reader::{Admits, ifd::Server, slot::Slot},
};
use std::{
    ffi::CString,
    ptr::{null, null_mut},
    time::Instant,
};

const PCI: IoHeader = IoHeader { Protocol: 1, Length: 16 };

/// A tag's value; what the handler answers.
fn capability(lun: Dword, tag: Dword, room: usize) -> (Code, Vec<u8>) {
    let mut value = vec![0; room];
    let mut length = room as Dword;
    // SAFETY: both live here.
    let code = unsafe { IFDHGetCapabilities(lun, tag, &raw mut length, value.as_mut_ptr()) };
    value.truncate(if code == SUCCESS { length as usize } else { 0 });
    (code, value)
}

fn transmit(lun: Dword, command: &[u8], room: usize) -> (Code, Vec<u8>) {
    let mut response = vec![0; room];
    let mut length = room as Dword;
    let mut received = PCI;
    // SAFETY: all of them live here.
    let code = unsafe {
        IFDHTransmitToICC(
            lun,
            PCI,
            command.as_ptr(),
            command.len() as Dword,
            response.as_mut_ptr(),
            &raw mut length,
            &raw mut received,
        )
    };
    response.truncate(length as usize);
    (code, response)
}

fn create(lun: Dword, name: &str) -> Code {
    let name = CString::new(name).unwrap();
    // SAFETY: it lives here.
    unsafe { IFDHCreateChannelByName(lun, name.as_ptr()) }
}

#[test]
fn a_reader_is_opened_driven_and_closed() {
    let lun = 7 << 16;
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("reader"));
    assert_eq!(create(lun, &address.to_string()), SUCCESS, "before there is an agent");
    assert_eq!(IFDHICCPresence(lun), ICC_NOT_PRESENT);
    let slot = Arc::new(Slot::with_card());
    let listener = Listener::bind(&address, 0o600).unwrap();
    let _serving = Server::start(listener, slot, Admits::default()).unwrap();
    let begun = Instant::now();
    while IFDHICCPresence(lun) != ICC_PRESENT {
        assert!(begun.elapsed() < Duration::from_secs(10));
        polling(lun, 100);
    }
    assert_eq!(transmit(lun, &[0, 0x20, 0, 0x80], 258), (COMMUNICATION_ERROR, vec![]), "no power");
    let mut atr = [0; ATR_ROOM];
    let mut length: Dword = 0;
    // SAFETY: both live here.
    let up = unsafe { IFDHPowerICC(lun, POWER_UP, atr.as_mut_ptr(), &raw mut length) };
    assert_eq!((up, length, atr[0]), (SUCCESS, 16, 0x3B));
    assert_eq!(IFDHSetProtocolParameters(lun, 2, 0, 0, 0, 0), SUCCESS);
    assert_eq!(IFDHSetProtocolParameters(lun, 4, 0, 0, 0, 0), PROTOCOL_NOT_SUPPORTED);
    assert_eq!(transmit(lun, &[0, 0x20, 0, 0x80], 258), (SUCCESS, vec![0x63, 0xC3]));
    let short = transmit(lun, &[0x80, 0x20, 0, 9], 10);
    assert_eq!(short, (ERROR_INSUFFICIENT_BUFFER, vec![]));
    assert_eq!(transmit(lun, &[0x80, 0x20, 0, 9], 11).1.len(), 11);
    assert_eq!(transmit(lun + 1, &[0; 4], 10).0, NO_SUCH_DEVICE, "one slot");
    // SAFETY: both live here.
    let down = unsafe { IFDHPowerICC(lun, POWER_DOWN, atr.as_mut_ptr(), &raw mut length) };
    assert_eq!((down, length), (SUCCESS, 0));
    assert_eq!(IFDHCloseChannel(lun), SUCCESS);
    assert_eq!(IFDHCloseChannel(lun), NO_SUCH_DEVICE);
    assert_eq!(IFDHICCPresence(lun), NO_SUCH_DEVICE);
    assert_eq!(polling(lun, 1000), NO_SUCH_DEVICE);
}

#[test]
fn names_that_are_no_address_open_nothing() {
    for name in ["", "/dev/null:0", "reader", "tls:host:1", "unix:path=/a;uid=x", "unix:path=/a;x"]
    {
        let good = name.starts_with("/dev");
        assert_eq!(create(9 << 16, name) == SUCCESS, good, "{name}");
    }
    assert_eq!(IFDHCloseChannel(9 << 16), SUCCESS);
    let (_, trust) = device("unix:path=/run/user/1000/wardcard/reader;uid=1000").unwrap();
    assert!(trust.users.contains(&1000.into()));
    // SAFETY: NULL.
    assert_eq!(unsafe { IFDHCreateChannelByName(9 << 16, null()) }, NO_SUCH_DEVICE);
}

#[test]
fn capabilities_are_told_where_there_is_room() {
    for tag in [TAG_THREAD_SAFE, TAG_SLOT_THREAD_SAFE, TAG_SLOTS_NUMBER] {
        assert_eq!(capability(0, tag, 1), (SUCCESS, vec![1]));
        assert_eq!(capability(0, tag, 0).0, ERROR_INSUFFICIENT_BUFFER);
    }
    assert_eq!(capability(0, TAG_POLLING_THREAD_KILLABLE, 1).1, [0]);
    for tag in [TAG_POLLING_THREAD_WITH_TIMEOUT, TAG_STOP_POLLING_THREAD] {
        assert_eq!(capability(0, tag, size_of::<usize>()).1.len(), size_of::<usize>());
    }
    assert_eq!(capability(0, 0xFFFF, 9).0, ERROR_TAG);
    // SAFETY: NULL.
    let none = unsafe { IFDHGetCapabilities(0, TAG_THREAD_SAFE, null_mut(), null_mut()) };
    assert_eq!(none, COMMUNICATION_ERROR);
}
