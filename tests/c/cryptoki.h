/* The few calls of PKCS#11 that the C clients of the tests make, through the module's own table
 * (PKCS#11 2.40 section 5.4; the order of the functions is the standard's). */
#ifndef WARDCARD_TEST_CRYPTOKI_H
#define WARDCARD_TEST_CRYPTOKI_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "structures.h"

enum {
    CKR_OK = 0x00,
    CKR_SLOT_ID_INVALID = 0x03,
    CKR_GENERAL_ERROR = 0x05,
    CKR_ARGUMENTS_BAD = 0x07,
    CKR_NO_EVENT = 0x08,
    CKR_DEVICE_REMOVED = 0x32,
    CKR_SESSION_HANDLE_INVALID = 0xb3,
    CKR_TOKEN_NOT_PRESENT = 0xe0,
    CKR_CRYPTOKI_NOT_INITIALIZED = 0x190,
    CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191,
    CKM_SHA256 = 0x250,
    CKM_SHA256_RSA_PKCS = 0x40,
    CKM_SHA384_RSA_PKCS = 0x41,
    CKA_CLASS = 0,
    CKO_PUBLIC_KEY = 2,
    CKO_PRIVATE_KEY = 3,
    CKF_SERIAL_AND_RW = 6,
    CKU_USER = 1
};

/* Places in the table. */
enum {
    F_INITIALIZE = 0,
    F_FINALIZE = 1,
    F_GET_INFO = 2,
    F_GET_SLOT_LIST = 4,
    F_GET_TOKEN_INFO = 6,
    F_OPEN_SESSION = 12,
    F_CLOSE_SESSION = 13,
    F_CLOSE_ALL_SESSIONS = 14,
    F_GET_SESSION_INFO = 15,
    F_LOGIN = 18,
    F_LOGOUT = 19,
    F_CREATE_OBJECT = 20,
    F_DESTROY_OBJECT = 22,
    F_GET_ATTRIBUTE_VALUE = 24,
    F_FIND_INIT = 26,
    F_FIND = 27,
    F_FIND_FINAL = 28,
    F_ENCRYPT_INIT = 29,
    F_ENCRYPT = 30,
    F_DECRYPT_INIT = 33,
    F_DECRYPT = 34,
    F_DIGEST_INIT = 37,
    F_DIGEST = 38,
    F_SIGN_INIT = 42,
    F_SIGN = 43,
    F_VERIFY_INIT = 48,
    F_VERIFY = 49,
    F_GENERATE_KEY = 58,
    F_GENERATE_KEY_PAIR = 59,
    F_GENERATE_RANDOM = 64,
    F_WAIT_FOR_SLOT_EVENT = 67
};

static struct ck_table *table;

#define CALL(place, types, arguments) (((ck_ulong(*) types)table->function[place])arguments)

static void load(const char *path) {
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ck_ulong (*list)(struct ck_table **);
    if (!module) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    *(void **)&list = dlsym(module, "C_GetFunctionList");
    if (!list || list(&table) != CKR_OK) exit(2);
}

/* Locks of the operating system are fine: several threads will call. */
static ck_ulong initialize(void) {
    struct {
        void *functions[4];
        ck_ulong flags;
        void *reserved;
    } arguments = {{0, 0, 0, 0}, 2, 0};
    return CALL(F_INITIALIZE, (void *), (&arguments));
}

static ck_ulong finalize(void) {
    return CALL(F_FINALIZE, (void *), (0));
}

static ck_ulong close_session(ck_ulong session) {
    return CALL(F_CLOSE_SESSION, (ck_ulong), (session));
}

static ck_ulong first_slot(ck_ulong *slot) {
    ck_ulong slots[8], count = 8;
    ck_ulong rv = CALL(F_GET_SLOT_LIST, (unsigned char, ck_ulong *, ck_ulong *), (0, slots, &count));
    if (rv == CKR_OK) {
        if (count == 0) return CKR_SLOT_ID_INVALID;
        *slot = slots[0];
    }
    return rv;
}

static ck_ulong open_session(ck_ulong slot, ck_ulong *session) {
    return CALL(F_OPEN_SESSION, (ck_ulong, ck_ulong, void *, void *, ck_ulong *),
                (slot, CKF_SERIAL_AND_RW, 0, 0, session));
}

static ck_ulong login(ck_ulong session, const char *passcode) {
    return CALL(F_LOGIN, (ck_ulong, ck_ulong, const char *, ck_ulong),
                (session, CKU_USER, passcode, strlen(passcode)));
}

static ck_ulong find(ck_ulong session, ck_ulong class, ck_ulong *object) {
    struct ck_attribute wanted = {CKA_CLASS, &class, sizeof class};
    ck_ulong found = 0;
    ck_ulong rv = CALL(F_FIND_INIT, (ck_ulong, void *, ck_ulong), (session, &wanted, 1));
    if (rv != CKR_OK) return rv;
    rv = CALL(F_FIND, (ck_ulong, ck_ulong *, ck_ulong, ck_ulong *), (session, object, 1, &found));
    if (rv != CKR_OK) return rv;
    rv = CALL(F_FIND_FINAL, (ck_ulong), (session));
    return rv == CKR_OK && found == 0 ? CKR_TOKEN_NOT_PRESENT : rv;
}

static ck_ulong sign_with(ck_ulong session, ck_ulong key, ck_ulong mechanism, const char *text,
                          unsigned char *signature, ck_ulong *length) {
    struct ck_mechanism how = {mechanism, 0, 0};
    ck_ulong rv = CALL(F_SIGN_INIT, (ck_ulong, void *, ck_ulong), (session, &how, key));
    if (rv != CKR_OK) return rv;
    *length = 512;
    return CALL(F_SIGN, (ck_ulong, const char *, ck_ulong, unsigned char *, ck_ulong *),
                (session, text, strlen(text), signature, length));
}

static ck_ulong verify_with(ck_ulong session, ck_ulong key, ck_ulong mechanism, const char *text,
                            unsigned char *signature, ck_ulong length) {
    struct ck_mechanism how = {mechanism, 0, 0};
    ck_ulong rv = CALL(F_VERIFY_INIT, (ck_ulong, void *, ck_ulong), (session, &how, key));
    if (rv != CKR_OK) return rv;
    return CALL(F_VERIFY, (ck_ulong, const char *, ck_ulong, unsigned char *, ck_ulong),
                (session, text, strlen(text), signature, length));
}

/* Says a line at once, so that the test can act upon it. */
static void say(const char *what, ck_ulong number) {
    printf("%s %lx\n", what, number);
    fflush(stdout);
}

static void must(const char *what, ck_ulong rv) {
    if (rv == CKR_OK) return;
    say(what, rv);
    exit(1);
}

/* Waits for a line of the test; the end of the input ends the client. */
static char *heard(char *line, int room) {
    if (!fgets(line, room, stdin)) exit(3);
    line[strcspn(line, "\n")] = 0;
    return line;
}

#endif
