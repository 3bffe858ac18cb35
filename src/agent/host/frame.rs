//! One message on the stream: a length and that many bytes of JSON.

use crate::{net::Connection, secret::Secret};
use serde::{Serialize, de::DeserializeOwned};
use std::io;

/// Longest message before the other side has shown that it is a host.
pub(super) const GREETING: usize = 1 << 10;

/// Longest message afterwards: an ID token and some, or the list of all cards.
pub(super) const MESSAGE: usize = 1 << 20;

/// Reads a message of at most `limit` bytes.
pub(super) fn read<T: DeserializeOwned>(stream: &Connection, limit: usize) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
    }
    let mut bytes = vec![0; length];
    let read = stream.read_exact(&mut bytes);
    // A message may hold a passcode or a token: it is erased whatever becomes of it.
    let bytes = Secret::new(bytes);
    read?;
    serde_json::from_slice(bytes.expose()).map_err(|_| {
        // The parser's words may quote the message.
        io::Error::new(io::ErrorKind::InvalidData, "a message is not of this protocol")
    })
}

/// Writes a message.
pub(super) fn write<T: Serialize>(stream: &Connection, message: &T) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(64 << 10);
    bytes.extend_from_slice(&[0; 4]);
    let written = serde_json::to_writer(&mut bytes, message);
    let length = u32::try_from(bytes.len().saturating_sub(4)).unwrap_or(u32::MAX);
    if let Some(head) = bytes.first_chunk_mut::<4>() {
        *head = length.to_be_bytes();
    }
    let bytes = Secret::new(bytes);
    written?;
    stream.write_all(bytes.expose())
}
