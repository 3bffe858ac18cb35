//! Message authentication codes: HMAC (FIPS 198-1) and CMAC with AES (NIST SP 800-38B).

use super::{Error, Hash, SecretKey, aes::Aes};
use ::cipher::common::InnerInit;
use cmac::{Cmac, Mac as _};
use hmac::{Hmac, KeyInit};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use std::fmt;
use subtle::ConstantTimeEq;

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
#[expect(clippy::large_enum_variant, reason = "one for each operation, never in a row of them")]
enum State {
    Sha1(Hmac<Sha1>),
    Sha224(Hmac<Sha224>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
    Cmac(Cmac<Aes>),
}

/// Does the same with whichever code it is.
macro_rules! each {
    ($state:expr, $mac:ident => $work:expr) => {
        match $state {
            State::Sha1($mac) => $work,
            State::Sha224($mac) => $work,
            State::Sha256($mac) => $work,
            State::Sha384($mac) => $work,
            State::Sha512($mac) => $work,
            State::Cmac($mac) => $work,
        }
    };
}

impl Mac {
    /// Nothing authenticated yet.
    ///
    /// # Errors
    /// [`Error::Key`] for CMAC with a key of a length that AES does not have.
    pub fn new(key: &SecretKey, kind: MacKind) -> Result<Self, Error> {
        let key = key.expose();
        let state = match kind {
            MacKind::Hmac(Hash::Sha1) => State::Sha1(keyed(key)?),
            MacKind::Hmac(Hash::Sha224) => State::Sha224(keyed(key)?),
            MacKind::Hmac(Hash::Sha256) => State::Sha256(keyed(key)?),
            MacKind::Hmac(Hash::Sha384) => State::Sha384(keyed(key)?),
            MacKind::Hmac(Hash::Sha512) => State::Sha512(keyed(key)?),
            MacKind::Cmac => State::Cmac(Cmac::inner_init(Aes::new(key)?)),
        };
        Ok(Self { kind, state })
    }

    /// Takes the next bytes of the message.
    pub fn update(&mut self, bytes: &[u8]) {
        each!(&mut self.state, mac => mac.update(bytes));
    }

    /// The whole code.
    pub fn finish(self) -> Vec<u8> {
        each!(self.state, mac => mac.finalize().into_bytes().to_vec())
    }

    /// Compares the first bytes of the code with `stated`, as many as there are, in constant time.
    ///
    /// # Errors
    /// [`Error::DataLength`] for none, or more than there are; [`Error::Signature`] when they
    /// differ.
    pub fn verify(self, stated: &[u8]) -> Result<(), Error> {
        let code = self.finish();
        let front = code.get(..stated.len()).filter(|front| !front.is_empty());
        match bool::from(front.ok_or(Error::DataLength)?.ct_eq(stated)) {
            true => Ok(()),
            false => Err(Error::Signature),
        }
    }
}

fn keyed<M: KeyInit>(key: &[u8]) -> Result<M, Error> {
    M::new_from_slice(key).map_err(|_| Error::Key)
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mac({:?})", self.kind)
    }
}
