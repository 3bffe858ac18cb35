//! EME-OAEP (RFC 8017 section 7.1), over whole-byte moduli only.

use super::{
    Error, Hash,
    backend::{self, Backend},
    padding::mask,
};
use crate::secret::Secret;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

/// Hashes and label of one use of OAEP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oaep {
    /// Hash of the label.
    pub hash: Hash,
    /// Hash of MGF1.
    pub mgf: Hash,
    /// L, mostly empty.
    pub label: Vec<u8>,
}

impl Oaep {
    /// Longest message under a modulus of `k` bytes.
    pub fn most(&self, k: usize) -> usize {
        k.saturating_sub(2 * self.hash.len() + 2)
    }

    /// The block of `k` bytes that is encrypted.
    pub(super) fn encode<B: Backend>(
        &self,
        message: &[u8],
        k: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let length = self.hash.len();
        let zeros =
            k.checked_sub(message.len().saturating_add(2 * length + 2)).ok_or(Error::DataLength)?;
        let mut block = Zeroizing::new(Vec::with_capacity(k));
        block.resize(1 + length, 0x00);
        block.extend_from_slice(&backend::digest::<B>(self.hash, &[&self.label]));
        let filled = block.len() + zeros;
        block.resize(filled, 0x00);
        block.push(0x01);
        block.extend_from_slice(message);

        let (front, db) = block.split_at_mut(1 + length);
        let seed = front.get_mut(1..).unwrap_or_default();
        B::random(seed)?;
        mask::<B>(self.mgf, seed, db);
        mask::<B>(self.mgf, db, seed);
        Ok(block)
    }

    /// The message in a block of `k` bytes. Everything that may be wrong with it is looked at in
    /// constant time and told as one error, so that nobody learns which it was.
    pub(super) fn decode<B: Backend>(
        &self,
        mut block: Zeroizing<Vec<u8>>,
    ) -> Result<Secret, Error> {
        let length = self.hash.len();
        if block.len() < 2 * length + 2 {
            return Err(Error::DataLength);
        }
        let expected = backend::digest::<B>(self.hash, &[&self.label]);
        let (front, db) = block.split_at_mut(1 + length);
        let (first, seed) = front.split_at_mut(1);
        mask::<B>(self.mgf, db, seed);
        mask::<B>(self.mgf, seed, db);

        let (label, rest) = db.split_at(length);
        let mut good = first.ct_eq(&[0]) & label.ct_eq(&expected);
        // The first byte that is not zero must be 1; the message begins after it.
        let mut before = Choice::from(1);
        let mut start = 0u32;
        for (at, byte) in (1u32..).zip(rest) {
            let zero = byte.ct_eq(&0);
            let one = byte.ct_eq(&1);
            let here = before & !zero;
            good &= !here | one;
            start.conditional_assign(&at, here);
            before &= zero;
        }
        good &= !before;
        let message = usize::try_from(start).ok().and_then(|start| rest.get(start..));
        match (bool::from(good), message) {
            (true, Some(message)) => Ok(Secret::copied_from(message)),
            _ => Err(Error::Ciphertext),
        }
    }
}
