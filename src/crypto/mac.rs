//! Message authentication codes: HMAC (FIPS 198-1) and CMAC with AES (NIST SP 800-38B).
//!
//! HMAC runs over the back end's digests, SHA-3's with the others: the `hmac` crate does not erase
//! the key where the digest is SHA-3.

use super::{Error, Hash, Hasher, SecretKey, aes::Aes, digest};
use ::cipher::common::InnerInit;
use cmac::{Cmac, Mac as _};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Which code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacKind {
    /// HMAC with this hash.
    Hmac(Hash),
    /// CMAC with AES.
    Cmac,
}

impl MacKind {
    /// Length of the whole code in bytes.
    #[allow(clippy::len_without_is_empty, reason = "a code is never empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Hmac(hash) => hash.len(),
            Self::Cmac => 16,
        }
    }
}

/// A code in progress; the key is erased with it.
#[derive(Clone)]
pub struct Mac {
    kind: MacKind,
    state: State,
}

#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "one for each operation, never in a row of them")]
enum State {
    Hmac(Hmac),
    Cmac(Cmac<Aes>),
}

impl Mac {
    /// Nothing authenticated yet.
    ///
    /// # Errors
    /// [`Error::Key`] for CMAC with a key of a length that AES does not have.
    pub fn new(key: &SecretKey, kind: MacKind) -> Result<Self, Error> {
        let state = match kind {
            MacKind::Hmac(hash) => State::Hmac(Hmac::new(hash, key.expose())),
            MacKind::Cmac => State::Cmac(Cmac::inner_init(Aes::new(key.expose())?)),
        };
        Ok(Self { kind, state })
    }

    /// Takes the next bytes of the message.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Hmac(hmac) => hmac.update(bytes),
            State::Cmac(cmac) => cmac.update(bytes),
        }
    }

    /// The whole code.
    pub fn finish(self) -> Vec<u8> {
        match self.state {
            State::Hmac(hmac) => hmac.finish(),
            State::Cmac(cmac) => cmac.finalize().into_bytes().to_vec(),
        }
    }

    /// Compares the first bytes of the code with `stated`, as many as there are, in constant time.
    ///
    /// # Errors
    /// [`Error::DataLength`] for none, or more than there are; [`Error::Signature`] when they
    /// differ.
    pub fn verify(self, stated: &[u8]) -> Result<(), Error> {
        let code = Zeroizing::new(self.finish());
        let front = code.get(..stated.len()).filter(|front| !front.is_empty());
        match bool::from(front.ok_or(Error::DataLength)?.ct_eq(stated)) {
            true => Ok(()),
            false => Err(Error::Signature),
        }
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mac({:?})", self.kind)
    }
}

/// HMAC in progress: both digests, begun with the key in its two masks.
#[derive(Clone)]
pub(super) struct Hmac {
    inner: Hasher,
    outer: Hasher,
}

impl Hmac {
    /// With a key of any length; a key longer than a block counts as its digest.
    pub(super) fn new(hash: Hash, key: &[u8]) -> Self {
        let length = hash.block_len();
        let mut block = Zeroizing::new(vec![0u8; length]);
        let longer = Zeroizing::new(if key.len() > length { digest(hash, key) } else { vec![] });
        let key = if key.len() > length { longer.as_slice() } else { key };
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        let begun = |mask: u8| {
            let mut hasher = Hasher::new(hash);
            let masked: Zeroizing<Vec<u8>> =
                Zeroizing::new(block.iter().map(|byte| byte ^ mask).collect());
            hasher.update(&masked);
            hasher
        };
        Self { inner: begun(0x36), outer: begun(0x5c) }
    }

    /// Takes the next bytes of the message.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.inner.update(bytes);
    }

    /// The whole code.
    pub(super) fn finish(self) -> Vec<u8> {
        let Self { inner, mut outer } = self;
        outer.update(&Zeroizing::new(inner.finish()));
        outer.finish()
    }
}
