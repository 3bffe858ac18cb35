//! The calls of aws-lc that aws-lc-rs does not offer, each behind a safe function: handles of RSA
//! and EC keys, the raw RSA block, ECDSA over a finished digest, ECDH.
//!
//! aws-lc overwrites everything it frees (`OPENSSL_free`), keys and temporaries alike. Its keys may
//! be used by many threads at once as long as nobody changes them, and nothing here does; what it
//! caches in them it guards by locks of its own.

#![allow(unsafe_code, reason = "the foreign interface of aws-lc")]

use crate::secret::Secret;
use aws_lc_sys as lc;
use std::{
    ffi::{c_int, c_long, c_uint},
    ptr::{self, NonNull},
};

/// Longest DER signature that leaves aws-lc here: P-384's has at most 104 bytes.
const MOST_ECDSA: usize = 128;
/// Longest RSA block: 4096 bits.
const MOST_RSA: usize = 512;

/// `RSA_sign_raw` or `RSA_verify_raw`: key, output length, output and its room, input and its length,
/// padding.
type RawOperation = unsafe extern "C" fn(
    *mut lc::RSA,
    *mut usize,
    *mut u8,
    usize,
    *const u8,
    usize,
    c_int,
) -> c_int;

/// An RSA key, private or public, freed on drop.
pub(in crate::crypto) struct RsaKey(NonNull<lc::RSA>);

// SAFETY: an RSA object has no tie to the thread that made it.
unsafe impl Send for RsaKey {}
// SAFETY: every function called here with a shared key is documented as not changing it; cached
// Montgomery values and blindings are guarded by the object's own lock.
unsafe impl Sync for RsaKey {}

impl RsaKey {
    /// From RSAPrivateKey DER; aws-lc checks that the components fit each other.
    pub(super) fn private_from_pkcs1(der: &[u8]) -> Option<Self> {
        aws_lc_rs::init();
        // SAFETY: pointer and length are one slice, which is only read.
        let key = unsafe { lc::RSA_private_key_from_bytes(der.as_ptr(), der.len()) };
        NonNull::new(key).map(Self).or_else(failed)
    }

    /// From RSAPublicKey DER.
    pub(super) fn public_from_pkcs1(der: &[u8]) -> Option<Self> {
        aws_lc_rs::init();
        // SAFETY: pointer and length are one slice, which is only read.
        let key = unsafe { lc::RSA_public_key_from_bytes(der.as_ptr(), der.len()) };
        NonNull::new(key).map(Self).or_else(failed)
    }

    /// RSAPrivateKey DER.
    pub(super) fn private_to_pkcs1(&self) -> Option<Secret> {
        let mut bytes = ptr::null_mut();
        let mut length = 0usize;
        // SAFETY: the key lives; both outputs are places of their types.
        let done =
            unsafe { lc::RSA_private_key_to_bytes(&mut bytes, &mut length, self.0.as_ptr()) };
        if done != 1 || bytes.is_null() {
            return failed();
        }
        // SAFETY: the call succeeded, so `bytes` points to `length` initialised bytes that are
        // ours until they are freed below.
        let found = Secret::copied_from(unsafe { std::slice::from_raw_parts(bytes, length) });
        // SAFETY: allocated by aws-lc, freed once, not used afterwards; freeing overwrites it.
        unsafe { lc::OPENSSL_free(bytes.cast()) };
        Some(found)
    }

    /// The private operation on a block as long as the modulus, blinded and checked.
    pub(super) fn private_block(&self, block: &[u8]) -> Option<Vec<u8>> {
        self.block(lc::RSA_sign_raw, block)
    }

    /// The public operation on a block as long as the modulus and below it.
    pub(super) fn public_block(&self, block: &[u8]) -> Option<Vec<u8>> {
        self.block(lc::RSA_verify_raw, block)
    }

    fn block(&self, operation: RawOperation, block: &[u8]) -> Option<Vec<u8>> {
        let mut output = vec![0u8; MOST_RSA];
        let mut length = 0usize;
        // SAFETY: the key lives; input and output are slices given with their lengths, and do not
        // overlap.
        let done = unsafe {
            operation(
                self.0.as_ptr(),
                &mut length,
                output.as_mut_ptr(),
                output.len(),
                block.as_ptr(),
                block.len(),
                lc::RSA_NO_PADDING,
            )
        };
        if done != 1 {
            return failed();
        }
        output.truncate(length);
        Some(output)
    }
}

impl Drop for RsaKey {
    fn drop(&mut self) {
        // SAFETY: this is the only reference; it is not used again.
        unsafe { lc::RSA_free(self.0.as_ptr()) };
    }
}

/// An EC key, private or public, freed on drop.
pub(super) struct EcKey(NonNull<lc::EC_KEY>);

// SAFETY: an EC_KEY object has no tie to the thread that made it.
unsafe impl Send for EcKey {}
// SAFETY: every function called here with a shared key takes it as const.
unsafe impl Sync for EcKey {}

impl EcKey {
    /// From ECPrivateKey DER with parameters; aws-lc checks the key.
    pub(super) fn private_from_sec1(der: &[u8]) -> Option<Self> {
        aws_lc_rs::init();
        let length = c_long::try_from(der.len()).ok()?;
        let mut start = der.as_ptr();
        // SAFETY: no key to fill; `start` and `length` are one slice, which is only read.
        let key = unsafe { lc::d2i_ECPrivateKey(ptr::null_mut(), &mut start, length) };
        NonNull::new(key).map(Self).or_else(failed)
    }

    /// From SubjectPublicKeyInfo DER; aws-lc checks that the point is on the curve.
    pub(super) fn public_from_spki(der: &[u8]) -> Option<Self> {
        aws_lc_rs::init();
        let length = c_long::try_from(der.len()).ok()?;
        let mut start = der.as_ptr();
        // SAFETY: no key to fill; `start` and `length` are one slice, which is only read.
        let key = unsafe { lc::d2i_EC_PUBKEY(ptr::null_mut(), &mut start, length) };
        NonNull::new(key).map(Self).or_else(failed)
    }

    /// The private scalar in `length` bytes.
    pub(super) fn scalar(&self, length: usize) -> Option<Secret> {
        // SAFETY: the key lives; the number is the key's and lives as long.
        let number = unsafe { lc::EC_KEY_get0_private_key(self.0.as_ptr()) };
        if number.is_null() {
            return None;
        }
        let mut bytes = vec![0u8; length];
        // SAFETY: pointer and length are one slice; the number is not null and lives.
        let done = unsafe { lc::BN_bn2bin_padded(bytes.as_mut_ptr(), length, number) };
        let bytes = Secret::new(bytes);
        if done == 1 { Some(bytes) } else { failed() }
    }

    /// DER signature over a finished digest.
    pub(super) fn sign(&self, digest: &[u8]) -> Option<Vec<u8>> {
        // SAFETY: the key lives.
        let room = unsafe { lc::ECDSA_size(self.0.as_ptr()) };
        if room == 0 || room > MOST_ECDSA {
            return failed();
        }
        let mut output = vec![0u8; MOST_ECDSA];
        let mut length: c_uint = 0;
        // SAFETY: the key lives; the digest is a slice with its length; the output has at least
        // the room that aws-lc says it needs.
        let done = unsafe {
            lc::ECDSA_sign(
                0,
                digest.as_ptr(),
                digest.len(),
                output.as_mut_ptr(),
                &mut length,
                self.0.as_ptr(),
            )
        };
        if done != 1 {
            return failed();
        }
        output.truncate(usize::try_from(length).ok()?);
        Some(output)
    }

    /// The x coordinate, `length` bytes, of the product with another key's point on this curve.
    pub(super) fn agree(&self, peer: &Self, length: usize) -> Option<Secret> {
        // SAFETY: the other key lives; its point is the key's and lives as long.
        let point = unsafe { lc::EC_KEY_get0_public_key(peer.0.as_ptr()) };
        if point.is_null() {
            return None;
        }
        let mut output = vec![0u8; length];
        // SAFETY: both keys live; the output is a slice with its length, and no more is written.
        let done = unsafe {
            lc::ECDH_compute_key(output.as_mut_ptr().cast(), length, point, self.0.as_ptr(), None)
        };
        let output = Secret::new(output);
        if usize::try_from(done) == Ok(length) { Some(output) } else { failed() }
    }

    /// Whether a DER signature over a finished digest verifies.
    pub(super) fn verify(&self, digest: &[u8], signature: &[u8]) -> bool {
        // SAFETY: the key lives; digest and signature are slices with their lengths, only read.
        let done = unsafe {
            lc::ECDSA_verify(
                0,
                digest.as_ptr(),
                digest.len(),
                signature.as_ptr(),
                signature.len(),
                self.0.as_ptr(),
            )
        };
        done == 1 || failed::<()>().is_some()
    }
}

impl Drop for EcKey {
    fn drop(&mut self) {
        // SAFETY: this is the only reference; it is not used again.
        unsafe { lc::EC_KEY_free(self.0.as_ptr()) };
    }
}

/// Nothing, with this thread's queue of aws-lc's errors emptied.
fn failed<T>() -> Option<T> {
    // SAFETY: concerns this thread alone and takes nothing.
    unsafe { lc::ERR_clear_error() };
    None
}
