//! Two operations at once (base specification section 5.17).
//!
//! Both go on before the call, or it does nothing; where the room is too small neither moves; an
//! error ends both.

use super::{Active, Filled, Operations, Result, Room, Session};
use crate::pkcs11::ck::*;

impl Session {
    pub(in crate::pkcs11) fn digest_encrypt_update(
        &self,
        part: &[u8],
        room: Room,
    ) -> Result<Filled> {
        self.dual(|operations| {
            let Operations { digest, encrypt, .. } = operations;
            both(digest, encrypt, |digest, encrypt| {
                let filled = encrypt.update(part, room)?;
                if let (Filled::Bytes(_), Some(digest)) = (&filled, &mut digest.0) {
                    digest.update(part);
                }
                Ok(filled)
            })
        })
    }

    pub(in crate::pkcs11) fn decrypt_digest_update(
        &self,
        part: &[u8],
        room: Room,
    ) -> Result<Filled> {
        self.dual(|operations| {
            let Operations { digest, decrypt, .. } = operations;
            both(digest, decrypt, |digest, decrypt| {
                let filled = decrypt.update(part, room)?;
                if let (Filled::Bytes(plaintext), Some(digest)) = (&filled, &mut digest.0) {
                    digest.update(plaintext);
                }
                Ok(filled)
            })
        })
    }

    pub(in crate::pkcs11) fn sign_encrypt_update(&self, part: &[u8], room: Room) -> Result<Filled> {
        self.dual(|operations| {
            let Operations { sign, encrypt, .. } = operations;
            both(sign, encrypt, |sign, encrypt| {
                let filled = encrypt.update(part, room)?;
                if let Filled::Bytes(_) = &filled {
                    sign.step(|sign| sign.update(part))?;
                }
                Ok(filled)
            })
        })
    }

    pub(in crate::pkcs11) fn decrypt_verify_update(
        &self,
        part: &[u8],
        room: Room,
    ) -> Result<Filled> {
        self.dual(|operations| {
            let Operations { verify, decrypt, .. } = operations;
            both(verify, decrypt, |verify, decrypt| {
                let filled = decrypt.update(part, room)?;
                if let Filled::Bytes(plaintext) = &filled {
                    verify.step(|verify| verify.update(plaintext))?;
                }
                Ok(filled)
            })
        })
    }

    fn dual(&self, work: impl FnOnce(&mut Operations) -> Result<Filled>) -> Result<Filled> {
        work(&mut self.operations())
    }
}

/// Works on two operations that both go on, and ends both on an error.
fn both<A, B>(
    one: &mut Active<A>,
    other: &mut Active<B>,
    work: impl FnOnce(&mut Active<A>, &mut Active<B>) -> Result<Filled>,
) -> Result<Filled> {
    if one.0.is_none() || other.0.is_none() {
        return Err(CKR_OPERATION_NOT_INITIALIZED);
    }
    let done = work(one, other);
    if done.is_err() {
        *one = Active(None);
        *other = Active(None);
    }
    done
}
