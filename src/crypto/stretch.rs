//! Stretching of passcodes by Argon2id version 1.3 (RFC 9106), one lane, 32 bytes.

use super::Error;
use crate::secret::Secret;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize, Zeroizing};

const LENGTH: usize = 32;

/// Argon2id's cost (RFC 9106). Never below 19 MiB and 2 passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
}

impl Stretch {
    /// The least that is accepted: 19 MiB and 2 passes.
    pub const LEAST: Self = Self { memory_kib: 19 * 1024, passes: 2 };
}

impl Default for Stretch {
    fn default() -> Self {
        Self::LEAST
    }
}

/// 32 bytes from a passcode by Argon2id, one lane. The working memory is erased.
///
/// # Errors
/// [`Error::Cost`] below [`Stretch::LEAST`], [`Error::Backend`] when there is not that much memory.
pub fn stretch(passcode: &[u8], salt: &[u8; 16], cost: Stretch) -> Result<Secret, Error> {
    if cost.memory_kib < Stretch::LEAST.memory_kib || cost.passes < Stretch::LEAST.passes {
        return Err(Error::Cost);
    }
    argon2id(passcode, salt, cost, LENGTH)
}

/// Argon2id at any cost, with one lane.
pub(super) fn argon2id(
    passcode: &[u8],
    salt: &[u8],
    cost: Stretch,
    length: usize,
) -> Result<Secret, Error> {
    let params =
        Params::new(cost.memory_kib, cost.passes, 1, Some(length)).map_err(|_| Error::Backend)?;
    let count = params.block_count();
    let mut memory = Vec::new();
    memory.try_reserve_exact(count).map_err(|_| Error::Backend)?;
    memory.resize(count, Block::new());
    let mut memory = Memory(memory);
    let mut output = Zeroizing::new(vec![0u8; length]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passcode, salt, &mut output, &mut memory.0)
        .map_err(|_| Error::Backend)?;
    Ok(Secret::new(std::mem::take(&mut *output)))
}

/// Working memory, erased whichever way the function is left.
struct Memory(Vec<Block>);

impl Drop for Memory {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}
