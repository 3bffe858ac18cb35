//! AES with a key of any of its three lengths (FIPS 197), for the modes that run over it.
//!
//! One implementation under every back end: constant-time, by the processor's instructions where
//! there are some.

use super::Error;
use ::aes::{Aes128, Aes192, Aes256};
use ::cipher::{
    Array, BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncClosure, BlockCipherEncrypt,
    BlockSizeUser, KeyInit, consts::U16,
};

/// Length of a block in bytes.
pub(super) const BLOCK: usize = 16;

/// A block.
pub(super) type Block = Array<u8, U16>;

/// A prepared key, erased on drop.
#[derive(Clone)]
pub(super) enum Aes {
    /// 16 bytes.
    Short(Aes128),
    /// 24 bytes.
    Middle(Aes192),
    /// 32 bytes.
    Long(Aes256),
}

impl Aes {
    /// [`Error::Key`] for a length that AES does not have.
    pub(super) fn new(key: &[u8]) -> Result<Self, Error> {
        match key.len() {
            16 => Aes128::new_from_slice(key).map(Self::Short),
            24 => Aes192::new_from_slice(key).map(Self::Middle),
            _ => Aes256::new_from_slice(key).map(Self::Long),
        }
        .map_err(|_| Error::Key)
    }

    /// One block encrypted.
    pub(super) fn encrypted(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = Block::from(block);
        self.encrypt_block(&mut block);
        block.into()
    }
}

impl BlockSizeUser for Aes {
    type BlockSize = U16;
}

impl BlockCipherEncrypt for Aes {
    fn encrypt_with_backend(&self, f: impl BlockCipherEncClosure<BlockSize = U16>) {
        match self {
            Self::Short(aes) => aes.encrypt_with_backend(f),
            Self::Middle(aes) => aes.encrypt_with_backend(f),
            Self::Long(aes) => aes.encrypt_with_backend(f),
        }
    }
}

impl BlockCipherDecrypt for Aes {
    fn decrypt_with_backend(&self, f: impl BlockCipherDecClosure<BlockSize = U16>) {
        match self {
            Self::Short(aes) => aes.decrypt_with_backend(f),
            Self::Middle(aes) => aes.decrypt_with_backend(f),
            Self::Long(aes) => aes.decrypt_with_backend(f),
        }
    }
}

/// The whole blocks at the front of `bytes`.
pub(super) fn blocks_mut(bytes: &mut [u8]) -> &mut [Block] {
    Block::slice_as_chunks_mut(bytes).0
}
