//! AES in its modes, in one piece or several: ECB, CBC and CTR (NIST SP 800-38A), CBC with the
//! padding of PKCS#7 (RFC 5652 section 6.3), GCM (NIST SP 800-38D).

mod blocks;
mod counter;
mod gcm;

use super::{Error, SecretKey, aes::Aes};
use blocks::Blocks;
use counter::Counter;
use gcm::Gcm;
use std::fmt;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Plaintext to ciphertext.
    Encrypt,
    /// Ciphertext to plaintext.
    Decrypt,
}

/// A mode of AES and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CipherMode {
    /// Each block for itself.
    Ecb,
    /// Chained from this initialisation vector; whole blocks only.
    Cbc([u8; 16]),
    /// Chained, the last block padded.
    CbcPad([u8; 16]),
    /// A key stream from a counter block.
    Ctr {
        /// How many bits of the block count, 1 to 128; they never wrap.
        bits: u32,
        /// The first counter block.
        block: [u8; 16],
    },
    /// Counter mode with authentication; the tag follows the ciphertext.
    Gcm {
        /// Initialisation vector of 1 byte or more; 12 are usual.
        iv: Vec<u8>,
        /// Authenticated, not encrypted.
        aad: Vec<u8>,
        /// Length of the tag in bytes: 4, 8 or 12 to 16.
        tag: usize,
    },
}

/// A cipher in progress; what it keeps is erased with it.
pub struct Cipher(State);

#[expect(clippy::large_enum_variant, reason = "one for each operation, never in a row of them")]
enum State {
    Blocks(Blocks),
    Counter(Counter),
    Gcm(Gcm),
}

impl Cipher {
    /// Nothing ciphered yet.
    ///
    /// # Errors
    /// [`Error::Key`] for a key of a length that AES does not have, [`Error::Parameter`].
    pub fn new(key: &SecretKey, mode: CipherMode, direction: Direction) -> Result<Self, Error> {
        let aes = Aes::new(key.expose())?;
        Ok(Self(match mode {
            CipherMode::Ecb => State::Blocks(Blocks::ecb(aes, direction)),
            CipherMode::Cbc(iv) => State::Blocks(Blocks::cbc(aes, direction, iv, false)),
            CipherMode::CbcPad(iv) => State::Blocks(Blocks::cbc(aes, direction, iv, true)),
            CipherMode::Ctr { bits, block } => State::Counter(Counter::new(aes, bits, block)?),
            CipherMode::Gcm { iv, aad, tag } => {
                State::Gcm(Gcm::new(aes, direction, (&iv, &aad), tag)?)
            }
        }))
    }

    /// How many bytes come out when `part` goes in next, and, if it is the `last`, the rest of the
    /// output with them. Exact; where the input is wrong in length or padding, the least.
    pub fn needed(&self, part: &[u8], last: bool) -> usize {
        match &self.0 {
            State::Blocks(blocks) => blocks.needed(part, last),
            State::Counter(_) => part.len(),
            State::Gcm(gcm) => gcm.needed(part.len(), last),
        }
    }

    /// Takes the next bytes and gives what is ready. Decryption by GCM gives nothing before the tag
    /// was checked.
    ///
    /// # Errors
    /// [`Error::DataLength`] when a counter would wrap, or a message that is kept grows too long.
    pub fn update(&mut self, part: &[u8]) -> Result<Vec<u8>, Error> {
        match &mut self.0 {
            State::Blocks(blocks) => Ok(blocks.update(part)),
            State::Counter(counter) => {
                let mut bytes = part.to_vec();
                counter.apply(&mut bytes)?;
                Ok(bytes)
            }
            State::Gcm(gcm) => gcm.update(part),
        }
    }

    /// Bytes that are kept until the end once `part` more have come.
    pub fn kept_with(&self, part: usize) -> usize {
        match &self.0 {
            State::Gcm(gcm) => gcm.kept_with(part),
            State::Blocks(_) | State::Counter(_) => 0,
        }
    }

    /// The rest of the output.
    ///
    /// # Errors
    /// [`Error::DataLength`] when the input does not end with a block, [`Error::Ciphertext`] when
    /// the padding or the tag is wrong.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        match self.0 {
            State::Blocks(blocks) => blocks.finish(),
            State::Counter(_) => Ok(Vec::new()),
            State::Gcm(gcm) => gcm.finish(),
        }
    }

    /// All of a message at once.
    ///
    /// # Errors
    /// As [`Self::update`] and [`Self::finish`].
    pub fn whole(mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut output = self.update(message)?;
        // What a mode gives only at the end is not copied once more.
        if output.is_empty() {
            return self.finish();
        }
        output.append(&mut self.finish()?);
        Ok(output)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Blocks(_) => "Cipher(blocks)",
            State::Counter(_) => "Cipher(counter)",
            State::Gcm(_) => "Cipher(gcm)",
        })
    }
}
