//! The IFD handler: what pcscd loads as the driver of a reader (PC/SC part 3; `ifdhandler.h` of
//! pcsc-lite, version 3).
//!
//! It runs in pcscd, as root, beside the drivers of every other reader. So it only forwards
//! ([`Client`]), starts no thread, never panics into C, and answers in bounded time. The name of its
//! device in `reader.conf` is the agent's address; `;uid=N` after it names a user besides root whose
//! agent is believed.
//!
//! The thread by which pcscd watches a reader waits in [`polling`], so that a card that comes or goes
//! is seen at once and nothing is polled.

#![allow(unsafe_code, non_snake_case)]
// The names are the standard's, and what they are for is said there.
#![allow(clippy::missing_safety_doc)]

use super::{
    guard::code,
    pointers::{self, Out},
};
use crate::{
    net::{Address, ServerTrust},
    reader::ifd::Client,
};
use std::{
    collections::BTreeMap,
    ffi::{CStr, c_char, c_int, c_long},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// DWORD of pcsc-lite.
#[cfg(not(target_os = "macos"))]
type Dword = std::ffi::c_ulong;
#[cfg(target_os = "macos")]
type Dword = u32;

type Code = c_long;

#[cfg(test)]
const SUCCESS: Code = 0;
const ERROR_TAG: Code = 600;
const PROTOCOL_NOT_SUPPORTED: Code = 607;
const ERROR_POWER_ACTION: Code = 608;
const COMMUNICATION_ERROR: Code = 612;
const NOT_SUPPORTED: Code = 614;
const ICC_PRESENT: Code = 615;
const ICC_NOT_PRESENT: Code = 616;
const NO_SUCH_DEVICE: Code = 617;
const ERROR_INSUFFICIENT_BUFFER: Code = 618;

const POWER_UP: Dword = 500;
const POWER_DOWN: Dword = 501;
const RESET: Dword = 502;

const TAG_SLOT_THREAD_SAFE: Dword = 0x0FAC;
const TAG_THREAD_SAFE: Dword = 0x0FAD;
const TAG_SLOTS_NUMBER: Dword = 0x0FAE;
const TAG_SIMULTANEOUS_ACCESS: Dword = 0x0FAF;
const TAG_POLLING_THREAD_KILLABLE: Dword = 0x0FB1;
const TAG_STOP_POLLING_THREAD: Dword = 0x0FB2;
const TAG_POLLING_THREAD_WITH_TIMEOUT: Dword = 0x0FB3;
const ATTR_VENDOR_NAME: Dword = 0x0001_0100;
const ATTR_MAXINPUT: Dword = 0x0007_A007;

/// SCARD_CTL_CODE.
const CONTROL: Dword = 0x4200_0000;
const GET_FEATURE_REQUEST: Dword = CONTROL + 3400;
const FEATURE_GET_TLV_PROPERTIES: u8 = 0x12;
/// A number of our own.
const GET_TLV_PROPERTIES: u32 = 0x4233_0012;
const PROPERTY_MAX_APDU_DATA_SIZE: u8 = 10;
const MAX_APDU_DATA_SIZE: u32 = 65_536;

/// Readers that the handler manages at once.
const READERS: u8 = 16;
/// The longest ATR, for which pcscd always has room (MAX_ATR_SIZE).
const ATR_ROOM: usize = 33;
/// The longest name of a device that is read.
const LONGEST_NAME: usize = 1024;

/// SCARD_IO_HEADER.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IoHeader {
    Protocol: Dword,
    Length: Dword,
}

static OPEN: RwLock<BTreeMap<Dword, Arc<Client>>> = RwLock::new(BTreeMap::new());

/// The reader in the upper half of a logical unit number; its slot is 0.
fn reader(lun: Dword) -> Result<Arc<Client>, Code> {
    let open = OPEN.read().unwrap_or_else(PoisonError::into_inner);
    open.get(&(lun >> 16)).filter(|_| lun & 0xFFFF == 0).map(Arc::clone).ok_or(NO_SUCH_DEVICE)
}

/// The address and the trust that a device's name gives.
fn device(name: &str) -> Option<(Address, ServerTrust)> {
    let mut trust = ServerTrust::of_machine().ok()?;
    let (place, options) = match name.split_once(';') {
        Some((place, options)) => (place, Some(options)),
        None => (name, None),
    };
    if let Some(options) = options {
        trust.users.push(options.strip_prefix("uid=")?.parse().ok()?);
    }
    let address = Address::parse(place).filter(Address::is_local)?;
    Some((address, trust))
}

fn open(lun: Dword, name: &str) -> Result<(), Code> {
    let (address, trust) = device(name).ok_or(NO_SUCH_DEVICE)?;
    let client = Client::new(address, trust).map_err(|_| COMMUNICATION_ERROR)?;
    let mut open = OPEN.write().unwrap_or_else(PoisonError::into_inner);
    if open.len() >= usize::from(READERS) {
        return Err(COMMUNICATION_ERROR);
    }
    open.insert(lun >> 16, Arc::new(client));
    Ok(())
}

/// Writes into a buffer of pcscd's, whose room `length` says on the way in unless `room` does.
///
/// # Safety
/// `length` is NULL or can be read and written, and `buffer` is NULL or has the room.
unsafe fn put(
    bytes: &[u8],
    buffer: *mut u8,
    length: *mut Dword,
    room: Option<usize>,
) -> Result<(), Code> {
    // SAFETY: the caller's promise about `length`.
    let claimed = unsafe { pointers::value(length) }.map_err(|_| COMMUNICATION_ERROR)?;
    let room = room.unwrap_or(usize::try_from(claimed).unwrap_or(usize::MAX));
    if buffer.is_null() || bytes.len() > room {
        return Err(ERROR_INSUFFICIENT_BUFFER);
    }
    // SAFETY: not NULL, and there is room for so many bytes by the caller's promise.
    unsafe { buffer.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    let written = Dword::try_from(bytes.len()).map_err(|_| COMMUNICATION_ERROR)?;
    // SAFETY: the caller's promise about `length`.
    unsafe { Out::new(length) }.map_err(|_| COMMUNICATION_ERROR)?.put(written);
    Ok(())
}

/// Says that nothing was written.
///
/// # Safety
/// `length` is NULL or can be written.
unsafe fn nothing(length: *mut Dword) {
    // SAFETY: the caller's promise about `length`.
    if let Ok(length) = unsafe { Out::new(length) } {
        length.put(0);
    }
}

/// Opens the reader of this device, which is an agent's address. An agent that is not there yet is
/// no error: the reader is empty.
///
/// # Safety
/// `DeviceName` is NULL or a text with its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHCreateChannelByName(Lun: Dword, DeviceName: *const c_char) -> Code {
    code(COMMUNICATION_ERROR, || {
        if DeviceName.is_null() {
            return Err(NO_SUCH_DEVICE);
        }
        // SAFETY: not NULL, so the caller's promise holds.
        let name = unsafe { CStr::from_ptr(DeviceName) };
        let name = name.to_str().ok().filter(|name| name.len() <= LONGEST_NAME);
        open(Lun, name.ok_or(NO_SUCH_DEVICE)?)
    })
}

/// Opens the reader of a channel by number: there is one, the well-known endpoint of the system's
/// agent.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCreateChannel(Lun: Dword, _Channel: Dword) -> Code {
    code(COMMUNICATION_ERROR, || open(Lun, "unix:path=/run/wardcard/reader"))
}

/// Closes a reader.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCloseChannel(Lun: Dword) -> Code {
    code(COMMUNICATION_ERROR, || {
        let client = reader(Lun)?;
        OPEN.write().unwrap_or_else(PoisonError::into_inner).remove(&(Lun >> 16));
        client.stop_waiting();
        client.power_off();
        Ok(())
    })
}

/// What the reader can do.
///
/// # Safety
/// `Length` is NULL or can be read and written, and `Value` is NULL or has as much room as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHGetCapabilities(
    Lun: Dword,
    Tag: Dword,
    Length: *mut Dword,
    Value: *mut u8,
) -> Code {
    code(COMMUNICATION_ERROR, || {
        let watch: extern "C" fn(Dword, c_int) -> Code = polling;
        let stop: extern "C" fn(Dword) -> Code = stop_polling;
        let value = match Tag {
            TAG_SLOTS_NUMBER | TAG_THREAD_SAFE | TAG_SLOT_THREAD_SAFE => vec![1],
            TAG_SIMULTANEOUS_ACCESS => vec![READERS],
            // pcscd is to tell it, not to cancel it in the middle.
            TAG_POLLING_THREAD_KILLABLE => vec![0],
            TAG_POLLING_THREAD_WITH_TIMEOUT => (watch as usize).to_ne_bytes().to_vec(),
            TAG_STOP_POLLING_THREAD => (stop as usize).to_ne_bytes().to_vec(),
            ATTR_VENDOR_NAME => b"Wardcard".to_vec(),
            ATTR_MAXINPUT => MAX_APDU_DATA_SIZE.to_ne_bytes().to_vec(),
            _ => {
                // SAFETY: the caller's promise about `Length`.
                unsafe { nothing(Length) };
                return Err(ERROR_TAG);
            }
        };
        // What is asked before a reader is open is of the handler, not of a reader.
        let _ = Lun;
        // SAFETY: the caller's promise.
        unsafe { put(&value, Value, Length, None) }
    })
}

/// Nothing can be set.
///
/// # Safety
/// None of the pointers is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHSetCapabilities(
    _Lun: Dword,
    _Tag: Dword,
    _Length: Dword,
    _Value: *mut u8,
) -> Code {
    NOT_SUPPORTED
}

/// T=0 and T=1 are both spoken, without parameters.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetProtocolParameters(
    Lun: Dword,
    Protocol: Dword,
    _Flags: u8,
    _PTS1: u8,
    _PTS2: u8,
    _PTS3: u8,
) -> Code {
    code(COMMUNICATION_ERROR, || {
        reader(Lun)?;
        if matches!(Protocol, 1 | 2) { Ok(()) } else { Err(PROTOCOL_NOT_SUPPORTED) }
    })
}

/// Gives power, resets, or takes power away.
///
/// # Safety
/// `AtrLength` is NULL or can be read and written; `Atr` is NULL or has room for 33 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHPowerICC(
    Lun: Dword,
    Action: Dword,
    Atr: *mut u8,
    AtrLength: *mut Dword,
) -> Code {
    code(COMMUNICATION_ERROR, || {
        let reader = reader(Lun);
        let atr = match (&reader, Action) {
            (Ok(reader), POWER_UP) => reader.power_on().map_err(|_| ERROR_POWER_ACTION),
            (Ok(reader), RESET) => reader.reset().map_err(|_| ERROR_POWER_ACTION),
            (Ok(reader), POWER_DOWN) => {
                reader.power_off();
                // SAFETY: the caller's promise about `AtrLength`.
                unsafe { nothing(AtrLength) };
                return Ok(());
            }
            (Ok(_), _) => Err(NOT_SUPPORTED),
            (Err(code), _) => Err(*code),
        };
        match atr {
            // SAFETY: the caller's promise.
            Ok(atr) => unsafe { put(atr.as_bytes(), Atr, AtrLength, Some(ATR_ROOM)) },
            Err(code) => {
                // SAFETY: the caller's promise about `AtrLength`.
                unsafe { nothing(AtrLength) };
                Err(code)
            }
        }
    })
}

/// A command and its response.
///
/// # Safety
/// `TxBuffer` is NULL or has `TxLength` bytes; `RxLength` is NULL or can be read and written;
/// `RxBuffer` is NULL or has as much room as it says; `RecvPci` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHTransmitToICC(
    Lun: Dword,
    SendPci: IoHeader,
    TxBuffer: *const u8,
    TxLength: Dword,
    RxBuffer: *mut u8,
    RxLength: *mut Dword,
    RecvPci: *mut IoHeader,
) -> Code {
    code(COMMUNICATION_ERROR, || {
        let forwarded = (|| {
            let reader = reader(Lun)?;
            // SAFETY: the caller's promise.
            let command = unsafe { pointers::bytes(TxBuffer, TxLength) };
            let command = command.map_err(|_| COMMUNICATION_ERROR)?;
            // SAFETY: the caller's promise, which holds until this function returns.
            let write = |response: &[u8]| unsafe { put(response, RxBuffer, RxLength, None) };
            reader.transmit(command, write).map_err(|_| COMMUNICATION_ERROR)?
        })();
        match forwarded {
            Ok(()) => {
                // SAFETY: the caller's promise about `RecvPci`.
                if let Ok(header) = unsafe { Out::new(RecvPci) } {
                    header.put(SendPci);
                }
                Ok(())
            }
            Err(code) => {
                // SAFETY: the caller's promise about `RxLength`.
                unsafe { nothing(RxLength) };
                Err(code)
            }
        }
    })
}

/// Whether a card is there; known already, so it is told at once.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHICCPresence(Lun: Dword) -> Code {
    code(COMMUNICATION_ERROR, || {
        Err(if reader(Lun)?.present() { ICC_PRESENT } else { ICC_NOT_PRESENT })
    })
}

/// Tells how long an APDU may be (PC/SC part 10: FEATURE_GET_TLV_PROPERTIES); nothing else.
///
/// # Safety
/// `pdwBytesReturned` is NULL or can be written; `RxBuffer` is NULL or has `RxLength` bytes of room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHControl(
    Lun: Dword,
    dwControlCode: Dword,
    _TxBuffer: *const u8,
    _TxLength: Dword,
    RxBuffer: *mut u8,
    RxLength: Dword,
    pdwBytesReturned: *mut Dword,
) -> Code {
    code(COMMUNICATION_ERROR, || {
        // SAFETY: the caller's promise about `pdwBytesReturned`.
        unsafe { nothing(pdwBytesReturned) };
        reader(Lun)?;
        let mut answer = Vec::new();
        if dwControlCode == GET_FEATURE_REQUEST {
            answer.extend_from_slice(&[FEATURE_GET_TLV_PROPERTIES, 4]);
            answer.extend_from_slice(&GET_TLV_PROPERTIES.to_be_bytes());
        } else if dwControlCode == Dword::from(GET_TLV_PROPERTIES) {
            answer.extend_from_slice(&[PROPERTY_MAX_APDU_DATA_SIZE, 4]);
            answer.extend_from_slice(&MAX_APDU_DATA_SIZE.to_le_bytes());
        } else {
            return Err(NOT_SUPPORTED);
        }
        let room = usize::try_from(RxLength).unwrap_or(usize::MAX);
        // SAFETY: the caller's promise.
        unsafe { put(&answer, RxBuffer, pdwBytesReturned, Some(room)) }
    })
}

/// Waits for a card to come or go, for so many milliseconds at most; by pcscd's thread of this
/// reader.
extern "C" fn polling(lun: Dword, timeout: c_int) -> Code {
    /// A reader that was closed meanwhile is not waited at for longer.
    const MOST: Duration = Duration::from_secs(60);
    code(COMMUNICATION_ERROR, || {
        let most = u64::try_from(timeout).map_or(MOST, Duration::from_millis).min(MOST);
        reader(lun)?.wait(most);
        Ok(())
    })
}

/// Ends that.
extern "C" fn stop_polling(lun: Dword) -> Code {
    code(COMMUNICATION_ERROR, || {
        reader(lun)?.stop_waiting();
        Ok(())
    })
}

#[cfg(test)]
mod tests;
