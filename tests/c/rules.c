/* Rules about processes, threads and the loader that a PKCS#11 module must keep, each by its name.
 *
 *   rules MODULE RULE [PASSCODE]
 *
 * Without a passcode the module may have no card: sessions are then refused, and everything else
 * holds all the same. What hangs is ended by SIGALRM. Says `kept` with the number of rounds.
 */
#include "cryptoki.h"
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

enum { THREADS = 8 };

static const char *path, *passcode;
static ck_ulong slot;
static atomic_ulong wrong;
static atomic_int stop;
static pthread_barrier_t barrier;
/* Held for reading by who is in the module; one who wants to write is let in next. */
static pthread_rwlock_t inside = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

/* Counts what was not to be, and says it. */
static void expect(const char *what, int kept, ck_ulong rv) {
    if (kept) return;
    atomic_fetch_add(&wrong, 1);
    say(what, rv);
}

static void nap(long microseconds) {
    struct timespec time = {0, microseconds * 1000};
    nanosleep(&time, 0);
}

static void start(pthread_t *thread, void *(*run)(void *), void *with) {
    if (pthread_create(thread, 0, run, with) != 0) exit(4);
}

/* Whether a session is to be had at all. */
static int may_open(ck_ulong rv) {
    return passcode ? rv == CKR_OK : rv == CKR_TOKEN_NOT_PRESENT;
}

/* A little of everything; the first that is not CKR_OK. */
static ck_ulong work(void) {
    unsigned char info[128], random[16], digest[32];
    struct ck_mechanism sha256 = {CKM_SHA256, 0, 0};
    ck_ulong where, session, object, length = sizeof digest, rv;
    if ((rv = first_slot(&where)) != CKR_OK) return rv;
    if ((rv = CALL(F_GET_INFO, (void *), (info))) != CKR_OK) return rv;
    rv = open_session(where, &session);
    if (!passcode) return rv == CKR_TOKEN_NOT_PRESENT ? CKR_OK : rv;
    if (rv != CKR_OK) return rv;
    rv = CALL(F_GENERATE_RANDOM, (ck_ulong, void *, ck_ulong), (session, random, sizeof random));
    if (rv == CKR_OK) rv = find(session, CKO_PUBLIC_KEY, &object);
    if (rv == CKR_OK) rv = CALL(F_DIGEST_INIT, (ck_ulong, void *), (session, &sha256));
    if (rv == CKR_OK)
        rv = CALL(F_DIGEST, (ck_ulong, void *, ck_ulong, void *, ck_ulong *),
                  (session, random, sizeof random, digest, &length));
    if (rv != CKR_OK) {
        (void)close_session(session);
        return rv;
    }
    return close_session(session);
}

/* Rule 7: many threads call C_Initialize at the same moment, and C_Finalize: one each time wins. */
static atomic_ulong won, lost;

static void *initialize_once(void *rounds) {
    int round;
    for (round = 0; round < *(int *)rounds; round++) {
        ck_ulong rv;
        pthread_barrier_wait(&barrier);
        rv = initialize();
        atomic_fetch_add(rv == CKR_OK ? &won : &lost, 1);
        expect("initialize", rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED, rv);
        /* Whoever lost finds it initialised when its call returns. */
        rv = work();
        expect("work", rv == CKR_OK, rv);
        pthread_barrier_wait(&barrier);
        rv = finalize();
        atomic_fetch_add(rv == CKR_OK ? &won : &lost, 1);
        expect("finalize", rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED, rv);
    }
    return 0;
}

static int rule_07_initialize(void) {
    pthread_t threads[THREADS];
    int rounds = 100, one;
    load(path);
    pthread_barrier_init(&barrier, 0, THREADS);
    for (one = 0; one < THREADS; one++) start(&threads[one], initialize_once, &rounds);
    for (one = 0; one < THREADS; one++) pthread_join(threads[one], 0);
    expect("winners", atomic_load(&won) == 2UL * rounds, atomic_load(&won));
    expect("losers", atomic_load(&lost) == 2UL * rounds * (THREADS - 1), atomic_load(&lost));
    return rounds;
}

/* Rule 7: two libraries of one process, each with a handle of its own, share the module. */
static int rule_07_two_libraries(void) {
    struct ck_table *first, *second;
    ck_ulong session;
    load(path);
    first = table;
    load(path);
    second = table;
    expect("one module", first == second, 0);
    expect("first", initialize() == CKR_OK, 0);
    expect("second", initialize() == CKR_CRYPTOKI_ALREADY_INITIALIZED, 0);
    must("slots", first_slot(&slot));
    expect("session", may_open(open_session(slot, &session)), 0);
    expect("first ends", finalize() == CKR_OK, 0);
    /* The second finds out, and begins anew. */
    expect("second sees", work() == CKR_CRYPTOKI_NOT_INITIALIZED, 0);
    expect("second ends", finalize() == CKR_CRYPTOKI_NOT_INITIALIZED, 0);
    expect("second begins", initialize() == CKR_OK, 0);
    expect("second works", work() == CKR_OK, 0);
    return 1;
}

/* Rule 7: C_Finalize while others work and one waits for an event. */
static void *work_on(void *nothing) {
    while (!atomic_load(&stop)) {
        ck_ulong rv;
        pthread_rwlock_rdlock(&inside);
        rv = work();
        pthread_rwlock_unlock(&inside);
        /* A session of before C_Finalize is unknown after the next C_Initialize. */
        expect("work", rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED
               || rv == CKR_SESSION_HANDLE_INVALID, rv);
    }
    return nothing;
}

static void *wait_for_event(void *nothing) {
    ck_ulong where = 99;
    ck_ulong rv = CALL(F_WAIT_FOR_SLOT_EVENT, (ck_ulong, ck_ulong *, void *), (0, &where, 0));
    expect("waiter", rv == CKR_CRYPTOKI_NOT_INITIALIZED && where == 99, rv);
    return nothing;
}

static int rule_07_finalize(void) {
    pthread_t threads[THREADS], waiter;
    int rounds = 40, round, one;
    load(path);
    for (one = 0; one < THREADS; one++) start(&threads[one], work_on, 0);
    for (round = 0; round < rounds; round++) {
        expect("initialize", initialize() == CKR_OK, 0);
        start(&waiter, wait_for_event, 0);
        nap(4000 + 500 * (round % 7));
        expect("finalize", finalize() == CKR_OK, 0);
        pthread_join(waiter, 0);
    }
    atomic_store(&stop, 1);
    for (one = 0; one < THREADS; one++) pthread_join(threads[one], 0);
    return rounds;
}

/* Rule 6: at exit, with threads in the module, C_CloseAllSessions and C_Finalize can be called. */
static void at_exit(void) {
    ck_ulong rv = CALL(F_CLOSE_ALL_SESSIONS, (ck_ulong), (slot));
    expect("close all", rv == CKR_OK || rv == CKR_TOKEN_NOT_PRESENT, rv);
    expect("finalize", finalize() == CKR_OK, 0);
    expect("again", finalize() == CKR_CRYPTOKI_NOT_INITIALIZED, 0);
    say("kept at exit", atomic_load(&wrong));
    fflush(stdout);
    if (atomic_load(&wrong)) _exit(1);
}

static void *work_until_the_end(void *nothing) {
    for (;;) {
        ck_ulong rv = work();
        expect("work", rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED
               || rv == CKR_SESSION_HANDLE_INVALID, rv);
        if (rv == CKR_CRYPTOKI_NOT_INITIALIZED) nap(100);
    }
    return nothing;
}

static int rule_06_exit(void) {
    pthread_t thread;
    int one;
    /* Before the module is loaded, so that it runs after all that the module may have left. */
    atexit(at_exit);
    load(path);
    must("initialize", initialize());
    must("slots", first_slot(&slot));
    for (one = 0; one < THREADS; one++) start(&thread, work_until_the_end, 0);
    nap(20000);
    return 1;
}

/* Rule 6: loaded and unloaded a thousand times, by threads that end after the unloading. */
static void *load_and_unload(void *leave_initialised) {
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    struct ck_table *mine = 0;
    ck_ulong (*list)(struct ck_table **);
    ck_ulong rv;
    if (!module) exit(2);
    *(void **)&list = dlsym(module, "C_GetFunctionList");
    if (!list || list(&mine) != CKR_OK) exit(2);
    table = mine;
    rv = initialize();
    expect("initialize", rv == CKR_OK, rv);
    rv = work();
    expect("work", rv == CKR_OK, rv);
    rv = finalize();
    expect("finalize", rv == CKR_OK, rv);
    if (leave_initialised) {
        rv = initialize();
        expect("initialize again", rv == CKR_OK, rv);
    }
    expect("unload", dlclose(module) == 0, 0);
    return 0;
}

/* Calls the module, sees it unloaded by another thread, and ends. */
static void *live_through_the_unloading(void *nothing) {
    ck_ulong rv = work();
    expect("bystander", rv == CKR_OK, rv);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return nothing;
}

static int rule_06_unload(void) {
    pthread_t thread, threads[THREADS];
    int rounds = 1000, round, one;
    void *module;
    for (round = 0; round < rounds; round++) {
        start(&thread, load_and_unload, 0);
        pthread_join(thread, 0);
    }
    module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    load(path);
    must("initialize", initialize());
    pthread_barrier_init(&barrier, 0, THREADS + 1);
    for (one = 0; one < THREADS; one++) start(&threads[one], live_through_the_unloading, 0);
    pthread_barrier_wait(&barrier);
    must("finalize", finalize());
    expect("unload", dlclose(module) == 0, 0);
    pthread_barrier_wait(&barrier);
    for (one = 0; one < THREADS; one++) pthread_join(threads[one], 0);
    start(&thread, load_and_unload, &rounds);
    pthread_join(thread, 0);
    return rounds;
}

/* Rule 5: the child of a fork, whatever other threads were doing, begins anew. Only a store says
 * that it cannot, and only where a thread of the parent was in it at that moment: its database may
 * have been left half way. */
static int busy;

/* Ends a child: one way with what was registered for exit, and one without. */
static void end_child(int quick) {
    if (quick) _exit(atomic_load(&wrong) != 0);
    exit(atomic_load(&wrong) != 0);
}

static void be_a_child(ck_ulong session, int generation) {
    unsigned char info[64];
    ck_ulong mine, rv;
    alarm(60);
    rv = CALL(F_GET_SESSION_INFO, (ck_ulong, void *), (session, info));
    expect("child: session", rv == CKR_CRYPTOKI_NOT_INITIALIZED, rv);
    rv = finalize();
    expect("child: finalize", rv == CKR_CRYPTOKI_NOT_INITIALIZED, rv);
    rv = initialize();
    if (busy && rv == CKR_GENERAL_ERROR && getenv("WARDCARD_STORE")) return;
    busy = 0;
    expect("child: initialize", rv == CKR_OK, rv);
    rv = work();
    expect("child: work", rv == CKR_OK, rv);
    rv = open_session(slot, &mine);
    expect("child: open", may_open(rv), rv);
    if (generation < 2) {
        int status = -1;
        pid_t reaped, child = fork();
        if (child == 0) {
            be_a_child(mine, generation + 1);
            end_child(1);
        }
        reaped = waitpid(child, &status, 0);
        expect("grandchild", reaped == child && status == 0, status);
        rv = work();
        expect("child: works on", rv == CKR_OK, rv);
    }
    rv = finalize();
    expect("child: end", rv == CKR_OK, rv);
}

static int rule_05_fork(void) {
    pthread_t threads[THREADS];
    unsigned char info[64];
    char *const nothing[] = {"true", 0};
    ck_ulong session = 0, rv;
    int rounds = 40, round, one, status;
    load(path);
    must("initialize", initialize());
    must("slots", first_slot(&slot));
    rv = open_session(slot, &session);
    expect("session", may_open(rv), rv);
    for (one = 0; one < THREADS; one++) start(&threads[one], work_on, 0);
    for (round = 0; round < rounds; round++) {
        pid_t reaped, child;
        busy = round % 2;
        if (!busy) pthread_rwlock_wrlock(&inside);
        child = fork();
        if (child == 0) {
            int quick = busy;
            be_a_child(session, round % 10 == 0 ? 1 : 2);
            /* POSIX lets a child of many threads call nothing but what signal handlers may: exit
             * runs destructors of other libraries, which may take locks that stay held. */
            end_child(quick);
        }
        if (child < 0) exit(4);
        if (!busy) pthread_rwlock_unlock(&inside);
        reaped = waitpid(child, &status, 0);
        expect("child", reaped == child && status == 0, status);
        if (passcode) {
            rv = CALL(F_GET_SESSION_INFO, (ck_ulong, void *), (session, info));
            expect("parent's session", rv == CKR_OK, rv);
        }
        expect("spawn", posix_spawn(&child, "/bin/true", 0, 0, nothing, nothing + 1) == 0, 0);
        expect("spawned", waitpid(child, &status, 0) == child && status == 0, status);
        child = vfork();
        if (child == 0) {
            execve("/bin/true", nothing, nothing + 1);
            _exit(9);
        }
        expect("exec", waitpid(child, &status, 0) == child && status == 0, status);
    }
    atomic_store(&stop, 1);
    for (one = 0; one < THREADS; one++) pthread_join(threads[one], 0);
    rv = finalize();
    expect("finalize", rv == CKR_OK, rv);
    return rounds;
}

/* Many sessions, one after another, so that what is left behind of each adds up. */
static int sessions(void) {
    struct ck_mechanism sha256 = {CKM_SHA256, 0, 0};
    unsigned char digest[32], signature[512];
    ck_ulong session, object, key, length, rv, logged_in;
    int rounds = 10000, round;
    load(path);
    must("initialize", initialize());
    must("slots", first_slot(&slot));
    must("session", open_session(slot, &logged_in));
    must("login", login(logged_in, passcode));
    must("key", find(logged_in, CKO_PRIVATE_KEY, &key));
    for (round = 0; round < rounds; round++) {
        must("session", open_session(slot, &session));
        length = sizeof digest;
        must("digest", CALL(F_DIGEST_INIT, (ck_ulong, void *), (session, &sha256)));
        /* Some are left in the middle of an operation. */
        if (round % 3)
            must("digest", CALL(F_DIGEST, (ck_ulong, void *, ck_ulong, void *, ck_ulong *),
                                (session, "text", 4, digest, &length)));
        if (round % 10 == 0) must("find", find(session, CKO_PUBLIC_KEY, &object));
        if (round % 1000 == 0) {
            rv = sign_with(session, key, CKM_SHA256_RSA_PKCS, "text", signature, &length);
            expect("sign", rv == CKR_OK, rv);
        }
        must("close", close_session(session));
        rv = close_session(session);
        expect("closed", rv == CKR_SESSION_HANDLE_INVALID, rv);
    }
    must("finalize", finalize());
    return rounds;
}

int main(int count, char **argument) {
    static const struct {
        const char *name;
        int (*run)(void);
    } rules[] = {
        {"rule_05_fork", rule_05_fork},
        {"rule_06_exit", rule_06_exit},
        {"rule_06_unload", rule_06_unload},
        {"rule_07_finalize", rule_07_finalize},
        {"rule_07_initialize", rule_07_initialize},
        {"rule_07_two_libraries", rule_07_two_libraries},
        {"sessions", sessions},
    };
    unsigned one;
    if (count != 3 && count != 4) return 2;
    path = argument[1];
    passcode = argument[3];
    alarm(200);
    for (one = 0; one < sizeof rules / sizeof *rules; one++)
        if (strcmp(argument[2], rules[one].name) == 0) {
            int rounds = rules[one].run();
            say("kept", (ck_ulong)rounds);
            return atomic_load(&wrong) != 0;
        }
    return 2;
}
