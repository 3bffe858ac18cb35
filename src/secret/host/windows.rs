//! By the data protection of Windows (CryptProtectData), under the keys of this account: a person's
//! in personal mode, the service's in ward mode. Not under the machine's, which opens for every
//! account.
#![allow(unsafe_code)]

use super::{Kept, Secret};
use crate::secret::windows::done;
use std::{io, ptr};
use windows_sys::{
    Win32::{
        Foundation::LocalFree,
        Security::Cryptography::{
            CRYPT_INTEGER_BLOB, CRYPTPROTECT_UI_FORBIDDEN, CryptProtectData, CryptUnprotectData,
        },
    },
    w,
};
use zeroize::Zeroize as _;

/// What such a file begins with.
const MARK: &[u8] = b"wardcard key, sealed by Windows (DPAPI), 1\n";
/// Goes into the seal besides the account's keys: what this account has sealed for something else is
/// no key of ours.
const USE: &[u8] = b"wardcard sealing key 1";

pub(super) fn wrap(key: &[u8]) -> io::Result<Secret> {
    let (plain, entropy, mut made) = (blob(key)?, blob(USE)?, empty());
    // SAFETY: the two blobs point to live slices of their lengths, which are only read; the text has its
    // end, and `made` is a live local that the system fills.
    done(unsafe {
        CryptProtectData(
            &raw const plain,
            w!("Wardcard sealing key"),
            &raw const entropy,
            ptr::null(),
            ptr::null(),
            CRYPTPROTECT_UI_FORBIDDEN,
            &raw mut made,
        )
    })?;
    let sealed = taken(made);
    Ok(Secret::copied_from(&[MARK, sealed.expose()].concat()))
}

pub(super) fn unwrap(kept: Secret) -> io::Result<Kept> {
    let Some(sealed) = kept.expose().strip_prefix(MARK) else {
        return Ok(Kept { key: kept, open: true });
    };
    let (sealed, entropy, mut made) = (blob(sealed)?, blob(USE)?, empty());
    // SAFETY: as above; no description is asked for.
    let opened = done(unsafe {
        CryptUnprotectData(
            &raw const sealed,
            ptr::null_mut(),
            &raw const entropy,
            ptr::null(),
            ptr::null(),
            CRYPTPROTECT_UI_FORBIDDEN,
            &raw mut made,
        )
    });
    opened.map_err(|error| {
        let text = format!(
            "Windows does not open it for this account on this machine ({error}): another account or \
             machine sealed it, it was changed, or the account's password was set by somebody else; \
             use the account that made it, or put the key's own 32 bytes there"
        );
        io::Error::new(io::ErrorKind::PermissionDenied, text)
    })?;
    Ok(Kept { key: taken(made), open: false })
}

fn blob(bytes: &[u8]) -> io::Result<CRYPT_INTEGER_BLOB> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(CRYPT_INTEGER_BLOB { cbData: length, pbData: bytes.as_ptr().cast_mut() })
}

fn empty() -> CRYPT_INTEGER_BLOB {
    CRYPT_INTEGER_BLOB { cbData: 0, pbData: ptr::null_mut() }
}

/// What the system has made, moved to memory of ours, and erased where it was.
fn taken(made: CRYPT_INTEGER_BLOB) -> Secret {
    if made.pbData.is_null() {
        return Secret::new(Vec::new());
    }
    // SAFETY: the system has made so many bytes there for us, and nobody else has them.
    let bytes = unsafe { std::slice::from_raw_parts_mut(made.pbData, made.cbData as usize) };
    let secret = Secret::copied_from(bytes);
    bytes.zeroize();
    // SAFETY: made by the system for us to be freed this way, once.
    unsafe { LocalFree(made.pbData.cast()) };
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_or_is_anothers_does_not_open_and_says_what_to_do() {
        let kept = wrap(&[5; 32]).unwrap();
        let bytes = kept.expose().to_vec();
        assert!(!bytes.windows(32).any(|part| part == [5; 32]));
        assert_ne!(wrap(&[5; 32]).unwrap().expose(), bytes, "never the same twice");
        let refused = |bytes: Vec<u8>| {
            let error = unwrap(Secret::new(bytes)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            assert!(error.to_string().contains("another account"), "{error}");
        };
        // Some bytes are the system's own remarks, and it need not look at them: then nothing is other.
        let mut seen = 0;
        for place in MARK.len()..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            match unwrap(Secret::new(changed)) {
                Ok(kept) => assert!(kept.key.matches(&[5; 32]), "another key by byte {place}"),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
                    seen += 1;
                }
            }
        }
        assert!(seen >= 32, "{seen} changes were seen");
        refused(bytes[..bytes.len() - 1].to_vec());
        refused(MARK.to_vec());
        // Sealed by this account for something else.
        let (plain, mut made) = (blob(&[5; 32]).unwrap(), empty());
        // SAFETY: the blob points to a live array, and `made` is a live local.
        done(unsafe {
            CryptProtectData(
                &raw const plain,
                ptr::null(),
                ptr::null(),
                ptr::null(),
                ptr::null(),
                CRYPTPROTECT_UI_FORBIDDEN,
                &raw mut made,
            )
        })
        .unwrap();
        refused([MARK, taken(made).expose()].concat());
    }
}
