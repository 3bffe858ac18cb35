//! The message of an operation on its way in, in one piece or several.

use crate::{
    crypto::{Hasher, Mac},
    pkcs11::{Result, ck::*, mechanisms::Intake},
};
use zeroize::Zeroizing;

/// What has come of it, in the form in which it is kept.
#[derive(Clone)]
pub(super) struct Message {
    begun: bool,
    form: Form,
}

#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "one for each operation, never in a row of them")]
enum Form {
    /// Hashed as it comes.
    Hashed(Hasher),
    /// Authenticated as it comes.
    Authenticated(Mac),
    /// Kept as it comes, up to a limit. The standard knows such mechanisms in one piece only;
    /// several are taken too, since OpenSC's module does and its tools rely on it.
    Kept { bytes: Zeroizing<Vec<u8>>, limit: usize },
}

impl Message {
    pub(super) fn new(intake: Intake) -> Self {
        let form = match intake {
            Intake::Hash(hash) => Form::Hashed(Hasher::new(hash)),
            Intake::Whole(limit) => Form::Kept { bytes: Zeroizing::default(), limit },
        };
        Self { begun: false, form }
    }

    /// The message of an authentication code.
    pub(super) fn authenticated(mac: Mac) -> Self {
        Self { begun: false, form: Form::Authenticated(mac) }
    }

    /// One more piece.
    pub(super) fn update(&mut self, part: &[u8]) -> Result<()> {
        self.begun = true;
        match &mut self.form {
            Form::Hashed(hasher) => hasher.update(part),
            Form::Authenticated(mac) => mac.update(part),
            Form::Kept { bytes, limit } => {
                if part.len() > limit.saturating_sub(bytes.len()) {
                    return Err(CKR_DATA_LEN_RANGE);
                }
                // A vector that grows leaves its old place as it was: the first piece makes room.
                if bytes.capacity() == 0 {
                    bytes.reserve_exact((*limit).min(1 << 16));
                }
                bytes.extend_from_slice(part);
            }
        }
        Ok(())
    }

    /// The message is `data`, all of it: CKR_OPERATION_ACTIVE if pieces of it came before.
    pub(super) fn whole(mut self, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        if self.begun {
            return Err(CKR_OPERATION_ACTIVE);
        }
        self.update(data)?;
        Ok(self.finish())
    }

    /// The digest, the code, or the bytes themselves.
    pub(super) fn finish(self) -> Zeroizing<Vec<u8>> {
        match self.form {
            Form::Hashed(hasher) => Zeroizing::new(hasher.finish()),
            Form::Authenticated(mac) => Zeroizing::new(mac.finish()),
            Form::Kept { bytes, .. } => bytes,
        }
    }

    /// The bytes that are kept.
    pub(super) fn kept(&self) -> &[u8] {
        match &self.form {
            Form::Kept { bytes, .. } => bytes,
            Form::Hashed(_) | Form::Authenticated(_) => &[],
        }
    }
}
