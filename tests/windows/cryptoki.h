/* Cryptoki as C programs of Windows have it: structures are packed to 1 and CK_ULONG has 32 bits
 * (PKCS#11 2.40 section 2.1). */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long ck_ulong;
typedef ck_ulong (*ck_function)();

#pragma pack(push, 1)
struct ck_table {
    unsigned char version[2];
    ck_function function[68];
};
struct ck_attribute {
    ck_ulong type;
    void *value;
    ck_ulong length;
};
struct ck_mechanism {
    ck_ulong mechanism;
    void *parameter;
    ck_ulong length;
};
struct ck_slot {
    unsigned char description[64], manufacturer[32];
    ck_ulong flags;
    unsigned char versions[4];
};
struct ck_token {
    unsigned char label[32], manufacturer[32], model[16], serial[16];
    ck_ulong flags, numbers[10];
    unsigned char versions[4], time[16];
};
#pragma pack(pop)

enum {
    INITIALIZE = 0, FINALIZE = 1, SLOT_LIST = 4, SLOT_INFO = 5, TOKEN_INFO = 6, INIT_TOKEN = 9, INIT_PIN = 10,
    OPEN_SESSION = 12, CLOSE_SESSION = 13, LOGIN = 18, LOGOUT = 19, ATTRIBUTES = 24, FIND_INIT = 26, FIND = 27,
    FIND_FINAL = 28, SIGN_INIT = 42, SIGN = 43, VERIFY_INIT = 48, VERIFY = 49, GENERATE_PAIR = 59
};

static struct ck_table *table;
#define CALL(number, ...) (table->function[number](__VA_ARGS__))

static void expect(ck_ulong found, ck_ulong wanted, const char *what, int line)
{
    if (found == wanted) return;
    printf("line %d: %s: 0x%lx instead of 0x%lx\n", line, what, found, wanted);
    exit(1);
}
#define EXPECT(call, wanted) expect((call), (wanted), #call, __LINE__)
#define OK(call) EXPECT(call, 0)

static HMODULE load(const char *name)
{
    HMODULE library = LoadLibraryA(name);
    if (!library) {
        printf("%s: error %lu\n", name, GetLastError());
        exit(1);
    }
    ck_ulong (*list)(struct ck_table **) =
        (ck_ulong (*)(struct ck_table **))(void *)GetProcAddress(library, "C_GetFunctionList");
    if (!list) {
        printf("no C_GetFunctionList\n");
        exit(1);
    }
    OK(list(&table));
    return library;
}

static ck_ulong session_at(ck_ulong slot)
{
    ck_ulong session = 0;
    OK(CALL(OPEN_SESSION, slot, 6ul, NULL, NULL, &session));
    return session;
}
