//! What hashes and blocks each key signs (design rule 6).
//!
//! | data | authentication | content commitment |
//! |---|---|---|
//! | SHA-2 digest, or its DigestInfo as a raw block | yes | yes |
//! | SHA-1 digest, or its DigestInfo as a raw block | `sha1_authentication` | `sha1_content_commitment` |
//! | any other raw block | `raw_blocks` | never |

use super::{Error, KeySlot};
use crate::crypto::{self, Hash, KeyKind, Scheme};

/// What hashes and blocks each key signs. The default is SHA-2 alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HashPolicy {
    /// SHA-1 with the authentication key; CIS1's challenge response needs it.
    pub sha1_authentication: bool,
    /// SHA-1 with the content commitment key, for legacy allow-listed applications.
    pub sha1_content_commitment: bool,
    /// Raw blocks that are no DigestInfo, with the authentication key (TLS 1.0 and 1.1 clients);
    /// through a reader, the bare RSA operation.
    pub raw_blocks: bool,
}

/// What the data of a signature was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strength {
    Sha2,
    Sha1,
    /// No digest that we know.
    Raw,
}

impl HashPolicy {
    /// The policy of the CIS1 profile: SHA-1 with the authentication key.
    pub fn cis1() -> Self {
        Self { sha1_authentication: true, ..Self::default() }
    }

    /// Whether a key may sign that.
    pub(super) fn allow(&self, slot: KeySlot, strength: Strength) -> Result<(), Error> {
        Self::judge(
            strength,
            match slot {
                KeySlot::Authentication => (self.sha1_authentication, self.raw_blocks),
                KeySlot::ContentCommitment => (self.sha1_content_commitment, false),
            },
        )
    }

    /// Whether a key of an enrolled card may sign that. One that asks each time is taken for a
    /// content commitment key, but for raw blocks, which have their own switch.
    pub(super) fn allow_enrolled(&self, each_time: bool, strength: Strength) -> Result<(), Error> {
        let sha1 = if each_time { self.sha1_content_commitment } else { self.sha1_authentication };
        Self::judge(strength, (sha1, self.raw_blocks))
    }

    fn judge(strength: Strength, (sha1, raw): (bool, bool)) -> Result<(), Error> {
        match strength {
            Strength::Sha1 if !sha1 => Err(Error::HashRefused),
            Strength::Raw if !raw => Err(Error::RawRefused),
            _ => Ok(()),
        }
    }
}

/// What a scheme says by itself; `None` if only the data tells.
pub(super) fn of_scheme(scheme: Scheme) -> Option<Strength> {
    match scheme {
        Scheme::Pkcs1(hash) | Scheme::PssBlock(hash) => Some(of_hash(hash)),
        Scheme::Pss { hash, mgf, .. } => Some(match of_hash(hash) {
            Strength::Sha2 => of_hash(mgf),
            weak => weak,
        }),
        Scheme::Pkcs1Raw | Scheme::Raw | Scheme::Ecdsa => None,
    }
}

/// What the data was made with.
pub(super) fn of_data(scheme: Scheme, data: &[u8]) -> Strength {
    match scheme {
        Scheme::Pkcs1(_) | Scheme::Pss { .. } | Scheme::PssBlock(_) => {
            of_scheme(scheme).unwrap_or(Strength::Raw)
        }
        // A block with a padding of its own is no DigestInfo, whatever it holds.
        Scheme::Raw => Strength::Raw,
        Scheme::Pkcs1Raw => crypto::digest_info_hash(data).map_or(Strength::Raw, of_hash),
        // ECDSA's data does not say which hash it is from; its length does. But it is signed as a
        // number: SHA-1 behind zeros is the same signature as SHA-1. No digest begins like that.
        Scheme::Ecdsa if data.iter().take(8).all(|byte| *byte == 0) => Strength::Raw,
        Scheme::Ecdsa => match data.len() {
            20 => Strength::Sha1,
            28 | 32 | 48 | 64 => Strength::Sha2,
            _ => Strength::Raw,
        },
    }
}

fn of_hash(hash: Hash) -> Strength {
    match hash {
        Hash::Sha1 => Strength::Sha1,
        Hash::Sha224 | Hash::Sha256 | Hash::Sha384 | Hash::Sha512 => Strength::Sha2,
        // No weaker than SHA-2 of the same length.
        Hash::Sha3_224 | Hash::Sha3_256 | Hash::Sha3_384 | Hash::Sha3_512 => Strength::Sha2,
    }
}

/// Whether a scheme goes with a kind of key.
pub(super) fn fits(scheme: Scheme, kind: KeyKind) -> Result<(), Error> {
    // A bare block is more than a signature: with it a client decrypts whatever it likes.
    if scheme == Scheme::Raw {
        return Err(Error::RawRefused);
    }
    if (scheme == Scheme::Ecdsa) == kind.is_rsa() {
        return Err(crypto::Error::SchemeKey.into());
    }
    Ok(())
}
