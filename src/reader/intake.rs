//! Bytes from a connection, until a whole message is there.
//!
//! What may hold a passcode is erased when it has been used. No more room is taken than a message
//! has filled, up to twice.

use crate::net::Connection;
use std::{
    io,
    time::{Duration, Instant},
};
use zeroize::Zeroize;

/// How long a message that has begun may take to come in.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is read at once.
const STEP: usize = 4096;

/// Bytes that have come in and are not used yet.
#[derive(Default)]
pub(super) struct Intake {
    room: Vec<u8>,
    filled: usize,
    used: usize,
    /// Acknowledge what comes at once (TCP).
    quick: bool,
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.room.zeroize();
    }
}

impl Intake {
    /// One that acknowledges at once.
    pub(super) fn quick() -> Self {
        let mut intake = Self::default();
        intake.quick = true;
        intake
    }

    /// The next `count` bytes, which stay until [`Intake::done`]. Before the first of a message it waits
    /// until `deadline`, without one for ever; a message that has begun has its own time.
    ///
    /// # Errors
    ///
    /// UnexpectedEof at the end, TimedOut, or what the system says. What came before a TimedOut is
    /// kept.
    pub(super) fn need(
        &mut self,
        connection: &Connection,
        count: usize,
        deadline: Option<Instant>,
    ) -> io::Result<&[u8]> {
        let mut begun = (self.filled > self.used).then(|| Instant::now() + PATIENCE);
        while self.filled - self.used < count {
            self.make_room(count);
            if self.quick {
                connection.acknowledge_at_once();
            }
            let room = self.room.get_mut(self.filled..).unwrap_or_default();
            let came = connection.read_some(room, deadline.or(begun))?;
            if came == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.filled += came;
            begun = begun.or_else(|| Some(Instant::now() + PATIENCE));
        }
        Ok(self.room.get(self.used..self.used + count).unwrap_or_default())
    }

    fn make_room(&mut self, count: usize) {
        if self.used > 0 {
            self.room.copy_within(self.used..self.filled, 0);
            let vacated = self.filled - self.used..self.filled;
            (self.used, self.filled) = (0, vacated.start);
            if let Some(vacated) = self.room.get_mut(vacated) {
                vacated.zeroize();
            }
        }
        if self.filled == self.room.len() {
            // Twice what is there, so that a length that was only claimed costs nothing.
            let most = count.max(STEP);
            let wanted = (self.room.len() * 2).clamp(STEP, most.max(self.filled + 1));
            let mut larger = vec![0; wanted];
            if let Some(place) = larger.get_mut(..self.filled) {
                place.copy_from_slice(self.room.get(..self.filled).unwrap_or_default());
            }
            self.room.zeroize();
            self.room = larger;
        }
    }

    /// Erases `count` bytes that have been used.
    pub(super) fn done(&mut self, count: usize) {
        let until = self.used.saturating_add(count).min(self.filled);
        if let Some(used) = self.room.get_mut(self.used..until) {
            used.zeroize();
        }
        self.used = until;
        if self.used == self.filled {
            (self.used, self.filled) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_in_pieces_and_in_heaps() {
        let (here, there) = Connection::pair().unwrap();
        let mut intake = Intake::default();
        there.write_all(b"abcdef").unwrap();
        assert_eq!(intake.need(&here, 2, None).unwrap(), b"ab");
        assert_eq!(intake.need(&here, 4, None).unwrap(), b"abcd");
        intake.done(4);
        assert_eq!(intake.need(&here, 2, None).unwrap(), b"ef");
        let soon = Instant::now() + Duration::from_millis(5);
        let late = intake.need(&here, 3, Some(soon)).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        there.write_all(&[7; 70_000]).unwrap();
        assert_eq!(intake.need(&here, 70_002, None).unwrap().len(), 70_002);
        assert!(intake.room.len() <= 140_004);
        intake.done(70_002);
        drop(there);
        let end = intake.need(&here, 1, None).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_claimed_length_takes_no_room_and_used_bytes_are_erased() {
        let (here, there) = Connection::pair().unwrap();
        let mut intake = Intake::default();
        there.write_all(b"secret").unwrap();
        let soon = Instant::now() + Duration::from_millis(5);
        assert!(intake.need(&here, 1 << 30, Some(soon)).is_err());
        assert!(intake.room.len() <= STEP);
        assert_eq!(intake.need(&here, 6, None).unwrap(), b"secret");
        intake.done(6);
        assert!(intake.room.iter().all(|byte| *byte == 0));
        // One that moves to the front leaves nothing behind.
        there.write_all(b"1secret").unwrap();
        assert_eq!(intake.need(&here, 7, None).unwrap(), b"1secret");
        intake.done(1);
        assert!(intake.need(&here, 7, Some(Instant::now())).is_err());
        assert_eq!(intake.need(&here, 6, None).unwrap(), b"secret");
        intake.done(6);
        assert!(intake.room.iter().all(|byte| *byte == 0));
    }
}
