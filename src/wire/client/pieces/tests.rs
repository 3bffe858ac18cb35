use super::*;
use std::cell::{Cell, RefCell};

/// A cipher of blocks of 16 bytes with padding, whose ciphertext is its text: what it is asked, and
/// how long each piece was.
#[derive(Default)]
struct Cipher {
    held: Cell<usize>,
    begun: Cell<bool>,
    pieces: RefCell<Vec<usize>>,
}

impl Cipher {
    fn answer(output: usize, room: Room) -> std::result::Result<Vec<u8>, Filled> {
        room.admits(output).map(|()| vec![7; output])
    }

    fn one(&self, data: &[u8], room: Room) -> Result<Filled> {
        assert!(data.len() <= PIECE && !self.begun.get());
        let padded = data.len() / 16 * 16 + 16;
        Ok(Self::answer(padded, room).map_or_else(|answer| answer, Filled::Bytes))
    }

    fn update(&self, part: &[u8], room: Room) -> Result<Filled> {
        assert!(part.len() <= PIECE);
        let all = self.held.get() + part.len();
        let output = match Self::answer(all / 16 * 16, room) {
            Err(answer) => return Ok(answer),
            Ok(output) => output,
        };
        self.begun.set(true);
        self.held.set(all % 16);
        self.pieces.borrow_mut().push(part.len());
        Ok(Filled::Bytes(output))
    }

    fn last(&self, room: Room) -> Result<Filled> {
        Ok(Self::answer(16, room).map_or_else(|answer| answer, Filled::Bytes))
    }

    fn whole(&self, data: &[u8], room: Room) -> Result<Filled> {
        whole(
            data,
            room,
            |data, room| self.one(data, room),
            |part, room| self.update(part, room),
            |room| self.last(room),
        )
    }
}

#[test]
fn a_long_message_goes_in_pieces_and_comes_back_whole() {
    let data = vec![1; 2 * PIECE + 5];
    let long = 2 * PIECE + 16;
    let cipher = Cipher::default();
    assert_eq!(cipher.whole(&data, Room::Query), Ok(Filled::Length(long)));
    assert_eq!(cipher.whole(&data, Room::Bytes(long - 1)), Ok(Filled::TooSmall(long)));
    assert!(!cipher.begun.get(), "the operation is as it was");
    assert_eq!(cipher.whole(&data, Room::Bytes(long)), Ok(Filled::Bytes(vec![7; long])));
    assert_eq!(*cipher.pieces.borrow(), [PIECE, PIECE, 5]);

    let cipher = Cipher::default();
    assert_eq!(
        cipher.whole(&data[..PIECE], Room::Bytes(long)),
        Ok(Filled::Bytes(vec![7; PIECE + 16]))
    );
    assert!(cipher.pieces.borrow().is_empty(), "one call is enough");
}

#[test]
fn a_long_part_goes_in_pieces_after_a_piece_of_a_block() {
    let cipher = Cipher::default();
    let step = |part: &[u8], room| update(part, room, |part, room| cipher.update(part, room));
    assert_eq!(step(&[1; 10], Room::Bytes(0)), Ok(Filled::Bytes(vec![])));
    let part = vec![1; 3 * PIECE + 6];
    assert_eq!(step(&part, Room::Query), Ok(Filled::Length(3 * PIECE + 16)));
    let short = step(&part, Room::Bytes(3 * PIECE + 15));
    assert_eq!(short, Ok(Filled::TooSmall(3 * PIECE + 16)));
    assert_eq!(*cipher.pieces.borrow(), [10]);
    let done = step(&part, Room::Bytes(3 * PIECE + 16));
    assert_eq!(done, Ok(Filled::Bytes(vec![7; 3 * PIECE + 16])));
    assert_eq!(*cipher.pieces.borrow(), [10, PIECE, PIECE, PIECE, 6]);
}

#[test]
fn an_error_in_the_middle_is_the_answer() {
    let part = vec![1; 2 * PIECE];
    let calls = Cell::new(0);
    let done = update(&part, Room::Bytes(usize::MAX), |part, room| {
        calls.set(calls.get() + 1);
        match (room, calls.get()) {
            (Room::Query, _) => Ok(Filled::Length(part.len())),
            (_, 2) => Ok(Filled::Bytes(part.to_vec())),
            _ => Err(crate::wire::cx::DEVICE_REMOVED),
        }
    });
    assert_eq!(done, Err(crate::wire::cx::DEVICE_REMOVED));
    assert_eq!(calls.get(), 3);
}

#[test]
fn every_piece_is_sent_once_and_an_empty_message_too() {
    let sent = RefCell::new(Vec::new());
    let send = |part: &[u8]| {
        pieces(part, |piece| {
            sent.borrow_mut().push(piece.len());
            Ok(())
        })
    };
    assert_eq!((send(&[]), send(&vec![1; PIECE + 1])), (Ok(()), Ok(())));
    assert_eq!(*sent.borrow(), [0, PIECE, 1]);
}
