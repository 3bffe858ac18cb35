/* Ten threads of one application: one waits for a slot event, one for a signature that the agent
 * holds back, eight sign. The eight are not to wait for the two.
 *
 *   together MODULE PASSCODE NUMBER [alone]
 *
 * NUMBER is that of the signatures of each of the eight; `alone` leaves out what is held back.
 *
 * Says what has come; goes on at a line of the test. What hangs is ended by SIGALRM.
 */
#include "cryptoki.h"
#include <pthread.h>
#include <stdatomic.h>

static ck_ulong slot, key;
static int number;
static atomic_ulong wrong, event_came, slow_came;

static ck_ulong sign_in(ck_ulong session, ck_ulong mechanism) {
    unsigned char signature[512];
    ck_ulong length;
    return sign_with(session, key, mechanism, "text", signature, &length);
}

static void *wait_for_event(void *nothing) {
    ck_ulong where = 99;
    ck_ulong rv =
        CALL(F_WAIT_FOR_SLOT_EVENT, (ck_ulong, ck_ulong *, void *), (0, &where, nothing));
    atomic_store(&event_came, 1);
    say("event", rv == CKR_OK ? where : rv);
    return 0;
}

static void *sign_slowly(void *session) {
    ck_ulong rv = sign_in(*(ck_ulong *)session, CKM_SHA384_RSA_PKCS);
    atomic_store(&slow_came, 1);
    say("slow", rv);
    return 0;
}

static void *sign_many(void *session) {
    int done;
    for (done = 0; done < number; done++)
        if (sign_in(*(ck_ulong *)session, CKM_SHA256_RSA_PKCS) != CKR_OK)
            atomic_fetch_add(&wrong, 1);
    return 0;
}

int main(int count, char **argument) {
    ck_ulong sessions[9];
    pthread_t waiter, slow, eight[8];
    char line[16];
    int one;
    if (count != 4 && count != 5) return 2;
    number = atoi(argument[3]);
    alarm(60);
    load(argument[1]);
    must("initialize", initialize());
    must("slots", first_slot(&slot));
    for (one = 0; one < 9; one++) must("session", open_session(slot, &sessions[one]));
    must("login", login(sessions[0], argument[2]));
    must("key", find(sessions[0], CKO_PRIVATE_KEY, &key));
    must("first", sign_in(sessions[0], CKM_SHA256_RSA_PKCS));
    pthread_create(&waiter, 0, wait_for_event, 0);
    if (count == 4) pthread_create(&slow, 0, sign_slowly, &sessions[8]);
    heard(line, sizeof line);
    for (one = 0; one < 8; one++) pthread_create(&eight[one], 0, sign_many, &sessions[one]);
    for (one = 0; one < 8; one++) pthread_join(eight[one], 0);
    say("eight", atomic_load(&wrong));
    say("came meanwhile", atomic_load(&event_came) + atomic_load(&slow_came));
    if (count == 4) pthread_join(slow, 0);
    pthread_join(waiter, 0);
    must("finalize", CALL(F_FINALIZE, (void *), (0)));
    say("done", 0);
    return 0;
}
