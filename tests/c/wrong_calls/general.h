/* General-purpose functions, slots, tokens, sessions and login: sections 5.4 to 5.6. */

/* Section 5.1.1: before C_Initialize every function says so, whatever it is given. */
static void before_initialize(void) {
    attribute *a = 0;
    mechanism *m = 0;
    struct {
        void *functions[4];
        ulong flags;
        void *reserved;
    } arguments = {{0, 0, 0, 0}, CKF_OS_LOCKING_OK, 0};
    byte version[2] = {9, 9}, name[] = "PKCS 11", vendor[] = "Vendor";
    void *interface[9];
    ulong one = 1;
#define BEFORE(function, ...) \
    wrong("5.1.1", #function " before C_Initialize", CKR_CRYPTOKI_NOT_INITIALIZED, \
          p->function(__VA_ARGS__))
    BEFORE(C_Finalize, 0);
    BEFORE(C_GetInfo, 0);
    BEFORE(C_GetSlotList, 0, 0, 0);
    BEFORE(C_GetSlotInfo, 0, 0);
    BEFORE(C_GetTokenInfo, 0, 0);
    BEFORE(C_GetMechanismList, 0, 0, 0);
    BEFORE(C_GetMechanismInfo, 0, 0, 0);
    BEFORE(C_InitToken, 0, 0, 1, 0);
    BEFORE(C_InitPIN, 0, 0, 1);
    BEFORE(C_SetPIN, 0, 0, 1, 0, 1);
    BEFORE(C_OpenSession, 0, 0, 0, 0, 0);
    BEFORE(C_CloseSession, 0);
    BEFORE(C_CloseAllSessions, 0);
    BEFORE(C_GetSessionInfo, 0, 0);
    BEFORE(C_GetOperationState, 0, 0, 0);
    BEFORE(C_SetOperationState, 0, 0, 1, 0, 0);
    BEFORE(C_Login, 0, 0, 0, 1);
    BEFORE(C_Logout, 0);
    BEFORE(C_CreateObject, 0, a, 1, 0);
    BEFORE(C_CopyObject, 0, 0, a, 1, 0);
    BEFORE(C_DestroyObject, 0, 0);
    BEFORE(C_GetObjectSize, 0, 0, 0);
    BEFORE(C_GetAttributeValue, 0, 0, a, 1);
    BEFORE(C_SetAttributeValue, 0, 0, a, 1);
    BEFORE(C_FindObjectsInit, 0, a, 1);
    BEFORE(C_FindObjects, 0, 0, 1, 0);
    BEFORE(C_FindObjectsFinal, 0);
    BEFORE(C_EncryptInit, 0, m, 0);
    BEFORE(C_Encrypt, 0, 0, 1, 0, 0);
    BEFORE(C_EncryptUpdate, 0, 0, 1, 0, 0);
    BEFORE(C_EncryptFinal, 0, 0, 0);
    BEFORE(C_DecryptInit, 0, m, 0);
    BEFORE(C_Decrypt, 0, 0, 1, 0, 0);
    BEFORE(C_DecryptUpdate, 0, 0, 1, 0, 0);
    BEFORE(C_DecryptFinal, 0, 0, 0);
    BEFORE(C_DigestInit, 0, m);
    BEFORE(C_Digest, 0, 0, 1, 0, 0);
    BEFORE(C_DigestUpdate, 0, 0, 1);
    BEFORE(C_DigestKey, 0, 0);
    BEFORE(C_DigestFinal, 0, 0, 0);
    BEFORE(C_SignInit, 0, m, 0);
    BEFORE(C_Sign, 0, 0, 1, 0, 0);
    BEFORE(C_SignUpdate, 0, 0, 1);
    BEFORE(C_SignFinal, 0, 0, 0);
    BEFORE(C_SignRecoverInit, 0, m, 0);
    BEFORE(C_SignRecover, 0, 0, 1, 0, 0);
    BEFORE(C_VerifyInit, 0, m, 0);
    BEFORE(C_Verify, 0, 0, 1, 0, 1);
    BEFORE(C_VerifyUpdate, 0, 0, 1);
    BEFORE(C_VerifyFinal, 0, 0, 1);
    BEFORE(C_VerifyRecoverInit, 0, m, 0);
    BEFORE(C_VerifyRecover, 0, 0, 1, 0, 0);
    BEFORE(C_DigestEncryptUpdate, 0, 0, 1, 0, 0);
    BEFORE(C_DecryptDigestUpdate, 0, 0, 1, 0, 0);
    BEFORE(C_SignEncryptUpdate, 0, 0, 1, 0, 0);
    BEFORE(C_DecryptVerifyUpdate, 0, 0, 1, 0, 0);
    BEFORE(C_GenerateKey, 0, m, a, 1, 0);
    BEFORE(C_GenerateKeyPair, 0, m, a, 1, a, 1, 0, 0);
    BEFORE(C_WrapKey, 0, m, 0, 0, 0, 0);
    BEFORE(C_UnwrapKey, 0, m, 0, 0, 1, a, 1, 0);
    BEFORE(C_DeriveKey, 0, m, 0, a, 1, 0);
    BEFORE(C_SeedRandom, 0, 0, 1);
    BEFORE(C_GenerateRandom, 0, 0, 1);
    BEFORE(C_GetFunctionStatus, 0);
    BEFORE(C_CancelFunction, 0);
    BEFORE(C_WaitForSlotEvent, 0, 0, 0);
    BEFORE(C_LoginUser, 0, 0, 0, 1, 0, 1);
    BEFORE(C_SessionCancel, 0, 0);
    BEFORE(C_VerifySignatureInit, 0, m, 0, 0, 1);
    BEFORE(C_VerifySignature, 0, 0, 1);
    BEFORE(C_VerifySignatureUpdate, 0, 0, 1);
    BEFORE(C_VerifySignatureFinal, 0);
#undef BEFORE

    arguments.reserved = in;
    wrong("5.4.1", "a reserved pointer", CKR_ARGUMENTS_BAD, p->C_Initialize(&arguments));
    arguments.reserved = 0;
    *(ulong (**)(void **))&arguments.functions[2] = p->C_GetFunctionList;
    wrong("5.4.1", "one function of four", CKR_ARGUMENTS_BAD, p->C_Initialize(&arguments));

    wrong("5.4.4", "nowhere to put it", CKR_ARGUMENTS_BAD, p->C_GetFunctionList(0));
    wrong("5.4.5", "no count", CKR_ARGUMENTS_BAD, p->C_GetInterfaceList(0, 0));
    wrong("5.4.5", "a short list", CKR_BUFFER_TOO_SMALL,
          p->C_GetInterfaceList((void *)interface, &one));
    wrong("5.4.6", "an unknown name", CKR_FUNCTION_FAILED,
          p->C_GetInterface(vendor, 0, (void *)interface, 0));
    wrong("5.4.6", "an unknown version", CKR_FUNCTION_FAILED,
          p->C_GetInterface(name, (void *)version, (void *)interface, 0));
    wrong("5.4.6", "flags that none has", CKR_FUNCTION_FAILED,
          p->C_GetInterface(name, 0, (void *)interface, 0x80));
    wrong("5.4.6", "nowhere to put it", CKR_ARGUMENTS_BAD, p->C_GetInterface(name, 0, 0, 0));
}

/* A card to work with: a blank one is initialised, which comes with wrong calls of its own. */
static void slots(void) {
    struct {
        byte texts[96];
        ulong flags, numbers[10];
        byte rest[32];
    } token;
    byte label[32] = "wrong calls                    ";
    ulong list[8], count = COUNT(list), nothing = 0, so;
    label[31] = ' ';

    wrong("5.4.1", "twice", CKR_CRYPTOKI_ALREADY_INITIALIZED, p->C_Initialize(0));
    wrong("5.4.2", "a reserved pointer", CKR_ARGUMENTS_BAD, p->C_Finalize(in));
    wrong("5.4.3", "nowhere to put it", CKR_ARGUMENTS_BAD, p->C_GetInfo(0));
    wrong("5.5.1", "no count", CKR_ARGUMENTS_BAD, p->C_GetSlotList(0, list, 0));
    wrong("5.5.1", "a short list", CKR_BUFFER_TOO_SMALL, p->C_GetSlotList(0, list, &nothing));
    must("slots", p->C_GetSlotList(1, list, &count));
    if (count == 0) exit(2);
    slot = list[0];
    must("token", p->C_GetTokenInfo(slot, &token));

    wrong("5.5.2", "an unknown slot", CKR_SLOT_ID_INVALID, p->C_GetSlotInfo(4711, out));
    wrong("5.5.2", "nowhere to put it", CKR_ARGUMENTS_BAD, p->C_GetSlotInfo(slot, 0));
    wrong("5.5.3", "an unknown slot", CKR_SLOT_ID_INVALID, p->C_GetTokenInfo(4711, out));
    wrong("5.5.3", "nowhere to put it", CKR_ARGUMENTS_BAD, p->C_GetTokenInfo(slot, 0));
    wrong("5.5.4", "a reserved pointer", CKR_ARGUMENTS_BAD,
          p->C_WaitForSlotEvent(CKF_DONT_BLOCK, &handle, in));
    wrong("5.5.4", "nowhere to put it", CKR_ARGUMENTS_BAD,
          p->C_WaitForSlotEvent(CKF_DONT_BLOCK, 0, 0));
    wrong("5.5.5", "no count", CKR_ARGUMENTS_BAD, p->C_GetMechanismList(slot, list, 0));
    nothing = 1;
    wrong("5.5.5", "a short list", CKR_BUFFER_TOO_SMALL,
          p->C_GetMechanismList(slot, list, &nothing));
    wrong("5.5.5", "an unknown slot", CKR_SLOT_ID_INVALID,
          p->C_GetMechanismList(4711, 0, &nothing));
    wrong("5.5.6", "an unknown slot", CKR_SLOT_ID_INVALID,
          p->C_GetMechanismInfo(4711, CKM_SHA256, out));
    wrong("5.5.6", "an unknown mechanism", CKR_MECHANISM_INVALID,
          p->C_GetMechanismInfo(slot, 0x7777, out));
    wrong("5.5.6", "nowhere to put it", CKR_ARGUMENTS_BAD,
          p->C_GetMechanismInfo(slot, CKM_SHA256, 0));
    wrong("5.5.7", "an unknown slot", CKR_SLOT_ID_INVALID,
          p->C_InitToken(4711, (byte *)SO_PASSCODE, 8, label));
    wrong("5.5.7", "no label", CKR_ARGUMENTS_BAD,
          p->C_InitToken(slot, (byte *)SO_PASSCODE, 8, 0));
    wrong("5.5.7", "a passcode from nowhere", CKR_ARGUMENTS_BAD,
          p->C_InitToken(slot, 0, 8, label));

    if (token.flags & CKF_USER_PIN_INITIALIZED) return;
    wrong("5.5.7", "a passcode of no allowed length", CKR_PIN_LEN_RANGE,
          p->C_InitToken(slot, (byte *)"1", 1, label));
    must("initialise", p->C_InitToken(slot, (byte *)SO_PASSCODE, 8, label));
    wrong("5.5.7", "another passcode than the officer's", CKR_PIN_INCORRECT,
          p->C_InitToken(slot, (byte *)"88888888", 8, label));
    must("session", p->C_OpenSession(slot, CKF_SERIAL_SESSION, 0, 0, &handle));
    wrong("5.5.7", "while a session is open", CKR_SESSION_EXISTS,
          p->C_InitToken(slot, (byte *)SO_PASSCODE, 8, label));
    must("session", p->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, 0, 0, &so));
    wrong("5.6.8", "the officer while a session reads only", CKR_SESSION_READ_ONLY_EXISTS,
          p->C_Login(so, CKU_SO, (byte *)SO_PASSCODE, 8));
    must("close", p->C_CloseSession(handle));
    wrong("5.6.8", "a user without a passcode", CKR_USER_PIN_NOT_INITIALIZED,
          p->C_Login(so, CKU_USER, (byte *)"123456", 6));
    wrong("5.5.8", "by nobody", CKR_USER_NOT_LOGGED_IN, p->C_InitPIN(so, (byte *)"123456", 6));
    must("officer", p->C_Login(so, CKU_SO, (byte *)SO_PASSCODE, 8));
    wrong("5.6.1", "one that reads only while the officer is there",
          CKR_SESSION_READ_WRITE_SO_EXISTS,
          p->C_OpenSession(slot, CKF_SERIAL_SESSION, 0, 0, &handle));
    wrong("5.5.8", "a passcode of no allowed length", CKR_PIN_LEN_RANGE,
          p->C_InitPIN(so, (byte *)"1", 1));
    wrong("5.5.8", "a passcode from nowhere", CKR_ARGUMENTS_BAD, p->C_InitPIN(so, 0, 6));
    must("passcode", p->C_InitPIN(so, (byte *)passcode, strlen(passcode)));
    must("close", p->C_CloseSession(so));
}

static void sessions(void) {
    must("session", p->C_OpenSession(slot, CKF_SERIAL_SESSION, 0, 0, &R));
    wrong("5.6.1", "an unknown slot", CKR_SLOT_ID_INVALID,
          p->C_OpenSession(4711, CKF_SERIAL_SESSION, 0, 0, &handle));
    wrong("5.6.1", "parallel", CKR_SESSION_PARALLEL_NOT_SUPPORTED,
          p->C_OpenSession(slot, CKF_RW_SESSION, 0, 0, &handle));
    wrong("5.6.1 of 3.2", "asynchronous", CKR_SESSION_ASYNC_NOT_SUPPORTED,
          p->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_ASYNC_SESSION, 0, 0, &handle));
    wrong("5.6.1", "nowhere to put it", CKR_ARGUMENTS_BAD,
          p->C_OpenSession(slot, CKF_SERIAL_SESSION, 0, 0, 0));
    wrong("5.6.2", "no session", CKR_SESSION_HANDLE_INVALID, p->C_CloseSession(0));
    must("session", p->C_OpenSession(slot, CKF_SERIAL_SESSION, 0, 0, &handle));
    must("close", p->C_CloseSession(handle));
    wrong("5.6.2", "a session that was closed", CKR_SESSION_HANDLE_INVALID,
          p->C_CloseSession(handle));
    wrong("5.6.3", "an unknown slot", CKR_SLOT_ID_INVALID, p->C_CloseAllSessions(4711));
    wrong("5.6.4", "no session", CKR_SESSION_HANDLE_INVALID, p->C_GetSessionInfo(0, out));
    wrong("5.6.4", "nowhere to put it", CKR_ARGUMENTS_BAD, p->C_GetSessionInfo(R, 0));
    wrong("5.6.5", "no session", CKR_SESSION_HANDLE_INVALID, p->C_SessionCancel(0, CKF_SIGN));
    wrong("5.6.10", "nobody is there", CKR_USER_NOT_LOGGED_IN, p->C_Logout(R));
    wrong("5.6.10", "no session", CKR_SESSION_HANDLE_INVALID, p->C_Logout(0));
    wrong("5.6.8", "no session", CKR_SESSION_HANDLE_INVALID,
          p->C_Login(0, CKU_USER, (byte *)passcode, strlen(passcode)));
    wrong("5.6.8", "an unknown user", CKR_USER_TYPE_INVALID,
          p->C_Login(R, 7, (byte *)passcode, strlen(passcode)));
    wrong("5.6.8", "a passcode from nowhere", CKR_ARGUMENTS_BAD, p->C_Login(R, CKU_USER, 0, 6));
    wrong("5.6.8", "a wrong passcode", CKR_PIN_INCORRECT,
          p->C_Login(R, CKU_USER, (byte *)"90909090", 8));
    wrong("5.6.8", "a passcode of no allowed length", CKR_PIN_INCORRECT,
          p->C_Login(R, CKU_USER, (byte *)"1", 1));
    must("session",
         p->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, 0, 0, &S));
    must("login", p->C_Login(S, CKU_USER, (byte *)passcode, strlen(passcode)));
}

static void logins(void) {
    wrong("5.6.8", "twice", CKR_USER_ALREADY_LOGGED_IN,
          p->C_Login(R, CKU_USER, (byte *)passcode, strlen(passcode)));
    wrong("5.6.8", "once more without an operation", CKR_OPERATION_NOT_INITIALIZED,
          p->C_Login(S, CKU_CONTEXT_SPECIFIC, (byte *)passcode, strlen(passcode)));
    wrong("5.5.9", "in a session that reads only", CKR_SESSION_READ_ONLY,
          p->C_SetPIN(R, (byte *)passcode, strlen(passcode), (byte *)"135790", 6));
    wrong("5.5.9", "no session", CKR_SESSION_HANDLE_INVALID,
          p->C_SetPIN(0, (byte *)passcode, strlen(passcode), (byte *)"135790", 6));
    wrong("5.5.9", "a new passcode from nowhere", CKR_ARGUMENTS_BAD,
          p->C_SetPIN(S, (byte *)passcode, strlen(passcode), 0, 6));
    wrong("5.5.8", "by the user", CKR_USER_NOT_LOGGED_IN, p->C_InitPIN(S, (byte *)"123456", 6));
    wrong("5.6.6", "no operation", CKR_OPERATION_NOT_INITIALIZED,
          p->C_GetOperationState(S, out, &length));
    wrong("5.6.6", "no session", CKR_SESSION_HANDLE_INVALID,
          p->C_GetOperationState(0, out, &length));
    wrong("5.6.6", "no length", CKR_ARGUMENTS_BAD, p->C_GetOperationState(S, out, 0));
    wrong("5.6.7", "what is no state", CKR_SAVED_STATE_INVALID,
          p->C_SetOperationState(S, in, sizeof in, 0, 0));
    wrong("5.6.7", "a state from nowhere", CKR_ARGUMENTS_BAD,
          p->C_SetOperationState(S, 0, 8, 0, 0));
    wrong("5.20.1", "of the parallel past", CKR_FUNCTION_NOT_PARALLEL, p->C_GetFunctionStatus(S));
    wrong("5.20.2", "of the parallel past", CKR_FUNCTION_NOT_PARALLEL, p->C_CancelFunction(S));
    wrong("5.19.1", "no session", CKR_SESSION_HANDLE_INVALID, p->C_SeedRandom(0, in, 8));
    wrong("5.19.1", "a seed", CKR_RANDOM_SEED_NOT_SUPPORTED, p->C_SeedRandom(S, in, 8));
    wrong("5.19.2", "no session", CKR_SESSION_HANDLE_INVALID, p->C_GenerateRandom(0, out, 8));
    wrong("5.19.2", "nowhere to put it", CKR_ARGUMENTS_BAD, p->C_GenerateRandom(S, 0, 8));
}
