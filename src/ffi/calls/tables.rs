//! The tables of functions of PKCS#11 2.40, 3.0 and 3.2.
//!
//! Most functions are the same in all of them. C_GetInfo tells the version of its table, and the
//! functions that begin an operation learnt in 3.0 to end one.

use super::{absent::*, general::*, keys::*, objects::*, operations::*, sessions::*};
use crate::ffi::interface::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};
use cryptoki_sys::{CK_FUNCTION_LIST, CK_FUNCTION_LIST_3_0, CK_FUNCTION_LIST_3_2, CK_VERSION};

pub(in crate::ffi) const V2_40: CK_VERSION = CK_VERSION { major: 2, minor: 40 };
pub(in crate::ffi) const V3_0: CK_VERSION = CK_VERSION { major: 3, minor: 0 };
pub(in crate::ffi) const V3_2: CK_VERSION = CK_VERSION { major: 3, minor: 2 };

/// A table: its version, the functions whose name in the table is not ours, the others.
macro_rules! table {
    ($table:ident $version:ident { $($field:ident: $function:path),* } $($name:ident)*) => {
        $table { version: $version, $($field: Some($function),)* $($name: Some($name),)* }
    };
}

/// Hands on all that is in the table of 2.40 and the same in all tables.
macro_rules! with_common {
    ($table:ident $version:ident { $($special:tt)* } $($more:ident)*) => {
        table! {
            $table $version { $($special)* } $($more)*
            C_Initialize C_Finalize C_GetFunctionList C_GetSlotList C_GetSlotInfo C_GetTokenInfo
            C_GetMechanismList C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN C_OpenSession
            C_CloseSession C_CloseAllSessions C_GetSessionInfo C_GetOperationState
            C_SetOperationState C_Login C_Logout C_CreateObject C_CopyObject C_DestroyObject
            C_GetObjectSize C_GetAttributeValue C_SetAttributeValue C_FindObjectsInit
            C_FindObjects C_FindObjectsFinal C_Encrypt C_EncryptUpdate C_EncryptFinal C_Decrypt
            C_DecryptUpdate C_DecryptFinal C_Digest C_DigestUpdate C_DigestKey C_DigestFinal
            C_Sign C_SignUpdate C_SignFinal C_SignRecover C_Verify C_VerifyUpdate C_VerifyFinal
            C_VerifyRecover C_DigestEncryptUpdate C_DecryptDigestUpdate C_SignEncryptUpdate
            C_DecryptVerifyUpdate C_GenerateKey C_GenerateKeyPair C_WrapKey C_UnwrapKey
            C_DeriveKey C_SeedRandom C_GenerateRandom C_GetFunctionStatus C_CancelFunction
            C_WaitForSlotEvent
        }
    };
}

/// The table of 2.40.
pub(in crate::ffi) const FUNCTIONS_2_40: CK_FUNCTION_LIST = with_common! {
    CK_FUNCTION_LIST V2_40 {}
    C_GetInfo C_EncryptInit C_DecryptInit C_DigestInit C_SignInit C_SignRecoverInit C_VerifyInit
    C_VerifyRecoverInit
};

/// Hands on all that the table of 3.0 has besides, and C_GetInfo.
macro_rules! with_3_0 {
    ($table:ident $version:ident $info:ident $($more:ident)*) => {
        with_common! {
            $table $version {
                C_GetInfo: $info,
                C_EncryptInit: since_3_0::C_EncryptInit,
                C_DecryptInit: since_3_0::C_DecryptInit,
                C_DigestInit: since_3_0::C_DigestInit,
                C_SignInit: since_3_0::C_SignInit,
                C_SignRecoverInit: since_3_0::C_SignRecoverInit,
                C_VerifyInit: since_3_0::C_VerifyInit,
                C_VerifyRecoverInit: since_3_0::C_VerifyRecoverInit
            }
            C_GetInterfaceList C_GetInterface C_LoginUser C_SessionCancel C_MessageEncryptInit
            C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext C_MessageEncryptFinal
            C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin C_DecryptMessageNext
            C_MessageDecryptFinal C_MessageSignInit C_SignMessage C_SignMessageBegin
            C_SignMessageNext C_MessageSignFinal C_MessageVerifyInit C_VerifyMessage
            C_VerifyMessageBegin C_VerifyMessageNext C_MessageVerifyFinal $($more)*
        }
    };
}

/// The table of 3.0, which 3.1 did not change.
pub(in crate::ffi) const FUNCTIONS_3_0: CK_FUNCTION_LIST_3_0 =
    with_3_0! { CK_FUNCTION_LIST_3_0 V3_0 C_GetInfo_3_0 };

/// The table of 3.2.
pub(in crate::ffi) const FUNCTIONS_3_2: CK_FUNCTION_LIST_3_2 = with_3_0! {
    CK_FUNCTION_LIST_3_2 V3_2 C_GetInfo_3_2
    C_EncapsulateKey C_DecapsulateKey C_VerifySignatureInit C_VerifySignature
    C_VerifySignatureUpdate C_VerifySignatureFinal C_GetSessionValidationFlags C_AsyncComplete
    C_AsyncGetID C_AsyncJoin C_WrapKeyAuthenticated C_UnwrapKeyAuthenticated
};
