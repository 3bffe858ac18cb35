//! Frames: reading them in bounded memory and bounded time, and putting a header before a message.

use super::{
    bytes::{Input, Output},
    calls::{Row, general},
};
use crate::{net::Connection, pkcs11::Rv};
use std::{
    io,
    time::{Duration, Instant},
};
use zeroize::{Zeroize, Zeroizing};

const HEADER: usize = 12;
/// Bytes read at once.
const CHUNK: usize = 8 * 1024;

/// What was received and not yet used.
#[derive(Debug)]
pub(crate) struct Intake {
    buffer: Zeroizing<Vec<u8>>,
    start: usize,
    end: usize,
    /// Largest frame.
    limit: usize,
    /// How long a frame may take once it has begun.
    patience: Duration,
    /// How long until it begins; without end where there is none.
    begin: Option<Duration>,
}

fn broken(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

impl Intake {
    pub(crate) fn new(limit: usize, patience: Duration) -> Self {
        Self {
            buffer: Zeroizing::new(vec![0; CHUNK]),
            start: 0,
            end: 0,
            limit,
            patience,
            begin: None,
        }
    }

    /// From now on a frame has to begin within `limit`; `None` waits without end.
    pub(crate) fn begin_within(&mut self, limit: Option<Duration>) {
        self.begin = limit;
    }

    /// Whether the next frame, or its beginning, was read already: nothing tells of it any more.
    pub(crate) fn holds_more(&self) -> bool {
        !self.ready().is_empty()
    }

    fn ready(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Forgets `count` bytes that were used.
    fn used(&mut self, count: usize) {
        let end = self.start.saturating_add(count).min(self.end);
        if let Some(bytes) = self.buffer.get_mut(self.start..end) {
            bytes.zeroize();
        }
        self.start = end;
    }

    /// Reads more; the buffer is empty or holds part of a header.
    fn fill(&mut self, connection: &Connection, deadline: Option<Instant>) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        match connection.read_some(room, deadline)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.end = self.end.saturating_add(count).min(self.buffer.len());
                Ok(())
            }
        }
    }

    /// Reads the next frame's message into `body` (emptied before) and gives its number. Waits for a
    /// frame to begin as [`Self::begin_within`] says; memory grows with what has arrived, never with what a length says.
    pub(crate) fn next(&mut self, connection: &Connection, body: &mut Output) -> io::Result<u32> {
        body.clear();
        if self.ready().is_empty() {
            let until = self.begin.and_then(|limit| Instant::now().checked_add(limit));
            self.fill(connection, until)?;
        }
        let deadline = Instant::now().checked_add(self.patience);
        while self.ready().len() < HEADER {
            self.fill(connection, deadline)?;
        }
        let mut header = Input::new(self.ready());
        let short = |_| broken("a header is short");
        let code = header.word().map_err(short)?;
        let options = header.word().map_err(short)?;
        let length = header.word().map_err(short)?;
        self.used(HEADER);
        if code == 0 {
            return Err(broken("a frame has the number 0"));
        }
        let (Ok(options), Ok(length)) = (usize::try_from(options), usize::try_from(length)) else {
            return Err(broken("a frame is too large"));
        };
        if options.checked_add(length).is_none_or(|all| all > self.limit) {
            return Err(broken("a frame is too large"));
        }
        self.bring(connection, deadline, options, None)?;
        self.bring(connection, deadline, length, Some(body))?;
        Ok(code)
    }

    fn bring(
        &mut self,
        connection: &Connection,
        deadline: Option<Instant>,
        length: usize,
        mut into: Option<&mut Output>,
    ) -> io::Result<()> {
        let mut missing = length;
        while missing > 0 {
            if self.ready().is_empty() {
                self.fill(connection, deadline)?;
            }
            let count = self.ready().len().min(missing);
            if let Some(into) = into.as_deref_mut() {
                into.raw(self.ready().get(..count).unwrap_or_default());
            }
            self.used(count);
            missing -= count;
        }
        Ok(())
    }
}

/// Begins a frame with the number `code`: its header, and `id` and `signature` of its message.
pub(crate) fn begin(output: &mut Output, code: u32, id: u32, signature: &str) {
    output.clear();
    output.word(code);
    output.word(0);
    output.word(0);
    output.word(id);
    // Signatures of the table are short.
    let _ = output.array(Some(signature.as_bytes()));
}

/// Writes the number of a frame that was begun without.
pub(crate) fn number(output: &mut Output, code: u32) {
    output.patch(0, code);
}

/// Writes the length of a frame whose message is complete.
pub(crate) fn finish(output: &mut Output) -> Result<(), Rv> {
    let length = output.len().saturating_sub(HEADER);
    output.patch(8, u32::try_from(length).map_err(|_| super::cx::GENERAL_ERROR)?);
    Ok(())
}

/// Makes `output` an error answer.
pub(crate) fn error(output: &mut Output, code: u32, rv: Rv) {
    begin(output, code, general::ERROR.id, general::ERROR.response);
    output.long(if rv.0 == 0 { super::cx::GENERAL_ERROR.0 } else { rv.0 });
    let _ = finish(output);
}

/// An answer to `row`: its results, or the error it carries. The outer error is one that breaks the protocol.
pub(crate) fn answer<'a>(
    row: Row,
    body: &'a [u8],
) -> Result<Result<Input<'a>, Rv>, super::bytes::Malformed> {
    use super::bytes::Malformed;
    let mut input = Input::new(body);
    let id = input.word()?;
    let signature = input.array()?;
    if id == general::ERROR.id {
        if signature != Some(general::ERROR.response.as_bytes()) {
            return Err(Malformed);
        }
        let code = input.long()?;
        input.end()?;
        return if code == 0 { Err(Malformed) } else { Ok(Err(Rv(code))) };
    }
    if id != row.id || signature != Some(row.response.as_bytes()) {
        return Err(Malformed);
    }
    Ok(Ok(input))
}

#[cfg(test)]
mod tests;
