//! Message digests (FIPS 180-4, FIPS 202), whole or in parts.

use super::{
    Chosen, Hash,
    backend::{self, Backend},
};
use std::fmt;

/// Digest of a message.
pub fn digest(hash: Hash, message: &[u8]) -> Vec<u8> {
    backend::digest::<Chosen>(hash, &[message])
}

/// A digest in progress. A clone goes on from the same place.
#[derive(Clone)]
pub struct Hasher {
    hash: Hash,
    state: <Chosen as Backend>::Hasher,
}

impl Hasher {
    /// Nothing hashed yet.
    pub fn new(hash: Hash) -> Self {
        Self { hash, state: Chosen::hasher(hash) }
    }

    /// Which hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Takes the next bytes of the message.
    pub fn update(&mut self, bytes: &[u8]) {
        Chosen::update(&mut self.state, bytes);
    }

    /// The digest of what was taken.
    pub fn finish(self) -> Vec<u8> {
        Chosen::finish(self.state)
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({:?})", self.hash)
    }
}
