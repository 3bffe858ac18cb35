//! SHA-3 (FIPS 202), one implementation under every back end.

use ::sha3::{Digest, Sha3_224, Sha3_256, Sha3_384, Sha3_512};

/// A digest in progress, by its length.
#[derive(Clone)]
pub(super) enum Sha3 {
    /// 224 bits.
    Short(Sha3_224),
    /// 256 bits.
    Middle(Sha3_256),
    /// 384 bits.
    Long(Sha3_384),
    /// 512 bits.
    Longest(Sha3_512),
}

impl Sha3 {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Short(state) => state.update(bytes),
            Self::Middle(state) => state.update(bytes),
            Self::Long(state) => state.update(bytes),
            Self::Longest(state) => state.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Short(state) => state.finalize().to_vec(),
            Self::Middle(state) => state.finalize().to_vec(),
            Self::Long(state) => state.finalize().to_vec(),
            Self::Longest(state) => state.finalize().to_vec(),
        }
    }
}
