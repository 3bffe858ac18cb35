//! Galois/Counter Mode (NIST SP 800-38D), with initialisation vectors and tags of any length that
//! it has, encrypting as the message comes.

use super::{Direction, counter::Counter};
use crate::crypto::{
    Error,
    aes::{Aes, BLOCK, Block},
};
use ghash::{GHash, universal_hash::UniversalHash};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Longest ciphertext that is kept until its tag was checked.
const MOST: usize = 64 << 20;

/// A message in progress.
pub(super) struct Gcm {
    counter: Counter,
    hash: GHash,
    /// The encrypted first counter block, which the tag is added to.
    mask: Zeroizing<[u8; BLOCK]>,
    tag: usize,
    direction: Direction,
    /// Lengths in bytes of what is authenticated and of what is encrypted.
    lengths: (u64, u64),
    /// Encrypting, the ciphertext that is no whole block yet; decrypting, all of it and the tag.
    held: Vec<u8>,
}

impl Gcm {
    pub(super) fn new(
        aes: Aes,
        direction: Direction,
        (iv, aad): (&[u8], &[u8]),
        tag: usize,
    ) -> Result<Self, Error> {
        if iv.is_empty() || !matches!(tag, 4 | 8 | 12..=16) {
            return Err(Error::Parameter);
        }
        let mut key = Block::from(aes.encrypted([0; BLOCK]));
        let mut hash = GHash::new(&key);
        key.as_mut_slice().zeroize();
        let first = match <[u8; 12]>::try_from(iv) {
            Ok(iv) => {
                let mut block = [0; BLOCK];
                let (front, count) = block.split_at_mut(iv.len());
                front.copy_from_slice(&iv);
                count.copy_from_slice(&1u32.to_be_bytes());
                block
            }
            Err(_) => {
                let mut hash = hash.clone();
                hash.update_padded(iv);
                hash.update(&[lengths(0, iv.len() as u64)]);
                hash.finalize().into()
            }
        };
        hash.update_padded(aad);
        let mask = Zeroizing::new(aes.encrypted(first));
        let mut counter = Counter::wrapping(aes, first, u32::MAX);
        // The first block of the stream is the mask: the message begins at the second.
        counter.apply(&mut [0; BLOCK])?;
        let lengths = (aad.len() as u64, 0);
        Ok(Self { counter, hash, mask, tag, direction, lengths, held: Vec::new() })
    }

    pub(super) fn needed(&self, part: usize, last: bool) -> usize {
        match (self.direction, last) {
            (Direction::Encrypt, false) => part,
            (Direction::Encrypt, true) => part + self.tag,
            (Direction::Decrypt, false) => 0,
            (Direction::Decrypt, true) => (self.held.len() + part).saturating_sub(self.tag),
        }
    }

    pub(super) fn kept_with(&self, part: usize) -> usize {
        match self.direction {
            Direction::Encrypt => 0,
            Direction::Decrypt => self.held.len().saturating_add(part),
        }
    }

    pub(super) fn update(&mut self, part: &[u8]) -> Result<Vec<u8>, Error> {
        match self.direction {
            Direction::Encrypt => {
                let mut bytes = part.to_vec();
                self.counter.apply(&mut bytes)?;
                self.absorb(&bytes);
                Ok(bytes)
            }
            Direction::Decrypt => {
                if part.len() > MOST.saturating_sub(self.held.len()) {
                    return Err(Error::DataLength);
                }
                self.held.extend_from_slice(part);
                Ok(Vec::new())
            }
        }
    }

    /// Takes ciphertext into the hash, whole blocks at once.
    fn absorb(&mut self, ciphertext: &[u8]) {
        self.lengths.1 += ciphertext.len() as u64;
        let missing = (BLOCK - self.held.len()) % BLOCK;
        let (front, rest) = ciphertext.split_at(missing.min(ciphertext.len()));
        self.held.extend_from_slice(front);
        if self.held.len() == BLOCK {
            self.hash.update_padded(&self.held);
            self.held.clear();
        }
        if self.held.is_empty() {
            let whole = rest.len() - rest.len() % BLOCK;
            let (whole, left) = rest.split_at(whole);
            self.hash.update_padded(whole);
            self.held.extend_from_slice(left);
        }
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, Error> {
        match self.direction {
            Direction::Encrypt => Ok(self.tag()),
            Direction::Decrypt => {
                let mut all = std::mem::take(&mut self.held);
                let length = all.len().checked_sub(self.tag).ok_or(Error::DataLength)?;
                let stated = all.split_off(length);
                self.absorb(&all);
                if !bool::from(self.tag().ct_eq(&stated)) {
                    return Err(Error::Ciphertext);
                }
                self.counter.apply(&mut all)?;
                Ok(all)
            }
        }
    }

    /// The tag over all that was absorbed.
    fn tag(&self) -> Vec<u8> {
        let mut hash = self.hash.clone();
        hash.update_padded(&self.held);
        hash.update(&[lengths(self.lengths.0, self.lengths.1)]);
        let mut tag: Vec<u8> =
            hash.finalize().iter().zip(self.mask.iter()).map(|(a, b)| a ^ b).collect();
        tag.truncate(self.tag);
        tag
    }
}

/// Both lengths in bits, 64 bits each.
fn lengths(aad: u64, text: u64) -> Block {
    let both = (u128::from(aad) << 64 | u128::from(text)) << 3;
    both.to_be_bytes().into()
}
