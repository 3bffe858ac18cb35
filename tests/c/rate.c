/* Signatures one after another, with the first private key that a module shows: how many a second.
 *
 *   rate MODULE PASSCODE MECHANISM SECONDS     the mechanism in hexadecimal; prints signatures per
 *                                              second and the time of half of them in microseconds
 */
#include "cryptoki.h"
#include <time.h>

enum { MOST = 1 << 20 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int shorter(const void *one, const void *other) {
    const double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

int main(int count, char **argument) {
    /* As long as a digest of SHA-256, for mechanisms that take one. */
    static const char text[] = "thirty-two bytes to be signed...";
    static double took[MOST];
    unsigned char signature[512];
    static ck_ulong slot, session, key, length, mechanism;
    double limit, begun, before, after;
    int done = 0;
    if (count != 5) return 2;
    load(argument[1]);
    mechanism = strtoul(argument[3], 0, 16);
    limit = atof(argument[4]);
    must("initialize", initialize());
    must("slots", first_slot(&slot));
    must("session", open_session(slot, &session));
    must("login", login(session, argument[2]));
    must("key", find(session, CKO_PRIVATE_KEY, &key));
    must("warm", sign_with(session, key, mechanism, text, signature, &length));
    begun = before = now();
    do {
        must("sign", sign_with(session, key, mechanism, text, signature, &length));
        after = now();
        took[done++] = after - before;
        before = after;
    } while (after - begun < limit && done < MOST);
    qsort(took, (size_t)done, sizeof took[0], shorter);
    printf("%.1f %.1f\n", done / (after - begun), took[done / 2] * 1e6);
    return 0;
}
