//! Requests at endpoint 0: the standard ones (USB 2.0 section 9.4) and those of CCID 1.1 (section
//! 5.3).

use crate::reader::ccid::descriptor::{self, Identity};

/// What follows from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// It is answered with these bytes, or done.
    Done(Vec<u8>),
    /// ABORT of this slot and sequence number.
    Abort(u8, u8),
    /// Nothing that the device knows.
    Stall,
}

/// What a setup packet asks.
pub(super) fn answer(setup: [u8; 8], identity: Identity) -> Control {
    let [kind, request, low, high, i0, _, l0, l1] = setup;
    let most = usize::from(u16::from_le_bytes([l0, l1]));
    let said = |bytes: Option<Vec<u8>>| match bytes {
        Some(mut bytes) => {
            bytes.truncate(most);
            Control::Done(bytes)
        }
        None => Control::Stall,
    };
    let done = || Control::Done(Vec::new());
    match (kind, request) {
        // GET_STATUS: self-powered; interfaces and endpoints have nothing to say, and none halts.
        (0x80, 0) => said(Some(vec![1, 0])),
        (0x81 | 0x82, 0) => said(Some(vec![0, 0])),
        // CLEAR_FEATURE and SET_FEATURE of an endpoint's halt, SET_ADDRESS.
        (0x02, 1 | 3) if (low, high) == (0, 0) => done(),
        (0x00, 5) => done(),
        (0x80, 6) => said(described(high, low, identity)),
        (0x80, 8) => said(Some(vec![1])),
        (0x00, 9) if low < 2 => done(),
        (0x81, 10) if i0 == 0 => said(Some(vec![0])),
        (0x01, 11) if (low, i0) == (0, 0) => done(),
        // ABORT: bSlot in the low byte, bSeq in the high one.
        (0x21, 1) => Control::Abort(low, high),
        // GET_CLOCK_FREQUENCIES and GET_DATA_RATES: the descriptor counts none.
        _ => Control::Stall,
    }
}

fn described(kind: u8, number: u8, identity: Identity) -> Option<Vec<u8>> {
    match kind {
        1 => Some(descriptor::device(identity).to_vec()),
        2 if number == 0 => Some(descriptor::configuration()),
        3 => descriptor::text(number),
        6 => Some(descriptor::QUALIFIER.to_vec()),
        0x21 => Some(descriptor::class().to_vec()),
        _ => None,
    }
}
