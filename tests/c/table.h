/* The table of functions of PKCS#11 3.2 with their types, as the standard has them, and the numbers
 * that a test of wrong calls needs. */
#ifndef WARDCARD_TEST_TABLE_H
#define WARDCARD_TEST_TABLE_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* On Windows all structures of Cryptoki are packed (section 2.1): those here, and those that a program
 * declares after it has included this. */
#ifdef _WIN32
#pragma pack(1)
#endif

typedef unsigned long ulong;
typedef unsigned char byte;

typedef struct {
    ulong type;
    void *value;
    ulong length;
} attribute;

typedef struct {
    ulong mechanism;
    void *parameter;
    ulong length;
} mechanism;

struct table {
    byte version[2];
    ulong (*C_Initialize)(void *);
    ulong (*C_Finalize)(void *);
    ulong (*C_GetInfo)(void *);
    ulong (*C_GetFunctionList)(void **);
    ulong (*C_GetSlotList)(byte, ulong *, ulong *);
    ulong (*C_GetSlotInfo)(ulong, void *);
    ulong (*C_GetTokenInfo)(ulong, void *);
    ulong (*C_GetMechanismList)(ulong, ulong *, ulong *);
    ulong (*C_GetMechanismInfo)(ulong, ulong, void *);
    ulong (*C_InitToken)(ulong, byte *, ulong, byte *);
    ulong (*C_InitPIN)(ulong, byte *, ulong);
    ulong (*C_SetPIN)(ulong, byte *, ulong, byte *, ulong);
    ulong (*C_OpenSession)(ulong, ulong, void *, void *, ulong *);
    ulong (*C_CloseSession)(ulong);
    ulong (*C_CloseAllSessions)(ulong);
    ulong (*C_GetSessionInfo)(ulong, void *);
    ulong (*C_GetOperationState)(ulong, byte *, ulong *);
    ulong (*C_SetOperationState)(ulong, byte *, ulong, ulong, ulong);
    ulong (*C_Login)(ulong, ulong, byte *, ulong);
    ulong (*C_Logout)(ulong);
    ulong (*C_CreateObject)(ulong, attribute *, ulong, ulong *);
    ulong (*C_CopyObject)(ulong, ulong, attribute *, ulong, ulong *);
    ulong (*C_DestroyObject)(ulong, ulong);
    ulong (*C_GetObjectSize)(ulong, ulong, ulong *);
    ulong (*C_GetAttributeValue)(ulong, ulong, attribute *, ulong);
    ulong (*C_SetAttributeValue)(ulong, ulong, attribute *, ulong);
    ulong (*C_FindObjectsInit)(ulong, attribute *, ulong);
    ulong (*C_FindObjects)(ulong, ulong *, ulong, ulong *);
    ulong (*C_FindObjectsFinal)(ulong);
    ulong (*C_EncryptInit)(ulong, mechanism *, ulong);
    ulong (*C_Encrypt)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_EncryptUpdate)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_EncryptFinal)(ulong, byte *, ulong *);
    ulong (*C_DecryptInit)(ulong, mechanism *, ulong);
    ulong (*C_Decrypt)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_DecryptUpdate)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_DecryptFinal)(ulong, byte *, ulong *);
    ulong (*C_DigestInit)(ulong, mechanism *);
    ulong (*C_Digest)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_DigestUpdate)(ulong, byte *, ulong);
    ulong (*C_DigestKey)(ulong, ulong);
    ulong (*C_DigestFinal)(ulong, byte *, ulong *);
    ulong (*C_SignInit)(ulong, mechanism *, ulong);
    ulong (*C_Sign)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_SignUpdate)(ulong, byte *, ulong);
    ulong (*C_SignFinal)(ulong, byte *, ulong *);
    ulong (*C_SignRecoverInit)(ulong, mechanism *, ulong);
    ulong (*C_SignRecover)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_VerifyInit)(ulong, mechanism *, ulong);
    ulong (*C_Verify)(ulong, byte *, ulong, byte *, ulong);
    ulong (*C_VerifyUpdate)(ulong, byte *, ulong);
    ulong (*C_VerifyFinal)(ulong, byte *, ulong);
    ulong (*C_VerifyRecoverInit)(ulong, mechanism *, ulong);
    ulong (*C_VerifyRecover)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_DigestEncryptUpdate)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_DecryptDigestUpdate)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_SignEncryptUpdate)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_DecryptVerifyUpdate)(ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_GenerateKey)(ulong, mechanism *, attribute *, ulong, ulong *);
    ulong (*C_GenerateKeyPair)(ulong, mechanism *, attribute *, ulong, attribute *, ulong,
        ulong *, ulong *);
    ulong (*C_WrapKey)(ulong, mechanism *, ulong, ulong, byte *, ulong *);
    ulong (*C_UnwrapKey)(ulong, mechanism *, ulong, byte *, ulong, attribute *, ulong, ulong *);
    ulong (*C_DeriveKey)(ulong, mechanism *, ulong, attribute *, ulong, ulong *);
    ulong (*C_SeedRandom)(ulong, byte *, ulong);
    ulong (*C_GenerateRandom)(ulong, byte *, ulong);
    ulong (*C_GetFunctionStatus)(ulong);
    ulong (*C_CancelFunction)(ulong);
    ulong (*C_WaitForSlotEvent)(ulong, ulong *, void *);
    ulong (*C_GetInterfaceList)(void *, ulong *);
    ulong (*C_GetInterface)(byte *, void *, void **, ulong);
    ulong (*C_LoginUser)(ulong, ulong, byte *, ulong, byte *, ulong);
    ulong (*C_SessionCancel)(ulong, ulong);
    ulong (*C_MessageEncryptInit)(ulong, mechanism *, ulong);
    ulong (*C_EncryptMessage)(ulong, void *, ulong, byte *, ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_EncryptMessageBegin)(ulong, void *, ulong, byte *, ulong);
    ulong (*C_EncryptMessageNext)(ulong, void *, ulong, byte *, ulong, byte *, ulong *, ulong);
    ulong (*C_MessageEncryptFinal)(ulong);
    ulong (*C_MessageDecryptInit)(ulong, mechanism *, ulong);
    ulong (*C_DecryptMessage)(ulong, void *, ulong, byte *, ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_DecryptMessageBegin)(ulong, void *, ulong, byte *, ulong);
    ulong (*C_DecryptMessageNext)(ulong, void *, ulong, byte *, ulong, byte *, ulong *, ulong);
    ulong (*C_MessageDecryptFinal)(ulong);
    ulong (*C_MessageSignInit)(ulong, mechanism *, ulong);
    ulong (*C_SignMessage)(ulong, void *, ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_SignMessageBegin)(ulong, void *, ulong);
    ulong (*C_SignMessageNext)(ulong, void *, ulong, byte *, ulong, byte *, ulong *);
    ulong (*C_MessageSignFinal)(ulong);
    ulong (*C_MessageVerifyInit)(ulong, mechanism *, ulong);
    ulong (*C_VerifyMessage)(ulong, void *, ulong, byte *, ulong, byte *, ulong);
    ulong (*C_VerifyMessageBegin)(ulong, void *, ulong);
    ulong (*C_VerifyMessageNext)(ulong, void *, ulong, byte *, ulong, byte *, ulong);
    ulong (*C_MessageVerifyFinal)(ulong);
    ulong (*C_EncapsulateKey)(ulong, mechanism *, ulong, attribute *, ulong, byte *, ulong *,
        ulong *);
    ulong (*C_DecapsulateKey)(ulong, mechanism *, ulong, attribute *, ulong, byte *, ulong,
        ulong *);
    ulong (*C_VerifySignatureInit)(ulong, mechanism *, ulong, byte *, ulong);
    ulong (*C_VerifySignature)(ulong, byte *, ulong);
    ulong (*C_VerifySignatureUpdate)(ulong, byte *, ulong);
    ulong (*C_VerifySignatureFinal)(ulong);
    ulong (*C_GetSessionValidationFlags)(ulong, ulong, ulong *);
    ulong (*C_AsyncComplete)(ulong, byte *, void *);
    ulong (*C_AsyncGetID)(ulong, byte *, ulong *);
    ulong (*C_AsyncJoin)(ulong, byte *, ulong, byte *, ulong);
    ulong (*C_WrapKeyAuthenticated)(ulong, mechanism *, ulong, ulong, byte *, ulong, byte *,
        ulong *);
    ulong (*C_UnwrapKeyAuthenticated)(ulong, mechanism *, ulong, byte *, ulong, attribute *,
        ulong, byte *, ulong, ulong *);
};

/* Name and number of each return value that a case names. */
#define RETURN_VALUES(X) \
    X(CKR_OK, 0x0UL) \
    X(CKR_SLOT_ID_INVALID, 0x3UL) \
    X(CKR_GENERAL_ERROR, 0x5UL) \
    X(CKR_FUNCTION_FAILED, 0x6UL) \
    X(CKR_ARGUMENTS_BAD, 0x7UL) \
    X(CKR_NO_EVENT, 0x8UL) \
    X(CKR_ATTRIBUTE_READ_ONLY, 0x10UL) \
    X(CKR_ATTRIBUTE_SENSITIVE, 0x11UL) \
    X(CKR_ATTRIBUTE_TYPE_INVALID, 0x12UL) \
    X(CKR_ATTRIBUTE_VALUE_INVALID, 0x13UL) \
    X(CKR_ACTION_PROHIBITED, 0x1bUL) \
    X(CKR_DATA_INVALID, 0x20UL) \
    X(CKR_DATA_LEN_RANGE, 0x21UL) \
    X(CKR_DEVICE_ERROR, 0x30UL) \
    X(CKR_DEVICE_MEMORY, 0x31UL) \
    X(CKR_DEVICE_REMOVED, 0x32UL) \
    X(CKR_ENCRYPTED_DATA_INVALID, 0x40UL) \
    X(CKR_ENCRYPTED_DATA_LEN_RANGE, 0x41UL) \
    X(CKR_FUNCTION_NOT_PARALLEL, 0x51UL) \
    X(CKR_FUNCTION_NOT_SUPPORTED, 0x54UL) \
    X(CKR_KEY_HANDLE_INVALID, 0x60UL) \
    X(CKR_KEY_SIZE_RANGE, 0x62UL) \
    X(CKR_KEY_TYPE_INCONSISTENT, 0x63UL) \
    X(CKR_KEY_NOT_NEEDED, 0x64UL) \
    X(CKR_KEY_CHANGED, 0x65UL) \
    X(CKR_KEY_NEEDED, 0x66UL) \
    X(CKR_KEY_INDIGESTIBLE, 0x67UL) \
    X(CKR_KEY_FUNCTION_NOT_PERMITTED, 0x68UL) \
    X(CKR_KEY_NOT_WRAPPABLE, 0x69UL) \
    X(CKR_KEY_UNEXTRACTABLE, 0x6aUL) \
    X(CKR_MECHANISM_INVALID, 0x70UL) \
    X(CKR_MECHANISM_PARAM_INVALID, 0x71UL) \
    X(CKR_OBJECT_HANDLE_INVALID, 0x82UL) \
    X(CKR_OPERATION_ACTIVE, 0x90UL) \
    X(CKR_OPERATION_NOT_INITIALIZED, 0x91UL) \
    X(CKR_PIN_INCORRECT, 0xa0UL) \
    X(CKR_PIN_INVALID, 0xa1UL) \
    X(CKR_PIN_LEN_RANGE, 0xa2UL) \
    X(CKR_PIN_LOCKED, 0xa4UL) \
    X(CKR_SESSION_COUNT, 0xb1UL) \
    X(CKR_SESSION_HANDLE_INVALID, 0xb3UL) \
    X(CKR_SESSION_PARALLEL_NOT_SUPPORTED, 0xb4UL) \
    X(CKR_SESSION_READ_ONLY, 0xb5UL) \
    X(CKR_SESSION_EXISTS, 0xb6UL) \
    X(CKR_SESSION_READ_ONLY_EXISTS, 0xb7UL) \
    X(CKR_SESSION_READ_WRITE_SO_EXISTS, 0xb8UL) \
    X(CKR_SIGNATURE_INVALID, 0xc0UL) \
    X(CKR_SIGNATURE_LEN_RANGE, 0xc1UL) \
    X(CKR_TEMPLATE_INCOMPLETE, 0xd0UL) \
    X(CKR_TEMPLATE_INCONSISTENT, 0xd1UL) \
    X(CKR_TOKEN_NOT_PRESENT, 0xe0UL) \
    X(CKR_UNWRAPPING_KEY_HANDLE_INVALID, 0xf0UL) \
    X(CKR_UNWRAPPING_KEY_SIZE_RANGE, 0xf1UL) \
    X(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, 0xf2UL) \
    X(CKR_USER_ALREADY_LOGGED_IN, 0x100UL) \
    X(CKR_USER_NOT_LOGGED_IN, 0x101UL) \
    X(CKR_USER_PIN_NOT_INITIALIZED, 0x102UL) \
    X(CKR_USER_TYPE_INVALID, 0x103UL) \
    X(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, 0x104UL) \
    X(CKR_WRAPPED_KEY_INVALID, 0x110UL) \
    X(CKR_WRAPPED_KEY_LEN_RANGE, 0x112UL) \
    X(CKR_WRAPPING_KEY_HANDLE_INVALID, 0x113UL) \
    X(CKR_WRAPPING_KEY_SIZE_RANGE, 0x114UL) \
    X(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, 0x115UL) \
    X(CKR_RANDOM_SEED_NOT_SUPPORTED, 0x120UL) \
    X(CKR_DOMAIN_PARAMS_INVALID, 0x130UL) \
    X(CKR_CURVE_NOT_SUPPORTED, 0x140UL) \
    X(CKR_BUFFER_TOO_SMALL, 0x150UL) \
    X(CKR_SAVED_STATE_INVALID, 0x160UL) \
    X(CKR_STATE_UNSAVEABLE, 0x180UL) \
    X(CKR_CRYPTOKI_NOT_INITIALIZED, 0x190UL) \
    X(CKR_CRYPTOKI_ALREADY_INITIALIZED, 0x191UL) \
    X(CKR_SESSION_ASYNC_NOT_SUPPORTED, 0x205UL) \
    X(CKR_PUBLIC_KEY_INVALID, 0x1b9UL)

enum {
    CKM_RSA_PKCS_KEY_PAIR_GEN = 0x0,
    CKM_RSA_PKCS = 0x1,
    CKM_SHA256_RSA_PKCS = 0x40,
    CKM_RSA_PKCS_PSS = 0xd,
    CKM_SHA256_RSA_PKCS_PSS = 0x43,
    CKM_RSA_PKCS_OAEP = 0x9,
    CKM_EC_KEY_PAIR_GEN = 0x1040,
    CKM_ECDSA = 0x1041,
    CKM_ECDSA_SHA256 = 0x1044,
    CKM_ECDH1_DERIVE = 0x1050,
    CKM_SHA256 = 0x250,
    CKM_SHA384 = 0x260,
    CKM_SHA256_HMAC = 0x251,
    CKM_SHA256_HMAC_GENERAL = 0x252,
    CKM_GENERIC_SECRET_KEY_GEN = 0x350,
    CKM_AES_KEY_GEN = 0x1080,
    CKM_AES_ECB = 0x1081,
    CKM_AES_CBC = 0x1082,
    CKM_AES_CBC_PAD = 0x1085,
    CKM_AES_CTR = 0x1086,
    CKM_AES_GCM = 0x1087,
    CKM_AES_KEY_WRAP = 0x2109,
    CKM_AES_CMAC = 0x108a,
    CKM_HKDF_DERIVE = 0x402a,
    CKG_MGF1_SHA256 = 0x2,
    CKG_MGF1_SHA384 = 0x3,
    CKZ_DATA_SPECIFIED = 0x1,
    CKD_NULL = 0x1,
    CKO_DATA = 0x0,
    CKO_CERTIFICATE = 0x1,
    CKO_PUBLIC_KEY = 0x2,
    CKO_PRIVATE_KEY = 0x3,
    CKO_SECRET_KEY = 0x4,
    CKO_PROFILE = 0x9,
    CKK_RSA = 0x0,
    CKK_EC = 0x3,
    CKK_AES = 0x1f,
    CKK_GENERIC_SECRET = 0x10,
    CKC_X_509 = 0x0,
    CKA_CLASS = 0x0,
    CKA_TOKEN = 0x1,
    CKA_PRIVATE = 0x2,
    CKA_LABEL = 0x3,
    CKA_VALUE = 0x11,
    CKA_CERTIFICATE_TYPE = 0x80,
    CKA_KEY_TYPE = 0x100,
    CKA_SUBJECT = 0x101,
    CKA_ID = 0x102,
    CKA_SENSITIVE = 0x103,
    CKA_ENCRYPT = 0x104,
    CKA_DECRYPT = 0x105,
    CKA_WRAP = 0x106,
    CKA_UNWRAP = 0x107,
    CKA_SIGN = 0x108,
    CKA_VERIFY = 0x10a,
    CKA_DERIVE = 0x10c,
    CKA_MODULUS = 0x120,
    CKA_MODULUS_BITS = 0x121,
    CKA_PUBLIC_EXPONENT = 0x122,
    CKA_PRIVATE_EXPONENT = 0x123,
    CKA_VALUE_LEN = 0x161,
    CKA_EXTRACTABLE = 0x162,
    CKA_LOCAL = 0x163,
    CKA_KEY_GEN_MECHANISM = 0x166,
    CKA_MODIFIABLE = 0x170,
    CKA_COPYABLE = 0x171,
    CKA_DESTROYABLE = 0x172,
    CKA_EC_PARAMS = 0x180,
    CKA_EC_POINT = 0x181,
    CKA_ALWAYS_AUTHENTICATE = 0x202,
    CKA_ALLOWED_MECHANISMS = 0x40000600,
    CKA_WRAP_TEMPLATE = 0x40000211,
    CKA_UNIQUE_ID = 0x4,
    CKU_SO = 0x0,
    CKU_USER = 0x1,
    CKU_CONTEXT_SPECIFIC = 0x2,
    CKF_DONT_BLOCK = 0x1,
    CKF_RW_SESSION = 0x2,
    CKF_SERIAL_SESSION = 0x4,
    CKF_ASYNC_SESSION = 0x8,
    CKF_TOKEN_INITIALIZED = 0x400,
    CKF_USER_PIN_INITIALIZED = 0x8,
    CKF_OS_LOCKING_OK = 0x2,
    CKF_FIND_OBJECTS = 0x40,
    CKF_ENCRYPT = 0x100,
    CKF_DECRYPT = 0x200,
    CKF_DIGEST = 0x400,
    CKF_SIGN = 0x800,
    CKF_SIGN_RECOVER = 0x1000,
    CKF_VERIFY = 0x2000,
    CKF_VERIFY_RECOVER = 0x4000,
    CKF_HKDF_SALT_NULL = 0x1
};

#endif
