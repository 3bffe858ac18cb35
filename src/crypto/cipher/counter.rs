//! Counter mode (NIST SP 800-38A section 6.5) with a counter of any width.

use crate::crypto::{
    Error,
    aes::{Aes, BLOCK, Block},
};
use ::cipher::BlockCipherEncrypt;
use zeroize::Zeroize;

/// Blocks of key stream that are made at once.
const BATCH: usize = 32;

/// A key stream in progress.
pub(super) struct Counter {
    aes: Aes,
    next: u128,
    /// The bits that count.
    mask: u128,
    /// Blocks that may still be made.
    left: u128,
    /// The last block of key stream made, and how much of it is used up.
    stream: [u8; BLOCK],
    used: usize,
}

impl Counter {
    /// From a counter block of which the last `bits` count, and never wrap.
    pub(super) fn new(aes: Aes, bits: u32, block: [u8; BLOCK]) -> Result<Self, Error> {
        let mask = match bits {
            1..=127 => (1 << bits) - 1,
            128 => u128::MAX,
            _ => return Err(Error::Parameter),
        };
        let next = u128::from_be_bytes(block);
        // All 2^128 of a counter that starts at 0 nobody will ever use.
        let left = (mask - (next & mask)).saturating_add(1);
        Ok(Self { aes, next, mask, left, stream: [0; BLOCK], used: BLOCK })
    }

    /// GCM's: 32 bits that wrap, and so many blocks (NIST SP 800-38D section 6.5).
    pub(super) fn wrapping(aes: Aes, block: [u8; BLOCK], left: u32) -> Self {
        let next = u128::from_be_bytes(block);
        let (mask, left) = (u32::MAX.into(), left.into());
        Self { aes, next, mask, left, stream: [0; BLOCK], used: BLOCK }
    }

    fn block(&mut self) -> Block {
        let block = self.next.to_be_bytes().into();
        self.next = (self.next & !self.mask) | (self.next.wrapping_add(1) & self.mask);
        block
    }

    /// Adds the key stream to the bytes. [`Error::DataLength`], and nothing is done, if the counter
    /// does not reach so far.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let ready = BLOCK - self.used;
        let wanted = bytes.len().saturating_sub(ready).div_ceil(BLOCK) as u128;
        self.left = self.left.checked_sub(wanted).ok_or(Error::DataLength)?;
        let (front, rest) = bytes.split_at_mut(ready.min(bytes.len()));
        add(front, self.stream.get(self.used..).unwrap_or_default());
        self.used += front.len();
        let mut batch = [Block::default(); BATCH];
        for chunk in rest.chunks_mut(BATCH * BLOCK) {
            let count = chunk.len().div_ceil(BLOCK);
            let stream = batch.get_mut(..count).unwrap_or_default();
            for block in stream.iter_mut() {
                *block = self.block();
            }
            self.aes.encrypt_blocks(stream);
            add(chunk, Block::slice_as_flattened(stream));
            let over = chunk.len() % BLOCK;
            if let (true, Some(last)) = (over > 0, stream.last()) {
                self.stream = (*last).into();
                self.used = over;
            }
        }
        batch.iter_mut().for_each(|block| block.as_mut_slice().zeroize());
        Ok(())
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.stream.zeroize();
    }
}

fn add(bytes: &mut [u8], stream: &[u8]) {
    for (byte, mask) in bytes.iter_mut().zip(stream) {
        *byte ^= mask;
    }
}
