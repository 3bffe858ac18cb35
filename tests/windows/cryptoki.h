/* Cryptoki as C programs of Windows use it: the library by its name, its table, and calls through it. */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../c/structures.h"

enum {
    INITIALIZE = 0, FINALIZE = 1, SLOT_LIST = 4, SLOT_INFO = 5, TOKEN_INFO = 6, INIT_TOKEN = 9, INIT_PIN = 10,
    OPEN_SESSION = 12, CLOSE_SESSION = 13, LOGIN = 18, LOGOUT = 19, ATTRIBUTES = 24, FIND_INIT = 26, FIND = 27,
    FIND_FINAL = 28, SIGN_INIT = 42, SIGN = 43, VERIFY_INIT = 48, VERIFY = 49, GENERATE_PAIR = 59
};

static struct ck_table *table;
#define CALL(number, ...) (((ck_ulong (*)())table->function[number])(__VA_ARGS__))

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
