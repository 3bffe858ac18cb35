//! A command as it comes (ISO/IEC 7816-4 section 5.1, cases 1 to 4, short and extended).
//!
//! ```text
//! case  header  body
//! 1     4
//! 2     4       Le                   or  00 Le Le
//! 3     4       Lc data              or  00 Lc Lc data
//! 4     4       Lc data Le           or  00 Lc Lc data Le Le
//! ```

use super::Status;
use std::fmt;

/// A command whose lengths are right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Command<'a> {
    /// Class.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// Data field; empty in cases 1 and 2.
    pub data: &'a [u8],
    /// Most bytes that are expected: 1 to 65536, or `None` in cases 1 and 3.
    pub le: Option<usize>,
}

impl<'a> Command<'a> {
    /// Reads a command.
    ///
    /// # Errors
    /// [`Status::WrongLength`]: fewer than four bytes, or lengths that do not add up.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Status> {
        let ([cla, ins, p1, p2], body) =
            bytes.split_first_chunk::<4>().ok_or(Status::WrongLength)?;
        let (data, le): (&[u8], _) = match body {
            [] => (&[], None),
            [le] => (&[], Some(expected(&[*le]))),
            [0, high, low] => (&[], Some(expected(&[*high, *low]))),
            [0, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                match rest.split_at_checked(length).ok_or(Status::WrongLength)? {
                    ([], _) => return Err(Status::WrongLength),
                    (data, []) => (data, None),
                    (data, le @ [_, _]) => (data, Some(expected(le))),
                    _ => return Err(Status::WrongLength),
                }
            }
            [length, rest @ ..] => {
                match rest.split_at_checked(usize::from(*length)).ok_or(Status::WrongLength)? {
                    ([], _) => return Err(Status::WrongLength),
                    (data, []) => (data, None),
                    (data, le @ [_]) => (data, Some(expected(le))),
                    _ => return Err(Status::WrongLength),
                }
            }
        };
        Ok(Self { cla: *cla, ins: *ins, p1: *p1, p2: *p2, data, le })
    }

    /// Writes it, short where that goes, else extended. A data field of more than 65535 bytes is cut
    /// there, and so many expected ones are 65536.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.cla, self.ins, self.p1, self.p2];
        let data = self.data.get(..usize::from(u16::MAX)).unwrap_or(self.data);
        let extended = data.len() > 0xFF || self.le.is_some_and(|le| le > 0x100);
        let low = |number: usize| number.to_be_bytes().last().copied().unwrap_or_default();
        let both = |number: usize| [low(number >> 8), low(number)];
        if extended {
            bytes.push(0);
        }
        if !data.is_empty() {
            if extended {
                bytes.extend(both(data.len()))
            } else {
                bytes.push(low(data.len()))
            }
            bytes.extend_from_slice(data);
        }
        if let Some(le) = self.le.map(|le| le.min(0x1_0000)) {
            if extended { bytes.extend(both(le)) } else { bytes.push(low(le)) }
        }
        bytes
    }
}

/// Le: zero stands for as many as the field could tell and one more.
fn expected(field: &[u8]) -> usize {
    match field.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)) {
        0 if field.len() == 1 => 0x100,
        0 => 0x1_0000,
        number => number,
    }
}

impl fmt::Debug for Command<'_> {
    /// Not the data: it may be a passcode.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cla, ins, p1, p2, data, le } = self;
        write!(f, "Command({cla:02X} {ins:02X} {p1:02X} {p2:02X}, {} bytes, {le:?})", data.len())
    }
}
