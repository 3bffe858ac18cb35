/* A client of the module in a process of its own, as legacy programs of Windows are: it loads the
 * library by name, takes its table, and calls through it.
 *
 *   client DLL unload COUNT      loads and unloads it, with a call in between; counts handles, threads
 *   client DLL store             a card of one's own: WARDCARD_STORE and WARDCARD_STORE_KEY are set
 *   client DLL elevated          sees none, whatever is set: it runs with an administrator's rights
 *   client DLL agent PASSCODE    a card of an agent: list, wrong passcode, login, sign, verify; then,
 *                                for each line that is read, the same again with a new session
 */
#include "cryptoki.h"
#include <tlhelp32.h>

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

/* Each value is asked for: Wine does not count them (GetProcessHandleCount). */
static unsigned long handles(void)
{
    unsigned long count = 0;
    DWORD flags;
    for (size_t value = 4; value < 0x10000; value += 4)
        count += GetHandleInformation((HANDLE)value, &flags) != 0;
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
    /* In 32 bits libgcc, which every library by MinGW has of its own, keeps the tables of unwinding
       behind a lock that it makes when the library is loaded and never closes: one handle a load, also
       for a library of three lines. None is ours. */
    unsigned long of_libgcc = sizeof(void *) == 4 ? (unsigned long)count : 0;
    if (handles() > before[0] + of_libgcc + 2 || threads() > before[1]) exit(1);
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
    unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    struct ck_mechanism ec = {0x1040, NULL, 0};
    public_key[1] = (struct ck_attribute){0x180, p256, sizeof p256};
    OK(CALL(GENERATE_PAIR, session, &ec, public_key, 3ul, private_key, 2ul, &pair[0], &pair[1]));
    sign_and_verify(session, 0x1044, pair[1], pair[0]);
    OK(CALL(FINALIZE, NULL));
}

/* The agent is asked, and none is there. */
static void elevated(void)
{
    ck_ulong slots[16], count = 16;
    OK(CALL(INITIALIZE, NULL));
    OK(CALL(SLOT_LIST, (unsigned char)1, slots, &count));
    OK(CALL(FINALIZE, NULL));
    if (count) {
        printf("an elevated process believes its environment\n");
        exit(1);
    }
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
        load(word[1]);
        store();
    } else if (count == 3 && !strcmp(word[2], "elevated")) {
        load(word[1]);
        elevated();
    } else if (count == 4 && !strcmp(word[2], "agent")) {
        load(word[1]);
        agent((unsigned char *)word[3]);
    } else {
        return 2;
    }
    printf("ok\n");
    return 0;
}
