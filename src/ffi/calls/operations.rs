//! Encryption, decryption, digests, signatures and their verification (base specification 3.1
//! sections 5.8, 5.10, 5.12, 5.13, 5.15 and 5.17; 3.2 for C_VerifySignature).

#![allow(unsafe_code, non_snake_case)]

use super::or_end;
use crate::{
    ffi::{
        guard::guard,
        mechanisms::mechanism,
        pointers::{Output, bytes},
        process::current,
        templates::wide,
    },
    pkcs11::ck::*,
};
use cryptoki_sys::{CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_ULONG};

/// `C_xInit(session, mechanism, key)`. Since 3.0 a NULL mechanism ends the operation that the flag
/// names; in 2.40 it is a bad argument, and so it stays for who calls through that table.
macro_rules! inits {
    ($($name:ident => $method:ident, $flag:expr;)*) => {
        functions! {$(
            fn $name(session: CK_SESSION_HANDLE, by: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
                let cryptoki = current()?;
                // SAFETY: the caller's promise.
                let by = unsafe { mechanism(by) }?;
                cryptoki.$method(wide(session), &by, wide(key))
            }
        )*}

        /// The functions that begin an operation, as the tables of 3.0 and 3.2 have them.
        pub(super) mod since_3_0 {
            use super::*;

            functions! {
                $(fn $name(
                    session: CK_SESSION_HANDLE,
                    by: *mut CK_MECHANISM,
                    key: CK_OBJECT_HANDLE,
                ) {
                    let cryptoki = current()?;
                    if by.is_null() {
                        return cryptoki.session_cancel(wide(session), $flag);
                    }
                    // SAFETY: the caller's promise.
                    let by = unsafe { mechanism(by) }?;
                    cryptoki.$method(wide(session), &by, wide(key))
                })*

                fn C_DigestInit(session: CK_SESSION_HANDLE, by: *mut CK_MECHANISM) {
                    let cryptoki = current()?;
                    if by.is_null() {
                        return cryptoki.session_cancel(wide(session), CKF_DIGEST);
                    }
                    // SAFETY: the caller's promise.
                    let by = unsafe { mechanism(by) }?;
                    cryptoki.digest_init(wide(session), &by)
                }
            }
        }
    };
}

functions! {
    fn C_DigestInit(session: CK_SESSION_HANDLE, by: *mut CK_MECHANISM) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let by = unsafe { mechanism(by) }?;
        cryptoki.digest_init(wide(session), &by)
    }

    fn C_DigestKey(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) {
        current()?.digest_key(wide(session), wide(key))
    }

    fn C_Verify(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_length: CK_ULONG,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let data = or_end(&cryptoki, session, CKF_VERIFY, unsafe { bytes(data, length) })?;
        // SAFETY: as above.
        let signature = unsafe { bytes(signature, signature_length) };
        let signature = or_end(&cryptoki, session, CKF_VERIFY, signature)?;
        cryptoki.verify(wide(session), data, signature)
    }

    fn C_VerifySignatureInit(
        session: CK_SESSION_HANDLE,
        by: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
        signature: *mut CK_BYTE,
        length: CK_ULONG,
    ) {
        let cryptoki = current()?;
        if by.is_null() {
            return cryptoki.session_cancel(wide(session), CKF_VERIFY);
        }
        // SAFETY: the caller's promise.
        let by = unsafe { mechanism(by) }?;
        // SAFETY: as above.
        let signature = unsafe { bytes(signature, length) }?;
        cryptoki.verify_signature_init(wide(session), &by, wide(key), signature)
    }

    fn C_VerifySignatureFinal(session: CK_SESSION_HANDLE) {
        current()?.verify_signature_final(wide(session))
    }
}

inits! {
    C_EncryptInit => encrypt_init, CKF_ENCRYPT;
    C_DecryptInit => decrypt_init, CKF_DECRYPT;
    C_SignInit => sign_init, CKF_SIGN;
    C_SignRecoverInit => sign_recover_init, CKF_SIGN_RECOVER;
    C_VerifyInit => verify_init, CKF_VERIFY;
    C_VerifyRecoverInit => verify_recover_init, CKF_VERIFY_RECOVER;
}

inputs! {
    C_DigestUpdate => digest_update, CKF_DIGEST;
    C_SignUpdate => sign_update, CKF_SIGN;
    C_VerifyUpdate => verify_update, CKF_VERIFY;
    C_VerifyFinal => verify_final, CKF_VERIFY;
    C_VerifySignature => verify_signature, CKF_VERIFY;
    C_VerifySignatureUpdate => verify_signature_update, CKF_VERIFY;
}

outputs! {
    C_EncryptFinal => encrypt_final, CKF_ENCRYPT;
    C_DecryptFinal => decrypt_final, CKF_DECRYPT;
    C_DigestFinal => digest_final, CKF_DIGEST;
    C_SignFinal => sign_final, CKF_SIGN;
}

transforms! {
    C_Encrypt => encrypt, CKF_ENCRYPT;
    C_EncryptUpdate => encrypt_update, CKF_ENCRYPT;
    C_Decrypt => decrypt, CKF_DECRYPT;
    C_DecryptUpdate => decrypt_update, CKF_DECRYPT;
    C_Digest => digest, CKF_DIGEST;
    C_Sign => sign, CKF_SIGN;
    C_SignRecover => sign_recover, CKF_SIGN_RECOVER;
    C_VerifyRecover => verify_recover, CKF_VERIFY_RECOVER;
    C_DigestEncryptUpdate => digest_encrypt_update, CKF_DIGEST | CKF_ENCRYPT;
    C_DecryptDigestUpdate => decrypt_digest_update, CKF_DECRYPT | CKF_DIGEST;
    C_SignEncryptUpdate => sign_encrypt_update, CKF_SIGN | CKF_ENCRYPT;
    C_DecryptVerifyUpdate => decrypt_verify_update, CKF_DECRYPT | CKF_VERIFY;
}
