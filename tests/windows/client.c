/* A client of the module in a process of its own, as legacy programs of Windows are: it loads the
 * library by name, takes its table, and calls through it. Structures are packed to 1 and CK_ULONG has
 * 32 bits (PKCS#11 2.40 section 2.1).
 *
 *   client DLL unload COUNT      loads and unloads it, with a call in between; counts handles, threads
 *   client DLL store             a card of one's own: WARDCARD_STORE and WARDCARD_STORE_KEY are set.
 *                                An elevated process sees none, since it does not believe them, and
 *                                does the rest in an unelevated one of the same person
 *   client DLL agent PASSCODE    a card of an agent: list, wrong passcode, login, sign, verify; then,
 *                                for each line that is read, the same again with a new session
 */
#include <windows.h>
#include <tlhelp32.h>
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
struct ck_token {
    unsigned char label[32], manufacturer[32], model[16], serial[16];
    ck_ulong flags, numbers[10];
    unsigned char versions[4], time[16];
};
#pragma pack(pop)

enum {
    INITIALIZE = 0, FINALIZE = 1, SLOT_LIST = 4, TOKEN_INFO = 6, INIT_TOKEN = 9, INIT_PIN = 10,
    OPEN_SESSION = 12, CLOSE_SESSION = 13, LOGIN = 18, LOGOUT = 19, FIND_INIT = 26, FIND = 27,
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

static unsigned long threads(void)
{
    THREADENTRY32 entry = {.dwSize = sizeof entry};
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    unsigned long count = 0;
    for (BOOL more = Thread32First(all, &entry); more; more = Thread32Next(all, &entry))
        count += entry.th32OwnerProcessID == GetCurrentProcessId();
    CloseHandle(all);
    return count;
}

static unsigned long handles(void)
{
    DWORD count = 0;
    GetProcessHandleCount(GetCurrentProcess(), &count);
    return count;
}

static void unload(const char *name, int count)
{
    unsigned long before[2] = {0, 0};
    for (int turn = 0; turn < count; turn++) {
        FreeLibrary(load(name));
        /* The first turns load what the system keeps. */
        if (turn == 9) before[0] = handles(), before[1] = threads();
    }
    printf("handles %lu -> %lu, threads %lu -> %lu\n", before[0], handles(), before[1], threads());
    if (handles() > before[0] + 2 || threads() > before[1]) exit(1);
}

static ck_ulong slot_with(int token)
{
    ck_ulong slots[16], count = 16;
    OK(CALL(SLOT_LIST, (unsigned char)token, slots, &count));
    if (!count) {
        printf("no slot\n");
        exit(1);
    }
    return slots[count - 1];
}

static ck_ulong session_at(ck_ulong slot)
{
    ck_ulong session = 0;
    OK(CALL(OPEN_SESSION, slot, 6ul, NULL, NULL, &session));
    return session;
}

static void sign_and_verify(ck_ulong session, ck_ulong mechanism, ck_ulong private_key,
                            ck_ulong public_key)
{
    struct ck_mechanism with = {mechanism, NULL, 0};
    unsigned char text[] = "the challenge", signature[512];
    ck_ulong length = sizeof signature;
    OK(CALL(SIGN_INIT, session, &with, private_key));
    OK(CALL(SIGN, session, text, (ck_ulong)sizeof text, signature, &length));
    OK(CALL(VERIFY_INIT, session, &with, public_key));
    OK(CALL(VERIFY, session, text, (ck_ulong)sizeof text, signature, length));
    text[0] ^= 1;
    OK(CALL(VERIFY_INIT, session, &with, public_key));
    EXPECT(CALL(VERIFY, session, text, (ck_ulong)sizeof text, signature, length), 0xC0);
}

static void store(void)
{
    unsigned char label[32], so[] = "87654321", user[] = "246810", wrong[] = "135790", yes = 1;
    memset(label, ' ', sizeof label);
    memcpy(label, "Windows", 7);
    OK(CALL(INITIALIZE, NULL));
    ck_ulong slot = slot_with(1);
    OK(CALL(INIT_TOKEN, slot, so, 8ul, label));
    struct ck_token token;
    OK(CALL(TOKEN_INFO, slot, &token));
    if (memcmp(token.label, label, 32)) {
        printf("another label\n");
        exit(1);
    }
    ck_ulong session = session_at(slot), pair[2];
    OK(CALL(LOGIN, session, 0ul, so, 8ul));
    OK(CALL(INIT_PIN, session, user, 6ul));
    OK(CALL(LOGOUT, session));
    EXPECT(CALL(LOGIN, session, 1ul, wrong, 6ul), 0xA0);
    OK(CALL(LOGIN, session, 1ul, user, 6ul));
    ck_ulong bits = 2048;
    struct ck_mechanism rsa = {0, NULL, 0};
    struct ck_attribute public_key[] = {{1, &yes, 1}, {0x121, &bits, sizeof bits}, {0x10A, &yes, 1}};
    struct ck_attribute private_key[] = {{1, &yes, 1}, {0x108, &yes, 1}};
    OK(CALL(GENERATE_PAIR, session, &rsa, public_key, 3ul, private_key, 2ul, &pair[0], &pair[1]));
    sign_and_verify(session, 0x40, pair[1], pair[0]);
    OK(CALL(FINALIZE, NULL));
}

/* Whether the person has an unelevated token beside this process's: then that one. Wine's processes
 * are elevated in this way. */
static HANDLE unelevated(void)
{
    HANDLE own;
    DWORD length;
    TOKEN_ELEVATION_TYPE type;
    TOKEN_LINKED_TOKEN other;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &own) ||
        !GetTokenInformation(own, TokenElevationType, &type, sizeof type, &length)) {
        printf("no token: error %lu\n", GetLastError());
        exit(1);
    }
    if (type != TokenElevationTypeFull) return NULL;
    if (!GetTokenInformation(own, TokenLinkedToken, &other, sizeof other, &length)) {
        printf("no unelevated token: error %lu\n", GetLastError());
        exit(1);
    }
    return other.LinkedToken;
}

/* The environment is not believed here: the agent is asked, and none is there. */
static void store_elevated(void)
{
    ck_ulong slots[16], count = 16;
    OK(CALL(INITIALIZE, NULL));
    OK(CALL(SLOT_LIST, (unsigned char)1, slots, &count));
    OK(CALL(FINALIZE, NULL));
    if (count) {
        printf("an elevated process believes its environment\n");
        exit(1);
    }
    printf("elevated: the environment is not believed\n");
    fflush(stdout);
}

static int again(HANDLE token)
{
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION made;
    DWORD code = 1;
    if (!CreateProcessAsUserA(token, NULL, GetCommandLineA(), NULL, NULL, FALSE, 0, NULL, NULL,
                              &start, &made)) {
        printf("no unelevated process: error %lu\n", GetLastError());
        return 1;
    }
    WaitForSingleObject(made.hProcess, INFINITE);
    GetExitCodeProcess(made.hProcess, &code);
    return (int)code;
}

static ck_ulong find(ck_ulong session, ck_ulong class)
{
    struct ck_attribute wanted = {0, &class, sizeof class};
    ck_ulong object = 0, count = 0;
    OK(CALL(FIND_INIT, session, &wanted, 1ul));
    OK(CALL(FIND, session, &object, 1ul, &count));
    OK(CALL(FIND_FINAL, session));
    if (!count) {
        printf("no object of class %lu\n", class);
        exit(1);
    }
    return object;
}

static void agent(unsigned char *passcode)
{
    OK(CALL(INITIALIZE, NULL));
    char line[16];
    do {
        /* An agent that was away is found again by whoever asks; the first who asks hears of it. */
        ck_ulong slots[16], count = 0;
        for (int turn = 0; turn < 100 && !count; turn++) {
            count = 16;
            if (CALL(SLOT_LIST, (unsigned char)1, slots, &count)) count = 0;
            if (!count) Sleep(100);
        }
        ck_ulong session = session_at(slot_with(1));
        EXPECT(CALL(LOGIN, session, 1ul, (unsigned char *)"000001", 6ul), 0xA0);
        OK(CALL(LOGIN, session, 1ul, passcode, (ck_ulong)strlen((char *)passcode)));
        sign_and_verify(session, 0x40, find(session, 3), find(session, 2));
        printf("signed\n");
        fflush(stdout);
    } while (fgets(line, sizeof line, stdin));
    OK(CALL(FINALIZE, NULL));
}

int main(int count, char **word)
{
    if (count == 4 && !strcmp(word[2], "unload")) {
        unload(word[1], atoi(word[3]));
    } else if (count == 3 && !strcmp(word[2], "store")) {
        HANDLE token = unelevated();
        load(word[1]);
        if (token) {
            store_elevated();
            return again(token);
        }
        store();
    } else if (count == 4 && !strcmp(word[2], "agent")) {
        load(word[1]);
        agent((unsigned char *)word[3]);
    } else {
        return 2;
    }
    printf("ok\n");
    return 0;
}
