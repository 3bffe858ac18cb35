/* A legacy application whose agent goes away in the middle of 1,000 signatures. Signals are left
 * as the system sets them; what hangs is ended by SIGALRM after a minute.
 *
 *   kill MODULE PASSCODE     one line on standard input, a passcode, for each time it begins anew
 */
#include "cryptoki.h"

static ck_ulong slot, session, key;

/* As an application does it that knows nothing of what was before. */
static void begin(const char *passcode) {
    must("slots", first_slot(&slot));
    must("session", open_session(slot, &session));
    must("login", login(session, passcode));
    must("key", find(session, CKO_PRIVATE_KEY, &key));
}

int main(int count, char **argument) {
    unsigned char signature[512];
    char passcode[64];
    ck_ulong length, old, public_key, rv = CKR_OK;
    int done, round;
    if (count != 3) return 2;
    alarm(60);
    load(argument[1]);
    must("initialize", initialize());
    begin(argument[2]);
    for (round = 0; round < 2; round++) {
        for (done = 0; done < 1000; done++) {
            rv = sign_with(session, key, CKM_SHA256_RSA_PKCS, "text", signature, &length);
            if (rv != CKR_OK) break;
            if (done == 100) say("signing", 100);
        }
        say("signed", (ck_ulong)done);
        say("lost", rv);
        old = session;
        say("old session", sign_with(old, key, CKM_SHA256_RSA_PKCS, "text", signature, &length));
        say("slots", first_slot(&slot));
        say("new session", open_session(slot, &session));
        heard(passcode, sizeof passcode);
        /* A handle of before never comes to mean something of today's. */
        begin(passcode);
        say("old session", sign_with(old, key, CKM_SHA256_RSA_PKCS, "text", signature, &length));
    }
    must("sign", sign_with(session, key, CKM_SHA256_RSA_PKCS, "text", signature, &length));
    must("key", find(session, CKO_PUBLIC_KEY, &public_key));
    must("verify",
         verify_with(session, public_key, CKM_SHA256_RSA_PKCS, "text", signature, length));
    must("finalize", CALL(F_FINALIZE, (void *), (0)));
    say("done", 0);
    return 0;
}
