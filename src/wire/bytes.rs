//! Bytes of a frame: an output that erases what it leaves behind, and a cursor that never reads past the end.
//!
//! Frames carry passcodes and key material, so a buffer is erased when it grows, when it is used again and when it ends.

use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// The bytes do not follow the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What a length says where there is no array (NULL).
pub(crate) const ABSENT: u32 = u32::MAX;
/// Arrays of this length and more are no arrays (the protocol's own bound).
const ARRAY_LIMIT: u32 = 0x7fff_ffff;

/// A growing buffer whose old memory is erased.
#[derive(Default)]
pub(crate) struct Output(Zeroizing<Vec<u8>>);

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({} bytes)", self.0.len())
    }
}

impl Output {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Erases what is there and keeps the memory, unless it is large.
    pub(crate) fn clear(&mut self) {
        const KEEP: usize = 64 * 1024;
        if self.0.capacity() > KEEP {
            self.0 = Zeroizing::default();
        } else {
            self.0.as_mut_slice().zeroize();
            self.0.clear();
        }
    }

    /// Cuts off what follows the first `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        if let Some(tail) = self.0.get_mut(length..) {
            tail.zeroize();
        }
        self.0.truncate(length);
    }

    /// Makes room for `more` bytes, erasing the memory that is left.
    fn reserve(&mut self, more: usize) {
        let needed = self.0.len().saturating_add(more);
        if needed > self.0.capacity() {
            let capacity = needed.max(self.0.capacity().saturating_mul(2)).max(256);
            let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn byte(&mut self, value: u8) {
        self.raw(&[value]);
    }

    pub(crate) fn word(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    /// CK_ULONG: eight bytes, most significant first.
    pub(crate) fn long(&mut self, value: u64) {
        self.raw(&value.to_be_bytes());
    }

    /// A length and that many bytes, or NULL.
    pub(crate) fn array(&mut self, bytes: Option<&[u8]>) -> Result<(), Malformed> {
        match bytes {
            None => self.word(ABSENT),
            Some(bytes) => {
                let length = u32::try_from(bytes.len()).map_err(|_| Malformed)?;
                if length >= ARRAY_LIMIT {
                    return Err(Malformed);
                }
                self.word(length);
                self.raw(bytes);
            }
        }
        Ok(())
    }

    /// Writes `value` over the four bytes at `place`, which were written before.
    pub(crate) fn patch(&mut self, place: usize, value: u32) {
        if let Some(bytes) = self.0.get_mut(place..place.saturating_add(4)) {
            bytes.copy_from_slice(&value.to_be_bytes());
        }
    }
}

/// A cursor over received bytes.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = tail;
        Ok(*head)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    pub(crate) fn word(&mut self) -> Result<u32, Malformed> {
        self.fixed().map(u32::from_be_bytes)
    }

    pub(crate) fn long(&mut self) -> Result<u64, Malformed> {
        self.fixed().map(u64::from_be_bytes)
    }

    /// An array, or `None` for NULL.
    pub(crate) fn array(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.word()? {
            ABSENT => Ok(None),
            length if length >= ARRAY_LIMIT => Err(Malformed),
            length => self.take(usize::try_from(length).map_err(|_| Malformed)?).map(Some),
        }
    }

    /// How many elements follow, where each takes at least `least` bytes: more than the bytes can hold is refused before
    /// anything is reserved for them.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.word()?).map_err(|_| Malformed)?;
        if count > self.0.len() / least.max(1) {
            return Err(Malformed);
        }
        Ok(count)
    }

    /// Consumes the next word if it is `value`.
    pub(crate) fn skip_word(&mut self, value: u32) {
        let mut ahead = *self;
        if ahead.word() == Ok(value) {
            *self = ahead;
        }
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_that_says_more_than_there_is_is_refused() {
        let mut output = Output::default();
        output.array(Some(b"abc")).unwrap();
        assert_eq!(Input::new(output.as_slice()).array(), Ok(Some(&b"abc"[..])));
        output.truncate(6);
        assert_eq!(Input::new(output.as_slice()).array(), Err(Malformed));
    }

    #[test]
    fn the_absent_array_is_not_the_empty_one_and_sizes_above_the_protocol_are_refused() {
        assert_eq!(Input::new(&[255; 4]).array(), Ok(None));
        assert_eq!(Input::new(&[0; 4]).array(), Ok(Some(&[][..])));
        assert_eq!(Input::new(&[0x7f, 255, 255, 255]).array(), Err(Malformed));
        assert_eq!(Input::new(&[0x80, 0, 0, 0]).array(), Err(Malformed));
    }

    #[test]
    fn a_count_beyond_the_bytes_is_refused() {
        let exact = [0, 0, 0, 2, 1, 2, 3, 4];
        assert_eq!(Input::new(&exact).count(2), Ok(2));
        assert_eq!(Input::new(&exact).count(3), Err(Malformed));
        assert_eq!(Input::new(&[255; 8]).count(1), Err(Malformed));
        assert_eq!(Input::new(&[0, 0, 0, 5, 1, 2, 3, 4]).count(0), Err(Malformed));
    }

    #[test]
    fn numbers_are_big_endian_and_rests_are_seen() {
        let mut output = Output::default();
        output.byte(7);
        output.word(0x0102_0304);
        output.long(0x1112_1314_1516_1718);
        assert_eq!(
            output.as_slice(),
            [7, 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]
        );
        output.patch(1, 9);
        let mut input = Input::new(output.as_slice());
        assert_eq!((input.byte(), input.word()), (Ok(7), Ok(9)));
        assert_eq!(input.end(), Err(Malformed));
        assert_eq!(input.long(), Ok(0x1112_1314_1516_1718));
        assert_eq!(input.end(), Ok(()));
        assert_eq!(input.byte(), Err(Malformed));
    }

    #[test]
    fn a_word_is_skipped_only_where_it_stands() {
        let mut input = Input::new(&[255, 255, 255, 255, 1]);
        input.skip_word(ABSENT);
        input.skip_word(ABSENT);
        assert_eq!(input.byte(), Ok(1));
    }

    #[test]
    fn growth_keeps_content_and_clear_keeps_small_memory_only() {
        let mut output = Output::default();
        for _ in 0..100_000 {
            output.byte(3);
        }
        assert!(output.as_slice().iter().all(|byte| *byte == 3));
        assert_eq!(output.len(), 100_000);
        output.clear();
        assert_eq!((output.len(), output.0.capacity()), (0, 0));
        output.raw(&[1; 300]);
        output.clear();
        assert!(output.0.capacity() >= 300);
    }
}
