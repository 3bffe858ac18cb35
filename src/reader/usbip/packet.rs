//! The packets: numbers are big-endian, but for the setup packet, which is USB's.

use crate::reader::ccid::descriptor::{self, Identity};

/// The protocol's version, 1.1.1.
pub(super) const VERSION: u16 = 0x0111;
/// Where the only device is: bus 1, device 1.
pub(super) const DEVICE: u32 = 1 << 16 | 1;
/// Its name on the bus.
const BUS_ID: &[u8] = b"1-1";
/// The longest transfer that is taken in or asked for.
pub(super) const MOST: usize = 128 << 10;

/// Length of an operation's head, and of a command's.
pub(super) const OPERATION: usize = 8;
pub(super) const COMMAND: usize = 48;
/// Length of a device's name in OP_REQ_IMPORT.
pub(super) const NAME: usize = 32;

/// Before a device is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    List,
    /// The name of the device follows.
    Import,
}

impl Operation {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[v0, v1, c0, c1, _, _, _, _] = bytes else { return None };
        match (u16::from_be_bytes([v0, v1]), u16::from_be_bytes([c0, c1])) {
            // Status is unused in requests.
            (VERSION, 0x8005) => Some(Self::List),
            (VERSION, 0x8003) => Some(Self::Import),
            _ => None,
        }
    }
}

/// Whether this names the only device.
pub(super) fn is_ours(name: &[u8]) -> bool {
    name.strip_prefix(BUS_ID).is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
}

fn operation(code: u16, status: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&code.to_be_bytes());
    bytes.extend_from_slice(&status.to_be_bytes());
    bytes
}

fn described(identity: Identity) -> Vec<u8> {
    /// USB_SPEED_HIGH.
    const HIGH: u32 = 3;
    let mut bytes = vec![0; 256 + 32];
    let path: &[u8] = b"/sys/devices/platform/wardcard/usb1/1-1";
    for (place, byte) in bytes.iter_mut().zip(path) {
        *place = *byte;
    }
    for (place, byte) in bytes.iter_mut().skip(256).zip(BUS_ID) {
        *place = *byte;
    }
    for number in [1, 1, HIGH] {
        bytes.extend_from_slice(&u32::to_be_bytes(number));
    }
    for number in [identity.vendor, identity.product, 0x0100] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    // Class by interface; configuration 1 of 1; one interface.
    bytes.extend_from_slice(&[0, 0, 0, 1, 1, 1]);
    bytes
}

/// OP_REP_DEVLIST.
pub(super) fn list(identity: Identity) -> Vec<u8> {
    let mut bytes = operation(0x0005, 0);
    bytes.extend_from_slice(&1_u32.to_be_bytes());
    bytes.extend_from_slice(&described(identity));
    bytes.extend_from_slice(&[descriptor::CLASS, 0, 0, 0]);
    bytes
}

/// Why a device is not imported (`usbip_common.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// ST_DEV_BUSY.
    Busy = 2,
    /// ST_NODEV.
    Unknown = 4,
}

/// OP_REP_IMPORT.
pub(super) fn imported(identity: Identity) -> Vec<u8> {
    let mut bytes = operation(0x0003, 0);
    bytes.extend_from_slice(&described(identity));
    bytes
}

/// OP_REP_IMPORT of a device that is not had.
pub(super) fn refused(refusal: Refusal) -> Vec<u8> {
    operation(0x0003, refusal as u32)
}

/// A transfer that a computer submits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Submit {
    pub(super) sequence: u32,
    /// From the device.
    pub(super) inwards: bool,
    pub(super) endpoint: u8,
    /// Bytes that follow, or that are wanted.
    pub(super) length: usize,
    pub(super) setup: [u8; 8],
}

/// After a device is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Submit(Submit),
    /// The transfer of this number is not wanted any more.
    Unlink {
        sequence: u32,
        unlinked: u32,
    },
}

impl Command {
    /// Reads a command's head; `None` ends the connection: after it nobody knows where the next
    /// begins.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; COMMAND] = bytes.try_into().ok()?;
        let (words, setup) = bytes.split_at_checked(40)?;
        let mut words = words.chunks_exact(4).map(|word| match word {
            &[a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
            _ => 0,
        });
        let mut next = || words.next();
        let (command, sequence, device) = (next()?, next()?, next()?);
        let (direction, endpoint) = (next()?, next()?);
        if device != DEVICE {
            return None;
        }
        match command {
            1 => {
                let (_flags, length) = (next()?, next()?);
                let (_start, packets) = (next()?, next()?);
                // No endpoint is isochronous.
                if packets != 0 && packets != u32::MAX {
                    return None;
                }
                Some(Self::Submit(Submit {
                    sequence,
                    inwards: match direction {
                        0 => false,
                        1 => true,
                        _ => return None,
                    },
                    endpoint: u8::try_from(endpoint).ok().filter(|endpoint| *endpoint < 16)?,
                    length: usize::try_from(length).ok().filter(|length| *length <= MOST)?,
                    setup: setup.try_into().ok()?,
                }))
            }
            2 => Some(Self::Unlink { sequence, unlinked: next()? }),
            _ => None,
        }
    }
}

/// How a transfer ends, as Linux numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Good = 0,
    /// -EPIPE.
    Stalled = -32,
    /// -ECONNRESET.
    Unlinked = -104,
}

fn head(command: u32, sequence: u32, status: Status, actual: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(COMMAND + actual);
    // Device, direction and endpoint are unused in replies.
    for word in [command, sequence, 0, 0, 0] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes.extend_from_slice(&(status as i32).to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(actual).unwrap_or(u32::MAX).to_be_bytes());
    bytes.resize(COMMAND, 0);
    bytes
}

/// RET_SUBMIT of a transfer from the device, with what it carries.
pub(super) fn carried(sequence: u32, status: Status, data: &[u8]) -> Vec<u8> {
    let mut bytes = head(3, sequence, status, data.len());
    bytes.extend_from_slice(data);
    bytes
}

/// RET_SUBMIT of a transfer to the device, with how much it took.
pub(super) fn taken(sequence: u32, status: Status, length: usize) -> Vec<u8> {
    head(3, sequence, status, length)
}

/// RET_UNLINK: unlinked, or done before.
pub(super) fn unlinked(sequence: u32, status: Status) -> Vec<u8> {
    head(4, sequence, status, 0)
}

/// Reads any bytes as everything that they could be.
#[doc(hidden)]
pub fn fuzz(input: &[u8]) {
    let _ = Operation::parse(input.get(..OPERATION).unwrap_or(input));
    let _ = is_ours(input);
    if let Some(Command::Submit(submit)) = Command::parse(input.get(..COMMAND).unwrap_or(input)) {
        let _ = super::control::answer(submit.setup, Identity::default());
    }
}
