/*
 * A PC/SC application that does what it is told, a line at a time, and answers with a line:
 *
 *   establish | state | await present|empty | connect shared|exclusive | apdu HEX | echo N
 *   begin | end | reset | disconnect leave|reset|unpower | tlv | fuzz N SEED | time N HEX
 */
#include <inttypes.h>
#include <reader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <winscard.h>

static SCARDCONTEXT context;
static SCARDHANDLE card;
static DWORD protocol;
static char reader[256];
static unsigned char command[70000], response[70000];

static int bad(LONG code)
{
    if (code)
        printf("error %s\n", pcsc_stringify_error(code));
    return code != 0;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The first reader, whatever number pcscd gave it. */
static int find(void)
{
    DWORD length = sizeof reader;
    return SCardListReaders(context, NULL, reader, &length) == SCARD_S_SUCCESS && reader[0];
}

static LONG transmit(size_t length, DWORD *got)
{
    *got = sizeof response;
    return SCardTransmit(card, protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1, command,
                         length, NULL, response, got);
}

static size_t hex(const char *text)
{
    size_t length = 0;
    unsigned byte;
    while (length < sizeof command && sscanf(text, "%2x", &byte) == 1) {
        command[length++] = (unsigned char)byte;
        text += 2;
    }
    return length;
}

/* Whether a card is there, after at most that many milliseconds of its being otherwise. */
static void await(const char *wanted)
{
    SCARD_READERSTATE state = { .szReader = reader, .dwCurrentState = SCARD_STATE_UNAWARE };
    double until = now() + 20e6;
    DWORD mask = strcmp(wanted, "present") ? SCARD_STATE_EMPTY : SCARD_STATE_PRESENT;
    while (now() < until) {
        if (!find()) {
            struct timespec pause = { 0, 5000000 };
            nanosleep(&pause, NULL);
            continue;
        }
        LONG code = SCardGetStatusChange(context, 1000, &state, 1);
        if (code && code != SCARD_E_TIMEOUT) {
            if (code != SCARD_E_UNKNOWN_READER && bad(code))
                return;
            continue;
        }
        if (state.dwEventState & mask) {
            printf("ok\n");
            return;
        }
        state.dwCurrentState = state.dwEventState;
    }
    printf("error never %s\n", wanted);
}

int main(void)
{
    static char line[200000];
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof line, stdin)) {
        char word[32] = "", *rest = line;
        int used = 0;
        sscanf(line, "%31s %n", word, &used);
        rest += used;
        rest[strcspn(rest, "\n")] = 0;
        DWORD got;
        if (!strcmp(word, "establish")) {
            SCardReleaseContext(context);
            if (!bad(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context)))
                printf("ok\n");
        } else if (!strcmp(word, "state")) {
            SCARD_READERSTATE state = { .szReader = reader, .dwCurrentState = SCARD_STATE_UNAWARE };
            if (!find())
                printf("none\n");
            else if (!bad(SCardGetStatusChange(context, 0, &state, 1)))
                printf("%s\n", state.dwEventState & SCARD_STATE_PRESENT ? "present" : "empty");
        } else if (!strcmp(word, "await")) {
            await(rest);
        } else if (!strcmp(word, "connect")) {
            DWORD share = strcmp(rest, "exclusive") ? SCARD_SHARE_SHARED : SCARD_SHARE_EXCLUSIVE;
            find();
            if (!bad(SCardConnect(context, reader, share, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                                  &card, &protocol)))
                printf("ok\n");
        } else if (!strcmp(word, "apdu")) {
            if (!bad(transmit(hex(rest), &got))) {
                for (DWORD at = 0; at < got; at++)
                    printf("%02x", response[at]);
                printf("\n");
            }
        } else if (!strcmp(word, "echo")) {
            size_t n = (size_t)atoi(rest);
            unsigned char head[] = { 0x80, 0x10, 0, 0, 0, (unsigned char)(n >> 8), (unsigned char)n };
            memcpy(command, head, sizeof head);
            for (size_t at = 0; at < n; at++)
                command[7 + at] = (unsigned char)(at * 7);
            command[7 + n] = command[8 + n] = 0;
            if (!bad(transmit(n + 9, &got)))
                printf(got == n + 2 && !memcmp(response, command + 7, n) ? "ok\n" : "wrong %lu\n", got);
        } else if (!strcmp(word, "begin")) {
            if (!bad(SCardBeginTransaction(card)))
                printf("ok\n");
        } else if (!strcmp(word, "end")) {
            if (!bad(SCardEndTransaction(card, SCARD_LEAVE_CARD)))
                printf("ok\n");
        } else if (!strcmp(word, "reset")) {
            if (!bad(SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                                    SCARD_RESET_CARD, &protocol)))
                printf("ok\n");
        } else if (!strcmp(word, "disconnect")) {
            DWORD how = !strcmp(rest, "reset") ? SCARD_RESET_CARD
                : !strcmp(rest, "unpower") ? SCARD_UNPOWER_CARD : SCARD_LEAVE_CARD;
            if (!bad(SCardDisconnect(card, how)))
                printf("ok\n");
        } else if (!strcmp(word, "tlv")) {
            if (bad(SCardControl(card, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, response,
                                 sizeof response, &got)))
                continue;
            DWORD code = 0;
            for (DWORD at = 0; at + 6 <= got; at += 6)
                if (response[at] == FEATURE_GET_TLV_PROPERTIES)
                    code = (DWORD)response[at + 2] << 24 | (DWORD)response[at + 3] << 16 |
                        (DWORD)response[at + 4] << 8 | response[at + 5];
            if (!bad(SCardControl(card, code, NULL, 0, response, sizeof response, &got))) {
                for (DWORD at = 0; at < got; at++)
                    printf("%02x", response[at]);
                printf("\n");
            }
        } else if (!strcmp(word, "fuzz")) {
            long count = strtol(rest, &rest, 10), answered = 0;
            srand((unsigned)strtoul(rest, NULL, 10));
            for (long at = 0; at < count; at++) {
                size_t length = rand() % 64 ? 4 + (size_t)rand() % 40 : (size_t)rand() % 66000;
                for (size_t byte = 0; byte < length; byte++)
                    command[byte] = (unsigned char)rand();
                if (length > 1 && command[0] == 0x80 && command[1] == 0x30)
                    command[1] = 0; /* would sleep */
                answered += transmit(length, &got) == 0;
            }
            printf("ok %ld\n", answered);
        } else if (!strcmp(word, "time")) {
            int count = (int)strtol(rest, &rest, 10);
            size_t length = hex(rest + 1);
            double *each = calloc((size_t)count, sizeof *each);
            for (int at = 0; at < count; at++) {
                double begun = now();
                if (bad(transmit(length, &got)))
                    return 1;
                each[at] = now() - begun;
            }
            qsort(each, (size_t)count, sizeof *each, order);
            printf("%.1f %.1f\n", each[count / 2], each[count - 1 - count / 100]);
            free(each);
        } else {
            printf("error what is %s\n", word);
        }
    }
    return 0;
}
