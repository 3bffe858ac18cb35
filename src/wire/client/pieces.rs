//! Messages that are longer than one frame, which go in several calls: a document of any size.

use crate::{
    pkcs11::{Filled, Result, Room},
    wire::cx::DEVICE_ERROR,
};
use zeroize::Zeroizing;

/// Largest piece of a message in one call, within what a server takes as one frame. Whole blocks of
/// every cipher.
pub(super) const PIECE: usize = 512 * 1024;

/// Sends `part` in pieces; an empty one too.
pub(super) fn pieces(part: &[u8], mut send: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    if part.is_empty() {
        return send(part);
    }
    part.chunks(PIECE).try_for_each(send)
}

/// The last step of a message sent in pieces, once it is known that its answer has room: else the
/// operation stays as it was (section 5.2).
pub(super) fn at_last(
    needed: Filled,
    room: Room,
    work: impl FnOnce() -> Result<Filled>,
) -> Result<Filled> {
    let Filled::Length(needed) = needed else { return Err(DEVICE_ERROR) };
    match room.admits(needed) {
        Err(answer) => Ok(answer),
        Ok(()) => work(),
    }
}

/// C_EncryptUpdate or C_DecryptUpdate of a part of any length. Nothing of it is sent before it is
/// known that the output has room.
pub(super) fn update(
    part: &[u8],
    room: Room,
    mut one: impl FnMut(&[u8], Room) -> Result<Filled>,
) -> Result<Filled> {
    if part.len() <= PIECE {
        return one(part, room);
    }
    at_last(needed(part, |rest| one(rest, Room::Query))?, room, || {
        let mut output = Gathered::new(room);
        part.chunks(PIECE).try_for_each(|piece| output.add(one(piece, output.left())?))?;
        Ok(output.filled())
    })
}

/// C_Encrypt or C_Decrypt of a message of any length.
pub(super) fn whole(
    data: &[u8],
    room: Room,
    mut one: impl FnMut(&[u8], Room) -> Result<Filled>,
    mut update: impl FnMut(&[u8], Room) -> Result<Filled>,
    last: impl FnOnce(Room) -> Result<Filled>,
) -> Result<Filled> {
    if data.len() <= PIECE {
        return one(data, room);
    }
    at_last(needed(data, |rest| one(rest, Room::Query))?, room, || {
        let mut output = Gathered::new(room);
        data.chunks(PIECE).try_for_each(|piece| output.add(update(piece, output.left())?))?;
        output.add(last(output.left())?)?;
        Ok(output.filled())
    })
}

/// The length of the output: what the odd rest of the input makes, and for each whole piece as much
/// as it is long, since pieces are whole blocks.
fn needed(input: &[u8], query: impl FnOnce(&[u8]) -> Result<Filled>) -> Result<Filled> {
    let rest = input.chunks_exact(PIECE).remainder();
    let Filled::Length(length) = query(rest)? else { return Err(DEVICE_ERROR) };
    Ok(Filled::Length(length.saturating_add(input.len() - rest.len())))
}

/// An output that comes in pieces, erased if it is not completed.
struct Gathered {
    bytes: Zeroizing<Vec<u8>>,
    room: usize,
}

impl Gathered {
    fn new(room: Room) -> Self {
        let room = match room {
            Room::Query => 0,
            Room::Bytes(room) => room,
        };
        Self { bytes: Zeroizing::default(), room }
    }

    fn left(&self) -> Room {
        Room::Bytes(self.room.saturating_sub(self.bytes.len()))
    }

    fn add(&mut self, filled: Filled) -> Result<()> {
        let Filled::Bytes(more) = filled else { return Err(DEVICE_ERROR) };
        let more = Zeroizing::new(more);
        let needed = self.bytes.len().saturating_add(more.len());
        if needed > self.bytes.capacity() {
            // Not grown in place, so that nothing is left behind where it was.
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.saturating_mul(2)));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(&more);
        Ok(())
    }

    fn filled(mut self) -> Filled {
        Filled::Bytes(std::mem::take(&mut *self.bytes))
    }
}

#[cfg(test)]
mod tests;
