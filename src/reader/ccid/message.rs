//! The bulk messages (CCID 1.1 sections 6.1 and 6.2): read whole, or answered with what is wrong.

use super::descriptor::{HEADER, LONGEST};
use std::fmt;

/// Slot errors (table 6.2-2). Numbers from 1 to 7F are the place of a wrong field.
pub mod error {
    /// The command is not supported.
    pub const NOT_SUPPORTED: u8 = 0x00;
    /// dwLength is wrong.
    pub const LENGTH: u8 = 0x01;
    /// bSlot does not exist.
    pub const SLOT: u8 = 0x05;
    /// The first specific byte is wrong.
    pub const FIRST: u8 = 0x07;
    /// wLevelParameter is wrong.
    pub const LEVEL: u8 = 0x08;
    /// The first byte of data is wrong.
    pub const DATA: u8 = 0x0A;
    /// The slot works on another command.
    pub const SLOT_BUSY: u8 = 0xE0;
    /// The card does not answer.
    pub const MUTE: u8 = 0xFE;
    /// The command was aborted.
    pub const ABORTED: u8 = 0xFF;
}

/// What the computer asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Request<'a> {
    /// PC_to_RDR_IccPowerOn.
    PowerOn,
    /// PC_to_RDR_IccPowerOff.
    PowerOff,
    /// PC_to_RDR_GetSlotStatus.
    SlotStatus,
    /// PC_to_RDR_XfrBlock.
    Block {
        /// wLevelParameter: 0 whole, 1 begins, 2 ends, 3 goes on, 0x10 wants the rest of a response.
        level: u16,
        /// The command, or a part of it.
        data: &'a [u8],
    },
    /// PC_to_RDR_GetParameters.
    Parameters,
    /// PC_to_RDR_ResetParameters.
    ResetParameters,
    /// PC_to_RDR_SetParameters.
    SetParameters(Parameters),
    /// PC_to_RDR_IccClock.
    Clock,
    /// PC_to_RDR_Abort.
    Abort,
    /// PC_to_RDR_SetDataRateAndClockFrequency.
    Rate,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PowerOn => "PowerOn",
            Self::PowerOff => "PowerOff",
            Self::SlotStatus => "SlotStatus",
            // It may be a passcode.
            Self::Block { level, data } => {
                return write!(f, "Block {{ level: {level}, data: {} bytes }}", data.len());
            }
            Self::Parameters => "Parameters",
            Self::ResetParameters => "ResetParameters",
            Self::SetParameters(parameters) => return write!(f, "SetParameters({parameters:?})"),
            Self::Clock => "Clock",
            Self::Abort => "Abort",
            Self::Rate => "Rate",
        })
    }
}

/// What the device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RDR_to_PC_DataBlock.
    DataBlock = 0x80,
    /// RDR_to_PC_SlotStatus.
    SlotStatus = 0x81,
    /// RDR_to_PC_Parameters.
    Parameters = 0x82,
    /// RDR_to_PC_Escape.
    Escape = 0x83,
    /// RDR_to_PC_DataRateAndClockFrequency.
    Rate = 0x84,
}

/// Protocol parameters as the computer set them (section 6.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameters {
    /// For T=0.
    T0([u8; 5]),
    /// For T=1.
    T1([u8; 7]),
}

impl Default for Parameters {
    /// T=1 as ISO/IEC 7816-3 begins it: Fi/Di 372/1, LRC, BWI 4, CWI 13, IFSC 32... as libccid and
    /// Windows set them in any case.
    fn default() -> Self {
        Self::T1([0x11, 0x10, 0x00, 0x4D, 0x00, 0xFE, 0x00])
    }
}

impl Parameters {
    /// bProtocolNum.
    pub fn protocol(&self) -> u8 {
        match self {
            Self::T0(_) => 0,
            Self::T1(_) => 1,
        }
    }

    /// abProtocolDataStructure.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::T0(bytes) => bytes,
            Self::T1(bytes) => bytes,
        }
    }
}

/// A message with its sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// bSlot; always 0 where `request` is good.
    pub slot: u8,
    /// bSeq.
    pub sequence: u8,
    /// The kind of answer that it wants.
    pub kind: Kind,
    /// What it asks, or the slot error that says what is wrong with it.
    pub request: Result<Request<'a>, u8>,
}

impl<'a> Message<'a> {
    /// Reads a message; `None` for less than a header, which has no sequence number to answer.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, data) = bytes.split_at_checked(HEADER)?;
        let &[code, l0, l1, l2, l3, slot, sequence, first, second, third] = head else {
            return None;
        };
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let fits = usize::try_from(length).is_ok_and(|length| length == data.len())
            && bytes.len() <= usize::try_from(LONGEST).unwrap_or(usize::MAX);
        let kind = kind(code);
        let request = if slot != 0 {
            Err(error::SLOT)
        } else if !fits {
            Err(error::LENGTH)
        } else {
            request(code, [first, second, third], data)
        };
        Some(Self { slot, sequence, kind, request })
    }
}

fn kind(code: u8) -> Kind {
    match code {
        0x62 | 0x6F | 0x69 => Kind::DataBlock,
        0x6C | 0x6D | 0x61 => Kind::Parameters,
        0x6B => Kind::Escape,
        0x73 => Kind::Rate,
        _ => Kind::SlotStatus,
    }
}

fn request(code: u8, [first, second, third]: [u8; 3], data: &[u8]) -> Result<Request<'_>, u8> {
    let bare = |request| if data.is_empty() { Ok(request) } else { Err(error::LENGTH) };
    match code {
        // bPowerSelect: automatic, 5, 3 or 1.8 volts.
        0x62 if first > 3 => Err(error::FIRST),
        0x62 => bare(Request::PowerOn),
        0x63 => bare(Request::PowerOff),
        0x65 => bare(Request::SlotStatus),
        0x6F => {
            let level = u16::from_le_bytes([second, third]);
            match level {
                0..=3 => Ok(Request::Block { level, data }),
                0x10 => bare(Request::Block { level, data: &[] }),
                _ => Err(error::LEVEL),
            }
        }
        0x6C => bare(Request::Parameters),
        0x6D => bare(Request::ResetParameters),
        0x61 => {
            let wrong = |_| error::LENGTH;
            match first {
                0 => Ok(Request::SetParameters(Parameters::T0(data.try_into().map_err(wrong)?))),
                1 => Ok(Request::SetParameters(Parameters::T1(data.try_into().map_err(wrong)?))),
                _ => Err(error::FIRST),
            }
        }
        // Restarting a clock that runs is done; stopping it is not supported (dwFeatures).
        0x6E => match first {
            0 => bare(Request::Clock),
            1 => Err(error::NOT_SUPPORTED),
            _ => Err(error::FIRST),
        },
        0x72 => bare(Request::Abort),
        0x73 if data.len() == 8 => Ok(Request::Rate),
        0x73 => Err(error::LENGTH),
        // Escape 6B, T0APDU 6A, Secure 69, Mechanical 71, and what nobody knows.
        _ => Err(error::NOT_SUPPORTED),
    }
}

/// An answer with its status: `icc` 0 active, 1 inactive, 2 absent; `command` 0 done, 1 failed, 2
/// time extension.
pub(super) fn answer(
    kind: Kind,
    (slot, sequence): (u8, u8),
    (icc, command, error): (u8, u8, u8),
    specific: u8,
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + data.len());
    bytes.push(kind as u8);
    // Never longer than the longest message.
    bytes.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&[slot, sequence, icc | command << 6, error, specific]);
    bytes.extend_from_slice(data);
    bytes
}
