//! ECB and CBC (NIST SP 800-38A sections 6.1 and 6.2), with or without padding.

use super::Direction;
use crate::crypto::{
    Error,
    aes::{Aes, BLOCK, Block, blocks_mut},
};
use ::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeLess};
use zeroize::{Zeroize, Zeroizing};

/// Whole blocks go through at once, what is left waits.
pub(super) struct Blocks {
    aes: Aes,
    direction: Direction,
    /// The ciphertext block before the next; none in ECB.
    chain: Option<Block>,
    padded: bool,
    /// Less than a block, or the one block that may turn out to be the last, which is padded.
    held: Zeroizing<Vec<u8>>,
}

impl Blocks {
    pub(super) fn ecb(aes: Aes, direction: Direction) -> Self {
        Self { aes, direction, chain: None, padded: false, held: Zeroizing::default() }
    }

    pub(super) fn cbc(aes: Aes, direction: Direction, iv: [u8; BLOCK], padded: bool) -> Self {
        let chain = Some(Block::from(iv));
        Self { aes, direction, chain, padded, held: Zeroizing::default() }
    }

    fn unpads(&self) -> bool {
        self.padded && self.direction == Direction::Decrypt
    }

    /// How many of `total` bytes may go through, if more can come.
    fn released(&self, total: usize) -> usize {
        let whole = total - total % BLOCK;
        if self.unpads() && whole == total { whole.saturating_sub(BLOCK) } else { whole }
    }

    pub(super) fn needed(&self, part: &[u8], last: bool) -> usize {
        let total = self.held.len() + part.len();
        let released = self.released(total);
        released
            + match (last && self.padded, self.direction) {
                (false, _) => 0,
                (true, Direction::Encrypt) => BLOCK,
                (true, Direction::Decrypt) => self.length_of_last(part),
            }
    }

    /// How many bytes the last block is without its padding; 0 if there is no such block.
    fn length_of_last(&self, part: &[u8]) -> usize {
        // The last two blocks, over the seam between what is held and what comes.
        let total = self.held.len() + part.len();
        let mut end = [0u8; 2 * BLOCK];
        if total == 0 || !total.is_multiple_of(BLOCK) {
            return 0;
        }
        for (to, from) in end.iter_mut().rev().zip(self.held.iter().chain(part).rev()) {
            *to = *from;
        }
        let (before, last) = end.split_at(BLOCK);
        let before = match total {
            BLOCK => self.chain,
            _ => before.try_into().ok(),
        };
        let mut last = Zeroizing::new(last.to_vec());
        run(&self.aes, Direction::Decrypt, before, &mut last);
        unpadded(&last).map_or(0, |length| length)
    }

    pub(super) fn update(&mut self, part: &[u8]) -> Vec<u8> {
        let count = self.released(self.held.len() + part.len());
        let mut all = Vec::with_capacity(self.held.len() + part.len());
        all.extend_from_slice(&self.held);
        all.extend_from_slice(part);
        let rest = all.get(count..).unwrap_or_default().to_vec();
        self.held.zeroize();
        *self.held = rest;
        if let Some(left) = all.get_mut(count..) {
            left.zeroize();
        }
        all.truncate(count);
        self.chain = run(&self.aes, self.direction, self.chain, &mut all);
        all
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, Error> {
        let mut last = std::mem::take(&mut *self.held);
        match (self.padded, self.direction) {
            (false, _) if last.is_empty() => Ok(last),
            (true, Direction::Encrypt) => {
                let filler = BLOCK - last.len() % BLOCK;
                last.resize(last.len() + filler, u8::try_from(filler).unwrap_or_default());
                run(&self.aes, self.direction, self.chain, &mut last);
                Ok(last)
            }
            (true, Direction::Decrypt) if last.len() == BLOCK => {
                run(&self.aes, self.direction, self.chain, &mut last);
                let length = unpadded(&last);
                if let Some(tail) = last.get_mut(length.unwrap_or(0)..) {
                    tail.zeroize();
                }
                last.truncate(length.unwrap_or(0));
                length.map(|_| last).ok_or(Error::Ciphertext)
            }
            _ => {
                last.zeroize();
                Err(Error::DataLength)
            }
        }
    }
}

/// Runs whole blocks through; the chain for the next ones.
fn run(aes: &Aes, direction: Direction, chain: Option<Block>, bytes: &mut [u8]) -> Option<Block> {
    let last = |bytes: &[u8]| bytes.last_chunk::<BLOCK>().map(|last| Block::from(*last));
    match (chain, direction) {
        (None, Direction::Encrypt) => {
            aes.encrypt_blocks(blocks_mut(bytes));
            None
        }
        (None, Direction::Decrypt) => {
            aes.decrypt_blocks(blocks_mut(bytes));
            None
        }
        (Some(chain), Direction::Encrypt) => {
            cbc::Encryptor::inner_iv_init(aes, &chain).encrypt_blocks(blocks_mut(bytes));
            last(bytes).or(Some(chain))
        }
        (Some(chain), Direction::Decrypt) => {
            let next = last(bytes).or(Some(chain));
            cbc::Decryptor::inner_iv_init(aes, &chain).decrypt_blocks(blocks_mut(bytes));
            next
        }
    }
}

/// The length of a block without its padding, found in constant time.
fn unpadded(block: &[u8]) -> Option<usize> {
    let filler = block.last().copied()?;
    let mut good = !filler.ct_eq(&0) & filler.ct_lt(&17);
    for (back, byte) in (1u8..).zip(block.iter().rev()) {
        // The byte counts from the end; beyond the padding it may be anything.
        let within = back.ct_lt(&filler.saturating_add(1));
        good &= Choice::conditional_select(&Choice::from(1), &byte.ct_eq(&filler), within);
    }
    bool::from(good).then(|| block.len().saturating_sub(usize::from(filler)))
}
